"""Three years of visits, by a browser that keeps what it is told: no cookie outlives its limit.

The clock of the whole process is moved, so that frameworks, gate and jar agree on the time. A
*life* is the time for which a cookie is in the jar without a gap. Where a response sets a cookie of
which the gate had hidden the old one, its application starts from nothing, and so does the life.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from wsgiref.util import setup_testing_defaults

import django_site
import flask
import flask_consentgate
import httpx
import pytest
import starlette_consentgate
import time_machine
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token, rotate_token
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jar import Fetch, Jar
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

import consentgate.wsgi
from consentgate import Category, CookieRule, Gate, Policy
from consentgate.duration import DAY, months
from consentgate.testing import deposits_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from starlette.requests import Request

    Ask = Callable[[str, str], "Answer"]

START: Final = 1_795_262_400.75
"""Noon of 21 November 2026, and a bit: no day begins then, and no second."""

MINUTE: Final = 60
HOUR: Final = 3600
LIMIT: Final = months(13)
TWO_YEARS: Final = 2 * 365 * DAY
THREE_YEARS: Final = 3 * 365 * DAY
DEPOSITS: Final = "eu-consent-deposits"
DJANGO_CSRF_AGE: Final = 364 * DAY

Action = Literal[
    "visit", "login", "logout", "close browser", "remove", "truncate", "tamper", "replay"
]
HONEST: Final[tuple[Action, ...]] = ("visit", "login", "login", "logout", "close browser")
DISHONEST: Final[tuple[Action, ...]] = ("remove", "truncate", "tamper", "replay")


class Stretch(NamedTuple):
    """A while of regular visits, after something was done."""

    visits: int
    gap: int
    action: Action


GAPS: Final = [MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 200 * DAY]
ALMOST_OVER: Final = LIMIT - 6 * HOUR
"""Lands between the end of a life as the gate counts it, by days, and its end in the jar."""


def stretches(
    actions: Sequence[Action], gaps: Sequence[int] = (*GAPS, ALMOST_OVER)
) -> st.SearchStrategy[list[Stretch]]:
    """Return how three years may go."""
    stretch = st.builds(
        Stretch, st.integers(1, 20), st.sampled_from(list(gaps)), st.sampled_from(list(actions))
    )
    return st.lists(stretch, min_size=1, max_size=10)


def instants(plan: list[Stretch]) -> Iterator[Action]:
    """Move the clock from visit to visit, and say what is done before each."""
    with time_machine.travel(START, tick=False) as clock:
        for stretch in [Stretch(1, 0, "login"), *plan]:
            for number in range(stretch.visits):
                clock.shift(stretch.gap)
                if time.time() > START + THREE_YEARS:
                    return
                yield "visit" if number else stretch.action


def day_of(instant: float) -> float:
    """Return when the UTC day of ``instant`` began."""
    return instant - instant % DAY


# -- Applications, each behind its real adapter ---------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came back from the application, through the gate."""

    lines: list[str]
    read: str | None = None
    """The value that the application found."""
    holds: str | None = None
    """The value that it has given the browser."""


def answer_of(status: int, headers: list[tuple[str, str]], body: bytes) -> Answer:
    """Return the answer that a response carries; whatever was asked, it must be a good one."""
    assert 200 == status
    return Answer(django_site.set_cookies(headers), **json.loads(body))


def ask_wsgi(app: Any, path: str, cookie: str, **more: Any) -> Answer:
    """Ask a WSGI application of this process."""
    environ = {"PATH_INFO": path, "HTTP_HOST": "shop.example", "wsgi.url_scheme": "https", **more}
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO()
    started: list[Any] = []
    body = b"".join(app(environ, lambda *response: started.append(response)))
    status, headers, *_ = started[-1]
    return answer_of(int(status[:3]), headers, body)


@contextmanager
def flask_session() -> Iterator[Ask]:
    """Serve Flask's permanent session of two years, which Flask sends again each time."""
    app = flask.Flask(__name__, static_folder=None)
    app.config.update(SECRET_KEY="key", PERMANENT_SESSION_LIFETIME=TWO_YEARS)
    flask_consentgate.ConsentGate(app, policy={"version": "1"})
    serial = itertools.count()

    @app.route("/<path:path>")
    def answer(path: str) -> dict[str, str | None]:
        read = flask.session.get("key")
        if path == "login":
            flask.session.permanent = True
            flask.session["key"] = f"session {next(serial)}"
        elif path == "logout":
            flask.session.clear()
        return {"read": read, "holds": flask.session.get("key")}

    yield partial(ask_wsgi, app)


