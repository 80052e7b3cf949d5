"""One parameter at a time: the design, and the configurations that a manifest lists."""

from dataclasses import replace
from typing import Any

from contract.histories import SPACE, history, parameters
from stepladder.api.samplers import ExplicitSettings, OneAtATimeSettings
from stepladder.api.space import FixedValue
from stepladder.api.study import Sampler, SamplerAlgorithm
from stepladder.engine.sensitivity import design_size
from stepladder.search.record import OptunaRecord
from stepladder.search.samplers.one_at_a_time import design
from stepladder.search.space import Space
from stepladder.search.storage import IN_MEMORY

PARAMETERS = parameters(
    {"name": "learning_rate", "float": {"min": 1e-4, "max": 1, "scale": "Log"}},
    {"name": "optimizer", "categorical": {"values": ["sgd", "adam"]}},
    {"name": "momentum", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["sgd"]}},
    {"name": "beta", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["adam"]}},
)


def settings(points: int = 3, **baseline: Any) -> OneAtATimeSettings:
    given = tuple(FixedValue(name=name, value=value) for name, value in baseline.items())
    return OneAtATimeSettings(points=points, baseline=given)


def test_the_baseline_comes_first_and_every_other_trial_differs_in_one_parameter() -> None:
    baseline, *others = design(Space(PARAMETERS), settings())
    assert baseline == {"learning_rate": 0.01, "optimizer": "sgd", "momentum": 0.5}
    assert others == [
        baseline | {"learning_rate": 1},
        {"learning_rate": 0.01, "optimizer": "adam", "beta": 0.5},
        baseline | {"momentum": 1.0},
        baseline | {"learning_rate": 1e-4},
        baseline | {"momentum": 0.0},
    ]


def test_the_baseline_takes_the_place_of_the_value_next_to_it() -> None:
    """Else a trial would be spent on 0.1 beside 0.11, and validation could not say how many trials there are."""
    baseline, *others = design(Space(PARAMETERS), settings(points=5, learning_rate=0.11, optimizer="adam"))
    tried = {0.11} | {trial["learning_rate"] for trial in others}
    assert baseline["learning_rate"] == 0.11
    assert [round(float(rate), 6) for rate in sorted(tried, key=float)] == [1e-4, 1e-3, 1e-2, 0.11, 1]


def test_the_size_is_known_without_the_values() -> None:
    for given in (settings(), settings(points=4), settings(points=6, optimizer="adam", learning_rate=0.5)):
        for space in (PARAMETERS, SPACE):
            found = design(Space(space), given)
            assert len(found) == design_size(space, given)
            assert len({str(sorted(trial.items())) for trial in found}) == len(found)


def test_listed_configurations_come_in_their_order_and_in_the_types_of_the_space() -> None:
    listed = ({"learning_rate": 1, "optimizer": "adam", "beta": 0}, {"optimizer": "sgd", "learning_rate": 0.5})
    sampler = Sampler(algorithm=SamplerAlgorithm.EXPLICIT, explicit=ExplicitSettings(configurations=listed))
    asked = replace(history(space=PARAMETERS), sampler=sampler)
    record = OptunaRecord(IN_MEMORY)
    first, second = record.propose(asked, 0), record.propose(asked, 1)
    assert first == {"learning_rate": 1.0, "optimizer": "adam", "beta": 0.0}
    assert isinstance(first["learning_rate"], float)
    assert (second["optimizer"], second["learning_rate"]) == ("sgd", 0.5)
    assert 0 <= float(second["momentum"]) <= 1  # not said: filled in, where validation did not refuse it
