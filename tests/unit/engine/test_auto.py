"""Auto: its tables, rule by rule, and that nobody after the reading of a spec knows of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.simulator import study
from stepladder.api.study import Preset, PrunerAlgorithm, SamplerAlgorithm, TuningStudySpec
from stepladder.engine.auto import chosen_pruner, chosen_sampler, settled
from stepladder.engine.presets import expanded
from stepladder.engine.pruners import POLICIES
from stepladder.engine.reading import read
from stepladder.engine.validation import problems

AUTO = {"sampler": {"algorithm": "Auto"}, "pruner": {"algorithm": "Auto"}}
Parameters = list[dict[str, Any]]


def numbers(count: int) -> Parameters:
    return [{"name": f"x{i}", "float": {"min": 0, "max": 1}} for i in range(count)]


def choices(count: int, of: int = 3) -> Parameters:
    return [{"name": f"c{i}", "categorical": {"values": list(range(of))}} for i in range(count)]


OPTIMIZER = {"name": "optimizer", "categorical": {"values": ["adam", "sgd"]}}
BRANCHES: Parameters = [
    {"name": "beta", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["adam"]}},
    {"name": "momentum", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["sgd"]}},
]
WIDTH = {"name": "width", "role": "Scientific", "categorical": {"values": [32, 64]}}
CIRCLE: Parameters = [
    {"name": "a", "categorical": {"values": [1, 2]}, "when": {"parameter": "b", "in": [1]}},
    {"name": "b", "categorical": {"values": [1, 2]}, "when": {"parameter": "a", "in": [1]}},
]


@pytest.mark.parametrize(
    ("parameters", "trials", "algorithm"),
    [
        (choices(2), 9, "Grid"),
        ([*choices(2), {"name": "layers", "int": {"min": 1, "max": 12}}], 108, "Grid"),
        ([*choices(2), WIDTH], 18, "Grid"),
        ([OPTIMIZER, *choices(2)], 19, "RandomForest"),
        (numbers(2), 14, "QuasiRandom"),
        ([*numbers(2), WIDTH], 29, "QuasiRandom"),
        (numbers(30), 29, "QuasiRandom"),
        ([*numbers(2), *choices(2)], 15, "GaussianProcess"),
        ([*numbers(2), *choices(3)], 15, "RandomForest"),
        ([*numbers(1), OPTIMIZER, *BRANCHES], 40, "RandomForest"),
        (numbers(20), 40, "GaussianProcess"),
        (numbers(21), 40, "RandomForest"),
        (numbers(8), 1000, "GaussianProcess"),
        (numbers(8), 1001, "TPE"),
        (CIRCLE, 40, "QuasiRandom"),
    ],
)
def test_samplers(parameters: Parameters, trials: int, algorithm: str) -> None:
    spec = study({"trials": trials, "maxSteps": 81} | AUTO, parameters=parameters)
    assert chosen_sampler(spec, spec.rounds[0]).algorithm == algorithm


def test_a_grid_that_was_chosen_leaves_no_value_out() -> None:
    """Grid's own default is five values of a range; then validation would refuse the trials that are left over."""
    layers = {"name": "layers", "int": {"min": 1, "max": 12}}
    spec = settled(study({"trials": 12, "maxSteps": 9} | AUTO, parameters=[layers]))
    assert (spec.rounds[0].sampler.algorithm, problems(spec)) == ("Grid", ())


def test_a_grid_has_no_place_for_earlier_studies() -> None:
    sampler = {"algorithm": "Auto", "warmStart": [{"study": "earlier"}]}
    spec = study({"trials": 9, "maxSteps": 9, "sampler": sampler}, parameters=choices(2))
    assert chosen_sampler(spec, spec.rounds[0]).algorithm == "QuasiRandom"


