"""The learner's stability: clipped gradients and averaged weights, against numbers worked by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from stepladder_trainer import tasks
from stepladder_trainer.distributed.ranks import Ranks
from stepladder_trainer.distributed.together import Together
from stepladder_trainer.hyperparameters import RegularisationHyperparameters, read
from stepladder_trainer.learner import Learner
from stepladder_trainer.models.normalisation import BatchNorm
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.stability import Averaging, Clipping

CPU = torch.device("cpu")


def clipped(clipping: Clipping, norm: float) -> Tensor:
    """A gradient of that norm, in two tensors as 3 : 4, after clipping; its norm."""
    gradients = [torch.tensor([0.6 * norm]), torch.tensor([0.0, 0.8 * norm])]
    clipping.clip(gradients, torch.tensor(norm))
    return torch.cat(gradients)


def test_a_gradient_longer_than_the_limit_keeps_its_direction_and_no_other_is_touched() -> None:
    clipping = Clipping(RegularisationHyperparameters(gradient_clip=2.0), CPU)
    torch.testing.assert_close(clipped(clipping, 5.0), torch.tensor([1.2, 0.0, 1.6]))
    assert clipped(clipping, 2.0).tolist() == torch.tensor([0.6 * 2, 0.0, 0.8 * 2]).tolist()
    assert clipping.fraction == 0.5


def test_the_percentile_is_that_of_the_unclipped_norms_before_this_one() -> None:
    """Of 1 ... 10 the 90th percentile is 9.1. Catches a limit from norms that were clipped already, which creeps down,
    and one that an explosion has raised for itself."""
    clipping = Clipping(RegularisationHyperparameters(gradient_clip_percentile=90.0), CPU)
    for norm in range(1, 11):
        assert clipped(clipping, norm).norm() == pytest.approx(norm), "too few norms for a percentile"
    assert clipped(clipping, 100.0).norm() == pytest.approx(9.1)
    assert clipped(clipping, 100.0).norm() == pytest.approx(10.0)  # of 1 ... 10 and 100
    assert clipping.fraction == pytest.approx(2 / 12)


def test_the_percentile_forgets_what_is_older_than_its_window() -> None:
    point = RegularisationHyperparameters(gradient_clip_percentile=50.0, gradient_clip_window=10)
    clipping = Clipping(point, CPU)
    for norm in [1.0] * 10 + [4.0] * 10:
        clipped(clipping, norm)
    assert clipped(clipping, 100.0).norm() == pytest.approx(4.0)


def test_two_limits_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match="give one of them"):
        read({"gradient_clip": 1.0, "gradient_clip_percentile": 90}, {})


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (RegularisationHyperparameters(averaging="ema", ema_decay=0.5), (0.125 * 1 + 0.25 * 2 + 0.5 * 4) / 0.875),
        (RegularisationHyperparameters(averaging="polyak"), 7 / 3),
        (RegularisationHyperparameters(averaging="polyak", averaging_start=1), 3.0),
        (RegularisationHyperparameters(averaging="ema", ema_decay=0.999, averaging_start=2), 4.0),
        (RegularisationHyperparameters(averaging="polyak", averaging_start=3), 4.0),  # not begun: the weights
    ],
)
def test_the_average_of_1_2_4(point: RegularisationHyperparameters, expected: float) -> None:
    """Initial weights, here 100, must leave no trace; and the model gets its own back, bit for bit."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 100)
    averaging = Averaging(model, point)
    for value in (1.0, 2.0, 4.0):
        nn.init.constant_(model.weight, value)
        averaging.update()
    with averaging.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 4.0


def test_an_error_in_an_evaluation_leaves_no_averaged_weights_to_train_on() -> None:
    model = nn.Linear(1, 1)
    averaging = Averaging(model, RegularisationHyperparameters(averaging="polyak"))
    averaging.update()
    nn.init.constant_(model.weight, 5.0)
    with pytest.raises(ZeroDivisionError), averaging.applied():
        _ = 1 / 0
    assert model.weight.item() == 5.0


def test_statistics_of_batch_normalisation_are_averaged_and_counts_are_not() -> None:
    """A mean of whole numbers would fail, and statistics of the last weights do not fit averaged ones."""
    model = nn.BatchNorm1d(1)
    averaging = Averaging(model, RegularisationHyperparameters(averaging="polyak"))
    assert isinstance(model.running_mean, Tensor)
    for value in (1.0, 3.0):
        model.running_mean.fill_(value)
        model(torch.randn(4, 1, generator=torch.Generator().manual_seed(0)) * 0 + value)  # moves no mean
        averaging.update()
    with averaging.applied():
        assert model.running_mean.item() == pytest.approx(2.0)
        assert model.num_batches_tracked == 2
    assert model.running_mean.item() == pytest.approx(3.0)


def test_of_several_processes_all_have_the_same_statistics_after_every_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the other of two are 2 higher here. Catches statistics that stay each process's own until something is
    evaluated or saved, or in what averages them: a checkpoint more would change what training comes to."""
    monkeypatch.setattr(Together, "shared", lambda self, model, device: model)
    monkeypatch.setattr(Together, "mean", lambda self, value: value)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda sums: sums.mul_(2).add_(2))
    point = read({"width": 4, "layers": 1, "normalisation": "batch", "averaging": "ema", "ema_decay": 0.5}, {})
    learner = Learner(tasks.load("iris"), point, Seeds(1), CPU, together=Together(Ranks(0, 2)))
    norm = next(module for module in learner.model.modules() if isinstance(module, BatchNorm))
    for own in (1.0, 4.0):
        nn.init.constant_(norm.running_mean, own)
        learner.apply(0.1)
        assert norm.running_mean.tolist() == [own + 1] * 4
    with learner.evaluated():
        assert norm.running_mean.tolist() == pytest.approx([4.0] * 4)  # (2 + 2 x 5) / 3


def test_a_part_of_a_gradient_that_is_no_number_does_not_pass_as_clipped() -> None:
    """It shows in the weights and in the norm, and must not vanish as a zero."""
    clipping = Clipping(RegularisationHyperparameters(gradient_clip=1.0), CPU)
    gradient = torch.tensor([math.inf, 1.0])
    clipping.clip([gradient], torch.tensor(math.inf))
    assert not torch.isfinite(gradient).all()
