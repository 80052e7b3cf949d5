"""SIGTERM and the first Ctrl-C ask for a stop: the current step is finished, the state saved, the process ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class StopRequest:
    """Whether a signal has asked this process to stop, and which."""

    signal: str | None = None


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Listen while the block runs. A second Ctrl-C interrupts at once.

    Python as process 1 of a container gets no default action from the kernel: without a handler SIGTERM would be
    ignored.
    """
    request = StopRequest()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, frame: FrameType | None) -> None:
        request.signal = signal.Signals(number).name
        signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in previous:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