@contextmanager
def django_csrftoken() -> Iterator[Ask]:
    """Serve Django's csrftoken, which Django sends again whenever it is used."""

    def view(request: HttpRequest) -> JsonResponse:
        read = request.COOKIES.get("shop_csrf")
        if request.path == "/logout":
            response = JsonResponse({"read": read})
            response.delete_cookie("shop_csrf")
            return response
        if request.path == "/login":
            rotate_token(request)
        get_token(request)
        return JsonResponse({"read": read, "holds": request.META["CSRF_COOKIE"]})

    middleware = [django_site.GATE, "django.middleware.csrf.CsrfViewMiddleware"]
    gate = {"POLICY": {"version": "1"}}
    with django_site.site(view, CONSENTGATE=gate, MIDDLEWARE=middleware):
        yield partial(ask_wsgi, WSGIHandler())


@contextmanager
def starlette_session() -> Iterator[Ask]:
    """Serve Starlette's session of two years, which counts visits and so is always sent again."""
    serial = itertools.count()

    async def answer(request: Request) -> JSONResponse:
        session, path = request.session, request.path_params["path"]
        read = session.get("key")
        if path == "login":
            session["key"] = f"session {next(serial)}"
        elif path == "logout":
            session.clear()
        if session:
            session["visits"] = session.get("visits", 0) + 1
        return JSONResponse({"read": read, "holds": session.get("key")})

    gate = Middleware(
        starlette_consentgate.ConsentGateMiddleware, policy={"version": "1"}, secret_keys="key"
    )
    session = Middleware(SessionMiddleware, secret_key="key", max_age=TWO_YEARS)
    app = Starlette(routes=[Route("/{path}", answer)], middleware=[gate, session])
    transport = httpx.ASGITransport(app)

    async def ask(path: str, cookie: str) -> Answer:
        headers = {"Host": "shop.example", **({"Cookie": cookie} if cookie else {})}
        request = httpx.Request("GET", f"https://shop.example{path}", headers=headers)
        response = await transport.handle_async_request(request)
        items = response.headers.multi_items()
        return answer_of(response.status_code, items, await response.aread())

    with asyncio.Runner() as runner:
        yield lambda path, cookie: runner.run(ask(path, cookie))


class Site(NamedTuple):
    """A framework's cookie that its application renews for ever."""

    ask: Ask
    cookie: str
    full_life: int
    """The seconds that a new one lives."""


SITES: Final = {
    "flask": (flask_session, "session", LIMIT),
    "django": (django_csrftoken, "shop_csrf", DJANGO_CSRF_AGE),
    "starlette": (starlette_session, "session", LIMIT),
}


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Serve one framework's site."""
    serve, cookie, full_life = SITES[request.param]
    with serve() as ask:
        yield Site(ask, cookie, full_life)


# -- Who uses them --------------------------------------------------------------------------


