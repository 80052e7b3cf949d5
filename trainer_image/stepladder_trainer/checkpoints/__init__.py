"""Checkpoints: snapshots of the training state, written in the background to a volume or a bucket, whole or skipped.

`copies` has what training is about to change, `saver` writes it in a thread of its own, `files` knows a trial's
checkpoints and which of them are kept (`retention`), `archive` what is in one, and `directory` and `bucket` where they
lie (`store`).
"""

from stepladder_trainer.checkpoints.copies import Copies
from stepladder_trainer.checkpoints.files import Checkpoints
from stepladder_trainer.checkpoints.retention import KEEP_BEST
from stepladder_trainer.checkpoints.saver import Saver
from stepladder_trainer.checkpoints.snapshot import Snapshot
from stepladder_trainer.checkpoints.store import Store

__all__ = ["KEEP_BEST", "Checkpoints", "Copies", "Saver", "Snapshot", "Store"]
