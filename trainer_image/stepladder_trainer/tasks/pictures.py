"""Images that are read and decoded when they are asked for: by workers, as bytes, normalised on the device."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Examples
from stepladder_trainer.data.loader import gathered
from stepladder_trainer.outcomes import ConfigurationError, StorageError
from stepladder_trainer.tasks.units import Units

if TYPE_CHECKING:
    from PIL.Image import Image

# Of ImageNet's training images, as everybody uses them: pretrained models expect it, and nothing has to be measured.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SENT_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # of Pillow's many, strangers reach these
MOST_PIXELS: Final = 2**24  # of an image that is sent: a few bytes may stand for gigabytes


class Pictures:
    """Images by index: `open_image` gives one of them, in any size and mode, which `name` calls by its file."""

    def __init__(
        self, open_image: Callable[[int], "Image"], targets: Tensor, names: Sequence[str], size: int, channels: int
    ) -> None:
        self._open = open_image
        self._size = size
        self._channels = channels
        self.targets = targets
        self.names = names

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        try:
            with self._open(index) as image:
                return pixels(image, self._size, self._channels), self.targets[index]
        except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises for broken files
            if isinstance(error, OSError) and error.errno:
                raise StorageError(f"{self.names[index]} cannot be read: {error}; check the volume") from error
            raise ConfigurationError(
                f"{self.names[index]} is no image that can be decoded ({error}): repair or remove it"
            ) from error

    def prepare(self, inputs: Tensor) -> Tensor:
        """Bytes (batch, channels, height, width) -> float32 of about mean 0 and deviation 1."""
        return normalised(inputs)

    def part(self, indices: Tensor) -> "Pictures":
        """Some of the images."""
        chosen = indices.tolist()
        names = [self.names[index] for index in chosen]
        return Pictures(
            lambda index: self._open(chosen[index]), self.targets[indices], names, self._size, self._channels
        )

    def decoded(self) -> Examples:
        """All of them, decoded now, as bytes in memory."""
        return Examples(*gathered(self, list(range(len(self)))), prepare=normalised)


def pixels(image: "Image", size: int, channels: int) -> Tensor:
    """The middle square of an image, (channels, size, size) bytes; RGB, or grey if `channels` is 1."""
    import numpy as np
    from PIL import Image, ImageOps

    mode = "L" if channels == 1 else "RGB"
    if image.mode.startswith("I;16"):  # of which Pillow would keep the low byte, or nothing but white
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image.draft(mode, (2 * size, 2 * size))  # a JPEG is decoded at a fraction of its size if that is enough
    square = ImageOps.fit(image.convert(mode), (size, size), method=Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(square).reshape(size, size, channels)).permute(2, 0, 1).contiguous()


def picture_units(size: int, channels: int) -> Units:
    """Of images that are `size` pixels wide and high: image files, or bytes."""
    decoding = Lock()  # one at a time: decoded, an image takes more memory than the request that brought it

    def written(text: str) -> Tensor:
        from PIL import Image

        try:
            file = BytesIO(b64decode(text.partition(",")[2] or text, validate=True))
            with decoding, Image.open(file, formats=SENT_FORMATS) as image:
                if image.width * image.height <= MOST_PIXELS:
                    return pixels(image, size, channels)
                shape = f"{image.width} x {image.height}"
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            raise ValueError(f"this is no image file in base64 that can be decoded ({error})") from error
        raise ValueError(f"this image has {shape} pixels, and up to {MOST_PIXELS} are decoded: make it smaller")

    return Units(written=written)


def normalised(inputs: Tensor) -> Tensor:
    """Bytes (batch, channels, height, width) -> float32, in units of ImageNet's mean and deviation."""
    mean, deviation = _statistics(inputs.shape[1], inputs.device)
    return (inputs.float() / 255 - mean) / deviation


@cache
def _statistics(channels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    mean, deviation = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (MEAN, DEVIATION))
    return (mean, deviation) if channels == 3 else (mean.mean(0, keepdim=True), deviation.mean(0, keepdim=True))


def check_pillow() -> None:
    """Raises ConfigurationError where images cannot be decoded at all."""
    try:
        import PIL.Image  # noqa: F401  whether it is there
    except ImportError as error:
        raise ConfigurationError(
            "images need Pillow: install stepladder-trainer[vision] in the trainer's image"
        ) from error
