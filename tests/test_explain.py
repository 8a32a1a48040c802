"""``consentgate explain``: for each line what the browser gets, by the gate's own word, and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import odd_lines
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consentgate import CookieBlocked, Gate, Policy
from consentgate.cli import main
from consentgate.duration import months
from consentgate.explain.facts import REASONS, Explainer, Visitor
from consentgate.explain.words import as_text
from consentgate.known_cookie import Reason
from consentgate.testing import NOW, consent_cookie

if TYPE_CHECKING:
    from click.testing import Result

CONSOLE_SCRIPT = Path(sys.executable).with_name("consentgate")
TODAY = "2026-11-21"

POLICY = """
version = "1"
preset = "fr"
frameworks = ["django"]
max_age = "12 months"

[categories.functional]
max_age = "6 months"

[categories.measuring]
basis = "opt-out"
gpc = true

[categories.social]
basis = "forbidden"

[[cookies]]
name = "_ga*"
category = "statistics"
max_age = "90 days"

[[cookies]]
name = "_pk_*.ab"
category = "statistics"
max_age = "12 months"

[[cookies]]
name = "theme"
category = "functional"

[[cookies]]
name = "step"
category = "necessary"
max_age = "session"

[[cookies]]
name = "visits"
category = "measuring"

[[cookies]]
name = "fr"
category = "social"

