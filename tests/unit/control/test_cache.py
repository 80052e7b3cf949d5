"""The cache: never older than what it was told, and nothing deleted comes back."""

import pytest

from control import samples
from stepladder.api import names
from stepladder.control import cache as caching
from stepladder.control.cache import Cache, Key, concerns, key_of
from stepladder.control.store import PODS, QUOTAS, STUDIES, TRIALS, Change, Listing, Object, Resource


def trial(version: int, *, uid: str = "a", name: str = "study-1") -> Object:
    return samples.trial(name, uid=uid, version=version)


def newest(cache: Cache, name: str = "study-1") -> Object | None:
    return cache.get(Key(TRIALS, samples.NAMESPACE, name))


def children(cache: Cache, owner: str = "study") -> list[str]:
    return [t["metadata"]["uid"] for t in cache.children(TRIALS, samples.NAMESPACE, owner)]


def test_older_news_changes_nothing() -> None:
    cache = Cache()
    assert cache.put(TRIALS, trial(7))
    assert not cache.put(TRIALS, trial(7))
    assert not cache.put(TRIALS, trial(6))
    assert newest(cache) == trial(7)


def test_versions_are_numbers() -> None:
    """Catches 10 read as older than 9."""
    cache = Cache()
    cache.put(TRIALS, trial(9))
    assert cache.put(TRIALS, trial(10))


def test_what_is_deleted_stays_deleted() -> None:
    """Catches a late event that brings back a pod, for which no other would ever be made."""
    cache = Cache()
    cache.put(TRIALS, trial(7))
    assert cache.observe(Change("DELETED", TRIALS, trial(8)))
    assert not cache.observe(Change("MODIFIED", TRIALS, trial(7)))
    assert (newest(cache), children(cache)) == (None, [])


def test_an_object_made_again_under_its_name_is_another() -> None:
    cache = Cache()
    cache.put(TRIALS, trial(7, uid="old"))
    cache.put(TRIALS, trial(9, uid="new"))
    assert not cache.observe(Change("DELETED", TRIALS, trial(8, uid="old")))
    assert children(cache) == ["new"]


def test_an_object_whose_label_changes_leaves_its_owner() -> None:
    cache = Cache()
    cache.put(TRIALS, trial(7))
    moved = trial(8)
    moved["metadata"]["labels"] = {names.STUDY_LABEL: "other"}
    cache.put(TRIALS, moved)
    assert (children(cache, "study"), children(cache, "other")) == ([], ["a"])


def test_a_list_reveals_what_the_watch_has_lost() -> None:
    cache = Cache()
    cache.put(TRIALS, trial(3, uid="gone", name="study-1"))
    cache.put(TRIALS, trial(4, uid="changed", name="study-2"))
    cache.put(TRIALS, trial(5, uid="same", name="study-3"))
    cache.put(TRIALS, trial(12, uid="newer", name="study-4"))
    listed = (trial(6, uid="changed", name="study-2"), trial(5, uid="same", name="study-3"))
    revealed = cache.replace(TRIALS, Listing(listed, 10))
    assert [(c.type, c.object["metadata"]["uid"]) for c in revealed] == [("MODIFIED", "changed"), ("DELETED", "gone")]
    assert children(cache) == ["changed", "same", "newer"], "what was made after the list was taken is kept"


def test_a_pods_last_state_is_remembered() -> None:
    cache = Cache()
    pod = samples.pod(version=5, status=samples.ended(0))
    key = key_of(PODS, pod)
    cache.put(PODS, samples.pod(version=4))
    assert cache.last_words(key) is None
    cache.forget(PODS, pod)
    assert cache.last_words(key) == pod


def test_of_two_last_states_the_newer_is_remembered() -> None:
    """A list finds the pod gone, with the state that the cache knew; a late DELETED may carry an older one."""
    cache = Cache()
    known = samples.pod(version=5, status=samples.ended(0))
    cache.put(PODS, known)
    cache.observe(Change("DELETED", PODS, samples.pod(version=4)))
    assert cache.last_words(key_of(PODS, known)) == known


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "LAST_WORDS", 3)
    cache = Cache()
    pods = [samples.pod(attempt) for attempt in range(1, 6)]
    for pod in pods:
        cache.forget(PODS, pod)
    assert [cache.last_words(key_of(PODS, pod)) is not None for pod in pods] == [False, False, True, True, True]


def test_the_revision_moves_with_every_change() -> None:
    cache = Cache()
    revisions = [cache.revision(PODS)]
    for change, version in ((cache.put, 1), (cache.put, 2), (cache.forget, 2)):
        change(PODS, samples.pod(version=version))
        revisions.append(cache.revision(PODS))
    assert len(set(revisions)) == 4
    cache.put(PODS, samples.pod(version=2))
    assert cache.revision(PODS) == revisions[-1]


def test_whom_a_change_concerns() -> None:
    def found(resource: Resource, item: Object) -> list[tuple[str, str]]:
        return [(key.resource.plural, key.name) for key in concerns(resource, item)]

    assert found(PODS, samples.pod()) == [("trials", "study-1")]
    assert found(TRIALS, samples.trial()) == [("trials", "study-1"), ("tuningstudies", "study")]
    assert found(STUDIES, samples.study()) == [("tuningstudies", "study")]
    foreign = samples.pod()
    foreign["metadata"]["labels"] = {}
    assert found(PODS, foreign) == []
    assert found(QUOTAS, foreign) == [("resourcequotas", "study-1-1")]
