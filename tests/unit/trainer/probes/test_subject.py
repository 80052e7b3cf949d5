"""What a throughput holds for."""

from typing import Any

import pytest

from stepladder_trainer.acceleration import Acceleration
from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes.subject import KEY_LENGTH, Subject
from stepladder_trainer.probes.verdict import LIMIT, Verdict, bounded

DIGITS = Shape((1, 8, 8), 10)


def subject(device: str = "cpu", processes: int = 1, task: str = "digits", **parameters: Scalar) -> Subject:
    given: dict[str, Scalar] = {"model": "cnn", "width": 16, **parameters}
    return Subject(task, DIGITS, read(given, {}, own=frozenset({"mine"})), device, processes)


def trained_as(shape: Shape = DIGITS, **flags: Any) -> Subject:
    return Subject.of(Plan("digits", subject().point, 1, **flags), shape, "cpu", 1)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (subject(learning_rate=0.3, batch_size=512, weight_decay=0.1, schedule="cosine"), True),
        (subject(width=32), False),
        (subject(layers=3), False),
        (subject(model="mlp"), False),
        (subject(mine=3), False),
        (subject(optimizer="sgd"), False),
        (subject(update_rule="pytorch"), False),
        (subject(device="NVIDIA A100"), False),
        (subject(processes=2), False),
        (subject(task="wine"), False),
        (trained_as(threads=2, profile=5), True),
        (trained_as(Shape((3, 8, 8), 10)), False),
        (trained_as(options={"length": 8}), False),
        (trained_as(acceleration=Acceleration(precision="bfloat16")), False),
        (trained_as(acceleration=Acceleration(compiler="default")), False),
        (trained_as(sharded=True), False),
    ],
)
def test_what_needs_another_measurement_has_another_key(other: Subject, *, same: bool) -> None:
    """The playbook: another model or optimizer, and other hardware. A learning rate costs no time."""
    assert (other.key == subject().key) is same
    assert len(other.key) == KEY_LENGTH


def test_the_key_is_the_same_in_every_process() -> None:
    """Catches a hash that Python salts, or an order of a set: keys are compared with those of other days."""
    assert subject().key == "9f3d49c11b2e"


def test_the_words_name_what_is_not_as_declared() -> None:
    assert subject().words == "cnn of digits (1x8x8 to 10) with width 16 layers 2, adam, cpu"
    gpus = subject("NVIDIA A100", 4, dropout=0.5, optimizer="sgd", update_rule="pytorch", mine=3)
    model, rule = "with width 16 layers 2 dropout 0.5 mine 3", "sgd as in pytorch"
    assert gpus.words == f"cnn of digits (1x8x8 to 10) {model}, {rule}, 4 x NVIDIA A100"
    text = trained_as(
        Shape((128,), 65, 65), options={"length": 128}, acceleration=Acceleration("bfloat16"), sharded=True
    )
    told = "cnn of digits length 128 (128 to 65, vocabulary 65) with width 16 layers 2, adam, cpu"
    assert text.words == f"{told}, precision bfloat16, sharded"


def test_long_words_never_take_the_place_of_a_suggestion() -> None:
    """A model of one's own may have any number of hyperparameters, and a termination message has 4096 bytes."""
    suggestions = {f"suggestion_{number}": 1 / 3 for number in range(8)}
    short = bounded(Verdict("Throughput", "fast", suggestions, key="k", measured_on="w" * 4000))
    assert short.measured_on is not None
    assert short.measured_on.startswith("www")
    long = bounded(
        Verdict("Throughput", "\u00e9" * 4000, suggestions, (), "p" * 3000, key="k", measured_on="\u00e9" * 4000)
    )
    assert (long.suggestions, long.key) == (suggestions, "k")
    assert all(len(str(bounded(each).document())) <= LIMIT for each in (short, long))
