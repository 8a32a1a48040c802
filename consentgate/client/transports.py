"""Asking an application of this process over httpx, with a browser's jar."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx

from consentgate.client.asgi import ASGITransport
from consentgate.client.lifespan import started
from consentgate.client.wsgi import WSGITransport

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from consentgate.client.application import Application
    from consentgate.client.jar import Jar

__all__ = ["JarTransport", "new_client", "new_transport", "set_cookie_lines"]


@contextmanager
def new_transport(application: Application, *, timeout: float) -> Generator[httpx.BaseTransport]:
    """Give a transport that asks ``application``, which is started before and ended after.

    An answer ends after ``timeout`` seconds, or 1 MiB, as if the visitor had left. What computes
    without sending anything cannot be interrupted: in WSGI whatever it does, in ASGI what does not
    await. The start of an ASGI application may take 60 seconds, or ``timeout`` where that is more;
    then `TimeoutError` is raised.
    """
    if application.interface == "wsgi":
        yield WSGITransport(application.call, timeout)
        return
    with asyncio.Runner() as runner, started(application.call, runner, timeout) as app:
        yield ASGITransport(app, runner, timeout)


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

    Without httpx's own jar, which fails at cookies with anything outside ASCII, and content with
    what is not compressed. ``options`` are those of `httpx.Client`.
    """
    keeps_nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    headers = httpx.Headers({"Accept-Encoding": "identity"})
    headers.update(options.pop("headers", None))
    return httpx.Client(
        transport=transport, base_url=url, cookies=keeps_nothing, headers=headers, **options
    )


def set_cookie_lines(response: httpx.Response) -> list[str]:
    """Return the Set-Cookie lines of a response as latin-1 text, in order."""
    return [
        value.decode("latin-1").strip(" \t")
        for name, value in response.headers.raw
        if name.lower() == b"set-cookie"
    ]
