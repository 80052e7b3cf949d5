"""The gate of a reasonable baseline: what keeps later rounds from beginning, and what a study says of it."""

from dataclasses import dataclass
from typing import Any

import pytest

from engine.simulator import Simulator, study
from stepladder.api.probes import Probe, ProbeType, ProbeVerdict
from stepladder.api.trial import Outcome
from stepladder.engine import probes
from stepladder.engine.actions import Verdict
from stepladder.engine.baseline import Judgement, closed, standing
from stepladder.engine.observed import TrialView
from stepladder.engine.plan import plan

SEARCH = {"trials": 3, "maxSteps": 90}
CONFIGURATIONS = {"algorithm": "Explicit", "explicit": {"configurations": [{"rate": 0.5}, {"rate": 0.25}]}}
INITIAL = {"algorithm": "OneAtATime", "oneAtATime": {"baseline": [{"name": "rate", "value": 0.5}]}}


def baseline(sampler: dict[str, Any] = INITIAL, **options: Any) -> dict[str, Any]:
    return {"maxSteps": 30, "sampler": sampler, "probe": {"type": "Baseline", "baseline": options}}


@dataclass
class Judging(Simulator):
    """Its baselines end with these flags, one after the other; None: without a verdict."""

    flags: tuple[tuple[str, ...] | None, ...] = ((),)
    ended: int = 0

    def finish(self, trial: TrialView) -> None:
        probe = next(round_.probe for round_ in self.spec.rounds if round_.name == trial.round)
        if probe is None or probe.type is not ProbeType.BASELINE:
            super().finish(trial)
            return
        told = self.flags[self.ended]
        self.ended += 1
        if told is None:
            self._change(trial.name, outcome=Outcome.FAILED, has_pod=False, trouble="it cannot read its data")
            return
        verdict = ProbeVerdict(type=ProbeType.BASELINE, summary=f"an error of {self.ended}.", flags=told)
        self._change(trial.name, outcome=Outcome.COMPLETED, verdict=verdict, trained_steps=30, has_pod=False)


def ran(*rounds: dict[str, Any], flags: tuple[tuple[str, ...] | None, ...], **fields: Any) -> tuple[Judging, Verdict]:
    simulator = Judging(study(*rounds, **fields), flags=flags)
    return simulator, simulator.run()


def rounds_of(simulator: Simulator) -> set[str]:
    return {trial.round for trial in simulator.trials.values()}


def told(simulator: Simulator, running: str | None = None) -> Judgement | None:
    return standing(simulator.spec, simulator.observe().trials, running)


def test_a_reasonable_baseline_lets_the_search_begin_and_is_not_its_best() -> None:
    simulator, verdict = ran(baseline(), SEARCH, flags=(("NotSimple",),))
    assert (verdict.succeeded, verdict.reason, len(simulator.trials)) == (True, "RoundsCompleted", 4)
    assert "Best loss" in verdict.message
    assert told(simulator) == Judgement(reasonable=True, reason="Reasonable", message="Round round-0: an error of 1.")


@pytest.mark.parametrize("flag", ["NotReasonable", "NoBetterThanChance"])
def test_one_that_is_not_closes_the_gate_and_the_study_fails_with_what_to_do(flag: str) -> None:
    """A search around it would cost its budget and show nothing."""
    simulator, verdict = ran(baseline(), SEARCH, flags=(("NotSimple", flag),))
    assert rounds_of(simulator) == {"round-0"}
    assert (verdict.succeeded, verdict.reason) == (False, "BaselineUnreasonable")
    assert verdict.message == (
        "Round round-0: an error of 1. Nothing is searched around such a baseline: apply another study with what"
        " repairs it, or with probe.baseline.required: false to search all the same."
    )
    judgement = told(simulator)
    assert judgement is not None
    assert (judgement.reasonable, judgement.reason) == (False, flag)


def test_one_that_fails_closes_it_too() -> None:
    """Unlike other probes that fail: without a baseline nothing is known to work."""
    simulator, verdict = ran(baseline(), SEARCH, flags=(None,))
    assert rounds_of(simulator) == {"round-0"}
    assert verdict.reason == "BaselineUnreasonable"
    assert "has come to no verdict: study-0: it cannot read its data." in verdict.message


