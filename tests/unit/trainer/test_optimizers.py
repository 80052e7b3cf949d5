"""Every rule against two steps worked by hand on one number: theta = 1, gradients 2 then 1, learning rate 0.1."""

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed
from torch.optim import Optimizer

from stepladder_trainer import catalog
from stepladder_trainer.hyperparameters import OptimizerHyperparameters, read
from stepladder_trainer.optimizers import RULES, build
from stepladder_trainer.optimizers.adam import Adam
from stepladder_trainer.optimizers.descent import SGD
from stepladder_trainer.optimizers.pytorch import quick
from stepladder_trainer.outcomes import ConfigurationError

ROOT = math.sqrt(1 - 0.75**2) / (1 - 0.5**2)  # Adam's correction at its second step, 0.881917
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.1,
    "momentum": 0.9,
    "rho": 0.75,
    "beta1": 0.5,
    "beta2": 0.75,
    "epsilon": 1,
}

BY_HAND = {
    # 1 - 0.1*2; - 0.1*1
    "sgd": (0.8, 0.7),
    # v = 2, then 0.9*2 + 1 = 2.8
    "momentum": (0.8, 0.52),
    # 0.9*2 + 2 = 3.8, then 0.9*2.8 + 1 = 3.52
    "nesterov": (0.62, 0.268),
    # v = 0.75*1 + 0.25*4 = 1.75, m = 0.1*2/sqrt(1.75 + 1); then v = 0.75*1.75 + 0.25, m = 0.9*m + 0.1/sqrt(v + 1)
    "rmsprop": (1 - 0.2 / math.sqrt(2.75), 1 - 1.9 * 0.2 / math.sqrt(2.75) - 0.1 / math.sqrt(2.5625)),
    # s = 4: 0.1 * 2/(2 + 1); then s = 5
    "adagrad": (1 - 0.2 / 3, 1 - 0.2 / 3 - 0.1 / (math.sqrt(5) + 1)),
    # m = 1, v = 1, b = 0.5/0.5: 0.1 * 1/(1 + 1); then m = 1, v = 1, b = ROOT
    "adam": (0.95, 0.95 - 0.05 * ROOT),
    # numerator 0.5*1 + 0.5*2 = 1.5; then 0.5*1 + 0.5*1 = 1
    "nadam": (0.925, 0.925 - 0.05 * ROOT),
    # m' = 1/0.5 = 2, v' = 1/0.25 = 4: 0.1 * 2/(2 + 1); then m' = 1/0.75, v' = 1/0.4375
    "adam8p": (1 - 0.2 / 3, 1 - 0.2 / 3 - 0.1 / 0.75 / (math.sqrt(1 / 0.4375) + 1)),
}
BY_HAND |= {"adamw": BY_HAND["adam"], "nadamw": BY_HAND["nadam"]}  # nothing decays yet

PYTORCH_BY_HAND = {
    # v = 0.25*4 = 1, 2/(1 + 1) = 1; then v = 0.75*1 + 0.25*1 = 1, velocity 0.9*1 + 1/2 = 1.4
    "rmsprop": (0.9, 0.76),
    # m' = 2, v' = 4: 0.1 * 2/(2 + 1); then m' = 1/0.75, v' = 1/0.4375
    "adam": (1 - 0.2 / 3, 1 - 0.2 / 3 - 0.1 / 0.75 / (math.sqrt(1 / 0.4375) + 1)),
}


def optimizer(name: str, *weights: torch.Tensor, horizon: int = 10_000, **changes: Any) -> Optimizer:
    return build(weights, OptimizerHyperparameters(name, **{**SETTINGS, **changes}), horizon)


def positions(name: str, gradients: list[float], **changes: Any) -> list[float]:
    theta = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    rule = optimizer(name, theta, **changes)
    seen = []
    for gradient in gradients:
        theta.grad = torch.tensor([gradient], dtype=torch.float64)
        rule.step()
        seen.append(theta.item())
    return seen


def tensors(seed: int = 0, kind: torch.dtype = torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(7,), (3, 5), (2, 3, 3, 3)]
    return [torch.randn(shape, generator=generator, dtype=kind).requires_grad_() for shape in shapes]


def descend(rule: Optimizer, weights: list[torch.Tensor], steps: range) -> None:
    """Along gradients that depend on the step alone."""
    for step in steps:
        for weight, gradient in zip(weights, tensors(100 + step, weights[0].dtype), strict=True):
            weight.grad = gradient.detach()
        rule.step()


