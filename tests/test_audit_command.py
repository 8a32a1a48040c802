"""The command line of `consentgate audit`, and what is decided before a browser starts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from audit_facts import POLICY, audit, cookie, stage
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from consentgate.audit import command
from consentgate.audit.autoconsent import Autoconsent
from consentgate.audit.browser import executable
from consentgate.audit.facts import StageName
from consentgate.audit.failures import NotAuditable
from consentgate.audit.plan import Plan, further_pages
from consentgate.audit.wordings import ACCEPT, REFUSE, REOPEN
from consentgate.declaration import declaration

if TYPE_CHECKING:
    from pathlib import Path

    from consentgate.audit.facts import Audit

URL = "https://shop.example/"


def run(*arguments: str) -> tuple[int, str]:
    """Run the command."""
    result = CliRunner().invoke(command.audit, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


# -- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument"),
        (("ftp://shop.example",), "is no address of a page"),
        (("http://[",), "is no address of a page"),
        ((URL, "--path", "x"), "begin it with '/'"),
        ((URL, "--ignore", "nonsense"), "none of stored-before-choice"),
        ((URL, "--fail-on", "never-ever"), "Invalid value"),
        ((URL, "--policy", "no such file"), "no such file"),
        ((URL, "--autoconsent", "no such folder"), "npm install @duckduckgo/autoconsent"),
        ((URL, "--html", "no such folder/report.html"), "there is no folder"),
        ((URL, "--timeout", "0"), "Invalid value"),
        ((URL, "--language", "xx_not a lang"), "is no language: en, fr-FR"),
        ((URL, "--html", "a", "--json", "./a"), "is to hold another report, too"),
        ((URL, "--html", "-", "--json", "-"), "is to hold another report, too"),
        (("https://shop.example:port/",), "is no address of a page"),
    ],
)
def test_a_mistake_in_the_command_ends_with_two(arguments: tuple[str, ...], words: str) -> None:
    """Before anything is started, and with what to do."""
    code, output = run(*arguments)
    assert 2 == code
    assert words in re.sub(r"\s+", " ", output)
    assert "Traceback" not in output


def test_a_password_in_a_wrong_address_is_not_repeated() -> None:
    """Nor the query."""
    _, output = run("ftp://me:secret@shop.example/?token=hidden")
    assert "is no address of a page" in output
    assert "secret" not in output
    assert "hidden" not in output


def test_without_a_browser_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line; nothing could be audited."""
    code, output = run(URL, "--browser", "no-such-browser")
    assert (3, "Error: no-such-browser is no program that can be started\n") == (code, output)

    monkeypatch.setattr("consentgate.audit.browser.shutil.which", lambda _: None)
    with pytest.raises(NotAuditable, match="playwright install chromium, or apt-get install"):
        executable(None, "/nowhere/chrome")


def test_the_browser_is_the_wanted_one_or_the_first_there_is(tmp_path: Path) -> None:
    """Playwright's own comes before those on PATH."""
    program = tmp_path / "chrome"
    program.touch(mode=0o755)
    assert str(program) == executable(None, str(program))
    assert str(program) == executable(str(program), "/nowhere/chrome")


