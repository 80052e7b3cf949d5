"""A store, a home on disk, and pods for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepladder.control.store import Object
from stepladder.local.layout import Layout
from stepladder.local.store import MemoryStore

PodMaker = Callable[..., Object]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "home")


@pytest.fixture
def make_pod() -> PodMaker:
    """A pod whose trainer runs a shell script."""

    def make(script: str = "true", name: str = "trial-0-1", **spec: Any) -> Object:
        container = {"name": "trainer", "image": "example.test/any", "command": ["sh", "-c", script]}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "lab"},
            "spec": {"restartPolicy": "Never", "containers": [container | spec.pop("container", {})], **spec},
        }

    return make