@pytest.mark.parametrize("name", catalog.OPTIMIZERS)
def test_two_steps_are_those_worked_by_hand(name: str) -> None:
    assert positions(name, [2, 1]) == pytest.approx(BY_HAND[name], abs=1e-9)


@pytest.mark.parametrize("name", PYTORCH_BY_HAND)
def test_pytorchs_rule_is_another_one(name: str) -> None:
    assert positions(name, [2, 1], update_rule="pytorch") == pytest.approx(PYTORCH_BY_HAND[name], abs=1e-9)
    assert positions(name, [2, 1]) != pytest.approx(PYTORCH_BY_HAND[name], abs=1e-3)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad"])
def test_where_the_two_rules_are_one_they_agree(name: str) -> None:
    ours, theirs = (positions(name, [2, 1, -3, 0.5], update_rule=rule) for rule in catalog.UPDATE_RULES)
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("sgd", lambda w: quick(torch.optim.SGD)(w, 0.1, weight_decay=0.2)),
        ("momentum", lambda w: quick(torch.optim.SGD)(w, 0.1, momentum=0.9, weight_decay=0.2)),
        ("nesterov", lambda w: quick(torch.optim.SGD)(w, 0.1, momentum=0.9, nesterov=True, weight_decay=0.2)),
        ("rmsprop", lambda w: quick(torch.optim.RMSprop)(w, 0.1, 0.75, 1, 0.2, 0.9)),
        ("adagrad", lambda w: quick(torch.optim.Adagrad)(w, 0.1, eps=1, weight_decay=0.2)),
        ("adam", lambda w: quick(torch.optim.Adam)(w, 0.1, (0.5, 0.75), 1, 0.2)),
        ("nadam", lambda w: quick(torch.optim.NAdam)(w, 0.1, (0.5, 0.75), 1, 0.2)),
        ("adamw", lambda w: quick(torch.optim.AdamW)(w, 0.1, (0.5, 0.75), 1, 0.2)),
        ("nadamw", lambda w: quick(torch.optim.NAdam)(w, 0.1, (0.5, 0.75), 1, 0.2, decoupled_weight_decay=True)),
    ],
)
def test_pytorchs_rules_are_its_default_implementations(name: str, oracle: Any) -> None:
    """Those are other code than the fused kernels: a loop over tensors. Catches a hyperparameter on the wrong place."""
    ours, theirs = tensors(), tensors()
    descend(optimizer(name, *ours, update_rule="pytorch", weight_decay=0.2), ours, range(4))
    descend(oracle(theirs), theirs, range(4))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop"])
def test_with_little_epsilon_the_playbooks_adam_is_pytorchs(name: str) -> None:
    """They differ in where epsilon goes. The others differ in more."""
    ours, theirs = tensors(), tensors()
    descend(optimizer(name, *ours, epsilon=1e-12), ours, range(4))
    descend(optimizer(name, *theirs, epsilon=1e-12, update_rule="pytorch"), theirs, range(4))
    same = all(torch.allclose(*pair, rtol=1e-6) for pair in zip(ours, theirs, strict=True))
    assert same is (name == "adam")


@pytest.mark.parametrize("name", ["adam", "nadam"])
def test_epsilon_is_added_before_the_bias_correction_unlike_pytorch(name: str) -> None:
    """With PyTorch's placement the first Adam step would be 0.1 * 2 / (2 + 1)."""
    assert positions("adam", [2])[0] != pytest.approx(1 - 0.1 * 2 / 3, abs=1e-3)
    assert positions(name, [2], epsilon=0.0)[0] == pytest.approx({"adam": 0.9, "nadam": 0.85}[name], abs=1e-12)


def test_the_velocity_of_rmsprop_remembers_the_rates_of_its_past() -> None:
    """The playbook scales the gradient by the rate before momentum: lowering the rate does not shrink the velocity."""
    theta = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    rule = optimizer("rmsprop", theta)
    theta.grad = torch.tensor([2.0], dtype=torch.float64)
    rule.step()
    rule.param_groups[0]["lr"] = 0.0
    rule.step()
    assert theta.item() == pytest.approx(1 - 1.9 * 0.2 / math.sqrt(2.75))


def test_adam8p_lowers_its_own_rate_over_the_horizon() -> None:
    """Two of four steps: t = 5000 with a horizon of 2, so 1 - 5000*1e-4 = 0.5 times exp(-5000*2e-4) = 1/e."""
    plain = positions("adam8p", [2, 1], horizon=2)
    decayed = positions("adam8p", [2, 1], horizon=2, linear_decay=1e-4, exponential_decay=2e-4)
    assert decayed[0] == plain[0]
    assert decayed[1] - decayed[0] == pytest.approx(0.5 / math.e * (plain[1] - plain[0]))
    assert positions("adam8p", [2, 1], horizon=2, linear_decay=1e-3)[1] == plain[0], "the rate must not turn negative"


