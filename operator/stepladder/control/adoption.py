"""Trials that a person has applied and that name a study: which of them the study takes in, and how. Pure."""

import re
from collections.abc import Iterable

from stepladder.api import names
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Desired
from stepladder.control.ownership import owner_reference
from stepladder.control.store import Object


def applicants(study: Object, trials: Iterable[Object]) -> list[Object]:
    """Of trials that are not the study's, those that name it, belong to nobody, and are to stay."""
    return [
        trial
        for trial in trials
        if trial["spec"].get("study") == study["metadata"]["name"]
        and not any(reference.get("controller") for reference in trial["metadata"].get("ownerReferences") or ())
        and "deletionTimestamp" not in trial["metadata"]
    ]


def objection(study: Object, spec: TuningStudySpec, trial: Object) -> str:
    """Why the study does not take this applicant in, and what to do; empty where it does."""
    name, owner, round_ = trial["metadata"]["name"], study["metadata"]["name"], trial["spec"].get("round", "")
    if re.fullmatch(rf"{re.escape(owner)}-\d+", name):
        return f"Trial {name} has a name that the study gives to its own trials: apply it under another name"
    if all(known.name != round_ for known in spec.rounds):
        rounds = ", ".join(known.name for known in spec.rounds)
        named = f"names round {round_}, which this study does not have" if round_ else "names no round"
        return f"Trial {name} {named}: apply it again with spec.round one of {rounds}"
    return ""


def adoption(study: Object, trial: Object) -> Object:
    """The patch that makes an applicant the study's own, to be deleted with it.

    It is paused, so that it takes its turn: the next slot that frees is its.
    """
    meta, spec = study["metadata"], trial["spec"]
    labels = {names.STUDY_LABEL: meta["name"], names.ROUND_LABEL: spec["round"], names.ADDED_LABEL: "true"}
    references = [*(trial["metadata"].get("ownerReferences") or ()), owner_reference(study)]
    patch: Object = {"metadata": {"labels": labels, "ownerReferences": references}}
    if spec.get("desired", Desired.RUN) == Desired.RUN:
        patch["spec"] = {"desired": Desired.PAUSE.value}
    return patch
