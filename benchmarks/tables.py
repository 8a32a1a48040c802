# ruff: noqa: INP001 - a module of scripts
"""Results as text: lines for a terminal while they come, tables for GitHub at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness import shown
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness import Result

LABEL: Final = 48
"""Columns for what a line is about."""
STYLES: Final = {"": "", "ok": "green"}
MARKDOWN_HEAD: Final = """\
| | median | quartiles | budget | |
|---|--:|:-:|--:|---|"""


class TerminalTable:
    """One suite's results, printed as they come; in colour where that is a terminal."""

    def __init__(self, title: str) -> None:
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.row = ""
        self.console.print(f"\n{title}", style="bold")
        self.console.print(
            f"{'':{LABEL}}{'median':>10} {'[quartiles]':24}{'budget':>6}", style="dim"
        )

    def add(self, result: Result) -> None:
        """Print one line; the variants of a row stand beneath its name."""
        if result.variant and result.row != self.row:
            self.console.print(result.row)
        self.row = result.row
        label = f"  {result.variant}" if result.variant else result.row
        line = Text(f"{label:{LABEL}}{numbers(result)}")
        line.append(result.standing, STYLES.get(result.standing, "bold red"))
        line.rstrip()
        self.console.print(line)


def numbers(result: Result) -> str:
    """Return what was measured, and the budget, in columns."""
    low, median, high = map(shown, result.quartiles)
    return f"{median:>10} {f'[{low} {high}] {result.unit}':24}{budget(result):>6} "


def budget(result: Result) -> str:
    """Return what the median must stay within, or reach where that is said, if there is such."""
    if result.budget is None:
        return ""
    return f"{'≥ ' if result.least else ''}{result.budget:g}"


def markdown(where: str, suites: Mapping[str, Iterable[Result]]) -> str:
    """Return a document of one table for each title in ``suites``, which tells ``where`` first."""
    parts = [
        "\n".join(
            [f"## {title[:1].upper()}{title[1:]}", "", MARKDOWN_HEAD, *markdown_rows(results)]
        )
        for title, results in suites.items()
    ]
    return "\n\n".join(["# One run of the benchmarks", where, *parts]) + "\n"


def markdown_rows(results: Iterable[Result]) -> Iterator[str]:
    """Yield a line for each of ``results``."""
    for result in results:
        low, median, high = map(shown, result.quartiles)
        name = f"{result.row}, *{result.variant}*" if result.variant else result.row
        standing = "within" if result.standing == "ok" else result.standing
        cells = (name, f"{median} {result.unit}", f"{low} to {high}", budget(result), standing)
        yield " ".join("| " + cell.strip().replace("|", r"\|") for cell in cells) + " |"
