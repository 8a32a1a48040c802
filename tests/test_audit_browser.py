"""`consentgate audit` in Chromium, on small sites of this machine: it sees what is there."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from audit_sites import BROWSER_ARGUMENTS, Served, served
from click.testing import CliRunner
from pages_sites import served as served_shop
from playwright.sync_api import Error as PlaywrightError
from rich.console import Console
from visitor import NPM, from_npm

from consentgate.audit import command as commands
from consentgate.audit import conversation, stages
from consentgate.audit import profile as profiles
from consentgate.audit import storage as storages
from consentgate.audit.autoconsent import Autoconsent, AutoconsentBanner
from consentgate.audit.banners import ConsentGateBanner, SelectorBanner
from consentgate.audit.browser import Launcher, started
from consentgate.audit.classify import Classifier
from consentgate.audit.command import audit, classifier_for
from consentgate.audit.conversation import evaluated
from consentgate.audit.facts import Parties, StageName
from consentgate.audit.failures import NotAuditable
from consentgate.audit.judging import judge
from consentgate.audit.machine import as_json
from consentgate.audit.options import Options
from consentgate.audit.plan import Plan
from consentgate.audit.profile import Profile
from consentgate.audit.reading import picture_of
from consentgate.audit.report import report_html
from consentgate.audit.stages import Auditor
from consentgate.audit.summary import print_summary
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Self

    from consentgate.audit.facts import Audit

Result_ = TypeVar("Result_")

pytestmark = pytest.mark.browser

AUTOCONSENT = NPM / "node_modules" / "@duckduckgo" / "autoconsent"


QUICK = Options(timeout=10, insecure=True, quiet=0.15, restless=1, patience=1, linger=0)
"""How the small sites are opened: they are done when they have loaded."""
HASTY = dataclasses.replace(QUICK, patience=0.3)
"""How those are opened on which there is nothing to wait for."""


class Result:
    """What one audit found, in each of the ways in which it is told."""

    def __init__(self, seen: Audit, classifier: Classifier | None = None) -> None:
        classifier = classifier or Classifier(None, seen.parties)
        self._findings = judge(seen, classifier)
        self.facts: dict[str, Any] = json.loads(as_json(seen, self._findings, classifier))
        self.html = report_html(seen, self._findings, classifier, version="1")
        console = Console(file=io.StringIO(), record=True, width=200)
        print_summary(console, seen, self._findings, classifier)
        self.summary = console.export_text()

    def stage(self, name: str) -> dict[str, Any]:
        """Return one stage."""
        return next(stage for stage in self.facts["stages"] if stage["name"] == name)

    def tested(self) -> set[str]:
        """Return the stages that could be tested."""
        return {stage["name"] for stage in self.facts["stages"] if stage["tested"]}

    def cookies(self, stage: str) -> dict[str, dict[str, Any]]:
        """Return the cookies that were stored in a stage, by name."""
        return {cookie["name"]: cookie for cookie in self.stage(stage)["cookies"]}

    def findings(self, level: str | None = None) -> set[tuple[str, str]]:
        """Return the kinds of findings with the names that they are about."""
        found = self._findings
        return {(each.id, each.cookie) for each in found if level in (None, each.level)}


class Audits:
    """Audits the small sites in one thread, which Playwright's objects may not leave."""

    def __init__(self, sites: Served) -> None:
        self._sites = sites

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            self._thread = resources.enter_context(ThreadPoolExecutor(max_workers=1))
            browser = started(None, BROWSER_ARGUMENTS)
            self._launcher = self._thread.submit(browser.__enter__).result()
            resources.callback(self.run, lambda _: browser.__exit__(None, None, None))
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._resources.close()

    def run(self, call: Callable[[Launcher], Result_]) -> Result_:
        """Call it with what starts browsers, in the thread that may."""
        return self._thread.submit(call, self._launcher).result()

    def of(self, site: str, *further: str, **plan: Any) -> Result:
        """Audit one of the small sites: its first page and those that are named."""
        return self.at(self.url(site), further=further, **plan)

    def at(
        self, url: str, *, declared: bool = False, options: Options = QUICK, **plan: Any
    ) -> Result:
        """Audit the site at an address, whose own word is taken or not."""
        planned = Plan(url, **{"pages": 0, **plan})
        seen = self.run(lambda launcher: Auditor(launcher, planned, options).run())
        return Result(seen, classifier_for(seen, None, None, "en") if declared else None)

    def url(self, site: str) -> str:
        """Return the address of a small site."""
        return self._sites.url(site)


