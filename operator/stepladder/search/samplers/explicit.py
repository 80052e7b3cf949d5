"""The configurations that the manifest lists, in its order."""

from stepladder.search.listed import ListedSampler
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler


def make(request: Request) -> ListedSampler:
    """The sampler of one proposal; `index` is read from the trial. What the list does not say is quasi-random."""
    explicit = request.settings.explicit
    configurations = explicit.configurations if explicit else ()
    return ListedSampler(request.space, configurations, QuasiRandomSampler(request.space, request.seed))
