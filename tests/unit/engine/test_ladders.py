"""The promotions of each pruner, on ladders small enough to count by hand."""

from dataclasses import replace
from functools import partial

import pytest

from engine.curves import reported
from engine.simulator import Simulator, study
from stepladder.api.study import Direction, PrunerAlgorithm, Round
from stepladder.api.trial import Outcome
from stepladder.engine.ladder import Ladder, Moves, Policy
from stepladder.engine.pruners import POLICIES

LADDER = Ladder((1, 3, 9), 9, 3)
SHA = POLICIES[PrunerAlgorithm.SUCCESSIVE_HALVING]
ASHA = POLICIES[PrunerAlgorithm.ASHA]


trial = partial(reported, LADDER.rungs)


def numbers(moves: Moves) -> tuple[list[tuple[int, int]], list[int]]:
    """(number, target) of the promotions, numbers of the prunes."""
    return [(p.trial.number, p.target_steps) for p in moves.promotions], [t.number for t in moves.prunes]


@pytest.mark.parametrize(("results", "promoted"), [(2, []), (3, [2]), (5, [4]), (6, [5, 4]), (8, [7, 6])])
def test_asha_promotes_a_third_of_what_is_there(results: int, promoted: list[int]) -> None:
    """Li et al. 2020, eta 3: after 3 results the best is promotable, after 6 two. Catches waiting for a full rung."""
    trials = [trial(n, 1.0 - n / 10) for n in range(results)]
    assert numbers(ASHA.moves(LADDER, trials, Direction.MINIMIZE)) == ([(n, 3) for n in promoted], [])


def test_asha_looks_at_the_deepest_rung_first() -> None:
    """9 at rung 0, 3 at rung 1: one goes to the top, before anyone from rung 0. Catches the wrong walking order."""
    trials = [trial(n, n / 10, n / 10) for n in range(3)] + [trial(n, n / 10) for n in range(3, 9)] + [trial(9, 0.0)]
    promotions, _ = numbers(ASHA.moves(LADDER, trials, Direction.MINIMIZE))
    assert promotions == [(0, 9), (9, 3)]


def test_asha_does_not_promote_twice() -> None:
    """The best of a rung, already promoted, keeps its place there: the next one does not slip in."""
    trials = [trial(0, 0.1, target=3), trial(1, 0.2), trial(2, 0.3)]
    assert ASHA.moves(LADDER, trials, Direction.MINIMIZE) == Moves()


def test_asha_never_ends_below_the_top() -> None:
    """Two results, nothing else to come: too few for a third, yet the best must go on. Catches a study that stalls."""
    ladder = Ladder((1, 3, 9), 2, 3)
    first = [trial(0, 0.2), trial(1, 0.1)]
    assert numbers(ASHA.moves(ladder, first, Direction.MINIMIZE)) == ([(1, 3)], [])
    second = [trial(0, 0.2), trial(1, 0.1, 0.1)]
    assert numbers(ASHA.moves(ladder, second, Direction.MINIMIZE)) == ([(1, 9)], [])
    failed = [trial(0, 0.2), trial(1, 0.1, target=3, outcome=Outcome.INFEASIBLE)]
    assert numbers(ASHA.moves(ladder, failed, Direction.MINIMIZE)) == ([(0, 3)], [])
    top = [trial(0, 0.2), trial(1, 0.1, 0.1, 0.1)]
    assert numbers(ASHA.moves(ladder, top, Direction.MINIMIZE)) == ([], [0])


def test_asha_waits_for_what_is_still_training_before_it_ends() -> None:
    """Catches pruning while a trial of the ladder is under way."""
    ladder = Ladder((1, 3, 9), 2, 3)
    trials = [trial(0, 0.2), trial(1, target=1)]
    assert ASHA.moves(ladder, trials, Direction.MINIMIZE) == Moves()


