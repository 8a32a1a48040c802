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
        self._fault: str | None = None

    def pytest_sessionstart(self) -> None:
        """Begin to look on."""
        self._observing.enter_context(observing(self._tally))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None]:
        """Note which test runs."""
        self._tally.test = item.nodeid
        yield
        self._tally.test = ""

    @pytest.hookimpl(trylast=True)  # when the last worker has handed over what it counted
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what a worker counted, or write the file.

        A run that was to write one and could not does not end as if all were well.
        """
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_KEY] = self._tally.dump()
        elif self._path is not None:
            self._fault = _write(_document(self._tally, self._path), self._path)
            if self._fault is not None and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

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
        """Show the report, or say where it is."""
        if self._path is None:
            terminalreporter.section("cookies")
            for line in report_lines(self._tally):
                terminalreporter.line(line)
        elif self._fault is None:
            terminalreporter.line(f"consent report: {self._path}")
        else:
            terminalreporter.line(f"consent report: {self._path}: {self._fault}", red=True)


def _write(document: str, path: Path) -> str | None:
    """Write a file in a folder that may have to be made; return why that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        return error.strerror or str(error)
    return None


def _document(tally: Tally, path: Path) -> str:
    if path.name.endswith(".json"):
        return json.dumps(tally.as_json(), indent=2) + "\n"
    return "".join(f"{line}\n" for line in report_lines(tally))
