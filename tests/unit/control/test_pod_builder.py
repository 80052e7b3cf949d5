"""The pod of an attempt: the user's template, with the trial in it and nothing of theirs lost."""

import copy
import dataclasses
import json
from typing import Any

import pytest

from control import samples
from stepladder.api import names
from stepladder.api.rounds import Resource
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import TrialSpec
from stepladder.control.ownership import owns
from stepladder.control.pod_builder import Carrier, build_pod, checkpoint_directory, trial_document
from stepladder.control.store import Object
from stepladder.control.trial_builder import build_trial
from stepladder.engine.actions import Start


def carrier(spec: dict[str, Any] | None = None, *, parameters: dict[str, Any] | None = None, **trainer: Any) -> Carrier:
    template = {"spec": {"containers": [{"name": "trainer", "image": "trainer"}], **(spec or {})}}
    study = TuningStudySpec.model_validate(samples.study(trainer={"template": template, **trainer})["spec"])
    trial = samples.trial()
    made = TrialSpec.model_validate(trial["spec"] | ({"parameters": parameters} if parameters else {}))
    return Carrier(trial, made, study.objective, study.trainer)


def trainer_of(pod: Object) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in pod["spec"]["containers"] if c["name"] == "trainer")
    return found


def environment(pod: Object) -> dict[str, str]:
    return {e["name"]: e.get("value", "") for e in trainer_of(pod)["env"]}


def test_the_template_is_not_changed() -> None:
    """Catches the environment of one trial in the pods of the next."""
    given = carrier()
    before = copy.deepcopy(given.trainer.template)
    build_pod(given, 1)
    assert given.trainer.template == before


def test_a_pod_is_its_trials_and_can_be_found() -> None:
    given = carrier()
    pod = build_pod(given, 7)
    assert pod["metadata"]["name"] == "study-1-7"
    assert owns(given.trial, pod)
    labels = pod["metadata"]["labels"]
    assert (labels[names.TRIAL_LABEL], labels[names.ATTEMPT_LABEL], labels[names.STUDY_LABEL]) == (
        "study-1",
        "7",
        "study",
    )


def test_labels_of_the_template_are_kept_and_cannot_hide_the_pod() -> None:
    template = {
        "metadata": {"labels": {"team": "vision", names.TRIAL_LABEL: "other"}, "annotations": {"a": "b"}},
        "spec": {"containers": [{"name": "trainer", "image": "trainer"}]},
    }
    pod = build_pod(carrier(template=template), 1)
    assert pod["metadata"]["labels"]["team"] == "vision"
    assert pod["metadata"]["labels"][names.TRIAL_LABEL] == "study-1"
    assert pod["metadata"]["annotations"]["a"] == "b"


def test_the_trial_is_told_what_to_do() -> None:
    given = carrier()
    document = json.loads(trial_document(given, 2))
    assert document["parameters"] == {"x": 0.5}
    assert (document["targetSteps"], document["horizonSteps"], document["attempt"]) == (30, 90, 2)
    assert document["evaluationSteps"] == [10, 30, 90]
    assert document["objective"] == {"metric": "validation_error", "direction": "Minimize"}
    assert document["checkpointDirectory"] == checkpoint_directory(given)


def test_a_rung_of_data_fraction_trains_on_its_part_of_the_data() -> None:
    """Catches a resource that the trainer is never told of, and a list for those who did not ask."""
    given = carrier()
    assert "dataFractions" not in json.loads(trial_document(given, 1))
    spec = given.spec.model_copy(
        update={"resource": Resource.DATA_FRACTION, "rung_steps": (10, 30, 90), "horizon_steps": 90}
    )
    document = json.loads(trial_document(dataclasses.replace(given, spec=spec), 1))
    assert document["dataFractions"] == [[10, 10 / 90], [30, 30 / 90], [90, 1.0]]


def test_a_trial_takes_its_resource_from_its_round() -> None:
    pruner = {"algorithm": "ASHA", "minSteps": 10, "resource": "DataFraction"}
    rounds = [{"name": "a", "trials": 1, "maxSteps": 90, "pruner": pruner}, {"name": "b", "trials": 1, "maxSteps": 90}]
    for name, resource in (("a", "DataFraction"), ("b", "Steps")):
        start = Start(0, name, 0, 0, 0, 0, 10, 90, (10, 30, 90))
        spec = build_trial(samples.study(rounds=rounds), start, {})["spec"]
        assert TrialSpec.model_validate(spec).resource == resource


