# ruff: noqa: INP001 - a module of scripts
"""What more cookies, rules and visitors cost, and tokens that the gate never signed.

*Each further one* tells whether a cost is linear. It is what the gate adds for each cookie after
the first where there are 50 (or 100), as a ratio to the same where there are 10: about 1 where each
costs the same however many there are, and 5 (or 10) where each were compared with all others. The
first is left out, because what the gate does once for a request would hide what it does more often.
A Cookie header is *never seen* where one ordinary cookie in it differs from request to request.
"""

from __future__ import annotations

import gc
import operator
import random
import statistics
import tracemalloc
from dataclasses import dataclass, replace
from itertools import count, cycle, islice, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from harness import BATCH, Result, Row, expect, turns
from sites import (
    BRIEF,
    DECLARED,
    YEAR,
    EmptyASGI,
    EmptyWSGI,
    accept,
    asgi_site,
    asgi_subject,
    come_back,
    inventive_site,
    make_gate,
    wsgi_site,
    wsgi_subject,
)

from consentgate import asgi, wsgi
from consentgate.duration import DAY
from consentgate.testing import consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from harness import Subject

    from consentgate import Gate

TITLE: Final = "growth, as a ratio to the empty wrapper or as said"

LINES: Final = (1, 2, 5, 10, 20, 50)
COOKIES: Final = (1, 5, 10, 20, 50, 100)
REFERENCE: Final = 10
LINEAR: Final = 1.2
"""What *each further one* may be; its noise is a tenth."""
SMALL_BATCH: Final = 25
ROUNDS: Final = 150
BLOCK: Final = 15
"""Rounds whose medians are taken before they are subtracted from each other."""

RULES: Final = (100, 1_000, 10_000)

REMEMBERED: Final = 10_000
"""Tokens in each generation of the gate's cache, which has two."""
DAYS: Final = 180
"""What a choice is valid for, nearly; first deposits of so long ago need no shorter life yet."""
STORED: Final = ("_ga", "_gcl_au", "_fbp")
WEEKLY: Final = (BRIEF[0], *(f"{name}=1.2.3; Max-Age={7 * DAY}; Path=/" for name in STORED[:2]))

SESSION_LINE: Final = "_ga=GA1.1.1234567890.1795219200; Path=/; SameSite=Lax"
"""Of a cookie that needs consent, so that the token is read, and has no date to look up."""
HARMLESS: Final = 1.05
"""What a token of nobody's may cost to one that is valid and was never seen."""


class Front(NamedTuple):
    """One of the two protocols."""

    name: str
    gated: Callable[[Any, Gate], Any]
    empty: Callable[[Any], Any]
    site: Callable[[Sequence[str]], Any]
    subject: Callable[[Any, Iterator[str]], Subject]
    exchange: Callable[[Any, str], list[str]]


def asgi_exchange(app: Any, cookie: str) -> list[str]:
    """Return the Set-Cookie lines of one answer of ``app``."""
    lines: list[str] = []

    async def receive() -> Any: ...

    async def send(message: Any) -> None:
        headers = message.get("headers", ())
        lines.extend(value.decode() for name, value in headers if name == b"set-cookie")

    scope = next(asgi_subject(app, repeat(cookie)).requests)
    next(app(scope, receive, send).__await__(), None)
    return lines


def wsgi_exchange(app: Any, cookie: str) -> list[str]:
    """Return the Set-Cookie lines of one answer of ``app``."""
    lines: list[str] = []

    # The arguments are those of PEP 3333.
    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:  # noqa: ARG001
        lines.extend(value for name, value in headers if name == "Set-Cookie")

    app(next(wsgi_subject(app, repeat(cookie)).requests), start_response)
    return lines


ASGI: Final = Front(
    "ASGI", asgi.ConsentGateMiddleware, EmptyASGI, asgi_site, asgi_subject, asgi_exchange
)
WSGI: Final = Front(
    "WSGI", wsgi.ConsentGateMiddleware, EmptyWSGI, wsgi_site, wsgi_subject, wsgi_exchange
)


