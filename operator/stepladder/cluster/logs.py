"""Logging to standard error: one line per record, as text for people or as JSON for machines."""

import json
import logging
from datetime import UTC, datetime
from typing import Final, Literal

Format = Literal["text", "json"]

# Libraries that say at INFO what only their authors need.
_QUIET: Final = ("kopf", "aiohttp.access", "kubernetes", "optuna", "asyncio")


class JsonFormatter(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`, and `exception` with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str, form: Format) -> None:
    """Set up the root logger; libraries speak from WARNING on, unless the level is DEBUG."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(level if level == "DEBUG" else "WARNING")
