"""What the record promises over every storage. `STEPLADDER_TEST_STORAGE` adds the URL of an empty database."""

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from contract.histories import ALGORITHMS, FLAT, SPACE, ended, history, loss, play
from stepladder.api.model import Scalar
from stepladder.api.study import Direction, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.history import Record
from stepladder.search.record import OptunaRecord
from stepladder.search.storage import IN_MEMORY

EXTERNAL = os.environ.get("STEPLADDER_TEST_STORAGE")
POINT = {"x": 0.5, "y": -0.5}


STORAGES = ["memory", "sqlite", *(["external"] if EXTERNAL else [])]
# Quickly: one sampler that reads what the storage holds, and one that does not; in memory one with a state of its own.
QUICK = {*product(STORAGES, (SamplerAlgorithm.TPE, SamplerAlgorithm.RANDOM)), ("memory", SamplerAlgorithm.CMAES)}
OVER_STORAGES = [
    pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.long) for pair in product(STORAGES, ALGORITHMS)
]


@pytest.fixture(params=STORAGES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"memory": IN_MEMORY, "sqlite": f"sqlite:///{tmp_path}/data/optuna.db"}.get(request.param, EXTERNAL or "")


@pytest.fixture
def record(url: str) -> Iterator[OptunaRecord]:
    opened = OptunaRecord(url)
    yield opened
    # Databases outlive a test: an empty history leaves an empty study.
    opened.mirror(history(space=FLAT))
    opened.mirror(history())
    opened.close()


def states(record: OptunaRecord, *records: Record) -> list[optuna.trial.FrozenTrial]:
    return record.study(history(records, space=FLAT)).trials


CURVE = ((10, 3.0), (30, 2.0))


@pytest.mark.parametrize(
    ("outcome", "state", "value"),
    [
        (None, TrialState.RUNNING, None),
        (Outcome.COMPLETED, TrialState.COMPLETE, 2.0),
        (Outcome.PRUNED, TrialState.PRUNED, 2.0),
        (Outcome.STOPPED, TrialState.PRUNED, 2.0),
        (Outcome.INFEASIBLE, TrialState.PRUNED, None),
        (Outcome.FAILED, TrialState.FAIL, None),
    ],
)
@pytest.mark.parametrize("seen_running", [False, True])
def test_each_outcome_is_told_the_same_at_once_and_by_and_by(
    record: OptunaRecord, outcome: Outcome | None, state: TrialState, value: float | None, seen_running: bool
) -> None:
    if seen_running:
        record.mirror(history([Record(POINT, CURVE[:1])], space=FLAT))
    [trial] = states(record, Record(POINT, CURVE, outcome))
    assert (trial.number, trial.state, trial.value, trial.params) == (0, state, value, POINT)
    assert trial.intermediate_values == dict(CURVE)
    assert bool(trial.constraints) == (outcome is Outcome.INFEASIBLE)


@pytest.mark.parametrize("direction", list(Direction))
def test_an_infeasible_trial_never_wins(record: OptunaRecord, direction: Direction) -> None:
    extreme = -1e9 if direction is Direction.MINIMIZE else 1e9
    records = [Record(POINT, ((1, extreme),), Outcome.INFEASIBLE), Record(POINT, ((1, 1.0),), Outcome.COMPLETED)]
    told = history(records, space=FLAT, direction=direction, name=f"direction/{direction}")
    assert record.study(told).best_trial.number == 1


def test_records_keep_their_numbers_when_they_end_in_another_order(record: OptunaRecord) -> None:
    points = [{"x": i / 10, "y": 0.0} for i in range(4)]
    running = [Record(point) for point in points]
    record.mirror(history(running, space=FLAT))
    running[2] = Record(points[2], ((1, 0.5),), Outcome.COMPLETED)
    record.mirror(history(running, space=FLAT))
    trials = states(record, *running, Record({"x": 1.0, "y": 1.0}, ((1, 1.0),), Outcome.PRUNED))
    assert [t.params["x"] for t in trials] == [0.0, 0.1, 0.2, 0.3, 1.0]
    assert [t.state.name for t in trials] == ["RUNNING", "RUNNING", "COMPLETE", "RUNNING", "PRUNED"]


