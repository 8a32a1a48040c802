"""How ASGI and WSGI carry the pages: bodies, mounts, and one gate inside another."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio
from page_requests import Memory, asked, gate

from consentgate import MiddlewareMissing, asgi, wsgi
from consentgate.page import MAX_BODY, PageRequest
from consentgate.pages import ConsentPages

if TYPE_CHECKING:
    from collections.abc import Sequence


async def unreached(*_: Any) -> Any:
    """Be the application that nobody asks."""
    raise AssertionError("the application was asked")


def started(*_: Any) -> Any:
    """Begin an answer under WSGI whose status and headers nobody looks at."""
    return lambda _: None


async def posted(app: Any, pieces: Sequence[bytes | None]) -> list[Any]:
    """Send a form to an ASGI application in ``pieces``; None is a visitor who leaves."""
    messages = iter(pieces)
    left = len(pieces)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        piece = next(messages)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": left > 0}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/consent/", "headers": headers}
    await app(scope, receive, send)
    return sent


class TestASGI:
    """How a form is read under ASGI."""

    @pytest.mark.parametrize(
        ("pieces", "status"),
        [
            ([b"choice=acc", b"", b"ept_all"], 303),
            ([b"choice=accept_all&" + b"a" * (MAX_BODY - 18), b""], 303),
            ([b"choice=accept_all&" + b"a" * (MAX_BODY - 18)], 303),
            ([b"choice=accept_all&" + b"a" * (MAX_BODY - 17)], 413),
            ([b"choice=accept_all&" + b"a" * 20_000], 413),
            ([b"choice=accept_all&next=/", b"a" * MAX_BODY], 413),
            ([b"a" * MAX_BODY, b"a" * MAX_BODY, b"never read"], 413),
            ([b"choice=accept_all", None], 413),
        ],
    )
    def test_a_body_in_pieces(self, pieces: Sequence[bytes | None], status: int) -> None:
        """It is read to its end or its limit; what breaks off is no choice."""
        site = gate()
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        assert status == asyncio.run(posted(app, pieces))[0]["status"]

    def test_an_application_starts_below_a_root_path(self) -> None:
        """FastAPI tells it to the lifespan too, where there is no path."""
        seen: list[str] = []

        async def app(scope: Any, *_: Any) -> None:
            seen.append(scope["type"])

        site = gate()
        gated = asgi.ConsentGateMiddleware(app, site, pages=ConsentPages(site))
        asyncio.run(gated({"type": "lifespan", "root_path": "/api"}, unreached, unreached))
        assert ["lifespan"] == seen

    def test_trio_may_run_it(self) -> None:
        """With a record store, which is asked in one of trio's threads."""
        records = Memory()
        site = gate(records=records)
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        sent = trio.run(posted, app, [b"choice=accept_all"])
        assert 303 == sent[0]["status"]
        assert threading.get_ident() not in records.threads

    def test_a_slow_store_delays_no_style_sheet(self) -> None:
        """Only what is about records is asked in a thread."""
        pages = ConsentPages(gate(records=Memory()))
        waits = {path: pages.blocking(asked(pages, path)) for path in sorted(pages.paths)}
        assert {"/consent/record"} == {path for path, wait in waits.items() if wait}
        assert pages.blocking(asked(pages, "/consent/", "POST"))
        without = ConsentPages(gate())
        assert not without.blocking(asked(without, "/consent/", "POST"))

    def test_a_server_may_leave_the_root_out_of_the_path(self) -> None:
        """Against the specification, and some do."""
        site = gate()
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        for root, path in (
            ("/shop", "/shop/consent/state"),
            ("/shop", "/consent/state"),
            ("/shop/", "/shop//consent/state"),
            ("/shop/", "/shop/consent/state"),
        ):
            sent: list[Any] = []

            async def send(message: Any, sent: list[Any] = sent) -> None:
                sent.append(message)

            scope = {"type": "http", "method": "GET", "path": path, "root_path": root}
            asyncio.run(app({**scope, "headers": []}, unreached, send))
            assert 200 == sent[0]["status"]

    def test_a_banner_needs_the_middleware(self) -> None:
        """The error says what is missing."""
        with pytest.raises(MiddlewareMissing):
            asgi.page_request_from({"type": "http", "path": "/", "headers": []})

    def test_a_body_is_not_read_beyond_its_limit(self) -> None:
        """However long a visitor goes on sending."""
        site = gate()
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        read: list[bytes] = []
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            read.append(b"a" * MAX_BODY)
            return {"type": "http.request", "body": read[-1], "more_body": len(read) < 9}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/consent/", "headers": []}
        asyncio.run(app(scope, receive, send))
        assert (413, 2) == (sent[0]["status"], len(read))

    def test_an_answer_is_as_the_specification_has_it(self) -> None:
        """Names of headers are in lower case; a query may have any octets (R24)."""
        site = gate()
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/consent/state", "headers": []}
        asyncio.run(app({**scope, "query_string": b"\xff"}, unreached, send))
        assert 200 == sent[0]["status"]
        assert all(name == name.lower() for name, _ in sent[0]["headers"])

    def test_a_websocket_may_be_told_the_state(self) -> None:
        """Its scope has no method."""
        requests: list[PageRequest] = []

        async def socket(scope: Any, *_: Any) -> None:
            requests.append(asgi.page_request_from(scope))

        app = asgi.ConsentGateMiddleware(socket, gate())
        scope = {"type": "websocket", "path": "/", "headers": []}
        asyncio.run(app(scope, unreached, unreached))
        assert ["GET"] == [request.method for request in requests]

    @pytest.mark.parametrize("root", ["/shop/", "//shop"])
    def test_the_root_is_written_as_an_address_begins(self, root: str) -> None:
        """However a server writes root_path, no address begins with two slashes."""
        site = gate()
        seen: list[str] = []

        async def app(scope: Any, *_: Any) -> None:
            seen.append(asgi.page_request_from(scope).visit.root)

        gated = asgi.ConsentGateMiddleware(app, site, pages=ConsentPages(site))
        scope = {"type": "http", "method": "GET", "path": "/tea", "root_path": root, "headers": []}
        asyncio.run(gated(scope, unreached, unreached))
        assert ["/shop"] == seen

    def test_pages_further_in_stay_aside(self) -> None:
        """The banner leads to the pages that answer, where two middlewares share a gate."""
        site = gate()
        outer, inner = (ConsentPages(site, languages=[tag]) for tag in ("it", "de"))
        seen: list[Any] = []

        async def app(scope: Any, *_: Any) -> None:
            visit = asgi.page_request_from(scope).visit
            seen.append((visit.pages, visit.root))

        async def admin(scope: Any, receive: Any, send: Any) -> None:
            await nested({**scope, "root_path": "/shop/admin"}, receive, send)

        nested = asgi.ConsentGateMiddleware(app, site, pages=inner)
        around = asgi.ConsentGateMiddleware(admin, site, pages=outer)
        scope = {"type": "http", "method": "GET", "path": "/shop/admin/", "root_path": "/shop"}
        asyncio.run(around({**scope, "headers": []}, unreached, unreached))
        assert [(outer, "/shop")] == seen

    def test_an_event_loop_does_not_wait_for_the_store(self) -> None:
        """ASGI asks it in another thread."""
        records = Memory()
        site = gate(records=records)
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        sent = asyncio.run(posted(app, [b"choice=accept_all"]))
        assert 303 == sent[0]["status"]
        assert threading.get_ident() not in records.threads


