"""Pictures of a race: best so far against trained steps for each table, and everybody's gain over random search."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot

from bench.search.contestants import CONTESTANTS, REFERENCE
from bench.search.measures import Results, Row, best_so_far

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "stepladder"  # the same figures make the same file
mpl.rcParams["svg.fonttype"] = "none"  # text as text: a fifth of the size
mpl.rcParams["font.size"] = 9
GRID = [0.1 * 1.1**i for i in range(71)]  # full runs
MODELS = ("TPE", "BOHB", "GaussianProcess", "RandomForest", "CMAES", "Annealing", "Genetic", "Auto")


def write(results: Sequence[Results], found: Sequence[Row], folder: Path) -> None:
    """`search-<table>.svg` for each table that has results of one worker, and `search-gains.svg`."""
    for problem in sorted({result["problem"] for result in results}):
        mine = [result for result in results if result["problem"] == problem and result["workers"] == 1]
        if mine:
            _curves(problem, mine, folder / f"search-{problem}.svg")
    if found:
        _gains(found, folder / "search-gains.svg")


def _curves(problem: str, results: Sequence[Results], path: Path) -> None:
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 5.6), sharey=True)
    target, optimum = results[0]["target"], results[0]["optimum"]
    _panel(panels[0], "random and quasi-random configurations", [r for r in results if not _has_model(r)])
    learning = [r for r in results if _has_model(r) or r["contestant"] == REFERENCE]
    _panel(panels[1], "configurations from a model", learning)
    for axes in panels:
        axes.axhline(target, color="black", linewidth=0.8, linestyle=":")
        axes.set_xscale("log")
        axes.set_xlim(GRID[0], 80)
        axes.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        axes.set_xlabel("trained steps, in full runs, one worker")
        axes.legend(fontsize=7, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
    panels[0].set_ylim(optimum - 0.05 * (target - optimum), target + 6 * (target - optimum))
    panels[0].set_ylabel("best validation loss so far")
    figure.suptitle(f"{problem}: median over seeds; dotted: the target", fontsize=10)
    _save(figure, path)


def _panel(axes: Any, title: str, results: Sequence[Results]) -> None:
    colours = {True: pyplot.get_cmap("tab10"), False: pyplot.get_cmap("Set2")}  # by whether it is ours
    places = {True: 0, False: 0}
    for result in results:
        number = places[result["ours"]]
        places[result["ours"]] += 1
        colour = "black" if result["contestant"] == REFERENCE else colours[result["ours"]](number)
        grid = GRID if result["whole"] else [x for x in GRID if x <= _median_end(result)]
        curves = [best_so_far(result, study, grid) for study in result["studies"]]
        middle = [_drawn(statistics.median(curve[i] for curve in curves)) for i in range(len(grid))]
        style = "-" if result["ours"] else "--"
        axes.plot(grid, middle, style, color=colour, label=result["contestant"], linewidth=1.2)
    axes.set_title(title, fontsize=9)


def _gains(found: Sequence[Row], path: Path) -> None:
    """A dot for each contestant and table; contestants from the worst median to the best."""
    names = {row.contestant for row in found}
    medians = {name: statistics.median(row.gain for row in found if row.contestant == name) for name in names}
    order = sorted(names, key=lambda name: (medians[name], name))
    problems = sorted({row.problem for row in found})
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.24 * len(order)))
    never = 0.1
    for marker, problem in zip("os^Dv<>ph*X8", problems, strict=False):
        dots = [(max(r.gain, never), order.index(r.contestant)) for r in found if r.problem == problem]
        axes.plot(*zip(*dots, strict=True), marker, markersize=5, alpha=0.8, label=problem)
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    ticks = [0.2, 0.5, 1, 2, 5, 10, 20, 50]
    axes.set_xticks([never, *ticks], ["never", *(f"{tick:g}" for tick in ticks)])
    axes.minorticks_off()
    axes.set_yticks(range(len(order)), order)
    ours = {contestant.name for contestant in CONTESTANTS if contestant.is_ours}
    for label, name in zip(axes.get_yticklabels(), order, strict=True):
        label.set_fontweight("bold" if name in ours else "normal")
    axes.grid(axis="x", linewidth=0.4)
    axes.set_xlabel("random search's steps to the target over theirs (medians, one worker); bold: ours")
    axes.legend(fontsize=8, loc="lower right")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _has_model(result: Results) -> bool:
    return any(name in result["contestant"] for name in MODELS)


def _median_end(result: Results) -> float:
    """Full runs after which half of the studies are over."""
    return float(statistics.median(study["trace"]["trained"] for study in result["studies"]) / result["horizon"])


def _drawn(value: float) -> float:
    return value if value < 1e9 else math.nan
