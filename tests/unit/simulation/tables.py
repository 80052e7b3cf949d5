"""Made-up studies and learning curves, and what a simulation makes of them."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from stepladder.local.manifest_check import checked
from stepladder.simulation.command import question
from stepladder.simulation.measures import measure
from stepladder.simulation.seeds import Answer, simulate
from stepladder.simulation.study import Ending, SimulatedStudy

METRIC = "validation_error"


def manifest(*rounds: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A study of these rounds over one parameter, x in [0, 1]."""
    named = [{"name": f"round-{place}", "sampler": {"algorithm": "Random"}, **r} for place, r in enumerate(rounds)]
    return {
        "apiVersion": "tuning.stepladder.dev/v1alpha1",
        "kind": "TuningStudy",
        "metadata": {"name": "made-up"},
        "spec": {
            "objective": {"metric": METRIC},
            "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
            "rounds": [{k: v for k, v in r.items() if k != "sampler" or "from" not in r} for r in named],
            "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "any"}]}}},
            **spec,
        },
    }


def line(parameters: dict[str, Any], steps: Iterable[int], value: Callable[[int], float | None], **more: Any) -> str:
    """One line of a table."""
    at = list(steps)
    return json.dumps({"parameters": parameters, "steps": at, "values": {METRIC: [value(s) for s in at]}, **more})


def always(value: float) -> Callable[[int], float]:
    """The same at every step."""
    return lambda _: value


def constant(count: int, steps: Sequence[int]) -> str:
    """Configurations x = 0, 1/count, ...: the objective of each is its x, at whatever step."""
    return "\n".join(line({"x": i / count}, steps, always(i / count)) for i in range(count))


def answer(document: dict[str, Any], table: str, seed: int = 0, **options: Any) -> Answer:
    """What one seed comes to."""
    asked, _ = question(checked(document), "curves.jsonl", table, **options)
    return simulate(asked, seed)


def ending(document: dict[str, Any], table: str, seed: int = 0, **options: Any) -> Ending:
    """The trials and segments of one seed."""
    asked, _ = question(checked(document), "curves.jsonl", table, **options)
    spec = asked.spec.model_copy(update={"seed": seed})
    ended = SimulatedStudy(asked.name, spec, asked.table, asked.conditions).run()
    assert measure(spec, ended).trained_steps == sum(s.to_step - s.from_step for s in ended.segments)
    return ended
