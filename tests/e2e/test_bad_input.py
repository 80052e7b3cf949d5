"""Bad manifests against the real API server: refused in a sentence, at apply or in a condition, at no cost."""

from pathlib import Path

import pytest
import yaml

from e2e.manifests import BAD, small_study
from e2e.observe import Refused, apply, conditions, get, kubectl, outcome, wait_until

FILES = sorted(BAD.glob("*.yaml"))


def header(file: Path, key: str) -> str:
    """A `# key: value` line at the top of the file."""
    return next(line.split(":", 1)[1].strip() for line in file.read_text().splitlines() if line.startswith(f"# {key}:"))


def at(stage: str) -> list[Path]:
    return [f for f in FILES if header(f, "refused-at") == stage]


def test_there_are_enough() -> None:
    assert len(FILES) >= 20


@pytest.mark.parametrize("file", at("apply"), ids=lambda f: f.stem)
def test_refused_at_apply(operator: str, module_namespace: str, file: Path) -> None:
    with pytest.raises(Refused) as refusal:
        kubectl("apply", "-n", module_namespace, "-f", str(file))
    assert header(file, "expect") in str(refusal.value)


@pytest.mark.parametrize("file", at("condition"), ids=lambda f: f.stem)
def test_refused_in_a_condition(operator: str, module_namespace: str, file: Path) -> None:
    kubectl("apply", "-n", module_namespace, "-f", str(file))
    name = yaml.safe_load(file.read_text())["metadata"]["name"]

    def refused() -> str | None:
        accepted = conditions(get("tuningstudies", name, namespace=module_namespace)).get("Accepted", {})
        return accepted.get("message") if accepted.get("status") == "False" else None

    assert header(file, "expect") in wait_until(f"{name} is refused", refused, seconds=20)


def test_none_made_a_pod_and_others_are_served(operator: str, module_namespace: str) -> None:
    assert get("pods", namespace=module_namespace) == []
    apply(small_study("good"), module_namespace)
    assert outcome("good", module_namespace).succeeded


def test_an_unknown_metric_fails_with_its_name(operator: str, namespace: str) -> None:
    manifest = small_study("metric", failurePolicy={"maxFailedTrials": 0})
    manifest["spec"]["objective"]["metric"] = "validaton_eror"
    apply(manifest, namespace)
    ended = outcome("metric", namespace)
    assert not ended.succeeded
    assert "validaton_eror" in ended.trials[0]["status"]["attempts"][-1]["message"]


def test_an_image_that_is_not_there_says_so_and_ends(operator: str, namespace: str) -> None:
    policy = {"maxFailedTrials": 0, "pendingDeadlineSeconds": 20}
    manifest = small_study("image", failurePolicy=policy)
    manifest["spec"]["trainer"]["template"]["spec"]["containers"][0]["image"] = "ghcr.io/stepladder/none:dev"
    apply(manifest, namespace)
    ended = outcome("image", namespace, seconds=90)
    assert not ended.succeeded
    assert "ImagePull" in ended.trials[0]["status"]["attempts"][-1]["message"]


def test_a_missing_claim_costs_nothing(operator: str, namespace: str) -> None:
    manifest = small_study("claim")
    manifest["spec"]["trainer"]["checkpoints"] = {"persistentVolumeClaim": {"claimName": "nowhere"}}
    apply(manifest, namespace)

    def told() -> bool:
        degraded = conditions(get("tuningstudies", "claim", namespace=namespace)).get("Degraded", {})
        return degraded.get("reason") == "ClaimNotFound" and "nowhere" in degraded["message"]

    wait_until("the condition names the claim", told, seconds=20)
    assert get("pods", namespace=namespace) == []
    assert get("trials", namespace=namespace) == []


def test_values_that_are_not_finite_never_win(operator: str, namespace: str) -> None:
    manifest = small_study("diverging", parallelism=3)
    manifest["spec"]["parameters"][0]["float"] = {"min": 1e-2, "max": 1e9, "scale": "Log"}
    apply(manifest, namespace)
    ended = outcome("diverging", namespace)
    infeasible = [t for t in ended.trials if t["status"].get("outcome") == "Infeasible"]
    assert infeasible, "the test needs trials that diverge"
    assert ended.succeeded
    assert ended.best[0] not in {t["metadata"]["name"] for t in infeasible}
    assert 0 <= ended.best[1] <= 1
