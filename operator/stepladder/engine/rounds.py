"""The layout of a round: which runs it has, which ladder each climbs, which of them are there."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, filterfalse, groupby
from operator import attrgetter

from stepladder.api.study import Round
from stepladder.engine.ladder import Ladder
from stepladder.engine.observed import TrialView
from stepladder.engine.pruners import POLICIES


@dataclass(frozen=True)
class Run:
    """One run of one configuration: the `index`-th configuration of its setting, on ladder number `bracket`."""

    configuration: int
    repeat: int
    setting: int
    index: int
    bracket: int


@dataclass(frozen=True)
class Layout:
    """The runs of a round, dealt in turn to its settings, and each setting's runs to its ladders, in order."""

    settings: int
    configurations: int
    repeats: int
    ladders: tuple[Ladder, ...]  # by TrialView.bracket
    brackets: tuple[tuple[int, ...], ...]  # for each setting: the brackets of its ladders
    ends: tuple[tuple[int, ...], ...]  # for each setting: how many of its runs lie up to the end of each ladder

    @property
    def places(self) -> range:
        """All runs, counted configuration by configuration and repeat by repeat."""
        return range(self.configurations * self.repeats)

    def run(self, place: int) -> Run:
        """Where that run belongs."""
        configuration, repeat = divmod(place, self.repeats)
        index, setting = divmod(configuration, self.settings)
        ladder = bisect_right(self.ends[setting], index * self.repeats + repeat)
        return Run(configuration, repeat, setting, index, self.brackets[setting][ladder])

    def missing(self, there: Mapping[int, TrialView]) -> Iterator[Run]:
        """The runs that have no trial yet, in order; `there`: trials by place. A deleted one is missing again."""
        return map(self.run, filterfalse(there.__contains__, self.places))


@lru_cache(maxsize=64)
def layout(round_: Round, settings: int, configurations: int) -> Layout:
    """The layout of a round with so many scientific settings and configurations.

    Ladders are numbered over passes first and settings second, so that all settings climb side by side.
    """
    policy = POLICIES[round_.pruner.algorithm]
    ladders: list[Ladder] = []
    brackets: list[list[int]] = [[] for _ in range(settings)]
    splits = [
        policy.split(round_, len(range(setting, configurations, settings)) * round_.repeats)
        for setting in range(settings)
    ]
    for turn in range(max(map(len, splits), default=0)):
        for setting, split in enumerate(splits):
            if turn < len(split):
                brackets[setting].append(len(ladders))
                ladders.append(split[turn])
    return Layout(
        settings=settings,
        configurations=configurations,
        repeats=round_.repeats,
        ladders=tuple(ladders),
        brackets=tuple(map(tuple, brackets)),
        ends=tuple(tuple(accumulate(ladder.size for ladder in split)) for split in splits),
    )


def by_round(trials: Sequence[TrialView]) -> dict[str, list[TrialView]]:
    """The trials of each round, in number order."""
    rounds: dict[str, list[TrialView]] = {}
    for name, successive in groupby(trials, key=attrgetter("round")):
        rounds.setdefault(name, []).extend(successive)
    return rounds
