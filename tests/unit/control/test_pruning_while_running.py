"""A pruner that judges at every evaluation, through the whole controller in virtual time."""

import asyncio
import copy
from urllib.parse import urlsplit

import pytest

from control import samples
from control.lab import NS, RUNNING, Lab, play
from stepladder.control.store import PODS, STUDIES, TRIALS

ROUND = {
    "name": "explore",
    "trials": 6,
    "maxSteps": 90,
    "pruner": {"algorithm": "Median", "minSteps": 40},
}
WORST = "study-5"


def page(reached: int, error: float) -> str:
    return "".join(f'validation_error{{step="{step}"}} {error + 1 / step}\n' for step in range(10, reached + 1, 10))


@pytest.mark.parametrize("suspended", [False, True])
def test_a_running_trial_that_falls_behind_is_interrupted_in_its_segment(suspended: bool) -> None:
    """By what was scraped, at the next scrape, not when its status is written; its steps are saved, and the others go
    on. Suspended and resumed it is judged the same. Catches a median that waits for the end of a rung."""
    reached = {f"10.0.0.{n}": 30 for n in range(6)}

    async def serve(url: str) -> str:
        address = str(urlsplit(url).hostname)
        return page(reached[address], 0.9 if address == "10.0.0.5" else 0.1)

    async def script(lab: Lab) -> None:
        study = samples.study(rounds=[ROUND], parallelism=6)
        study["metadata"] = {"name": "study", "namespace": NS}
        await lab.store.create(STUDIES, study)
        await asyncio.sleep(20)
        pods = sorted(await lab.pods())
        assert len(pods) == 6
        for number, name in enumerate(pods):
            running = copy.deepcopy(RUNNING)
            running["podIP"] = f"10.0.0.{number}"
            await lab.pod_is(running, name)
        await asyncio.sleep(12)
        assert (await lab.store.get(TRIALS, NS, WORST))["spec"]["desired"] == "Run", "judged before minSteps"
        for address in reached:
            reached[address] = 40
        if suspended:
            await lab.store.patch(STUDIES, NS, "study", {"spec": {"suspend": True}})
        await asyncio.sleep(12)
        spec = (await lab.store.get(TRIALS, NS, WORST))["spec"]
        assert (spec["desired"], spec["stopReason"]) == ("Stop", "Pruned")
        pod = await lab.store.get(PODS, NS, f"{WORST}-1")
        assert "activeDeadlineSeconds" in pod["spec"]
        for name in pods[:5]:
            trial = await lab.store.get(TRIALS, NS, name.removesuffix("-1"))
            assert trial["spec"]["desired"] == ("Pause" if suspended else "Run")
        await lab.pod_is(samples.ended(75, ""), f"{WORST}-1")
        await asyncio.sleep(2)
        status = await lab.status(WORST)
        assert status["outcome"] == "Pruned"
        assert status["last"]["step"] == 40, "what was scraped is kept"

    play(script, fetch=serve)
