import pytest
import torch
from torch import Tensor

from stepladder_trainer import models, tasks
from stepladder_trainer.contract import Scalar, TrialDocument
from stepladder_trainer.data import Examples
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models.autoencoder import Reconstruction
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

COMPONENTS = 8


@pytest.fixture(scope="module")
def task() -> tasks.Task:
    return tasks.load("digits_autoencoding")


def validation(task: tasks.Task) -> Tensor:
    assert isinstance(task.validation, Examples)
    return task.validation.inputs.flatten(1)


def principal(pixels: Tensor) -> tuple[Tensor, float]:
    """The reconstruction from `COMPONENTS` principal components, and the part of the variance that they leave."""
    mean = pixels.mean(0)
    _, singular, directions = torch.linalg.svd(pixels - mean, full_matrices=False)
    kept = directions[:COMPONENTS]
    left = singular.double() ** 2
    return mean + (pixels - mean) @ kept.T @ kept, (left[COMPONENTS:].sum() / left.sum()).item()


def test_the_error_is_the_variance_that_is_left_unexplained(task: tasks.Task) -> None:
    """As the eigenvalues say it of principal components; 1 for the mean image; the weights play no part."""
    pixels = validation(task)
    reconstruction, left = principal(pixels)
    assert 0.2 < left < 0.5
    measured = task.measure(reconstruction, pixels.view(-1, 1, 8, 8))
    assert measured["error"].shape == (359,)
    assert measured["error"].mean().item() == pytest.approx(left, rel=1e-4)
    mean = pixels.mean(0).expand_as(pixels)
    assert task.measure(mean, pixels)["error"].mean().item() == pytest.approx(1, rel=1e-4)
    assert task.measure(Reconstruction(pixels, torch.ones(359)), pixels)["error"].abs().max() == 0


def test_the_loss_is_the_evidence_bound_in_units_of_pixels(task: tasks.Task) -> None:
    """-log p = 1/2 of the squared error of a unit normal, plus the divergence; times 2 / 64. What is trained on and
    what is evaluated must be the same number."""
    targets = torch.zeros(2, 1, 8, 8)
    outputs = Reconstruction(torch.ones(2, 64), torch.tensor([3.0, 5.0]))
    assert task.loss(outputs, targets, 0.0).item() == pytest.approx(2 / 64 * (64 / 2 + 4))
    assert task.measure(outputs, targets)["loss"].mean().item() == pytest.approx(2 / 64 * (64 / 2 + 4))


def trained(steps: int, **parameters: Scalar) -> float:
    """The error after `steps`."""
    document = TrialDocument(parameters=parameters, target_steps=steps, horizon_steps=steps)
    trial = Trial(document, Board(), StopRequest())
    train(trial, Plan("digits_autoencoding", read(parameters, {}), steps))
    error = trial.history.value("validation_error", steps)
    assert error is not None
    return error


@pytest.mark.long
def test_a_linear_autoencoder_comes_to_the_principal_components_and_not_below(task: tasks.Task) -> None:
    """Baldi and Hornik 1989: its minimum is the subspace of the first components. An error below that of the validation
    set's own components would be a code with more numbers than it says."""
    error = trained(600, model="autoencoder", layers=0, latent=COMPONENTS, learning_rate=0.03, schedule="cosine")
    assert isinstance(task.training, Examples)
    pixels, training = validation(task), task.training.inputs.flatten(1)
    _, left = principal(pixels)
    _, _, directions = torch.linalg.svd(training - training.mean(0), full_matrices=False)
    kept = directions[:COMPONENTS]
    components = training.mean(0) + (pixels - training.mean(0)) @ kept.T @ kept
    assert left < error < 1.1 * task.measure(components, pixels)["error"].mean().item()


@pytest.mark.long
def test_the_divergence_is_what_a_vae_pays_for_telling_examples_apart() -> None:
    """With a large weight its code says nothing, and no reconstruction is better than the mean image."""
    assert trained(300, model="vae", kl_weight=0.0) < 0.5
    assert trained(300, model="vae", kl_weight=10.0) > 0.9


def test_an_mlp_can_reconstruct_too(task: tasks.Task) -> None:
    request = models.Request(task.shape, read({"width": 4}, {}), torch.Generator())
    model = models.build(request, torch.Generator())
    images = validation(task)[:5].view(-1, 1, 8, 8)
    assert torch.isfinite(task.loss(model(images), images, 0.0))
