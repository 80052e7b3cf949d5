import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from stepladder_trainer import catalog, optimizers
from stepladder_trainer.contract import Objective
from stepladder_trainer.history import History
from stepladder_trainer.hyperparameters import OptimizerHyperparameters, ScheduleHyperparameters
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.schedules import SHAPES, build
from stepladder_trainer.schedules.plateau import reductions

LOSS = Objective("validation_loss")


def point(schedule: str, warmup: int = 0, **shape: Any) -> ScheduleHyperparameters:
    shape.setdefault("decay_to", 0.01 if schedule == "exponential" else 0.0)
    return ScheduleHyperparameters(schedule, warmup, **shape)


def factor(schedule: str, step: int, *, horizon: int, warmup: int = 0, **shape: Any) -> float:
    return build(point(schedule, warmup, **shape), horizon, History()).factor(step)


def factors(schedule: str, *, horizon: int, steps: int | None = None, warmup: int = 0, **shape: Any) -> list[float]:
    made = build(point(schedule, warmup, **shape), horizon, History())
    return [made.factor(step) for step in range(1, (steps or horizon) + 1)]


def torchs(make: Callable[[Any], Any], steps: int, peak: float = 1.0) -> list[float]:
    """What one of PyTorch's schedulers does, as an oracle."""
    weight = torch.zeros(1, requires_grad=True)
    optimizer = optimizers.build([weight], OptimizerHyperparameters("sgd", learning_rate=peak))
    scheduler, seen = make(optimizer), []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"] / peak)
        optimizer.step()
        scheduler.step()
    return seen


def test_every_schedule_of_the_catalog_has_a_shape() -> None:
    assert tuple(SHAPES) == catalog.SCHEDULES


def test_warmup_rises_linearly_and_reaches_the_peak_at_its_last_update() -> None:
    assert [factor("cosine", step, horizon=20, warmup=4) for step in range(1, 6)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_warmup_rises_to_where_the_shape_begins() -> None:
    """Cycles begin at their base: a rise to the peak before would be a jump down."""
    seen = factors("triangular", horizon=20, warmup=4, cycle_steps=4, cycle_base=0.2)
    assert seen[:6] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2, 0.4])


def test_linear_decay_divides_the_horizon_evenly() -> None:
    assert [factor("linear", step, horizon=4) for step in range(1, 6)] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_cosine_is_half_way_down_in_the_middle() -> None:
    assert factor("cosine", 6, horizon=10) == pytest.approx(0.5)
    assert factor("cosine", 10, horizon=10) == pytest.approx(0.5 * (1 + math.cos(0.9 * math.pi)))


def test_decay_begins_after_the_warmup() -> None:
    assert factor("linear", 15, horizon=20, warmup=10) == pytest.approx(0.6)


def test_a_fall_ends_at_the_part_of_the_peak_that_was_asked_for() -> None:
    assert factors("linear", horizon=4, steps=6, decay_to=0.2) == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0.2])
    assert factor("cosine", 6, horizon=10, decay_to=0.1) == pytest.approx(0.55)
    assert factors("exponential", horizon=2, steps=4, decay_to=0.01) == pytest.approx([1, 0.1, 0.01, 0.01])


def test_exponential_decay_is_pytorchs() -> None:
    expected = torchs(lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.01 ** (1 / 20)), 20)
    assert factors("exponential", horizon=20, decay_to=0.01) == pytest.approx(expected, rel=1e-9)


def test_exponential_decay_to_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="decay_to above 0"):
        factor("exponential", 1, horizon=10, decay_to=0.0)


