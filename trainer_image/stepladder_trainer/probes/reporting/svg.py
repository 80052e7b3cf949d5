"""Charts as SVG, of which a browser and a chat both make a picture. A plotting library would double the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from stepladder_trainer.probes.reporting.axis import Axis

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 34, 46
MOST_DOTS = 40  # points: more dots would hide the line
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito's


@dataclass(frozen=True)
class Series:
    """Points that belong together, joined by a line: `xs` (n,) and `ys` (n,). The line breaks at what cannot be shown.
    Or columns that stand on the axis: the edges `xs` (n + 1,) and the heights `ys` (n,)."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    columns: bool = False


@dataclass(frozen=True)
class Panel:
    """One chart. `marks`: (x, label) of vertical lines."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    marks: Sequence[tuple[float, str]] = ()
    log_x: bool = False
    log_y: bool = False


def draw(panels: Sequence[Panel]) -> str:
    """The panels, one below the other, as an SVG document."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT * len(panels)}"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for place, panel in enumerate(panels):
        parts += [f'<g transform="translate({LEFT} {place * HEIGHT + TOP})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> list[str]:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    x = Axis.over([value for series in panel.series for value in series.xs], width, log=panel.log_x)
    values = [value for series in panel.series for value in series.ys]
    floor = [0.0] if any(series.columns for series in panel.series) else []
    y = Axis.over([*values, *floor], height, log=panel.log_y)
    parts = [_text(width / 2, -14, panel.title, size=14), _text(width / 2, height + 36, panel.x_label)]
    parts.append(f'<g transform="rotate(-90)">{_text(-height / 2, -52, panel.y_label)}</g>')
    for tick in x.ticks():
        across = x.place(tick) or 0.0
        parts += [_line(across, 0, across, height), _text(across, height + 16, f"{tick:.6g}")]
    for tick in y.ticks():
        down = height - (y.place(tick) or 0.0)
        parts += [_line(0, down, width, down), _text(-6, down + 4, f"{tick:.6g}", "end")]
    for number, series in enumerate(panel.series):
        colour = COLOURS[number % len(COLOURS)]
        parts += [_series(series, x, y, colour), _text(width + 8, 10 + 16 * number, series.name, "start", colour)]
    for number, (value, label) in enumerate(panel.marks):
        if (at := x.place(value)) is not None and 0 <= at <= width:
            anchor, aside = ("end", -3) if at > 0.8 * width else ("start", 3)
            parts += [_line(at, 0, at, height, "#888", dashes=True), _text(at + aside, 12 + 13 * number, label, anchor)]
    return parts


def _series(series: Series, x: Axis, y: Axis, colour: str) -> str:
    if series.columns:
        edges = [x.place(edge) or 0.0 for edge in series.xs]
        heights = [y.place(value) or 0.0 for value in series.ys]
        return "".join(
            f'<rect x="{left:.1f}" y="{y.length - up:.1f}" width="{max(0.0, right - left - 1):.1f}" height="{up:.1f}"'
            f' fill="{colour}"/>'
            for (left, right), up in zip(pairwise(edges), heights, strict=True)
        )
    places = [(x.place(at), y.place(value)) for at, value in zip(series.xs, series.ys, strict=True)]
    pieces: list[list[tuple[float, float]]] = [[]]
    for across, up in places:
        if across is not None and up is not None:
            pieces[-1].append((across, y.length - up))
        elif pieces[-1]:
            pieces.append([])
    few = sum(map(len, pieces)) <= MOST_DOTS
    return "".join(_piece(piece, colour, dots=few or len(piece) == 1) for piece in pieces if piece)


def _piece(shown: Sequence[tuple[float, float]], colour: str, *, dots: bool) -> str:
    points = " ".join(f"{across:.1f},{down:.1f}" for across, down in shown)
    line = f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    if not dots:
        return line
    return line + "".join(
        f'<circle cx="{across:.1f}" cy="{down:.1f}" r="2.5" fill="{colour}"/>' for across, down in shown
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "#ddd", *, dashes: bool = False) -> str:
    style = ' stroke-dasharray="4 3"' if dashes else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{style}/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", colour: str = "#222", *, size: int = 11) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{escape(text)}</text>'
    )