def test_a_synchronous_rung_waits_for_its_last_trial() -> None:
    """Catches a decision on a rung that is not complete, be it unstarted or under way."""
    trials = [trial(n, n / 10) for n in range(8)]
    assert SHA.moves(LADDER, trials, Direction.MINIMIZE) == Moves()
    assert SHA.moves(LADDER, [*trials, trial(8, target=1)], Direction.MINIMIZE) == Moves()
    promotions, prunes = numbers(SHA.moves(LADDER, [*trials, trial(8, 0.05)], Direction.MINIMIZE))
    assert promotions == [(0, 3), (8, 3), (1, 3)]
    assert prunes == [2, 3, 4, 5, 6, 7]


def test_larger_is_better_when_the_study_says_so() -> None:
    """Catches a pruner that forgets the direction."""
    trials = [trial(n, n / 10) for n in range(9)]
    assert numbers(SHA.moves(LADDER, trials, Direction.MAXIMIZE))[0] == [(8, 3), (7, 3), (6, 3)]
    assert numbers(ASHA.moves(LADDER, trials, Direction.MAXIMIZE))[0] == [(8, 3), (7, 3), (6, 3)]


def test_ties_go_to_the_lower_number() -> None:
    """Catches an order that depends on how the trials were listed."""
    trials = [trial(n, 0.5) for n in reversed(range(9))]
    assert numbers(SHA.moves(LADDER, trials, Direction.MINIMIZE))[0] == [(0, 3), (1, 3), (2, 3)]


def test_failures_are_judged_and_never_promoted() -> None:
    """Seven of nine are gone: both others are promoted, no more. Catches a rung that waits for the dead."""
    gone = [Outcome.INFEASIBLE, Outcome.FAILED, Outcome.STOPPED]
    trials = [trial(n, target=1, outcome=gone[n % 3]) for n in range(6)]
    trials += [trial(6, 0.0, outcome=Outcome.INFEASIBLE), trial(7, 0.7), trial(8, 0.8)]
    assert numbers(SHA.moves(LADDER, trials, Direction.MINIMIZE)) == ([(7, 3), (8, 3)], [])


@pytest.mark.parametrize("policy", [SHA, ASHA])
def test_what_diverged_at_its_rung_takes_nobodys_place(policy: Policy) -> None:
    """It reported the best value and diverged: three others go on. Catches a promotion that is wasted on it."""
    trials = [trial(0, 0.0, outcome=Outcome.INFEASIBLE), *(trial(n, n / 10) for n in range(1, 10))]
    promotions, _ = numbers(policy.moves(Ladder((1, 3, 9), 10, 3), trials, Direction.MINIMIZE))
    assert promotions == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("policy", [SHA, ASHA])
def test_what_failed_after_its_promotion_is_not_replaced(policy: Policy) -> None:
    """Its place was used. Catches rungs that grow with every failure above them."""
    trials = [trial(n, n / 10, target=3, outcome=Outcome.FAILED) for n in range(3)]
    trials += [trial(n, n / 10) for n in range(3, 9)]
    assert [p for p in policy.moves(LADDER, trials, Direction.MINIMIZE).promotions if p.target_steps == 3][1:] == []
    assert SHA.moves(LADDER, trials, Direction.MINIMIZE).promotions == ()


def test_a_promoted_trial_holds_no_rung_up_though_its_result_there_is_gone() -> None:
    """Statuses hold a bounded list of observations. Catches a bracket that waits for ever."""
    promoted = replace(trial(0, 0.0, 0.0), results={3: 0.0})
    trials = [promoted, *(trial(n, n / 10) for n in range(1, 9))]
    assert numbers(SHA.moves(LADDER, trials, Direction.MINIMIZE))[0] == [(1, 3), (2, 3), (3, 3)]


