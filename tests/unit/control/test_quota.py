"""GPU quotas: the arithmetic, who is woken, and what is said."""

from typing import Any

import pytest

from control.samples import NAMESPACE, pod
from stepladder.api import names
from stepladder.control import quota
from stepladder.control.cache import Cache, Key
from stepladder.control.gpus import gpus_of, total, whole
from stepladder.control.quota_queue import QuotaQueue
from stepladder.control.store import PODS, QUOTAS, TRIALS, Object


def limit(hard: object, used: object = 0, *, name: str = "gpus", version: int = 1, **spec: Any) -> Object:
    resource = names.GPU_QUOTA_RESOURCE
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name, "resourceVersion": str(version)},
        "spec": {"hard": {resource: str(hard)}, **spec},
        "status": {"hard": {resource: str(hard)}, "used": {resource: str(used)}},
    }


def container(requests: object = None, limits: object = None) -> dict[str, Any]:
    wanted = {"requests": requests, "limits": limits}
    return {"resources": {k: v if v is None else {names.GPU_RESOURCE: v} for k, v in wanted.items()}}


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("4", 4), (4, 4), ("1k", 1000), ("2M", 2_000_000), ("1e3", 1000), ("0", 0), ("500m", 0), ("many", 0), ("", 0)],
)
def test_quantities(quantity: object, number: int) -> None:
    """Catches a quota of a thousand GPUs, which the API server writes 1k, ending every reconcile of its namespace."""
    assert whole(quantity) == number


@pytest.mark.parametrize(
    ("spec", "gpus"),
    [
        ({"containers": [{}]}, 0),
        ({"containers": [{"resources": None}]}, 0),
        ({"containers": [container(limits=2)]}, 2),
        ({"containers": [container(requests="1", limits="1")]}, 1),
        ({"containers": [container(limits=2), container(limits=1)]}, 3),
        ({"containers": [container(limits=2)], "initContainers": [container(limits=4), container(limits=3)]}, 4),
        ({"containers": [container(limits="some")]}, 0),
    ],
)
def test_gpus_of_a_pod(spec: dict[str, Any], gpus: int) -> None:
    assert gpus_of(spec) == gpus


def test_pods_that_have_ended_hold_nothing() -> None:
    spec = {"containers": [container(limits=1)]}
    phases = ["Pending", "Running", "Succeeded", "Failed", "Unknown"]
    assert total([{"spec": spec, "status": {"phase": phase}} for phase in phases] + [{"spec": spec}]) == 4


@pytest.mark.parametrize(
    ("hard", "used", "held", "gpus", "fits"),
    [
        (4, 0, 0, 1, True),
        (4, 3, 0, 1, True),
        (4, 4, 0, 1, False),
        (4, 0, 4, 1, False),  # the quota's own count lags behind our pods
        (4, 1, 3, 1, True),  # ours are among those that it counts
        (4, 3, 1, 2, False),
        (0, 0, 0, 0, True),
        (2, 9, 9, 0, True),
    ],
)
def test_shortage(hard: int, used: int, held: int, gpus: int, fits: bool) -> None:
    assert (quota.shortage([limit(hard, used)], held, gpus) == "") is fits


def test_the_narrowest_quota_counts() -> None:
    assert "narrow" in quota.shortage([limit(8, name="wide"), limit(1, 1, name="narrow")], 0, 1)


