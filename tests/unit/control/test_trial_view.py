"""What the engine sees of trials: each version read once, and a curve that does not depend on who is looking."""

import json

import pytest

from control import samples
from stepladder.api.trial import Observation
from stepladder.control import trial_view as viewing
from stepladder.control.cache import Key
from stepladder.control.store import TRIALS, Object
from stepladder.control.trial_view import TrialViews

SCRAPED = {
    Key(TRIALS, samples.NAMESPACE, name): (Observation(step=5, value=0.75), Observation(step=30, value=0.5))
    for name in ("study-1", "study-2")
}


def views() -> TrialViews:
    return TrialViews(lambda key: SCRAPED.get(key, ()))


def trial(name: str = "study-1", version: int = 1, **status: object) -> Object:
    made = samples.trial(name, uid=f"{name}-uid", version=version)
    return made | {"status": json.loads(json.dumps(status))}


def test_a_curve_is_seen_while_it_grows_and_its_end_when_it_is_recorded() -> None:
    """Catches a promotion decided on a value that was merely seen, while its pod has yet to save."""
    [view] = views().of(samples.study(), [trial(pod="study-1-1")])
    assert dict(view.results) == {5: 0.75}
    recorded = [{"step": 5, "value": 0.7}, {"step": 30, "value": 0.5}]
    [view] = views().of(samples.study(), [trial(pod="study-1-1", observations=recorded)])
    assert dict(view.results) == {5: 0.7, 30: 0.5}


def test_of_a_trial_without_a_pod_only_the_status_counts() -> None:
    """Catches a record that differs after a restart, which knows of no scrapes, and is made anew."""
    [view] = views().of(samples.study(), [trial(outcome="Pruned")])
    assert dict(view.results) == {}


def test_only_what_changed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = viewing.trial_view

    def noted(item: Object) -> object:
        read.append(item["metadata"]["name"])
        return original(item)

    made = views()
    trials = [trial("study-1"), trial("study-2")]
    monkeypatch.setattr(viewing, "trial_view", noted)
    made.of(samples.study(), trials)
    made.of(samples.study(), trials)
    [_, changed] = made.of(samples.study(), [trials[0], trial("study-2", version=2, steps=10)])
    assert read == ["study-1", "study-2", "study-2"]
    assert changed.steps == 10


def test_other_peoples_trials_and_those_that_go_are_not_seen() -> None:
    stranger = trial("study-3")
    stranger["metadata"]["ownerReferences"][0]["uid"] = "another-study-of-this-name"
    going = trial("study-4")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    assert views().of(samples.study(), [stranger, going]) == ()
