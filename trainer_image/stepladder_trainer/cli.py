"""The command line of our own trainer. Everything that can be wrong in it is refused before PyTorch is imported."""

import argparse
import gc
import json
import math
import os
from collections.abc import Sequence
from typing import NoReturn

from stepladder_trainer import catalog, hyperparameters, registry, sdk, tracking
from stepladder_trainer.acceleration import COMPILERS, PRECISIONS, Acceleration
from stepladder_trainer.checkpoints import KEEP_BEST
from stepladder_trainer.contract import Scalar, TrialDocument
from stepladder_trainer.distributed import launch
from stepladder_trainer.distributed.ranks import ranks
from stepladder_trainer.flags import check_use, check_values
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.plan import EvaluationSettings
from stepladder_trainer.probes import options as probes

EVALUATIONS = 20  # per horizon, unless --evaluate-every says otherwise
STANDALONE_STEPS = 810


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; python -m stepladder_trainer --help lists the flags")


def parser() -> argparse.ArgumentParser:
    """The flags. Hyperparameters of the trial go before those given by --set."""
    tasks = "; ".join(f"{name}: {entry.summary}" for name, entry in catalog.TASKS.items())
    result = _Parser(
        prog="python -m stepladder_trainer", description="Trains one trial; `serve` serves one.", allow_abbrev=False
    )
    result.add_argument("--task", required=True, help=f"{tasks}; or module:function of your own")
    result.add_argument("--data", metavar="PATH", help="the task's file or folder, where it has none of its own")
    result.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="a setting of the task")
    result.add_argument("--model", help=f"{', '.join(catalog.MODELS)}, or module:function; by default the task's first")
    result.add_argument(
        "--initial-weights",
        metavar="PATH",
        help="start from these: a checkpoint, a folder of checkpoints or a state_dict, by path or URL",
    )
    result.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="default of a hyperparameter")
    result.add_argument("--evaluate-every", type=int, metavar="STEPS", help="default: a 20th of the horizon")
    result.add_argument(
        "--evaluation-batch-size", type=int, metavar="N", help="default: up to 1024, at least training's"
    )
    result.add_argument("--evaluation-sample", type=int, metavar="N", help="evaluate as many, and all at the horizon")
    result.add_argument("--training-sample", type=int, metavar="N", help="for training_error; 0: none")
    result.add_argument(
        "--loader-workers", type=int, metavar="N", help="default: one for every CPU to spare, at most 8"
    )
    result.add_argument("--checkpoint-seconds", type=float, default=60.0, help="longest time between checkpoints")
    result.add_argument("--keep-best", type=int, default=KEEP_BEST, metavar="N", help="how many of the best are kept")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    result.add_argument(
        "--gpu-memory-fraction", type=float, default=1.0, metavar="PART", help="of the GPU, which other trials share"
    )
    result.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="auto: bfloat16 on GPUs that have it, else float32"
    )
    result.add_argument("--compile", choices=COMPILERS, default="off", help="a mode of torch.compile; for long runs")
    result.add_argument(
        "--processes-per-node", type=int, metavar="N", help="default: one for each GPU, and on a CPU one"
    )
    result.add_argument("--sharding", choices=("none", "full"), default="none", help="full: over the processes, FSDP")
    result.add_argument("--threads", type=int, default=1, help="CPU threads; small models are fastest with 1")
    result.add_argument(
        "--allow-unknown-parameters", action="store_true", help="ignore those this trainer does not know"
    )
    result.add_argument("--probe", choices=tuple(probes.PROBES), help="measure this instead of training, by hand")
    result.add_argument(
        "--probe-option", action="append", default=[], metavar="NAME=VALUE", help="of the probe, as a manifest has it"
    )
    result.add_argument("--probe-directory", metavar="PATH", help="where its picture and points go; nowhere by default")
    result.add_argument(
        "--track",
        default="",
        metavar="NAMES",
        help=f"besides TensorBoard: {', '.join(tracking.OPTIONAL)}; commas between",
    )
    result.add_argument("--profile", type=int, metavar="STEPS", help="save a trace of as many steps")
    result.add_argument("--count-flops", action="store_true", help="count the operations of the first step: 1 s slower")
    result.add_argument("--deterministic", action="store_true", help="the same numbers on the same GPU, but slower")
    result.add_argument("--steps", type=int, default=STANDALONE_STEPS, help="how far to train without an operator")
    return result


