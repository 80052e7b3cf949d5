"""Facts about Optuna that the record is built around. One that falls with a new release asks for the design again."""

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState

from stepladder.search.storage import IN_MEMORY, Connection

UNIT: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(storage=Connection(IN_MEMORY).storage)


def test_a_trial_that_is_told_nan_fails_and_a_failed_one_is_not_learnt_from(study: optuna.Study) -> None:
    """Hence divergence is told as a violated constraint."""
    with pytest.warns(UserWarning, match="nan"):
        assert study.tell(study.ask(UNIT), float("nan")).state is TrialState.FAIL
    for number in range(20):
        study.add_trial(optuna.create_trial(state=TrialState.FAIL, params={"x": number / 20}, distributions=UNIT))
    sampler = optuna.samplers.TPESampler(seed=0)
    assert sampler.infer_relative_search_space(study, study.trials[0]) == {}


def test_a_second_report_at_a_step_is_ignored_and_a_fractional_step_truncated(study: optuna.Study) -> None:
    """Hence observations go to the storage directly, as whole steps."""
    trial = study.ask(UNIT)
    trial.report(1.0, 10)
    with pytest.warns(UserWarning, match="already reported"):
        trial.report(2.0, 10)
    trial.report(3.0, 2.5)  # type: ignore[arg-type]  # the trap
    assert study.trials[0].intermediate_values == {10: 1.0, 2: 3.0}


def test_pruned_is_final(study: optuna.Study) -> None:
    """Hence a paused trial stays RUNNING."""
    trial = study.ask(UNIT)
    study.tell(trial, state=TrialState.PRUNED)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        trial.report(1.0, 1)


def test_a_pruned_trial_with_a_violated_constraint_is_no_best_trial(study: optuna.Study) -> None:
    for value, constraints in ((1.0, None), (0.0, {"infeasible": 1.0})):
        study.add_trial(
            optuna.create_trial(value=value, params={"x": 0.5}, distributions=UNIT, constraints=constraints)
        )
    assert study.best_trial.value == 1.0


def test_opening_a_storage_leaves_optuna_quiet_and_in_the_operators_log(capsys: pytest.CaptureFixture[str]) -> None:
    optuna.create_study(storage=Connection(IN_MEMORY).storage)
    assert capsys.readouterr().err == ""
