"""A probe from its options to its verdict: measure part after part, judge, tell."""

import math
import os
from dataclasses import replace
from functools import partial

from stepladder_trainer import devices
from stepladder_trainer.checkpoints.store import open_store
from stepladder_trainer.contract import Member
from stepladder_trainer.distributed.group import joined
from stepladder_trainer.distributed.ranks import ranks
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes import options as asked
from stepladder_trainer.probes.decisions import (
    baseline,
    ensemble,
    instability,
    learning_rate_range,
    step_budget,
    throughput,
    warmup,
)
from stepladder_trainer.probes.ledger import Ledger
from stepladder_trainer.probes.measuring import baseline as training
from stepladder_trainer.probes.measuring import ensemble as judging
from stepladder_trainer.probes.measuring import learning_rate_range as range_test
from stepladder_trainer.probes.measuring import step_budget as constant
from stepladder_trainer.probes.measuring import throughput as timing
from stepladder_trainer.probes.measuring.bench import Bench, InterruptedProbe
from stepladder_trainer.probes.measuring.curve import watch
from stepladder_trainer.probes.options import Benched, Options
from stepladder_trainer.probes.reporting import findings
from stepladder_trainer.probes.reporting.finding import Finding, tell
from stepladder_trainer.probes.subject import Subject
from stepladder_trainer.trial import Trial

LOOKS = 500  # at the loss of a run whose length the probe chooses


def run(trial: Trial, plan: Plan, options: Options, directory: str | None = None) -> None:
    """Measure what `options` ask of `plan`'s configuration, and leave the verdict in `trial.verdict`.

    Picture and points go to the trial's checkpoints, or to `directory` where there are none.

    Where the trial is asked to stop, the part that is under way is given up, and a later call goes on with it. Raises
    what `outcomes` lists.
    """
    finding = _trained(trial, plan, options) if isinstance(options, asked.Baseline) else _benched(trial, plan, options)
    if finding is None:
        return
    store = trial.store if trial.leads else None
    if store is None and directory and trial.leads:
        store = open_store(directory)
        store.prepare()
    trial.verdict = tell(finding, store)


def _trained(trial: Trial, plan: Plan, options: asked.Baseline) -> Finding | None:
    run = training.measure(trial, plan)
    return None if run is None else findings.of_baseline(run, baseline.judge(run, options.reasonable_error))


def _benched(trial: Trial, plan: Plan, options: Benched) -> Finding | None:
    """What is measured part by part; None where the trial was asked to stop."""
    here = ranks(os.environ)
    device = devices.device(plan.device, here, memory_fraction=plan.gpu_memory_fraction)
    with joined(here, device) as group:
        trial.agree = group.agree
        ledger = Ledger(trial)
        try:
            bench = Bench(trial, plan, ledger, device, here)
            finding = _find(bench, ledger, options)
            if isinstance(options, asked.Throughput):
                finding = _keyed(finding, Subject.of(plan, bench.task.shape, devices.name(device), here.world))
        except InterruptedProbe:
            trial.stop_with_others()
            return None
    return finding


def _keyed(finding: Finding, subject: Subject) -> Finding:
    return replace(finding, verdict=replace(finding.verdict, key=subject.key, measured_on=subject.words))


def _find(bench: Bench, ledger: Ledger, options: Benched) -> Finding:
    match options:
        case asked.LearningRateRange():
            return _learning_rate_range(bench, ledger, options)
        case asked.Throughput():
            return _throughput(bench, ledger, options)
        case asked.Instability():
            return _instability(bench, ledger, options)
        case asked.Warmup():
            return _warmup(bench, ledger, options)
        case asked.StepBudget():
            return _step_budget(bench, ledger, options)
        case asked.Ensemble():
            return _ensemble(bench, ledger, options)


