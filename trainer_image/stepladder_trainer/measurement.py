"""What training is seen to do: losses, norms and rates on their way to the trial's log, without holding a GPU up."""

import logging
import math
import time

import torch

from stepladder_trainer.evaluation.repetition import Losses
from stepladder_trainer.flops import FlopCount
from stepladder_trainer.learner import Learner, Update
from stepladder_trainer.outcomes import InfeasibleError
from stepladder_trainer.stability import Clipping
from stepladder_trainer.trial import LOWER, Trial

LOOK_EVERY = 10  # steps: a GPU is waited for at each look, and logging takes longer than a small update
IMMEDIATE = frozenset({"cpu"})  # devices that have computed what they were asked to, so that it can be checked at once
REMEMBERED = 0.95  # of what a rate knew before each step: about the last 20 steps count
AGGRESSIVE = 0.5  # the part of updates above which clipping is no remedy
JUDGED_AFTER = 100  # updates

logger = logging.getLogger(__name__)


class Rates:
    """Examples per second and the part of the time that was spent waiting for data, over about the last 20 steps.

    Sums that fade, divided: so a step that waits for ten others' results, as on a GPU, weighs as what it is.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._examples = self._seconds = self._waited = 0.0

    def add(self, seconds: float, waited: float) -> None:
        """A step has taken `seconds`, of which it `waited` for its batch."""
        self._examples = self._examples * REMEMBERED + self._batch_size
        self._seconds = self._seconds * REMEMBERED + seconds
        self._waited = self._waited * REMEMBERED + waited

    @property
    def known(self) -> bool:
        """Whether a step has been taken."""
        return self._seconds > 0

    @property
    def examples_per_second(self) -> float:
        """Through the whole step, evaluations and checkpoints apart."""
        return self._examples / self._seconds

    @property
    def steps_per_second(self) -> float:
        """Likewise."""
        return self.examples_per_second / self._batch_size

    @property
    def data_wait_fraction(self) -> float:
        """In [0, 1]; above a tenth, more workers or less work for each example is worth a thought."""
        return self._waited / self._seconds


class Measurement:
    """Of one process's training: `begin`, `loaded`, `gradient`, `end` at every step, in this order.

    What is seen is logged every `LOOK_EVERY` steps, and before every evaluation and checkpoint. On a CPU a loss that is
    not finite ends the trial before the update; on a GPU at the next look. So does a gradient that is not finite: the
    loss of the next step shows it, and no checkpoint or evaluation comes between.
    """

    def __init__(
        self,
        trial: Trial,
        learner: Learner,
        *,
        batch_size: int,
        losses: Losses | None = None,
        count_flops: bool = False,
    ) -> None:
        self._trial = trial
        self._learner = learner
        self._losses = losses
        self._immediate = learner.device.type in IMMEDIATE
        self._rates = Rates(batch_size)
        self._pending: list[tuple[int, Update]] = []
        self._learning_rates: dict[int, float] = {}
        self._warned = False
        self._began = self._loaded = 0.0
        self._flops = FlopCount(learner.device) if count_flops else None
        trial.before_saving(self.flush)

    def begin(self) -> None:
        """A step begins with its batch."""
        self._began = time.perf_counter()

    def loaded(self) -> None:
        """The batch is there."""
        self._loaded = time.perf_counter()
        if self._flops is not None:
            self._flops.start()

    def gradient(self, step: int, update: Update) -> None:
        """The gradient is there, or about to be. Raises InfeasibleError if it is known not to be finite."""
        if self._flops is not None:
            self._flops.stop()
        self._pending.append((step, update))
        if self._immediate and not math.isfinite(update.loss):
            self.flush()

    def end(self, step: int, learning_rate: float) -> None:
        """The weights have moved. Raises InfeasibleError if a gradient since the last look is not finite."""
        self._rates.add(time.perf_counter() - self._began, self._loaded - self._began)
        self._learning_rates[step] = learning_rate
        if len(self._pending) >= LOOK_EVERY:
            self.flush()

    def flush(self) -> None:
        """Wait for what is being computed, and log it. Raises InfeasibleError."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        rates, self._learning_rates = self._learning_rates, {}
        scalars = [scalar.float() for _, update in pending for scalar in (update.loss_on_device, update.norm_on_device)]
        values = torch.stack(scalars).tolist()  # one wait for all
        for (step, _), loss, norm in zip(pending, values[::2], values[1::2], strict=True):
            if math.isfinite(loss) and not math.isfinite(norm):
                raise InfeasibleError(f"the norm of the gradient became {norm} at step {step}: {LOWER}")
            moved = {"learning_rate": rates[step]} if step in rates else {}
            self._trial.log(step, training_loss=loss, gradient_norm=norm, **moved)
        if self._losses is not None:
            self._losses.add(values[::2])
        self._log_rates(pending[-1][0])

    def _log_rates(self, step: int) -> None:
        numbers = {}
        if self._rates.known:
            numbers["examples_per_second"] = self._rates.examples_per_second
            numbers["data_wait_fraction"] = self._rates.data_wait_fraction
            if self._flops is not None:
                numbers |= self._flops.numbers(self._rates.steps_per_second)
        if self._learner.clipping is not None:
            numbers["clip_fraction"] = self._judged(self._learner.clipping)
        if self._learner.device.type == "cuda":
            numbers["gpu_memory_bytes"] = torch.cuda.max_memory_allocated(self._learner.device)
        self._trial.log(step, **numbers)

    def _judged(self, clipping: Clipping) -> float:
        fraction = clipping.fraction.item()
        if fraction > AGGRESSIVE and clipping.updates >= JUDGED_AFTER and not self._warned:
            self._warned = True
            logger.warning(
                "%.0f %% of the updates are clipped, which is a lower learning rate in disguise: lower the learning "
                "rate, or let gradients be longer",
                100 * fraction,
            )
        return fraction
