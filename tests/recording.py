"""How tests of records ask a site, and the stores that they give it."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import anyio
from page_requests import Memory

from consentgate import Category, CookieRule, Gate, Policy, asgi, wsgi
from consentgate.pages import ConsentPages
from consentgate.testing import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate import Consent
    from consentgate.record import Document, Record

    Headers = list[tuple[str, str]]

PATIENCE = 10.0
"""Seconds after which a test gives up waiting for another thread."""

SORRY = b"Your choice could not be saved. Please try again later.\n"
"""What a visitor is told by a site without pages."""

RULES = [CookieRule("_fbp", "advertising"), CookieRule("_ga", "statistics")]
OPT_OUT = [Category("advertising", basis="opt-out", gpc=True)]
OVERRIDE = Policy("1", cookies=RULES, categories=OPT_OUT, gpc="override")

CRASH = (ValueError, ValueError("crash"), None)
"""The ``exc_info`` of an application that failed and starts its response anew."""


# -- stores ------------------------------------------------------------------------------------


class Failing(Memory):
    """A store that is out of order, and notes how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.is_down = True

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Fail, unless somebody has repaired it."""
        self.asked += 1
        if self.is_down:
            raise OSError("no space left on device")
        return super().append(record, documents)


class Slow(Memory):
    """A store that does not return until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.may_return = threading.Event()

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Wait, and then keep ``record``."""
        self.begun.set()
        assert self.may_return.wait(PATIENCE)
        return super().append(record, documents)


class Noting(Memory):
    """A store that notes when it has kept a record, among other things that happen."""

    def __init__(self, happened: list[str]) -> None:
        super().__init__()
        self.happened = happened

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Keep ``record``, and say so."""
        kept = super().append(record, documents)
        self.happened.append("recorded")
        return kept


# -- requests ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What reaches a browser."""

    status: str
    headers: Headers
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for each, value in self.headers if each.lower() == name]

    @property
    def cookies(self) -> list[str]:
        """The Set-Cookie lines that delete nothing."""
        return [line for line in self.values("set-cookie") if "; Max-Age=0" not in line]

    @property
    def consent(self) -> str:
        """The consent cookie as a browser sends it back; empty where none is stored."""
        return self._stored("eu-consent=")

    @property
    def note(self) -> str:
        """What is noted of a privacy signal, likewise."""
        return self._stored("eu-consent-signal=")

    def _stored(self, name: str) -> str:
        found = [line for line in self.cookies if line.startswith(name)]
        return found[0].partition(";")[0] if found else ""


def ask_wsgi(
    app: Any,
    gate: Gate,
    *,
    pages: ConsentPages | None = None,
    happened: list[str] | None = None,
    **environ: Any,
) -> Answer:
    """Ask a WSGI application behind ``gate``, as a server does; note when its headers leave."""
    noted = [] if happened is None else happened
    started: list[tuple[str, Headers]] = []
    body: list[bytes] = []
    environ = {"wsgi.input": io.BytesIO(), "QUERY_STRING": "", **environ}
    setup_testing_defaults(environ)

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
        assert exc_info or not started
        noted.append(f"headers {status[:3]}")
        started.append((status, headers))
        return body.append

    pieces = wsgi.ConsentGateMiddleware(app, gate, pages=pages)(environ, start_response)
    try:
        body.extend(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    return Answer(*started[-1], b"".join(body))


def scope_of(**scope: Any) -> dict[str, Any]:
    """Return the scope of a request for the front page."""
    host = [(b"host", b"shop.example")]
    return {"type": "http", "method": "GET", "path": "/", "headers": host, **scope}


@dataclass
class Server:
    """The server's side of ASGI, that notes what is sent."""

    sent: list[Any] = field(default_factory=list[Any])
    happened: list[str] = field(default_factory=list[str])
    is_read: bool = False

    async def send(self, message: Any) -> None:
        """Note a message."""
        self.happened.append(message["type"])
        self.sent.append(message)

    async def receive(self) -> Any:
        """Give a form that accepts everything, and then nothing any more."""
        if self.is_read:
            await anyio.sleep_forever()
        self.is_read = True
        return {"type": "http.request", "body": b"choice=accept_all"}

    @property
    def answer(self) -> Answer:
        """What was answered to an HTTP request."""
        start, *bodies = self.sent
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        assert ["http.response.body"] * len(bodies) == [each["type"] for each in bodies]
        return Answer(str(start["status"]), headers, b"".join(each["body"] for each in bodies))


async def ask_asgi(app: Any, gate: Gate, pages: ConsentPages | None = None, **scope: Any) -> Server:
    """Ask an ASGI application behind ``gate``."""
    server = Server()
    gated = asgi.ConsentGateMiddleware(app, gate, pages=pages)
    await gated(scope_of(**scope), server.receive, server.send)
    return server


def answering(*headers: tuple[str, str], decide: Any = None, status: str = "200 OK") -> Any:
    """Return a WSGI application that decides and answers with these headers."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if decide is not None:
            decide(wsgi.consent_from(environ))
        start_response(status, list(headers))
        return [b"Hello"]

    return app


def accept(consent: Consent) -> None:
    """Decide as an application's own form does."""
    consent.grant("statistics")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return its time."""
        return self.now


class Proof(Memory):
    """A store that keeps no signal twice, as stores do."""

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Keep ``record``, unless it is a signal that the last one has told already."""
        before = [each.signals for each in self.kept if each.subject == record.subject]
        if record.event == "signal" and before[-1:] == [record.signals]:
            return False
        return super().append(record, documents)


class Browser:
    """A browser that keeps the gate's own cookies, each as long as it is told to."""

    def __init__(self, policy: Policy = OVERRIDE, store: Any = None) -> None:
        self.clock = Clock()
        self.store = Proof() if store is None else store
        self.gate = Gate(policy, "key", records=self.store, clock=self.clock)
        self.pages = ConsentPages(self.gate)
        self.jar: dict[str, tuple[str, float]] = {}

    def ask(self, signal: bool = False, app: Any = None, **environ: Any) -> Answer:
        """Ask for a page, and keep what it stores."""
        if signal:
            environ["HTTP_SEC_GPC"] = "1"
        if self.cookie:
            environ["HTTP_COOKIE"] = self.cookie
        answer = ask_wsgi(app or answering(), self.gate, pages=self.pages, **environ)
        for line in answer.values("set-cookie"):
            if line.startswith("eu-consent"):
                self.keep(line)
        return answer

    def keep(self, line: str) -> None:
        """Keep a cookie of the gate's."""
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        (life,) = (each for each in attributes if each.startswith("Max-Age="))
        self.jar[name] = (value, self.clock.now + int(life.removeprefix("Max-Age=")))

    def decide(self, choice: str, signal: bool = False) -> Record:
        """Choose on the preferences page, and return the record of it."""
        body = f"choice={choice}".encode()
        kind = "application/x-www-form-urlencoded"
        posted = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))}
        path = {"REQUEST_METHOD": "POST", "PATH_INFO": "/consent/"}
        self.ask(signal, **path, **posted, **{"wsgi.input": io.BytesIO(body)})
        record: Record = self.store.kept[-1]
        return record

    @property
    def cookie(self) -> str:
        """The Cookie header that it sends now."""
        kept = self.jar.items()
        return "; ".join(f"{name}={value}" for name, (value, end) in kept if end > self.clock.now)
