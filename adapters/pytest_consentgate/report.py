"""The report of every cookie that a whole run of tests set, of all its processes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from consentgate.assertions.report import report_lines
from consentgate.assertions.tally import Tally
from consentgate.observation import observing

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_KEY: Final = "consentgate"


class CookieReport:
    """Looks on at the gates of this process, and tells what the gates of all were asked for.

    With pytest-xdist the workers look on and hand over what they counted.
    """

    def __init__(self, config: pytest.Config, path: Path | None) -> None:
        self._config = config
        self._path = path
        self._tally = Tally()
        self._observing = ExitStack()

    def pytest_sessionstart(self) -> None:
        """Begin to look on."""
        self._observing.enter_context(observing(self._tally))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Note which test runs."""
        self._tally.test = item.nodeid
        try:
            return (yield)
        finally:
            self._tally.test = ""

    def pytest_sessionfinish(self) -> None:
        """Hand over what a worker counted."""
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_KEY] = self._tally.dump()

    def pytest_unconfigure(self) -> None:
        """Look on no longer."""
        self._observing.close()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what a worker counted, unless it crashed."""
        dumped = getattr(node, "workeroutput", {}).get(_KEY)
        if dumped is None:
            self._tally.lost += 1
        else:
            self._tally.merge(dumped)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the report where it is wanted."""
        if self._path is None:
            terminalreporter.section("cookies")
            for line in report_lines(self._tally):
                terminalreporter.line(line)
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(_document(self._tally, self._path), encoding="utf-8")
        except OSError as error:
            terminalreporter.line(f"consent report: {self._path}: {error.strerror}", red=True)
        else:
            terminalreporter.line(f"consent report: {self._path}")


def _document(tally: Tally, path: Path) -> str:
    if path.suffix == ".json":
        return json.dumps(tally.as_json(), indent=2) + "\n"
    return "".join(f"{line}\n" for line in report_lines(tally))
