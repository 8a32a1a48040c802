"""httpx transports into an application of this process: blocking, bounded, with a browser's jar."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote_to_bytes

import httpx
from asgi_lifespan import LifespanManager, LifespanNotSupported

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Generator, MutableMapping
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from consentgate.client.application import Application
    from consentgate.client.jar import Jar

    Header = tuple[str, str]
    Message = MutableMapping[str, Any]
    Send = Callable[[Message], Awaitable[None]]
    ASGIApplication = Callable[[Any, Any, Send], Awaitable[None]]

logger = logging.getLogger("consentgate")

_LONGEST_BODY: Final = 1024 * 1024
_LONGEST_START: Final = 60.0
"""Seconds; some applications load models, or fill caches."""
_PIECE_OF_NOTHING: Final = {"type": "http.response.body", "body": b"", "more_body": False}


@contextmanager
def new_transport(application: Application, *, timeout: float) -> Generator[httpx.BaseTransport]:
    """Give a transport that asks ``application``, which is started before and ended after.

    An answer of ASGI ends after ``timeout`` seconds, or 1 MiB, as if the visitor had left; what
    WSGI computes cannot be interrupted.
    """
    if application.interface == "wsgi":
        yield WSGITransport(application.call)
        return
    with asyncio.Runner() as runner, _started(application.call, runner, timeout) as app:
        yield ASGITransport(app, runner, timeout)


class WSGITransport(httpx.BaseTransport):
    """Ask a WSGI application; what it raises, the caller gets.

    Not httpx's own, which takes ASCII alone and wants ``start_response`` before the first piece.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; of the body at most 1 MiB."""
        started: list[tuple[str, list[Header]]] = []
        body = bytearray()

        def start_response(
            status: str, headers: list[Header], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            del exc_info  # nothing has left that it could come too late for
            started[:] = [(status, headers)]
            return body.extend

        answer = self._app(_environ(request), start_response)
        try:
            for piece in answer:
                body += piece
                if len(body) > _LONGEST_BODY:
                    break
        finally:
            getattr(answer, "close", bool)()
        return _response(started, bytes(body))


def _environ(request: httpx.Request) -> WSGIEnvironment:
    """Return the request as PEP 3333 has it: octets as latin-1 text."""
    url = request.url
    path = url.raw_path.partition(b"?")[0]
    body = request.read()
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": url.query.decode("latin-1"),
        "SERVER_NAME": url.host,
        "SERVER_PORT": str(url.port or {"http": 80, "https": 443}[url.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.raw:
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _response(started: list[tuple[str, list[Header]]], body: bytes) -> httpx.Response:
    if not started:
        raise RuntimeError("the application answered without start_response")
    status, headers = started[0]
    octets = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return httpx.Response(int(status.split()[0]), headers=octets, content=body)


class ASGITransport(httpx.BaseTransport):
    """Ask an ASGI application that was started in the event loop of ``runner``.

    Who opens it is not who closes it: `httpx.Client` closes transports, and another may follow.
    """

    def __init__(self, app: ASGIApplication, runner: asyncio.Runner, timeout: float) -> None:
        self._runner = runner
        self._transport = httpx.ASGITransport(Bounded(app, timeout), raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        return self._runner.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        stream = cast("AsyncIterable[bytes]", answer.stream)  # still compressed, where it is
        body = b"".join([piece async for piece in stream])
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


@contextmanager
def _started(
    app: ASGIApplication, runner: asyncio.Runner, timeout: float
) -> Generator[ASGIApplication]:
    """Start ``app``, where it has a lifespan, and end it afterwards; what it raises then is logged.

    Raises what it raises where it cannot start.
    """
    manager = runner.run(_enter(app, timeout))
    if manager is None:
        yield app
        return
    try:
        yield cast("ASGIApplication", manager.app)
    finally:
        runner.run(_leave(manager))


async def _enter(app: ASGIApplication, longest_end: float) -> LifespanManager | None:
    manager = LifespanManager(
        _Lifespan(app),
        startup_timeout=max(longest_end, _LONGEST_START),
        shutdown_timeout=longest_end,
    )
    try:
        return await manager.__aenter__()
    except LifespanNotSupported:
        return None


async def _leave(manager: LifespanManager) -> None:
    try:
        await manager.__aexit__(None, None, None)
    except Exception as error:  # what it was asked for is answered
        logger.warning("the application did not end in order: %r", error)


class _Lifespan:
    """An ASGI application whose lifespan says what it has to, or raises.

    Else who waits for it would wait forever: for the application that ignores what is no request,
    and for the one that says that it cannot start.
    """

    def __init__(self, app: ASGIApplication) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Hand on one scope."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failures: list[Message] = []

        async def heard(message: Message) -> None:
            if message["type"].endswith(".failed"):
                failures.append(message)
            else:
                await send(message)

        await self._app(scope, receive, heard)
        if failures:
            reason = failures[0].get("message") or "without saying why"
            raise RuntimeError(f"the application failed to start or to end: {reason}")
        for step in ("startup", "shutdown"):
            await send({"type": f"lifespan.{step}.complete"})


class Bounded:
    """An ASGI application whose answers end, whatever they stream.

    Raises `TimeoutError` where none has begun in time.
    """

    def __init__(self, app: ASGIApplication, timeout: float) -> None:
        self._app = app
        self._timeout = timeout

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Answer one request."""
        begun = False
        octets = 0

        async def bounded_send(message: Message) -> None:
            nonlocal begun, octets
            begun = begun or message["type"] == "http.response.start"
            octets += len(message.get("body", b""))
            if octets > _LONGEST_BODY:
                raise _EnoughError
            await send(message)

        try:
            async with asyncio.timeout(self._timeout):
                await self._app(scope, receive, bounded_send)
        except (TimeoutError, _EnoughError):
            if not begun:
                raise
            await send(dict(_PIECE_OF_NOTHING))


class _EnoughError(Exception):
    """The answer is longer than anybody wants to read."""


def _nobody(request: httpx.Request, response: httpx.Response) -> None:
    del request, response


class JarTransport(httpx.BaseTransport):
    """Send what the jar has, and store in it what the answers set, as a browser would.

    ``hear`` is given each request with its response, before anybody else sees it.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport,
        jar: Jar,
        hear: Callable[[httpx.Request, httpx.Response], object] = _nobody,
    ) -> None:
        self._transport = transport
        self._jar = jar
        self._hear = hear

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        url = str(request.url)
        # Whoever asks with a jar of httpx's own, which reads otherwise, has had their say.
        headers = [header for header in request.headers.raw if header[0].lower() != b"cookie"]
        if cookie := self._jar.header(url):
            headers.append((b"Cookie", cookie.encode("latin-1")))
        request.headers = httpx.Headers(headers)
        response = self._transport.handle_request(request)
        for line in set_cookie_lines(response):
            self._jar.store(url, line)
        self._hear(request, response)
        return response


def new_client(transport: JarTransport, url: str, **options: Any) -> httpx.Client:
    """Return a client of one visitor, who asks for paths of ``url``.

    Without httpx's own jar, which fails at cookies with anything outside ASCII. ``options`` are
    those of `httpx.Client`.
    """
    keeps_nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(transport=transport, base_url=url, cookies=keeps_nothing, **options)


def set_cookie_lines(response: httpx.Response) -> list[str]:
    """Return the Set-Cookie lines of a response as latin-1 text, in order."""
    return [
        value.decode("latin-1").strip(" \t")
        for name, value in response.headers.raw
        if name.lower() == b"set-cookie"
    ]
