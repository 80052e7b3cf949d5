"""Writes digits.jsonl: learning curves of random configurations of examples/digits.yaml, by Stepladder's own trainer.

    python examples/curves/record.py 60 > examples/curves/digits.jsonl

Each is trained to the end of the first round and evaluated at every 30th step. One that diverges ends there, and its
values are null from then on.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from stepladder.api.study import TuningStudySpec
from stepladder.local import manifest
from stepladder.search.space import Space
from stepladder_trainer import exposition, hyperparameters
from stepladder_trainer.contract import Objective, TrialDocument
from stepladder_trainer.outcomes import InfeasibleError
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

EVALUATE_EVERY = 30

(document,) = manifest.read((Path(__file__).parent.parent / "digits.yaml").read_text())
spec = TuningStudySpec.model_validate(document["spec"])
space, metric, horizon = Space(spec.parameters), spec.objective.metric, spec.rounds[0].max_steps
steps = range(EVALUATE_EVERY, horizon + 1, EVALUATE_EVERY)
for seed in range(int(sys.argv[1])):
    draw = np.random.default_rng(seed)
    parameters = space.resolve(lambda axis, draw=draw: axis.value(draw.random()))
    rounded = {n: float(f"{v:.6g}") if isinstance(v, float) else v for n, v in parameters.items()}
    asked = TrialDocument(rounded, seed=seed, target_steps=horizon, horizon_steps=horizon, objective=Objective(metric))
    trial = Trial(asked, exposition.Board(), StopRequest())
    with suppress(InfeasibleError):  # its missing values say it
        train(trial, Plan("digits", hyperparameters.read(rounded, {"model": "mlp"}), EVALUATE_EVERY))
    values = [trial.history.value(metric, step) for step in steps]
    line = {
        "parameters": rounded,
        "steps": list(steps),
        "values": {metric: [None if value is None else round(value, 5) for value in values]},
    }
    print(json.dumps(line, separators=(",", ":")), flush=True)
