"""One parameter at a time: a baseline, then each parameter's other values with the rest at the baseline."""

from collections.abc import Iterator
from itertools import chain, zip_longest

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.api.samplers import OneAtATimeSettings
from stepladder.engine.grid import few
from stepladder.engine.space import same
from stepladder.search.axis import Axis
from stepladder.search.independent import IndependentSampler
from stepladder.search.places import middle, values_on
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler
from stepladder.search.space import Space


class OneAtATimeSampler(IndependentSampler):
    """Trial i gets the i-th configuration of `design`; one beyond the last, which validation does not let a round ask
    for, a quasi-random point."""

    def __init__(self, space: Space, seed: int, settings: OneAtATimeSettings) -> None:
        self._design = design(space, settings)
        self._beyond = QuasiRandomSampler(space, seed)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """The parameter's value in the trial's configuration."""
        if trial.number >= len(self._design):
            return self._beyond.sample_independent(study, trial, param_name, param_distribution)
        return self._design[trial.number][param_name]


def design(space: Space, settings: OneAtATimeSettings) -> tuple[dict[str, Scalar], ...]:
    """The baseline, then one changed value each.

    All parameters take turns, each with its values that are farthest from the baseline first: cut short, the design
    has still tried every parameter over its range. Where a value brings other parameters about, these are at their own
    baseline; a parameter that does not exist at the baseline is not varied.
    """
    given = {entry.name: entry.value for entry in settings.baseline}

    def at_rest(axis: Axis) -> Scalar:
        chosen = axis.recorded(given[axis.name]) if axis.name in given else None
        return middle(axis) if chosen is None else chosen

    def changed(name: str, value: Scalar) -> dict[str, Scalar]:
        return space.resolve(lambda axis: value if axis.name == name else at_rest(axis))

    baseline = space.resolve(at_rest)
    axes = [axis for name, axis in space.axes.items() if name in baseline]
    turns = zip_longest(*(_others(axis, settings.points, baseline[axis.name]) for axis in axes))
    names = [axis.name for axis in axes]
    others = (zip(names, turn, strict=True) for turn in turns)
    return baseline, *(changed(name, value) for name, value in chain.from_iterable(others) if value is not None)


def _others(axis: Axis, points: int, baseline: Scalar) -> Iterator[Scalar]:
    """The values to try besides the baseline's, which stands in for the one that is nearest to it."""
    if axis.choices is not None:
        yield from (choice for choice in axis.choices if not same(choice, baseline))
        return
    values = values_on(axis, few(axis.parameter, points))
    rest = float(axis.position(float(baseline)))
    distances = sorted((abs(float(axis.position(float(value))) - rest), value) for value in values)
    yield from (value for _, value in reversed(distances[1:]))


def make(request: Request) -> OneAtATimeSampler:
    """The sampler of one proposal; `index` is read from the trial."""
    return OneAtATimeSampler(request.space, request.seed, request.settings.one_at_a_time or OneAtATimeSettings())
