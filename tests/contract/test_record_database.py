"""What only a database can do to the record: vanish, fall behind, be torn, or refuse."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from contract.histories import ALGORITHMS, ended, history, play
from stepladder.api.study import SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.history import Record
from stepladder.search.record import OptunaRecord
from stepladder.search.storage import StorageUnavailable

NAME = history().name


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def trials(path: Path) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(url_of(path))
    found = optuna.load_study(study_name=NAME, storage=storage).trials
    storage.engine.dispose()
    return found


def summary(found: list[optuna.trial.FrozenTrial]) -> list[object]:
    return [(t.number, t.state, t.value, t.params, t.intermediate_values, t.constraints) for t in found]


def test_a_file_deleted_under_a_running_operator_is_rebuilt(tmp_path: Path) -> None:
    """SQLite goes on reading and writing an unlinked file without a word: everything would be lost at the restart."""
    path = tmp_path / "optuna.db"
    record = OptunaRecord(url_of(path))
    records = play(record, 6, SamplerAlgorithm.RANDOM)
    before = summary(trials(path))
    path.unlink()
    assert record.propose(history(records), 6)
    assert summary(trials(path))[:5] == before[:5]
    assert [t.state for t in trials(path)][-1] is TrialState.RUNNING
    record.close()


def test_a_study_deleted_under_a_running_operator_is_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    record = OptunaRecord(url_of(path))
    records = play(record, 6, SamplerAlgorithm.RANDOM)
    record.mirror(history(records))
    storage = optuna.storages.RDBStorage(url_of(path))
    optuna.delete_study(study_name=NAME, storage=storage)
    storage.engine.dispose()
    records.append(Record(record.propose(history(records), 6)))
    record.mirror(history(records))
    assert len(trials(path)) == 7
    record.close()


@pytest.mark.parametrize("running", [False, True])
def test_a_database_restored_from_an_older_copy_catches_up(tmp_path: Path, running: bool) -> None:
    path, copy = tmp_path / "optuna.db", tmp_path / "copy.db"
    record = OptunaRecord(url_of(path))
    records = play(record, 3, SamplerAlgorithm.RANDOM)
    shutil.copy(path, copy)
    for number in range(3, 7):
        records.append(ended(record.propose(history(records, SamplerAlgorithm.RANDOM), number), number))
    record.mirror(history(records))
    expected = summary(trials(path))
    if not running:
        record.close()
    shutil.copy(copy, tmp_path / "other.db")
    (tmp_path / "other.db").replace(path)
    record.mirror(history(records))
    assert summary(trials(path)) == expected
    record.close()


@pytest.mark.parametrize(
    "algorithm", [a if a is SamplerAlgorithm.TPE else pytest.param(a, marks=pytest.mark.long) for a in ALGORITHMS]
)
def test_a_proposal_cut_in_two_by_a_crash_is_completed_as_it_would_have_been(
    tmp_path: Path, algorithm: SamplerAlgorithm
) -> None:
    path = tmp_path / "optuna.db"
    record = OptunaRecord(url_of(path))
    records = play(record, 13, algorithm)
    proposed = record.propose(history(records, algorithm), 13)
    for kept in (3, 1, 0):
        record.close()
        with closing(sqlite3.connect(path)) as database:
            drawn = "select param_id from trial_params join trials using (trial_id) where number = 13 order by param_id"
            lost = database.execute(drawn).fetchall()[kept:]
            database.executemany("delete from trial_params where param_id = ?", lost)
            database.commit()
        assert record.propose(history(records, algorithm), 13) == proposed
        assert len(trials(path)[13].params) == len(proposed) - 1  # all but the fixed one
    record.close()


def test_a_torn_proposal_is_completed_from_the_trial_that_came_of_it(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    record = OptunaRecord(url_of(path))
    proposed = record.propose(history(), 0)
    record.close()
    whole = trials(path)[0].params
    with closing(sqlite3.connect(path)) as database:
        database.execute("delete from trial_params where param_name = 'learning_rate'")
        database.commit()
    record = OptunaRecord(url_of(path))
    record.mirror(history([Record(proposed, ((1, 0.5),), Outcome.COMPLETED)]))
    assert (trials(path)[0].params, trials(path)[0].value) == (whole, 0.5)
    record.close()


def test_a_finished_trial_that_the_record_has_still_running_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    record = OptunaRecord(url_of(path))
    proposed = record.propose(history(), 0)
    record.mirror(history([Record(proposed, ((1, 0.5),), Outcome.COMPLETED)]))
    record.close()
    record.mirror(history([Record(proposed, ((1, 0.5),))]))
    assert [t.state for t in trials(path)] == [TrialState.RUNNING]
    record.close()


def test_a_space_that_has_changed_is_recorded_anew(tmp_path: Path) -> None:
    """Optuna refuses other choices under a known name; a study of the same name would be stuck for ever."""
    path = tmp_path / "optuna.db"
    record = OptunaRecord(url_of(path))
    record.mirror(history([Record({"optimizer": "adam"})]))
    other = tuple(
        p.model_copy(update={"categorical": p.categorical.model_copy(update={"values": ("adam", "lion")})})
        if p.name == "optimizer" and p.categorical
        else p
        for p in history().parameters
    )
    record.mirror(history([Record({"optimizer": "lion"})], space=other))
    assert trials(path)[0].params == {"optimizer": "lion"}
    record.close()


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    path.write_text("this is not a database" * 100)
    with pytest.raises(StorageUnavailable, match=r"optuna\.db.*not a database.*can be deleted"):
        OptunaRecord(url_of(path)).mirror(history())


def test_the_record_recovers_once_the_storage_does(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    path.write_text("this is not a database" * 100)
    record = OptunaRecord(url_of(path))
    with pytest.raises(StorageUnavailable):
        record.propose(history(), 0)
    path.unlink()
    assert record.propose(history(), 0)
    record.close()


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/nowhere/optuna.db", "nonsense", "nosuchdatabase://stepladder:secret@db/optuna"]
)
def test_an_unreachable_storage_is_named_without_its_password(url: str) -> None:
    with pytest.raises(StorageUnavailable) as refused:
        OptunaRecord(url).mirror(history())
    assert "secret" not in str(refused.value)
    assert "check" in str(refused.value)