def visible(gate: Gate, cookie: str) -> str:
    """Return the Cookie header that an ASGI application sees behind ``gate``."""
    seen: list[bytes] = []

    async def site(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - as called
        seen.extend(value for name, value in scope["headers"] if name == b"cookie")

    asgi_exchange(asgi.ConsentGateMiddleware(site, gate), cookie)
    return b"; ".join(seen).decode()


# -- more cookies --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Growth:
    """Requests with more and more of something, each with the empty wrapper and with the gate."""

    name: str
    pairs: Mapping[int, tuple[Subject, Subject]]
    batch: int = BATCH

    def measure(self) -> Iterator[Result]:
        """Time all sizes in turn, and yield a ratio for each and how the cost of one grows."""
        subjects = [
            replace(each, batch=self.batch) for pair in self.pairs.values() for each in pair
        ]
        rounds = list(turns(subjects, ROUNDS))
        for place, size in enumerate(self.pairs):
            yield self._result(str(size), [own[2 * place + 1] / own[2 * place] for own in rounds])
        most = max(self.pairs)
        blocks = [self._added(rounds[start : start + BLOCK]) for start in range(0, ROUNDS, BLOCK)]
        steepness = [further(added, most) / further(added, REFERENCE) for added in blocks]
        yield self._result(f"each further one, {most} to {REFERENCE}", steepness, LINEAR)

    def _added(self, rounds: Sequence[Sequence[float]]) -> dict[int, float]:
        """Return what the gate added to each size in these rounds."""
        medians = [statistics.median(own) for own in zip(*rounds, strict=True)]
        gated_less_floor = map(operator.sub, medians[1::2], medians[::2])
        return dict(zip(self.pairs, gated_less_floor, strict=True))

    def _result(self, variant: str, figures: list[float], budget: float | None = None) -> Result:
        return Result(self.name, variant, budget, statistics.quantiles(figures, n=4))


def further(added: Mapping[int, float], size: int) -> float:
    """Return what each of ``size`` after the first adds."""
    return (added[size] - added[1]) / (size - 1)


def pair(
    front: Front,
    gate: Gate,
    lines: Sequence[str],
    cookie: str,
    cookies: Callable[[str], Iterator[str]] = repeat,
) -> tuple[Subject, Subject]:
    """Return the empty wrapper and the gate around a site that sets ``lines``."""
    site = front.site(lines)
    apps = front.empty(site), front.gated(site, gate)
    floor, gated = (front.subject(app, cookies(cookie)) for app in apps)
    return floor, gated


def governed(number: int) -> list[str]:
    """Return Set-Cookie lines of cookies that need consent."""
    return [
        f"_ga_{n:03}=GS1.1.1795219200.1; Max-Age={YEAR}; Path=/; SameSite=Lax"
        for n in range(number)
    ]


def lines_consented(
    front: Front, sizes: Iterable[int] = LINES, *, never_seen: bool = False
) -> Growth:
    """Return answers whose cookies all leave as they are, to visitors who have them already."""
    gate = make_gate()
    pairs = {}
    for size in sizes:
        lines = governed(size)
        known = come_back(gate, lines)
        app = front.gated(front.site(lines), gate)
        expect(lines, front.exchange(app, known), "all consented lines, and no others")
        pairs[size] = pair(front, gate, lines, known, counted if never_seen else repeat)
    kind = "Cookie header never seen" if never_seen else "known"
    return Growth(f"{front.name}: Set-Cookie lines, consented, {kind}", pairs, SMALL_BATCH)


def lines_refused(front: Front, sizes: Iterable[int] = LINES) -> Growth:
    """Return answers whose cookies are all stripped."""
    gate = make_gate()
    pairs = {}
    for size in sizes:
        lines = governed(size)
        app = front.gated(front.site(lines), gate)
        expect([], front.exchange(app, ""), "no line without consent")
        pairs[size] = pair(front, gate, lines, "")
    return Growth(f"{front.name}: Set-Cookie lines, none consented", pairs, SMALL_BATCH)


def ordinary_cookies() -> dict[int, str]:
    """Return Cookie headers of the framework's cookies, and of others that no rule is about."""
    names = ("sessionid", "csrftoken", "django_language", *(f"shop_{n}" for n in range(100)))
    return {
        size: "; ".join(f"{name}=8h2kx0vq6c3m5t1z" for name in names[:size]) for size in COOKIES
    }


def allowed_cookies(gate: Gate) -> dict[int, str]:
    """Return Cookie headers of what needs consent and has it, with the decision and the dates."""
    return {size: come_back(gate, governed(size)) for size in COOKIES}


def request_cookies(gate: Gate, kind: str, headers: Mapping[int, str]) -> Iterator[Growth]:
    """Yield requests whose cookies all reach the application, the same header each time or not."""
    for header in headers.values():
        expect(header, visible(gate, header), "the whole header reaches the application")
        app = ASGI.gated(ASGI.site(()), gate)
        expect([], asgi_exchange(app, header), "no line for cookies that may stay")
    same = {size: pair(ASGI, gate, (), header) for size, header in headers.items()}
    yield Growth(f"ASGI: request cookies, {kind}", same)
    new = {size: pair(ASGI, gate, (), header, counted) for size, header in headers.items()}
    yield Growth(f"ASGI: request cookies, {kind}, never seen", new, SMALL_BATCH)


def counted(header: str) -> Iterator[str]:
    """Yield ``header`` with one more cookie, which counts the requests."""
    return (f"{header}; views={number}" for number in count())


def removed_cookies() -> Growth:
    """Return requests with cookies that may not be there; an answer has room to expire some."""
    gate = make_gate()
    pairs = {}
    for size in COOKIES:
        header = "; ".join(line.partition(";")[0] for line in governed(size))
        expect("", visible(gate, header), "nothing reaches the application")
        app = ASGI.gated(ASGI.site(()), gate)
        expect({"Max-Age=0"}, ends(asgi_exchange(app, header)), "nothing but deletions")
        pairs[size] = pair(ASGI, gate, (), header)
    return Growth("ASGI: request cookies, removed and expired", pairs, SMALL_BATCH)


def ends(lines: Iterable[str]) -> set[str]:
    """Return the last attributes of Set-Cookie lines."""
    return {line.rpartition("; ")[2] for line in lines}


def growths() -> Iterator[Growth]:
    """Yield everything whose cost should be linear."""
    yield lines_consented(ASGI)
    yield lines_consented(ASGI, never_seen=True)
    yield lines_refused(ASGI)
    yield lines_consented(WSGI, (1, REFERENCE, 50))
    yield lines_refused(WSGI, (1, REFERENCE, 50))
    gate = make_gate()
    yield from request_cookies(gate, "that need no look", ordinary_cookies())
    yield from request_cookies(gate, "governed and allowed", allowed_cookies(gate))
    yield removed_cookies()


# -- more rules ----------------------------------------------------------------------------------


def rules_row(name: str, budget: float | None, site: Any) -> Row:
    """Return a row of more and more rules, against the eleven that any gate here has."""
    few, *more = (
        asgi_subject(asgi.ConsentGateMiddleware(site, make_gate(rules)), repeat(""))
        for rules in (0, *RULES)
    )
    return Row(name, budget, few, more, [f"{rules:,}".replace(",", " ") for rules in RULES], ROUNDS)


# -- more visitors -------------------------------------------------------------------------------


def visitors(number: int) -> list[str]:
    """Return Cookie headers of visitors who came back: each has its own tokens, dates included."""
    gate = make_gate()
    chance = random.Random(0)  # noqa: S311 - the same visitors in every run
    now = int(gate.clock())
    return [
        visitor(gate, [now - chance.randrange(DAYS) * DAY for _ in STORED]) for _ in range(number)
    ]


def visitor(gate: Gate, dates: Sequence[int]) -> str:
    """Return the Cookie header of a visitor who got `STORED` at these times."""
    cookies = [
        ("sessionid", "8h2kx0vq6c3m5t1z"),
        consent_cookie(gate, DECLARED, min(dates)),
        deposits_cookie(gate, dict(zip(STORED, dates, strict=True))),
        *((name, "1.2.3") for name in STORED),
    ]
    return "; ".join("=".join(cookie) for cookie in cookies)


def gated(cookies: Iterator[str], lines: Sequence[str] = WEEKLY) -> Subject:
    """Return a new gate around a site that sets ``lines``."""
    return asgi_subject(asgi.ConsentGateMiddleware(asgi_site(lines), make_gate()), cookies)


def visitors_row(cookies: Sequence[str]) -> Row:
    """Return a row of visitors in turn against one of them who comes all the time."""
    app = asgi.ConsentGateMiddleware(asgi_site(WEEKLY), make_gate())
    for cookie in cookies[:100]:
        expect(list(WEEKLY), asgi_exchange(app, cookie), "all lines leave as they are")
    few, many = gated(cycle(cookies[:REMEMBERED])), gated(cycle(cookies))
    few.answer(list(islice(few.requests, REMEMBERED)))
    variants = (f"{REMEMBERED}, whose choices are remembered", f"{len(cookies)}, more than that")
    name = "3 Set-Cookie: visitors in turn, to one visitor"
    return Row(name, None, gated(repeat(cookies[0])), [few, many], variants, ROUNDS)


def memory(cookies: Sequence[str]) -> Iterator[Result]:
    """Yield what a gate keeps of visitors, and that it stops to keep more."""
    subject = gated(iter(cookies))
    kept = {0: 0}
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, len(cookies) + 1):
            subject.answer([next(subject.requests)])
            if number % REMEMBERED == 0:
                gc.collect()
                kept[number], _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    name = "memory that a gate keeps of visitors"
    most = max(kept)
    # A tenth more, for the interpreter's own tables may grow meanwhile, such as that of `intern`.
    for generations, budget in ((1, 2.1), (2, 1.1)):
        fewer = generations * REMEMBERED
        yield Result(name, f"{most} to {fewer}", budget, [kept[most] / kept[fewer]] * 3)
    yield Result(name, f"{most}", None, [kept[most] / 1e6] * 3, "MB")


