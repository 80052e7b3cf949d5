import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepladder_trainer.outcomes import Reason
from stepladder_trainer.termination import LIMIT, Best, Termination, encode, write

floats = st.floats(allow_nan=True, allow_infinity=True)
paths = st.none() | st.text(max_size=3000)
terminations = st.builds(
    Termination,
    reason=st.sampled_from(Reason),
    from_step=st.integers(0, 10**12),
    step=st.integers(0, 10**12),
    value=st.none() | floats,
    evaluations=st.lists(st.tuples(st.integers(0, 10**9), floats), max_size=400),
    best=st.none() | st.builds(Best, st.integers(0, 10**9), st.floats(allow_nan=False, allow_infinity=False), paths),
    checkpoint=paths,
    trained_steps=st.integers(0, 10**9),
    seconds=st.floats(0, 1e9),
    message=st.text(max_size=6000),
    provenance=st.dictionaries(st.text(max_size=30), st.text(max_size=2000), max_size=6),
)


@given(terminations)
def test_any_message_is_one_line_of_json_that_fits(termination: Termination) -> None:
    """Whatever the paths, languages and numbers: a longer one is cut by the kubelet in the middle of the JSON."""
    line = encode(termination)
    assert len(line.encode()) <= LIMIT
    assert "\n" not in line
    document = json.loads(line)
    assert document["reason"] == termination.reason
    assert document["step"] == termination.step
    finite = [[step, value] for step, value in termination.evaluations if math.isfinite(value)]
    kept = document["evaluations"]
    assert kept == finite[len(finite) - len(kept) :]


@pytest.mark.parametrize("padding", range(20))
def test_as_many_of_the_newest_evaluations_as_fit_are_kept(padding: int) -> None:
    """An off-by-one would lose an observation that had room, or the end of the message."""
    evaluations = [(1000 + step, 0.5) for step in range(400)]  # 11 bytes and a comma each: every remainder is met
    line = encode(Termination(reason=Reason.COMPLETED, evaluations=evaluations, message="x" * padding))
    kept = json.loads(line)["evaluations"]
    assert kept[-1] == [1399, 0.5]
    assert len(kept) < 400
    assert len(line) <= LIMIT < len(line) + len(",[1000,0.5]")


def test_a_long_explanation_gives_way_and_short_ones_stay() -> None:
    assert json.loads(encode(Termination(Reason.ERROR, message="a\n b")))["message"] == "a b"
    long = json.loads(encode(Termination(Reason.ERROR, message="x" * 9000, provenance={"python": "3.11"})))
    assert long["message"].endswith("...")
    assert long["provenance"] == {"python": "3.11"}


def test_a_value_that_is_no_number_becomes_null() -> None:
    assert json.loads(encode(Termination(Reason.INFEASIBLE, value=math.inf)))["value"] is None


def test_an_unwritable_path_is_logged_and_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Raising would hide the exit code that tells the operator what happened."""
    write(tmp_path / "absent" / "log", Termination(Reason.COMPLETED, message="reached step 30"))
    assert "reached step 30" in caplog.text
