"""What is done to training batches: known answers on images of a few pixels."""

import pytest
import torch
from torch import Tensor

from stepladder_trainer.data import Batch, Examples, training_feed
from stepladder_trainer.data.augmentation import (
    CHANGES,
    Draws,
    augmentation_for,
    cutout,
    flip,
    mixup,
    noise,
    rotate,
    shift,
)
from stepladder_trainer.hyperparameters import DataHyperparameters, SeedHyperparameters, read
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.seeds import Seeds

CPU = torch.device("cpu")


def draws(seed: int, of: int) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), slice(0, of), of)


def images(examples: int, side: int = 8) -> Tensor:
    return torch.arange(1.0, examples * side * side + 1).reshape(examples, 1, side, side)


def test_a_flip_mirrors_half_of_the_images() -> None:
    given = images(2000, 2)
    flipped = flip(given, draws(0, 2000), 1.0)
    changed = (flipped != given).flatten(1).any(1)
    assert torch.equal(flipped[changed], given[changed].flip(-1))
    assert changed.float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert (flip(given, draws(0, 2000), 0.2) != given).flatten(1).any(1).float().mean().item() == pytest.approx(
        0.1, abs=0.03
    )


def test_a_shift_moves_by_up_to_an_eighth_and_fills_with_zeros() -> None:
    """Every offset of -1, 0, 1 in both directions of an 8x8 image, nothing else."""
    given = images(1).expand(400, 1, 8, 8)
    padded = torch.nn.functional.pad(given[0], (1, 1, 1, 1))
    wanted = {tuple(padded[0, y : y + 8, x : x + 8].flatten().tolist()) for y in range(3) for x in range(3)}
    assert {tuple(image.flatten().tolist()) for image in shift(given, draws(0, 400), 1.0)} == wanted


def test_cutout_removes_at_most_a_square_of_half_the_side() -> None:
    cut = cutout(torch.ones(500, 3, 8, 8), draws(0, 500), 1.0)
    removed = (cut == 0).sum((2, 3))
    assert torch.equal(removed[:, 0], removed[:, 1])
    assert removed.max().item() == 16
    assert removed.min().item() >= 4  # its centre is always inside


def test_a_rotation_is_small_and_about_the_centre() -> None:
    given = torch.zeros(200, 1, 9, 9)
    given[:, :, 4, 4] = 1
    given[:, :, 4, 8] = 1
    turned = rotate(given, draws(0, 200), 1.0)
    assert turned[:, 0, 4, 4].min().item() > 0.9
    assert turned[:, 0, 2:7, 6:].sum((1, 2)).min().item() > 0.5
    column = turned[:, 0, :, 8].argmax(1)
    assert set(column.tolist()) == {3, 4, 5}  # 4 sin 15 degrees = 1.04 pixels


def test_a_rotation_of_an_oblong_image_keeps_its_angles() -> None:
    """In the grid's units of [-1, 1] a side is 2 whatever its length: without the ratio it would be a shear."""
    given = torch.zeros(200, 1, 9, 33)
    given[:, :, 4, 24] = 1  # 8 right of the centre: at most 8 sin 15 degrees = 2.07 up or down
    rows = rotate(given, draws(0, 200), 1.0)[:, 0].amax(2).argmax(1)
    assert set(rows.tolist()) == {2, 3, 4, 5, 6}


def test_noise_has_a_tenth_of_the_deviation() -> None:
    assert noise(torch.zeros(100, 1, 10, 10), draws(0, 100), 0.5).std().item() == pytest.approx(0.05, rel=0.03)


def test_mixup_mixes_inputs_and_targets_by_one_weight() -> None:
    batch = mixup(Batch(torch.tensor([[0.0], [4.0]]), torch.tensor([0, 2])), 0.75, 3)
    assert batch.inputs.tolist() == [[1.0], [3.0]]
    assert batch.targets.tolist() == [[0.75, 0, 0.25], [0.25, 0, 0.75]]
    assert mixup(Batch(torch.zeros(2, 1), torch.tensor([[0.0], [8.0]])), 0.75, 1).targets.tolist() == [[2.0], [6.0]]


