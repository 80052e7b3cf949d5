"""The controller: feeds the cache, queues what a change concerns, and reconciles it. Both homes run this one program.

Crash-only: nothing that matters lives in this process. It may be killed after any write, and the next one goes on.
"""

import asyncio
import logging
import random
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor

from stepladder import telemetry
from stepladder.control import placing
from stepladder.control.cache import Cache, Key, concerns, key_of
from stepladder.control.clock import Clock, SystemClock
from stepladder.control.events import EventRecorder
from stepladder.control.long_lived import LongLived
from stepladder.control.quota_queue import QuotaQueue
from stepladder.control.scraping import Fetch, Scraper, fetch
from stepladder.control.serving import Serving
from stepladder.control.specs import Specs
from stepladder.control.store import (
    PODS,
    QUOTAS,
    STUDIES,
    TRIALS,
    WATCHED,
    Change,
    Conflict,
    NotFound,
    ObjectStore,
    StoreError,
)
from stepladder.control.studies import StudyReconciler
from stepladder.control.suggestions import RecordOfStudies, Suggestions
from stepladder.control.trials import TrialReconciler
from stepladder.control.workqueue import WorkQueue
from stepladder.control.writes import Writer
from stepladder.engine.pruners import judges_between_rungs
from stepladder.search.record import OptunaRecord

logger = logging.getLogger(__name__)

WORKERS = 8
RELIST_SECONDS = 60.0
RELIST_JITTER = 0.2
RELIST_RETRY_SECONDS = 2.0


class Controller:
    """Studies and trials of one namespace, or of all, kept on their way."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        storage_url: str = "",
        namespace: str | None = None,
        clock: Clock | None = None,
        record: RecordOfStudies | None = None,
        executor: Executor | None = None,
        fetch: Fetch = fetch,
        deploys: bool = True,
    ) -> None:
        """`record` and `executor` replace the Optuna storage at `storage_url` and its thread, for tests. `deploys`:
        whether Deployments run here, as they do on a cluster."""
        clock = clock or SystemClock()
        if record is None:
            # One thread: the storage is used by one caller at a time, and the event loop never waits for it.
            record, executor = OptunaRecord(storage_url), executor or ThreadPoolExecutor(1, "optuna")
        self._store = store
        self._namespace = namespace
        self._cache = Cache()
        self._long_lived = LongLived()
        self.queue: WorkQueue[Key] = WorkQueue()
        writer = Writer(store, self._cache, self._queue_for)
        events = EventRecorder(store, clock)
        scraper = Scraper(self._read_of, fetch)
        self._scraper = scraper
        suggestions = Suggestions(record, executor, self.queue.add)
        self._generations: dict[Key, tuple[str, int]] = {}  # of the studies, by UID and generation
        self._specs = specs = Specs()
        self._quota = QuotaQueue(self._cache, self.queue.add)
        self._trials = TrialReconciler(self._cache, writer, specs, self._quota, scraper, events, clock)
        serving = Serving(self._cache, writer, clock) if deploys else None
        self._studies = StudyReconciler(self._cache, writer, specs, suggestions, scraper, events, clock, serving)

    async def run(self) -> None:
        """Reconcile until cancelled. Raises what the store's watch raises when it is lost for good."""
        async with asyncio.TaskGroup() as tasks:
            listening = asyncio.Event()
            tasks.create_task(self._listen(listening))
            await listening.wait()
            listed = asyncio.Event()
            tasks.create_task(self._relist(listed))
            # Not before all is known that there is: a study seen without its trials would be planned from scratch.
            await listed.wait()
            tasks.create_task(self._scraper.run())
            for _ in range(WORKERS):
                tasks.create_task(self._work())

    async def _listen(self, listening: asyncio.Event) -> None:
        changes = self._store.changes()
        listening.set()
        async for change in changes:
            if self._cache.observe(change):
                self._queue_for(change)

    async def _relist(self, listed: asyncio.Event) -> None:
        """Lists find what the watch has lost; the first one finds everything. `listed` is set when it has."""
        while True:
            pause, complete = RELIST_SECONDS * random.uniform(1 - RELIST_JITTER, 1 + RELIST_JITTER), True
            for resource in WATCHED:
                try:
                    listing = await self._store.list(resource, self._namespace, None)
                except StoreError as error:
                    logger.warning("cannot list %s: %s", resource.plural, error)
                    if resource != QUOTAS:  # they only spare us refusals
                        pause, complete = RELIST_RETRY_SECONDS, False
                    continue
                for change in self._cache.replace(resource, listing):
                    self._queue_for(change)
            if complete:
                listed.set()
            self._long_lived.settle()
            self._quota.wake_all()
            await asyncio.sleep(pause)

    def _queue_for(self, change: Change) -> None:
        self._enqueue(concerns(change.resource, change.object))
        namespace = change.object["metadata"].get("namespace", "")
        if change.resource == QUOTAS or (change.resource == PODS and _makes_room(change)):
            self._quota.wake(namespace)
        if change.resource == STUDIES and self._is_new_spec(change):
            # What a trial may do follows from its study's spec too: its template, its failure policy.
            name = change.object["metadata"]["name"]
            self._enqueue(key_of(TRIALS, trial) for trial in self._cache.children(TRIALS, namespace, name))

    def _read_of(self, trial: Key) -> None:
        """A value was scraped. Its status need not be written for a pruner to judge by it."""
        self.queue.add(trial)
        found = self._cache.get(trial)
        for key in concerns(TRIALS, found) if found is not None else ():
            study = self._cache.get(key) if key.resource == STUDIES else None
            spec = self._specs.of(study).spec if study is not None else None
            if spec is not None and any(judges_between_rungs(round_) for round_ in spec.rounds):
                self.queue.add(key)

    def _is_new_spec(self, change: Change) -> bool:
        """Whether a study's change is more than one of our own status writes, of which there is one every second."""
        meta = change.object["metadata"]
        key = key_of(STUDIES, change.object)
        if change.type == "DELETED":
            self._generations.pop(key, None)
            return False
        now = (meta["uid"], meta.get("generation", 0))
        before, self._generations[key] = self._generations.get(key), now
        return before != now

    def _enqueue(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key.resource in (STUDIES, TRIALS):
                self.queue.add(key)

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                await self._reconcile(key)
            finally:
                self.queue.done(key)

    async def _reconcile(self, key: Key) -> None:
        """One reconcile; whatever it raises is this object's trouble and nobody else's."""
        reconciler = self._studies if key.resource == STUDIES else self._trials
        try:
            with telemetry.reconciling(key.resource.kind):
                after = await reconciler.reconcile(key)
        except (Conflict, NotFound) as error:
            logger.debug("%s %s/%s has moved on: %s", key.resource.kind, key.namespace, key.name, error)
            self.queue.retry(key)
        except StoreError as error:
            logger.warning("%s %s/%s: %s", key.resource.kind, key.namespace, key.name, error)
            self.queue.retry(key)
        except Exception:
            logger.exception("%s %s/%s cannot be reconciled", key.resource.kind, key.namespace, key.name)
            self.queue.retry(key)
        else:
            self.queue.succeeded(key)
            if after is not None:
                self.queue.add_after(key, after)


def _makes_room(change: Change) -> bool:
    """Whether a pod's change may have given GPUs back, or lets the next group look for nodes."""
    ended = change.object.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return change.type == "DELETED" or ended or placing.settles(change.object)
