"""Five cookie policies of real sites, kept by the gate: headers in, headers out, through time.

`examples/policies/README.md` lists what each of them promises and names the test that shows it.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jar import Fetch, Jar
from werkzeug.test import run_wsgi_app

from consentgate import Consent, CookieRule, Gate, Policy, Verdict
from consentgate.duration import DAY, HOUR, MINUTE, months, parse_duration
from consentgate.testing import NOW, Response, View, consent_cookie
from consentgate.wsgi import ConsentGateMiddleware, consent_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FOLDER: Final = Path(__file__).parents[1] / "examples" / "policies"
README: Final = (FOLDER / "README.md").read_text(encoding="utf-8")
SITES: Final = sorted(path.stem for path in FOLDER.glob("*.toml"))
PAGES: Final = ("/", "/product", "/login", "/contact", "/no/such/page")
PROMISES: Final = {"website-2023": 16, "publisher": 14, "e-shop": 17, "platform": 8, "agency": 11}
"""How many each text makes."""

TWO_YEARS: Final = 2 * 365 * DAY
YEAR: Final = 365 * DAY
SESSION: Final = math.inf
LIVES: Final[dict[str, dict[str, dict[str, float]]]] = {
    "website-2023": {
        "necessary": dict.fromkeys(["session", "csrftoken", "context", "basket", "chat"], SESSION),
        "statistics": {"_ga1": months(6)},  # they end with the consent
        "functional": {"language": months(6), "currency": months(6)},
    },
    "publisher": {
        "necessary": {"session": SESSION},
        "statistics": {"_pk_id1": months(13), "_pk_ses1": 30 * MINUTE},
        "advertising": {"device": months(13)},
        "social": {"linked_account": months(13)},
    },
    "e-shop": {
        "necessary": {"basket": YEAR, "member": 12 * HOUR, "form": 4 * HOUR},
        "statistics": {"_ga1": months(13)},
        "advertising": {"_fbp": 90 * DAY, "ads_seen": months(13)},
        "social": {"share_facebook": months(13), "share_instagram": months(13)},
    },
    "platform": {
        "necessary": {"session": SESSION, "remember_token": 30 * DAY},
        "statistics": {"_ga1": months(13)},
        "functional": {"preferences": months(13)},
        "advertising": {"interests": months(13)},
    },
    "agency": {
        "necessary": {
            "test_cookie": SESSION,
            "session": 2 * DAY,
            "remember_token": 14 * DAY,
            "screen_preferences": YEAR,
        },
        "statistics": {"_pk_id1": months(13), "_pk_ses1": 30 * MINUTE},
    },
}
"""What lives how long where everything is accepted, by category."""


def mapping(site: str) -> dict[str, object]:
    """Return the content of a site's policy file."""
    return tomllib.loads((FOLDER / f"{site}.toml").read_text(encoding="utf-8"))


def policy_of(site: str, **changes: object) -> Policy:
    """Return a site's policy, with changes."""
    if not changes:
        return Policy.from_file(FOLDER / f"{site}.toml")
    return Policy.from_mapping({**mapping(site), **changes})


def example(rule: CookieRule) -> str:
    """Return a name that ``rule`` governs."""
    return rule.name.replace("*", "1")


def names(policy: Policy, *categories: str) -> set[str]:
    """Return a cookie's name for each rule of these categories."""
    return {example(rule) for rule in policy.cookies if rule.category in categories}


def with_basis(policy: Policy, *bases: str) -> set[str]:
    """Return the ids of the categories that rest on one of these bases."""
    return {category.id for category in policy.categories.values() if category.basis in bases}


def line(name: str, max_age: int | None = TWO_YEARS) -> str:
    """Return a Set-Cookie line."""
    lifetime = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}=1{lifetime}; Path=/"


def careless(policy: Policy) -> list[str]:
    """Return what a site sets that never heard of consent: everything, for two years."""
    return [line(example(rule)) for rule in policy.cookies] + [line("undeclared")]


