"""Periods in evaluations and in training losses: found where there are some, and not where there are none."""

import math
import random
from collections.abc import Callable, Sequence

import pytest
import torch

from stepladder_trainer.contract import Scalar
from stepladder_trainer.data import DataOrder
from stepladder_trainer.evaluation import periods
from stepladder_trainer.evaluation.periodicity import autocorrelation, evenly, period
from stepladder_trainer.evaluation.repetition import KEPT, Losses, repetition
from stepladder_trainer.history import History
from trainer.runs import assert_same, train_to

Make = Callable[[random.Random], list[float]]


def sine(length: int, values: int, noise: float, draw: random.Random) -> list[float]:
    return [math.sin(2 * math.pi * at / length) + noise * draw.gauss(0, 1) for at in range(values)]


def white(draw: random.Random) -> list[float]:
    return [draw.gauss(0, 1) for _ in range(100)]


def decaying(draw: random.Random) -> list[float]:
    """An error that falls with the root of the steps, to a noise of a hundredth."""
    return [1 / math.sqrt(step) + 0.01 * draw.gauss(0, 1) for step in range(1, 101)]


def wandering(draw: random.Random) -> list[float]:
    """Evaluations of weights that have little changed since the last: a running mean of such a series waves."""
    values = [0.0]
    for _ in range(99):
        values.append(0.95 * values[-1] + draw.gauss(0, 1))
    return values


def spiky(draw: random.Random) -> list[float]:
    return [draw.gauss(0, 1) / max(0.1, abs(draw.gauss(0, 1))) for _ in range(100)]


def test_an_autocorrelation_worked_by_hand() -> None:
    assert autocorrelation([1, -1, 1, -1], 1) == pytest.approx(-1)
    assert autocorrelation([1, 0, -1, 0], 2) == pytest.approx((-1 / 2) * (4 / 2))
    assert autocorrelation([0, 0, 0], 1) == 0


@pytest.mark.parametrize("length", [2, 3, 5, 8, 13])
def test_a_sine_in_noise_is_found_with_its_period(length: int) -> None:
    """Also below a trend that falls by ten times its height."""
    draw = random.Random(length)
    values = sine(length, 120, 0.4, draw) if length > 2 else [(-1) ** at + 0.4 * draw.gauss(0, 1) for at in range(120)]
    for series in (values, [value + 20 * math.exp(-at / 30) for at, value in enumerate(values)]):
        found = period(series)
        assert found is not None
        assert found.length == length
        assert found.correlation > 0.5


def test_what_comes_back_for_one_evaluation_only_is_a_period_too() -> None:
    """A dip once in an epoch, when the examples that the sets share have just been seen."""
    draw = random.Random(1)
    found = period([0.3 * draw.gauss(0, 1) - 3 * (at % 6 == 0) for at in range(90)])
    assert found is not None
    assert found.length == 6


@pytest.mark.parametrize("make", [white, decaying, wandering, spiky])
def test_of_a_hundred_series_without_a_period_hardly_one_is_taken_for_periodic(make: Make) -> None:
    """The false alarms that the module promises."""
    draw = random.Random(7)
    assert sum(period(make(draw)) is not None for _ in range(100)) <= 1


@pytest.mark.parametrize(
    "values",
    [
        [1 / step for step in range(1, 101)],
        [0.5] * 100,
        [math.exp(-step / 10) for step in range(100)],
        [1.0 - step / 100 for step in range(100)],
        sine(4, 31, 0.0, random.Random(0)),
        [*sine(4, 99, 0.0, random.Random(0)), math.nan],
    ],
    ids=["1/t", "constant", "exponential", "straight", "too few", "not finite"],
)
def test_nothing_is_found_where_nothing_can_be_known(values: Sequence[float]) -> None:
    """A smooth curve has no noise that a bound could be reckoned from: its trend must not pass for a period."""
    assert period(values) is None


def test_evaluations_out_of_turn_are_left_out_and_those_before_a_gap_too() -> None:
    """Rungs are evaluated wherever they lie; a bound holds for even spaces alone."""
    points = [(10, 0.1), (20, 0.2), (40, 0.4), (45, 9.0), (50, 0.5), (60, 0.6), (61, 9.0)]
    assert evenly(points, 10) == [0.4, 0.5, 0.6]
    assert evenly([], 10) == []


