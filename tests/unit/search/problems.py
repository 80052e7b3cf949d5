"""Stated problems, all to be minimised, their best value 0, and searches of them through the record."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from contract.histories import history, parameters
from stepladder.api.model import Scalar
from stepladder.api.study import Parameter, Sampler, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.encoding import Encoding
from stepladder.search.history import History, Record
from stepladder.search.record import OptunaRecord
from stepladder.search.space import Space
from stepladder.search.storage import IN_MEMORY

Objective = Callable[[Mapping[str, Scalar]], float]

BOX = parameters(*({"name": f"x{i}", "float": {"min": -5, "max": 5}} for i in range(5)))
PLANE = parameters(*({"name": f"x{i}", "float": {"min": -2, "max": 2}} for i in range(2)))
LETTERS = parameters(*({"name": f"gene{i}", "categorical": {"values": ["a", "b", "c", "d"]}} for i in range(12)))


def quadratic(values: Mapping[str, Scalar]) -> float:
    """Separable, its minimum at 1.3 along each axis. Over `BOX` its mean is 50."""
    return sum((float(x) - 1.3) ** 2 for x in values.values())


def rosenbrock(values: Mapping[str, Scalar]) -> float:
    """A curved valley."""
    x, y = float(values["x0"]), float(values["x1"])
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2


def one_max(values: Mapping[str, Scalar]) -> float:
    """How many letters are not c: OneMax over four letters."""
    return float(sum(letter != "c" for letter in values.values()))


def asking(
    records: list[Record], algorithm: SamplerAlgorithm, space: tuple[Parameter, ...], seed: int = 1, **settings: object
) -> History:
    sampler = Sampler.model_validate({"algorithm": algorithm, **settings})
    return replace(history(records, SamplerAlgorithm.RANDOM, space, seed=seed), sampler=sampler)


def search(
    algorithm: SamplerAlgorithm,
    space: tuple[Parameter, ...],
    judge: Objective,
    count: int,
    seed: int,
    **settings: object,
) -> list[Record]:
    """`count` trials one after the other."""
    record, records = OptunaRecord(IN_MEMORY), list[Record]()
    for number in range(count):
        values = record.propose(asking(records, algorithm, space, seed, **settings), number)
        records.append(Record(values, ((1, judge(values)),), Outcome.COMPLETED))
    return records


def best(records: list[Record]) -> float:
    return min(value for record in records for _, value in record.observations)


def random_best(space: tuple[Parameter, ...], judge: Objective, count: int, seed: int) -> float:
    """What random search finds."""
    encoding, rng = Encoding(Space(space)), np.random.default_rng(seed)
    return min(judge(encoding.configuration(rng.random(encoding.dimensions))) for _ in range(count))
