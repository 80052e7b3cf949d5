"""What the study's samplers propose, as the nearest configurations that the table has left."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from stepladder.api.study import SamplerAlgorithm, TuningStudySpec
from stepladder.engine.actions import Ask
from stepladder.engine.observed import TrialView
from stepladder.engine.space import setting_parameters
from stepladder.search.histories import DELETED, asked
from stepladder.search.history import History
from stepladder.search.mirror import Mirror
from stepladder.search.record import OptunaRecord
from stepladder.search.storage import IN_MEMORY, Connection
from stepladder.simulation.pool import Pool
from stepladder.simulation.table import Entry, Table

BLIND: Final = frozenset(
    {
        SamplerAlgorithm.RANDOM,
        SamplerAlgorithm.QUASI_RANDOM,
        SamplerAlgorithm.GRID,
        SamplerAlgorithm.ONE_AT_A_TIME,
        SamplerAlgorithm.EXPLICIT,
        SamplerAlgorithm.OPT_LIST,
    }
)
"""Samplers whose proposals follow from the seed and the index alone."""


class Proposals:
    """The proposals of one study."""

    def __init__(self, study: str, spec: TuningStudySpec, table: Table) -> None:
        self._study = study
        self._spec = spec
        self._table = table
        self._rounds = {round_.name: round_ for round_ in spec.rounds}
        self._record = OptunaRecord(IN_MEMORY)
        self._storage = Connection(IN_MEMORY).storage
        self._pools: dict[tuple[str, int], Pool] = {}
        self._blind: dict[tuple[str, int], tuple[History, Mirror]] = {}

    def looks_at_results(self, round_name: str) -> bool:
        """Whether the round's sampler has to be told what the trials have come to."""
        return self._rounds[round_name].sampler.algorithm not in BLIND

    def take(self, ask: Ask, trials: Sequence[TrialView]) -> Entry:
        """The configuration of the trial that is to be started, which is then taken from the table."""
        pool = self._pool(ask)
        if self.looks_at_results(ask.round):
            history = replace(asked(self._study, self._spec, ask, trials), candidates=pool.candidates)
            return pool.take(self._record.propose(history, ask.index))
        history, mirror = self._mirror(ask)
        # Nothing is told of earlier trials: of them only the number counts.
        history = replace(history, records=(DELETED,) * ask.index, candidates=pool.candidates)
        return pool.take(mirror.propose(history, ask.index))

    def _pool(self, ask: Ask) -> Pool:
        place = (ask.round, ask.setting)
        if place not in self._pools:
            round_ = self._rounds[ask.round]
            parameters = setting_parameters(self._spec, round_, ask.setting)
            self._pools[place] = Pool(parameters, self._table.entries(self._spec, round_, ask.setting))
        return self._pools[place]

    def _mirror(self, ask: Ask) -> tuple[History, Mirror]:
        place = (ask.round, ask.setting)
        if place not in self._blind:
            history = asked(self._study, self._spec, ask, ())
            self._blind[place] = history, Mirror(self._storage, history)
        return self._blind[place]
