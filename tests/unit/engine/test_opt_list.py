"""The list of Metz et al. 2020, against what its authors have published."""

from typing import Any

import pytest

from engine.simulator import study
from stepladder.engine.opt_list import FIRST, OPTIMIZERS, REACH, entry, seed_of
from stepladder.engine.presets import expanded
from stepladder.engine.validation import examine, warnings
from stepladder_trainer.hyperparameters import read

# learning_rate, beta1, beta2, epsilon, use_nesterov, adamw_weight_decay, l2_weight_decay, warmup_fraction,
# min_learning_rate_mult, constant_fraction, as their nadamw_configs.json has them. 251 is the first of the list; the
# others have what it has not: both penalties and a warmup, L2 alone, a rate that ends above 0.
PUBLISHED = {
    251: (
        0.0011948335721160095, 0.9360043452616368, 0.9989497406214962, 5.875814422073298e-06, False,
        0.010141964334059882, 0.0, 0.0, 0.0, 0.747304046223346,
    ),
    0: (
        0.00013043019947775472, 0.6184381722189567, 0.9994057151352359, 5.7755507421823396e-05, False,
        0.010296116606084241, 0.000569334985961975, 0.014360184808201766, 0.0, 0.25251538281125563,
    ),
    10: (
        0.022642200416011712, 0.9691516670830862, 0.6163700826390757, 0.0001660721610809923, True,
        0.0, 0.0019074491883267325, 0.0, 0.0, 0.2851836662863304,
    ),
    105: (
        0.05028334299941158, 0.9514751290581651, 0.9900302078635603, 3.839488076199265e-06, True,
        0.0, 0.002996989965812699, 0.001076434211011302, 0.9820148330258691, 0.8889168187701979,
    ),
    134: (
        0.3899798980395588, 0.4124710201633499, 0.9999652103445403, 1.1952024608860046e-07, True,
        3.2149053494561164e-05, 1.1197536854115965e-05, 0.000523064001677042, 0.07011725604498015, 0.8673540506855577,
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", PUBLISHED)
def test_a_seed_draws_what_it_drew_for_the_authors(seed: int) -> None:
    """Catches two draws in the wrong order, which would change all after them."""
    rate, beta1, beta2, epsilon, nesterov, decay, l2, warmup, decay_to, constant = PUBLISHED[seed]
    made = entry(seed)
    assert made.pop("optimizer") == ("nadamw" if nesterov else "adamw")
    assert made == pytest.approx(
        {
            "learning_rate": rate,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "weight_decay": decay,
            "l2": l2 / 2,
            "warmup_fraction": warmup,
            "constant_fraction": constant,
            "decay_to": decay_to,
        },
        rel=1e-12,
    )


def test_the_learned_order_comes_first_and_then_every_other_seed_once() -> None:
    places = [seed_of(place) for place in range(1000)]
    assert places[:10] == [251, 611, 799, 209, 739, 713, 437, 25, 342, 743] == list(FIRST)
    assert places[10:] == sorted(places[10:])
    assert sorted(places) == list(range(1000))


def test_no_warmup_outlasts_the_constant_part() -> None:
    """Of the list's thousand some would; and none of the ten that come first has an L2 penalty."""
    entries = [entry(seed_of(place)) for place in range(1000)]
    assert all(e["warmup_fraction"] <= e["constant_fraction"] for e in entries)  # type: ignore[operator]  # numbers
    assert [e["l2"] for e in entries[:10]] == [0.0] * 10


def test_the_preset_holds_every_entry_and_our_trainer_takes_them() -> None:
    """An entry outside the ranges would be replaced by a quasi-random value, without a word."""
    spec = expanded(study({"trials": 10, "maxSteps": 9}, parameters=[], presets=["OptList"]))
    ranges = {p.name: p.float_ for p in spec.parameters if p.float_}
    choices = {p.name: p.categorical.values for p in spec.parameters if p.categorical}
    assert choices == {"optimizer": OPTIMIZERS}
    assert set(ranges) == set(REACH)
    for place in range(1000):
        made = entry(seed_of(place))
        assert made["optimizer"] in OPTIMIZERS
        assert all(r.min <= float(made[name]) <= r.max for name, r in ranges.items()), (place, made)
        point = read({"schedule": "cosine", **made}, {})
        assert (point.optimizer.name, point.optimizer.l2) == (made["optimizer"], made["l2"])
        assert point.schedule.constant_fraction == made["constant_fraction"]


def opt_list(*parameters: dict[str, Any], presets: tuple[str, ...] = ("OptList",), **round_: Any) -> dict[str, Any]:
    rounds = {"trials": 10, "maxSteps": 9, "sampler": {"algorithm": "OptList"}, **round_}
    return study(rounds, parameters=list(parameters), presets=list(presets)).wire()


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (opt_list(presets=("NAdamW",)), "OptList sets optimizer, beta1, beta2, epsilon, weight_decay,"),
        (opt_list({"name": "beta1", "float": {"min": 0.9, "max": 0.99}}), "OptList sets beta1,"),
        (opt_list({"name": "epsilon", "role": "Fixed", "value": 1e-8}), "OptList sets epsilon,"),
    ],
)
def test_a_study_that_leaves_no_room_for_the_list_is_refused(spec: dict[str, Any], named: str) -> None:
    (problem,) = examine(spec)[1]
    assert problem.field == "spec.rounds[0].sampler.algorithm"
    assert problem.message.startswith(named)


def test_ten_entries_need_no_more_trials_for_their_ten_parameters() -> None:
    """A list is no sample of a space: the advice to make it denser would be beside the point."""
    spec, found = examine(opt_list({"name": "width", "int": {"min": 8, "max": 64}}))
    assert found == ()
    assert spec is not None
    assert [w for w in warnings(spec) if w.field.startswith("spec.rounds")] == []
