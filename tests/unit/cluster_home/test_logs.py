"""What the log lines look like."""

import json
import logging
import sys

from stepladder.cluster.logs import JsonFormatter


def record(message: str, *args: object, exc_info: bool = False) -> logging.LogRecord:
    return logging.LogRecord(
        "stepladder.x", logging.ERROR, "f.py", 1, message, args, sys.exc_info() if exc_info else None
    )


def test_a_json_record_is_one_line_whatever_it_says() -> None:
    """A collector that splits at line ends would make two records of one."""
    try:
        raise ValueError("two\nlines")
    except ValueError:
        line = JsonFormatter().format(record('say "%s"\nagain', "ü", exc_info=True))
    assert "\n" not in line
    read = json.loads(line)
    assert read["message"] == 'say "ü"\nagain'
    assert (read["level"], read["logger"]) == ("ERROR", "stepladder.x")
    assert read["time"].endswith("+00:00")
    assert "ValueError: two" in read["exception"]
