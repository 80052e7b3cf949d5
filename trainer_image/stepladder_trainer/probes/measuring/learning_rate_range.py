"""The learning-rate range test, run."""

from stepladder_trainer.learner import Learner
from stepladder_trainer.probes.decisions.learning_rate_range import Divergence, RangeTest, ramp
from stepladder_trainer.probes.measuring.bench import Bench, undisturbed
from stepladder_trainer.probes.options import LearningRateRange


def measure(bench: Bench, learner: Learner, options: LearningRateRange, steps: int) -> RangeTest:
    """Train `steps` updates up the ramp, fewer if the loss leaves for good, and leave `learner` as it was."""
    divergence = Divergence()
    rates: list[float] = []
    losses: list[float] = []
    with undisturbed(learner):
        for seen in bench.descend(learner, ramp(options, steps)):
            rates.append(seen.learning_rate)
            losses.append(seen.loss)
            if divergence.after(seen.loss):
                break
    return RangeTest(tuple(rates), tuple(losses))
