"""docs/algorithms.md: every sampler and pruner in one table, with an example that uses it and what was measured."""

import json
import re
from pathlib import Path

import pytest

from bench.measured import BETWEEN, fill
from stepladder.api.rounds import PrunerAlgorithm
from stepladder.api.samplers import SamplerAlgorithm
from stepladder.local.manifest import read

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "algorithms.md"
RESULTS = REPOSITORY / "docs" / "search-results.json"

TEXT = """## Samplers
| `None` | no sampler | <!-- race --><!-- end --> |
| `Random` | as the reference | <!-- race -->with ASHA 99<!-- end --> by hand |
## Pruners
| `None` | to the end | <!-- race --><!-- end --> |
| `ASHA` | many workers | <!-- race --><!-- end --> |
"""


def rows_of(section: str) -> dict[str, list[str]]:
    """The cells of the section's table by the name in its first."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## )", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): cells for cells in lines}


@pytest.mark.parametrize(
    ("section", "algorithms", "field"),
    [("Samplers", SamplerAlgorithm, "sampler"), ("Pruners", PrunerAlgorithm, "pruner")],
)
def test_each_is_in_the_table_with_an_example_that_uses_it(
    section: str, algorithms: type[SamplerAlgorithm] | type[PrunerAlgorithm], field: str
) -> None:
    """Catches an algorithm that nobody has described, and an example that was renamed or uses another one."""
    rows = rows_of(section)
    assert sorted(rows) == sorted(algorithms)
    for name, cells in rows.items():
        assert len(cells) == 6, name
        assert cells[1].strip(), f"when to use {name}"
        assert "<!-- race -->" in cells[5], f"where the result of {name} goes"
        ((target,),) = [re.findall(r"\((\S+\.yaml)\)", cells[4])]
        (manifest,) = read((PAGE.parent / target).read_text())
        used = {round_.get(field, {}).get("algorithm") for round_ in manifest["spec"]["rounds"]}
        assert used == {name}, target


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https:)([^)#]+)", PAGE.read_text())
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_the_cells_are_current() -> None:
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    assert PAGE.read_text() == fill(PAGE.read_text(), rows), "run `make generate`"


def test_cells_hold_the_medians_over_the_tables_best_partner_first() -> None:
    """Catches 16 workers mixed with one, a sampler's figures in a pruner's row, and a target never met that counts as
    met; and a cell that grows with each filling."""

    def row(sampler: str, pruner: str, ratio: float | None, workers: int = 1) -> dict[str, object]:
        contestant = f"{sampler}{BETWEEN}{pruner}"
        return {"table": "t", "contestant": contestant, "workers": workers, "ratioToRandom": ratio}

    rows = [row("Random", "None", 1.0), row("Random", "ASHA", 99.0, workers=16)]
    rows += [row("Random", "ASHA", ratio) for ratio in (4.0, 8.25, 30.0)]
    rows += [row("TPE", "ASHA", ratio) for ratio in (None, None, 9.0)]
    rows.append({"table": "t", "contestant": "Ray Tune ASHA", "workers": 1, "ratioToRandom": 7.0})
    filled = fill(TEXT, rows)
    assert fill(filled, rows) == filled
    assert re.findall("<!-- race -->(.*)<!-- end -->", filled) == [
        "",
        "with ASHA 8.2, trained to the end 1.0",
        "with Random 1.0",
        "with Random 8.2, with TPE never",
    ]
    assert "<!-- end --> by hand |" in filled
