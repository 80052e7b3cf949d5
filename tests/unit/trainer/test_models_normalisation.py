from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn import functional

from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models import Request, Shape, build
from stepladder_trainer.models.normalisation import BatchNorm, GhostBatchNorm, statistics_of, synchronise

SHAPES = [(), (5,), (4, 3)]  # what comes after (batch, channels)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return 3 + 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def passed(norm: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Outputs, gradients of inputs and parameters, running statistics, after one training step's two passes."""
    given = inputs.clone().requires_grad_()
    outputs = norm(given)
    weights = torch.arange(outputs.numel()).view(outputs.shape).sin()
    gradients = torch.autograd.grad((outputs * weights).sum(), [given, *norm.parameters()])
    return [outputs.detach(), *gradients, *(buffer.clone() for buffer in norm.buffers())]


@pytest.mark.parametrize("rest", SHAPES)
@pytest.mark.parametrize("batch", [2, 6, 8])
def test_one_ghost_batch_is_batch_normalisation_bit_for_bit(batch: int, rest: tuple[int, ...]) -> None:
    reference = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[len(rest)](3)
    inputs = drawn(batch, 3, *rest)
    for norm in (GhostBatchNorm(3, virtual_batch_size=8), BatchNorm(3)):
        for ours, theirs in zip(passed(norm, inputs), passed(_fresh(reference), inputs), strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("rest", SHAPES)
@pytest.mark.parametrize(("batch", "sizes"), [(16, [8, 8]), (20, [7, 7, 6]), (9, [5, 4]), (24, [8, 8, 8])])
def test_ghosts_are_batches_of_their_own_one_after_the_other(
    batch: int, sizes: list[int], rest: tuple[int, ...]
) -> None:
    """Hoffer et al. 2017, algorithm 1, against a loop: outputs, gradients, and the running statistics, which every
    ghost moves by a tenth. Sizes differ by at most one, so that none is left with one example and no variance."""
    ghost, plain = GhostBatchNorm(3, virtual_batch_size=8), BatchNorm(3)
    inputs = drawn(batch, 3, *rest)
    owners = torch.tensor(_owners(sizes))
    given = inputs.clone().requires_grad_()
    outputs = torch.empty_like(inputs)
    for number in range(len(sizes)):
        members = (owners == number).nonzero().flatten()
        assert len(members) == sizes[number]
        outputs = outputs.index_copy(0, members, plain(given[members]))
    assert torch.allclose(ghost(inputs), outputs, rtol=1e-4, atol=1e-5)
    assert torch.allclose(ghost.running_mean, plain.running_mean, rtol=1e-4, atol=1e-5)
    assert torch.allclose(ghost.running_var, plain.running_var, rtol=1e-4, atol=1e-5)
    assert ghost.num_batches_tracked == plain.num_batches_tracked == len(sizes)
    weights = torch.arange(outputs.numel()).view(outputs.shape).sin()
    expected = torch.autograd.grad((outputs * weights).sum(), [given, *plain.parameters()])
    for ours, theirs in zip(passed(ghost, inputs)[1:4], expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_no_ghost_has_one_example_only() -> None:
    """Its variance would be 0, and PyTorch refuses it."""
    for batch in range(2, 20):
        assert torch.isfinite(GhostBatchNorm(3, virtual_batch_size=2)(drawn(batch, 3))).all()


def test_evaluation_uses_running_statistics_whatever_the_batch() -> None:
    norm = GhostBatchNorm(3, virtual_batch_size=4)
    norm(drawn(16, 3))
    norm.eval()
    together, alone = norm(drawn(12, 3, seed=1)), [norm(row[None]) for row in drawn(12, 3, seed=1)]
    assert torch.allclose(together, torch.cat(alone), rtol=1e-4, atol=1e-5)
    assert norm.num_batches_tracked == 4


@pytest.mark.parametrize(("batch", "calls"), [(4096, 1), (4097, 2)])
def test_all_ghosts_take_one_pass_or_two(batch: int, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python loop over the ghosts of a batch of 4096 would make 64 calls."""
    made: list[int] = []
    original = functional.batch_norm

    def counted(inputs: Tensor, *rest: Any, **options: Any) -> Tensor:
        made.append(len(inputs))
        return original(inputs, *rest, **options)

    monkeypatch.setattr(functional, "batch_norm", counted)
    GhostBatchNorm(3, virtual_batch_size=64)(drawn(batch, 3))
    assert len(made) == calls


@pytest.mark.parametrize(
    ("name", "kind"),
    [("none", None), ("batch", BatchNorm), ("ghost", GhostBatchNorm), ("layer", nn.GroupNorm), ("group", nn.GroupNorm)],
)
@pytest.mark.parametrize("family", ["mlp", "cnn", "resnet"])
def test_normalisation_is_a_hyperparameter(family: str, name: str, kind: type[nn.Module] | None) -> None:
    parameters: dict[str, Scalar] = {"model": family, "normalisation": name, "width": 8, "normalisation_groups": 4}
    made = build(
        Request(Shape((1, 8, 8), 10), read(parameters, {}), torch.Generator()), torch.Generator().manual_seed(1)
    )
    norms = [module for module in made.modules() if "Norm" in type(module).__name__]
    assert {type(norm) for norm in norms} == ({kind} if kind else set())
    if kind is nn.GroupNorm:
        assert {norm.num_groups for norm in norms} == {4 if name == "group" else 1}
    assert made(drawn(4, 1, 8, 8)).shape == (4, 10)


def test_layer_normalisation_of_a_layer_of_units_is_pytorchs() -> None:
    inputs = drawn(5, 8)
    assert torch.allclose(nn.GroupNorm(1, 8)(inputs), nn.LayerNorm(8)(inputs), rtol=1e-4, atol=1e-5)


def test_synchronising_alone_changes_nothing() -> None:
    norm = GhostBatchNorm(3, virtual_batch_size=4)
    norm(drawn(16, 3))
    before = [buffer.clone() for buffer in norm.buffers()]
    synchronise(statistics_of(norm))
    assert all(torch.equal(*pair) for pair in zip(before, norm.buffers(), strict=True))


@pytest.mark.long
def test_synchronising_averages_the_statistics_of_all_processes(tmp_path: Path) -> None:
    """Else the checkpoint would hold those of rank 0, which saw a part of the data."""
    spawn(_rank, (str(tmp_path / "store"), str(tmp_path)), nprocs=2)  # type: ignore[no-untyped-call]  # PyTorch's own lack
    synchronised = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    expected = [_seen_by(rank) for rank in range(2)]
    for name in ("0.running_mean", "1.running_var"):
        mean = (expected[0][name] + expected[1][name]) / 2
        assert not torch.equal(expected[0][name], expected[1][name])
        for state in synchronised:
            assert torch.allclose(state[name], mean, rtol=1e-4, atol=1e-5)
    for rank in range(2):
        assert torch.equal(synchronised[rank]["0.weight"], expected[rank]["0.weight"]), "only statistics are averaged"


def _rank(rank: int, store: str, directory: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    model = _network(rank)
    synchronise(statistics_of(model))
    torch.save(model.state_dict(), Path(directory) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def _network(rank: int) -> nn.Module:
    first = GhostBatchNorm(3, virtual_batch_size=4)
    nn.init.constant_(first.weight, rank + 1)
    model = nn.Sequential(first, BatchNorm(3))
    model(drawn(16, 3, seed=rank))
    return model


def _seen_by(rank: int) -> dict[str, Tensor]:
    return _network(rank).state_dict()


def _owners(sizes: list[int]) -> list[int]:
    """Whose each example is: those of the larger ghosts come first, and go round."""
    owners: list[int] = []
    for size in sorted(set(sizes), reverse=True):
        ghosts = [number for number, other in enumerate(sizes) if other == size]
        owners += ghosts * size
    return owners


def _fresh(norm: nn.Module) -> nn.Module:
    norm.reset_parameters()  # type: ignore[operator]  # a method
    return norm
