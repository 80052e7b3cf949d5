from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepladder_trainer import catalog, models, tasks
from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import Objective, Scalar, TrialDocument
from stepladder_trainer.data import DataOrder, Examples
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.learner import Learner
from stepladder_trainer.outcomes import ConfigurationError, InfeasibleError
from stepladder_trainer.randomness import derive
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.tasks import classification
from stepladder_trainer.tasks.quadratic import CURVATURES
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

HORIZON = 12
LONG = pytest.mark.long


@pytest.fixture(autouse=True)
def read_data_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "load", lambda name, request=None: cached_load(name))


cached_load = lru_cache(tasks.load)


def train_to(
    target: int,
    directory: Path | None = None,
    *,
    task: str = "digits",
    parameters: Mapping[str, Scalar],
    defaults: Mapping[str, Scalar] | None = None,
    seed: int = 7,
    horizon: int = HORIZON,
    every: int = 4,
    fractions: tuple[tuple[int, float], ...] = (),
    **flags: Any,
) -> Trial:
    document = TrialDocument(
        parameters=parameters,
        seed=seed,
        target_steps=target,
        horizon_steps=horizon,
        evaluation_steps=frozenset({2}),
        data_fractions=fractions,
        objective=Objective("validation_error"),
        checkpoint_directory=directory,
    )
    if directory:
        Checkpoints(directory).prepare()
    trial = Trial(document, Board(), StopRequest())
    train(trial, Plan(task, read(parameters, defaults or {}), every, **flags))
    return trial


def state(directory: Path) -> dict[str, Any]:
    """What the trial is at its newest checkpoint, without the global random states, which our trainer never uses."""
    found = Checkpoints(directory).newest()
    assert found is not None
    return {"step": found[0], "parts": found[1]["parts"], "evaluations": found[1]["evaluations"]}


def assert_same(left: object, right: object) -> None:
    """Bit for bit, through any nesting."""
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, dict) and isinstance(right, dict):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        assert len(left) == len(right)
        for pair in zip(left, right, strict=True):
            assert_same(*pair)
    else:
        assert left == right


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


@pytest.mark.parametrize(("rule", "schedule"), DIAGONAL)
def test_training_cut_anywhere_and_resumed_equals_training_in_one_go(
    tmp_path: Path, rule: tuple[str, str], schedule: str
) -> None:
    """The first law of the trainer."""
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


def test_the_rate_of_each_step_is_the_peak_times_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a schedule that is made and not followed."""
    seen: list[float] = []
    apply = Learner.apply

    def watched(self: Learner, learning_rate: float) -> None:
        seen.append(learning_rate)
        apply(self, learning_rate)

    monkeypatch.setattr(Learner, "apply", watched)
    train_to(6, parameters={"schedule": "piecewise", "pieces": "0.5:0.5", "learning_rate": 0.01}, horizon=6)
    assert seen == [0.01] * 3 + [0.005] * 3


def test_a_plateau_lowers_the_rate_of_a_resumed_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations at 2, 4 and 8 count, those at 3 and 5 are ends of segments. A rate of 0 never improves: it falls at
    4 and at 8. Catches a schedule that looks at the history before it is restored."""
    seen: list[float] = []
    monkeypatch.setattr(Learner, "apply", lambda self, learning_rate: seen.append(learning_rate))
    parameters: dict[str, Scalar] = {"schedule": "reduce_on_plateau", "plateau_patience": 0, "learning_rate": 0.1}
    for target in (3, 5, 10):
        train_to(target, tmp_path, parameters=parameters)
    assert seen == pytest.approx([0.1] * 4 + [0.01] * 4 + [0.001] * 2)


def test_adam8p_is_told_the_horizon() -> None:
    """Its own decay is for 10,000 steps, stretched to the round's."""
    parameters: dict[str, Scalar] = {"model": "point", "optimizer": "adam8p", "linear_decay": 1e-4}
    losses = [
        train_to(4, task="quadratic", parameters=parameters, horizon=horizon).history.value("validation_loss", 4)
        for horizon in (4, 4000)
    ]
    assert losses[0] != losses[1]


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


