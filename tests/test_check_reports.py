"""The reports of ``consentgate check``: for people, and as JSON, JUnit XML and SARIF."""

from __future__ import annotations

import io
import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from checked_sites import (
    APPS,
    ONE_OF_EACH,
    check_lines,
    gated,
    policy,
    run,
    wsgi_app,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from rich.console import Console
from visitor import from_npm

from consentgate.check import KINDS, STATES, Answer, Run, findings
from consentgate.check.reports import as_json, as_junit, as_sarif, print_table
from consentgate.check.reports.as_table import in_short
from consentgate.check.summary import summaries
from consentgate.findings import LEVELS, Finding
from consentgate.init import draft
from consentgate.set_cookie import FOREVER

if TYPE_CHECKING:
    from collections.abc import Collection

SOURCE = Path("shop.toml")
SARIF_SCHEMA = "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
A_YEAR_TOO_LONG = f"_ga=1; Max-Age={2 * 365 * 86_400}"


@pytest.fixture(name="seen", scope="module")
def seen_site() -> Run:
    """Return a check that has something of everything."""
    lines = ["basket=1", "old=; Max-Age=0", A_YEAR_TOO_LONG, "visits=1; Max-Age=60", "_fbp=1", "=1"]
    own = policy(categories={"measuring": {}})
    return check_lines({"/": lines, "/shop": lines}, own, paths=["/", "/shop"])


def table(seen: Run, found: Collection[Finding] | None = None, **options: Any) -> str:
    """Return what people are shown, 80 columns wide."""
    shown = io.StringIO()
    console = Console(file=shown, width=80, **options)
    print_table(console, seen, findings(seen) if found is None else list(found))
    return shown.getvalue()


# -- For people -----------------------------------------------------------------------------


def test_the_table_has_each_cookie_and_then_what_is_wrong(seen: Run) -> None:
    """In a log, within 80 columns but for findings and remedies, of which each is one line."""
    assert """\
shop:app (WSGI), its own gate, policy 7: 2 paths in 5 states
cookie    ┃ category              ┃ asks for ┃ limit    ┃ becomes
━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━
(no name) │ unregistered          │ session  │ 393 days │ stripped
_fbp      │ unregistered          │ session  │ 393 days │ stripped
          │ (advertising?)        │          │          │
old       │ unregistered          │          │          │ deleted
visits    │ unregistered          │ 1 minute │ 393 days │ stripped
basket    │ necessary             │ session  │ 393 days │ passed
_ga       │ statistics (_ga*)     │ 730 days │ 393 days │ stripped: undecided,
          │                       │          │          │ refused, withdrawn,
          │                       │          │          │ gpc
          │                       │          │          │ shortened: granted
""" == "".join(f"{line.rstrip()}\n" for line in table(seen).splitlines()[:13])
    told = table(seen).splitlines()[13:]
    assert (
        "error: '_ga' asks for 730 days (63072000 s); its limit is 393 days (33955200 s). "
        "[over-limit; /]"
    ) in told
    assert "5 errors, 1 warning." == told[-1]
    kinds = {finding.id for finding in findings(seen)}
    assert len(findings(seen)) + 1 + len(kinds) + 1 == len(told)
    assert f"  over-limit: {KINDS['over-limit'].help}" in told


def test_the_table_says_why_a_line_is_rewritten() -> None:
    """No finding does where there is nothing to mend."""
    line = f"basket=1; Expires={formatdate(time.time() + 3600, usegmt=True)}"
    seen = check_lines(("_ga=1", line, "step=1"))
    assert "rewritten (Expires alone)" in table(seen)
    assert "Nothing is wrong." in table(seen)


def test_at_a_terminal_no_line_is_longer_than_it(seen: Run) -> None:
    """Words are not broken."""
    shown = table(seen, force_terminal=True, color_system=None)
    assert max(map(len, shown.splitlines())) <= 80


def test_where_nothing_is_wrong_it_says_so() -> None:
    """Also where no cookie is set at all."""
    none = check_lines([], policy(cookies=[]))
    assert (
        "shop:app (WSGI), its own gate, policy 7: 1 path in 5 states\nNothing is wrong.\n"
        == table(none)
    )
    around = run(APPS["asgi"]([]), "asgi", policy=policy(cookies=[]))
    assert "shop:app (ASGI), a gate put around it, policy" in table(around)


def test_a_finding_in_some_states_names_them() -> None:
    """And not all where it is all."""
    shown = table(check_lines(ONE_OF_EACH, policy(mode="block")))
    assert "[no-answer; undecided, refused, withdrawn, gpc; /]" in shown
    assert "_ga    " in shown
    assert "blocked:" in shown


def test_no_terminal_obeys_what_a_site_says() -> None:
    """Names, paths and the policy's version are shown as they are, not done."""
    lines = ["\x1b[31m[bold]x=1", "\x9b2J=1", f"{'n' * 300}=1"]
    seen = check_lines(lines, policy(version="[red]1", cookies=[]), paths=["/%1B[31m"])
    shown = table(seen, force_terminal=True, color_system=None)
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "[bold]x" in shown
    assert "policy [red]1" in " ".join(shown.split())
    assert "n" * 81 not in "".join(shown.split())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "session"),
        (1, "1 second"),
        (119, "119 seconds"),
        (3600, "1 hour"),
        (86_400, "1 day"),
        (129_600, "36 hours"),
        (2 * 86_400, "2 days"),
        (FOREVER, "for ever"),
    ],
)
def test_lives_in_short(seconds: int | None, words: str) -> None:
    """In the largest unit that says it well."""
    assert words == in_short(seconds)


