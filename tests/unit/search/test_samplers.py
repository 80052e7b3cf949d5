"""What holds for every sampler."""

import subprocess
import sys
from typing import Any

import pytest
from optuna.samplers import BaseSampler

from contract.histories import ALGORITHMS, SPACE, history, play, sampler
from stepladder.api.study import SamplerAlgorithm
from stepladder.search import samplers
from stepladder.search.record import OptunaRecord
from stepladder.search.space import Space
from stepladder.search.storage import IN_MEMORY

PLANNED = (SamplerAlgorithm.ONE_AT_A_TIME, SamplerAlgorithm.EXPLICIT)  # the manifest says all, the seed nothing


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_of_the_api_has_its_module(algorithm: SamplerAlgorithm) -> None:
    assert isinstance(samplers.make(samplers.Request(Space(SPACE), 0, 0, sampler(algorithm))), BaseSampler)


@pytest.mark.parametrize("algorithm", [a for a in ALGORITHMS if a not in PLANNED])
def test_another_seed_or_round_proposes_something_else(algorithm: SamplerAlgorithm) -> None:
    record = OptunaRecord(IN_MEMORY)
    variants: list[dict[str, Any]] = [{"name": "a"}, {"name": "b", "seed": 2}, {"name": "c", "salt": "final/0"}]
    proposals = [record.propose(history(algorithm=algorithm, **variant), 0) for variant in variants]
    assert len({str(sorted(p.items())) for p in proposals}) == 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_two_trials_of_a_study_are_the_same(algorithm: SamplerAlgorithm) -> None:
    """A seed that forgets the index would propose one point for ever."""
    records = play(OptunaRecord(IN_MEMORY), 16, algorithm)
    assert len({str(sorted(r.parameters.items())) for r in records}) == 16


def test_the_heavy_libraries_wait_until_a_proposal_needs_them() -> None:
    """`stepladder --help` imports the record; scipy.stats and scikit-learn would add seconds to it."""
    code = (
        "import sys, stepladder.search.record;"
        "print([m for m in ('sklearn', 'scipy.stats', 'torch', 'pandas') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
