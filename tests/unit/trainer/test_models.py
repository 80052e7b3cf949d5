import pytest
import torch
from torch import nn

from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models import Request, Shape, build
from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.outcomes import ConfigurationError


def model(shape: Shape, **parameters: float | str) -> nn.Module:
    return build(Request(shape, read(parameters, {}), torch.Generator()), torch.Generator().manual_seed(1))


def test_dropout_drops_its_share_keeps_the_mean_and_rests_in_evaluation() -> None:
    dropout = Dropout(0.25, torch.Generator().manual_seed(0))
    inputs = torch.ones(100, 100)
    dropped = dropout(inputs)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert dropout.eval()(inputs) is inputs


@pytest.mark.parametrize(("layers", "weights"), [(0, 64 * 10), (1, 64 * 32 + 32 * 10), (3, 64 * 32 + 2 * 32**2 + 320)])
def test_an_mlp_is_as_wide_and_deep_as_asked(layers: int, weights: int) -> None:
    mlp = model(Shape((1, 8, 8), 10), model="mlp", width=32, layers=layers)
    assert sum(weight.numel() for weight in mlp.parameters() if weight.ndim > 1) == weights
    assert mlp(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


@pytest.mark.parametrize("layers", [0, 1, 2, 4])
def test_a_cnn_of_any_depth_fits_the_images(layers: int) -> None:
    cnn = model(Shape((1, 8, 8), 10), model="cnn", width=4, layers=layers)
    assert sum(isinstance(layer, nn.Conv2d) for layer in cnn) == layers  # type: ignore[attr-defined]  # a Sequential
    assert cnn(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


def test_a_cnn_needs_images() -> None:
    with pytest.raises(ConfigurationError, match="try mlp"):
        model(Shape((30,), 2), model="cnn")


def test_weights_are_he_normal_and_biases_zero() -> None:
    """PyTorch's own initialisation draws from the global generator, which a seed of ours would not control."""
    mlp = model(Shape((400,), 10), width=500, layers=1)
    hidden, bias, output, _ = mlp.parameters()
    assert hidden.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert output.std().item() == pytest.approx((1 / 500) ** 0.5, rel=0.05)
    assert bias.abs().max() == 0
