import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stepladder_trainer.checkpoints import Checkpoints, archive
from stepladder_trainer.contract import Objective, Scalar, TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models import Request, Shape, build
from stepladder_trainer.models.freezing import freeze
from stepladder_trainer.models.transfer import start_from
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

DIGITS = Shape((1, 8, 8), 10)


def model(shape: Shape = DIGITS, seed: int = 1, **parameters: Any) -> nn.Module:
    parameters = {"model": "cnn", "width": 4, **parameters}
    return build(Request(shape, read(parameters, {}), torch.Generator()), torch.Generator().manual_seed(seed))


def same(left: Mapping[str, torch.Tensor], right: Mapping[str, torch.Tensor]) -> list[str]:
    assert list(left) == list(right)
    return [name for name in left if torch.equal(left[name], right[name])]


def trial(target: int, directory: Path | None, seed: int, weights: Path | None = None, **parameters: Scalar) -> Trial:
    document = TrialDocument(
        parameters=parameters, seed=seed, target_steps=target, horizon_steps=12,
        objective=Objective("validation_error"), checkpoint_directory=directory,
    )  # fmt: skip
    if directory:
        Checkpoints(directory).prepare()
    made = Trial(document, Board(), StopRequest())
    point = read({"model": "cnn", "width": 4, **parameters}, {})
    train(made, Plan("digits", point, 4, initial_weights=str(weights) if weights else None))
    return made


def weights_of(directory: Path) -> dict[str, torch.Tensor]:
    found = Checkpoints(directory).newest()
    assert found is not None
    return dict(found[1]["parts"]["model"])


@pytest.mark.parametrize(
    "form", ["state_dict", "nested", "distributed", "compiled", "checkpoint", "folder", "file_url", "folder_url"]
)
def test_weights_come_from_a_checkpoint_of_ours_or_any_state_dict(tmp_path: Path, form: str) -> None:
    trained = model(seed=2).state_dict()
    content: dict[str, Any] = {
        "state_dict": trained,
        "nested": {"state_dict": trained, "epoch": 3},
        "distributed": {f"module.{name}": value for name, value in trained.items()},
        "compiled": {"model": {f"_orig_mod.{name}": value for name, value in trained.items()}},
    }.get(form, {"identity": {}, "parts": {"model": trained}})
    location = tmp_path / "step-00000030.pt"
    if form in ("checkpoint", "folder", "file_url", "folder_url"):
        with location.open("wb") as file:
            archive.dump(content, file)
    else:
        torch.save(content, location)
    fresh = model()
    named = tmp_path if form.startswith("folder") else location
    start_from(fresh, named.as_uri() if form.endswith("url") else str(named))
    assert same(fresh.state_dict(), trained) == list(trained)


def test_a_head_of_another_size_keeps_its_initial_weights_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    trained, fresh = model(seed=2).state_dict(), model(Shape((1, 8, 8), 3))
    torch.save(trained, tmp_path / "weights.pt")
    begun = {name: value.clone() for name, value in fresh.state_dict().items()}
    start_from(fresh, str(tmp_path / "weights.pt"))
    now = fresh.state_dict()
    for name in now:
        expected = begun if name.startswith("head") else trained
        assert torch.equal(now[name], expected[name]), name
    assert "all but head: head.weight has shape (10, 16) there and (3, 16) here" in caplog.text


