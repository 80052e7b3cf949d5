"""Advice on the size of a search space against the trials that are to fill it.

The Tuning Playbook ("Striking a balance between informative and affordable experiments") wants nuisance parameters
searched over a space that is wide enough and sampled densely enough, and has no numbers for either. Ours: too thin is
fewer than two values for each parameter, that is fewer than 2^d trials for d parameters; too small is a space that has
fewer configurations than there are trials. Grids it holds to be acceptable in one or two dimensions.
"""

from collections.abc import Iterator

from stepladder.api.samplers import SamplerAlgorithm
from stepladder.api.study import Round, TuningStudySpec
from stepladder.engine.branches import MOST, Setting, settings_of
from stepladder.engine.validation.problem import Problem

VALUES = 2.0
GRID_DIMENSIONS = 2
_PLANNED = (
    SamplerAlgorithm.GRID,
    SamplerAlgorithm.ONE_AT_A_TIME,
    SamplerAlgorithm.EXPLICIT,
    SamplerAlgorithm.OPT_LIST,
)


def density_advice(spec: TuningStudySpec, round_: Round, field: str) -> Iterator[Problem]:
    """Of one round. Nothing where it proposes nothing, or where the space itself is not sound."""
    if round_.from_ is not None:
        return
    try:
        settings = settings_of(spec, round_)
    except ValueError:  # a problem of its own
        return
    algorithm = round_.sampler.algorithm
    if algorithm is SamplerAlgorithm.GRID:
        yield from _grid(settings, field)
    if algorithm not in _PLANNED:
        yield from _thin(settings, field)
        yield from _exhausted(settings, field)


def _grid(settings: tuple[Setting, ...], field: str) -> Iterator[Problem]:
    widest = max((branch.tuned for setting in settings for branch in setting.branches), key=len)
    if len(widest) > GRID_DIMENSIONS:
        yield Problem(
            f"{field}.sampler.algorithm",
            f"a grid over {len(widest)} parameters ({', '.join(widest)}) tries few values of each again and again: use"
            " QuasiRandom, or fix all but two",
        )


def _thin(settings: tuple[Setting, ...], field: str) -> Iterator[Problem]:
    searched = [(setting, branch) for setting in settings for branch in setting.branches if branch.tuned]
    candidates = [(branch.density(setting.trials), setting, branch) for setting, branch in searched]
    if not candidates:
        return
    density, setting, branch = min(candidates, key=lambda candidate: candidate[0])
    if density >= VALUES:
        return
    dimensions = len(branch.tuned)
    where = " and ".join(f"{name} is {' or '.join(map(str, values))}" for name, values in branch.conditions)
    beside = f" where {where}" if where else ""
    of_each = " for each scientific setting" if len(settings) > 1 else ""
    fall = setting.trials * branch.share
    yield Problem(
        f"{field}.trials",
        f"{fall:.3g} trials{of_each}{beside} are fewer than two values for each of {dimensions} parameters"
        f" ({', '.join(branch.tuned)}): give {2**dimensions / fall:.1f} times as many trials, or fix some parameters",
    )


def _exhausted(settings: tuple[Setting, ...], field: str) -> Iterator[Problem]:
    for setting in settings:
        counts = [branch.configurations for branch in setting.branches]
        finite = [count for count in counts if count is not None]
        if len(finite) < len(counts) or len(counts) == MOST or not any(branch.tuned for branch in setting.branches):
            continue
        if setting.trials > sum(finite):
            yield Problem(
                f"{field}.trials",
                f"the space has {sum(finite)} configurations, and {setting.trials} trials would run some of them again:"
                f" give {sum(finite)} to a Grid, or widen the space",
            )
            return
