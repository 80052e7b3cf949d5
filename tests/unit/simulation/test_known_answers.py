"""Studies whose cost is known beforehand."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from simulation.tables import METRIC, always, answer, constant, ending, line, manifest
from stepladder.api.trial import Outcome

HYPERBAND = {"algorithm": "Hyperband", "minSteps": 30, "reductionFactor": 3}
ASHA = {"algorithm": "ASHA", "minSteps": 10, "reductionFactor": 3}
SAMPLERS = ["Random", "QuasiRandom", "TPE", "GaussianProcess"]


def test_random_search_trains_every_configuration_to_the_end() -> None:
    """Steps that are counted twice, or not at all."""
    found = answer(manifest({"trials": 20, "maxSteps": 50}), constant(20, range(10, 51, 10)))
    assert found.measures.trained_steps == found.measures.wall_seconds == 20 * 50
    assert (found.measures.trials, found.measures.best, found.reason) == (20, 0, "RoundsCompleted")
    assert found.measures.steps_to_target is None


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_hyperbands_49_trials_take_10710_steps(sampler: str) -> None:
    """Hyperband, Algorithm 1, over rungs 30 to 810: 27, 12, 6 and 4 configurations, each promoted by thirds."""
    study = manifest({"trials": 49, "maxSteps": 810, "sampler": {"algorithm": sampler}, "pruner": HYPERBAND})
    ended = ending(study, constant(60, range(30, 811, 30)))
    assert sum(trial.trained_steps for trial in ended.trials) == 10_710
    assert Counter(trial.bracket for trial in ended.trials) == {0: 27, 1: 12, 2: 6, 3: 4}
    assert sum(trial.outcome is Outcome.COMPLETED for trial in ended.trials) == 8


def test_asha_on_curves_that_never_cross_promotes_a_third_of_each_rung() -> None:
    """Li et al., MLSys 2020: 27 configurations at 10 steps, 9 to 30, 3 to 90, 1 to 270, where they come best first.

    In another order more are promoted, since a promotion is never taken back.
    """
    rungs = {10: 27, 30: 9, 90: 3, 270: 1}
    listed = [{"x": i / 27} for i in reversed(range(27))]
    for order, exact in ((listed, False), (listed[::-1], True)):
        sampler = {"algorithm": "Random"}
        study = manifest({"trials": 27, "maxSteps": 270, "sampler": sampler, "pruner": ASHA})
        study["spec"]["rounds"][0]["sampler"] = {"algorithm": "Explicit", "explicit": {"configurations": order}}
        del study["spec"]["rounds"][0]["trials"]
        ended = ending(study, constant(27, range(10, 271, 10)))
        reached = {rung: sum(rung in trial.results for trial in ended.trials) for rung in rungs}
        if exact:
            assert reached == rungs
            assert ended.wall_seconds == 27 * 10 + 9 * 20 + 3 * 60 + 180
        else:
            assert all(reached[rung] >= count for rung, count in rungs.items())


def test_the_target_is_met_in_the_middle_of_a_segment() -> None:
    """A study that waits for the end of a segment would be charged for steps that a real one does not train."""
    table = "\n".join(line({"x": i / 3}, range(1, 101), lambda step: 1 - step / 100) for i in range(3))
    found = answer(manifest({"trials": 3, "maxSteps": 100}, objective={"metric": METRIC, "target": 0.63}), table)
    assert found.measures.steps_to_target == found.measures.trained_steps == 37
    assert found.measures.wall_seconds_to_target == found.measures.wall_seconds == 37
    assert (found.reason, found.measures.trials, found.measures.best) == ("TargetReached", 1, 0.63)


def test_what_the_other_workers_have_trained_by_then_counts_too() -> None:
    """Parallel searches would seem as cheap as sequential ones."""
    quick = line({"x": 0}, range(1, 101), lambda step: 1 - step / 100, seconds=1)
    slow = line({"x": 1}, range(1, 101), lambda _: 1, seconds=4)
    study = manifest({"trials": 2, "maxSteps": 100}, parallelism=2, objective={"metric": METRIC, "target": 0.63})
    found = answer(study, f"{quick}\n{slow}")
    assert found.measures.steps_to_target == 37 + 9  # 37 seconds at four seconds each
    assert found.measures.trained_steps == 46


def test_sixteen_workers_take_a_sixteenth_of_the_time() -> None:
    """A slot that idles while a trial could run."""
    study = manifest({"trials": 160, "maxSteps": 50})
    table = constant(160, [50])
    alone, together = (answer({**study, "spec": {**study["spec"], "parallelism": n}}, table).measures for n in (1, 16))
    assert alone.wall_seconds == 160 * 50
    assert together.wall_seconds == 10 * 50
    assert together.trained_steps == alone.trained_steps
    assert together.idle_slot_seconds == together.free_slot_seconds == 0


def test_asha_leaves_no_slot_idle_while_a_configuration_is_left() -> None:
    """ASHA never waits for a rung; successive halving does, which the free slots show."""
    study = manifest({"trials": 200, "maxSteps": 270, "pruner": ASHA}, parallelism=16)
    lines = [line({"x": i / 200}, range(10, 271, 10), always(i / 200), seconds=1 + i % 7) for i in range(200)]
    found = answer(study, "\n".join(lines)).measures
    assert found.idle_slot_seconds == 0
    study["spec"]["rounds"][0]["pruner"] = {**ASHA, "algorithm": "SuccessiveHalving"}
    assert answer(study, "\n".join(lines)).measures.free_slot_seconds > found.free_slot_seconds


def test_the_cost_of_pods_and_gpus() -> None:
    """A forecast that forgets that a pod holds its GPUs while it starts."""
    study = manifest(
        {"trials": 3, "maxSteps": 90, "pruner": {**ASHA, "minSteps": 30, "algorithm": "SuccessiveHalving"}}
    )
    found = answer(study, constant(3, [30, 90]), pod_start_seconds=10, gpus=2, seconds_per_step=0.5).measures
    assert found.wall_seconds == 3 * (10 + 15) + (10 + 30)
    assert found.gpu_hours == pytest.approx(2 * found.wall_seconds / 3600)


def test_gpus_are_those_of_the_template_unless_given() -> None:
    container = {"name": "trainer", "image": "any", "resources": {"limits": {"nvidia.com/gpu": 4}}}
    trainer: dict[str, Any] = {"template": {"spec": {"containers": [container]}}}
    study = manifest({"trials": 1, "maxSteps": 3600}, trainer=trainer)
    assert answer(study, constant(1, [3600])).measures.gpu_hours == 4
    assert answer(study, constant(1, [3600]), gpus=1).measures.gpu_hours == 1
    together = manifest({"trials": 1, "maxSteps": 3600}, trainer=trainer | {"nodes": 2})
    assert answer(together, constant(1, [3600])).measures.gpu_hours == 8


def test_a_diverged_trial_ends_where_it_diverged_and_cannot_win() -> None:
    """A null that is taken for a number, or trained beyond."""
    good = line({"x": 0}, [10, 20, 30], lambda _: 0.5)
    bad = line({"x": 1}, [10, 20, 30], lambda step: None if step > 10 else 0.1)
    ended = ending(manifest({"trials": 2, "maxSteps": 30}), f"{good}\n{bad}")
    by_x = {trial.parameters["x"]: trial for trial in ended.trials}
    assert (by_x[1].outcome, by_x[1].trained_steps, by_x[1].results) == (Outcome.INFEASIBLE, 20, {10: 0.1})
    assert answer(manifest({"trials": 2, "maxSteps": 30}), f"{good}\n{bad}").measures.best == 0.5


def test_a_rung_between_two_evaluations_has_the_newer_of_those_before() -> None:
    study = manifest({"trials": 1, "maxSteps": 45, "pruner": {**ASHA, "minSteps": 15}})
    (trial,) = ending(study, line({"x": 0}, [10, 20, 50], lambda step: step / 100)).trials
    assert trial.results == {10: 0.1, 15: 0.1, 20: 0.2, 45: 0.2}


def test_repeats_and_later_rounds_go_on_with_the_curve_of_their_configuration() -> None:
    """A round that starts from the best of another must not draw other curves."""
    final = {"from": {"round": "round-0", "best": 2}, "maxSteps": 50, "repeats": 3}
    ended = ending(manifest({"trials": 10, "maxSteps": 20}, final), constant(10, [10, 20, 50]))
    later = [trial for trial in ended.trials if trial.round == "round-1"]
    assert Counter(trial.parameters["x"] for trial in later) == {0: 3, 0.1: 3}
    assert all(trial.results[50] == trial.parameters["x"] for trial in later)
    assert sum(trial.trained_steps for trial in ended.trials) == 10 * 20 + 6 * 50


def test_a_round_may_find_its_own_values_in_the_table() -> None:
    """The schedule that the final round sets has curves of its own."""
    parameters: list[dict[str, Any]] = [
        {"name": "x", "float": {"min": 0, "max": 1}},
        {"name": "schedule", "role": "Fixed", "value": "constant"},
    ]
    final = {"from": {"round": "round-0"}, "maxSteps": 20, "parameters": [{"name": "schedule", "value": "cosine"}]}
    study = manifest({"trials": 2, "maxSteps": 10}, final, parameters=parameters)
    lines = [
        line({"x": x, "schedule": s}, [10, 20], always(x / 10 + (s == "constant")))
        for x in (0, 1)
        for s in ("constant", "cosine")
    ]
    ended = ending(study, "\n".join(lines))
    assert [t.parameters["schedule"] for t in ended.trials] == ["constant", "constant", "cosine"]
    assert ended.trials[-1].results[20] == 0


def test_budgets_and_deadlines_end_a_study_as_they_do_a_real_one() -> None:
    study = manifest({"trials": 10, "maxSteps": 50}, budget={"trainedSteps": 120})
    found = answer(study, constant(10, [10, 50]))
    assert (found.measures.trained_steps, found.reason) == (150, "BudgetExhausted")
    study = manifest({"trials": 10, "maxSteps": 50}, budget={"activeDeadlineSeconds": 70}, parallelism=2)
    found = answer(study, constant(10, [10, 50]))
    assert (found.measures.trained_steps, found.measures.wall_seconds) == (2 * 70, 70)


def test_the_trace_holds_every_improvement_and_the_regret() -> None:
    table = line({"x": 0}, range(10, 51, 10), lambda step: 1 / step)
    found = answer(manifest({"trials": 1, "maxSteps": 40}), table, trace=True).trace
    assert [(i.trained_steps, i.best) for i in found] == [(10, 0.1), (20, 0.05), (30, 1 / 30), (40, 0.025)]
    assert [i.regret for i in found] == pytest.approx([0.075, 0.025, 1 / 30 - 0.025, 0])
    assert all(a.wall_seconds < b.wall_seconds for a, b in pairwise(found))


def test_a_pruner_that_judges_every_evaluation_ends_a_trial_in_the_middle_of_its_segment() -> None:
    """The median rule: of curves that are each worse than the one before, all but the first few end at minSteps."""
    pruner = {"algorithm": "Median", "minSteps": 40}
    listed = {"algorithm": "Explicit", "explicit": {"configurations": [{"x": i / 10} for i in range(10)]}}
    ended = ending(manifest({"maxSteps": 100, "sampler": listed, "pruner": pruner}), constant(10, range(10, 101, 10)))
    pruned = [trial for trial in ended.trials if trial.outcome is Outcome.PRUNED]
    assert len(pruned) >= 5
    assert {(trial.trained_steps, max(trial.results)) for trial in pruned} == {(40, 40)}
