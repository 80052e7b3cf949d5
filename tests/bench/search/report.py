"""The figures of a race as Markdown tables, JSON and plots."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.search import tables
from bench.search.contestants import REFERENCE
from bench.search.machine import machine
from bench.search.measures import Results, figures, rows

DOCS = Path(__file__).parents[3] / "docs"
_PLACE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end -->)", re.DOTALL)


def write(results: Sequence[Results], folder: Path) -> None:
    """`rows.json`, `tables.md` and, where matplotlib is installed, plots, into `folder`."""
    found = rows(results, REFERENCE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.json").write_text(json.dumps([tables.finite(asdict(row)) for row in found], indent=1))
    (folder / "tables.md").write_text(tables.overall(found) + tables.each(found))
    _plot(results, folder)


def publish(results: Sequence[Results], docs: Path = DOCS) -> None:
    """The same into the documentation: search-results.json, images/search-*.svg, and the page's tables.

    Synthetic tables are apart in the JSON, since not all contestants race on them.
    """
    recorded = [result for result in results if not synthetic(result)]
    found: dict[str, object] = {
        "conditions": {
            "written": datetime.now(UTC).date().isoformat(),
            "seeds": min(len(result["studies"]) for result in recorded),
            "versions": results[0]["versions"],
            "machine": machine(),
        },
        "rows": figures(recorded, REFERENCE),
        "syntheticRows": figures([result for result in results if synthetic(result)], REFERENCE),
    }
    (docs / "search-results.json").write_text(_lines(found))
    page = docs / "search-benchmark.md"
    text = "\n" + tables.overall(rows(results, REFERENCE)) + "\n"
    page.write_text(_PLACE.sub(lambda _: text, page.read_text()))
    (docs / "images").mkdir(exist_ok=True)
    _plot(recorded, docs / "images")


def synthetic(result: Results) -> bool:
    """Whether its table was made, not recorded."""
    return str(result["problem"]).startswith("adam8p_")


def _plot(results: Sequence[Results], folder: Path) -> None:
    try:
        from bench.search import plots
    except ModuleNotFoundError as error:
        print(f"no plots: {error}")
        return
    plots.write(results, rows(results, REFERENCE), folder)


def _lines(found: dict[str, object]) -> str:
    """JSON with a line for each row, so that differences can be read."""
    parts = []
    for name, value in found.items():
        if isinstance(value, list):
            inner = ",\n".join(f"  {json.dumps(row)}" for row in value)
            parts.append(f" {json.dumps(name)}: [\n{inner}\n ]" if value else f" {json.dumps(name)}: []")
        else:
            parts.append(f" {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
