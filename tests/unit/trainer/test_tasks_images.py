"""Images on a volume: a few of some pixels, made here."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stepladder_trainer import tasks
from stepladder_trainer.contract import Scalar
from stepladder_trainer.data import Examples
from stepladder_trainer.data.feed import Loaded
from stepladder_trainer.data.order import GrowingData
from stepladder_trainer.outcomes import ConfigurationError, StorageError
from stepladder_trainer.tasks import Request, Task
from stepladder_trainer.tasks.pictures import DEVIATION, MEAN, Pictures

RED, BLUE = (255, 0, 0), (0, 0, 255)


def load(name: str, data: Path, **options: Scalar) -> Task:
    return tasks.load(name, Request(str(data), options))


def draw(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (12, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """Ten images of each of two classes, of several sizes and kinds."""
    for number in range(10):
        ending = ("png", "jpg", "gif", "BMP")[number % 4]
        draw(tmp_path / "birds" / "robin" / f"{number}.{ending}", RED, (8 + number, 20 - number))
        draw(tmp_path / "birds" / "tit" / "deep" / f"{number}.png", BLUE)
    (tmp_path / "birds" / "robin" / "notes.txt").write_text("no image")
    return tmp_path / "birds"


def test_a_folder_is_split_once_and_each_class_with_its_share(birds: Path) -> None:
    task = load("image_folder", birds, size=6)
    assert task.classes == ("robin", "tit")
    assert (len(task.training), len(task.validation)) == (16, 4)
    assert isinstance(task.validation, Pictures)
    assert task.validation.targets.bincount().tolist() == [2, 2]
    again = load("image_folder", birds, size=6)
    assert isinstance(again.validation, Pictures)
    assert again.validation.names == task.validation.names


def test_images_come_as_bytes_of_one_size_and_are_normalised_on_the_device(birds: Path) -> None:
    task = load("image_folder", birds, size=6)
    image, label = task.training[0]
    assert image.dtype == torch.uint8
    assert tuple(image.shape) == task.shape.example == (3, 6, 6)
    assert label == 0
    with Loaded(task.training, GrowingData(16, 8, 0), torch.device("cpu"), 0) as feed:
        batch = feed.batch(1)
    red = batch.inputs[batch.targets == 0].mean((0, 2, 3))
    wanted = [(pixel - mean) / deviation for pixel, mean, deviation in zip((1, 0, 0), MEAN, DEVIATION, strict=True)]
    assert red.tolist() == pytest.approx(wanted, abs=0.05)  # JPEG's red is 254


def test_decoded_in_memory_they_are_the_same(birds: Path) -> None:
    lazy, eager = load("image_folder", birds, size=6), load("image_folder", birds, size=6, memory=True)
    assert isinstance(eager.training, Examples)
    assert isinstance(lazy.training, Pictures)
    assert torch.equal(eager.training.inputs, torch.stack([lazy.training[index][0] for index in range(16)]))
    assert torch.equal(eager.training.at([3]).inputs, lazy.training.prepare(lazy.training[3][0][None]))
    assert load("image_folder", birds, size=6, channels=1).training[0][0].shape == (1, 6, 6)


def test_a_folder_may_bring_its_own_split(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for number in range(count):
            draw(tmp_path / split / "a" / f"{number}.png", RED)
            draw(tmp_path / split / "b" / f"{number}.png", BLUE)
    task = load("image_folder", tmp_path)
    assert task.test is not None
    assert (len(task.training), len(task.validation), len(task.test)) == (6, 4, 2)
    draw(tmp_path / "val" / "c" / "0.png", BLUE)
    with pytest.raises(ConfigurationError, match=r"val/c: the folder train has no such class"):
        load("image_folder", tmp_path)


def test_a_broken_image_is_named(birds: Path) -> None:
    names = {"0.png": b"", "1.jpg": b"no image", "2.gif": (birds / "robin" / "4.png").read_bytes()[:40]}
    for name, content in names.items():
        (birds / "robin" / name).write_bytes(content)
    training = load("image_folder", birds, validation=0.1, size=6).training
    assert isinstance(training, Pictures)
    broken = [index for index, name in enumerate(training.names) if Path(name).name in names and "robin" in name]
    assert len(broken) >= 2
    for index in broken:
        with pytest.raises(ConfigurationError, match=rf"{training.names[index]} is no image that can be decoded"):
            training[index]
    Path(training.names[-1]).unlink()
    with pytest.raises(StorageError, match=r"cannot be read.*check the volume"):
        training[len(training) - 1]


def test_images_of_16_bits_keep_their_shades(tmp_path: Path) -> None:
    """Pillow's own conversion makes everything above 255 white."""
    for name, shade in (("a", 0x4000), ("b", 0xC000)):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.fromarray(np.full((4, 4), shade, dtype=np.uint16)).save(tmp_path / name / f"{number}.png")
    training = load("image_folder", tmp_path, size=4).training
    assert {int(training[index][0].float().mean()) for index in range(len(training))} == {0x40, 0xC0}


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path, birds: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder: is its volume mounted"):
        load("image_folder", tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match=r"of each of two classes or more|for each of two classes or more"):
        load("image_folder", birds / "tit")
    with pytest.raises(ConfigurationError, match="must be one of 1, 3"):
        load("image_folder", birds, channels=4)
    with pytest.raises(ConfigurationError, match=r"too few to keep 0.01"):
        load("image_folder", birds, validation=0.01)
    (birds / "wren").mkdir()
    with pytest.raises(ConfigurationError, match="wren holds no images"):
        load("image_folder", birds)
    draw(tmp_path / "only" / "train" / "a" / "0.png", RED)
    draw(tmp_path / "only" / "train" / "b" / "0.png", RED)
    with pytest.raises(ConfigurationError, match="has a folder train and no folder val"):
        load("image_folder", tmp_path / "only")


