"""Augmentation: batches changed at random, on the device, as a pure function of the step's seed.

A strength of 1 is what the source of each has for small images; inputs are taken to be normalised, so that 0 is the
mean. Evaluation never sees any of it.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from stepladder_trainer.data.examples import Batch
from stepladder_trainer.data.feed import Feed
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError


@dataclass(frozen=True)
class Draws:
    """Random numbers of the examples of a batch: drawn for all of it, so that processes that share it agree."""

    generator: torch.Generator
    share: slice
    of: int

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1), (share, *shape)."""
        return torch.rand(self.of, *shape, generator=self.generator, device=self.generator.device)[self.share]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, (share, *shape)."""
        return torch.randn(self.of, *shape, generator=self.generator, device=self.generator.device)[self.share]

    def whole(self, below: int) -> Tensor:
        """Whole numbers from 0 to `below` - 1, (share,)."""
        return (self.uniform() * below).long().clamp(max=below - 1)


Change = Callable[[Tensor, Draws, float], Tensor]
"""(inputs (batch, ...), draws, strength) -> inputs of the same shape."""


def flip(images: Tensor, draws: Draws, strength: float) -> Tensor:
    """Left and right exchanged, with probability `strength` / 2."""
    return torch.where(draws.uniform(1, 1, 1) < strength / 2, images.flip(-1), images)


def shift(images: Tensor, draws: Draws, strength: float) -> Tensor:
    """A crop of the padded image, off by up to an eighth of the side: 4 of 32 pixels (He et al. 2016, section 4.2)."""
    height, width = images.shape[-2:]
    by = max(1, round(strength * min(height, width) / 8))
    padded = functional.pad(images, (by, by, by, by))
    rows = draws.whole(2 * by + 1)[:, None] + torch.arange(height, device=images.device)
    columns = draws.whole(2 * by + 1)[:, None] + torch.arange(width, device=images.device)
    example = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.movedim(1, -1)[example, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def cutout(images: Tensor, draws: Draws, strength: float) -> Tensor:
    """A square of half the side set to the mean, partly outside at times: 16 of 32 pixels (DeVries and Taylor 2017)."""
    height, width = images.shape[-2:]
    side = max(1, round(strength * min(height, width) / 2))
    inside = []
    for length in (height, width):
        first = draws.whole(length)[:, None] - side // 2
        position = torch.arange(length, device=images.device)
        inside.append((position >= first) & (position < first + side))
    return images * ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])


def rotate(images: Tensor, draws: Draws, strength: float) -> Tensor:
    """Turned about the centre by up to 15 degrees, bilinear."""
    angle = (2 * draws.uniform() - 1) * strength * math.radians(15)
    height, width = images.shape[-2:]
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    turn = torch.stack([cosine, -sine * height / width, zero, sine * width / height, cosine, zero], dim=1)
    grid = functional.affine_grid(turn.view(-1, 2, 3).to(images.dtype), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def noise(inputs: Tensor, draws: Draws, strength: float) -> Tensor:
    """Gaussian noise of a tenth of the inputs' deviation."""
    return inputs + 0.1 * strength * draws.normal(*inputs.shape[1:]).to(inputs.dtype)


OF_IMAGES: Mapping[str, Change] = {"flip": flip, "shift": shift, "rotate": rotate, "cutout": cutout}
CHANGES: Mapping[str, Change] = {**OF_IMAGES, "noise": noise}


def mixup(batch: Batch, weight: float, classes: int) -> Batch:
    """weight * each example + (1 - weight) * another of the batch, targets likewise (Zhang et al. 2018, section 2).

    Classes become probabilities (batch, classes). Batches are shuffled, so the one from the other end is any other.
    """
    inputs, targets = batch
    if not targets.is_floating_point():
        targets = functional.one_hot(targets, classes).to(inputs.dtype)
    return Batch(*(weight * tensor + (1 - weight) * tensor.flip(0) for tensor in (inputs, targets)))


@dataclass(frozen=True)
class Augmentation:
    """The changes named in `names`, in that order, at one strength above 0 and at most 1."""

    names: tuple[str, ...]
    strength: float
    classes: int

    @property
    def moves(self) -> bool:
        """Whether pixels go elsewhere, which a target that is an image would have to follow."""
        return not {"flip", "shift", "rotate"}.isdisjoint(self.names)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, changed."""
        for name in self.names:
            if name == "mixup":
                # One weight for the batch, Beta(strength, strength), as in the paper's own code.
                mixing = random.Random(draws.generator.initial_seed()).betavariate(self.strength, self.strength)
                batch = mixup(batch, mixing, self.classes)
            else:
                batch = Batch(CHANGES[name](batch.inputs, draws, self.strength), batch.targets)
        return batch


class Augmented:
    """A feed whose batches are augmented; `seed(step)` decides how."""

    def __init__(
        self, feed: Feed, augmentation: Augmentation, seed: Callable[[int], int], device: torch.device, share: slice,
        of: int,
    ) -> None:  # fmt: skip
        self._feed = feed
        self._augmentation = augmentation
        self._seed = seed
        self._generator = torch.Generator(device)
        self._share = share
        self._of = of

    def batch(self, step: int) -> Batch:
        """The batch of update `step`, augmented."""
        draws = Draws(self._generator.manual_seed(self._seed(step)), self._share, self._of)
        return self._augmentation(self._feed.batch(step), draws)

    def __enter__(self) -> Self:
        self._feed.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._feed.__exit__(kind, error, trace)


def augmentation_for(shape: Shape, name: str, strength: float) -> Augmentation | None:
    """What `name` ("none", "flip+shift") asks for. Raises ConfigurationError where it cannot be done to such
    examples."""
    names = tuple(part for part in name.split("+") if part != "none")
    if not names or strength == 0:
        return None
    needing_images = [part for part in names if part in OF_IMAGES]
    if shape.vocabulary or (needing_images and len(shape.example) != 3):
        wrong = names[0] if shape.vocabulary else needing_images[0]
        what = "tokens" if shape.vocabulary else f"of shape {shape.example}"
        raise ConfigurationError(
            f"augmentation {wrong} cannot be done to this task's examples, which are {what}: use augmentation none"
        )
    return Augmentation(names, strength, shape.outputs)