[[routes]]
path = "/contact*"
cookies = "none"
"""
LINE = "_ga=GA1.1.7; Max-Age=3600; Path=/"
GRANTED = ("--granted", "statistics")
LATE = "Sun, 18 Nov 2029 00:00:00 GMT"
DJANGOS = f"csrftoken=Gx; expires={LATE}; Max-Age=31449600; Path=/; SameSite=Lax"
FLASKS = f"session=eyJ; Expires={LATE}; HttpOnly; Path=/"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the policy file."""
    (tmp_path / "consent.toml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, policy: str = "consent.toml", sent: str | bytes = "") -> Result:
    """Run the command at a fixed time, with ``sent`` as standard input."""
    options = ["explain", policy, "--now", TODAY]
    return CliRunner().invoke(main, [*options, *arguments], input=sent)


def explained(*arguments: str, **settings: Any) -> Any:
    """Return the facts about the only line."""
    result = run("--json", *arguments, **settings)
    assert 0 == result.exit_code, result.output
    (facts,) = json.loads(result.stdout)
    return facts


def rewrite_policy(folder: Path, old: str, new: str) -> None:
    """Change a piece of the policy file."""
    assert old in POLICY
    (folder / "consent.toml").write_text(POLICY.replace(old, new))


CASES = [
    # What is asked, what becomes of the line, the rules, and the reason in words.
    ([LINE], "nothing", ["R6"], "the visitor has not chosen yet, and statistics needs an opt-in"),
    (["--decided", LINE], "nothing", ["R6"], "the visitor refused statistics"),
    ([*GRANTED, LINE], "unchanged", ["R2", "R6"], "it may be stored, and is within its limit"),
    (["_ga=; Max-Age=0"], "unchanged", ["R2", "R5"], "a deletion always passes"),
    ([f"_ga=; Expires={LATE[:-8]}99:00:00 GMT"], "nothing", ["R6"], "the visitor has not chosen"),
    (["fr=1"], "nothing", ["R6"], "the policy forbids its category"),
    (["nobody=1"], "nothing", ["R6"], "no rule of the policy has its name"),
    (["visits=1"], "unchanged", ["R2", "R6"], "it may be stored"),
    (["--gpc", "visits=1"], "nothing", ["R6", "R22"], "measuring is refused by Sec-GPC"),
    (["--gpc", "--granted", "measuring", "visits=1"], "unchanged", ["R2", "R6"], "it may be"),
    (["--dnt", "visits=1"], "unchanged", ["R2", "R6"], "it may be stored"),
    (["--gpc", "--dnt", "visits=1"], "nothing", ["R6", "R22"], "measuring is refused by Sec-GPC"),
    (["sessionid=1"], "unchanged", ["R2", "R6"], "it may be stored"),
    ([DJANGOS], "unchanged", ["R2", "R6"], "it may be stored"),
    (["--framework", "flask", FLASKS], "rewritten", ["R6", "R12"], "it would live longer than its"),
    (["eu-consent=1"], "nothing", ["R10"], "only the gate sets its own cookies"),
    (["--url", "/contact/us", "step=1"], "nothing", ["R11"], "nothing is stored on this path"),
    (["--url", "https://a.test/c%6Fntact?x", "step=1"], "nothing", ["R11"], "nothing is stored"),
    (["--url", "https://a.test", "step=1"], "unchanged", ["R2", "R6"], "it may be stored"),
    (["step=1; Max-Age=60"], "rewritten", ["R6", "R14"], "its rule makes a session cookie of it"),
    ([*GRANTED, "_ga=1; Max-Age=99999999"], "rewritten", ["R6", "R12"], "it would live longer"),
    (["sessionid=1; Expires=Sun, 22 Nov 2026 00:00:00 GMT"], "rewritten", ["R3", "R6"], "browsers"),
    (
        [f"_ga=; Expires={LATE.replace('2029', '1999')}"],
        "rewritten",
        ["R3", "R5"],
        "browsers shift",
    ),
    (["sessionid=1; Max-Age=x"], "rewritten", ["R3", "R6"], "browsers would read it in more than"),
    (["_ga"], "nothing", ["R3"], "it has no name"),
    (["=1"], "nothing", ["R3"], "it has no name"),
    (["_ga=1\x0b"], "nothing", ["R3"], "it has a control character"),
    (["'_ga'=1"], "nothing", ["R6"], "no rule of the policy has its name"),
]


@pytest.mark.parametrize(("arguments", "outcome", "rules", "why"), CASES)
def test_what_becomes_of_a_line(
    arguments: list[str], outcome: str, rules: list[str], why: str
) -> None:
    """Outcome, deciding rules and reason are told."""
    facts = explained(*arguments)
    assert (outcome, rules) == (facts["outcome"], facts["rules"])
    assert facts["why"].startswith(why)
    assert (facts["sent"] is None) == (outcome == "nothing")


def test_the_text_says_it_line_by_line() -> None:
    """First what the browser gets, then what led to it, within 80 columns."""
    result = run(*GRANTED, "Set-Cookie: _ga=GA1.1.7; Max-Age=63072000; Path=/")
    assert (
        "_ga=GA1.1.7; Max-Age=63072000; Path=/\n"
        "  browser gets  this line instead: it would live longer than its limit (R6,\n"
        "                R12)\n"
        "                _ga=GA1.1.7; Path=/; Max-Age=7776000\n"
        "  name          _ga\n"
        "  lifetime      730 days (63072000 s), by Max-Age\n"
        "  form          canonical: all browsers read it alike (R1)\n"
        "  rule          _ga* (longest prefix, R8), cookies[0] of the policy:\n"
        "                statistics, opt-in\n"
        "  mode          strip\n"
        "  limit         90 days (7776000 s), by the rule (R12)\n"
        "  permission    granted: the visitor accepted statistics (R6)\n"
    ) == result.stdout
    assert "" == result.stderr


def test_several_lines_are_told_apart() -> None:
    """One explanation for each, in their order, with a blank line between."""
    first, second = run("sessionid=1", "nobody=1").output.split("\n\n")
    assert first.startswith("sessionid=")
    assert second.startswith("nobody=")


def test_a_terminal_is_not_at_the_mercy_of_a_cookie() -> None:
    """What is not printable ASCII is shown as an escape."""
    output = run("_\x1b[31mga=1; Path=/\xe9\u2028; x\ty").output
    assert output.isascii()
    assert output.replace("\n", "").isprintable()
    assert r"_\x1b[31mga=1; Path=/\xc3\xa9\xe2\x80\xa8; x\ty" in output


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_ga_X1", ("_ga*", "longest prefix", "cookies[0]", "statistics", "opt-in")),
        ("_pk_id.ab", ("_pk_*.ab", "glob", "cookies[1]", "statistics", "opt-in")),
        ("theme", ("theme", "exact name", "cookies[2]", "functional", "opt-in")),
        ("csrftoken", ("csrftoken", "exact name", "framework django", "necessary", "exempt")),
        ("session", ("session", "exact name", "framework starlette", "necessary", "exempt")),
        (
            "remember_token",
            ("remember_token", "exact name", "framework flask", "necessary", "exempt"),
        ),
        ("eu-consent", ("eu-consent", "exact name", "gate", "necessary", "exempt")),
        (
            "eu-consent-deposits",
            ("eu-consent-deposits", "exact name", "gate", "necessary", "exempt"),
        ),
    ],
)
def test_R8_the_rule_and_where_it_comes_from(name: str, expected: tuple[str, ...]) -> None:
    """The pattern, how it matches, and whose rule it is."""
    frameworks = ("--framework", "flask", "--framework", "starlette")
    rule = explained(*frameworks, f"{name}=1")["rule"]
    found = tuple(rule[key] for key in ("name", "match", "origin", "category", "basis"))
    assert expected == found
    output = run(*frameworks, f"{name}=1").output
    assert f"{rule['name']} ({rule['match']}, R8), " in output