# -- tokens of nobody's --------------------------------------------------------------------------


def with_token(gate: Gate, *tokens: str) -> str:
    """Return a Cookie header with these for consent cookies."""
    name = gate.policy.cookie_name
    return "; ".join(["sessionid=8h2kx0vq6c3m5t1z", *(f"{name}={token}" for token in tokens)])


def never_seen(gate: Gate) -> Iterator[str]:
    """Yield Cookie headers of visitors who have just decided."""
    while True:
        yield accept(gate)


def worthless(gate: Gate) -> dict[str, Iterator[str]]:
    """Return Cookie headers with tokens that nobody signed, no two of them alike."""
    chance = random.Random(0)  # noqa: S311 - the same junk in every run
    forged = forgeries(consent_cookie(gate, DECLARED)[1])
    octets = [chr(n) for n in range(0xA1, 0x100)]
    kinds: dict[str, Callable[[], Iterable[str]]] = {
        "wrong signature": lambda: [next(forged)],
        "random octets": lambda: ["".join(chance.choices(octets, k=100))],
        "4 kB": lambda: [f"{chance.getrandbits(4 * 4_000):04000x}"],
        "4 000 ampersands": lambda: ["&" * 4_000 + next(forged)[-8:]],
        "800 ampersands and a signature": lambda: ["&" * 800 + next(forged)[-60:]],
    }
    return {kind: endless(gate, tokens) for kind, tokens in kinds.items()}


