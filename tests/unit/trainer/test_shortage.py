"""Too little memory, as people are told of it: a line of ours, whatever an allocator says."""

import errno
import logging

import pytest
import torch

from stepladder_trainer import contract, sdk
from stepladder_trainer.outcomes import OutOfMemoryError, Reason, reason_of
from stepladder_trainer.shortage import sentence_of

CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 9.51 GiB is "
    "free. Including non-PyTorch memory, this process has 69.58 GiB memory in use.\nSee documentation ..."
)
HOST = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
)
DEAR = ": lower batch_size or the model's size, or give the trial "


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError(CUDA), f"GPU memory (20.00 GiB more were asked for){DEAR}a larger GPU or part of one"),
        (RuntimeError(f"{HOST}4398046511104 bytes. Error"), f"host memory (4 TiB more were asked for){DEAR}a higher"),
        (MemoryError(), f"host memory{DEAR}a higher memory limit"),
        (MemoryError("Unable to allocate 7.28 TiB for an array"), "host memory (7.28 TiB more were asked for)"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `c`"), "GPU memory (CUDA error: CUBLAS_"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "host memory ([Errno 12] Cannot allocate memory)"),
    ],
)
def test_it_is_one_line_that_says_how_much_and_what_to_do(error: Exception, said: str) -> None:
    assert sentence_of(error).startswith(f"out of {said}")
    assert "\n" not in sentence_of(error)
    assert reason_of(error) is Reason.OUT_OF_MEMORY


def test_who_knows_better_is_quoted() -> None:
    assert sentence_of(OutOfMemoryError("lower --loader-workers")) == "lower --loader-workers"
    assert sentence_of(KeyError("x")) == "'x'", "no lack of memory"


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError(CUDA), RuntimeError(f"{HOST}9 bytes.")])
def test_by_hand_it_is_a_sentence_and_a_code(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """It was a traceback and 1."""
    monkeypatch.delenv(contract.TRIAL, raising=False)
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit) as left, sdk.trial():
        raise error
    assert left.value.code == 71
    assert "OutOfMemory: out of" in caplog.text
