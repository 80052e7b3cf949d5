"""Learning curves extrapolated (Domhan et al., IJCAI 2015), against formulas, least squares and the paper's rule."""

import sys
from subprocess import run

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.curves import climbing
from stepladder.api.study import Direction, Round
from stepladder.api.trial import Outcome
from stepladder.engine.curves.families import FAMILIES
from stepladder.engine.curves.prediction import predict
from stepladder.engine.curves.shapes import SHAPES
from stepladder.engine.learning_curve import judged_length, moves, split
from stepladder.engine.observed import TrialView

LADDER = split(
    Round.model_validate(
        {"name": "r", "trials": 2, "maxSteps": 50, "pruner": {"algorithm": "LearningCurve", "minSteps": 4}}
    ),
    2,
)[0]


@pytest.mark.parametrize(
    ("name", "parameters", "x", "value"),
    [
        ("vapor pressure", (-0.5, -1.0, 0.1), 1.0, 0.22313016014842982),  # exp(-1.5)
        ("pow3", (0.9, 0.5, 0.5), 4.0, 0.65),
        ("log log linear", (1.0, 2.0), 1.0, 0.6931471805599453),  # ln 2
        ("Hill3", (0.8, 2.0, 3.0), 3.0, 0.4),  # half of theta at kappa
        ("log power", (0.8, 1.0, -2.0), float(np.e), 0.4),  # half of a at e^b
        ("pow4", (1.0, 2.0, 2.0, 2.0), 1.0, 0.9375),
        ("MMF", (0.9, 0.1, 0.5, 2.0), 2.0, 0.5),
        ("exp4", (0.9, 1.0, 1.0, 1.0), 1.0, -0.1),
        ("Janoschek", (0.9, 0.1, 0.0, 2.0), 5.0, 0.1),
        ("Weibull", (0.9, 0.1, 0.5, 1.0), 2.0, 0.6056964470628462),  # .9 - .8/e
        ("ilog2", (0.9, 0.5), float(np.e - 1), 0.4),
    ],
)
def test_the_eleven_families_are_the_papers(name: str, parameters: tuple[float, ...], x: float, value: float) -> None:
    """Table 1 of the paper. Catches a sign, a place of an exponent."""
    assert len(FAMILIES) == 11
    assert len(parameters) == len(FAMILIES[name].parameters)
    assert FAMILIES[name].function(x, *parameters) == pytest.approx(value, abs=1e-12)


