"""Adam, as many of its hyperparameters as the budget can bear (Deep Learning Tuning Playbook, "How should Adam's
hyperparameters be tuned?"): below 10 trials the learning rate, from 10 on beta1 too, from 25 on epsilon too.

Above that the playbook speaks of "substantially more than 25" for beta2; we read it as 50. It gives no ranges: these
are ours, two to nine powers of ten around Adam's defaults. Both betas are walked by the logarithm of 1 - beta, the
share of the newest gradient in the mean.
"""

from typing import Final

from stepladder.api.study import FloatRange, Parameter, Role, Scale, When

_ADAM: Final = When(parameter="optimizer", values=("adam",))
_TUNED_FROM: Final = {"learning_rate": 0, "beta1": 10, "epsilon": 25, "beta2": 50}
_RANGES: Final = {
    "learning_rate": FloatRange(min=1e-5, max=1e-1, scale=Scale.LOG),
    "beta1": FloatRange(min=0.5, max=0.995, scale=Scale.LOG_ONE_MINUS),
    "beta2": FloatRange(min=0.9, max=0.99999, scale=Scale.LOG_ONE_MINUS),
    "epsilon": FloatRange(min=1e-10, max=1e-1, scale=Scale.LOG),
}
_DEFAULTS: Final = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def parameters(trials: int) -> tuple[Parameter, ...]:
    """Adam's four hyperparameters; those that so many trials cannot tune stay at Adam's defaults."""
    return (Parameter(name="optimizer", role=Role.FIXED, value="adam"), *(_one(name, trials) for name in _RANGES))


def _one(name: str, trials: int) -> Parameter:
    when = None if name == "learning_rate" else _ADAM
    if trials >= _TUNED_FROM[name]:
        return Parameter(name=name, float_=_RANGES[name], when=when)
    return Parameter(name=name, role=Role.FIXED, value=_DEFAULTS[name], when=when)
