"""The gate around an ASGI application: headers in, headers out."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from consentgate.exceptions import MiddlewareMissing, RecordStoreUnavailable
from consentgate.forks import in_children
from consentgate.page import MAX_BODY, PageRequest, check_pages, mounted_at, refusal
from consentgate.visit import Visit

if TYPE_CHECKING:
    from collections.abc import (
        Awaitable,
        Callable,
        Iterable,
        Mapping,
        MutableMapping,
    )
    from concurrent.futures import Future

    from consentgate.consent import Consent
    from consentgate.gate import Gate
    from consentgate.page import PageResponse, Pages

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
    Header = tuple[bytes, bytes]
    # Octets by the specification; some servers take text as well.
    ResponseHeader = tuple[bytes | str, bytes | str]

__all__ = ["ConsentGateMiddleware", "consent_from", "page_request_from"]

VISIT_KEY = "consentgate.visit"

T = TypeVar("T")

_NOT_MODIFIED: Final = 304
_TRY_AGAIN_LATER: Final = 1013  # RFC 6455 7.4.2, as IANA has it
_MOST_NAMES: Final = 256
_OCTETS: Final = {name: name.lower().encode() for name in ("Cache-Control", "Set-Cookie", "Vary")}
"""The names of headers that the gate adds."""
_NO_HEADERS: Final[list[ResponseHeader]] = []
_WITH_COOKIES: Final = frozenset({"http", "websocket"})
_WITH_HEADERS: Final = frozenset(
    {"http.response.start", "websocket.accept", "websocket.http.response.start"}
)


_other_names: Final[set[bytes | str]] = set()
"""Names of response headers that were seen to set no cookie."""


def is_set_cookie(name: bytes | str) -> bool:
    """Whether a header of this name sets a cookie, in whatever case and with blanks around (R4).

    Some servers take text, too, where ASGI wants octets.
    """
    octets = name.encode("latin-1", "replace") if isinstance(name, str) else name
    if octets.strip().lower() == b"set-cookie":
        return True
    if len(_other_names) < _MOST_NAMES:
        _other_names.add(name)
    return False


class ScopeRequest:
    """What the gate may want to know of a request, read from an ASGI scope."""

    __slots__ = ("_headers", "_scope")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._headers: dict[bytes, bytes] | None = None

    def header(self, name: str) -> str:
        """Return the request header called ``name``, repetitions joined by commas."""
        if self._headers is None:
            self._headers = _joined(self._scope["headers"])
        return self._headers.get(name.encode("latin-1"), b"").decode("latin-1")

    def path(self) -> str:
        """Return the path, below ``root_path`` where the server leaves that out of it."""
        root, below = split_path(self._scope)
        return root + below

    def is_secure(self) -> bool:
        """Whether the server says the request came over TLS."""
        return self._scope.get("scheme") in ("https", "wss")

    def address(self) -> str:
        """Return the client's host as the server knows it."""
        client = self._scope.get("client")
        return str(client[0]) if client else ""


def _joined(headers: Iterable[Header]) -> dict[bytes, bytes]:
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = b"%b,%b" % (joined[name], value) if name in joined else value
    return joined


def split_path(scope: Scope) -> tuple[str, str]:
    """Return where the application is mounted, and the request's path below.

    Some servers leave ``root_path`` out of ``path``, against the specification, and some put one
    with a slash at its end before a path that has one at its beginning.
    """
    path = cast("str", scope["path"])
    root = cast("str", scope.get("root_path", ""))
    if root.endswith("/") and path.startswith(f"{root}/"):
        path = path[len(root) :]
    root = root.rstrip("/")
    within = path == root or path.startswith(f"{root}/")
    return root, path[len(root) :] if within else path


