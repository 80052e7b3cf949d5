"""Floating-point operations of one update, and the part of a GPU's peak that they are."""

import torch

PEAKS = {  # by what a GPU's name holds, the first that fits: dense bfloat16 (float16 on V100 and T4), per second
    "B200": 2250e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "V100": 125e12,
    "T4": 65e12,
}
"""From NVIDIA's data sheets."""


class FlopCount:
    """Counts the first update between `start` and `stop`: matrix products and convolutions, forward and backward, a
    multiplication and an addition being two."""

    def __init__(self, device: torch.device) -> None:
        from torch.utils.flop_counter import FlopCounterMode  # here: it takes a second to import

        self._counter: FlopCounterMode | None = FlopCounterMode(display=False)
        self._peak = peak(device)
        self._of_update = 0

    def start(self) -> None:
        """Begin to count, the first time."""
        if self._counter is not None:
            self._counter.__enter__()  # type: ignore[no-untyped-call]  # PyTorch's own lack

    def stop(self) -> None:
        """Know the count."""
        if self._counter is not None:
            self._counter.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # likewise
            self._of_update = self._counter.get_total_flops()
            self._counter = None

    def numbers(self, updates_per_second: float) -> dict[str, float]:
        """What there is to log: `model_flops_utilisation` only where the GPU's peak is known."""
        rate = self._of_update * updates_per_second
        numbers: dict[str, float] = {"flops_per_update": self._of_update, "flops_per_second": rate}
        return numbers if self._peak is None else {**numbers, "model_flops_utilisation": rate / self._peak}


def peak(device: torch.device) -> float | None:
    """Operations per second that `device` can do at most; None if not known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((value for part, value in PEAKS.items() if part in name), None)
