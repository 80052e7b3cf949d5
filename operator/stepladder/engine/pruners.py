"""The pruners by name. A new one is a file of its own and a line here."""

from collections.abc import Mapping
from typing import Final

from stepladder.api.study import PrunerAlgorithm, Round
from stepladder.engine import asha, freeze_thaw, hyperband, learning_curve, median, straight, successive_halving
from stepladder.engine.ladder import Policy

POLICIES: Final[Mapping[PrunerAlgorithm, Policy]] = {
    PrunerAlgorithm.NONE: Policy(straight.split, successive_halving.moves),
    PrunerAlgorithm.SUCCESSIVE_HALVING: Policy(successive_halving.split, successive_halving.moves),
    PrunerAlgorithm.HYPERBAND: Policy(hyperband.split, successive_halving.moves),
    PrunerAlgorithm.ASHA: Policy(asha.split, asha.moves),
    PrunerAlgorithm.MEDIAN: Policy(median.split, median.moves, every_evaluation=True),
    PrunerAlgorithm.FREEZE_THAW: Policy(asha.split, freeze_thaw.moves),
    PrunerAlgorithm.LEARNING_CURVE: Policy(learning_curve.split, learning_curve.moves, every_evaluation=True),
}


def judges_between_rungs(round_: Round) -> bool:
    """Whether an evaluation between two rungs may bring about a move in this round."""
    policy = POLICIES.get(round_.pruner.algorithm)
    return policy is not None and policy.every_evaluation