def test_a_rule_of_one_star_is_a_glob(folder: Path) -> None:
    """It has no prefix to speak of."""
    rewrite_policy(folder, 'name = "theme"', 'name = "*"')
    assert "glob" == explained("whatever=1")["rule"]["match"]


@pytest.mark.parametrize(
    ("name", "similar"),
    [("Theme", "theme"), ("sessionld", "sessionid"), ("_GA", "_ga*"), ("zzz", None)],
)
def test_a_near_name_is_suggested(name: str, similar: str | None) -> None:
    """Names are case-sensitive, and fingers slip."""
    assert ([similar] if similar else []) == explained(f"{name}=1")["similar"][:1]
    hint = f"did you mean {similar!r}" if similar else "add one under [[cookies]]"
    assert f"none has this name; {hint}" in run(f"{name}=1").output


@pytest.mark.parametrize(
    ("name", "seconds", "set_by"),
    [
        ("_ga", 90 * 86_400, ["rule"]),
        ("_pk_id.ab", months(12), ["rule", "policy"]),
        ("theme", months(6), ["category"]),
        ("sessionid", months(12), ["policy"]),
        ("step", None, ["rule"]),
    ],
)
def test_R12_the_limit_and_what_sets_it(name: str, seconds: int | None, set_by: list[str]) -> None:
    """Of rule, category and policy the least."""
    limit = explained("--granted", "statistics", f"{name}=1")["limit"]
    assert (seconds, set_by, None) == (limit["seconds"], limit["set_by"], limit["left"])
    words = "the browser session" if seconds is None else f"({seconds} s), by the {set_by[0]}"
    assert words in run(f"{name}=1").output


def test_R12_the_browsers_own_limit(folder: Path) -> None:
    """No policy makes a cookie live longer than browsers let it."""
    rewrite_policy(
        folder, 'max_age = "12 months"\n\n[categories.f', 'max_age = "9 years"\n\n[categories.f'
    )
    limit = explained("sessionid=1")["limit"]
    assert (400 * 86_400, ["browser"]) == (limit["seconds"], limit["set_by"])


def test_R13_the_life_since_the_first_deposit() -> None:
    """What is left of it is the limit of a later line."""
    arguments = (*GRANTED, "--first-deposit", "2026-10-01", "_ga=1; Max-Age=99999999")
    facts = explained(*arguments)
    left = 39 * 86_400
    assert ("rewritten", ["R6", "R12", "R13"]) == (facts["outcome"], facts["rules"])
    assert f"_ga=1; Max-Age={left}" == facts["sent"]
    assert (left, "first deposit") == (facts["limit"]["left"], facts["limit"]["left_by"])
    words = " ".join(run(*arguments).output.split())
    assert f"39 days ({left} s) are left, by the first deposit (R13)" in words


