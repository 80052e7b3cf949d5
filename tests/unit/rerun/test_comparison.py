"""Equal is equal bit for bit, and nothing in common is not equal."""

from typing import Any

import pytest

from stepladder.api.trial import TrialStatus
from stepladder.rerun.comparison import Comparison, compare, lines, summary


def status(curve: dict[int, float] | None = None, **fields: Any) -> TrialStatus:
    observed = [{"step": step, "value": value} for step, value in (curve or {}).items()]
    return TrialStatus.model_validate({"observations": observed, **fields})


def said(found: Comparison) -> str:
    return "\n".join(lines(found, "loss"))


CURVE = {30: 0.1 + 0.2, 60: 0.25, 90: 0.125}


def test_the_same_curve_is_identical() -> None:
    found = compare(status(CURVE, outcome="Completed"), status(CURVE))
    assert found.identical
    assert said(found) == (
        "loss is identical at all 3 evaluations.\nProvenance is the same, as far as it was recorded."
    )


def test_the_last_bit_counts() -> None:
    """0.1 + 0.2 is not 0.3: a tolerance would hide that kernels were chosen anew."""
    found = compare(status(CURVE), status(CURVE | {30: 0.3}))
    assert not found.identical
    assert said(found).startswith(
        "loss differs at 1 of 3 evaluations, first at step 30: 0.30000000000000004 before, 0.3 now.\n"
    )


def test_what_only_one_of_them_evaluated_is_not_compared() -> None:
    found = compare(status(CURVE), status({30: CURVE[30], 45: 1.0}))
    assert (found.compared, found.identical) == (1, True)


@pytest.mark.parametrize("curve", [{}, {45: 1.0}])
def test_nothing_in_common_is_not_identical(curve: dict[int, float]) -> None:
    found = compare(status(CURVE), status(curve))
    assert not found.identical
    assert said(found).startswith("There is nothing to compare: the two have no evaluations in common.")


def test_diverging_again_is_the_same_and_diverging_only_now_is_not() -> None:
    again = compare(status(outcome="Infeasible"), status(outcome="Infeasible"))
    assert again.identical
    assert said(again).startswith("It ended the same, Infeasible, before it was evaluated.")
    now = compare(status(CURVE, outcome="Completed"), status(CURVE, outcome="Infeasible"))
    assert not now.identical
    assert said(now).startswith("It ended otherwise: trained before, Infeasible now.\nloss is identical at all 3")


def test_being_pruned_by_a_study_is_no_end_of_its_own() -> None:
    assert compare(status(CURVE, outcome="Pruned"), status(CURVE)).identical


def test_what_differs_in_provenance_is_told() -> None:
    before = {"torch": "2.8", "python": "3.11", "gpu": "A100", "image": "trainer:1", "imageDigest": "t@sha256:1"}
    now = {"torch": "2.9", "python": "3.11", "driver": "570", "image": "t@sha256:1", "imageDigest": "t@sha256:1"}
    found = compare(status(CURVE, provenance=before), status(CURVE, provenance=now))
    assert said(found).splitlines()[1:] == [
        "What differs in provenance:",
        "  driver: not recorded before, 570 now",
        "  gpu: A100 before, not recorded now",
        "  torch: 2.8 before, 2.9 now",
    ]
    assert summary(found)["provenance"][2] == {"what": "torch", "before": "2.8", "now": "2.9"}


def test_a_probe_is_compared_by_what_it_suggests() -> None:
    verdict = {"type": "LearningRateRange", "summary": "in 3 s", "suggestions": {"learning_rate": 0.01, "steepest": 1}}
    before = status(outcome="Completed", verdict=verdict)
    timed = {"batch_size": 64, "examples_per_second": 1000}
    fast, slow = (
        status(
            outcome="Completed",
            verdict=verdict | {"type": "Throughput", "suggestions": timed | {"seconds_per_step": s}},
        )
        for s in (0.01, 0.02)
    )
    assert (compare(fast, slow).compared, compare(fast, slow).identical) == (1, True), "speeds are never the same twice"
    same = status(outcome="Completed", verdict=verdict | {"summary": "in 4 s"})
    assert compare(before, same).identical
    other = status(outcome="Completed", verdict=verdict | {"suggestions": {"learning_rate": 0.02, "steepest": 1}})
    found = compare(before, other)
    assert said(found).startswith(
        "The verdict differs in 1 of 2 suggestions, first in learning_rate: 0.01 before, 0.02 now."
    )
