"""What a study has found, at its end: a JSON object for programs, and a few lines for people. Pure."""

from datetime import datetime
from typing import Any, Final

from stepladder.api.study import SamplerAlgorithm, TuningStudyStatus
from stepladder.engine.fidelity import agreements
from stepladder.engine.sensitivity import Sensitivity, sensitivities
from stepladder.engine.space import settings
from stepladder.local.layout import Layout
from stepladder.local.snapshot import Snapshot

_MOST_FAILURES_SHOWN: Final = 5


def summary(end: Snapshot) -> dict[str, Any]:
    """The object that `stepladder run --output json` ends with. `wallSeconds` includes pauses between runs."""
    best = end.status.best
    return {
        "study": end.name,
        "succeeded": end.verdict is True,
        "message": end.message,
        "trials": end.outcomes,
        "failures": [{"message": f.message, "trials": f.trials, "first": f.first} for f in end.failures],
        "trainedSteps": end.done.steps,
        "fullTrainingSteps": end.full_steps,
        "best": None
        if best is None
        else {
            "trial": best.trial,
            "parameters": best.parameters,
            "value": best.value,
            "step": best.step,
            "checkpoint": best.checkpoint,
        },
        "probes": [{"round": r.name} | r.verdict.wire() for r in end.status.rounds if r.verdict is not None],
        "wallSeconds": wall_seconds(end.status),
    }


def wall_seconds(status: TuningStudyStatus) -> float:
    """From the study's start to its completion; 0 if it has neither."""
    if status.start_time is None or status.completion_time is None:
        return 0.0
    return (datetime.fromisoformat(status.completion_time) - datetime.fromisoformat(status.start_time)).total_seconds()


def lines(end: Snapshot, layout: Layout) -> list[str]:
    """The report for people."""
    verdict = "succeeded" if end.verdict else "failed"
    found = [f"Study {end.name} {verdict} after {duration(wall_seconds(end.status))}. {end.message}".rstrip()]
    best = end.status.best
    if best is not None:
        found += [
            "",
            f"Best configuration (trial {best.trial}):",
            *(f"  {name}: {number(value)}" for name, value in sorted(best.parameters.items())),
            f"  {end.spec.objective.metric} {number(best.value)} at step {best.step:,}",
            f"  checkpoint {best.checkpoint or 'none: trainer.checkpoints names neither a claim nor a url'}",
        ]
    found += _probes(end)
    found += [f"  {spread}" for spread in _spreads(end)]
    found += [f"  round {r.name} {r.message}" for r in end.status.rounds if r.message]
    found += _fidelity(end)
    found += _sensitivities(end)
    found += _failures(end, layout)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in end.outcomes.items())
    found += ["", f"{len(end.trials)} trials: {counts or 'none was started'}.", saving(end)]
    if end.spec.serve is not None and end.verdict and best is not None and best.checkpoint is not None:
        command = f"python -m stepladder_trainer serve --checkpoint={best.checkpoint} --port={end.spec.serve.port}"
        found += ["", f"On a cluster the best model would be served now. Here: {command}", ""]
    url = end.spec.trainer.checkpoints.url
    if url:
        found.append(f"Checkpoints are at {url}, logs and the study's record in {layout.root}.")
    else:
        found.append(f"Checkpoints, logs and the study's record are in {layout.root}.")
    return found


def saving(at: Snapshot) -> str:
    """What was trained, against training every trial to the end."""
    if not at.done.steps or not at.full_steps:
        return "No steps were trained."
    if at.done.steps == at.full_steps:
        return f"Trained {at.done.steps:,} steps."
    saved = 1 - at.done.steps / at.full_steps
    full = f"every trial to the end would have taken {at.full_steps:,}"
    return f"Trained {at.done.steps:,} steps; {full}: {saved:.0%} saved."


def duration(seconds: float) -> str:
    """A duration as people say it: 42s, 3m 07s, 2h 05m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def number(value: object) -> str:
    """A value with as many digits as one reads."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _probes(end: Snapshot) -> list[str]:
    """What each probe has found, and where its picture and its points lie."""
    found: list[str] = []
    for round_ in end.status.rounds:
        verdict = round_.verdict
        if verdict is None:
            continue
        found += ["", f"Probe {round_.name} ({verdict.type}): {verdict.summary}"]
        found += [f"  {name}: {number(value)}" for name, value in sorted(verdict.suggestions.items())]
        key = f" (key {verdict.key})" if verdict.key else ""
        found += [f"  measured on {verdict.measured_on}{key}"] if verdict.measured_on else []
        found += [f"  noticed: {', '.join(verdict.flags)}"] if verdict.flags else []
        found += [
            f"  {what} {place}" for what, place in (("picture", verdict.picture), ("data", verdict.data)) if place
        ]
    return found


def _failures(end: Snapshot, layout: Layout) -> list[str]:
    if not end.failures:
        return []
    shown = ["", "Why trials failed:"]
    for failure in end.failures[:_MOST_FAILURES_SHOWN]:
        others = f" and {failure.trials - 1} more" if failure.trials > 1 else ""
        shown.append(f"  {failure.first}{others}: {failure.message}")
        if failure.pod:
            shown.append(f"    log {layout.log(failure.pod)}")
    if len(end.failures) > _MOST_FAILURES_SHOWN:
        shown.append(f"  and {len(end.failures) - _MOST_FAILURES_SHOWN} other reasons")
    return shown


def _fidelity(end: Snapshot) -> list[str]:
    found = agreements(end.spec, end.trials)
    shown = [f"  {a.low} and {a.high}: {a.spearman:.2f} over {a.pairs}" for a in found]
    return ["", "How the cheap ranked what the dear did (Spearman's correlation):", *shown] if shown else []


def _sensitivities(end: Snapshot) -> list[str]:
    """For each round that varied one parameter at a time, and each of its scientific settings: what it found."""
    found: list[str] = []
    for round_ in end.spec.rounds:
        if round_.sampler.algorithm is not SamplerAlgorithm.ONE_AT_A_TIME or round_.from_ is not None:
            continue
        combinations = settings(end.spec, round_)
        for place, combination in enumerate(combinations):
            ranked = sensitivities(end.spec, round_, end.trials, place, len(combinations))
            if not ranked:
                continue
            where = ", ".join(f"{name} {number(value)}" for name, value in combination.items())
            title = f"Sensitivity of {end.spec.objective.metric} in round {round_.name}"
            found += ["", f"{title}{f' ({where})' if where else ''}, largest first:"]
            found += [f"  {_sensitivity(one)}" for one in ranked]
    return found


def _sensitivity(one: Sensitivity) -> str:
    numbers = [value for value, _ in one.values if not isinstance(value, str | bool)]
    ends = f", over {number(min(numbers))} to {number(max(numbers))}" if len(numbers) > 1 else ""
    told = f"{one.parameter}: {number(one.effect)}{ends}, best at {number(one.best)}"
    if one.infeasible:
        told += f"; diverges at {', '.join(map(number, one.infeasible))}"
    return f"{told}; insensitive" if one.insensitive else told


def _spreads(end: Snapshot) -> list[str]:
    return [
        f"round {r.name}: {r.spread.trial} and its repeats: mean {number(r.spread.mean)}, "
        f"standard deviation {number(r.spread.standard_deviation)} over {r.spread.repeats} seeds"
        for r in end.status.rounds
        if r.spread is not None and r.spread.repeats > 1
    ]
