"""A served model is kept so, whatever happens to its objects and to the operator."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from control import samples
from control.lab import Lab, play
from control.serving import (
    AVAILABLE,
    NS,
    asked,
    status,
    trainer,
)
from control.world import NAME, NAMESPACE, Report, study
from control.world import play as play_study
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.store import (
    CLAIMS,
    DEPLOYMENTS,
    SERVICES,
    STUDIES,
    Conflict,
    Forbidden,
    NotFound,
    Object,
    Resource,
    Unavailable,
)
from stepladder.local.store import MemoryStore


async def finished(lab: Lab, given: Object | None = None) -> None:
    given = given or asked()
    del given["metadata"]["uid"], given["metadata"]["resourceVersion"]
    await lab.store.create(STUDIES, given)
    await lab.store.patch_status(STUDIES, NS, "study", {"status": status()})
    await asyncio.sleep(1)


async def there(lab: Lab) -> list[str]:
    return [item["kind"] for each in (DEPLOYMENTS, SERVICES) for item in (await lab.store.list(each, NS)).items]


async def serving(lab: Lab) -> tuple[str, str, Any]:
    """The condition's status and reason, and where the model is."""
    found = (await lab.store.get(STUDIES, NS, "study"))["status"]
    (condition,) = [c for c in found["conditions"] if c["type"] == ConditionType.SERVING]
    return condition["status"], condition["reason"], found.get("serving")


def test_what_was_deleted_is_made_again_and_what_is_available_is_told() -> None:
    async def script(lab: Lab) -> None:
        await finished(lab)
        assert await there(lab) == ["Deployment", "Service"]
        assert (await serving(lab))[:2] == ("Unknown", "Starting")
        for resource in (DEPLOYMENTS, SERVICES):
            await lab.store.delete(resource, NS, "study")
            await asyncio.sleep(1)
            assert await there(lab) == ["Deployment", "Service"]
        await lab.store.patch_status(DEPLOYMENTS, NS, "study", {"status": AVAILABLE})
        await asyncio.sleep(1)
        place = {"trial": "study-1", "url": "http://study.lab.svc:8080"}
        assert await serving(lab) == ("True", "Available", place)
        assert (await lab.events())["Available"] == 1
        writes = lab.writes.total()
        await asyncio.sleep(300)
        assert lab.writes.total() == writes, "a model that is served costs no writes"

    play(script)


def test_serve_may_be_asked_for_changed_and_taken_back_after_the_study_has_finished() -> None:
    async def script(lab: Lab) -> None:
        await finished(lab, samples.study(trainer=trainer()))
        assert await there(lab) == []
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"serve": {"port": 9000}}})
        await asyncio.sleep(1)
        assert await there(lab) == ["Deployment", "Service"]
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"serve": {"replicas": 2, "port": 9001}}})
        await asyncio.sleep(1)
        deployment, service = [(await lab.store.get(each, NS, "study"))["spec"] for each in (DEPLOYMENTS, SERVICES)]
        assert (deployment["replicas"], service["ports"][0]["port"]) == (2, 9001)
        assert "--port=9001" in deployment["template"]["spec"]["containers"][0]["args"]
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"serve": None}})
        await asyncio.sleep(1)
        assert await there(lab) == []
        found = (await lab.store.get(STUDIES, NS, "study"))["status"]
        assert "serving" not in found
        assert ConditionType.SERVING not in {c["type"] for c in found["conditions"]}

    play(script)


def test_both_go_with_their_study() -> None:
    async def script(lab: Lab) -> None:
        await finished(lab)
        await lab.store.delete(STUDIES, NS, "study")
        await asyncio.sleep(1)
        assert await there(lab) == []

    play(script)


def test_a_name_that_is_taken_is_told_and_had_when_it_is_free() -> None:
    async def script(lab: Lab) -> None:
        other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "study", "namespace": NS}, "spec": {}}
        await lab.store.create(SERVICES, other)
        await finished(lab)
        assert (await serving(lab))[:2] == ("False", "NameTaken")
        await lab.store.delete(SERVICES, NS, "study")
        await asyncio.sleep(61)
        assert await there(lab) == ["Deployment", "Service"]
        assert (await serving(lab))[:2] == ("Unknown", "Starting")

    play(script)


def test_what_the_api_server_refuses_is_told_and_tried_again() -> None:
    async def script(lab: Lab) -> None:
        create: Callable[..., Any] = lab.store.create
        refusing = True

        async def refused(resource: Resource, manifest: Object) -> Object:
            if refusing and resource == DEPLOYMENTS:
                raise Forbidden("deployments.apps is forbidden: no policy allows it")
            found: Object = await create(resource, manifest)
            return found

        lab.store.create = refused  # type: ignore[method-assign]  # the API server's mood
        await finished(lab)
        assert (await serving(lab))[:2] == ("False", "Refused")
        refusing = False
        await asyncio.sleep(31)
        assert await there(lab) == ["Deployment", "Service"]

    play(script)


