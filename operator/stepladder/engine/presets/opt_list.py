"""OptList: the parameters that the sampler of that name sets, in ranges that hold each entry of the list.

It goes with that sampler. To search the space by another one `NAdamW` is made, whose ranges are logarithmic: here 0,
which stands for "without it", is at the end of five of them.
"""

from typing import Final

from stepladder.api.study import Categorical, FloatRange, Parameter, Role, Scale
from stepladder.engine.opt_list import OPTIMIZERS, REACH

_SCALES: Final = {
    "learning_rate": Scale.LOG,
    "beta1": Scale.LOG_ONE_MINUS,
    "beta2": Scale.LOG_ONE_MINUS,
    "epsilon": Scale.LOG,
}


def parameters(trials: int) -> tuple[Parameter, ...]:
    """All eleven, whatever the budget."""
    return (
        Parameter(name="optimizer", categorical=Categorical(values=OPTIMIZERS)),
        Parameter(name="schedule", role=Role.FIXED, value="cosine"),
        *(
            Parameter(name=name, float_=FloatRange(min=low, max=high, scale=_SCALES.get(name, Scale.LINEAR)))
            for name, (low, high) in REACH.items()
        ),
    )
