"""Our trainer as pods: probes and their verdicts, a rerun that repeats a trial, and each way to fail in a sentence."""

import json
import os
import subprocess
import sys
from functools import partial
from typing import Any

import pytest

from cluster.layout import KUBECONFIG
from e2e.manifests import EXAMPLES, IMAGE, small_study
from e2e.observe import apply, conditions, get, kubectl, outcome, wait_until
from stepladder.local.manifest import read
from stepladder_trainer import tasks
from stepladder_trainer.client import Model

WRONG: dict[str, tuple[list[str], dict[str, Any], str, str]] = {
    # name: flags, parameters, the reason of the attempt's end, what the sentence has
    "task": (["--task=digitz"], {}, "ConfigurationError", "there is no task 'digitz'"),
    "file": (["--task=text", "--data=/nowhere/book.txt"], {}, "ConfigurationError", "/nowhere/book.txt"),
    "shape": (["--task=breast_cancer", "--model=cnn"], {}, "ConfigurationError", "model cnn cannot learn this task"),
    "heads": (
        ["--task=text", "--data=/opt/stepladder/stepladder_trainer/cli.py", "--model=transformer"],
        {"width": 30, "heads": 4},
        "ConfigurationError",
        "heads",
    ),
    "memory": (["--task=digits"], {"width": 200_000_000}, "OutOfMemory", ""),
}


def trial(name: str, flags: list[str], parameters: dict[str, Any], **trainer: Any) -> dict[str, Any]:
    """A Trial without a study."""
    spec = small_study(name)["spec"]
    spec["trainer"]["template"]["spec"]["containers"][0]["args"] = flags
    return {
        "apiVersion": "tuning.stepladder.dev/v1alpha1",
        "kind": "Trial",
        "metadata": {"name": name},
        "spec": {
            "parameters": parameters,
            "targetSteps": 20,
            "horizonSteps": 20,
            "objective": spec["objective"],
            "trainer": {**spec["trainer"], **trainer},
            "failurePolicy": {"maxRetries": 0},
        },
    }


def ended(name: str, namespace: str) -> dict[str, Any]:
    """The Trial once it has an outcome."""

    def over() -> Any:
        found = get("trials", name, namespace=namespace)
        return found if found.get("status", {}).get("outcome") else None

    found: dict[str, Any] = wait_until(f"trial {name} has ended", over, seconds=240)
    return found


def sentence(found: dict[str, Any]) -> str:
    """What the Trial's condition says of its end."""
    return str(conditions(found)["Succeeded"]["message"])


@pytest.fixture(scope="module")
def failures(operator: str, module_namespace: str) -> dict[str, dict[str, Any]]:
    """All wrong trials, which run side by side."""
    for name, (flags, parameters, _, _) in WRONG.items():
        apply(trial(name, flags, parameters), module_namespace)
    unreachable = {"checkpoints": {"url": "s3://bucket/prefix"}}
    bucket = trial("bucket", ["--task=digits"], {}, **unreachable)
    [container] = bucket["spec"]["trainer"]["template"]["spec"]["containers"]
    container["env"] = [
        {"name": "AWS_ENDPOINT_URL", "value": "http://127.0.0.1:9"},
        {"name": "AWS_ACCESS_KEY_ID", "value": "nobody"},
        {"name": "AWS_SECRET_ACCESS_KEY", "value": "nothing"},
    ]
    apply(bucket, module_namespace)
    return {name: ended(name, module_namespace) for name in (*WRONG, "bucket")}


@pytest.mark.parametrize("name", WRONG)
def test_each_mistake_ends_with_its_reason_and_a_sentence(failures: dict[str, dict[str, Any]], name: str) -> None:
    """Catches a traceback in place of a sentence, and a retry of what no retry can mend."""
    _, _, reason, said = WRONG[name]
    found = failures[name]
    assert [a["reason"] for a in found["status"]["attempts"]] == [reason]
    assert found["status"]["outcome"] == "Failed"
    assert said in sentence(found)
    assert "Traceback" not in sentence(found)


def test_a_bucket_that_does_not_answer_is_told_by_its_name(failures: dict[str, dict[str, Any]]) -> None:
    assert [a["reason"] for a in failures["bucket"]["status"]["attempts"]] == ["StorageError"]
    assert "s3://bucket/prefix" in sentence(failures["bucket"])


