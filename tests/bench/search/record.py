"""Record learning curves with our own trainer, in this process: `make record-curves`.

Every configuration is an independent random draw from its manifest's space and is trained to the end, as `python -m
stepladder_trainer` would train it; one that diverges ends there, and its values are null from then on.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.api.model import Scalar
from stepladder.api.study import TuningStudySpec
from stepladder.local import manifest
from stepladder.search.space import Space
from stepladder_trainer import cli, exposition, hyperparameters
from stepladder_trainer.contract import Objective, TrialDocument
from stepladder_trainer.outcomes import InfeasibleError
from stepladder_trainer.randomness import derive
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

CURVES = Path(__file__).parent / "curves"
SEED = 2026  # with the table's name: each table has draws of its own


def study(path: Path) -> TuningStudySpec:
    """The spec of the manifest's only study."""
    (document,) = manifest.read(path.read_text())
    return TuningStudySpec.model_validate(document["spec"])


def draws(spec: TuningStudySpec, seed: int) -> Iterator[dict[str, Scalar]]:
    """Independent uniform draws from the space, without end."""
    space, rng = Space(spec.parameters), np.random.default_rng(seed)
    while True:
        yield {
            name: float(f"{value:.6g}") if isinstance(value, float) else value
            for name, value in space.resolve(lambda axis: axis.value(rng.random())).items()
        }


def arguments(spec: TuningStudySpec) -> argparse.Namespace:
    """The flags of our trainer in the manifest's pod template."""
    container: Mapping[str, Any] = spec.trainer.template["spec"]["containers"][0]
    return cli.parser().parse_args(container["args"])


def curve(spec: TuningStudySpec, parameters: Mapping[str, Scalar], seed: int) -> dict[str, Any]:
    """Train one configuration; the line of the table that it makes, values to five digits."""
    flags, horizon, metric = arguments(spec), spec.rounds[0].max_steps, spec.objective.metric
    document = TrialDocument(
        parameters=parameters, seed=seed, target_steps=horizon, horizon_steps=horizon, objective=Objective(metric)
    )
    trial = Trial(document, exposition.Board(), StopRequest())
    point = hyperparameters.read(parameters, {"model": flags.model})
    with suppress(InfeasibleError):  # its missing values say it
        train(trial, Plan(flags.task, point, flags.evaluate_every))
    steps = range(flags.evaluate_every, horizon + 1, flags.evaluate_every)
    found = [trial.history.value(metric, step) for step in steps]
    return {
        "parameters": dict(parameters),
        "steps": list(steps),
        "values": {metric: [None if value is None else float(f"{value:.5g}") for value in found]},
    }


def record(name: str) -> None:
    """Write `curves/<name>.jsonl` from `curves/<name>.yaml`."""
    spec, began = study(CURVES / f"{name}.yaml"), time.process_time()
    count = spec.rounds[0].trials or 0
    lines = []
    for number, parameters in zip(range(count), draws(spec, derive(SEED, name)), strict=False):
        lines.append(json.dumps(curve(spec, parameters, seed=number), separators=(",", ":")))
    (CURVES / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    diverged = sum("null" in line for line in lines)
    print(
        f"{name}: {count} configurations, {diverged} diverged, {time.process_time() - began:.0f} s of one core",
        flush=True,
    )


if __name__ == "__main__":
    for path in sorted(CURVES.glob("*.yaml")):
        record(path.stem)
