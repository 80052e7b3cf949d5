"""Presets: what they spell out, for which budget, and what a study's own parameters do to them."""

from typing import Any

import pytest

from engine.simulator import study
from stepladder.api.study import Preset, Role, TuningStudySpec
from stepladder.engine.presets import PRESETS, budget, expanded, origins
from stepladder.engine.validation import examine, problems, warnings
from stepladder_trainer.hyperparameters import Hyperparameters, read

WIDTH = {"name": "width", "role": "Scientific", "categorical": {"values": [32, 64, 128]}}


def adam(trials: int, *parameters: dict[str, Any], **round_: Any) -> TuningStudySpec:
    rounds = {"trials": trials, "maxSteps": 9, **round_}
    return expanded(study(rounds, parameters=list(parameters), presets=["AdamByBudget"]))


def tuned(spec: TuningStudySpec) -> list[str]:
    return [p.name for p in spec.parameters if p.role is not Role.FIXED]


@pytest.mark.parametrize(
    ("trials", "names"),
    [
        (1, ["learning_rate"]),
        (9, ["learning_rate"]),
        (10, ["learning_rate", "beta1"]),
        (24, ["learning_rate", "beta1"]),
        (25, ["learning_rate", "beta1", "epsilon"]),
        (49, ["learning_rate", "beta1", "epsilon"]),
        (50, ["learning_rate", "beta1", "beta2", "epsilon"]),
    ],
)
def test_adam_is_tuned_as_far_as_the_budget_goes(trials: int, names: list[str]) -> None:
    """The playbook's table at its edges; "substantially more than 25" is 50. The rest keep Adam's defaults."""
    spec = adam(trials)
    assert sorted(tuned(spec)) == sorted(names)
    fixed = {p.name: p.value for p in spec.parameters if p.role is Role.FIXED}
    defaults = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    assert fixed == {"optimizer": "adam"} | {k: v for k, v in defaults.items() if k not in names}


def test_the_budget_is_the_first_rounds_for_each_scientific_setting() -> None:
    """74 trials over three widths are 24 for each. A round added later must not change a space that is searched."""
    assert budget(adam(74, WIDTH)) == 24
    assert budget(adam(75, WIDTH)) == 25
    explore = {"trials": 9, "maxSteps": 9}
    for rounds in ([explore], [explore, {"trials": 900, "maxSteps": 90}]):
        assert tuned(expanded(study(*rounds, parameters=[], presets=["AdamByBudget"]))) == ["learning_rate"]


def test_a_list_of_configurations_is_a_budget_too() -> None:
    listed = {"algorithm": "Explicit", "explicit": {"configurations": [{"learning_rate": 0.1}] * 10}}
    spec = study({"maxSteps": 9, "sampler": listed}, parameters=[], presets=["AdamByBudget"])
    assert tuned(expanded(spec)) == ["learning_rate", "beta1"]


def test_a_parameter_of_the_study_takes_the_presets_place() -> None:
    """By name, whole: no range of the preset's may be left under a value of the user's."""
    narrow = {"name": "learning_rate", "float": {"min": 0.001, "max": 0.01, "scale": "Log"}}
    spec = adam(50, {"name": "beta1", "role": "Fixed", "value": 0.95}, narrow)
    by_name = {p.name: p for p in spec.parameters}
    assert len(by_name) == len(spec.parameters) == 5
    assert by_name["beta1"].value == 0.95
    assert by_name["beta1"].float_ is None
    assert by_name["learning_rate"].float_ is not None
    assert by_name["learning_rate"].float_.max == 0.01
    assert [p.name for p in spec.parameters][:2] == ["beta1", "learning_rate"]  # own ones keep their places
    assert dict(origins(spec)) == dict.fromkeys(["optimizer", "epsilon", "beta2"], Preset.ADAM_BY_BUDGET)


