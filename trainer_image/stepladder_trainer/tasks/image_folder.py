"""Any folder of images on a volume, a folder for each class."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from stepladder_trainer.data.examples import Dataset
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import classification, options
from stepladder_trainer.tasks.pictures import Pictures, check_pillow, picture_units
from stepladder_trainer.tasks.splitting import parts
from stepladder_trainer.tasks.task import Request, Task

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


@dataclass(frozen=True)
class FolderOptions:
    """Settings of the task."""

    size: int = 64  # the side in pixels that all images are brought to
    channels: int = 3  # 3, or 1 for grey
    validation: float = 0.2  # part of the images of each class, where there is no folder val
    memory: bool = False  # decode all of them once, at the start


def image_folder(request: Request) -> Task:
    """`--data` is a folder with a folder of images for each class, or with folders train and val (and test) of that
    kind. Only names are read here; a file is read when its image is first needed.

    Raises ConfigurationError if there are no images, or val has a class that train lacks.
    """
    wanted = options.read(FolderOptions, request.options)
    options.at_least(1, size=wanted.size)
    options.one_of(("1", "3"), channels=str(wanted.channels))
    check_pillow()
    root = _root(request.data)
    if (root / "train").is_dir():
        classes = _classes(root / "train")
        where = [root / "train", root / "val"] + ([root / "test"] if (root / "test").is_dir() else [])
        if not where[1].is_dir():
            raise ConfigurationError(f"{root} has a folder train and no folder val: add one")
        sets = [_pictures(folder, classes, wanted) for folder in where]
    else:
        classes = _classes(root)
        whole = _pictures(root, classes, wanted)
        share = options.share("validation", wanted.validation)
        sets = [whole.part(some) for some in parts(whole.targets, len(whole), share, 0.0)[:2]]
        if len(sets[1]) == 0:
            raise ConfigurationError(f"{root}: its {len(whole)} images are too few to keep {share} for validation")
    ready: Sequence[Dataset] = [some.decoded() for some in sets] if wanted.memory else sets
    return Task(
        ready[0],
        ready[1],
        Shape((wanted.channels, wanted.size, wanted.size), len(classes)),
        classification.loss,
        classification.measure,
        test=ready[2] if len(ready) > 2 else None,
        classes=classes,
        units=picture_units(wanted.size, wanted.channels),
    )


def _root(data: str | None) -> Path:
    if data is None:
        raise ConfigurationError("this task needs --data: a folder with a folder of images for each class")
    if not Path(data).is_dir():
        raise ConfigurationError(f"{data} is no folder: is its volume mounted in the trainer's container?")
    return Path(data)


def _classes(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != "."))
    if len(names) < 2:
        raise ConfigurationError(f"{folder} needs a folder of images for each of two classes or more: it has {names}")
    return names


def _pictures(folder: Path, classes: tuple[str, ...], wanted: FolderOptions) -> Pictures:
    if lacking := sorted(set(_classes(folder)) - set(classes)):
        raise ConfigurationError(
            f"{folder / lacking[0]}: the folder train has no such class: add it or remove this one"
        )
    files, labels = [], []
    for label, name in enumerate(classes):
        found = _images(folder / name) if (folder / name).is_dir() else []
        if not found and folder.name not in ("val", "test"):
            raise ConfigurationError(f"{folder / name} holds no images ({', '.join(ENDINGS)}): fill or remove it")
        files += found
        labels += [label] * len(found)
    return Pictures(partial(_open, files), torch.tensor(labels), files, wanted.size, wanted.channels)


def _images(folder: Path) -> list[str]:
    """Paths of all images below a folder, in an order that no file system decides."""
    return sorted(
        os.path.join(directory, name)  # noqa: PTH118  a million Paths would take seconds
        for directory, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(ENDINGS) and name[0] != "."
    )


def _open(files: Sequence[str], index: int) -> "Image":
    from PIL import Image

    return Image.open(files[index])
