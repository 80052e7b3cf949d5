"""Whether a trial came out the same, evaluation by evaluation, and what else was different. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stepladder.api.trial import Outcome, TrialStatus
from stepladder.rerun.manifest import OWN_ENDS

EVALUATIONS: Final = "evaluations"
SUGGESTIONS: Final = "suggestions"


@dataclass(frozen=True)
class Difference:
    """One thing that was `before` and is `now`; None: it was not told."""

    what: str
    before: float | str | None
    now: float | str | None


@dataclass(frozen=True)
class Comparison:
    """A trial beside its rerun. `unit`: what was compared, in the plural."""

    unit: str
    compared: int
    differences: tuple[Difference, ...]
    provenance: tuple[Difference, ...]
    before: Outcome | None = None  # where the trial's own end was not that it had trained
    now: Outcome | None = None

    @property
    def identical(self) -> bool:
        """Whether all that could be compared is equal, bit for bit. Nothing is not."""
        return not self.differences and self.before is self.now and (self.compared > 0 or self.before is not None)


def compare(before: TrialStatus, now: TrialStatus) -> Comparison:
    """Evaluations by step, or what a probe suggests by name; those that both have."""
    unit = SUGGESTIONS if before.verdict or now.verdict else EVALUATIONS
    old, new = _measured(before), _measured(now)
    both = [what for what in old if what in new]
    kept_before, kept_now = _known(before), _known(now)
    return Comparison(
        unit=unit,
        compared=len(both),
        differences=tuple(Difference(what, old[what], new[what]) for what in both if old[what] != new[what]),
        provenance=tuple(
            Difference(what, kept_before.get(what), kept_now.get(what))
            for what in sorted({*kept_before, *kept_now})
            if kept_before.get(what) != kept_now.get(what)
        ),
        before=before.outcome if before.outcome in OWN_ENDS else None,
        now=now.outcome if now.outcome in OWN_ENDS else None,
    )


def lines(found: Comparison, metric: str) -> Iterator[str]:
    """For people: the verdict in one sentence, then what differs in provenance."""
    if found.before is not found.now:
        yield f"It ended otherwise: {_ending(found.before)} before, {_ending(found.now)} now."
    subject, at = (metric, "at") if found.unit == EVALUATIONS else ("The verdict", "in")
    if found.differences:
        first = found.differences[0]
        of = f"{len(found.differences)} of {found.compared} {found.unit}"
        yield f"{subject} differs {at} {of}, first {at} {first.what}: {first.before!r} before, {first.now!r} now."
    elif found.compared:
        every = f"all {found.compared} {found.unit}" if found.compared > 1 else f"the only {found.unit[:-1]}"
        yield f"{subject} is identical {at} {every}."
    elif found.before is not None and found.before is found.now:
        yield f"It ended the same, {_ending(found.now)}, before it was evaluated."
    else:
        yield f"There is nothing to compare: the two have no {found.unit} in common."
    if found.provenance:
        yield "What differs in provenance:"
        yield from (f"  {d.what}: {_told(d.before)} before, {_told(d.now)} now" for d in found.provenance)
    else:
        yield "Provenance is the same, as far as it was recorded."


def summary(found: Comparison) -> dict[str, Any]:
    """For programs."""
    return {
        "identical": found.identical,
        "compared": found.compared,
        "unit": found.unit,
        "differences": [_summed(d) for d in found.differences],
        "provenance": [_summed(d) for d in found.provenance],
        "outcome": {"before": found.before, "now": found.now},
    }


def _measured(status: TrialStatus) -> Mapping[str, float]:
    if status.verdict is not None:
        # Speeds are never the same twice: what follows from them is compared.
        return {name: value for name, value in status.verdict.suggestions.items() if "second" not in name}
    return {f"step {observation.step}": observation.value for observation in status.observations}


def _known(status: TrialStatus) -> dict[str, str]:
    """Its provenance, but for the image's name: a rerun has it by its digest, which is compared."""
    by_digest = "imageDigest" in status.provenance
    return {what: value for what, value in status.provenance.items() if not (by_digest and what == "image")}


def _ending(outcome: Outcome | None) -> str:
    return outcome.value if outcome is not None else "trained"


def _told(value: float | str | None) -> str:
    return "not recorded" if value is None else str(value)


def _summed(difference: Difference) -> dict[str, Any]:
    return {"what": difference.what, "before": difference.before, "now": difference.now}