# -- what becomes of what was seen -------------------------------------------------------------


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give a place for what a browser is to have seen, as "audit", and find the plan there."""
    place: dict[str, Any] = {"audit": audit(stage(StageName.BEFORE, cookie("mystery")))}

    def look(plan: Plan, options: object, *_: object) -> Audit:
        place.update(plan=plan, options=options)
        found: Audit = place["audit"]
        return found

    monkeypatch.setattr(command, "_look", look)
    return place


def test_a_warning_fails_only_where_it_is_asked_to(seen: dict[str, Any]) -> None:
    """By default only what is certain does."""
    assert 0 == run(URL)[0]
    assert 1 == run(URL, "--fail-on", "warning")[0]
    seen["audit"] = audit(stage(StageName.BEFORE, cookie("_ga")))
    assert 1 == run(URL)[0]
    assert 0 == run(URL, "--fail-on", "never")[0]


def test_findings_can_be_ignored(seen: dict[str, Any]) -> None:
    """All of a kind, or those about a name."""
    fail = ("--fail-on", "warning")
    assert 0 == run(URL, *fail, "--ignore", "stored-before-choice")[0]
    assert 0 == run(URL, *fail, "--ignore", "stored-before-choice:mystery")[0]
    assert 1 == run(URL, *fail, "--ignore", "stored-before-choice:other")[0]
    ignored = run(URL, *fail, "--ignore", "stored-before-choice:mystery")[1]
    assert "Left out by --ignore: 1 finding (stored-before-choice:mystery)." in ignored


def test_the_plan_is_what_was_asked_for(seen: dict[str, Any], tmp_path: Path) -> None:
    """A host alone is asked over TLS; named clicks need no rules."""
    run("shop.example", "http://shop.example/b", "--path", "/c", "--refuse", "#no", "--gpc")
    plan: Plan = seen["plan"]
    assert ("https://shop.example", ("http://shop.example/b", "/c"), 6) == (
        plan.url,
        plan.further,
        plan.steps,
    )
    assert plan.named is not None
    assert plan.autoconsent is None


def test_reports_are_written(seen: dict[str, Any], tmp_path: Path) -> None:
    """Beside the summary; what is printed instead of it stands alone."""
    _, output = run(URL, "--html", str(tmp_path / "a.html"), "--json", str(tmp_path / "a.json"))
    assert "mystery" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert 1 == json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["schema"]
    assert "to review" in output
    assert 1 == json.loads(run(URL, "--json", "-")[1])["schema"]


def test_what_cannot_be_written_is_told_in_the_end(seen: dict[str, Any], tmp_path: Path) -> None:
    """The summary is shown nevertheless, and the other report written; no finding ends so."""
    other = tmp_path / "a.json"
    code, output = run(URL, "--html", "/dev/full", "--json", str(other), "--fail-on", "never")
    assert 2 == code
    assert output.index("to review") < output.index("/dev/full cannot be written: No space left")
    assert 1 == json.loads(other.read_text(encoding="utf-8"))["schema"]


def test_purposes_come_from_the_best_source(seen: dict[str, Any], tmp_path: Path) -> None:
    """A policy file, else what the site declares, else the catalogue."""
    told = json.loads(json.dumps(declaration(POLICY)))
    seen["audit"] = audit(stage(StageName.BEFORE, cookie("_ga")), declaration=told)
    assert "the site itself declares" in json.loads(run(URL, "--json", "-")[1])["policy"]

    file = tmp_path / "consent.toml"
    file.write_text('version = "1"\npreset = "fr"\n', encoding="utf-8")
    printed = run(URL, "--json", "-", "--policy", str(file))[1]
    assert f"the policy file {file}" == json.loads(printed)["policy"]

    seen["audit"] = audit(stage(StageName.BEFORE), declaration={"categories": 1})
    assert "policy.json is not used" in run(URL)[1]


def test_what_a_site_declares_controls_no_terminal(seen: dict[str, Any]) -> None:
    """It is refused in one line, whatever it is called."""
    told = json.loads(json.dumps(declaration(POLICY)))
    told["categories"][0]["id"] = "\x1b[31mred" * 9_999
    seen["audit"] = audit(stage(StageName.BEFORE), declaration=told)
    output = run(URL)[1]
    assert "policy.json is not used" in output
    assert "\x1b" not in output
    warning = next(line for line in output.splitlines() if "not used" in line)
    assert len(warning) < 400


def test_what_a_policy_file_says_controls_no_terminal(tmp_path: Path) -> None:
    """Nor what a browser says of why it failed."""
    file = tmp_path / "consent.toml"
    file.write_text('version = "1"\n"\\u001b[31mred" = 1\n', encoding="utf-8")
    code, output = run(URL, "--policy", str(file))
    assert 2 == code
    assert "\x1b" not in output
    assert "\x1b" not in NotAuditable("\x1b[31mred").message


# -- which pages -------------------------------------------------------------------------------


def test_links_of_the_site_are_followed() -> None:
    """Each once, and neither files, nor other hosts, nor what signs out."""
    links = [
        "https://shop.example/#top",
        "https://shop.example/tea?kind=green#top",
        "https://shop.example/tea?kind=green",
        "https://shop.example/terms.PDF",
        "https://shop.example/account/logout",
        "https://other.example/",
        "mailto:me@shop.example",
        "http://[",
        "https://shop.example/coffee/",
        "https://shop.example/more",
    ]
    plan = Plan(URL, pages=2)
    assert ["https://shop.example/tea?kind=green", "https://shop.example/coffee/"] == further_pages(
        plan, URL, links
    )


def test_named_pages_are_taken_instead() -> None:
    """Paths belong to where the first page led."""
    plan = Plan(URL, further=("https://shop.example/a", "/b"))
    assert ["https://shop.example/a", "https://www.shop.example/b"] == further_pages(
        plan, "https://www.shop.example/home", [URL]
    )


# -- the npm package ---------------------------------------------------------------------------


def package(folder: Path, rules: str) -> Path:
    """Make what looks like the package of autoconsent."""
    for name, text in (("dist/autoconsent.playwright.js", "1"), ("rules/rules.json", rules)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_package_is_found_here_or_above(tmp_path: Path) -> None:
    """In whatever folder around this one has it."""
    package(tmp_path / "node_modules" / "@duckduckgo" / "autoconsent", '{"autoconsent": []}')
    inner = tmp_path / "a" / "b"
    assert Autoconsent("1", ()) == Autoconsent.find(inner)
    assert Autoconsent.find(tmp_path.parent / "nowhere") is None


@pytest.mark.parametrize("rules", ["nonsense", "[]", "{}", '{"autoconsent": [1]}'])
def test_what_is_no_package_is_said(tmp_path: Path, rules: str) -> None:
    """The file named, and where to get it."""
    code, output = run(URL, "--autoconsent", str(package(tmp_path, rules)))
    assert 2 == code
    assert "this is not the npm package" in re.sub(r"\s+", " ", output)


def test_rules_are_for_every_site_or_for_this_one() -> None:
    """A pattern that only JavaScript reads is left to it."""
    rules = (
        {"name": "all"},
        {"name": "here", "runContext": {"urlPattern": "^https://shop"}},
        {"name": "there", "runContext": {"urlPattern": "^https://other"}},
        {"name": "script", "runContext": {"urlPattern": "(?<name>x)"}},
    )
    chosen = Autoconsent("", rules).rules_for(URL)
    assert ["all", "here", "script"] == [rule["name"] for rule in chosen]


# -- what buttons are called -------------------------------------------------------------------

_ACCEPT = ["Accept all", "I agree", "Allow all cookies", "Tout accepter", "J\u2019accepte",
    "Alle akzeptieren", "Zustimmen", "Aceptar todo", "Accetta tutti", "Alles accepteren",
    "OK", "Accept & close", "Accepter et fermer", "Akceptuję", "Godkänn alla"]  # fmt: skip
_REFUSE = ["Reject all", "Decline", "Only necessary cookies", "Tout refuser",
    "Continuer sans accepter", "Alle ablehnen", "Nur notwendige Cookies", "Rechazar todo",
    "Rifiuta tutto", "Alles weigeren", "Withdraw consent", "✕ Deny",
    "Odrzuć wszystkie"]  # fmt: skip
_REOPEN = ["Cookie settings", "Manage cookies", "Your privacy choices", "Gérer mes cookies",
    "Cookie-Einstellungen", "Configuración de cookies", "Preferenze cookie",
    "Cookie-instellingen", "Privacy settings", "Paramètres des cookies"]  # fmt: skip
_NEITHER = ["Accepted payments", "Accept invitation from Bob", "Refused deliveries",
    "Cookie recipes", "Read more", "Settings of your account", "Sign in", "Privacy policy",
    "Cookie policy"]  # fmt: skip


@pytest.mark.parametrize("label", _ACCEPT)
def test_words_that_accept(label: str) -> None:
    """In the main languages, and no words that do something else."""
    assert ACCEPT.match(label)
    assert not REFUSE.match(label)


@pytest.mark.parametrize("label", _REFUSE)
def test_words_that_refuse(label: str) -> None:
    """In the main languages, and no words that do something else."""
    assert REFUSE.match(label)
    assert not ACCEPT.match(label)


@pytest.mark.parametrize("label", _REOPEN)
def test_words_that_open_the_choices_again(label: str) -> None:
    """In the main languages."""
    assert REOPEN.match(label)
    assert not ACCEPT.match(label)
    assert not REFUSE.match(label)


@pytest.mark.parametrize("label", _NEITHER)
def test_words_that_are_about_something_else(label: str) -> None:
    """A label is taken as a whole."""
    assert not any(pattern.match(label) for pattern in (ACCEPT, REFUSE, REOPEN))


@given(st.text(max_size=300))
def test_any_label_is_read_in_little_time(label: str) -> None:
    """No label makes the patterns go back and forth."""
    for pattern in (ACCEPT, REFUSE, REOPEN):
        pattern.match(label)