def test_the_plan_after_the_gate_has_closed_is_the_same_again() -> None:
    """Level-triggered: nothing that matters lives in the process."""
    simulator, verdict = ran(baseline(), SEARCH, flags=(("NotReasonable",),))
    again = plan(simulator.observe())
    assert (again.actions, again.verdict) == ((), verdict)


@pytest.mark.parametrize("flags", [("NotReasonable",), None])
def test_one_that_is_not_required_only_reports(flags: tuple[str, ...] | None) -> None:
    simulator, verdict = ran(baseline(required=False), SEARCH, flags=(flags,))
    assert (verdict.succeeded, verdict.reason) == (True, "RoundsCompleted")
    assert rounds_of(simulator) == {"round-0", "round-1"}
    judgement = told(simulator)
    assert judgement is not None
    assert judgement.reasonable is False


def test_what_ran_before_the_gate_stays_and_is_the_result() -> None:
    """A throughput probe before it, say, or another baseline."""
    simulator, verdict = ran(baseline(), baseline(), SEARCH, flags=((), ("NotReasonable",)))
    assert rounds_of(simulator) == {"round-0", "round-1"}
    assert verdict.message.startswith("Round round-1: an error of 2.")
    judgement = told(simulator)
    assert judgement is not None
    assert judgement.message == "Round round-1: an error of 2.", "the one that is not reasonable is told of"


def test_of_several_configurations_the_first_decides_as_it_does_for_the_rounds_verdict() -> None:
    _, verdict = ran(baseline(CONFIGURATIONS), SEARCH, flags=((), ("NotReasonable",)))
    assert verdict.succeeded
    simulator, verdict = ran(baseline(CONFIGURATIONS), SEARCH, flags=(("NotReasonable",), ()))
    assert len(simulator.trials) == 2, "the others are measured all the same"
    assert verdict.reason == "BaselineUnreasonable"


def test_a_study_of_a_baseline_alone_fails_with_it() -> None:
    """Its exit code is what a script looks at."""
    assert ran(baseline(), flags=(("NotReasonable",),))[1].reason == "BaselineUnreasonable"
    assert ran(baseline(), flags=((),))[1].message == "The round is done. round-0: an error of 1."


def test_nothing_is_said_before_it_has_ended_nor_of_a_study_without_one() -> None:
    simulator = Judging(study(baseline(), SEARCH))
    assert told(simulator, "round-0") == Judgement(reasonable=None, reason="NotMeasured")
    simulator.apply(plan(simulator.observe()).actions)
    assert told(simulator, "round-0") == Judgement(reasonable=None, reason="NotMeasured")
    assert told(Judging(study(SEARCH))) is None


def test_one_run_that_failed_is_no_judgement_while_another_is_to_come() -> None:
    simulator = Judging(study(baseline(CONFIGURATIONS), SEARCH), flags=(None, ()))
    simulator.apply(plan(simulator.observe()).actions)
    simulator.finish(simulator.trials["study-0"])
    assert plan(simulator.observe()).verdict is None
    judgement = told(simulator, "round-0")
    assert judgement is not None
    assert judgement.reasonable is None
    assert simulator.run().succeeded


def test_one_that_was_stopped_with_its_study_is_not_known_rather_than_unreasonable() -> None:
    """A deadline says nothing of a baseline, and its end is not told as the baseline's."""
    simulator = Judging(study(baseline(CONFIGURATIONS), SEARCH, budget={"activeDeadlineSeconds": 60}), flags=(None,))
    simulator.apply(plan(simulator.observe()).actions)
    simulator.elapsed_seconds = 60
    simulator.apply(plan(simulator.observe()).actions)
    simulator.settle_all()
    assert {trial.outcome for trial in simulator.trials.values()} == {Outcome.STOPPED}
    assert told(simulator) == Judgement(reasonable=None, reason="NotMeasured")
    assert closed(simulator.spec.rounds[0], simulator.trials.values()) is None
    verdict = plan(simulator.observe()).verdict
    assert verdict is not None
    assert verdict.reason == "BudgetExhausted"


def test_the_trainer_is_told_what_is_reasonable_and_not_what_follows_from_it() -> None:
    asked = Probe.model_validate({"type": "Baseline", "baseline": {"reasonableError": 0.3, "required": False}})
    assert probes.options(asked, 30) == {"type": "Baseline", "reasonableError": 0.3}
    assert probes.options(Probe(type=ProbeType.BASELINE), 30) == {"type": "Baseline"}
    assert probes.steps(asked, 30) == (30, True)
