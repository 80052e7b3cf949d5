"""Samplers. Each is a module named as the API's algorithm is, in snake case, with one function:

    make(request: Request) -> optuna.samplers.BaseSampler

A sampler lives for one proposal, the `index`-th of a round and scientific setting. What it proposes **must** follow
from its request and from the study's trials before `index` alone (their parameters, states, observations and
constraints): it keeps nothing between proposals and reads no attribute that a sampler has written, since the storage
may be lost and rebuilt from the Trials between any two of them. A parameter's proposal must not hang on which others
were drawn before it, since a proposal that a crash cut in two is completed from where it stopped.

A new sampler is a new module here and its name in `SamplerAlgorithm`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from stepladder.api.model import Scalar
from stepladder.api.study import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from stepladder.search.space import Space


@dataclass(frozen=True)
class Request:
    """What is asked for: proposal `index`, counted from 0, of a round and scientific setting."""

    space: "Space"
    seed: int  # of the round and setting
    index: int
    settings: Sampler
    planned: int = 0  # how many proposals the round and setting will ask for in all
    rungs: tuple[int, ...] = ()  # steps at which trials are judged, ascending; the last is a full run's
    first: tuple[Mapping[str, Scalar], ...] = ()  # proposed before the sampler's own; what they lack is quasi-random
    candidates: tuple[Mapping[str, Scalar], ...] | None = None  # as `Space.recorded` has them; None: the whole space


class SamplerModule(Protocol):
    """What a sampler's module offers."""

    def make(self, request: Request) -> "BaseSampler":
        """The sampler of one proposal."""
        ...


def make(request: Request) -> "BaseSampler":
    """The sampler of one proposal."""
    # Imported when asked for: scipy.stats and sklearn take seconds that `stepladder --help` should not wait.
    if request.index < len(request.first):
        from stepladder.search.listed import ListedSampler
        from stepladder.search.samplers.quasi_random import QuasiRandomSampler

        return ListedSampler(request.space, request.first, QuasiRandomSampler(request.space, request.seed))
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", request.settings.algorithm).lower()
    return cast("SamplerModule", import_module(f"{__name__}.{name}")).make(request)
