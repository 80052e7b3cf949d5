"""The table and the picture of each probe."""

import math
from collections.abc import Sequence

from stepladder_trainer.probes.decisions import (
    baseline,
    clipping,
    ensemble,
    instability,
    learning_rate_range,
    step_budget,
    throughput,
)
from stepladder_trainer.probes.decisions import warmup as warmups
from stepladder_trainer.probes.decisions.smoothing import smoothed
from stepladder_trainer.probes.decisions.stability import described
from stepladder_trainer.probes.reporting.finding import Finding
from stepladder_trainer.probes.reporting.svg import Panel, Series
from stepladder_trainer.probes.verdict import Verdict


def of_range_test(test: learning_rate_range.RangeTest, verdict: Verdict, *, log: bool) -> Finding:
    """The loss over the learning rate, with what is suggested."""
    means = smoothed(test.losses)
    rows = [
        (f"{rate:.3g}", f"{loss:.4g}", f"{mean:.4g}")
        for rate, loss, mean in zip(test.learning_rates, test.losses, means, strict=True)
    ]
    marks = [(value, name) for name, value in verdict.suggestions.items() if name != "learning_rate"]
    top = 1.2 * max(means[0], 0)
    last = max((place for place, mean in enumerate(means) if mean <= top), default=len(means) - 1)
    shown = slice(0, last + 1)  # what follows the last return below the frame's top would only flatten the rest
    rates = test.learning_rates[shown]
    series = [
        Series(name, rates, [value if value <= limit else math.nan for value in values[shown]])
        for name, values, limit in (("loss", test.losses, 1.2 * top), ("smoothed", means, top))
    ]
    panel = Panel("Learning-rate range test", "learning rate", "training loss", series, marks, log_x=log)
    return Finding(verdict, [test], [("learning rate", "loss", "smoothed"), *rows], [panel])


def of_throughput(timings: Sequence[throughput.Timing], verdict: Verdict) -> Finding:
    """Examples per second over the batch size, beside what doubling would ideally bring."""
    heads = ("batch", "examples/s", "s/step", "waiting for data", "exchanging", "GPU memory MiB")
    rows = [
        (
            str(it.batch_size),
            f"{it.examples_per_second:.1f}",
            f"{it.seconds_per_step:.5f}",
            f"{it.data_wait_fraction:.1%}",
            f"{it.synchronisation_fraction:.1%}",
            f"{it.gpu_memory_bytes / 2**20:.0f}",
        )
        for it in timings
        if it.fits
    ]
    batches = [float(it.batch_size) for it in timings if it.fits]
    measured = [it.examples_per_second for it in timings if it.fits]
    ideal = [measured[0] * batch / batches[0] for batch in batches] if measured else []
    chosen = verdict.suggestions.get("batch_size")
    panel = Panel(
        "Throughput",
        "batch size",
        "examples per second",
        [Series("measured", batches, measured), Series("proportional", batches, ideal)],
        [(chosen, f"{chosen:g}")] if chosen else [],
        log_x=True,
        log_y=True,
    )
    return Finding(verdict, list(timings), [heads, *rows], [panel])


def of_instability(runs: Sequence[instability.FactorRun], verdict: Verdict) -> Finding:
    """The loss of every run, and the gradient norms of the one with the lowest rate."""
    heads = ("factor", "learning rate", "least loss", "last loss", "norm, 90th percentile", "verdict")
    rows = [
        (
            f"{run.factor:g}",
            f"{run.learning_rate:.3g}",
            f"{min(run.losses):.4g}",
            f"{run.losses[-1]:.4g}",
            f"{clipping.percentile(run.gradient_norms):.4g}",
            described(run.stability),
        )
        for run in runs
    ]
    curves = [Series(f"{run.factor:g} times", run.steps, run.losses) for run in runs]
    norms = [Series(f"{run.factor:g} times", range(1, len(run.gradient_norms) + 1), run.gradient_norms) for run in runs]
    edges, counts = clipping.histogram(min(runs, key=lambda run: run.factor).gradient_norms)
    clip = verdict.suggestions.get("gradient_clip", 0.0)
    panels = [
        Panel("Loss above the learning rate", "step", "training loss", curves, log_y=True),
        Panel("Gradient norm", "step", "L2 norm, unclipped", norms, log_y=True),
        Panel(
            "Gradient norms of the lowest rate",
            "L2 norm, unclipped",
            "updates",
            [Series("updates", edges, counts, columns=True)],
            [(clip, "90th percentile")],
            log_x=True,
        ),
    ]
    return Finding(verdict, list(runs), [heads, *rows], panels)


def of_warmup(runs: Sequence[warmups.WarmupRun], verdict: Verdict) -> Finding:
    """The loss of every run, by the part of it that is done."""
    rows = [(str(run.warmup_steps), f"{run.losses[-1]:.4g}", described(run.stability)) for run in runs]
    curves = [Series(f"{run.warmup_steps} steps", run.steps, run.losses) for run in runs]
    panel = Panel("Warmup", "step", "training loss", curves, log_x=True, log_y=True)
    return Finding(verdict, list(runs), [("warmup", "last loss", "verdict"), *rows], [panel])


def of_step_budget(runs: Sequence[step_budget.ConstantRun], verdict: Verdict) -> Finding:
    """The training error of every run."""
    heads = ("learning rate", "fitted at", "least error")
    rows = [
        (f"{run.learning_rate:.3g}", "-" if run.fitted_at is None else str(run.fitted_at), f"{run.least_error:.4g}")
        for run in runs
    ]
    curves = [Series(f"{run.learning_rate:.3g}", run.steps, run.errors) for run in runs]
    panel = Panel("Steps to a perfect fit", "step", "training error", curves)
    return Finding(verdict, list(runs), [heads, *rows], [panel])


def of_ensemble(scores: Sequence[ensemble.Scores], by: ensemble.Yardstick, verdict: Verdict) -> Finding:
    """Each member alone, and the first k together."""
    heads, columns, panels = ["trial"], [[*scores[0].trials]], []
    for each in scores:
        alone, together = ([found[by.metric] for found in part] for part in (each.alone, each.together))
        heads += [f"{each.of} {by.metric}, alone", "with those before it"]
        columns += [[f"{value:.4g}" for value in part] for part in (alone, together)]
        numbers = [float(count) for count in range(1, len(alone) + 1)]
        series = [Series("member k alone", numbers, alone), Series("the first k", numbers, together)]
        panels.append(Panel("Ensemble", "members, k", f"{each.of} {by.metric}", series))
    return Finding(verdict, scores, [tuple(heads), *zip(*columns, strict=True)], panels)


def of_baseline(run: baseline.BaselineRun, verdict: Verdict) -> Finding:
    """The validation error of every evaluation, beside what it has to beat."""
    rows = [(str(step), f"{error:.4g}") for step, error in zip(run.steps, run.errors, strict=True)]
    bars = [
        Series(name, run.steps, [verdict.suggestions[key]] * len(run.steps))
        for name, key in (("chance", "chance"), ("reasonable", "reasonable_error"))
        if key in verdict.suggestions
    ]
    series = [Series("validation error", run.steps, run.errors), *bars]
    panel = Panel("Baseline", "step", "validation error", series)
    return Finding(verdict, [run], [("step", "validation error"), *rows], [panel])
