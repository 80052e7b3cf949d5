"""What is made for `spec.serve`, when, and what is said of it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from control import samples
from control.lab import Lab, play
from control.world import NAME, NAMESPACE, Report, study
from control.world import play as play_study
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.control.serving_plan import Create, Remove, Said, ServingPlan, Update, plan_serving
from stepladder.control.store import (
    CLAIMS,
    DEPLOYMENTS,
    SERVICES,
    STUDIES,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Object,
    Resource,
    Unavailable,
)
from stepladder.local.admission import admit
from stepladder.local.store import MemoryStore

NS = samples.NAMESPACE
CHECKPOINT = "/checkpoints/lab/study/study-1-abc/step-00000090.pt"
BEST = {"trial": "study-1", "value": 0.1, "step": 90, "checkpoint": CHECKPOINT, "parameters": {"x": 0.5, "wide": True}}
CLAIM = {"checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}}}


def container(**changes: Any) -> dict[str, Any]:
    return {
        "name": "trainer",
        "image": "trainer:1",
        "args": ["--task=digits"],
        "env": [{"name": "PYTHONPATH", "value": "/code"}],
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi", names.GPU_RESOURCE: 1}},
        **changes,
    }


def trainer(*others: dict[str, Any], pod: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [container(**changes), *others], **(pod or {})}}, **CLAIM}


def asked(serve: dict[str, Any] | None = None, **spec: Any) -> Object:
    return samples.study(**{"serve": {} if serve is None else serve, "trainer": trainer(), **spec})


def status(succeeded: str = "True", **changes: Any) -> dict[str, Any]:
    """That of a study that has ended."""
    condition = {
        "type": "Succeeded",
        "status": succeeded,
        "reason": "AllRoundsDone",
        "message": "",
        "lastTransitionTime": "2026-01-01T12:00:00Z",
        "observedGeneration": 1,
    }
    return {
        "conditions": [condition, {**condition, "type": "Progressing", "status": "False"}],
        "startTime": "2026-01-01T11:00:00Z",
        "completionTime": "2026-01-01T12:00:00Z",
        "best": BEST,
        **changes,
    }


def plan(given: Object, was: dict[str, Any] | None = None, **found: Object | None) -> ServingPlan:
    spec = TuningStudySpec.model_validate(given["spec"])
    old = TuningStudyStatus.model_validate(status() if was is None else was)
    return plan_serving(given, spec, old, {DEPLOYMENTS: found.get("deployment"), SERVICES: found.get("service")})


def made(given: Object, was: dict[str, Any] | None = None) -> dict[str, Object]:
    """What a plan makes where there is nothing, as a store would have it."""
    objects = [action.manifest for action in plan(given, was).actions if isinstance(action, Create)]
    for number, item in enumerate(objects):
        item["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": "1", "generation": 1}
    return {item["kind"].lower(): item for item in objects}


def pod_of(given: Object) -> dict[str, Any]:
    spec: dict[str, Any] = made(given)["deployment"]["spec"]["template"]["spec"]
    return spec


AVAILABLE = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


# --- what is made -----------------------------------------------------------------------------------------------------


def test_the_trainers_image_environment_and_volumes_serve_the_best_checkpoint() -> None:
    (served,) = pod_of(asked())["containers"]
    assert served["image"] == "trainer:1"
    assert served["args"] == ["serve", f"--checkpoint={CHECKPOINT}", "--port=8080", "--device=cpu"]
    assert served["env"] == [
        {"name": "parameters.wide", "value": "true"},
        {"name": "parameters.x", "value": "0.5"},
        {"name": "PYTHONPATH", "value": "/code"},
    ]
    assert served["volumeMounts"] == [{"name": "stepladder-checkpoints", "mountPath": "/checkpoints", "readOnly": True}]
    assert served["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": 8080}


def test_a_serving_pod_asks_for_no_gpu() -> None:
    """Catches a model that takes a GPU from the trials of the next study for as long as it is served."""
    assert pod_of(asked())["containers"][0]["resources"] == {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}


def test_nor_do_its_init_containers_or_the_pod_as_a_whole() -> None:
    """Catches a GPU held through an init container, a sidecar, a claim (resource.k8s.io) or the pod's own resources."""
    devices = {"requests": {"cpu": "2"}, "limits": {names.GPU_RESOURCE: 1}, "claims": [{"name": "gpu"}]}
    others = {
        "initContainers": [
            {"name": "fetch", "image": "fetch", "resources": devices},
            {"name": "watch", "image": "watch", "restartPolicy": "Always", "resources": devices},
        ],
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
        "resources": {"limits": {names.GPU_RESOURCE: 1}},
    }
    pod = pod_of(asked(trainer=trainer(pod=others, resources=devices)))
    assert [c["name"] for c in pod["initContainers"]] == ["fetch"]
    for each in (*pod["initContainers"], *pod["containers"]):
        assert each["resources"] == {"requests": {"cpu": "2"}, "limits": {}}
    assert not {"resourceClaims", "resources"} & set(pod)


