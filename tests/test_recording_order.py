"""The record comes before the cookie, on every front; without it no cookie comes (R26)."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import anyio
import pytest
import trio
from page_requests import POLICY, Memory, gate, token
from recording import (
    CRASH,
    OVERRIDE,
    PATIENCE,
    SORRY,
    Browser,
    Failing,
    Noting,
    Server,
    Slow,
    accept,
    ask_asgi,
    ask_wsgi,
    scope_of,
)

from consentgate import Gate, Policy, asgi, wsgi
from consentgate.pages import ConsentPages
from consentgate.testing import NOW, consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from consentgate.record import Record

ANALYTICS = "_ga=GA1; Max-Age=3600; Path=/"


# -- in which order ------------------------------------------------------------------------------


def returns(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Decide, start, and return the body."""
    accept(wsgi.consent_from(environ))
    start_response("200 OK", [("Set-Cookie", ANALYTICS)])
    return [b"Hello"]


def writes(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Decide, start, and write the body."""
    accept(wsgi.consent_from(environ))
    start_response("200 OK", [("Set-Cookie", ANALYTICS)])(b"Hello")
    return []


def starts_late(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Decide and start when the body is asked for."""
    accept(wsgi.consent_from(environ))
    start_response("200 OK", [("Set-Cookie", ANALYTICS)])
    yield b"Hel"
    yield b"lo"


def writes_late(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Decide, start and write when the body is asked for."""
    accept(wsgi.consent_from(environ))
    start_response("200 OK", [("Set-Cookie", ANALYTICS)])(b"Hel")
    yield b"lo"


class Body:
    """A body that starts its response when it is asked for, and notes when it is closed."""

    def __init__(self, start: Callable[[], object]) -> None:
        self.start = start
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        """Start, and give the body."""
        self.start()
        yield b"Hello"

    def close(self) -> None:
        """Note it."""
        self.closed += 1


class TestWSGI:
    """The record comes before the headers, and without it there are others."""

    @pytest.mark.parametrize("app", [returns, writes, starts_late, writes_late])
    def test_R26_the_record_is_kept_before_the_headers_leave(self, app: Any) -> None:
        """Whenever the application starts its response, and however it sends the body."""
        happened: list[str] = []
        answer = ask_wsgi(app, gate(records=Noting(happened)), happened=happened)
        assert ["recorded", "headers 200"] == happened
        assert b"Hello" == answer.body
        assert ANALYTICS in answer.cookies

    def test_R26_a_page_has_its_record_before_its_headers(self) -> None:
        """The visitor's own pages are no exception."""
        happened: list[str] = []
        browser = Browser(POLICY, Noting(happened))
        browser.decide("accept_all")
        assert ["recorded"] == happened
        assert "&statistics=true&" in browser.cookie

    @pytest.mark.parametrize("app", [returns, writes, starts_late, writes_late])
    def test_R26_what_cannot_be_recorded_is_not_taken(
        self, app: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """503 in plain words, where there are no pages; neither cookie nor body leave."""
        answer = ask_wsgi(app, gate(records=Failing()))
        assert ("503 Service Unavailable", SORRY) == (answer.status, answer.body)
        assert [] == answer.cookies
        assert ["no-store"] == answer.values("cache-control")
        assert ["text/plain; charset=utf-8"] == answer.values("content-type")
        assert [str(len(SORRY))] == answer.values("content-length")
        assert "the visitor's decision was not taken" in caplog.text
        assert "no space left on device" in caplog.text

    @pytest.mark.parametrize("app", [returns, starts_late])
    def test_R26_the_old_decision_stands(self, app: Any) -> None:
        """What it refused stays refused and is deleted; what it allowed is there."""
        site = gate(records=Failing())
        cookie = f"_ga=1; beta=1; {token(ConsentPages(site), 'functional')}"
        answer = ask_wsgi(app, site, HTTP_COOKIE=cookie)
        assert "503 Service Unavailable" == answer.status
        deleted = {line.partition("=")[0] for line in answer.values("set-cookie")}
        assert {"_ga"} == deleted - {"eu-consent-deposits"}

    @pytest.mark.parametrize(
        ("language", "words"), [("fr", "Veuillez réessayer"), ("en", "Please try again")]
    )
    def test_R26_the_visitor_is_told_so_in_their_language(self, language: str, words: str) -> None:
        """By the site's own error page, where it has pages."""
        site = gate(records=Failing())
        pages = ConsentPages(site)
        answer = ask_wsgi(returns, site, pages=pages, HTTP_ACCEPT_LANGUAGE=language)
        assert "503 Service Unavailable" == answer.status
        assert f'<html lang="{language}">' in answer.body.decode()
        assert words in answer.body.decode()
        assert ["text/html; charset=utf-8"] == answer.values("content-type")
        assert "no-store" in answer.values("cache-control")[0]
        assert [] == answer.cookies

    def test_R26_a_script_is_told_so_as_scripts_are(self) -> None:
        """RFC 9457, where it posted JSON to the application."""
        site = gate(records=Failing())
        pages = ConsentPages(site)
        answer = ask_wsgi(returns, site, pages=pages, CONTENT_TYPE="application/json")
        assert ["application/problem+json"] == answer.values("content-type")
        assert 503 == json.loads(answer.body)["status"]

    @pytest.mark.parametrize("has_pages", [False, True])
    def test_R26_an_answer_to_HEAD_has_no_body(self, has_pages: bool) -> None:
        """RFC 9110 9.3.2: not even this one."""
        site = gate(records=Failing())
        pages = ConsentPages(site) if has_pages else None
        answer = ask_wsgi(returns, site, pages=pages, REQUEST_METHOD="HEAD")
        assert ("503 Service Unavailable", b"") == (answer.status, answer.body)

    @pytest.mark.parametrize("store", [Memory, Failing])
    def test_R26_the_body_is_closed(self, store: Any) -> None:
        """Once, whether or not it was sent."""
        bodies: list[Body] = []

        def app(environ: Any, start_response: Any) -> Body:
            def start() -> None:
                accept(wsgi.consent_from(environ))
                start_response("200 OK", [])

            bodies.append(Body(start))
            return bodies[0]

        answer = ask_wsgi(app, gate(records=store()))
        assert 1 == bodies[0].closed
        assert {Memory: b"Hello", Failing: SORRY}[store] == answer.body

    def test_R26_a_body_that_nobody_asked_for_is_closed_too(self) -> None:
        """PEP 3333: a server calls ``close`` whether or not it came to ask for the body."""
        body = Body(lambda: None)
        middleware = wsgi.ConsentGateMiddleware(lambda *_: body, gate(records=Memory()))
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        middleware(environ, lambda *_: lambda _: None).close()  # type: ignore[attr-defined]  # it has one
        assert 1 == body.closed

    def test_R26_a_body_may_have_no_close(self) -> None:
        """A list of what is to be asked for has none."""

        class Pieces:
            def __init__(self, environ: Any, start_response: Any) -> None:
                self.start = partial(start_response, "200 OK", [])

            def __iter__(self) -> Iterator[bytes]:
                self.start()
                return iter([b"Hello"])

        assert b"Hello" == ask_wsgi(Pieces, gate(records=Memory())).body

    def test_R26_an_exception_is_the_servers(self) -> None:
        """As without a gate, when it is raised while the body is asked for."""

        def app(environ: Any, start_response: Any) -> Iterator[bytes]:
            yield from [] if environ else [b"never"]
            raise ValueError("crash")

        with pytest.raises(ValueError, match="crash"):
            ask_wsgi(app, gate(records=Memory()))

    @pytest.mark.parametrize("has_pages", [False, True])
    def test_R26_the_application_does_not_learn_of_it(self, has_pages: bool) -> None:
        """No exception that middleware of its own would take for a mistake; nothing it says counts.

        Neither what it writes, nor another answer in the place of this one.
        """
        happened: list[str] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            accept(wsgi.consent_from(environ))
            write = start_response("200 OK", [("Set-Cookie", ANALYTICS)])
            write(b"Hello")
            wsgi.consent_from(environ)
            again = start_response("500 Sorry", [("Set-Cookie", ANALYTICS)], CRASH)
            again(b"Sorry")
            happened.append("all said")
            return [b"Hello", b"Sorry"]

        site = gate(records=Failing())
        pages = ConsentPages(site) if has_pages else None
        answer = ask_wsgi(app, site, pages=pages, happened=happened)
        assert ["headers 503", "headers 503", "all said"] == happened
        assert ("503 Service Unavailable", []) == (answer.status, answer.cookies)
        assert has_pages != (answer.body == SORRY)
        assert str(len(answer.body)) == dict(answer.headers)["Content-Length"]

    def test_R26_pieces_of_a_body_are_not_sent_after_the_refusal(self) -> None:
        """However many there are, or none at all."""
        for pieces in ([], [b""], [b"Hello"], [b"Hel", b"lo"]):

            def app(environ: Any, start_response: Any, own: Any = pieces) -> Iterator[bytes]:
                accept(wsgi.consent_from(environ))
                start_response("200 OK", [])
                yield from own

            assert SORRY == ask_wsgi(app, gate(records=Failing())).body

    def test_R26_a_gate_within_keeps_its_own_records(self) -> None:
        """Where an outer gate of the same policy keeps none, the inner one's are not lost."""
        store = Memory()
        inner, outer = gate(records=store), gate()
        within = wsgi.ConsentGateMiddleware(returns, inner, pages=ConsentPages(inner))
        answer = ask_wsgi(within, outer)
        assert "&statistics=true&" in answer.consent
        assert 1 == len(store.kept)

    @pytest.mark.parametrize("keeps", ["inner", "outer", "both"])
    def test_R26_a_choice_on_the_pages_of_a_gate_within_is_recorded(self, keeps: str) -> None:
        """As what it is, whichever of two gates of the same policy keeps records."""
        store = Memory()
        inner = gate(records=None if keeps == "outer" else store)
        outer = gate(records=None if keeps == "inner" else store)
        within = wsgi.ConsentGateMiddleware(returns, inner, pages=ConsentPages(inner))
        body = b"choice=accept_all&layer=1"
        answer = ask_wsgi(
            within,
            outer,
            PATH_INFO="/consent/",
            REQUEST_METHOD="POST",
            CONTENT_TYPE="application/x-www-form-urlencoded",
            CONTENT_LENGTH=str(len(body)),
            **{"wsgi.input": io.BytesIO(body)},
        )
        assert "&statistics=true&" in answer.consent
        assert ["banner"] == [record.method for record in store.kept]


# -- and without waiting ---------------------------------------------------------------------------


async def decides(scope: Any, receive: Any, send: Any) -> None:
    """Decide, and answer in two pieces."""
    accept(asgi.consent_from(scope))
    headers = [(b"set-cookie", ANALYTICS.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hel", "more_body": True})
    await send({"type": "http.response.body", "body": b"lo"})


async def greets(scope: Any, receive: Any, send: Any) -> None:
    """Answer without a decision."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Hello"})


def handshake(answer: str, **more: Any) -> Any:
    """Return an application that decides and answers a websocket's handshake with ``answer``."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        accept(asgi.consent_from(scope))
        await send({"type": answer, **more})
        await send({"type": "websocket.send", "text": "Hello"})

    return app


POSTED: dict[str, Any] = {
    "method": "POST",
    "path": "/consent/",
    "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
}
SOCKET: dict[str, Any] = {"type": "websocket"}


def signalling(site: Gate) -> dict[str, Any]:
    """Return the request of a visitor who has decided, with a signal that is new."""
    cookie = "=".join(consent_cookie(site, ["advertising"]))
    return {"headers": [(b"sec-gpc", b"1"), (b"cookie", cookie.encode())]}


def run(backend: str, call: Any, *args: Any, **more: Any) -> Any:
    """Run a coroutine function in an event loop of asyncio's or trio's."""
    return anyio.run(partial(call, *args, **more), backend=backend)


both_loops = pytest.mark.parametrize("backend", ["asyncio", "trio"])


FORKING = """
import asyncio, os, sys
from page_requests import Memory, gate
from recording import ask_asgi
from test_recording_order import decides

def decide():
    print(asyncio.run(ask_asgi(decides, gate(records=Memory()))).answer.status, flush=True)

decide()
child = os.fork()
if not child:
    decide()
    os._exit(0)
assert (child, 0) == os.waitpid(child, 0)
"""
"""A process that decides, and whose child decides."""


class TestASGI:
    """The same in an event loop, which does not wait."""

    @both_loops
    def test_R26_the_record_is_kept_before_the_headers_leave(self, backend: str) -> None:
        """In another thread than the event loop's."""
        store = Memory()
        happened: list[str] = []
        store = Noting(happened)
        server = Server(happened=happened)
        app = asgi.ConsentGateMiddleware(decides, gate(records=store))
        run(backend, app, scope_of(), server.receive, server.send)
        first, *others = happened
        assert ("recorded", "http.response.start") == (first, others[0])
        assert b"Hello" == server.answer.body
        assert "&statistics=true&" in server.answer.consent
        assert threading.get_ident() not in store.threads

    @both_loops
    def test_R26_what_cannot_be_recorded_is_not_taken(self, backend: str) -> None:
        """503, and what the application goes on to say is not heard."""
        server = run(backend, ask_asgi, decides, gate(records=Failing()))
        assert ("503", SORRY, []) == (
            server.answer.status,
            server.answer.body,
            server.answer.cookies,
        )
        assert 2 == len(server.sent)

    @both_loops
    def test_R26_the_visitor_is_told_so_in_their_language(self, backend: str) -> None:
        """By the site's own error page, where it has pages."""
        site = gate(records=Failing())
        headers = [(b"accept-language", b"fr")]
        server = run(backend, ask_asgi, decides, site, ConsentPages(site), headers=headers)
        assert "503" == server.answer.status
        assert b'<html lang="fr">' in server.answer.body

    def test_R26_whatever_the_application_goes_on_to_say(self) -> None:
        """Trailers, files, pieces and even another start."""

        async def talks(scope: Any, receive: Any, send: Any) -> None:
            await decides(scope, receive, send)
            await send({"type": "http.response.trailers", "headers": []})
            await send({"type": "http.response.pathsend", "path": "/etc/passwd"})
            await greets(scope, receive, send)

        server = run("asyncio", ask_asgi, talks, gate(records=Failing()))
        assert ["http.response.start", "http.response.body"] == server.happened

    @pytest.mark.parametrize(
        ("kind", "more"),
        [
            ("websocket.accept", {}),
            ("websocket.http.response.start", {"status": 403, "headers": []}),
        ],
    )
    @both_loops
    def test_R26_a_websockets_handshake_waits_for_the_record(
        self, backend: str, kind: str, more: Any
    ) -> None:
        """Accepted or refused; where there is no record, it is told to come back later."""
        happened: list[str] = []
        server = Server(happened=happened)
        app = asgi.ConsentGateMiddleware(handshake(kind, **more), gate(records=Noting(happened)))
        run(backend, app, scope_of(**SOCKET), server.receive, server.send)
        assert ["recorded", kind, "websocket.send"] == happened
        assert any(b"statistics=true" in value for _, value in server.sent[0]["headers"])
        failed = run(backend, ask_asgi, handshake(kind, **more), gate(records=Failing()), **SOCKET)
        assert [{"type": "websocket.close", "code": 1013}] == failed.sent

    @both_loops
    def test_R26_a_handshake_that_is_turned_down_decides_nothing(self, backend: str) -> None:
        """``websocket.close`` carries no cookie, so there is nothing to prove."""
        store = Memory()
        app = handshake("websocket.close", code=1000)
        server = run(backend, ask_asgi, app, gate(records=store), **SOCKET)
        assert {"type": "websocket.close", "code": 1000} == server.sent[0]
        assert [] == store.kept

    def test_R22_a_handshake_that_is_turned_down_notes_no_signal(self) -> None:
        """It would be noted with every attempt, each time for a new visitor."""

        async def closes(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.close", "code": 1000})

        store = Memory()
        site = Gate(OVERRIDE, "key", records=store, clock=lambda: NOW)
        server = run("asyncio", ask_asgi, closes, site, **SOCKET, **signalling(site))
        assert [{"type": "websocket.close", "code": 1000}] == server.sent
        assert [] == store.kept

    def test_R22_a_note_waits_for_the_headers_it_leaves_with(self) -> None:
        """What is sent before them says nothing of the caches that may keep the answer."""

        async def hints(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.early_hint", "links": []})
            headers = [(b"cache-control", b"public, max-age=60")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"Hello"})

        store = Memory()
        site = Gate(OVERRIDE, "key", records=store, clock=lambda: NOW)
        server = run("asyncio", ask_asgi, hints, site, **signalling(site))
        assert {"type": "http.response.early_hint", "links": []} == server.sent[0]
        assert [] == [name for name, _ in server.sent[1]["headers"] if name == b"set-cookie"]
        assert [] == store.kept

    @pytest.mark.parametrize("kind", ["http.response.start", "websocket.accept"])
    def test_R22_headers_may_be_missing_or_come_once(self, kind: str) -> None:
        """The gate looks at them before it sends them."""
        for headers in ({}, {"headers": iter([(b"x-shop", b"open")])}, {"headers": ()}):

            async def starts(scope: Any, receive: Any, send: Any, more: Any = headers) -> None:
                await send({"type": kind, "status": 200, **more})

            store = Memory()
            site = Gate(OVERRIDE, "key", records=store, clock=lambda: NOW)
            which = kind.partition(".")[0]
            server = run("asyncio", ask_asgi, starts, site, type=which, **signalling(site))
            found = server.sent[0]["headers"]
            notes = [value for name, value in found if name == b"set-cookie"]
            assert [True] == [b"&gpc=true&" in value for value in notes]
            assert bool(headers.get("headers")) == ((b"x-shop", b"open") in found)

    @both_loops
    @pytest.mark.parametrize("is_page", [True, False])
    def test_R26_a_slow_store_does_not_hold_up_the_event_loop(
        self, backend: str, is_page: bool
    ) -> None:
        """Others are answered while one visitor waits, be it our page or the application's."""
        store = Slow()
        site = gate(records=store)
        pages = ConsentPages(site)

        async def main() -> tuple[Server, Server]:
            waiting: list[Server] = []

            async def wait() -> None:
                waiting.append(await ask_asgi(decides, site, pages, **(POSTED if is_page else {})))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                assert await anyio.to_thread.run_sync(store.begun.wait, PATIENCE)
                other = await ask_asgi(greets, site, pages)
                assert not waiting
                store.may_return.set()
            return waiting[0], other

        waited, other = run(backend, main)
        assert ("200", b"Hello") == (other.answer.status, other.answer.body)
        assert "&statistics=true&" in waited.answer.consent
        assert 1 == len(store.kept)

    @pytest.mark.parametrize(
        ("scope", "pages", "body"),
        [(POSTED, True, b"<!doctype html>"), ({}, True, b"<!doctype html>"), ({}, False, SORRY)],
    )
    def test_R26_who_would_wait_too_long_is_told_so(
        self, few_threads: ThreadPoolExecutor, scope: Any, pages: bool, body: bytes
    ) -> None:
        """503 and no cookie, for the choice was never asked to be kept; the others are served."""
        first, second, kept = self.crowd(few_threads, scope, pages)
        assert "&statistics=true&" in first.answer.consent
        assert ("503", []) == (second.answer.status, second.answer.cookies)
        assert second.answer.body.startswith(body)
        assert 1 == len(kept)

    def crowd(
        self, threads: ThreadPoolExecutor, scope: Any, has_pages: bool, app: Any = decides
    ) -> tuple[Server, Server, Sequence[Record]]:
        """Return what two visitors get of whom the first holds the only thread."""
        store = Slow()
        site = Gate(POLICY, "key", records=store, clock=lambda: NOW)
        pages = ConsentPages(site) if has_pages else None

        async def main() -> tuple[Server, Server]:
            first = asyncio.create_task(ask_asgi(decides, site, pages))
            assert await asyncio.to_thread(store.begun.wait, PATIENCE)
            second = await ask_asgi(app, site, pages, **scope)
            store.may_return.set()
            return await first, second

        first, second = asyncio.run(main())
        return first, second, store.kept

    @pytest.mark.parametrize("scope", [POSTED, {}])
    def test_R26_who_would_wait_too_long_is_told_so_by_trio(
        self, monkeypatch: pytest.MonkeyPatch, scope: Any
    ) -> None:
        """Whose threads are of its own."""
        monkeypatch.setattr(asgi, "_LONGEST_QUEUE", 0.01)
        store = Slow()
        site = gate(records=store)
        pages = ConsentPages(site)
        answers: list[Server] = []

        async def wait(scope: Any) -> None:
            answers.append(await ask_asgi(decides, site, pages, **scope))

        async def main() -> None:
            trio.to_thread.current_default_thread_limiter().total_tokens = 1
            async with trio.open_nursery() as tasks:
                tasks.start_soon(wait, {})
                with trio.fail_after(PATIENCE):
                    while not store.begun.is_set():
                        await trio.lowlevel.checkpoint()
                    await wait(scope)
                store.may_return.set()

        trio.run(main)
        told, waited = answers
        assert ("503", []) == (told.answer.status, told.answer.cookies)
        assert "&statistics=true&" in waited.answer.consent
        assert 1 == len(store.kept)

    def test_R26_a_websocket_that_would_wait_too_long_is_told_so(
        self, few_threads: ThreadPoolExecutor
    ) -> None:
        """By the code that means to try again later."""
        app = handshake("websocket.accept")
        _, second, kept = self.crowd(few_threads, SOCKET, False, app)
        assert [{"type": "websocket.close", "code": 1013}] == second.sent
        assert 1 == len(kept)

    def test_R22_who_only_loads_a_page_is_not_turned_away(
        self, few_threads: ThreadPoolExecutor
    ) -> None:
        """A signal is heeded though it cannot be recorded, for whatever reason."""
        store = Slow()
        site = Gate(OVERRIDE, "key", records=store, clock=lambda: NOW)

        async def main() -> Server:
            first = asyncio.create_task(ask_asgi(decides, site))
            assert await asyncio.to_thread(store.begun.wait, PATIENCE)
            second = await ask_asgi(greets, site, **signalling(site))
            store.may_return.set()
            await first
            return second

        answer = asyncio.run(main()).answer
        assert ("200", b"Hello", "") == (answer.status, answer.body, answer.consent)

    def test_R26_who_is_gone_decides_nothing(self, few_threads: ThreadPoolExecutor) -> None:
        """What nobody waits for any more is not begun."""
        store = Slow()
        site = gate(records=store)

        async def main() -> None:
            first = asyncio.create_task(ask_asgi(decides, site))
            assert await asyncio.to_thread(store.begun.wait, PATIENCE)
            queued = asyncio.create_task(ask_asgi(decides, site))
            await begun(queued)
            queued.cancel()
            with pytest.raises(asyncio.CancelledError):
                await queued
            store.may_return.set()
            await first

        asyncio.run(main())
        few_threads.shutdown()
        assert 1 == len(store.kept)

    def test_R26_what_was_begun_is_waited_for(
        self, monkeypatch: pytest.MonkeyPatch, few_threads: ThreadPoolExecutor
    ) -> None:
        """The limit is for those whose turn has not come: a store has a limit of its own."""
        store = Slow()
        site = gate(records=store)

        async def main() -> Server:
            first = asyncio.create_task(ask_asgi(decides, site))
            assert await asyncio.to_thread(store.begun.wait, PATIENCE)
            queued = await ask_asgi(decides, site)  # and so the limit is over for the first, too
            assert "503" == queued.answer.status
            store.may_return.set()
            return await first

        assert "&statistics=true&" in asyncio.run(main()).answer.consent

    def test_R26_a_process_that_forks_has_threads_again(self) -> None:
        """A server may load the application, use it, and then fork its workers."""
        printed = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        assert ["200", "200"] == printed.split()

    def test_R26_where_there_is_no_fork_there_are_threads_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Windows has none."""
        monkeypatch.delattr(os, "register_at_fork", raising=False)
        monkeypatch.setattr(asgi, "_THREADS", threads := asgi._Threads())
        answer = asyncio.run(ask_asgi(decides, gate(records=Memory()))).answer
        assert "&statistics=true&" in answer.consent
        threads._pool.shutdown()

    def test_R26_what_is_decided_while_a_record_is_kept_is_recorded_too(self) -> None:
        """A task beside the one that answers may decide until the headers leave."""
        store = Slow()
        site = gate(records=store)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            consent = asgi.consent_from(scope)
            consent.grant("statistics")
            start = asyncio.create_task(greets(scope, receive, send))
            assert await asyncio.to_thread(store.begun.wait, PATIENCE)
            try:
                consent.grant("functional")
            finally:
                store.may_return.set()
                await start

        answer = asyncio.run(ask_asgi(app, site)).answer
        said = site.newest(answer.consent)
        assert said is not None
        last = store.kept[-1].choices
        assert said.granted == {name for name, given in last.items() if given}

    def test_R26_an_exception_after_the_refusal_is_the_servers(self) -> None:
        """As without a gate; the visitor has the refusal."""
        server = Server()

        async def crashes(scope: Any, receive: Any, send: Any) -> None:
            await decides(scope, receive, send)
            raise ValueError("crash")

        app = asgi.ConsentGateMiddleware(crashes, gate(records=Failing()))
        with pytest.raises(ValueError, match="crash"):
            asyncio.run(app(scope_of(), server.receive, server.send))
        assert "503" == server.answer.status

    def test_R26_the_answer_to_HEAD_has_no_body(self) -> None:
        """RFC 9110 9.3.2: not even this one."""
        server = run("asyncio", ask_asgi, decides, gate(records=Failing()), method="HEAD")
        assert ("503", b"") == (server.answer.status, server.answer.body)

    def test_R26_an_outer_gate_of_another_policy_refuses_for_itself(self) -> None:
        """What was decided in front of the inner gate is the outer one's to record."""
        outer, inner = gate(records=Failing()), gate(Policy("other"), Memory())
        within = asgi.ConsentGateMiddleware(greets, inner)

        async def between(scope: Any, receive: Any, send: Any) -> None:
            accept(asgi.consent_from(scope))
            await within(scope, receive, send)

        server = run("asyncio", ask_asgi, between, outer, ConsentPages(outer))
        assert ("503", []) == (server.answer.status, server.answer.cookies)
        assert b"<!doctype html>" == server.answer.body[:15]


async def begun(task: asyncio.Task[Any]) -> None:
    """Wait until ``task`` waits for something itself."""
    await asyncio.sleep(0)
    assert not task.done()


@pytest.fixture
def few_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    """Let there be one thread for records, and hardly any patience for it."""
    with ThreadPoolExecutor(1) as threads:
        monkeypatch.setattr(asgi, "_THREADS", threads)
        monkeypatch.setattr(asgi, "_LONGEST_QUEUE", 0.01)
        yield threads
