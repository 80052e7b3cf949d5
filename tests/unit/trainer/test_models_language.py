"""Language models on a text whose next character is known to whoever remembers the last four."""

from pathlib import Path

import pytest
import torch

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import Scalar, TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

SENTENCE = "aaab aaac aabd "  # after aaa there is b or c, by the letters before


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(SENTENCE * 600)
    return path


def train_on(text: Path, steps: int, directory: Path | None = None, **parameters: Scalar) -> Trial:
    if directory:
        Checkpoints(directory).prepare()
    given = {"width": 16, "heads": 2, "layers": 1, "batch_size": 8, "learning_rate": 0.01, **parameters}
    document = TrialDocument(
        parameters=given, seed=7, target_steps=steps, horizon_steps=200, checkpoint_directory=directory
    )
    trial = Trial(document, Board(), StopRequest())
    train(trial, Plan("text", read(given, {}), 100, data=str(text), options={"context": 32}))
    return trial


@pytest.mark.long
@pytest.mark.parametrize("model", ["transformer", "rnn"])
def test_a_language_model_learns_what_its_context_decides(text: Path, model: str) -> None:
    """Only the first characters of a window, whose past is cut off, can be wrong."""
    error = train_on(text, 200, model=model).history.value("validation_error", 200)
    assert error is not None
    assert error < 0.2


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("model", ["transformer", "rnn"])
@pytest.mark.long
def test_a_language_model_cut_anywhere_and_resumed_equals_one_in_one_go(
    text: Path, tmp_path: Path, model: str, tied: bool
) -> None:
    for name, targets in {"whole": (5,), "cut": (1, 3, 5)}.items():
        for target in targets:
            train_on(text, target, tmp_path / name, model=model, tied_embeddings=tied, dropout=0.3)
    whole, cut = (Checkpoints(tmp_path / name).newest() for name in ("whole", "cut"))
    assert whole is not None
    assert cut is not None
    left, right = whole[1]["parts"]["model"], cut[1]["parts"]["model"]
    assert list(left) == list(right)
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    assert whole[1]["evaluations"][-1] == cut[1]["evaluations"][-1]