@pytest.mark.parametrize("name", [*CHANGES, "mixup", "flip+shift+noise"])
def test_a_step_is_augmented_the_same_again_and_the_next_differently(name: str) -> None:
    """The first law: a resumed run draws what the first would have drawn."""
    whole = list(range(1, 6))
    first, again = (augmented(name, steps) for steps in (whole, [4, 5]))
    assert torch.equal(first[3], again[0])
    assert torch.equal(first[4], again[1])
    assert not torch.equal(first[3], first[4])


def augmented(
    name: str, steps: list[int], *, rank: int = 0, world: int = 1, seeds: Seeds | None = None
) -> list[Tensor]:
    examples = Examples(images(8) / 512, torch.zeros(8).long())
    wanted = DataHyperparameters(batch_size=8, augmentation=name)
    feed = training_feed(examples, Shape((1, 8, 8), 2), wanted, seeds or Seeds(1), CPU, rank=rank, world=world)
    return [feed.batch(step).inputs for step in steps]


@pytest.mark.parametrize("name", CHANGES)
def test_processes_augment_together_as_one(name: str) -> None:
    shares = [augmented(name, [3], rank=rank, world=4)[0] for rank in range(4)]
    assert torch.equal(torch.cat(shares), augmented(name, [3])[0])


def test_seeds_can_be_held_apart() -> None:
    """Each changes what is its own, and nothing else."""
    plain = Seeds(1)
    for name in ("initialisation", "data", "augmentation"):
        held = Seeds(1, SeedHyperparameters(**{name: 5}))
        own = Seeds(5)
        for other in ("initialisation", "data", "augmentation"):
            assert drawn(held, other) == drawn(own if other == name else plain, other)
        assert held.dropout(3) == plain.dropout(3)


def test_no_two_steps_nor_processes_drop_alike() -> None:
    """In the low 32 bits, which are all that PyTorch's generator on the CPU takes of a seed."""
    dropped = [Seeds(trial).dropout(step, rank) % 2**32 for trial in (0, 1) for rank in (0, 1) for step in range(1000)]
    assert len(set(dropped)) == len(dropped)


def drawn(seeds: Seeds, name: str) -> int:
    return seeds.augmentation(3) if name == "augmentation" else int(getattr(seeds, name))


def test_seeds_are_hyperparameters() -> None:
    assert read({"data_seed": 4.0}, {"augmentation_seed": 2}).seeds == SeedHyperparameters(None, 4, 2)
    for wrong in (-1, 1.5, "x", True):
        with pytest.raises(ConfigurationError, match="data_seed must be a whole number"):
            read({"data_seed": wrong}, {})


@pytest.mark.parametrize("wrong", ["flop", "flip+", "flip+flip", "none+flip", 1])
def test_an_unknown_augmentation_is_refused(wrong: str | int) -> None:
    with pytest.raises(ConfigurationError, match="augmentation must be none, or some of flip, shift"):
        read({"augmentation": wrong}, {})


def test_augmentation_that_does_not_fit_the_examples_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"flip cannot be done.*shape \(30,\)"):
        augmentation_for(Shape((30,), 2), "noise+flip", 1.0)
    with pytest.raises(ConfigurationError, match=r"noise cannot be done.*tokens"):
        augmentation_for(Shape((30,), 20, vocabulary=20), "noise", 1.0)
    pairs = Examples(images(8), images(8))
    for name in ("flip", "noise+shift"):
        with pytest.raises(ConfigurationError, match="moves the input and not the image"):
            training_feed(pairs, Shape((1, 8, 8), 64), DataHyperparameters(8, augmentation=name), Seeds(1), CPU)
    training_feed(pairs, Shape((1, 8, 8), 64), DataHyperparameters(8, augmentation="noise"), Seeds(1), CPU)
    assert augmentation_for(Shape((30,), 2), "noise+mixup", 1.0) is not None
    assert augmentation_for(Shape((30,), 2), "none", 1.0) is None
    assert augmentation_for(Shape((30,), 2), "noise", 0.0) is None
