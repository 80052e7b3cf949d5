"""Batch sizes on trials that are made up by the formula of the critical batch size."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import pytest

from engine.simulator import study
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Observation, Outcome
from stepladder.engine.batch_comparison import objections
from stepladder.engine.batch_scaling import NoScaling, batch_scaling
from stepladder.engine.critical_batch import Regime
from stepladder.engine.observed import TrialView

SIZES = (16, 32, 64, 128, 256)
RATES = (0.01, 0.02, 0.04, 0.08, 0.16)
HORIZON = 2000


def spec(**fields: Any) -> TuningStudySpec:
    role = {"role": fields.pop("role", "Scientific")}
    sizes: dict[str, Any] = {"name": "batch_size", "categorical": {"values": list(SIZES)}, **role}
    rate = {"name": "learning_rate", "float": {"min": 0.001, "max": 1, "scale": "Log"}}
    return study({"trials": 25, "maxSteps": HORIZON}, parameters=[sizes, rate], **fields)


def trial(number: int, curve: dict[int, float], horizon: int = HORIZON, **fields: Any) -> TrialView:
    parameters = {"optimizer": "adam", **{name: fields.pop(name) for name in ("batch_size", "learning_rate")}}
    step = min(curve, key=lambda at: curve[at], default=None)
    return TrialView(
        **{
            "name": f"t-{number}",
            "number": number,
            "round": "round-0",
            "bracket": 0,
            "configuration": number,
            "repeat": 0,
            "parameters": parameters,
            "target_steps": horizon,
            "horizon_steps": horizon,
            "outcome": Outcome.COMPLETED,
            "results": curve,
            "best": None if step is None else Observation(step=step, value=curve[step]),
            **fields,
        }
    )


def falling(steps: float, every: int = 10, horizon: int = HORIZON) -> dict[int, float]:
    """Evaluations that come to 0.5 at the first one after so many steps, and go on to fall."""
    return {step: 0.5 * steps / step for step in range(every, horizon + 1, every)}


def sweep(steps: Callable[[int], float], best: Sequence[float] = RATES[1:4], **fields: Any) -> list[TrialView]:
    """Of each size a trial at each rate; the size's own best rate, larger for larger sizes, takes `steps` of it."""
    found: list[TrialView] = []
    for place, batch in enumerate(SIZES):
        own = best[min(place, len(best) - 1)]
        for rate in RATES:
            needed = steps(batch) * (1 + abs(RATES.index(rate) - RATES.index(own)))
            found.append(trial(len(found), falling(needed), batch_size=batch, learning_rate=rate, **fields))
    return found


def test_each_size_stands_for_itself_with_its_own_learning_rate() -> None:
    """Catches sizes that are compared at one learning rate, and a target taken for reached at its neighbour's step."""
    found = batch_scaling(spec(), sweep(lambda batch: 100 * (1 + 64 / batch)), target=0.5)
    assert [size.batch for size in found.sizes] == list(SIZES)
    reached = [size.reached for size in found.sizes]
    assert [(at.steps, at.since) for at in reached if at] == [
        (500, 490),
        (300, 290),
        (200, 190),
        (150, 140),
        (130, 120),
    ]
    assert [at.trial.parameters["learning_rate"] for at in reached if at] == [0.02, 0.04, 0.08, 0.08, 0.08]
    assert [size.examples for size in found.sizes] == [8000, 9600, 12800, 19200, 33280]
    assert [size.perfect for size in found.sizes] == [500, 250, 125, 62.5, 31.25]
    assert found.sizes[0].value == 0.5 * 500 / HORIZON
    assert found.fit is not None
    assert found.fit.critical == pytest.approx(64, rel=0.1)  # the last two were rounded up to an evaluation
    assert found.fit.measured
    regimes = {size.batch: size.regime for size in found.sizes}
    assert (regimes[64], regimes[256]) == (Regime.DIMINISHING_RETURNS, Regime.MAXIMAL_DATA_PARALLELISM)
    assert found.varied == ("learning_rate",)
    assert list(objections(spec(), found)) == []


def test_a_size_that_never_came_there_is_told_and_left_out_of_the_curve() -> None:
    """Catches its last step taken for one at which it was there."""

    def slow(batch: int) -> float:
        return 100 * (1 + 64 / batch) if batch > 16 else 10 * HORIZON

    found = batch_scaling(spec(), sweep(slow), target=0.5)
    first = found.sizes[0]
    assert (first.reached, first.examples, first.regime) == (None, None, None)
    assert first.perfect == 2 * 300  # as the smallest that came there has it
    assert found.fit is not None
    assert found.fit.smallest == 32
    said = list(objections(spec(), found))
    assert len(said) == 1
    assert said[0].startswith("batch size 16 did not reach the target within the budget of steps")


def test_fewer_than_three_sizes_at_the_target_make_no_curve() -> None:
    found = batch_scaling(spec(), sweep(lambda batch: 100 if batch >= 128 else 10 * HORIZON), target=0.5)
    assert [size.batch for size in found.sizes if size.reached] == [128, 256]
    assert found.fit is None
    assert {size.regime for size in found.sizes} == {None}


def test_without_a_target_it_is_what_every_size_has_reached() -> None:
    trials = sweep(lambda batch: 100 * (1 + 64 / batch))
    found = batch_scaling(spec(), trials)
    assert (found.target, found.chosen) == (0.5 * 500 / HORIZON, True)
    assert all(size.reached for size in found.sizes)
    named = spec(objective={"metric": "loss", "target": 0.3})
    assert (batch_scaling(named, trials).target, batch_scaling(named, trials).chosen) == (0.3, False)
    assert batch_scaling(named, trials, target=0.4).target == 0.4