class ConsentGateMiddleware:
    """Keep the cookies of an ASGI application within ``gate``'s policy.

    Put it outside every other middleware: ``app = ConsentGateMiddleware(app, gate)``. Messages
    are forwarded at once; every response passes through, and the answers to a websocket's
    handshake with them (R4). Lifespan and unknown scopes pass untouched, and so does what
    another gate around this one judges already. ``pages``, such as
    `consentgate.pages.ConsentPages`, answer the requests for their own paths in the application's
    place. Raises `ConfigurationError` for pages of another gate.
    """

    def __init__(self, app: ASGIApplication, gate: Gate, *, pages: Pages | None = None) -> None:
        check_pages(pages, gate)
        self.app = app
        self.gate = gate
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in _WITH_COOKIES:
            await self.app(scope, receive, send)
            return
        outer: Visit | None = scope.get(VISIT_KEY)
        if outer is not None and outer.covers(self.gate):
            outer.record_for(self.gate)
            await self._application(outer, scope)(scope, receive, send)
            return
        visit = open_visit(self.gate, scope)
        app = self.app if self.pages is None else self._application(visit, scope)

        # Not a coroutine: it would be one more to drive for every message.
        def gated_send(message: Message) -> Awaitable[None]:
            if visit.released and "headers" not in message:
                return send(message)
            if visit.adds:
                return forward(visit, scope, send, message)
            visit.carrier = scope
            return send(release(visit, message))

        try:
            await app(scope, receive, gated_send)
        finally:
            visit.released = True  # whoever answers now with this scope is gated anew
            visit.carrier = None

    def _application(self, visit: Visit, scope: Scope) -> ASGIApplication:
        """Return who answers: the visitor's pages for their own paths, the site for all others."""
        pages = self.pages
        if pages is None:
            return self.app
        path = scope["path"]
        root = scope.get("root_path")
        if root:
            path = split_path(scope)[1]
        if visit.pages is None:
            visit.pages = pages
            if root:  # now, because routers further in move it
                visit.root = mounted_at(root)
        is_page = path in pages.paths and scope["type"] == "http"
        return PagesApplication(pages) if is_page else self.app


def forward(visit: Visit, scope: Scope, send: Send, message: Message) -> Awaitable[None]:
    """Send ``message`` with what may leave of its headers, and no sooner than that is recorded."""
    visit.carrier = scope
    if visit.adds and (visit.refusal or _needs_record(visit, message)):
        return _record(visit, scope, send, message)
    return send(release(visit, message))


def _needs_record(visit: Visit, message: Message) -> bool:
    if message["type"] not in _WITH_HEADERS:
        return False
    not_modified = message.get("status") == _NOT_MODIFIED
    return visit.needs_record(partial(_texts, message), not_modified=not_modified)


async def _record(visit: Visit, scope: Scope, send: Send, message: Message) -> None:
    """Send ``message`` once the visitor's decision is kept; where it cannot be, say so instead."""
    if visit.refusal:
        return
    try:
        while _needs_record(visit, message):  # another task may decide anew meanwhile
            await _in_thread(visit.settle)
    except RecordStoreUnavailable:
        if visit.take_back():
            visit.refusal = refusal(page_request_from(scope), visit.pages)
            await _refuse(visit, visit.refusal, scope, send)
            visit.released = False  # so that what the application goes on to say comes here
            return
    await send(release(visit, message))


async def _refuse(visit: Visit, answer: PageResponse, scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER})
        return
    start, body = _messages(answer)
    await send(release(visit, start))
    await send(body)


def _messages(answer: PageResponse) -> tuple[Message, Message]:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
    return (
        {"type": "http.response.start", "status": answer.status, "headers": headers},
        {"type": "http.response.body", "body": answer.body},
    )


class PagesApplication:
    """The visitor's pages as an ASGI application."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _read_body(receive) if scope["method"] == "POST" else b""
        request = page_request_from(scope, body)
        if self.pages.blocking(request):
            answer = await self._wait_for_answer(request)
        else:
            answer = self.pages.answer(request)
        for message in _messages(answer):
            await send(message)

    async def _wait_for_answer(self, request: PageRequest) -> PageResponse:
        try:
            return await _in_thread(partial(self.pages.answer, request))
        except RecordStoreUnavailable:
            return self.pages.unavailable(request)


_MOST_AT_ONCE: Final = 8


class _Threads:
    """Of our own, so that a slow record store does not use up those of the application."""

    def __init__(self) -> None:
        self._start()
        in_children(self._start)  # which have none of their parent's

    def _start(self) -> None:
        self._pool = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="consentgate")

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Let one of the threads do ``work``."""
        return self._pool.submit(work)


_THREADS: Final = _Threads()

_LONGEST_QUEUE: Final = 5.0
"""Seconds that a visitor waits for one of these threads."""
_TOO_MANY: Final = "too many are waiting for the record store"


