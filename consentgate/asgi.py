"""The gate around an ASGI application: headers in, headers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consentgate.exceptions import MiddlewareMissing
from consentgate.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from consentgate.consent import Consent
    from consentgate.gate import Gate

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
    Header = tuple[bytes, bytes]
    # Octets by the specification; some servers take text as well.
    ResponseHeader = tuple[bytes | str, bytes | str]

__all__ = ["ConsentGateMiddleware", "consent_from"]

VISIT_KEY = "consentgate.visit"

_NOT_MODIFIED: Final = 304
_MOST_NAMES: Final = 256
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

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def header(self, name: str) -> str:
        """Return the request header called ``name``, repetitions joined by commas."""
        wanted = name.encode("latin-1")
        values = [value for key, value in self._scope["headers"] if key == wanted]
        return b",".join(values).decode("latin-1")

    def path(self) -> str:
        """Return the path, below ``root_path`` where the server leaves that out of it."""
        path = cast("str", self._scope["path"])
        root = cast("str", self._scope.get("root_path", "")).rstrip("/")
        return path if path == root or path.startswith(f"{root}/") else root + path

    def is_secure(self) -> bool:
        """Whether the server says the request came over TLS."""
        return self._scope.get("scheme") in ("https", "wss")


class ConsentGateMiddleware:
    """Keep the cookies of an ASGI application within ``gate``'s policy.

    Put it outside every other middleware: ``app = ConsentGateMiddleware(app, gate)``. Messages
    are forwarded at once; every response passes through, and the answers to a websocket's
    handshake with them (R4). Lifespan and unknown scopes pass untouched, and so does what
    another gate around this one judges already.
    """

    def __init__(self, app: ASGIApplication, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        outer = scope.get(VISIT_KEY)
        is_judged = outer is not None and outer.covers(self.gate)
        if is_judged or scope["type"] not in _WITH_COOKIES:
            await self.app(scope, receive, send)
            return
        visit = open_visit(self.gate, scope)

        # Not a coroutine: it would be one more to drive for every message.
        def gated_send(message: Message) -> Awaitable[None]:
            if "headers" in message or not visit.released:
                message = release(visit, message)
            return send(message)

        try:
            await self.app(scope, receive, gated_send)
        finally:
            visit.released = True  # whoever answers now with this scope is gated anew


def open_visit(gate: Gate, scope: Scope) -> Visit:
    """Return the visit of a request, and hide from ``scope`` what may not be read (R17)."""
    scope[VISIT_KEY] = visit = Visit(gate, ScopeRequest, scope)
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookie = value.decode("latin-1")
            visit.cookie = f"{visit.cookie}; {cookie}" if visit.cookie else cookie
    if visit.cookie and visit.needs_look(visit.cookie):
        scope["headers"] = _readable(visit, scope["headers"])
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
    headers: Iterable[ResponseHeader] = message.get("headers", ())
    if not isinstance(headers, (list, tuple)):
        headers = list(headers)
        message = {**message, "headers": headers}
    for name, _ in headers:
        if name == b"set-cookie" or (name not in _other_names and is_set_cookie(name)):
            break
    else:
        if not visit.adds:
            visit.released = True
            return message
    released = _judge(visit, headers)
    if visit.adds:
        released = _add(visit, released, not_modified=message.get("status") == _NOT_MODIFIED)
    visit.released = True
    return {**message, "headers": released}


def _judge(visit: Visit, headers: Iterable[ResponseHeader]) -> list[ResponseHeader]:
    released: list[ResponseHeader] = []
    for header in headers:
        name, value = header
        if name != b"set-cookie" and (name in _other_names or not is_set_cookie(name)):
            released.append(header)
            continue
        line = _text(value)
        judged = visit.judge(line)
        if judged is line:
            released.append(header)
        elif judged is not None:
            released.append((name, judged.encode("latin-1")))
    return released


def _add(
    visit: Visit, headers: list[ResponseHeader], *, not_modified: bool
) -> list[ResponseHeader]:
    """Return ``headers`` with what the gate adds to them."""
    as_text = [(_text(name), _text(value)) for name, value in headers]
    added, superseded = visit.additions(as_text, not_modified=not_modified)
    if superseded:
        headers = [each for each in headers if _text(each[0]).strip().lower() not in superseded]
    octets = ((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in added)
    return [*headers, *octets]


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("latin-1")


def consent_from(scope: Scope) -> Consent:
    """Return the consent of the visitor who made this request.

    Raises `MiddlewareMissing` where the request did not pass through the middleware.
    """
    visit = cast("Visit | None", scope.get(VISIT_KEY))
    if visit is None:
        raise MiddlewareMissing
    return visit.consent
