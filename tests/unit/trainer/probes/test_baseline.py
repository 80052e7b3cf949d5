"""The gate of a reasonable baseline: what passes it, and that it is an ordinary training."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.cli import main
from stepladder_trainer.contract import Objective, Scalar, TrialDocument
from stepladder_trainer.data import DataOrder
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes import options, running
from stepladder_trainer.probes.decisions.baseline import MUCH, BaselineRun, judge
from stepladder_trainer.probes.measuring.baseline import EXTRAS, extras
from stepladder_trainer.probes.verdict import Verdict
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import train
from stepladder_trainer.trial import Trial
from trainer.probes.test_command import Operator, ended

STEPS = 60
RUN = BaselineRun((10, 20, 30), (0.5, 0.2, 0.3), 30, chance=0.9, seconds_per_step=0.01, beyond={})
GOOD: dict[str, Scalar] = {"width": 16, "learning_rate": 0.01}


def trial_of(directory: Path | None = None, *, target: int = STEPS, probe: bool = True) -> Trial:
    document = TrialDocument(
        seed=7, target_steps=target, horizon_steps=STEPS, checkpoint_directory=directory,
        objective=Objective("validation_error"), probe={"type": "Baseline"} if probe else None,
    )  # fmt: skip
    if directory:
        Checkpoints(directory).prepare()
    return Trial(document, Board(), StopRequest())


def asked(parameters: dict[str, Scalar], trial: Trial | None = None, reasonable: float | None = None) -> Verdict:
    trial = trial or trial_of()
    with trial.saving():
        running.run(trial, Plan("digits", read(parameters, {}), 10), options.Baseline(reasonable))
    assert trial.verdict is not None
    return trial.verdict


def test_the_best_evaluation_counts_not_the_last() -> None:
    verdict = judge(RUN, None)
    assert verdict.flags == ()
    assert verdict.suggestions == pytest.approx(
        {"validation_error": 0.2, "best_step": 20, "chance": 0.9, "reasonable_error": MUCH * 0.9, "steps": 30,
         "seconds_per_step": 0.01}
    )  # fmt: skip
    assert verdict.summary == (
        "validation_error 0.2 after 20 of 30 steps is reasonable, being at most 0.81 (always giving the same answer has"
        " 0.9)"
    )


@pytest.mark.parametrize(
    ("run", "reasonable", "flags"),
    [
        (RUN, 0.2, ()),
        (RUN, 0.19, ("NotReasonable",)),
        (replace(RUN, chance=0.2), None, ("NoBetterThanChance", "NotReasonable")),
        (replace(RUN, chance=0.2), 0.5, ("NoBetterThanChance", "NotReasonable")),  # nobody can wish for that
        (replace(RUN, chance=0.21), None, ("NotReasonable",)),  # as an untrained network may be by luck
        (replace(RUN, chance=None), None, ("ChanceUnknown",)),
        (replace(RUN, chance=None), 0.2, ()),
        (replace(RUN, diverged="the loss became nan"), None, ("Diverged", "NotReasonable")),
        (replace(RUN, beyond={"schedule": "cosine"}), None, ("NotSimple",)),
        (replace(RUN, period="validation_loss repeats itself"), None, ("Periodic",)),
    ],
)
def test_what_is_reasonable_and_what_is_said_besides(
    run: BaselineRun, reasonable: float | None, flags: tuple[str, ...]
) -> None:
    assert judge(run, reasonable).flags == flags


def test_every_refusal_says_what_to_do() -> None:
    assert "look at data, labels and learning rate" in judge(replace(RUN, chance=0.2), None).summary
    assert "would be at most 0.1" in judge(RUN, 0.1).summary
    assert "say with reasonableError" in judge(replace(RUN, chance=None), None).summary
    told = judge(replace(RUN, beyond={"schedule": "cosine", "dropout": 0.3}), None).summary
    assert "with schedule cosine, dropout 0.3: leave that for later, and begin at a constant learning rate" in told


def test_what_a_first_configuration_need_not_have_is_off_by_default_and_named_where_it_is_not() -> None:
    """A decay before there is a baseline, above all."""
    assert extras(read({"width": 512, "optimizer": "nesterov", "learning_rate": 1.0}, {})) == {}
    assert extras(read({"schedule": "linear", "augmentation": "flip"}, {})) == {
        "schedule": "linear",
        "augmentation": "flip",
    }
    assert len(EXTRAS) == len(set(EXTRAS))


def test_a_good_learning_rate_passes_and_one_that_learns_nothing_does_not() -> None:
    """Known of digits: an MLP comes below 10 % within 60 steps, and without updates stays at chance."""
    good, idle = asked(GOOD), asked({**GOOD, "learning_rate": 0.0})
    assert good.flags == ()
    assert good.suggestions["validation_error"] < 0.1
    assert 0.8 < good.suggestions["chance"] < 0.9
    assert "NotReasonable" in idle.flags
    assert asked(GOOD, reasonable=0.001).flags == ("NotReasonable",)


def test_what_diverges_is_a_verdict_and_no_failure() -> None:
    verdict = asked({**GOOD, "learning_rate": 1e9, "optimizer": "sgd"})
    assert verdict.flags == ("Diverged", "NotReasonable")
    assert "diverges" in verdict.summary


def test_data_that_is_not_shuffled_is_told_by_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.probes.test_baseline.STEPS", 200)
    monkeypatch.setattr(DataOrder, "_shuffled", lambda self, _epoch: torch.arange(self.examples))
    assert "Periodic" in asked({**GOOD, "optimizer": "nesterov"}, trial_of(target=200)).flags


def test_it_is_the_training_that_a_trial_would_have_been(tmp_path: Path) -> None:
    """Its evaluations are what a search's would be, to the last bit, and its picture has them."""
    plain = trial_of(probe=False)
    train(plain, Plan("digits", read(GOOD, {}), 10))
    probed = trial_of(tmp_path)
    asked(GOOD, probed)
    assert probed.history.evaluations == plain.history.evaluations
    (point,) = json.loads((tmp_path / "probe.json").read_text())["points"]
    assert point["errors"] == [value for _, value in plain.history.values("validation_error")]


