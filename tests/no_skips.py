"""A pytest plugin: where everything should be able to run, a skipped test is a failed one.

It acts only with ``CONSENTGATE_TEST_ALL=1``, which ``.ci/run`` sets; ``conftest.py`` loads it. A
developer without Firefox may skip its tests, but an integration run that skips them proves nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

FORBIDDEN = os.environ.get("CONSENTGATE_TEST_ALL") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips itself, by a marker, a fixture or a call."""
    return _failed_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips all its tests while it is imported."""
    return _failed_if_skipped((yield))


def _failed_if_skipped(report: Report) -> Report:
    # An expected failure is reported as skipped too, but it did run.
    if FORBIDDEN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CONSENTGATE_TEST_ALL=1 forbids skipping, and this was: {_why(report)}"
    return report


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    # pytest writes a skip as (file, line, reason).
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
