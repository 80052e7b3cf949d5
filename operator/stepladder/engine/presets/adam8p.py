"""Adam8p: Adam with two penalties and two decays of its learning rate, a baseline of Metz et al. 2020 (2009.11243,
appendix D; ranges from TaskSet, 2002.11887).

The gradient is that of loss + l1 * |w| + l2 * |w|^2; the step is learning_rate * max(1 - t * linear_decay, 0) *
exp(-t * exponential_decay) times Adam's direction, with t from 0 to 10,000 over the training.
"""

from typing import Final

from stepladder.api.study import FloatRange, Parameter, Role, Scale, When

_ADAM8P: Final = When(parameter="optimizer", values=("adam8p",))


def parameters(trials: int) -> tuple[Parameter, ...]:
    """All eight, whatever the budget: the paper draws 1,000 at random."""
    return (
        Parameter(name="optimizer", role=Role.FIXED, value="adam8p"),
        Parameter(name="learning_rate", float_=FloatRange(min=1e-8, max=10, scale=Scale.LOG)),
        _one_minus("beta1", 0, 1 - 1e-4),
        _one_minus("beta2", 0, 1 - 1e-6),
        _log("epsilon", 1e-10, 1e3),
        _log("l1", 1e-8, 10),
        _log("l2", 1e-8, 10),
        _log("linear_decay", 1e-7, 1e-4),
        _log("exponential_decay", 1e-6, 1e-3),
    )


def _log(name: str, low: float, high: float) -> Parameter:
    return Parameter(name=name, float_=FloatRange(min=low, max=high, scale=Scale.LOG), when=_ADAM8P)


def _one_minus(name: str, low: float, high: float) -> Parameter:
    return Parameter(name=name, float_=FloatRange(min=low, max=high, scale=Scale.LOG_ONE_MINUS), when=_ADAM8P)
