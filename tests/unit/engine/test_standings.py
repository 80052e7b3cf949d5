"""Who climbs, found group by group, is who climbs where all are ranked at once."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine.test_ladders import LADDER, trial
from stepladder.api.study import Direction
from stepladder.api.trial import Outcome
from stepladder.engine.groups import GROUP
from stepladder.engine.ladder import can_climb_from, ranked
from stepladder.engine.observed import TrialView
from stepladder.engine.standings import climbers

VALUES = st.lists(st.integers(0, 5).map(float), max_size=3)
STATES = st.tuples(VALUES, st.sampled_from([0, 3, 9]), st.sampled_from([None, None, None, *Outcome]))


def reference(trials: list[TrialView], direction: Direction) -> list[list[TrialView]]:
    """The rule as it is written: rank everyone, take the best third, leave out who cannot climb."""
    standings = [(rung, ranked(trials, rung, direction)) for rung in LADDER.rungs]
    return [[t for t in there[: len(there) // 3] if can_climb_from(t, rung)] for rung, there in standings]


@given(st.lists(STATES, max_size=4 * GROUP), st.sampled_from(Direction), STATES)
def test_groups_decide_as_one(
    states: list[tuple[list[float], int, Outcome | None]],
    direction: Direction,
    later: tuple[list[float], int, Outcome | None],
) -> None:
    """Catches ties that are broken by the groups' borders, and ranks kept of a trial that has changed since."""

    def made(number: int, state: tuple[list[float], int, Outcome | None]) -> TrialView:
        values, target, outcome = state
        return trial(number, *values, target=target, outcome=outcome)

    trials = [made(number, state) for number, state in enumerate(states)]
    assert climbers(trials, LADDER.rungs, direction, 3) == (reference(trials, direction) if trials else [])
    if trials:
        middle = len(trials) // 2
        trials[middle] = made(middle, later)
        assert climbers(trials, LADDER.rungs, direction, 3) == reference(trials, direction)
        trials[-1] = replace(trials[-1], stopping=Outcome.STOPPED)
        assert climbers(trials, LADDER.rungs, direction, 3) == reference(trials, direction)
