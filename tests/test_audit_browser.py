"""`consentgate audit` in Chromium, on small sites of this machine: it sees what is there."""

from __future__ import annotations

import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from audit_sites import BROWSER_ARGUMENTS, Served, served
from click.testing import CliRunner
from pages_sites import served as served_shop
from playwright.sync_api import Error as PlaywrightError
from visitor import NPM, from_npm

from consentgate.audit import profile as profiles
from consentgate.audit.autoconsent import evaluated
from consentgate.audit.banners import ConsentGateBanner
from consentgate.audit.browser import Launcher, started
from consentgate.audit.command import audit
from consentgate.audit.facts import StageName
from consentgate.audit.failures import NotAuditable
from consentgate.audit.profile import Options, Profile
from consentgate.audit.stages import Auditor, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


pytestmark = pytest.mark.browser

AUTOCONSENT = NPM / "node_modules" / "@duckduckgo" / "autoconsent"


class Result:
    """What one audit said, in each of its ways."""

    def __init__(self, exit_code: int, output: str, folder: Path) -> None:
        self.exit_code = exit_code
        self.output = output
        self._folder = folder

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON."""
        return json.loads((self._folder / "audit.json").read_text(encoding="utf-8"))

    @property
    def html(self) -> str:
        """The report."""
        return (self._folder / "audit.html").read_text(encoding="utf-8")

    def stage(self, name: str) -> dict[str, Any]:
        """Return one stage."""
        return next(stage for stage in self.facts["stages"] if stage["name"] == name)

    def cookies(self, stage: str) -> dict[str, dict[str, Any]]:
        """Return the cookies that were stored in a stage, by name."""
        return {cookie["name"]: cookie for cookie in self.stage(stage)["cookies"]}

    def sent(self, stage: str) -> set[str]:
        """Return the names of the cookies that were sent in a stage."""
        return {cookie["name"] for cookie in self.stage(stage)["sent"]}

    def findings(self, level: str | None = None) -> set[tuple[str, str]]:
        """Return the kinds of findings with the names that they are about."""
        return {
            (finding["id"], finding["cookie"])
            for finding in self.facts["findings"]
            if level in (None, finding["level"])
        }


class Audits:
    """Audits sites, each in a thread of its own, as Playwright's event loop stays in its thread."""

    def __init__(self, sites: Served, folder: Path) -> None:
        self._sites = sites
        self._folder = folder
        self._number = 0

    def of(self, site: str, *options: str) -> Result:
        """Audit one of the small sites."""
        mapped = [word for each in BROWSER_ARGUMENTS for word in ("--browser-argument", each)]
        return self.run(self._sites.url(site), "--insecure", *mapped, *options)

    def url(self, site: str) -> str:
        """Return the address of a small site."""
        return self._sites.url(site)

    def run(self, *arguments: str) -> Result:
        """Run the command."""
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        written = ["--html", str(folder / "audit.html"), "--json", str(folder / "audit.json")]
        with ThreadPoolExecutor(max_workers=1) as thread:
            command = [*arguments, *written]
            result = thread.submit(CliRunner().invoke, audit, command).result()
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.output, folder)


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audits]:
    """Give what audits the small sites."""
    if not shutil.which("chromium"):
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with served() as sites:
        yield Audits(sites, tmp_path_factory.mktemp("audits"))


@pytest.fixture(scope="module")
def with_autoconsent() -> tuple[str, str]:
    """Give the option that names the npm package; without it the test is skipped."""
    from_npm("@duckduckgo/autoconsent/package.json")
    return ("--autoconsent", str(AUTOCONSENT))


# -- a site that tracks whoever comes, behind a banner that changes nothing --------------------


@pytest.fixture(scope="module")
def naughty(audits: Audits, with_autoconsent: tuple[str, str]) -> Result:
    """Audit it once for all tests."""
    return audits.of("naughty", "--pages", "1", "--gpc", *with_autoconsent)


def test_what_is_stored_before_a_choice_is_found(naughty: Result) -> None:
    """By header, by script and by a third party; what is necessary is no finding."""
    found = naughty.findings("error")
    stored = {name for kind, name in found if kind == "stored-before-choice"}
    assert {"_fbp", "_ga", "_ga_X1", "IDE"} == stored
    assert ("stored-before-choice", "mystery") in naughty.findings("warning")
    assert naughty.exit_code == 1


