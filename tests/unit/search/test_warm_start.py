"""What an earlier study teaches: its best first, as far as this space has them, and its results where they compare."""

from typing import Any

from contract.histories import FLAT, history, parameters
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Observation, Outcome
from stepladder.engine.observed import TrialView
from stepladder.search.warm_start import Source, informed


def spec(metric: str = "loss", *rounds: str) -> TuningStudySpec:
    return TuningStudySpec.model_validate(
        {
            "objective": {"metric": metric},
            "parameters": [{"name": "x", "float": {"min": -9, "max": 9}}],
            "rounds": [{"name": name, "trials": 9, "maxSteps": 9} for name in rounds or ("explore",)],
            "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}},
        }
    )


def trial(number: int, loss: float, round_: str = "explore", **values: Any) -> TrialView:
    best = Observation(step=9, value=loss)
    return TrialView(
        str(number), number, round_, 0, number, 0, values, 9, 9, outcome=Outcome.COMPLETED, results={9: loss}, best=best
    )


def test_the_last_rounds_best_come_first_and_are_fitted_to_this_space() -> None:
    trials = (
        trial(0, 0.1, x=0.5, y=0.5, dropped=1),
        trial(1, 0.2, x=5, y=0.5),  # beyond the range: its end
        trial(2, 0.3, x=0.1),  # y is left to be proposed
        trial(3, 0.9, "final", x=0.7, y=0.7),
    )
    source = Source(spec("loss", "explore", "final"), trials, best=4)
    told = informed(history(space=FLAT), spec(), [source])
    assert told.first == ({"x": 0.7, "y": 0.7}, {"x": 0.5, "y": 0.5}, {"x": 1.0, "y": 0.5}, {"x": 0.1})
    assert len(told.priors) == 4


def test_results_of_another_metric_are_no_evidence_but_its_best_are_tried() -> None:
    told = informed(history(space=FLAT), spec(), [Source(spec("accuracy"), (trial(0, 0.1, x=0.5, y=0.5),), best=1)])
    assert (told.first, told.priors) == (({"x": 0.5, "y": 0.5},), ())


def test_a_choice_that_is_no_longer_there_is_left_out_and_a_step_is_kept() -> None:
    space = parameters(
        {"name": "optimizer", "categorical": {"values": ["sgd", "adam"]}},
        {"name": "layers", "int": {"min": 1, "max": 9, "step": 2}},
    )
    trials = (trial(0, 0.1, optimizer="rmsprop", layers=4),)
    [first] = informed(history(space=space), spec(), [Source(spec(), trials, best=1)]).first
    assert first in ({"layers": 3}, {"layers": 5})
