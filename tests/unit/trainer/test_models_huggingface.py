"""Models of transformers, with tiny configurations that are written here: nothing is downloaded."""

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import Scalar, TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models import Request, Shape, build
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.registry import model_entry
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

TEXT = Shape((6,), 11, vocabulary=11)
TAGS = Shape((6,), 4, vocabulary=11)

pytestmark = pytest.mark.long  # importing transformers takes seconds


def gpt2(folder: Path, *, weights: bool) -> Path:
    from transformers import GPT2Config, GPT2LMHeadModel

    configuration = GPT2Config(
        vocab_size=11, n_positions=8, n_embd=8, n_layer=1, n_head=2, resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5
    )
    (GPT2LMHeadModel(configuration) if weights else configuration).save_pretrained(folder)
    return folder


def vit(folder: Path, *, weights: bool) -> Path:
    from transformers import ViTConfig, ViTForImageClassification

    configuration = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=8,
        hidden_dropout_prob=0.3,
    )  # fmt: skip
    configuration.num_labels = 5
    (ViTForImageClassification(configuration) if weights else configuration).save_pretrained(folder)
    return folder


def model(folder: Path, shape: Shape, seed: int = 1, dropout: torch.Generator | None = None) -> nn.Module:
    point = read({"model": f"huggingface:{folder}"}, {})
    return build(Request(shape, point, dropout or torch.Generator()), torch.Generator().manual_seed(seed))


def tokens() -> torch.Tensor:
    return torch.randint(11, (3, 6), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [TEXT, TAGS])
def test_a_folder_with_weights_is_a_pretrained_language_model_or_tagger(tmp_path: Path, shape: Shape) -> None:
    folder = gpt2(tmp_path, weights=True)
    first, second = (model(folder, shape, seed=seed) for seed in (1, 2))
    assert first.eval()(tokens()).shape == (3, 6, shape.outputs)
    states = [made.state_dict() for made in (first, second)]
    differing = [name for name in states[0] if not torch.equal(states[0][name], states[1][name])]
    assert {name.split(".")[1] for name in differing} == (set() if shape is TEXT else {"classifier"})


def test_a_folder_with_a_configuration_alone_is_drawn_from_the_seed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = gpt2(tmp_path, weights=False)
    states = [model(folder, Shape((6,), 7, vocabulary=7), seed=seed).state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])
    assert states[0]["model.transformer.wte.weight"].shape == (7, 8), "the vocabulary is the task's"
    assert "drawn from the trial's seed" in caplog.text


@pytest.mark.parametrize(("weights", "channels"), [(True, 1), (True, 3), (False, 1)])
def test_images_are_brought_to_the_size_and_channels_of_the_model(tmp_path: Path, weights: bool, channels: int) -> None:
    """And the head to the classes of the task."""
    made = model(vit(tmp_path, weights=weights), Shape((channels, 8, 8), 3)).eval()
    assert made(torch.zeros(2, channels, 8, 8)).shape == (2, 3)


def test_dropout_is_a_function_of_the_step_and_leaves_the_global_generator_alone(
    tmp_path: Path,
) -> None:
    """A resumed run must drop the same, though these models draw from the global generator; and micro-batches of one
    step must not share their masks."""
    dropout = torch.Generator()
    made = model(gpt2(tmp_path, weights=True), TEXT, dropout=dropout)
    dropout.manual_seed(5)
    first, next_one = made(tokens()), made(tokens())
    torch.manual_seed(99)
    dropout.manual_seed(5)
    torch.rand(7)
    before = torch.get_rng_state()
    assert torch.equal(made(tokens()), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, next_one)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (Shape((9,), 11, vocabulary=11), "reads at most 8 tokens, and the task's examples have 9"),
        (Shape((6,), 12, vocabulary=12), "knows 11 tokens, and the task has 12"),
        (Shape((30,), 2), "needs images"),
    ],
)
def test_a_pretrained_model_that_cannot_take_the_examples_says_why(tmp_path: Path, shape: Shape, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        model(gpt2(tmp_path, weights=True), shape)


def test_a_larger_pretrained_vocabulary_is_cut_to_the_tasks(tmp_path: Path) -> None:
    made = model(gpt2(tmp_path, weights=True), Shape((6,), 7, vocabulary=7)).eval()
    assert made(tokens() % 7).shape == (3, 6, 7)


def test_nothing_is_downloaded_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refused(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    with pytest.raises(ConfigurationError, match=r"nobody/nothing cannot be loaded.*HF_HUB_OFFLINE=0"):
        model(Path("nobody/nothing"), TEXT)


def test_training_one_cut_and_resumed_equals_training_in_one_go(tmp_path: Path) -> None:
    """With its dropout, and whether a process has evaluated yet or not: pretrained models come without dropout."""
    parameters: dict[str, Scalar] = {"model": f"huggingface:{vit(tmp_path / 'vit', weights=True)}", "batch_size": 16}
    for name, targets in {"whole": (6,), "cut": (1, 4, 6)}.items():
        for target in targets:
            Checkpoints(tmp_path / name).prepare()
            document = TrialDocument(
                parameters=parameters,
                seed=7,
                target_steps=target,
                horizon_steps=6,
                checkpoint_directory=tmp_path / name,
            )
            torch.rand(target)
            train(Trial(document, Board(), StopRequest()), Plan("digits", read(parameters, {}), 2))
    whole, cut = (Checkpoints(tmp_path / name).newest() for name in ("whole", "cut"))
    assert whole is not None
    assert cut is not None
    left, right = whole[1]["parts"]["model"], cut[1]["parts"]["model"]
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    assert whole[1]["evaluations"][-1] == cut[1]["evaluations"][-1]


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'stepladder-trainer\[huggingface\]'"):
        model(tmp_path, TEXT)


def test_a_prefix_says_that_it_is_no_module_of_ones_own() -> None:
    assert model_entry("huggingface:gpt2").source == "stepladder_trainer.models.huggingface:huggingface"
    assert model_entry("package:gpt2").source == "package:gpt2"
