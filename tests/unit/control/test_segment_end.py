"""Whatever a container leaves behind becomes one reason and a result that can be stored, and nothing is made up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.samples import ended, pod
from stepladder.api.trial import EndReason, Observation
from stepladder.control.segment_end import MESSAGE_LIMIT, SegmentEnd, segment_end

RESULT = {
    "reason": "Completed",
    "fromStep": 10,
    "step": 30,
    "value": 0.25,
    "evaluations": [[10, 0.5], [20, 0.375], [30, 0.25]],
    "best": {"step": 30, "value": 0.25, "checkpoint": "/c/step-30.pt"},
    "checkpoint": "/c/step-30.pt",
    "trainedSteps": 20,
    "message": "reached step 30",
    "provenance": {"torch": "2.9"},
}


def end_of(**status: Any) -> SegmentEnd:
    found = segment_end(pod(status=status))
    assert found is not None
    return found


def end_with(message: object, code: int = 0) -> SegmentEnd:
    return end_of(**ended(code, message))


def test_everything_that_the_trainer_says_is_taken_in() -> None:
    end = end_with(RESULT)
    assert (end.reason, end.exit_code, end.message) == (EndReason.COMPLETED, 0, "reached step 30")
    assert (end.from_step, end.to_step, end.trained_steps) == (10, 30, 20)
    assert [(o.step, o.value) for o in end.observations] == [(10, 0.5), (20, 0.375), (30, 0.25)]
    assert end.checkpoint is not None
    assert end.best_checkpoint is not None
    assert (end.checkpoint.path, end.checkpoint.step) == ("/c/step-30.pt", 30)
    assert (end.best_checkpoint.path, end.best_checkpoint.step) == ("/c/step-30.pt", 30)
    assert end.provenance == {"torch": "2.9"}
    assert (end.started_at, end.ended_at) == ("2026-01-01T11:59:00Z", "2026-01-01T11:59:50Z")


def test_a_pod_that_runs_has_no_end() -> None:
    assert segment_end(pod()) is None
    running = [{"name": "trainer", "state": {"running": {}}}]
    assert segment_end(pod(status={"phase": "Running", "containerStatuses": running})) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, EndReason.COMPLETED),
        (1, EndReason.ERROR),
        (65, EndReason.INFEASIBLE),
        (71, EndReason.OUT_OF_MEMORY),
        (74, EndReason.STORAGE_ERROR),
        (75, EndReason.INTERRUPTED),
        (78, EndReason.CONFIGURATION_ERROR),
        (137, EndReason.ERROR),
        (143, EndReason.ERROR),
    ],
)
def test_exit_codes(code: int, reason: EndReason) -> None:
    assert end_with("", code).reason is reason


@pytest.mark.parametrize(
    ("reason", "code", "expected"),
    [
        ("OOMKilled", 137, EndReason.OUT_OF_MEMORY),
        ("OOMKilled", 0, EndReason.OUT_OF_MEMORY),
        ("StartError", 128, EndReason.CONFIGURATION_ERROR),
        ("ContainerCannotRun", 127, EndReason.CONFIGURATION_ERROR),
        ("ContainerStatusUnknown", 137, EndReason.DISRUPTED),
    ],
)
def test_what_the_kubelet_says_goes_before_the_exit_code(reason: str, code: int, expected: EndReason) -> None:
    """A node that comes back gives pods it lost sight of an exit code of its own making."""
    assert end_of(**ended(code, reason=reason)).reason is expected


def test_what_the_kernel_killed_for_memory_says_so_and_not_only_what_it_logged_before() -> None:
    """Catches a trial whose condition reads "metrics on port 9090" when it has run out of memory."""
    end = end_of(**ended(137, "INFO metrics on port 9090\n", reason="OOMKilled"))
    assert end.message.startswith("killed for going past its memory limit: raise resources.limits.memory")
    assert end.message.endswith("Its last words: INFO metrics on port 9090")
    assert end_of(**ended(137, reason="OOMKilled")).message.endswith("or make the configuration smaller")


def test_the_end_of_a_log_has_no_empty_lines_about_it() -> None:
    """Catches conditions and Events that end in a line break."""
    assert end_with("boom\n", 1).message == "boom"


DISRUPTED_PODS: dict[str, dict[str, Any]] = {
    "being deleted": {"metadata": {"deletionTimestamp": "2026-01-01T12:00:00Z"}},
    "evicted": {"status": {"reason": "Evicted"}},
    "interrupted by us": {"spec": {"activeDeadlineSeconds": 1}},
    "over the template's own deadline": {
        "spec": {"activeDeadlineSeconds": 3600},
        "status": {"reason": "DeadlineExceeded"},
    },
    "preempted": {"status": {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}},
}


@pytest.mark.parametrize("code", [1, 130, 137, 143])
@pytest.mark.parametrize("how", DISRUPTED_PODS)
def test_a_disrupted_pod_is_no_failure_whatever_its_code(how: str, code: int) -> None:
    """Catches retries spent on images that know nothing of exit code 75 and end in their own way on SIGTERM."""
    marks = DISRUPTED_PODS[how]
    end = segment_end(pod(**marks | {"status": ended(code) | marks.get("status", {})}))
    assert end is not None
    assert (end.reason, end.disrupted) == (EndReason.DISRUPTED, True)


def test_a_disrupted_pod_that_says_why_it_ended_is_believed() -> None:
    end = segment_end(pod(metadata={"deletionTimestamp": "2026-01-01T12:00:00Z"}, status=ended(65)))
    assert end is not None
    assert end.reason is EndReason.INFEASIBLE


def test_a_deadline_of_the_template_is_no_interruption() -> None:
    """Catches a pod that can never be interrupted, because it looks as if it had been asked already."""
    end = segment_end(pod(spec={"activeDeadlineSeconds": 3600}, status=ended(1)))
    assert end is not None
    assert (end.reason, end.disrupted) == (EndReason.ERROR, False)


def test_a_pod_that_ended_without_its_container_is_a_disruption() -> None:
    end = end_of(phase="Failed", reason="NodeLost", message="the node is gone")
    assert (end.reason, end.message) == (EndReason.DISRUPTED, "the node is gone")


def test_an_init_container_that_fails_is_an_error_and_not_resumed_for_ever() -> None:
    failed = {"name": "fetch", "state": {"terminated": {"exitCode": 3, "message": "no such data set"}}}
    waiting = {"name": "trainer", "state": {"waiting": {"reason": "PodInitializing"}}}
    end = end_of(phase="Failed", initContainerStatuses=[failed], containerStatuses=[waiting])
    assert (end.reason, end.exit_code) == (EndReason.ERROR, 3)
    assert "fetch" in end.message
    assert "no such data set" in end.message


MEANINGLESS = [
    "",
    "Killed",
    "null",
    "true",
    "[1, 2]",
    '"text"',
    "{",
    json.dumps(RESULT)[:-40],
    "[" * 4096,
    '{"a":' * 800,
    '{"step":1}\n{"step":30,"value":0.25}',
]


@pytest.mark.parametrize("message", MEANINGLESS)
def test_what_is_no_result_yields_none(message: str) -> None:
    """Catches results read from a JSON log, and messages too deep for the parser, which would end every reconcile."""
    end = end_with(message)
    assert (end.to_step, end.observations, end.checkpoint, end.provenance) == (None, (), None, {})


def test_of_a_log_the_end_is_shown() -> None:
    """The last line of a traceback says what happened; its first thousand characters do not."""
    log = "Traceback (most recent call last):\n" + "  File ...\n" * 300 + "RuntimeError: no such device"
    message = end_with(log, code=1).message
    assert message.endswith("RuntimeError: no such device")
    assert len(message) == MESSAGE_LIMIT


def test_of_a_sentence_the_beginning_is_shown() -> None:
    assert end_with({"message": "first, " + "x" * 3000}, code=1).message.startswith("first, ")


@pytest.mark.parametrize("step", ["-1", "true", "1e300", "1" + "0" * 400, "NaN", "Infinity", '"30"', "[30]", "null"])
def test_steps_that_are_none(step: str) -> None:
    message = (
        f'{{"step": {step}, "value": 0.5, "fromStep": {step}, "trainedSteps": {step}, "checkpoint": "/c",'
        f' "evaluations": [[{step}, 0.5]], "best": {{"step": {step}, "checkpoint": "/c"}}}}'
    )
    end = end_with(message)
    assert (end.to_step, end.from_step, end.trained_steps) == (None, 0, 0)
    assert (end.observations, end.checkpoint, end.best_checkpoint) == ((), None, None)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e39", "1" + "0" * 400, "true", '"0.5"', "null"])
def test_values_that_can_never_win(value: str) -> None:
    """Python's parser takes NaN and Infinity from JSON, and true for 1."""
    assert end_with(f'{{"step": 30, "value": {value}, "evaluations": [[20, {value}]]}}').observations == ()