def tiny_site(view: View) -> WSGIApplication:
    """Return the smallest of sites: it answers what ``view`` says, whatever the path."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        view.see(environ.get("HTTP_COOKIE"), lambda: consent_from(environ))
        cookies = [("Set-Cookie", text) for text in view.set_cookies]
        start_response("200 OK", [("Content-Type", "text/html"), *cookies])
        return view.body

    return app


class Browser:
    """A browser at one site behind the gate, with a clock to turn."""

    def __init__(self, site: str, host: str = "www.publisher.example") -> None:
        self.now = NOW
        self.host = host
        self.jar = Jar(lambda: self.now)
        self.saw = ""
        self.verdicts: list[Verdict] = []
        self.follow(policy_of(site))

    def follow(self, policy: Policy) -> None:
        """Let the site have another policy from now on."""
        self.policy = policy
        self.gate = Gate(policy, "key", on_verdict=self.verdicts.append, clock=lambda: self.now)
        self.careless = careless(policy)
        # No framework is named in these policies, so these are the gate's own.
        self.gates_own = {rule.name for rule in policy.preset_cookies}

    def visit(
        self,
        *lines: str,
        path: str = "/",
        decide: Callable[[Consent], object] | None = None,
        **headers: str,
    ) -> Response:
        """Ask for a page that sets ``lines``, and keep what the answer stores."""
        view, page = View(lines, decide=decide), self.page(path)
        app = ConsentGateMiddleware(tiny_site(view), self.gate)
        body, status, answered = run_wsgi_app(app, self._environ(page, headers), buffered=True)
        response = Response(int(status[:3]), answered.to_wsgi_list(), b"".join(body))
        self.jar.store(response.set_cookies, page)
        self.saw = view.saw[0] or ""
        return response

    def click(self, *lines: str, choose: Iterable[str]) -> Response:
        """Decide for exactly these categories, on a page that sets ``lines``."""
        return self.visit(*lines, path="/choice", decide=lambda consent: consent.choose(*choose))

    def withdraw(self, *categories: str) -> Response:
        """Withdraw consent, on a page that goes on setting everything."""
        return self.visit(
            *self.careless, path="/choice", decide=lambda consent: consent.withdraw(*categories)
        )

    def wait(self, duration: int | str) -> None:
        """Let time pass."""
        self.now += parse_duration(duration)

    def is_asked(self) -> bool:
        """Whether the site has to ask for consent."""
        heard: list[Consent] = []
        self.visit(decide=heard.append)
        return not heard[0].decided

    def page(self, path: str = "/") -> Fetch:
        """Return what the jar has to know of a request for ``path``."""
        return Fetch(self.host, path)

    @property
    def names(self) -> set[str]:
        """The names of the cookies that the site has in this browser, without the gate's own."""
        return {cookie.identity.name for cookie in self.jar.sent(self.page())} - self.gates_own

    def left(self, name: str) -> float:
        """Return the seconds until a cookie ends, infinity for a session cookie."""
        cookie = self.jar.find(name)
        assert cookie is not None
        return cookie.expires - self.now

    def _environ(self, page: Fetch, headers: dict[str, str]) -> WSGIEnvironment:
        environ: WSGIEnvironment = {
            "HTTP_HOST": page.host,
            "PATH_INFO": page.path.encode().decode("latin-1"),
            "wsgi.url_scheme": "https",
            **{f"HTTP_{name}": value for name, value in headers.items()},
        }
        if cookie := self.jar.header(page):
            environ["HTTP_COOKIE"] = cookie
        setup_testing_defaults(environ)
        return environ


def is_deletion(text: str, name: str) -> bool:
    """Whether a Set-Cookie line deletes the cookie called ``name``."""
    return text.startswith(f"{name}=") and "Max-Age=0" in text.split("; ")


# What holds at each of the sites.


@pytest.mark.parametrize("site", SITES)
def test_every_cookie_says_what_for(site: str) -> None:
    """Purposes are told in English and French, for the table that visitors see."""
    untold = [rule.name for rule in policy_of(site).cookies if set(rule.purpose) != {"en", "fr"}]
    assert [] == untold


@pytest.mark.parametrize("site", SITES)
def test_nobody_is_asked_about_nothing(site: str) -> None:
    """Each category that a visitor can decide about has a cookie."""
    policy = policy_of(site)
    decidable = with_basis(policy, "opt-in", "opt-out")
    assert decidable == {rule.category for rule in policy.cookies} & decidable


