"""One cgroup for all pods of the cluster, so that they can be found and removed."""

from pathlib import Path

from cluster.layout import Node

TOP = Path("/sys/fs/cgroup")
NAME = "stepladder"


def make(node: Node) -> None:
    """The cgroup that the node's kubelet makes those of its pods in."""
    for root in roots():
        for directory in (root, root / node.name):
            directory.mkdir(exist_ok=True)
            for share in ("cpuset.cpus", "cpuset.mems"):  # in version 1 they start empty, and nothing can run there
                if (directory / share).exists() and not (directory / share).read_text().strip():
                    (directory / share).write_text((directory.parent / share).read_text())


def remove() -> None:
    for root in roots():
        if root.exists():
            for directory in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
                directory.rmdir()
            root.rmdir()


def roots() -> list[Path]:
    """In every controller's hierarchy (version 1), or in the one there is (version 2)."""
    if (TOP / "cgroup.controllers").exists():
        return [TOP / NAME]
    return [path / NAME for path in TOP.iterdir() if path.is_dir()]