def test_a_later_preset_wins_and_expanding_twice_changes_nothing() -> None:
    spec = expanded(study({"trials": 60, "maxSteps": 9}, parameters=[], presets=["DetectionModels", "AdamByBudget"]))
    rate = next(p for p in spec.parameters if p.name == "learning_rate")
    assert rate.float_ is not None
    assert rate.float_.min == 1e-5
    assert origins(spec)["learning_rate"] is Preset.ADAM_BY_BUDGET
    assert origins(spec)["backbone"] is Preset.DETECTION_MODELS
    assert expanded(spec) == spec


@pytest.mark.parametrize("preset", Preset)
@pytest.mark.parametrize("trials", [1, 60])
def test_a_preset_alone_is_a_sound_study(preset: Preset, trials: int) -> None:
    spec, found = examine(study({"trials": trials, "maxSteps": 9}, parameters=[], presets=[preset]).wire())
    assert found == ()
    assert spec is not None
    assert len({p.name for p in spec.parameters}) == len(spec.parameters) > 0


def test_the_detection_table_has_its_sizes() -> None:
    """11 backbones, 7 batch sizes, 4 detectors."""
    sizes = {p.name: len(p.categorical.values) for p in PRESETS[Preset.DETECTION_MODELS](1) if p.categorical}
    assert sizes == {"backbone": 11, "batch_size": 7, "detector": 4}


def test_our_trainer_knows_every_name_of_adam_by_budget() -> None:
    """A preset that the trainer refuses would end every trial at its start. The defaults are the trainer's own."""
    values = {p.name: p.value for p in PRESETS[Preset.ADAM_BY_BUDGET](1) if p.value is not None}
    names = {p.name for p in PRESETS[Preset.ADAM_BY_BUDGET](1)}
    assert read({**values, "learning_rate": 0.003}, {}) == Hyperparameters()
    assert names == {"optimizer", "learning_rate", "beta1", "beta2", "epsilon"}


@pytest.mark.parametrize(
    ("preset", "optimizer", "searched"),
    [(Preset.ADAM_8P, "adam8p", 8), (Preset.NADAMW, "nadamw", 6)],
)
def test_our_trainer_takes_both_ends_of_what_the_presets_of_metz_search(
    preset: Preset, optimizer: str, searched: int
) -> None:
    """Catches a range that begins where the trainer refuses, and hyperparameters that the optimizer ignores."""
    found = PRESETS[preset](1)
    fixed = {p.name: p.value for p in found if p.value is not None}
    ranges = {p.name: p.float_ for p in found if p.float_}
    assert len(ranges) == searched
    for low in (True, False):
        point = read({**fixed, **{name: r.min if low else r.max for name, r in ranges.items()}}, {})
        assert point.optimizer.name == optimizer
    assert problems(expanded(study({"trials": 9, "maxSteps": 9}, parameters=[], presets=[preset]))) == ()


def test_a_study_may_hang_its_own_conditions_on_a_presets_parameter() -> None:
    """And compare optimizers: Adam's own hyperparameters then exist beside Adam only."""
    warmup = {"name": "warmup", "int": {"min": 1, "max": 9}, "when": {"parameter": "optimizer", "in": ["adam"]}}
    assert problems(adam(9, warmup)) == ()
    optimizer = {"name": "optimizer", "role": "Scientific", "categorical": {"values": ["adam", "nesterov"]}}
    spec = adam(18, optimizer)
    assert problems(spec) == ()
    assert {p.name for p in spec.parameters if p.when} == {"beta1", "beta2", "epsilon"}


def test_what_is_wrong_with_a_presets_parameter_is_said_of_the_preset() -> None:
    """The user's file has no spec.parameters[1]."""
    sgd = {"name": "optimizer", "role": "Fixed", "value": "sgd"}
    found = problems(adam(9, sgd))
    assert [p.field for p in found] == [f"spec.presets[0]({n}).when.in[0]" for n in ("beta1", "beta2", "epsilon")]
    advised = warnings(expanded(study({"trials": 60, "maxSteps": 9}, parameters=[], presets=["DetectionModels"])))
    assert "spec.presets[0](batch_size)" in [p.field for p in advised]