# -- JSON -----------------------------------------------------------------------------------


def test_the_json_has_all_that_was_seen(seen: Run) -> None:
    """Under documented keys, in their order, and each line with its rule and what became of it."""
    report = json.loads(as_json(seen, findings(seen)))
    assert [
        "schema",
        "application",
        "interface",
        "framework",
        "policy_version",
        "gated",
        "states",
        "paths",
        "unasked",
        "answers",
        "cookies",
        "lines",
        "findings",
    ] == list(report)
    assert (1, "shop:app", "wsgi", "", "7", True) == tuple(report.values())[:6]
    assert [state.name for state in STATES] == report["states"]
    assert {"routes": [], "left_alone": [], "left_out": 0} == report["unasked"]
    assert {
        "state": "undecided",
        "path": "/",
        "status": 200,
        "error": "",
        "leads_to": "",
    } == report["answers"][0]
    assert 2 * len(STATES) == len(report["answers"])
    assert {
        "state": "granted",
        "path": "/shop",
        "name": "_ga",
        "outcome": "shortened",
        "reason": "lifetime",
        "enforced": True,
        "lifetime": 63_072_000,
        "category": "statistics",
        "rule": "_ga*",
        "limit": 33_955_200,
    } in report["lines"]
    assert {
        "id": "untitled-category",
        "level": "error",
        "message": "'measuring' has no title; visitors are shown the bare id.",
        "cookie": "measuring",
        "state": "",
        "place": "categories.measuring.title",
    } in report["findings"]
    assert ["", "_fbp", "old", "visits", "basket", "_ga"] == [
        cookie["name"] for cookie in report["cookies"]
    ]


def test_the_json_of_two_checks_is_the_same() -> None:
    """So that it can be compared."""
    first, second = (check_lines([*ONE_OF_EACH, "x=1", "b=1"]) for _ in range(2))
    assert as_json(first, findings(first)) == as_json(second, findings(second))


# -- JUnit ----------------------------------------------------------------------------------


def test_the_junit_report_can_be_read_back(seen: Run) -> None:
    """Each cookie, category and path is a test; errors are failures, the rest is only told."""
    text = as_junit(seen, findings(seen), ("error",))
    read: Any = JUnitXml.fromstring(text.encode())
    cases = {
        (suite.name, case.name): [failure.message for failure in case.result]
        for suite in read
        for case in suite
    }
    assert [] == cases["cookies", "basket"]
    assert [] == cases["cookies", "(no name)"]
    assert [] == cases["application", "all"]
    assert [] == cases["paths", "/shop"]
    (over_limit,) = cases["cookies", "_ga"]
    assert over_limit.startswith("'_ga' asks for 730 days")
    assert ["'step' is declared, and was never set in any state."] == cases["cookies", "step"]
    assert [] != cases["categories", "measuring"]
    assert (len(cases), 5) == (read.tests, read.failures)


