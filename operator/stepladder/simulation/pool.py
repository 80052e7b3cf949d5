"""The configurations that one round and scientific setting may still choose from."""

from collections.abc import Mapping, Sequence

import numpy as np

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter
from stepladder.search.axis import Floats
from stepladder.search.encoding import Encoding
from stepladder.search.space import Space
from stepladder.simulation.table import Entry, key


class Pool:
    """Each entry is given out once."""

    def __init__(self, parameters: Sequence[Parameter], entries: Sequence[Entry]) -> None:
        self._entries = dict(enumerate(entries))
        self._places = {key(entry.parameters): place for place, entry in self._entries.items()}
        space = Space(parameters)
        self._candidates = {place: space.recorded(entry.parameters) for place, entry in self._entries.items()}
        self._encoding = Encoding(space) if space.axes else None
        self._points = np.stack([self._encode(entry.parameters) for entry in entries])
        self._used = np.zeros(len(entries), dtype=bool)

    @property
    def candidates(self) -> tuple[Mapping[str, Scalar], ...]:
        """The tuned parts of the configurations that are left, in the table's order."""
        return tuple(self._candidates.values())

    def take(self, proposal: Mapping[str, Scalar]) -> Entry:
        """The entry that stands in for a proposal: itself if it is there, else the nearest that is left.

        Nearest by the Euclidean distance of encoded points, ties by the table's order. Raises KeyError if none is left.
        """
        place = self._places.get(key(proposal))
        if place is None or place not in self._entries:
            if not self._entries:
                raise KeyError("every configuration of the table is used")
            distances = np.square(self._points - self._encode(proposal)).sum(axis=1)
            place = int(np.argmin(np.where(self._used, np.inf, distances)))
        self._used[place] = True
        del self._candidates[place]
        return self._entries.pop(place)

    def _encode(self, configuration: Mapping[str, Scalar]) -> Floats:
        return np.zeros(0) if self._encoding is None else self._encoding.point(configuration)