@given(
    st.sampled_from(SITES),
    st.lists(st.tuples(st.text("abc/-% é", max_size=9), st.integers(1, 200 * DAY)), max_size=6),
)
def test_an_undecided_visitor_keeps_what_needs_no_consent(
    site: str, visits: list[tuple[str, int]]
) -> None:
    """Whatever the paths and the times between visits, nothing that is opt-in is stored or read."""
    browser = Browser(site)
    free = names(browser.policy, *with_basis(browser.policy, "exempt", "opt-out"))
    for path, seconds in visits:
        answer = browser.visit(*browser.careless, path=f"/{path}")
        assert {text.partition("=")[0] for text in answer.set_cookies} <= free | browser.gates_own
        assert browser.names <= free
        browser.wait(seconds)


@pytest.mark.parametrize("site", SITES)
def test_browsing_on_is_never_consent(site: str) -> None:
    """After a hundred visits without a choice no more is stored than after the first."""
    browser = Browser(site)
    for number in range(100):
        browser.visit(*browser.careless, path=PAGES[number % len(PAGES)])
        browser.wait("2 days")
    browser.visit(*browser.careless)
    assert names(browser.policy, *with_basis(browser.policy, "exempt", "opt-out")) == browser.names
    assert browser.is_asked()


@pytest.mark.parametrize("site", SITES)
def test_every_page_answers_with_all_refused(site: str) -> None:
    """Access does not depend on cookies: each page is as it is for who accepts everything."""
    refusing, accepting = Browser(site), Browser(site)
    refusing.click(choose=[])
    accepting.click(choose=with_basis(accepting.policy, "opt-in", "opt-out"))
    for path in PAGES:
        refused = refusing.visit(*refusing.careless, path=path)
        accepted = accepting.visit(*accepting.careless, path=path)
        assert (200, accepted.body) == (refused.status, refused.body)
    assert refusing.names <= names(refusing.policy, *with_basis(refusing.policy, "exempt"))


@pytest.mark.parametrize("site", SITES)
def test_accept_all_accepts_all(site: str) -> None:
    """The answer to the choice already stores all that is not forbidden."""
    browser = Browser(site)
    chosen = with_basis(browser.policy, "opt-in", "opt-out")
    browser.click(*browser.careless, choose=chosen)
    assert names(browser.policy, *chosen, "necessary") == browser.names
    assert not browser.is_asked()


@pytest.mark.parametrize("site", SITES)
def test_each_category_is_accepted_and_refused_alone(site: str) -> None:
    """One accepted category lets its own cookies be stored, and no other's."""
    for category in with_basis(policy_of(site), "opt-in", "opt-out"):
        browser = Browser(site)
        browser.click(*browser.careless, choose=[category])
        assert names(browser.policy, category, "necessary") == browser.names
        browser.withdraw(category)
        assert names(browser.policy, "necessary") == browser.names


@pytest.mark.parametrize("site", SITES)
def test_each_cookie_has_its_category_and_its_life(site: str) -> None:
    """A site that asks for two years gets what its policy says, one accepted category at a time."""
    necessary = LIVES[site]["necessary"]
    for category, lives in LIVES[site].items():
        browser = Browser(site)
        browser.click(*browser.careless, choose={category} - {"necessary"})
        assert lives | necessary == {name: browser.left(name) for name in browser.names}


@pytest.mark.parametrize("site", SITES)
def test_a_withdrawal_expires_what_was_stored_by_the_same_answer(site: str) -> None:
    """At any time: nothing is left in the browser, and the site reads nothing any more."""
    browser = Browser(site)
    chosen = with_basis(browser.policy, "opt-in", "opt-out")
    browser.click(*browser.careless, choose=chosen)
    browser.wait("40 days")
    before = browser.names & names(browser.policy, *chosen)
    answer = browser.withdraw()
    for name in before:
        assert any(is_deletion(text, name) for text in answer.set_cookies), name
    assert browser.names <= names(browser.policy, "necessary")
    browser.visit(*browser.careless)
    assert not any(f"{name}=" in browser.saw for name in names(browser.policy, *chosen))


@pytest.mark.parametrize("site", SITES)
def test_what_was_refused_can_be_accepted_later(site: str) -> None:
    """A choice is changed at any time, this way as well."""
    browser = Browser(site)
    browser.click(*browser.careless, choose=[])
    browser.wait("1 hour")
    browser.click(*browser.careless, choose=["statistics"])
    assert names(browser.policy, "statistics", "necessary") == browser.names


