"""A rerun beside the study that it comes from, under the whole controller, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from control.kubelet import Disk, SimulatedKubelet, objective
from control.virtual import VirtualClock, run
from control.world import NAMESPACE, study
from stepladder.api.trial import TrialStatus
from stepladder.control.controller import Controller
from stepladder.control.store import STUDIES, TRIALS, Invalid, Object, Resource, Unavailable
from stepladder.control.trial_view import over
from stepladder.local.store import MemoryStore
from stepladder.rerun.comparison import Comparison, compare
from stepladder.rerun.manifest import Original
from stepladder.rerun.on_cluster import applied, find, followed
from stepladder.search.record import OptunaRecord

Script = Callable[[MemoryStore], Awaitable[None]]


def play(script: Script, drift: float = 0.0) -> None:
    """A study to its end, and then what the test does. After it, values are by `drift` larger."""
    done: list[bool] = []

    async def main() -> None:
        clock = VirtualClock()
        store = MemoryStore(clock=clock.now)
        kubelet = SimulatedKubelet(
            store, Disk(), curve=lambda document, step: objective(document, step) + (drift if done else 0.0)
        )
        parts = [asyncio.create_task(kubelet.run())]
        await asyncio.sleep(0)
        parts.append(asyncio.create_task(Controller(store, record=OptunaRecord("memory://"), clock=clock).run()))
        await store.create(STUDIES, study())
        await asyncio.sleep(500)
        done.append(True)
        await script(store)
        assert not any(part.done() for part in parts)
        for part in parts:
            part.cancel()

    run(main())


async def rerun(store: MemoryStore, trial: Original, name: str | None = None) -> tuple[str, Comparison]:
    said: list[str] = []
    made = await applied(store, trial, name)
    ended = await followed(store, made, said.append)
    assert all(sentence.startswith(f"{made['metadata']['name']}: ") for sentence in said)
    return made["metadata"]["name"], compare(trial.status, TrialStatus.model_validate(ended["status"]))


def test_completed_and_pruned_trials_come_out_the_same_in_one_segment() -> None:
    """The study trained in three segments. Catches a rerun that its study would adopt, or count."""

    async def script(store: MemoryStore) -> None:
        before = (await store.get(STUDIES, NAMESPACE, "study"))["status"]
        outcomes = set()
        for number in range(9):
            trial = await find(store, NAMESPACE, f"study-{number}")
            outcomes.add((trial.status.outcome, max(o.step for o in trial.status.observations)))
            name, found = await rerun(store, trial)
            assert name == f"study-{number}-rerun"
            assert found.identical, found
        assert {step for _, step in outcomes} == {10, 30, 90}
        assert (await store.get(STUDIES, NAMESPACE, "study"))["status"] == before

    play(script)


def test_other_numbers_are_noticed_and_a_second_rerun_has_a_name_of_its_own() -> None:
    async def script(store: MemoryStore) -> None:
        trial = await find(store, NAMESPACE, "study-0")
        first, found = await rerun(store, trial)
        assert not found.identical
        assert len(found.differences) == found.compared > 0
        second, _ = await rerun(store, trial)
        assert (first, second) == ("study-0-rerun", "study-0-rerun-2")
        again, _ = await rerun(store, trial, first)
        assert again == first
        assert len((await store.list(TRIALS, NAMESPACE)).items) == 9 + 2

    play(script, drift=1e-12)


def test_names_that_are_wrong_are_refused_with_a_sentence() -> None:
    async def script(store: MemoryStore) -> None:
        with pytest.raises(Invalid, match="there is no Trial study-77 in namespace lab: correct the name"):
            await find(store, NAMESPACE, "study-77")
        trial = await find(store, NAMESPACE, "study-0")
        with pytest.raises(Invalid, match="Trial study-1 exists and is no rerun of study-0: give another --name"):
            await applied(store, trial, "study-1")

    play(script)


class Away(MemoryStore):
    """Answers at the third call of `get`."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.registry = store.registry
        self.calls = 0

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        self.calls += 1
        if self.calls < 3:
            raise Unavailable("it is away")
        return await super().get(resource, namespace, name)


def test_an_api_server_that_is_away_is_waited_for_and_a_deleted_rerun_is_told() -> None:
    async def script(store: MemoryStore) -> None:
        trial = await find(store, NAMESPACE, "study-0")
        ended = await followed(Away(store), await applied(store, trial, None), lambda _: None)
        assert over(ended)
        made = await applied(store, trial, None)
        await store.delete(TRIALS, NAMESPACE, made["metadata"]["name"])
        with pytest.raises(Invalid, match="was deleted before it had ended"):
            await followed(store, made, lambda _: None)

    play(script)
