"""What the command line puts in the manifest's place, before the manifest is checked."""

from copy import deepcopy
from typing import Any, Final

_OF_ALL_SAMPLERS: Final = ("startupTrials", "warmStart")
_OF_LEARNING_CURVE: Final = "improvementProbability"


def overridden(
    manifest: dict[str, Any],
    *,
    parallelism: int | None = None,
    target: float | None = None,
    sampler: str | None = None,
    pruner: str | None = None,
) -> dict[str, Any]:
    """The manifest with these in their places; sampler and pruner in all rounds that propose configurations.

    A manifest of another shape than a study's is returned as it is: it is refused when it is checked.
    """
    changed = deepcopy(manifest)
    spec = changed.get("spec")
    if not isinstance(spec, dict):
        return changed
    if parallelism is not None:
        spec["parallelism"] = parallelism
    if target is not None and isinstance(spec.get("objective"), dict):
        spec["objective"]["target"] = target
    rounds = spec.get("rounds")
    for round_ in rounds if isinstance(rounds, list) else ():
        if isinstance(round_, dict) and "from" not in round_:
            if sampler is not None:
                _set_sampler(round_, sampler)
            if pruner is not None:
                _set_pruner(round_, pruner)
    return changed


def _set_sampler(round_: dict[str, Any], name: str) -> None:
    old = round_.get("sampler")
    old = old if isinstance(old, dict) else {}
    if name == old.get("algorithm"):
        return
    if isinstance(old.get("explicit"), dict):
        round_["trials"] = len(old["explicit"].get("configurations") or ())
    round_["sampler"] = {"algorithm": name} | {field: old[field] for field in _OF_ALL_SAMPLERS if field in old}


def _set_pruner(round_: dict[str, Any], name: str) -> None:
    old = round_.get("pruner")
    kept = dict(old) if isinstance(old, dict) else {}
    if name != "LearningCurve":
        kept.pop(_OF_LEARNING_CURVE, None)
    round_["pruner"] = kept | {"algorithm": name}
