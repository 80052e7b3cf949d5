"""Sampling from a table: what stands in for a proposal, and what the sampler is told of it."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from simulation.tables import always, answer, constant, ending, line, manifest
from stepladder.api.model import Scalar
from stepladder.api.study import Parameter, TuningStudySpec
from stepladder.engine.actions import Ask
from stepladder.search.histories import asked
from stepladder.search.record import OptunaRecord
from stepladder.simulation.curves import Curve
from stepladder.simulation.pool import Pool
from stepladder.simulation.table import Entry

PARAMETERS = [
    Parameter.model_validate({"name": "optimizer", "categorical": {"values": ["sgd", "adam"]}}),
    Parameter.model_validate({"name": "rate", "float": {"min": 1e-4, "max": 1, "scale": "Log"}}),
    Parameter.model_validate(
        {"name": "beta", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["adam"]}}
    ),
]


def pool(*configurations: dict[str, Any]) -> Pool:
    return Pool(PARAMETERS, [Entry(c, Curve(1, c, (1,), (0.0,), None, ((0, 0.0), (1, 1.0)))) for c in configurations])


def test_the_nearest_is_the_nearest_on_the_parameters_own_scale() -> None:
    """On a linear scale 0.1 would be nearer to 0.05 than 0.01 is to 0.011."""
    near, far = {"optimizer": "sgd", "rate": 0.001}, {"optimizer": "sgd", "rate": 0.05}
    assert pool(far, near).take({"optimizer": "sgd", "rate": 0.004}).parameters == near
    adam = {"optimizer": "adam", "rate": 0.004, "beta": 0.5}
    assert pool(adam, near).take({"optimizer": "sgd", "rate": 0.004}).parameters == near


def test_a_configuration_of_the_table_stands_for_itself_and_is_used_once() -> None:
    """A model that chooses from the pool must get what it has chosen, of two that are the same up to rounding too."""
    twins: list[dict[str, Scalar]] = [{"optimizer": "sgd", "rate": 0.1 * (1 + i * 1e-16)} for i in range(3)]
    twins = [t for i, t in enumerate(twins) if t not in twins[:i]]
    found = pool(*twins, {"optimizer": "sgd", "rate": 0.2})
    for chosen in reversed(found.candidates):
        assert found.take(chosen).parameters == chosen
    assert found.candidates == ()
    with pytest.raises(KeyError):
        found.take(twins[0])


def test_candidates_are_what_is_left() -> None:
    found = pool({"optimizer": "sgd", "rate": 0.1}, {"optimizer": "sgd", "rate": 0.2})
    found.take({"optimizer": "sgd", "rate": 0.1})
    assert found.candidates == ({"optimizer": "sgd", "rate": 0.2},)


@pytest.mark.parametrize("sampler", ["Random", "TPE"])
def test_no_configuration_is_run_twice_in_a_setting_and_each_setting_may_run_all(sampler: str) -> None:
    parameters = [
        {"name": "x", "float": {"min": 0, "max": 1}},
        {"name": "width", "role": "Scientific", "categorical": {"values": [1, 2]}},
    ]
    study = manifest({"trials": 40, "maxSteps": 10, "sampler": {"algorithm": sampler}}, parameters=parameters)
    lines = [line({"x": i / 20, "width": w}, [10], always(i)) for i in range(20) for w in (1, 2)]
    ended = ending(study, "\n".join(lines))
    counts = Counter((t.parameters["width"], t.parameters["x"]) for t in ended.trials)
    assert len(counts) == 40
    # A table that says nothing of the scientific parameter serves every setting.
    assert len(ending(study, constant(20, [10])).trials) == 40


def test_the_record_sees_the_configuration_that_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is told of its own proposal with another configuration's result learns nonsense."""
    told = []
    propose = OptunaRecord.propose

    def spy(self: OptunaRecord, history: Any, index: int) -> Any:
        told.append((history, self.study(history).trials))
        return propose(self, history, index)

    monkeypatch.setattr(OptunaRecord, "propose", spy)
    sampler = {"algorithm": "TPE", "startupTrials": 4}
    ended = ending(manifest({"trials": 12, "maxSteps": 20, "sampler": sampler}), constant(20, [10, 20]))
    history, trials = told[-1]
    assert len(trials) == 11
    table = {i / 20 for i in range(20)}
    for trial, ran in zip(trials, ended.trials, strict=False):
        assert trial.params["x"] == ran.parameters["x"]
        assert trial.params["x"] in table
        assert trial.value == ran.results[20]
    assert len(history.candidates) == 20 - 11


def test_samplers_that_do_not_look_are_asked_as_in_a_real_study() -> None:
    """They are not told of results, which must make no difference: with a dense table they propose what they would."""
    study = manifest({"trials": 30, "maxSteps": 1, "sampler": {"algorithm": "Random"}})
    dense = constant(4000, [1])
    found = [t.parameters["x"] for t in ending(study, dense, seed=3).trials]
    record = OptunaRecord("memory://")
    spec = TuningStudySpec.model_validate({**study["spec"], "seed": 3})
    real = [record.propose(asked("s", spec, Ask("round-0", 0, i), ()), i)["x"] for i in range(30)]
    np.testing.assert_allclose(np.array(found, dtype=float), np.array(real, dtype=float), atol=1 / 4000)


@pytest.mark.parametrize("sampler", ["Random", "TPE"])
def test_equal_seeds_give_equal_studies_and_others_do_not(sampler: str) -> None:
    study = manifest({"trials": 30, "maxSteps": 20, "sampler": {"algorithm": sampler}}, parallelism=3)
    table = constant(90, [10, 20])
    runs = [[t.parameters["x"] for t in ending(study, table, seed=seed, failure_rate=0.3).trials] for seed in (5, 5, 6)]
    assert runs[0] == runs[1] != runs[2]


def test_failures_cost_time_and_change_no_result() -> None:
    """Interrupted segments go on from their step: nothing is trained twice, and nothing is lost."""
    pruner = {"algorithm": "ASHA", "minSteps": 10, "reductionFactor": 3}
    study = manifest({"trials": 27, "maxSteps": 270, "pruner": pruner})
    table = constant(40, range(10, 271, 10))
    calm, rough = (ending(study, table, pod_start_seconds=5, failure_rate=rate) for rate in (0, 0.5))
    assert len(rough.segments) > len(calm.segments)
    for a, b in zip(calm.trials, rough.trials, strict=True):
        assert (a.parameters, a.results, a.outcome, a.trained_steps) == (
            b.parameters,
            b.results,
            b.outcome,
            b.trained_steps,
        )
    assert rough.wall_seconds == calm.wall_seconds + 5 * (len(rough.segments) - len(calm.segments))


def test_a_table_that_is_used_up_ends_the_round() -> None:
    found = answer(manifest({"trials": 30, "maxSteps": 10}), constant(12, [10]))
    assert (found.measures.trials, found.reason) == (12, "RoundsCompleted")
