"""The configurations of Metz et al. 2020 (2009.11243), in the order of their list."""

from stepladder.engine.opt_list import entry, seed_of
from stepladder.search.listed import ListedSampler
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler


def make(request: Request) -> ListedSampler:
    """The sampler of one proposal; `index` is read from the trial. What the list does not say is quasi-random."""
    configurations = tuple({} if place < request.index else entry(seed_of(place)) for place in range(request.index + 1))
    return ListedSampler(request.space, configurations, QuasiRandomSampler(request.space, request.seed))
