"""What a probe hands to whoever tells it, and the telling."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from stepladder_trainer.checkpoints import Store
from stepladder_trainer.probes.reporting.svg import Panel, draw
from stepladder_trainer.probes.verdict import Verdict

PICTURE, DATA = "probe.svg", "probe.json"
LONGEST_TABLE = 24  # rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """A verdict, and what it was read from. `points`: dataclasses; `table`: a row of headings, then text."""

    verdict: Verdict
    points: Sequence[Any]
    table: Sequence[Sequence[str]]
    panels: Sequence[Panel]


def tell(finding: Finding, store: Store | None) -> Verdict:
    """Log the table, put picture and points into `store`, if there is one; the verdict with their places.

    Raises StorageError.
    """
    verdict = finding.verdict
    if store is not None:
        verdict = replace(verdict, picture=store.path(PICTURE), data=store.path(DATA))
        document = {"verdict": verdict.document(), "points": [asdict(point) for point in finding.points]}
        text = json.dumps(_plain(document), allow_nan=False)
        store.write(PICTURE, lambda file: file.write(draw(finding.panels).encode()))
        store.write(DATA, lambda file: file.write(text.encode()))
    logger.info("%s\n%s", verdict.type, tabulated(finding.table))
    logger.info("%s: %s", verdict.type, verdict.summary)
    if verdict.measured_on:
        logger.info("measured on %s (key %s)", verdict.measured_on, verdict.key)
    for name, value in verdict.suggestions.items():
        logger.info("suggests %s %.6g", name, value)
    if verdict.picture:
        logger.info("picture %s, points %s", verdict.picture, verdict.data)
    if verdict.flags:
        logger.info("flags: %s", ", ".join(verdict.flags))
    return verdict


def tabulated(table: Sequence[Sequence[str]]) -> str:
    """Columns that line up. Of a long table every so-manieth row, the last included."""
    head, *rows = table
    stride = math.ceil(len(rows) / LONGEST_TABLE) or 1
    shown = [head, *rows[(len(rows) - 1) % stride :: stride]] if rows else [head]
    widths = [max(len(row[column]) for row in shown) for column in range(len(head))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in shown)


def _plain(value: Any) -> Any:
    """JSON has no words for what is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
