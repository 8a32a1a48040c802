# ruff: noqa: INP001 - a module of scripts
"""What the gate adds to whole requests of Flask, Django, Starlette and FastAPI.

Each application is as small as its framework lets it be: one view, and no middleware but the gate.
So a real one, which does more, has smaller ratios. The gate is put in as README.md says, with the
visitor's pages and a listener that does nothing.
"""

from __future__ import annotations

import asyncio
import io
import time
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from importlib.util import find_spec
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from wsgiref.util import setup_testing_defaults

import django
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import path
from django.utils.decorators import sync_and_async_middleware
from flask import Flask, Response
from flask_consentgate import ConsentGate
from harness import Row, Subject, expect
from sites import YEAR, EmptyASGI, EmptyWSGI, asgi_subject, wsgi_subject
from starlette import responses
from starlette.applications import Starlette
from starlette.routing import Route
from starlette_consentgate import ConsentGateMiddleware

from consentgate import Gate, Policy
from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness import Result

T = TypeVar("T")

TITLE: Final = "whole requests, as a ratio to the bare application"

POLICY: Final = {
    "version": "2026-11",
    "preset": "fr",
    "cookies": [
        {"name": "_ga*", "category": "statistics", "max_age": "13 months"},
        {"name": "_gcl_au", "category": "advertising", "max_age": "3 months"},
    ],
}
KEY: Final = "a benchmark's key"
ALL: Final = ("statistics", "advertising")
GOVERNED: Final = ["_ga", "_gcl_au"]
VALUE: Final = "8h2kx0vq6c3m5t1z"
BODY: Final = bytes(5_120)

BATCH: Final = 20
ROUNDS: Final = 80
EMPTY: Final = "empty wrapper"
GATE: Final = "gate"
AROUND: Final = ("", EMPTY, GATE)
"""What stands where README.md puts the gate."""


# -- the applications ----------------------------------------------------------------------------


def ignore(_: object) -> None:
    """Be told of a verdict, and do nothing about it."""


