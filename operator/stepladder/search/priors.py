"""What is known besides the trials that were proposed, in a form that samplers read: trials of the Optuna study that is
shown to them, and that are in no storage."""

from collections.abc import Container, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from stepladder.engine.space import same
from stepladder.search.history import Record
from stepladder.search.space import Space


class InformedStudy(optuna.Study):
    """A study whose trials begin with the priors."""

    priors: Sequence[FrozenTrial] = ()

    # Optuna's samplers read by this method, which `get_trials` calls as well.
    def _get_trials(
        self,
        deepcopy: bool = True,  # noqa: FBT001, FBT002  as Optuna has it
        states: Container[TrialState] | None = None,
        use_cache: bool = False,  # noqa: FBT001, FBT002  likewise
    ) -> list[FrozenTrial]:
        stored = super()._get_trials(deepcopy=deepcopy, states=states, use_cache=use_cache)
        return [*(prior for prior in self.priors if states is None or prior.state in states), *stored]


def complete(space: Space, record: Record) -> bool:
    """Whether the space could have proposed this: every parameter that exists there has a value that it holds, and none
    is fixed to another."""
    fixed = {p.name: p.value for p in space.parameters if p.value is not None}
    if any(name in fixed and not same(fixed[name], value) for name, value in record.parameters.items()):
        return False
    tuned = space.recorded(record.parameters)
    missing = [name for name in space.resolve(lambda axis: tuned.get(axis.name, "")) if name in space.axes]
    return all(name in tuned for name in missing)


def numbered(priors: Sequence[FrozenTrial]) -> Sequence[FrozenTrial]:
    """The priors with numbers before every trial's: -1 is the last of them."""
    for place, prior in enumerate(priors):
        prior.number = place - len(priors)
    return priors