def test_in_a_longer_round_linear_decay_keeps_its_length_and_the_constant_part_grows() -> None:
    """The playbook, on schedules from round to round: the decay stays as long, the constant part is extended."""
    short, long = (factors("linear", horizon=horizon, decay_steps=4) for horizon in (6, 10))
    assert short == [1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    assert long == [1.0] * 4 + short
    assert factors("linear", horizon=4, decay_steps=400) == factors("linear", horizon=4), "no longer than the round"


def test_in_a_longer_round_cosine_decay_is_stretched() -> None:
    """The playbook: keep the base learning rate, and let the wave be as long as the new round."""
    short, long = (factors("cosine", horizon=horizon) for horizon in (10, 30))
    assert long[::3] == pytest.approx(short)


def test_parts_of_the_horizon_rise_hold_and_fall_where_they_should() -> None:
    """Metz et al. 2020: up until w N, the peak until c N, a cosine to m times the peak at N. The parts are stretched
    with the horizon, and a part that is no whole number of updates is not rounded where the fall begins."""
    for horizon in (200, 1000):
        parts: dict[str, Any] = {"warmup_fraction": 0.05, "constant_fraction": 0.4, "decay_to": 0.1}
        seen = factors("cosine", horizon=horizon, steps=horizon + 1, **parts)
        rise, hold, half = (round(part * horizon) for part in (0.05, 0.4, 0.7))
        assert seen[:rise] == pytest.approx([step / rise for step in range(1, rise + 1)])
        assert seen[rise - 1 : hold + 1] == [1.0] * (hold - rise + 2)
        assert seen[hold + 1] < 1.0
        assert seen[half] == pytest.approx(0.55)  # half of the fall is done
        assert seen[horizon] == pytest.approx(0.1)
    assert factors("linear", horizon=4, constant_fraction=0.375) == pytest.approx([1.0, 1.0, 0.8, 0.4])


def test_a_fall_waits_for_a_warmup_that_outlasts_the_constant_part() -> None:
    assert factors("linear", horizon=6, warmup=2, constant_fraction=0.1) == factors("linear", horizon=6, warmup=2)


@pytest.mark.parametrize(
    "twice", [{"warmup_steps": 5, "warmup_fraction": 0.1}, {"decay_steps": 5, "constant_fraction": 0.1}]
)
def test_a_length_that_is_said_twice_is_refused(twice: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=" and ".join(twice)):
        ScheduleHyperparameters(**twice)


def test_pieces_begin_at_parts_of_the_horizon() -> None:
    """He et al. 2016: a tenth at half of the steps, a hundredth at three quarters; the warmup is part of the run."""
    assert factors("piecewise", horizon=8) == [1.0] * 4 + [0.1] * 2 + [0.01] * 2
    assert factors("piecewise", horizon=8, warmup=2) == [0.5, 1.0, 1.0, 1.0] + [0.1] * 2 + [0.01] * 2
    # 0.1 * 30 is a little more than 3 in floating point
    assert factors("piecewise", horizon=30, pieces="0.1:0.5")[2:5] == [1.0, 0.5, 0.5]


@pytest.mark.parametrize(
    "pieces", ["half", "0.5", "0.5:2", "0.5:-0.1", "0.7:0.1,0.5:0.01", "0:0.1", "1:0.1", "0.5:nan", ""]
)
def test_pieces_that_are_none_are_refused(pieces: str) -> None:
    with pytest.raises(ConfigurationError, match="pieces must be like"):
        factor("piecewise", 1, horizon=10, pieces=pieces)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_warm_restarts_are_pytorchs(multiplier: int) -> None:
    expected = torchs(lambda made: lr_scheduler.CosineAnnealingWarmRestarts(made, 5, multiplier, eta_min=0.1), 40)
    seen = factors("cosine_restarts", horizon=40, restart_period=5, restart_multiplier=multiplier, decay_to=0.1)
    assert seen == pytest.approx(expected)


def test_warm_restarts_fill_the_horizon_with_three_cycles() -> None:
    """Of 3, 6 and 12 updates: restarts at 4 and 10."""
    seen = factors("cosine_restarts", horizon=21)
    assert [step for step, value in enumerate(seen, 1) if value == 1.0] == [1, 4, 10]


def test_cycles_are_those_of_the_paper() -> None:
    """Smith 2017, figure 2 and table 1, with a base of a fifth and half a cycle of 2 updates."""
    shape: dict[str, Any] = {"horizon": 9, "cycle_steps": 2, "cycle_base": 0.2}
    assert factors("triangular", **shape) == pytest.approx([0.2, 0.6, 1.0, 0.6, 0.2, 0.6, 1.0, 0.6, 0.2])
    assert factors("triangular2", **shape) == pytest.approx([0.2, 0.6, 1.0, 0.6, 0.2, 0.4, 0.6, 0.4, 0.2])
    assert factors("exp_range", cycle_gamma=0.5, **shape)[:4] == pytest.approx([0.2, 0.4, 0.4, 0.25])


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_cycles_are_pytorchs(mode: Any) -> None:
    expected = torchs(
        lambda made: lr_scheduler.CyclicLR(made, 0.05, 0.2, 7, mode=mode, gamma=0.99, cycle_momentum=False),
        60,
        peak=0.2,
    )
    seen = factors(mode, horizon=60, cycle_steps=7, cycle_base=0.25, cycle_gamma=0.99)
    assert seen == pytest.approx(expected, rel=1e-9)


def test_four_cycles_fill_the_horizon() -> None:
    seen = factors("triangular", horizon=32)
    assert [step for step, value in enumerate(seen, 1) if value == 1.0] == [5, 13, 21, 29]


@given(
    st.lists(st.floats(0.01, 10) | st.just(1.0), max_size=40),
    st.integers(0, 4),
    st.sampled_from([1e-4, 0.1, 0.0]),
    st.booleans(),
)
def test_plateaus_are_pytorchs(values: list[float], patience: int, threshold: float, minimize: bool) -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimizer = optimizers.build([weight], OptimizerHyperparameters("sgd", learning_rate=1.0))
    mode: Any = "min" if minimize else "max"
    oracle = lr_scheduler.ReduceLROnPlateau(optimizer, mode, 0.5, patience, threshold, eps=0.0)
    expected = []
    for step, value in enumerate(values, 1):
        before = optimizer.param_groups[0]["lr"]
        oracle.step(value)
        if optimizer.param_groups[0]["lr"] < before:
            expected.append(step)
    settings = ScheduleHyperparameters(plateau_patience=patience, plateau_threshold=threshold)
    assert reductions(enumerate(values, 1), settings, Objective("any", minimize=minimize)) == expected


def test_progress_on_values_below_zero_is_progress() -> None:
    """A log likelihood. A tenth of -10 better is -11, not -9."""
    settings = ScheduleHyperparameters(plateau_patience=0, plateau_threshold=0.1)
    assert reductions([(1, -10.0), (2, -10.5), (3, -12.0)], settings, LOSS) == [2]


def test_the_rate_falls_when_validation_has_stopped_improving_and_not_below_its_floor() -> None:
    """Patience 1: the second evaluation in a row without progress, at 40, then that at 60. It acts from the next
    update on."""
    history = History()
    shape = point("reduce_on_plateau", plateau_patience=1, plateau_factor=0.1, decay_to=0.05)
    schedule = build(shape, 100, history)
    for step, loss in enumerate([1.0, 0.5, 0.5, 0.6, 0.5, 0.7], 1):
        assert schedule.factor(10 * step) == (1.0 if step <= 4 else 0.1)
        history.add(10 * step, {"validation_loss": loss})
    assert [schedule.factor(step) for step in (40, 41, 60, 61, 100)] == [1.0, 0.1, 0.1, 0.05, 0.05]


def test_a_plateau_does_not_depend_on_where_the_run_was_cut() -> None:
    """A segment's own end is an evaluation that a run in one go has not: counted, it would use up the patience."""
    whole, cut = History(), History()
    for step in (10, 20, 30):
        whole.add(step, {"validation_loss": 1.0})
        cut.add(step, {"validation_loss": 1.0})
    cut.add(25, {"validation_loss": 1.0})
    shape = point("reduce_on_plateau", plateau_patience=2)
    made = [build(shape, 100, history, planned=lambda step: step % 10 == 0) for history in (whole, cut)]
    assert [schedule.factor(31) for schedule in made] == [1.0, 1.0]
    assert build(shape, 100, cut).factor(31) == pytest.approx(0.1), "else the filter does nothing"


def test_a_restored_history_is_seen() -> None:
    """The schedule is made before the checkpoint is read."""
    history = History()
    schedule = build(point("reduce_on_plateau", plateau_patience=0), 100, history)
    assert schedule.factor(30) == 1.0
    history.restore([(10, {"validation_loss": 1.0}), (20, {"validation_loss": 1.0})])
    assert schedule.factor(30) == pytest.approx(0.1)


def test_the_objective_and_its_direction_decide_what_progress_is() -> None:
    history = History.of(
        [(10, {"accuracy": 0.5, "validation_loss": 1.0}), (20, {"accuracy": 0.6, "validation_loss": 1.0})]
    )
    shape = point("reduce_on_plateau", plateau_patience=0)
    assert build(shape, 100, history, objective=Objective("accuracy", minimize=False)).factor(30) == 1.0
    assert build(shape, 100, history, objective=Objective("accuracy")).factor(30) == pytest.approx(0.1)


def test_evaluations_during_the_warmup_are_no_plateau() -> None:
    history = History.of(
        [(5, {"validation_loss": 1.0}), (10, {"validation_loss": 2.0}), (15, {"validation_loss": 1.5})]
    )
    shape = point("reduce_on_plateau", warmup=10, plateau_patience=0)
    assert build(shape, 100, history).factor(20) == 1.0


shapes = st.fixed_dictionaries(
    {
        "decay_to": st.floats(0.001, 1),
        "decay_steps": st.integers(0, 2000),
        "restart_period": st.integers(0, 50),
        "restart_multiplier": st.integers(1, 3),
        "cycle_steps": st.integers(0, 50),
        "cycle_base": st.floats(0, 1),
        "plateau_patience": st.integers(0, 3),
    }
)
evaluations = st.dictionaries(st.integers(1, 2000), st.floats(-10, 10), max_size=20).map(
    lambda found: History.of((step, {"validation_loss": value}) for step, value in found.items())
)


@given(
    st.sampled_from(sorted(SHAPES)),
    st.integers(1, 5000),
    st.integers(1, 1000),
    st.integers(0, 999),
    shapes,
    evaluations,
)
def test_the_factor_never_leaves_zero_to_one(
    schedule: str, step: int, horizon: int, warmup: int, shape: dict[str, Any], history: History
) -> None:
    """Also beyond the horizon: a rate that turned negative would climb the loss."""
    assert 0 <= build(ScheduleHyperparameters(schedule, warmup, **shape), horizon, history).factor(step) <= 1


@given(st.sampled_from(["linear", "cosine", "exponential"]), st.integers(1, 500), st.integers(0, 99), shapes)
def test_a_fall_has_no_jumps_never_rises_and_ends_with_the_horizon(
    schedule: str, updates: int, warmup: int, shape: dict[str, Any]
) -> None:
    """The steepest slope of the three is the exponential's, log(1 / decay_to) over the length of the fall."""
    horizon = warmup + updates
    seen = factors(schedule, horizon=horizon, steps=horizon + 3, warmup=warmup, **shape)
    length = min(shape["decay_steps"] or updates, updates)
    steepest = max(math.pi / 2, -math.log(shape["decay_to"])) / length
    after = seen[warmup:]
    assert all(-1e-12 <= earlier - later <= steepest + 1e-12 for earlier, later in pairwise(after))
    assert after[: updates - length + 1] == [1.0] * (updates - length + 1)
    assert after[updates:] == pytest.approx([shape["decay_to"]] * 3)


@given(st.sampled_from(["triangular", "triangular2", "exp_range"]), st.integers(1, 300), st.integers(0, 99), shapes)
def test_cycles_have_no_jumps(schedule: str, updates: int, warmup: int, shape: dict[str, Any]) -> None:
    horizon = warmup + updates
    seen = factors(schedule, horizon=horizon, warmup=warmup, **shape)[max(0, warmup - 1) :]
    half = shape["cycle_steps"] or -(-updates // 8)
    steepest = (1 - shape["cycle_base"]) * (1 / half + 1 - 0.99994)
    assert all(abs(later - earlier) <= steepest + 1e-9 for earlier, later in pairwise(seen))


@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 99), shapes)
def test_a_warmup_rises_evenly(schedule: str, warmup: int, shape: dict[str, Any]) -> None:
    seen = factors(schedule, horizon=100, warmup=warmup, pieces="0.995:0.5", **shape)[:warmup]
    assert seen == pytest.approx([seen[-1] * step / warmup for step in range(1, warmup + 1)])
