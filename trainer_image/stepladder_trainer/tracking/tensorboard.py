"""TensorBoard: an event file of each segment beside the checkpoints, which TensorBoard shows as one curve."""

import platform
import time
from collections.abc import Sequence

from stepladder_trainer.checkpoints import Store
from stepladder_trainer.tracking import event_file
from stepladder_trainer.tracking.tracker import Point, Run


class TensorBoard:
    """See `Tracker`. The file begins with the step that it goes on from."""

    def __init__(self, run: Run, store: Store) -> None:
        now = time.time_ns()
        # TensorBoard reads the files of a directory by name, and needs `tfevents` in it.
        self._name = f"events.out.tfevents.{now // 10**9:010d}.{now % 10**9:09d}.{platform.node()}"
        self._store = store
        seconds = now / 1e9
        self._written = event_file.header(seconds) + event_file.restart(seconds, run.from_step + 1)
        if run.from_step == 0:
            self._written += event_file.hyperparameters(seconds, {**run.parameters, "seed": run.seed}, run.name)
        if store.appends:
            store.append(self._name, self._written)

    def write(self, points: Sequence[Point]) -> None:
        """Append; where that means to write the file anew, that is done (it has at most some 200 KB)."""
        records = b"".join(event_file.scalars(point.seconds, point.step, point.numbers) for point in points)
        if self._store.appends:
            self._store.append(self._name, records)
            return
        self._written += records
        self._store.write(self._name, lambda file: file.write(self._written))

    def close(self) -> None:
        """Every write has closed the file."""


def track(run: Run) -> TensorBoard | None:
    """TensorBoard's tracker of `run`, or None where nothing is to be saved."""
    return TensorBoard(run, run.store) if run.store else None