class TestWSGI:
    """How a form is read under WSGI."""

    @pytest.mark.parametrize(
        ("environ", "status"),
        [
            ({"CONTENT_LENGTH": "17"}, "303"),
            ({"CONTENT_LENGTH": "", "wsgi.input_terminated": True}, "303"),
            ({"CONTENT_LENGTH": ""}, "422"),
            ({"CONTENT_LENGTH": "18"}, "413"),
            ({"CONTENT_LENGTH": "18", "wsgi.input_terminated": True}, "413"),
            ({"CONTENT_LENGTH": "abc"}, "413"),
            ({"CONTENT_LENGTH": "-1"}, "413"),
            ({"CONTENT_LENGTH": "9" * 5000}, "413"),
        ],
    )
    def test_a_body_of_such_a_length(self, environ: dict[str, Any], status: str) -> None:
        """It is read to its end or not at all, chunked where the server says so."""
        assert status == self.status_of(b"choice=accept_all", environ)

    def test_a_body_that_breaks_off_is_no_choice(self) -> None:
        """Some servers raise what the socket raised."""

        class Broken(io.BytesIO):
            def read(self, *_: Any) -> bytes:
                raise OSError("gone")

        environ = {"CONTENT_LENGTH": "5", "wsgi.input": Broken()}
        assert "413" == self.status_of(b"", environ)

    def test_a_chunked_body_may_be_too_long(self) -> None:
        """It is read to the limit and no further."""
        terminated = {"wsgi.input_terminated": True}
        assert "413" == self.status_of(b"choice=" + b"a" * MAX_BODY, terminated)

    def status_of(self, body: bytes, environ: dict[str, Any]) -> str:
        """Return the status of the answer to a form."""
        site = gate()
        statuses: list[str] = []
        app = wsgi.ConsentGateMiddleware(lambda *_: [], site, pages=ConsentPages(site))
        request: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/consent/",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "wsgi.input": io.BytesIO(body),
            **environ,
        }

        def start_response(status: str, *_: Any) -> Any:
            statuses.append(status)
            return lambda _: None

        list(app(request, start_response))
        return statuses[0][:3]

    def test_a_banner_needs_the_middleware(self) -> None:
        """The error says what is missing."""
        with pytest.raises(MiddlewareMissing):
            wsgi.page_request_from({"PATH_INFO": "/", "REQUEST_METHOD": "GET"})

    @pytest.mark.parametrize(
        ("length", "environ", "status"),
        [
            (MAX_BODY + 1, {"CONTENT_LENGTH": str(MAX_BODY + 1)}, "413"),
            (MAX_BODY, {"CONTENT_LENGTH": str(MAX_BODY)}, "422"),
            (MAX_BODY, {"wsgi.input_terminated": True}, "422"),
        ],
    )
    def test_a_body_of_the_longest(self, length: int, environ: dict[str, Any], status: str) -> None:
        """Up to its limit it is read, and no further."""
        assert status == self.status_of(b"a=" + b"a" * (length - 2), environ)

    @pytest.mark.parametrize("root", ["/th\xc3\xa9/", "//th\xc3\xa9"])
    def test_octets_are_text_to_the_pages(self, root: str) -> None:
        """WSGI gives them as latin-1; some are no UTF-8 (R24)."""
        site = gate()
        seen: list[PageRequest] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            seen.append(wsgi.page_request_from(environ))
            start_response("200 OK", [])
            return []

        gated = wsgi.ConsentGateMiddleware(app, site, pages=ConsentPages(site))
        environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": root, "PATH_INFO": "/a\xc3\xa9\xff"}
        list(gated(environ, started))
        assert [("/thé", "/aé\ufffd")] == [(item.visit.root, item.path) for item in seen]

    def test_a_server_may_leave_out_an_empty_path(self) -> None:
        """And there is no body to read but of a POST (PEP 3333)."""
        site = gate()
        reached: list[str] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            reached.append(wsgi.page_request_from(environ).path)
            start_response("200 OK", [])
            return []

        gated = wsgi.ConsentGateMiddleware(app, site, pages=ConsentPages(site))
        list(gated({"REQUEST_METHOD": "GET"}, started))
        list(gated({"REQUEST_METHOD": "GET", "PATH_INFO": "/consent/"}, started))
        assert [""] == reached

    def test_pages_further_in_stay_aside(self) -> None:
        """The banner leads to the pages that answer, where two middlewares share a gate."""
        site = gate()
        outer, inner = (ConsentPages(site, languages=[tag]) for tag in ("it", "de"))
        seen: list[Any] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            visit = wsgi.page_request_from(environ).visit
            seen.append((visit.pages, visit.root))
            start_response("200 OK", [])
            return []

        def admin(environ: Any, start_response: Any) -> Any:
            environ["SCRIPT_NAME"] += "/admin"
            return nested(environ, start_response)

        nested = wsgi.ConsentGateMiddleware(app, site, pages=inner)
        around = wsgi.ConsentGateMiddleware(admin, site, pages=outer)
        environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/shop", "PATH_INFO": "/"}
        list(around(environ, started))
        assert [(outer, "/shop")] == seen