def test_what_is_reported_of_averaged_weights_is_what_the_checkpoint_holds(tmp_path: Path) -> None:
    """Who serves the best checkpoint must get the error that it was chosen for."""
    parameters: dict[str, Scalar] = {"width": 4, "averaging": "ema", "ema_decay": 0.9, "normalisation": "batch"}
    trial = train_to(HORIZON, tmp_path, parameters=parameters)
    task, parts = tasks.load("digits"), state(tmp_path)["parts"]
    assert isinstance(task.validation, Examples)
    errors = []
    for part in (parts["averaging"]["model"], parts["model"]):
        request = models.Request(task.shape, read(parameters, {}), torch.Generator())
        model = models.build(request, torch.Generator()).eval()
        model.load_state_dict(part)
        batch = task.validation.at(slice(None))
        errors.append(task.measure(model(batch.inputs), batch.targets)["loss"].mean().item())
    assert trial.history.value("validation_loss", HORIZON) == pytest.approx(errors[0], rel=1e-5)
    assert errors[0] != pytest.approx(errors[1], rel=1e-3)


@pytest.mark.long
def test_clipping_keeps_an_unstable_rate_in_the_bowl() -> None:
    """Above the bowl's stable rate training flies apart; clipped, no step is longer than rate times limit."""
    settings: dict[str, Scalar] = {"model": "point", "optimizer": "sgd", "learning_rate": 0.21, "batch_size": 1024}
    with pytest.raises(InfeasibleError):
        train_to(600, task="quadratic", parameters=settings, horizon=600, every=600)
    clipped = train_to(600, task="quadratic", parameters={**settings, "gradient_clip": 0.1}, horizon=600, every=600)
    assert (clipped.history.value("validation_loss", 600) or 1) < 0.1


