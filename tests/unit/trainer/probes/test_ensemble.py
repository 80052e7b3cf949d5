"""Ensembles of real trials: an ensemble of one is that trial, of two what a hand makes of their outputs."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stepladder_trainer import models, tasks
from stepladder_trainer.contract import Member, Objective, Scalar, TrialDocument
from stepladder_trainer.data import Batch, Examples
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models.autoencoder import Reconstruction
from stepladder_trainer.outcomes import ConfigurationError, StorageError
from stepladder_trainer.plan import EvaluationSettings, Plan
from stepladder_trainer.probes import options
from stepladder_trainer.probes.decisions.ensemble import Scores, Yardstick, judge, yardstick
from stepladder_trainer.probes.measuring import ensemble
from stepladder_trainer.serving.checkpoint import Found
from stepladder_trainer.serving.model import Served, loaded
from stepladder_trainer.tasks.regression import measure_against
from trainer.probes.samples import StopsAfter, bench_of, plan_of, probe, verdict_of
from trainer.runs import HORIZON, state, train_to

pytestmark = pytest.mark.usefixtures("read_data_once")

SMALL: Mapping[str, Scalar] = {"width": 4, "learning_rate": 0.02}


def members(directory: Path, *changes: Mapping[str, Scalar], task: str = "digits") -> tuple[Member, ...]:
    """Trials of `HORIZON` steps, one for each of `changes`, each with a seed of its own."""
    found = []
    for place, change in enumerate(changes):
        train_to(HORIZON, directory / str(place), task=task, parameters={**SMALL, **change}, seed=place)
        found.append(Member(f"trial-{place}", str(directory / str(place) / f"step-{HORIZON:08d}.pt")))
    return tuple(found)


def scores(found: tuple[Member, ...], plan: Plan = plan_of("digits", SMALL)) -> Scores:  # noqa: B008  frozen
    bench = bench_of(plan)
    return ensemble.measure(bench, found, bench.task.validation, "validation")


def outputs_of(member: Member, parameters: Mapping[str, Scalar], task: str = "digits") -> tuple[Tensor, Batch]:
    """What the member's weights say of the validation set, without the code under test."""
    loaded = tasks.load(task)
    assert isinstance(loaded.validation, Examples)
    batch = loaded.validation.at(slice(None))
    return module_of(member, parameters, task)(batch.inputs).detach(), batch


def module_of(member: Member, parameters: Mapping[str, Scalar], task: str = "digits") -> nn.Module:
    request = models.Request(tasks.load(task).shape, read({"model": "mlp", **parameters}, {}), torch.Generator())
    model = models.build(request, torch.Generator()).eval()
    model.load_state_dict(state(Path(member.checkpoint).parent)["parts"]["model"])
    return model


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("digits", {}),
        ("digits", {"averaging": "ema", "ema_decay": 0.9, "normalisation": "batch"}),
        ("diabetes", {}),
    ],
)
def test_an_ensemble_of_one_is_what_its_trial_has_recorded_bit_for_bit(
    tmp_path: Path, task: str, change: Mapping[str, Scalar]
) -> None:
    """Catches the last weights in the place of the averaged ones, another validation set, and probabilities whose
    rounding makes two classes equal."""
    one = members(tmp_path, change, task=task)
    found = scores(one, plan_of(task, {**SMALL, **change}))
    recorded = {name.removeprefix("validation_"): value for name, value in found.recorded[0].items()}
    assert recorded
    assert found.alone == found.together == (recorded,)
    assert found.averaged_weights is None


def test_two_together_say_the_mean_of_their_probabilities(tmp_path: Path) -> None:
    two = members(tmp_path, {}, {"learning_rate": 0.05, "width": 6})
    found = scores(two)
    first, batch = outputs_of(two[0], SMALL)
    second, _ = outputs_of(two[1], {**SMALL, "width": 6})
    shares = (first.double().softmax(1) + second.double().softmax(1)) / 2
    wrong = (shares.argmax(1) != batch.targets).double().mean().item()
    surprise = -shares[torch.arange(len(shares)), batch.targets].log().mean().item()
    assert found.together[1]["error"] == wrong
    assert found.together[1]["loss"] == pytest.approx(surprise, rel=1e-12)
    assert wrong != found.together[0]["error"] == found.alone[0]["error"]
    assert found.averaged_weights is None, "their layers are not of one width"


def test_a_regression_takes_the_mean_of_the_predictions(tmp_path: Path) -> None:
    two = members(tmp_path, {}, {"learning_rate": 0.05}, task="diabetes")
    found = scores(two, plan_of("diabetes", SMALL))
    (first, batch), (second, _) = (outputs_of(member, SMALL, "diabetes") for member in two)
    mean = (first.double() + second.double()) / 2
    error = measure_against(batch.targets)(mean, batch.targets)["error"].mean().item()
    assert found.together[1]["error"] == pytest.approx(error, rel=1e-12)


