"""Every rule against two steps worked by hand on one number: theta = 1, gradients 2 then 1, learning rate 0.1."""

import math

import pytest
import torch

from stepladder_trainer.hyperparameters import OptimizerHyperparameters
from stepladder_trainer.optimizers import UpdateRule, build

ROOT = math.sqrt(1 - 0.75**2) / (1 - 0.5**2)  # Adam's correction at its second step, 0.881917

BY_HAND = {
    # 1 - 0.1*2; - 0.1*1
    "sgd": (0.8, 0.7),
    # v = 2, then 0.9*2 + 1 = 2.8
    "momentum": (0.8, 0.52),
    # 0.9*2 + 2 = 3.8, then 0.9*2.8 + 1 = 3.52
    "nesterov": (0.62, 0.268),
    # m = 1, v = 1, b = 0.5/0.5: 0.1 * 1/(1 + 1); then m = 1, v = 1, b = ROOT
    "adam": (0.95, 0.95 - 0.05 * ROOT),
    # numerator 0.5*1 + 0.5*2 = 1.5; then 0.5*1 + 0.5*1 = 1
    "nadam": (0.925, 0.925 - 0.05 * ROOT),
}


def optimizer(name: str, theta: torch.Tensor, **changes: float) -> UpdateRule:
    settings = {"learning_rate": 0.1, "momentum": 0.9, "beta1": 0.5, "beta2": 0.75, "epsilon": 1.0, **changes}
    return build([theta], OptimizerHyperparameters(name, **settings))


def positions(name: str, gradients: list[float], **changes: float) -> list[float]:
    theta = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    rule = optimizer(name, theta, **changes)
    seen = []
    for gradient in gradients:
        theta.grad = torch.tensor([gradient], dtype=torch.float64)
        rule.step()
        seen.append(theta.item())
    return seen


@pytest.mark.parametrize("name", BY_HAND)
def test_two_steps_are_those_worked_by_hand(name: str) -> None:
    assert positions(name, [2, 1]) == pytest.approx(BY_HAND[name], abs=1e-12)


@pytest.mark.parametrize("name", ["adam", "nadam"])
def test_epsilon_is_added_before_the_bias_correction_unlike_pytorch(name: str) -> None:
    """With PyTorch's placement the first Adam step would be 0.1 * 2 / (2 + 1)."""
    assert positions("adam", [2])[0] != pytest.approx(1 - 0.1 * 2 / 3, abs=1e-3)
    assert positions(name, [2], epsilon=0.0)[0] == pytest.approx({"adam": 0.9, "nadam": 0.85}[name], abs=1e-12)


def test_weight_decay_joins_the_gradient() -> None:
    assert positions("sgd", [2], weight_decay=0.5) == pytest.approx([1 - 0.1 * 2.5])
    assert positions("momentum", [2, 1], weight_decay=0.5) == pytest.approx([0.75, 0.75 - 0.1 * (0.9 * 2.5 + 1.375)])


def test_a_parameter_without_a_gradient_is_left_alone() -> None:
    theta = torch.ones(2, requires_grad=True)
    optimizer("adam", theta, weight_decay=0.1).step()
    assert theta.tolist() == [1, 1]
