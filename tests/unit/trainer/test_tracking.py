"""How numbers get to trackers. What TensorBoard, Weights & Biases and MLflow make of them: tests/integrations."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stepladder_trainer import sdk, tracking
from stepladder_trainer.checkpoints import Store
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tracking import Open, Point, Run, Tracking, event_file
from trainer.conftest import Home
from trainer.test_sdk import Counter

RUN = Run("vision/digits/digits-7", {"learning_rate": 0.1})


@dataclass
class Notes:
    """A tracker that remembers, until it breaks at `breaks_at`."""

    breaks_at: int = 0
    runs: list[Run] = field(default_factory=list)
    points: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    closed: bool = False

    def track(self, run: Run) -> "Notes":
        self.runs.append(run)
        return self

    def write(self, points: Sequence[Point]) -> None:
        self.threads.add(threading.get_ident())
        for point in points:
            if point.step == self.breaks_at:
                raise ConnectionError("the server is gone")
            self.points.append((point.step, dict(point.numbers)))

    def close(self) -> None:
        self.closed = True


def following(*trackers: tuple[str, Open], horizon: int = 100) -> Tracking:
    return Tracking(RUN, horizon, trackers)


def test_numbers_of_a_step_come_together_whenever_they_are_known() -> None:
    """A GPU's losses are known steps later."""
    notes = Notes()
    numbers = following(("notes", notes.track))
    numbers.numbers(2, {"learning_rate": 0.1})
    numbers.numbers(1, {"learning_rate": 0.2})
    numbers.numbers(1, {"training_loss": 1.0})
    numbers.flush()
    numbers.evaluation(3, {"validation_error": 0.5})
    numbers.close()
    assert notes.points == [
        (1, {"learning_rate": 0.2, "training_loss": 1.0}),
        (2, {"learning_rate": 0.1}),
        (3, {"validation_error": 0.5}),
    ]
    assert notes.closed
    assert notes.threads.isdisjoint({threading.get_ident()}), "training waited for a tracker"


def test_a_long_curve_is_thinned_out_at_the_same_steps_in_every_segment_and_evaluations_stay() -> None:
    whole, halves = Notes(), Notes()
    for notes, segments in ((whole, [range(1, 10_001)]), (halves, [range(1, 5_005), range(5_005, 10_001)])):
        for steps in segments:
            numbers = following(("notes", notes.track), horizon=10_000)
            for step in steps:
                numbers.numbers(step, {"training_loss": step})
                if step == 7:
                    numbers.evaluation(step, {"validation_error": 0.5})
            numbers.close()
    assert whole.points == halves.points
    assert len(whole.points) == tracking.tracking.POINTS + 1
    assert whole.points[0] == (7, {"validation_error": 0.5})


def test_a_tracker_that_breaks_is_left_and_the_others_are_told_on(caplog: pytest.LogCaptureFixture) -> None:
    """A tracking server must not cost a run."""

    def absent(run: Run) -> Notes:
        raise OSError("no such host")

    broken, whole = Notes(breaks_at=2), Notes()
    numbers = following(("absent", absent), ("broken", broken.track), ("whole", whole.track))
    with caplog.at_level(logging.WARNING):
        for step in (1, 2, 3):
            numbers.evaluation(step, {"validation_error": 0.5})
            numbers.flush()
        numbers.close()
    assert [step for step, _ in broken.points] == [1]
    assert [step for step, _ in whole.points] == [1, 2, 3]
    assert "absent is told no more of this run: OSError: no such host" in caplog.text
    assert "broken is told no more of this run: ConnectionError: the server is gone" in caplog.text
    assert len(caplog.records) == 2


def test_a_tracker_that_hangs_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracking.tracking, "CLOSE_SECONDS", 0.01)
    released = threading.Event()

    def hang(run: Run) -> Notes:
        released.wait()
        return Notes()

    caplog.set_level("INFO")
    numbers = following(("slow", hang))
    numbers.evaluation(1, {"validation_error": 0.5})
    numbers.close()
    assert "waiting for slow" in caplog.text
    assert "is lost: slow" in caplog.text
    released.set()