@pytest.mark.parametrize("site", SITES)
def test_what_nobody_declared_never_leaves(site: str) -> None:
    """Not even with everything accepted; the verdict says so."""
    browser = Browser(site)
    browser.click(line("undeclared"), choose=with_basis(browser.policy, "opt-in", "opt-out"))
    assert "undeclared" not in browser.names
    assert Verdict("undeclared", None, "strip", "unregistered", enforced=True) in browser.verdicts


@given(
    st.sampled_from(SITES),
    st.lists(
        st.tuples(st.integers(1, 150 * DAY), st.sampled_from(["visit", "accept", "refuse"])),
        max_size=12,
    ),
)
def test_no_visit_extends_a_life(site: str, visits: list[tuple[int, str]]) -> None:
    """Whatever the visits and choices, a cookie ends within its limit from its first deposit."""
    browser = Browser(site)
    accepted = with_basis(browser.policy, "opt-in", "opt-out")
    choices: dict[str, Callable[[Consent], object] | None] = {
        "visit": None,
        "accept": lambda consent: consent.choose(*accepted),
        "refuse": lambda consent: consent.withdraw(),
    }
    for seconds, choice in visits:
        browser.verdicts.clear()
        browser.visit(*browser.careless, decide=choices[choice])
        for verdict in browser.verdicts:  # it was over: what the page set is another deposit
            if verdict[2:4] == ("hide", "lifetime"):
                browser.jar.begin_anew(verdict.name)
        browser.wait(seconds)
    lives = [life for life in browser.jar.lives if life.name not in browser.gates_own]
    for life in lives:
        limit = browser.policy.limit(browser.policy.rule_for(life.name))
        assert life.end == math.inf or life.seconds <= limit, life


@pytest.mark.parametrize("site", SITES)
def test_a_new_version_of_the_policy_asks_again(site: str) -> None:
    """Until then its cookies are neither stored nor read, and what is there is expired."""
    browser = Browser(site)
    browser.click(*browser.careless, choose=["statistics"])
    assert not browser.is_asked()
    browser.follow(policy_of(site, version="the next one"))
    assert browser.is_asked()
    assert browser.names <= names(browser.policy, "necessary")


@pytest.mark.parametrize("site", SITES)
def test_who_deletes_all_cookies_is_new(site: str) -> None:
    """The browser's own settings may remove everything; the gate then knows nothing."""
    browser = Browser(site)
    browser.click(*browser.careless, choose=["statistics"])
    browser.jar = Jar(lambda: browser.now)
    assert browser.is_asked()
    browser.visit(*browser.careless)
    free = with_basis(browser.policy, "exempt", "opt-out")
    assert names(browser.policy, *free) == browser.names


# website-2023


def test_website_a_choice_counts_six_months_and_is_then_asked_again() -> None:
    """From the first deposit, however often the visitor comes back; a refusal likewise."""
    for chosen in (["statistics"], []):
        browser = Browser("website-2023")
        browser.click(*browser.careless, choose=chosen)
        for _ in range(180):
            browser.wait("1 day")
            browser.visit(*browser.careless)
        assert not browser.is_asked()
        browser.wait("1 day")
        browser.visit(*browser.careless)
        assert names(browser.policy, "necessary") == browser.names
        assert browser.is_asked()


def test_website_a_choice_ends_even_where_a_browser_keeps_it() -> None:
    """The server knows the age of a choice, and does not leave it to the browser."""
    browser = Browser("website-2023")
    for age, expected in ((months(6) - 1, {"_ga1"}), (months(6), set())):
        name, value = consent_cookie(browser.gate, ["statistics"], NOW - age)
        browser.jar = Jar(lambda: NOW)
        browser.jar.store([f"{name}={value}; Path=/"], browser.page())
        browser.visit(line("_ga1"))
        assert expected == browser.names


def test_website_what_was_stored_ends_with_the_agreement() -> None:
    """Also in the browser of somebody who never comes back."""
    browser = Browser("website-2023")
    browser.click(line("_ga1"), choose=["statistics"])
    browser.wait("100 days")
    browser.visit(line("_ga1"))
    assert months(6) - 100 * DAY == browser.left("_ga1")