async def _in_thread(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, while the event loop goes on: asyncio's or trio's.

    Raises `RecordStoreUnavailable` where so many wait for the store that it was not begun in time.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules["trio"]  # whoever runs us without asyncio has it
        with trio.move_on_after(_LONGEST_QUEUE):
            return cast("T", await trio.to_thread.run_sync(work))
        raise RecordStoreUnavailable(_TOO_MANY) from None
    job = _THREADS.submit(work)
    future = asyncio.wrap_future(job)
    try:
        await asyncio.wait([future], timeout=_LONGEST_QUEUE)
    except asyncio.CancelledError:  # the visitor is gone
        job.cancel()
        raise
    if not future.done() and job.cancel():
        raise RecordStoreUnavailable(_TOO_MANY)
    return await future


async def _read_body(receive: Receive) -> bytes | None:
    """Return the request's body, or None where it is too long or breaks off."""
    body = b""
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body if len(body) <= MAX_BODY else None
    return None


def page_request_from(scope: Scope, body: bytes | None = b"") -> PageRequest:
    """Return a request as the visitor's pages want it, to render a banner for it.

    Raises `MiddlewareMissing` where the request did not pass through the middleware.
    """
    _, path = split_path(scope)
    query = cast("bytes", scope.get("query_string", b"")).decode("latin-1")
    return PageRequest(_visit_from(scope), scope.get("method", "GET"), path, query, body)


class ASGIVisit(Visit):
    """One connection as the gate sees it."""

    @property
    def request(self) -> ScopeRequest:
        """The request, read from the scope."""
        return ScopeRequest(self.carrier)


def open_visit(gate: Gate, scope: Scope) -> ASGIVisit:
    """Return the visit of a request, and hide from ``scope`` what may not be read (R17)."""
    scope[VISIT_KEY] = visit = ASGIVisit(gate, scope)
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookie = value.decode("latin-1")
            visit.cookie = f"{visit.cookie}; {cookie}" if visit.cookie else cookie
    if visit.cookie and visit.needs_look():
        scope["headers"] = _readable(visit, scope["headers"])
    visit.carrier = None
    return visit


def _readable(visit: Visit, headers: Iterable[Header]) -> list[Header]:
    """Return ``headers`` with each Cookie header as the application may read it."""
    released: list[Header] = []
    for header in headers:
        name, value = header
        if name != b"cookie":
            released.append(header)
            continue
        cookie = value.decode("latin-1")
        readable = visit.readable(cookie)
        if readable is cookie:
            released.append(header)
        elif readable:
            released.append((name, readable.encode("latin-1")))
    return released


def release(visit: Visit, message: Message) -> Message:
    """Return what leaves instead of ``message``; ``message`` itself where nothing changes."""
    if message["type"] not in _WITH_HEADERS:
        return message
    headers: list[ResponseHeader] = message.get("headers", _NO_HEADERS)
    if not isinstance(headers, list):  # pyright: ignore[reportUnnecessaryIsInstance] - an iterator
        headers = list(headers)
        message = {**message, "headers": headers}
    lines = 0
    changes: dict[int, str | None] = {}
    for name, value in headers:
        if name in _other_names or not (name == b"set-cookie" or is_set_cookie(name)):
            continue
        line = value if isinstance(value, str) else value.decode("latin-1")
        judged = visit.judge(line)
        if judged is not line:
            changes[lines] = judged
        lines += 1
    released: list[ResponseHeader] = _changed(headers, changes) if changes else headers
    if visit.adds:
        released = _add(visit, released, not_modified=message.get("status") == _NOT_MODIFIED)
    visit.released = True
    visit.carrier = None
    return message if released is headers else {**message, "headers": released}


def _changed(
    headers: Iterable[ResponseHeader], changes: Mapping[int, str | None]
) -> list[ResponseHeader]:
    """Return ``headers`` with another Set-Cookie line, or none, for each number in ``changes``."""
    released: list[ResponseHeader] = []
    lines = count()
    for header in headers:
        name, value = header
        if name in _other_names or not (name == b"set-cookie" or is_set_cookie(name)):
            released.append(header)
            continue
        line = changes.get(next(lines), value)
        if line is value:
            released.append(header)
        elif line is not None:
            released.append((name, line if isinstance(line, bytes) else line.encode("latin-1")))
    return released


def _add(
    visit: Visit, headers: list[ResponseHeader], *, not_modified: bool
) -> list[ResponseHeader]:
    """Return ``headers`` with what the gate adds to them."""
    added, superseded = visit.additions(_decoded(headers), not_modified=not_modified)
    if superseded:
        headers = [each for each in headers if _text(each[0]).strip().lower() not in superseded]
    return headers + [(_OCTETS[name], value.encode("latin-1")) for name, value in added]


def _texts(message: Message) -> list[tuple[str, str]]:
    """Return the headers of ``message`` as text."""
    message["headers"] = headers = list(message.get("headers", ()))  # it may be an iterator
    return _decoded(headers)


def _decoded(headers: Iterable[ResponseHeader]) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in headers]


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("latin-1")


def consent_from(scope: Scope) -> Consent:
    """Return the consent of the visitor who made this request.

    Raises `MiddlewareMissing` where the request did not pass through the middleware.
    """
    visit = _visit_from(scope)
    consent = visit.consent
    if visit.released:
        visit.carrier = None
    return consent


def _visit_from(scope: Scope) -> Visit:
    visit: Visit | None = scope.get(VISIT_KEY)
    if visit is None:
        raise MiddlewareMissing
    visit.carrier = scope
    return visit
