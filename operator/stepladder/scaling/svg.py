"""Charts over the batch size as SVG. A plotting library would be the operator's largest dependency, for one picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50
MOST_TICKS: Final = 10


@dataclass(frozen=True)
class Line:
    """Points (x, y) that belong together; with dots where they were measured."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dots: bool = False
    dashes: bool = False


@dataclass(frozen=True)
class Chart:
    """One chart. x is logarithmic, and y where all of its values are above 0. `mark`: (x, label) of a vertical line."""

    title: str
    x_label: str
    y_label: str
    xs: Sequence[float]  # where x has its ticks
    lines: Sequence[Line]
    mark: tuple[float, str] | None = None


def svg(charts: Sequence[Chart]) -> str:
    """The charts, one below the other, as an SVG document."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT * len(charts)}"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for place, chart in enumerate(charts):
        parts += [f'<g transform="translate({LEFT} {place * HEIGHT + TOP})">', *_chart(chart), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _chart(chart: Chart) -> list[str]:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    x_low, x_high = min(chart.xs), max(chart.xs)
    values = [y for line in chart.lines for _, y in line.points]
    logarithmic = min(values, default=1) > 0
    ticks = _round_in_logarithms(values) if logarithmic else _even(values)

    def across(x: float) -> float:
        return width * math.log(x / x_low) / math.log(x_high / x_low)

    def down(y: float) -> float:
        low, high, at = (math.log(it) if logarithmic else it for it in (ticks[0], ticks[-1], y))
        return height * (high - at) / (high - low)

    parts = [_text(width / 2, -18, chart.title, size=13), _text(width / 2, height + 38, chart.x_label)]
    parts.append(f'<g transform="rotate(-90)">{_text(-height / 2, -54, chart.y_label)}</g>')
    for x in chart.xs:
        parts += [_stroke(across(x), 0, across(x), height), _text(across(x), height + 18, f"{x:.6g}")]
    for y in ticks[:: math.ceil(len(ticks) / MOST_TICKS)]:
        parts += [_stroke(0, down(y), width, down(y)), _text(-8, down(y) + 4, f"{y:.3g}", "end")]
    for number, line in enumerate(chart.lines):
        places = [(across(x), down(y)) for x, y in line.points]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dashes = ' stroke-dasharray="5 4"' if line.dashes else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="1.5"{dashes}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{line.colour}"/>' for x, y in places if line.dots]
        parts.append(_text(width + 12, 12 + 18 * number, line.name, "start", line.colour))
    if chart.mark is not None:
        at, label = across(chart.mark[0]), chart.mark[1]
        parts += [_stroke(at, 0, at, height, "#777"), _text(at + 5, 12, label, "start", "#777")]
    return parts


def _round_in_logarithms(values: Sequence[float]) -> list[float]:
    """1, 2, 5, 10, ... from the last at or below all values to the first at or above them, two at least."""
    low, high = min(values, default=1.0), max(values, default=1.0)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 2)
    every = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
    first = max(place for place, tick in enumerate(every) if tick <= low * (1 + 1e-9))
    last = min(place for place, tick in enumerate(every) if tick >= high * (1 - 1e-9))
    return every[first : max(last, first + 1) + 1]


def _even(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    high = high if high > low else low + 1
    return [low + (high - low) * place / 5 for place in range(6)]


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str = "#ddd") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", colour: str = "#222", *, size: int = 11) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{escape(text)}</text>'
    )
