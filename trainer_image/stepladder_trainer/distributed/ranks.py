"""Which of the processes of a trial this one is."""

from collections.abc import Mapping
from dataclasses import dataclass

from stepladder_trainer.outcomes import ConfigurationError


@dataclass(frozen=True)
class Ranks:
    """`rank` of `world` processes, `local` among those of this node. Rank 0 alone logs, serves and saves."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process speaks for the trial."""
        return self.rank == 0

    @property
    def leads_node(self) -> bool:
        """Whether this process writes the termination message of its pod."""
        return self.local == 0


@dataclass(frozen=True)
class Node:
    """Which of the nodes of a trial this one is, as torchrun's own variables tell (PET_NNODES, ...)."""

    rank: int = 0
    count: int = 1
    leader: str = "127.0.0.1"
    port: int = 29500


def ranks(environ: Mapping[str, str]) -> Ranks:
    """This process among those that torchrun has started, or the only one. Raises ConfigurationError."""
    if "LOCAL_RANK" not in environ:
        return Ranks()
    return Ranks(_whole(environ, "RANK"), _whole(environ, "WORLD_SIZE"), _whole(environ, "LOCAL_RANK"))


def node(environ: Mapping[str, str]) -> Node:
    """This node among those of the trial. Raises ConfigurationError."""
    return Node(
        _whole(environ, "PET_NODE_RANK", 0),
        _whole(environ, "PET_NNODES", 1),
        environ.get("PET_MASTER_ADDR", "127.0.0.1"),
        _whole(environ, "PET_MASTER_PORT", 29500),
    )


def _whole(environ: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environ.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise ConfigurationError(f"{name} must be a whole number, not {text!r}: it is set by torchrun or the operator")
    return int(text)
