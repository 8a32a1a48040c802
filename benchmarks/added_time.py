# ruff: noqa: INP001 - a module of scripts
"""What others add to a stack, beside what ConsentGate adds to it, for the same visitor."""

from __future__ import annotations

import json
import statistics
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from io import BytesIO
from itertools import repeat
from math import nan
from typing import TYPE_CHECKING, Any, Final
from wsgiref.util import setup_testing_defaults

from harness import ROUNDS, Result, Subject
from sites import BRIEF, REQUEST_HEADERS, come_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from consentgate import Gate

BLOCK: Final = 10
"""Rounds whose medians make one ratio; what is added in one of them may be less than its noise."""
SESSION: Final = "sessionid=8h2kx0vq6c3m5t1z"
LIMITED: Final = frozenset({"_ga", "_gcl_au"})
"""Cookies that the visitor has to agree to."""
NOWHERE: Final = (nan, nan, nan)

Added = dict[str, list[float]]
"""Microseconds a request that each form adds, by its name, one number a round."""


@dataclass(frozen=True)
class Situation:
    """Who asks, and what the site sets when it answers."""

    name: str
    lines: Sequence[str] = ()
    cookie: str = ""
    """What the browser sends, beside what a peer or the gate keeps there."""
    consented: bool = False
    spied: bool = False
    """Whether the site tells in its body what it saw, to be checked and not timed."""


NO_COOKIES: Final = Situation("no cookies")
HAS_SESSION: Final = Situation("a session, nothing set", cookie=SESSION)
UNDECIDED: Final = Situation("undecided, 3 Set-Cookie", BRIEF, SESSION)
SENT_BACK: Final = Situation(
    "undecided, 3 Set-Cookie, all sent back", BRIEF, f"{SESSION}; _ga=GA1.1.7; _gcl_au=1.1.9"
)
CONSENTED: Final = replace(SENT_BACK, name="consented, 3 Set-Cookie", consented=True)


@dataclass(frozen=True)
class Reply:
    """What a browser gets."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    lines: Sequence[str]
    """Of the Set-Cookie headers."""
    body: bytes

    @classmethod
    def of(cls, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Return a reply from its header list."""
        pairs = [(name.lower(), value.strip()) for name, value in headers]
        lines = [value for name, value in pairs if name == "set-cookie"]
        return cls(status, dict(pairs), lines, body)

    @property
    def stored(self) -> set[str]:
        """The names of the cookies it sets."""
        return {_name(line) for line in self.lines if "Max-Age=0" not in line}

    @property
    def deleted(self) -> set[str]:
        """The names of the cookies it deletes."""
        return {_name(line) for line in self.lines} - self.stored

    @property
    def seen(self) -> Any:
        """What the site saw, where it is spied on."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Form:
    """A stack with something in it, and how to see that it does what it is there for."""

    name: str
    build: Callable[[Situation], Any]
    """Returns the application; raises ImportError where what it needs is not installed."""
    does_its_job: Callable[[Situation, Reply], bool]
    cookie: Callable[[Situation], str] = lambda situation: situation.cookie
    """Returns what its visitor's browser sends: its own consent or session cookie, too."""
    package: str = ""
    budget: Callable[[Situation], float | None] = lambda _: None
    """Returns how much of the time that it adds the gate may add."""

    def __str__(self) -> str:
        if not self.package:
            return self.name
        released = f"{self.package} {version(self.package)}"
        return released if self.name == self.package else f"{released} {self.name}"


