"""The first law of the trainer: to be cut and to resume is not to have stopped."""

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepladder_trainer import catalog
from stepladder_trainer.contract import Scalar
from stepladder_trainer.learner import Learner
from trainer.runs import HORIZON, assert_same, state, train_to

pytestmark = pytest.mark.usefixtures("read_data_once")

RULES = [
    (rule, name)
    for rule in catalog.UPDATE_RULES
    for name in catalog.OPTIMIZERS
    if (rule, name) != ("pytorch", "adam8p")
]
PAIRS = list(product(RULES, catalog.SCHEDULES))
DIAGONAL = [
    pair for pair in PAIRS if (RULES.index(pair[0]) - catalog.SCHEDULES.index(pair[1])) % len(catalog.SCHEDULES) == 0
]
"""Every rule with one schedule and every schedule with two rules: neither knows of the other."""


def recipe(rule: str, optimizer: str, schedule: str, model: str) -> dict[str, Scalar]:
    """Every option on, over an epoch's end, with shapes that have something to do in a few steps."""
    return {
        "model": model,
        "optimizer": optimizer,
        "update_rule": rule,
        "schedule": schedule,
        "learning_rate": 0.01,
        "width": 4,
        "dropout": 0.3,
        "warmup_steps": 3,
        "decay_to": 0.1,
        "decay_steps": 6,
        "restart_period": 2,
        "cycle_steps": 2,
        "plateau_patience": 0,
        "plateau_factor": 0.7,
        "plateau_threshold": 0.5,  # what is not halved from one evaluation to the next is a plateau
        "linear_decay": 1e-5,
        "exponential_decay": 1e-5,
        "label_smoothing": 0.1,
        "weight_decay": 0.01,
        "decay_norms_and_biases": False,
        "batch_size": 200,  # 7.2 batches an epoch
    }


def assert_resuming_equals_not_stopping(
    directory: Path, parameters: Mapping[str, Scalar], cuts: Iterable[int], every: int = 2
) -> None:
    """Weights, optimizer state and every evaluation but those at the ends of segments."""
    train_to(HORIZON, directory / "whole", parameters=parameters, every=every)
    for target in (*sorted(cuts), HORIZON):
        train_to(target, directory / "cut", parameters=parameters, every=every)
    whole, cut = state(directory / "whole"), state(directory / "cut")
    steps = [step for step, _ in whole["evaluations"]]
    cut["evaluations"] = [item for item in cut["evaluations"] if item[0] in steps]
    assert_same(cut, whole)


@pytest.mark.parametrize(
    ("rule", "schedule"),
    [pair if at % 3 == 0 else pytest.param(*pair, marks=pytest.mark.long) for at, pair in enumerate(DIAGONAL)],
)
def test_training_cut_anywhere_and_resumed_equals_training_in_one_go(
    tmp_path: Path, rule: tuple[str, str], schedule: str
) -> None:
    """Catches what of the state of an optimizer or a schedule is not saved."""
    assert_resuming_equals_not_stopping(tmp_path, recipe(*rule, schedule, "mlp"), (1, 4, 7))


@pytest.mark.long
@pytest.mark.parametrize(("rule", "schedule"), PAIRS)
def test_so_it_is_for_every_optimizer_with_every_schedule(tmp_path: Path, rule: tuple[str, str], schedule: str) -> None:
    assert_resuming_equals_not_stopping(tmp_path, recipe(*rule, schedule, "cnn"), (5,))


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(PAIRS),
    st.sampled_from(["mlp", "cnn"]),
    st.sets(st.integers(1, HORIZON - 1), max_size=5),
    st.integers(1, HORIZON),
)
def test_so_it_is_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    pair: tuple[tuple[str, str], str],
    model: str,
    cuts: set[int],
    every: int,
) -> None:
    rule, schedule = pair
    directory = tmp_path_factory.mktemp("run")
    assert_resuming_equals_not_stopping(directory, recipe(*rule, schedule, model), cuts, every)


def test_a_plateau_lowers_the_rate_of_a_resumed_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations at 2, 4 and 8 count, those at 3 and 5 are ends of segments. A rate of 0 never improves: it falls at
    4 and at 8. Catches a schedule that looks at the history before it is restored."""
    seen: list[float] = []
    monkeypatch.setattr(Learner, "apply", lambda self, learning_rate: seen.append(learning_rate))
    parameters: dict[str, Scalar] = {"schedule": "reduce_on_plateau", "plateau_patience": 0, "learning_rate": 0.1}
    for target in (3, 5, 10):
        train_to(target, tmp_path, parameters=parameters)
    assert seen == pytest.approx([0.1] * 4 + [0.01] * 4 + [0.001] * 2)


def test_a_run_on_growing_data_cut_anywhere_equals_one_in_one_go(tmp_path: Path) -> None:
    """Rungs at 4 and 8 of 12 steps on 1/3 and 2/3 of the data. Catches a resumed run that takes up another part of
    the data, or another place in it."""
    parameters: dict[str, Scalar] = {"width": 4, "dropout": 0.3, "batch_size": 200, "data_fraction": 0.9}
    fractions = ((4, 1 / 3), (8, 2 / 3), (HORIZON, 1.0))
    train_to(HORIZON, tmp_path / "whole", parameters=parameters, fractions=fractions)
    for target in (1, 4, 6, 8, HORIZON):
        train_to(target, tmp_path / "cut", parameters=parameters, fractions=fractions)
    whole, cut = state(tmp_path / "whole"), state(tmp_path / "cut")
    cut["evaluations"] = [item for item in cut["evaluations"] if item[0] not in (1, 6)]  # ends of segments
    assert_same(cut, whole)
    plain = train_to(HORIZON, parameters=parameters).history.evaluations[-1].metrics
    assert whole["evaluations"][-1][1] != dict(plain), "the fractions changed nothing"


@pytest.mark.parametrize(
    "stability",
    [
        {"gradient_clip": 0.5},
        {"gradient_clip_percentile": 10, "gradient_clip_window": 12},
        {"averaging": "ema", "ema_decay": 0.8},
        {"averaging": "polyak", "averaging_start": 5, "gradient_clip_percentile": 20},
    ],
)
@pytest.mark.parametrize("normalisation", ["none", "ghost"])
@pytest.mark.long
def test_clipped_and_averaged_training_cut_anywhere_equals_training_in_one_go(
    tmp_path: Path, stability: Mapping[str, Scalar], normalisation: str
) -> None:
    """Over the wrap of the window and the average's start. Catches norms, counts or averages that begin anew."""
    parameters = {"width": 4, "dropout": 0.3, "batch_size": 200, "normalisation": normalisation, **stability}
    train_to(24, tmp_path / "whole", parameters=parameters, horizon=24)
    for target in (4, 8, 16, 20, 24):
        train_to(target, tmp_path / "cut", parameters=parameters, horizon=24)
    whole = state(tmp_path / "whole")
    assert_same(state(tmp_path / "cut"), whole)
    plain = train_to(24, parameters={k: v for k, v in parameters.items() if k not in stability}, horizon=24)
    assert whole["evaluations"][-1][1] != dict(plain.history.evaluations[-1].metrics), "it changed nothing"
