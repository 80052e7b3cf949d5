"""Numbers of training on their way to the trackers, in the background and thinned out."""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from stepladder_trainer.tracking.tracker import Point, Run, Tracker

POINTS = 1000  # of a curve over the horizon: as many as TensorBoard shows of one
CLOSE_SECONDS = 60
SILENT_SECONDS = 2  # of waiting before somebody wonders

Open: TypeAlias = Callable[[Run], Tracker | None]
"""Begins to track a run; None where there is nothing to do."""

logger = logging.getLogger(__name__)


class Tracking:
    """Collects points and hands them to trackers, which live in a thread of their own: none of them may hold training
    back, nor end it. One that fails is logged and left.

    Numbers of every `every`-th step are kept, and all evaluations; which steps these are is the same in every segment.
    Of several processes that train together, one `leads`, and the others' numbers go nowhere.
    """

    def __init__(
        self, run: Run, horizon_steps: int, trackers: Iterable[tuple[str, Open]], *, leads: bool = True
    ) -> None:
        self.every = math.ceil(horizon_steps / POINTS)
        self._run = run
        self._leads = leads
        self._openers = dict(trackers) if leads else {}
        self._points: dict[int, tuple[float, dict[str, float]]] = {}
        self._handed: queue.SimpleQueue[list[Point] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def use(self, trackers: Iterable[tuple[str, Open]]) -> None:
        """Have further ones follow. Comes before the first step."""
        if self._leads:
            self._openers.update(trackers)

    def resume(self, step: int) -> None:
        """The run goes on after `step`. Comes before the first step."""
        self._run = replace(self._run, from_step=step)

    def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of a step, if it is one that is kept; several calls for one step add up."""
        if step % self.every == 0:
            self._add(step, numbers)

    def evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics of an evaluation."""
        self._add(step, metrics)

    def flush(self) -> None:
        """Hand over what has been collected. Returns at once."""
        if not self._openers or not self._points:
            return
        points = [Point(step, seconds, numbers) for step, (seconds, numbers) in sorted(self._points.items())]
        self._points = {}
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="tracking", daemon=True)
            self._thread.start()
        self._handed.put(points)

    def close(self) -> None:
        """Wait until every tracker has everything, though not for ever."""
        self.flush()
        if self._thread is not None:
            self._handed.put(None)
            self._thread.join(min(SILENT_SECONDS, CLOSE_SECONDS))
            if self._thread.is_alive():
                logger.info("waiting for %s, %g s at most", ", ".join(self._openers), CLOSE_SECONDS)
                self._thread.join(CLOSE_SECONDS)
            if self._thread.is_alive():
                logger.warning(
                    "what trackers had not taken after %d s is lost: %s", CLOSE_SECONDS, ", ".join(self._openers)
                )
            self._thread = None

    def _add(self, step: int, numbers: Mapping[str, float]) -> None:
        if self._openers:
            self._points.setdefault(step, (time.time(), {}))[1].update(numbers)

    def _serve(self) -> None:
        trackers: dict[str, Tracker] = {}

        def attempt(name: str, action: Callable[[], Tracker | None]) -> None:
            """Anything may be raised by what others wrote, and none of it is worth a run."""
            try:
                if (tracker := action()) is not None:
                    trackers[name] = tracker
            except Exception as error:  # noqa: BLE001  whatever fails in others' code, training goes on
                trackers.pop(name, None)
                logger.warning("%s is told no more of this run: %s: %s", name, type(error).__name__, error)

        for name, opener in self._openers.items():
            attempt(name, partial(opener, self._run))
        while (points := self._handed.get()) is not None:
            for name, tracker in list(trackers.items()):
                attempt(name, partial(tracker.write, points))
        for name, tracker in list(trackers.items()):
            attempt(name, tracker.close)
