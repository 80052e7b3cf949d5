"""What is known besides the study's own trials reaches the models, and no storage."""

import pytest

from contract.histories import FLAT, SPACE, history, parameters
from stepladder.api.model import Scalar
from stepladder.api.study import SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.history import Record
from stepladder.search.priors import complete
from stepladder.search.record import OptunaRecord
from stepladder.search.space import Space
from stepladder.search.storage import IN_MEMORY


def bowl(x: float, y: float) -> Record:
    return Record({"x": x, "y": y}, ((10, (x - 0.6) ** 2 + (y + 0.4) ** 2),), Outcome.COMPLETED)


PRIORS = tuple(bowl(i / 2 - 1, j / 2 - 1) for i in range(5) for j in range(5))


@pytest.mark.parametrize("algorithm", [SamplerAlgorithm.GAUSSIAN_PROCESS, SamplerAlgorithm.TPE])
def test_a_model_that_has_priors_begins_near_the_best(algorithm: SamplerAlgorithm) -> None:
    """Without them its first proposals are quasi-random, hence spread over [-1, 1]^2."""
    record = OptunaRecord(IN_MEMORY)
    told = history(space=FLAT, algorithm=algorithm, priors=PRIORS)
    records = [Record(record.propose(told, index)) for index in range(3)]
    assert all(abs(float(r.parameters["x"]) - 0.6) + abs(float(r.parameters["y"]) + 0.4) < 1 for r in records)
    study = record.study(told)
    assert [trial.number for trial in study.trials] == [0, 1, 2]  # the record holds none of them
    fresh = OptunaRecord(IN_MEMORY).propose(told, 0)
    assert fresh == records[0].parameters


def test_priors_make_no_difference_to_a_sequence() -> None:
    told, untold = (history(space=FLAT, name=str(n), priors=p) for n, p in enumerate((PRIORS, ())))
    record = OptunaRecord(IN_MEMORY)
    assert record.propose(told, 3) == record.propose(untold, 3)


def test_what_the_space_could_not_have_proposed_is_no_evidence() -> None:
    whole: dict[str, Scalar] = {"optimizer": "adam", "learning_rate": 0.1, "beta": 0.9, "batch_size": 8, "layers": 3}
    space = Space(SPACE)
    assert complete(space, Record(whole))
    assert complete(space, Record(whole | {"stranger": 1, "width": 64}))
    assert not complete(space, Record(whole | {"width": 32}))  # fixed to 64 here
    assert not complete(space, Record(whole | {"learning_rate": 2}))
    assert not complete(space, Record({k: v for k, v in whole.items() if k != "beta"}))
    assert not complete(Space(parameters({"name": "x", "float": {"min": 0, "max": 1}})), Record({}))
