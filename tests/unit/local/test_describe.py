"""What is told of a study before it is run."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stepladder.cli import main
from stepladder.local.describe import description
from stepladder.local.describe_text import lines
from stepladder.local.manifest import read
from stepladder.local.manifest_check import stored

REPOSITORY = Path(__file__).parents[3]
BAD = sorted((REPOSITORY / "tests/manifests/bad").glob("*.yaml"))
CONDITIONS = [path for path in BAD if path.read_text().startswith("# refused-at: condition")]
BETA = {"name": "beta1", "float": {"min": 0.9, "max": 0.999, "scale": "LogOneMinus"}}


def told(*parameters: dict[str, Any], rounds: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    given = {
        "objective": {"metric": "loss"},
        "parameters": list(parameters),
        "rounds": rounds or [{"name": "explore", "trials": 27, "maxSteps": 90}],
        "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "mine"}]}}},
    }
    metadata = {"name": "digits", "namespace": "lab"}
    manifest = {"apiVersion": "tuning.stepladder.dev/v1alpha1", "kind": "TuningStudy", "metadata": metadata}
    return description(stored(manifest | {"spec": given | spec}))


def example(name: str) -> dict[str, Any]:
    (manifest,) = read((REPOSITORY / "examples" / name).read_text())
    return description(stored(manifest))


def test_the_example_costs_what_its_end_to_end_test_has_counted() -> None:
    """Hyperband on the digits: 10,710 steps by plan, which that test finds trained."""
    assert example("digits.yaml")["steps"] == {"planned": 10_710, "worst": 10_710, "full": 39_690}


def test_a_branch_has_its_share_of_the_trials() -> None:
    """49 trials over two optimizers with one parameter of its own each."""
    (search,) = example("digits.yaml")["rounds"][0]["space"]["searches"]
    assert [branch["trials"] for branch in search["branches"]] == [24.5, 24.5]
    assert [branch["valuesOfEach"] for branch in search["branches"]] == pytest.approx([24.5**0.25] * 2)
    assert [branch["decades"] for branch in search["branches"]] == pytest.approx([8, 8])


def test_presets_are_spelled_out_and_named() -> None:
    parameters = told(BETA, presets=["AdamByBudget"])["parameters"]
    assert {p["name"]: p["preset"] for p in parameters} == {"beta1": None} | dict.fromkeys(
        ["optimizer", "learning_rate", "beta2", "epsilon"], "AdamByBudget"
    )
    assert parameters[0]["decades"] == pytest.approx(2)


def test_settings_that_are_searched_alike_are_told_once() -> None:
    optimizer = {"name": "optimizer", "role": "Scientific", "categorical": {"values": ["adam", "nadam", "sgd"]}}
    beta = BETA | {"when": {"parameter": "optimizer", "in": ["adam", "nadam"]}}
    rate = {"name": "rate", "int": {"min": 1, "max": 8}}
    space = told(optimizer, beta, rate)["rounds"][0]["space"]
    assert space["settings"] == 3
    assert [len(search["settings"]) for search in space["searches"]] == [2, 1]
    assert [search["branches"][0]["configurations"] for search in space["searches"]] == [None, 8]


def test_what_would_not_run_is_told_and_exits_with_two() -> None:
    outcome = CliRunner().invoke(main, ["describe", str(REPOSITORY / "tests/manifests/bad/42-when-circle.yaml")])
    assert outcome.exit_code == 2
    assert "beta needs gamma needs beta" in outcome.output


@pytest.mark.parametrize("path", CONDITIONS, ids=lambda path: path.stem)
def test_no_refused_study_is_a_traceback(path: Path) -> None:
    """A description is asked for most when something is wrong. What cannot even be read is refused in a sentence."""
    outcome = CliRunner().invoke(main, ["describe", str(path)])
    assert outcome.exit_code == 2
    assert isinstance(outcome.exception, SystemExit)


def test_text() -> None:
    """The whole page, as a person sees it."""
    explore = {"name": "explore", "trials": 9, "maxSteps": 90, "pruner": {"algorithm": "ASHA", "minSteps": 10}}
    final = {"name": "final", "from": {"round": "explore", "best": 2}, "maxSteps": 900, "repeats": 3}
    width = {"name": "width", "role": "Scientific", "categorical": {"values": [64, 256]}}
    page = list(lines(told(width, presets=["AdamByBudget"], rounds=[explore, final])))
    assert page[: page.index("Advice") - 1] == [
        "digits: minimize loss",
        "",
        "Parameters",
        "  width          Scientific  64, 256",
        "  optimizer      Fixed       adam                                                 AdamByBudget",
        "  learning_rate  Nuisance    1e-05 to 0.1, Log (4 decades)                        AdamByBudget",
        "  beta1          Fixed       0.9                            if optimizer is adam  AdamByBudget",
        "  beta2          Fixed       0.999                          if optimizer is adam  AdamByBudget",
        "  epsilon        Fixed       1e-08                          if optimizer is adam  AdamByBudget",
        "  Presets are spelled out for 4 trials of the first round in each scientific setting.",
        "",
        "Round explore: 9 configurations, up to 90 steps",
        "  sampler   QuasiRandom",
        "  compares  2 settings of width",
        "            2 settings: 4 trials each",
        "              1 dimension, 4 decades; 4 trials, 4.0 values of each",
        "  pruner    ASHA",
        "  rungs     5 to 10 > 1 to 30 > 1 to 90",
        "            4 to 10 > 1 to 30 > 1 to 90",
        "  steps     250, at worst 310, of 810 if all were trained to the end (31%)",
        "",
        "Round final: 2 configurations, each 3 times, up to 900 steps",
        "  from    the best 2 of explore",
        "  holds   width likely; learning_rate possibly",
        "  pruner  None",
        "  rungs   6 to 900",
        "  steps   5,400",
        "",
        "Steps in all: 5,650, at worst 5,710, of 6,210 if all were trained to the end (91%)",
    ]


def test_what_auto_has_chosen_is_told_with_its_reason() -> None:
    auto = {"sampler": {"algorithm": "Auto"}, "pruner": {"algorithm": "Auto"}}
    asked = told(BETA, rounds=[{"name": "explore", "trials": 27, "maxSteps": 81} | auto])
    assert asked["rounds"][0]["sampler"] == {
        "algorithm": "GaussianProcess",
        "chosenBy": "Auto",
        "reason": "most parameters are numbers, and 27 trials are few enough for it",
    }
    reason = "the sampler learns from runs that are cut short, and after many of 1 step few need go on"
    assert f"  pruner   FreezeThaw (Auto: {reason})" in list(lines(asked))


def test_a_probe_is_described_by_what_it_will_do() -> None:
    """Catches the cost of one run told for a sweep of four, and a sampler and pruner that play no part."""
    found = example("probes/step-budget.yaml")
    assert found["rounds"][0]["probe"] == {"type": "StepBudget", "learningRates": [0.003, 0.01, 0.03, 0.1]}
    assert found["steps"] == {"planned": None, "worst": 4000, "full": 4000}  # it ends when one fits
    text = list(lines(found))
    start = text.index("Round fit: 1 configuration, up to 1,000 steps")
    assert text[start + 1 : start + 4] == [
        "  probe  StepBudget: learningRates 0.003 0.01 0.03 0.1",
        "  steps  as the results will have it; at most 4,000 of 4,000",
        "",
    ]
    assert example("probes/warmup.yaml")["steps"]["planned"] == 3 * (10 + 100)


def test_a_gate_is_told_of_where_there_is_one() -> None:
    """Who reads it knows why a search may never begin."""
    found = example("probes/baseline.yaml")
    text = list(lines(found))
    start = text.index("Round baseline: 1 configuration, up to 90 steps")
    assert text[start + 1 : start + 4] == [
        "  probe  Baseline: reasonableError 0.3",
        "  gate   closed, and the study at its end, if the baseline is not reasonable",
        "  steps  90",
    ]
    assert ["gate" in round_ for round_ in found["rounds"]] == [True, False]
    first = {"name": "first", "maxSteps": 9, "sampler": {"algorithm": "OneAtATime"}}
    search = {"name": "search", "trials": 2, "maxSteps": 9}
    probe: dict[str, Any] = {"type": "Baseline", "baseline": {"required": False}}
    asked = told(BETA, rounds=[first | {"probe": probe}, search])
    assert "  probe  Baseline" in list(lines(asked))
    assert "gate" not in asked["rounds"][0]


def test_what_a_round_sets_is_told_with_where_it_comes_from() -> None:
    measured = {"name": "batch_size", "valueFrom": {"round": "speed", "suggestion": "batch_size"}}
    schedule = {"name": "schedule", "value": "cosine"}
    fixed = [{"name": name, "role": "Fixed", "value": value} for name, value in (("batch_size", 64), ("schedule", "x"))]
    probe = {"type": "Throughput", "throughput": {"maxBatchSize": 64}}
    speed = {"name": "speed", "maxSteps": 20, "probe": probe, "sampler": {"algorithm": "OneAtATime"}}
    search = {"name": "search", "trials": 2, "maxSteps": 9, "parameters": [measured, schedule]}
    asked = told(BETA, *fixed, rounds=[speed, search])
    assert (asked["problems"], asked["rounds"][1]["parameters"]) == ([], [measured, schedule])
    assert "  with     batch_size from batch_size of speed, schedule cosine" in list(lines(asked))


def test_what_is_taken_over_into_longer_training_is_told_with_how_likely_it_holds() -> None:
    """Tuning Playbook, Round 1 of compute-bound training. Nothing where training is no longer than it was."""
    explore = {"name": "explore", "trials": 9, "maxSteps": 90}
    final = {"name": "final", "from": {"round": "explore"}, "maxSteps": 900}
    assert told(BETA, rounds=[explore, final])["rounds"][1]["transfer"] == {"possibly": ["beta1"]}
    assert told(BETA, rounds=[explore, final | {"maxSteps": 90}])["rounds"][1]["transfer"] == {}


def test_what_one_trial_takes_is_told() -> None:
    """Catches GPUs of one pod told for a trial of several."""
    limits = {"limits": {"nvidia.com/gpu": 4}}
    template = {"spec": {"containers": [{"name": "trainer", "image": "mine", "resources": limits}]}}
    found = told(BETA, trainer={"template": template, "nodes": 2})
    assert found["trainer"] == {"nodes": 2, "gpus": 8}
    assert "Each trial: 2 nodes, 8 GPUs" in lines(found)
    assert not any(line.startswith("Each trial") for line in lines(told(BETA)))
