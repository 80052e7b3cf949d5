"""Training of our own tasks: what it follows, what it reports, what it ends at."""

from pathlib import Path

import pytest
import torch

from stepladder_trainer import models, tasks
from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import Scalar, TrialDocument
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
from trainer.runs import HORIZON, state, train_to

pytestmark = pytest.mark.usefixtures("read_data_once")
LONG = pytest.mark.long


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


def test_adam8p_is_told_the_horizon() -> None:
    """Its own decay is for 10,000 steps, stretched to the round's."""
    parameters: dict[str, Scalar] = {"model": "point", "optimizer": "adam8p", "linear_decay": 1e-4}
    losses = [
        train_to(4, task="quadratic", parameters=parameters, horizon=horizon).history.value("validation_loss", 4)
        for horizon in (4, 4000)
    ]
    assert losses[0] != losses[1]


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
