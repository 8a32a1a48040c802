"""The same table in the terminal: live where it can be redrawn, line by line where not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from starlette_consentgate.demo.observation import Observation, Show, Tone

_STYLES: Final[dict[Tone, str]] = {
    "pass": "green",
    "stop": "red",
    "limit": "yellow",
    "hide": "magenta",
    "gate": "cyan",
}
_COLUMNS: Final = "  {:<11}{:<12}{:<13}{:<13}"  # with a verdict it fits 80 columns
_LONGEST_NAME: Final = 10
_HEAD: Final = ("Cookie", "Category", "Shop wanted", "Browser got")
_OTHER_LINES: Final = 4  # the address and its hint, the table's head, the cursor


@contextmanager
def screen(console: Console | None = None) -> Generator[Show]:
    """Give what shows the latest observations on ``console``, standard output unless given."""
    console = console or Console()
    if not console.is_terminal:
        yield lambda latest: print_lines(console, latest[0])
        return
    with Live(Text("Waiting for the first request ..."), console=console, auto_refresh=False) as it:
        yield lambda latest: it.update(table(latest, console.height - _OTHER_LINES), refresh=True)


def print_lines(console: Console, observation: Observation) -> None:
    """Print one observation as plain lines."""
    console.file.writelines(f"{line.plain}\n" for line in lines(observation))
    console.file.flush()


def table(latest: Sequence[Observation], height: int) -> Group:
    """Return as much of the latest observations as fits in so many lines."""
    head = Text(f"{_COLUMNS.format(*_HEAD)}Verdict", style="dim underline")
    fitting = [line for observation in latest for line in lines(observation)][: max(height, 0)]
    return Group(head, *fitting)


def lines(observation: Observation) -> Iterator[Text]:
    """Return the request, and a line for each cookie."""
    yield _line(f"{observation.request} {observation.status}", style="bold")
    for row in observation.rows:
        line = _line(_COLUMNS.format(_short(row.name), row.category, row.wanted, row.got))
        yield line.append(row.verdict, style=_STYLES[row.tone])


def _short(name: str) -> str:
    """Return what fits the column: of a long name its end, which tells the gate's own apart."""
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
