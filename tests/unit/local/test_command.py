"""From a pod's container to a command line: expansion, volumes, environment, and what a laptop must refuse."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from stepladder.control.store import Object
from stepladder.local.command import ENTRY_POINT, command, problems, relocate
from stepladder.local.expansion import expand
from stepladder.local.layout import Layout

HOME = Layout(Path("/home/me/study"))


def pod(container: Object, **spec: Any) -> Object:
    filled = {"name": "trainer", "image": "ghcr.io/stepladder/trainer:1", **container}
    return {"metadata": {"name": "p", "namespace": "lab", "uid": "u1"}, "spec": {"containers": [filled], **spec}}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x-$(A)-$(B.c)", "x-1-2"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B.c": "2"}) == expanded


def test_our_image_runs_the_trainer_that_is_installed_here() -> None:
    built = command(pod({"args": ["--task=digits"]}), HOME, 1234, {})
    assert built.argv == (sys.executable, "-m", "stepladder_trainer", "--task=digits")


def test_a_command_of_its_own_replaces_the_entry_point_and_may_name_parameters() -> None:
    container = {
        "image": "any",
        "command": ["python", "train.py"],
        "args": ["--lr=$(parameters.lr)", "--port=$(STEPLADDER_METRICS_PORT)", "$$(HOME)"],
        "env": [{"name": "parameters.lr", "value": "0.1"}],
    }
    built = command(pod(container), HOME, 1234, {"HOME": "/home/me"})
    assert built.argv == ("python", "train.py", "--lr=0.1", "--port=1234", "$(HOME)")


def test_the_local_port_and_termination_log_win_over_the_pods_own() -> None:
    container = {
        "env": [
            {"name": "STEPLADDER_METRICS_PORT", "value": "9090"},
            {"name": "URL", "value": "http://x:$(STEPLADDER_METRICS_PORT)"},
        ]
    }
    environment = command(pod(container), HOME, 1234, {}).environment
    assert environment["STEPLADDER_METRICS_PORT"] == "1234"
    assert environment["URL"] == "http://x:1234"
    assert environment["STEPLADDER_TERMINATION_LOG"] == "/home/me/study/pods/u1/termination-log"


def test_the_pod_may_ask_for_its_own_name_and_place() -> None:
    fields = {"NAME": "metadata.name", "NS": "metadata.namespace", "UID": "metadata.uid", "IP": "status.podIP"}
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    environment = command(pod({"env": env}), HOME, 1, {}).environment
    assert [environment[name] for name in fields] == ["p", "lab", "u1", "127.0.0.1"]


def test_inherited_environment_is_kept_save_for_another_trials() -> None:
    inherited = {"PATH": "/usr/bin", "LANG": "C", "STEPLADDER_TRIAL": "someone else's", "OMP_NUM_THREADS": "4"}
    environment = command(pod({}), HOME, 1, inherited).environment
    assert environment["LANG"] == "C"
    assert environment["PATH"].split(":") == [str(Path(sys.executable).parent), "/usr/bin"]
    assert "STEPLADDER_TRIAL" not in environment
    assert environment["OMP_NUM_THREADS"] == "4"
    assert command(pod({}), HOME, 1, {}).environment["OMP_NUM_THREADS"] == "1"


def test_volumes_become_directories_wherever_their_paths_are_named() -> None:
    document = {"checkpointDirectory": "/checkpoints/lab/s/t", "parameters": {"data": "/checkpointsX"}, "seed": 1}
    container = {
        "env": [{"name": "STEPLADDER_TRIAL", "value": json.dumps(document)}, {"name": "CACHE", "value": "/scratch/c"}],
        "args": ["--data=/data", "/data/x", "/database", "--note=a/data"],
        "volumeMounts": [
            {"name": "claimed", "mountPath": "/checkpoints/"},
            {"name": "empty", "mountPath": "/scratch"},
            {"name": "host", "mountPath": "/data", "subPath": "digits"},
        ],
    }
    volumes = [
        {"name": "claimed", "persistentVolumeClaim": {"claimName": "c1"}},
        {"name": "empty", "emptyDir": {}},
        {"name": "host", "hostPath": {"path": "/mnt"}},
    ]
    built = command(pod(container, volumes=volumes), HOME, 1, {})
    read = json.loads(built.environment["STEPLADDER_TRIAL"])
    assert read == document | {"checkpointDirectory": "/home/me/study/volumes/c1/lab/s/t"}
    assert built.environment["CACHE"] == "/home/me/study/pods/u1/volumes/empty/c"
    assert built.argv[len(ENTRY_POINT) :] == ("--data=/mnt/digits", "/mnt/digits/x", "/database", "--note=a/data")
    assert set(built.directories) == {
        Path("/home/me/study/volumes/c1"),
        Path("/home/me/study/pods/u1/volumes/empty"),
        Path("/mnt/digits"),
    }


def test_the_innermost_mount_wins() -> None:
    mounts = {"/a": Path("/outer"), "/a/b": Path("/inner")}
    assert relocate("/a/b/c", mounts) == "/inner/c"
    assert relocate("/a/x", mounts) == "/outer/x"


def test_a_text_that_only_looks_like_json_is_left_alone() -> None:
    assert relocate("{not json", {"/a": Path("/b")}) == "{not json"


def test_a_working_directory_is_taken_if_it_is_here(tmp_path: Path) -> None:
    assert command(pod({"workingDir": str(tmp_path)}), HOME, 1, {}).working_directory == tmp_path
    assert command(pod({"workingDir": "/only/in/the/image"}), HOME, 1, {}).working_directory is None


@pytest.mark.parametrize(
    "image", ["stepladder/trainer", "ghcr.io/stepladder/trainer:0.1.0", "r:5000/stepladder-trainer@sha256:0"]
)
def test_our_image_is_known_by_name(image: str) -> None:
    assert problems(pod({"image": image})["spec"]) == ()


@pytest.mark.parametrize(
    ("container", "spec", "sentence"),
    [
        ({"image": "example.test/theirs"}, {}, "set command in trainer.template"),
        ({"image": "notstepladder/trainers"}, {}, "set command in trainer.template"),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, {}, "envFrom needs a cluster"),
        (
            {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            {},
            "env TOKEN: valueFrom needs a cluster",
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
            "volume v needs a cluster",
        ),
    ],
)
def test_what_only_a_cluster_has_is_refused_with_what_to_do(container: Object, spec: Object, sentence: str) -> None:
    (problem,) = problems(pod(container, **spec)["spec"])
    assert sentence in problem


def test_a_volume_that_the_trainer_does_not_mount_is_nobodys_problem() -> None:
    assert problems(pod({}, volumes=[{"name": "v", "configMap": {"name": "c"}}])["spec"]) == ()


def test_ranks_meet_at_a_port_of_their_group() -> None:
    """Pods of a laptop share one address: catches two groups that meet at PyTorch's default port."""
    address = {"fieldRef": {"fieldPath": "status.podIP"}}
    env = [{"name": "MASTER_ADDR", "valueFrom": address}, {"name": "MASTER_PORT", "value": "29500"}]
    env.append({"name": "PET_MASTER_PORT", "value": "$(MASTER_PORT)"})
    leads = command(pod({"env": env}), HOME, 1234, {}, master_port=4321).environment
    assert [leads[name] for name in ("MASTER_ADDR", "MASTER_PORT", "PET_MASTER_PORT")] == ["127.0.0.1", "4321", "4321"]
    annotation = {"fieldRef": {"fieldPath": "metadata.annotations['example.test/port']"}}
    follows = pod({"env": [{"name": "MASTER_PORT", "valueFrom": annotation}]})
    assert problems(follows["spec"]) == ()
    assert command(follows, HOME, 1, {}).environment["MASTER_PORT"] == ""
    follows["metadata"]["annotations"] = {"example.test/port": "4321"}
    assert command(follows, HOME, 1, {}).environment["MASTER_PORT"] == "4321"