def _learning_rate_range(bench: Bench, ledger: Ledger, options: asked.LearningRateRange) -> Finding:
    steps = bench.trial.target_steps
    test = ledger.part(
        "ramp",
        learning_rate_range.RangeTest,
        lambda: range_test.measure(bench, bench.learner(), options, steps),
    )
    verdict = learning_rate_range.suggest(test, steps)
    return findings.of_range_test(test, verdict, log=options.ramp == "Exponential")


def _throughput(bench: Bench, ledger: Ledger, options: asked.Throughput) -> Finding:
    examples = len(bench.training)
    if options.min_batch_size > examples:
        raise ConfigurationError(f"probe: minBatchSize is more than the {examples} training examples: lower it")
    timings: list[throughput.Timing] = []
    for size in throughput.sizes(options.min_batch_size, min(options.max_batch_size or examples, examples)):
        measure = partial(timing.measure, bench, size, options.steps_per_batch_size)
        timings.append(ledger.part(f"batch {size}", throughput.Timing, measure))
        if not timings[-1].fits:
            break
    return findings.of_throughput(timings, throughput.judge(timings))


def _instability(bench: Bench, ledger: Ledger, options: asked.Instability) -> Finding:
    def measure(factor: float) -> instability.FactorRun:
        rate = factor * bench.point.optimizer.learning_rate
        seen = watch(bench, bench.learner(), [rate] * bench.trial.target_steps)
        return instability.FactorRun(factor, rate, *seen.curve, tuple(seen.gradient_norms))

    runs = [
        ledger.part(f"factor {factor:g}", instability.FactorRun, partial(measure, factor)) for factor in options.factors
    ]
    clip = bench.point.regularisation.gradient_clip
    return findings.of_instability(runs, instability.judge(runs, clipped_at=clip))


def _warmup(bench: Bench, ledger: Ledger, options: asked.Warmup) -> Finding:
    peak, target = options.learning_rate_factor * bench.point.optimizer.learning_rate, bench.trial.target_steps

    def measure(length: int) -> warmup.WarmupRun:
        rates = warmup.rates(peak, length)
        seen = watch(bench, bench.learner(), rates, every=math.ceil(len(rates) / LOOKS))
        return warmup.WarmupRun(length, *seen.curve)

    runs: list[warmup.WarmupRun] = []
    for length in options.lengths(target):
        runs.append(ledger.part(f"warmup {length}", warmup.WarmupRun, partial(measure, length)))
        if runs[-1].stability.stable:
            break  # longer ones would cost ten times as much, and the shortest is asked for
    return findings.of_warmup(runs, warmup.choose(runs, peak, target))


def _step_budget(bench: Bench, ledger: Ledger, options: asked.StepBudget) -> Finding:
    steps = limit = bench.trial.target_steps
    runs: list[step_budget.ConstantRun] = []
    for rate in options.rates:
        measure = partial(constant.measure, bench, rate, steps, limit)
        runs.append(ledger.part(f"rate {rate:g}", step_budget.ConstantRun, measure))
        limit = min(limit, runs[-1].fitted_at or limit)  # a run that takes longer is not the fastest
    return findings.of_step_budget(runs, step_budget.choose(runs, steps))


def _ensemble(bench: Bench, ledger: Ledger, options: asked.Ensemble) -> Finding:
    document = bench.trial.document
    places = (place.rstrip("/") for place in options.checkpoints)
    members = document.members or tuple(Member("/".join(place.split("/")[-2:]), place) for place in places)
    if not members:
        raise ConfigurationError("probe: an ensemble has no members: give its round from, or by hand checkpoints")
    scores: list[ensemble.Scores] = []
    for name, dataset in (("validation", bench.task.validation), ("test", bench.task.test)):
        if dataset is not None:
            measure = partial(judging.measure, bench, members, dataset, name)
            scores.append(ledger.part(name, ensemble.Scores, measure))
    validation, test = scores[0], scores[1] if len(scores) > 1 else None
    by = ensemble.yardstick(document.objective, validation)
    wanted = options.members if document.members else len(members)
    return findings.of_ensemble(scores, by, ensemble.judge(validation, test, by, wanted))
