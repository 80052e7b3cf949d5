"""The shipped example on the cluster, and its arithmetic as the trainers report it."""

from collections import Counter
from pathlib import Path

import pytest

from cluster.layout import VOLUMES
from e2e.manifests import EXAMPLES
from e2e.observe import Outcome, conditions, get, kubectl, live_pods, outcome, wait_until


@pytest.fixture(scope="module")
def digits(operator: str, module_namespace: str) -> Outcome:
    """examples/digits.yaml, applied as it is."""
    kubectl("apply", "-n", module_namespace, "-f", str(EXAMPLES / "digits.yaml"))
    return outcome("digits", module_namespace, seconds=900)


def test_it_succeeds(digits: Outcome) -> None:
    assert digits.succeeded
    assert conditions(digits.study)["Succeeded"]["reason"] == "RoundsCompleted"


def test_one_pass_is_49_trials_in_brackets_of_27_12_6_4(digits: Outcome) -> None:
    brackets = Counter(t["spec"]["bracket"] for t in digits.trials)
    assert [brackets[b] for b in sorted(brackets)] == [27, 12, 6, 4]


def test_resuming_trains_10710_steps_not_12690_or_39690(digits: Outcome) -> None:
    """Counted from what each trainer reports of its own process; a restart at a rung would show at once."""
    assert sum(a["trainedSteps"] for a in digits.attempts) == 10_710
    assert digits.study["status"]["trainedSteps"] == 10_710
    assert digits.study["status"]["fullTrainingSteps"] == 39_690
    for trial in digits.trials:
        reached = 0
        for attempt in trial["status"]["attempts"]:
            assert attempt["fromStep"] == reached, trial["metadata"]["name"]
            reached = attempt["toStep"]


def test_every_rung_promotes_a_third(digits: Outcome) -> None:
    reached = Counter((t["spec"]["bracket"], t["status"]["observations"][-1]["step"]) for t in digits.trials)
    assert [sum(n for (b, s), n in reached.items() if b == 0 and s >= rung) for rung in (30, 90, 270, 810)] == [
        27,
        9,
        3,
        1,
    ]


def test_the_best_checkpoint_is_on_the_volume(digits: Outcome, module_namespace: str) -> None:
    path = digits.study["status"]["best"]["checkpoint"]
    volume = get("pvc", "checkpoints", namespace=module_namespace)["spec"]["volumeName"]
    assert (VOLUMES / volume / Path(path).relative_to("/checkpoints")).is_file()


def test_no_pod_is_left_and_the_columns_tell_how_it_went(digits: Outcome, module_namespace: str) -> None:
    wait_until("the last pod is gone", lambda: not live_pods(module_namespace), seconds=30)
    row = kubectl("get", "study", "digits", "-n", module_namespace).splitlines()[1]
    assert "0/49/49" in row
    assert "73%" in row
