"""The journal over crashes: nothing acknowledged is lost, a torn line is none, and damage is never read over."""

import json
import os
from pathlib import Path

import pytest

from stepladder.control.store import PODS, TRIALS, NotFound, Object, Unavailable
from stepladder.local.disk import HomeError, Journal, durable_store, locked
from stepladder.local.layout import Layout
from stepladder.local.registry import admit_all


def trial(name: str, steps: int = 1) -> Object:
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {"name": name, "namespace": "lab"},
        "spec": {"targetSteps": steps},
    }


@pytest.fixture
def home(layout: Layout) -> Layout:
    layout.root.mkdir()
    return layout


def test_everything_is_there_after_a_restart(home: Layout) -> None:
    with durable_store(home, admit_all, print) as store:
        store.registry.create(TRIALS, trial("kept"))
        store.registry.create(TRIALS, trial("gone"))
        store.registry.patch(TRIALS, "lab", "kept", {"status": {"steps": 7}}, status=True)
        store.registry.delete(TRIALS, "lab", "gone")
        kept, newest = store.registry.get(TRIALS, "lab", "kept"), store.registry.resource_version
    with durable_store(home, admit_all, print) as store:
        assert store.registry.list(TRIALS, None, None) == [kept]
        assert store.registry.resource_version == newest
        made = store.registry.create(TRIALS, trial("new"))
        assert int(made["metadata"]["resourceVersion"]) > newest


def test_a_write_is_on_its_way_to_the_disk_before_it_is_acknowledged(home: Layout) -> None:
    """The process may be killed right after: read as another process would, without closing anything."""
    with durable_store(home, admit_all, print) as store:
        created = store.registry.create(TRIALS, trial("a"))
        stored, newest = Journal(home.objects).read()
    assert stored == [(TRIALS, created)]
    assert newest == int(created["metadata"]["resourceVersion"])


def test_the_number_of_a_deletion_is_not_given_out_again(home: Layout) -> None:
    with durable_store(home, admit_all, print) as store:
        store.registry.create(TRIALS, trial("a"))
        store.registry.delete(TRIALS, "lab", "a")
        newest = store.registry.resource_version
    for _ in range(2):  # the second time from the rewritten file, in which the deletion is no more
        with durable_store(home, admit_all, print) as store:
            assert store.registry.resource_version == newest
            with pytest.raises(NotFound):
                store.registry.get(TRIALS, "lab", "a")


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_a_torn_last_line_is_dropped_and_written_over(home: Layout, cut: int) -> None:
    with durable_store(home, admit_all, print) as store:
        store.registry.create(TRIALS, trial("a"))
        store.registry.create(TRIALS, trial("b"))
    os.truncate(home.objects, home.objects.stat().st_size - cut)
    with durable_store(home, admit_all, print) as store:
        names = [found["metadata"]["name"] for found in store.registry.list(TRIALS, None, None)]
        assert names == (["a", "b"] if cut == 1 else ["a"])  # only the newline was missing
        store.registry.create(TRIALS, trial("c"))
    with durable_store(home, admit_all, print) as store:
        assert store.registry.get(TRIALS, "lab", "c")


def test_damage_before_the_last_line_is_refused_with_its_place(home: Layout) -> None:
    with durable_store(home, admit_all, print) as store:
        for name in "abc":
            store.registry.create(TRIALS, trial(name))
    lines = home.objects.read_bytes().splitlines(keepends=True)
    lines[2] = b"garbage\n"
    home.objects.write_bytes(b"".join(lines))
    with pytest.raises(HomeError, match=r"objects\.jsonl is damaged in line 3"), durable_store(home, admit_all, print):
        pass


def test_the_journal_is_compacted_while_it_grows(home: Layout) -> None:
    with durable_store(home, admit_all, print) as store:
        store.registry.create(TRIALS, trial("a"))
        for step in range(2500):
            store.registry.patch(TRIALS, "lab", "a", {"status": {"steps": step}}, status=True)
        newest = store.registry.get(TRIALS, "lab", "a")
        assert len(home.objects.read_bytes().splitlines()) < 1000
    with durable_store(home, admit_all, print) as store:
        assert store.registry.get(TRIALS, "lab", "a") == newest


def test_a_failed_write_is_unavailable_and_leaves_a_journal_that_can_be_read(
    home: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full in the middle of a line, and later has room again. Said once, not at every retry."""
    said: list[str] = []
    with durable_store(home, admit_all, said.append) as store:
        store.registry.create(TRIALS, trial("a"))
        written = os.write

        def half(file: int, data: bytes) -> int:
            if len(data) < 20:
                raise OSError(28, "No space left on device")
            return written(file, data[: len(data) // 2])

        with monkeypatch.context() as full:
            full.setattr(os, "write", half)
            for _ in range(2):
                with pytest.raises(Unavailable, match="No space left"):
                    store.registry.create(TRIALS, trial("b"))
        (sentence,) = said
        assert "make room" in sentence
        store.registry.create(TRIALS, trial("c"))
    with durable_store(home, admit_all, print) as store:
        assert [found["metadata"]["name"] for found in store.registry.list(TRIALS, None, None)] == ["a", "c"]


def test_a_home_is_held_by_one_process_at_a_time(layout: Layout) -> None:
    busy = rf"in use by another `stepladder run` \(process {os.getpid()}\)"
    with locked(layout), pytest.raises(HomeError, match=busy), locked(layout):
        pass
    with locked(layout):
        pass


def test_a_home_that_cannot_be_made_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match="give another --home"), locked(Layout(tmp_path / "file" / "home")):
        pass


def test_every_kind_that_the_port_knows_can_be_kept(home: Layout) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "lab"}}
    with durable_store(home, admit_all, print) as store:
        store.registry.create(PODS, pod | {"spec": {"containers": [{"name": "trainer"}]}})
    kinds = [json.loads(line).get("resource") for line in home.objects.read_text().splitlines()]
    assert kinds == [None, "pods"]
