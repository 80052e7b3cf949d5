"""Where a result came from: versions, device, driver and revision, for the termination message."""

import os
import platform
import re
import sys
from pathlib import Path

from stepladder_trainer import __version__

DRIVER = Path("/proc/driver/nvidia/version")


def provenance() -> dict[str, str]:
    """What can be known without importing anything: PyTorch is asked only if the training code has loaded it."""
    facts = {"python": platform.python_version(), "package": f"stepladder-trainer {__version__}", "device": "cpu"}
    if revision := os.environ.get("STEPLADDER_GIT_REVISION"):
        facts["gitRevision"] = revision
    torch = sys.modules.get("torch")
    if torch is None:
        return facts
    facts["torch"] = str(torch.__version__)
    if torch.cuda.is_initialized():
        facts["device"] = "cuda"
        facts["gpu"] = torch.cuda.get_device_name()
        if DRIVER.exists() and (found := re.search(r"Kernel Module\D+([\d.]+)", DRIVER.read_text())):
            facts["driver"] = found[1]
    return facts
