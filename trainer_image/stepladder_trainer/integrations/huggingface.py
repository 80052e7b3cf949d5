"""Hugging Face's Trainer, by the extra `huggingface` and accelerate.

    with sdk.trial() as trial:
        ladder = StepladderCallback(trial, evaluate_every=100)
        arguments = TrainingArguments(**ladder.settings, per_device_train_batch_size=16, learning_rate=...)
        trainer = Trainer(model, arguments, callbacks=[ladder], train_dataset=..., eval_dataset=...)
        ladder.train(trainer)

All that an evaluation measures is reported, by the names that Trainer gives it: `eval_loss`, ...
"""

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stepladder_trainer.integrations.files import Files
from stepladder_trainer.trial import Trial

LOGGED = {"loss": "training_loss", "grad_norm": "gradient_norm", "learning_rate": "learning_rate"}
NOT_MEASURED = ("epoch", "runtime", "per_second", "_time")


class StepladderCallback(TrainerCallback):
    """Reports, saves and stops for a trial."""

    def __init__(self, trial: Trial, *, evaluate_every: int, checkpoint_seconds: float = 60.0) -> None:
        self._trial = trial
        self._evaluate_every = evaluate_every
        self._checkpoint_seconds = checkpoint_seconds
        self._saved_at = time.monotonic()
        self._files = Files(Path())

    @property
    def settings(self) -> Mapping[str, Any]:
        """Arguments of `TrainingArguments`. Schedules decay to the round's length and not to this segment's; when to
        evaluate and to save is decided here; a loss that is no number is shown as one."""
        return {
            "output_dir": tempfile.gettempdir(),  # made at once; `train` has one of its own
            "max_steps": self._trial.horizon_steps,
            "seed": self._trial.seed % 2**32,
            "eval_strategy": "no",
            "save_strategy": "no",
            "logging_nan_inf_filter": False,
            "report_to": "none",
        }

    def train(self, trainer: Trainer) -> None:
        """`trainer.train` from the newest checkpoint of the trial to its target. Raises StorageError and
        ConfigurationError as `Trial.restore` does."""
        with tempfile.TemporaryDirectory() as directory:
            trainer.args.output_dir = directory
            self._files = Files(Path(directory, "checkpoint-resumed"))
            step = self._trial.restore(huggingface=self._files)
            if step >= self._trial.target_steps:
                return
            trainer.train(resume_from_checkpoint=str(self._files.directory) if step else None)
            self._trial.flush()

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Show what Trainer logs, at its own pace (`logging_steps`)."""
        logs: Mapping[str, float] = more.get("logs") or {}
        self._trial.log(state.global_step, **{ours: logs[theirs] for theirs, ours in LOGGED.items() if theirs in logs})

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Say what is to be done after this step."""
        step = state.global_step
        self._trial.step = step
        overdue = time.monotonic() - self._saved_at >= self._checkpoint_seconds
        control.should_evaluate = self._trial.evaluation_due(step, every=self._evaluate_every)
        control.should_training_stop = self._trial.should_stop or step >= self._trial.target_steps
        control.should_save = control.should_training_stop or overdue or self._trial.evaluation_due(step)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Report, and keep what is the best so far."""
        metrics: Mapping[str, float] = more["metrics"]
        measured = {name: float(v) for name, v in metrics.items() if not name.endswith(NOT_MEASURED)}
        self._trial.report(state.global_step, **measured)
        best = self._trial.best
        if best is not None and best[0] == state.global_step:
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Take over what Trainer has saved."""
        self._files.directory = Path(str(args.output_dir), f"checkpoint-{state.global_step}")
        self._trial.checkpoint(state.global_step)
        shutil.rmtree(self._files.directory)
        self._saved_at = time.monotonic()