def test_where_more_is_better_the_target_is_reached_from_below() -> None:
    upwards = spec(objective={"metric": "accuracy", "direction": "Maximize"})
    trials = [
        trial(number, curve, batch_size=batch, learning_rate=0.1, best=Observation(step=last, value=curve[last]))
        for number, (batch, last) in enumerate(((8, 40), (16, 30)))
        if (curve := {step: step / 50 for step in range(10, last + 1, 10)})
    ]
    found = batch_scaling(upwards, trials)
    assert found.target == 0.6
    assert [size.reached and size.reached.steps for size in found.sizes] == [30, 30]
    assert [size.value for size in found.sizes] == [0.8, 0.6]


def test_of_repeats_the_median_counts_and_one_that_never_came_there_is_the_last() -> None:
    """Catches the luckiest seed of a size in the place of the size."""

    def repeats(batch: int, *steps: float) -> list[TrialView]:
        return [
            trial(batch, falling(s), batch_size=batch, learning_rate=0.1, repeat=i, name=f"t-{batch}-{i}")
            for i, s in enumerate(steps)
        ]

    never = 10 * HORIZON
    trials = [*repeats(8, 100, 300, never), *repeats(16, 100, never, never), *repeats(32, 100, 200)]
    found = batch_scaling(spec(), trials, target=0.5)
    assert [size.reached and size.reached.steps for size in found.sizes] == [300, None, 200]
    assert found.sizes[2].value == pytest.approx(0.5 * 150 / HORIZON)  # the mean of both


def test_what_diverged_is_nobodys_best_but_was_tried() -> None:
    """Catches a learning rate called the largest that was tried although a larger one has diverged."""
    trials = sweep(lambda batch: 100 * (1 + 64 / batch), best=(0.16,))
    assert any("smallest or the largest" in one for one in objections(spec(), batch_scaling(spec(), trials, 0.5)))
    beyond = [
        trial(100 + i, {10: 0.1}, batch_size=batch, learning_rate=0.32, outcome=Outcome.INFEASIBLE)
        for i, batch in enumerate(SIZES)
    ]
    found = batch_scaling(spec(), [*trials, *beyond], 0.5)
    assert found.sizes[0].reached is not None
    assert found.sizes[0].reached.steps == 500
    assert list(objections(spec(), found)) == []


@pytest.mark.parametrize(
    ("horizon", "said"),
    [
        (lambda batch: 32_000 // batch, "one budget of epochs"),
        (
            lambda batch: 2000 if batch < 100 else 1000,
            "different numbers of steps (16: 2,000, 32: 2,000, 64: 2,000, 128:",
        ),
    ],
)
def test_budgets_that_are_not_the_same_steps_are_told(horizon: Callable[[int], int], said: str) -> None:
    trials = [
        trial(i, falling(100, 5, horizon(b)), horizon(b), batch_size=b, learning_rate=rate)
        for i, (b, rate) in enumerate((b, rate) for b in SIZES for rate in (0.1, 0.2, 0.4))
    ]
    found = batch_scaling(spec(), trials, 1.0)
    assert said in next(objections(spec(), found))


def test_what_else_makes_the_comparison_unfair_is_told() -> None:
    steps = sweep(lambda batch: 100 * (1 + 64 / batch))
    searched = spec(role="Nuisance")
    pruned = [trial(99, {10: 2.0}, batch_size=16, learning_rate=0.05, outcome=Outcome.PRUNED)]
    assert "competed at the same steps" in next(objections(searched, batch_scaling(searched, [*steps, *pruned], 0.5)))
    assert list(objections(spec(), batch_scaling(spec(), [*steps, *pruned], 0.5))) == []

    ended = spec(objective={"metric": "loss", "target": 0.5})
    stopped = [trial(99, {10: 2.0}, batch_size=16, learning_rate=0.05, outcome=Outcome.STOPPED)]
    assert "the study ended when" in next(objections(ended, batch_scaling(ended, [*steps, *stopped])))

    running = [trial(99, {10: 2.0}, batch_size=16, learning_rate=0.05, outcome=None, target_steps=HORIZON)]
    assert next(objections(spec(), batch_scaling(spec(), [*steps, *running], 0.5))).startswith(
        "1 trials have not ended"
    )

    one = [t for t in steps if t.parameters["learning_rate"] == 0.04]
    assert "one learning rate alone" in next(objections(spec(), batch_scaling(spec(), one, 0.5)))

    coarse = [trial(i, falling(30, 20), batch_size=b, learning_rate=0.1 + i % 3) for i, b in enumerate(SIZES * 3)]
    said = list(objections(spec(), batch_scaling(spec(), coarse, 0.5)))
    assert any("no evaluation shortly before" in sentence for sentence in said)


def test_a_study_of_one_batch_size_is_refused_with_a_sentence() -> None:
    one = [trial(i, falling(100), batch_size=64, learning_rate=rate) for i, rate in enumerate(RATES)]
    with pytest.raises(NoScaling, match="have 1 batch sizes"):
        batch_scaling(spec(), one)
    diverged = [trial(9, {}, batch_size=32, learning_rate=9.0, outcome=Outcome.INFEASIBLE)]
    with pytest.raises(NoScaling, match="have 1 batch sizes"):
        batch_scaling(spec(), [*one, *diverged])


def test_rounding_up_to_an_evaluation_is_what_is_reported() -> None:
    """The first evaluation at or below the target, not a step in between."""
    found = batch_scaling(spec(), sweep(lambda batch: 101), target=0.5)
    assert {size.reached and size.reached.steps for size in found.sizes} == {10 * ceil(101 / 10)}
