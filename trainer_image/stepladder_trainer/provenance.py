"""Where a result came from: versions, device, driver, revision and settings, for the termination message."""

import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from stepladder_trainer import __version__

DRIVER = Path("/proc/driver/nvidia/version")
CPU = Path("/proc/cpuinfo")
INSTALLED = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)\.(?:dist-info|egg-info)")


def provenance() -> dict[str, str]:
    """What can be known without importing anything: PyTorch is asked only if the training code has loaded it."""
    facts = {
        "python": platform.python_version(),
        "package": f"stepladder-trainer {__version__}",
        "packages": packages(sys.path),
        "gitRevision": os.environ.get("STEPLADDER_GIT_REVISION") or revision(_script()),
        "cpu": _cpu(),
        "device": "cpu",
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts |= _of_pytorch(torch)
    return {name: fact for name, fact in facts.items() if fact}


def packages(path: Iterable[str]) -> str:
    """A digest of the names and versions of all distributions on `path`; equal ones mean that nothing was installed,
    removed or upgraded. The names of directories say it, so that no file is read."""
    found: set[str] = set()
    for place in path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208  thousands of names, and no need for objects
        except OSError:  # an archive, or nothing at all
            continue
        found.update(name for name in names if INSTALLED.fullmatch(name))
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()[:16]


def revision(place: Path) -> str:
    """The commit that is checked out around `place`, or nothing where there is no repository. Git need not be there."""
    for directory in (place, *place.parents):
        git = directory / ".git"
        try:
            head = (git / "HEAD").read_text().strip()
            name = head.removeprefix("ref: ")
            if name == head:
                return head
            if (git / name).exists():
                return (git / name).read_text().strip()
            packed = (git / "packed-refs").read_text()
        except OSError:
            continue
        found = re.search(rf"^([0-9a-f]+) {re.escape(name)}$", packed, re.MULTILINE)
        return found[1] if found else ""
    return ""


def _script() -> Path:
    """The directory of the training code."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).resolve().parent if main else Path.cwd()


def _cpu() -> str:
    try:
        with CPU.open() as file:
            found = re.search(r"model name\s*:\s*(.+)", file.read(4096))
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def _of_pytorch(torch: ModuleType) -> dict[str, str]:
    facts = {"torch": str(torch.__version__)}
    if torch.are_deterministic_algorithms_enabled():
        facts["deterministic"] = "true"
    if torch.cuda.is_initialized():
        facts["device"] = "cuda"
        facts["gpu"] = torch.cuda.get_device_name()
        facts["cuda"] = str(torch.version.cuda)
        if DRIVER.exists() and (found := re.search(r"Kernel Module\D+([\d.]+)", DRIVER.read_text())):
            facts["driver"] = found[1]
    return facts