@pytest.mark.parametrize(
    ("command", "args", "serves"),
    [
        (["python"], ["-m", "stepladder_trainer", "--task=digits"], ["python", "-m", "stepladder_trainer"]),
        (
            ["/opt/venv/bin/python3.11", "-u"],
            ["-m", "stepladder_trainer"],
            ["/opt/venv/bin/python3.11", "-u", "-m", "stepladder_trainer"],
        ),
        (["torchrun", "--nproc-per-node=4", "-m", "stepladder_trainer"], [], ["python", "-m", "stepladder_trainer"]),
        (
            ["python", "-m", "torch.distributed.run", "-m", "stepladder_trainer"],
            [],
            ["python", "-m", "stepladder_trainer"],
        ),
    ],
)
def test_our_trainer_is_found_in_command_and_args_and_serves_in_one_process(
    command: list[str], args: list[str], serves: list[str]
) -> None:
    """Catches our own trainer refused as another's, and a server that is started once per GPU."""
    assert pod_of(asked(trainer=trainer(command=command, args=args)))["containers"][0]["command"] == serves


def test_it_runs_in_a_namespace_with_restricted_pods() -> None:
    pod = pod_of(asked())
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_what_a_deployments_pods_may_not_have_and_what_is_about_training_is_left_out() -> None:
    given = asked(
        trainer=trainer(
            {"name": "uploader", "image": "uploader"},
            pod={"restartPolicy": "Never", "activeDeadlineSeconds": 60, "nodeSelector": {"disk": "fast"}},
            command=["python", "-m", "stepladder_trainer", "--task=digits"],
            lifecycle={"preStop": {}},
        )
    )
    pod = pod_of(given)
    assert not {"restartPolicy", "activeDeadlineSeconds"} & set(pod)
    assert pod["nodeSelector"] == {"disk": "fast"}
    (served,) = pod["containers"]
    assert served["command"] == ["python", "-m", "stepladder_trainer"]
    assert "lifecycle" not in served


def test_replicas_and_port_are_those_that_are_asked_for() -> None:
    objects = made(asked({"replicas": 3, "port": 9000}))
    assert objects["deployment"]["spec"]["replicas"] == 3
    assert objects["service"]["spec"]["ports"] == [
        {"name": "http", "port": 9000, "targetPort": 9000, "protocol": "TCP"}
    ]


def test_the_service_finds_the_serving_pods_and_none_that_trains() -> None:
    """Catches requests that reach a trial's metrics."""
    objects = made(asked())
    pods = objects["deployment"]["spec"]["template"]["metadata"]["labels"]
    selector = objects["service"]["spec"]["selector"]
    assert selector == objects["deployment"]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= pods.items()
    assert names.TRIAL_LABEL not in pods, "the operator would take it for a trial's pod"
    assert names.SERVING_LABEL in selector, "trials' pods have the study's label too"


# --- when -------------------------------------------------------------------------------------------------------------


def test_both_are_made_when_the_study_has_succeeded_and_then_nothing() -> None:
    assert [action.resource for action in plan(asked()).actions if isinstance(action, Create)] == [
        DEPLOYMENTS,
        SERVICES,
    ]
    assert plan(asked(), None, **made(asked())).actions == ()


def test_a_better_trial_another_template_and_another_port_roll_the_deployment() -> None:
    before = made(asked())
    better = {**BEST, "trial": "study-2", "checkpoint": "/checkpoints/lab/study/study-2-abc/step-00000030.pt"}
    (update,) = plan(asked(), status(best=better), **before).actions
    assert isinstance(update, Update)
    assert update.key.resource == DEPLOYMENTS
    assert "study-2-abc" in str(update.patch)
    (image,) = plan(asked(trainer=trainer(image="trainer:2")), None, **before).actions
    assert "trainer:2" in str(image)
    assert [action.key.resource for action in plan(asked({"port": 9000}), None, **before).actions] == [  # type: ignore[union-attr]  # updates
        DEPLOYMENTS,
        SERVICES,
    ]


def test_what_somebody_else_has_set_on_a_deployment_stays() -> None:
    """Catches a fight with an autoscaler over the replicas."""
    objects = made(asked())
    objects["deployment"]["spec"]["replicas"] = 7
    assert plan(asked(), None, **objects).actions == ()


def test_a_roll_leaves_the_replicas_of_an_autoscaler_until_serve_asks_for_others() -> None:
    """Catches seven busy pods that become one whenever the image changes."""
    objects = made(asked())
    (roll,) = plan(asked(trainer=trainer(image="trainer:2")), None, **objects).actions
    assert isinstance(roll, Update)
    assert {"/spec/template"} <= (paths := {str(change["path"]) for change in roll.patch})
    assert "/spec/replicas" not in paths
    (scaled,) = plan(asked({"replicas": 3}), None, **objects).actions
    assert isinstance(scaled, Update)
    assert {"op": "add", "path": "/spec/replicas", "value": 3} in scaled.patch