def test_R13_a_life_that_is_over_begins_anew() -> None:
    """The application does not see the old cookie, and the new one lives its full life."""
    arguments = (*GRANTED, "--first-deposit", "2026-01-01", "_ga=1; Max-Age=99999999")
    assert f"_ga=1; Max-Age={90 * 86_400}" == explained(*arguments)["sent"]
    assert "hidden from the application (R17): its life is over" in run(*arguments).output


def test_R18_what_was_stored_before_is_deleted() -> None:
    """The cookie that the browser sends without permission is hidden, and expired."""
    arguments = ("--decided", "--first-deposit", "2026-11-01", LINE)
    actions = [verdict["action"] for verdict in explained(*arguments)["verdicts"]]
    assert {"strip", "hide", "expire"} == set(actions)
    words = " ".join(run(*arguments).output.split())
    assert "hidden from the application (R17) and deleted by this answer (R18)" in words


def test_R16_the_consent_may_end_before_the_cookie(folder: Path) -> None:
    """With ``expire_with_consent`` the decision's end is the least."""
    rewrite_policy(folder, 'preset = "fr"', 'preset = "fr"\nexpire_with_consent = true')
    facts = explained(*GRANTED, "_pk_id.ab=1; Max-Age=99999999")
    assert ["R6", "R12", "R16"] == facts["rules"]
    assert (months(6), "consent") == (facts["limit"]["left"], facts["limit"]["left_by"])
    assert "by the consent" in run(*GRANTED, "_pk_id.ab=1").output


def test_R7_report_mode_says_what_would_be_done(folder: Path) -> None:
    """The line leaves as it is, and the explanation says although."""
    rewrite_policy(folder, 'preset = "fr"', 'preset = "fr"\nmode = "report"')
    facts = explained(LINE)
    assert ("unchanged", False, "report") == (facts["outcome"], facts["enforced"], facts["mode"])
    assert ["R2", "R6", "R7"] == facts["rules"]
    assert "the line as it is (the mode is report), although the visitor" in run(LINE).output


def test_R7_block_mode_says_that_the_application_fails(folder: Path) -> None:
    """`CookieBlocked` is no failure of the command's."""
    rewrite_policy(folder, 'preset = "fr"', 'preset = "fr"\nmode = "block"')
    facts = explained(LINE)
    assert ("blocked", ["R6", "R7"], None) == (facts["outcome"], facts["rules"], facts["sent"])
    assert "nothing, and the application gets CookieBlocked" in run(LINE).output


def test_R6_a_policy_may_let_strangers_pass(folder: Path) -> None:
    """Then their permission is the policy's."""
    rewrite_policy(folder, 'preset = "fr"', 'preset = "fr"\nunregistered = "allow"')
    facts = explained("nobody=1")
    assert ("unchanged", "allow") == (facts["outcome"], facts["mode"])
    assert "allowed" == facts["permission"]["state"]


@pytest.mark.parametrize(
    ("line", "oddity"),
    [
        ("_ga=1; Max-Age=5; Path=/", None),
        ("_ga", "no name before a '='"),
        (" =1", "no name before a '='"),
        ("_ga =1", "the name is no token, or has blanks around it"),
        ("_ga=\xe9", "the value is not printable ASCII"),
        ('_ga=1; Path=/; Max-Age="5"', "the attribute 'Max-Age=\"5\"'"),
        ("_ga=1; Path=/; Path=/", "an attribute given twice"),
    ],
)
def test_R1_why_a_line_is_not_canonical(line: str, oddity: str | None) -> None:
    """The piece that browsers read in more than one way is named."""
    assert ([oddity] if oddity else []) == explained(line)["reading"]["oddities"]
    words = " ".join(run(line).output.split())
    assert (f"not canonical (R1): {oddity}" if oddity else "form canonical: all") in words