@dataclass(frozen=True)
class Stack:
    """A framework's minimal application: bare, with the gate, with one peer or another."""

    name: str
    bare: Form
    gates: Sequence[Form]
    """The first is how the README says to do it, and the one that is compared."""
    peers: Sequence[Form]
    situations: Sequence[Situation]
    subject: Callable[[Any, Situation, str], Subject]
    """Drives an application in a situation with a Cookie header."""
    reply: Callable[[Any, Situation, str], Reply]
    """Answers one such request, to be looked at."""
    wrapper: Form | None = None
    """What any middleware costs here, where that can be told."""

    def results(self) -> Iterator[Result]:
        """Measure all situations."""
        for situation in self.situations:
            yield from self._compare(situation)

    @property
    def _additions(self) -> list[Form]:
        return [*([self.wrapper] if self.wrapper else []), *self.gates, *self.peers]

    def _compare(self, situation: Situation) -> Iterator[Result]:
        row = f"{self.name}: {situation.name}"
        subjects: dict[str, Subject] = {}
        for form in (self.bare, *self._additions):
            try:
                subjects[form.name] = self._checked(form, situation)
            except ImportError as error:
                yield Result(row, form.name, None, NOWHERE, f"does not run here: {error}")
        bare, added = in_turn(subjects, self.bare.name)
        yield Result(row, str(self.bare), None, statistics.quantiles(bare, n=4), "µs")
        for form in self._additions:
            if form.name in added:
                quartiles = statistics.quantiles(added[form.name], n=4)
                variant = f"added by the {form}" if form is self.wrapper else f"{form} adds"
                yield Result(row, variant, None, quartiles, "µs")
        for peer in self.peers:
            if peer.name in added:
                yield from self._ratios(row, peer, situation, added)

    def _ratios(self, row: str, peer: Form, situation: Situation, added: Added) -> Iterator[Result]:
        ours, theirs = added[self.gates[0].name], added[peer.name]
        variant = f"{self.gates[0].name} / {peer.name}"
        budget = peer.budget(situation)
        yield Result(row, variant, budget, in_blocks(ours, theirs))
        if self.wrapper and budget:
            floor = added[self.wrapper.name]
            beyond = in_blocks(less(ours, floor), less(theirs, floor))
            yield Result(row, f"{variant}, less wrapper", budget, beyond)

    def _checked(self, form: Form, situation: Situation) -> Subject:
        """Return what is timed, after a look at what it does."""
        cookie = form.cookie(situation)
        app = form.build(situation)
        spy = replace(situation, spied=True)
        reply = self.reply(app, situation, cookie)
        spied = self.reply(form.build(spy), spy, cookie)
        same = (reply.status, reply.stored, reply.deleted) == (200, spied.stored, spied.deleted)
        if not (same and form.does_its_job(situation, spied)):
            raise RuntimeError(f"{self.name}, {situation.name}: {form} answers {reply} {spied}")
        return self.subject(app, situation, cookie)


def in_turn(subjects: Mapping[str, Subject], bare: str) -> tuple[list[float], Added]:
    """Time all in turn, each first as often; return the microseconds of one, and what others add.

    Both are those of one request, and what is added is the difference within a round.
    """
    everyone = deque(subjects)
    floor: list[float] = []
    added: Added = {name: [] for name in subjects if name != bare}
    for _ in range(ROUNDS):
        everyone.rotate()
        own = {name: subjects[name].seconds() * 1e6 / subjects[name].batch for name in everyone}
        floor.append(own[bare])
        for name, differences in added.items():
            differences.append(own[name] - own[bare])
    return floor, added


