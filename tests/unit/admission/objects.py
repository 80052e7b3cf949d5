"""Objects to admit, and what becomes of them."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from stepladder.control.store import STUDIES, TRIALS, Invalid, Object
from stepladder.local.admission import admit
from stepladder.local.manifest import read

EXAMPLES = Path(__file__).parents[3] / "examples"

Change = Callable[[dict[str, Any]], object]
"""Changes a spec in place."""


def study() -> Object:
    """A study of two rounds, as it is stored; the caller's own copy."""
    return copy.deepcopy(_stored())


@cache
def _stored() -> Object:
    (manifest,) = read((EXAMPLES / "two-rounds.yaml").read_text())
    return admit(STUDIES, manifest)


def trial(**spec: Any) -> Object:
    """A trial of a study, as it is stored."""
    given = {"study": "digits", "parameters": {"width": 64}, "seed": 5, "targetSteps": 30, "horizonSteps": 810} | spec
    return admit(
        TRIALS,
        {
            "apiVersion": TRIALS.api_version,
            "kind": "Trial",
            "metadata": {"name": "digits-1", "namespace": "lab"},
            "spec": given,
        },
    )


def refusal(old: Object, change: Change) -> str:
    """Why the changed spec is refused; empty if it is not."""
    new = copy.deepcopy(old)
    change(new["spec"])
    try:
        admit(STUDIES if old["kind"] == "TuningStudy" else TRIALS, new, old)
    except Invalid as refused:
        return str(refused)
    return ""
