"""What the schema cannot see. That each problem stops a study is tests/unit/admission's; here are their edges."""

from typing import Any

import pytest

from stepladder.api.study import TuningStudySpec
from stepladder.engine.validation import examine, problems, warm_start_advice, warnings

TEMPLATE: dict[str, Any] = {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}
CLAIM = {"persistentVolumeClaim": {"claimName": "checkpoints"}}
LEARNING_RATE = {"name": "learning_rate", "float": {"min": 1e-4, "max": 1, "scale": "Log"}}
OPTIMIZER = {"name": "optimizer", "role": "Fixed", "value": "adam"}
EXPLORE = {"name": "explore", "trials": 13, "maxSteps": 270}


def spec(
    *parameters: dict[str, Any], rounds: tuple[dict[str, Any], ...] = (EXPLORE,), **fields: Any
) -> TuningStudySpec:
    given = {
        "objective": {"metric": "loss"},
        "parameters": parameters,
        "rounds": rounds,
        "trainer": {"template": TEMPLATE, "checkpoints": CLAIM},
    }
    return TuningStudySpec.model_validate(given | fields)


def fields_of(found: tuple[Any, ...]) -> list[str]:
    return [problem.field for problem in found]


def test_a_sound_study_has_no_problems() -> None:
    sound = spec(LEARNING_RATE, OPTIMIZER)
    assert (problems(sound), warnings(sound)) == ((), ())


def test_true_is_not_one() -> None:
    """Python says that they are equal; as choices they are two."""
    assert problems(spec({"name": "nesterov", "categorical": {"values": [1, True, "1", 0, False]}})) == ()
    found = problems(spec({"name": "width", "categorical": {"values": [1, 2, 1.0]}}))
    assert fields_of(found) == ["spec.parameters[0].categorical.values[2]"]


def test_a_round_may_give_the_value_that_a_condition_waits_for() -> None:
    warmup = {"name": "warmup_steps", "int": {"min": 1, "max": 9}, "when": {"parameter": "optimizer", "in": ["sgd"]}}
    later = {"name": "later", "from": {"round": "explore"}, "maxSteps": 810}
    assert fields_of(problems(spec(LEARNING_RATE, OPTIMIZER, warmup))) == ["spec.parameters[2].when.in[0]"]
    overridden = later | {"parameters": [{"name": "optimizer", "value": "sgd"}]}
    assert problems(spec(LEARNING_RATE, OPTIMIZER, warmup, rounds=(EXPLORE, overridden))) == ()


def test_conditions_may_form_a_chain_but_no_circle() -> None:
    def choice(name: str, parent: str | None) -> dict[str, Any]:
        chosen = {"name": name, "categorical": {"values": [1, 2]}}
        return chosen | ({"when": {"parameter": parent, "in": [1]}} if parent else {})

    assert problems(spec(choice("a", None), choice("b", "a"), choice("c", "b"))) == ()
    found = problems(spec(choice("a", "c"), choice("b", "a"), choice("c", "b"), choice("d", "a")))
    assert fields_of(found) == [f"spec.parameters[{i}].when" for i in range(3)]  # d only hangs on the circle


def test_the_best_of_a_round_that_takes_the_best_of_another() -> None:
    final = {"name": "final", "from": {"round": "middle", "best": 4}, "maxSteps": 810}
    middle = {"name": "middle", "from": {"round": "explore", "best": 3}, "maxSteps": 810, "repeats": 5}
    found = problems(spec(LEARNING_RATE, rounds=(EXPLORE, middle, final)))
    assert fields_of(found) == ["spec.rounds[2].from.best"]
    assert "middle has only 3 configurations" in found[0].message


def test_settings_are_combinations() -> None:
    def scientific(name: str, *values: int) -> dict[str, Any]:
        return {"name": name, "role": "Scientific", "categorical": {"values": values}}

    space = (LEARNING_RATE, scientific("width", 1, 2, 3), scientific("layers", 1, 2, 3, 4))
    assert problems(spec(*space)) == ()  # 12 settings, 13 trials
    assert fields_of(problems(spec(*space, rounds=(EXPLORE | {"trials": 11},)))) == ["spec.rounds[0].trials"]


