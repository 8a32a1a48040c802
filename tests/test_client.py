"""An application of this process is loaded, started and asked as a browser would ask it."""

from __future__ import annotations

import cProfile
import functools
import gzip
import json
import pstats
import sys
import zlib
from contextlib import asynccontextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import jar as independent
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route as StarletteRoute

import consentgate.client.asgi as asgi_module
import consentgate.client.jar as jar_module
import consentgate.client.lifespan as lifespan_module
import consentgate.client.links as links_module
import consentgate.client.transports as transports_module
from consentgate import ConfigurationError, Policy
from consentgate.client import Application, Jar, Route, load_application, new_transport
from consentgate.client.left_alone import is_left_alone
from consentgate.client.links import links
from consentgate.client.openapi import openapi_routes
from consentgate.client.sitemaps import sitemap_paths
from consentgate.client.transports import JarTransport, new_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

NOW = 1_800_000_000
DAY = 24 * 60 * 60


def nothing(*_: Any) -> Any:
    """Stand for an application that is never asked."""
    raise AssertionError


# -- Which application ----------------------------------------------------------------------


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a module called ``shop_module`` that can be imported."""
    module = ModuleType("shop_module")
    monkeypatch.setitem(sys.modules, "shop_module", module)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return module


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Stand for an ASGI application."""


def asgi_by_arguments(scope: Any, receive: Any, send: Any, *, more: int = 0) -> Any:
    """Stand for an ASGI application that is no coroutine function."""


def wsgi(environ: Any, start_response: Any, more: int = 0) -> Any:
    """Stand for a WSGI application."""


class AsyncCall:
    """Stands for an application that is an object."""

    async def __call__(self, *arguments: Any) -> None:
        """Answer."""


@pytest.mark.parametrize(
    ("application", "interface"),
    [
        (wsgi, "wsgi"),
        (functools.partial(wsgi, more=1), "wsgi"),
        (Flask("shop"), "wsgi"),
        (asgi, "asgi"),
        (asgi_by_arguments, "asgi"),
        (functools.partial(asgi), "asgi"),
        (AsyncCall(), "asgi"),
        (Starlette(), "asgi"),
    ],
)
def test_the_interface_is_found(shop: Any, application: object, interface: str) -> None:
    """How an application is called says whether it is WSGI or ASGI."""
    shop.app = application
    loaded = load_application("shop_module:app")
    assert (application, interface) == (loaded.call, loaded.interface)


def test_the_interface_may_be_said(shop: Any) -> None:
    """What takes any arguments needs to be told apart by who starts it."""
    shop.app = lambda *_: []
    assert "wsgi" == load_application("shop_module:app", "wsgi").interface


def test_a_factory_is_called(shop: Any) -> None:
    """``module:name()`` calls what makes the application."""
    shop.create_app = lambda: Flask("made")
    assert isinstance(load_application("shop_module:create_app()").call, Flask)


def test_modules_of_the_current_folder_are_found(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application is found where its server is started, and the folder is named once."""
    (tmp_path / "shop_of_folder.py").write_text("def app(environ, start_response): ...")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [])
    for _ in range(2):
        assert "wsgi" == load_application("shop_of_folder:app").interface
    assert [str(tmp_path)] == sys.path
    del sys.modules["shop_of_folder"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere_at_all:app", "there is no module 'nowhere_at_all'; run this where"),
        ("shop_module:missing", "'shop_module:missing' names no application: .*missing"),
        ("not a module:app", "'not a module:app' names no application: "),
        ("shop_module:VALUE", "'shop_module:VALUE' is a str, which cannot be called"),
        (
            "shop_module:VALUE()",
            "shop_module:VALUE is a str, which cannot be called; leave '\\(\\)'",
        ),
        ("shop_module:create_app", "neither WSGI nor ASGI 3 .* call what makes one with '\\(\\)'"),
        ("shop_module:Starlette", "neither WSGI nor ASGI 3 "),
        ("shop_module:unreadable", "'shop_module:unreadable' is a type, neither WSGI"),
        ("shop_module", "no settings module of an installed framework; .*'shop_module:app'"),
        ("nowhere_at_all", "there is no module 'nowhere_at_all'; run this where the site"),
        ("", "'' is no name of a module; name an application"),
        ("shop/app.py", "'shop/app.py' is no name of a module; .*'shop.app:app'"),
    ],
)
def test_mistakes_have_a_remedy(shop: Any, target: str, message: str) -> None:
    """What names no application is an error of one line that says what to do."""
    shop.VALUE = "text"
    shop.create_app = lambda: nothing
    shop.Starlette = Starlette
    shop.unreadable = type  # whose signature nobody knows
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_application(target)
    assert "\n" not in str(caught.value)


def test_what_an_application_lacks_is_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that the application imports, and that is missing, is not mistaken for it."""
    (tmp_path / "shop_that_lacks.py").write_text("import a_module_that_nobody_has")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [])
    message = "'shop_that_lacks:app' needs a_module_that_nobody_has, which is missing"
    with pytest.raises(ConfigurationError, match=message):
        load_application("shop_that_lacks:app")


def test_without_a_framework_little_is_known(shop: Any) -> None:
    """An application that no adapter knows has no routes, no hosts and no cookies of its own."""
    shop.app = wsgi
    policy = Policy(version="1")
    application = load_application("shop_module:app")
    assert ((), ()) == (application.routes(), application.hosts())
    assert policy is application.with_framework(policy)


def test_a_framework_is_asked(shop: Any) -> None:
    """Routes, hosts and cookies are what the application's framework says of it."""
    shop.app = Flask("shop", static_folder=None)
    shop.app.config.update(SERVER_NAME="shop.example", SESSION_COOKIE_NAME="basket")
    shop.app.add_url_rule("/<int:number>", view_func=nothing)
    application = load_application("shop_module:app")
    assert [Route("/<int:number>", "/1", is_sample=True)] == list(application.routes())
    assert ["shop.example"] == list(application.hosts())
    policy = application.with_framework(Policy(version="1"))
    assert policy.rule_for("basket") is not None
    assert policy.rule_for("session") is None


# -- WSGI -----------------------------------------------------------------------------------


