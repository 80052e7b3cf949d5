"""Which number of steps a sweep of constant learning rates suggests."""

import math

from stepladder_trainer.probes.decisions.step_budget import ConstantRun, choose


def run(rate: float, fitted_at: int | None, least: float = 0.0) -> ConstantRun:
    return ConstantRun(rate, fitted_at, (10, 20), (0.5, least))


def test_the_steps_of_the_fastest_perfect_fit_are_suggested() -> None:
    verdict = choose([run(1e-3, 400), run(1e-2, 150), run(1e-1, None, 0.2)], 500)
    assert verdict.suggestions == {"max_train_steps": 150, "learning_rate": 1e-2}
    assert verdict.flags == ()


def test_a_best_rate_at_the_boundary_asks_for_a_wider_grid() -> None:
    low = choose([run(1e-3, 100), run(1e-2, 150), run(1e-1, 200)], 500)
    assert low.flags == ("AtGridBoundary",)
    assert "lower learning rates" in low.summary
    assert "higher learning rates" in choose([run(1e-3, 300), run(1e-2, 150)], 500).summary
    assert choose([run(1e-3, 100)], 500).flags == (), "one rate is no grid"


def test_where_none_fits_no_number_of_steps_is_suggested() -> None:
    verdict = choose([run(1e-3, None, 0.3), run(1e-2, None, 0.1), run(1e-1, None, math.nan)], 500)
    assert verdict.suggestions == {"learning_rate": 1e-2}
    assert verdict.flags == ("NoneFits",)


def test_a_run_that_measured_nothing_is_no_best_run() -> None:
    diverged = ConstantRun(1.0, None, (), ())
    assert choose([diverged, run(0.1, None, 0.4), run(0.01, None, 0.6)], 500).suggestions == {"learning_rate": 0.1}
