"""The verdict as the operator gets it, and the picture."""

import json
import math
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.outcomes import Reason
from stepladder_trainer.probes.decisions.instability import FactorRun
from stepladder_trainer.probes.decisions.learning_rate_range import RangeTest, suggest
from stepladder_trainer.probes.decisions.throughput import Timing
from stepladder_trainer.probes.reporting import findings
from stepladder_trainer.probes.reporting.axis import Axis
from stepladder_trainer.probes.reporting.finding import Finding, tabulated, tell
from stepladder_trainer.probes.reporting.svg import HEIGHT, Panel, Series, draw
from stepladder_trainer.probes.verdict import LIMIT, Verdict, bounded
from stepladder_trainer.termination import Termination, encode

SVG = "{http://www.w3.org/2000/svg}"


def test_a_verdict_is_in_the_termination_message() -> None:
    verdict = Verdict("Warmup", "100 steps", {"warmup_steps": 100.0}, ("LongWarmup",), "/c/probe.svg", "/c/probe.json")
    message = json.loads(encode(Termination(Reason.COMPLETED, verdict=verdict)))
    assert message["verdict"] == {
        "type": "Warmup",
        "summary": "100 steps",
        "suggestions": {"warmup_steps": 100.0},
        "flags": ["LongWarmup"],
        "picture": "/c/probe.svg",
        "data": "/c/probe.json",
    }
    assert "verdict" not in json.loads(encode(Termination(Reason.COMPLETED)))


def test_a_verdict_of_any_length_fits_and_keeps_its_suggestions() -> None:
    """The message gives up what matters least: its own sentence, then the verdict's paths, never a suggestion."""
    suggestions = {f"suggestion_{number}": 1 / 3 for number in range(8)}
    long = Verdict("Throughput", "é" * 4000, suggestions, ("A", "B"), "p" * 3000, "d" * 3000)
    line = encode(Termination(Reason.COMPLETED, message="m" * 4000, verdict=long, provenance={"torch": "v" * 2000}))
    assert len(line) <= 4096
    message = json.loads(line)
    assert message["verdict"]["suggestions"] == suggestions
    assert len(json.dumps(message["verdict"], separators=(",", ":"))) <= LIMIT


def test_a_verdict_that_fits_is_left_as_it_is_but_for_what_is_not_finite() -> None:
    verdict = Verdict("Instability", "two\nlines", {"gradient_clip": math.nan, "stable_factor": 2.0})
    assert bounded(verdict) == Verdict("Instability", "two lines", {"stable_factor": 2.0})


def finding() -> Finding:
    rates = tuple(10 ** (place / 20 - 5) for place in range(100))
    test = RangeTest(rates, (*tuple(2.3 - 0.02 * place for place in range(99)), math.inf))
    return findings.of_range_test(test, suggest(test, 100), log=True)


def test_picture_and_points_lie_beside_the_checkpoints(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "trial")
    checkpoints.prepare()
    verdict = tell(finding(), checkpoints.store)
    assert verdict.picture == str(tmp_path / "trial" / "probe.svg")
    assert verdict.data == str(tmp_path / "trial" / "probe.json")
    picture = ElementTree.parse(verdict.picture).getroot()  # noqa: S314  our own
    assert picture.tag == f"{SVG}svg"
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert {"minimum/10", "valley", "learning rate", "training loss"} <= {*texts}
    document = json.loads(Path(verdict.data).read_text())
    assert len(document["points"][0]["losses"]) == 100
    assert document["points"][0]["losses"][-1] is None, "JSON has no infinity"
    assert document["verdict"]["suggestions"] == dict(verdict.suggestions)


def test_without_a_place_nothing_is_written_and_all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert tell(finding(), None).picture is None
    assert "suggests minimum/10" in caplog.text
    assert "learning rate" in caplog.text


