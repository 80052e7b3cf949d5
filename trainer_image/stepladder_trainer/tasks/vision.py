"""Any of torchvision's classification data sets, by its name."""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Dataset, Examples
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import classification, options
from stepladder_trainer.tasks.pictures import Pictures, normalised, picture_units
from stepladder_trainer.tasks.splitting import parts
from stepladder_trainer.tasks.task import Request, Task
from stepladder_trainer.tasks.units import Units

SIDE = 64  # of images that come in several sizes, unless --option size says otherwise
SPLITS: Mapping[str, tuple[str, ...]] = {"train": ("train", "trainval"), "val": ("val", "valid"), "test": ("test",)}


@dataclass(frozen=True)
class VisionOptions:
    """Settings of the task."""

    dataset: str = ""  # CIFAR10, MNIST, Flowers102, ...
    download: bool = False  # to --data, if it is not there yet
    size: int = 0  # the side that images are brought to; 0: as they are
    validation: float = 0.1  # part of the training images, where the data set has no such split of its own


def torchvision(request: Request) -> Task:
    """`--data` is the folder that holds the data set, as torchvision keeps it. Its test images are looked at once, at
    the end: validation images are taken from the training ones, unless it has some.

    Raises ConfigurationError if there is no such data set, or its files are not there.
    """
    wanted = options.read(VisionOptions, request.options)
    options.at_least(0, size=wanted.size)
    if request.data is None or not wanted.dataset:
        raise ConfigurationError("this task needs --data: the folder of --option dataset=NAME, both of them")
    kind = _kind(wanted.dataset)
    found = dict(_splits(kind, request.data, wanted))
    sets: dict[str, Examples | Pictures] = {split: _examples(made, wanted) for split, made in found.items()}
    labels = sets["train"].targets
    if "val" not in sets:
        chosen = parts(labels, len(labels), options.share("validation", wanted.validation), 0.0)
        sets["train"], sets["val"] = (_part(sets["train"], some) for some in chosen[:2])
    if lacking := {label for some in sets.values() for label in some.targets.tolist()} - set(labels.tolist()):
        raise ConfigurationError(f"{wanted.dataset} in {request.data}: no training image has class {min(lacking)}")
    count = int(labels.max()) + 1
    names = tuple(str(name) for name in getattr(found["train"], "classes", ()))
    classes = names if len(names) >= count else tuple(str(label) for label in range(count))
    training: Dataset = sets["train"]
    shape = Shape(tuple(training[0][0].shape), len(classes))
    channels, height, width = shape.example
    return Task(
        training,
        sets["val"],
        shape,
        classification.loss,
        classification.measure,
        test=sets.get("test"),
        classes=classes,
        units=picture_units(height, channels) if height == width else Units(),
    )


def _kind(name: str) -> type[Any]:
    try:
        sets = importlib.import_module("torchvision.datasets")
    except ImportError as error:
        raise ConfigurationError(
            "this task needs torchvision: install stepladder-trainer[vision] in the trainer's image"
        ) from error
    kind = getattr(sets, name, None) if name in sets.__all__ else None
    if kind is None:
        similar = get_close_matches(name, sets.__all__) or ["CIFAR10", "MNIST"]
        raise ConfigurationError(f"--option dataset={name}: torchvision has no such data set; {', '.join(similar)}?")
    return kind  # type: ignore[no-any-return]  # a class of torchvision's


def _splits(kind: type[Any], folder: str, wanted: VisionOptions) -> Iterator[tuple[str, Any]]:
    """(train, val or test; the data set), of those that this one has."""
    takes = inspect.signature(kind).parameters
    common: dict[str, Any] = {"root": folder} if "root" in takes else {}
    if "download" in takes:
        common["download"] = wanted.download
    if "train" in takes:
        for split in ("train", "test"):
            yield split, _made(kind, {**common, "train": split == "train"}, folder)
    elif "split" in takes:
        for split, names in SPLITS.items():
            made = next((one for name in names if (one := _made(kind, {**common, "split": name}, folder))), None)
            if made is not None:
                yield split, made
            elif split == "train":
                raise ConfigurationError(f"torchvision's {kind.__name__} has no split for training: use another one")
    else:
        yield "train", _made(kind, common, folder)


def _made(kind: type[Any], arguments: Mapping[str, Any], folder: str) -> Any:
    """The data set, or None if it has no such split."""
    try:
        return kind(**arguments)
    except ValueError as error:
        if "split" in str(error):
            return None
        raise ConfigurationError(f"torchvision's {kind.__name__}: {error}") from error
    except (RuntimeError, OSError, TypeError) as error:
        raise ConfigurationError(
            f"{kind.__name__} is not in {folder} ({error}): put it there as torchvision keeps it, "
            "or give --option download=true"
        ) from error


def _examples(found: Any, wanted: VisionOptions) -> Examples | Pictures:
    """In memory if torchvision has it there as bytes of one size, else read one by one."""
    labels = next(
        (known for name in ("targets", "labels", "_labels") if (known := getattr(found, name, None)) is not None), None
    )
    targets = None if labels is None else torch.as_tensor(labels)
    if targets is None or targets.ndim != 1 or targets.is_floating_point() or len(targets) != len(found):
        raise ConfigurationError(f"torchvision's {type(found).__name__} has no class for each image: use another one")
    data = getattr(found, "data", None)
    if wanted.size == 0 and data is not None and getattr(data, "ndim", 0) >= 3:
        return Examples(_channels_first(torch.as_tensor(data)), targets.long(), normalised)
    names = [f"image {index} of {type(found).__name__}" for index in range(len(found))]
    return Pictures(lambda index: found[index][0], targets.long(), names, wanted.size or SIDE, 3)


def _channels_first(images: Tensor) -> Tensor:
    """(images, channels, height, width), of whichever order torchvision has chosen for this set."""
    if images.ndim == 3:
        return images[:, None]
    return images if images.shape[1] in (1, 3) else images.permute(0, 3, 1, 2).contiguous()


def _part(whole: Examples | Pictures, indices: Tensor) -> Examples | Pictures:
    if isinstance(whole, Pictures):
        return whole.part(indices)
    return Examples(whole.inputs[indices], whole.targets[indices], whole.prepare)
