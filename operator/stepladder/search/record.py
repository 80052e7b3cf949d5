"""The record: what Optuna is told of the Trials, and what it proposes next."""

from collections.abc import Callable
from typing import TypeVar

from optuna import Study
from optuna.exceptions import OptunaError
from sqlalchemy.exc import SQLAlchemyError

from stepladder.api.model import Scalar
from stepladder.search.history import History
from stepladder.search.mirror import Contradiction, Mirror
from stepladder.search.storage import Connection, unavailable

T = TypeVar("T")

_LOST = (OptunaError, SQLAlchemyError, KeyError, Contradiction)
"""What a storage raises that is gone, or that is no longer what this process remembers it to be."""


class OptunaRecord:
    """Optuna studies at `url` (SQLAlchemy's, or `storage.IN_MEMORY`). Blocking: to be used from one thread.

    The storage may be empty, behind, or deleted at any time: it is brought in line with the records by each call. What
    this process has already written is remembered, so that a call costs what has changed.
    Every method raises StorageUnavailable where the storage can be neither used nor opened anew.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._mirrors: dict[str, Mirror] = {}

    def mirror(self, history: History) -> None:
        """Bring the Optuna study `history.name` in line: record i becomes trial number i, and nothing is told twice."""
        self._attempt(history, lambda _: None)

    def propose(self, history: History, index: int) -> dict[str, Scalar]:
        """The configuration of trial `index`, counted from 0 like the records: every active parameter, fixed ones too.

        A proposal that was made before and has no record yet is given again, after a crash too; one that is lost with
        the storage comes out the same, since it follows from the history and the index alone. Missing proposals
        between the records and `index` are made on the way. For an index that has a record its parameters are given.

        Raises ValueError where conditions (`when`) name each other in a circle, or a parameter that is not there.
        """
        if index < len(history.records):
            return dict(history.records[index].parameters)
        return self._attempt(history, lambda mirror: mirror.propose(history, index))

    def study(self, history: History) -> Study:
        """The Optuna study, in line with the records, to be read: for importances, plots, a look by hand."""
        return self._attempt(history, lambda mirror: mirror.study())

    def forget(self, name: str) -> None:
        """Free what is remembered of a study that is over. It may come back: then it is read again."""
        self._mirrors.pop(name, None)

    def close(self) -> None:
        """Let go of the storage; the next call opens it again."""
        self._mirrors.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, history: History, act: Callable[[Mirror], T]) -> T:
        """Align and act; once more on a fresh connection and memory if the storage is not what it was."""
        try:
            return act(self._aligned(history))
        except _LOST:
            self.close()
        try:
            return act(self._aligned(history))
        except _LOST as error:
            self.close()
            raise unavailable(self._url, error) from error

    def _aligned(self, history: History) -> Mirror:
        if self._connection is not None and self._connection.stale:
            self.close()
        if self._connection is None:
            self._connection = Connection(self._url)
        mirror = self._mirrors.get(history.name)
        if mirror is None or mirror.parameters != history.parameters:
            mirror = self._mirrors[history.name] = Mirror(self._connection.storage, history)
        mirror.align(history.records)
        return mirror