class Asked:
    """A WSGI application that keeps what it was asked, and how its answer ended."""

    def __init__(self, *pieces: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.pieces = pieces
        self.headers = headers or []
        self.environ: dict[str, Any] = {}
        self.body = b""
        self.closed = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer in an iterable that has to be closed."""
        self.environ = environ
        self.body = environ["wsgi.input"].read()
        start_response("200 OK", self.headers)
        return self

    def __iter__(self) -> Iterator[bytes]:
        """Return the pieces."""
        return iter(self.pieces)

    def close(self) -> None:
        """Count."""
        self.closed += 1


def ask(
    app: Any,
    method: str = "GET",
    url: str = "https://shop.example/",
    *,
    timeout: float = 10,
    **request: Any,
) -> Any:
    """Ask a WSGI application once."""
    with (
        new_transport(Application("shop:app", app, "wsgi"), timeout=timeout) as transport,
        httpx.Client(transport=transport) as client,
    ):
        return client.request(method, url, **request)


def test_a_wsgi_application_gets_the_request() -> None:
    """Method, path, query, headers and body are in the environ as PEP 3333 has them."""
    app = Asked(b"a", b"b")
    answer = ask(
        app,
        "POST",
        "http://shop.example:8000/caf%C3%A9/a%2Fb?q=%C3%A9",
        content=b"tea=1",
        headers=[("X-Note", "one"), ("X-Note", "two"), ("Content-Type", "text/plain")],
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a/b",
        "QUERY_STRING": "q=%C3%A9",
        "SERVER_NAME": "shop.example",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "shop.example:8000",
        "HTTP_X_NOTE": "one,two",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "5",
        "wsgi.url_scheme": "http",
    }
    assert expected == {key: app.environ[key] for key in expected}
    assert (b"tea=1", b"ab", 1) == (app.body, answer.content, app.closed)


def test_octets_outside_ascii_survive_wsgi() -> None:
    """Headers are latin-1 text on both ways."""
    app = Asked(headers=[("Set-Cookie", "name=caf\xc3\xa9")])
    answer = ask(app, headers={"X-Note": b"caf\xc3\xa9"})
    assert "caf\xc3\xa9" == app.environ["HTTP_X_NOTE"]
    assert (b"Set-Cookie", b"name=caf\xc3\xa9") in answer.headers.raw
    assert "443" == app.environ["SERVER_PORT"]
    ask(app, url="http://shop.example/")
    assert "80" == app.environ["SERVER_PORT"]


def test_wsgi_may_start_late_and_again() -> None:
    """An answer may begin with its first piece, write before it, and begin anew after an error."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [("X-Note", "first")])
        write(b"written, ")
        start_response("500 Oh no", [("X-Note", "second")], (None, None, None))
        yield b"yielded"

    answer = ask(app)
    assert (500, "second") == (answer.status_code, answer.headers["X-Note"])
    assert "written, yielded" == answer.text


MIB = 1024 * 1024
HOUR = 60 * 60


class Long(Asked):
    """A WSGI application that has far more to say than 1 MiB, and counts what was taken."""

    taken = 0

    def __iter__(self) -> Iterator[bytes]:
        """Return the one piece many times."""
        for _ in range(100):
            self.taken += 1
            yield from self.pieces


def test_a_long_wsgi_answer_is_cut() -> None:
    """Of what does not end 1 MiB is read, and the answer is closed."""
    app = Long(b"x" * 65535)
    assert MIB == len(ask(app, timeout=HOUR).content)
    assert (17, 1) == (app.taken, app.closed)


def test_a_slow_wsgi_answer_is_cut() -> None:
    """What does not end in time ends with the first piece that came too late."""
    app = Long(b"tea", headers=[("Set-Cookie", "seen=1")])
    answer = ask(app, timeout=1e-9)
    assert (b"tea", "seen=1") == (answer.content, answer.headers["Set-Cookie"])
    assert (1, 1) == (app.taken, app.closed)


@pytest.mark.parametrize(
    ("piece", "timeout", "length", "times"), [(b"x" * 65535, HOUR, MIB, 17), (b"tea", 1e-9, 3, 1)]
)
def test_what_wsgi_writes_is_cut(piece: bytes, timeout: float, length: int, times: int) -> None:
    """What is written, in place of returned, ends as well."""
    written: list[int] = []

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        for number in range(100):
            written.append(number)
            write(piece)
        return []

    assert length == len(ask(app, timeout=timeout).content)
    assert times == len(written)


def test_wsgi_errors_reach_the_caller() -> None:
    """What the application raises is raised, after its answer was closed."""

    class Broken(Asked):
        def __iter__(self) -> Iterator[bytes]:
            raise OSError("broken")

    app = Broken()
    with pytest.raises(OSError, match="broken"):
        ask(app)
    assert 1 == app.closed
    with pytest.raises(RuntimeError, match="without start_response"):
        ask(lambda environ, start_response: [])


# -- ASGI -----------------------------------------------------------------------------------


def ask_asgi(app: Any, *paths: str, timeout: float = 10, **request: Any) -> list[httpx.Response]:
    """Start an ASGI application, ask it for paths, and end it."""
    with (
        new_transport(Application("shop:app", app, "asgi"), timeout=timeout) as transport,
        httpx.Client(transport=transport, base_url="https://shop.example") as client,
    ):
        return [client.request(request.pop("method", "GET"), path, **request) for path in paths]


SEEN = (b"set-cookie", b"seen=1")


async def respond(send: Any, *pieces: bytes, headers: Any = ()) -> None:
    """Send one answer."""
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def test_an_asgi_application_lives_as_long_as_its_transport() -> None:
    """It is started once before the first request, has its state in each, and is ended after."""
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        events.append("started")
        yield {"note": "tea"}
        events.append("ended")

    async def view(request: Any) -> JSONResponse:
        events.append("asked")
        return JSONResponse([request.state.note, (await request.body()).decode()])

    app = Starlette(routes=[StarletteRoute("/", view, methods=["GET", "POST"])], lifespan=lifespan)
    answers = ask_asgi(app, "/", "/", method="POST", content=b"one")
    assert ["tea", "one"] == answers[0].json()
    assert ["started", "asked", "asked", "ended"] == events


def test_httpx_may_close_the_transport() -> None:
    """Clients that come and go, each with the same transport, ask the same application."""
    app = Starlette(routes=[StarletteRoute("/", lambda _: PlainTextResponse("tea"))])
    with new_transport(Application("shop:app", app, "asgi"), timeout=10) as transport:
        for _ in range(2):
            with httpx.Client(transport=transport) as client:
                assert "tea" == client.get("http://shop.example/").text


def refuse(scope: Any) -> None:
    """Raise for a lifespan, as Django does."""
    if scope["type"] != "http":
        raise ValueError("only HTTP is answered here")


def ignore(scope: Any) -> bool:
    """Take no notice of a lifespan."""
    return scope["type"] != "http"


@pytest.mark.parametrize("check", [refuse, ignore])
def test_a_lifespan_is_not_needed(check: Callable[[Any], Any]) -> None:
    """Applications that raise for a lifespan, or do nothing about it, are asked all the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not check(scope):
            await respond(send, b"tea")

    assert ["tea"] == [answer.text for answer in ask_asgi(app, "/")]


def test_a_lifespan_may_stop_half_way() -> None:
    """An application that hears that it starts, and says nothing, has started."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
        else:
            await respond(send, b"tea")

    assert ["tea"] == [answer.text for answer in ask_asgi(app, "/")]


def test_what_stops_the_start_is_raised() -> None:
    """An application that cannot start says why."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    with pytest.raises(OSError, match="no database"):
        ask_asgi(Starlette(lifespan=lifespan), "/")


def test_a_start_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that does not come to start has failed."""
    monkeypatch.setattr(lifespan_module, "_LONGEST_START", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        while True:
            await asyncio_yield()

    with pytest.raises(TimeoutError):
        ask_asgi(app, "/", timeout=0.01)


def test_an_end_is_not_waited_for_without_end(caplog: pytest.LogCaptureFixture) -> None:
    """An application that does not come to an end takes no answer back."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        while True:
            await asyncio_yield()

    assert 1 == len(ask_asgi(Starlette(lifespan=lifespan), "/", timeout=0.05))
    assert "the application did not end in order: TimeoutError()" in caplog.text


@pytest.mark.parametrize(
    ("failure", "message"),
    [({"message": "no database"}, "no database"), ({}, "without saying why")],
)
def test_a_failed_start_is_heard(failure: dict[str, str], message: str) -> None:
    """An application that only says that it cannot start is not waited for."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", **failure})

    with pytest.raises(RuntimeError, match=message):
        ask_asgi(app, "/")


