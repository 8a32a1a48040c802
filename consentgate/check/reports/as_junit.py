"""The report as JUnit XML, which most CI servers show as tests.

Each cookie, seen or declared, is a test case, and so is each category and each path; what is wrong
with one is its failure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from junitparser import Failure, JUnitXml, TestCase, TestSuite

from consentgate.check.kinds import KINDS
from consentgate.declaration import shown_categories

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consentgate.check.sightings import Run
    from consentgate.findings import Finding, Level

_NO_XML: Final = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot say at all, and C1 controls, which a terminal would obey."""
_OF_APPLICATION: Final = (
    "several-gates",
    "report-mode",
    "nothing-answered",
    "sign-in",
    "elsewhere",
    "no-page",
    "client-error",
    "rate-limited",
    "not-asked",
)
_ALL: Final = "all"


def as_junit(run: Run, findings: Iterable[Finding], failing: Collection[Level]) -> str:
    """Return the report; findings of the levels ``failing`` are failures, others only told."""
    about: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        about.setdefault(_case(finding), []).append(finding)
    xml = JUnitXml("consentgate check")
    for suite_name, cases in _suites(run).items():
        suite = TestSuite(suite_name)
        for name in cases:
            suite.add_testcase(_test_case(suite_name, name, about.get((suite_name, name)), failing))
        xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call] # the library's
    return cast("bytes", xml.tostring()).decode()  # type: ignore[no-untyped-call] # the library's


def _suites(run: Run) -> dict[str, list[str]]:
    declared = (rule.name for rule in run.policy.cookies)
    seen = (sighting.name for sighting in run.sightings)
    asked = (answer.path for answer in run.answers)
    return {
        "application": [_ALL],
        "cookies": sorted({*declared, *seen, *run.kept}),
        "categories": [category.id for category in shown_categories(run.policy)],
        "paths": list(dict.fromkeys(asked)),
    }


def _case(finding: Finding) -> tuple[str, str]:
    """Return the suite and the name of the test case that ``finding`` belongs to."""
    if finding.id in _OF_APPLICATION:
        return "application", _ALL
    if finding.id in ("no-answer", "scenario-failed"):
        return "paths", finding.place
    return ("categories" if finding.id == "untitled-category" else "cookies"), finding.cookie


def _test_case(
    suite: str, name: str, about: Iterable[Finding] | None, failing: Collection[Level]
) -> TestCase:
    unnamed = "(the scenario)" if suite == "paths" else "(no name)"
    case = TestCase(_clean(name) or unnamed, classname=f"consentgate.{suite}")
    listed = list(about or ())
    failures = [finding for finding in listed if finding.level in failing]
    told = [finding for finding in listed if finding.level not in failing]
    if failures:
        case.result = [_failure(failures)]
    if told:
        case.system_out = "\n".join(_line(finding) for finding in told)
    return case


def _failure(findings: list[Finding]) -> Failure:
    """Return one failure for all ``findings``: not every reader looks at a second one."""
    kinds = ", ".join(finding.id for finding in findings)
    failure = Failure(_clean(" ".join(finding.message for finding in findings)), kinds)
    failure.text = "\n".join(f"{_line(each)} {KINDS[each.id].help}" for each in findings)
    return failure


def _line(finding: Finding) -> str:
    where = ", ".join(filter(None, (finding.state, finding.place)))
    place = f" [{where}]" if where else ""
    return _clean(f"{finding.level}: {finding.message}{place}")


def _clean(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
