"""From a trial that was run to the manifest of one that does the same again, by itself. Pure."""

import copy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from stepladder.api import names
from stepladder.api.study import FailurePolicy, Objective, Trainer
from stepladder.api.trial import Outcome, TrialSpec, TrialStatus
from stepladder.control.store import TRIALS, Invalid, Object
from stepladder.engine import reading

OF_ANNOTATION: Final = f"{names.GROUP}/rerun-of"
LONGEST_NAME: Final = 52
# Ends of the trial's own making: it went further than its last evaluation.
OWN_ENDS: Final = (Outcome.INFEASIBLE, Outcome.FAILED)


_PLACE: Final = {"number", "round", "bracket", "configuration", "repeat"}  # in a study, which a rerun has none of


@dataclass(frozen=True)
class Original:
    """A trial as it was run, and what its study gave it."""

    name: str
    namespace: str
    spec: TrialSpec
    status: TrialStatus
    objective: Objective
    trainer: Trainer
    failure_policy: FailurePolicy | None

    @property
    def image(self) -> str:
        """The image by its digest, as a registry has it; empty where that was not recorded."""
        return self.status.provenance.get("imageDigest", "")


def original(trial: Object, study: Object | None) -> Original:
    """What is known of a trial. Raises Invalid if it cannot be read, or if its study is wanted and not there."""
    meta = trial["metadata"]
    try:
        spec = TrialSpec.model_validate(trial["spec"])
        status = TrialStatus.model_validate(trial.get("status") or {})
        if spec.study is None:
            objective, trainer, policy = spec.objective, spec.trainer, spec.failure_policy
        elif study is None:
            raise Invalid(
                f"Trial {meta['name']} has its trainer from TuningStudy {spec.study}, which is not there: give a file"
                f" that holds both (kubectl get study/{spec.study} trial/{meta['name']} -o yaml), or --study FILE"
            )
        else:
            given = reading.read(study["spec"])
            objective, trainer, policy = given.objective, given.trainer, given.failure_policy
    except (ValidationError, KeyError) as error:
        raise Invalid(f"Trial {meta.get('name')} cannot be read: {error}") from error
    if objective is None or trainer is None:
        raise Invalid(f"Trial {meta['name']} has no study, and trainer or objective are missing: give both")
    return Original(
        name=meta["name"],
        namespace=meta.get("namespace", "default"),
        spec=spec,
        status=status,
        objective=objective,
        trainer=trainer,
        failure_policy=policy,
    )


def again(trial: Original, name: str) -> Object:
    """The Trial that repeats it: by itself, to where it came, on the image that it ran on if that is known."""
    old = trial.spec
    spec = TrialSpec(
        resource=old.resource,
        parameters=old.parameters,
        seed=old.seed,
        target_steps=_target(trial),
        horizon_steps=old.horizon_steps,
        rung_steps=old.rung_steps,
        probe=old.probe,
        members=old.members,
        objective=trial.objective,
        trainer=_pinned(trial.trainer, trial.image),
        failure_policy=trial.failure_policy,
    )
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {"name": name, "namespace": trial.namespace, "annotations": {OF_ANNOTATION: trial.name}},
        "spec": {field: value for field, value in spec.wire().items() if field not in _PLACE},
    }


def new_name(trial: str, number: int) -> str:
    """The name of the first, second, ... rerun of a trial, shortened to what a Trial may be called."""
    suffix = "-rerun" if number == 1 else f"-rerun-{number}"
    return trial[: LONGEST_NAME - len(suffix)].rstrip("-") + suffix


def _target(trial: Original) -> int:
    """As far as it was told to go, or as far as it came where somebody stopped it before."""
    furthest = max((o.step for o in trial.status.observations), default=0)
    if trial.spec.probe is not None or trial.status.outcome in OWN_ENDS or not furthest:
        return trial.spec.target_steps
    return min(furthest, trial.spec.target_steps)


def _pinned(trainer: Trainer, image: str) -> Trainer:
    if not image:
        return trainer
    template: dict[str, Any] = copy.deepcopy(trainer.template)
    for container in template["spec"]["containers"]:
        if container["name"] == names.TRAINER_CONTAINER:
            container["image"] = image
    return trainer.model_copy(update={"template": template})
