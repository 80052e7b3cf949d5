import math

from stepladder_trainer.contract import Objective
from stepladder_trainer.history import History


def test_the_best_is_the_earliest_of_equals_in_either_direction() -> None:
    history = History.of([(10, {"error": 0.5}), (20, {"error": 0.2}), (30, {"error": 0.2}), (40, {"error": math.nan})])
    assert history.best(Objective("error")) == (20, 0.2)
    assert history.best(Objective("error", minimize=False)) == (10, 0.5)
    assert history.best(Objective("accuracy")) is None


def test_a_step_reported_twice_is_one_evaluation() -> None:
    """Two entries would make the operator count one observation twice."""
    history = History()
    history.add(10, {"error": 0.5})
    history.add(10, {"loss": 1.0})
    history.add(10, {"error": 0.4})
    assert [(item.step, item.metrics) for item in history.evaluations] == [(10, {"error": 0.4, "loss": 1.0})]


def test_values_are_ordered_by_step_and_finite() -> None:
    history = History.of([(20, {"error": 0.2}), (10, {"error": 0.5}), (30, {"error": math.inf}), (40, {"loss": 1.0})])
    assert history.values("error") == [(10, 0.5), (20, 0.2)]
    assert history.value("error", 20) == 0.2
    assert history.value("error", 30) is None
    assert history.value("error", 40) is None