class TestNested:
    """A gate inside another, each with pages."""

    def test_under_wsgi_the_outer_ones_are_shown(self) -> None:
        """The inner ones still answer at their own addresses."""
        inner, outer = ConsentPages(gate()), ConsentPages(gate())
        shown: list[str] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            request = wsgi.page_request_from(environ)
            shown.append(ConsentPages.of(request).banner(request))
            start_response("200 OK", [])
            return []

        inside = wsgi.ConsentGateMiddleware(app, inner.gate, pages=inner)

        def mount(environ: Any, start_response: Any) -> Any:
            moved = {**environ, "SCRIPT_NAME": "/inner"}
            return inside(moved, start_response)

        around = wsgi.ConsentGateMiddleware(mount, outer.gate, pages=outer)
        around({"REQUEST_METHOD": "GET", "PATH_INFO": "/tea"}, started)
        assert 'action="/consent/"' in shown[0]

    def test_under_asgi_the_outer_ones_are_shown(self) -> None:
        """The same with scopes."""
        inner, outer = ConsentPages(gate()), ConsentPages(gate())
        shown: list[str] = []

        async def app(scope: Any, *_: Any) -> None:
            request = asgi.page_request_from(scope)
            shown.append(ConsentPages.of(request).banner(request))

        inside = asgi.ConsentGateMiddleware(app, inner.gate, pages=inner)

        async def mount(scope: Any, receive: Any, send: Any) -> None:
            await inside({**scope, "root_path": "/inner"}, receive, send)

        around = asgi.ConsentGateMiddleware(mount, outer.gate, pages=outer)
        scope = {"type": "http", "method": "GET", "path": "/tea", "headers": []}
        asyncio.run(around(scope, unreached, unreached))
        assert 'action="/consent/"' in shown[0]
