"""One process for each GPU of this node, started and watched by torchrun's agent.

The agent never starts them again: the operator does, from the checkpoint, with back-off and a reason. It ends as the
process that speaks for the node has ended, so that the exit code says why.
"""

import json
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stepladder_trainer import contract
from stepladder_trainer.distributed.ranks import Node, node
from stepladder_trainer.outcomes import EXIT_CODES, Reason

if TYPE_CHECKING:
    from torch.distributed.launcher.api import LaunchConfig

SHUTDOWN_SECONDS = 25  # for the last step and the last checkpoint; Kubernetes itself waits for 30


def gpus() -> int:
    """The GPUs of this node, counted without importing PyTorch."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def started() -> bool:
    """Whether torchrun has started this process as one of several."""
    return "LOCAL_RANK" in os.environ


def only_one_here(environ: MutableMapping[str, str]) -> None:
    """Let this process be the only one of its node, which needs no agent."""
    here = node(environ)
    if here.count > 1:
        environ.update(
            RANK=str(here.rank),
            WORLD_SIZE=str(here.count),
            LOCAL_RANK="0",
            MASTER_ADDR=here.leader,
            MASTER_PORT=str(here.port),
        )


def launch(arguments: Sequence[str], processes: int) -> int:
    """Run `python -m stepladder_trainer` with `arguments` as `processes` processes of this node, to their end.

    Returns the exit code of the node: that of its last words if there are any, else that of the first process to fail.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    here = node(os.environ)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        elastic_launch(_config(here, processes), sys.executable)("-m", "stepladder_trainer", *arguments)
    except SignalException:
        return _last_words() or EXIT_CODES[Reason.INTERRUPTED]
    except ChildFailedError as error:
        first = min(error.failures.values(), key=lambda failure: failure.timestamp)
        return _last_words() or max(first.exitcode, 1)
    return 0


def _config(here: Node, processes: int) -> "LaunchConfig":
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs
    from torch.distributed.launcher.api import LaunchConfig

    alone = here.count == 1
    return LaunchConfig(
        min_nodes=here.count,
        max_nodes=here.count,
        nproc_per_node=processes,
        logs_specs=DefaultLogsSpecs(),
        run_id="trial",
        # One node asks nobody where the others are, and takes any free port.
        rdzv_backend="c10d" if alone else "static",
        rdzv_endpoint="localhost:0" if alone else f"{here.leader}:{here.port}",
        rdzv_configs={} if alone else {"rank": here.rank, "timeout": 600},
        max_restarts=0,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )


def _last_words() -> int | None:
    """The exit code for the reason in this node's termination message; None where there is no message."""
    try:
        reason = json.loads(contract.termination_log(os.environ).read_text())["reason"]
        return EXIT_CODES[Reason(reason)]
    except (OSError, ValueError, KeyError, TypeError):
        return None
