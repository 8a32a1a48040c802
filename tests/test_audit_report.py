"""The report, the summary and the JSON of an audit, without a browser."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from audit_facts import (
    DECLARED,
    DONE,
    FAILED,
    GUESSES,
    HOST,
    URL,
    StoredKey,
    ThirdParty,
    audit,
    cookie,
    sent,
    stage,
)
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from consentgate.audit.facts import PageVisit, Setter, StageName
from consentgate.audit.judging import judge
from consentgate.audit.machine import SCHEMA, as_json
from consentgate.audit.overview import overview
from consentgate.audit.report import report_html
from consentgate.audit.summary import print_summary
from consentgate.duration import DAY, HOUR

if TYPE_CHECKING:
    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit

HOSTILE = "</td><script>alert(1)</script>[red]\x1b[31m\u202e"

FULL = audit(
    stage(
        StageName.BEFORE,
        cookie("_ga", 400 * 86_400),
        cookie("session", None),
        cookie("mystery", setter=None),
        cookie("IDE", domain=".ads.example"),
        sent=(sent("_ga"), sent("mystery")),
        storage=(
            StoredKey(URL, "local storage", "theme", 4),
            StoredKey(URL, "IndexedDB", "db", None),
        ),
        third_parties=(ThirdParty("ads.example", 2, "https://ads.example/px"),),
        screenshot=b"\xff\xd8picture",
    ),
    stage(StageName.REFUSED, action=FAILED),
    stage(StageName.ACCEPTED, cookie("_ga"), cookie("advert", None), action=DONE),
    stage(StageName.SECOND_VISIT, cookie("_ga"), cookie("visitor"), truncated=True),
    stage(StageName.WITHDRAWN, pages=(), action=FAILED),
    banner="a banner that was known by its words",
)


def html_of(seen: Audit, classifier: Classifier = GUESSES) -> str:
    """Return the report."""
    return report_html(seen, judge(seen, classifier), classifier, version="1.2.3")


def text_of(seen: Audit, classifier: Classifier = GUESSES, width: int = 200) -> str:
    """Return the summary as a terminal of 200 columns has it."""
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=True)
    print_summary(console, seen, judge(seen, classifier), classifier)
    return output.getvalue()


def facts_of(seen: Audit, classifier: Classifier = GUESSES) -> dict[str, Any]:
    """Return the JSON."""
    facts: dict[str, Any] = json.loads(as_json(seen, judge(seen, classifier), classifier))
    return facts


def named(name: str) -> Audit:
    """Make an audit in which everything is called so."""
    return audit(
        stage(
            StageName.BEFORE,
            cookie(name, domain=name, setter=Setter("script", name, 0)),
            sent=(sent(name, name, name),),
            storage=(StoredKey(name, "cache", name, 1),),
            third_parties=(ThirdParty(name, 1, name),),
        ),
        url=name,
        banner=name,
    )


# -- the report --------------------------------------------------------------------------------


def test_the_report_begins_with_the_result() -> None:
    """In one sentence, with what it is about."""
    page = html_of(FULL)
    assert "5 problems were found, and" in page
    assert page.index("Stored before a choice") < page.index("What was tested")


def test_the_report_says_what_was_tested_and_what_was_not() -> None:
    """When, with what, and which parts."""
    page = html_of(FULL)
    for words in (
        "18 November 2026, 11:06 UTC, for 20 seconds",
        "Chromium 156.0, language en",
        "A banner that was known by its words",
        "After refusal: could not be tested: there was no button",
        "After withdrawal: could not be tested: there was no button",
        "There was more than is kept",
        "ConsentGate 1.2.3",
    ):
        assert words in page
    assert 'id="after-refusal"' not in page


def test_the_report_is_no_legal_advice() -> None:
    """That is said where the result is, before anything else; and as of when the rules are."""
    page = html_of(FULL)
    caution = page.index("It is not legal advice.")
    assert page.index("problems were found") < caution < page.index("What was tested")
    assert "as they stood in November 2026" in page
    assert "November 2026; whether" not in html_of(audit(stage(StageName.BEFORE)))


def test_the_report_tells_of_each_cookie() -> None:
    """Who set it, for how long, and what it is for, with how that is known."""
    page = html_of(FULL)
    for words in (
        f"The server's answer to {URL}",
        "Somebody who was not seen",
        "400 days (13.1 months)",
        "Until the browser is closed",
        "Guessed from its name",
        "ads.example</bdi> (third party)",
        "Neither a policy nor the catalogue",
        "not told",
        "data:image/jpeg;base64,/9hwaWN0dXJl",
        "article 82 of the French law 78-17",
    ):
        assert words.replace("'", "&#39;") in page
    assert 1 == page.count("SAN-2025-005")


def test_the_report_names_the_policy() -> None:
    """And what each category needs by it."""
    page = html_of(FULL, DECLARED)
    for words in ("From the policy file consent.toml", "may be refused", "needs no consent"):
        assert words in page
    assert "needs consent" in page


def test_a_report_without_findings_is_short() -> None:
    """It says that there are none, and that nobody looked for a banner, if so."""
    assert "No problem was found." in html_of(audit(stage(StageName.BEFORE)))
    assert "Nothing that this test looks for." in html_of(audit(stage(StageName.BEFORE)))
    page = html_of(audit(stage(StageName.BEFORE), banner="", banner_problem="no rules"))
    assert "None of ConsentGate&#39;s was found; others were not looked for" in page
    assert 1 == page.count("no rules")


def test_the_report_marks_each_cookie_with_its_findings() -> None:
    """Whatever they are about, in the part of the test that they are of; a note is no mark."""
    first = stage(StageName.ACCEPTED, cookie("_ga", 30 * DAY), cookie("_gid", HOUR), action=DONE)
    second = stage(
        StageName.SECOND_VISIT, cookie("_ga", 30 * DAY + 2), cookie("_gid", HOUR + 2), cookie("new")
    )
    seen = audit(first, second)
    findings = judge(seen, GUESSES)
    assert [("extended-by-visit", "error"), ("extended-by-visit", "note")] == [
        (finding.id, finding.level) for finding in findings
    ]
    marks = {
        row.name: [cell.mark for cell in row.cells] for row in overview(seen, findings, GUESSES)
    }
    assert {"_ga": ["", "!"], "_gid": ["", ""], "new": ["", ""]} == marks
    assert "stored&nbsp;!" in html_of(seen)


def test_the_report_loads_and_runs_nothing() -> None:
    """Its own policy forbids it to."""
    page = html_of(FULL)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    for forbidden in ("<script", "<link", "url(", 'src="http', "@import"):
        assert forbidden not in page


@given(st.text(min_size=1))
def test_no_name_can_be_markup(name: str) -> None:
    """Whatever a site calls things, they are text, and control no terminal."""
    page = html_of(named(f"{name}<b id=evil>"))
    assert "<b id=evil>" not in page
    plain = text_of(named(f"{name}\x1b[99m"))
    assert "\x1b[99m" not in plain


# -- the summary -------------------------------------------------------------------------------


def test_the_summary_has_each_cookie_with_its_stages() -> None:
    """Guesses have a question mark."""
    rows = {line.split()[0]: line.split() for line in text_of(FULL).splitlines() if HOST in line}
    assert ["statistics", "?", "header"] == rows["_ga"][2:5]
    assert "BA2" == rows["_ga"][-1]
    assert "session" == rows["session"][-2]
    assert ["?", "not", "seen"] == rows["mystery"][2:5]


def test_the_summary_has_the_findings_by_level() -> None:
    """And the result as its last line."""
    text = text_of(FULL)
    assert text.index("5 errors") < text.index("stored-before-choice")
    assert "warnings" in text
    assert "problems were found" in text.splitlines()[-1]
    assert "1 warning\x1b" in text_of(audit(stage(StageName.BEFORE, cookie("mystery"))))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"banner": ""}, "Banner: none was found"),
        ({"banner": "", "banner_problem": "there are no rules"}, "others were not looked for"),
    ],
)
def test_the_summary_says_what_the_banner_is(facts: dict[str, str], words: str) -> None:
    """Or that there is none; where no cookie is, there is no table."""
    text = text_of(audit(stage(StageName.BEFORE), **facts))
    assert words in text
    assert "Domain" not in text


def test_what_is_left_out_on_request_is_told() -> None:
    """On paper, for machines and on a terminal: else nobody knew that it was found."""
    seen = audit(
        stage(StageName.BEFORE, cookie("_ga"), *(cookie(f"c{each}") for each in range(22)))
    )
    left_out = judge(seen, GUESSES)
    console = Console(file=io.StringIO(), record=True, width=2000)
    print_summary(console, seen, (), GUESSES, left_out)
    words = "Left out by --ignore: 23 findings (stored-before-choice:_ga, "
    for text in (
        console.export_text(),
        report_html(seen, (), GUESSES, left_out, version="1"),
    ):
        assert words in text
        assert "stored-before-choice:c18 and 3 more)." in text
        assert "No problem was found." in text
    assert 23 == len(json.loads(as_json(seen, (), GUESSES, left_out))["left_out"])
    assert "Left out" not in report_html(seen, (), GUESSES, version="1")
    assert "Left out" not in text_of(seen)


def test_that_no_banner_was_looked_for_is_said_with_its_remedy_once() -> None:
    """However many parts could not be tested for it."""
    left_out = (stage(name, action=FAILED) for name in (StageName.REFUSED, StageName.ACCEPTED))
    facts = {"banner": "", "banner_problem": "there are no rules: install them"}
    text = text_of(audit(stage(StageName.BEFORE), *left_out, **facts))
    assert 1 == text.count("install them")
    assert "1 warning\x1b" in text
    assert "error" not in text


def test_what_does_not_print_is_named_as_python_writes_it() -> None:
    """In names and addresses; a sentence keeps the letters of its language."""
    text = text_of(named("na\u202eme\x1b"))
    assert "na\\u202eme\\x1b" in text
    assert "“Tout préférer”" in text_of(audit(stage(StageName.BEFORE), banner="“Tout préférer”"))


def test_nothing_of_a_site_is_an_instruction() -> None:
    """Neither for the terminal nor for what writes to it."""
    text = text_of(named(HOSTILE))
    assert "[red]" in text
    assert "\x1b[31m\ufffd" not in text
    assert "\u202e" not in text


def test_much_of_one_kind_is_told_by_its_names() -> None:
    """Some of them, cut, and how many more there are; the table of cookies has an end, too."""
    names = [f"c{each:03}" for each in range(99)] + ["x" * 4000]
    text = text_of(audit(stage(StageName.BEFORE, *map(cookie, names))))
    assert "stored-before-choice\x1b[0m Stored before a choice: c000, c001," in text
    assert "c019 and 80 more" in text.replace("\n", " ")
    assert "And 50 more cookies." in text
    assert len(text) < 12_000
    assert f"{'x' * 59}…" in text_of(audit(stage(StageName.BEFORE, cookie("x" * 4000))))


def test_a_page_is_what_a_group_without_names_is_about() -> None:
    """Of more than five pages that failed the addresses are told."""
    pages = tuple(PageVisit(f"{URL}{each}", URL, 500, "it failed") for each in range(6))
    text = text_of(audit(stage(StageName.BEFORE, pages=pages)))
    assert f"could not be looked at: {URL}0, {URL}1" in text


# -- the JSON ----------------------------------------------------------------------------------


def test_the_json_has_all_but_the_pictures() -> None:
    """With its version, and times that any program reads."""
    facts = facts_of(FULL)
    first = facts["stages"][0]
    (seen,) = [each for each in first["cookies"] if each["name"] == "_ga"]
    assert SCHEMA == facts["schema"]
    assert "2026-11-18T11:06:40+00:00" == facts["started_at"]
    assert {"error": 5, "warning": 5, "note": 0} == facts["counts"]
    assert {"statistics", "catalogue", "header", URL} <= {
        seen[key] for key in ("category", "classified_by", "set_by", "set_by_url")
    }
    assert 400 * 86_400 == seen["life"] == seen["asked_life"]
    assert "screenshot" not in first
    assert [True, False, True, True, False] == [each["tested"] for each in facts["stages"]]
    assert {"name": "_ga", "host": HOST, "requests": 2} == {
        key: first["sent"][0][key] for key in ("name", "host", "requests")
    }


def test_the_json_says_null_for_what_is_not_known() -> None:
    """Not an empty text."""
    cookies = {each["name"]: each for each in facts_of(FULL)["stages"][0]["cookies"]}
    unknown, session = cookies["mystery"], cookies["session"]
    assert [None] * 6 == [
        unknown[key] for key in ("set_by", "set_by_url", "category", "basis", "vendor", "purpose")
    ]
    assert (None, None) == (session["expires"], session["life"])
    assert cookies["IDE"]["first_party"] is False
