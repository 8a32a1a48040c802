"""Every front passes the contract: headers in, headers out, at the protocol's edge."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import django_consentgate
import django_site
import fastapi
import flask
import flask_consentgate
import httpx
import litestar
import quart
import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing
import starlette_consentgate
import werkzeug.test
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from starlette.testclient import TestClient

import consentgate.asgi
import consentgate.wsgi
from consentgate import Gate
from consentgate.pages.testing import PagesContract
from consentgate.testing import Request, Response, View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]


def headers_of(view: View) -> list[tuple[str, str]]:
    """Return what the application sends, one Set-Cookie header a line."""
    return [*view.headers, *(("Set-Cookie", line) for line in view.set_cookies)]


def through_werkzeug(app: Any, request: Request) -> Response:
    """Ask a WSGI application with Werkzeug's client, which runs it as a server would."""
    client = werkzeug.test.Client(app, use_cookies=False)
    answer = client.open(
        path=request.path,
        base_url=request.url.removesuffix(request.path),
        method=request.method,
        headers=list(request.headers),
        data=request.body,
        buffered=True,
    )
    return Response(answer.status_code, list(answer.headers), answer.data)


def through_httpx(app: Any, request: Request, *, raises: bool = True) -> Response:
    """Ask an ASGI application with httpx."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=raises)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(
                request.method, request.url, headers=list(request.headers), content=request.body
            )

    answer = asyncio.run(ask())
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in answer.headers.raw]
    return Response(answer.status_code, headers, answer.content)


def through_starlette(app: Any, request: Request) -> Response:
    """Ask an ASGI application with Starlette's client."""
    client = TestClient(app, follow_redirects=False)
    answer = client.request(
        request.method, request.url, headers=list(request.headers), content=request.body
    )
    return Response(answer.status_code, answer.headers.multi_items(), answer.content)


class TestWSGI(PagesContract):
    """A plain WSGI application."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Answer in the most primitive way PEP 3333 knows."""

        def app(environ: Any, start_response: Any) -> Iterator[bytes]:
            view.see(environ.get("HTTP_COOKIE"), lambda: consentgate.wsgi.consent_from(environ))
            start_response(f"{view.status} -", headers_of(view))
            yield from view.body

        return through_werkzeug(
            consentgate.wsgi.ConsentGateMiddleware(app, gate, pages=self.pages(gate)), request
        )


class TestValidatedWSGI(PagesContract):
    """The same between two of the standard library's checks of PEP 3333."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Answer with a list, a Content-Type where there may be one, and its length."""

        def app(environ: Any, start_response: Any) -> list[bytes]:
            view.see(environ.get("HTTP_COOKIE"), lambda: consentgate.wsgi.consent_from(environ))
            typed = [] if view.status in (204, 304) else [("Content-Type", "text/plain")]
            start_response(f"{view.status} -", [*typed, *headers_of(view)])
            return [] if request.method == "HEAD" else list(view.body)

        gated = consentgate.wsgi.ConsentGateMiddleware(validator(app), gate, pages=self.pages(gate))
        return through_werkzeug(validator(gated), request)


class TestASGI(PagesContract):
    """A plain ASGI application."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Send one message for each piece of the body."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            cookies = [value for name, value in scope["headers"] if name == b"cookie"]
            seen = cookies[0].decode("latin-1") if cookies else None
            view.see(seen, lambda: consentgate.asgi.consent_from(scope))
            headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers_of(view)]
            await send({"type": "http.response.start", "status": view.status, "headers": headers})
            for piece in view.body:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})

        return through_httpx(
            consentgate.asgi.ConsentGateMiddleware(app, gate, pages=self.pages(gate)), request
        )


class TestFlask(PagesContract):
    """The Flask extension."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Answer every path with a streamed response."""
        app = flask.Flask(__name__, static_folder=None)
        app.testing = True
        flask_consentgate.ConsentGate(app, gate=gate, pages=self.pages(gate))

        @app.route("/", defaults={"path": ""}, methods=METHODS)
        @app.route("/<path:path>", methods=METHODS)
        def answer(path: str) -> flask.Response:
            consent_from = flask_consentgate.consent_from
            view.see(flask.request.headers.get("Cookie"), lambda: consent_from(flask.request))
            return flask.Response(iter(view.body), view.status, headers_of(view))

        return through_werkzeug(app, request)


