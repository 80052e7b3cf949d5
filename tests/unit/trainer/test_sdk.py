"""The SDK in somebody else's loop, in this process."""

import json
import logging
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stepladder_trainer import sdk
from stepladder_trainer.outcomes import ConfigurationError, InfeasibleError, StorageError
from trainer.conftest import Home

Start = Callable[..., Home]


class Counter:
    """The smallest training state: it counts its steps."""

    def __init__(self) -> None:
        self.count = 0

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self.count = state_dict["count"]


def run(
    counter: Counter,
    *,
    metric: str = "validation_error",
    stop_at: int = 0,
    leave_at: int = 0,
    error: BaseException | None = None,
) -> list[int]:
    """Somebody's training script; returns the steps it took."""
    seen = []
    with sdk.trial() as trial:
        for step in trial.steps(counter=counter):
            if error is not None:
                raise error
            if step == leave_at:
                break
            counter.count += 1
            seen.append(step)
            if trial.evaluation_due(step, every=10):
                trial.report(step, **{metric: 1 / step})
            if step == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
    return seen


def train_and_exit(trial: sdk.Trial) -> None:
    for step in trial.steps(counter=Counter()):
        trial.report(step, validation_error=0.5)
    raise SystemExit(0)


def crash_at_step_5(trial: sdk.Trial) -> None:
    for step in trial.steps(counter=Counter()):
        trial.report(step, validation_error=1 + step)  # only the first three are among the best three, and saved
        assert step < 5 or 1 / 0


def test_a_trial_runs_to_its_target_and_says_so(operator: Start) -> None:
    home = operator(targetSteps=30)
    assert run(Counter()) == list(range(1, 31))
    message = home.termination()
    checkpoint = str(home.checkpoints / "step-00000030.pt")
    assert message["provenance"].pop("python")
    assert message["provenance"]["torch"] == torch.__version__
    del message["provenance"], message["seconds"]
    assert message == {
        "reason": "Completed",
        "fromStep": 0,
        "step": 30,
        "value": 1 / 30,
        "evaluations": [[10, 1 / 10], [20, 1 / 20], [30, 1 / 30]],
        "best": {"step": 30, "value": 1 / 30, "checkpoint": checkpoint},
        "checkpoint": checkpoint,
        "trainedSteps": 30,
        "message": "reached step 30",
    }


def test_a_promotion_continues_and_trains_no_step_twice(operator: Start) -> None:
    counter = Counter()
    operator(targetSteps=30)
    run(counter)
    home = operator(targetSteps=90)
    resumed = Counter()
    assert run(resumed) == list(range(31, 91))
    assert resumed.count == 90
    message = home.termination()
    assert (message["fromStep"], message["trainedSteps"]) == (30, 60)
    assert message["evaluations"][0] == [10, 0.1]


def test_a_trial_past_its_target_answers_from_its_history_without_training(operator: Start) -> None:
    """The operator may have lost the answer; it asks again, and must get the rung's value and not the newest."""
    operator(targetSteps=90)
    run(Counter())
    home = operator(targetSteps=30)
    assert run(Counter()) == []
    message = home.termination()
    assert (message["reason"], message["step"], message["value"], message["trainedSteps"]) == (
        "Completed",
        30,
        1 / 30,
        0,
    )


def test_sigterm_finishes_the_step_saves_and_exits_75(operator: Start) -> None:
    home = operator(targetSteps=30)
    counter = Counter()
    with pytest.raises(SystemExit) as exit_:
        run(counter, stop_at=13)
    assert exit_.value.code == 75
    message = home.termination()
    assert (message["reason"], message["step"], message["value"]) == ("Interrupted", 13, None)
    assert message["checkpoint"].endswith("step-00000013.pt")
    assert counter.count == 13
    assert run(Counter())[0] == 14


def test_sigterm_at_the_last_step_is_a_completed_trial(operator: Start) -> None:
    """Interrupted would make the operator start a pod for nothing."""
    home = operator(targetSteps=30)
    run(Counter(), stop_at=30)
    assert home.termination()["reason"] == "Completed"


def test_signal_handlers_are_given_back(operator: Start) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    operator(targetSteps=3)
    run(Counter())
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (ConfigurationError("no such file"), "ConfigurationError", 78),
        (InfeasibleError("diverged"), "Infeasible", 65),
        (StorageError("disk full"), "StorageError", 74),
        (MemoryError("of the host"), "OutOfMemory", 71),
        (torch.OutOfMemoryError("CUDA out of memory"), "OutOfMemory", 71),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"), "OutOfMemory", 71),
        (KeyboardInterrupt(), "Interrupted", 75),
    ],
)
def test_each_error_has_its_exit_code(operator: Start, error: BaseException, reason: str, code: int) -> None:
    home = operator()
    with pytest.raises(SystemExit) as exit_:
        run(Counter(), error=error)
    assert exit_.value.code == code
    assert home.termination()["reason"] == reason
    assert home.termination()["step"] == 0
    assert (str(error) or "KeyboardInterrupt") in home.termination()["message"]


