"""One small site behind a gate, asked by every client whose responses users assert on.

Each path sets the same cookies; `/away` redirects home, and `/accept` and `/withdraw` decide.
What stands outside the gate may set cookies of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import django_site
import fastapi
import flask
import flask_consentgate
import httpx
import requests
from django.http import HttpResponseRedirect
from django.test import AsyncClient, Client
from django_consentgate import consent_from as django_consent
from in_thread import HOST, under_werkzeug
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette_consentgate import ConsentGateMiddleware
from starlette_consentgate import consent_from as starlette_consent

from consentgate import asgi, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from consentgate import Consent, Gate

    Lines = Sequence[str]
    Get = Callable[[str], Any]


class Asking(NamedTuple):
    """A client, and how to ask it for a path and follow redirects."""

    client: Any
    get: Get


def _decide(path: str, consent: Callable[[], Consent]) -> None:
    if path == "/accept":
        consent().grant("statistics")
    if path == "/withdraw":
        consent().withdraw()


def _status(path: str) -> int:
    return 302 if path == "/away" else 200


# -- The site as WSGI, as ASGI and in each framework ----------------------------------------


def wsgi_site(gate: Gate, lines: Lines, outside: Lines) -> Any:
    """Return the site as plain WSGI."""

    def site(environ: Any, start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        _decide(path, lambda: wsgi.consent_from(environ))
        headers = [("Location", "/"), *(("Set-Cookie", line) for line in lines)]
        start_response(f"{_status(path)} -", headers)
        return [b"Hello"]

    return _outside_wsgi(wsgi.ConsentGateMiddleware(site, gate), outside)


def _outside_wsgi(app: Any, outside: Lines) -> Any:
    def middleware(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            more = [("Set-Cookie", line) for line in outside]
            return start_response(status, [*headers, *more], exc_info)

        return app(environ, start)

    return middleware


def asgi_site(gate: Gate, lines: Lines, outside: Lines) -> Any:
    """Return the site as plain ASGI."""

    async def site(scope: Any, receive: Any, send: Any) -> None:
        _decide(scope["path"], lambda: asgi.consent_from(scope))
        headers = [
            (b"location", b"/"),
            *((b"set-cookie", line.encode("latin-1")) for line in lines),
        ]
        status = _status(scope["path"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"Hello"})

    return _outside_asgi(asgi.ConsentGateMiddleware(site, gate), outside)


def _outside_asgi(app: Any, outside: Lines) -> Any:
    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        async def send_more(message: Any) -> None:
            if message["type"] == "http.response.start":
                more = [(b"set-cookie", line.encode("latin-1")) for line in outside]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await app(scope, receive, send_more)

    middleware.app = app  # type: ignore[attr-defined]  # as middleware is wont to
    return middleware


def flask_site(gate: Gate, lines: Lines, outside: Lines) -> flask.Flask:
    """Return the site as a Flask application."""
    app = flask.Flask("shop")

    def view(path: str = "") -> flask.Response:
        _decide(f"/{path}", lambda: flask_consentgate.consent_from(flask.request))
        answer = flask.Response("Hello", _status(f"/{path}"), {"Location": "/"})
        for line in lines:
            answer.headers.add("Set-Cookie", line)
        return answer

    app.add_url_rule("/", "home", view)
    app.add_url_rule("/<path>", "path", view)
    flask_consentgate.ConsentGate(app, gate=gate, pages=None)
    app.wsgi_app = _outside_wsgi(app.wsgi_app, outside)  # type: ignore[method-assign]
    return app


def starlette_site(gate: Gate, lines: Lines) -> Starlette:
    """Return the site as a Starlette application."""
    app = Starlette(routes=[Route("/{path:path}", _starlette_view(lines))])
    app.add_middleware(ConsentGateMiddleware, gate=gate, pages=None)
    return app


def fastapi_site(gate: Gate, lines: Lines) -> fastapi.FastAPI:
    """Return the site as a FastAPI application."""
    app = fastapi.FastAPI()
    app.add_route("/{path:path}", _starlette_view(lines))
    app.add_middleware(ConsentGateMiddleware, gate=gate, pages=None)
    return app


def _starlette_view(lines: Lines) -> Any:
    async def view(request: Any) -> Response:
        _decide(request.url.path, lambda: starlette_consent(request))
        answer = Response("Hello", _status(request.url.path), {"Location": "/"})
        for line in lines:
            answer.headers.append("Set-Cookie", line)
        return answer

    return view


# -- Each client ----------------------------------------------------------------------------


@contextmanager
def by_flask(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask with Flask's test client."""
    client = flask_site(gate, lines, outside).test_client()
    yield Asking(client, lambda path: client.get(path, follow_redirects=True))


