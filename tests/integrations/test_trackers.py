"""One contract for all trackers, each read back with its own library: a run that died and went on is one curve."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepladder_trainer import tracking
from stepladder_trainer.checkpoints.directory import Directory
from stepladder_trainer.tracking import Open, Point, Run

PARAMETERS: dict[str, bool | float | str] = {"learning_rate": 0.1, "optimizer": "adam", "nesterov": True}
Curve = list[tuple[int, float]]


def read_tensorboard(directory: Path) -> tuple[Curve, dict[str, Any]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    events = EventAccumulator(str(directory)).Reload()
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    values = metadata.parse_session_start_info_plugin_data(content).hparams
    found = {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}
    return [(event.step, event.value) for event in events.Scalars("training_loss")], found


def read_mlflow(directory: Path) -> tuple[Curve, dict[str, Any]]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{directory}/mlflow.db")
    experiment = client.get_experiment_by_name("vision/digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("digits-7", "FINISHED")
    history = client.get_metric_history(run.info.run_id, "training_loss")
    return [(metric.step, metric.value) for metric in history], run.data.params


def read_wandb(directory: Path) -> tuple[Curve, dict[str, Any]]:
    """Offline, every segment is a file of its own; their common id makes them one run when they are uploaded."""
    import wandb
    from wandb.proto import wandb_internal_pb2

    wandb.teardown()  # as at the end of a process: its service writes what it still has
    curve: Curve = []
    config: dict[str, Any] = {}
    for path in sorted(directory.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns):
        assert path.name == "run-vision-digits-digits-7.wandb"
        for data in leveldb_records(path.read_bytes()[7:]):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            for item in record.run.config.update:
                config[item.key] = json.loads(item.value_json)
            values = {(item.key or item.nested_key[0]): json.loads(item.value_json) for item in record.history.item}
            if "training_loss" in values:
                curve.append((values["_step"], values["training_loss"]))
    return curve, config


def leveldb_records(log: bytes) -> Iterator[bytes]:
    """Of the first block: each has a checksum (4 bytes), a length (2), and the type of a record that is not split."""
    while len(log) > 7:
        length, kind = struct.unpack_from("<HB", log, 4)
        assert kind == 1
        yield log[7 : 7 + length]
        log = log[7 + length :]


Read = Callable[[Path], tuple[Curve, dict[str, Any]]]
READERS: dict[str, Read] = {"TensorBoard": read_tensorboard, "mlflow": read_mlflow, "wandb": read_wandb}


@pytest.fixture(params=READERS)
def tracker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Open, Read]:
    for variable in ("WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    name: str = request.param
    openers = dict([*tracking.always(), *tracking.optional(tracking.OPTIONAL)])
    return openers[name], READERS[name]


@pytest.mark.filterwarnings("default")  # of the libraries
def test_a_run_that_died_and_went_on_is_one_curve_with_its_hyperparameters(
    tracker: tuple[Open, Read], tmp_path: Path
) -> None:
    """The first process is killed at step 5, two after its checkpoint; the second trains 4 and 5 again."""
    track, read = tracker
    for from_step, last, dies in ((0, 5, True), (3, 8, False)):
        run = Run("vision/digits/digits-7", PARAMETERS, Directory(tmp_path), seed=3, from_step=from_step)
        writing = track(run)
        assert writing is not None
        for step in range(from_step + 1, last + 1):
            writing.write([Point(step, 1.7e9 + step, {"training_loss": 1 / 2**step})])
        if not dies or read is read_wandb:  # whose file is another process's, that outlives this one's death
            writing.close()
    curve, parameters = read(tmp_path)
    if read is read_wandb:
        curve = sorted(set(curve))  # until the segments are uploaded; the numbers of a step are the same
    assert curve == [(step, 1 / 2**step) for step in range(1, 9)]
    expected: dict[str, Any] = {**PARAMETERS, "seed": 3}
    if read is read_mlflow:
        expected = {name: str(value) for name, value in expected.items()}
    assert {name: parameters[name] for name in expected} == expected
