"""Objects that stay as long as their study are kept out of garbage collection, which would look at all of them again.

With 10,000 trials a full collection takes a quarter of a second, in which nothing else in the process goes on.
"""

import gc

FEW = 1000
"""Cached objects that a collection looks through unnoticed."""


class LongLived:
    """Freezes what there is whenever it has doubled: what has died in cycles by then is lost, but seldom and once."""

    def __init__(self) -> None:
        self._settled = FEW // 2

    def settle(self, objects: int) -> None:
        """Call now and then with the number of cached objects. What references count down to nothing is still freed."""
        if objects >= 2 * self._settled:
            gc.freeze()
            self._settled = objects
