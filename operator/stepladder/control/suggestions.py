"""Proposals, asked for off the event loop: a reconcile that needs one is told later that it is there."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Protocol

from stepladder.api.model import Scalar
from stepladder.control.cache import Key
from stepladder.search.history import History

logger = logging.getLogger(__name__)


class RecordOfStudies(Protocol):
    """The Optuna storage (`search.record.OptunaRecord`). Blocking; used by one thread at a time."""

    def mirror(self, history: History) -> None:
        """Bring the storage in line with the trials."""
        ...

    def propose(self, history: History, index: int) -> Mapping[str, Scalar]:
        """The parameters of the `index`-th trial, the same ones whenever asked again."""
        ...


class Suggestions:
    """The one user of the record. Without an executor everything happens at once, which only tests want."""

    def __init__(self, record: RecordOfStudies, executor: Executor | None, on_ready: Callable[[Key], None]) -> None:
        self._record = record
        self._executor = executor
        self._on_ready = on_ready
        self._ready: dict[tuple[str, int], Mapping[str, Scalar]] = {}
        self._asked: set[tuple[str, int]] = set()
        self._mirrored: dict[str, History] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: dict[Key, str] = {}  # studies whose storage refuses, and why

    def get(self, study: Key, history: History, index: int) -> Mapping[str, Scalar] | None:
        """A proposal; None if it has yet to be made, in which case the study is reconciled again when it is."""
        wanted = (history.name, index)
        if wanted in self._ready:
            return self._ready[wanted]
        if self._executor is None:
            return self._record.propose(history, index)
        if wanted not in self._asked:
            self._asked.add(wanted)
            self._start(self._ask(study, history, index))
        return None

    def used(self, history: History, index: int) -> None:
        """The trial that the proposal was for exists: the proposal need not be kept."""
        self._ready.pop((history.name, index), None)

    def mirror(self, study: Key, history: History) -> None:
        """Bring the storage in line with what is known now, soon."""
        if self._mirrored.get(history.name) == history:
            return
        self._mirrored[history.name] = history
        if self._executor is None:
            self._record.mirror(history)
        else:
            self._start(self._write(study, history))

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, study: Key, history: History, index: int) -> None:
        try:
            loop = asyncio.get_running_loop()
            self._ready[history.name, index] = await loop.run_in_executor(
                self._executor, self._record.propose, history, index
            )
            self.failures.pop(study, None)
        except Exception as error:
            logger.exception("no proposal for %s/%s", study.namespace, study.name)
            self.failures[study] = str(error)
        finally:
            self._asked.discard((history.name, index))
            self._on_ready(study)

    async def _write(self, study: Key, history: History) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._record.mirror, history)
        except Exception as error:
            logger.exception("the record of %s/%s is not up to date", study.namespace, study.name)
            self._mirrored.pop(history.name, None)
            self.failures[study] = str(error)
            self._on_ready(study)