def main(arguments: Sequence[str]) -> None:
    """Train the trial of this process, or `serve` what a trial has trained; exits with the codes of `outcomes`."""
    if arguments[:1] == ["serve"]:
        from stepladder_trainer.serving import command

        command.main(arguments[1:])
        return
    if not {"-h", "--help"}.isdisjoint(arguments):
        parser().print_help()
        return
    if not launch.started():
        if (processes := _processes(arguments)) > 1:
            raise SystemExit(launch.launch(arguments, processes))
        launch.only_one_here(os.environ)
    with sdk.trial(target_steps=STANDALONE_STEPS) as trial:
        flags = parser().parse_args(arguments)
        check_values(flags)
        entry = registry.task_entry(flags.task)
        check_use(flags, entry, ranks(os.environ).world)
        trial.default_target(flags.steps)
        trial.keep_best = flags.keep_best
        probe = _probe(flags, trial.document)
        if isinstance(probe, probes.Warmup):
            probe.lengths(trial.target_steps)  # for its refusal
        trial.tracking.use(tracking.optional(filter(None, flags.track.split(","))))
        settings = _settings("--set", flags.set)
        model = str(trial.parameters.get("model", flags.model or settings.get("model") or (*entry.models, "mlp")[0]))
        point = hyperparameters.read(
            trial.parameters,
            {**settings, "model": model},
            own=registry.own_hyperparameters(entry.source)
            | registry.own_hyperparameters(registry.model_entry(model).source),
            ignore_unknown=flags.allow_unknown_parameters,
        )
        if flags.evaluation_batch_size and flags.evaluation_batch_size < point.data.batch_size:
            raise ConfigurationError(
                f"--evaluation-batch-size {flags.evaluation_batch_size} is less than the batch_size "
                f"{point.data.batch_size} of training, which needs more memory for each example: raise it"
            )
        _check(entry, point, trial.document, probing=not isinstance(probe, probes.Baseline | None))
        os.environ.setdefault("OMP_NUM_THREADS", str(flags.threads))
        gc.disable()  # importing PyTorch makes a million objects and no garbage: this saves a sixth of its time
        from stepladder_trainer import determinism
        from stepladder_trainer.training import Plan, train

        gc.enable()
        gc.freeze()
        every = flags.evaluate_every or math.ceil(trial.horizon_steps / EVALUATIONS)
        plan = Plan(
            flags.task,
            point,
            every,
            batch_size_asked="batch_size" in map(hyperparameters.plain_name, (*trial.parameters, *settings)),
            checkpoint_seconds=flags.checkpoint_seconds,
            device=flags.device,
            gpu_memory_fraction=flags.gpu_memory_fraction,
            acceleration=Acceleration(flags.precision, flags.compile),
            sharded=flags.sharding == "full",
            threads=flags.threads,
            profile=flags.profile or 0,
            count_flops=flags.count_flops,
            data=flags.data,
            loader_workers=flags.loader_workers,
            evaluation=EvaluationSettings(
                flags.evaluation_batch_size or 0, flags.evaluation_sample or 0, flags.training_sample
            ),
            initial_weights=flags.initial_weights,
            options=_settings("--option", flags.option),
        )
        with determinism.enforced(wanted=flags.deterministic):
            if probe is None:
                train(trial, plan)
                return
            from stepladder_trainer.probes import running

            running.run(trial, plan, probe, flags.probe_directory)


def _processes(arguments: Sequence[str]) -> int:
    """How many processes this node is to have. A wrong number is refused where all flags are read."""
    some = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    some.add_argument("--processes-per-node", default="")
    some.add_argument("--device", default="auto")
    flags, _ = some.parse_known_args(arguments)
    if flags.processes_per_node:
        return int(flags.processes_per_node) if flags.processes_per_node.isdecimal() else 1
    return launch.gpus() if flags.device != "cpu" else 1


def _settings(flag: str, pairs: Sequence[str]) -> dict[str, Scalar]:
    """`["learning_rate=1e-3", "optimizer=adam"]` -> numbers as numbers, the rest as text."""
    settings: dict[str, Scalar] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigurationError(f"{flag} {pair}: write NAME=VALUE")
        try:
            settings[name] = json.loads(text)
        except ValueError:
            settings[name] = text
    return settings


def _probe(flags: argparse.Namespace, document: TrialDocument) -> probes.Options | None:
    if flags.probe is None:
        if flags.probe_option or flags.probe_directory:
            raise ConfigurationError(
                "--probe-option and --probe-directory are of a --probe: name one, or leave them out"
            )
        return None if document.probe is None else probes.read(document.probe)
    if not document.standalone:
        raise ConfigurationError("--probe is for use by hand: give the study a round with probe instead")
    return probes.read({"type": flags.probe, **_settings("--probe-option", flags.probe_option)})


def _check(
    entry: catalog.TaskEntry, point: hyperparameters.Hyperparameters, document: TrialDocument, *, probing: bool
) -> None:
    if entry.models and ":" not in point.model.name and point.model.name not in entry.models:
        raise ConfigurationError(f"model {point.model.name} cannot learn this task: use {' or '.join(entry.models)}")
    ours = entry.source.startswith("stepladder_trainer.")
    if ours and document.objective and document.objective.metric not in entry.metrics:
        raise ConfigurationError(
            f"this trainer does not report {document.objective.metric}: "
            f"name {' or '.join(entry.metrics)} in the study's objective"
        )
    warmup = point.schedule.warmup(document.horizon_steps)
    if not probing and warmup >= document.horizon_steps:
        raise ConfigurationError(
            f"a warmup of {warmup} steps leaves nothing of the {document.horizon_steps}: lower warmup_steps or"
            " warmup_fraction"
        )
