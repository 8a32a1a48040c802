# ruff: noqa: INP001 - a script
"""Draw what `run.py --save` wrote: the gate's cost against its budgets, and beside its peers.

The same file gives the same pictures to the byte, as long as Matplotlib is the same.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from harness import Result, shown
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# From the palette of Okabe and Ito, which the colour-blind can tell apart.
BLUE: Final = "#0072b2"
SKY: Final = "#56b4e9"
VERMILION: Final = "#d55e00"
GREEN: Final = "#009e73"
PURPLE: Final = "#cc79a7"
INK: Final = "#24292f"
FAINT: Final = "#59636e"
GRID: Final = "#d8dee4"
STRIPE: Final = "#f6f8fa"
STYLE: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "white",  # opaque, for GitHub's dark theme
    "font.family": ["DejaVu Sans", "sans-serif"],  # the first comes with Matplotlib
    "font.size": 9,
    "lines.markersize": 5,
    "lines.solid_capstyle": "butt",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "consentgate",
    "text.color": INK,
    "xtick.color": FAINT,
}
QUARTILES: Final[dict[str, Any]] = {"linewidth": 4, "alpha": 0.35, "zorder": 2}
TICK: Final[dict[str, Any]] = {"marker": "|", "markersize": 12, "markeredgewidth": 2, "zorder": 3}

WIDTH: Final = 9.375
"""Inches: 900 pixels of CSS."""
DPI: Final = 192
"""Two pixels of the PNG for one of CSS."""
STEP: Final = 0.27
"""Inches from one line of a chart to the next."""
APART: Final = 0.19
"""What part of that there is between results on one line."""
ABOVE: Final = 1.2
BELOW: Final = 0.6
"""Inches above and below the lines."""
MARGIN: Final = 0.02
LEFT: Final = 0.36
MEDIAN: Final = 0.905
BUDGET: Final = 0.98
"""Parts of the width: where words and the axis begin, and where columns of figures end."""
KEYS: Final = 0.12
"""The part of the width where the legend in a heading begins."""
LEAST: Final = 0.1
"""Microseconds, where the axis may begin."""
ADDS: Final = " adds"
"""How `peers` ends the name of what it tells the added time of."""
TICKS: Final = {1.2: (1, 1.5, 2, 3, 4, 5, 7), 2: (1, 2, 3, 5), 3: (1, 2, 5), 9: (1,)}
"""What an axis of so many powers of ten has room for."""


@dataclass(frozen=True)
class Mark:
    """How a median is drawn."""

    shape: str
    colour: str

    def key(self, meaning: str) -> Line2D:
        """Return the line of a legend."""
        return Line2D([], [], marker=self.shape, color=self.colour, ls="", label=meaning)


WITHIN: Final = Mark("o", BLUE)
OVER: Final = Mark("D", VERMILION)
GATES: Final = (Mark("o", BLUE), Mark("^", SKY))
PEERS: Final = (Mark("D", VERMILION), Mark("s", GREEN), Mark("v", PURPLE))


@dataclass(frozen=True)
class Line:
    """A line of a chart: results that are drawn on it, or the heading of several such lines."""

    label: str
    marked: Mapping[Mark, Result]
    keys: Sequence[Artist] = ()
    """In a heading, the legend of what is beneath."""


@dataclass(frozen=True)
class Chart:
    """Lines on one logarithmic axis."""

    title: str
    subtitle: str
    axis: str
    keys: Sequence[Artist]
    lines: Sequence[Line]
    range: tuple[float, float]
    right: float
    """The part of the width where the axis ends."""
    noise: Sequence[float] = ()
    """The quartiles of the floor against itself, where the floor is 1."""

    def save(self, directory: Path, name: str) -> None:
        """Write the chart as SVG and PNG, with no date in them."""
        figure = self.figure()
        figure.savefig(directory / f"{name}.svg", metadata={"Date": None, "Creator": None})
        figure.savefig(directory / f"{name}.png", metadata={"Software": None}, dpi=DPI)

    def figure(self) -> Figure:
        """Draw everything."""
        body = STEP * len(self.lines)
        height = ABOVE + body + BELOW
        figure = Figure((WIDTH, height))
        axes = figure.add_axes((LEFT, BELOW / height, self.right - LEFT, body / height))
        self.draw_axis(axes)
        for place, line in enumerate(self.lines):
            draw_line(axes, place, line)
        self.draw_heads(figure)
        if self.right < MEDIAN:
            write(axes, MEDIAN, -0.8, "median", ha="right", color=FAINT)
            write(axes, BUDGET, -0.8, "budget", ha="right", color=FAINT)
        return figure

    def draw_axis(self, axes: Axes) -> None:
        """Draw the axis, its grid and the band of noise."""
        axes.set(xscale="log", xlim=self.range, ylim=(len(self.lines) - 0.5, -0.5), yticks=[])
        axes.xaxis.set_major_locator(FixedLocator(ticks(*self.range)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
        axes.set_xlabel(self.axis, color=FAINT)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        if self.noise:
            axes.axvspan(self.noise[0], self.noise[-1], color=GRID, linewidth=0)

    def draw_heads(self, figure: Figure) -> None:
        """Write title and subtitle, and what the marks mean."""
        height = figure.get_figheight()
        figure.text(MARGIN, 1 - 0.25 / height, self.title, size=12, weight="bold", va="center")
        figure.text(MARGIN, 1 - 0.50 / height, self.subtitle, color=FAINT, va="center")
        draw_keys(figure, self.keys, bbox_to_anchor=(MARGIN, 1 - 0.79 / height))


def ticks(low: float, high: float) -> Sequence[float]:
    """Return round numbers from ``low`` to ``high``, as many as there is room for."""
    powers = range(floor(log10(low)), ceil(log10(high)))
    digits = next(digits for most, digits in TICKS.items() if log10(high / low) <= most)
    numbers = [float(f"{digit}e{power}") for power in powers for digit in digits]
    return [number for number in numbers if low <= number <= high]


def draw_line(axes: Axes, place: int, line: Line) -> None:
    """Draw one line of a chart, ``place`` lines from its top."""
    if line.marked and place % 2:
        ends = across(axes, MARGIN / 2), across(axes, 1 - MARGIN / 2)
        axes.axhspan(place - 0.5, place + 0.5, *ends, color=STRIPE, lw=0, clip_on=False, zorder=0)
    write(axes, MARGIN, place, line.label, weight="normal" if line.marked else "bold")
    for number, (mark, result) in enumerate(line.marked.items()):
        draw_budget(axes, place, mark, result)
        draw_result(axes, place + (number - (len(line.marked) - 1) / 2) * APART, mark, result)
    if line.keys:
        beside = {"bbox_transform": axes.get_yaxis_transform()}
        draw_keys(axes.figure, line.keys, bbox_to_anchor=(across(axes, KEYS), place), **beside)


def draw_result(axes: Axes, place: float, mark: Mark, result: Result) -> None:
    """Draw median and quartiles; what is beyond the axis ends with it."""
    low, median, high = result.quartiles
    left, _ = axes.get_xlim()
    axes.plot([max(low, left), max(high, left)], [place, place], color=mark.colour, **QUARTILES)
    axes.plot(max(median, left), place, mark.shape, color=mark.colour, zorder=4)


def draw_budget(axes: Axes, place: int, mark: Mark, result: Result) -> None:
    """Draw the budget of a result that has one, and write both beside the axis."""
    if result.budget is None:
        return
    axes.plot(result.budget, place, color=INK, **TICK)
    figures = {"ha": "right", "color": mark.colour, "weight": "bold"}
    write(axes, MEDIAN, place, shown(result.quartiles[1]), **figures)
    write(axes, BUDGET, place, f"≤ {result.budget:g}", ha="right")


def draw_keys(figure: Figure, keys: Sequence[Artist], **where: Any) -> None:
    """Draw a legend of one line."""
    figure.legend(
        handles=keys,
        loc="center left",
        ncols=len(keys),
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        columnspacing=1.6,
        handlelength=1.3,
        handletextpad=0.5,
        **where,
    )


def write(axes: Axes, part: float, place: float, words: str, **style: Any) -> None:
    """Write on a line of the chart, at a part of the picture's width."""
    where = {"transform": axes.get_yaxis_transform(), "va": "center"}
    axes.text(across(axes, part), place, words, **where, **style)


