"""What trials on rungs teach a model: who is ahead of whom, those that lie paused included."""

import numpy as np
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from stepladder.api.study import Parameter
from stepladder.search.encoding import Encoding
from stepladder.search.evidence import gather
from stepladder.search.space import Space

SPACE = Encoding(Space([Parameter.model_validate({"name": "x", "float": {"min": 0, "max": 1}})]))
RUNGS = (10, 30, 90)


def trial(number: int, *curve: tuple[int, float], state: TrialState = TrialState.RUNNING) -> FrozenTrial:
    """At x = number / 10; those that are paused at a rung are RUNNING to Optuna."""
    found = create_trial(
        state=state,
        value=curve[-1][1] if state is TrialState.COMPLETE else None,
        params={"x": number / 10},
        distributions={"x": FloatDistribution(0, 1)},
        intermediate_values=dict(curve),
    )
    found.number = number
    return found


def order(trials: list[FrozenTrial], *, maximize: bool = False) -> list[int]:
    """Their numbers, best first."""
    evidence = gather(trials, SPACE, maximize=maximize, rungs=RUNGS)
    assert evidence.ordinal
    return [round(x * 10) for x in evidence.points[np.argsort(evidence.values), 0]]


def test_whoever_has_climbed_further_is_ahead_of_those_who_were_left() -> None:
    """Values of different heights do not compare: 0.9 at rung 30 beats 0.1 at rung 10. Catches their comparison."""
    paused = [trial(0, (10, 0.1)), trial(1, (10, 0.3)), trial(2, (10, 0.2), (30, 0.9))]
    done = trial(3, (10, 0.2), (30, 0.9), (90, 2.0), state=TrialState.COMPLETE)
    assert order([*paused, done]) == [3, 2, 0, 1]
    assert order([*paused, done], maximize=True) == [3, 2, 1, 0]


def test_what_a_trial_shows_between_two_rungs_waits_for_the_next() -> None:
    """Else whoever happens to be under way would be ahead of all that wait beside it."""
    assert order([trial(0, (10, 0.2), (25, 0.0)), trial(1, (10, 0.1))]) == [1, 0]


def test_below_the_lowest_rung_nothing_is_known() -> None:
    """It is on its way: believed in, not held to be bad."""
    evidence = gather([trial(0, (5, 0.1)), trial(1, (10, 0.1)), trial(2)], SPACE, maximize=False, rungs=RUNGS)
    assert evidence.points.tolist() == [[0.1]]
    assert evidence.pending.tolist() == [[0.0], [0.2]]


def test_the_scores_are_those_of_a_normal_distribution_and_ties_share_theirs() -> None:
    """Blom 1958: the quantiles of (rank - 3/8) / (n + 1/4). Catches an outlier that would flatten all others."""
    trials = [trial(n, (10, value)) for n, value in enumerate((1.0, 5.0, 5.0, 1e9))]
    evidence = gather(trials, SPACE, maximize=False, rungs=RUNGS)
    np.testing.assert_allclose(evidence.values, [-1.0491, 0.0, 0.0, 1.0491], atol=1e-4)


def test_where_all_are_trained_to_the_end_values_are_as_they_are() -> None:
    """How much better one is than another is then known, and expected improvement needs it."""
    done = [trial(n, (90, v), state=TrialState.COMPLETE) for n, v in enumerate((1.0, 2.0))]
    evidence = gather(done, SPACE, maximize=False, rungs=(90,))
    assert (evidence.values.tolist(), evidence.ordinal) == ([1.0, 2.0], False)