def test_an_unforeseen_error_stays_itself_and_is_logged_beside_the_checkpoints(operator: Start) -> None:
    """Swallowing it would leave nobody a traceback."""
    home = operator()
    with pytest.raises(ZeroDivisionError), sdk.trial():
        _ = 1 / 0
    assert home.termination()["reason"] == "Error"
    assert home.termination()["message"] == "division by zero"
    assert "ZeroDivisionError" in (home.checkpoints / "trainer.log").read_text()


def test_leaving_before_the_target_is_not_success(operator: Start) -> None:
    home = operator(targetSteps=30)
    with pytest.raises(SystemExit) as exit_:
        run(Counter(), leave_at=12)
    assert exit_.value.code == 1
    assert "by itself after step 11 of 30" in home.termination()["message"]


def test_a_script_that_exits_inside_the_block_is_judged_by_its_steps(operator: Start) -> None:
    home = operator(targetSteps=2)
    with pytest.raises(SystemExit), sdk.trial() as trial:
        train_and_exit(trial)
    assert home.termination()["reason"] == "Completed"


def test_an_objective_that_nobody_reports_is_a_configuration_error(operator: Start) -> None:
    home = operator(targetSteps=30)
    with pytest.raises(SystemExit) as exit_:
        run(Counter(), metric="accuracy")
    assert exit_.value.code == 78
    assert "validation_error was never reported, only accuracy" in home.termination()["message"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_is_infeasible_and_never_recorded(operator: Start, value: float) -> None:
    home = operator()
    with pytest.raises(SystemExit) as exit_, sdk.trial() as trial:
        trial.report(5, validation_error=value)
    assert exit_.value.code == 65
    assert home.termination()["evaluations"] == []


def test_a_name_that_prometheus_cannot_show_is_refused(operator: Start) -> None:
    operator()
    with pytest.raises(SystemExit) as exit_, sdk.trial() as trial:
        trial.report(5, **{"validation error": 0.5})
    assert exit_.value.code == 78


def test_a_broken_document_is_told_in_the_termination_message(
    home: Home, operator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator()
    monkeypatch.setenv("STEPLADDER_TRIAL", "{")
    with pytest.raises(SystemExit) as exit_, sdk.trial():
        pass
    assert exit_.value.code == 78
    assert "STEPLADDER_TRIAL is not JSON" in home.termination()["message"]


@pytest.mark.parametrize("change", [{"seed": 8}, {"parameters": {"width": 8}}, {"horizonSteps": 100}])
def test_a_directory_of_another_trial_is_refused(operator: Start, change: dict[str, Any]) -> None:
    """A new study of an old name would otherwise report the old study's results as its own."""
    operator(targetSteps=30)
    run(Counter())
    home = operator(targetSteps=90, **change)
    with pytest.raises(SystemExit) as exit_:
        run(Counter())
    assert exit_.value.code == 78
    assert "another trial" in home.termination()["message"]


def test_a_checkpoint_that_does_not_fit_the_code_is_refused(operator: Start) -> None:
    operator(targetSteps=2)
    with sdk.trial() as trial:
        for step in trial.steps(model=torch.nn.Linear(2, 2)):
            trial.report(step, validation_error=0.5)
    home = operator(targetSteps=3)
    with pytest.raises(SystemExit) as exit_, sdk.trial() as trial:
        trial.restore(model=torch.nn.Linear(3, 3))
    assert exit_.value.code == 78
    assert "does not fit" in home.termination()["message"]


def test_a_foreign_loop_that_draws_global_random_numbers_resumes_exactly(operator: Start, home: Home) -> None:
    def draws(target: int, trial_name: str) -> list[float]:
        operator(targetSteps=target, checkpointDirectory=str(home.directory / trial_name))
        with sdk.trial() as trial:
            seen = []
            for step in trial.steps(counter=Counter()):
                seen.append(torch.rand(()).item())
                trial.report(step, validation_error=0.5)
        return seen

    torch.manual_seed(0)
    whole = draws(6, "whole")
    torch.manual_seed(0)
    first = draws(2, "cut")
    torch.manual_seed(99)  # a new process starts with another state
    assert first + draws(6, "cut") == whole


def test_a_loop_that_only_reports_is_complete_at_its_target(operator: Start) -> None:
    home = operator(targetSteps=10)
    with sdk.trial() as trial:
        for step in range(1, trial.target_steps + 1):
            trial.report(step, validation_error=0.5)
    assert (home.termination()["reason"], home.termination()["trainedSteps"]) == ("Completed", 10)


def test_a_loop_of_its_own_can_save_and_restore_by_hand(operator: Start) -> None:
    home = operator(targetSteps=10)
    counter = Counter()
    with sdk.trial() as trial:
        for step in range(trial.restore(counter=counter) + 1, trial.target_steps + 1):
            counter.count += 1
            trial.report(step, validation_error=0.5)
        trial.checkpoint(step)
    assert home.termination()["reason"] == "Completed"
    again = Counter()
    with sdk.trial() as trial:
        assert trial.restore(counter=again) == 10
    assert again.count == 10


def test_evaluations_measured_again_after_a_crash_are_written_once(operator: Start) -> None:
    home = operator(targetSteps=30, evaluationSteps=[])
    with pytest.raises(ZeroDivisionError), sdk.trial() as trial:
        crash_at_step_5(trial)
    run(Counter())
    lines = [json.loads(line) for line in (home.checkpoints / "evaluations.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 10, 20, 30]
    assert lines[3] == {"step": 10, "validation_error": 0.1}


def test_every_rung_is_saved_though_it_be_worse_than_before(operator: Start) -> None:
    """A trial that is killed while it waits for its promotion to be decided must not train the rung again."""
    operator(targetSteps=6, evaluationSteps=[1, 4])
    saved = []
    with sdk.trial(keep_best=1) as trial:
        for step in trial.steps(counter=Counter()):
            trial.flush()
            saved.append(trial.saved_step)
            trial.report(step, validation_error=step)
    assert saved == [None, 1, 1, 1, 4, 4]


def test_the_time_between_checkpoints_is_bounded(operator: Start, home: Home) -> None:
    operator(targetSteps=5, evaluationSteps=[])
    saved = []
    with sdk.trial() as trial:
        for step in trial.steps(checkpoint_seconds=0, counter=Counter()):
            trial.flush()
            saved.append(trial.saved_step)
            trial.report(step, validation_error=step)
    assert saved == [None, 1, 2, 3, 4]


def test_without_an_operator_it_only_logs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("STEPLADDER_TRIAL", raising=False)
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    with caplog.at_level(logging.INFO), sdk.trial(target_steps=3) as trial:
        assert signal.getsignal(signal.SIGTERM) is before
        assert trial.parameters.get("learning_rate", 0.1) == 0.1
        for step in trial.steps(counter=Counter()):
            trial.report(step, accuracy=0.5)
    assert trial.step == 3
    assert "accuracy 0.5" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_without_an_operator_a_known_error_is_a_sentence_and_a_code(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else who mistypes a flag by hand reads a traceback, and a script around it sees 1 for everything."""
    monkeypatch.delenv("STEPLADDER_TRIAL", raising=False)
    with pytest.raises(SystemExit) as left, sdk.trial():
        raise ConfigurationError("lower it")
    assert left.value.code == 78
    assert "ConfigurationError: lower it" in caplog.text
    with pytest.raises(ZeroDivisionError), sdk.trial():
        _ = 1 / 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("low", "loss must be one number, not 'low'"),
        (None, "loss must be one number, not None"),
        (torch.zeros(3), r"loss must be one number, not Tensor of shape \(3,\)"),
    ],
)
def test_what_is_reported_has_to_be_a_number(operator: Start, value: Any, said: str) -> None:
    """It was an error of Python's or PyTorch's that names no metric, and was tried again."""
    operator()
    with pytest.raises(SystemExit) as left, sdk.trial() as trial:
        trial.report(5, loss=value)
    assert left.value.code == 78
    assert isinstance(left.value.__cause__, ConfigurationError)
    assert re.match(said, str(left.value.__cause__))
    with pytest.raises(ConfigurationError, match="training_loss must be one number"):
        trial.log(5, training_loss=value)


def test_a_part_that_cannot_be_saved_is_refused_before_a_step_is_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By hand too, where it would come to light on the cluster only."""
    monkeypatch.delenv("STEPLADDER_TRIAL", raising=False)
    with pytest.raises(SystemExit) as left, sdk.trial() as trial:
        next(trial.steps(schedule={"rate": 0.1}))  # type: ignore[arg-type]  # the mistake
    assert left.value.code == 78
    assert "part schedule, a dict, cannot be saved: give it state_dict" in caplog.text


def test_a_trial_of_no_steps_is_refused(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("STEPLADDER_TRIAL", raising=False)
    with pytest.raises(SystemExit), sdk.trial(target_steps=0):
        pass
    assert "target_steps must be at least 1" in caplog.text