def test_a_probes_study_ends_in_its_verdict(operator: str, namespace: str) -> None:
    (manifest,) = read((EXAMPLES / "probes" / "learning-rate-range.yaml").read_text())
    [container] = manifest["spec"]["trainer"]["template"]["spec"]["containers"]
    container["image"] = IMAGE
    apply(manifest, namespace)
    found = outcome("learning-rate-range", namespace)
    assert found.succeeded
    assert "best" not in found.study["status"], "a probe's loss is no result of the objective"
    [verdict] = [r["verdict"] for r in found.study["status"]["rounds"]]
    assert verdict["type"] == "LearningRateRange"
    # Nesterov at 0.9 on standardised digits: hundredths train, ones diverge.
    assert 1e-4 < verdict["suggestions"]["learning_rate"] < 0.5
    assert verdict["picture"].endswith(".svg")
    events = kubectl("get", "events", "-n", namespace, "-o", "json")
    assert any(event["reason"] == "ProbeEnded" for event in json.loads(events)["items"])


def test_a_rerun_repeats_a_trial_bit_for_bit(operator: str, namespace: str) -> None:
    """Trained in two pods the first time, in one the second."""
    explore = {"name": "explore", "trials": 3, "maxSteps": 90, "pruner": {"algorithm": "ASHA", "minSteps": 30}}
    apply(small_study("first", rounds=[explore]), namespace)
    climbed = max(outcome("first", namespace).trials, key=lambda t: t["spec"]["targetSteps"])
    assert climbed["spec"]["targetSteps"] > 30
    name = climbed["metadata"]["name"]
    done = subprocess.run(
        [sys.executable, "-c", "from stepladder.cli import main; main()", "rerun", name, "--namespace", namespace],
        env={**os.environ, "KUBECONFIG": str(KUBECONFIG)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is identical at all" in done.stdout
    provenance = get("trials", f"{name}-rerun", namespace=namespace)["status"]["provenance"]
    assert {"python", "torch", "packages", "image", "seed", "device"} <= set(provenance)


def test_the_best_model_of_a_study_is_served(operator: str, namespace: str) -> None:
    """Over the cluster's network, with the very error that the study recorded; made again, and gone when asked."""
    explore = {"name": "explore", "trials": 2, "maxSteps": 60}
    apply(small_study("served", rounds=[explore], serve={"port": 8080}), namespace)
    assert outcome("served", namespace).succeeded

    def serving() -> Any:
        return (
            conditions(get("tuningstudies", "served", namespace=namespace)).get("Serving", {}).get("status") == "True"
        )

    wait_until("the model is served", serving, seconds=180)
    status = get("tuningstudies", "served", namespace=namespace)["status"]
    assert status["serving"] == {"trial": status["best"]["trial"], "url": f"http://served.{namespace}.svc:8080"}
    address = get("services", "served", namespace=namespace)["spec"]["clusterIP"]  # there is no DNS here
    images, labels = measured_digits()
    predictions = Model(f"http://{address}:8080").predict(images)
    wrong = sum(said != label for said, label in zip(predictions, labels, strict=True))
    assert wrong / len(labels) == pytest.approx(status["best"]["value"], abs=1e-12)

    kubectl("delete", "deployment", "served", "-n", namespace)
    wait_until("it is served again", lambda: "served" in names("deployments", namespace) and serving(), seconds=180)
    kubectl("patch", "tuningstudy", "served", "-n", namespace, "--type=merge", "-p", '{"spec": {"serve": null}}')
    for kind in ("deployments", "services"):
        wait_until(f"the {kind} are gone", partial(nothing, kind, namespace))


def measured_digits() -> tuple[list[Any], list[str]]:
    """The validation images as they were measured, and what they show."""
    task = tasks.load("digits")
    scale = task.units.scaled.__self__  # type: ignore[union-attr]  # a method of the units
    examples = [task.validation[index] for index in range(len(task.validation))]
    return [scale.raw(image).round().tolist() for image, _ in examples], [task.classes[label] for _, label in examples]


def names(kind: str, namespace: str) -> list[str]:
    return [item["metadata"]["name"] for item in get(kind, namespace=namespace)]


def nothing(kind: str, namespace: str) -> bool:
    return not names(kind, namespace)
