"""One small site, as plain WSGI and as plain ASGI, that answers whatever the query string asks.

`?cookie=` is a raw Set-Cookie value and `?header=` a raw `Name:value`, both percent-encoded and
repeatable; `?status=` and `?chunks=` say what they say. `?release=` is a local port: the last body
piece is held back until somebody accepts a connection there and closes it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, quote

from consentgate import Gate, Policy, asgi, wsgi
from consentgate.pages import ConsentPages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

RELEASE_DEADLINE = 10.0


class SiteError(Exception):
    """Raised by the site where a path asks for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query string asks the site to answer."""

    status: int
    cookies: list[str]
    headers: list[tuple[str, str]]
    pieces: list[bytes]
    release: int

    @classmethod
    def in_query(cls, query: str) -> Asked:
        """Read a query string, where a byte is a Latin-1 character as in WSGI."""
        pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
        last = dict(pairs)
        lines = [value.partition(":") for key, value in pairs if key == "header"]
        return cls(
            status=int(last.get("status", "200")),
            cookies=[value for key, value in pairs if key == "cookie"],
            headers=[(name, value) for name, _, value in lines],
            pieces=[b"piece %d\n" % n for n in range(1, int(last.get("chunks", "1")) + 1)],
            release=int(last.get("release", "0")),
        )

    @property
    def bodiless(self) -> bool:
        """True where HTTP allows no body whatever the method."""
        return self.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


def target(path: str, **wishes: object) -> str:
    """Write the request target that asks for these wishes; a list repeats its parameter."""
    pairs = [
        (key, value)
        for key, wish in wishes.items()
        for value in (wish if isinstance(wish, list) else [wish])
    ]
    return path + "?" + "&".join(f"{key}={quote(_text(value), safe='')}" for key, value in pairs)


@contextmanager
def held() -> Iterator[tuple[int, Callable[[], None]]]:
    """Give a port for `?release=` and the call that lets the answer held there go on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(RELEASE_DEADLINE)

        def release() -> None:
            listener.accept()[0].close()

        yield listener.getsockname()[1], release


