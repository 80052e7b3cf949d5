"""The end of a segment: however the training code leaves its block, the operator gets a reason, a message, a code."""

import logging
import time
from pathlib import Path
from typing import Self

from stepladder_trainer.outcomes import EXIT_CODES, Reason, reason_of
from stepladder_trainer.provenance import provenance
from stepladder_trainer.shortage import sentence_of
from stepladder_trainer.termination import Best, Termination, write
from stepladder_trainer.trial import Trial

logger = logging.getLogger(__name__)


class Ending:
    """Writes the termination message to `path`, if there is one, and exits the process with the reason's code, except
    after a plain success.

    `trial` is set once there is one; before that, the message tells why there is none.
    """

    def __init__(self, path: Path | None) -> None:
        self.trial: Trial | None = None
        self._path = path
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        left_on_purpose = error is None or (isinstance(error, SystemExit) and not error.code)
        if left_on_purpose and self.trial is not None:
            reason, message = verdict(self.trial)
        else:
            reason, message = _reason_and_message(error)
        seconds = time.monotonic() - self._started
        if self._path is not None:
            write(self._path, summary(self.trial, reason, message, seconds))
        expected = reason in (Reason.COMPLETED, Reason.INTERRUPTED)
        unexplained = (
            error if reason is Reason.ERROR else None
        )  # the log beside the checkpoints needs its traceback too
        logger.log(logging.INFO if expected else logging.ERROR, "%s: %s", reason, message, exc_info=unexplained)
        if reason is Reason.ERROR and not left_on_purpose:
            return  # Python prints the traceback and exits with 1
        if EXIT_CODES[reason]:
            raise SystemExit(EXIT_CODES[reason]) from error


def verdict(trial: Trial) -> tuple[Reason, str]:
    """The reason and the sentence for a block that was left without an error."""
    objective = trial.document.objective
    if trial.document.probe is not None:
        return _probed(trial)
    if trial.step < trial.target_steps:
        where = f"after step {trial.step} of {trial.target_steps}"
        if trial.should_stop:
            return Reason.INTERRUPTED, f"{trial.stopped_by} honoured {where}"
        return Reason.ERROR, f"training ended by itself {where}"
    if objective and not trial.history.values(objective.metric):
        reported = sorted({name for item in trial.history.evaluations for name in item.metrics})
        return Reason.CONFIGURATION_ERROR, (
            f"the objective {objective.metric} was never reported, only {', '.join(reported) or 'nothing'}: "
            "name a reported metric in the study's objective, or report this one"
        )
    reached = f"reached step {trial.target_steps}"
    return Reason.COMPLETED, f"{reached}; {trial.remark}" if trial.remark else reached


def _probed(trial: Trial) -> tuple[Reason, str]:
    """A probe ends in its verdict and need not report the objective; how many steps it takes is its own business."""
    if trial.verdict is not None:
        return Reason.COMPLETED, trial.verdict.summary
    if trial.should_stop:
        return Reason.INTERRUPTED, f"{trial.stopped_by} honoured after {trial.step} steps of the probe"
    return Reason.CONFIGURATION_ERROR, "this training code was asked for a probe and left no verdict: it knows none"


def summary(trial: Trial | None, reason: Reason, message: str, seconds: float) -> Termination:
    """What the operator is told. A trial that was past its target when it started answers for the target's step."""
    ended = Termination(reason=reason, message=message, seconds=seconds, provenance=provenance())
    if trial is None:
        return ended
    metric = trial.document.objective.metric if trial.document.objective else ""
    answers_for_target = reason is Reason.COMPLETED and trial.history.value(metric, trial.target_steps) is not None
    step = trial.target_steps if answers_for_target else trial.step
    best = trial.best
    return Termination(
        reason=reason,
        from_step=trial.from_step,
        step=step,
        value=trial.history.value(metric, step),
        evaluations=trial.history.values(metric),
        best=Best(*best, trial.checkpoint_of(best[0])) if best else None,
        checkpoint=trial.checkpoint_of(trial.saved_step),
        trained_steps=trial.step - trial.from_step,
        seconds=seconds,
        message=message,
        verdict=trial.verdict,
        provenance={**ended.provenance, "seed": str(trial.seed)},
    )


def _reason_and_message(error: BaseException | None) -> tuple[Reason, str]:
    if error is None:
        return Reason.ERROR, "the process left before its trial began"
    return reason_of(error), sentence_of(error)
