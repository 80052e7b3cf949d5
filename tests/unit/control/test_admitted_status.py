"""Whatever trainers report and nodes are called, the API server takes the status: one it refused would be tried for
ever, and the trial with it."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from control import samples
from stepladder.api.rounds import MAX_STEPS
from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.api.trial import Observation, Outcome, TrialStatus
from stepladder.control import pod_view as views
from stepladder.control.segments import decide
from stepladder.control.store import STUDIES, TRIALS
from stepladder.control.study_status import Circumstances, describe_study
from stepladder.control.trial_status import Hindrance, describe
from stepladder.engine.actions import Plan, Verdict
from stepladder.engine.observed import TrialView
from stepladder.engine.ranking import incumbent
from stepladder.local.admission import admit

# Compiled before Hypothesis looks: the CEL parser raises the recursion limit when it is first used.
TRIAL = admit(TRIALS, samples.trial())

slow = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])

numbers = (
    st.integers() | st.floats() | st.sampled_from([10, 30, 90, 1e308, 10**400, -1, True, MAX_STEPS, MAX_STEPS + 1])
)
texts = st.text(st.characters(codec=None), max_size=3000)
anything = st.none() | numbers | texts | st.lists(st.lists(numbers, min_size=2, max_size=2), max_size=200)
messages = st.fixed_dictionaries(
    {},
    optional={
        "step": anything,
        "value": anything,
        "fromStep": anything,
        "trainedSteps": anything,
        "evaluations": anything | st.builds(lambda n: [[s, 0.5] for s in range(n)], st.integers(0, 300)),
        "checkpoint": anything,
        "best": st.fixed_dictionaries({"step": anything, "checkpoint": anything}),
        "message": anything,
        "provenance": st.dictionaries(st.text(max_size=100), anything, max_size=60),
    },
)


@slow
@given(
    st.lists(st.tuples(messages | texts, st.sampled_from([0, 1, 65, 71, 75, 78, 137])), min_size=1, max_size=3),
    st.lists(st.builds(Observation, step=st.integers(0, MAX_STEPS), value=st.floats(-1e38, 1e38)), max_size=200),
    texts,
)
def test_every_trial_status_is_admitted(
    attempts: list[tuple[Any, int]], scraped: list[Observation], hindered: str
) -> None:
    stored = TRIAL
    for number, (message, code) in enumerate(attempts, start=1):
        found = samples.pod(number, spec={"nodeName": "n" * 253}, status=samples.ended(code, message))
        status = TrialStatus.model_validate(stored.get("status", {}))
        now = samples.situation(views.pod_view(found), status=status, scraped=tuple(scraped))
        decision = decide(now)
        new = describe(now, decision, generation=1, hindrance=Hindrance(hindered.encode(errors="replace").decode()))
        sent = json.loads(json.dumps(new.wire(), allow_nan=False))
        stored = admit(TRIALS, TRIAL | {"status": sent}, stored)


trial_views = st.builds(
    TrialView,
    name=st.just("t" * 250),
    number=st.integers(0, 99_999),
    round=st.sampled_from(["explore", "final"]),
    bracket=st.just(0),
    configuration=st.integers(0, 3),
    repeat=st.integers(0, 3),
    parameters=st.just({f"p{i}": "v" * 1024 for i in range(64)}),
    target_steps=st.just(90),
    horizon_steps=st.sampled_from([1, 90, MAX_STEPS]),
    outcome=st.none() | st.sampled_from(Outcome),
    steps=st.integers(0, MAX_STEPS),
    results=st.dictionaries(st.integers(0, 90), st.floats(-3.4e38, 3.4e38), max_size=3),
    best=st.none() | st.builds(Observation, step=st.integers(0, MAX_STEPS), value=st.floats(-3.4e38, 3.4e38)),
    trained_steps=st.integers(0, 1000 * MAX_STEPS),
    gpu_seconds=st.floats(0, 1e12),
)


BOASTER = TrialView("t", 0, "explore", 0, 0, 0, {}, 1, 1, trained_steps=1000 * MAX_STEPS, gpu_seconds=1e12)


@slow
@example(trials=[BOASTER], text="", ends=False)  # more steps trained than there are, a thousand billion times
@given(trials=st.lists(trial_views, max_size=12), text=texts, ends=st.booleans())
@pytest.mark.long
def test_every_study_status_is_admitted(trials: list[TrialView], text: str, ends: bool) -> None:
    rounds = [{"name": "explore", "trials": 9, "maxSteps": 90}, {"name": "final", "trials": 9, "maxSteps": 90}]
    study = admit(STUDIES, samples.study(rounds=rounds))
    spec = TuningStudySpec.model_validate(study["spec"])
    said = text.encode(errors="replace").decode()
    given_ = Circumstances(
        generation=1,
        now=samples.NOW,
        trials=trials,
        plan=Plan(round="explore", verdict=Verdict(succeeded=True, reason="Why", message=said) if ends else None),
        hindrance=("StorageUnavailable", said),
        best=incumbent(spec, trials),
    )
    new = describe_study(spec, TuningStudyStatus(), given_)
    admit(STUDIES, study | {"status": json.loads(json.dumps(new.wire(), allow_nan=False))}, study)
