"""Auto: who proposes and who prunes, chosen by the space and the number of trials.

A choice follows from what of a study can never change, the parameters and the round itself: not from parallelism or
budget, which may, so that a round goes on as it has begun. It is spelled out where a spec is read (`engine.reading`),
and nobody after that knows of Auto.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from stepladder.api.samplers import GridSettings
from stepladder.api.study import PrunerAlgorithm, Round, SamplerAlgorithm, TuningStudySpec
from stepladder.engine.branches import MOST, Setting, settings_of

FEW = 15
"""Fewer trials than these are about what a model needs before it is trusted."""
GRIDDED = 1000
"""The largest space of which every configuration is tried."""
WIDE = 20
"""More parameters than these are too many for the distances that a Gaussian process goes by."""
MANY = 1000
"""More trials than these cost a Gaussian process or a forest more than they gain by it over TPE."""
RUNGS = 4
"""Rungs below the top one, where the lowest is not given."""

MODELLING = frozenset({SamplerAlgorithm.GAUSSIAN_PROCESS, SamplerAlgorithm.RANDOM_FOREST, SamplerAlgorithm.TPE})

Algorithm = TypeVar("Algorithm", SamplerAlgorithm, PrunerAlgorithm)


@dataclass(frozen=True)
class Choice(Generic[Algorithm]):
    """What was chosen, and why: a clause that may follow "since"."""

    algorithm: Algorithm
    reason: str


@dataclass(frozen=True)
class Choices:
    """What is chosen in one round; None for what is not left to Auto."""

    sampler: Choice[SamplerAlgorithm] | None
    pruner: Choice[PrunerAlgorithm] | None

    def __str__(self) -> str:
        """A sentence for people."""
        parts = (("sampler", self.sampler), ("pruner", self.pruner))
        return "; ".join(f"{what} {choice.algorithm}, since {choice.reason}" for what, choice in parts if choice)


def settled(spec: TuningStudySpec) -> TuningStudySpec:
    """The spec, its presets spelled out before, with what is chosen in place of Auto. Again, it changes nothing."""
    found = choices(spec)
    rounds = tuple(_settled(round_, found[round_.name]) if round_.name in found else round_ for round_ in spec.rounds)
    return spec.model_copy(update={"rounds": rounds}) if found else spec


def choices(spec: TuningStudySpec) -> Mapping[str, Choices]:
    """By name, the rounds that leave something to Auto, and what it chooses."""
    return {
        round_.name: Choices(
            chosen_sampler(spec, round_) if round_.sampler.algorithm is SamplerAlgorithm.AUTO else None,
            chosen_pruner(spec, round_) if round_.pruner.algorithm is PrunerAlgorithm.AUTO else None,
        )
        for round_ in spec.rounds
        if round_.sampler.algorithm is SamplerAlgorithm.AUTO or round_.pruner.algorithm is PrunerAlgorithm.AUTO
    }


def chosen_sampler(spec: TuningStudySpec, round_: Round) -> Choice[SamplerAlgorithm]:
    """Who proposes: the first rule that holds. Each scientific setting is a search of its own."""
    settings = _settings(spec, round_)
    if round_.from_ is not None or not settings:
        return Choice(SamplerAlgorithm.QUASI_RANDOM, "there is nothing to search")
    parameters = {p.name: p for p in spec.parameters}
    searched = [parameters[name] for name in dict.fromkeys(n for s in settings for b in s.branches for n in b.tuned)]
    numeric = [p for p in searched if p.categorical is None and p.when is None]
    trials, count = min(setting.trials for setting in settings), len(searched)
    if (
        all(_configurations(setting) == setting.trials <= GRIDDED for setting in settings)
        and not round_.sampler.warm_start
    ):
        return Choice(SamplerAlgorithm.GRID, f"the space has {_count(trials, 'configuration')}, and each can be tried")
    if trials < FEW:
        return Choice(SamplerAlgorithm.QUASI_RANDOM, f"{trials} trials are too few for a model to learn from")
    if trials < count:
        return Choice(SamplerAlgorithm.QUASI_RANDOM, f"{trials} trials are too few for a model of {count} parameters")
    if len(numeric) < count - len(numeric):
        return Choice(SamplerAlgorithm.RANDOM_FOREST, "most parameters are choices, or exist beside some choices only")
    if count > WIDE:
        return Choice(SamplerAlgorithm.RANDOM_FOREST, f"{count} parameters are too many for a Gaussian process")
    if trials > MANY:
        return Choice(SamplerAlgorithm.TPE, f"it stays cheap over {trials} trials")
    return Choice(
        SamplerAlgorithm.GAUSSIAN_PROCESS, f"most parameters are numbers, and {trials} trials are few enough for it"
    )


def chosen_pruner(spec: TuningStudySpec, round_: Round) -> Choice[PrunerAlgorithm]:
    """Who prunes: the first rule that holds."""
    factor, lowest = round_.pruner.reduction_factor, min_steps(round_)
    trials = min((setting.trials for setting in _settings(spec, round_)), default=0)
    if round_.from_ is not None:
        return Choice(PrunerAlgorithm.NONE, "the best of an earlier round are trained to the end")
    if round_.repeats > 1:
        return Choice(PrunerAlgorithm.NONE, "repeats are compared at the end")
    if round_.stop_when_no_improvement is not None:
        return Choice(PrunerAlgorithm.NONE, "stopWhenNoImprovement counts trials that were trained to the end")
    if round_.sampler.algorithm is SamplerAlgorithm.ONE_AT_A_TIME:
        return Choice(PrunerAlgorithm.NONE, "one parameter's values are compared at the end")
    if round_.max_steps < 2 * lowest:
        return Choice(
            PrunerAlgorithm.NONE, f"{_count(round_.max_steps, 'step')} are too few for a rung of {lowest} below"
        )
    if trials < factor:
        return Choice(PrunerAlgorithm.NONE, f"of {_count(trials, 'trial')} none would be one in {factor}")
    judged = _count(lowest, "step")
    if _models(spec, round_):
        return Choice(
            PrunerAlgorithm.FREEZE_THAW,
            f"the sampler learns from runs that are cut short, and after many of {judged} few need go on",
        )
    return Choice(PrunerAlgorithm.ASHA, f"one in {factor} goes on from {judged}, and no slot waits for another")


def _models(spec: TuningStudySpec, round_: Round) -> bool:
    """Whether the round's sampler, be it Auto's own choice, models what trials have come to on their way."""
    sampler = round_.sampler.algorithm
    return (chosen_sampler(spec, round_).algorithm if sampler is SamplerAlgorithm.AUTO else sampler) in MODELLING


def min_steps(round_: Round) -> int:
    """The lowest rung: as given, else such that there are `RUNGS` below the top one, as far as there are steps."""
    return round_.pruner.min_steps or max(1, round_.max_steps // round_.pruner.reduction_factor**RUNGS)


def _settled(round_: Round, chosen: Choices) -> Round:
    sampler, pruner = round_.sampler, round_.pruner
    if chosen.sampler is not None:
        grid = GridSettings(points=GRIDDED) if chosen.sampler.algorithm is SamplerAlgorithm.GRID else None  # all values
        sampler = sampler.model_copy(update={"algorithm": chosen.sampler.algorithm, "grid": grid})
    if chosen.pruner is not None:
        steps = pruner.min_steps if chosen.pruner.algorithm is PrunerAlgorithm.NONE else min_steps(round_)
        pruner = pruner.model_copy(update={"algorithm": chosen.pruner.algorithm, "min_steps": steps})
    return round_.model_copy(update={"sampler": sampler, "pruner": pruner})


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _settings(spec: TuningStudySpec, round_: Round) -> tuple[Setting, ...]:
    """Nothing for a space that is not sound, which validation tells of."""
    try:
        return settings_of(spec, round_)
    except ValueError:
        return ()


def _configurations(setting: Setting) -> int | None:
    """None for a continuum, and where there are too many branches to be counted."""
    counts = [branch.configurations for branch in setting.branches]
    finite = [count for count in counts if count is not None]
    return sum(finite) if len(finite) == len(counts) < MOST else None
