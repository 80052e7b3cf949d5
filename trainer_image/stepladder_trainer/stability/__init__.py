"""What keeps training from falling over: clipped gradients, averaged weights."""

from stepladder_trainer.stability.averaging import Averaging
from stepladder_trainer.stability.clipping import Clipping

__all__ = ["Averaging", "Clipping"]