class Outside:
    """Django middleware that sets cookies outside the gate."""

    lines: Lines = ()

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and add to what is answered."""
        answer = self._get_response(request)
        for number, line in enumerate(self.lines):
            answer.cookies[f"outside {number}"] = django_site.Line(line)
        return answer


@contextmanager
def _django_site(gate: Gate, lines: Lines, outside: Lines) -> Iterator[None]:
    def view(request: HttpRequest) -> HttpResponseBase:
        _decide(request.path, lambda: django_consent(request))
        answer = django_site.setting(*lines)
        if _status(request.path) == HTTPStatus.OK:
            return answer
        away = HttpResponseRedirect("/")
        away.cookies = answer.cookies
        return away

    Outside.lines = outside
    django_site._served.update(gate=gate, pages=None)
    middleware = ["client_sites.Outside", "django_site.served_gate"]
    with django_site.site(view, MIDDLEWARE=middleware):
        yield


@contextmanager
def by_django(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask with Django's test client."""
    with _django_site(gate, lines, outside):
        client = Client()
        yield Asking(client, lambda path: client.get(path, follow=True))


@contextmanager
def by_async_django(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask with Django's asynchronous test client."""
    with _django_site(gate, lines, outside):
        client = AsyncClient()
        yield Asking(client, lambda path: asyncio.run(client.get(path, follow=True)))


@contextmanager
def by_starlette(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask a Starlette application with its test client."""
    client = TestClient(_outside_asgi(starlette_site(gate, lines), outside))
    yield Asking(client, client.get)


@contextmanager
def by_fastapi(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask a FastAPI application with its test client."""
    client = TestClient(_outside_asgi(fastapi_site(gate, lines), outside))
    yield Asking(client, client.get)


@contextmanager
def by_httpx(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask a WSGI application with httpx."""
    transport = httpx.WSGITransport(wsgi_site(gate, lines, outside))
    url = "http://shop.example"
    with httpx.Client(transport=transport, base_url=url, follow_redirects=True) as client:
        yield Asking(client, client.get)


@contextmanager
def by_async_httpx(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask an ASGI application with httpx's asynchronous client."""
    transport = httpx.ASGITransport(asgi_site(gate, lines, outside))
    url = "http://shop.example"
    client = httpx.AsyncClient(transport=transport, base_url=url, follow_redirects=True)
    yield Asking(client, lambda path: asyncio.run(client.get(path)))
    asyncio.run(client.aclose())


@contextmanager
def by_requests(gate: Gate, lines: Lines, outside: Lines = ()) -> Iterator[Asking]:
    """Ask a server on this machine with requests."""
    with under_werkzeug(wsgi_site(gate, lines, outside)) as port, requests.Session() as client:
        client.trust_env = False
        yield Asking(client, lambda path: client.get(f"http://{HOST}:{port}{path}"))


CLIENTS = {
    "Flask": by_flask,
    "Django": by_django,
    "Django, asynchronous": by_async_django,
    "Starlette": by_starlette,
    "FastAPI": by_fastapi,
    "httpx": by_httpx,
    "httpx, asynchronous": by_async_httpx,
    "requests": by_requests,
}