@dataclass
class Person:
    """Somebody with a browser, who may lay hands on its deposits cookie."""

    jar: Jar = field(default_factory=lambda: Jar(time.time))
    older: list[str] = field(default_factory=list[str])
    """The deposits cookies that the browser has had."""
    was_dishonest: bool = False

    def meddle(self, action: Action) -> None:
        """Do something to the deposits cookie that no browser does."""
        self.was_dishonest = True
        deposits = self.jar.find(DEPOSITS)
        if action == "remove":
            self.jar.remove(DEPOSITS)
        elif deposits is not None:
            deposits.value = {
                "truncate": deposits.value[: len(deposits.value) // 2],
                "tamper": ("B" if deposits.value[0] == "A" else "A") + deposits.value[1:],
                "replay": self.older[0],
            }[action]

    def store(self, answer: Answer, fetch: Fetch) -> None:
        """Take what a response sets."""
        self.jar.store(answer.lines, fetch)
        deposits = self.jar.find(DEPOSITS)
        if deposits is not None:
            self.older.append(deposits.value)


@dataclass
class Customer(Person):
    """Somebody who signs in, and looks at pages, and signs out."""

    site: Site = field(kw_only=True)
    made: dict[str | None, float] = field(default_factory=dict[str | None, float])
    """When each value of the cookie was made."""
    unsure: bool = False
    """Whether the deposits cookie was meddled with since the application last set its cookie."""

    def act(self, action: Action) -> None:
        """Do it, and look at a page."""
        if action in DISHONEST:
            self.meddle(action)
            self.unsure = True
        elif action == "close browser":
            self.jar.close_browser()
        self.visit(f"/{action}" if action in ("login", "logout") else "/page")

    def visit(self, path: str) -> None:
        """Fetch a page, and look at what became of the cookie."""
        fetch = Fetch(path=path)
        before = self.jar.find(self.site.cookie)
        answer = self.site.ask(path, self.jar.header(fetch))
        assert answer.read is None or time.time() <= self.made[answer.read] + LIMIT
        if before is not None and not self.was_dishonest:
            is_over = time.time() >= day_of(self.begin()) + LIMIT
            assert is_over == (answer.read is None)
        self.store(answer, fetch)
        self.remember(answer)

    def begin(self) -> float:
        """Return when the cookie came into being."""
        return [life for life in self.jar.lives if life.name == self.site.cookie][-1].begin

    def remember(self, answer: Answer) -> None:
        """Note what the response did to the jar."""
        self.made.setdefault(answer.holds, time.time())
        cookie = self.jar.find(self.site.cookie)
        if cookie is None or not sets(self.site.cookie, answer.lines):
            assert answer.holds is None or cookie is not None
            return
        if answer.read is None:
            assert time.time() + self.site.full_life == cookie.expires
        if answer.read is None or self.unsure:
            self.made[answer.holds] = time.time()
            self.jar.begin_anew(self.site.cookie)
        self.unsure = False


def sets(name: str, lines: list[str]) -> bool:
    """Whether one of ``lines`` is about the cookie called ``name``."""
    return any(line.lstrip().startswith(f"{name}=") for line in lines)


def longest_life(jar: Jar, name: str) -> float:
    """Return the seconds for which the cookie called ``name`` was in the jar at most."""
    return max((life.seconds for life in jar.lives if life.name == name), default=0)


every_example = settings(max_examples=30, deadline=None)


@every_example
@given(stretches(HONEST))
@example([Stretch(3 * 365, DAY, "visit")])
@example([Stretch(40, 30 * DAY, "visit")])
@example([Stretch(1, ALMOST_OVER, "visit"), Stretch(9, HOUR, "visit")])
@example([Stretch(1, ALMOST_OVER, "login"), Stretch(9, 90 * DAY, "visit")])
def test_R12_R13_what_a_framework_renews_on_each_visit_ends(
    site: Site, plan: list[Stretch]
) -> None:
    """Session and CSRF cookies end 13 months after signing in, and signing in again works."""
    customer = Customer(site=site)
    for action in instants(plan):
        customer.act(action)
    assert LIMIT >= longest_life(customer.jar, site.cookie)


@every_example
@given(stretches([*HONEST, *DISHONEST, *DISHONEST]))
@example([Stretch(100, 7 * DAY, "remove"), Stretch(100, 7 * DAY, "replay")])
def test_R13_without_its_deposits_a_cookie_is_a_new_one(site: Site, plan: list[Stretch]) -> None:
    """Who meddles with the dates gets what a new browser gets, and nobody is locked out."""
    customer = Customer(site=site)
    for action in instants(plan):
        customer.act(action)
    assert LIMIT >= longest_life(customer.jar, site.cookie)


@pytest.mark.parametrize("gap", [HOUR, 13 * HOUR, 7 * DAY, 60 * DAY])
def test_R13_signing_in_works_as_soon_as_a_life_has_ended(site: Site, gap: int) -> None:
    """By the very request that is told of the end, and for a full life."""
    customer = Customer(site=site)
    first, ending = Stretch(2, LIMIT - 13 * HOUR, "visit"), Stretch(1, gap, "login")
    for action in instants([first._replace(visits=1), ending, first, ending]):
        customer.act(action)
    assert LIMIT >= longest_life(customer.jar, site.cookie)


# -- A cookie that a script renews ----------------------------------------------------------


@contextmanager
def measured_site() -> Iterator[Ask]:
    """Serve pages that ask for consent to `_ga`, on a host below that which `_ga` is stored for."""
    app = flask.Flask(__name__, static_folder=None)
    app.config.update(SECRET_KEY="key")
    rule = {"name": "_ga", "category": "statistics", "max_age": "13 months"}
    policy = {"version": "1", "consent_valid_for": "13 months", "cookies": [rule]}
    flask_consentgate.ConsentGate(app, policy=policy)

    @app.route("/<path:path>")
    def answer(path: str) -> dict[str, str | None]:
        consent = flask_consentgate.consent_from(flask.request)
        if path == "login":
            consent.grant("statistics")
        elif path == "logout":
            consent.withdraw("statistics")
        allowed = "allowed" if consent.allows("statistics") else None
        return {"read": flask.request.cookies.get("_ga"), "holds": allowed}

    yield partial(ask_wsgi, app, HTTP_HOST="www.shop.example")


@dataclass
class Reader(Person):
    """Somebody who is measured by a script that asks nobody."""

    ask: Ask = field(kw_only=True)
    first_sent: dict[str, float] = field(default_factory=dict[str, float])
    """When each value of `_ga` was sent first, which is when the gate learns of it."""
    accepted_at: float = 0
    ids: Iterator[int] = field(default_factory=itertools.count)

    def act(self, action: Action) -> None:
        """Do it, and look at a page; the site asks for consent again in time."""
        if action in DISHONEST:
            self.meddle(action)
            self.first_sent.clear()
        elif action == "close browser":
            self.jar.close_browser()
        is_due = 0 < self.accepted_at < time.time() - 100 * DAY
        answer = "login" if is_due else action
        if answer in ("login", "logout"):
            self.accepted_at = time.time() if answer == "login" else 0
            self.visit(f"/{answer}")
        self.visit("/page")

    def visit(self, path: str) -> None:
        """Fetch a page, look at what became of `_ga`, and let the script of the page run."""
        page = Fetch("www.shop.example", path)
        before = self.jar.find("_ga")
        answer = self.ask(path, self.jar.header(page))
        self.store(answer, page)
        if before is not None:
            begin = self.first_sent.setdefault(before.value, time.time())
            self.look(answer, before.value, is_over=time.time() >= day_of(begin) + LIMIT)
        self.run_script(page)

    def look(self, answer: Answer, value: str, *, is_over: bool) -> None:
        """Check that the application reads `_ga`, and the jar keeps it, until it is over."""
        stays = answer.holds is not None and not is_over
        assert answer.read is None or not is_over
        kept = self.jar.find("_ga")
        if not self.was_dishonest:
            assert stays == (kept is not None)
        assert stays or kept is None

    def run_script(self, page: Fetch) -> None:
        """Store `_ga` for two years from now, for all hosts of the site."""
        cookie = self.jar.find("_ga")
        value = cookie.value if cookie else f"GA1.1.{next(self.ids)}"
        self.jar.write(f"_ga={value}; Domain=shop.example; Path=/; Max-Age={TWO_YEARS}", page)


@every_example
@given(stretches([*HONEST, *DISHONEST], GAPS))
@example([Stretch(3 * 365, DAY, "visit")])
@example([Stretch(40, 30 * DAY, "visit")])
@example([Stretch(1, 170 * DAY, "visit"), Stretch(9, 200 * DAY, "visit")])
def test_R13_R18_what_a_script_renews_is_expired_after_its_life(plan: list[Stretch]) -> None:
    """By the first response after its end, and it is hidden from the application at once.

    Whoever stays away for longer than this may come without the dates, and so as a new visitor.
    """
    with measured_site() as ask:
        reader = Reader(ask=ask)
        for action in instants(plan):
            reader.act(action)


# -- Many cookies of a plain WSGI application -----------------------------------------------


class Kind(NamedTuple):
    """A cookie that the application sets."""

    name: str
    attributes: str = ""
    path: str = "/"


KINDS: Final = [
    Kind("basket"),
    Kind("visit"),
    Kind("survey"),
    Kind("layout"),
    Kind("account"),
    Kind("_fbp"),
    Kind("_ga"),
    Kind("unheard"),
    Kind("admin", "; HttpOnly", "/admin"),
    Kind("reports", path="/admin"),
    Kind("guard", "; SameSite=Strict"),
    Kind("theme", "; SameSite=Strict"),
    Kind("__Host-id", "; Secure; SameSite=Lax"),
]

RULES: Final = [
    CookieRule("basket", "necessary", max_age="30 minutes"),
    CookieRule("visit", "statistics", max_age="30 minutes"),
    CookieRule("survey", "functional", max_age="2 days"),
    CookieRule("layout", "functional", max_age="14 days"),
    CookieRule("account", "necessary", max_age="14 days"),
    CookieRule("_fbp", "advertising"),
    CookieRule("_ga", "statistics", max_age="13 months"),
    CookieRule("admin", "necessary", max_age="14 days", path="/admin"),
    CookieRule("reports", "statistics", path="/admin"),
    CookieRule("guard", "necessary", max_age="30 minutes"),
    CookieRule("theme", "functional", max_age="12 months"),
    CookieRule("__Host-id", "necessary", max_age="12 months"),
]


def policy_of_many(**changes: Any) -> Policy:
    """Return a policy of limits from half an hour to 13 months."""
    categories = [Category("advertising", max_age="12 months")]
    given_here = {"categories": categories, "cookies": RULES, "unregistered": "allow"}
    return Policy("1", **{"consent_valid_for": "13 months", **given_here, **changes})


CERTAIN: Final = ["basket", "account", "__Host-id"]
"""Exempt, and neither Path nor SameSite leaves the gate in doubt whether they are there."""


class Step(NamedTuple):
    """Some visits of one kind."""

    visits: int
    gap: int
    path: str
    site: Literal["same-site", "navigation", "cross-site"]
    sets: frozenset[Kind]
    life: int
    act: Literal["", "accept", "refuse", "delete", "close browser"]
    meddling: str


MEDDLING: Final = ["remove", "truncate", "tamper", "garbage", "replay", "double", "nine", "future"]


def steps(meddling: Sequence[str] = ("",)) -> st.SearchStrategy[list[Step]]:
    """Return how three years may go."""
    gaps = [1, MINUTE, 20 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 100 * DAY, ALMOST_OVER]
    step = st.builds(
        Step,
        st.integers(1, 8),
        st.sampled_from(gaps),
        st.sampled_from(["/", "/login", "/admin/users"]),
        st.sampled_from(["same-site", "same-site", "same-site", "navigation", "cross-site"]),
        st.one_of(st.just(frozenset(KINDS)), st.frozensets(st.sampled_from(KINDS), max_size=3)),
        st.sampled_from([10, 25 * MINUTE, 10 * DAY, TWO_YEARS, TWO_YEARS]),
        st.sampled_from(["", "", "accept", "accept", "refuse", "delete", "close browser"]),
        st.sampled_from(list(meddling)),
    )
    return st.lists(step, min_size=1, max_size=12)


def storing(*kinds: Kind) -> Step:
    """Return a visit by which cookies are stored for as long as may be."""
    return Step(1, 0, "/", "same-site", frozenset(kinds), TWO_YEARS, "", "")


FETCH_METADATA: Final = {
    "same-site": {"HTTP_SEC_FETCH_SITE": "same-origin"},
    "navigation": {
        "HTTP_SEC_FETCH_SITE": "cross-site",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_DEST": "document",
    },
    "cross-site": {
        "HTTP_SEC_FETCH_SITE": "cross-site",
        "HTTP_SEC_FETCH_MODE": "no-cors",
        "HTTP_SEC_FETCH_DEST": "image",
    },
}


class World:
    """A browser and an application that renews what it reads, with the gate between them."""

    def __init__(self, **policy: Any) -> None:
        self.now = START
        self.gate = Gate(policy_of_many(**policy), "key", clock=lambda: self.now)
        self.front = consentgate.wsgi.ConsentGateMiddleware(self.answer, self.gate)
        self.jar = Jar(lambda: self.now)
        self.limits = {
            kind.name: self.gate.policy.limit(self.gate.policy.rule_for(kind.name))
            for kind in KINDS
        }
        self.headers: list[tuple[str, str]] = []
        self.serial = itertools.count()
        self.made: dict[str, float] = {}
        self.read: dict[str, str] = {}
        self.older: list[str] = []

    def live(self, plan: Iterable[Step]) -> Iterator[tuple[Step, list[str]]]:
        """Make the visits of three years, and return the lines of each response."""
        for step in plan:
            for _ in range(step.visits):
                self.now += step.gap
                if self.now > START + THREE_YEARS:
                    return
                yield step, self.visit(step)

    def visit(self, step: Step) -> list[str]:
        """Make one visit, and store what comes."""
        if step.act == "close browser":
            self.jar.close_browser()
        fetch = Fetch(path=step.path, site=step.site)
        cookie = self.meddled(step.meddling, self.jar.header(fetch))
        sent = {cookie.identity.name for cookie in self.jar.sent(fetch)}
        answer = ask_wsgi(self.front, step.path, cookie, step=step, **FETCH_METADATA[step.site])
        if not step.meddling:
            self.look_at_what_was_read(sent)
        self.jar.store(answer.lines, fetch)
        self.count_anew(answer.lines, sent)
        if step.site != "cross-site":
            self.look_at_what_is_new(step, answer.lines)
        return answer.lines

    def look_at_what_was_read(self, sent: set[str]) -> None:
        """Check that values are read within their limits, and what is exempt until its end."""
        for name, value in self.read.items():
            assert self.now <= self.made[value] + self.limits[name], name
        for name in sent.intersection(CERTAIN):
            assert (name in self.read) == (self.now < self.end(name)), name

    def end(self, name: str) -> float:
        """Return when the gate takes the life of the cookie called ``name`` for over."""
        begin = max((life.begin for life in self.jar.lives if life.name == name), default=0)
        return self.limits[name] + (day_of(begin) if self.limits[name] >= 30 * DAY else int(begin))

    def look_at_what_is_new(self, step: Step, lines: list[str]) -> None:
        """Check that what the application had not read, and stores, has a full life."""
        for name in CERTAIN:
            cookie = self.jar.find(name)
            if cookie is not None and sets(name, lines) and name not in self.read:
                assert self.now + min(step.life, self.limits[name]) == cookie.expires, name

    def answer(self, environ: Any, start_response: Any) -> list[bytes]:
        """Answer as the application: renew what was read, and make anew what was not."""
        step: Step = environ["step"]
        pairs = [pair.partition("=") for pair in environ.get("HTTP_COOKIE", "").split("; ")]
        self.read = {name: value for name, _, value in pairs if value in self.made}
        if step.act == "accept" and step.site != "cross-site":
            consentgate.wsgi.consent_from(environ).grant("functional", "statistics", "advertising")
        elif step.act == "refuse" and step.site != "cross-site":
            consentgate.wsgi.consent_from(environ).withdraw()
        lines = [self.line(kind, step) for kind in sorted(step.sets)]
        start_response("200 OK", [*self.headers, *(("Set-Cookie", line) for line in lines)])
        return [b"{}"]

    def line(self, kind: Kind, step: Step) -> str:
        """Return the line that sets one cookie, or deletes it."""
        tail = f"; Path={kind.path}{kind.attributes}"
        if step.act == "delete":
            return f"{kind.name}=; Max-Age=0{tail}"
        value = self.read.get(kind.name) or f"{kind.name}.{next(self.serial)}"
        self.made.setdefault(value, self.now)
        return f"{kind.name}={value}; Max-Age={step.life}{tail}"

    def count_anew(self, lines: list[str], sent: set[str]) -> None:
        """Begin the life anew of each cookie whose old value was over when the new one was made.

        Which the application knew, for it had not read the old one.
        """
        for name in self.limits:
            if name in self.read or not sets(name, lines):
                continue
            if name in sent or self.now >= self.end(name):
                self.jar.begin_anew(name)

    def meddled(self, how: str, header: str) -> str:
        """Return the Cookie header with something done to the deposits cookie."""
        deposits = self.jar.find(DEPOSITS)
        if deposits is not None:
            self.older.append(deposits.value)
        if not how or not self.older:
            return header
        token = self.older[-1]
        future = deposits_cookie(self.gate, dict.fromkeys(self.limits, int(self.now) + TWO_YEARS))
        tokens = {
            "remove": [],
            "truncate": [token[: len(token) // 2]],
            "tamper": [("B" if token[0] == "A" else "A") + token[1:]],
            "garbage": ["\xff" * 9999, "=", ""],
            "replay": [self.older[0]],
            "double": [self.older[0], token],
            "nine": [token] * 9,
            "future": [future[1]],
        }[how]
        others = [pair for pair in header.split("; ") if not pair.startswith(f"{DEPOSITS}=")]
        return "; ".join([*others, *(f"{DEPOSITS}={token}" for token in tokens)])


def lives_said(name: str, lines: list[str]) -> list[int]:
    """Return the seconds that the lines about one cookie give it; one number for each line."""
    lives = [re.findall("max-age=(-?[0-9]+)", line.lower()) for line in lines if sets(name, [line])]
    assert all(1 == len(numbers) for numbers in lives)
    return [int(number) for (number,) in lives]


@pytest.mark.parametrize("preset", ["strict", "es"])
@settings(max_examples=150, deadline=None)
@given(plan=steps())
@example([storing(Kind("unheard"))._replace(visits=300, gap=5 * DAY)])
@example([storing(*KINDS)._replace(visits=300, gap=5 * DAY, act="accept")])
def test_R12_R13_no_cookie_of_many_outlives_its_limit(preset: str, plan: list[Step]) -> None:
    """Of whatever limit, path and SameSite; and every value is read within its limit only.

    The limits are 13 months at most in one preset, and in the other the 400 days of browsers.
    """
    world = World(preset=preset)
    for _ in world.live(plan):
        pass
    for name, limit in world.limits.items():
        assert limit >= longest_life(world.jar, name), name


@settings(max_examples=150, deadline=None)
@given(steps())
def test_R13_dates_are_written_only_when_they_change(plan: list[Step]) -> None:
    """No deposits cookie leaves unless a cookie came or went since the last visit.

    Twice a year it may be written again for what scripts renew.
    """
    world = World()
    last = written = world.now
    for step, lines in world.live(plan):
        instants_of_change = {life.begin for life in world.jar.lives}
        instants_of_change.update(life.end for life in world.jar.lives)
        is_quiet = not any(last < instant <= world.now for instant in instants_of_change)
        if is_quiet and step.site != "cross-site" and world.now < written + months(6):
            assert not sets(DEPOSITS, lines)
        written = world.now if sets(DEPOSITS, lines) else written
        last = world.now


@settings(max_examples=150, deadline=None)
@given(steps(MEDDLING))
def test_R13_R24_no_deposits_cookie_lengthens_a_life_or_breaks_a_response(
    plan: list[Step],
) -> None:
    """Whatever is sent for one, no line says more than the limit, and the answer is 200."""
    world = World()
    for _, lines in world.live(plan):
        for name, limit in world.limits.items():
            assert all(seconds <= limit for seconds in lives_said(name, lines))


@settings(max_examples=100, deadline=None)
@given(steps())
def test_R16_what_needs_consent_ends_with_it(plan: list[Step]) -> None:
    """With ``expire_with_consent`` no cookie is stored for longer than the decision it needs."""
    world = World(expire_with_consent=True, consent_valid_for="6 months")
    needing = [rule.name for rule in RULES if rule.category != "necessary"]
    for _, lines in world.live(plan):
        consent = world.jar.find("eu-consent")
        for name in needing:
            for seconds in lives_said(name, lines):
                assert seconds <= 0 or consent is not None
                assert consent is None or world.now + seconds <= consent.expires


def test_R13_a_date_from_the_future_is_unknown() -> None:
    """It would make a life too long; beyond five minutes the cookie is dated anew."""
    world, line = World(), storing(Kind("account"))
    world.visit(line)
    for ahead, is_dated_anew in ((4 * MINUTE, False), (6 * MINUTE, True)):
        deposits = world.jar.find(DEPOSITS)
        assert deposits is not None
        _, deposits.value = deposits_cookie(world.gate, {"account": int(world.now) + ahead})
        assert is_dated_anew == sets(DEPOSITS, world.visit(line))


def test_R13_signing_in_works_where_a_cache_may_store_the_answer() -> None:
    """What is set anew after its life is read by the next visit, whatever Cache-Control says."""
    world, signing_in = World(), storing(Kind("__Host-id", "; Secure"))
    world.visit(signing_in)
    world.now += 200 * DAY
    world.visit(storing(Kind("account")))
    world.headers = [("Cache-Control", "no-cache")]
    for days in (166, 1):
        world.now += days * DAY
        world.visit(signing_in)
    assert "__Host-id" in world.read
