"""How fast batches of one size are trained."""

import gc
import time
from dataclasses import replace

import torch
import torch.distributed

from stepladder_trainer.learner import Learner
from stepladder_trainer.outcomes import Reason, reason_of
from stepladder_trainer.probes.decisions.throughput import Timing
from stepladder_trainer.probes.measuring.bench import Bench

UNTIMED = 3  # updates before the clock starts: memory is allocated, kernels are chosen, loaders filled


def measure(bench: Bench, batch_size: int, steps: int) -> Timing:
    """The means over `steps` updates, or that a batch of this size does not fit into memory."""
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
    learner, waited, began = bench.learner(), 0.0, 0.0
    with bench.feed(wanted) as feed:
        for step in range(1, UNTIMED + steps + 1):
            asked = time.perf_counter()
            batch = feed.batch(step)
            waited += time.perf_counter() - asked
            learner.gradient(batch, step)  # nothing is read from it: a GPU need not be waited for
            learner.apply(0.0)  # the work of an update, and no loss that leaves the range of numbers
            bench.updated()
            if step == UNTIMED:
                _finish(cuda=cuda)
                waited, began = 0.0, time.perf_counter()
        _finish(cuda=cuda)
        each = (time.perf_counter() - began) / steps
    return Timing(
        batch_size,
        each,
        waited / steps / each,
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