def test_website_a_renewed_choice_does_not_stretch_13_months() -> None:
    """Twice renewed in time, the cookie still ends 13 months after its first deposit."""
    browser = Browser("website-2023")
    browser.click(line("_ga1"), choose=["statistics"])
    for _ in range(2):
        browser.wait("150 days")
        browser.click(line("_ga1"), choose=["statistics"])
    assert months(13) - 300 * DAY == browser.left("_ga1")
    browser.wait(months(13) - 300 * DAY)
    assert set() == browser.names


def test_website_advertising_is_forbidden_whatever_was_accepted() -> None:
    """It is "not currently used": nobody can accept it, and a cookie of it is told."""
    browser = Browser("website-2023")
    with pytest.raises(LookupError):
        browser.click(choose=["advertising"])
    browser.click(line("_gcl_au"), choose=["statistics", "functional"])
    assert set() == browser.names
    assert (
        Verdict("_gcl_au", "advertising", "strip", "forbidden", enforced=True) in browser.verdicts
    )


def test_website_most_cookies_end_with_the_visit() -> None:
    """More than half of what it declares and may store are session cookies, whatever it asks."""
    browser = Browser("website-2023")
    browser.click(*browser.careless, choose=with_basis(browser.policy, "opt-in", "opt-out"))
    stored = len(browser.names)
    browser.jar.close_browser()
    assert len(browser.names) < stored / 2


def test_website_the_gates_cookies_stay_with_their_host() -> None:
    """No other site, and no sibling of this one, can read the choice."""
    browser = Browser("website-2023")
    answer = browser.click(line("_ga1"), choose=["statistics"])
    assert not any("domain=" in text.lower() for text in answer.set_cookies)


def test_website_sorts_its_cookies_as_its_text_does() -> None:
    """Three kinds: essential, statistical and functionality."""
    policy = policy_of("website-2023")
    sorted_ = Counter(rule.category for rule in policy.cookies)
    assert {"necessary": 5, "statistics": 1, "functional": 2, "advertising": 1} == sorted_
    assert {"statistics", "functional"} == with_basis(policy, "opt-in")
    assert "Functionality cookies" == policy.categories["functional"].title["en"]


def test_website_shows_the_version_that_was_agreed_to() -> None:
    """The choice names the version of the policy, readable without the key."""
    answer = Browser("website-2023").click(choose=[])
    assert any("policy=V1.3+2023-03-30&" in text for text in answer.set_cookies)


@pytest.mark.parametrize(
    ("site", "preset"),
    [
        ("website-2023", "fr"),
        ("publisher", "fr-2013"),
        ("e-shop", "fr"),
        ("platform", "strict"),
        ("agency", "fr"),
    ],
)
def test_the_preset_is_the_law_that_the_text_names(site: str, preset: str) -> None:
    """French law by name or by its authority; the strictest where no law is named."""
    assert preset == policy_of(site).preset


# publisher


def test_publisher_a_first_visit_stores_nothing() -> None:
    """Reading is free of registration and of cookies, though the pages set all but the session."""
    browser = Browser("publisher")
    lines = [text for text in browser.careless if not text.startswith("session=")]
    for path in PAGES:
        assert [] == browser.visit(*lines, path=path).set_cookies
    assert [] == browser.jar.cookies


def test_publisher_consent_and_cookies_last_13_months() -> None:
    """Both from the first day, and neither is extended by the visits between."""
    browser = Browser("publisher")
    browser.click(*browser.careless, choose=["statistics"])
    assert months(13) == browser.left("_pk_id1")
    for _ in range(392):
        browser.wait("1 day")
        browser.visit(*browser.careless)
    assert DAY == browser.left("_pk_id1")
    assert not browser.is_asked()
    browser.wait("1 day")
    browser.visit(*browser.careless)
    assert {"session"} == browser.names
    assert browser.is_asked()


def test_publisher_a_renewed_consent_begins_anew() -> None:
    """After 13 months and a new yes, there is a new deposit with a whole life."""
    browser = Browser("publisher")
    browser.click(line("_pk_id1"), choose=["statistics"])
    browser.wait("13 months")
    browser.click(line("_pk_id1"), choose=["statistics"])
    assert months(13) == browser.left("_pk_id1")


