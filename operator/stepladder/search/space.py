"""A round's search space: which parameters exist beside which, and the axes of those that are tuned."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import optuna

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter
from stepladder.engine.space import holds, parents_first
from stepladder.search.axis import Axis


class Space:
    """The parameters of one round and scientific setting.

    Raises ValueError where conditions name each other in a circle, or a parameter that is not there.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = parents_first(parameters)
        self.axes = {p.name: Axis(p) for p in self.parameters if p.value is None}

    @property
    def conditional(self) -> bool:
        """Whether some tuned parameter exists in some configurations only."""
        return any(p.when is not None for p in self.parameters if p.value is None)

    def resolve(self, value_of: Callable[[Axis], Scalar]) -> dict[str, Scalar]:
        """A configuration: fixed values as they are, tuned ones from `value_of`, inactive ones absent."""
        chosen: dict[str, Scalar] = {}
        for parameter in self.parameters:
            if holds(parameter.when, chosen):
                fixed = parameter.value
                chosen[parameter.name] = value_of(self.axes[parameter.name]) if fixed is None else fixed
        return chosen

    def suggest(self, trial: optuna.Trial) -> dict[str, Scalar]:
        """The configuration that the trial's sampler proposes, define-by-run."""
        return self.resolve(lambda axis: _suggest(trial, axis))

    def recorded(self, parameters: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """The tuned part of a configuration that somebody else may have written: what the space could have proposed."""
        there: dict[str, Scalar] = {}
        found: dict[str, Scalar] = {}
        for parameter in self.parameters:
            name = parameter.name
            if name in parameters and holds(parameter.when, there):
                there[name] = parameters[name]
                axis = self.axes.get(name)
                if axis is not None and (value := axis.recorded(there[name])) is not None:
                    found[name] = value
        return found


def _suggest(trial: optuna.Trial, axis: Axis) -> Scalar:
    d = axis.distribution
    match d:
        case optuna.distributions.FloatDistribution():
            return float(trial.suggest_float(axis.name, d.low, d.high, step=d.step, log=d.log))
        case optuna.distributions.IntDistribution():
            return int(trial.suggest_int(axis.name, d.low, d.high, step=d.step, log=d.log))
        case optuna.distributions.CategoricalDistribution():
            return cast("Scalar", trial.suggest_categorical(axis.name, d.choices))
