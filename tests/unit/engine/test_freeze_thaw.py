"""Freeze-thaw, on a ladder small enough to count by hand: rungs 1, 3, 9, 27, so that the opening is 27 runs."""

from functools import partial

from engine.curves import reported
from stepladder.api.study import Direction
from stepladder.engine.freeze_thaw import moves, opening
from stepladder.engine.ladder import Ladder
from stepladder.engine.observed import TrialView

LADDER = Ladder((1, 3, 9, 27), 100, 3)

trial = partial(reported, LADDER.rungs)


def promoted(trials: list[TrialView], ladder: Ladder = LADDER) -> list[tuple[int, int]]:
    """(number, target) in the order in which they should be thawed."""
    return [(p.trial.number, p.target_steps) for p in moves(ladder, trials, Direction.MINIMIZE).promotions]


def test_nobody_is_thawed_until_as_much_is_spent_on_looking_around_as_a_full_run_costs() -> None:
    """27 runs to rung 1 are one to rung 27 (Hyperband's most exploring bracket). Catches a ladder climbed too soon."""
    around = [trial(n, n / 100) for n in range(27)]
    assert opening(LADDER) == 27
    assert promoted(around[:26]) == []
    assert promoted(around) == [(n, 3) for n in range(9)]


def test_a_long_ladder_opens_no_wider_than_a_model_needs() -> None:
    """1,000 evaluations a run: catches an opening of 1,000 configurations."""
    assert opening(Ladder((1, 10, 100, 1000), 5000, 10)) == 50


def test_runs_that_have_not_come_back_yet_are_no_part_of_the_opening() -> None:
    """Else the start of its last one would thaw somebody: a plan that was carried out would ask for more."""
    around = [trial(n, n / 100) for n in range(26)]
    assert promoted([*around, trial(26), trial(27)]) == []


def test_a_round_opens_by_half_of_its_runs_at_most() -> None:
    """Catches slots that wait for the last straggler of a small round, since there is nothing else to start."""
    small = Ladder(LADDER.rungs, 6, 3)
    assert opening(small) == 3
    assert promoted([trial(n, n / 100) for n in range(3)], small) == [(0, 3)]


def test_the_leader_of_an_upper_rung_is_thawed_however_few_it_has_beaten() -> None:
    """One result at rung 9 goes on to 27; at rung 3, of the lower half, a third has to be there."""
    around = [trial(n, n / 100) for n in range(2, 27)]
    assert promoted([trial(0, 0.0, 0.1), trial(1, 0.01, 0.2), *around])[0] == (2, 3)
    assert promoted([trial(0, 0.0, 0.1, 0.1), trial(1, 0.01, 0.2), *around])[0] == (0, 27)


def test_a_rung_in_the_very_middle_is_not_of_the_upper_half() -> None:
    """Rungs 1, 3, 9: one result at 3 has beaten nobody, and 3 is as far from 1 as from 9. Catches `>=` for `>`."""
    ladder = Ladder((1, 3, 9), 100, 3)
    around = [trial(n, n / 100) for n in range(1, 9)]
    assert promoted([trial(0, 0.0, 0.1), *around], ladder) == [(1, 3), (2, 3)]


def test_a_trial_that_is_not_the_leader_stays_frozen() -> None:
    """The full run of the leader stands at rung 9 too, with what it had there: the worse one is not thawed."""
    leader, worse, better = trial(0, 0.0, 0.1, 0.2, 0.2), trial(1, 0.01, 0.1, 0.3), trial(2, 0.02, 0.1, 0.1)
    around = [trial(n, n / 100) for n in range(3, 27)]
    assert (1, 27) not in promoted([leader, worse, *around, trial(27, 0.5)])
    assert promoted([leader, better, *around, trial(27, 0.5)])[0] == (2, 27)
