"""The operator's metrics are documented, and count what they say."""

import re

import pytest
from prometheus_client import REGISTRY

from cluster.layout import REPOSITORY
from stepladder import telemetry

PREFIX = "stepladder_operator_"


def test_every_metric_is_documented_and_every_documented_metric_exists() -> None:
    families = {family.name: family for family in REGISTRY.collect() if family.name.startswith(PREFIX)}
    exposed = {name + ("_total" if family.type == "counter" else "") for name, family in families.items()}
    text = (REPOSITORY / "docs" / "install.md").read_text()
    assert set(re.findall(rf"^\| `({PREFIX}\w+)`", text, re.MULTILINE)) == exposed


def test_a_reconcile_is_timed_and_a_failure_is_counted_by_its_name() -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"{PREFIX}{name}", {"kind": "Test", **labels}) or 0

    with telemetry.reconciling("Test"):
        pass
    with pytest.raises(KeyError), telemetry.reconciling("Test"):
        raise KeyError
    assert value("reconcile_seconds_count") == 2
    assert value("reconcile_errors_total", error="KeyError") == 1
