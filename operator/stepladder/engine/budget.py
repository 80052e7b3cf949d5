"""What the study has spent, against what it may."""

from stepladder.engine.observed import Observed


def exhausted(observed: Observed) -> str:
    """A sentence that says what has run out, and what to do about it; empty while something is left of everything."""
    budget = observed.spec.budget
    if budget.gpu_hours is not None:
        hours = sum(trial.gpu_seconds for trial in observed.trials) / 3600
        if hours >= budget.gpu_hours:
            return f"{hours:.2f} of {budget.gpu_hours:g} GPU-hours are used: raise budget.gpuHours to go further."
    if budget.trained_steps is not None:
        steps = sum(trial.trained_steps for trial in observed.trials)
        if steps >= budget.trained_steps:
            return f"{steps} of {budget.trained_steps} steps are trained: raise budget.trainedSteps to go further."
    deadline = budget.active_deadline_seconds
    if deadline is not None and observed.elapsed_seconds >= deadline:
        return f"The study's {deadline} seconds are over: raise budget.activeDeadlineSeconds to go further."
    return ""
