"""Advice on single parameters, by the names that people give them."""

from collections.abc import Iterator

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter, Role, Scale
from stepladder.engine.validation.problem import Problem

BATCH_SIZES = ("batch_size", "batchSize", "batchsize", "train_batch_size", "global_batch_size")
ACCUMULATIONS = (
    "gradient_accumulation",
    "gradient_accumulation_steps",
    "accumulate_grad_batches",
    "accumulation_steps",
    "grad_accum",
)
LEARNING_RATES = ("learning_rate", "learningRate", "lr")
AVERAGES = ("momentum", "beta", "beta1", "beta2", "beta_1", "beta_2", "rho", "ema_decay")
DECADES = 100.0  # a range this many times as wide as its lower end is walked in logarithms


def parameter_advice(parameter: Parameter, field: str) -> Iterator[Problem]:
    """Of one parameter."""
    name = parameter.name.rpartition(".")[2]
    if name in BATCH_SIZES:
        yield from _batch_size(parameter, field)
    if name in ACCUMULATIONS and parameter.value != 1:
        yield Problem(
            field,
            f"{parameter.name} gives the batch of larger hardware and none of its speed: remove it, and take the"
            " largest batch_size that fits",
        )
    range_ = parameter.float_
    if range_ is None or range_.scale is not Scale.LINEAR:
        return
    if name in LEARNING_RATES and range_.max >= DECADES * max(range_.min, 0.0):
        yield Problem(
            f"{field}.float.scale",
            f"{parameter.name} spans decades, of which a Linear scale tries only the last: set scale: Log",
        )
    # A little less than the bound, since 1 - 0.9 is no hundred times 1 - 0.999 in floating-point numbers.
    if name in AVERAGES and range_.max < 1 and 1 - range_.min > 0.999 * DECADES * (1 - range_.max):
        yield Problem(
            f"{field}.float.scale",
            f"{parameter.name} averages over 1 / (1 - x) steps, {1 / (1 - range_.min):.3g} to"
            f" {1 / (1 - range_.max):.3g} of them, of which a Linear scale tries the shortest only: set scale:"
            " LogOneMinus",
        )


def _batch_size(parameter: Parameter, field: str) -> Iterator[Problem]:
    if parameter.role is Role.NUISANCE:
        yield Problem(
            field,
            f"{parameter.name} decides the speed of training, and with each size the other hyperparameters have"
            " other optima, so that a search over it compares unlike things: fix the largest size that fits",
        )
    choices = parameter.categorical.values if parameter.categorical else (parameter.value,)
    odd = [choice for choice in choices if choice is not None and not _power_of_two(choice)]
    if odd:
        yield Problem(
            field,
            f"{parameter.name} {', '.join(map(str, odd))} is no power of two, which hardware is fastest at: take the"
            " next below",
        )


def _power_of_two(value: Scalar) -> bool:
    whole = isinstance(value, int | float) and value == int(value) and value >= 1
    return isinstance(value, str) or (whole and int(value).bit_count() == 1)