def test_a_failed_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong at the end takes no answer back."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        raise OSError("no goodbye")

    assert [404] == [each.status_code for each in ask_asgi(Starlette(lifespan=lifespan), "/")]
    assert "the application did not end in order: OSError('no goodbye')" in caplog.text


def test_an_asgi_answer_begins_in_time() -> None:
    """What has not begun to answer after the timeout has failed."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while not ignore(scope):
            await asyncio_yield()

    assert [500] == [answer.status_code for answer in ask_asgi(app, "/", timeout=0.05)]


async def asyncio_yield() -> None:
    """Let others run, for as short as can be."""
    import asyncio  # noqa: PLC0415

    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("piece", "timeout", "expected"), [(b"x" * 65535, HOUR, MIB), (b"", 0.05, 0)]
)
def test_an_endless_asgi_answer_is_cut(piece: bytes, timeout: float, expected: int) -> None:
    """A stream ends after 1 MiB, or the timeout, and what came until then is the answer."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            await send({"type": "http.response.start", "status": 200, "headers": [SEEN]})
            while True:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio_yield()

    (answer,) = ask_asgi(app, "/", timeout=timeout)
    assert (200, "seen=1") == (answer.status_code, answer.headers["Set-Cookie"])
    assert expected == len(answer.content)


def test_a_stream_of_starlette_is_cut() -> None:
    """What a framework streams in tasks of its own ends as well."""

    async def stream() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    app = Starlette(routes=[StarletteRoute("/", lambda _: StreamingResponse(stream()))])
    assert [MIB] == [len(answer.content) for answer in ask_asgi(app, "/", timeout=HOUR)]


def test_an_asgi_application_cannot_go_on() -> None:
    """What is sent after the end of what is read is lost, whatever the application makes of it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for length in (2 * MIB, 3 * MIB):
                with suppress(Exception):
                    body = b"x" * length
                    await send({"type": "http.response.body", "body": body, "more_body": True})

    assert [MIB] == [len(answer.content) for answer in ask_asgi(app, "/", timeout=HOUR)]


@pytest.mark.parametrize(("longest", "timeout"), [(HOUR, 1e-9), (0, HOUR)])
def test_a_start_may_take_its_time(
    monkeypatch: pytest.MonkeyPatch, longest: float, timeout: float
) -> None:
    """An application has a minute to start, or as long as an answer may take if that is more."""
    monkeypatch.setattr(lifespan_module, "_LONGEST_START", longest)
    started: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        for _ in range(100):
            await asyncio_yield()
        started.append("started")
        yield

    ask_asgi(Starlette(lifespan=lifespan), "/", timeout=timeout)
    assert ["started"] == started


@pytest.mark.parametrize(("length", "expected"), [(MIB - 1, MIB - 1), (2 * MIB, MIB)])
def test_one_long_asgi_piece_is_cut(length: int, expected: int) -> None:
    """Of a body in one piece there is the first MiB."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * length})

    assert [expected] == [len(answer.content) for answer in ask_asgi(app, "/", timeout=HOUR)]


@pytest.mark.parametrize(
    ("messages", "expected"), [(0, (500, b"")), (1, (200, b"")), (2, (200, b"tea"))]
)
def test_an_asgi_application_may_break_off(messages: int, expected: tuple[int, bytes]) -> None:
    """What ends before its answer does has answered what came until then, or failed."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": []}
        body = {"type": "http.response.body", "body": b"tea", "more_body": True}
        for message in (start, body)[: 0 if ignore(scope) else messages]:
            await send(message)

    (answer,) = ask_asgi(app, "/")
    assert expected == (answer.status_code, answer.content)


def test_an_asgi_answer_that_never_waits_is_cut() -> None:
    """The timeout ends what only sends, which never lets the event loop look at the clock."""
    sent: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one", b"two", b"three"):
                sent.append(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})

    assert [b"one"] == [answer.content for answer in ask_asgi(app, "/", timeout=1e-9)] == [*sent]


def test_asgi_messages_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of nothing come to an end long before a long timeout."""
    monkeypatch.setattr(asgi_module, "LONGEST_BODY", 1000)
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for number in range(2000):
                sent.append(number)
                await send({"type": "http.response.body", "body": b"", "more_body": True})

    assert [b""] == [answer.content for answer in ask_asgi(app, "/", timeout=HOUR)]
    assert 1000 == len(sent)