def starlette_headers(answer: Any, view: View) -> Any:
    """Add the view's headers to a Starlette response, repetitions included."""
    answer.raw_headers.extend(
        (k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers_of(view)
    )
    return answer


def starlette_view(view: View) -> Any:
    """Return an endpoint that does what ``view`` says."""

    async def answer(request: starlette.requests.Request) -> starlette.responses.Response:
        view.see(request.headers.get("cookie"), lambda: starlette_consentgate.consent_from(request))
        pieces = iter(view.body)
        return starlette_headers(starlette.responses.StreamingResponse(pieces, view.status), view)

    return answer


class TestStarlette(PagesContract):
    """The Starlette middleware."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Answer every path with a streamed response."""
        app = starlette.applications.Starlette(
            routes=[starlette.routing.Route("/{path:path}", starlette_view(view), methods=METHODS)]
        )
        app.add_middleware(
            starlette_consentgate.ConsentGateMiddleware, gate=gate, pages=self.pages(gate)
        )
        return through_starlette(app, request)


class TestFastAPI(PagesContract):
    """FastAPI with Starlette's middleware."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Answer every path with a streamed response."""
        app = fastapi.FastAPI()
        app.add_middleware(
            starlette_consentgate.ConsentGateMiddleware, gate=gate, pages=self.pages(gate)
        )

        @app.api_route("/{path:path}", methods=METHODS)
        async def answer(request: fastapi.Request) -> fastapi.Response:
            return await starlette_view(view)(request)

        return through_starlette(app, request)


class TestQuart(PagesContract):
    """Quart with the plain ASGI middleware; from Python 3.12 on it wraps exceptions in a group."""

    raises_what_the_gate_raises = False

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Answer every path with a streamed response."""
        app = quart.Quart(__name__, static_folder=None)
        app.asgi_app = consentgate.asgi.ConsentGateMiddleware(
            app.asgi_app, gate, pages=self.pages(gate)
        )  # type: ignore[assignment, arg-type, method-assign]

        @app.route("/", defaults={"path": ""}, methods=METHODS)
        @app.route("/<path:path>", methods=METHODS)
        async def answer(path: str) -> quart.Response:
            scope = quart.request.scope
            view.see(
                quart.request.headers.get("Cookie"),
                lambda: consentgate.asgi.consent_from(scope),  # type: ignore[arg-type]
            )

            async def body() -> AsyncIterator[bytes]:
                for piece in view.body:
                    yield piece

            return quart.Response(body(), view.status, headers_of(view))  # type: ignore[arg-type]

        return through_httpx(app, request, raises=False)


class TestLitestar(PagesContract):
    """Litestar with the plain ASGI middleware around it."""

    raises_what_the_gate_raises = False

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Answer every path; Litestar joins cookies of one name, so it mounts a raw response."""

        @litestar.asgi("/", is_mount=True, copy_scope=True)
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            connection = litestar.Request[Any, Any, Any](scope)
            view.see(connection.headers.get("cookie"), lambda: consentgate.asgi.consent_from(scope))

            headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in headers_of(view)]
            await send({"type": "http.response.start", "status": view.status, "headers": headers})
            for piece in view.body:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})

        app = litestar.Litestar([answer], logging_config=None, openapi_config=None)
        gated = consentgate.asgi.ConsentGateMiddleware(app, gate, pages=self.pages(gate))  # type: ignore[arg-type]
        return through_httpx(gated, request, raises=False)


class TestDjangoWSGI(PagesContract):
    """The Django middleware under WSGI, on the wire."""

    raises_what_the_gate_raises = False

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Run Django's own handler, as a server would."""
        with django_site.serving(gate, self.pages(gate), view, django_consentgate.consent_from):
            return through_werkzeug(WSGIHandler(), request)


class TestDjangoASGI(PagesContract):
    """The Django middleware under ASGI, on the wire."""

    raises_what_the_gate_raises = False

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Run Django's own handler, as a server would."""
        with django_site.serving(
            gate, self.pages(gate), view, django_consentgate.consent_from, is_async=True
        ):
            return through_httpx(ASGIHandler(), request)
