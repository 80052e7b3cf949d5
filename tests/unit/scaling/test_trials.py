"""Batch sizes of a study that the whole controller has run, in virtual time, as its store has them."""

import asyncio
from typing import Any

import pytest

from control.kubelet import Disk, SimulatedKubelet
from control.virtual import VirtualClock, run
from control.world import NAME, NAMESPACE, study
from stepladder.control.controller import Controller
from stepladder.control.store import STUDIES, TRIALS, Invalid
from stepladder.engine.batch_scaling import BatchScaling, batch_scaling
from stepladder.local.store import MemoryStore
from stepladder.scaling.trials import in_store
from stepladder.search.record import OptunaRecord

SIZES = [16, 32, 64, 128]
RATES = [0.01, 0.1, 1.0]
MANIFEST = study(
    parameters=[
        {"name": "batch_size", "role": "Scientific", "categorical": {"values": SIZES}},
        {"name": "learning_rate", "categorical": {"values": RATES}},
    ],
    rounds=[{"name": "scaling", "trials": 12, "maxSteps": 630, "sampler": {"algorithm": "Grid"}}],
    parallelism=4,
)


def loss(document: dict[str, Any], step: int) -> float:
    """At 0.5 after 100 (1 + 64 / B) steps at the middle rate, and after twice as many at the others."""
    parameters = document["parameters"]
    needed = 100 * (1 + 64 / int(parameters["batch_size"])) * (1 if parameters["learning_rate"] == 0.1 else 2)
    return float(0.5 * needed / step)


def test_a_study_as_a_cluster_has_it_with_strangers_beside_it() -> None:
    """Catches a trial taken for its own that has its label and another owner."""
    found: list[BatchScaling] = []

    async def main() -> None:
        clock = VirtualClock()
        store = MemoryStore(clock=clock.now)
        kubelet = SimulatedKubelet(store, Disk(), curve=loss)
        parts = [asyncio.create_task(kubelet.run())]
        await asyncio.sleep(0)
        parts.append(asyncio.create_task(Controller(store, record=OptunaRecord("memory://"), clock=clock).run()))
        await store.create(STUDIES, MANIFEST)
        await asyncio.sleep(2000)
        (first, *_) = (await store.list(TRIALS, NAMESPACE)).items
        renamed = {**MANIFEST, "metadata": {"name": "other", "namespace": NAMESPACE}}
        other = await store.create(STUDIES, {**renamed, "spec": {**MANIFEST["spec"], "suspend": True}})
        owner = [{**first["metadata"]["ownerReferences"][0], "name": "other", "uid": other["metadata"]["uid"]}]
        labels = first["metadata"]["labels"]
        metadata = {"name": "stranger", "namespace": NAMESPACE, "labels": labels, "ownerReferences": owner}
        await store.create(TRIALS, first | {"metadata": metadata})
        listed = await in_store(store, NAMESPACE, NAME)
        assert (len((await store.list(TRIALS, NAMESPACE)).items), len(listed.trials)) == (13, 12)
        found.append(batch_scaling(listed.spec, listed.trials, 0.5))
        with pytest.raises(Invalid, match="there is no TuningStudy wrong in namespace"):
            await in_store(store, NAMESPACE, "wrong")
        for part in parts:
            part.cancel()

    run(main())
    (scaling,) = found
    assert [size.batch for size in scaling.sizes] == SIZES
    for size in scaling.sizes:
        assert size.reached is not None
        assert size.reached.trial.parameters["learning_rate"] == 0.1
        assert size.reached.since < 100 * (1 + 64 / size.batch) <= size.reached.steps