def test_a_step_that_is_seen_again_counts_once_and_as_last_seen(record: OptunaRecord) -> None:
    """Optuna's `Trial.report` keeps the first value, which after a rollback to a checkpoint is the wrong one."""
    record.mirror(history([Record(POINT, ((10, 3.0), (20, 9.0)))], space=FLAT))
    [trial] = states(record, Record(POINT, ((10, 3.0), (20, 2.0), (30, 1.0))))
    assert trial.intermediate_values == {10: 3.0, 20: 2.0, 30: 1.0}


def test_mirroring_again_changes_nothing(record: OptunaRecord, url: str) -> None:
    records = play(record, 8, SamplerAlgorithm.RANDOM)
    before = record.study(history(records)).trials
    record.mirror(history(records))
    assert record.study(history(records)).trials == before
    if url != IN_MEMORY:
        again = OptunaRecord(url)
        assert again.study(history(records)).trials == before
        again.close()


def test_a_proposal_becomes_its_record_and_not_a_second_trial(record: OptunaRecord) -> None:
    first = record.propose(history(), 0)
    ahead = record.propose(history(), 1)
    study = record.study(history([ended(first, 0), Record(ahead)]))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.RUNNING]


@pytest.mark.parametrize(("url", "algorithm"), OVER_STORAGES, indirect=["url"])
def test_a_restart_between_proposal_and_trial_adopts_the_proposal(
    record: OptunaRecord, url: str, algorithm: SamplerAlgorithm
) -> None:
    records = play(record, 12, algorithm)
    proposed = record.propose(history(records, algorithm), 12)
    restarted = OptunaRecord(url)
    assert restarted.propose(history(records, algorithm), 12) == proposed
    assert len(restarted.study(history(records, algorithm)).trials) == 13
    restarted.close()


@pytest.mark.parametrize(("url", "algorithm"), OVER_STORAGES, indirect=["url"])
def test_losing_the_storage_at_any_time_changes_no_proposal(record: OptunaRecord, algorithm: SamplerAlgorithm) -> None:
    """One long-lived record against one that is rebuilt from nothing before every proposal that a model makes."""
    records = play(record, 18, algorithm)
    for number in [0, 9, *range(14, 18)]:
        rebuilt = OptunaRecord(IN_MEMORY).propose(history(records[:number], algorithm), number)
        assert rebuilt == records[number].parameters, number


@pytest.mark.parametrize(("url", "algorithm"), OVER_STORAGES, indirect=["url"])
def test_proposals_ahead_of_need_come_out_the_same_in_one_go(record: OptunaRecord, algorithm: SamplerAlgorithm) -> None:
    """Lost with the storage, those before the one that is asked for are made again on the way."""
    records = play(record, 14, algorithm)
    one_by_one = [record.propose(history(records, algorithm), number) for number in (14, 15, 16)]
    fresh = OptunaRecord(IN_MEMORY)
    assert fresh.propose(history(records, algorithm), 16) == one_by_one[2]
    assert fresh.propose(history(records, algorithm), 14) == one_by_one[0]
    assert len({str(sorted(p.items())) for p in one_by_one}) == 3  # a running trial's place is not proposed again


def test_an_index_with_a_record_is_answered_from_it(record: OptunaRecord) -> None:
    records = play(record, 2, SamplerAlgorithm.RANDOM)
    assert record.propose(history(records), 1) == records[1].parameters


def test_a_record_that_is_not_what_was_proposed_wins(record: OptunaRecord) -> None:
    """An orphan: the operator died after asking, and somebody applied another Trial in its place."""
    record.propose(history(space=FLAT), 0)
    assert [t.params for t in states(record, Record(POINT, CURVE, Outcome.COMPLETED))] == [POINT]


