# ruff: noqa: INP001 - a script
"""What the gate costs, as ratios to doing nothing and to what others cost.

Run it with ``make bench``; README.md beside this file tells how to read the tables.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import footprint
import frameworks
import growth
import peers
import requests_cost
import servers
from tables import TerminalTable, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness import Result


class Suite(Protocol):
    """A module of measurements."""

    TITLE: str

    def results(self) -> Iterator[Result]:
        """Measure, a row at a time."""
        ...


SUITES: Final[dict[str, Suite]] = {
    "requests": requests_cost,
    "growth": growth,
    "frameworks": frameworks,
    "peers": peers,
    "servers": servers,
    "footprint": footprint,
}


PYTHON: Final = f"{platform.python_implementation()} {platform.python_version()}"
MACHINE: Final = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="what to measure, or all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE too")
    parser.add_argument(
        "--save", type=Path, metavar="DIRECTORY", help="write the results, as tables and plots too"
    )
    parser.add_argument("--gc", action="store_true", help="leave the garbage collector on")
    options = parser.parse_args()
    if options.save and find_spec("matplotlib") is None:
        parser.error("--save draws with matplotlib, which the dependency group `bench` has")
    return options


def measure(suite: Suite) -> list[Result]:
    """Return the results of ``suite``, each printed as it comes."""
    table = TerminalTable(suite.TITLE)
    results = []
    for result in suite.results():
        table.add(result)
        results.append(result)
    return results


def report(measured: Mapping[str, list[Result]]) -> str:
    """Return ``measured`` as JSON."""
    content = {
        "python": PYTHON,
        "machine": MACHINE,
        "suites": {name: [asdict(each) for each in own] for name, own in measured.items()},
    }
    return json.dumps(content, indent=1) + "\n"


def save(directory: Path, measured: Mapping[str, list[Result]]) -> None:
    """Write results.json, results.md and the plots."""
    from plot import draw  # noqa: PLC0415 - only here is matplotlib needed

    directory.mkdir(parents=True, exist_ok=True)
    results = directory / "results.json"
    results.write_text(report(measured))
    tables = {SUITES[name].TITLE: own for name, own in measured.items()}
    text = markdown(f"{PYTHON}, {MACHINE}.", tables)
    (directory / "results.md").write_text(text, encoding="utf-8")
    draw(results, directory)


def main() -> None:
    """Print the tables, and write them to files where any are named."""
    options = arguments()
    gc.freeze()
    if not options.gc:
        gc.disable()
    measured = {name: measure(SUITES[name]) for name in options.suites or SUITES}
    if options.json:
        options.json.write_text(report(measured))
    if options.save:
        save(options.save, measured)


if __name__ == "__main__":
    main()