@pytest.mark.parametrize(
    ("conditions", "now", "told"),
    [
        (
            [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}],
            1,
            "FailedCreate: exceeded quota: q",
        ),
        (
            [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}],
            1,
            "ProgressDeadlineExceeded: timed out",
        ),
        ([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}], 0, "kubectl describe pods -l "),
        ([{"type": "Progressing", "status": "True", "reason": "NewReplicaSet"}], 1, "kubectl logs deploy/study"),
    ],
)
def test_pods_that_are_never_made_are_explained_by_the_deployment(
    conditions: list[dict[str, str]], now: int, told: str
) -> None:
    """Catches `kubectl logs` as the advice for a pod that a quota or a policy does not let be."""
    objects = made(asked())
    objects["deployment"]["status"] = {"observedGeneration": now, "conditions": conditions}
    said = plan(asked(), None, **objects).said
    assert said is not None
    assert said.reason == "Starting"
    assert told in said.message


def test_what_is_not_served_can_be_by_hand() -> None:
    """Catches a best checkpoint that is there and is said not to be, and an image blamed for last words that were
    lost."""
    failed, untold = plan(asked(), status("False")).said, plan(asked(), status(best={**BEST, "checkpoint": None})).said
    assert failed is not None
    assert CHECKPOINT in failed.message
    assert untold is not None
    assert "by hand from the trial's directory" in untold.message
    none = plan(asked(), status("False", best=None)).said
    assert none is not None
    assert "there is no best model" in none.message


@pytest.mark.parametrize(
    ("given", "was", "said"),
    [
        (asked(), status() | {"completionTime": None, "conditions": []}, ("Unknown", "NotFinished", "")),
        (asked(), status("False"), ("False", "StudyFailed", "the study has failed")),
        (asked(), status(best=None), ("False", "NoBestTrial", "no trial has a result")),
        (asked(), status(best={**BEST, "checkpoint": None}), ("False", "NoCheckpoint", "study-1 has told of no")),
        (
            asked(trainer=trainer(command=["python", "mine.py"])),
            status() | {"completionTime": None},
            ("False", "NotOurTrainer", "the container trainer runs python mine.py"),
        ),
    ],
)
def test_what_cannot_be_served_is_told_and_nothing_is_left(
    given: Object, was: dict[str, Any], said: tuple[str, str, str]
) -> None:
    planned = plan(given, was, **made(asked()))
    assert [type(action) for action in planned.actions] == [Remove, Remove]
    assert planned.said is not None
    assert (planned.said.status, planned.said.reason) == said[:2]
    assert said[2] in planned.said.message
    assert planned.said.serving is None


def test_both_go_when_serve_is_removed() -> None:
    planned = plan(samples.study(trainer=trainer()), None, **made(asked()))
    assert [action.key.resource for action in planned.actions if isinstance(action, Remove)] == [DEPLOYMENTS, SERVICES]
    assert planned.said is None


def test_what_is_not_the_studys_is_neither_changed_nor_removed() -> None:
    objects = made(asked())
    objects["service"]["metadata"]["ownerReferences"] = []
    planned = plan(asked(), None, **objects)
    assert planned.actions == ()
    assert planned.said == Said(
        "False", "NameTaken", "there is a Service study that is not this study's: delete it, and the model is served"
    )
    (removal,) = plan(samples.study(trainer=trainer()), None, **objects).actions
    assert isinstance(removal, Remove)
    assert removal.key.resource == DEPLOYMENTS


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({}, "Starting"),
        (AVAILABLE, "Available"),
        ({**AVAILABLE, "availableReplicas": 0}, "Starting"),
        ({**AVAILABLE, "observedGeneration": 0}, "Starting"),
        ({**AVAILABLE, "replicas": 2}, "Starting"),
    ],
)
def test_it_is_available_when_a_pod_of_this_very_model_is(now: dict[str, Any], reason: str) -> None:
    """Catches the model before it being taken for the new one while pods are replaced."""
    objects = made(asked())
    objects["deployment"]["status"] = now
    said = plan(asked(), None, **objects).said
    assert said is not None
    assert said.reason == reason
    assert said.serving is not None
    assert said.serving.url == "http://study.lab.svc:8080"


def test_checkpoints_that_die_with_their_pod_are_refused_when_the_study_is_applied() -> None:
    template = {"template": trainer()["template"]}
    with pytest.raises(Invalid, match="serve needs checkpoints that outlive the pod that wrote them: give"):
        admit(STUDIES, asked(trainer=template), None)
    admit(STUDIES, asked(trainer={**template, "checkpoints": {"url": "s3://bucket/prefix"}}), None)
    admit(STUDIES, asked(), None)


# --- kept so ----------------------------------------------------------------------------------------------------------


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