def test_who_set_a_cookie_is_seen(naughty: Result) -> None:
    """Whether it was a response or a script, whose, and of which party."""
    cookies = naughty.cookies("before-choice")
    origin = naughty.facts["url"]

    def seen(name: str) -> tuple[str, str, bool]:
        cookie = cookies[name]
        return cookie["set_by"], cookie["set_by_url"], cookie["first_party"]

    assert ("header", origin, True) == seen("_ga")
    assert ("script", origin, True) == seen("_fbp")
    assert ("header", origin.replace("www.naughty", "ads") + "pixel", False) == seen("IDE")


def test_lifetimes_are_the_true_ones(naughty: Result) -> None:
    """As this browser keeps them, with what was asked for; a session cookie has none."""
    cookies = naughty.cookies("before-choice")
    assert (730 * 86_400, 400) == (cookies["_ga"]["asked_life"], cookies["_ga"]["life"] // 86_400)
    assert pytest.approx(7_776_000, abs=60) == cookies["_fbp"]["life"]
    assert cookies["session"]["life"] is None
    assert {("over-13-months", "_ga")} == {
        finding for finding in naughty.findings() if finding[0] == "over-13-months"
    }


def test_a_refusal_that_changes_nothing_is_found(naughty: Result) -> None:
    """The banner was answered by autoconsent's rule; the cookies are stored and sent as before."""
    action = naughty.stage("after-refusal")["action"]
    assert (True, 1) == (action["done"], action["clicks"])
    assert "cookieconsent3" in action["how"]
    assert {("stored-after-refusal", "_ga"), ("sent-after-refusal", "IDE")} <= naughty.findings()


def test_what_withdrawal_leaves_is_found(naughty: Result) -> None:
    """What goes on being sent; a third party's jar is not the site's to clear."""
    assert "Cookie settings" in naughty.stage("after-withdrawal")["action"]["how"]
    errors = naughty.findings("error")
    assert {("sent-after-withdrawal", "_ga"), ("sent-after-withdrawal", "IDE")} <= errors
    assert ("stored-after-withdrawal", "_ga") in errors
    assert ("stored-after-withdrawal", "IDE") in naughty.findings("warning")
    assert "_gid" not in naughty.cookies("after-withdrawal")


def test_what_another_visit_extends_is_found(naughty: Result) -> None:
    """A cookie of two years that each page sets again need never end."""
    assert {("extended-by-visit", "_ga"), ("extended-by-visit", "_fbp")} <= naughty.findings(
        "error"
    )


def test_what_is_not_a_cookie_is_found(naughty: Result) -> None:
    """Local storage and third parties, without the queries of their addresses."""
    assert {
        ("storage-before-choice", "visitor"),
        ("third-party-before-choice", "ads.example"),
    } <= naughty.findings("warning")
    assert "1234" not in json.dumps(naughty.facts)


def test_what_ignores_the_signal_is_found(naughty: Result) -> None:
    """Global Privacy Control was sent, and advertising came nevertheless."""
    assert ("stored-despite-gpc", "IDE") in naughty.findings("warning")


def test_only_pages_of_the_site_are_followed(naughty: Result) -> None:
    """Neither the terms as PDF nor another host."""
    pages = [page["url"] for page in naughty.stage("before-choice")["pages"]]
    url = naughty.facts["url"]
    assert [url, f"{url}product"] == pages


def test_values_are_nowhere(naughty: Result) -> None:
    """Neither in the report, nor in the JSON, nor on the terminal."""
    for text in (naughty.html, json.dumps(naughty.facts), naughty.output):
        assert "GA1.1.1" not in text
        assert "fb.1.1" not in text


def test_the_report_shows_each_stage(naughty: Result) -> None:
    """With a picture, and with neither scripts nor anything to load."""
    assert naughty.html.count("data:image/jpeg;base64,") == 6
    assert "<script" not in naughty.html
    assert 'src="http' not in naughty.html


# -- others ------------------------------------------------------------------------------------


def test_a_site_behind_the_gate_has_no_finding(audits: Audits) -> None:
    """The shop sets what it likes, and the gate lets nothing through that was not permitted."""
    with served_shop("wsgi") as shop:
        result = audits.run(shop.url(), "--fail-on", "warning")

    assert set() == result.findings()
    assert result.exit_code == 0
    assert {"session"} == set(result.cookies("before-choice")) == result.sent("before-choice")
    assert {"session", "eu-consent"} == set(result.cookies("after-refusal"))
    assert {"_ga", "_fbp"} <= set(result.cookies("after-acceptance"))
    assert {"session", "eu-consent"} == result.sent("after-withdrawal")
    assert "ConsentGate" == result.facts["banner"]
    assert "policy" == result.cookies("second-visit")["_ga"]["classified_by"]


def test_unknown_banners_are_answered_by_named_clicks(audits: Audits) -> None:
    """Each selector in turn; what withdrawal leaves, and that refusing is harder, is found."""
    result = audits.of(
        "odd",
        *("--refuse", "#more", "--refuse", "#no", "--accept", "#yes"),
        *("--withdraw", "#change", "--withdraw", "#revoke", "--pages", "0"),
    )

    assert ("sent-after-withdrawal", "_ga") in result.findings("error")
    assert ("refusal-harder", "") in result.findings("warning")
    assert "_ga" not in result.cookies("after-refusal")


def test_a_banner_without_refusal_is_found(
    audits: Audits, with_autoconsent: tuple[str, str]
) -> None:
    """It was known by its words; that it cannot be taken back either is told as a limit."""
    result = audits.of("wall", *with_autoconsent, "--pages", "0")

    assert {("no-refusal", ""), ("withdrawal-not-tested", "")} <= result.findings("warning")
    assert "seen" in result.cookies("after-acceptance")
    assert result.exit_code == 0


def test_without_a_banner_the_rest_is_tested(
    audits: Audits, with_autoconsent: tuple[str, str]
) -> None:
    """Also whether another visit extends what was stored without asking."""
    result = audits.of("bare", *with_autoconsent, "--pages", "0")

    assert {("no-banner", ""), ("extended-by-visit", "_pk_id.1.1fff")} <= result.findings()
    assert {"before-choice", "second-visit"} == {s["name"] for s in result.facts["stages"]}


def test_without_rules_what_is_not_tested_is_said(
    audits: Audits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit goes on with what needs no banner, and says how to get the rules."""
    monkeypatch.chdir(tmp_path)
    result = audits.of("honest", "--pages", "0")

    assert {"refusal-not-tested", "acceptance-not-tested", "withdrawal-not-tested"} == {
        kind for kind, _ in result.findings("warning")
    }
    assert "npm install @duckduckgo/autoconsent" in result.output.replace("\n", " ")


def test_a_banner_in_a_frame_is_answered(audits: Audits, with_autoconsent: tuple[str, str]) -> None:
    """The rules run in every frame, and what is done there counts."""
    result = audits.of("framed", *with_autoconsent, "--pages", "0")

    assert "piano.io" in result.facts["banner"]
    assert "refused" in result.cookies("after-refusal")
    assert "accepted" in result.cookies("after-acceptance")


def test_a_hostile_site_is_survived(audits: Audits) -> None:
    """Dialogs, popups, altered built-ins, endless scripts and odd names end nothing."""
    clicks = ("--refuse", "#none")
    result = audits.of("hostile", "--path", "/busy", "--path", "/gone", "--timeout", "4", *clicks)

    failed = {
        finding["place"].rpartition("/")[2]: finding["message"]
        for finding in result.facts["findings"]
        if finding["id"] == "page-failed"
    }
    assert {"busy", "gone"} == set(failed)
    assert "too busy to answer" in failed["busy"]
    assert "status 404" in failed["gone"]
    assert "<script>alert(1)" not in result.html
    assert "\u202e" not in result.html + result.output
    kinds = {kind for kind, _ in result.findings()}
    assert {"refusal-not-tested", "acceptance-not-tested"} <= kinds


def test_a_rule_that_fails_is_told(audits: Audits, with_autoconsent: tuple[str, str]) -> None:
    """Accepting loaded the page again and was done; refusing was not, neither first nor later."""
    result = audits.of("stubborn", *with_autoconsent, "--pages", "0")

    assert "accepted" in result.cookies("after-acceptance")
    assert "could not do it" in result.stage("after-refusal")["action"]["how"]
    assert "nothing to refuse with" in result.stage("after-withdrawal")["action"]["how"]
    assert {("no-refusal", ""), ("withdrawal-not-tested", "")} <= result.findings("warning")


def test_half_a_gate_is_told(audits: Audits) -> None:
    """What looks like ConsentGate, and lacks what it should have."""
    result = audits.of("half", "--pages", "0")

    assert "ConsentGate" == result.facts["banner"]
    assert result.facts["policy"] is None
    assert "no button to reject" in result.stage("after-refusal")["action"]["how"]
    assert "no button to withdraw" in result.stage("after-withdrawal")["action"]["how"]


def test_what_never_answers_ends_with_three(audits: Audits) -> None:
    """After the time that was given."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = audits.run(f"http://127.0.0.1:{silent.getsockname()[1]}/", "--timeout", "1")

    assert result.exit_code == 3
    assert "had not loaded after 1 seconds" in result.output


def test_what_cannot_be_reached_ends_with_three(audits: Audits) -> None:
    """In one line, which says why."""
    result = audits.run("http://127.0.0.1:1/")

    assert result.exit_code == 3
    assert "cannot be opened: net::ERR_" in result.output
    assert result.output.count("\n") == 1


def test_a_browser_that_does_not_start_ends_with_three(audits: Audits) -> None:
    """In one line too."""
    true = shutil.which("true")
    assert true is not None
    result = audits.run("http://127.0.0.1:1/", "--browser", true)

    assert result.exit_code == 3
    assert "did not start" in result.output


# -- the browser itself ------------------------------------------------------------------------


def in_thread(call: Callable[[], None]) -> None:
    """Run ``call`` where Playwright may leave its event loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(call).result()


def test_a_profile_survives_its_page(audits: Audits, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that crashed is replaced; of one that is gone there is nothing to tell."""
    monkeypatch.setattr(profiles, "_MOST_KEYS", 0)

    def survive() -> None:
        with started(None, BROWSER_ARGUMENTS) as launcher, launched(launcher) as profile:
            url = audits.url("honest")
            profile.visit(url)
            with suppress(PlaywrightError):
                profile.page.goto("chrome://crash")
            profile.pause(0.5)
            crashed = profile.look(url, None, "")
            assert "the page crashed" == crashed.problem
            assert "" == profile.visit(audits.url("naughty")).problem
            assert profile.stage(StageName.BEFORE, "naughty.example").truncated
            profile._note_crash(profile._own_page)
            assert "" == profile.visit(url).problem

            profile.page.close()
            gone = profile.look(url, None, "it was closed")
            assert "it was closed" == gone.problem
            assert [] == profile.links()
            assert b"" == profile._picture()
            assert ConsentGateBanner.find(profile) is None
            assert not evaluated(profile.page.main_frame, "true")

    in_thread(survive)


def test_half_a_page_is_looked_at(audits: Audits) -> None:
    """One that goes on loading is told of as far as it came."""

    def look() -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as silent,
            started(None, BROWSER_ARGUMENTS) as launcher,
            Profile(launcher, Options(timeout=1, insecure=True)) as profile,
        ):
            url = f"{audits.url('slow')}{silent.getsockname()[1]}"
            visited = profile.visit(url)
            assert "the page had not loaded after 1 seconds" == visited.problem
            assert url == visited.final_url

    in_thread(look)


def launched(launcher: Launcher) -> Profile:
    """Return a profile that believes any certificate."""
    return Profile(launcher, Options(insecure=True))


def test_a_browser_that_dies_ends_the_audit(audits: Audits) -> None:
    """With one line."""

    def die(stage: StageName) -> None:
        raise PlaywrightError(f"Target closed {stage}\nCall log: ...")

    def run() -> None:
        with started(None, BROWSER_ARGUMENTS) as launcher:
            auditor = Auditor(launcher, Plan(audits.url("honest")), Options(), die)
            with pytest.raises(NotAuditable, match=r"the browser failed: Target closed \S+$"):
                auditor.run()

    in_thread(run)
