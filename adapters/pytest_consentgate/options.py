"""``--consent-report``: what it means, and that it is heeded."""

from __future__ import annotations

from typing import Final

import pytest

_OPTION: Final = "--consent-report"
_TERMINAL: Final = "-"
_SUFFIXES: Final = (".json", ".txt")
_TO_TERMINAL: Final = f"{_OPTION}={_TERMINAL}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("consentgate").addoption(
        _OPTION,
        nargs="?",
        const=_TERMINAL,
        metavar="FILE",
        help="list every cookie that the gates of this process, and of workers of pytest-xdist, "
        f"saw, by category: in the terminal ({_TO_TERMINAL}), or in FILE.json or FILE.txt",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Look on at all gates where a report is wanted.

    Raises `pytest.UsageError` for a file that has another suffix: it could be a test that the
    option was written in front of.
    """
    file: str | None = config.getoption(_OPTION)
    if file is None:
        return
    if file != _TERMINAL and not file.endswith(_SUFFIXES):
        raise pytest.UsageError(
            f"{_OPTION} {file}: a report ends in .json or .txt; for one in the terminal, write "
            f"{_TO_TERMINAL}, or {_OPTION} behind all paths of tests"
        )
    from pytest_consentgate.report import CookieReport  # noqa: PLC0415 - only who asks pays

    path = None if file == _TERMINAL else config.invocation_params.dir / file
    config.pluginmanager.register(CookieReport(config, path), "consentgate-report")