@pytest.fixture(scope="module")
def audits() -> Iterator[Audits]:
    """Give what audits the small sites."""
    if not shutil.which("chromium"):
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with served() as sites, Audits(sites) as running:
        yield running


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let visitors come again without a pause, where nothing is said of what they extend."""
    monkeypatch.setattr(stages, "_BETWEEN_VISITS", 0)


@pytest.fixture(scope="module")
def package() -> Autoconsent:
    """Give the npm package; without it the test is skipped."""
    from_npm("@duckduckgo/autoconsent/package.json")
    return Autoconsent.load(AUTOCONSENT)


def command(*arguments: str) -> tuple[int, str]:
    """Run the command in a thread of its own, where Playwright leaves its event loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        result = thread.submit(CliRunner().invoke, audit, list(arguments)).result()
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


# -- a site that tracks whoever comes, behind a banner that changes nothing --------------------


@pytest.fixture(scope="module")
def naughty(audits: Audits, package: Autoconsent) -> Result:
    """Audit it once for all tests."""
    return audits.of("naughty", pages=1, gpc=True, autoconsent=package)


def test_what_is_stored_before_a_choice_is_found(naughty: Result) -> None:
    """By header, by script and by a third party; what is necessary is no finding."""
    found = naughty.findings("error")
    stored = {name for kind, name in found if kind == "stored-before-choice"}
    assert {"_fbp", "_ga", "_ga_X1", "IDE"} == stored
    assert ("stored-before-choice", "mystery") in naughty.findings("warning")


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
    for text in (naughty.html, json.dumps(naughty.facts), naughty.summary):
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
        result = audits.at(shop.url(), declared=True)
    facts = result.facts
    names = {
        stage["name"]: {cookie["name"] for cookie in stage["cookies"]} for stage in facts["stages"]
    }
    sent = {
        stage["name"]: {cookie["name"] for cookie in stage["sent"]} for stage in facts["stages"]
    }

    assert [] == facts["findings"]
    assert "ConsentGate" == facts["banner"]
    assert "the policy that the site itself declares" == facts["policy"]
    assert {"session"} == names["before-choice"]
    assert {"session", "eu-consent"} == names["after-refusal"]
    assert {"_ga", "_fbp"} <= names["after-acceptance"]
    assert {"_ga", "_fbp"} <= sent["second-visit"]
    assert {"session", "eu-consent"} == sent["after-withdrawal"]


@pytest.mark.usefixtures("at_once")
def test_unknown_banners_are_answered_by_named_clicks(audits: Audits) -> None:
    """Each selector in turn; what withdrawal leaves, and that refusing is harder, is found."""
    named = SelectorBanner(["#more", "#no"], ["#yes"], ["#change", "#revoke"])
    result = audits.of("odd", named=named)

    assert ("sent-after-withdrawal", "_ga") in result.findings("error")
    assert ("refusal-harder", "") in result.findings("warning")
    assert {"after-acceptance"} == {
        stage["name"]
        for stage in result.facts["stages"]
        if stage["action"] and not stage["action"]["is_kept"]
    }
    assert "_ga" not in result.cookies("after-refusal")


def found_on(profile: Profile, package: Autoconsent, url: str) -> AutoconsentBanner:
    """Return the banner of a page, which is then opened anew: it is answered by a new visitor."""
    profile.visit(url)
    banner = AutoconsentBanner.find(package, profile)
    assert banner is not None
    profile.visit(url)
    return banner