def across(axes: Axes, part: float) -> float:
    """Return where on the axis, of which 1 is the whole, a part of the picture's width is."""
    own = axes.get_position()
    return (part - own.x0) / own.width


# -- the charts ----------------------------------------------------------------------------------


def request_chart(python: str, results: Iterable[Result]) -> Chart:
    """Return the chart of every row that has a budget, in proportion to the empty wrapper."""
    ratios = {each.row: each for each in results if not (each.unit or each.variant)}
    noise = next((each for row, each in ratios.items() if row.startswith("noise")), None)
    budgeted = [each for each in ratios.values() if each.budget is not None]
    numbers = [number for each in budgeted for number in (*each.quartiles, each.budget or 1)]
    return Chart(
        "Time of a request through ConsentGate, as a ratio to a middleware that does nothing",
        "1 is free: an empty wrapper of send or start_response around the same application."
        f" Processor time, no server, {python}.",
        "ratio to the empty wrapper (10 000 rules: to 10 rules), log scale",
        list(request_keys(budgeted)),
        [Line(each.row, {standing(each): each}) for each in budgeted],
        (min(numbers) / 1.12, max(numbers) * 1.12),
        0.83,
        noise.quartiles if noise else (),
    )


def standing(result: Result) -> Mark:
    """Return how a result with a budget is drawn."""
    return WITHIN if result.standing == "ok" else OVER


