"""Several processes of one trial: the same training as one, one voice, one end."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.distributed import launch
from stepladder_trainer.distributed.group import Group, joined
from stepladder_trainer.distributed.ranks import Node, Ranks, node, ranks
from stepladder_trainer.outcomes import ConfigurationError
from trainer.conftest import Home

PARAMETERS = {
    "model": "cnn",
    "width": 8,
    "normalisation": "batch",
    "averaging": "ema",
    "dropout": 0.2,
    "batch_size": 96,
}


def test_torchruns_variables_say_who_is_who() -> None:
    assert ranks({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}) == Ranks(3, 4, 1)
    assert ranks({"RANK": "3", "WORLD_SIZE": "4"}) == Ranks(), "without a local rank nobody has started several"
    assert node({"PET_NNODES": "2", "PET_NODE_RANK": "1", "PET_MASTER_ADDR": "10.0.0.7"}) == Node(1, 2, "10.0.0.7")
    with pytest.raises(ConfigurationError, match="WORLD_SIZE"):
        ranks({"RANK": "0", "WORLD_SIZE": "two", "LOCAL_RANK": "0"})


def test_the_only_process_of_a_node_needs_no_agent() -> None:
    """Catches an agent's start, which takes seconds, where there is one GPU on each node."""
    environ = {"PET_NNODES": "2", "PET_NODE_RANK": "1", "PET_MASTER_ADDR": "10.0.0.7"}
    launch.only_one_here(environ)
    assert ranks(environ) == Ranks(1, 2, 0)
    assert (environ["MASTER_ADDR"], environ["MASTER_PORT"]) == ("10.0.0.7", "29500")


def test_processes_that_are_not_told_where_to_meet_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of torchrun that were left over in a shell: it was an error of PyTorch's, to be tried again."""
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(ConfigurationError, match=r"process 0 of 2.*MASTER_ADDR expected.*or unset LOCAL_RANK"),
        joined(Ranks(0, 2), torch.device("cpu")),
    ):
        pass


def test_alone_a_process_agrees_with_itself() -> None:
    group = Group(Ranks())
    assert group.agree(True, False) == (True, False)
    assert group.sums({"loss": 2.0}) == {"loss": 2.0}
    group.check_same(7)


def start(home: Home, processes: int, *flags: str, target: int = 12, **document: Any) -> subprocess.Popen[str]:
    home.directory.mkdir(exist_ok=True)
    filled = {"parameters": PARAMETERS, "targetSteps": target, "horizonSteps": 12, "evaluationSteps": [6], **document}
    command = [sys.executable, "-m", "stepladder_trainer", "--task=digits", "--device=cpu", "--evaluate-every=6"]
    return subprocess.Popen(
        [*command, f"--processes-per-node={processes}", *flags],
        env={**os.environ, **home.environment(**filled), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, told = process.communicate(timeout=240)
    return process.returncode, told


def weights(home: Home) -> dict[str, torch.Tensor]:
    found = Checkpoints(str(home.checkpoints)).newest()
    assert found is not None
    assert found[0] == 12
    model: dict[str, torch.Tensor] = found[1]["parts"]["model"]
    return model


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_processes_train_what_one_does_and_resume_bit_for_bit(tmp_path: Path) -> None:
    """Catches a batch that both see, gradients that are summed, statistics of batch normalisation that are one
    process's own, evaluation of a half, a second writer, and a resume from elsewhere. Against one process without
    dropout and batch normalisation, since each process drops its own units and sees its own batch."""
    without: dict[str, Any] = {"parameters": {"model": "cnn", "width": 8, "batch_size": 96}}
    one, two = Home(tmp_path / "one"), Home(tmp_path / "two")
    assert end(start(one, 1, **without))[0] == 0
    code, told = end(start(two, 2, **without))
    assert code == 0, told
    assert told.count("Completed: reached step 12") == 1, told
    mine, theirs = weights(one), weights(two)
    for name, weight in mine.items():
        torch.testing.assert_close(theirs[name], weight, rtol=1e-4, atol=1e-5)
    pairs = zip(one.termination()["evaluations"], two.termination()["evaluations"], strict=True)
    assert all(left == pytest.approx(right, abs=1e-3) for left, right in pairs)

    whole, cut = Home(tmp_path / "whole"), Home(tmp_path / "cut")
    assert end(start(whole, 2))[0] == 0
    assert end(start(cut, 2, target=5))[0] == 0, "between two evaluations, where nothing else is the same in both"
    assert end(start(cut, 2))[0] == 0
    assert cut.termination()["fromStep"] == 5
    mine, theirs = weights(whole), weights(cut)
    assert all(torch.equal(theirs[name], weight) for name, weight in mine.items())
    evaluations = whole.termination()["evaluations"]
    assert [item for item in cut.termination()["evaluations"] if item[0] != 5] == evaluations


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_model_in_shards_is_saved_whole(tmp_path: Path) -> None:
    """One process can go on with what two have sharded. Catches a checkpoint of one shard."""
    parameters: dict[str, Any] = {"parameters": {"model": "mlp", "width": 8, "batch_size": 96}}
    one, sharded = Home(tmp_path / "one"), Home(tmp_path / "sharded")
    assert end(start(one, 1, **parameters))[0] == 0
    code, told = end(start(sharded, 2, "--sharding=full", target=6, **parameters))
    assert code == 0, told
    assert end(start(sharded, 1, **parameters))[0] == 0
    mine, theirs = weights(one), weights(sharded)
    for name, weight in mine.items():
        torch.testing.assert_close(theirs[name], weight, rtol=1e-4, atol=1e-5)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_signal_to_one_stops_all_at_the_same_step_and_a_divergence_ends_all(tmp_path: Path) -> None:
    """SIGTERM comes to the agent, which hands it on at different moments. Catches a process that waits for ever for
    the gradients of one that has left, and an agent's exit code in place of the reason's."""
    home = Home(tmp_path / "stopped")
    process = start(home, 2, target=1_000_000, horizonSteps=1_000_000)
    assert process.stderr is not None
    for line in process.stderr:
        if "step 6 of" in line:
            break
    process.send_signal(signal.SIGTERM)
    code, told = end(process)
    assert code == 75, told
    assert home.termination()["reason"] == "Interrupted"
    assert home.termination()["checkpoint"]

    diverging = Home(tmp_path / "diverging")
    rate: dict[str, Any] = {
        "parameters": {**PARAMETERS, "normalisation": "none", "optimizer": "sgd", "learning_rate": 1e9}
    }
    code, told = end(start(diverging, 2, **rate))
    assert code == 65, told
    assert diverging.termination()["reason"] == "Infeasible"
