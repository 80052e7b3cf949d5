"""NAdamW: the space from which Metz et al. 2020 (2009.11243, appendix D; ranges from TaskSet, 2002.11887) draw the
thousand configurations of their `opt_list`.

They try them in an order that was learned on their tasks, as the sampler `OptList` does with the preset of that name.
Here the round's sampler says what comes next, so that the first ten are spread and not proven. Left out are the
constant part, and what half of theirs have and half have not: an L2 penalty, a warmup.
"""

from typing import Final

from stepladder.api.study import FloatRange, Parameter, Role, Scale, When

_NADAMW: Final = When(parameter="optimizer", values=("nadamw",))


def parameters(trials: int) -> tuple[Parameter, ...]:
    """All six, whatever the budget."""
    return (
        Parameter(name="optimizer", role=Role.FIXED, value="nadamw"),
        Parameter(name="schedule", role=Role.FIXED, value="cosine"),
        Parameter(name="learning_rate", float_=FloatRange(min=1e-5, max=1, scale=Scale.LOG)),
        _own("beta1", FloatRange(min=0, max=1 - 1e-3, scale=Scale.LOG_ONE_MINUS)),
        _own("beta2", FloatRange(min=0, max=1 - 1e-5, scale=Scale.LOG_ONE_MINUS)),
        _own("epsilon", FloatRange(min=1e-8, max=1e4, scale=Scale.LOG)),
        _own("weight_decay", FloatRange(min=1e-5, max=1e-1, scale=Scale.LOG)),
        Parameter(name="decay_to", float_=FloatRange(min=1e-5, max=1, scale=Scale.LOG)),
    )


def _own(name: str, range_: FloatRange) -> Parameter:
    return Parameter(name=name, float_=range_, when=_NADAMW)