def test_one_model_has_the_mean_of_the_weights(tmp_path: Path) -> None:
    two = members(tmp_path, {}, {"learning_rate": 0.05, "dropout": 0.2})
    found = scores(two)
    models_ = [module_of(member, SMALL) for member in two]
    states = [model.state_dict() for model in models_]
    models_[0].load_state_dict({name: (states[0][name] + states[1][name]) / 2 for name in states[0]})
    _, batch = outputs_of(two[0], SMALL)
    error = tasks.load("digits").measure(models_[0](batch.inputs), batch.targets)["error"].mean().item()
    assert found.averaged_weights is not None
    assert found.averaged_weights["error"] == error


def test_models_with_statistics_of_batches_have_no_averaged_weights(tmp_path: Path) -> None:
    """The mean of two trainings' statistics is that of no model: such a verdict would be of an artefact."""
    change: Mapping[str, Scalar] = {"normalisation": "batch"}
    found = scores(members(tmp_path, change, change), plan_of("digits", {**SMALL, **change}))
    assert found.averaged_weights is None


def test_what_was_recorded_of_a_sample_is_not_compared(tmp_path: Path) -> None:
    """Before the horizon it is of the sample, at the horizon of all: a difference would be a false alarm."""
    settings = EvaluationSettings(sample=32)
    early = Member("early", str(tmp_path / "step-00000008.pt"))
    train_to(8, tmp_path, parameters=SMALL, evaluation=settings)
    (late,) = members(tmp_path / "late", {})
    found = scores((early, late), replace(plan_of("digits", SMALL), evaluation=settings))
    assert found.recorded[0] == {}
    assert found.recorded[1]["validation_error"] == found.alone[1]["error"]
    assert scores((early,)).recorded[0].keys() >= {"validation_error"}, "without a sample all is compared"


def test_of_a_checkpoint_the_model_alone_is_kept_and_not_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An optimizer's state of every member would be twice the models, in memory at once."""
    seen: list[Found] = []

    @contextmanager
    def watched(found: Found, *arguments: Any, **named: Any) -> Iterator[Served]:
        assert found.content["parts"].keys() == {"model"}
        seen.append(found)
        with loaded(found, *arguments, **named) as served:
            yield served

    monkeypatch.setattr(ensemble, "loaded", watched)
    assert scores(members(tmp_path, {}, {})).averaged_weights is not None
    assert [found.content["parts"] for found in seen] == [{}] * 3


def test_certainty_is_no_number_that_is_not_finite() -> None:
    """A probability that is 0 in double precision has no logarithm, and would make the error NaN."""
    sure, targets = torch.tensor([[1e4, -1e4, 0.0]]), torch.tensor([0])
    together = ensemble.mixed([sure, sure], targets)
    assert torch.isfinite(together).all()
    assert tasks.load("digits").measure(together, targets)["error"].item() == 0


def test_what_has_fields_is_mixed_field_by_field_and_what_has_no_mean_is_refused() -> None:
    one, other = (Reconstruction(torch.full((2, 3), value), torch.zeros(2)) for value in (1.0, 2.0))
    assert ensemble.mixed([one, other], torch.zeros(2, 3)).values.tolist() == [[1.5] * 3] * 2
    with pytest.raises(ConfigurationError, match="say a str"):
        ensemble.mixed(["a", "b"], torch.zeros(2))
    with pytest.raises(ConfigurationError, match="no classes"):
        ensemble.mixed([torch.zeros(2, 3), torch.zeros(2, 3)], torch.zeros(5, dtype=torch.int64))
    segments, pixels = torch.randn(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.int64)
    mean = (segments.double().softmax(1)).log()
    assert torch.allclose(ensemble.mixed([segments, segments], pixels), mean)


def asked(found: tuple[Member, ...]) -> options.Ensemble:
    return options.Ensemble(checkpoints=tuple(member.checkpoint for member in found))


def test_by_hand_places_are_enough_and_the_evidence_lies_beside_the_verdict(tmp_path: Path) -> None:
    """A directory of checkpoints does for the best of them. Asked again, nothing is measured twice."""
    two = members(tmp_path, {}, {"learning_rate": 0.05})
    places = (replace(two[0], checkpoint=str(tmp_path / "0")), two[1])
    verdict = verdict_of(asked(places), plan_of("digits", SMALL), steps=1, directory=tmp_path / "probe")
    assert verdict.type == "Ensemble"
    assert "NotAsRecorded" not in verdict.flags
    evidence = json.loads((tmp_path / "probe" / "probe.json").read_text())["points"][0]
    assert verdict.suggestions["ensemble"] == evidence["together"][1]["error"]
    assert (tmp_path / "probe" / "probe.svg").read_text().startswith("<svg")
    for member in two:
        Path(member.checkpoint).unlink()
    assert verdict_of(asked(places), plan_of("digits", SMALL), steps=1, directory=tmp_path / "probe") == verdict


