"""What is made for `spec.serve`, when, and what is said of it."""

from typing import Any

import pytest

from control import samples
from control.serving import AVAILABLE, BEST, CHECKPOINT, asked, made, plan, pod_of, status, trainer
from stepladder.api import names
from stepladder.control.serving_plan import Create, Remove, Said, Update
from stepladder.control.store import (
    DEPLOYMENTS,
    SERVICES,
    STUDIES,
    Invalid,
    Object,
)
from stepladder.local.admission import admit

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
