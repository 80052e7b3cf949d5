"""The content of a checkpoint's file: what `torch.save` writes, and then the SHA-256 of that.

PyTorch opens it too, since a ZIP may be followed by anything; but PyTorch alone loads a file with a flipped bit in a
tensor without a word.
"""

import hashlib
import io
from typing import Any, BinaryIO

DIGEST_BYTES = 32


class DamagedError(Exception):
    """The digest does not fit: the file was cut, or changed after it was written."""


class _Digested:
    """A stream that sums up what passes. It remembers the error that stopped it, since PyTorch's writer may report an
    "unexpected pos" in its place."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.failure: OSError | None = None
        self._file = file

    def write(self, data: bytes | memoryview) -> int:
        self.digest.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        """There is nothing to flush here; the file's owner syncs it."""


def dump(content: dict[str, Any], file: BinaryIO) -> None:
    """Write `content`, tensors and plain values, to `file`. Raises OSError if the file does."""
    import torch  # here, so that the SDK can refuse a configuration before PyTorch is loaded

    stream = _Digested(file)
    try:
        torch.save(content, stream)  # type: ignore[arg-type]  # it only writes and flushes
    except Exception as error:
        if stream.failure is not None:
            raise stream.failure from error
        raise
    file.write(stream.digest.digest())


def load(data: bytes) -> dict[str, Any]:
    """The content, its tensors on the CPU.

    Raises DamagedError if the digest does not fit, `pickle.UnpicklingError` if the content is whole and holds more than
    tensors and plain values.
    """
    import torch

    whole = memoryview(data)
    archive, digest = whole[:-DIGEST_BYTES], whole[-DIGEST_BYTES:]
    if hashlib.sha256(archive).digest() != digest:
        raise DamagedError
    content: dict[str, Any] = torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
    return content
