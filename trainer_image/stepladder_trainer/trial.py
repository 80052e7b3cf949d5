"""One trial, as its training code sees it: parameters in, steps and reports out."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import Any

from stepladder_trainer import tracking
from stepladder_trainer.checkpoints import KEEP_BEST, Store
from stepladder_trainer.contract import Scalar, TrialDocument
from stepladder_trainer.exposition import METRIC_NAME, Board
from stepladder_trainer.history import History
from stepladder_trainer.outcomes import ConfigurationError, InfeasibleError
from stepladder_trainer.probes.verdict import Verdict
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.state import Part, State
from stepladder_trainer.tracking import Run, Tracking

LOWER = "this configuration diverges; a lower learning rate or more warmup may train"

logger = logging.getLogger(__name__)


class Trial:
    """One trial, as its training code sees it. Steps count optimizer updates from 1; made by `trial()`."""

    def __init__(
        self,
        document: TrialDocument,
        board: Board,
        request: StopRequest,
        *,
        keep_best: int = KEEP_BEST,
        leads: bool = True,
    ) -> None:
        self.document = document
        self.leads = leads  # of several processes one: it alone saves, logs and is scraped
        self.agree: Callable[[bool, bool], tuple[bool, bool]] = lambda stop, save: (stop, save)
        self.keep_best = keep_best  # checkpoints of the best evaluations, besides the newest
        self.step = 0  # the last finished step
        self.from_step = 0  # where this process began
        self.verdict: Verdict | None = None  # what a probe has found
        self.remark: str | None = None  # what to know about a result, though training went well
        self._board = board
        self._request = request
        self._state = State(document.checkpoint_directory, board, leads=leads)
        self._before_saving: list[Callable[[], None]] = []

    @property
    def parameters(self) -> Mapping[str, Scalar]:
        """The hyperparameters of this trial by name; empty without an operator."""
        return self.document.parameters

    @property
    def target_steps(self) -> int:
        """The step to stop at."""
        return self.document.target_steps

    @property
    def horizon_steps(self) -> int:
        """The step that schedules decay to: the round's length, which is the same for all its trials."""
        return self.document.horizon_steps

    @property
    def seed(self) -> int:
        """What everything random should be derived from."""
        return self.document.seed

    def data_fraction(self, step: int) -> float:
        """The part of the training data, in (0, 1], that update `step` is to draw from: below 1 on the lower rungs of
        a study with `resource: DataFraction`. Let it be the leading part of a shuffle that the seed alone decides."""
        return self.document.data_fraction(step)

    def default_target(self, steps: int) -> None:
        """End after `steps`, unless an operator has set the target."""
        if self.document.standalone:
            self.document = replace(self.document, target_steps=steps, horizon_steps=steps)

    @property
    def should_stop(self) -> bool:
        """True once SIGTERM has asked for an end: finish the step, save, leave."""
        return self._request.signal is not None

    def stop_with_others(self) -> None:
        """Take it that a signal has come, as one has to another process of this trial."""
        if self._request.signal is None:
            self._request.signal = "a signal to another process"

    @property
    def stopped_by(self) -> str | None:
        """The name of the signal that asked for an end."""
        return self._request.signal

    @property
    def history(self) -> History:
        """Every evaluation so far, those before a restart included."""
        return self._board.history

    @property
    def numbers(self) -> Mapping[str, float]:
        """What this process has logged last, by name."""
        return self._board.numbers

    def evaluation_due(self, step: int, *, every: int = 0) -> bool:
        """Whether `step` must be evaluated: the study's rungs, the target, and each multiple of `every`."""
        return step == self.target_steps or self.evaluation_planned(step, every=every)

    def evaluation_planned(self, step: int, *, every: int = 0) -> bool:
        """Whether `step` is evaluated however the trial is cut into segments, each of which has a target."""
        return step in self.document.evaluation_steps or (every > 0 and step % every == 0)

    def log(self, step: int, **numbers: float) -> None:
        """Show numbers of the running step (`training_loss`, `gradient_norm`, ...) as `stepladder_<name>` on /metrics.

        Raises InfeasibleError if `training_loss` is not finite.
        """
        if not _finite("training_loss", numbers.get("training_loss", 0.0)):
            raise InfeasibleError(f"the training loss became {numbers['training_loss']} at step {step}: {LOWER}")
        self._board.numbers.update(numbers, step=step)
        self.tracking.numbers(step, numbers)

    def report(self, step: int, **metrics: float) -> None:
        """Report metrics measured after `step` updates. Raises InfeasibleError if one of them is not finite."""
        for name, value in metrics.items():
            if not METRIC_NAME.fullmatch(name):
                raise ConfigurationError(f"{name!r} cannot be a metric's name: use letters, digits and underscores")
            if not _finite(name, value):
                raise InfeasibleError(f"{name} became {value} at step {step}: {LOWER}")
        self.step = max(self.step, step)
        known = self.history.add(step, {name: float(value) for name, value in metrics.items()})
        logger.info("step %d of %d: %s", step, self.target_steps, ", ".join(f"{k} {v:.6g}" for k, v in metrics.items()))
        self._state.add_evaluation(step, known.metrics)
        self.tracking.evaluation(step, metrics)
        self.tracking.flush()

    def restore(self, **parts: Part) -> int:
        """Name the parts of the training state, load the newest checkpoint into them; returns its step, 0 without one.

        Raises ConfigurationError if the checkpoint belongs to another trial or does not fit the parts.
        """
        step = self._state.restore(self.document, parts)
        if step is None:
            return 0
        self.step = self.from_step = step
        self.tracking.resume(step)
        return step

    def checkpoint(self, step: int) -> None:
        """Save the parts given to `restore` as the state after `step` updates. They may change as soon as this returns:
        a copy is written in the background, and `flush` waits for it.

        Raises StorageError if an earlier checkpoint could not be written.
        """
        self._save(step, pinned=True)

    def identify(self, **facts: Any) -> None:
        """Tell what else, besides the study's parameters, makes this trial what it is, as plain values: flags, say. A
        checkpoint in which they differ is another trial's."""
        self._state.identify(facts)

    def note(self, **facts: Any) -> None:
        """Keep plain values in the checkpoints for whoever reads them, such as where the data lay. They may be others
        when the trial goes on."""
        self._state.note(facts)

    def before_saving(self, check: Callable[[], None]) -> None:
        """Have `check` called before anything is saved. What it raises ends the trial, and nothing of it is saved."""
        self._before_saving.append(check)

    @cached_property
    def tracking(self) -> Tracking:
        """Where the numbers go besides `/metrics`: TensorBoard's event files beside the checkpoints, and to whomever
        `tracking.use` adds."""
        document = self.document
        run = Run(document.name, document.parameters, self.store, document.seed)
        return Tracking(run, document.horizon_steps, tracking.always() if self.store else [], leads=self.leads)

    def flush(self) -> None:
        """Wait until every checkpoint is durable. Raises StorageError."""
        self._state.flush()

    def steps(self, *, checkpoint_seconds: float = 60.0, **parts: Part) -> Iterator[int]:
        """Yield the steps that are left, 1 being a new trial's first; the block between two of them is one optimizer
        update.

        Restores first. Saves at the study's rungs, after an evaluation that is among the `keep_best` best so far, every
        `checkpoint_seconds`, and at the end.

        Raises StorageError, at the next step, if a checkpoint could not be written.
        """
        self.restore(**parts)
        saved_at = time.monotonic()
        stopping, _ = self.agree(self.should_stop, False)  # noqa: FBT003  two wishes
        while self.step < self.target_steps and not stopping:
            step = self.step + 1
            yield step
            self.step = step
            self._state.raise_failure()
            due = time.monotonic() - saved_at >= checkpoint_seconds and self._state.has_room
            stopping, due = self.agree(self.should_stop, due)
            rung = step in self.document.evaluation_steps
            if rung or due or self._among_the_best(step):
                self._save(step, pinned=rung)
                saved_at = time.monotonic()
        if stopping:
            self.stop_with_others()
        if self._state.snapshot_step != self.step and self.step > self.from_step:
            self._save(self.step, pinned=True)
        self.flush()

    def _save(self, step: int, *, pinned: bool) -> None:
        self.step = step
        for check in self._before_saving:
            check()
        self.tracking.flush()
        self._state.save(self.document, step, keep_best=self.keep_best, pinned=pinned)

    def _among_the_best(self, step: int) -> bool:
        objective = self.document.objective
        if objective is None or self.history.value(objective.metric, step) is None:
            return False
        return step in [evaluated for evaluated, _ in self.history.ranking(objective)[: self.keep_best]]

    @property
    def saved_step(self) -> int | None:
        """The step of the newest durable checkpoint."""
        return self._state.saved_step

    @property
    def store(self) -> Store | None:
        """Where the checkpoints lie, for what else should lie beside them. None without an operator."""
        return self._state.store

    def saving(self) -> AbstractContextManager[None]:
        """See to it that there is a place for checkpoints, and that however the block is left all of them are durable
        before. Raises StorageError, or ConfigurationError where no retry can help."""
        return self._state.saving()

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, value) of the best evaluation of the objective so far."""
        return self.history.best(self.document.objective) if self.document.objective else None

    def checkpoint_of(self, step: int | None) -> str | None:
        """The path or URL of the checkpoint of `step`, if there is one."""
        return self._state.checkpoint_of(step)


def _finite(name: str, value: float) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, RuntimeError) as error:  # the last two: a tensor of several numbers
        raise ConfigurationError(
            f"{name} must be one number, not {_kind(value)}: report its mean, or item()"
        ) from error


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} of shape {tuple(shape)}" if shape is not None else repr(value)