def test_the_junit_report_is_xml_as_others_read_it(seen: Run) -> None:
    """What is no failure is in the output of its test."""
    root = ET.fromstring(as_junit(seen, findings(seen), ()))  # noqa: S314 - it is our own
    assert "testsuites" == root.tag
    assert [] == root.findall(".//failure")
    (odd,) = root.findall(".//testcase[@name='(no name)']/system-out")
    assert odd.text
    assert odd.text.startswith("warning: A cookie without a name is set by a line that is odd")


def test_several_faults_of_one_cookie_are_one_failure() -> None:
    """Not every reader looks at a second one."""
    twice = check_lines(
        [A_YEAR_TOO_LONG], policy(categories={"statistics": {"basis": "forbidden"}})
    )
    root = ET.fromstring(as_junit(twice, findings(twice), LEVELS))  # noqa: S314 - it is our own
    (failure,) = root.findall(".//testcase[@name='_ga']/failure")
    assert "forbidden, over-limit" == failure.get("type")
    assert failure.text
    assert 2 == len(failure.text.splitlines())


def test_a_terminal_obeys_no_junit_report() -> None:
    """XML would let C1 controls through, such as the one that begins an escape sequence."""
    seen = check_lines(["a\x9bb=1"])
    text = as_junit(seen, findings(seen), LEVELS)
    assert "\x9b" not in text
    assert "a\N{REPLACEMENT CHARACTER}b" in text


def test_a_failing_scenario_is_a_failing_test() -> None:
    """Under a name of its own."""

    def fail(client: object) -> None:
        raise AssertionError

    seen = check_lines(ONE_OF_EACH, scenario=fail)
    root = ET.fromstring(as_junit(seen, findings(seen), LEVELS))  # noqa: S314 - it is our own
    assert 1 == len(root.findall(".//testcase[@name='(the scenario)']/failure"))


OF_A_PATH = ("no-answer", "scenario-failed")


def every_finding() -> list[Finding]:
    """Return a finding of each kind."""
    return [
        Finding(kind.id, kind.level, "m", "c", "granted", "p" if kind.id in OF_A_PATH else "")
        for kind in KINDS.values()
    ]


def test_every_kind_of_finding_is_in_the_junit_report(seen: Run) -> None:
    """None is left out because it belongs to no test."""
    answer = Answer("granted", "p", None, "")
    own = policy(
        cookies=[{"name": "c", "category": "necessary"}], categories={"c": {"basis": "opt-in"}}
    )
    whole = Run("a", "wsgi", "", own, True, ("p",), (), (answer,), ())
    text = as_junit(whole, every_finding(), LEVELS)
    assert [] == [kind for kind in KINDS if kind not in text]


# -- SARIF ----------------------------------------------------------------------------------


def sarif(seen: Run, source: Path = SOURCE, ignored: Collection[str] = ()) -> Any:
    """Return the only run of the report."""
    (log,) = json.loads(as_sarif(seen, findings(seen), source, ignored))["runs"]
    return log


def test_the_sarif_report_is_valid(seen: Run) -> None:
    """By the schema of SARIF 2.1.0 itself."""
    schema = json.loads(from_npm(SARIF_SCHEMA))
    for found in (findings(seen), every_finding(), []):
        jsonschema.validate(json.loads(as_sarif(seen, found, SOURCE, ["never-seen"])), schema)


def test_the_sarif_report_has_what_code_hosts_want(seen: Run) -> None:
    """Version, rules with their help, and results that refer to them."""
    whole = json.loads(as_sarif(seen, findings(seen), SOURCE))
    assert "2.1.0" == whole["version"]
    log = sarif(seen)
    rules = log["tool"]["driver"]["rules"]
    assert list(KINDS) == [rule["id"] for rule in rules]
    assert [each.id for each in findings(seen)] == [
        rules[result["ruleIndex"]]["id"] for result in log["results"]
    ]
    assert len(findings(seen)) == len(
        {result["partialFingerprints"]["cookie/v1"] for result in log["results"]}
    )