def request_keys(results: Sequence[Result]) -> Iterator[Artist]:
    """Yield an example of each thing that is drawn of requests."""
    marks = {standing(result) for result in results}
    for mark, meaning in ((WITHIN, "median within budget"), (OVER, "median over budget")):
        if mark in marks:
            yield mark.key(meaning)
    yield Line2D([], [], color=INK, label="quartiles", **QUARTILES)
    yield Line2D([], [], color=INK, ls="", label="budget", **TICK)
    yield Patch(color=GRID, label="noise: the empty wrapper against itself")


def peer_chart(python: str, results: Iterable[Result]) -> Chart:
    """Return the chart of what the gate and its peers add to the same application."""
    added = [each for each in results if each.variant.endswith(ADDS)]
    medians = [each.quartiles[1] for each in added]
    return Chart(
        "Microseconds that ConsentGate and other middleware add to a request",
        "Time of a request with the middleware, less that of the same application without."
        f" Processor time, no server, {python}.",
        "microseconds added, log scale (what reaches the left edge may be 0 or less)",
        [Line2D([], [], color=INK, label="quartiles of the difference", **QUARTILES)],
        list(peer_lines(added)),
        (max(min(medians), LEAST) / 1.5, max(medians) * 1.5),
        0.98,
    )


def peer_lines(results: Iterable[Result]) -> Iterator[Line]:
    """Yield a heading for each application, and beneath it a line for each kind of request."""
    for stack, of_stack in groupby(results, lambda each: each.row.partition(": ")[0]):
        own = list(of_stack)
        marks = marks_of(dict.fromkeys(each.variant.removesuffix(ADDS) for each in own))
        yield Line(stack, {}, [mark.key(name) for name, mark in marks.items()])
        for row, of_row in groupby(own, attrgetter("row")):
            marked = {marks[each.variant.removesuffix(ADDS)]: each for each in of_row}
            yield Line("    " + row.partition(": ")[2], marked)


def marks_of(names: Iterable[str]) -> dict[str, Mark]:
    """Return a mark for each name of a middleware."""
    ours, theirs = iter(GATES), iter(PEERS)
    return {name: next(ours if name.startswith("ConsentGate") else theirs) for name in names}


CHARTS: Final = {
    "requests": ("request_cost", request_chart),
    "peers": ("peer_cost", peer_chart),
}


def draw(results: Path, directory: Path) -> None:
    """Write a chart for each suite in the file ``results`` that has one."""
    report = json.loads(results.read_text())
    for suite, (name, chart) in CHARTS.items():
        if measured := [Result(**each) for each in report["suites"].get(suite, ())]:
            with mpl.rc_context(STYLE):
                chart(report["python"], measured).save(directory, name)


def main() -> None:
    """Draw again what was measured before."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, help="the file results.json")
    parser.add_argument("directory", type=Path, help="where the pictures are written")
    options = parser.parse_args()
    draw(options.results, options.directory)


if __name__ == "__main__":
    main()