def test_checkpoints_are_those_of_one_trial_object() -> None:
    """Catches a study made again that resumes from the checkpoints of the old one."""
    given = carrier()
    again = copy.deepcopy(given.trial)
    again["metadata"]["uid"] = "another-uid"
    assert checkpoint_directory(given) != checkpoint_directory(
        Carrier(again, given.spec, given.objective, given.trainer)
    )
    assert checkpoint_directory(given).startswith("/checkpoints/lab/study/study-1-")


@pytest.mark.parametrize("value", [True, 1, 1.5, "sgd", "$(HOME)", '"; rm -rf /'])
def test_parameters_in_the_environment(value: Any) -> None:
    found = environment(build_pod(carrier(parameters={"p": value}), 1))
    assert found["parameters.p"] == ("true" if value is True else str(value))
    # As Kubernetes expands it: $$( stands for $(.
    assert json.loads(found[names.TRIAL_ENV].replace("$$(", "$("))["parameters"] == {"p": value}


def test_the_users_environment_stays_and_comes_after_ours() -> None:
    """After, so that $(parameters.x) is defined where theirs uses it."""
    mine = [{"name": "DATA", "value": "$(parameters.x)"}, {"name": names.TRIAL_ENV, "value": "mine"}]
    pod = build_pod(carrier({"containers": [{"name": "trainer", "image": "i", "env": mine}]}), 1)
    order = [e["name"] for e in trainer_of(pod)["env"]]
    assert order.count(names.TRIAL_ENV) == 1
    assert order.index("parameters.x") < order.index("DATA")


def test_safe_by_default_and_the_template_decides() -> None:
    spec = build_pod(carrier(), 1)["spec"]
    assert (spec["restartPolicy"], spec["automountServiceAccountToken"]) == ("Never", False)
    assert spec["securityContext"]["runAsNonRoot"] is True
    container = trainer_of({"spec": spec})
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    mine = {"automountServiceAccountToken": True, "securityContext": {"runAsNonRoot": False, "fsGroup": 7}}
    spec = build_pod(carrier(mine), 1)["spec"]
    assert spec["automountServiceAccountToken"] is True
    assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["fsGroup"]) == (False, 7)


@pytest.mark.parametrize(
    ("checkpoints", "source"),
    [({}, "emptyDir"), ({"persistentVolumeClaim": {"claimName": "mine"}}, "persistentVolumeClaim")],
)
def test_where_checkpoints_lie(checkpoints: dict[str, Any], source: str) -> None:
    pod = build_pod(carrier(checkpoints=checkpoints), 1)
    [volume] = pod["spec"]["volumes"]
    [mount] = trainer_of(pod)["volumeMounts"]
    assert source in volume
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/checkpoints")


def test_checkpoints_in_a_bucket_need_no_volume() -> None:
    """And their prefix is of one trial object, as a directory is."""
    given = carrier(checkpoints={"url": "s3://models/tuning/"})
    pod = build_pod(given, 1)
    assert "volumes" not in pod["spec"]
    assert not trainer_of(pod).get("volumeMounts")
    directory = json.loads(environment(pod)[names.TRIAL_ENV])["checkpointDirectory"]
    assert directory == checkpoint_directory(given)
    assert directory.startswith("s3://models/tuning/lab/study/study-1-")


def test_a_volume_of_the_template_is_used_as_it_is() -> None:
    container = {"name": "trainer", "image": "i", "volumeMounts": [{"name": "mine", "mountPath": "/checkpoints/"}]}
    pod = build_pod(carrier({"containers": [container], "volumes": [{"name": "mine", "emptyDir": {}}]}), 1)
    assert [v["name"] for v in pod["spec"]["volumes"]] == ["mine"]


def test_the_trainer_is_found_among_others() -> None:
    containers = [{"name": "sidecar", "image": "s"}, {"name": "trainer", "image": "t"}]
    pod = build_pod(carrier({"containers": containers}), 1)
    assert "env" not in pod["spec"]["containers"][0]
    assert names.TRIAL_ENV in environment(pod)


@pytest.mark.parametrize("port", [{"name": "mine", "containerPort": 9090}, {"name": "metrics", "containerPort": 8080}])
def test_a_port_of_the_template_is_not_named_twice(port: dict[str, Any]) -> None:
    """The API server refuses a pod with two ports of one name."""
    ports = [port]
    pod = build_pod(carrier({"containers": [{"name": "trainer", "image": "i", "ports": ports}]}), 1)
    assert trainer_of(pod)["ports"] == ports
    assert environment(pod)[names.METRICS_PORT_ENV] == "9090"
