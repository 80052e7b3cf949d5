"""The live display: redrawn in place on a terminal, a plain line every few seconds anywhere else."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stepladder.local.report import duration, number
from stepladder.local.snapshot import Snapshot, planned_work
from stepladder.local.time_left import TimeLeft, Work

_PLAIN_EVERY_SECONDS: Final = 5.0
_MOST_RUNNING_SHOWN: Final = 12


class Progress:
    """Shows snapshots as they come. A context, so that the terminal is given back as it was."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._first: Work | None = None
        self._time_left: TimeLeft | None = None
        self._shown = float("-inf")
        self._last_line = ""
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, at: Snapshot) -> None:
        """Draw it, or say it if it is time for a line."""
        if self._live is not None:
            self._live.update(panel(at, self._seconds_left(at)))
        elif self._clock() - self._shown >= _PLAIN_EVERY_SECONDS:
            said = line(at, self._seconds_left(at))
            if said != self._last_line:
                self.say(said)
                self._last_line, self._shown = said, self._clock()

    def say(self, sentence: str) -> None:
        """A line that stays."""
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def _seconds_left(self, at: Snapshot) -> float | None:
        """By the speed of this run so far; None before there is one, and when all is over."""
        planned = planned_work(at.spec)
        if self._first is None or self._time_left is None:
            self._first, self._time_left = at.done, TimeLeft(planned)
        done = Work(at.done.segments - self._first.segments, at.done.steps - self._first.steps)
        self._time_left.observe(done, self._clock() - self._began)
        remaining = Work(max(planned.segments - at.done.segments, 0), max(planned.steps - at.done.steps, 0))
        return self._time_left.seconds(remaining) if at.verdict is None else None


def line(at: Snapshot, seconds_left: float | None) -> str:
    """A snapshot in one line."""
    parts = [f"{at.name}: round {at.status.round}" if at.status.round else f"{at.name}: starting"]
    if at.rungs:
        parts.append("trials at rungs " + " ".join(f"{rung.steps}:{rung.reached}" for rung in at.rungs))
    parts.append(f"{len(at.running)} running, {_ended(at)} of {at.planned_trials} ended")
    if at.best is not None and at.best.best is not None:
        parts.append(f"best {at.spec.objective.metric} {number(at.best.best.value)} at step {at.best.best.step}")
    parts.append(f"{at.done.steps:,} of about {planned_work(at.spec).steps:,} steps")
    if seconds_left is not None:
        parts.append(f"about {duration(seconds_left)} left")
    if at.failures:
        parts.append(_failing(at))
    if at.message and at.verdict is None:  # the report that follows begins with the verdict
        parts.append(at.message)
    return "; ".join(parts)


def panel(at: Snapshot, seconds_left: float | None) -> RenderableType:
    """A snapshot as a small page."""
    planned = planned_work(at.spec).steps
    rounds = [r.name for r in at.spec.rounds]
    place = (
        f"round {at.status.round} ({rounds.index(at.status.round) + 1} of {len(rounds)})"
        if at.status.round in rounds
        else "starting"
    )
    head = Text.assemble((at.name, "bold"), f"  {place}  {_ended(at)} of {at.planned_trials} trials ended")
    left = f"  about {duration(seconds_left)} left" if seconds_left is not None else ""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(planned, 1), completed=min(at.done.steps, planned), width=40),
        f"{at.done.steps:,} of about {planned:,} steps{left}",
    )
    parts: list[RenderableType] = [head, bar, _rungs(at), _running(at)]
    if at.best is not None and at.best.best is not None:
        best = at.best.best
        found = ", ".join(f"{name}={number(value)}" for name, value in sorted(at.best.parameters.items()))
        parts.append(
            Text.assemble(
                "best so far: ",
                (f"{at.spec.objective.metric} {number(best.value)}", "bold green"),
                f" at step {best.step:,} ({at.best.name}: {found})",
            )
        )
    if at.done.steps and at.full_steps:
        started = f"training the {len(at.trials)} trials started so far to the end would take {at.full_steps:,} steps"
        parts.append(Text(started, style="dim"))
    if at.failures:
        parts.append(Text(_failing(at), style="yellow"))
    if at.message and at.verdict is None:
        parts.append(Text(at.message, style="yellow"))
    return Group(*parts)


def _rungs(at: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("rung", *(f"{rung.steps:,}" for rung in at.rungs))
    table.add_row("trials", *(str(rung.reached) for rung in at.rungs))
    return table


def _running(at: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    running = at.running[:_MOST_RUNNING_SHOWN]
    for trial in running:
        last = f"{at.spec.objective.metric} {number(trial.results[max(trial.results)])}" if trial.results else ""
        table.add_row(trial.name, f"step {trial.steps:,} → {trial.target_steps:,}", last)
    slots = min(at.spec.parallelism, at.planned_trials, _MOST_RUNNING_SHOWN)
    for _ in range(slots - len(running) if at.verdict is None else 0):
        table.add_row("")  # what is below would jump up and down as trials end and begin
    if len(at.running) > _MOST_RUNNING_SHOWN:
        table.add_row(f"and {len(at.running) - _MOST_RUNNING_SHOWN} more")
    return table


def _failing(at: Snapshot) -> str:
    """How many trials have failed, and the most frequent reason."""
    count = sum(failure.trials for failure in at.failures)
    return f"{count} {'trial' if count == 1 else 'trials'} failed: {at.failures[0].message}"


def _ended(at: Snapshot) -> int:
    return sum(trial.outcome is not None for trial in at.trials)
