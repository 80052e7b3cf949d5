"""The profiler: where the time of some steps goes, as a trace for chrome://tracing or Perfetto."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from stepladder_trainer.trial import Trial

SKIPPED = 5  # steps: the first ones allocate, choose algorithms and compile
WARMUP = 2  # steps that the profiler itself needs

logger = logging.getLogger(__name__)


@contextmanager
def profiled(trial: Trial, steps: int, device: torch.device) -> Iterator[Callable[[], None]]:
    """Yields what is to be called after every step. After `SKIPPED` and `WARMUP` ones, `steps` are recorded and saved
    beside the checkpoints, or in the working directory if there are none. With 0 nothing happens."""
    if steps == 0:
        yield lambda: None
        return
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    saved: list[str] = []
    with torch.profiler.profile(
        activities=activities,
        schedule=torch.profiler.schedule(wait=SKIPPED, warmup=WARMUP, active=steps, repeat=1),
        on_trace_ready=lambda profiler: saved.append(_save(trial, profiler)),
        profile_memory=True,
    ) as profiler:
        yield profiler.step
    if not saved:
        logger.warning("nothing was profiled: that takes more than %d steps in one process", SKIPPED + WARMUP)


def _save(trial: Trial, profiler: Any) -> str:
    name = f"profile-step-{trial.step:08d}.json.gz"
    with tempfile.TemporaryDirectory() as directory:
        trace = Path(directory, name)
        profiler.export_chrome_trace(str(trace))
        data = trace.read_bytes()
    if trial.store is None:
        path = str(Path(name).absolute())
        Path(path).write_bytes(data)
    else:
        trial.store.write(name, lambda file: file.write(data))
        path = trial.store.path(name)
    logger.info("profiled: %s, for chrome://tracing or ui.perfetto.dev", path)
    return path
