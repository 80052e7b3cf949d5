import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from stepladder_trainer import determinism, measurement, profiling
from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.flops import FlopCount
from stepladder_trainer.hyperparameters import RegularisationHyperparameters
from stepladder_trainer.learner import Learner, Update
from stepladder_trainer.measurement import Measurement, Rates
from stepladder_trainer.outcomes import ConfigurationError, InfeasibleError
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.stability import Clipping
from stepladder_trainer.trial import Trial
from trainer.runs import train_to

CPU = torch.device("cpu")


def measured(board: Board, clipping: Clipping | None = None) -> Measurement:
    """A measurement of a learner that only has what measurements look at."""
    learner = cast("Learner", SimpleNamespace(device=CPU, clipping=clipping))
    trial = Trial(TrialDocument(target_steps=10), board, StopRequest())
    return Measurement(trial, learner, batch_size=64)


def update(loss: float, norm: float = 1.0) -> Update:
    return Update(torch.tensor(loss), [torch.tensor(norm)])


def test_rates_are_those_of_the_time_that_steps_took_and_settle_at_a_new_pace() -> None:
    """Nine quick steps and a tenth that waits for a GPU to have done them all, as they come: 10 steps in 1 s. The mean
    of each step's own rate would say 10 times as much."""
    rates = Rates(batch_size=32)
    for step in range(200):
        rates.add(seconds=0.01 if step % 10 else 0.91, waited=0.005)
    assert rates.examples_per_second == pytest.approx(320, rel=0.3)
    assert rates.data_wait_fraction == pytest.approx(0.05, rel=0.3)
    for _ in range(200):
        rates.add(seconds=0.02, waited=0.02)
    assert rates.examples_per_second == pytest.approx(1600, rel=0.01)
    assert rates.steps_per_second == pytest.approx(50, rel=0.01)
    assert rates.data_wait_fraction == pytest.approx(1, rel=0.01)


def test_numbers_are_looked_at_every_tenth_step_and_when_something_depends_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asking means to wait until it has caught up."""
    monkeypatch.setattr(measurement, "LOOK_EVERY", 3)
    board = Board()
    measuring = measured(board)
    seen = []
    for step in range(1, 8):
        measuring.gradient(step, update(loss=step))
        measuring.end(step, learning_rate=0.1 * step)
        seen.append(board.numbers.get("training_loss", 0))
    assert seen == [0, 0, 3, 3, 3, 6, 6]
    measuring.flush()
    assert board.numbers["training_loss"] == 7
    assert board.numbers["learning_rate"] == pytest.approx(0.7)


def test_the_step_at_which_it_diverged_is_named_though_it_be_known_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "IMMEDIATE", frozenset())
    measuring = measured(Board())
    for step, loss in enumerate([1.0, float("nan"), 1.0], start=1):
        measuring.gradient(step, update(loss))
    with pytest.raises(InfeasibleError, match="training loss became nan at step 2"):
        measuring.flush()


def test_a_gradient_that_is_no_number_ends_the_trial_too() -> None:
    """The loss still is one; the weights are not any more, as the next loss says, or else whoever would save them."""
    measuring = measured(Board())
    measuring.gradient(1, update(loss=1e30, norm=float("inf")))
    with pytest.raises(InfeasibleError, match="norm of the gradient became inf at step 1"):
        measuring.flush()
    measuring = measured(Board())
    measuring.gradient(1, update(loss=1e30, norm=float("inf")))
    with pytest.raises(InfeasibleError, match="norm of the gradient became inf at step 1"):
        measuring.gradient(2, update(loss=float("nan")))


def test_nothing_diverged_is_saved_though_a_gpu_be_asked_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint at every step, and losses that are looked at only when it is written."""
    monkeypatch.setattr(measurement, "LOOK_EVERY", 1000)
    monkeypatch.setattr(measurement, "IMMEDIATE", frozenset())
    with pytest.raises(InfeasibleError):
        train_to(
            100,
            tmp_path,
            parameters={"learning_rate": 1e6, "optimizer": "sgd", "layers": 8},
            every=100,
            checkpoint_seconds=0,
        )
    found = Checkpoints(tmp_path).newest()
    if found is not None:
        assert all(torch.isfinite(weight).all() for weight in found[1]["parts"]["model"].values())


def test_asking_seldom_changes_nothing_that_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = []
    for every in (1, 10):
        monkeypatch.setattr(measurement, "LOOK_EVERY", every)
        histories.append(train_to(12, parameters={"width": 4, "gradient_clip_percentile": 50}).history.evaluations)
    assert histories[0] == histories[1]


def test_too_much_clipping_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    clipping = Clipping(RegularisationHyperparameters(gradient_clip=1.0), CPU)
    board = Board()
    measuring = measured(board, clipping)
    with caplog.at_level(logging.WARNING):
        for step in range(1, 130):
            clipping.clip([torch.ones(1)], torch.tensor(2.0 if step % 3 else 0.5))
            measuring.gradient(step, update(loss=1.0))
            measuring.end(step, learning_rate=0.1)
    assert board.numbers["clip_fraction"] == pytest.approx(2 / 3, abs=0.01)
    assert len(caplog.records) == 1
    assert "67 % of the updates are clipped" in caplog.text
    assert "lower the learning rate" in caplog.text


@pytest.fixture
def indeterminate() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(mode=False)
    torch.backends.cudnn.deterministic = False


@pytest.mark.usefixtures("indeterminate")
@pytest.mark.long
def test_an_operation_without_a_deterministic_form_is_named() -> None:
    with (
        pytest.raises(ConfigurationError, match="put_ has no deterministic form"),
        determinism.enforced(wanted=True),
    ):
        torch.zeros(3).put_(torch.tensor([0]), torch.ones(1))
    with determinism.enforced(wanted=False):
        pass
    with pytest.raises(RuntimeError, match="shape"), determinism.enforced(wanted=True):
        torch.zeros(3) @ torch.zeros(2, 2)


@pytest.mark.long  # it imports PyTorch's compiler
def test_flops_of_two_linear_layers() -> None:
    """64 -> 8 -> 10, 16 examples: forward 2 * 16 * (64 * 8 + 8 * 10), backward as much for the weights, and again
    for the second layer's input."""
    model = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.Linear(8, 10))
    count = FlopCount(CPU)
    for _ in range(2):
        count.start()
        model(torch.zeros(16, 64)).sum().backward()
        count.stop()
    expected = 2 * 16 * (2 * 64 * 8 + 3 * 8 * 10)
    assert count.numbers(updates_per_second=2.0) == {"flops_per_update": expected, "flops_per_second": 2 * expected}


@pytest.mark.long
def test_a_profile_is_saved_beside_the_checkpoints(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    document = TrialDocument(target_steps=20, checkpoint_directory=tmp_path)
    trial = Trial(document, Board(), StopRequest())

    def take(steps: int) -> None:
        with profiling.profiled(trial, 2, CPU) as step_profiled:
            for _ in range(steps):
                torch.zeros(3).add_(1)
                trial.step += 1
                step_profiled()

    take(12)
    assert [path.name[:13] for path in tmp_path.iterdir()] == ["profile-step-"]
    take(3)
    assert "nothing was profiled" in caplog.text


def test_flags_of_measurement_reach_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profiler is asked for by --profile alone: it costs time."""
    asked: list[Any] = []

    def noted(trial: Trial, steps: int, device: torch.device) -> Any:
        asked.append(steps)
        return profiling.profiled(trial, 0, device)

    monkeypatch.setattr("stepladder_trainer.training.profiled", noted)
    train_to(1, parameters={"width": 4})
    assert asked == [0]
