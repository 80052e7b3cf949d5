"""Objects that stay as long as their study are kept out of garbage collection, which would look at all of them again.

With 10,000 trials a full collection takes a quarter of a second, in which nothing else in the process goes on.
"""

import gc
from typing import Final

FEW: Final = 100_000
"""Objects that a collection looks through unnoticed, in some 10 ms."""
_OLDEST: Final = 2  # the collector's generation that only full collections look at


class LongLived:
    """Freezes what has grown old whenever it is half of what was frozen before. What has died in cycles just then is
    lost: seldom enough, since each time takes half as much again. What references count down to nothing is still freed.
    """

    def __init__(self) -> None:
        self._frozen = 0

    def settle(self) -> None:
        """Call now and then."""
        old = len(gc.get_objects(_OLDEST))
        if old >= max(FEW, self._frozen // 2):
            gc.freeze()
            self._frozen += old
