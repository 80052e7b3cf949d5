"""The gate of a reasonable baseline: what is searched around one that is not shows nothing (Deep Learning Tuning
Playbook, "Choosing the initial configuration"). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stepladder.api.probes import Baseline, ProbeType
from stepladder.api.study import Round, TuningStudySpec
from stepladder.api.trial import Outcome
from stepladder.engine.actions import Verdict
from stepladder.engine.observed import TrialView
from stepladder.engine.ranking import round_verdict
from stepladder.engine.rounds import by_round

UNREASONABLE: Final = "BaselineUnreasonable"
CLOSING: Final = ("NoBetterThanChance", "NotReasonable")
"""The flags of a verdict that say so, whoever trained; docs/probes.md."""


@dataclass(frozen=True)
class Judgement:
    """What a study knows of its baseline. `reason` is CamelCase, `message` is for people."""

    reasonable: bool | None  # None: not known yet
    reason: str
    message: str = ""


def judged(round_: Round, trials: Iterable[TrialView], *, over: bool) -> Judgement | None:
    """The judgement of a round with these `trials`, which has ended if it is `over`; None if it is no baseline."""
    if round_.probe is None or round_.probe.type is not ProbeType.BASELINE:
        return None
    found = round_verdict(of_round := tuple(trials))
    if found is None:
        # The end of a study that stops its baseline says nothing of the baseline.
        if not over or all(trial.outcome in (None, Outcome.STOPPED) for trial in of_round):
            return Judgement(None, "NotMeasured")
        failed = next((trial for trial in of_round if trial.outcome is Outcome.FAILED and trial.trouble), None)
        why = f": {failed.name}: {failed.trouble}" if failed else ""
        message = f"Round {round_.name} has come to no verdict{why}"
        return Judgement(reasonable=False, reason="NoVerdict", message=message)
    closing = next((flag for flag in CLOSING if flag in found.flags), None)
    return Judgement(closing is None, closing or "Reasonable", f"Round {round_.name}: {found.summary}")


def gates(round_: Round) -> bool:
    """Whether later rounds begin only if this one finds the baseline reasonable."""
    probe = round_.probe
    return probe is not None and probe.type is ProbeType.BASELINE and (probe.baseline or Baseline()).required


def closed(round_: Round, trials: Iterable[TrialView]) -> Verdict | None:
    """The end of the study, where a baseline that has ended was required to be reasonable and is not."""
    judgement = judged(round_, trials, over=True)
    if judgement is None or judgement.reasonable is not False or not gates(round_):
        return None
    message = (
        f"{judgement.message.rstrip('.')}. Nothing is searched around such a baseline: apply another study with what"
        " repairs it, or with probe.baseline.required: false to search all the same."
    )
    return Verdict(succeeded=False, reason=UNREASONABLE, message=message)


def standing(spec: TuningStudySpec, trials: Sequence[TrialView], running: str | None) -> Judgement | None:
    """What is known of all of the study's baselines, while round `running` runs, or none: of the first that is not
    reasonable, else of the last that is known. None for a study that has no baseline."""
    there = by_round(trials)
    found = [judged(round_, there.get(round_.name, ()), over=round_.name != running) for round_ in spec.rounds]
    known = [judgement for judgement in found if judgement is not None]
    refused = [judgement for judgement in known if judgement.reasonable is False]
    passed = [judgement for judgement in known if judgement.reasonable]
    return next(iter([*refused, *reversed(passed), *known]), None)
