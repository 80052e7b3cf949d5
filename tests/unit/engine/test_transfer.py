"""The playbook's table of what holds in longer training, against its text and against our trainer's names."""

import pytest

from stepladder.engine.transfer import _LIKELIHOODS, Likelihood, likelihood
from stepladder_trainer.hyperparameters import KNOWN


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("warmup_steps", Likelihood.VERY_LIKELY),
        ("resnet.width", Likelihood.LIKELY),
        ("adam.beta1", Likelihood.POSSIBLE),
        ("augmentation", Likelihood.POSSIBLE),
        ("dropout", Likelihood.POSSIBLE),
        ("schedule", Likelihood.UNLIKELY),
        ("linear.decay_steps", Likelihood.UNLIKELY),
        ("data_seed", None),
    ],
)
def test_each_kind_has_the_playbooks_class(parameter: str, expected: Likelihood | None) -> None:
    assert likelihood(parameter) is expected


def test_the_names_are_our_trainers() -> None:
    """Catches a hyperparameter that was renamed there, of which the table would say nothing any more."""
    assert set(_LIKELIHOODS) - set(KNOWN) == {"lr"}


def test_no_hyperparameter_of_model_optimizer_or_schedule_was_forgotten() -> None:
    """What no study moves from round to round is left out: parts of a rule, and what is not searched."""
    unnamed = {name for name, (group, _) in KNOWN.items() if group in ("model", "optimizer", "schedule")}
    assert unnamed - set(_LIKELIHOODS) == {"virtual_batch_size", "freeze", "decay_norms_and_biases"}