def mnist(root: Path, training: int = 40, test: int = 10) -> Path:
    """The four files of MNIST, as torchvision keeps them: in each image the pixel that its digit names is lit."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in (("train", training), ("t10k", test)):
        images = torch.zeros(count, 28, 28, dtype=torch.uint8)
        labels = torch.arange(count) % 10
        images[torch.arange(count), 0, labels] = 255
        (raw / f"{name}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 2051, count, 28, 28) + images.numpy().tobytes()
        )
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 2049, count) + labels.byte().numpy().tobytes()
        )
    return root


@pytest.mark.long
def test_a_data_set_of_torchvision_by_its_name(tmp_path: Path) -> None:
    """Its test images stay aside; validation comes from the training ones."""
    task = load("torchvision", mnist(tmp_path), dataset="MNIST", validation=0.25)
    assert isinstance(task.training, Examples)
    assert task.test is not None
    assert (len(task.training), len(task.validation), len(task.test)) == (30, 10, 10)
    assert task.shape.example == (1, 28, 28)
    assert len(task.classes) == 10
    assert task.training.inputs.dtype == torch.uint8
    assert task.training.inputs[0].argmax() == task.training.targets[0]
    resized = load("torchvision", tmp_path, dataset="MNIST", size=14)
    assert isinstance(resized.training, Pictures)
    assert resized.training[0][0].shape == (3, 14, 14)


@pytest.mark.long
def test_what_is_wrong_with_a_name_of_torchvision_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no such data set; CIFAR10"):
        load("torchvision", tmp_path, dataset="CIFAR11")
    with pytest.raises(ConfigurationError, match=r"MNIST is not in .*--option download=true"):
        load("torchvision", tmp_path, dataset="MNIST")
    with pytest.raises(ConfigurationError, match="Flowers102 is not in"):
        load("torchvision", tmp_path, dataset="Flowers102")
    with pytest.raises(ConfigurationError, match=r"use another one|is not in"):
        load("torchvision", tmp_path, dataset="VOCDetection")