@pytest.mark.parametrize(
    ("round_", "algorithm", "min_steps"),
    [
        ({"maxSteps": 810}, "FreezeThaw", 10),
        ({"maxSteps": 50}, "FreezeThaw", 1),
        ({"maxSteps": 810, "pruner": {"algorithm": "Auto", "minSteps": 30}}, "FreezeThaw", 30),
        ({"maxSteps": 800, "pruner": {"algorithm": "Auto", "reductionFactor": 2}}, "FreezeThaw", 50),
        ({"maxSteps": 810, "sampler": {"algorithm": "Random"}}, "ASHA", 10),
        ({"maxSteps": 810, "trials": 9}, "ASHA", 10),  # too few for a model
        ({"maxSteps": 59, "pruner": {"algorithm": "Auto", "minSteps": 30}}, "None", 30),
        ({"maxSteps": 60, "pruner": {"algorithm": "Auto", "minSteps": 30}}, "FreezeThaw", 30),
        ({"maxSteps": 1}, "None", None),
        ({"maxSteps": 89, "trials": 9, "pruner": {"algorithm": "Auto", "minSteps": 30}}, "ASHA", 30),
        ({"maxSteps": 90, "trials": 9, "pruner": {"algorithm": "Auto", "minSteps": 30}}, "ASHA", 30),
        ({"maxSteps": 2, "trials": 9}, "ASHA", 1),
        ({"maxSteps": 810, "trials": 2}, "None", None),
        ({"maxSteps": 810, "trials": 3}, "ASHA", 10),
        ({"maxSteps": 810, "repeats": 2}, "None", None),
        ({"maxSteps": 810, "stopWhenNoImprovement": {"trials": 9}}, "None", None),
        ({"maxSteps": 810, "sampler": {"algorithm": "OneAtATime"}}, "None", None),
    ],
)
def test_pruners(round_: dict[str, Any], algorithm: str, min_steps: int | None) -> None:
    found = settled(study({"trials": 27} | AUTO | round_)).rounds[0].pruner
    assert (found.algorithm, found.min_steps) == (algorithm, min_steps)


SECOND = {"algorithm": "Auto", "minSteps": 2}


@pytest.mark.parametrize(
    ("round_", "reason"),
    [
        ({"trials": 1, "maxSteps": 81}, "of 1 trial none would be one in 3"),
        ({"trials": 9, "maxSteps": 81}, "one in 3 goes on from 1 step, and no slot waits for another"),
        (
            {"trials": 9, "maxSteps": 3, "pruner": {"algorithm": "Auto", "minSteps": 2}},
            "3 steps are too few for a rung of 2 below",
        ),
    ],
)
def test_reasons_are_sentences(round_: dict[str, Any], reason: str) -> None:
    """They stand in an Event and in `stepladder describe`."""
    spec = study(AUTO | round_)
    assert chosen_pruner(spec, spec.rounds[0]).reason == reason


def test_the_best_of_an_earlier_round_are_trained_to_the_end() -> None:
    explore = {"trials": 27, "maxSteps": 81}
    final = {"from": {"round": "round-0", "best": 3}, "maxSteps": 810} | AUTO
    spec = study(explore, final)
    assert chosen_pruner(spec, spec.rounds[1]).algorithm == "None"
    assert settled(spec).rounds[1].sampler.algorithm == "QuasiRandom"


def test_what_a_person_may_change_later_changes_no_choice() -> None:
    """A round that has begun goes on with the sampler that it began with."""
    round_ = {"trials": 27, "maxSteps": 810} | AUTO
    more = {"trials": 5000, "maxSteps": 9} | AUTO
    begun = settled(study(round_)).rounds[0]
    assert settled(study(round_, more, parallelism=64, budget={"trainedSteps": 810})).rounds[0] == begun


specs = st.builds(
    lambda trials, steps, count, kind, presets: study(
        {"trials": trials, "maxSteps": steps} | AUTO, parameters=kind(count), presets=presets
    ),
    st.integers(1, 2000),
    st.integers(1, 2000),
    st.integers(1, 8),
    st.sampled_from([numbers, choices]),
    st.sampled_from([[], *([preset] for preset in Preset)]),
)


@given(specs)
def test_what_is_read_runs_and_is_read_again_as_it_is(spec: TuningStudySpec) -> None:
    """Nobody after the reading knows of Auto; and it never turns a study that could run into one that could not."""
    found = read(spec.wire())
    assert found.rounds[0].sampler.algorithm is not SamplerAlgorithm.AUTO
    assert found.rounds[0].pruner.algorithm in POLICIES
    assert found.rounds[0].pruner.min_steps or found.rounds[0].pruner.algorithm is PrunerAlgorithm.NONE
    assert settled(expanded(found)) == found
    assert problems(found) == ()