def test_cut_and_resumed_it_trains_no_step_twice_and_says_the_same_also_when_asked_again(tmp_path: Path) -> None:
    whole = asked(GOOD)
    first = trial_of(tmp_path, target=25)
    asked(GOOD, first)
    second = trial_of(tmp_path)
    resumed = asked(GOOD, second)
    assert (second.from_step, second.step) == (25, STEPS)
    again = trial_of(tmp_path)
    repeated = asked(GOOD, again)
    assert again.from_step == STEPS
    assert repeated.suggestions == resumed.suggestions, "the time of a step, too"
    assert resumed.flags == whole.flags
    assert resumed.suggestions["validation_error"] == whole.suggestions["validation_error"]


def test_a_warmup_that_leaves_nothing_is_refused_as_in_training(operator: Operator) -> None:
    home = operator(probe={"type": "Baseline"}, targetSteps=50, horizonSteps=50)
    assert ended(["--task=digits", "--set=warmup_steps=50"]) == 78
    assert "leaves nothing of the 50" in home.termination()["message"]


def test_an_operator_gets_the_verdict(operator: Operator) -> None:
    home = operator(probe={"type": "Baseline", "reasonableError": 0.5}, targetSteps=40, horizonSteps=40)
    main(["--task=digits", "--set=learning_rate=0.01"])
    message = home.termination()
    assert (message["reason"], message["verdict"]["type"], message["verdict"]["flags"]) == ("Completed", "Baseline", [])
    assert message["verdict"]["suggestions"]["reasonable_error"] == 0.5
    assert Path(message["verdict"]["picture"]).read_text().startswith("<svg")


@pytest.mark.parametrize("value", [0, -1, "low", True])
def test_a_reasonable_error_that_makes_no_sense_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="reasonableError must"):
        options.read({"type": "Baseline", "reasonableError": value})
    assert options.read({"type": "Baseline"}) == options.Baseline()