def test_a_scoped_quota_is_the_api_servers_to_judge() -> None:
    assert (
        quota.shortage(
            [
                limit(0, scopes=["BestEffort"]),
                limit(0, scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass"}]}),
            ],
            0,
            1,
        )
        == ""
    )


def test_a_quota_without_a_status_is_read_from_its_spec() -> None:
    fresh = limit(1)
    del fresh["status"]
    assert quota.shortage([fresh], 1, 1)
    assert not quota.shortage([fresh], 0, 1)


def test_the_sentence_stays_the_same_while_others_come_and_go() -> None:
    """Catches the status of every waiting trial written anew whenever a pod starts or ends."""
    assert quota.shortage([limit(4, 4)], 0, 2) == quota.shortage([limit(4, 3)], 4, 2)
    refused = (
        'pods "a-1" is forbidden: exceeded quota: all, requested: cpu=1,pods=1, used: cpu={0},pods={0}, limited: cpu=8'
    )
    assert quota.refusal(refused.format(7)) == quota.refusal(refused.format(8))
    assert "requested: cpu=1,pods=1, limited: cpu=8" in quota.refusal(refused.format(8))
    assert quota.refusal("something else") == "something else"


@pytest.mark.parametrize(
    ("free", "needs", "woken"),
    [
        (0, [1, 1], []),
        (2, [1, 1, 1], [0, 1]),
        (2, [4, 1, 1], [1, 2]),
        (3, [2, 2, 1], [0, 2]),
        (0, [0, 1], [0]),
    ],
)
def test_those_for_whom_there_is_room_in_their_order(free: int, needs: list[int], woken: list[int]) -> None:
    assert list(quota.fitting([limit(8, 8 - free)], 0, enumerate(needs))) == woken


def test_without_a_quota_everybody_fits() -> None:
    assert quota.fitting([], 99, [("a", 9), ("b", 9)]) == ("a", "b")


def key(name: str) -> Key:
    return Key(TRIALS, NAMESPACE, name)


class TestQueue:
    def queue(self, *quotas: Object) -> tuple[QuotaQueue, Cache, list[str]]:
        cache, woken = Cache(), list[str]()
        for item in quotas:
            cache.put(QUOTAS, item)
        return QuotaQueue(cache, lambda trial: woken.append(trial.name)), cache, woken

    def test_a_raised_quota_wakes_as_many_as_fit(self) -> None:
        """Catches a thousand trials reconciled for one GPU."""
        queue, cache, woken = self.queue(limit(2, 2))
        for number in range(1000):
            queue.join(key(f"t{number}"), 1)
        cache.put(QUOTAS, limit(4, 2, version=2))
        queue.wake(NAMESPACE)
        assert woken == ["t0", "t1"]

    def test_pods_of_every_trial_count(self) -> None:
        queue, cache, woken = self.queue(limit(1))
        other = pod(spec={"containers": [container(limits=1)]})
        cache.put(PODS, other)
        queue.join(key("t0"), 1)
        assert queue.shortage(key("t0"), 1)
        cache.forget(PODS, other)
        assert not queue.shortage(key("t0"), 1)
        queue.wake(NAMESPACE)
        assert woken == ["t0"]

    def test_other_namespaces_are_others(self) -> None:
        queue, _, woken = self.queue(limit(1, 1))
        far = Key(TRIALS, "elsewhere", "far")
        assert not queue.shortage(far, 1)
        queue.join(far, 1)
        queue.wake(NAMESPACE)
        assert woken == []

    def test_who_is_woken_and_goes_away_wakes_the_next(self) -> None:
        """Catches room that is lost with the trial it was offered to: told to stop, or deleted."""
        queue, cache, woken = self.queue(limit(1, 1))
        for name in ("t0", "t1"):
            queue.join(key(name), 1)
            assert queue.shortage(key(name), 1)
        cache.put(QUOTAS, limit(1, version=2))
        queue.wake(NAMESPACE)
        queue.leave(key("t0"), with_pod=False)
        assert woken == ["t0", "t1"]

    @pytest.mark.parametrize("gpus", [0, 1])
    def test_who_goes_away_does_not_wake_those_who_are_looking(self, gpus: int) -> None:
        """Catches trials whose pods the API server refuses (no such priority class, a LimitRange, Pod Security) and
        that wake each other: each would be asked for many times a second, for ever."""
        queue, _, woken = self.queue(limit(2))
        for name in ("t0", "t1"):
            queue.join(key(name), gpus)
            assert not queue.shortage(key(name), gpus)
        queue.leave(key("t0"), with_pod=False)
        queue.join(key("t0"), gpus)
        queue.leave(key("t1"), with_pod=False)
        assert woken == []

    def test_who_found_no_room_before_and_finds_some_now_is_looking(self) -> None:
        """Catches a first wait that is remembered, and wakes the trial at every refusal of another from then on."""
        queue, cache, woken = self.queue(limit(2, 2))
        for name in ("t0", "t1"):
            queue.join(key(name), 1)
        assert queue.shortage(key("t0"), 1)
        cache.put(QUOTAS, limit(2, version=2))
        assert not queue.shortage(key("t0"), 1)
        queue.leave(key("t1"), with_pod=False)
        assert woken == []

    def test_who_got_a_pod_wakes_nobody(self) -> None:
        queue, _, woken = self.queue(limit(1))
        queue.join(key("t0"), 1)
        queue.join(key("t1"), 1)
        queue.leave(key("t0"), with_pod=True)
        queue.leave(key("stranger"), with_pod=False)
        assert woken == []

    def test_who_is_refused_gives_the_room_to_the_next(self) -> None:
        queue, _, woken = self.queue(limit(1))
        for name in ("t0", "t1", "t2"):
            queue.join(key(name), 1)
        queue.refused(key("t0"), "full")
        assert woken == ["t1"]

    def test_the_refused_are_tried_one_by_one_and_in_turn(self) -> None:
        """Catches a thousand refusals for each pod that ends, and one trial that is asked for ever."""
        queue, _, woken = self.queue(limit(9))
        for name in ("t0", "t1", "t2"):
            queue.join(key(name), 1)
            queue.refused(key(name), "full")
        woken.clear()
        queue.wake(NAMESPACE)
        queue.refused(key("t0"), "full")
        queue.wake(NAMESPACE)
        assert woken == ["t0", "t1"]
        queue.leave(key("t1"), with_pod=True)
        assert woken == ["t0", "t1", "t2"], "one that got its pod shows that there is room"

    def test_what_was_refused_is_not_asked_again_before_something_changes(self) -> None:
        """Catches trials that are refused and wake each other without end."""
        queue, cache, _ = self.queue(limit(9))
        queue.join(key("t0"), 1)
        assert not queue.in_vain(key("t0"))
        queue.refused(key("t0"), "full")
        assert queue.in_vain(key("t0")) == "full"
        cache.put(QUOTAS, limit(9, 1, version=2))
        assert not queue.in_vain(key("t0"))

    def test_joining_again_keeps_the_place(self) -> None:
        queue, _, woken = self.queue(limit(1))
        for name in ("t0", "t1", "t0"):
            queue.join(key(name), 1)
        queue.wake(NAMESPACE)
        assert woken == ["t0"]

    def test_now_and_then_everybody_is_asked(self) -> None:
        queue, _, woken = self.queue(limit(0))
        for name in ("t0", "t1"):
            queue.join(key(name), 1)
        queue.refused(key("t1"), "full")
        queue.wake_all()
        assert woken == ["t0", "t1"]
        assert not queue.in_vain(key("t1")), "woken, and not allowed to ask"
