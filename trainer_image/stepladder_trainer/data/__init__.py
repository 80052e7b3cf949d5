"""Data: examples, the order in which training sees them, and how batches of them reach the device."""

from stepladder_trainer.data.examples import Batch, Dataset, Examples
from stepladder_trainer.data.feed import Feed, feed_of
from stepladder_trainer.data.order import DataOrder, GrowingData
from stepladder_trainer.data.training import training_feed

__all__ = ["Batch", "DataOrder", "Dataset", "Examples", "Feed", "GrowingData", "feed_of", "training_feed"]