def _text(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("latin-1")


# -- WSGI -----------------------------------------------------------------------------------


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer by path; any path without an answer of its own gets the plain one."""
    return WSGI_PATHS.get(environ["PATH_INFO"], wsgi_plain)(environ, start_response)


def wsgi_plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with all that was asked, the body as a list."""
    asked = _asked_wsgi(environ)
    start_response(*_wsgi_head(asked))
    return [] if asked.bodiless or environ["REQUEST_METHOD"] == "HEAD" else asked.pieces


def wsgi_echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the Cookie header as the application sees it."""
    start_response(*_wsgi_head(_asked_wsgi(environ)))
    return [environ.get("HTTP_COOKIE", "").encode("latin-1")]


def wsgi_stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer piece by piece, the last one when released."""
    asked = _asked_wsgi(environ)
    start_response(*_wsgi_head(asked))
    return _released_pieces(asked)


def wsgi_lazy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Call `start_response` only when the first piece is asked for, as PEP 3333 allows."""
    asked = _asked_wsgi(environ)
    start_response(*_wsgi_head(asked))
    yield from asked.pieces


def wsgi_write(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer through the `write` callable, the last piece when released."""
    asked = _asked_wsgi(environ)
    write = start_response(*_wsgi_head(asked))
    for piece in _released_pieces(asked):
        write(piece)
    return []


def wsgi_restart(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Start one answer, fail, and start the asked one with `exc_info`."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "first=1")])
    try:
        _fail("replaced by another answer")
    except SiteError:
        start_response(*_wsgi_head(_asked_wsgi(environ)), sys.exc_info())
    return [b"restarted\n"]


def wsgi_raise_early(_environ: WSGIEnvironment, _start: StartResponse) -> Iterable[bytes]:
    """Fail before the headers."""
    raise SiteError("before the headers")


def wsgi_raise_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fail when the headers were given and no body was."""
    start_response(*_wsgi_head(_asked_wsgi(environ)))
    raise SiteError("after the headers")


def wsgi_raise_in_body(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fail after the first body piece."""
    asked = _asked_wsgi(environ)
    start_response(*_wsgi_head(asked))
    return _broken_pieces(asked)


WSGI_PATHS: dict[str, WSGIApplication] = {
    "/echo": wsgi_echo,
    "/stream": wsgi_stream,
    "/lazy": wsgi_lazy,
    "/write": wsgi_write,
    "/restart": wsgi_restart,
    "/raise/early": wsgi_raise_early,
    "/raise/late": wsgi_raise_late,
    "/raise/body": wsgi_raise_in_body,
}


def _asked_wsgi(environ: WSGIEnvironment) -> Asked:
    return Asked.in_query(environ["QUERY_STRING"])


def _wsgi_head(asked: Asked) -> tuple[str, list[tuple[str, str]]]:
    cookies = [("Set-Cookie", cookie) for cookie in asked.cookies]
    plain = [] if asked.bodiless else [("Content-Type", "text/plain")]
    return f"{asked.status} {HTTPStatus(asked.status).phrase}", plain + asked.headers + cookies


def _fail(reason: str) -> NoReturn:
    raise SiteError(reason)


def _released_pieces(asked: Asked) -> Iterator[bytes]:
    yield from asked.pieces[:-1]
    if asked.release:
        with _releaser(asked.release) as releaser:
            releaser.recv(1)
    yield asked.pieces[-1]


def _releaser(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=RELEASE_DEADLINE)


def _broken_pieces(asked: Asked) -> Iterator[bytes]:
    yield asked.pieces[0]
    raise SiteError("within the body")


# -- ASGI -----------------------------------------------------------------------------------


async def asgi_app(scope: Message, receive: Receive, send: Send) -> None:
    """Answer by protocol and path, as the WSGI site does."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await asgi_websocket(scope, receive, send)
    else:
        await ASGI_PATHS.get(scope["path"], asgi_plain)(scope, send)


async def asgi_plain(scope: Message, send: Send) -> None:
    """Answer with all that was asked."""
    asked = _asked_asgi(scope)
    await _start(send, asked)
    await _body(send, [] if asked.bodiless or scope["method"] == "HEAD" else asked.pieces)


async def asgi_echo(scope: Message, send: Send) -> None:
    """Answer with the Cookie headers as the application sees them, one a line."""
    await _start(send, _asked_asgi(scope))
    await _body(send, [_cookies_seen(scope)])


async def asgi_stream(scope: Message, send: Send) -> None:
    """Answer piece by piece, the last one when released."""
    asked = _asked_asgi(scope)
    await _start(send, asked)
    for piece in asked.pieces[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if asked.release:
        await _released(asked.release)
    await send({"type": "http.response.body", "body": asked.pieces[-1]})


async def asgi_raise_early(_scope: Message, _send: Send) -> None:
    """Fail before the headers."""
    raise SiteError("before the headers")


async def asgi_raise_late(scope: Message, send: Send) -> None:
    """Fail when the headers were given and no body was."""
    await _start(send, _asked_asgi(scope))
    raise SiteError("after the headers")


async def asgi_raise_in_body(scope: Message, send: Send) -> None:
    """Fail after the first body piece."""
    asked = _asked_asgi(scope)
    await _start(send, asked)
    await send({"type": "http.response.body", "body": asked.pieces[0], "more_body": True})
    raise SiteError("within the body")


async def asgi_websocket(scope: Message, receive: Receive, send: Send) -> None:
    """Accept with the cookies asked for and say which were seen; any other status refuses."""
    await receive()
    asked = _asked_asgi(scope)
    if asked.status == HTTPStatus.OK:
        await send({"type": "websocket.accept", "headers": _asgi_headers(asked)})
        await send({"type": "websocket.send", "text": _cookies_seen(scope).decode("latin-1")})
        await send({"type": "websocket.close"})
    else:
        await _start(send, asked, "websocket.http.response")
        await send({"type": "websocket.http.response.body", "body": b"refused\n"})


ASGI_PATHS: dict[str, Callable[[Message, Send], Awaitable[None]]] = {
    "/echo": asgi_echo,
    "/stream": asgi_stream,
    "/raise/early": asgi_raise_early,
    "/raise/late": asgi_raise_late,
    "/raise/body": asgi_raise_in_body,
}


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _asked_asgi(scope: Message) -> Asked:
    return Asked.in_query(scope["query_string"].decode("latin-1"))


def _asgi_headers(asked: Asked) -> list[tuple[bytes, bytes]]:
    named = [*asked.headers, *(("set-cookie", cookie) for cookie in asked.cookies)]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named]


def _cookies_seen(scope: Message) -> bytes:
    return b"\n".join(value for name, value in scope["headers"] if name == b"cookie")


async def _start(send: Send, asked: Asked, prefix: str = "http.response") -> None:
    plain = [] if asked.bodiless else [(b"content-type", b"text/plain")]
    headers = plain + _asgi_headers(asked)
    await send({"type": f"{prefix}.start", "status": asked.status, "headers": headers})


async def _body(send: Send, pieces: list[bytes]) -> None:
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _released(port: int) -> None:
    async with asyncio.timeout(RELEASE_DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.read(1)
        writer.close()


# -- the same site behind the gate ------------------------------------------------------------

POLICY: dict[str, Any] = {
    "version": "2026-11",
    "cookies": [
        {"name": "_ga", "category": "statistics", "max_age": "13 months"},
        {"name": "_fbp", "category": "advertising"},
        {"name": "session", "category": "necessary"},
    ],
}
SECRET_KEYS = ["test key"]

gate = Gate(Policy.from_mapping(POLICY), secret_keys=SECRET_KEYS)
pages = ConsentPages(gate)
gated_wsgi_app = wsgi.ConsentGateMiddleware(wsgi_app, gate, pages=pages)
gated_asgi_app = asgi.ConsentGateMiddleware(asgi_app, gate, pages=pages)