def forgeries(token: str) -> Iterator[str]:
    """Yield ``token`` with signatures that are not its own."""
    return (f"{token[:-8]}{n:08x}" for n in count())


def endless(gate: Gate, tokens: Callable[[], Iterable[str]]) -> Iterator[str]:
    """Yield Cookie headers with new ``tokens`` in each."""
    while True:
        yield with_token(gate, *tokens())


def tokens_row() -> Row:
    """Return a row of worthless tokens against valid ones that were never seen."""
    gate = make_gate()
    app = asgi.ConsentGateMiddleware(asgi_site([SESSION_LINE]), gate)
    expect([SESSION_LINE], asgi_exchange(app, accept(gate)), "a valid token is a consent")
    kinds = worthless(gate)
    for kind, cookies in kinds.items():
        expect([], asgi_exchange(app, next(cookies)), f"{kind}: no consent")
    valid, *others = (
        small(gated(each, [SESSION_LINE])) for each in (never_seen(gate), *kinds.values())
    )
    name = "1 Set-Cookie: worthless tokens, to one never seen"
    return Row(name, HARMLESS, valid, others, [*kinds], ROUNDS)


def several_tokens_row() -> Row:
    """Return a row of as many forged tokens as the gate looks at, against as many valid ones."""
    gate = make_gate()
    valid = endless(gate, lambda: (consent_cookie(gate, DECLARED)[1] for _ in range(8)))
    forged = forgeries(consent_cookie(gate, DECLARED)[1])
    worthless = endless(gate, lambda: islice(forged, 8))
    app = asgi.ConsentGateMiddleware(asgi_site([SESSION_LINE]), gate)
    expect([SESSION_LINE], asgi_exchange(app, next(valid)), "8 valid tokens are a consent")
    expect([], asgi_exchange(app, next(worthless)), "8 forged tokens are none")
    floor, subject = (small(gated(each, [SESSION_LINE])) for each in (valid, worthless))
    return Row("8 with wrong signatures, to 8 never seen", HARMLESS, floor, [subject], [""], ROUNDS)


def many_tokens_row() -> Row:
    """Return a row of more tokens than the gate looks at, against as many cookies of the site's."""
    gate = make_gate()
    junk = with_token(gate, *(f"{n:08}" for n in range(500)))
    ordinary = junk.replace(gate.policy.cookie_name, "shop-basket"[: len(gate.policy.cookie_name)])
    floor, subject = (small(gated(repeat(each), [SESSION_LINE])) for each in (ordinary, junk))
    return Row("500 tokens, to 500 cookies of the site's", None, floor, [subject], [""], ROUNDS)


def small(subject: Subject) -> Subject:
    """Return ``subject`` with small batches, for what takes long or takes memory."""
    return replace(subject, batch=SMALL_BATCH)


def rows() -> Iterator[Row]:
    """Yield what is compared with something else than the empty wrapper."""
    yield rules_row("3 Set-Cookie: rules, to 11 of them", 1.03, asgi_site(BRIEF))
    yield rules_row("3 Set-Cookie, names never seen: rules, to 11", None, inventive_site())
    yield tokens_row()
    yield several_tokens_row()
    yield many_tokens_row()


def results() -> Iterator[Result]:
    """Measure everything here."""
    for growth in growths():
        yield from growth.measure()
    for row in rows():
        yield from row.measure()
    cookies = visitors(3 * REMEMBERED)
    yield from visitors_row(cookies).measure()
    yield from memory(cookies)