def test_every_panel_is_drawn_with_a_point_for_every_value_that_can_be_shown() -> None:
    losses = (2.0, 1.0, math.nan)
    runs = [FactorRun(2, 0.02, (0, 1, 2), losses, (1.0, 3.0)), FactorRun(5, 0.05, (0, 1, 2), losses, (1.0, 3.0))]
    shown = findings.of_instability(runs, Verdict("Instability", "", {"gradient_clip": 2.8}))
    picture = ElementTree.fromstring(draw(shown.panels))  # noqa: S314  our own
    assert picture.get("height") == str(3 * HEIGHT)
    lines = [line.get("points", "").split() for line in picture.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [2, 2, 2, 2]
    assert len(list(picture.iter(f"{SVG}rect"))) == 1 + 20


def test_a_larger_value_is_further_right_and_higher_up() -> None:
    picture = ElementTree.fromstring(draw([Panel("t", "x", "y", [Series("s", [1, 10, 100], [1, 2, 3])], log_x=True)]))  # noqa: S314  our own
    points = next(picture.iter(f"{SVG}polyline")).get("points", "").split()
    places = [tuple(float(part) for part in point.split(",")) for point in points]
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(places))
    assert places[1][0] == pytest.approx((places[0][0] + places[2][0]) / 2), "logarithmic"


def drawn(series: Series, *, log_x: bool = False, log_y: bool = False) -> list[list[tuple[float, ...]]]:
    """The lines of a picture of one series."""
    picture = ElementTree.fromstring(draw([Panel("t", "x", "y", [series], log_x=log_x, log_y=log_y)]))  # noqa: S314  our own
    lines = [line.get("points", "").split() for line in picture.iter(f"{SVG}polyline")]
    return [[tuple(map(float, point.split(","))) for point in line] for line in lines]


def test_a_line_breaks_where_a_point_cannot_be_shown() -> None:
    """Joined, it would show what was never measured."""
    assert [len(line) for line in drawn(Series("s", range(6), [1, 2, math.nan, 3, math.inf, 2]))] == [2, 1, 1]
    assert [len(line) for line in drawn(Series("s", range(4), [1, 0, -1, 2]), log_y=True)] == [1, 1]


def test_losses_above_the_frame_of_a_range_test_break_its_line() -> None:
    """A loss that jumps out of the frame and comes back was drawn as a line along its top."""
    losses = [1.0] * 30 + [5.0] + [1.0] * 20 + [1e6] * 9
    test = RangeTest(tuple(10 ** (place / 10 - 5) for place in range(len(losses))), tuple(losses))
    panel = findings.of_range_test(test, Verdict("LearningRateRange", ""), log=True).panels[0]
    raw, smooth = panel.series
    assert [place for place, value in enumerate(raw.ys) if math.isnan(value)] == [30]
    assert len(raw.xs) == len(smooth.xs) == 51, "what comes after the last return into the frame is left out"
    assert [len(line) for line in drawn(raw, log_x=True)] == [30, 20]


def test_text_is_escaped_and_odd_data_still_makes_a_picture() -> None:
    for series in ([], [Series("<&>", [], [])], [Series("<&>", [1], [1])], [Series("<&>", [-1, 0], [math.inf, 2])]):
        ElementTree.fromstring(draw([Panel("<&>", "x", "y", series, [(1.0, "<&>")], log_x=True)]))  # noqa: S314  our own


def test_ticks_are_round_and_few() -> None:
    assert Axis(0, 10, 100).ticks() == [0, 2, 4, 6, 8, 10]
    assert Axis(1e-7, 10, 100, log=True).ticks() == pytest.approx([1e-7, 1e-5, 1e-3, 1e-1, 10])
    assert Axis(0.17, 3.4, 100, log=True).ticks() == pytest.approx([0.2, 0.5, 1, 2])
    assert Axis(1.1, 1.9, 100, log=True).ticks() == pytest.approx([1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9])
    assert Axis(0.31, 0.94, 100).ticks() == pytest.approx([0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    for low, high in ((0, 1e-9), (3, 4000), (-5, 5), (0.1, 0.3)):
        assert 2 <= len(Axis(low, high, 100).ticks()) <= 9


def test_a_long_table_is_thinned_and_keeps_its_last_row() -> None:
    lines = tabulated([("step",), *((str(row),) for row in range(1000))]).splitlines()
    assert len(lines) <= 25
    assert lines[-1].strip() == "999"


def test_batches_that_did_not_fit_are_not_drawn() -> None:
    shown = findings.of_throughput([Timing(8, 0.1), Timing(16, fits=False)], Verdict("Throughput", ""))
    assert len(shown.table) == 2
    ElementTree.fromstring(draw(shown.panels))  # noqa: S314  our own
    nothing = findings.of_throughput([Timing(8, fits=False)], Verdict("Throughput", ""))
    ElementTree.fromstring(draw(nothing.panels))  # noqa: S314  our own
