"""What the gate remembers from request to request changes no answer and holds no request.

A long-lived gate is compared with one that is made anew for each request; it must say the same to
the browser, to the application and to its listener, byte for byte.
"""

from __future__ import annotations

import gc
import logging
import re
import tracemalloc
import weakref
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import ASGITransport
from page_requests import Memory
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from test_properties import lines as any_lines

from consentgate import (
    Category,
    Consent,
    CookieBlocked,
    CookieRule,
    Gate,
    Policy,
    Verdict,
    asgi,
    wsgi,
)
from consentgate import Route as PolicyRoute
from consentgate.consent import new_subject
from consentgate.deposits import deposit_key
from consentgate.duration import DAY, months
from consentgate.pages import ConsentPages
from consentgate.signal_note import SignalNote
from consentgate.testing import NOW, consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.requests import Request

    Headers = list[tuple[str, str]]
    Ask = Callable[[Gate, "Step"], "Answer"]

HOUR: Final = 3600
EXEMPT: Final = ["session", "short", "test"]
GOVERNED: Final = [*EXEMPT, "_ga", "_ga_X1", "_fbp", "language", "tracker"]
RULES: Final = [
    CookieRule("session", "necessary"),
    CookieRule("short", "necessary", max_age="1 hour"),
    CookieRule("test", "necessary", max_age="session"),
    CookieRule("_ga*", "statistics", max_age="13 months"),
    CookieRule("_fbp", "advertising", max_age="90 days"),
    CookieRule("language", "functional", max_age="6 months", path="/shop"),
    CookieRule("tracker", "forbidden"),
    CookieRule("suspect", "forbidden"),
]
DECIDABLE: Final = ["functional", "statistics", "advertising"]