def test_publisher_one_choice_holds_on_every_site() -> None:
    """Accepted here and withdrawn there, it is withdrawn here as well."""
    browser = Browser("publisher", host="www.publisher.example")
    browser.click(line("_pk_id1"), choose=["statistics"])
    browser.host = "blog.publisher.example"
    assert not browser.is_asked()
    browser.withdraw()
    browser.host = "www.publisher.example"
    browser.visit(*browser.careless)
    assert {"session"} == browser.names


def test_publisher_a_withdrawal_reaches_what_all_sites_share() -> None:
    """A cookie of the parent domain is expired too, from whichever site."""
    browser = Browser("publisher", host="www.publisher.example")
    shared = f"{line('device')}; Domain=publisher.example"
    browser.click(shared, choose=["advertising"])
    browser.host = "blog.publisher.example"
    assert {"device"} == browser.names
    browser.visit(decide=lambda consent: consent.withdraw())
    assert set() == browser.names


def test_publisher_reads_visits_with_consent_only() -> None:
    """What a script stored without consent does not reach the application, and is expired."""
    browser = Browser("publisher")
    browser.jar.write(line("_pk_id1"), browser.page())
    browser.visit()
    assert "" == browser.saw
    assert set() == browser.names
    browser.click(line("_pk_id1"), choose=["statistics"])
    browser.visit()
    assert "_pk_id1=1" in browser.saw


def test_publisher_a_short_measurement_is_not_extended_either() -> None:
    """The cookie of one visit ends after half an hour, though each page sets it again."""
    browser = Browser("publisher")
    browser.click(line("_pk_ses1", 1800), choose=["statistics"])
    browser.wait("20 minutes")
    browser.visit(line("_pk_ses1", 1800))
    assert 600 == browser.left("_pk_ses1")


# e-shop


def test_e_shop_has_the_four_kinds() -> None:
    """Technical, audience measurement, advertising, sharing; the last three are chosen."""
    policy = policy_of("e-shop")
    kinds = {rule.category for rule in policy.cookies}
    assert {"necessary", "statistics", "advertising", "social"} == kinds
    assert kinds - {"necessary"} == with_basis(policy, "opt-in")


def test_e_shop_technical_cookies_last_from_hours_to_a_year() -> None:
    """Whatever the shop asks for, and also for a technical cookie that states no life."""
    browser = Browser("e-shop")
    browser.visit(*browser.careless)
    lives = {name: browser.left(name) for name in browser.names}
    assert {"form": 4 * HOUR, "member": 12 * HOUR, "basket": 365 * DAY} == lives
    limit = browser.policy.limit(CookieRule("any", "necessary"))
    assert YEAR == limit


def test_e_shop_members_sign_in_again() -> None:
    """Twelve hours after signing in, active or not; the next sign-in has all its twelve hours."""
    browser = Browser("e-shop")
    browser.visit(line("member"))
    for _ in range(11):
        browser.wait("1 hour")
        browser.visit(line("member"))
    assert HOUR == browser.left("member")
    browser.wait("1 hour")
    assert set() == browser.names
    browser.visit(line("member"))
    assert 12 * HOUR == browser.left("member")


def test_e_shop_a_full_basket_ends_after_a_year() -> None:
    """A technical cookie is not extended by visits either."""
    browser = Browser("e-shop")
    for _ in range(12):
        browser.visit(line("basket"))
        browser.wait("30 days")
    assert 5 * DAY == browser.left("basket")


def test_e_shop_audience_measurement_may_be_refused() -> None:
    """13 months with consent; with a refusal it is neither stored nor read."""
    browser = Browser("e-shop")
    browser.click(*browser.careless, choose=["statistics"])
    assert months(13) == browser.left("_ga1")
    browser.withdraw("statistics")
    browser.visit(*browser.careless)
    assert "_ga1" not in browser.names
    assert "_ga1" not in browser.saw


def test_e_shop_a_click_on_share_grants_sharing_alone() -> None:
    """The button's page stores nothing; the click is the consent, for sharing and no more."""
    browser = Browser("e-shop")
    browser.visit(*browser.careless, path="/product")
    assert "share_facebook" not in browser.names
    browser.visit(*browser.careless, path="/share", decide=lambda consent: consent.grant("social"))
    assert names(browser.policy, "necessary", "social") == browser.names


