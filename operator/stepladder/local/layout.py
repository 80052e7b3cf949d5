"""Where everything lies under `--home`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The paths of one home. A home holds one study, so names need no namespace."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the one process that runs the study."""
        return self.root / "lock"

    @property
    def objects(self) -> Path:
        """The object store's journal."""
        return self.root / "objects.jsonl"

    @property
    def optuna(self) -> Path:
        """The sampler's database, which can be rebuilt from the objects."""
        return self.root / "optuna.db"

    @property
    def pods(self) -> Path:
        """One directory per pod that exists."""
        return self.root / "pods"

    def pod(self, uid: str) -> Path:
        """What the kubelet keeps of a pod as long as its object exists: process, last words, emptyDir volumes."""
        return self.pods / uid

    def process(self, uid: str) -> Path:
        """The process that runs the pod, as long as it does."""
        return self.pod(uid) / "process.json"

    def termination_log(self, uid: str) -> Path:
        """Where the pod's trainer leaves its last words."""
        return self.pod(uid) / "termination-log"

    def empty_dir(self, uid: str, volume: str) -> Path:
        """An emptyDir volume, which goes with its pod."""
        return self.pod(uid) / "volumes" / volume

    def claim(self, name: str) -> Path:
        """A persistent volume, by the name of its claim."""
        return self.root / "volumes" / name

    def log(self, pod: str) -> Path:
        """What the pod's trainer has printed; kept for good."""
        return self.root / "logs" / f"{pod}.log"