def test_R3_a_line_of_several_names() -> None:
    """Each name that a browser could read is told, and the one it is judged as."""
    line = "_ga x=1"
    facts = explained(line)
    assert (["_ga x", "_ga"], "_ga x") == (facts["reading"]["names"], facts["judged_as"])
    words = " ".join(run(line).output.split())
    assert "'_ga x', or in some browser '_ga'; judged as '_ga x' (R3)" in words


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("", "none: it ends with the browser session"),
        ("; Max-Age=90061", "1 day 1 hour (90061 s), by Max-Age"),
        ("; Expires=Sat, 21 Nov 2026 00:00:30 GMT", "30 s, by Expires"),
        ("; Max-Age=-1", "over, by Max-Age: this deletes the cookie"),
        ("; Max-Age=99999999999999", "longer than any limit, by Max-Age"),
    ],
)
def test_a_lifetime_is_told_in_words(attribute: str, words: str) -> None:
    """As the gate reads it, in two units and in seconds."""
    assert f"  lifetime      {words}\n" in run(f"_ga=1{attribute}").output


@pytest.mark.parametrize("name", ["Set-Cookie: ", "set-cookie:", "< Set-Cookie: ", "SET-COOKIE : "])
def test_the_name_of_the_header_is_taken_off(name: str) -> None:
    """A line may be pasted as it was on the wire."""
    assert "sessionid=1" == explained(f"{name}sessionid=1")["line"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_whole_response_is_read_from_standard_input(newline: str) -> None:
    """Of its headers only Set-Cookie counts, whatever the body says."""
    response = ["HTTP/2 200", "server: x", "set-cookie: a=1", "Set-Cookie:b=\x85 ", "", "<p>c=1"]
    sent = newline.join(response).encode("latin-1")
    facts = json.loads(run("--json", "-", sent=sent).output)
    assert ["a=1", "b=\x85"] == [each["line"] for each in facts]


def test_bare_lines_are_read_from_standard_input() -> None:
    """Without the header's name each line is one, besides those of the command line."""
    facts = json.loads(run("--json", "a=1", "-", "c=1", sent="b=1\n\nd=1\n").output)
    assert ["a=", "b=", "d=", "c="] == [each["line"][:2] for each in facts]


def test_a_response_without_cookies_is_no_error() -> None:
    """There is nothing to explain, and that is said."""
    sent = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"
    assert "There is no Set-Cookie line.\n" == run("-", sent=sent).output
    assert "[]\n" == run("--json", "-", sent=sent).output


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--granted", "statsitics", LINE], 2, "'statsitics' is none of the categories"),
        (["--granted", "necessary", LINE], 2, "'necessary' is none of the categories"),
        (["--framework", "djnago", LINE], 1, "frameworks: 'djnago' is no preset"),
        (["--first-deposit", "yesterday", LINE], 2, "is no ISO date"),
        (["--first-deposit", "1969-12-31", LINE], 2, "is no ISO date from 1970"),
        (["--now", "0001-01-01T00:00+14:00", LINE], 2, "is no ISO date from 1970"),
        (["--url", "http://[", LINE], 2, "Invalid IPv6 URL"),
        ([], 2, "Missing argument"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: list[str], status: int, message: str) -> None:
    """The last line names the mistake, without a traceback."""
    result = run(*arguments)
    assert status == result.exit_code
    assert message in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "message"), [(None, "cannot be read: No such file"), ("version = 1", "version: 1 is")]
)
def test_a_bad_policy_file_is_named(folder: Path, text: str | None, message: str) -> None:
    """With its key and the reason."""
    if text is not None:
        (folder / "bad.toml").write_text(text)
    result = run(LINE, policy="bad.toml")
    assert 1 == result.exit_code
    assert result.stderr.startswith(f"Error: bad.toml: {message}")
    assert 1 == result.stderr.count("\n")


