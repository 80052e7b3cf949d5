"""Larger tables than are worth committing: a dozen small tasks, 1000 draws of Adam8p each, made into the cache.

Adam8p is the space of TaskSet (Metz et al. 2020, arXiv 2002.11887): eight hyperparameters of Adam, very wide, so that
most draws train badly or not at all. Its tables are of 10,000 steps; here 1,000 steps are taken, and decay is sped up
tenfold to fit. Each table takes about a minute of one core: `python -m bench.search.synthetic`.
"""

import json
import math
import time
from collections.abc import Mapping

import numpy as np
import torch

from bench.search.population import DRAWS, EVALUATIONS, Draws, Network, trained
from bench.search.problems import SYNTHETIC
from bench.search.toy_data import Data, data

BOUNDS = {
    "learning_rate": (1e-8, 10.0),
    "one_minus_beta1": (1e-4, 1.0),
    "one_minus_beta2": (1e-6, 1.0),
    "epsilon": (1e-10, 1e3),
    "l1": (1e-8, 10.0),
    "l2": (1e-8, 10.0),
    "linear_decay": (1e-7, 1e-4),
    "exponential_decay": (1e-6, 1e-3),
}
TASKS: Mapping[str, tuple[str, Network]] = {
    "digits_relu": ("digits", Network((32,), "relu", batch=32)),
    "digits_deep_tanh": ("digits", Network((24, 24), "tanh", batch=16)),
    "digits_sigmoid": ("digits", Network((16,), "sigmoid", batch=64)),
    "digits_autoencoder": ("digits_autoencoder", Network((12,), "tanh", batch=32)),
    "cancer": ("cancer", Network((16,), "relu", batch=16)),
    "wine": ("wine", Network((16, 16), "relu", batch=16)),
    "diabetes": ("diabetes", Network((16,), "tanh", batch=32)),
    "teacher": ("teacher", Network((24,), "relu", batch=32)),
    "teacher_deep": ("teacher", Network((16, 16, 16), "relu", batch=32)),
    "noisy": ("noisy", Network((16,), "relu", batch=32)),
    "sine": ("sine", Network((24, 24), "tanh", batch=32)),
    "digits_small_batch": ("digits", Network((24,), "relu", batch=8)),
}


def make_all() -> None:
    """Make the tables that are missing."""
    for number, name in enumerate(TASKS):
        make(number, name)


def make(number: int, name: str) -> None:
    """One table and its study."""
    file = SYNTHETIC / f"{name}.jsonl"
    SYNTHETIC.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        source, network = TASKS[name]
        rng, began = np.random.default_rng(100 + number), time.process_time()
        torch.manual_seed(number)
        torch.set_num_threads(1)
        found: Data = data(source, rng)
        draws = drawn(rng)
        file.write_text(lines(draws, trained(found, network, draws, rng)))
        print(f"{file}: {time.process_time() - began:.0f} s of one core", flush=True)
    file.with_suffix(".yaml").write_text(json.dumps(study(name)))  # last: a table is there when its study is


def drawn(rng: np.random.Generator) -> Draws:
    """1000 independent draws, each parameter log-uniform."""
    return {
        name: np.exp(rng.uniform(math.log(low), math.log(high), DRAWS)).astype(np.float32)
        for name, (low, high) in BOUNDS.items()
    }


def lines(draws: Draws, curves: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> str:
    """The table as JSON lines; what is not finite or above 1e6 has diverged."""
    written = []
    for number, curve in enumerate(curves):
        values = [float(f"{v:.6g}") if math.isfinite(v) and v <= 1e6 else None for v in curve]
        parameters = {name: _within(name, float(column[number])) for name, column in draws.items()}
        row = {
            "parameters": parameters,
            "steps": list(range(1, EVALUATIONS + 1)),
            "values": {"validation_loss": values},
        }
        written.append(json.dumps(row))
    return "\n".join(written) + "\n"


def study(name: str) -> dict[str, object]:
    """The TuningStudy of a table, whose steps are its 50 evaluations."""
    return {
        "apiVersion": "tuning.stepladder.dev/v1alpha1",
        "kind": "TuningStudy",
        "metadata": {"name": f"adam8p-{name.replace('_', '-')}"},
        "spec": {
            "objective": {"metric": "validation_loss", "direction": "Minimize"},
            "parameters": [
                {"name": parameter, "float": {"min": low, "max": high, "scale": "Log"}}
                for parameter, (low, high) in BOUNDS.items()
            ],
            "rounds": [
                {
                    "name": "search",
                    "trials": DRAWS,
                    "maxSteps": EVALUATIONS,
                    "sampler": {"algorithm": "Random"},
                    "pruner": {"algorithm": "ASHA", "minSteps": 1, "reductionFactor": 3},
                }
            ],
            "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "none"}]}}},
        },
    }


def _within(name: str, value: float) -> float:
    low, high = BOUNDS[name]
    return min(max(float(f"{value:.6g}"), low), high)


if __name__ == "__main__":
    make_all()
