"""The trials that wait for GPU quota, in the order of their coming, and who of them is woken when there is room.

Nobody waits by a timer: whatever may have made room wakes those for whom there is room now, and no others, so that a
pod's end costs as many reconciles as it frees GPUs, however many wait.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping

from stepladder.control import quota
from stepladder.control.cache import Cache, Key
from stepladder.control.gpus import total
from stepladder.control.store import PODS, QUOTAS, Object


class QuotaQueue:
    """Who waits in which namespace, for how many GPUs."""

    def __init__(self, cache: Cache, wake: Callable[[Key], None]) -> None:
        self._cache = cache
        self._wake = wake
        self._waiting: defaultdict[str, dict[Key, int | None]] = defaultdict(dict)
        self._held: dict[str, int] = {}  # by namespace, as of one revision of the pods
        self._revision = -1

    def shortage(self, namespace: str, gpus: int) -> str:
        """Why a pod with so many GPUs does not fit now, in a sentence; empty where it fits."""
        return quota.shortage(self._quotas(namespace), self._held_in(namespace), gpus)

    def join(self, trial: Key, gpus: int) -> None:
        """From now on this trial is woken. To be called before room is looked for: what is freed meanwhile must not go
        unheard."""
        self._waiting[trial.namespace][trial] = gpus

    def refused(self, trial: Key) -> None:
        """It fits by our arithmetic, and the API server thinks otherwise: whatever changes wakes it, and the room that
        it was woken for is another's."""
        waiting = self._waiting[trial.namespace]
        waiting[trial] = None
        self._wake_fitting(trial.namespace, {other: gpus for other, gpus in waiting.items() if gpus is not None})

    def leave(self, trial: Key, *, with_pod: bool) -> None:
        """It waits no more. If it leaves without a pod, the room it was woken for is another's."""
        missing = object()
        if self._waiting[trial.namespace].pop(trial, missing) is not missing and not with_pod:
            self.wake(trial.namespace)

    def wake(self, namespace: str) -> None:
        """Something may have made room."""
        self._wake_fitting(namespace, self._waiting[namespace])

    def wake_all(self) -> None:
        """Everybody: against a wake-up that was lost, and a sentence that is no longer true."""
        for waiting in self._waiting.values():
            for trial in tuple(waiting):
                self._wake(trial)

    def _wake_fitting(self, namespace: str, waiting: Mapping[Key, int | None]) -> None:
        if waiting:
            for trial in quota.fitting(self._quotas(namespace), self._held_in(namespace), waiting.items()):
                self._wake(trial)

    def _quotas(self, namespace: str) -> list[Object]:
        return [q for q in self._cache.all(QUOTAS) if q["metadata"]["namespace"] == namespace]

    def _held_in(self, namespace: str) -> int:
        revision = self._cache.revision(PODS)
        if revision != self._revision:
            self._revision, self._held = revision, {}
        if namespace not in self._held:
            pods = (p for p in self._cache.all(PODS) if p["metadata"]["namespace"] == namespace)
            self._held[namespace] = total(pods)
        return self._held[namespace]
