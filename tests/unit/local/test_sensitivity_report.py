"""What the report says of a round that varied one parameter at a time."""

from dataclasses import replace

from engine.simulator import Simulator, study
from stepladder.api.study import TuningStudyStatus
from stepladder.local.report import _sensitivities
from stepladder.local.snapshot import Snapshot
from stepladder.local.time_left import Work


def test_parameters_are_ranked_with_their_effect_and_the_negligible_ones_flagged() -> None:
    spec = study(
        {"trials": 5, "maxSteps": 9, "sampler": {"algorithm": "OneAtATime", "oneAtATime": {"points": 3}}},
        parameters=[{"name": name, "float": {"min": 0, "max": 1}} for name in ("rate", "decay")],
    )
    simulator = Simulator(spec, objective=lambda trial, _: (1.0, 3.0, 1.1, 0.5, 1.0)[trial.configuration])
    simulator.run()
    values = ((0.5, 0.5), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5), (0.5, 0.0))
    trials = tuple(
        replace(trial, parameters=dict(zip(("rate", "decay"), values[trial.configuration], strict=True)))
        for trial in simulator.trials.values()
    )
    end = Snapshot("study", spec, TuningStudyStatus(), trials, Work(0, 0), ())
    assert _sensitivities(end) == [
        "",
        "Sensitivity of loss in round round-0, largest first:",
        "  rate: 2.5, over 0 to 1, best at 0",
        "  decay: 0.1, over 0 to 1, best at 0.5; insensitive",
    ]
