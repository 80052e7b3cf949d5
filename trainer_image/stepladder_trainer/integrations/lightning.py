"""Lightning, by the extra `lightning`.

    with sdk.trial() as trial:
        ladder = StepladderCallback(trial, evaluate_every=100)
        trainer = lightning.Trainer(callbacks=[ladder], **ladder.settings)
        batches = DataLoader(dataset, batch_sampler=Batches(trial, len(dataset), batch_size=64))
        ladder.fit(trainer, model, batches, validation_batches)

What the module logs in `validation_step` under a name that begins with `val` is reported.
"""

import math
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import lightning
import torch

from stepladder_trainer import randomness
from stepladder_trainer.data.order import DataOrder
from stepladder_trainer.integrations.files import Files
from stepladder_trainer.trial import Trial

FILE = "lightning.ckpt"


class Batches:
    """Batches of indices without end, as a `batch_sampler`: every epoch in an order of its own, by the trial's seed.

    It goes on where the trial does. Lightning itself cannot go back into the middle of an epoch, which is why no epoch
    ends here: `Trainer.current_epoch` stays 0.
    """

    def __init__(self, trial: Trial, examples: int, batch_size: int) -> None:
        self._trial = trial
        self._order = DataOrder(examples, batch_size, trial.seed)

    def __iter__(self) -> Iterator[list[int]]:
        return (self._order.batch(step).tolist() for step in count(self._trial.from_step + 1))


class StepladderCallback(lightning.Callback):  # type: ignore[misc]  # where types are checked, Lightning is not
    """Reports, saves and stops for a trial. One optimizer, no accumulation of gradients: a batch is a step."""

    def __init__(
        self, trial: Trial, *, evaluate_every: int, checkpoint_seconds: float = 60.0, log_every: int = 10
    ) -> None:
        self._trial = trial
        self._checkpoint_seconds = checkpoint_seconds
        self._log_every = log_every
        self._interval = math.gcd(evaluate_every, trial.target_steps, *trial.document.evaluation_steps)
        self._saved_at = time.monotonic()
        self._random: dict[str, Any] | None = None

    @property
    def settings(self) -> Mapping[str, Any]:
        """Arguments of `lightning.Trainer`: where to stop, and to evaluate at every rung and at the target."""
        return {
            "max_steps": self._trial.target_steps,
            "max_epochs": -1,
            "val_check_interval": self._interval,
            "check_val_every_n_epoch": None,
            "enable_checkpointing": False,
        }

    def fit(self, trainer: lightning.Trainer, model: lightning.LightningModule, *loaders: Any, **more: Any) -> None:
        """`trainer.fit` from the newest checkpoint of the trial to its target. Raises StorageError and
        ConfigurationError as `Trial.restore` does."""
        with tempfile.TemporaryDirectory() as directory:
            step = self._trial.restore(lightning=_Saved(trainer, Path(directory)))
            if step >= self._trial.target_steps:
                return
            self._random = randomness.global_states() if step else None
            path = Path(directory, FILE) if step else None
            trainer.fit(model, *loaders, ckpt_path=path, weights_only=False if path else None, **more)
            self._trial.flush()

    def on_train_batch_start(self, *_: object) -> None:
        """Undo what Lightning drew from the global generators in order to begin."""
        if self._random is not None:
            randomness.set_global_states(self._random)
            self._random = None

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: object, outputs: Any, batch: object, batch_idx: int
    ) -> None:
        """Log, and save where no evaluation follows."""
        step = trainer.global_step
        if step % self._log_every == 0 or step == 1:  # reading a loss waits for the GPU
            loss = outputs["loss"] if isinstance(outputs, Mapping) else outputs
            if isinstance(loss, torch.Tensor):
                self._trial.log(step, training_loss=loss.item())
        if (batch_idx + 1) % self._interval:
            self._save(trainer, step, worth_keeping=False)

    def on_validation_end(self, trainer: lightning.Trainer, module: object) -> None:
        """Report, and save."""
        if trainer.sanity_checking or trainer.should_stop:  # told to stop, Lightning evaluates once more
            return
        found = {
            re.sub(r"\W", "_", name): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val")
        }
        step = trainer.global_step
        self._trial.report(step, **found)
        best = self._trial.best
        rung = self._trial.evaluation_due(step)
        self._save(trainer, step, worth_keeping=rung or (best is not None and best[0] == step))

    def _save(self, trainer: lightning.Trainer, step: int, *, worth_keeping: bool) -> None:
        overdue = time.monotonic() - self._saved_at >= self._checkpoint_seconds
        if worth_keeping or overdue or self._trial.should_stop:
            self._trial.checkpoint(step)
            self._saved_at = time.monotonic()
        if self._trial.should_stop:
            trainer.should_stop = True


class _Saved(Files):
    """What Lightning's own checkpoint holds: the module, optimizers, schedulers, loops and callbacks."""

    def __init__(self, trainer: lightning.Trainer, directory: Path) -> None:
        super().__init__(directory)
        self._trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        """Have Lightning save, and read that."""
        self._trainer.save_checkpoint(self.directory / FILE)
        return super().state_dict()