def with_cookies(response: T, necessary: str) -> T:
    """Set three cookies as every framework here lets it be done; one needs no consent."""
    # Each framework's response has it, and they share no type.
    set_cookie: Any = response.set_cookie  # type: ignore[attr-defined]
    set_cookie(necessary, VALUE, httponly=True, samesite="lax")
    set_cookie("_ga", "GA1.1.1234567890.1795219200", max_age=YEAR, samesite="lax")
    set_cookie("_gcl_au", "1.1.987654321", max_age=YEAR // 5, secure=True)
    return response


def flask_site(around: str) -> Flask:
    """Return an application of Flask's."""
    app = Flask("shop")
    app.config["SECRET_KEY"] = KEY  # also without the gate, for it lets Flask read its session
    app.add_url_rule("/", "home", lambda: with_cookies(Response(BODY), "remember_token"))
    app.add_url_rule("/plain", "plain", lambda: Response(BODY))
    if around == EMPTY:
        # As Flask's documentation puts middleware in.
        app.wsgi_app = EmptyWSGI(app.wsgi_app)  # type: ignore[method-assign]
    if around == GATE:
        app.config["CONSENTGATE_POLICY"] = POLICY
        ConsentGate(app, on_verdict=ignore)
    return app


async def django_home(_: object) -> HttpResponse:
    """Answer with cookies."""
    return with_cookies(HttpResponse(BODY), "sessionid")


async def django_plain(_: object) -> HttpResponse:
    """Answer without cookies."""
    return HttpResponse(BODY)


URLS: Final = (
    path("", lambda _: with_cookies(HttpResponse(BODY), "sessionid")),
    path("plain", lambda _: HttpResponse(BODY)),
    path("async/", django_home),
    path("async/plain", django_plain),
)


@sync_and_async_middleware
def empty_middleware(get_response: Callable[[object], Any]) -> Callable[[object], Any]:
    """Do nothing, as middleware of Django's."""

    def middleware(request: object) -> Any:
        return get_response(request)

    async def middleware_async(request: object) -> Any:
        return await get_response(request)

    return middleware_async if iscoroutinefunction(get_response) else middleware


DJANGO_MIDDLEWARE: Final = {
    "": [],
    EMPTY: [f"{__name__}.empty_middleware"],
    GATE: ["django_consentgate.middleware.ConsentGateMiddleware"],
}


@contextmanager
def django_settings() -> Iterator[None]:
    """Let there be a site of Django's."""
    if not settings.configured:
        settings.configure(SECRET_KEY=KEY, LOGGING_CONFIG=None)
        django.setup()
    with override_settings(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django_consentgate"],
        MIDDLEWARE=[],
        CONSENTGATE={"POLICY": POLICY, "ON_VERDICT": ignore},
        ROOT_URLCONF=URLS,
    ):
        yield


def django_site(handler: Callable[[], Any], around: str) -> Any:
    """Return the site of `django_settings`."""
    with override_settings(MIDDLEWARE=DJANGO_MIDDLEWARE[around]):
        return handler()


async def starlette_home(_: object) -> responses.Response:
    """Answer with cookies."""
    return with_cookies(responses.Response(BODY), "session")


async def starlette_plain(_: object) -> responses.Response:
    """Answer without cookies."""
    return responses.Response(BODY)


def starlette_site(around: str) -> Any:
    """Return an application of Starlette's."""
    app = Starlette(routes=[Route("/", starlette_home), Route("/plain", starlette_plain)])
    return with_middleware(app, around)


async def fastapi_home() -> responses.Response:
    """Answer with cookies."""
    return with_cookies(responses.Response(BODY), "session")


async def fastapi_plain() -> responses.Response:
    """Answer without cookies."""
    return responses.Response(BODY)


def fastapi_site(around: str) -> Any:
    """Return an application of FastAPI's."""
    from fastapi import FastAPI  # noqa: PLC0415 - not everywhere

    app = FastAPI()
    app.get("/")(fastapi_home)
    app.get("/plain")(fastapi_plain)
    return with_middleware(app, around)


def with_middleware(app: Any, around: str) -> Any:
    """Add what is to stand around an application of Starlette's or FastAPI's."""
    if around == EMPTY:
        app.add_middleware(EmptyASGI)
    if around == GATE:
        app.add_middleware(
            ConsentGateMiddleware, policy=POLICY, secret_keys=[KEY], on_verdict=ignore
        )
    return app


# -- how they are asked --------------------------------------------------------------------------


def whole_wsgi_subject(app: Any, target: str, cookie: str, sent: list[str] | None) -> Subject:
    """Drive ``app`` as a server does, to the end of its body; note the Set-Cookie lines."""

    # The arguments are those of PEP 3333.
    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:  # noqa: ARG001
        expect("200 OK", status, "answered")
        if sent is not None:
            sent.extend(value.strip() for name, value in headers if name == "Set-Cookie")

    def answer(environs: list[Any]) -> None:
        while environs:
            body = app(environs.pop(), start_response)
            b"".join(body)
            if hasattr(body, "close"):
                body.close()

    server: dict[str, Any] = {}
    setup_testing_defaults(server)
    requests = (
        {**server, **environ, "PATH_INFO": target, "wsgi.input": io.BytesIO()}
        for environ in wsgi_subject(app, repeat(cookie)).requests
    )
    return Subject(answer, requests, BATCH)


class Connection:
    """The server's side of one ASGI request without a body, whose client stays."""

    def __init__(self, scope: Any, sent: list[str] | None) -> None:
        self.scope = scope
        self._sent = sent
        self._asked = False

    async def receive(self) -> Any:
        """Return the body, and nothing more."""
        if self._asked:
            await asyncio.Event().wait()
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Any) -> None:
        """Note the Set-Cookie lines."""
        expect(HTTPStatus.OK, message.get("status", HTTPStatus.OK), "answered")
        if self._sent is not None:
            headers = message.get("headers", ())
            self._sent.extend(v.decode() for k, v in headers if k.lower() == b"set-cookie")