@pytest.fixture(name="folder")
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_results_are_shown_where_the_file_names_the_cookie(seen: Run, folder: Path) -> None:
    """At a rule, a call or a table; else at the first line."""
    text = '\nname = "step"\n[categories.measuring]\nresponse.set_cookie("visits", "1")\n'
    (folder / "shop.toml").write_text(text)
    lines = {
        each["message"]["text"].split()[0]: each["locations"][0]["physicalLocation"]["region"]
        for each in sarif(seen)["results"]
    }
    assert {
        "'step'": {"startLine": 2},
        "'measuring'": {"startLine": 3},
        "'visits'": {"startLine": 4},
        "'_ga'": {"startLine": 1},
        "'_fbp'": {"startLine": 1},
        "A": {"startLine": 1},
    } == lines


def test_files_are_named_from_the_current_folder(seen: Run, folder: Path) -> None:
    """As URI references; one from elsewhere as a whole one, and what is no text has no lines."""
    odd = folder / "a b" / "100% é.toml"
    odd.parent.mkdir()
    odd.write_bytes(b"\xff")

    def uri(source: Path) -> str:
        location = sarif(seen, source)["results"][0]["locations"][0]["physicalLocation"]
        return str(location["artifactLocation"]["uri"])

    assert "a%20b/100%25%20%C3%A9.toml" == uri(odd)
    assert "a%20b/100%25%20%C3%A9.toml" == uri(odd.relative_to(folder))
    assert (folder.parent / "else.toml").as_uri() == uri(folder.parent / "else.toml")


def test_what_is_ignored_is_there_as_suppressed(seen: Run) -> None:
    """3.35 of the standard, so that it does not look as if it were mended."""
    suppressed = [
        result["message"]["text"].split()[0]
        for result in sarif(seen, ignored=["unregistered:visits", "never-seen"])["results"]
        if "suppressions" in result
    ]
    assert ["'step'", "'visits'"] == suppressed


# -- All of them ----------------------------------------------------------------------------

VALUE = "QzVxMark7"
attributes = st.sampled_from(
    [
        "",
        "; Max-Age=60",
        "; Max-Age=x",
        "; Expires=Sun, 18 Nov 2029 00:00:00 GMT",
        "; Path=/",
        "; Domain=localhost",
        "; Secure; HttpOnly",
        f'; Comment="{VALUE}"',
        f"; {VALUE}",
        "\x01",
    ]
)
names = st.text(st.characters(max_codepoint=255, exclude_characters="=;\r\n\x00"), max_size=8)
odd_lines = st.builds(
    "{}={}{}{}".format,
    names | st.sampled_from(["_ga", "eu-consent", "basket", "_fbp", "__Host-x", "_gid"]),
    st.sampled_from(["", '"', " ", "=", "\xff"]),
    st.just(VALUE),
    attributes,
)


@given(st.lists(odd_lines, max_size=5), st.sampled_from(["200 OK", "500 No", "302 Found"]))
@example([f"_ga={VALUE}; Max-Age=99999999999999"], "302 Found")
@settings(max_examples=40)
def test_no_report_ever_has_the_value_of_a_cookie(lines: list[str], status: str) -> None:
    """Whatever an application sets; and each report can be read."""
    headers = [("Location", "/elsewhere")]
    own = policy()
    seen = run(gated(wsgi_app(lines, status=status, headers=headers), own))
    found = findings(seen)
    set_there = [each for each in summaries(seen.sightings) if each.is_set and each.name]
    reports = [
        table(seen),
        as_json(seen, found),
        as_junit(seen, found, LEVELS),
        as_sarif(seen, found, SOURCE),
        draft(set_there, own, title="All").text,
    ]
    assert [] == [report for report in reports if VALUE in report]
    json.loads(reports[1])
    ET.fromstring(reports[2])  # noqa: S314 - it is our own
    json.loads(reports[3])
