"""TPE: Optuna's, started quasi-randomly, taught by infeasible trials, quiet about being experimental."""

import numpy as np
import optuna
import pytest
from optuna.samplers._tpe.sampler import _split_trials

from contract.histories import FLAT, SPACE, history, parameters
from search.problems import asking
from stepladder.api.study import Direction, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.evidence import STARTUP
from stepladder.search.history import Record
from stepladder.search.record import OptunaRecord
from stepladder.search.samplers.tpe import MODELLED, thinned
from stepladder.search.space import Space
from stepladder.search.storage import IN_MEMORY

TPE = SamplerAlgorithm.TPE


def proposals(records: list[Record], count: int, **changes: str) -> list[tuple[float, float]]:
    """What `count` studies with the same trials and different seeds would propose next."""
    record = OptunaRecord(IN_MEMORY)
    made = [
        record.propose(history(records, TPE, FLAT, name=str(seed), seed=seed), len(records)) for seed in range(count)
    ]
    return [(float(p["x"]), float(p["y"])) for p in made]


def points(count: int) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.random.default_rng(0).uniform(-1, 1, (count, 2))]


def test_it_starts_quasi_randomly() -> None:
    """Optuna's own start is random, even given a quasi-random independent sampler."""
    record = OptunaRecord(IN_MEMORY)
    tpe = [record.propose(history((), TPE), number) for number in range(STARTUP)]
    quasi_random = [record.propose(history((), name="q"), number) for number in range(STARTUP)]
    assert tpe == quasi_random


def test_it_proposes_where_results_were_good() -> None:
    records = [Record({"x": x, "y": y}, ((1, abs(x - 0.8)),), Outcome.COMPLETED) for x, y in points(40)]
    assert np.mean([x for x, _ in proposals(records, 20)]) > 0.5


def test_it_keeps_away_from_infeasible_trials() -> None:
    """Told as failed they would be invisible: the proposals would stay where the objective pulls."""
    records = [
        Record({"x": x, "y": y}, ((1, -x),), Outcome.INFEASIBLE if x > 0 else Outcome.COMPLETED) for x, y in points(40)
    ]
    assert np.mean([x > 0.2 for x, _ in proposals(records, 20)]) < 0.3


def test_a_running_trial_pushes_the_next_away() -> None:
    """The constant liar counts it with the bad ones."""
    records = [Record({"x": x, "y": y}, ((1, abs(x) + abs(y)),), Outcome.COMPLETED) for x, y in points(30)]
    crowd = [Record({"x": 0.0 + i / 1000, "y": 0.0}) for i in range(30)]
    alone = np.median([abs(x) + abs(y) for x, y in proposals(records, 20)])
    crowded = np.median([abs(x) + abs(y) for x, y in proposals([*records, *crowd], 20)])
    assert crowded > alone


def test_a_conditional_parameter_is_modelled_where_it_is_active() -> None:
    """`group` is off by default, and without it conditional parameters would be drawn at random for ever."""
    record = OptunaRecord(IN_MEMORY)
    start = [record.propose(history((), TPE, name="start"), number) for number in range(40)]
    records = [Record(p, ((1, abs(float(p.get("beta", 9)) - 0.95)),), Outcome.COMPLETED) for p in start]
    made = [record.propose(history(records, TPE, SPACE, name=str(seed), seed=seed), 40) for seed in range(15)]
    betas = [float(p["beta"]) for p in made if "beta" in p]
    assert len(betas) > 10
    assert np.median(betas) > 0.8


@pytest.mark.parametrize("outcome", [None, Outcome.PRUNED])
def test_it_learns_from_trials_that_wait_at_a_rung(outcome: Outcome | None) -> None:
    """To Optuna they are running, and what runs is bad: under a pruner that pauses, nothing would ever be good."""
    records = [Record({"x": x, "y": y}, ((1, abs(x - 0.8)),), outcome) for x, y in points(40)]
    assert np.mean([x for x, _ in proposals(records, 20)]) > 0.5


def test_among_those_who_wait_the_furthest_count_most() -> None:
    low = [Record({"x": x, "y": y}, ((1, 0.1),)) for x, y in points(40) if x < 0.3]
    high = [Record({"x": 0.8 + i / 100, "y": y}, ((1, 0.2), (9, 0.3))) for i, (_, y) in enumerate(points(4))]
    assert np.mean([x for x, _ in proposals([*low, *high], 20)]) > 0.3


def test_a_startup_is_as_long_as_asked() -> None:
    records = [Record({"x": x, "y": y}, ((1, x),), Outcome.COMPLETED) for x, y in points(5)]
    asked = [asking(records, algorithm, FLAT, startupTrials=5) for algorithm in (TPE, SamplerAlgorithm.QUASI_RANDOM)]
    made = [OptunaRecord(IN_MEMORY).propose(each, 5) for each in asked]
    assert made[0] != made[1]


def test_scales_that_optuna_lacks_are_walked_as_they_were_asked_for() -> None:
    """Linearly, nearly all of what is proposed for 1 - momentum from 1e-4 would lie above 0.1."""
    space = parameters(
        {"name": "momentum", "float": {"min": 0.0, "max": 0.9999, "scale": "LogOneMinus"}},
        {"name": "rate", "logNormal": {"mean": -5, "standardDeviation": 1}},
    )
    axes = Space(space).axes
    records = []
    for u, v in np.random.default_rng(0).random((40, 2)):
        values = {"momentum": axes["momentum"].value(u), "rate": axes["rate"].value(v)}
        records.append(Record(values, ((1, abs(u - 0.9) + abs(v - 0.2)),), Outcome.COMPLETED))
    record = OptunaRecord(IN_MEMORY)
    made = [record.propose(asking(records, TPE, space), number) for number in range(40, 60)]
    assert abs(np.median([axes["momentum"].uniform(m["momentum"]) for m in made]) - 0.9) < 0.2
    assert abs(np.median([axes["rate"].uniform(m["rate"]) for m in made]) - 0.2) < 0.2


@pytest.mark.parametrize("direction", list(Direction))
def test_of_too_many_trials_all_that_are_good_are_kept(direction: Direction) -> None:
    """What is thinned out must be of those that TPE takes for bad, and say the same of where they lie."""
    outcomes = (Outcome.PRUNED, Outcome.COMPLETED, Outcome.PRUNED, Outcome.INFEASIBLE, None)
    draw = np.random.default_rng(0).random(1000).tolist()
    records = [
        Record({"x": x, "y": y}, ((1 + n % 3, draw[n]),) * (n % 5 < 3), outcomes[n % 5])
        for n, (x, y) in enumerate(points(1000))
        if n % 5 != 1 or n < 40
    ]
    study: optuna.Study = OptunaRecord(IN_MEMORY).study(history(records, TPE, FLAT, direction=direction))
    trials = study.get_trials(deepcopy=False)
    kept = thinned(trials, MODELLED, maximize=direction is Direction.MAXIMIZE)
    good = [[t.number for t in _split_trials(study, some, 25)[0]] for some in (trials, kept)]
    assert good[0] == good[1]
    assert len([t for t in kept if t.state.is_finished()]) == MODELLED
    assert [t.number for t in kept] == sorted(t.number for t in kept)
    infeasible = [np.mean([bool(t.constraints) for t in some if t.state.is_finished()]) for some in (trials, kept)]
    assert infeasible[1] == pytest.approx(infeasible[0], abs=0.05)