def test_penalties_join_the_gradient_of_every_rule() -> None:
    """f + l2*theta^2 + l1*|theta| at theta = 1 has the gradient 2 + 2*0.25 + 0.5; at theta = -1 the sign turns."""
    assert positions("sgd", [2], l2=0.25, l1=0.5) == pytest.approx([1 - 0.1 * 3])
    assert positions("sgd", [20, 0], l1=0.5) == pytest.approx([-1.05, -1.0])
    assert positions("adam8p", [1], l2=0.25, l1=0.5) == pytest.approx(positions("adam8p", [2]))


def test_weight_decay_joins_the_gradient() -> None:
    assert positions("sgd", [2], weight_decay=0.5) == pytest.approx([1 - 0.1 * 2.5])
    assert positions("momentum", [2, 1], weight_decay=0.5) == pytest.approx([0.75, 0.75 - 0.1 * (0.9 * 2.5 + 1.375)])
    assert positions("adam", [2], weight_decay=0.5) == pytest.approx(positions("adam", [2.5]))


@pytest.mark.parametrize(("decoupled", "coupled"), [("adamw", "adam"), ("nadamw", "nadam")])
def test_decoupled_weight_decay_shrinks_the_weights_alone(decoupled: str, coupled: str) -> None:
    """theta (1 - 0.1*0.5) and then the step of Adam, whose moments know nothing of it."""
    first, second = BY_HAND[coupled]
    once = 0.95 - (1 - first)
    expected = [once, 0.95 * once - (first - second)]
    assert positions(decoupled, [2, 1], weight_decay=0.5) == pytest.approx(expected, abs=1e-9)
    assert positions(coupled, [2, 1], weight_decay=0.5, decoupled_weight_decay=True) == pytest.approx(
        expected, abs=1e-9
    )
    assert positions("momentum", [2], weight_decay=0.5, decoupled_weight_decay=True) == pytest.approx([0.95 - 0.2])


@pytest.mark.parametrize(("name", "ahead"), [("adamw", False), ("nadamw", True)])
def test_an_update_with_both_penalties_is_the_one_worked_by_hand(name: str, ahead: bool) -> None:
    """theta = 1 under gradient 2, lr 0.1, weight_decay 0.5, l2 0.25: the penalty's gradient 2 * 0.25 * theta is that of
    the weights before they shrink, and is added. g = 2.5, m = 1.25, v = 1.5625, b = 1; NAdam: 0.5*1.25 + 0.5*2.5."""
    moment = 1.875 if ahead else 1.25
    expected = 1 * (1 - 0.1 * 0.5) - 0.1 * moment / (1.25 + 1)
    assert positions(name, [2], weight_decay=0.5, l2=0.25) == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize("rule", catalog.UPDATE_RULES)
def test_norms_and_biases_can_be_spared(rule: str) -> None:
    """Of tensors of 1, 2 and 4 dimensions, under gradients of 0, the first alone stays."""
    weights = tensors()
    before = [weight.detach().clone() for weight in weights]
    sgd = optimizer("sgd", *weights, weight_decay=0.5, decay_norms_and_biases=False, update_rule=rule)
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    sgd.step()
    for weight, start, shrunk in zip(weights, before, (1.0, 0.95, 0.95), strict=True):
        assert torch.allclose(weight, start * shrunk)


def test_a_parameter_without_a_gradient_is_left_alone() -> None:
    theta = torch.ones(2, requires_grad=True)
    optimizer("adam", theta, weight_decay=0.1).step()
    assert theta.tolist() == [1, 1]


@pytest.mark.parametrize("name", catalog.OPTIMIZERS)
def test_a_tensor_that_joins_late_is_updated_as_if_alone(name: str) -> None:
    """Frozen layers that thaw. Catches a bias correction of other tensors."""
    late, alone, early = tensors()[0], tensors()[0], tensors()[1]
    together, single = optimizer(name, late, early), optimizer(name, alone)
    for step in range(4):
        early.grad = tensors(step)[1].detach()
        if step >= 2:
            late.grad = alone.grad = tensors(step)[0].detach()
            single.step()
        together.step()
    assert torch.equal(late, alone)