def in_blocks(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the quartiles of how ``ours`` compares to ``theirs`` in each block of rounds."""
    starts = range(0, len(ours), BLOCK)
    mine, peers = (
        [statistics.median(each[start : start + BLOCK]) for start in starts]
        for each in (ours, theirs)
    )
    return statistics.quantiles([a / b for a, b in zip(mine, peers, strict=True)], n=4)


def less(all_of_it: Sequence[float], part: Sequence[float]) -> list[float]:
    """Return the differences, a round at a time."""
    return [a - b for a, b in zip(all_of_it, part, strict=True)]


# -- what the bare stack and the gate have to do -----------------------------------------------


def sets_all(situation: Situation, reply: Reply) -> bool:
    """Whether the reply sets what the site sets."""
    return reply.stored == {_name(line) for line in situation.lines} and not reply.deleted


def is_enforced(situation: Situation, reply: Reply) -> bool:
    """Whether nothing limited leaves, is seen or stays without consent, and all of it with it."""
    limited = set() if situation.consented else LIMITED
    sent = {_name(pair) for pair in situation.cookie.split(";")}
    set_by_site = {_name(line) for line in situation.lines}
    own = {name for name in reply.stored if name.startswith("eu-consent")}
    return (
        reply.stored - own == set_by_site - limited
        and reply.deleted == sent & limited
        and not limited & {_name(pair) for pair in reply.seen["cookie"].split(";")}
    )


def gate_cookie(gate: Gate, situation: Situation) -> str:
    """Return the Cookie header of a visitor of ``gate``."""
    if not situation.consented:
        return situation.cookie
    _, _, all_but_session = come_back(gate, situation.lines).partition("; ")
    return f"{situation.cookie.partition('; ')[0]}; {all_but_session}"


def _name(line: str) -> str:
    return line.partition(";")[0].partition("=")[0].strip()


# -- how requests come -------------------------------------------------------------------------


def asgi_scope(cookie: str, extra: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Return a new request."""
    headers = [*REQUEST_HEADERS, *extra, *([("cookie", cookie)] if cookie else [])]
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "root_path": "",
        "query_string": b"",
        "scheme": "https",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }


async def receive() -> Any:
    """Bring the end of a request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def asgi_subject(
    app: Any, _: Situation, cookie: str, *, extra: Sequence[tuple[str, str]] = ()
) -> Subject:
    """Drive ``app`` without an event loop."""

    async def send(message: Any) -> None: ...

    def answer(scopes: list[Any]) -> None:
        while scopes:
            next(app(scopes.pop(), receive, send).__await__(), None)

    scope = asgi_scope(cookie, extra)
    return Subject(answer, ({**scope, "headers": list(scope["headers"])} for _ in repeat(None)))


def asgi_reply(
    app: Any, _: Situation, cookie: str, *, extra: Sequence[tuple[str, str]] = ()
) -> Reply:
    """Return what ``app`` answers."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    next(app(asgi_scope(cookie, extra), receive, send).__await__(), None)
    start, *bodies = messages
    headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Reply.of(start["status"], headers, b"".join(message["body"] for message in bodies))


def wsgi_environ(path: str, cookie: str) -> dict[str, Any]:
    """Return a new request, as it comes from a proxy."""
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_X_FORWARDED_FOR": "203.0.113.9",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "shop.example",
        "wsgi.input": BytesIO(),
        "wsgi.url_scheme": "https",
    }
    for name, value in REQUEST_HEADERS:
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    setup_testing_defaults(environ)
    return environ


def wsgi_subject(
    app: Any, situation: Situation, cookie: str, *, path: Callable[[Situation], str], batch: int
) -> Subject:
    """Drive ``app`` as a server does: the answer is read, and closed where it can be."""

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any: ...

    def answer(environs: list[Any]) -> None:
        while environs:
            response = app(environs.pop(), start_response)
            for _ in response:
                pass
            if hasattr(response, "close"):
                response.close()

    environ = wsgi_environ(path(situation), cookie)
    return Subject(answer, (environ.copy() for _ in repeat(None)), batch)


def wsgi_reply(
    app: Any, situation: Situation, cookie: str, *, path: Callable[[Situation], str]
) -> Reply:
    """Return what ``app`` answers."""
    started: list[Any] = []

    # The arguments are those of PEP 3333.
    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:  # noqa: ARG001
        started[:] = status, headers

    response = app(wsgi_environ(path(situation), cookie), start_response)
    body = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    status, headers = started
    return Reply.of(int(status[:3]), headers, body)


def on_one_path(_: Situation) -> str:
    """Return where a site answers that has one page."""
    return "/"


def driven_as_wsgi(
    batch: int, path: Callable[[Situation], str] = on_one_path
) -> dict[str, Callable[..., Any]]:
    """Return how a `Stack` drives WSGI applications."""
    return {
        "subject": partial(wsgi_subject, path=path, batch=batch),
        "reply": partial(wsgi_reply, path=path),
    }
