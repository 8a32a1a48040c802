"""The gate around an ASGI application: headers in, headers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consentgate.exceptions import MiddlewareMissing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from consentgate.consent import Consent
    from consentgate.gate import Gate, Visit

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
    Header = tuple[bytes, bytes]

__all__ = ["ConsentGateMiddleware", "consent_from"]

VISIT_KEY = "consentgate.visit"

_WITH_HEADERS: Final = frozenset(
    {"http.response.start", "websocket.accept", "websocket.http.response.start"}
)


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
        path, root = cast("str", self._scope["path"]), cast("str", self._scope.get("root_path", ""))
        return path if path.startswith(root) else root + path

    def is_secure(self) -> bool:
        """Whether the server says the request came over TLS."""
        return self._scope.get("scheme") in ("https", "wss")


class ConsentGateMiddleware:
    """Keep the cookies of an ASGI application within ``gate``'s policy.

    Put it outside every other middleware: ``app = ConsentGateMiddleware(app, gate)``. Messages
    are forwarded at once; every response passes through, and the answers to a websocket's
    handshake with them (R4). Lifespan and unknown scopes pass untouched.
    """

    def __init__(self, app: ASGIApplication, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        visit = open_visit(self.gate, scope)

        # Not a coroutine: it would be one more to drive for every message.
        def gated_send(message: Message) -> Awaitable[None]:
            if message["type"] in _WITH_HEADERS:
                message = release(visit, message)
            return send(message)

        await self.app(scope, receive, gated_send)


def open_visit(gate: Gate, scope: Scope) -> Visit:
    """Return the visit of a request, and hide from ``scope`` what may not be read (R17)."""
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    visit = gate.visit(ScopeRequest(scope), b"; ".join(cookies).decode("latin-1"))
    scope[VISIT_KEY] = visit
    if cookies:
        readable = [visit.readable(value.decode("latin-1")) for value in cookies]
        if "; ".join(readable) != visit.cookie:
            _hide(scope, readable)
    return visit


def _hide(scope: Scope, readable: Iterable[str]) -> None:
    """Put ``readable`` in the place of the Cookie headers, one by one (HTTP/2 may have many)."""
    remaining = iter(readable)
    headers = [
        (name, next(remaining).encode("latin-1") if name == b"cookie" else value)
        for name, value in scope["headers"]
    ]
    scope["headers"] = [header for header in headers if header != (b"cookie", b"")]


def release(visit: Visit, message: Message) -> Message:
    """Return what leaves instead of ``message``; ``message`` itself where nothing changes."""
    headers: Iterable[Header] = message.get("headers", ())
    if not isinstance(headers, (list, tuple)):
        headers = list(headers)
        message = {**message, "headers": headers}
    if not visit.asked and not any(is_set_cookie(name) for name, _ in headers):
        return message
    released: list[Header] = []
    for header in headers:
        name, value = header
        if not is_set_cookie(name):
            released.append(header)
            continue
        line = value.decode("latin-1")
        judged = visit.judge(line)
        if judged is not None:
            released.append(header if judged is line else (name, judged.encode("latin-1")))
    vary = [value.decode("latin-1") for name, value in headers if name.lower() == b"vary"]
    released.extend(
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in visit.additions(vary)
    )
    return {**message, "headers": released}


def is_set_cookie(name: bytes) -> bool:
    """Whether a header of this name sets a cookie, in whatever case and with blanks around."""
    return len(name) >= len("set-cookie") and name.strip().lower() == b"set-cookie"


def consent_from(scope: Scope) -> Consent:
    """Return the consent of the visitor who made this request.

    Raises `MiddlewareMissing` where the request did not pass through the middleware.
    """
    visit = cast("Visit | None", scope.get(VISIT_KEY))
    if visit is None:
        raise MiddlewareMissing
    return visit.consent