def losses(epoch: float, steps: int, draw: random.Random, *, same_order: bool) -> Losses:
    """A loss that falls from epoch to epoch and rises within, as it does with shuffled data and Adam; how hard each
    batch is follows from its place in the epoch, or from nothing."""
    of_batch = [draw.gauss(0, 1) for _ in range(math.ceil(epoch))]
    record = Losses(epoch)
    for step in range(steps):
        hardness = of_batch[int(step % epoch)] if same_order else draw.gauss(0, 1)
        sawtooth = 5 * (step % epoch / epoch - step // epoch)
        record.add([100 / (step + 1) + sawtooth + hardness + 0.5 * draw.gauss(0, 1)])
    return record


@pytest.mark.parametrize(("epoch", "multiple"), [(20.0, 20), (22.47, 45), (9.5, 19), (200.0, 200)])
def test_the_same_order_in_every_epoch_is_found_at_its_length(epoch: float, multiple: int) -> None:
    """Or at a whole number of epochs, where batches span two of them."""
    found = repetition(losses(epoch, round(12 * epoch), random.Random(3), same_order=True))
    assert found is not None
    assert found.length == multiple
    assert 0.5 < found.correlation < 1


@pytest.mark.parametrize("epoch", [9.5, 22.47, 60.0])
def test_of_a_hundred_shuffled_runs_hardly_one_is_blamed(epoch: float) -> None:
    """Though their losses have the epoch's period: they drop when it ends, since every example has been seen anew."""
    draw = random.Random(11)
    runs = (losses(epoch, round(8 * epoch), draw, same_order=False) for _ in range(100))
    assert sum(repetition(run) is not None for run in runs) <= 1


@pytest.mark.parametrize(("epoch", "steps"), [(1.0, 500), (4.0, 500), (100.0, 150), (100.0, 0)])
def test_short_epochs_and_a_single_one_tell_nothing(epoch: float, steps: int) -> None:
    assert repetition(losses(epoch, steps, random.Random(1), same_order=True)) is None


def test_of_long_epochs_means_are_kept_so_that_eight_of_them_fit() -> None:
    draw = random.Random(5)
    of_step = [draw.gauss(0, 1) for _ in range(2000)]
    record = Losses(2000)
    for _ in range(12):
        record.add(hardness + 0.5 * draw.gauss(0, 1) for hardness in of_step)
    assert record.stride == 4
    assert len(record.means) == KEPT
    assert max(record.means) == 12 * 2000 // 4 - 1
    found = repetition(record)
    assert found is not None
    assert found.length == 2000


def test_losses_that_were_saved_and_restored_are_those_that_were_not() -> None:
    """Cut within a mean, and after more of them than are kept."""
    draw = random.Random(2)
    seen = [draw.gauss(0, 1) for _ in range(3 * KEPT + 10)]
    whole, before, after = Losses(1000), Losses(1000), Losses(1000)
    assert whole.stride == 2
    whole.add(seen)
    before.add(seen[: 2 * KEPT + 7])
    after.load_state_dict(before.state_dict())
    for loss in seen[2 * KEPT + 7 :]:
        after.add([loss])
    assert after.means == whole.means
    assert_same(after.state_dict(), whole.state_dict())


def test_a_schedule_that_comes_back_is_not_blamed_on_the_data() -> None:
    history = History.of(
        [(10 * at, {"validation_loss": value}) for at, value in enumerate(sine(5, 100, 0.1, random.Random(1)), 1)]
    )
    told = periods.remark(history, None, every=10, schedule="constant")
    assert told is not None
    assert "validation_loss repeats itself every 50 steps" in told
    assert periods.remark(history, None, every=10, schedule="triangular") is None


def by_class(self: DataOrder, epoch: int) -> torch.Tensor:
    """As a file that was never shuffled has its examples."""
    return torch.arange(self.examples)


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.01), ("nesterov", 0.05)])
def test_a_training_without_shuffling_says_so_and_one_with_it_does_not(
    monkeypatch: pytest.MonkeyPatch, optimizer: str, rate: float
) -> None:
    """22.5 steps to an epoch. Nothing else differs between the two."""
    parameters: dict[str, Scalar] = {"optimizer": optimizer, "learning_rate": rate, "width": 16}
    assert train_to(200, horizon=200, every=50, parameters=parameters).remark is None
    monkeypatch.setattr(DataOrder, "_shuffled", by_class)
    told = train_to(200, horizon=200, every=50, parameters=parameters).remark
    assert told is not None
    assert "training losses repeat themselves from batch to batch every 45 steps" in told
    assert "shuffled anew in every epoch" in told


def test_a_period_is_the_shortest_of_its_multiples() -> None:
    """What repeats itself after 4 values does so after 8."""
    found = period(sine(4, 128, 0.2, random.Random(6)))
    assert found is not None
    assert found.length == 4
