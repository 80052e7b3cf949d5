"""The list of configurations of Metz et al. 2020 (2009.11243, appendix D), by the names of our trainer.

Theirs are a thousand draws from one space, each from a seed of its own, in an order that was learned on their tasks:
every next one is what helps most beside those before it. A draw is made again here from its seed. Of the order the ten
that come first are known to us; after them come the other seeds by number, in no learned order.

Two things of the authors' code are mended here, neither of which matters to the first ten: it subtracts the gradient of
the L2 penalty where it is to be added, and one of its versions lets a warmup outlast the constant part.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from stepladder.api.model import Scalar

FIRST: Final = (251, 611, 799, 209, 739, 713, 437, 25, 342, 743)
"""Seeds of the entries that the authors' list begins with."""

REACH: Final[Mapping[str, tuple[float, float]]] = {
    "learning_rate": (1e-5, 1.0),
    "beta1": (0.0, 1 - 1e-3),
    "beta2": (0.0, 1 - 1e-5),
    "epsilon": (1e-8, 1e4),
    "weight_decay": (0.0, 1e-1),
    "l2": (0.0, 1e-1 / 2),
    "warmup_fraction": (0.0, 1e-1),
    "constant_fraction": (0.0, 1.0 - 2**-53),
    "decay_to": (0.0, 1.0),
}
"""The least and the greatest value of each number."""

OPTIMIZERS: Final = ("nadamw", "adamw")
_OFFSET: Final = 14358  # between the numbers of their list and the seeds of their generator


def seed_of(place: int) -> int:
    """The seed of the entry at `place`, counted from 0."""
    if place < len(FIRST):
        return FIRST[place]
    seed = place - len(FIRST)
    for taken in sorted(FIRST):
        seed += seed >= taken
    return seed


def entry(seed: int) -> dict[str, Scalar]:
    """The configuration that is drawn from `seed`, to be trained with a cosine schedule.

    `l2` is half of their number, since our penalty is l2 * |w|^2, whose gradient is twice l2 * w. A warmup ends with
    the constant part at the latest. What our trainer's steps count from 1, theirs count from 0.
    """
    # NumPy has promised that this generator will for ever draw what it drew for them.
    random = np.random.RandomState(seed + _OFFSET)

    def even(low: float, high: float) -> float:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))

    rate, beta1, beta2 = even(1e-5, 1), 1 - even(1e-3, 1), 1 - even(1e-5, 1)
    epsilon, nesterov, penalty = even(1e-8, 1e4), random.uniform() > 0.5, random.uniform()
    weight_decay = 0.0 if 0.3333 <= penalty < 0.6666 else even(1e-5, 1e-1)
    l2 = 0.0 if penalty < 0.3333 else even(1e-5, 1e-1)
    warmup = even(1e-5, 1e-1) if random.uniform() > 0.5 else 0.0
    decay_to = 0.0 if random.uniform() > 0.5 else even(1e-5, 1)
    constant = float(random.uniform())
    return {
        "optimizer": "nadamw" if nesterov else "adamw",
        "learning_rate": rate,
        "beta1": beta1,
        "beta2": beta2,
        "epsilon": epsilon,
        "weight_decay": weight_decay,
        "l2": l2 / 2,
        "warmup_fraction": min(warmup, constant),
        "constant_fraction": constant,
        "decay_to": decay_to,
    }
