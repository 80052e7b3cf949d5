"""Problems of ensembles: too few trials to choose from, and checkpoints that go with the pods that wrote them."""

from collections.abc import Iterator

from stepladder.api import names
from stepladder.api.study import TuningStudySpec
from stepladder.engine import probes
from stepladder.engine.validation.problem import Problem


def ensemble_problems(spec: TuningStudySpec) -> Iterator[Problem]:
    """Of each round that judges by several trials of an earlier one. That there is one is seen to elsewhere."""
    for index, round_ in enumerate(spec.rounds):
        wanted = probes.members(round_.probe)
        if not wanted or round_.from_ is None:
            continue
        source = next((r for r in spec.rounds[:index] if r.name == round_.from_.round), None)
        runs = (source.from_.best if source.from_ else source.proposals) * source.repeats if source else wanted
        if wanted > runs:
            yield Problem(
                f"spec.rounds[{index}].probe.ensemble.members",
                f"{round_.from_.round} has only {runs} trials: lower members to at most that",
            )
        if not _shared(spec):
            yield Problem(
                "spec.trainer.checkpoints",
                f"the ensemble of round {round_.name} is made of the checkpoints of other trials, and without a claim"
                " or a url each goes with its pod: name one of them",
            )


def _shared(spec: TuningStudySpec) -> bool:
    """Whether a pod finds there what another one has written."""
    checkpoints = spec.trainer.checkpoints
    if checkpoints.persistent_volume_claim is not None or checkpoints.url is not None:
        return True
    containers = spec.trainer.template["spec"]["containers"]
    mounts = (m for c in containers if c["name"] == names.TRAINER_CONTAINER for m in c.get("volumeMounts") or ())
    return any(mount["mountPath"].rstrip("/") == checkpoints.mount_path.rstrip("/") for mount in mounts)