def test_a_time_zone_counts() -> None:
    """A date without one is UTC's."""
    line = "sessionid=1; Expires=Sat, 21 Nov 2026 00:00:30 GMT"
    later = explained("--now", "2026-11-21T01:00:00+01:00", line)
    assert 30 == later["reading"]["lifetime"] == explained(line)["reading"]["lifetime"]


def test_every_reason_of_the_gate_has_words() -> None:
    """A new one must be given its sentence and its rule."""
    assert set(get_args(Reason)) == set(REASONS)


def gate_says(line: str, granted: list[str]) -> tuple[str, str | None]:
    """Return what the gate itself makes of ``line``."""
    gate = Gate(Policy.from_file("consent.toml"), "key", clock=lambda: NOW)
    visit = gate.visit(Visitor(NOW), "=".join(consent_cookie(gate, granted)))
    try:
        sent = visit.judge(line)
    except CookieBlocked:
        return "blocked", None
    if sent is None:
        return "nothing", None
    return "unchanged" if sent == line else "rewritten", sent


MODES = ("strip", "block", "report")
names = st.sampled_from(
    ["_ga", "theme", "step", "sessionid", "nobody", "eu-consent", "fr", '"_ga"']
)
attributes = st.sampled_from(["Max-Age=9", "Max-Age=99999999", "max-age=x", f"Expires={LATE}"])
any_line = st.one_of(
    st.text(),
    st.builds(
        "{}{}{}; {}; {}".format, names, st.sampled_from("= "), st.text(), attributes, st.text()
    ),
)


@settings(deadline=None)
@given(any_line, st.sampled_from(MODES), st.sampled_from([(), GRANTED]))
@example("\u20ac_ga=1; Max-Age=5", "strip", GRANTED)
@example("_ga\xa0=1", "report", ())
def test_R24_any_text_is_explained_as_the_gate_has_it(
    line: str, mode: str, granted: tuple[str, ...]
) -> None:
    """No line breaks the command, and it tells of each what the gate does."""
    text = POLICY.replace('preset = "fr"', f'preset = "fr"\nmode = "{mode}"')
    Path("consent.toml").write_text(text)
    octets = os.fsencode(line).decode("latin-1")
    result = run("--json", "--decided", *granted, "--", f"Set-Cookie:{line}")
    (facts,) = json.loads(result.stdout)
    assert (0, "") == (result.exit_code, result.stderr)
    expected = gate_says(octets.lstrip(" \t"), [*granted[1:]])
    assert expected == (facts["outcome"], facts["sent"])
    assert 0 == run("--decided", *granted, "--", f"Set-Cookie:{line}").exit_code


@pytest.mark.parametrize("granted", [[], ["statistics"]])
def test_R3_odd_lines_are_explained_as_the_gate_has_them(granted: list[str]) -> None:
    """Hundreds of lines that were seen to be read in more than one way."""
    explainer = Explainer(
        Policy.from_file("consent.toml"), Visitor(NOW, frozenset(granted), first_deposit=NOW)
    )
    for line, _ in odd_lines.cases():
        explanation = explainer.explain(line)
        assert gate_says(line, granted) == (explanation.outcome, explanation.sent)
        assert as_text(explanation).isascii()


@pytest.mark.parametrize("arguments", [[LINE, "nobody=1"], ["-"]])
def test_the_console_script_explains(arguments: list[str]) -> None:
    """The installed command finds it, and warns of nothing on standard error."""
    ended = subprocess.run(  # noqa: S603
        [CONSOLE_SCRIPT, "explain", "consent.toml", *arguments],
        input=f"Set-Cookie: {LINE}\nSet-Cookie: nobody=1\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "" == ended.stderr
    assert 2 == ended.stdout.count("  browser gets  nothing: ")


def test_help_has_an_example() -> None:
    """It can be copied."""
    output = CliRunner().invoke(main, ["explain", "--help"]).output
    assert "consentgate explain consent.toml --granted statistics '_ga=" in output
    assert max(map(len, output.splitlines())) <= 80


def test_nobody_connects() -> None:
    """What is explained has no address, whatever wants to know one."""
    assert "" == Visitor(now=0).address()
