"""Proposals, asked for off the event loop: a reconcile that needs one is told later that it is there."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final, Protocol

from stepladder.api.model import Scalar
from stepladder.control.cache import Key
from stepladder.search.history import History

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0  # a storage that refuses is left alone for so long


class RecordOfStudies(Protocol):
    """The Optuna storage (`search.record.OptunaRecord`). Blocking; used by one thread at a time."""

    def mirror(self, history: History) -> None:
        """Bring the storage in line with the trials."""
        ...

    def propose(self, history: History, index: int) -> Mapping[str, Scalar]:
        """The parameters of the `index`-th trial, the same ones whenever asked again."""
        ...

    def forget(self, name: str) -> None:
        """Free what is remembered of a study that is over."""
        ...


@dataclass
class _Study:
    """What is known, wanted and under way for one study. Histories by their name: one per round and setting."""

    proposals: dict[tuple[str, int], Mapping[str, Scalar]] = field(default_factory=dict)
    asked: set[tuple[str, int]] = field(default_factory=set)
    mirrored: dict[str, History] = field(default_factory=dict)  # or being mirrored
    latest: dict[str, History] = field(default_factory=dict)  # to be mirrored when that is done
    failure: str = ""
    resting_until: float = 0.0


class Suggestions:
    """The one user of the record. Without an executor everything happens at once, which only tests want."""

    def __init__(self, record: RecordOfStudies, executor: Executor | None, on_ready: Callable[[Key], None]) -> None:
        self._record = record
        self._executor = executor
        self._on_ready = on_ready
        self._studies: dict[Key, _Study] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, study: Key, history: History, index: int) -> Mapping[str, Scalar] | None:
        """A proposal; None if it has yet to be made, in which case the study is reconciled again when it is."""
        known, wanted = self._of(study), (history.name, index)
        if wanted in known.proposals:
            # Not kept: if its trial cannot be made now, the record gives the same again.
            return known.proposals.pop(wanted)
        if self._executor is None:
            return self._record.propose(history, index)
        if wanted not in known.asked and not self._rests(known):
            known.asked.add(wanted)
            self._start(self._ask(study, history, index))
        return None

    def failure(self, study: Key) -> str:
        """Why the storage last refused this study; empty where it did not."""
        return self._studies[study].failure if study in self._studies else ""

    def mirror(self, study: Key, history: History) -> None:
        """Bring the storage in line with what is known now, soon; of what comes while it is busy, the newest counts."""
        known, name = self._of(study), history.name
        if known.mirrored.get(name) == history or self._rests(known):
            return
        if self._executor is None:
            known.mirrored[name] = history
            self._record.mirror(history)
        elif name in known.latest:
            known.latest[name] = history
        else:
            known.latest[name] = history
            self._start(self._keep_mirrored(study, known, name))

    def forget(self, study: Key) -> None:
        """Drop a study that is gone, with what is still being asked for it."""
        known = self._studies.pop(study, None)
        for name in known.mirrored if known else ():
            if self._executor is None:
                self._record.forget(name)
            else:
                self._executor.submit(self._record.forget, name)

    def _of(self, study: Key) -> _Study:
        return self._studies.setdefault(study, _Study())

    def _rests(self, known: _Study) -> bool:
        return bool(known.failure) and asyncio.get_running_loop().time() < known.resting_until

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, study: Key, history: History, index: int) -> None:
        known = self._of(study)
        loop = asyncio.get_running_loop()
        try:
            made = await loop.run_in_executor(self._executor, self._record.propose, history, index)
            known.proposals[history.name, index] = made
            known.failure = ""
        except Exception as error:
            logger.exception("no proposal for %s/%s", study.namespace, study.name)
            self._failed(known, error)
        finally:
            known.asked.discard((history.name, index))
            self._on_ready(study)

    async def _keep_mirrored(self, study: Key, known: _Study, name: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (history := known.latest[name]) != known.mirrored.get(name):
                known.mirrored[name] = history
                await loop.run_in_executor(self._executor, self._record.mirror, history)
            known.failure = ""
        except Exception as error:
            logger.exception("the record of %s/%s is not up to date", study.namespace, study.name)
            known.mirrored.pop(name, None)
            self._failed(known, error)
            self._on_ready(study)
        finally:
            del known.latest[name]

    @staticmethod
    def _failed(known: _Study, error: Exception) -> None:
        known.failure = str(error) or type(error).__name__
        known.resting_until = asyncio.get_running_loop().time() + RETRY_SECONDS