def test_a_late_asgi_answer_is_whole() -> None:
    """What never waited, and so could not be interrupted, has its answer, however late it is."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"tea"})

    assert ["tea"] == [answer.text for answer in ask_asgi(app, "/", timeout=1e-9)]


def test_work_after_the_answer_is_cut() -> None:
    """What goes on after the answer ends at the timeout, and the answer stays what it was."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"tea"})
            while True:
                await asyncio_yield()

    assert ["tea"] == [answer.text for answer in ask_asgi(app, "/", timeout=0.05)]


def test_asgi_errors_are_answers() -> None:
    """An application that raises answers with a server error, as under a server."""

    def view(request: Any) -> Any:
        raise OSError("broken")

    app = Starlette(routes=[StarletteRoute("/", view)])
    assert [500] == [answer.status_code for answer in ask_asgi(app, "/")]


def answer_of(interface: str, body: bytes, coding: str) -> httpx.Response:
    """Return the answer of an application that sends ``body`` and says that it is so coded."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not ignore(scope):
            coded = (b"content-encoding", coding.encode())
            await respond(send, body, headers=[coded, SEEN])

    if interface == "asgi":
        return ask_asgi(app, "/")[0]
    headers = [("Content-Encoding", coding), ("Set-Cookie", "seen=1")]
    found: httpx.Response = ask(Asked(body, headers=headers))
    return found


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize(
    ("body", "coding", "expected"),
    [
        (gzip.compress(b"tea"), "gzip", b"tea"),
        (gzip.compress(b"tea"), " X-GZIP", b"tea"),
        (zlib.compress(b"tea"), "deflate", b"tea"),
        (b"not known", "br", b"not known"),
        (b"no gzip", "gzip", b"no gzip"),
        (b"", "gzip", b""),
        (gzip.compress(bytes(64 * MIB)), "gzip", bytes(MIB)),
    ],
    ids=["gzip", "other case", "deflate", "not known", "not so", "empty", "bomb"],
)
def test_compressed_answers_are_read(
    interface: str, body: bytes, coding: str, expected: bytes
) -> None:
    """A body that is sent compressed is unpacked once, up to 1 MiB; nothing else is lost by it.

    What is not as it says stays as it is, and its cookies are there.
    """
    found = answer_of(interface, body, coding)
    assert (expected, "seen=1") == (found.content, found.headers["Set-Cookie"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, "identity"), ({"headers": {"accept-encoding": "gzip", "X-Note": "tea"}}, "gzip")],
)
def test_nothing_need_be_compressed(options: dict[str, Any], expected: str) -> None:
    """A visitor takes what is not compressed, unless who makes the client says otherwise."""
    app = Asked()
    with new_transport(Application("shop:app", app, "wsgi"), timeout=1) as inner:
        transport = JarTransport(inner, Jar(lambda: NOW))
        with new_client(transport, "https://shop.example", **options) as client:
            client.get("/")
    assert expected == app.environ["HTTP_ACCEPT_ENCODING"]


# -- The jar --------------------------------------------------------------------------------


def test_a_client_is_one_visitor() -> None:
    """Cookies of an answer come with the next request, and only those of the jar."""
    heard: list[str] = []
    app = Asked(headers=[("Set-Cookie", "seen=1; Path=/"), ("Set-Cookie", "caf\xc3\xa9=2")])
    jar = Jar(lambda: NOW)
    with new_transport(Application("shop:app", app, "wsgi"), timeout=1) as inner:
        transport = JarTransport(inner, jar, lambda request, response: heard.append("heard"))
        with new_client(transport, "https://shop.example", headers={"Cookie": "no"}) as client:
            client.get("/")
            assert "HTTP_COOKIE" not in app.environ
            client.get("/")
            assert "seen=1; caf\xc3\xa9=2" == app.environ["HTTP_COOKIE"]
    assert ["heard", "heard"] == heard


def test_nobody_needs_to_hear() -> None:
    """A jar alone is enough to keep cookies."""
    jar = Jar(lambda: NOW)
    app = Asked(headers=[("Set-Cookie", " seen=1")])
    with new_transport(Application("shop:app", app, "wsgi"), timeout=1) as inner:
        request = httpx.Request("GET", "https://shop.example/")
        JarTransport(inner, jar).handle_request(request)
    assert ["seen"] == jar.names()


def test_set_cookie_lines_have_no_blanks_around_them() -> None:
    """The lines of a response are there in order, whatever they are called."""
    headers = [
        (b"Set-Cookie", b" a=caf\xc3\xa9\t"),
        (b"X-Note", b"no"),
        (b"set-cookie", b"b=1; Path=/"),
    ]
    lines = transports_module.set_cookie_lines(httpx.Response(200, headers=headers))
    assert ["a=caf\xc3\xa9", "b=1; Path=/"] == lines


NAMES = ["a", "b", "A", "", "__Host-a", "__Secure-a", " a "]
VALUES = ["", "1", "2", '"q"', " v ", "x=y", "\xc3\xa9", "x" * 5000, "\x01"]
ATTRIBUTES = [
    "Path=/",
    "Path=/a",
    "Path=/a/b/",
    "Path=a",
    "Path=",
    "Path",
    "Domain=shop.example",
    "Domain=.shop.example",
    "domain = www.shop.example ",
    "Domain=other.example",
    "Domain=",
    "Domain",
    "Domain=1",
    "Secure",
    "secure=no",
    "Insecure",
    "HttpOnly",
    "SameSite=Lax",
    "Max-Age=60",
    "Max-Age=0",
    "Max-Age=-1",
    "Max-Age=99999999999999",
    "Max-Age=1x",
    "max-age= 90 ",
    "Expires=Fri, 15 Jan 2027 08:01:00 GMT",
    "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "Expires=soon",
    "",
    "\xa0Secure",
]
URLS = [
    "https://www.shop.example/a/b/c",
    "https://www.shop.example/",
    "https://shop.example/a/",
    "https://WWW.shop.example",
    "https://127.0.0.1/",
]


@st.composite
def set_cookie_lines(draw: st.DrawFn) -> str:
    """Return a Set-Cookie line with some of the attributes that both jars know."""
    name, value = draw(st.sampled_from(NAMES)), draw(st.sampled_from(VALUES))
    attributes = draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=4))
    if name.startswith("__Host-"):
        attributes.append("Path=/")
    pair = draw(st.sampled_from([f"{name}={value}", value]))
    return ";".join([pair, *attributes])


def fetch(url: str) -> independent.Fetch:
    """Return what the other jar calls a request."""
    parts = urlsplit(url)
    return independent.Fetch(parts.hostname or "", parts.path or "/")


@given(
    st.lists(st.tuples(st.sampled_from(URLS), set_cookie_lines(), st.sampled_from([1, 59, 61]))),
    st.sampled_from(URLS),
)
def test_two_jars_send_the_same(steps: list[tuple[str, str, int]], asked: str) -> None:
    """After the same lines, at the same time, both jars send the same Cookie header.

    Left out is what only one of them models: SameSite=None without Secure, plain HTTP laid over
    Secure cookies and other sites (the tests' jar alone); ``__Host-`` names with a Path that is
    only the default one (refused here, as Chromium does; kept there); attribute values of more
    than 1024 octets; how many cookies a jar holds; and the order of what is set in one second.
    """
    now = [NOW]
    jar, other = Jar(lambda: now[0]), independent.Jar(lambda: now[0])
    for url, line, seconds in steps:
        jar.store(url, line)
        other.store([line], fetch(url))
        now[0] += seconds
    assert other.header(fetch(asked)) == jar.header(asked)
    assert sorted({cookie.identity.name for cookie in other.cookies}) == jar.names()


@pytest.mark.parametrize(
    ("url", "line", "reason"),
    [
        ("https://shop.example/", "a=1", None),
        ("https://shop.example/", "a=1; Domain=.SHOP.Example", None),
        ("http://shop.example/", "a=1; Secure", "Secure"),
        ("https://shop.example/", "a=1; Domain=other.example", "Domain"),
        ("https://shop.example/", "=", "length"),
        ("https://shop.example/", "a=\x00", "control character"),
        ("https://shop.example/", f"a={'x' * 4096}", "length"),
        ("https://shop.example/", f"a={'x' * 4095}", None),
        ("https://shop.example/", "__HOST-a=1; Path=/", "prefix"),
        ("https://shop.example/", "__SECURE-a=1", "prefix"),
        ("https://shop.example/", "__Host-a=1; Secure; Path=/", None),
        ("https://shop.example/", "__Host-a=1; Secure", "prefix"),
        ("https://shop.example/", "__Host-a=1; Secure; Path=/; Domain=shop.example", "prefix"),
        ("https://shop.example/", "__Secure-a=1", "prefix"),
        ("https://127.0.0.1/", "a=1; Domain=0.0.1", "Domain"),
        ("https://[::1]/", "a=1; Domain=1", "Domain"),
    ],
)
def test_a_jar_says_what_it_refuses(url: str, line: str, reason: str | None) -> None:
    """A line that a browser would not store is not stored, and the jar remembers why."""
    jar = Jar(lambda: NOW)
    assert (reason is None) == jar.store(url, line) == (jar.header(url) != "")
    name = line.partition("=")[0]
    assert ([] if reason is None else [(name, reason)]) == jar.refused


def test_what_was_refused_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cookie and reason is there once, in order, up to a limit; deletions are not."""
    monkeypatch.setattr(jar_module, "_MOST_COOKIES", 2)
    jar = Jar(lambda: NOW)
    for line in ("b=1; Domain=x", "b=2; Domain=x", "a=; Domain=x; Max-Age=0", "a=", "=", "c=1"):
        jar.store("https://shop.example/", line)
    jar.store("https://shop.example/", "d=1; Domain=x")
    assert [("b", "Domain"), ("", "length")] == jar.refused


def test_a_transport_lets_its_jar_refuse() -> None:
    """What comes over a transport and would be refused is told by the jar."""
    app = Asked(headers=[("Set-Cookie", "basket=1; Domain=shop.example")])
    jar = Jar(lambda: NOW)
    with (
        new_transport(Application("shop:app", app, "wsgi"), timeout=1) as inner,
        new_client(JarTransport(inner, jar), "https://localhost") as client,
    ):
        client.get("/")
    assert [("basket", "Domain")] == jar.refused


def test_secure_cookies_stay_off_plain_http() -> None:
    """A Secure cookie is sent over HTTPS only."""
    jar = Jar(lambda: NOW)
    jar.store("https://shop.example/", "a=1; Secure")
    jar.put("https://shop.example/", "b", "2")
    assert "b=2" == jar.header("http://shop.example/x")
    assert "a=1; b=2" == jar.header("https://shop.example/x")


def test_a_cookie_can_be_put_and_removed() -> None:
    """What is put is sent to the whole host; what is removed is gone wherever it was."""
    jar = Jar(lambda: NOW)
    jar.put("https://shop.example/deep/page", "a", "1")
    jar.store("https://shop.example/", "a=2; Path=/shop")
    jar.store("https://shop.example/", "b=3")
    assert "a=2; a=1; b=3" == jar.header("https://shop.example/shop")
    assert ["a", "b"] == jar.names()
    jar.remove("a")
    assert "b=3" == jar.header("https://shop.example/shop")


def test_no_cookie_is_kept_over_400_days() -> None:
    """Whatever a line asks for, the browser's own limit ends it."""
    now = [NOW]
    jar = Jar(lambda: now[0])
    jar.store("https://shop.example/", f"a=1; Max-Age={1000 * DAY}")
    now[0] += 400 * DAY - 1
    assert ["a"] == jar.names()
    now[0] += 1
    assert [] == jar.names()


def test_a_full_jar_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that sets ever more cookies fills no memory; those that are there can be renewed."""
    monkeypatch.setattr(jar_module, "_MOST_COOKIES", 2)
    jar = Jar(lambda: NOW)
    for line in ("a=1", "b=1", "c=1", "a=2"):
        jar.store("https://shop.example/", line)
    assert "a=2; b=1" == jar.header("https://shop.example/")


def test_a_deletion_takes_the_cookie_of_its_place() -> None:
    """What a line deletes is gone where its Domain and Path say, and stays elsewhere."""
    jar = Jar(lambda: NOW)
    for line in ("a=1; Path=/", "a=2; Path=/tea", "a=; Path=/tea; Max-Age=0", "b=; Max-Age=0"):
        assert jar.store("https://shop.example/", line)
    assert "a=1" == jar.header("https://shop.example/tea")


def test_expired_cookies_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has expired is in nobody's way."""
    monkeypatch.setattr(jar_module, "_MOST_COOKIES", 1)
    now = [NOW]
    jar = Jar(lambda: now[0])
    jar.store("https://shop.example/", "a=1; Max-Age=60")
    now[0] += 60
    jar.store("https://shop.example/", "b=1")
    assert "b=1" == jar.header("https://shop.example/")


# -- Sitemaps -------------------------------------------------------------------------------


def sitemap(*locations: str, kind: str = "url") -> bytes:
    """Return a sitemap, or with ``kind`` an index of sitemaps."""
    inside = "".join(f"<{kind}><loc> {each} </loc></{kind}>" for each in locations)
    root = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return f'<?xml version="1.0"?>{root}{inside}</urlset>'.encode()


def paths_of(documents: dict[str, bytes], limit: int = 100) -> list[str]:
    """Return the paths of a site that has these documents."""
    return sitemap_paths(documents.get, limit)


def test_a_sitemap_has_the_paths_of_its_host() -> None:
    """URLs of the host that comes first, and those without one, are paths, each once."""
    found = paths_of(
        {
            "/sitemap.xml": sitemap(
                "https://shop.example/tea?size=1&amp;x=%20#top",
                "https://SHOP.example",
                "/caf\u00e9 au lait",
                "https://other.example/no",
                "ftp://shop.example/no",
                "https://shop.example:port/no",
                "relative",
                "",
                "https://shop.example/" + "x" * 3000,
                "https://shop.example/tea?size=1&amp;x=%20",
            )
        }
    )
    assert ["/tea?size=1&x=%20", "/", "/caf%C3%A9%20au%20lait"] == found


def test_sitemaps_of_a_sitemap_are_read() -> None:
    """An index leads to other sitemaps of the host, and none is read twice or missed."""
    found = paths_of(
        {
            "/sitemap.xml": sitemap(
                "https://shop.example/one.xml",
                "https://shop.example/sitemap.xml",
                "https://other.example/two.xml",
                "/none.xml",
                "/two.xml",
                kind="sitemap",
            ),
            "/one.xml": sitemap("https://shop.example/1"),
            "/two.xml": sitemap("https://shop.example/2", "https://shop.example/1"),
        }
    )
    assert ["/1", "/2"] == found


def test_sitemaps_are_bounded() -> None:
    """Neither paths nor sitemaps are read without end."""
    asked: list[str] = []

    def get(path: str) -> bytes:
        asked.append(path)
        return sitemap(f"/{len(asked)}.xml", kind="sitemap")

    assert [] == sitemap_paths(get, 10)
    assert 50 == len(asked)
    many = {"/sitemap.xml": sitemap(*(f"/{number}" for number in range(100)))}
    assert [f"/{number}" for number in range(7)] == paths_of(many, 7)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><loc>/no</loc></html>",
        b"no XML",
        b'<!DOCTYPE x [<!ENTITY e "/no">]><urlset><url><loc>&e;</loc></url></urlset>',
        '<!DOCTYPE x [<!ENTITY e "/no">]><urlset><url><loc>&e;</loc></url></urlset>'.encode(
            "utf-16"
        ),
        b'<?xml version="1.0" encoding="nonsense"?><urlset/>',
        b'<?xml version="1.0" encoding="utf-7"?><urlset/>',
        b"<urlset><url><loc/></url></urlset>",
        b"<urlset><url><loc>//[x/</loc></url></urlset>",
    ],
)
def test_what_is_no_sitemap_has_no_paths(document: bytes) -> None:
    """A document that is none, or that has entities, is nothing."""
    assert [] == paths_of({"/sitemap.xml": document})


