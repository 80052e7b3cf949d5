"""Advice on what a round takes over from an earlier one: what was found there was found under its conditions.

All of it is the Tuning Playbook's: "Deciding how long to train when training is compute-bound" on longer rounds,
"Changing the batch size requires re-tuning most hyperparameters" on other batches, "Deciding how long to train when
training is not compute-bound" on regularisation, which takes more steps.
"""

from collections.abc import Iterator, Mapping, Sequence

from stepladder.api.model import Scalar
from stepladder.api.probes import ProbeType
from stepladder.api.study import Role, Round, TuningStudySpec
from stepladder.engine.space import same, stated
from stepladder.engine.suggested import unknown
from stepladder.engine.transfer import (
    ARCHITECTURE,
    AUGMENTATION,
    OPTIMIZATION,
    REGULARISATION,
    Likelihood,
    likelihood,
    plain,
)
from stepladder.engine.validation.parameters import BATCH_SIZES
from stepladder.engine.validation.problem import Problem

OFF = ("none", 0, False)
TIMED = (*ARCHITECTURE, "optimizer", "update_rule")
"""What decides how long a step takes."""


def moving_advice(spec: TuningStudySpec) -> Iterator[Problem]:
    """Of all rounds of a search that start from an earlier one, and of what throughput probes were asked for."""
    by_name = {round_.name: round_ for round_ in spec.rounds}
    for index, round_ in enumerate(spec.rounds):
        source = by_name.get(round_.from_.round) if round_.from_ and round_.probe is None else None
        if source is not None:
            yield from _schedule(spec, source, round_, f"spec.rounds[{index}]")
            yield from _batch_size(spec, source, round_, f"spec.rounds[{index}]")
            yield from _more_steps(spec, source, round_, f"spec.rounds[{index}]")
    yield from _throughput(spec)
    for index, round_ in enumerate(spec.rounds):
        for given in round_.parameters:
            source = by_name.get(given.value_from.round) if given.value_from else None
            if source is not None and plain(given.name) in BATCH_SIZES:
                yield from _timed_otherwise(spec, source, round_, f"spec.rounds[{index}].parameters")


def warm_start_advice(
    spec: TuningStudySpec, round_: Round, study: str, configurations: Sequence[Mapping[str, Scalar]]
) -> Iterator[str]:
    """Of a round that begins from an earlier study, whose best configurations these are: sentences."""
    now, bound = _fixed(spec, round_), _bound(spec)
    for name in [name for name in now if plain(name) in BATCH_SIZES and bound]:
        before = [values[name] for values in configurations if name in values and not same(values[name], now[name])]
        if before:
            yield (
                f"round {round_.name}: {name} is {now[name]} here and was {before[0]} in study {study}, whose results"
                f" are no evidence for this size: {', '.join(bound)} must be tuned anew, so leave the ranges wide, or"
                " keep the size"
            )


def _schedule(spec: TuningStudySpec, source: Round, round_: Round, field: str) -> Iterator[Problem]:
    searched = [name for name in _searched(spec) if likelihood(name) is Likelihood.UNLIKELY]
    if searched and round_.max_steps > source.max_steps:
        yield Problem(
            f"{field}.from",
            f"{', '.join(searched)}, searched over {source.max_steps} steps, will hardly be best over"
            f" {round_.max_steps}: set role: Fixed, and give each round its own value in parameters",
        )


def _batch_size(spec: TuningStudySpec, source: Round, round_: Round, field: str) -> Iterator[Problem]:
    before, now, bound = _fixed(spec, source), _fixed(spec, round_), _bound(spec)
    for name in now:
        if plain(name) in BATCH_SIZES and name in before and now[name] != before[name] and bound:
            yield Problem(
                f"{field}.parameters",
                f"{name} is {now[name]} here and was {before[name]} in {source.name}, and with another size"
                f" {', '.join(bound)} must be tuned anew: propose configurations here, or keep the size",
            )


def _more_steps(spec: TuningStudySpec, source: Round, round_: Round, field: str) -> Iterator[Problem]:
    before, now = _fixed(spec, source), _fixed(spec, round_)
    added = [
        f"{name} {now[name]}"
        for name in now
        if name in before and plain(name) in (*REGULARISATION, *AUGMENTATION) and _more(before[name], now[name])
    ]
    if added and round_.max_steps <= source.max_steps:
        yield Problem(
            f"{field}.maxSteps",
            f"with {', '.join(added)} training needs more steps than {source.name} took: raise maxSteps",
        )


def _throughput(spec: TuningStudySpec) -> Iterator[Problem]:
    """The size of a batch is found for one model and one optimizer."""
    asked = [i for i, r in enumerate(spec.rounds) if r.probe is not None and r.probe.type is ProbeType.THROUGHPUT]
    searched = [name for name in _searched(spec) if plain(name) in TIMED]
    searches = [i for i, round_ in enumerate(spec.rounds) if round_.probe is None and round_.from_ is None]
    if asked and searched and any(index > asked[-1] for index in searches):
        yield Problem(
            f"spec.rounds[{asked[-1]}].probe",
            "throughput is measured for one model and optimizer, and later rounds search over"
            f" {', '.join(searched)}: measure it again in a round from the best of them",
        )


def _timed_otherwise(spec: TuningStudySpec, source: Round, round_: Round, field: str) -> Iterator[Problem]:
    """Of a round that takes the size of its batches from the probe `source`."""
    before, now = _fixed(spec, source), _fixed(spec, round_)
    changed = [name for name in now if plain(name) in TIMED and name in before and now[name] != before[name]]
    if round_.from_ is not None and (source.from_ is None or source.from_.round != round_.from_.round):
        changed += [name for name in _searched(spec) if plain(name) in TIMED]
    if changed:
        yield Problem(
            field,
            f"{source.name} measures the size of a batch with another {', '.join(changed)} than {round_.name} has:"
            " measure it again with these, and take it from there",
        )


def _bound(spec: TuningStudySpec) -> list[str]:
    """What is searched, and best for one size of batches alone."""
    return [name for name in _searched(spec) if plain(name) in (*OPTIMIZATION, *REGULARISATION)]


def _searched(spec: TuningStudySpec) -> list[str]:
    return [parameter.name for parameter in spec.parameters if parameter.role is not Role.FIXED]


def _fixed(spec: TuningStudySpec, round_: Round) -> Mapping[str, Scalar]:
    """What does not vary within the round; what a probe has yet to tell, in words."""
    of_study = {p.name: p.value for p in spec.parameters if p.role is Role.FIXED and p.value is not None}
    untold = {name: f"what {source.round} finds" for name, source in unknown(round_)}
    return of_study | stated(round_) | untold


def _more(before: Scalar, now: Scalar) -> bool:
    numbers = isinstance(before, int | float) and isinstance(now, int | float)
    return now > before if numbers else before in OFF and now not in OFF  # type: ignore[operator]  # numbers