@pytest.mark.parametrize("name", catalog.OPTIMIZERS)
def test_gradients_are_left_as_they_were(name: str) -> None:
    """Whoever logs or accumulates them reads them after the step."""
    weights = tensors()
    descend(optimizer(name, *weights, weight_decay=0.1, l1=0.1, l2=0.1), weights, range(1))
    for weight, gradient in zip(weights, tensors(100), strict=True):
        assert weight.grad is not None
        assert torch.equal(weight.grad, gradient.detach())


@pytest.mark.parametrize("rule", catalog.UPDATE_RULES)
@pytest.mark.parametrize("name", catalog.OPTIMIZERS)
def test_a_state_taken_over_goes_on_bit_for_bit(name: str, rule: str) -> None:
    if (name, rule) == ("adam8p", "pytorch"):
        with pytest.raises(ConfigurationError, match="update_rule playbook"):
            optimizer(name, torch.ones(1), update_rule=rule)
        return
    options: dict[str, Any] = {"update_rule": rule, "weight_decay": 0.1, "decay_norms_and_biases": False}
    whole, cut = tensors(kind=torch.float32), tensors(kind=torch.float32)
    descend(optimizer(name, *whole, **options), whole, range(5))
    first = optimizer(name, *cut, **options)
    descend(first, cut, range(2))
    second = optimizer(name, *cut, **options)
    second.load_state_dict(first.state_dict())
    descend(second, cut, range(2, 5))
    assert all(torch.equal(*pair) for pair in zip(whole, cut, strict=True))


@pytest.mark.long
def test_weights_that_are_sharded_are_moved_like_others(tmp_path: Path) -> None:
    """On one process. Catches a kernel that does not know them, as PyTorch's fused SGD does not."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Shard, distribute_tensor

        mesh = init_device_mesh("cpu", (1,))
        for rule, name in product(catalog.UPDATE_RULES, catalog.OPTIMIZERS):
            if (rule, name) == ("pytorch", "adam8p"):
                continue
            plain = tensors(kind=torch.float32)
            sharded = [
                torch.nn.Parameter(distribute_tensor(weight.detach(), mesh, [Shard(0)]))
                for weight in tensors(kind=torch.float32)
            ]
            options: dict[str, Any] = {"update_rule": rule, "weight_decay": 0.1}
            ours, theirs = optimizer(name, *plain, **options), optimizer(name, *sharded, **options)
            for step in range(3):
                for weight, shard, gradient in zip(plain, sharded, tensors(100 + step, torch.float32), strict=True):
                    weight.grad = gradient.detach()
                    shard.grad = distribute_tensor(weight.grad, mesh, [Shard(0)])
                ours.step()
                theirs.step()
            for weight, shard in zip(plain, sharded, strict=True):
                assert torch.equal(shard.full_tensor(), weight), (rule, name)  # type: ignore[attr-defined]  # a DTensor
    finally:
        distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("adam", {"l1": 0.1}, "weight_decay alone"),
        ("sgd", {"decoupled_weight_decay": True}, "decoupled_weight_decay with sgd needs update_rule playbook"),
        ("adam8p", {}, "PyTorch has no adam8p"),
    ],
)
def test_what_pytorch_has_not_is_refused(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        optimizer(name, torch.ones(1), update_rule="pytorch", **changes)


def test_nesterov_without_momentum_is_gradient_descent() -> None:
    """A bound of a search that PyTorch's class refuses."""
    assert positions("nesterov", [2, 1], momentum=0.0, update_rule="pytorch") == pytest.approx(BY_HAND["sgd"])


def test_every_optimizer_of_the_catalog_has_a_rule() -> None:
    assert tuple(RULES) == catalog.OPTIMIZERS
    assert all(read({"optimizer": name}, {}).optimizer.name == name for name in RULES)


RULES_TAKE: dict[type[Any], dict[str, float]] = {
    SGD: {"learning_rate": 0.1},
    Adam: {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}


@pytest.mark.parametrize(("saved", "resumed"), [(Adam, SGD), (SGD, Adam)])
def test_the_memory_of_another_optimizer_is_refused(saved: type[Any], resumed: type[Any]) -> None:
    """Adam's would be dropped in silence, and Adam would end in a KeyError that the operator retries for ever."""
    weight = torch.ones(2, requires_grad=True)
    weight.grad = torch.ones(2)
    first = saved([weight], **RULES_TAKE[saved])
    first.step()
    with pytest.raises(ValueError, match=r"the optimizer that was saved kept .*step, this one"):
        resumed([weight], **RULES_TAKE[resumed]).load_state_dict(first.state_dict())