def test_a_sitemap_that_breaks_off_has_paths() -> None:
    """What came before the document breaks off is read."""
    document = sitemap("/one", "/two")
    assert ["/one"] == paths_of({"/sitemap.xml": document[: document.index(b"/two")]})


# -- OpenAPI --------------------------------------------------------------------------------


def operation(*parameters: Any, template: str = "/{x}", **whole: Any) -> Route:
    """Return the route of a document with one operation that has these parameters."""
    paths = {template: {"get": {"parameters": list(parameters)}}}
    (route,) = openapi_routes(json.dumps({"openapi": "3.1.0", "paths": paths, **whole}).encode())
    return route


def parameter(place: str = "path", name: str = "x", **more: Any) -> dict[str, Any]:
    """Return a parameter of an operation."""
    return {"name": name, "in": place, "required": True, **more}


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"example": "tea"}, "tea"),
        ({"example": "a/b c"}, "a%2Fb%20c"),
        ({"examples": {"one": {"value": 7}}}, "7"),
        ({"examples": {"one": {"$ref": "#/components/examples/tea"}}}, "tea"),
        ({"schema": {"examples": ["tea", "pot"]}}, "tea"),
        ({"schema": {"default": False}}, "false"),
        ({"schema": {"const": 1.5}}, "1.5"),
        ({"schema": {"enum": [None, "red"]}}, "red"),
        ({"schema": {"type": "integer"}}, "1"),
        ({"schema": {"type": "integer", "minimum": 5}}, "5"),
        ({"schema": {"type": "number"}}, "1.0"),
        ({"schema": {"type": "boolean"}}, "true"),
        ({"schema": {"type": "string"}}, "example"),
        ({"schema": {"type": ["null", "string"]}}, "example"),
        ({"schema": {"type": "string", "format": "date"}}, "2026-01-01"),
        (
            {"schema": {"type": "string", "format": "uuid"}},
            "00000000-0000-4000-8000-000000000001",
        ),
        ({"schema": {"type": "array", "items": {"type": "integer"}}}, "1"),
        ({"schema": {"anyOf": [{"type": "null"}, {"type": "integer"}]}}, "1"),
        ({"schema": {"$ref": "#/components/schemas/Colour~1s"}}, "red"),
        ({"schema": {"$ref": "#/components/schemas/Colour~01s"}}, "blue"),
        ({"content": {"application/json": {"schema": {"type": "integer"}}}}, "1"),
        ({"type": "string", "x-example": "tea"}, "tea"),
        ({"type": "integer"}, "1"),
        ({"schema": {"type": "object"}}, None),
        ({"schema": {"$ref": "#/components/schemas/Loop"}}, None),
        ({"schema": {"$ref": "elsewhere.json"}}, None),
        ({"schema": "nonsense", "examples": "nonsense"}, None),
        ({"example": "\ud800"}, "%3F"),
        ({"example": "x" * 3000}, None),
        ({"example": "é" * 1000}, None),
        ({"example": ""}, None),
        ({"example": {"a": 1}}, None),
    ],
)
def test_parameters_get_what_the_document_gives(
    described: dict[str, Any], expected: str | None
) -> None:
    """Examples and defaults are used; without one the type says what the value is like."""
    components = {
        "examples": {"tea": {"value": "tea"}},
        "schemas": {
            "Colour/s": {"enum": ["red"]},
            "Colour~1s": {"enum": ["blue"]},
            "Loop": {"$ref": "#/components/schemas/Loop"},
        },
    }
    route = operation(parameter(**described), components=components)
    path = None if expected is None else f"/{expected}"
    assert Route("/{x}", path, is_sample=path is not None) == route