def stored(profile: Profile) -> set[str]:
    """Return the names of the cookies that are stored."""
    return {cookie.name for cookie in profile.stage(StageName.BEFORE, Parties("")).cookies}


def test_a_banner_without_refusal_is_known_by_its_words(
    audits: Audits, package: Autoconsent
) -> None:
    """It can be accepted by those of its button; neither refused nor taken back."""

    def answer(launcher: Launcher) -> None:
        with Profile(launcher, QUICK) as profile:
            banner = found_on(profile, package, audits.url("wall"))
            assert "a banner that was known by its words" == banner.description
            assert not banner.refuse(profile).done
            assert "pressed “Accept all cookies”" == banner.accept(profile).how
            assert "seen" in stored(profile)
            assert "no link or button was found" in banner.withdraw(profile).how

    audits.run(answer)


def test_a_banner_that_comes_late_is_answered(audits: Audits, package: Autoconsent) -> None:
    """It is waited for by who answers it, and asked for once more; in vain where none comes."""

    def answer(launcher: Launcher) -> None:
        with Profile(launcher, dataclasses.replace(QUICK, linger=2.5)) as profile:
            profile.visit(audits.url("late"))
            assert AutoconsentBanner(package, "cookieconsent3").refuse(profile).done
            assert "cc_cookie" in stored(profile)
            profile.visit(audits.url("bare"))
            assert not AutoconsentBanner(package, "cookieconsent3").refuse(profile).done

    audits.run(answer)


def test_without_a_banner_the_rest_is_tested(audits: Audits, package: Autoconsent) -> None:
    """Also whether another visit extends what was stored without asking, and what comes late."""
    patient = dataclasses.replace(QUICK, linger=1.8)
    result = audits.of("bare", autoconsent=package, options=patient)

    assert "_gid" in result.cookies("before-choice")
    assert "_gcl_au" in result.cookies("second-visit")
    assert {("no-banner", ""), ("extended-by-visit", "_pk_id.1.1fff")} <= result.findings()
    assert {"before-choice", "second-visit"} == result.tested()
    assert "no banner was found" == result.stage("after-withdrawal")["action"]["how"]


def test_without_rules_what_is_not_tested_is_said(
    audits: Audits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit goes on with what needs no banner, and says once how to get the rules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "Options", partial(Options, linger=0))
    mapped = [word for each in BROWSER_ARGUMENTS for word in ("--browser-argument", each)]
    code, output = command(audits.url("honest"), "--insecure", "--pages", "0", *mapped)

    assert code == 0
    assert "1 warning\n  choices-not-tested" in output
    assert "error" not in output
    assert 1 == " ".join(output.split()).count("npm install @duckduckgo/autoconsent")


@pytest.mark.usefixtures("at_once")
def test_what_tracks_out_of_sight_is_seen(audits: Audits) -> None:
    """Workers, WebSockets, what is sent on leaving, a cookie for a moment; robots get none."""
    result = audits.of("sly")

    parties = {f"{name}.example" for name in ("work", "socket", "leave", "hide")}
    assert {("third-party-before-choice", each) for each in parties} <= result.findings("warning")
    stored = {("stored-before-choice", name) for name in ("_ga", "_hjid")}
    assert stored <= result.findings("error")
    assert ["_hjid"] == [each["name"] for each in result.stage("before-choice")["brief"]]
    set_by = result.cookies("before-choice")["stored"]
    assert ("script", 3600) == (set_by["set_by"], set_by["asked_life"])
    assert ("incomplete", "") in result.findings("warning")
    assert "page-restless" not in {kind for kind, _ in result.findings()}


