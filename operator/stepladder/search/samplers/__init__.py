"""Samplers. Each is a module named as the API's algorithm is, in snake case, with one function:

    make(space: Space, seed: int, index: int) -> optuna.samplers.BaseSampler

A sampler lives for one proposal, the `index`-th of a round and scientific setting. What it proposes **must** follow
from its arguments and from the study's trials before `index` alone (their parameters, states, last observations and
constraints): it keeps nothing between proposals and reads no attribute that a sampler has written, since the storage
may be lost and rebuilt from the Trials between any two of them. A parameter's proposal must not hang on which others
were drawn before it, since a proposal that a crash cut in two is completed from where it stopped.

A new sampler is a new module here and its name in `SamplerAlgorithm`.
"""

import re
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from stepladder.api.study import SamplerAlgorithm

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from stepladder.search.space import Space


class SamplerModule(Protocol):
    """What a sampler's module offers."""

    def make(self, space: "Space", seed: int, index: int) -> "BaseSampler":
        """The sampler of one proposal."""
        ...


def make(algorithm: SamplerAlgorithm, space: "Space", seed: int, index: int) -> "BaseSampler":
    """The sampler of one proposal. `seed` is that of the round and setting; `index` counts its proposals from 0."""
    # Imported when asked for: scipy.stats and sklearn take seconds that `stepladder --help` should not wait.
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", algorithm).lower()
    return cast("SamplerModule", import_module(f"{__name__}.{name}")).make(space, seed, index)
