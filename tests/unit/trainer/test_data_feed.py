"""Batches through a loader are those that lie in memory, whoever reads them."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stepladder_trainer.data import DataOrder, Examples, Feed, GrowingData, feed_of
from stepladder_trainer.data.feed import Loaded, Resident
from stepladder_trainer.data.loader import default_workers, explained, gathered, usable_cpus
from stepladder_trainer.outcomes import ConfigurationError, Reason, reason_of

CPU = torch.device("cpu")
EXAMPLES = Examples(torch.arange(20).reshape(10, 2), torch.arange(10), prepare=lambda inputs: inputs / 2)


class Listed:
    """The same examples as a map-style data set, read one by one."""

    def prepare(self, inputs: Tensor) -> Tensor:
        return inputs / 2

    def __len__(self) -> int:
        return len(EXAMPLES)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return EXAMPLES[index]


class Broken(Listed):
    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index == 7:
            raise ConfigurationError("example 7 is broken: remove it")
        return super().__getitem__(index)


class Ragged(Listed):
    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(index), torch.tensor(0)


class Deadly(Listed):
    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def order() -> GrowingData:
    return GrowingData(10, 4, 3, ((3, 0.5), (9, 1.0)))


@pytest.fixture(params=["examples in memory", "read in this process", "read by workers", "in memory, by a worker"])
def feed(request: pytest.FixtureRequest) -> Iterator[Feed]:
    makers: dict[str, Callable[[], Feed]] = {
        "examples in memory": lambda: Resident(EXAMPLES, order()),
        "read in this process": lambda: Loaded(Listed(), order(), CPU, 0),
        "read by workers": lambda: Loaded(Listed(), order(), CPU, 2),
        "in memory, by a worker": lambda: Loaded(EXAMPLES, order(), CPU, 1),
    }
    with makers[request.param]() as made:
        yield made


def test_a_batch_is_a_function_of_the_step_whoever_reads_it(feed: Feed) -> None:
    """From any first step on, forwards and back. Catches a loader that shuffles for itself, or that goes on where it
    stood after a jump."""
    for step in (5, 6, 7, 8, 2, 3, 9):
        indices = order().batch(step)
        batch = feed.batch(step)
        assert torch.equal(batch.inputs, EXAMPLES.inputs[indices] / 2)
        assert torch.equal(batch.targets, EXAMPLES.targets[indices])


def test_a_loader_does_not_touch_the_global_random_state() -> None:
    """It is saved in checkpoints; PyTorch's loader draws from it whenever its workers start."""
    before = torch.get_rng_state()
    with Loaded(Listed(), order(), CPU, 0) as feed:
        feed.batch(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_workers_are_gone_when_the_block_is_left() -> None:
    with Loaded(Listed(), order(), CPU, 2) as feed:
        feed.batch(1)
        assert len(children()) == 2
    assert children() == []


def children() -> list[int]:
    """Processes that this one has started and that live."""
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in task.read_text().split() if "Z" not in Path(f"/proc/{pid}/stat").read_text()]


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_wrong_with_an_example_arrives_as_a_sentence(workers: int) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"^example 7 is broken: remove it$"),
        Loaded(Broken(), order(), CPU, workers) as feed,
    ):
        _ = [feed.batch(step) for step in range(1, 9)]


def test_examples_that_make_no_batch_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"shapes \(2,\) and \(3,\)"):
        gathered(Ragged(), [3, 2])


@pytest.mark.long
def test_a_killed_worker_is_told_as_lack_of_memory() -> None:
    with (
        pytest.raises(MemoryError, match="raise the container's memory limit") as caught,
        Loaded(Deadly(), order(), CPU, 1) as feed,
    ):
        feed.batch(1)
    assert reason_of(caught.value) is Reason.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that...",
            ConfigurationError,
            "an emptyDir",
        ),
        ("unable to write to file </torch_7_1_0>: No space left on device (28)", ConfigurationError, "medium Memory"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", RuntimeError, "--loader-workers=0"),
        ("mat1 and mat2 shapes cannot be multiplied", RuntimeError, "^mat1"),
    ],
)
def test_what_a_workers_death_means(text: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        raise explained(RuntimeError(text))


def test_a_quota_of_the_container_counts_as_its_cpus(tmp_path: Path) -> None:
    """Python counts those of the machine: 64 workers in a container of one CPU."""
    for text, cpus in (("100000 100000", 1), ("50000 100000", 1), ("max 100000", len(os.sched_getaffinity(0)))):
        (tmp_path / "cpu.max").write_text(text)
        assert usable_cpus(tmp_path / "cpu.max") == cpus
    assert usable_cpus(tmp_path / "missing") >= 1
    assert 0 <= default_workers() <= 8


def test_examples_stay_off_a_gpu_that_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4 * EXAMPLES.bytes - 1, 0))
    assert isinstance(feed_of(EXAMPLES, order(), cuda), Loaded)
    assert isinstance(feed_of(EXAMPLES, order(), CPU), Resident)
    assert isinstance(feed_of(Listed(), order(), CPU, workers=0), Loaded)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_see_together_what_one_sees(world: int) -> None:
    """Also with growing data. Catches ranks that shuffle for themselves, or that overlap."""
    fractions = ((3, 0.5), (9, 1.0))
    ranks = [GrowingData(10, 4, 3, fractions, 0.9, rank=rank, world=world) for rank in range(world)]
    one = GrowingData(10, 4, 3, fractions, 0.9)
    for step in range(1, 12):
        assert torch.cat([rank.batch(step) for rank in ranks]).tolist() == one.batch(step).tolist()


def test_a_batch_that_processes_cannot_share_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"batch_size 5 is no multiple of the 2 processes.*use 4"):
        GrowingData(10, 5, 3, world=2)


def test_an_epoch_of_a_loader_shows_every_example_once() -> None:
    plain = DataOrder(10, 5, 1)
    with Loaded(Listed(), GrowingData(10, 5, 1), CPU, 0) as feed:
        seen = torch.cat([feed.batch(1).targets, feed.batch(2).targets])
    assert seen.sort().values.tolist() == list(range(10))
    assert seen[:5].tolist() == plain.batch(1).tolist()