def test_in_memory_what_was_trained_in_place_of_a_proposal_is_put_in_its_place() -> None:
    # Would catch: a simulation, of which every proposal is replaced by the table's nearest, that makes its study anew
    # each time: half of what it takes.
    record = OptunaRecord(IN_MEMORY)
    record.propose(history(space=FLAT), 0)
    before = record.study(history(space=FLAT))
    after = record.study(history([Record(POINT, CURVE, Outcome.COMPLETED)], space=FLAT))
    assert [t.params for t in after.trials] == [POINT]
    assert [t._trial_id for t in after.trials] == [t._trial_id for t in before.trials]  # noqa: SLF001  the storage's


def test_a_trial_that_was_deleted_after_it_ended_is_forgotten(record: OptunaRecord) -> None:
    records = [Record({"x": i / 10, "y": 0.0}, ((1, float(i)),), Outcome.COMPLETED) for i in range(3)]
    record.mirror(history(records, space=FLAT))
    hole = Record({}, (), Outcome.FAILED)
    trials = states(record, hole, *records[1:])
    assert [(t.state.name, t.value) for t in trials] == [("FAIL", None), ("COMPLETE", 1.0), ("COMPLETE", 2.0)]
    assert len(states(record, hole, records[1])) == 2


def test_values_outside_the_space_are_left_out_and_json_numbers_find_their_type(record: OptunaRecord) -> None:
    """A Trial applied by hand may hold anything; Kubernetes gives 1.0 back as 1."""
    values: dict[str, Scalar] = {
        "optimizer": "rmsprop",
        "learning_rate": 1,
        "batch_size": 64.0,
        "layers": 2,
        "stranger": "x",
    }
    study = record.study(history([Record(values, ((1, 0.1),), Outcome.COMPLETED)]))
    assert study.trials[0].params == {"learning_rate": 1.0, "batch_size": 64}
    assert isinstance(study.trials[0].params["learning_rate"], float)
    assert record.propose(history([Record(values)]), 1)


def test_settings_and_rounds_do_not_mix(record: OptunaRecord) -> None:
    one, other = history(name="a", salt="explore/0"), history(name="b", salt="explore/1")
    assert record.propose(one, 0) != record.propose(other, 0)
    assert len(record.study(replace(one, records=(Record({"optimizer": "adam"}),))).trials) == 1


def test_the_name_with_its_uid_has_no_part_in_a_proposal(record: OptunaRecord) -> None:
    """Same manifest and seed, same configurations: in another cluster, after delete and apply too."""
    proposals = [record.propose(history(name=f"ns/digits/{uid}/explore/0"), 0) for uid in ("a", "b")]
    assert proposals[0] == proposals[1] != record.propose(history(name="ns/digits/c/explore/0", seed=2), 0)


def test_no_study_has_a_pruner(record: OptunaRecord) -> None:
    """HyperbandPruner hides other brackets' trials from the samplers and cannot resume."""
    assert isinstance(record.study(history()).pruner, optuna.pruners.NopPruner)


def test_every_active_parameter_is_there_and_no_other(record: OptunaRecord) -> None:
    seen: set[str] = set()
    for number in range(24):
        values = record.propose(history(algorithm=SamplerAlgorithm.RANDOM), number)
        expected = {"optimizer", "width", "learning_rate", "batch_size", "layers"}
        expected |= {"beta"} if values["optimizer"] == "adam" else {"momentum"}
        expected |= {"nesterov"} if values.get("momentum") == 0.9 else set()
        assert values.keys() == expected
        assert values["width"] == 64
        assert {type(v) for v in values.values()} <= {str, int, float, bool}
        seen |= values.keys()
    assert len(SPACE) >= len(seen) >= len(SPACE) - 1
    assert loss({"x": 0.1}) == 0