SIX_MONTHS: Final = months(6)
LIMIT: Final = months(13)
WHEN: Final = sorted(
    {
        instant + shift
        for instant in (0, HOUR, 90 * DAY, SIX_MONTHS, SIX_MONTHS - DAY, LIMIT, LIMIT - DAY)
        for shift in (-0.5, 0, 1)
    }
    | {-400 * DAY, -2 * DAY, -DAY, -HOUR, -301, -299, 0.25, 60, DAY, 400 * DAY}
)
"""Seconds before or after `NOW`: where lives, decisions, notes and dates end, and other times."""


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Let each gate warn of names without a rule unheard; thousands of them are made here."""
    logger = logging.getLogger("consentgate")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


# -- sites -------------------------------------------------------------------------------------


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return a policy of the rules above, of any temper."""

    def one_of(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    categories = [
        Category("forbidden", basis="forbidden"),
        Category("advertising", basis=one_of("opt-in", "opt-out"), gpc=True),
        Category("statistics", mode=one_of(None, None, "report", "block")),
    ]
    return Policy(
        "1",
        cookies=RULES,
        categories=categories,
        routes=[PolicyRoute("/contact")],
        mode=one_of("strip", "strip", "strip", "report", "block"),
        unregistered=one_of("strip", "strip", "allow", "report", "block"),
        gpc=one_of("ignore", "default", "override"),
        dnt=one_of("ignore", "override"),
        expire_with_consent=one_of(False, False, True),
        ask_again_after=one_of("6 months", "1 hour"),
        cookie_domain=one_of(None, None, "shop.example"),
    )


def gate_at(now: float, policy: Policy, *, key: str = "key", **options: Any) -> Gate:
    """Return a gate of which the clock stands at ``now``."""
    return Gate(policy, key, clock=lambda: now, **options)


# -- what a browser sends ----------------------------------------------------------------------

WRITTEN: Final = [0, -DAY, -200 * DAY, -LIMIT + DAY, 299, 301, 2 * DAY]
"""Seconds before or after `NOW` at which decisions are made and cookies dated."""

mostly_now = st.sampled_from([0, 0, 0, *WRITTEN])
names = st.sampled_from(GOVERNED)
odd_pieces = st.one_of(
    names.map("{}=1".format),
    names.map(" {} = 1 ".format),
    names.map('"{}"=1'.format),
    names.map("\xa0{}=1".format),
    names,
    st.sampled_from(["unheard=1", "=1", "", "other=_ga=1", "x=session", "eu-consent"]),
    st.sampled_from(["eu-consent=", "eu-consent=forged", "eu-consent-deposits=", "\t=\t"]),
)


@st.composite
def consents(draw: st.DrawFn, policy: Policy) -> str:
    """Return a consent cookie of the gate's key, or one that will not do."""
    granted = draw(st.sets(st.sampled_from(DECIDABLE)) | st.just(set(DECIDABLE)))
    key = draw(st.sampled_from(["key", "key", "key", "key", "other key"]))
    written = NOW + draw(mostly_now)
    name, token = consent_cookie(gate_at(written, policy, key=key), granted)
    spoilt = draw(st.sampled_from([False] * 9 + [True]))
    return f"{name}={token[:-1] if spoilt else token}"


@st.composite
def dates(draw: st.DrawFn, policy: Policy, sent: Sequence[str]) -> str:
    """Return a deposits cookie, which dates most of what is ``sent``."""
    undated = draw(st.sets(names, max_size=1) if draw(st.booleans()) else st.just(set[str]()))
    more = draw(st.lists(names, max_size=1))
    first = {name: NOW + draw(mostly_now) for name in [*sent, *more] if name not in undated}
    return "=".join(deposits_cookie(gate_at(NOW + draw(mostly_now), policy), first))


def noted(policy: Policy, *, gpc: bool) -> str:
    """Return the cookie that says what was noted of the browser's signal."""
    line = gate_at(NOW, policy).signal_cookie(SignalNote(new_subject(), gpc), secure=False)
    return line.partition(";")[0]


def usual_cookie(
    policy: Policy,
    *sent: str,
    granted: Iterable[str] | None = DECIDABLE,
    decided: float = -DAY,
    dated: float | None = -DAY,
) -> str:
    """Return what a visitor sends with whom all may be in order."""
    pieces = [f"{name}=1" for name in sent]
    if granted is not None:
        pieces.append("=".join(consent_cookie(gate_at(NOW + decided, policy), granted)))
    if dated is not None:
        first = dict.fromkeys(sent, NOW + dated)
        pieces.append("=".join(deposits_cookie(gate_at(NOW + dated, policy), first)))
    return "; ".join(pieces)


@st.composite
def usual_cookies(draw: st.DrawFn, policy: Policy) -> str:
    """Return what such a visitor sends."""
    sent = st.sampled_from([["session"], ["session", "_ga"], ["_fbp", "language"], ["short"]])
    granted = st.sampled_from([None, DECIDABLE, ["statistics"], []])
    return usual_cookie(
        policy,
        *draw(sent | st.lists(names, max_size=4, unique=True)),
        granted=draw(granted),
        decided=draw(mostly_now),
        dated=draw(mostly_now),
    )


@st.composite
def odd_cookies(draw: st.DrawFn, policy: Policy) -> str:
    """Return what a visitor sends whom a script, or somebody hostile, may have helped."""
    sent = draw(st.lists(names, max_size=4, unique=True) | st.just(["session", "_ga", "_fbp"]))
    pieces = [f"{name}=1" for name in sent]
    pieces += draw(st.lists(consents(policy), max_size=2) | consents(policy).map(lambda one: [one]))
    if draw(st.booleans()):
        pieces.append(draw(dates(policy, sent)))
    pieces += draw(st.lists(odd_pieces, max_size=3))
    if not draw(st.integers(0, 5)):
        pieces.append(noted(policy, gpc=draw(st.booleans())))
    if not draw(st.integers(0, 5)) and pieces:
        pieces = draw(st.permutations(pieces + pieces[:1] * draw(st.sampled_from([1, 9]))))
    return draw(st.sampled_from(["; ", "; ", "; ", ";", " ;\t"])).join(pieces)


# -- what an application does ------------------------------------------------------------------

lifetimes = st.sampled_from(
    [
        *("", "", "; Max-Age=60", "; Max-Age=3600", f"; Max-Age={LIMIT}", "; Max-Age=999999999"),
        *("; Max-Age=0", "; Max-Age=-1", "; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        *("; Expires=Sun, 18 Nov 2029 00:00:00 GMT", "; Max-Age=0; Max-Age=60", '; Max-Age="60"'),
        "; Max-Age=900; Expires=Sun, 18 Nov 2029 00:00:00 GMT",
    ]
)
places = st.sampled_from(["; Path=/", "; Path=/", "", "; Path=/shop", "; Path=/; SameSite=Strict"])
usual_lines = st.builds(
    "{}={}{}{}".format,
    st.sampled_from([*GOVERNED, *GOVERNED, "unheard", "eu-consent", "eu-consent-deposits"]),
    st.sampled_from(["1", "", "\xe9"]),
    lifetimes,
    places,
)
DECISIONS: Final[dict[str, Callable[[Consent], object]]] = {
    "asks": lambda consent: None,
    "grants": lambda consent: consent.grant("statistics"),
    "withdraws": Consent.withdraw,
    "forgets": Consent.forget,
    "reverts": lambda consent: (consent.grant("advertising"), consent.revert()),
}


class Step(NamedTuple):
    """One request, and what is done with it."""

    cookie: str
    lines: Sequence[str] = ()
    when: float = 0
    """Seconds before or after `NOW`."""
    decides: str = ""
    path: str = "/"
    signals: Mapping[str, str] = MappingProxyType({})
    headers: Sequence[tuple[str, str]] = ()
    by_asgi: bool = False


@dataclass
class Answer:
    """What reached the browser, the application and the listener."""

    headers: Headers = field(default_factory=list[tuple[str, str]])
    read: str | None = None
    consent: tuple[object, ...] = ()
    blocked: Verdict | None = None
    told: list[Verdict] = field(default_factory=list[Verdict])


@st.composite
def steps(draw: st.DrawFn, cookies: Sequence[str]) -> Step:
    """Return a request with one of ``cookies``."""
    lines = st.lists(usual_lines, max_size=3) | st.lists(usual_lines | any_lines, max_size=3)
    signal = st.sampled_from([{}, {}, {}, {"sec-gpc": "1"}, {"dnt": "1"}, {"sec-gpc": "0, 1"}])
    caching = st.sampled_from(["", "", "", "public, max-age=60", "private"])
    cache_control = draw(caching)
    return Step(
        draw(st.sampled_from(cookies)),
        draw(lines),
        draw(st.just(0.25) | st.sampled_from(WHEN)),
        draw(st.sampled_from(["", "", "", *DECISIONS])),
        draw(st.sampled_from(["/", "/", "/shop", "/contact"])),
        draw(signal),
        [("Cache-Control", cache_control)] if cache_control else (),
        draw(st.booleans()),
    )


@st.composite
def stories(draw: st.DrawFn) -> tuple[Policy, bool, list[Step]]:
    """Return a policy, whether records are kept, and requests of a few visitors."""
    policy = draw(policies())
    cookies = draw(st.lists(usual_cookies(policy) | odd_cookies(policy), min_size=1, max_size=2))
    return policy, draw(st.booleans()), draw(st.lists(steps(cookies), min_size=2, max_size=8))


# -- fronts ------------------------------------------------------------------------------------


def seen(answer: Answer, step: Step, cookie: str | None, find: Callable[[], Consent]) -> None:
    """Do what the application does, and note what it saw."""
    answer.read = cookie
    if step.decides:
        consent = find()
        before = consent.decided_at, consent.expires_at, consent.allowed, consent.signal
        if step.path != "/contact":  # where nothing may be decided
            DECISIONS[step.decides](consent)
        answer.consent = (*before, consent.decided_at, consent.allowed)


def ask_wsgi(gate: Gate, step: Step) -> Answer:
    """Return what a WSGI application answers behind ``gate``."""
    answer = Answer()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen(answer, step, environ.get("HTTP_COOKIE"), partial(wsgi.consent_from, environ))
        emitted = [("Set-Cookie", line) for line in step.lines]
        start_response("200 OK", [*step.headers, *emitted])
        return []

    environ = {"PATH_INFO": step.path, "HTTP_HOST": "shop.example", "wsgi.url_scheme": "http"}
    environ |= {wsgi.environ_key(name): value for name, value in step.signals.items()}
    if step.cookie:
        environ["HTTP_COOKIE"] = step.cookie
    started = partial(started_with, answer)
    list(wsgi.ConsentGateMiddleware(app, gate)(environ, started))
    return answer


def started_with(answer: Answer, status: str, headers: Headers, exc_info: Any = None) -> Any:
    """Note the headers that left."""
    answer.headers = headers


def finish(coroutine: Any) -> None:
    """Run what waits for nobody; without an event loop, which leaves cycles of its own."""
    assert next(coroutine.__await__(), None) is None


def ask_asgi(gate: Gate, step: Step) -> Answer:
    """Return what an ASGI application answers behind ``gate``."""
    answer = Answer()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        cookies = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
        seen(answer, step, *cookies or [None], find=partial(asgi.consent_from, scope))
        emitted = [("set-cookie", line) for line in step.lines]
        headers = [octets_of(*header) for header in [*step.headers, *emitted]]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(message: Any) -> None:
        headers = message["headers"]
        answer.headers = [(name.decode(), value.decode("latin-1")) for name, value in headers]

    sent = [("host", "shop.example"), *step.signals.items()]
    sent += [("cookie", step.cookie)] if step.cookie else []
    scope = scope_of(path=step.path, headers=[octets_of(*header) for header in sent])
    finish(asgi.ConsentGateMiddleware(app, gate)(scope, unheard, send))
    return answer


def octets_of(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a header as ASGI has it."""
    return name.encode(), value.encode("latin-1")


def scope_of(**scope: Any) -> dict[str, Any]:
    """Return an ASGI scope."""
    return {"type": "http", "method": "GET", "path": "/", "headers": [], **scope}


async def unheard(*message: Any) -> None:
    """Stand for a server that nobody asks."""


def ask(gate: Gate, told: list[Verdict], step: Step) -> Answer:
    """Return what is answered, whatever it is."""
    answer = Answer()
    told.clear()
    try:
        # A record is kept in another thread there.
        is_asgi = step.by_asgi and gate.records is None
        answer = ask_asgi(gate, step) if is_asgi else ask_wsgi(gate, step)
    except CookieBlocked as blocked:
        answer.blocked = blocked.verdict
    answer.headers = [unnamed(header, step.cookie) for header in answer.headers]
    answer.told = list(told)
    return answer


_NAMED = re.compile(r"(?<=[=&]id=)([\w-]+)(.*&signature=)[\w-]+")


def unnamed(header: tuple[str, str], cookie: str) -> tuple[str, str]:
    """Return ``header`` without the name that a visitor was given just now, and its signature."""
    name, value = header
    match = _NAMED.search(value)
    if match is None or match[1] in cookie:
        return header
    return name, f"{value[: match.start()]}*{match[2]}*{value[match.end() :]}"


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return where it stands."""
        return self.now


def tell(policy: Policy, steps: Iterable[Step], *, keeps_records: bool = False) -> None:
    """Have one gate answer all ``steps``, and a new one each of them."""
    clock = Hand()
    told: list[Verdict] = []

    def make() -> Gate:
        records = Memory() if keeps_records else None
        return Gate(policy, "key", on_verdict=told.append, records=records, clock=clock)

    lasting = make()
    for number, step in enumerate(steps):
        clock.now = NOW + step.when
        assert ask(make(), told, step) == ask(lasting, told, step), (number, step)


# -- what was remembered changes nothing -------------------------------------------------------


@settings(max_examples=300)
@given(stories())
def test_what_was_remembered_changes_nothing(story: tuple[Policy, bool, list[Step]]) -> None:
    """A gate that has answered before answers as one that has not, whoever asks and whenever."""
    policy, keeps_records, told = story
    tell(policy, told, keeps_records=keeps_records)


CATEGORIES: Final = [Category("forbidden", basis="forbidden")]
POLICIES: Final = {
    "ignoring signals": Policy(
        "1",
        cookies=RULES,
        categories=[
            Category("forbidden", basis="forbidden"),
            Category("advertising", gpc=True),
            Category("statistics", mode="report"),
        ],
        gpc="ignore",
        routes=[PolicyRoute("/contact")],
    ),
    "honouring signals": Policy(
        "1",
        cookies=RULES,
        categories=[
            Category("forbidden", basis="forbidden"),
            Category("advertising", basis="opt-out", gpc=True),
        ],
        gpc="override",
        dnt="default",
        ask_again_after="1 day",
    ),
    "ending with consent": Policy(
        "1",
        cookies=RULES,
        categories=[Category("forbidden", basis="forbidden")],
        unregistered="allow",
        expire_with_consent=True,
        routes=[PolicyRoute("/contact")],
    ),
}


def visitors(policy: Policy) -> dict[str, str]:
    """Return the Cookie headers of visitors who come again and again."""
    usual = partial(usual_cookie, policy)
    several = "; ".join([usual("session", "_ga"), usual(granted=[], dated=-2 * DAY)])
    _, _, later = usual("_ga", granted=None, dated=2 * DAY).partition("; ")
    return {
        "unknown": "unheard=1; other=2",
        "undecided": usual("session", granted=None),
        "undecided and undated": usual("session", "test", granted=None, dated=None),
        "accepting": usual("session", "_ga", "_fbp", "language"),
        "refusing": usual("session", "short", granted=[], dated=0),
        "accepting some": usual("session", "_ga", granted=["statistics"], decided=0),
        "with short lives": usual("short", "_fbp", "test", dated=0),
        "long decided": usual("session", "_ga", decided=-SIX_MONTHS + DAY),
        "long dated": usual("session", "_ga", dated=-SIX_MONTHS + DAY),
        "at the end of a life": usual("session", "_fbp", dated=-90 * DAY + HOUR),
        "dated ahead": usual("session", "_ga", decided=299, dated=299),
        "with cookies that may not be": usual("session", "_fbp", "tracker", granted=[]),
        "without a cookie": usual("test"),
        "with dates alone": usual("session").replace("session=1", "a=1"),
        "dated twice": "; ".join([usual("session"), later]),
        "with an odd spelling": usual("session", granted=[]) + '; "_ga"=1',
        "several": several,
        "with a forged decision": usual("session").replace("signature=", "signature=x"),
    }


LINES: Final = [
    ["session=1; Path=/", "_ga=1; Path=/; Max-Age=3600", "_fbp=1; Max-Age=60", "tracker=1"],
    ["_ga=1; Max-Age=999999999", "session=1; Expires=Sun, 18 Nov 2029 00:00:00 GMT", "test=1"],
    ["_ga=; Path=/; Max-Age=0", "_ga=1; Path=/; Max-Age=60", "short=1; Max-Age=3600; Path=/"],
    ["session=1; Max-Age=60; Path=/", "session=1; Path=/", "language=fr; Path=/shop", "x=1"],
    ["test=1; Max-Age=60; Path=/", "_ga=1; Path=/; Max-Age=60", "_ga=; Path=/; Max-Age=0"],
    ["_fbp=1; Path=/; Max-Age=7776000", "session=; Path=/; Max-Age=0", "session=1; Path=/"],
    ["short=1; Max-Age=3599; Path=/", "eu-consent=1; Path=/", "eu-consent-deposits=; Path=/"],
    [f"_ga=1; Path=/; Max-Age={LIMIT + 60}", f"session=1; Path=/; Max-Age={LIMIT}"],
]
SITUATIONS: Final = [
    *(Step("", lines, 0.25) for lines in LINES),
    *(Step("", lines, 90 * DAY + 0.5, path="/shop") for lines in LINES),
    Step("", LINES[0], 0.25, decides="asks"),
    Step("", LINES[0], 0.25, decides="withdraws"),
    Step("", LINES[1], 0.25, signals={"sec-gpc": "1"}),
    Step("", LINES[0], 0.25, signals={"dnt": "1"}),
    Step("", LINES[0], 0.25, path="/contact"),
    *(Step("", LINES[number % len(LINES)], when) for number, when in enumerate(WHEN)),
]


def every_pair(count: int) -> Iterator[int]:
    """Yield numbers below ``count`` so that each comes once right before each: de Bruijn's."""
    for first in range(count):
        yield first
        for second in range(first + 1, count):
            yield from (first, second)


@pytest.mark.parametrize("temper", POLICIES)
def test_no_request_changes_the_answer_to_the_next(temper: str) -> None:
    """Of a visitor who comes again and again, in whatever order and at whatever times."""
    clock = Hand()
    told: list[Verdict] = []
    make = partial(Gate, POLICIES[temper], "key", on_verdict=told.append, clock=clock)

    def answer(gate: Gate, step: Step) -> Answer:
        clock.now = NOW + step.when
        return ask(gate, told, step)

    for visitor, cookie in visitors(POLICIES[temper]).items():
        asked = [step._replace(cookie=cookie) for step in SITUATIONS]
        alone = [answer(make(), step) for step in asked]
        lasting = make()
        for number in every_pair(len(asked)):
            assert alone[number] == answer(lasting, asked[number]), (visitor, asked[number])


def test_visitors_who_seem_alike_are_not_taken_for_each_other() -> None:
    """Whose headers are as long, and of whom each accepted one purpose."""
    policy = POLICIES["ignoring signals"]
    cookies = [
        usual_cookie(policy, "session", granted=[granted])
        for granted in ("statistics", "advertising", "functional")
    ]
    assert 1 == len(set(map(len, cookies)))
    tell(policy, [Step(cookie, lines) for cookie in cookies for lines in LINES])


def test_R6_two_names_with_one_key_share_a_date_and_no_permission() -> None:
    """A deposits cookie has 32 bits for a name; what these let pass is asked for all the same."""
    one, other = "uejgtcuo", "iiwucoup"
    assert deposit_key(one) == deposit_key(other)
    policy = Policy("1", cookies=[CookieRule(one, "statistics"), CookieRule(other, "advertising")])
    cookie = usual_cookie(policy, one, granted=["statistics"])
    answer = ask_wsgi(
        gate_at(NOW, policy), Step(cookie, [f"{one}=1; Max-Age=9", f"{other}=1; Max-Age=9"])
    )
    assert [f"{one}=1; Max-Age=9"] == [line for _, line in answer.headers]


def grown(requests: Iterable[Step], policy: Policy) -> int:
    """Return the octets that are still held when ``requests`` have been answered."""
    gate = gate_at(NOW, policy)
    ask_wsgi(gate, Step("session=1", LINES[0]))
    tracemalloc.start()
    try:
        for step in requests:
            ask_wsgi(gate, step)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_R24_long_paths_are_not_remembered() -> None:
    """Nor what has to be deleted there: whoever asks for many of them fills no memory."""
    cookie = "; ".join(f"_ga{number}=1" for number in range(40))
    paths = (
        f"/{number}{''.join(f'/{part}{1000 * part}' for part in 'abcdefg')}" for number in range(70)
    )
    assert 2_000_000 > grown((Step(cookie, path=path) for path in paths), OVERRIDE)


def test_R24_many_dates_are_not_remembered() -> None:
    """Of one signed token, whoever sends ever other cookies of those that it dates."""
    sent = [f"_ga{number}" for number in range(120)]
    consent, dated = usual_cookie(OVERRIDE, *sent).split("; ")[-2:]
    cookies = (
        "; ".join([consent, dated, *(f"{name}=1" for name in sent[:number] + sent[number + 1 :])])
        for number in range(120)
    )
    assert 500_000 > grown(map(Step, cookies), OVERRIDE)


# -- the shortest way answers as the long one --------------------------------------------------

SUSPECT: Final = "suspect"
"""A cookie that nobody may store; with it nothing is in order, and everything is looked at."""


def answered_closely(gate: Gate, told: list[Verdict], step: Step) -> Answer:
    """Return the answer to ``step`` with a suspect cookie, but for what concerns that."""
    cookie = f"{step.cookie}; {SUSPECT}=1" if step.cookie else f"{SUSPECT}=1"
    return unsuspected(ask(gate, told, step._replace(cookie=cookie)))


def unsuspected(answer: Answer) -> Answer:
    """Return ``answer`` without what concerns the suspect cookie."""
    answer.headers = [
        (name, value) for name, value in answer.headers if not value.startswith(f"{SUSPECT}=")
    ]
    answer.told = [verdict for verdict in answer.told if verdict.name != SUSPECT]
    pieces = (answer.read or "").split(";")
    kept = [piece for piece in pieces if piece.strip() != f"{SUSPECT}=1"]
    answer.read = ";".join(kept).lstrip() or None
    return answer


def assert_the_same_when_looked_at(policy: Policy, step: Step, *, keeps_records: bool) -> None:
    """Assert that ``step`` is answered alike where more has to be looked at."""
    told: list[Verdict] = []

    def make() -> Gate:
        records = Memory() if keeps_records else None
        return gate_at(NOW + step.when, policy, on_verdict=told.append, records=records)

    simply = unsuspected(ask(make(), told, step))
    assert answered_closely(make(), told, step) == simply, step


@settings(max_examples=300)
@given(stories())
def test_what_is_in_order_is_answered_as_if_it_were_looked_at(
    story: tuple[Policy, bool, list[Step]],
) -> None:
    """One more cookie, which must go, changes nothing about the others."""
    policy, keeps_records, asked = story
    for step in asked[:3]:
        assert_the_same_when_looked_at(policy, step, keeps_records=keeps_records)


@pytest.mark.parametrize("temper", POLICIES)
def test_every_visitor_is_answered_as_if_looked_at(temper: str) -> None:
    """The same of each usual visitor in each situation."""
    policy = POLICIES[temper]
    for cookie in visitors(policy).values():
        for step in SITUATIONS:
            asked = step._replace(cookie=cookie)
            assert_the_same_when_looked_at(policy, asked, keeps_records=False)


# -- nothing holds a request -------------------------------------------------------------------

OVERRIDE: Final = Policy(
    "1", cookies=RULES, categories=[Category("advertising", gpc=True), *CATEGORIES], gpc="override"
)
START: Final = {"type": "http.response.start", "status": 200, "headers": []}
END: Final = {"type": "http.response.body", "body": b""}


def site() -> tuple[Gate, ConsentPages]:
    """Return a gate and the visitor's pages of its site."""
    gate = gate_at(NOW, OVERRIDE)
    return gate, ConsentPages(gate)


@contextmanager
def without_collector() -> Iterator[None]:
    """Leave what refers to itself where it is."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


async def answers(scope: Any, receive: Any, send: Any) -> None:
    """Answer, and ask nothing."""
    headers = [(b"set-cookie", b"session=1; Path=/"), (b"set-cookie", b"tracker=1")]
    await send({**START, "headers": headers})
    await send(END)


async def asks_before(scope: Any, receive: Any, send: Any) -> None:
    """Ask before the response begins."""
    assert "advertising" not in asgi.consent_from(scope).allowed
    await answers(scope, receive, send)


async def asks_in_a_copy(scope: Any, receive: Any, send: Any) -> None:
    """Ask as a router does that hands on a scope of its own."""
    await asks_before({**scope, "root_path": "/mounted"}, receive, send)


async def asks_while(scope: Any, receive: Any, send: Any) -> None:
    """Ask between the headers and the body."""
    await send(START)
    assert "advertising" not in asgi.consent_from({**scope}).allowed
    await send(END)


async def asks_after(scope: Any, receive: Any, send: Any) -> None:
    """Ask when all is sent, as a background task does."""
    await answers(scope, receive, send)
    assert "advertising" not in asgi.consent_from(scope).allowed


async def decides(scope: Any, receive: Any, send: Any) -> None:
    """Decide, so that the answer has much to say."""
    asgi.consent_from(scope).grant("statistics")
    await answers(scope, receive, send)


async def has_trailers(scope: Any, receive: Any, send: Any) -> None:
    """Send trailers, which are headers, too."""
    await answers(scope, receive, send)
    await send({"type": "http.response.trailers", "headers": []})


async def fails(scope: Any, receive: Any, send: Any) -> None:
    """Ask, and fail."""
    asgi.consent_from(scope)
    raise ConnectionError


async def rejects(scope: Any, receive: Any, send: Any) -> None:
    """Reject a websocket without a header."""
    await send({"type": "websocket.close", "code": 1000})


ASGI_APPLICATIONS: Final = [
    *(answers, asks_before, asks_in_a_copy, asks_while, asks_after, decides),
    *(has_trailers, fails, rejects),
]


def asgi_visit(app: Any, cookie: str, path: str) -> weakref.ref[object]:
    """Return the visit of a request that was answered, if it is still there."""
    gate, pages = site()
    headers = [(b"cookie", cookie.encode()), (b"sec-gpc", b"1")]
    kind = "websocket" if app is rejects else "http"
    scope = scope_of(type=kind, path=path, headers=headers)
    with suppress(ConnectionError):
        finish(asgi.ConsentGateMiddleware(app, gate, pages=pages)(scope, unheard, unheard))
    return weakref.ref(scope[asgi.VISIT_KEY])


COOKIES: Final = {
    "unknown": "",
    "undecided": usual_cookie(OVERRIDE, "session", granted=None),
    "accepting": usual_cookie(OVERRIDE, "session", "_ga"),
    "refusing": usual_cookie(OVERRIDE, "session", "_ga", granted=[]),
}


@pytest.mark.parametrize("visitor", COOKIES)
@pytest.mark.parametrize("app", ASGI_APPLICATIONS, ids=lambda app: app.__name__)
def test_a_request_by_asgi_is_gone_when_it_is_answered(app: Any, visitor: str) -> None:
    """Nothing of it waits for the garbage collector, whatever was asked and when."""
    with without_collector():
        assert asgi_visit(app, COOKIES[visitor], "/")() is None


@pytest.mark.parametrize("visitor", COOKIES)
@pytest.mark.parametrize("path", ["/consent/", "/consent/state"])
def test_a_request_for_a_page_by_asgi_is_gone_when_it_is_answered(path: str, visitor: str) -> None:
    """Nor does what the gate answers itself."""
    with without_collector():
        assert asgi_visit(answers, COOKIES[visitor], path)() is None


def answers_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Answer, and ask nothing."""
    start_response("200 OK", [("Set-Cookie", "session=1; Path=/"), ("Set-Cookie", "tracker=1")])
    return []


def asks_before_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Ask before the response begins."""
    assert "advertising" not in wsgi.consent_from(environ).allowed
    return answers_wsgi(environ, start_response)


def asks_in_a_copy_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Ask as a dispatcher does that hands on an environ of its own."""
    return asks_before_wsgi({**environ, "SCRIPT_NAME": "/mounted"}, start_response)


def asks_throughout_wsgi(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Ask in a generator, which begins when the server wants the body."""
    assert "advertising" not in wsgi.consent_from(environ).allowed
    answers_wsgi(environ, start_response)
    assert "advertising" not in wsgi.consent_from(environ).allowed
    yield b"body"
    assert "advertising" not in wsgi.consent_from(environ).allowed


def asks_late_wsgi(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Ask for the first time when the headers have left."""
    answers_wsgi(environ, start_response)
    yield b"body"
    assert "advertising" not in wsgi.consent_from(environ).allowed


def decides_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Decide, and answer twice, for the first answer failed."""
    wsgi.consent_from(environ).grant("statistics")
    answers_wsgi(environ, start_response)
    start_response("500 Oops", [], (ValueError, ValueError(), None))
    return []


def fails_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Ask, and fail."""
    wsgi.consent_from(environ)
    raise ConnectionError


WSGI_APPLICATIONS: Final = [
    *(answers_wsgi, asks_before_wsgi, asks_in_a_copy_wsgi, asks_throughout_wsgi),
    *(asks_late_wsgi, decides_wsgi, fails_wsgi),
]


def wsgi_visit(app: Any, cookie: str, path: str) -> weakref.ref[object]:
    """Return the visit of a request that was answered, if it is still there."""
    gate, pages = site()
    environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "wsgi.url_scheme": "http"}
    environ |= {"HTTP_COOKIE": cookie, "HTTP_SEC_GPC": "1"}
    gated = wsgi.ConsentGateMiddleware(app, gate, pages=pages)
    with suppress(ConnectionError):
        list(gated(environ, lambda status, headers, exc_info=None: len))
    return weakref.ref(environ[wsgi.VISIT_KEY])  # type: ignore[type-var]


@pytest.mark.parametrize("visitor", COOKIES)
@pytest.mark.parametrize("app", WSGI_APPLICATIONS, ids=lambda app: app.__name__)
def test_a_request_by_wsgi_is_gone_when_it_is_answered(app: Any, visitor: str) -> None:
    """Nothing of it waits for the garbage collector, whatever was asked and when."""
    with without_collector():
        assert wsgi_visit(app, COOKIES[visitor], "/")() is None


@pytest.mark.parametrize("visitor", COOKIES)
@pytest.mark.parametrize("path", ["/consent/", "/consent/state"])
def test_a_request_for_a_page_by_wsgi_is_gone_when_it_is_answered(path: str, visitor: str) -> None:
    """Nor does what the gate answers itself."""
    with without_collector():
        assert wsgi_visit(answers_wsgi, COOKIES[visitor], path)() is None


# -- asking at any time ------------------------------------------------------------------------


def test_a_banner_that_was_begun_is_rendered_while_the_body_is_sent_by_wsgi() -> None:
    """A page that streams knows its request, though the headers have left."""
    gate, pages = site()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        request = wsgi.page_request_from(environ)
        start_response("200 OK", [])
        yield str(pages.banner(request)).encode()

    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET", "HTTP_ACCEPT_LANGUAGE": "fr"}
    gated = wsgi.ConsentGateMiddleware(app, gate, pages=pages)
    body = b"".join(gated(environ, lambda status, headers, exc_info=None: len))
    assert "Tout refuser" in body.decode()


def test_a_banner_that_was_begun_is_rendered_while_the_body_is_sent_by_asgi() -> None:
    """The same of a page that streams by ASGI."""
    gate, pages = site()
    rendered: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = asgi.page_request_from(scope)
        await send(START)
        rendered.append(str(pages.banner(request)))

    scope = scope_of(headers=[(b"accept-language", b"fr")])
    finish(asgi.ConsentGateMiddleware(app, gate, pages=pages)(scope, unheard, unheard))
    assert "Tout refuser" in rendered[0]


def test_consent_is_known_after_the_application_has_returned() -> None:
    """To a task that goes on and asks for the first time, of a request that sends a signal."""
    for type_ in ("http", "websocket"):
        scope = scope_of(type=type_, headers=[(b"sec-gpc", b"1")])
        message = START if type_ == "http" else {"type": "websocket.accept"}
        gate, _ = site()

        async def app(scope: Any, receive: Any, send: Any, message: Any = message) -> None:
            await send(message)

        finish(asgi.ConsentGateMiddleware(app, gate)(scope, unheard, unheard))
        assert "override" == asgi.consent_from({**scope}).signal


def test_mounted_applications_know_the_consent_at_any_time() -> None:
    """In an endpoint, in a body that streams and in a task behind it, where scopes are copied."""
    found: list[str] = []

    def note(request: Request) -> None:
        consent = asgi.consent_from(request.scope)
        found.append(f"{consent.signal} {consent.allows('statistics')}")

    async def body(request: Request) -> Any:
        note(request)
        yield "streamed"
        note(request)

    def endpoint(request: Request) -> StreamingResponse:
        note(request)
        return StreamingResponse(body(request), background=BackgroundTask(note, request))

    def late(request: Request) -> PlainTextResponse:
        return PlainTextResponse("", background=BackgroundTask(note, request))

    class Copying:
        """A router that hands on a scope of its own."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope}, receive, send)

    inner = Starlette(routes=[Route("/", endpoint), Route("/late", late)])
    app = Starlette(routes=[Mount("/a", Mount("/b", Copying(inner)))])
    gated = asgi.ConsentGateMiddleware(app, gate_at(NOW, OVERRIDE))
    headers = {"Sec-GPC": "1", "Cookie": COOKIES["accepting"]}
    with httpx.Client(transport=ASGITransport(gated), base_url="http://shop.example") as client:
        assert "streamed" == client.get("/a/b/", headers=headers).text
        client.get("/a/b/late", headers=headers)
    assert 5 * ["override True"] == found