def test_arrays_of_arrays_end() -> None:
    """A schema that is an array of itself has no value."""
    schemas = {"Loop": {"type": "array", "items": {"$ref": "#/components/schemas/Loop"}}}
    described = parameter(schema={"$ref": "#/components/schemas/Loop"})
    assert operation(described, components={"schemas": schemas}).path is None


def test_required_queries_are_asked() -> None:
    """Parameters of the query that are required are in the path, those that are not are left."""
    route = operation(
        parameter("query", "a b", schema={"type": "integer"}),
        {"$ref": "#/components/parameters/page"},
        {"name": "maybe", "in": "query", "schema": {"type": "integer"}},
        parameter("header", "X-Note", schema={"type": "object"}),
        template="/tea",
        components={"parameters": {"page": parameter("query", "page", example=2)}},
    )
    assert Route("/tea", "/tea?a%20b=1&page=2", is_sample=True) == route
    unknown = operation(parameter("query", schema={"type": "object"}), template="/tea")
    assert Route("/tea", None, is_sample=False) == unknown


def test_an_operation_overrides_its_path() -> None:
    """A parameter of the operation is used instead of its path's; one that is missing is none."""
    shared = {"parameters": [parameter(example="shared"), "nonsense"]}
    paths = {
        "/a/{x}": {**shared, "get": {}},
        "/b/{x}": {**shared, "get": {"parameters": [parameter(example="own")]}},
        "/c/{y}": {"get": None},
        "/d": {"post": {}},
        "e": {"get": {}},
        "/f": None,
        "/g": {"$ref": "#/components/pathItems/g"},
    }
    components = {"pathItems": {"g": {"get": {}}}}
    found = openapi_routes(json.dumps({"paths": paths, "components": components}).encode())
    assert ["/a/shared", "/b/own", None, "/g"] == [route.path for route in found]


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        ({}, "/tea"),
        ({"servers": [{"url": "/"}]}, "/tea"),
        ({"servers": [{"url": "/api/v1/"}]}, "/api/v1/tea"),
        ({"servers": [{"url": "/api?key=1"}]}, "/api/tea"),
        ({"servers": [{"url": "/{v}", "variables": {"v": {"default": "v2"}}}]}, "/v2/tea"),
        ({"servers": [{"url": "https://other.example/x"}, {"url": "/y"}]}, "/y/tea"),
        ({"servers": [{"url": "https://shop.example/x"}]}, "/x/tea"),
        ({"servers": [{"url": "relative"}, {"url": 1}, "nonsense", {"url": "//[x/"}]}, "/tea"),
        ({"servers": [{"url": 1, "variables": {"v": {}}}, {"url": "/y"}]}, "/y/tea"),
        ({"servers": [{"url": "/" + "x" * 2048, "variables": {"v": {}}}]}, "/tea"),
        ({"servers": [{"url": "/\ud800"}]}, "/%3F/tea"),
        ({"swagger": "2.0", "basePath": "/v3"}, "/v3/tea"),
    ],
)
def test_servers_of_the_same_site_count(whole: dict[str, Any], expected: str) -> None:
    """What stands before all paths is that of the first server that may be this one."""
    document = json.dumps({"paths": {"/tea": {"get": {}}}, **whole}).encode()
    assert [expected] == [route.path for route in openapi_routes(document, host="Shop.example")]