EXAMPLES = {
    "vapor pressure": (-0.5, -1.0, 0.1),
    "pow3": (0.9, 0.5, 0.6),
    "log log linear": (0.1, 1.3),
    "Hill3": (0.9, 1.2, 3.0),
    "log power": (0.9, 1.1, -1.2),
    "pow4": (0.9, 2.0, 1.0, 0.7),
    "MMF": (0.9, 0.1, 0.2, 1.5),
    "exp4": (0.9, 0.3, 0.8, -0.2),
    "Janoschek": (0.9, 0.1, 0.2, 0.9),
    "Weibull": (0.9, 0.1, 0.2, 0.9),
    "ilog2": (0.9, 0.5),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_recovered_by_its_shape(name: str) -> None:
    """30 exact points of a family predict the 300th: to a thousandth, or to .04 where the family is not closed under
    a change of scale. Catches a shape that is not its family's."""
    x = np.arange(1, 31)
    curve = FAMILIES[name].function(x.astype(float), *EXAMPLES[name])
    prediction = predict(tuple(x.tolist()), tuple(curve.tolist()), 300, (name,))
    closed = name in ("pow3", "pow4", "MMF", "exp4", "Janoschek", "Weibull", "ilog2")
    expected = float(FAMILIES[name].function(300.0, *EXAMPLES[name]))
    assert prediction.mean() == pytest.approx(expected, abs=0.001 if closed else 0.04)


def test_every_family_has_one_shape() -> None:
    assert sorted(name for shape in SHAPES for name in shape.families) == sorted(FAMILIES)


def test_a_noisy_power_law_is_recovered() -> None:
    """30 points of .9 - .5 x^-.6 with noise of .003: by least squares the asymptote is .8992, the value at 300 .8829
    (.8837 without noise). Catches a prior that pulls, noise taken for curvature, and a grid that is too coarse."""
    x = np.arange(1, 31)
    curve = 0.9 - 0.5 * x**-0.6 + np.random.default_rng(0).normal(0, 0.003, 30)
    steps, values = tuple(x.tolist()), tuple(curve.tolist())
    assert predict(steps, values, 10**12, ("pow3",)).mean() == pytest.approx(0.8992, abs=0.002)
    assert predict(steps, values, 300, ("pow3",)).mean() == pytest.approx(0.8829, abs=0.002)
    assert predict(steps, values, 300).mean() == pytest.approx(0.8837, abs=0.005)


def rising(number: int, asymptote: float, points: int = 15) -> TrialView:
    return climbing(number, *(asymptote - 0.6 * step**-0.7 for step in range(1, points + 1)))


def flat(number: int, value: float, points: int = 15) -> TrialView:
    noise = np.random.default_rng(number).normal(0, 0.003, points)
    return climbing(number, *(value + noise).tolist())


def upside_down(trial: TrialView, factor: float) -> TrialView:
    values = [factor * (1 - value) for _, value in trial.curve]
    return climbing(trial.number, *values, outcome=trial.outcome)


def best(value: float) -> TrialView:
    return climbing(99, value, outcome=Outcome.COMPLETED)


def pruned(*trials: TrialView, direction: Direction = Direction.MAXIMIZE) -> list[int]:
    return [trial.number for trial in moves(LADDER, trials, direction).prunes]


def test_the_probability_rule() -> None:
    """The paper's: less likely than 0.05 to beat the best ends. A curve flat at .5 against .9 does, one that rises to
    .95 does not."""
    assert pruned(flat(0, 0.5), rising(1, 0.95), best(0.9)) == [0]


@pytest.mark.parametrize("factor", [1.0, 1000.0])
def test_losses_are_curves_upside_down(factor: float) -> None:
    """Minimised, and of any size. Catches values that are taken for accuracies."""
    trials = [upside_down(trial, factor) for trial in (flat(0, 0.5), rising(1, 0.95), best(0.9))]
    assert pruned(*trials, direction=Direction.MINIMIZE) == [0]


def test_the_best_so_far_is_never_stopped() -> None:
    """Not even where its own curve falls, and the first trial has nobody to beat."""
    falling = climbing(0, 0.95, *([0.4] * 14))
    # `best` of a view is its lowest, so the direction is turned here.
    assert pruned(upside_down(falling, 1.0), upside_down(best(0.9), 1.0), direction=Direction.MINIMIZE) == []
    assert pruned(flat(0, 0.5)) == []
    # Nor one that has been as good as the best, to the last digit.
    equal = climbing(0, 0.9, *([0.4] * 14))
    assert pruned(upside_down(equal, 1.0), upside_down(best(0.9), 1.0), direction=Direction.MINIMIZE) == []


def test_a_curve_is_judged_from_min_steps_and_six_points_on() -> None:
    """Catches a fit of too few points."""
    assert pruned(flat(0, 0.5, points=5), best(0.9)) == []
    assert pruned(flat(0, 0.5, points=6), best(0.9)) == [0]
    late = split(
        Round.model_validate(
            {"name": "r", "trials": 2, "maxSteps": 50, "pruner": {"algorithm": "LearningCurve", "minSteps": 20}}
        ),
        2,
    )[0]
    assert moves(late, [flat(0, 0.5), best(0.9)], Direction.MAXIMIZE).prunes == ()


def test_what_is_judged_reaches_min_steps_itself() -> None:
    """Of 15 points the last judgement saw 14. Catches a verdict on a curve that had not come to minSteps by then."""
    pruner = {"algorithm": "LearningCurve", "minSteps": 15}
    (ladder,) = split(Round.model_validate({"name": "r", "trials": 2, "maxSteps": 50, "pruner": pruner}), 2)
    assert moves(ladder, [flat(0, 0.5, points=15), best(0.9)], Direction.MAXIMIZE).prunes == ()
    assert len(moves(ladder, [flat(0, 0.5, points=16), best(0.9)], Direction.MAXIMIZE).prunes) == 1


def test_the_users_probability_counts() -> None:
    """With 0.9 asked for, hardly any trial may go on. Catches a constant in its place."""
    strict = split(
        Round.model_validate(
            {
                "name": "r",
                "trials": 2,
                "maxSteps": 50,
                "pruner": {"algorithm": "LearningCurve", "minSteps": 4, "improvementProbability": 0.999},
            }
        ),
        2,
    )[0]
    trials = [rising(0, 0.93), best(0.893)]
    assert pruned(*trials) == []
    assert [trial.number for trial in moves(strict, trials, Direction.MAXIMIZE).prunes] == [0]


def test_judgements_are_a_fifth_apart() -> None:
    """Six fits in 15 evaluations, eleven in 50. Catches a fit at every evaluation."""
    assert sorted({judged_length(points) for points in range(51)}) == [
        0,
        6,
        7,
        8,
        9,
        10,
        12,
        14,
        16,
        19,
        22,
        26,
        31,
        37,
        44,
    ]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(-1e30, 1e30) | st.sampled_from([0.0, 1.0, 1e-30]), min_size=6, max_size=60),
    st.integers(1, 10**6),
    st.floats(-1e30, 1e30),
)
def test_whatever_the_curve_there_is_a_probability(values: list[float], period: int, rival: float) -> None:
    """Catches NaN, overflow and warnings: the plan of a study must not fail for a strange trial."""
    steps = tuple(period * (at + 1) for at in range(len(values)))
    probability = predict(steps, tuple(values), steps[-1] * 3).probability_above(rival)
    assert -1e-9 <= probability <= 1 + 1e-9


def test_the_engine_is_imported_without_numpy() -> None:
    """The command line starts without it, in a fraction of the time."""
    code = "import sys, stepladder.engine.pruners; sys.exit('numpy' in sys.modules or 'scipy' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
