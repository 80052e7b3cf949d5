"""The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3), with
the suggestions of fast.ai's `lr_find`."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from stepladder_trainer.probes.decisions.smoothing import Smoothed, smoothed
from stepladder_trainer.probes.options import LearningRateRange
from stepladder_trainer.probes.verdict import Verdict

DIVERGED = 4  # times the best smoothed loss
LAST_DROPPED = 5
FEWEST = 5  # points that a suggestion can be read from
STARTS, SLOWS = 0.1, 0.9  # parts of the whole fall of the loss at which Smith's range begins and ends


@dataclass(frozen=True)
class RangeTest:
    """The learning rate of each update and the training loss that it saw, before it was applied. Both (updates,)."""

    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]


def ramp(options: LearningRateRange, steps: int) -> list[float]:
    """The learning rates (steps,) of the test, both bounds among them to the last bit."""
    low, high = options.min_learning_rate, options.max_learning_rate
    if steps == 1:
        return [high]
    parts = [step / (steps - 1) for step in range(steps)]
    if options.ramp == "Linear":
        rates = [low + (high - low) * part for part in parts]
    else:
        rates = [low * (high / low) ** part for part in parts]
    return [low, *rates[1:-1], high]


class Divergence:
    """Whether a loss has left for good: above 4 times the best of its smoothed values, or not finite."""

    def __init__(self) -> None:
        self._mean = Smoothed()
        self._best = math.inf

    def after(self, loss: float) -> bool:
        """Take `loss` in. A loss that may be negative is measured from its best by the size of that."""
        value = self._mean.add(loss)
        self._best = min(self._best, value)
        return not math.isfinite(loss) or value > self._best + (DIVERGED - 1) * abs(self._best)


def suggest(test: RangeTest, steps: int) -> Verdict:
    """What the loss over the learning rate suggests, of a test that was to take `steps`.

    `minimum/10`: a tenth of where the smoothed loss is least; `steepest`: where it falls fastest in the logarithm of
    the rate; `valley`: two thirds down its longest fall: all as fast.ai has them, without the first tenth of the
    points and the last five. `min_learning_rate` and `max_learning_rate`: where 10 % and 90 % of the fall are done,
    Smith's "starts to" and "slows". `learning_rate` is the rule of thumb, `minimum/10`.
    """
    first, last = steps // 10, len(test.losses) - LAST_DROPPED
    rates, losses = test.learning_rates[first:last], smoothed(test.losses)[first:last]
    whole = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
    rates, losses = rates[:whole], losses[:whole]
    if len(rates) < FEWEST:
        took = len(test.losses)
        return Verdict(
            "LearningRateRange",
            f"the loss left for good after {took} of {steps} steps, too early to suggest anything:"
            " lower minLearningRate"
            if took < steps
            else f"{steps} steps are too few to suggest anything: take a hundred or more",
            flags=("TooFewPoints",),
        )
    lowest = losses.index(min(losses))
    if lowest == 0:
        return Verdict(
            "LearningRateRange",
            f"the loss never fell between {rates[0]:.3g} and {rates[-1]:.3g}: lower minLearningRate, or repair the"
            " training",
            flags=("NeverFell",),
        )
    flags = ("StillFalling",) if lowest == len(losses) - 1 and len(test.losses) == steps else ()
    fall = losses[0] - losses[lowest]
    done = [(losses[0] - loss) / fall for loss in losses[: lowest + 1]]
    suggestions = {
        "learning_rate": below_minimum(rates, losses),
        "minimum/10": below_minimum(rates, losses),
        "steepest": steepest(rates, losses),
        "valley": valley(rates, losses),
        "min_learning_rate": rates[next(place for place, part in enumerate(done) if part >= STARTS)],
        "max_learning_rate": rates[next(place for place, part in enumerate(done) if part >= SLOWS)],
    }
    summary = (
        f"the smoothed loss was least, {losses[lowest]:.3g}, at a learning rate of {rates[lowest]:.3g}: train at"
        f" {suggestions['minimum/10']:.3g}, or cycle between {suggestions['min_learning_rate']:.3g} and"
        f" {suggestions['max_learning_rate']:.3g}"
    )
    more = "; it was still falling, so raise maxLearningRate" if flags else ""
    return Verdict("LearningRateRange", summary + more, suggestions, flags)


def below_minimum(rates: Sequence[float], losses: Sequence[float]) -> float:
    """An order of magnitude below the rate of the least loss."""
    return rates[losses.index(min(losses))] / 10


def steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate before the step with the greatest fall of the loss by the logarithm of the rate."""
    slopes = [
        (losses[place + 1] - losses[place]) / math.log(rates[place + 1] / rates[place])
        for place in range(len(rates) - 1)
    ]
    return rates[slopes.index(min(slopes))]


def valley(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The middle of the second third of the longest decreasing subsequence, counted back from its end as if it had no
    gaps, which is fast.ai's reckoning."""
    tails: list[float] = []  # of the increasing subsequences of the negated losses, by length
    length, end = 0, 0
    for place, loss in enumerate(losses):
        position = bisect_left(tails, -loss)
        tails[position : position + 1] = [-loss]
        if position + 1 > length:
            length, end = position + 1, place
    third = length / 3
    return rates[max(0, end - length + int(third) + int(third / 2))]
