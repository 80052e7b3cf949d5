"""What a decision costs the operator as a study grows: one plan, and one reconcile of the study. Needs no cluster."""

import time

import pytest

from bench.figures import record
from bench.reconciling import KEY, Cluster
from bench.studies import Study, manifest
from stepladder.api.study import TuningStudySpec
from stepladder.engine.plan import plan

PARALLELISM = 30
SAMPLES = 30


def milliseconds(since: float) -> float:
    """CPU time of this thread: what else the machine does counts less."""
    return (time.thread_time() - since) * 1000


def grown(algorithm: str, trials: int) -> Study:
    """A study that is nearly that large, with a few trials on their way."""
    study = Study(TuningStudySpec.model_validate(manifest(algorithm, trials, PARALLELISM)))
    while len(study.trials) < trials * 0.9:
        study.apply(plan(study.observed(PARALLELISM * 4)))
        for trial in list(study.training()):
            study.finish(trial)
    for _ in range(trials // 20):  # those that ended together would be promoted together: let them spread
        study.apply(plan(study.observed(PARALLELISM)))
        study.finish_one()
    study.apply(plan(study.observed(PARALLELISM)))
    return study


@pytest.mark.parametrize("algorithm", ["ASHA", "Hyperband"])
def test_a_plan_at_every_segment_end_of_a_thousand_trials(algorithm: str) -> None:
    study, times = Study(TuningStudySpec.model_validate(manifest(algorithm, 1000, 4))), []
    while True:
        observed = study.observed(4)
        since = time.thread_time()
        planned = plan(observed)
        times.append(milliseconds(since))
        if planned.verdict:
            break
        study.apply(planned)
        if any(study.training()):
            study.finish_one()
    assert planned.verdict.succeeded
    record(f"plan, {algorithm}, growing to 1,000 trials", times)


@pytest.mark.parametrize("algorithm", ["ASHA", "Hyperband"])
async def test_a_reconcile_among_ten_thousand_trials(algorithm: str) -> None:
    study, plans, reconciles = grown(algorithm, 10_000), [], []
    cluster = Cluster(study, algorithm, PARALLELISM)
    await cluster.reconciler.reconcile(KEY)  # reads all of them, once
    for _ in range(SAMPLES):
        cluster.put(study.finish_one())
        observed = study.observed(PARALLELISM)
        since = time.thread_time()
        planned = plan(observed)
        plans.append(milliseconds(since))
        since = time.thread_time()
        await cluster.reconciler.reconcile(KEY)
        reconciles.append(milliseconds(since))
        study.apply(planned)
        assert cluster.targets() == study.targets(), "the reconciler does what the plan says"
    record(f"plan, {algorithm}, 10,000 trials", plans)
    record(f"reconcile, {algorithm}, 10,000 trials", reconciles)