def test_failures_do_not_shift_the_size_of_the_next_rung() -> None:
    """18 planned, 3 have a result: all go on, and of these 6 // 3 = 2 reach the top as planned. Catches 3 // 3."""
    gone = [trial(n, target=1, outcome=Outcome.INFEASIBLE) for n in range(15)]
    trials = [*gone, *(trial(n, n / 100, n / 100) for n in range(15, 18))]
    promotions, prunes = numbers(SHA.moves(Ladder((1, 3, 9), 18, 3), trials, Direction.MINIMIZE))
    assert (promotions, prunes) == ([(15, 9), (16, 9)], [17])


def test_a_promotion_that_was_made_is_never_revised() -> None:
    """Three were promoted, and then a better value turns up in their rung: nobody else follows."""
    trials = [trial(n, n / 10, target=3) for n in (3, 4, 5)] + [trial(n, n / 10) for n in (0, 1, 2, 6, 7, 8)]
    promotions, prunes = numbers(SHA.moves(LADDER, trials, Direction.MINIMIZE))
    assert promotions == []
    assert prunes == [0, 1, 2, 6, 7, 8]


def test_the_top_rung_is_never_ranked() -> None:
    """All three of a one-rung ladder end at the top. Catches pruning of what has been trained to the end."""
    ladder = Ladder((9,), 3, 3)
    trials = [trial(n, 0.1, 0.1, n / 10) for n in range(3)]
    for policy in POLICIES.values():
        assert policy.moves(ladder, trials, Direction.MINIMIZE) == Moves()


def test_a_truncated_ladder_sends_one_to_the_top() -> None:
    """Two runs on a ladder made for nine: 2 // 3 is none, but one goes on."""
    trials = [trial(0, 0.2), trial(1, 0.1)]
    assert numbers(SHA.moves(Ladder((1, 3, 9), 2, 3), trials, Direction.MINIMIZE)) == ([(1, 3)], [0])


def test_successive_halving_costs_what_the_papers_formula_says() -> None:
    """n=16, m=1, eta=2 with resuming: n * m * (1 + log2(n) / 2) = 48. Restarting would cost 80."""
    pruner = {"algorithm": "SuccessiveHalving", "minSteps": 1, "reductionFactor": 2}
    simulator = Simulator(study({"trials": 16, "maxSteps": 16, "pruner": pruner}))
    assert simulator.run().succeeded
    assert simulator.trained_steps == 48
    assert simulator.count(Outcome.COMPLETED) == 1
    assert simulator.count(Outcome.PRUNED) == 15


@pytest.mark.parametrize("algorithm", [PrunerAlgorithm.ASHA, PrunerAlgorithm.FREEZE_THAW])
def test_without_barriers_the_lowest_rung_is_min_steps_itself(algorithm: PrunerAlgorithm) -> None:
    """Li et al. 2020, Algorithm 2: rung k at r * eta**k, where Hyperband divides R. 50 evaluations of 200 steps."""
    pruner = {"algorithm": algorithm, "minSteps": 200, "reductionFactor": 3}
    round_ = Round.model_validate({"name": "r", "trials": 7, "maxSteps": 10_000, "pruner": pruner})
    assert POLICIES[algorithm].split(round_, 7) == (Ladder((200, 600, 1800, 5400, 10_000), 7, 3),)


@pytest.mark.parametrize(
    ("trials", "max_steps", "sizes"),
    [(27, 27, [27]), (149, 27, [149]), (151, 27, [76, 75]), (1000, 50, [100] * 10), (1000, 243, [250] * 4)],
)
def test_many_runs_are_halved_by_the_hundred(trials: int, max_steps: int, sizes: list[int]) -> None:
    """Catches a rung that waits for a thousand: it took more steps to a target than random search. 243 are needed
    where six rungs are to leave one."""
    pruner = {"algorithm": "SuccessiveHalving", "minSteps": 1, "reductionFactor": 3}
    round_ = Round.model_validate({"name": "r", "trials": trials, "maxSteps": max_steps, "pruner": pruner})
    assert [ladder.size for ladder in SHA.split(round_, trials)] == sizes
