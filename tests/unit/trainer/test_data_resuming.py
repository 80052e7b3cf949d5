"""Resuming equals not stopping, for data that come through workers, texts, augmentation and seeds held apart."""

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.cli import main
from stepladder_trainer.contract import Objective, Scalar, TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.plan import EvaluationSettings
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial
from trainer.conftest import Home
from trainer.runs import assert_same, state
from trainer.test_process import finish, trainer, until

HORIZON = 8


def train_to(
    target: int, directory: Path, task: str, /, *, parameters: Mapping[str, Scalar], data: Path | None = None,
    workers: int | None = None, sample: int = 0, **options: Scalar,
) -> Trial:  # fmt: skip
    document = TrialDocument(
        parameters=parameters, seed=7, target_steps=target, horizon_steps=HORIZON,
        evaluation_steps=frozenset({1, 3, HORIZON}), objective=Objective("validation_error"),
        checkpoint_directory=directory,
    )  # fmt: skip
    Checkpoints(directory).prepare()
    trial = Trial(document, Board(), StopRequest())
    plan = Plan(
        task, read(parameters, {}), HORIZON, data=None if data is None else str(data), options=options,
        loader_workers=workers, evaluation=EvaluationSettings(sample=sample, training=10),
    )  # fmt: skip
    train(trial, plan)
    return trial


def cut_equals_whole(
    tmp_path: Path, task: str, data: Path | None, parameters: Mapping[str, Scalar], **more: Scalar
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train_to(HORIZON, whole, task, parameters=parameters, data=data, workers=0, sample=5, **more)
    for target in (1, 3, HORIZON):
        train_to(target, cut, task, parameters=parameters, data=data, workers=target % 2, sample=5, **more)
    assert_same(state(cut), state(whole))
    for name in ("classes.jsonl", "predictions.jsonl", "evaluations.jsonl"):
        left, right = (folder / name for folder in (cut, whole))
        assert left.exists() == right.exists()
        assert not left.exists() or left.read_text() == right.read_text()


def birds(folder: Path) -> Path:
    for number in range(24):
        path = folder / "birds" / ("robin", "tit")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (10 * number, 255 - 9 * number, 7)).save(path)
    return folder / "birds"


@pytest.mark.long
def test_a_process_that_is_stopped_leaves_no_worker_and_goes_on_exactly(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM reaches a trainer whose workers have inherited its handlers."""
    arguments = ["--task=image_folder", f"--data={birds(tmp_path)}", "--option=size=8", "--evaluate-every=50"]
    settings = {"parameters": {"batch_size": 5, "width": 3, "augmentation": "flip"}, "horizonSteps": 10**6}
    with trainer(home, [*arguments, "--loader-workers=1"], targetSteps=10**6, **settings) as process:
        until(lambda: bool(list(home.checkpoints.glob("*.pt"))))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGTERM)
        assert finish(process)[0] == 75
    assert children
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    stopped_at = max(Checkpoints(home.checkpoints).steps())
    quiet = Home(tmp_path / "quiet")
    quiet.directory.mkdir()
    for place in (home, quiet):
        for name, value in place.environment(targetSteps=stopped_at + 9, **settings).items():
            monkeypatch.setenv(name, value)
        main([*arguments, "--loader-workers=0"])
    left, right = state(home.checkpoints), state(quiet.checkpoints)
    left["evaluations"] = [item for item in left["evaluations"] if item in right["evaluations"]]
    assert_same(left, right)


@pytest.mark.long
def test_images_through_workers_augmented(tmp_path: Path) -> None:
    """One worker in the first and second segment, none in the last and in the run that is not cut."""
    parameters: dict[str, Scalar] = {
        "model": "cnn", "width": 3, "layers": 1, "batch_size": 5, "dropout": 0.2, "data_fraction": 0.8,
        "augmentation": "flip+shift+rotate+cutout+noise+mixup", "augmentation_strength": 0.7, "augmentation_seed": 3,
    }  # fmt: skip
    cut_equals_whole(tmp_path, "image_folder", birds(tmp_path), parameters, size=8)


def test_a_text(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("to be or not to be, that is the question. " * 20)
    parameters: dict[str, Scalar] = {
        "model": "transformer", "width": 8, "heads": 2, "layers": 1, "batch_size": 7, "dropout": 0.1, "data_seed": 5,
    }  # fmt: skip
    cut_equals_whole(tmp_path, "text", tmp_path / "book.txt", parameters, context=8)


def test_a_table_with_noise_and_mixup(tmp_path: Path) -> None:
    rows = [f"{i},{i % 7},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["x,z,y", *rows]))
    parameters: dict[str, Scalar] = {
        "model": "mlp", "width": 4, "batch_size": 6, "augmentation": "noise+mixup", "initialisation_seed": 4,
    }  # fmt: skip
    cut_equals_whole(tmp_path, "table", tmp_path / "t.csv", parameters, target="y", test=0.2)


def test_the_test_set_is_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    found = train_to(
        HORIZON, tmp_path / "c", "table", parameters={"batch_size": 8}, data=tmp_path / "t.csv", target="y", test=0.2
    )
    assert [step for step, _ in found.history.values("test_error")] == [HORIZON]
    assert [step for step, _ in found.history.values("training_error")] == [1, 3, HORIZON]
