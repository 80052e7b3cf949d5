"""The trials that wait for GPU quota, in the order of their coming, and who of them is woken when there is room.

Nobody waits by a timer: whatever may have made room wakes those for whom there is room now, and no others, so that a
pod's end costs as many reconciles as it frees GPUs, however many wait. Trials that fit by our arithmetic and were
refused (by a quota on CPUs, say) are tried one by one: the next when one of them got its pod, or something changed.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from stepladder.control import placing, quota
from stepladder.control.cache import Cache, Key
from stepladder.control.gpus import total
from stepladder.control.store import PODS, QUOTAS, Object
from stepladder.control.trial_status import Hindrance

State = tuple[int, int]
"""What the cache knew of pods and quotas, as revisions."""
LONG_AGO: State = (-1, -1)


@dataclass
class _Line:
    """Who waits in one namespace."""

    gpus: dict[Key, int] = field(default_factory=dict)  # that each of them needs
    asked: dict[Key, State] = field(default_factory=dict)  # when each of them last looked for room
    short: set[Key] = field(default_factory=set)  # who looked for room and found none
    refused: OrderedDict[Key, tuple[State, str]] = field(default_factory=OrderedDict)  # when they asked, and why


class QuotaQueue:
    """Who waits in which namespace, for how many GPUs."""

    def __init__(self, cache: Cache, wake: Callable[[Key], None]) -> None:
        self._cache = cache
        self._wake = wake
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)
        self._held: dict[str, int] = {}  # by namespace, as of one revision of the pods
        self._revision = -1

    def shortage(self, trial: Key, gpus: int) -> str:
        """Why the trial's pod with so many GPUs does not fit now, in a sentence; empty where it fits."""
        short = quota.shortage(self._quotas(trial.namespace), self._held_in(trial.namespace), gpus)
        line = self._lines[trial.namespace]
        (line.short.add if short else line.short.discard)(trial)
        return short

    def turn(self, trial: Key) -> Hindrance | None:
        """What keeps the pods of a group from being made though there is quota: another group still looks for nodes.

        Two groups that held some nodes each and waited for the others' would wait for ever.
        """
        return placing.before(trial.name, self._pods(trial.namespace))

    def in_vain(self, trial: Key) -> str:
        """Why it was refused, if nothing has changed since it asked; else empty."""
        when, why = self._lines[trial.namespace].refused.get(trial, (None, ""))
        return why if when == self._state() else ""

    def join(self, trial: Key, gpus: int) -> None:
        """From now on this trial is woken. To be called before room is looked for: what is freed meanwhile must not go
        unheard."""
        line = self._lines[trial.namespace]
        line.gpus[trial] = gpus
        line.asked[trial] = self._state()

    def refused(self, trial: Key, why: str) -> None:
        """It fits by our arithmetic, and the API server thinks otherwise: the room is for others to try."""
        line = self._lines[trial.namespace]
        line.refused.pop(trial, None)
        line.refused[trial] = (line.asked[trial], why)
        for other in self._fitting(trial.namespace):
            self._wake(other)

    def leave(self, trial: Key, *, with_pod: bool) -> None:
        """It waits no more. If it leaves without a pod, the room it was woken for is another's."""
        line = self._lines[trial.namespace]
        waited = line.gpus.pop(trial, None) is not None
        refused = line.refused.pop(trial, None) is not None
        line.asked.pop(trial, None)
        line.short.discard(trial)
        if waited and not with_pod:
            # Nothing was freed, so those who are looking for room at this moment need not look again: two whose pods
            # the API server refuses for another reason would else wake each other for ever.
            for other in self._fitting(trial.namespace):
                if other in line.short:
                    self._wake(other)
        if refused or (waited and not with_pod):
            self._wake_refused(trial.namespace)

    def wake(self, namespace: str) -> None:
        """Something may have made room."""
        for trial in self._fitting(namespace):
            self._wake(trial)
        self._wake_refused(namespace)

    def wake_all(self) -> None:
        """Everybody, the refused too: against a wake-up that was lost, and a sentence that is no longer true."""
        for line in self._lines.values():
            for trial, (_, why) in line.refused.items():
                line.refused[trial] = (LONG_AGO, why)
            for trial in tuple(line.gpus):
                self._wake(trial)

    def _fitting(self, namespace: str) -> tuple[Key, ...]:
        line = self._lines[namespace]
        waiting = [(trial, gpus) for trial, gpus in line.gpus.items() if trial not in line.refused]
        return quota.fitting(self._quotas(namespace), self._held_in(namespace), waiting) if waiting else ()

    def _wake_refused(self, namespace: str) -> None:
        for trial in self._lines[namespace].refused:
            self._wake(trial)
            return

    def _state(self) -> State:
        return self._cache.revision(PODS), self._cache.revision(QUOTAS)

    def _quotas(self, namespace: str) -> list[Object]:
        return [q for q in self._cache.all(QUOTAS) if q["metadata"]["namespace"] == namespace]

    def _held_in(self, namespace: str) -> int:
        revision = self._cache.revision(PODS)
        if revision != self._revision:
            self._revision, self._held = revision, {}
        if namespace not in self._held:
            self._held[namespace] = total(self._pods(namespace))
        return self._held[namespace]

    def _pods(self, namespace: str) -> Iterator[Object]:
        return (p for p in self._cache.all(PODS) if p["metadata"]["namespace"] == namespace)
