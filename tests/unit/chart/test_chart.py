"""What the chart installs, and what it refuses to."""

from itertools import chain, pairwise
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from chart.chart import CHART, NAMESPACE, Manifest, Refused, helm, kinds, only, render
from cluster.layout import REPOSITORY
from stepladder.api import names
from stepladder.cluster.command import operator
from stepladder.control.store import WATCHED

NAMESPACED = {"watchNamespaces": ["vision", "speech"], "rbac__aggregateToDefaultRoles": False}


@pytest.fixture(scope="module")
def installed() -> list[Manifest]:
    """With every default."""
    return render()


def operator_pod(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = only(manifests, "Deployment")["spec"]["template"]["spec"]
    return spec


def test_lint_has_no_complaint() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


# --- pod security -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "stepladder"), ("Pod", "stepladder-test")])
def test_pods_pass_the_restricted_standard_and_cannot_write_to_their_image(
    installed: list[Manifest], kind: str, name: str
) -> None:
    manifest = only(installed, kind, name)
    spec = manifest["spec"] if kind == "Pod" else manifest["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"]["memory"] == "256Mi"


# --- the operator's arguments -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{}, NAMESPACED, {"leaderElection__enabled": False, "logging__format": "text"}])
def test_the_operator_understands_its_arguments(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A renamed option would only be noticed by a pod that crashes."""
    (container,) = operator_pod(render(**values))["containers"]
    context = operator.make_context("operator", list(container["args"]))
    assert context.params["storage_url"] == "sqlite:////data/optuna.db"
    assert context.params["namespaces"] == tuple(values.get("watchNamespaces", ()))
    assert context.params["leader_elect"] is values.get("leaderElection__enabled", True)
    assert context.params["lease_namespace"] == (NAMESPACE if context.params["leader_elect"] else "default")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"metrics": context.params["metrics_port"], "health": context.params["health_port"]}
    assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        "health"
    }


def test_options_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPLADDER_NAMESPACES", "vision speech")
    monkeypatch.setenv("STEPLADDER_STORAGE_URL", "postgresql://db")
    monkeypatch.setenv("STEPLADDER_LEADER_ELECT", "1")
    params = operator.make_context("operator", []).params
    assert params["namespaces"] == ("vision", "speech")
    assert params["storage_url"] == "postgresql://db"
    assert params["leader_elect"] is True


def test_the_help_of_the_command_says_how_to_limit_it() -> None:
    assert "whole cluster" in CliRunner().invoke(operator, ["--help"]).output


# --- rights -----------------------------------------------------------------------------------------------------------


def rules(manifests: list[Manifest]) -> list[Manifest]:
    """All rules of roles that the operator itself is bound to."""
    roles = [m for m in manifests if m["kind"] in ("Role", "ClusterRole")]
    bound = {m["roleRef"]["name"] for m in manifests if m["kind"].endswith("Binding")}
    return list(chain.from_iterable(m["rules"] for m in roles if m["metadata"]["name"] in bound))


@pytest.mark.parametrize("values", [{}, NAMESPACED])
def test_no_right_is_a_wildcard_and_none_reaches_secrets_nodes_or_roles(values: dict[str, Any]) -> None:
    granted = rules(render(**values))
    assert not [rule for rule in granted if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"]]
    assert {resource for rule in granted for resource in rule["resources"]} == {
        "tuningstudies", "tuningstudies/status", "tuningstudies/finalizers",
        "trials", "trials/status", "trials/finalizers",
        "pods", "resourcequotas", "persistentvolumeclaims", "events", "leases", "deployments", "services",
    }  # fmt: skip


def test_what_is_watched_may_be_listed_and_watched(installed: list[Manifest]) -> None:
    verbs = {resource: set(rule["verbs"]) for rule in rules(installed) for resource in rule["resources"]}
    for resource in (each.plural for each in WATCHED):
        assert verbs[resource] >= {"get", "list", "watch"}


def test_a_namespaced_installation_has_no_right_in_the_cluster() -> None:
    manifests = render(**NAMESPACED)
    assert not kinds(manifests) & {"ClusterRole", "ClusterRoleBinding"}
    bindings = [m for m in manifests if m["kind"] == "RoleBinding"]
    assert {m["metadata"]["namespace"] for m in bindings} == {"vision", "speech", NAMESPACE}
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "stepladder", "namespace": NAMESPACE}]


def test_people_get_their_rights_through_the_clusters_own_roles(installed: list[Manifest]) -> None:
    viewer, editor = (only(installed, "ClusterRole", f"stepladder-{who}") for who in ("viewer", "editor"))
    assert viewer["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in editor["metadata"]["labels"]
    assert set(viewer["rules"][0]["verbs"]) == {"get", "list", "watch"}
    assert not any("status" in resource for rule in editor["rules"] for resource in rule["resources"])


# --- CRDs -------------------------------------------------------------------------------------------------------------


def test_the_crds_are_those_of_the_repository(installed: list[Manifest]) -> None:
    """A copy that lags behind would refuse what the operator writes, or accept what it cannot run."""
    shipped = {m["metadata"]["name"]: m["spec"] for m in installed if m["kind"] == "CustomResourceDefinition"}
    generated = [yaml.safe_load(path.read_text()) for path in (REPOSITORY / "crds").glob("*.yaml")]
    assert shipped == {crd["metadata"]["name"]: crd["spec"] for crd in generated}
    assert len(shipped) == 2


@pytest.mark.parametrize("keep", [True, False])
def test_uninstalling_keeps_the_studies_unless_told_otherwise(*, keep: bool) -> None:
    for crd in [m for m in render(crds__keep=keep) if m["kind"] == "CustomResourceDefinition"]:
        assert crd["metadata"].get("annotations", {}) == ({"helm.sh/resource-policy": "keep"} if keep else {})
        assert crd["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_the_crds_can_be_left_out() -> None:
    assert "CustomResourceDefinition" not in kinds(render(crds__enabled=False))


# --- storage and replicas ---------------------------------------------------------------------------------------------


def test_with_a_volume_the_old_pod_goes_before_the_new_one_comes(installed: list[Manifest]) -> None:
    """Two processes on one SQLite database, or a pod that waits for a volume that is mounted elsewhere."""
    assert only(installed, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    (data,) = [v for v in operator_pod(installed)["volumes"] if v["name"] == "data"]
    assert data["persistentVolumeClaim"] == {"claimName": only(installed, "PersistentVolumeClaim")["metadata"]["name"]}


def test_without_a_volume_the_record_lives_as_long_as_the_pod() -> None:
    manifests = render(storage__persistence__enabled=False)
    assert only(manifests, "Deployment")["spec"]["strategy"] == {"type": "RollingUpdate"}
    assert {"name": "data", "emptyDir": {}} in operator_pod(manifests)["volumes"]
    assert "PersistentVolumeClaim" not in kinds(manifests)


def test_a_claim_of_ones_own_is_used_and_none_is_made() -> None:
    manifests = render(storage__persistence__existingClaim="mine")
    assert "PersistentVolumeClaim" not in kinds(manifests)
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "mine"}} in operator_pod(manifests)["volumes"]


def test_a_disruption_budget_is_made_when_asked_for() -> None:
    values = {"replicas": 2, "storage__persistence__enabled": False, "podDisruptionBudget__enabled": True}
    assert only(render(**values), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"replicas": 2}, "replicas > 1 needs storage.persistence.accessModes [ReadWriteMany], or"),
        ({"replicas": 2, "leaderElection__enabled": False}, "replicas > 1 needs leaderElection.enabled"),
        ({"podDisruptionBudget__enabled": True}, "podDisruptionBudget.enabled needs replicas > 1"),
        ({"serviceAccount__create": False}, "serviceAccount.name must name an existing ServiceAccount"),
        ({"replica": 1}, "replica"),
        ({"image__tagg": "x"}, "tagg"),
        ({"image__tag": 1.0}, "/image/tag"),
        ({"image__repository": "ghcr.io/stepladder/operator:1"}, "/image/repository"),
        ({"replicas": "two"}, "/replicas"),
        ({"watchNamespaces": "vision"}, "/watchNamespaces"),
        ({"watchNamespaces": ["team-*"]}, "/watchNamespaces/0"),
        ({"logging__level": "debug"}, "/logging/level"),
        ({"storage__persistence__size": "1 GB"}, "/storage/persistence/size"),
        ({"storage__persistence__accessModes": ["ReadOnlyMany"]}, "/storage/persistence/accessModes/0"),
        ({"resources__requests": {"memory": "much"}}, "/resources/requests/memory"),
        ({"crds__enabled": "yes please"}, "/crds/enabled"),
        ({"terminationGracePeriodSeconds": 1}, "/terminationGracePeriodSeconds"),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        render(**values)
    assert sentence in str(refused.value).replace("'", "").replace("values.", "")


def test_every_value_is_known_to_the_schema_and_documented() -> None:
    """helm itself checks values.yaml against the schema; here, that each line has its comment."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    undocumented = [
        line
        for before, line in pairwise(lines)
        if line.strip() and not line.lstrip().startswith("#") and not line.endswith(":")
        and not before.lstrip().startswith("#")
    ]  # fmt: skip
    groups = ("tolerations", "affinity", "topologySpreadConstraints", "cpu", "memory", "storage")
    assert [line for line in undocumented if line.strip().split(":")[0] not in groups] == []


# --- labels, names, notes ---------------------------------------------------------------------------------------------


def test_everything_carries_helms_recommended_labels(installed: list[Manifest]) -> None:
    for manifest in installed:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "stepladder"
        assert labels["app.kubernetes.io/instance"] == "stepladder"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("stepladder-")


def test_the_services_select_the_operator_and_not_the_test_pod(installed: list[Manifest]) -> None:
    selector = only(installed, "Service", "stepladder-metrics")["spec"]["selector"]
    operators = only(installed, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= operators.items()
    assert not selector.items() <= only(installed, "Pod", "stepladder-test")["metadata"]["labels"].items()


def test_the_test_pod_is_a_hook_and_asks_the_service_by_its_own_name(installed: list[Manifest]) -> None:
    pod = only(installed, "Pod", "stepladder-test")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert 'os.environ["STEPLADDER_METRICS_SERVICE_HOST"]' in pod["spec"]["containers"][0]["args"][0]


def test_the_chart_says_on_artifact_hub_what_it_is() -> None:
    annotations = yaml.safe_load((CHART / "Chart.yaml").read_text())["annotations"]
    assert annotations["artifacthub.io/operator"] == "true"
    assert [crd["kind"] for crd in yaml.safe_load(annotations["artifacthub.io/crds"])] == ["TuningStudy", "Trial"]
    (example,) = yaml.safe_load(annotations["artifacthub.io/crdsExamples"])
    assert (example["apiVersion"], example["kind"]) == (names.API_VERSION, names.STUDY_KIND)