@pytest.mark.parametrize(
    "document",
    [b"", b"no JSON", b"\xff", b"[]", b'{"paths": []}', b"[" * 100_000, b'{"paths": {"/x": []}}'],
)
def test_what_is_no_openapi_has_no_routes(document: bytes) -> None:
    """A document that is none is nothing."""
    assert [] == openapi_routes(document)


@pytest.mark.parametrize("template", ["/\ud800", "/" + "x" * 2048, "/" + "x" * 3000])
def test_paths_that_no_url_has_are_no_routes(template: str) -> None:
    """Half a surrogate pair, or what is too long, is nothing to ask for."""
    found = openapi_routes(
        json.dumps({"paths": {template: {"get": {}}, "/b": {"get": {}}}}).encode()
    )
    assert [Route("/b", "/b", is_sample=False)] == found


@pytest.mark.parametrize("place", ["path", "query"])
def test_long_values_make_no_long_path(place: str) -> None:
    """A path that would be longer than servers take is not made up."""
    route = operation(
        parameter(place, example="x" * 2000), template="/{x}/{x}" if place == "path" else "/a" * 50
    )
    assert route.path is None


def test_a_document_is_bounded() -> None:
    """Of operations 10 000 are read, of parameters 64, and one without a name is none."""
    many = {f"/{number}": {"$ref": "#/item"} for number in range(10_100)}
    assert 10_000 == len(openapi_routes(json.dumps({"paths": many, "item": {"get": {}}}).encode()))
    required = [parameter("query", f"q{number}", example=1) for number in range(100)]
    query = urlsplit(operation(*required, template="/tea").path or "").query
    assert 64 == len(query.split("&"))
    assert "/tea" == operation(parameter("query", name=[1]), template="/tea").path  # type: ignore[arg-type]