def test_a_head_is_the_last_layer_where_none_has_that_name(tmp_path: Path) -> None:
    """Other people's models have other names for it."""
    before, after = (nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, outputs)) for outputs in (2, 3))
    torch.save(before.state_dict(), tmp_path / "weights.pt")
    start_from(after, str(tmp_path / "weights.pt"))
    left, right = after.state_dict(), before.state_dict()
    assert torch.equal(left["0.weight"], right["0.weight"])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"width": 5}, r"body\.0\.weight has shape \(4, 1, 3, 3\) there and \(5, 1, 3, 3\) here"),
        ({"layers": 3}, r"body\.6\.weight is not among them"),
        ({"layers": 1}, r"body\.3\.weight is not in this model"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_its_first_tensor(
    tmp_path: Path, parameters: dict[str, Any], said: str
) -> None:
    torch.save(model(seed=2).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ConfigurationError, match=said):
        start_from(model(**parameters), str(tmp_path / "weights.pt"))


def test_what_holds_no_weights_is_refused(tmp_path: Path) -> None:
    """Code in a file must not run, and a damaged checkpoint must not be loaded as if it were none of ours."""
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    torch.save(model(), tmp_path / "pickled.pt")
    (tmp_path / "text.pt").write_text("no weights")
    (tmp_path / "passwd.pt").write_text("root:x:0:0:root:/root:/bin/bash")  # an r fetches what was never put there
    (tmp_path / "none").mkdir()
    with (tmp_path / "damaged.pt").open("wb") as file:
        archive.dump({"identity": {}, "parts": {"model": model().state_dict()}}, file)
        file.write(b"more")
    for name, said in {
        "empty.pt": "holds no weights", "pickled.pt": "save plain tensors", "text.pt": "cannot be read",
        "passwd.pt": "cannot be read", "none": "no whole checkpoint", "damaged.pt": "is damaged",
        "missing.pt": "check the path",
    }.items():  # fmt: skip
        with pytest.raises(ConfigurationError, match=said):
            start_from(model(), str(tmp_path / name))


def test_a_trial_starts_from_anothers_checkpoint_and_its_own_goes_before_that(tmp_path: Path) -> None:
    """Resuming must not ask for the initial weights again: who wrote them may have removed them since."""
    trial(4, tmp_path / "first", seed=1)
    trained = weights_of(tmp_path / "first")
    trial(1, tmp_path / "second", seed=2, weights=tmp_path / "first", learning_rate=0.0)
    assert same(weights_of(tmp_path / "second"), trained) == list(trained)
    trial(8, tmp_path / "whole", seed=2, weights=tmp_path / "first")
    trial(5, tmp_path / "cut", seed=2, weights=tmp_path / "first")
    trial(8, tmp_path / "cut", seed=2, weights=tmp_path / "removed")
    whole = weights_of(tmp_path / "whole")
    assert same(weights_of(tmp_path / "cut"), whole) == list(whole)


@pytest.mark.parametrize(
    ("wanted", "trained"),
    [
        ("all but head", ["head.weight", "head.bias"]),
        (
            "body.0, body.1",
            ["body.4.weight", "body.4.bias", "body.5.weight", "body.5.bias", "head.weight", "head.bias"],
        ),
        ("body.*", ["head.weight", "head.bias"]),
        (
            "all but body.5, *.bias",
            ["body.0.bias", "body.1.bias", "body.4.bias", "body.5.weight", "body.5.bias", "head.bias"],
        ),
    ],
)
@pytest.mark.parametrize("normalisation", ["batch", "ghost"])
def test_frozen_modules_stay_bit_for_bit_running_statistics_included(
    tmp_path: Path, wanted: str, trained: list[str], normalisation: str
) -> None:
    """Evaluations wake all modules; a frozen normalisation must go on using the statistics it came with."""
    parameters: dict[str, Any] = {"freeze": wanted, "normalisation": normalisation, "optimizer": "adam"}
    begun = model(seed=Seeds(3).initialisation, **parameters)
    trial(9, tmp_path, seed=3, weight_decay=0.1, **parameters)
    same_now = same(weights_of(tmp_path), begun.state_dict())
    moved = [name for name, _ in begun.named_parameters() if name not in same_now]
    assert moved == trained
    for norm in ("body.1", "body.5"):
        rested = f"{norm}.weight" not in trained
        assert (f"{norm}.running_mean" in same_now) == (f"{norm}.num_batches_tracked" in same_now) == rested, norm


def test_a_frozen_run_cut_and_resumed_equals_one_in_one_go(tmp_path: Path) -> None:
    parameters: dict[str, Any] = {"freeze": "body.0,body.1", "normalisation": "ghost", "dropout": 0.3}
    trial(9, tmp_path / "whole", seed=3, **parameters)
    for target in (2, 5, 9):
        trial(target, tmp_path / "cut", seed=3, **parameters)
    whole = weights_of(tmp_path / "whole")
    assert same(weights_of(tmp_path / "cut"), whole) == list(whole)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("stem", "'stem', which this model does not have: its parts are body, head"), ("*", "leaves nothing to train")],
)
def test_what_cannot_be_frozen_is_said(wanted: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        model(freeze=wanted)


def test_freezing_nothing_leaves_what_a_model_has_frozen_itself() -> None:
    own = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    own[0].requires_grad_(requires_grad=False)
    freeze(own, "none")
    assert not own[0].weight.requires_grad
