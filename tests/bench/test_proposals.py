"""What a proposal takes as a study grows, and how long the event loop waits for it meanwhile. Needs no cluster."""

import asyncio
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from bench.figures import record
from bench.studies import PARAMETERS
from stepladder.api.study import Direction, Parameter, Sampler, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.control.long_lived import LongLived
from stepladder.search.history import History, Record
from stepladder.search.record import OptunaRecord
from stepladder.search.storage import IN_MEMORY

PROPOSALS = 15
TICK_SECONDS = 0.001


def finished(number: int) -> Record:
    """A trial that was trained to the end: how far it is from the middle."""
    chance = Random(number)
    point = {f"p{i}": chance.random() for i in range(PARAMETERS)}
    value = sum((x - 0.5) ** 2 for x in point.values())
    return Record(point, tuple((step, value + 1 / step) for step in (1, 3, 9, 27)), Outcome.COMPLETED)


async def ticks(late: list[float]) -> None:
    """How late the loop is each time, in milliseconds."""
    while True:
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        late.append((time.perf_counter() - due) * 1000)


@pytest.mark.parametrize("trials", [1_000, 10_000])
@pytest.mark.parametrize("algorithm", ["TPE", "GaussianProcess", "RandomForest"])
async def test_proposals_among_trials_that_have_ended(algorithm: str, trials: int) -> None:
    parameters = tuple(
        Parameter.model_validate({"name": f"p{i}", "float": {"min": 0, "max": 1}}) for i in range(PARAMETERS)
    )
    optuna = OptunaRecord(IN_MEMORY)
    records = [finished(number) for number in range(trials)]
    took: list[float] = []
    late: list[float] = []
    loop = asyncio.get_running_loop()

    def propose() -> float:
        history = History(
            name="lab/study/uid/explore/0",
            direction=Direction.MINIMIZE,
            parameters=parameters,
            sampler=Sampler(algorithm=SamplerAlgorithm(algorithm)),
            seed=0,
            records=tuple(records),
        )
        since = time.thread_time()
        optuna.propose(history, len(records))
        return (time.thread_time() - since) * 1000

    with ThreadPoolExecutor(1) as thread:
        await loop.run_in_executor(thread, propose)  # reads all of them, once
        records.append(finished(len(records)))
        gc.collect()
        LongLived().settle()  # as the controller does now and then
        ticking = asyncio.create_task(ticks(late))
        for _ in range(PROPOSALS):
            took.append(await loop.run_in_executor(thread, propose))
            records.append(finished(len(records)))
        ticking.cancel()
    record(f"proposal, {algorithm}, {trials:,} trials", took)
    record(f"event loop late while {algorithm} proposes, {trials:,} trials", late)