def test_a_refusal_that_differs_each_time_is_tried_once_in_its_time() -> None:
    """Catches a refusal whose new words are written, which wakes the study, which asks for the next refusal."""

    async def script(lab: Lab) -> None:
        tried = 0

        async def refused(resource: Resource, manifest: Object) -> Object:
            nonlocal tried
            tried += 1
            if tried > 20:
                raise Conflict("enough: a loop without a pause would never let virtual time go on")
            raise Forbidden(f"request {tried} is denied")

        lab.store.create = refused_but_events(lab, refused)  # type: ignore[method-assign]  # the API server's mood
        await finished(lab)
        await asyncio.sleep(27)
        assert tried == 1
        await asyncio.sleep(90)
        assert 3 <= tried <= 5
        tried_before = tried
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"serve": {"port": 9000}}})
        await asyncio.sleep(1)
        assert tried == tried_before + 1, "another spec need not wait"

    play(script)


def refused_but_events(lab: Lab, refused: Callable[..., Any]) -> Callable[..., Any]:
    create: Callable[..., Any] = lab.store.create

    async def answer(resource: Resource, manifest: Object) -> Object:
        found: Object = await (refused if resource in (DEPLOYMENTS, SERVICES) else create)(resource, manifest)
        return found

    return answer


def test_an_api_server_that_fails_is_told_and_holds_nothing_up() -> None:
    """Catches a dead webhook (500) that nobody hears of, with the status never written."""

    async def script(lab: Lab) -> None:
        create: Callable[..., Any] = lab.store.create

        async def failing(resource: Resource, manifest: Object) -> Object:
            raise Unavailable("failed calling webhook policy.example.com: connection refused")

        lab.store.create = refused_but_events(lab, failing)  # type: ignore[method-assign]  # the API server's mood
        await finished(lab)
        assert (await serving(lab))[:2] == ("Unknown", "Retrying")
        lab.store.create = create  # type: ignore[method-assign]
        await asyncio.sleep(31)
        assert await there(lab) == ["Deployment", "Service"]
        assert (await serving(lab))[:2] == ("Unknown", "Starting")

    play(script)


def test_a_study_without_serve_does_not_ask_for_what_has_its_name() -> None:
    """Catches two reads past the cache at each reconcile of every study beside a namesake with our labels."""

    async def script(lab: Lab) -> None:
        labels = {names.STUDY_LABEL: "study"}
        other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "study", "namespace": NS}, "spec": {}}
        other["metadata"] |= {"labels": labels}  # type: ignore[operator]  # a dict
        await lab.store.create(SERVICES, other)
        get: Callable[..., Any] = lab.store.get
        read: list[Resource] = []

        async def counted(resource: Resource, namespace: str, name: str) -> Object:
            read.append(resource)
            found: Object = await get(resource, namespace, name)
            return found

        lab.store.get = counted  # type: ignore[method-assign]  # to count
        await finished(lab, samples.study(trainer=trainer()))
        assert SERVICES not in read
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"serve": {}}})
        await asyncio.sleep(1)
        assert SERVICES in read, "where it is in the way it is looked at"

    play(script)


async def served_in_the_end(store: MemoryStore, seen: dict[str, Any]) -> None:
    """Wait for the Deployment and the Service, and until the study says so; in vain, virtual time ends the test."""
    while "serving" not in seen:
        await asyncio.sleep(1)
        with contextlib.suppress(NotFound):
            seen["deployment"] = await store.get(DEPLOYMENTS, NAMESPACE, NAME)
            seen["service"] = await store.get(SERVICES, NAMESPACE, NAME)
            seen |= (await store.get(STUDIES, NAMESPACE, NAME))["status"]


def whole_study(**how: Any) -> tuple[Report, dict[str, Any]]:
    seen: dict[str, Any] = {}
    claim = {
        "apiVersion": CLAIMS.api_version,
        "kind": CLAIMS.kind,
        "metadata": {"name": "checkpoints", "namespace": NAMESPACE},
        "spec": {},
    }
    rounds = [{"name": "explore", "trials": 2, "maxSteps": 30}]
    given = study(serve={}, trainer=trainer(), rounds=rounds)
    return play_study(given, meddle=lambda store: served_in_the_end(store, seen), extra=((CLAIMS, claim),), **how), seen


def test_a_whole_study_ends_in_a_served_model_wherever_the_operator_dies() -> None:
    """Catches a study whose end nobody takes for the time to serve its best, and a Deployment without its Service."""
    undisturbed, seen = whole_study()
    (served,) = seen["deployment"]["spec"]["template"]["spec"]["containers"]
    assert f"--checkpoint={undisturbed.status['best']['checkpoint']}" in served["args"]
    assert seen["service"]["metadata"]["ownerReferences"][0]["kind"] == "TuningStudy"
    writes = undisturbed.writes
    made = writes.index(f"create deployments {NAME}")
    assert writes[made + 1] == f"create services {NAME}"
    for last in range(made - 1, len(writes) + 1):
        report, seen = whole_study(killed_after=last)
        assert report.lives == 2
        assert report.outcome == undisturbed.outcome
        assert seen["serving"]["trial"] == report.status["best"]["trial"]
