"""Studies that begin from an earlier one."""

import asyncio
from typing import Any

from control.world import NAME, NAMESPACE, play, study
from stepladder.api.conditions import ConditionType
from stepladder.control.store import STUDIES, Object
from stepladder.local.store import MemoryStore

ROUND: dict[str, Any] = {"name": "explore", "trials": 4, "maxSteps": 9}


def warm() -> Object:
    sampler = {"algorithm": "Random", "warmStart": [{"study": "earlier", "best": 2}]}
    return study(rounds=[ROUND | {"sampler": sampler}])


def earlier() -> Object:
    # A wider range, of which this study's ends at 1.
    listed = [{"x": 0.25}, {"x": 0.9}, {"x": 1.1}]
    round_ = {
        "name": "listed",
        "maxSteps": 9,
        "sampler": {"algorithm": "Explicit", "explicit": {"configurations": listed}},
    }
    manifest = study(rounds=[round_], parameters=[{"name": "x", "float": {"min": 0.0, "max": 2.0}}])
    manifest["metadata"] = {"name": "earlier", "namespace": NAMESPACE}
    return manifest


def test_it_waits_for_the_earlier_study_and_tries_its_best_first() -> None:
    said: list[str] = []

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(5)
        status = (await store.get(STUDIES, NAMESPACE, NAME))["status"]
        said.extend(c["message"] for c in status["conditions"] if c["type"] == ConditionType.DEGRADED)
        await store.create(STUDIES, earlier())

    report = play(warm(), meddle=meddle)
    assert said == [
        "round explore: sampler.warmStart: there is no study earlier in namespace lab: apply it, and this one goes on"
        " when it has finished"
    ]
    cold = play(study(rounds=[ROUND | {"sampler": {"algorithm": "Random"}}]))
    values = [report.trials[f"study-{n}"]["parameters"]["x"] for n in range(4)]
    assert values[:2] == [0.25, 0.9]  # the simulated trainer likes 0.3 best
    assert values[2:] == [cold.trials[f"study-{n}"]["parameters"]["x"] for n in (2, 3)]  # its own numbers go on