@pytest.mark.parametrize("looks", [1, 3])
def test_a_signal_ends_a_pass_over_the_data_and_the_next_attempt_says_the_same(tmp_path: Path, looks: int) -> None:
    """While members are loaded, and between batches: else the pod is killed and counts as failed."""
    one = asked(members(tmp_path, {}, {}))
    plan = replace(plan_of("digits", SMALL), evaluation=EvaluationSettings(batch_size=64))
    cut, nothing = probe(one, plan, steps=1, directory=tmp_path / "cut", request=StopsAfter(looks))
    assert (nothing, cut.should_stop) == (None, True)
    resumed = verdict_of(one, plan, steps=1, directory=tmp_path / "cut")
    assert resumed.suggestions == verdict_of(one, plan, steps=1).suggestions


def test_a_checkpoint_that_is_gone_or_anothers_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (one,) = members(tmp_path, {})
    with pytest.raises(ConfigurationError, match="was trained on task digits and the ensemble is judged on wine"):
        scores((one,), plan_of("wine", SMALL))
    Path(one.checkpoint).unlink()
    with pytest.raises(ConfigurationError, match="the checkpoint of trial-0 is gone from"):
        scores((one,))
    with pytest.raises(ConfigurationError, match="an ensemble has no members"):
        probe(options.Ensemble(), plan_of("digits", SMALL), steps=1)


def test_storage_that_fails_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is gone for good may end the trial for good."""

    def refused(_: str) -> None:
        raise StorageError("no route to host")

    monkeypatch.setattr(ensemble, "find", refused)
    with pytest.raises(StorageError, match="no route"):
        scores((Member("a", str(tmp_path)),))


def told(*alone: float, together: tuple[float, ...], weights: float | None = None, **changes: Any) -> Scores:
    made = Scores(
        of="validation",
        trials=tuple(f"trial-{place}" for place in range(len(alone))),
        recorded=tuple({"validation_error": value} for value in alone),
        alone=tuple({"error": value, "loss": 1.0} for value in alone),
        together=tuple({"error": value} for value in together),
        averaged_weights=None if weights is None else {"error": weights},
    )
    return replace(made, **changes)


def test_the_gain_is_over_the_best_member_and_enough_are_counted() -> None:
    """Not over the first, which the study ranked by another evaluation."""
    verdict = judge(told(0.5, 0.25, 0.5, together=(0.5, 0.125, 0.125), weights=0.75), None, Yardstick("error"), 3)
    found = {"ensemble": 0.125, "best_member": 0.25, "gain": 0.125, "members": 2, "averaged_weights": 0.75}
    assert verdict.suggestions == found | {"alone/trial-0": 0.5, "alone/trial-1": 0.25, "alone/trial-2": 0.5}
    assert verdict.flags == ()
    assert "the best of them, trial-1, alone 0.25: better by 0.125; the first 2 are enough" in verdict.summary


def test_what_is_amiss_is_flagged() -> None:
    assert judge(told(0.25, 0.5, together=(0.25, 0.25)), None, Yardstick("error"), 5).flags == (
        "NoGain",
        "DifferentModels",
        "FewerMembers",
    )
    one = told(0.5, 0.5, together=(0.5, 0.25), weights=0.25)
    assert judge(one, None, Yardstick("error"), 2).flags == ("OneModelIsEnough",)
    recorded: tuple[dict[str, float], ...] = ({"validation_error": 0.5}, {"validation_error": 0.4})
    other = replace(one, recorded=recorded)
    assert judge(other, None, Yardstick("error"), 2).flags == ("OneModelIsEnough", "NotAsRecorded")
    assert "NotAsRecorded" not in judge(replace(one, recorded=({}, {})), None, Yardstick("error"), 2).flags


def test_what_is_no_number_is_never_the_best_and_more_may_be_better() -> None:
    up = Yardstick("error", minimize=False)
    verdict = judge(told(math.nan, 0.5, together=(math.nan, 0.75), weights=0.5), None, up, 2)
    assert (verdict.suggestions["best_member"], verdict.suggestions["gain"]) == (0.5, 0.25)


def test_a_test_set_judges_too() -> None:
    test = told(0.5, 0.3, together=(0.5, 0.2), of="test")
    verdict = judge(told(0.25, 0.5, together=(0.25, 0.125)), test, Yardstick("error"), 2)
    assert (verdict.suggestions["test_ensemble"], verdict.suggestions["test_best_member"]) == (0.2, 0.5)


def test_the_studys_objective_is_the_yardstick_where_validation_has_it() -> None:
    known = told(0.5, together=(0.5,))
    assert yardstick(Objective("validation_loss", minimize=False), known) == Yardstick("loss", minimize=False)
    for objective in (None, Objective("training_error"), Objective("validation_accuracy", minimize=False)):
        assert yardstick(objective, known) == Yardstick("error")


def test_members_are_part_of_what_the_probe_is() -> None:
    """Who is measured cannot change between two attempts without a word."""
    document = TrialDocument(probe={"type": "Ensemble"}, members=(Member("a", "/a"),))
    assert document.identity != replace(document, members=(Member("a", "/b"),)).identity
    assert TrialDocument().identity.keys() & {"members"} == set()
