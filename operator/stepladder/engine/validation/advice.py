"""What the Tuning Playbook would advise against. A study runs all the same."""

from collections.abc import Iterator

from stepladder.api.study import PrunerAlgorithm, Role, Round, TuningStudySpec
from stepladder.engine.fidelity import LADDERS
from stepladder.engine.hyperband import brackets
from stepladder.engine.median import STARTUP_TRIALS
from stepladder.engine.validation.batch_sizes import batch_size_advice
from stepladder.engine.validation.density import density_advice
from stepladder.engine.validation.moving import moving_advice
from stepladder.engine.validation.parameters import parameter_advice
from stepladder.engine.validation.problem import Problem

MANY_ROUNDS = 3


def advice(spec: TuningStudySpec) -> Iterator[Problem]:
    """Of the whole spec, worst first."""
    searching = [round_ for round_ in spec.rounds if round_.probe is None]
    if searching and all(parameter.role is Role.FIXED for parameter in spec.parameters):
        yield Problem(
            "spec.parameters",
            "every parameter is Fixed, so that all trials are one configuration: give a range, or use repeats",
        )
    for index, parameter in enumerate(spec.parameters):
        yield from parameter_advice(parameter, f"spec.parameters[{index}]")
    if len(searching) > MANY_ROUNDS:
        yield Problem(
            "spec.rounds",
            f"{len(searching)} rounds are planned before the first has been looked at: plan one or two, read the"
            " report, then add the next",
        )
    for index, round_ in enumerate(spec.rounds):
        yield from _ladder(round_, f"spec.rounds[{index}]")
        yield from density_advice(spec, round_, f"spec.rounds[{index}]")
    yield from moving_advice(spec)
    yield from batch_size_advice(spec)
    if spec.trainer.checkpoints.persistent_volume_claim is None and spec.trainer.checkpoints.url is None:
        yield Problem(
            "spec.trainer.checkpoints.persistentVolumeClaim",
            "without a claim, or a url, a promoted or disrupted trial starts again from step 0 on a cluster: name one",
        )

    if spec.budget.gpu_hours is not None and not _asks_for_gpus(spec):
        yield Problem(
            "spec.budget.gpuHours",
            "the trainer asks for no nvidia.com/gpu, so that this never runs out: give its container a limit, or use"
            " trainedSteps or activeDeadlineSeconds",
        )


def _asks_for_gpus(spec: TuningStudySpec) -> bool:
    containers = spec.trainer.template["spec"]["containers"]
    return any("nvidia.com/gpu" in ((c.get("resources") or {}).get("limits") or {}) for c in containers)


def _ladder(round_: Round, field: str) -> Iterator[Problem]:
    pruner = round_.pruner
    if pruner.algorithm is PrunerAlgorithm.NONE or pruner.min_steps is None:
        return
    if pruner.algorithm not in LADDERS:
        yield from _between_rungs(round_, pruner.min_steps, field)
    elif pruner.min_steps * pruner.reduction_factor > round_.max_steps:
        yield Problem(
            f"{field}.pruner.minSteps",
            "there is no rung between minSteps and maxSteps, so that nothing is saved: lower minSteps to at most"
            f" {max(1, round_.max_steps // pruner.reduction_factor)}",
        )
    elif pruner.algorithm is PrunerAlgorithm.HYPERBAND and round_.from_ is None:
        one_pass = sum(ladder.size for ladder in brackets(round_))
        if round_.proposals < one_pass:
            yield Problem(
                f"{field}.trials",
                f"one pass of Hyperband over these rungs takes {one_pass} trials, and its later brackets are cut:"
                f" give {one_pass}",
            )


def _between_rungs(round_: Round, min_steps: int, field: str) -> Iterator[Problem]:
    if min_steps >= round_.max_steps:
        yield Problem(f"{field}.pruner.minSteps", "nobody is judged before the end, so that nothing is saved: lower it")
    if (
        round_.pruner.algorithm is PrunerAlgorithm.MEDIAN
        and round_.from_ is None
        and round_.proposals <= STARTUP_TRIALS
    ):
        yield Problem(
            f"{field}.trials",
            f"Median judges a trial against at least {STARTUP_TRIALS} others, of which there are never so many: propose"
            " more",
        )