@pytest.mark.parametrize("evaluations", ["5", '"text"', '{"10": 1}', "[1, 2]", "[[1]]", "[[1, 2, 3]]", "[null]"])
def test_evaluations_that_are_none(evaluations: str) -> None:
    found = end_with(f'{{"step": 30, "value": 0.5, "evaluations": {evaluations}}}').observations
    assert found == (Observation(step=30, value=0.5),)


def test_a_value_without_its_step_is_no_observation() -> None:
    assert end_with({"value": 0.5}).observations == ()


def test_each_step_counts_once_and_first() -> None:
    found = end_with({"step": 10, "value": 0.9, "evaluations": [[10, 0.5], [10, 0.6], [5, 0.7]]}).observations
    assert [(o.step, o.value) for o in found] == [(5, 0.7), (10, 0.5)]


def test_a_path_that_cannot_be_stored_whole_is_not_stored() -> None:
    assert end_with({"step": 30, "checkpoint": "/" + "x" * 1024}).checkpoint is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=2000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=40),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted(RESULT)), _json), st.sampled_from([0, 1, 65, 78, 137]))
def test_no_message_whatever_ends_a_reconcile(message: dict[str, Any], code: int) -> None:
    end = end_with(json.dumps(message), code)
    assert len(end.message) <= MESSAGE_LIMIT
    end.message.encode()
    json.dumps([o.wire() for o in end.observations], allow_nan=False)
