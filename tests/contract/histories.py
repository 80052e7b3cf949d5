"""Histories for the tests of the record and of the samplers: a small space with everything in it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Engine, event

from stepladder.api.model import Scalar
from stepladder.api.samplers import ExplicitSettings
from stepladder.api.study import Direction, Parameter, Sampler, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.axis import Axis
from stepladder.search.history import History, Record
from stepladder.search.record import OptunaRecord
from stepladder.search.space import Space


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, _: object) -> None:
    """Tests lose processes, not power."""
    if type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous=OFF")


ALGORITHMS = tuple(a for a in SamplerAlgorithm if a is not SamplerAlgorithm.AUTO)
"""Those that propose: Auto is spelled out where a spec is read."""


def parameters(*specs: Mapping[str, Any]) -> tuple[Parameter, ...]:
    return tuple(Parameter.model_validate(spec) for spec in specs)


SPACE = parameters(
    # Before its parent on purpose: the order in a manifest says nothing.
    {"name": "nesterov", "categorical": {"values": [True, False]}, "when": {"parameter": "momentum", "in": [0.9]}},
    {"name": "optimizer", "categorical": {"values": ["adam", "sgd"]}},
    {"name": "width", "role": "Fixed", "value": 64},
    {"name": "learning_rate", "float": {"min": 1e-5, "max": 1, "scale": "Log"}},
    {"name": "beta", "float": {"min": 0.5, "max": 0.99}, "when": {"parameter": "optimizer", "in": ["adam"]}},
    {
        "name": "momentum",
        "float": {"min": 0, "max": 0.95, "step": 0.1},
        "when": {"parameter": "optimizer", "in": ["sgd"]},
    },
    {"name": "batch_size", "int": {"min": 8, "max": 512, "scale": "Log"}},
    {"name": "layers", "int": {"min": 1, "max": 8, "step": 2}},
)
FLAT = parameters(
    {"name": "x", "float": {"min": -1, "max": 1}},
    {"name": "y", "float": {"min": -1, "max": 1}},
)


def sampler(algorithm: SamplerAlgorithm, space: tuple[Parameter, ...] = SPACE) -> Sampler:
    """Its settings as a manifest would have them: for Explicit, a list long enough for these tests."""
    if algorithm is not SamplerAlgorithm.EXPLICIT:
        return Sampler(algorithm=algorithm)
    points = (i / 64 for i in range(64))
    listed = tuple(Space(space).resolve(partial(_at, point)) for point in points)
    return Sampler(algorithm=algorithm, explicit=ExplicitSettings(configurations=listed))


def _at(point: float, axis: Axis) -> Scalar:
    return axis.value(point)


def history(
    records: Sequence[Record] = (),
    algorithm: SamplerAlgorithm = SamplerAlgorithm.QUASI_RANDOM,
    space: tuple[Parameter, ...] = SPACE,
    **changes: Any,
) -> History:
    fields: dict[str, Any] = {
        "name": "vision/digits/uid/explore/0",
        "direction": Direction.MINIMIZE,
        "seed": 1,
        "salt": "explore/0",
    }
    return History(parameters=space, sampler=sampler(algorithm, space), records=tuple(records), **(fields | changes))


def loss(values: Mapping[str, Scalar]) -> float:
    """Something to minimise, over any space: numbers towards 0.1, and choices that matter a little."""
    return sum(abs(v - 0.1) if isinstance(v, float | int) else 0.05 * (v == "sgd") for v in values.values())


def ended(values: Mapping[str, Scalar], number: int) -> Record:
    """Trials of every kind: every 5th infeasible, every 4th pruned, every 7th failed, the others complete."""
    if number % 5 == 4:
        return Record(values, ((10, loss(values)),), Outcome.INFEASIBLE)
    if number % 4 == 3:
        return Record(values, ((10, loss(values)),), Outcome.PRUNED)
    if number % 7 == 6:
        return Record(values, (), Outcome.FAILED)
    return Record(values, ((10, loss(values)), (30, loss(values) / 2)), Outcome.COMPLETED)


def play(record: OptunaRecord, count: int, algorithm: SamplerAlgorithm, **changes: Any) -> list[Record]:
    """`count` trials, one after the other."""
    records: list[Record] = []
    for number in range(count):
        proposal = record.propose(history(records, algorithm, **changes), number)
        records.append(ended(proposal, number))
    return records
