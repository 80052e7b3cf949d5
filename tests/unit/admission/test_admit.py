"""Local admission: defaults, types, limits, and the API server's own words (of 1.35.4, where they were compared)."""

import math
from typing import Any

import pytest

from admission.objects import study, trial
from stepladder.control.store import PODS, STUDIES, TRIALS, Invalid
from stepladder.local.admission import admit
from stepladder.local.admission.structure import UNCHECKED

REFUSED = 'TuningStudy.tuning.stepladder.dev "two-rounds" is invalid: '

METRIC = "{} should match '^[a-zA-Z_:][a-zA-Z0-9_:]*$'"
LIMITS: list[tuple[dict[str, Any], str, str]] = [
    ({"parallelism": 0}, "spec.parallelism", "0: {} should be greater than or equal to 1"),
    ({"parallelism": 10001}, "spec.parallelism", "10001: {} should be less than or equal to 10000"),
    ({"budget": {"gpuHours": 0}}, "spec.budget.gpuHours", "0: {} should be greater than 0"),
    (
        {"objective": {"metric": "a b"}},
        "spec.objective.metric",
        "\"a b\": {} should match '^[a-zA-Z_:][a-zA-Z0-9_:]*$'",
    ),
    ({"objective": {"metric": "ab\n"}}, "spec.objective.metric", f'"ab\\n": {METRIC}'),
    ({"objective": {"metric": ""}}, "spec.objective.metric", '"": {} should be at least 1 chars long'),
    (
        {"parameters": [{"name": "a", "categorical": {"values": []}}]},
        "spec.parameters[0].categorical.values",
        "0: {} should have at least 1 items",
    ),
]

MISTYPED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"suspend": "yes"}, "spec.suspend", "string", "boolean"),
    ({"parallelism": 1.5}, "spec.parallelism", "number", "integer"),
    ({"parallelism": 10**20}, "spec.parallelism", "number", "integer"),
    ({"parallelism": True}, "spec.parallelism", "boolean", "integer"),
    ({"trainer": []}, "spec.trainer", "array", "object"),
    ({"rounds": [None]}, "spec.rounds[0]", "null", "object"),
]

ROUNDS = [{"name": f"r{i}", "trials": 1, "maxSteps": 1} for i in range(17)]
BLOCKING: list[tuple[dict[str, Any], str]] = [
    ({"goal": "x" * 4097}, "spec.goal: Too long: may not be more than 4096 bytes"),
    ({"rounds": ROUNDS}, "spec.rounds: Too many: 17: must have at most 16 items"),
    ({"trainer": None}, "spec.trainer: Required value"),
    (
        {"objective": {"metric": "loss", "direction": "Down"}},
        'spec.objective.direction: Unsupported value: "Down": supported values: "Minimize", "Maximize"',
    ),
    *(
        (fields, f'{path}: Invalid value: "{actual}": {path} in body must be of type {expected}: "{actual}"')
        for fields, path, actual, expected in MISTYPED
    ),
]


def with_spec(**fields: Any) -> dict[str, Any]:
    manifest = study()
    manifest["spec"].update(fields)
    return manifest


