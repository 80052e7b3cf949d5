"""Fills the cells *measured* of docs/algorithms.md from docs/search-results.json.

    python -m bench.measured docs/search-results.json docs/algorithms.md

Without the results, the cells are left with nothing but what was written into them by hand.
"""

import json
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
BETWEEN = " × "  # noqa: RUF001  as the benchmark names our modes, between sampler and pruner
Mode = tuple[str, str]  # sampler, pruner
TO_THE_END = "trained to the end"
_PLACE = re.compile(r"(?<=<!-- race -->).*?(?=<!-- end -->)")
_NAME = re.compile(r"^\| `(\w+)` \|")


def fill(page: str, rows: Sequence[Row]) -> str:
    """The page with its cells as the rows have it: one for each table, contestant and number of workers."""
    gains = _gains(rows)
    place, lines = 0, []
    for line in page.split("\n"):
        if line.startswith("## "):
            place = int(line == "## Pruners")
        if name := _NAME.match(line):
            line = _PLACE.sub(_cell(gains, name[1], place), line)
        lines.append(line)
    return "\n".join(lines)


def _gains(rows: Sequence[Row]) -> dict[Mode, float]:
    """Random's steps over those of each of our modes: the median over the tables, one worker."""
    found: dict[Mode, list[float]] = {}
    for row in rows:
        sampler, between, pruner = row["contestant"].partition(BETWEEN)
        if between and row["workers"] == 1:
            found.setdefault((sampler, pruner), []).append(row["ratioToRandom"] or 0.0)
    return {mode: statistics.median(ratios) for mode, ratios in found.items()}


def _cell(gains: Mapping[Mode, float], name: str, place: int) -> str:
    """What a sampler (place 0) or pruner (place 1) has come to with each partner, the best first."""
    mine = sorted((mode for mode in gains if mode[place] == name), key=lambda mode: -gains[mode])
    partners = [mode[1 - place] for mode in mine]
    return ", ".join(
        f"{TO_THE_END if partner == 'None' else f'with {partner}'} {_number(gains[mode])}"
        for partner, mode in zip(partners, mine, strict=True)
    )


def _number(gain: float) -> str:
    return "never" if gain == 0 else f"{gain:.1f}" if gain < 10 else f"{gain:.0f}"


def main(results: Path, page: Path) -> None:
    """Write the page again if it has changed."""
    rows = json.loads(results.read_text())["rows"] if results.exists() else []
    before = page.read_text()
    if (after := fill(before, rows)) != before:
        page.write_text(after)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
