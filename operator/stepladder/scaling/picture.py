"""The picture of a study's batch sizes: steps to the target, and below it the best objective."""

from typing import Final

from stepladder.engine.batch_scaling import BatchScaling
from stepladder.local.report import number
from stepladder.scaling.svg import Chart, Line, svg

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#777777"  # the first two are Okabe and Ito's
_POINTS_OF_CURVE: Final = 60


def picture(study: str, found: BatchScaling) -> str:
    """An SVG document. Sizes that never came to the target are missing above."""
    sizes = [float(size.batch) for size in found.sizes]
    metric = found.objective.metric
    measured = [(float(size.batch), float(size.reached.steps)) for size in found.sizes if size.reached is not None]
    halved = [(float(size.batch), size.perfect) for size in found.sizes if size.perfect is not None]
    lines = [Line("measured", measured, BLUE, dots=True), Line("perfect scaling", halved, GREY, dashes=True)]
    mark = None
    if found.fit is not None:
        ratio = sizes[-1] / sizes[0]
        between = [sizes[0] * ratio ** (i / _POINTS_OF_CURVE) for i in range(_POINTS_OF_CURVE + 1)]
        lines.append(Line("steps by the fit", [(batch, found.fit.steps(batch)) for batch in between], ORANGE))
        if found.fit.measured:
            mark = found.fit.critical, f"critical batch size {found.fit.critical:.3g}"
    objective = [(float(size.batch), size.value) for size in found.sizes]
    above = Chart(f"{study}: steps to {metric} {number(found.target)}", "batch size", "steps", sizes, lines, mark)
    title = f"best {metric} of each size: for its speed only, not to choose a size by"
    best = Line("best configuration", objective, BLUE, dots=True)
    below = Chart(title, "batch size", f"best {metric}", sizes, [best])
    return svg((above, below))