def test_e_shop_a_browser_that_says_nothing_is_served() -> None:
    """Browser, language and country unknown: the page comes, with what needs no consent."""
    browser = Browser("e-shop")
    answer = browser.visit(*browser.careless)
    assert 200 == answer.status
    assert names(browser.policy, "necessary") == browser.names


# platform


def test_platform_a_changed_choice_counts_as_none() -> None:
    """A cookie comes back unmodified, or the signature tells; others pass as they are."""
    browser = Browser("platform")
    browser.click(line("session", None), choose=[])
    choice = browser.jar.find("eu-consent")
    assert choice is not None
    choice.value = choice.value.replace("=false", "=true")
    browser.visit(*browser.careless)
    assert "session=1" in browser.saw
    assert browser.names <= names(browser.policy, "necessary")
    assert browser.is_asked()


def test_platform_session_cookies_end_and_fixed_ones_keep_their_period() -> None:
    """One kind is gone with the session, the other after its set period and not before."""
    browser = Browser("platform")
    browser.visit(line("session", None), line("remember_token", 30 * DAY))
    assert {"session", "remember_token"} == browser.names
    browser.jar.close_browser()
    browser.wait(30 * DAY - 1)
    assert {"remember_token"} == browser.names
    browser.wait(1)
    assert set() == browser.names


def test_platform_do_not_track_is_ignored() -> None:
    """As it says: with the signal and without it the answers are the same."""
    for chosen in ([], ["advertising", "statistics"]):
        told, untold = Browser("platform"), Browser("platform")
        told.click(choose=chosen)
        untold.click(choose=chosen)
        told.visit(*told.careless, DNT="1")
        untold.visit(*untold.careless)
        assert untold.names == told.names


def test_platform_global_privacy_control_is_another_signal() -> None:
    """It refuses advertising, in spite of an earlier yes, and expires it; statistics stay."""
    browser = Browser("platform")
    browser.click(*browser.careless, choose=["advertising", "statistics"])
    assert {"interests", "_ga1"} <= browser.names
    browser.visit(*browser.careless, SEC_GPC="1")
    assert "interests" not in browser.names
    assert "_ga1" in browser.names
    assert "interests" not in browser.saw


# agency


def test_agency_the_contact_form_stores_nothing() -> None:
    """On its path no cookie is set, not even an exempt one, and none with consent."""
    browser = Browser("agency")
    assert [] == browser.visit(*browser.careless, path="/contact").set_cookies
    browser.click(choose=["statistics"])
    assert [] == browser.visit(*browser.careless, path="/contact").set_cookies


def test_agency_the_test_cookie_ends_with_the_browser() -> None:
    """Even if the login page asks for more."""
    browser = Browser("agency")
    browser.visit(line("test_cookie", 3600), path="/login")
    assert math.inf == browser.left("test_cookie")
    browser.jar.close_browser()
    assert set() == browser.names


def test_agency_a_login_lasts_two_days() -> None:
    """From signing in, though each page sets the cookie again as Flask does."""
    browser = Browser("agency")
    browser.visit(line("session", 31 * DAY))
    browser.wait("47 hours")
    browser.visit(line("session", 31 * DAY))
    assert HOUR == browser.left("session")
    browser.wait("1 hour")
    assert set() == browser.names


def test_agency_a_remembered_login_lasts_two_weeks() -> None:
    """Its own cookie, its own limit; a visit on the last day extends nothing."""
    browser = Browser("agency")
    browser.visit(line("session"), line("remember_token"))
    browser.wait("13 days")
    browser.visit(line("session"), line("remember_token"))
    assert DAY == browser.left("remember_token")
    browser.wait("1 day")
    assert {"session"} == browser.names


def test_agency_a_logout_deletes_the_login_and_the_next_one_is_whole() -> None:
    """The deletion passes, and signing in again has its full two days and two weeks."""
    browser = Browser("agency")
    browser.visit(line("session"), line("remember_token"))
    browser.wait("1 day")
    logout = [line("session", 0), line("remember_token", 0)]
    *answered, dates = browser.visit(*logout).set_cookies
    assert logout == answered
    assert dates.startswith("eu-consent-deposits=; Path=/; Max-Age=0")
    assert set() == browser.names
    browser.visit(line("session"), line("remember_token"))
    assert 2 * DAY == browser.left("session")
    assert 14 * DAY == browser.left("remember_token")


