"""What the figures were measured on."""

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """Processor, cores and Python, as far as they are known."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE) if info.exists() else []
    name = names[0] if names else platform.machine()
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"