def test_of_processes_that_train_together_one_is_followed() -> None:
    notes = Notes()
    numbers = Tracking(RUN, 100, [("always", notes.track)], leads=False)
    numbers.use([("asked for", notes.track)])
    numbers.evaluation(1, {"validation_error": 0.5})
    numbers.close()
    assert notes.runs == []


def test_a_resumed_run_says_from_where() -> None:
    notes = Notes()
    numbers = following(("notes", notes.track))
    numbers.resume(30)
    numbers.evaluation(31, {"validation_error": 0.5})
    numbers.close()
    assert [run.from_step for run in notes.runs] == [30]


def test_unknown_and_absent_trackers_are_told_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"no tracker 'neptune': name wandb or mlflow"):
        tracking.optional(["neptune"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"stepladder-trainer\[wandb\]"):
        tracking.optional(["wandb"])


def test_event_files_are_byte_for_byte_what_tensorboard_writes() -> None:
    """Recorded from TensorBoard 2.21's own writer and its protocol buffers."""
    assert event_file.header(1.5).hex() == (
        "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
    )
    assert event_file.restart(1.5, 301).hex() == "100000000000000095fbfe1809000000000000f83f10ad023a020801d17949d4"
    assert event_file.scalars(1.5, 300, {"training_loss": 0.25, "x": -1e9}).hex() == (
        "2e00000000000000c5cb57fa09000000000000f83f10ac022a200a140a0d747261696e696e675f6c6f737315"
        "0000803e0a080a017815286b6ecefc3f2637"
    )


@pytest.mark.parametrize("value", [1e39, -1e39, float("inf"), float("nan")])
def test_a_number_beyond_single_precision_can_be_written(value: float) -> None:
    """A diverging loss is what one looks for in a curve."""
    assert len(event_file.scalars(1.5, 300, {"x": value})) == len(event_file.scalars(1.5, 300, {"x": 0.5}))


@pytest.fixture
def report_twice(operator: Callable[..., Home]) -> Callable[[int], Home]:
    def run(target: int) -> Home:
        home = operator(targetSteps=target)
        with sdk.trial() as trial:
            for step in trial.steps(counter=Counter()):
                trial.log(step, training_loss=1 / step)
                trial.report(step, validation_error=1 / step)
        return home

    return run


def test_every_segment_leaves_an_event_file_beside_the_checkpoints(report_twice: Callable[[int], Home]) -> None:
    """The second goes on from step 3: TensorBoard drops what the first knew of later steps."""
    home = report_twice(2)
    report_twice(4)
    first, second = sorted(home.checkpoints.glob("*tfevents*"))
    assert event_file.restart(1.5, 1)[12 + 9 : -4] in first.read_bytes()
    assert b"learning_rate" not in second.read_bytes()
    assert event_file.restart(1.5, 3)[12 + 9 : -4] in second.read_bytes()
    assert first.read_bytes().count(b"validation_error") == second.read_bytes().count(b"validation_error") == 2


def test_a_segment_without_a_step_leaves_none(report_twice: Callable[[int], Home]) -> None:
    home = report_twice(4)
    report_twice(2)
    assert len(list(home.checkpoints.glob("*tfevents*"))) == 1


class Bucket:
    """Storage where a file can only be written as a whole."""

    appends = False

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, dump: Callable[..., object]) -> None:
        with (self.directory / name).open("wb") as file:
            dump(file)


def test_where_files_cannot_grow_they_are_written_anew(tmp_path: Path) -> None:
    store: Store = Bucket(tmp_path)  # type: ignore[assignment]  # as much of one as it needs
    tracker = tracking.tensorboard.TensorBoard(RUN, store)
    for step in (1, 2):
        tracker.write([Point(step, 1.5, {"training_loss": 0.5})])
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    assert content.startswith(event_file.header(0)[:8])
    for step in (1, 2):
        assert content.count(event_file.scalars(1.5, step, {"training_loss": 0.5})) == 1
