"""The program's own log, on a disk that is full."""

import logging
from pathlib import Path

import pytest

from stepladder.local.layout import Layout
from stepladder.local.working import logged


def test_a_log_that_cannot_be_written_neither_fills_the_terminal_nor_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """logging itself prints a traceback for every record, and closing its file raises."""
    (tmp_path / "stepladder.log").symlink_to("/dev/full")
    with logged(Layout(tmp_path)):
        logging.getLogger("stepladder").warning("cannot write")
    assert capsys.readouterr().err == ""


def test_the_log_is_kept_in_the_home(tmp_path: Path) -> None:
    with logged(Layout(tmp_path)):
        logging.getLogger("stepladder").info("something happened")
    assert "INFO stepladder: something happened" in (tmp_path / "stepladder.log").read_text()