def test_more_trials_than_names() -> None:
    many = EXPLORE | {"trials": 100_000, "repeats": 2}
    assert fields_of(problems(spec(LEARNING_RATE, rounds=(many,)))) == ["spec.rounds"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("--lr=$(parameters.learning_rate)", False),
        ("--lr=$(parameters.lr)", True),
        ("--lr=$$(parameters.lr)", False),  # an escaped reference stands for itself
        ("--home=$(HOME)", False),
    ],
)
def test_reference_to_a_parameter(text: str, wrong: bool) -> None:
    container = {"name": "trainer", "image": "mine", "args": [text], "env": [{"name": "ARGUMENTS", "value": text}]}
    found = problems(spec(LEARNING_RATE, trainer={"template": {"spec": {"containers": [container]}}}))
    place = "spec.trainer.template.spec.containers[0]"
    assert fields_of(found) == ([f"{place}.args[0]", f"{place}.env[0].value"] if wrong else [])


def test_other_containers_are_their_owners_business() -> None:
    sidecar = {"name": "proxy", "image": "proxy", "env": [{"name": "STEPLADDER_TRIAL", "value": "mine"}]}
    containers = [*TEMPLATE["spec"]["containers"], sidecar]
    assert problems(spec(LEARNING_RATE, trainer={"template": {"spec": {"containers": containers}}})) == ()


@pytest.mark.parametrize("value", [{"a": 1}, [1]])
def test_what_cannot_be_read_is_told_and_not_raised(value: object) -> None:
    """The schema lets it pass, and an exception in the reconciler would be retried for ever."""
    written = spec(LEARNING_RATE, OPTIMIZER).wire()
    assert isinstance(written["parameters"], list)
    assert isinstance(written["parameters"][1], dict)
    written["parameters"][1]["value"] = value  # type: ignore[assignment]  # wrong on purpose
    read, found = examine(written)
    assert read is None
    assert [str(p) for p in found] == ["spec.parameters[1].value: must be a string, a number or a boolean: replace it"]


HYPERBAND = {"algorithm": "Hyperband", "minSteps": 10, "reductionFactor": 3}

SPARE = [{"name": "spare", "float": {"min": 0, "max": 1}}]


