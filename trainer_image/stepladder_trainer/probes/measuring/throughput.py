"""How fast batches of one size are trained."""

import gc
import math
import time
from dataclasses import replace
from itertools import pairwise
from statistics import median

import torch
import torch.distributed

from stepladder_trainer.learner import Learner
from stepladder_trainer.outcomes import Reason, reason_of
from stepladder_trainer.probes.decisions.throughput import Timing
from stepladder_trainer.probes.measuring.bench import Bench

UNTIMED = 3  # updates before the clock starts: memory is allocated, kernels are chosen, loaders filled
LAPS = 5  # of which the median counts: another process's moment on this machine is not this batch's cost


def measure(bench: Bench, batch_size: int, steps: int) -> Timing:
    """What updates take, measured over `steps` of them, or that a batch of this size does not fit into memory."""
    timing = Timing(batch_size, fits=False)
    try:
        timing = _timed(bench, batch_size, steps)
    except (RuntimeError, MemoryError) as error:
        if reason_of(error) is not Reason.OUT_OF_MEMORY:
            raise
    if not timing.fits:  # only here, where the error's traceback no longer holds what filled the memory
        gc.collect()
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
    return timing


def _timed(bench: Bench, batch_size: int, steps: int) -> Timing:
    cuda = bench.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(bench.device)
    wanted = replace(bench.point.data, batch_size=batch_size)
    ends = {UNTIMED + math.ceil(steps * lap / LAPS) for lap in range(LAPS + 1)}
    learner, waited, laps = bench.learner(), 0.0, [(0, 0.0)]
    with bench.feed(wanted) as feed:
        for step in range(1, UNTIMED + steps + 1):
            asked = time.perf_counter()
            batch = feed.batch(step)
            waited += time.perf_counter() - asked
            learner.gradient(batch, step)  # nothing is read from it: a GPU need not be waited for
            learner.apply(0.0)  # the work of an update, and no loss that leaves the range of numbers
            bench.updated()
            if step == UNTIMED:
                waited, laps = 0.0, []
            if step in ends:
                _finish(cuda=cuda)
                laps.append((step, time.perf_counter()))
    each = median((after - before) / (last - first) for (first, before), (last, after) in pairwise(laps))
    seconds = laps[-1][1] - laps[0][1]
    return Timing(
        batch_size,
        each,
        waited / seconds,
        _exchange_seconds(learner) / each,
        torch.cuda.max_memory_allocated(bench.device) if cuda else 0,
    )


def _finish(*, cuda: bool) -> None:
    if cuda:
        torch.cuda.synchronize()


def _exchange_seconds(learner: Learner) -> float:
    """What summing the gradient over all processes takes, 0 where this one trains alone."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 0.0
    gradient = torch.cat([weight.detach().flatten() for weight in learner.model.parameters()])
    torch.distributed.all_reduce(gradient)
    _finish(cuda=gradient.is_cuda)
    began = time.perf_counter()
    torch.distributed.all_reduce(gradient)
    _finish(cuda=gradient.is_cuda)
    return time.perf_counter() - began
