"""From an accepted manifest and the text of a curves file to what is to be simulated."""

from stepladder.control.gpus import gpus_of_trial
from stepladder.control.store import Invalid, Object
from stepladder.engine import reading
from stepladder.simulation import curves
from stepladder.simulation.conditions import Conditions
from stepladder.simulation.limits import capped, unprobed
from stepladder.simulation.seeds import Question
from stepladder.simulation.table import Table


def question(
    manifest: Object,
    file: str,
    text: str,
    *,
    seconds_per_step: float = 1.0,
    pod_start_seconds: float = 0.0,
    failure_rate: float = 0.0,
    gpus: int | None = None,
    trace: bool = False,
) -> tuple[Question, tuple[str, ...]]:
    """What to simulate, and sentences on where it will differ from the manifest.

    `manifest` is a TuningStudy that would be accepted; `gpus` are those of its template where they are None. Raises
    Refused for the curves, which come from `file`, and Invalid for a study that would never do anything.
    """
    spec = reading.read(manifest["spec"])
    if spec.suspend:
        raise Invalid("spec.suspend is true, so nothing would run: remove it")
    spec, left_out = unprobed(spec)
    found = curves.read(file, text, spec.objective.metric, seconds_per_step)
    spec, notes = capped(spec, table := Table(file, found, spec))
    conditions = Conditions(
        pod_start_seconds=pod_start_seconds,
        failure_rate=failure_rate,
        gpus=gpus_of_trial(spec.trainer) if gpus is None else gpus,
    )
    return Question(manifest["metadata"]["name"], spec, table, conditions, trace), (*left_out, *notes)