def final(**fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A search, and a round that takes its best."""
    return EXPLORE, {"name": "final", "from": {"round": "explore"}, "maxSteps": 270} | fields


def fixed(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "role": "Fixed", "value": value}


THROUGHPUT = {"name": "speed", "maxSteps": 100, "probe": {"type": "Throughput"}}
BASELINE = {"algorithm": "OneAtATime", "oneAtATime": {"baseline": [{"name": "width", "value": 64}]}}
LISTED = {"algorithm": "Explicit", "explicit": {"configurations": [{"learning_rate": 0.1}]}}
MEASURED = {"name": "batch_size", "valueFrom": {"round": "speed", "suggestion": "batch_size"}}
WIDTH = {"name": "width", "categorical": {"values": [64, 128, 256, 512, 1024, 2048, 4096, 8192]}}
UNIT = [{"name": name, "float": {"min": 0, "max": 1}} for name in "abcd"]

ADVICE: dict[str, tuple[TuningStudySpec, str]] = {
    "nothing to search": (spec(OPTIMIZER), "spec.parameters"),
    "batch size": (spec({"name": "batch_size", "int": {"min": 16, "max": 256}}), "spec.parameters[0]"),
    "batch sizes at one learning rate": (
        spec(
            fixed("learning_rate", 0.1),
            {"name": "batch_size", "role": "Scientific", "categorical": {"values": [32, 64]}},
        ),
        "spec.parameters[1]",
    ),
    "batch sizes in as many epochs": (
        spec(
            LEARNING_RATE,
            fixed("batch_size", 64),
            rounds=(
                EXPLORE,
                EXPLORE | {"name": "large", "maxSteps": 68, "parameters": [{"name": "batch_size", "value": 256}]},
            ),
        ),
        "spec.rounds[1].maxSteps",
    ),
    "batch size of a model": (spec({"name": "cnn.batch_size", "int": {"min": 16, "max": 256}}), "spec.parameters[0]"),
    "linear learning rate": (
        spec({"name": "learning_rate", "float": {"min": 1e-4, "max": 1}}),
        "spec.parameters[0].float.scale",
    ),
    "odd batch size": (
        spec(LEARNING_RATE, {"name": "batch_size", "role": "Fixed", "value": 100}),
        "spec.parameters[1]",
    ),
    "gradient accumulation": (spec(LEARNING_RATE, fixed("gradient_accumulation_steps", 4)), "spec.parameters[1]"),
    "a schedule of short runs": (
        spec({"name": "decay_to", "float": {"min": 0, "max": 1}}, rounds=final(maxSteps=810)),
        "spec.rounds[1].from",
    ),
    "another batch size": (
        spec(
            LEARNING_RATE,
            fixed("batch_size", 64),
            rounds=final(parameters=[{"name": "batch_size", "value": 256}]),
        ),
        "spec.rounds[1].parameters",
    ),
    "no steps for dropout": (
        spec(LEARNING_RATE, fixed("dropout", 0), rounds=final(parameters=[{"name": "dropout", "value": 0.5}])),
        "spec.rounds[1].maxSteps",
    ),
    "no steps for augmentation": (
        spec(
            LEARNING_RATE,
            fixed("augmentation", "none"),
            rounds=final(parameters=[{"name": "augmentation", "value": "flip+shift"}]),
        ),
        "spec.rounds[1].maxSteps",
    ),
    "the throughput of another model": (
        spec(LEARNING_RATE, WIDTH, rounds=(THROUGHPUT | {"sampler": BASELINE}, EXPLORE)),
        "spec.rounds[0].probe",
    ),
    "the throughput of another width": (
        spec(
            LEARNING_RATE,
            fixed("batch_size", 64),
            fixed("width", 64),
            rounds=(
                THROUGHPUT | {"sampler": LISTED},
                EXPLORE | {"parameters": [{"name": "width", "value": 256}, MEASURED]},
            ),
        ),
        "spec.rounds[1].parameters",
    ),
    "the throughput of another than the best": (
        spec(
            WIDTH,
            *SPARE,
            fixed("batch_size", 64),
            rounds=(
                EXPLORE | {"name": "before"},
                THROUGHPUT | {"sampler": BASELINE},
                {"name": "final", "from": {"round": "before"}, "maxSteps": 270, "parameters": [MEASURED]},
            ),
        ),
        "spec.rounds[2].parameters",
    ),
    "a batch size that was measured and then left": (
        spec(
            LEARNING_RATE,
            fixed("batch_size", 64),
            rounds=(THROUGHPUT | {"sampler": LISTED}, EXPLORE | {"parameters": [MEASURED]}, final()[1]),
        ),
        "spec.rounds[2].parameters",
    ),
    "linear beta": (
        spec({"name": "adam.beta2", "float": {"min": 0.9, "max": 0.999}}),
        "spec.parameters[0].float.scale",
    ),
    "grid of three": (
        spec(*UNIT[:3], rounds=(EXPLORE | {"sampler": {"algorithm": "Grid"}},)),
        "spec.rounds[0].sampler.algorithm",
    ),
    "thin": (spec(*UNIT), "spec.rounds[0].trials"),  # 13 trials, four parameters
    "thin for each setting": (
        spec(*UNIT[:3], {"name": "width", "role": "Scientific", "categorical": {"values": [64, 256]}}),
        "spec.rounds[0].trials",
    ),
    "thin in a branch": (
        spec(
            {"name": "optimizer", "categorical": {"values": ["adam", "sgd"]}},
            *(p | {"when": {"parameter": "optimizer", "in": ["adam"]}} for p in UNIT[:3]),
        ),
        "spec.rounds[0].trials",
    ),
    "used up": (spec({"name": "layers", "int": {"min": 1, "max": 12}}), "spec.rounds[0].trials"),
    "four rounds": (spec(LEARNING_RATE, rounds=tuple(EXPLORE | {"name": f"r{i}"} for i in range(4))), "spec.rounds"),
    "no rung": (
        spec(LEARNING_RATE, rounds=(EXPLORE | {"pruner": HYPERBAND | {"minSteps": 100}},)),
        "spec.rounds[0].pruner.minSteps",
    ),
    "part of a pass": (spec(LEARNING_RATE, rounds=(EXPLORE | {"pruner": HYPERBAND},)), "spec.rounds[0].trials"),
    "a median of too few": (
        spec(LEARNING_RATE, rounds=(EXPLORE | {"trials": 5, "pruner": {"algorithm": "Median", "minSteps": 10}},)),
        "spec.rounds[0].trials",
    ),
    "judged at the end": (
        spec(LEARNING_RATE, rounds=(EXPLORE | {"pruner": {"algorithm": "LearningCurve", "minSteps": 270}},)),
        "spec.rounds[0].pruner.minSteps",
    ),
    "no claim": (
        spec(LEARNING_RATE, trainer={"template": TEMPLATE}),
        "spec.trainer.checkpoints.persistentVolumeClaim",
    ),
}


@pytest.mark.parametrize("what", ADVICE)
def test_advice(what: str) -> None:
    """Advice is no refusal: the study runs."""
    study, field = ADVICE[what]
    assert fields_of(warnings(study)) == [field]
    assert problems(study) == ()


def test_a_study_that_compares_batch_sizes_may_not_end_with_the_first() -> None:
    """Of the other sizes nobody would learn how many steps they take."""
    sizes = {"name": "batch_size", "role": "Scientific", "categorical": {"values": [32, 64]}}
    ending = spec(LEARNING_RATE, sizes, objective={"metric": "loss", "target": 0.1})
    assert fields_of(warnings(ending)) == ["spec.objective.target"]
    assert warnings(spec(LEARNING_RATE, sizes)) == (), "compared as they should be"
    same = ({"name": "batch_size", "value": 256}, 270), ({"name": "batch_size", "value": 64}, 270)
    rounds = tuple(EXPLORE | {"name": f"r{i}", "maxSteps": m, "parameters": [p]} for i, (p, m) in enumerate(same))
    assert warnings(spec(LEARNING_RATE, fixed("batch_size", 64), rounds=rounds)) == ()


@pytest.mark.parametrize(
    "fine",
    [
        spec(LEARNING_RATE, {"name": "batch_size", "role": "Fixed", "value": 64}),
        spec({"name": "learning_rate", "float": {"min": 0.01, "max": 0.1}}),
        spec(*SPARE, fixed("batch_size", 64), rounds=final(parameters=[{"name": "batch_size", "value": 256}])),
        spec(LEARNING_RATE, fixed("decay_to", 0), rounds=final(maxSteps=810)),
        spec(
            LEARNING_RATE,
            fixed("dropout", 0),
            rounds=final(maxSteps=810, parameters=[{"name": "dropout", "value": 0.5}]),
        ),
        spec(
            LEARNING_RATE,
            fixed("augmentation", "flip"),
            rounds=final(parameters=[{"name": "augmentation", "value": "none"}]),
        ),
        spec(LEARNING_RATE, WIDTH, rounds=(EXPLORE, THROUGHPUT | {"from": {"round": "explore"}})),
        spec(
            LEARNING_RATE,
            fixed("batch_size", 64),
            rounds=(
                THROUGHPUT | {"sampler": LISTED},
                EXPLORE | {"parameters": [MEASURED]},
                final(parameters=[MEASURED])[1],
            ),
        ),
        spec(LEARNING_RATE, fixed("gradient_accumulation_steps", 1)),
        spec({"name": "momentum", "float": {"min": 0.85, "max": 0.98}}),
        spec({"name": "beta1", "float": {"min": 0.9, "max": 0.9999, "scale": "LogOneMinus"}}),
        spec(LEARNING_RATE, rounds=tuple(EXPLORE | {"name": f"r{i}"} for i in range(3))),
        spec(*UNIT[:3]),  # 13 trials are more than 2^3
        spec({"name": "layers", "int": {"min": 1, "max": 13}}),
        spec(*UNIT[:2], rounds=(EXPLORE | {"sampler": {"algorithm": "Grid"}},)),
        spec(LEARNING_RATE, rounds=(EXPLORE | {"trials": 49, "pruner": HYPERBAND},)),
        spec(LEARNING_RATE, rounds=(EXPLORE | {"pruner": {"algorithm": "Median", "minSteps": 100}},)),
        spec(LEARNING_RATE, rounds=(EXPLORE | {"pruner": HYPERBAND | {"minSteps": 90}, "trials": 49},)),
    ],
)
def test_no_advice(fine: TuningStudySpec) -> None:
    """Advice against what is right teaches people to read over it."""
    assert warnings(fine) == ()


@pytest.mark.parametrize(
    ("here", "before", "stale"),
    [(256, [64, 256], True), (64, [64, 64.0], False), (64, [None], False)],
)
def test_what_an_earlier_study_found_with_another_batch_size_is_stale(
    here: int, before: list[float | None], stale: bool
) -> None:
    """Catches advice that is given for nothing: the same size, or none that anybody knows."""
    warm = EXPLORE | {"sampler": {"algorithm": "Random", "warmStart": [{"study": "old"}]}}
    study = spec(LEARNING_RATE, fixed("batch_size", here), rounds=(warm,))
    taken: list[dict[str, Any]] = [
        {} if size is None else {"batch_size": size, "learning_rate": 0.1} for size in before
    ]
    said = [
        "round explore: batch_size is 256 here and was 64 in study old, whose results are no evidence for this size:"
        " learning_rate must be tuned anew, so leave the ranges wide, or keep the size"
    ]
    assert list(warm_start_advice(study, study.rounds[0], "old", taken)) == said * stale
    nothing_bound = spec(*SPARE, fixed("batch_size", here), rounds=(warm,))
    assert list(warm_start_advice(nothing_bound, nothing_bound.rounds[0], "old", taken)) == []
