"""What is said of a trial whose metrics or losses repeat themselves."""

import logging
from collections.abc import Iterator

from stepladder_trainer.evaluation.periodicity import evenly, period
from stepladder_trainer.evaluation.repetition import Losses, repetition
from stepladder_trainer.history import History

METRICS = ("validation_loss", "validation_error")
RETURNING = frozenset(("triangular", "triangular2", "exp_range", "cosine_restarts"))
"""Schedules that come back to where they were, and the metrics with them."""

logger = logging.getLogger(__name__)


def remark(history: History, losses: Losses | None, *, every: int, schedule: str) -> str | None:
    """A sentence for a trial with a period in the evaluations of each `every` steps, unless its `schedule` has one, or
    in its training losses; the log gets it too."""
    sentence = "; ".join(_found(history, losses, every, schedule))
    if sentence:
        logger.warning("%s", sentence)
    return sentence or None


def _found(history: History, losses: Losses | None, every: int, schedule: str) -> Iterator[str]:
    for metric in METRICS if schedule not in RETURNING else ():
        found = period(evenly(history.values(metric), every))
        if found is not None:
            yield (
                f"{metric} repeats itself every {found.length * every} steps (autocorrelation {found.correlation:.2f}):"
                " see that sets do not overlap, and that training data is shuffled"
            )
            break  # the two go together
    repeated = repetition(losses) if losses is not None else None
    if losses is not None and repeated is not None:
        yield (
            f"training losses repeat themselves from batch to batch every {repeated.length} steps, where an epoch has"
            f" {losses.epoch:.6g} (correlation {repeated.correlation:.2f}): see that training data is shuffled anew in"
            " every epoch"
        )