@pytest.mark.parametrize(("fields", "path", "sentence"), LIMITS)
def test_limit(fields: dict[str, Any], path: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        admit(STUDIES, with_spec(**fields))
    assert str(refused.value) == f"{REFUSED}{path}: Invalid value: {sentence.format(f'{path} in body')}"


@pytest.mark.parametrize(("fields", "sentence"), BLOCKING)
def test_what_rules_could_not_be_trusted_with(fields: dict[str, Any], sentence: str) -> None:
    """CEL over a missing or mistyped field would fail with an error of its own."""
    with pytest.raises(Invalid) as refused:
        admit(STUDIES, with_spec(**fields))
    assert str(refused.value) == f"{REFUSED}[{sentence}, {UNCHECKED}]"


def test_all_causes_are_listed() -> None:
    """One at a time would cost a person as many tries as there are mistakes."""
    manifest = with_spec(parallelism=0)
    manifest["spec"]["parameters"][2]["float"]["min"] = 2
    with pytest.raises(
        Invalid, match=r"is invalid: \[spec.parallelism: .*, spec.parameters\[2\].float: .* float.min must"
    ):
        admit(STUDIES, manifest)


def test_unknown_fields_are_named() -> None:
    manifest = with_spec(paralelism=4)
    manifest["spec"]["rounds"][0]["steps"] = 1
    with pytest.raises(Invalid) as refused:
        admit(STUDIES, manifest)
    assert str(refused.value) == (
        'TuningStudy in version "v1alpha1" cannot be handled as a TuningStudy: strict decoding error:'
        ' unknown field "spec.rounds[0].steps", unknown field "spec.paralelism"'
    )


def test_pod_templates_may_hold_what_we_do_not_know() -> None:
    manifest = study()
    manifest["spec"]["trainer"]["template"]["spec"] |= {"nodeSelector": {"gpu": "h200"}, "tolerations": []}
    assert admit(STUDIES, manifest) == manifest


def test_defaults_are_filled_to_any_depth() -> None:
    stored = study()["spec"]
    assert stored["parallelism"] == 2
    assert stored["failurePolicy"] == {"maxFailedTrials": 5, "maxRetries": 3, "pendingDeadlineSeconds": 3600}
    assert stored["rounds"][0]["pruner"]["bracketSizing"] == "Algorithm1"
    assert stored["rounds"][1]["pruner"] == {
        "algorithm": "None",
        "reductionFactor": 3,
        "bracketSizing": "Algorithm1",
        "resource": "Steps",
    }
    assert stored["parameters"][3]["role"] == "Nuisance"


def test_defaults_are_not_shared() -> None:
    """One study's defaults, changed in place, would become every later study's."""
    bare = with_spec(failurePolicy=None)
    admit(STUDIES, bare)["spec"]["failurePolicy"]["maxRetries"] = 99
    assert admit(STUDIES, bare)["spec"]["failurePolicy"]["maxRetries"] == 3


def test_null_is_a_field_left_out() -> None:
    stored = admit(STUDIES, with_spec(parallelism=None, goal=None, budget={"gpuHours": None}))["spec"]
    assert (stored["parallelism"], stored["goal"], stored["budget"]) == (1, "", {})


def test_whole_numbers_lose_their_point() -> None:
    """As on a cluster, where 1.0 is stored as 1: else the same manifest would give two configurations."""
    stored = trial(parameters={"width": 64.0, "learning_rate": 0.5, "name": "1.0"}, targetSteps=3e1)["spec"]
    assert repr(stored["parameters"]) == "{'width': 64, 'learning_rate': 0.5, 'name': '1.0'}"
    assert repr(stored["targetSteps"]) == "30"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    """JSON has no such number; stored, it would win every comparison or lose every one."""
    with pytest.raises(Invalid, match="numbers must be finite"):
        admit(TRIALS, trial() | {"status": {"best": {"step": 30, "value": value}}})


def test_what_is_stored_is_a_copy() -> None:
    given = with_spec()
    stored = admit(STUDIES, given)
    given["spec"]["rounds"][0]["maxSteps"] = 1
    assert stored["spec"]["rounds"][0]["maxSteps"] == 270


def test_what_was_refused_since_does_not_hinder_other_changes() -> None:
    """After an upgrade with a stricter schema the status of an older object must still be writable (ratcheting)."""
    old = with_spec(parallelism=0)
    assert admit(STUDIES, old | {"status": {"phase": "Running"}}, old)["status"] == {"phase": "Running"}
    with pytest.raises(Invalid, match=r"spec\.parallelism in body should be"):
        admit(STUDIES, with_spec(parallelism=-1), old)


def test_other_kinds_pass() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"anything": math.nan}}
    assert admit(PODS, pod) is pod
