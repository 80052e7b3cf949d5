"""Helm, as the test cluster has it."""

import fcntl

import pytest

from cluster import build
from cluster.layout import BIN


@pytest.fixture(scope="session", autouse=True)
def _helm() -> None:
    """Built if nobody has done so: once, in about a minute, while other test processes wait for it."""
    BIN.mkdir(parents=True, exist_ok=True)
    with (BIN / "helm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build.helm()