RUNNER: Final = asyncio.Runner()


def whole_asgi_subject(app: Any, target: str, cookie: str, sent: list[str] | None) -> Subject:
    """Drive ``app`` in an event loop, one request after the other; note the Set-Cookie lines.

    Django lets threads do a part of it, so the time of the whole process counts.
    """

    async def serve(connections: list[Connection]) -> None:
        while connections:
            connection = connections.pop()
            await app(connection.scope, connection.receive, connection.send)

    def answer(connections: list[Connection]) -> None:
        RUNNER.run(serve(connections))

    server = {"http_version": "1.1", "path": target, "query_string": b""}
    scopes = asgi_subject(app, repeat(cookie)).requests
    connections = (Connection({**scope, **server}, sent) for scope in scopes)
    return Subject(answer, connections, BATCH, time.process_time)


# -- what is asked -------------------------------------------------------------------------------


class Framework(NamedTuple):
    """How its smallest application is made and asked."""

    name: str
    site: Callable[..., Any]
    necessary: str
    """A cookie of its own: that of a session, or with Flask, which would read that, of a login."""
    root: str = "/"
    is_wsgi: bool = False

    def subject(self, app: Any, target: str, cookie: str, sent: list[str] | None = None) -> Subject:
        """Ask ``app`` for ``target``."""
        drive = whole_wsgi_subject if self.is_wsgi else whole_asgi_subject
        return drive(app, f"{self.root}{target}", cookie, sent)

    def lines(self, app: Any, target: str, cookie: str) -> list[str]:
        """Return the Set-Cookie lines of one answer."""
        lines: list[str] = []
        subject = self.subject(app, target, cookie, lines)
        subject.answer([next(subject.requests)])
        return lines

    def row(self, name: str, target: str, cookie: str, leaving: list[str]) -> Row:
        """Return a row, in which the gate lets cookies of these names leave."""
        apps = {around: self.site(around) for around in AROUND}
        everything = [] if target else [self.necessary, *GOVERNED]
        for app, names in zip(apps.values(), (everything, everything, leaving), strict=True):
            lines = self.lines(app, target, cookie)
            expect(names, [line.partition("=")[0] for line in lines], f"{self.name}: {name}")
        floor, *subjects = (self.subject(app, target, cookie) for app in apps.values())
        return Row(f"{self.name}: {name}", None, floor, subjects, AROUND[1:], ROUNDS)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of this framework."""
        new = f"{self.necessary}={VALUE}"
        known = self.come_back()
        yield self.row("no Set-Cookie, new visitor", "plain", "", [])
        yield self.row("no Set-Cookie, known visitor", "plain", known, [])
        yield self.row("3 Set-Cookie, undecided, 2 stripped", "", new, [self.necessary])
        yield self.row("3 Set-Cookie, consented, known", "", known, [self.necessary, *GOVERNED])

    def come_back(self) -> str:
        """Return the Cookie header of a visitor who accepted, and got everything once."""
        gate = Gate(Policy.load(POLICY), KEY)
        choice = "=".join(consent_cookie(gate, ALL))
        lines = self.lines(self.site(GATE), "", choice)
        return "; ".join([choice, *(line.partition(";")[0] for line in lines)])


FRAMEWORKS: Final = (
    Framework("Flask", flask_site, "remember_token", is_wsgi=True),
    Framework("Django, WSGI", partial(django_site, WSGIHandler), "sessionid", is_wsgi=True),
    Framework("Django, ASGI", partial(django_site, ASGIHandler), "sessionid", "/async/"),
    Framework("Starlette", starlette_site, "session"),
    *([Framework("FastAPI", fastapi_site, "session")] if find_spec("fastapi") else []),
)


def results() -> Iterator[Result]:
    """Measure everything here, a row at a time."""
    with django_settings():
        for framework in FRAMEWORKS:
            for row in framework.rows():
                yield from row.measure()