@pytest.mark.usefixtures("at_once")
def test_where_an_address_leads_is_the_site_too(audits: Audits) -> None:
    """Both are the first party; what may be secret in addresses is nowhere."""
    result = audits.of("moved", "/?session=hidden")

    assert ("led-elsewhere", "") in result.findings("note")
    cookies = result.cookies("before-choice")
    assert {True} == {cookies[name]["first_party"] for name in ("_fbp", "_pk_id.1.1fff")}
    pages = result.stage("before-choice")["pages"]
    assert ["?..." in page["final_url"] for page in pages] == [True, True]
    for text in (result.html, json.dumps(result.facts), result.summary):
        assert "hidden" not in text


def test_what_is_no_selector_is_a_mistake(audits: Audits) -> None:
    """Told with its option, before anything is visited."""

    def run(launcher: Launcher) -> None:
        named = SelectorBanner(["#no"], ["["], [])
        with pytest.raises(Unusable, match=r"--accept '\[' is no CSS selector"):
            Auditor(launcher, Plan("http://127.0.0.1:1/", named=named), QUICK).run()

    audits.run(run)


@pytest.mark.parametrize("choice", ["refuse", "accept"])
def test_a_banner_in_a_frame_is_answered(audits: Audits, package: Autoconsent, choice: str) -> None:
    """The rules run in every frame, and what is done there counts."""

    def answer(launcher: Launcher) -> None:
        with Profile(launcher, QUICK) as profile:
            banner = found_on(profile, package, audits.url("framed"))
            assert "piano.io" in banner.description
            assert getattr(banner, choice)(profile).done
            assert stored(profile) & {"refused", "accepted"} == {
                {"refuse": "refused", "accept": "accepted"}[choice]
            }

    audits.run(answer)


def test_a_hostile_site_is_survived(audits: Audits) -> None:
    """Dialogs, popups, altered built-ins, endless scripts and odd names end nothing."""
    named = SelectorBanner(["#none"], [], [])
    hasty = dataclasses.replace(QUICK, timeout=3)
    result = audits.of("hostile", "/busy", "/gone", named=named, options=hasty)

    failed = {
        finding["place"].rpartition("/")[2]: finding["message"]
        for finding in result.facts["findings"]
        if finding["id"] == "page-failed"
    }
    assert {"busy", "gone"} == set(failed)
    assert "too busy to answer" in failed["busy"]
    assert "status 404" in failed["gone"]
    assert "<script>alert(1)" not in result.html
    assert "\u202e" not in result.html + result.summary
    assert ("refusal-not-tested", "") in result.findings("error")
    unnamed = {("acceptance-not-tested", ""), ("withdrawal-not-tested", "")}
    assert unnamed <= result.findings("warning")
    assert {"before-choice"} == result.tested()
    assert {"second-visit", "after-withdrawal"} <= {s["name"] for s in result.facts["stages"]}