def test_agency_who_comes_back_after_two_days_signs_in_at_once() -> None:
    """A cookie that a browser still sends past its life is not seen, and not in the way."""
    browser = Browser("agency")
    browser.visit(line("session"))
    kept = browser.jar.find("session")
    assert kept is not None
    kept.expires = math.inf
    browser.wait("2 days")
    browser.visit()
    assert "session" not in browser.saw
    browser.visit(line("session"))
    assert 2 * DAY == browser.left("session")


def test_agency_one_name_for_both_is_how_wordpress_does_it() -> None:
    """One rule of two weeks: a session cookie stays one, 14 days and 12 hours are cut."""
    browser = Browser("agency")
    rule = {"name": "wordpress_logged_in_*", "category": "necessary", "max_age": "2 weeks"}
    browser.follow(policy_of("agency", cookies=[rule]))
    name = "wordpress_logged_in_5f2c"
    browser.visit(line(name, None))
    assert math.inf == browser.left(name)
    browser.jar.close_browser()
    browser.visit(line(name, 14 * DAY + 12 * HOUR))
    assert 14 * DAY == browser.left(name)


def test_agency_screen_preferences_last_a_year() -> None:
    """A year from the first time, though each change of them sets the cookie again."""
    browser = Browser("agency")
    browser.visit(line("screen_preferences"))
    assert YEAR == browser.left("screen_preferences")
    browser.wait("100 days")
    browser.visit(line("screen_preferences"))
    assert 265 * DAY == browser.left("screen_preferences")


def test_agency_statistics_run_until_the_visitor_objects() -> None:
    """With notice and without a choice they are stored; after the objection gone, and stay so."""
    browser = Browser("agency")
    browser.visit(*browser.careless)
    assert names(browser.policy, "statistics") <= browser.names
    browser.withdraw("statistics")
    assert browser.names.isdisjoint(names(browser.policy, "statistics"))
    for _ in range(20):
        browser.wait("1 day")
        browser.visit(*browser.careless)
    assert browser.names.isdisjoint(names(browser.policy, "statistics"))


def test_agency_measurement_ends_after_13_months() -> None:
    """Nobody chose, and the first deposit counts all the same."""
    browser = Browser("agency")
    for _ in range(39):
        browser.visit(*browser.careless)
        browser.wait("10 days")
    assert 3 * DAY == browser.left("_pk_id1")


# README.md


class Row:
    """One promise in the README."""

    def __init__(self, text: str) -> None:
        self.number, self.promise, self.kept, self.how, test = (
            cell.strip() for cell in text.strip("| \n").split(" | ")
        )
        self.tests = re.findall(r"tests/test_source_policies\.py::(\w+)", test)


def rows(site: str) -> list[Row]:
    """Return the table of one policy."""
    _, _, section = README.partition(f"\n## `{site}.toml`")
    section = section.partition("\n## ")[0]
    return [Row(text) for text in re.findall(r"^\| \d.*$", section, re.MULTILINE)]


def test_readme_has_every_policy() -> None:
    """Each file here has its section, and each section its file."""
    assert SITES == sorted(re.findall(r"^## `(.+)\.toml`", README, re.MULTILINE))


@pytest.mark.parametrize("site", SITES)
def test_readme_has_every_promise(site: str) -> None:
    """They are numbered without a gap, and each says whether it is kept and how."""
    table = rows(site)
    assert [str(number) for number in range(1, PROMISES[site] + 1)] == [r.number for r in table]
    assert {row.kept for row in table} <= {"yes", "partly", "later", "site", "no"}
    assert all(row.promise and row.how for row in table)


@pytest.mark.parametrize("site", SITES)
def test_readme_names_a_test_for_what_is_kept(site: str) -> None:
    """A promise that the gate keeps, wholly or partly, has a test, and each test named exists."""
    table = rows(site)
    untested = [row.number for row in table if row.kept in {"yes", "partly"} and not row.tests]
    assert [] == untested
    missing = [name for row in table for name in row.tests if name not in globals()]
    assert [] == missing


def test_readme_names_every_test() -> None:
    """No test of these policies is left out."""
    named = {name for site in SITES for row in rows(site) for name in row.tests}
    tests = {name for name in globals() if name.startswith("test_")}
    assert tests - named == {name for name in tests if name.startswith("test_readme_")}
