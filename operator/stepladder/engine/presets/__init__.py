"""Search spaces by name: `spec.presets`, spelled out where a spec is read (`engine.reading`), so that nobody after that
knows of them.

A preset is a module with `parameters(trials)`, a line in `PRESETS` and a name in `api.space.Preset`. `trials` is the
study's budget as presets count it (see `budget`). Presets have no Scientific parameters: what is compared is the
user's question.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Final

from stepladder.api.study import Parameter, Preset, Role, TuningStudySpec
from stepladder.engine.presets import adam8p, adam_by_budget, detection_models, nadamw, opt_list

PRESETS: Final[Mapping[Preset, Callable[[int], tuple[Parameter, ...]]]] = {
    Preset.ADAM_BY_BUDGET: adam_by_budget.parameters,
    Preset.ADAM_8P: adam8p.parameters,
    Preset.NADAMW: nadamw.parameters,
    Preset.OPT_LIST: opt_list.parameters,
    Preset.DETECTION_MODELS: detection_models.parameters,
}


def expanded(spec: TuningStudySpec) -> TuningStudySpec:
    """The spec with the presets' parameters after its own; its own win over a preset's, a later preset's over an
    earlier one's. Expanding twice changes nothing."""
    own = {parameter.name for parameter in spec.parameters}
    added = tuple(parameter for name, (_, parameter) in _offered(spec).items() if name not in own)
    return spec.model_copy(update={"parameters": spec.parameters + added}) if added else spec


def origins(spec: TuningStudySpec) -> Mapping[str, Preset]:
    """By name, the parameters of an expanded spec that are as a preset has them, and which one."""
    offered = _offered(spec)
    return {p.name: offered[p.name][0] for p in spec.parameters if p.name in offered and p == offered[p.name][1]}


def budget(spec: TuningStudySpec) -> int:
    """Configurations that the first round proposes for each scientific setting.

    The first, because it cannot change any more, while rounds may be added as long as the study runs; and for each
    setting, because each is searched by itself.
    """
    scientific = (p.categorical.values for p in spec.parameters if p.role is Role.SCIENTIFIC and p.categorical)
    return spec.rounds[0].proposals // prod(len(values) for values in scientific)


def _offered(spec: TuningStudySpec) -> dict[str, tuple[Preset, Parameter]]:
    trials = budget(spec) if spec.presets else 0
    return {p.name: (preset, p) for preset in spec.presets for p in PRESETS[preset](trials)}