def test_a_trial_repeats_itself_and_another_seed_differs() -> None:
    parameters: dict[str, Scalar] = {"width": 8, "dropout": 0.2}
    losses = [
        train_to(HORIZON, parameters=parameters, seed=seed).history.values("validation_loss") for seed in (1, 1, 2)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_a_process_does_not_depend_on_the_global_random_state() -> None:
    """A library that draws a number at import must not change a result."""
    first = train_to(3, parameters={"width": 8, "dropout": 0.2}).history.values("validation_loss")
    torch.rand(10)
    assert train_to(3, parameters={"width": 8, "dropout": 0.2}).history.values("validation_loss") == first


def test_evaluating_more_often_does_not_change_the_run() -> None:
    """Else a study's rungs would change what is measured on them."""
    seldom, often = (train_to(HORIZON, parameters={"dropout": 0.3}, every=every).history for every in (12, 1))
    assert len(often.evaluations) == HORIZON
    assert seldom.value("validation_loss", HORIZON) == often.value("validation_loss", HORIZON)


def test_evaluations_happen_at_rungs_at_each_multiple_and_at_the_target() -> None:
    assert [step for step, _ in train_to(10, parameters={}).history.values("validation_error")] == [2, 4, 8, 10]


@pytest.mark.parametrize(
    ("task", "parameters", "bound"),
    [
        ("digits", {"learning_rate": 0.003, "schedule": "cosine"}, 0.04),
        ("digits", {"learning_rate": 0.01, "model": "cnn", "width": 8}, 0.06),
        pytest.param("digits", {"learning_rate": 0.01, "model": "resnet", "width": 8, "layers": 1}, 0.05, marks=LONG),
        pytest.param("digits", {"model": "transformer", "width": 32, "schedule": "cosine"}, 0.06, marks=LONG),
        ("digits_autoencoding", {"model": "autoencoder"}, 0.4),
        ("digits_autoencoding", {"model": "vae", "kl_weight": 0.1}, 0.5),
        pytest.param("breast_cancer", {"model": "transformer", "width": 16, "batch_size": 16}, 0.08, marks=LONG),
        ("breast_cancer", {"learning_rate": 0.003}, 0.05),
        ("diabetes", {"learning_rate": 0.003, "layers": 0, "optimizer": "sgd"}, 0.65),
        ("iris", {"learning_rate": 0.01}, 0.1),
        ("wine", {"learning_rate": 0.01}, 0.06),
        ("linear_regression", {"learning_rate": 0.03, "layers": 0}, 0.02),  # the noise alone has 0.01
        ("spiral", {"learning_rate": 0.02}, 0.15),
        ("quartic", {"learning_rate": 0.19, "model": "corner", "optimizer": "sgd"}, 0.01),
        ("quadratic", {"learning_rate": 0.15, "model": "point", "optimizer": "sgd"}, 0.01),
    ],
)
@pytest.mark.long
def test_a_task_can_be_learned(task: str, parameters: dict[str, Scalar], bound: float) -> None:
    trial = train_to(300, task=task, parameters=parameters, horizon=300, every=300)
    error = trial.history.value("validation_error", 300)
    assert error is not None
    assert 0 <= error < bound


def test_a_bad_learning_rate_stays_poor_so_that_there_is_something_to_search() -> None:
    for learning_rate in (1e-5, 1.0):
        trial = train_to(100, parameters={"learning_rate": learning_rate}, horizon=100, every=100)
        assert (trial.history.value("validation_error", 100) or 0) > 0.3


@pytest.mark.long
def test_the_bowl_is_unstable_above_twice_over_its_largest_curvature() -> None:
    """Curvature 10: gradient descent shrinks below a rate of 0.2 and grows above it, until it is no number."""
    settings: dict[str, Scalar] = {"model": "point", "optimizer": "sgd", "batch_size": 1024}
    below = train_to(200, task="quadratic", parameters={**settings, "learning_rate": 0.19}, horizon=200)
    assert (below.history.value("validation_loss", 200) or 1) < 1e-3
    with pytest.raises(InfeasibleError, match="the training loss became"):
        train_to(2000, task="quadratic", parameters={**settings, "learning_rate": 0.21}, horizon=2000)


def test_a_diverged_loss_never_reaches_the_checkpoint(tmp_path: Path) -> None:
    """It is found before the update, not at the next evaluation."""
    with pytest.raises(InfeasibleError, match="the training loss became"):
        train_to(100, tmp_path, parameters={"learning_rate": 1e6, "optimizer": "sgd", "layers": 8}, every=100)
    found = Checkpoints(tmp_path).newest()
    if found is not None:
        assert all(torch.isfinite(weight).all() for weight in found[1]["parts"]["model"].values())


def test_a_prediction_that_is_no_number_is_no_error_rate() -> None:
    """argmax of NaNs is 0, which is right for a tenth of the digits."""
    assert classification.measure(torch.full((4, 10), torch.nan), torch.zeros(4).long())["error"].isnan().all()


def test_unclipped_gradient_norm_and_learning_rate_are_shown() -> None:
    board = Board()
    document = TrialDocument(parameters={}, seed=1, target_steps=1, horizon_steps=10)
    parameters: dict[str, Scalar] = {"model": "point", "learning_rate": 0.08, "warmup_steps": 4, "batch_size": 1024}
    train(Trial(document, board, StopRequest()), Plan("quadratic", read(parameters, {}), 1))
    assert board.numbers["learning_rate"] == 0.02
    assert board.numbers["step"] == 1
    # A full batch of noise without a mean: the gradient is curvature times position.
    assert board.numbers["gradient_norm"] == pytest.approx(float((CURVATURES * start(seed=1)).norm()), rel=1e-5)
    assert 0 <= board.numbers["data_wait_fraction"] <= 1
    assert board.numbers["examples_per_second"] > 0


def start(seed: int) -> torch.Tensor:
    """Where the bowl's position begins."""
    generator = torch.Generator().manual_seed(derive(seed, "initialisation"))
    request = models.Request(models.Shape((8,), 8), read({"model": "point"}, {}), torch.Generator())
    model = models.build(request, generator)
    return next(iter(model.parameters())).detach()


def test_each_epoch_shows_every_example_once_in_a_new_order() -> None:
    order = DataOrder(examples=10, batch_size=4, seed=3)
    seen = torch.cat([order.batch(step) for step in range(1, 6)])
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()
    assert DataOrder(examples=10, batch_size=4, seed=4).batch(1).tolist() != order.batch(1).tolist()


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="batch_size 2000"):
        train_to(1, parameters={"batch_size": 2000})


def test_the_training_and_validation_sets_are_apart_and_never_change() -> None:
    """Pinned: other splits would make trials of different releases incomparable."""
    task = tasks.load("digits")
    assert isinstance(task.training, Examples)
    assert isinstance(task.validation, Examples)
    assert (len(task.training), len(task.validation)) == (1438, 359)
    assert task.validation.targets[:10].tolist() == [6, 5, 5, 7, 9, 9, 8, 4, 6, 8]
    assert task.training.inputs.mean().item() == pytest.approx(0, abs=1e-5)


def test_a_missing_gpu_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trial = Trial(TrialDocument(), Board(), StopRequest())
    with pytest.raises(ConfigurationError, match=r"nvidia\.com/gpu"):
        train(trial, Plan("digits", read({}, {}), 1, device="cuda"))