def calls(function: Callable[..., object], *arguments: object) -> int:
    """Return how many functions are called by one."""
    profile = cProfile.Profile()
    profile.runcall(function, *arguments)
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("is_required", [True, False])
def test_references_do_not_multiply(is_required: bool) -> None:
    """A schema that refers to itself eight times is worked out once, and only where it is needed.

    So is what many operations refer to.
    """
    schemas = {"a": {"allOf": [{"$ref": "#/s/a"}] * 8, "enum": [None] * 50}}
    shared = parameter("query", required=is_required, schema={"$ref": "#/s/a"})
    item = {"get": {}, "parameters": [{"$ref": "#/p"}] * 20}
    own = {"get": {"parameters": [{**shared, "name": f"q{number}"} for number in range(20)]}}
    paths = {"/own": own, **{f"/{number}": {"$ref": "#/i"} for number in range(5)}}
    document = json.dumps({"paths": paths, "s": schemas, "p": shared, "i": item}).encode()
    assert calls(openapi_routes, document) < 10_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["get", "parameters", "schema", "$ref", "in", "name", "type", "anyOf"]),
            inner | st.sampled_from(["path", "query", "array", "#/paths", "integer"]),
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["/a", "/{b}"]), JSON), JSON)
def test_odd_documents_are_no_trouble(paths: Any, servers: Any) -> None:
    """Whatever a document says, its routes are paths or none."""
    found = openapi_routes(json.dumps({"paths": paths, "servers": servers}).encode())
    assert all(route.path is None or route.path.startswith("/") for route in found)


# -- Links ----------------------------------------------------------------------------------


def test_a_page_links_to_paths_of_its_host() -> None:
    """Links of the same host are paths, each once and in order, wherever they stand."""
    page = """
        <a href="/tea#leaves">1</a> <a href="pot?x=1&amp;y=é">2</a> <a href="/tea">again</a>
        <a>none</a> <a href="">this page</a> <A HREF=' //shop.example/caf\u00e9 '>3</A>
        <a href="https://other.example/">no</a> <a href="http://shop.example:8000/">no</a>
        <a href="mailto:tea@shop.example">no</a> <a href="//[x/">no</a>
        <a href="/report.pdf" download>no</a> <a href="https://shop.example:port/">no</a>
        <a href="/log-out">no</a> <link href="/style.css"> <a href="/last"
        """
    found = links(f"{page}>".encode(), "https://shop.example/shop/page")
    assert ["/tea", "/shop/pot?x=1&y=%C3%A9", "/shop/page", "/caf%C3%A9", "/last"] == found


def test_a_page_may_say_what_its_links_are_relative_to() -> None:
    """The first base of a page, and no later one, is that of the links after it."""
    page = b'<base><base href="/deep/"><a href="er">1</a><base href="/x/"><a href="../up">2</a>'
    assert ["/deep/er", "/up"] == links(page, "https://shop.example/")
    page = b'<base href="//[x/"><base href="/x/"><a href="er">1</a>'
    assert ["/er"] == links(page, "https://shop.example/")


def test_links_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither links without end nor long ones are read, and none is read twice."""
    monkeypatch.setattr(links_module, "_MOST_LINKS", 3)
    page = "<a href=1><a href=1><a href=mailto:x><a href=2><a href=3>"
    assert ["/1", "/2"] == links(page.encode(), "https://shop.example/")
    page = f"<base href='/{'x' * 2048}/'><a href={'x' * 2049}><a href=2>"
    assert ["/2"] == links(page.encode(), "https://shop.example/")


def test_a_page_of_links_is_read_quickly() -> None:
    """A page that repeats one link, or a long base, costs little."""
    page = "<base href='/" + "a/" * 1000 + "'>" + "<a href=1>" * 5000
    assert calls(links, page.encode(), "https://shop.example/") < 250_000


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/logout", True),
        ("/accounts/LogOut/", True),
        ("/userLogout", True),
        ("/log-out", True),
        ("/sign_out?next=/", True),
        ("/wp-login.php?action=logoff", True),
        ("/users/1/delete/", True),
        ("/basket/remove?item=1", True),
        ("/unsubscribe", True),
        ("/%6Cogout", True),
        ("/signOut", True),
        ("/deleteAccount", True),
        ("/deleteaccount", True),
        ("/removeItem", True),
        ("/order3Cancel", True),
        ("/user/3/deactivate", True),
        ("/orders/3/cancel", True),
        ("/cache/purge", True),
        ("/deconnexion", True),
        ("/d%C3%A9connexion", True),
        ("/supprimer/3", True),
        ("/panier/Effacer", True),
        ("/abmelden", True),
        ("/ausloggen", True),
        ("/konto/loeschen", True),
        ("/konto/l%C3%B6schen", True),
        ("/konto/lo%CC%88schen", True),
        ("/vertrag/kuendigen", True),
        ("/cerrar-sesion", True),
        ("/cerrar_sesi%C3%B3n", True),
        ("/cerrarSesion", True),
        ("/eliminar/4", True),
        ("/fermer-la-session", True),
        ("/esci", True),
        ("/carrello/svuota", True),
        ("/uitloggen", True),
        ("/account?actie=verwijderen", True),
        ("/blog/out", False),
        ("/deleted-scenes", False),
        ("/deletes", False),
        ("/undelete", False),
        ("/removed", False),
        ("/cancellation-policy", False),
        ("/wissen", False),
        ("/widerruf", False),
        ("/%FF", False),
        ("/catalog", False),
        ("/signup", False),
        ("/", False),
    ],
)
def test_what_takes_something_away_is_left_alone(path: str, expected: bool) -> None:
    """Links that look as if they sign the visitor out, or delete, are not followed."""
    assert expected == is_left_alone(path)


@given(st.text(alphabet="<a href=\"/x>' =!-&#;é"))
def test_odd_pages_are_no_trouble(page: str) -> None:
    """Whatever a page is, its links are paths."""
    found = links(page.encode(), "https://shop.example/")
    assert all(path.startswith("/") and path.isascii() for path in found)
