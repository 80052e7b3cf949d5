"""Evaluation: what is measured of a model, on which examples, and what is kept of it beside the checkpoints."""

from stepladder_trainer.evaluation.evaluations import Evaluations
from stepladder_trainer.evaluation.evaluator import Evaluator, Measured

__all__ = ["Evaluations", "Evaluator", "Measured"]
