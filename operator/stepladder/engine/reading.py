"""From a stored spec to the one that everybody works with."""

from collections.abc import Mapping
from typing import Any

from stepladder.api.study import TuningStudySpec
from stepladder.engine.auto import Choices, choices, settled
from stepladder.engine.presets import expanded


def read(spec: Mapping[str, Any]) -> TuningStudySpec:
    """Presets are spelled out, and Auto is what it chooses. Raises pydantic's ValidationError."""
    return settled(expanded(TuningStudySpec.model_validate(spec)))


def chosen(spec: Mapping[str, Any]) -> Mapping[str, Choices]:
    """What Auto has chosen in that, and why, by round. Raises pydantic's ValidationError."""
    return choices(expanded(TuningStudySpec.model_validate(spec)))
