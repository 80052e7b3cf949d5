"""The members of an ensemble: finished trials, and where their checkpoints lie. Pure."""

from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Member, TrialSpec, TrialStatus
from stepladder.control.pod_builder import Carrier, checkpoint_directory
from stepladder.control.store import Object


def member(trial: Object, study: TuningStudySpec) -> Member:
    """A trial of the study by its best checkpoint; by the directory of all where it has not told of one, since last
    words that are too long give up their paths."""
    spec, status = TrialSpec.model_validate(trial["spec"]), TrialStatus.model_validate(trial.get("status", {}))
    told = status.best_checkpoint or status.checkpoint
    return Member(
        trial=trial["metadata"]["name"],
        checkpoint=told.path if told else checkpoint_directory(Carrier(trial, spec, study.objective, study.trainer)),
        value=status.best.value if status.best else None,
    )
