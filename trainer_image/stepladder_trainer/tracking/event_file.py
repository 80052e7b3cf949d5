"""TensorBoard's event files: records framed as TFRecord, each a protocol buffer `Event` with numbers of one step.

Written by hand since the libraries that do it take 0.2 to 0.6 s to import, which every segment of every trial would
pay. The formats are those of `tensorflow/core/util/event.proto`, `framework/summary.proto` and
`tensorboard/plugins/hparams/plugin_data.proto`, which cannot change; a test reads the files with TensorBoard itself.
"""

import math
import struct
from collections.abc import Mapping
from functools import lru_cache

import crc32c

from stepladder_trainer.contract import Scalar

FILE_VERSION = b"brain.Event:2"  # the first in which a restart is told by a SessionLog
HPARAMS = b"_hparams_/session_start_info"


def header(seconds: float) -> bytes:
    """The record that a file begins with. `seconds` since the epoch, as in all of them."""
    return _record(_double(1, seconds) + _bytes(3, FILE_VERSION))


def restart(seconds: float, first_step: int) -> bytes:
    """From here on the run is at `first_step`: TensorBoard drops what earlier files hold of that step and later."""
    return _record(_double(1, seconds) + _varint(2, first_step) + _bytes(7, _varint(1, 1)))


def scalars(seconds: float, step: int, numbers: Mapping[str, float]) -> bytes:
    """Numbers of one step, by name. They are stored in single precision, as TensorBoard does."""
    values = [_beginning(name) + _single(number) for name, number in numbers.items()]
    return _record(_double(1, seconds) + _varint(2, step) + _bytes(5, b"".join(values)))


def hyperparameters(seconds: float, values: Mapping[str, Scalar], group: str) -> bytes:
    """What the HPARAMS tab shows of a run. Sessions of the same `group` are one trial to it."""
    entries = b"".join(_bytes(1, _bytes(1, name.encode()) + _bytes(2, _value(value))) for name, value in values.items())
    start = entries + _bytes(4, group.encode()) + _double(5, seconds)
    content = _varint(1, 0) + _bytes(3, start)
    metadata = _bytes(1, _bytes(1, b"hparams") + _bytes(2, content))
    zero = _varint(1, 1) + _bytes(2, _bytes(2, _varint(1, 1))) + _bytes(5, struct.pack("<f", 0))  # a tensor: [0.0]
    value = _bytes(1, HPARAMS) + _bytes(9, metadata) + _bytes(8, zero)
    return _record(_double(1, seconds) + _bytes(5, _bytes(1, value)))


@lru_cache
def _beginning(name: str) -> bytes:
    """A value of `scalars` up to its number, which is always of the same length."""
    return _bytes(1, _bytes(1, name.encode()) + struct.pack("<Bf", 2 << 3 | 5, 0))[:-4]


def _single(number: float) -> bytes:
    try:
        return struct.pack("<f", number)
    except OverflowError:  # larger than single precision can say
        return struct.pack("<f", math.copysign(math.inf, number))


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    """CRC-32C, masked as TFRecord wants it, since a checksum of data that holds checksums is weak."""
    crc = crc32c.crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _value(value: Scalar) -> bytes:
    """A `google.protobuf.Value`."""
    if isinstance(value, bool):
        return _varint(4, int(value))
    if isinstance(value, int | float):
        return _double(2, value)
    return _bytes(3, value.encode())


# Fields of protocol buffers: a key of number and wire type, then the value.


def _varint(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _base128(value)


def _double(field: int, value: float) -> bytes:
    return struct.pack("<Bd", field << 3 | 1, value)


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _base128(len(value)) + value


def _base128(value: int) -> bytes:
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)
