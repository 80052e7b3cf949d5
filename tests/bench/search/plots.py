"""Best so far against trained steps, median and quartiles over seeds: one SVG per table."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from bench.search.measures import Results, best_so_far

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "stepladder"  # the same figures make the same file
GRID = [0.1 * 1.07**i for i in range(100)]  # full runs


def write(results: Sequence[Results], folder: Path) -> None:
    """`<table>.svg` for each table that has results of one worker."""
    for problem in sorted({result["problem"] for result in results}):
        mine = [result for result in results if result["problem"] == problem and result["workers"] == 1]
        if mine:
            _plot(problem, mine, folder / f"{problem}.svg")


def _plot(problem: str, results: Sequence[Results], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(8, 5))
    colours = pyplot.get_cmap("tab20")
    target, optimum = results[0]["target"], results[0]["optimum"]
    for number, result in enumerate(results):
        curves = [best_so_far(result, study, GRID) for study in result["studies"]]
        low, middle, high = zip(*(_quartiles([c[i] for c in curves]) for i in range(len(GRID))), strict=True)
        style = "-" if result["ours"] else "--"
        colour = colours(number % 20)
        axes.plot(GRID, middle, style, color=colour, label=result["contestant"], linewidth=1.3)
        axes.fill_between(GRID, low, high, color=colour, alpha=0.07, linewidth=0)
    axes.axhline(target, color="black", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(GRID[0], 80)
    axes.set_ylim(optimum - 0.05 * (target - optimum), target + 5 * (target - optimum))
    axes.set_xlabel("trained steps, in full runs (one worker)")
    axes.set_ylabel("best validation loss so far")
    axes.set_title(f"{problem}: median and quartiles over seeds; dotted: the target")
    axes.legend(fontsize=6, ncol=2)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles([min(v, 1e12) for v in values], n=4)
    return tuple(v if v < 1e9 else math.nan for v in (low, middle, high))  # type: ignore[return-value]  # three