@pytest.mark.usefixtures("at_once")
def test_a_rule_that_fails_is_told(
    audits: Audits, package: Autoconsent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepting loaded the page again and was done; refusing was not, neither first nor later.

    The banner shows on the second page alone, and only to who has opened the first.
    """
    monkeypatch.setattr(conversation, "_OTHER_FRAMES", 0.5)
    result = audits.of("stubborn", "/tea", autoconsent=package, options=HASTY)

    assert "accepted" in result.cookies("after-acceptance")
    assert "could not do it" in result.stage("after-refusal")["action"]["how"]
    assert "nothing to refuse with" in result.stage("after-withdrawal")["action"]["how"]
    assert {("no-refusal", ""), ("withdrawal-not-tested", "")} <= result.findings("error")


def test_half_a_gate_is_told(audits: Audits) -> None:
    """What looks like ConsentGate, and lacks what it should have; it is answered where it shows."""
    result = audits.of("half", "/tea", options=HASTY)

    assert "ConsentGate" == result.facts["banner"]
    refusal = result.stage("after-refusal")["action"]["how"]
    assert "the banner's button to reject was pressed, but no choice was stored" == refusal
    assert "no button to accept" in result.stage("after-acceptance")["action"]["how"]
    assert {"before-choice"} == result.tested()
    choices = ("refusal", "acceptance", "withdrawal")
    assert {(f"{choice}-not-tested", "") for choice in choices} <= result.findings("error")


def test_a_banner_that_does_not_show_is_not_answered(audits: Audits) -> None:
    """It is there, and nobody sees it; what it links to lacks what it should have."""

    def press(launcher: Launcher) -> None:
        with Profile(launcher, HASTY) as profile:
            profile.visit(audits.url("half"))
            banner = ConsentGateBanner.find(profile)
            assert banner is not None
            shown = banner.refuse(profile).how
            assert f"its banner does not show on {audits.url('half')}" == shown
            assert "no button to withdraw" in banner.withdraw(profile).how

    audits.run(press)


def test_what_never_answers_ends_with_three() -> None:
    """After the time that was given."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        code, output = command(address, "--timeout", "1")

    assert code == 3
    assert "had not loaded after 1 seconds" in output


def test_what_cannot_be_reached_ends_with_three() -> None:
    """In one line, which says why."""
    code, output = command("http://127.0.0.1:1/")

    assert code == 3
    assert "cannot be opened: browsers refuse to open this port (net::ERR_UNSAFE_PORT)" in output
    assert output.count("\n") == 1


def test_a_browser_that_does_not_start_ends_with_three() -> None:
    """In one line too."""
    true = shutil.which("true")
    assert true is not None
    code, output = command("http://127.0.0.1:1/", "--browser", true)

    assert code == 3
    assert "did not start" in output


# -- the browser itself ------------------------------------------------------------------------


def test_a_profile_survives_its_page(audits: Audits, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that crashed is replaced; of one that is gone there is nothing to tell."""
    monkeypatch.setattr(storages, "_MOST_KEYS", 0)
    monkeypatch.setattr(profiles, "_ANSWER", 1)

    def survive(launcher: Launcher) -> None:
        with Profile(launcher, QUICK) as profile:
            url = audits.url("honest")
            profile.visit(url)
            with suppress(PlaywrightError):
                profile.page.goto("chrome://crash")
            profile.pause(0.5)
            crashed = profile.look(url, None, "")
            assert "the page crashed" == crashed.problem
            assert "" == profile.visit(audits.url("naughty")).problem
            assert profile.stage(StageName.BEFORE, Parties("naughty.example")).truncated
            profile._note_crash(profile._own_page)
            assert "" == profile.visit(url).problem

            profile.page.evaluate("() => { setTimeout(() => { while (true); }) }")
            left = profile.stage(StageName.BEFORE, Parties("naughty.example"))
            assert "the page is too busy to answer" == left.pages[-1].problem
            assert "" == profile.visit(url).problem

            profile.page.close()
            assert profile.stage(StageName.BEFORE, Parties("naughty.example")).tested
            gone = profile.look(url, None, "it was closed")
            assert "it was closed" == gone.problem
            assert [] == profile.links()
            assert b"" == picture_of(profile.page, 1)
            assert ConsentGateBanner.find(profile) is None
            assert not evaluated(profile.page.main_frame, "true")

    audits.run(survive)


def test_half_a_page_is_looked_at(audits: Audits) -> None:
    """One that goes on loading is told of as far as it came."""

    def look(launcher: Launcher) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as silent,
            Profile(launcher, dataclasses.replace(QUICK, timeout=1)) as profile,
        ):
            url = f"{audits.url('slow')}{silent.getsockname()[1]}"
            visited = profile.visit(url)
            assert "the page had not loaded after 1 seconds" == visited.problem
            assert url == visited.final_url

    audits.run(look)


def test_a_browser_that_dies_ends_the_audit(audits: Audits) -> None:
    """With one line."""

    def die(stage: StageName) -> None:
        raise PlaywrightError(f"Target closed {stage}\nCall log: ...")

    def run(launcher: Launcher) -> None:
        auditor = Auditor(launcher, Plan(audits.url("honest")), QUICK, die)
        with pytest.raises(NotAuditable, match=r"the browser failed: Target closed \S+$"):
            auditor.run()

    audits.run(run)
