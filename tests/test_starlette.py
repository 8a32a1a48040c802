"""Starlette and FastAPI behind the gate: sessions, mounts, middleware, sockets and errors."""

from __future__ import annotations

import asyncio
import re
import warnings
from typing import TYPE_CHECKING, Annotated, Any

import jinja2
import pytest
from additions import is_deposits_cookie, without_additions
from fastapi import Depends, FastAPI
from page_requests import Memory
from recording import SORRY, Failing, Noting, Server, scope_of
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.templating import Jinja2Templates
from starlette.websockets import WebSocket  # noqa: TC002 - FastAPI reads the annotation
from starlette_consentgate import ConsentGateMiddleware, consent_context, consent_from

from consentgate import (
    ConfigurationError,
    Consent,
    CookieBlocked,
    CookieRule,
    DecisionNotStored,
    Gate,
    MiddlewareMissing,
    Policy,
    PolicyError,
    Verdict,
)
from consentgate.records import SQLRecordStore
from consentgate.records.schema import migrate
from consentgate.testing import consent_cookie

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it prefers a successor of httpx that we need not have
    import starlette.testclient
    from fastapi.testclient import TestClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: dict[str, Any] = {
    "version": "1",
    "cookies": [
        {"name": "_ga", "category": "statistics"},
        {"name": "_fbp", "category": "advertising"},
    ],
}
ANALYTICS = "_ga=GA1.1; Max-Age=3600; Path=/; Priority=High"
PIXEL = "_fbp=fb.1; Path=/"
Injected = Annotated[Consent, Depends(consent_from)]
GATE = Gate(Policy.from_mapping(POLICY).with_framework("starlette"), "key")

RENAMED_SESSION = Middleware(SessionMiddleware, secret_key="key", session_cookie="sid")


def with_cookies(response: Response, *lines: str) -> Response:
    """Return ``response`` carrying the lines ``lines``."""
    for line in lines:
        response.headers.append("Set-Cookie", line)
    return response


def sending(*lines: str) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint whose answer carries the lines ``lines``."""

    async def endpoint(_request: Request) -> Response:
        return with_cookies(PlainTextResponse("Hello"), *lines)

    return endpoint


def raising(error: Exception) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that fails with ``error``."""

    async def endpoint(_request: Request) -> Response:
        raise error

    return endpoint


def gated(*routes: Any, **options: Any) -> Starlette:
    """Return an application of ``routes`` behind the gate."""
    gate = {"policy": POLICY, "secret_keys": "key", **options.pop("gate_options", {})}
    return Starlette(
        routes=list(routes),
        middleware=[Middleware(ConsentGateMiddleware, **gate), *options.pop("inside", ())],
        **options,
    )


def client_of(app: ASGIApp, *accepted: str, **options: Any) -> TestClient:
    """Return a client of ``app``, of a visitor who accepted ``accepted`` and nothing else."""
    client = TestClient(app, **options)
    if accepted:
        name, token = consent_cookie(GATE, accepted)
        client.cookies.set(name, token)
    return client


def set_cookies(response: Any) -> list[str]:
    """Return the Set-Cookie lines of ``response``, in order."""
    return [value for name, value in response.headers.multi_items() if name == "set-cookie"]


def own_cookies(response: Any) -> list[str]:
    """Return its lines without the dates and the deletions that the gate adds."""
    return without_additions(set_cookies(response))


class Inside:
    """Middleware inside the gate that notes what the application sent."""

    lines: list[str]

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and note the Set-Cookie lines."""

        async def noting(message: Message) -> None:
            headers = message.get("headers", [])
            if message["type"] == "http.response.start":
                Inside.lines = [value.decode() for name, value in headers if name == b"set-cookie"]
            await send(message)

        await self.app(scope, receive, noting)


async def sign_in(request: Request) -> Response:
    """Begin a session."""
    request.session["user"] = "Ada"
    return PlainTextResponse("welcome")


async def sign_out(request: Request) -> Response:
    """End a session."""
    request.session.clear()
    return PlainTextResponse("bye")


async def me(request: Request) -> Response:
    """Name the visitor, and write the session again."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return PlainTextResponse(request.session.get("user", "nobody"))


SIGNING_IN = (
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", sign_out, methods=["POST"]),
    Route("/me", me),
)


async def decide(request: Request) -> Response:
    """Grant statistics, or withdraw everything, and set a cookie."""
    consent = consent_from(request)
    if request.url.path.endswith("grant"):
        consent.grant("statistics")
    else:
        consent.withdraw()
    return with_cookies(RedirectResponse("/", 303), ANALYTICS)


DECIDING = (
    Route("/grant", decide, methods=["POST"]),
    Route("/withdraw", decide, methods=["POST"]),
)


class TestSessions:
    """Starlette's SessionMiddleware."""

    @pytest.mark.parametrize("name", ["session", "sid"])
    def test_R2_a_sliding_session_leaves_byte_for_byte(self, name: str) -> None:
        """Its cookie is exempt under the name it has, however deep the middleware stands."""
        inside = [
            Middleware(Inside),
            Middleware(BaseHTTPMiddleware, dispatch=lambda request, go_on: go_on(request)),
            Middleware(SessionMiddleware, secret_key="key", session_cookie=name),
        ]
        client = client_of(gated(*SIGNING_IN, inside=inside))
        for method, path in (("POST", "/login"), ("GET", "/me"), ("GET", "/me")):
            line, *added = set_cookies(client.request(method, path))
            dated = [True] if path == "/login" else []
            assert dated == [is_deposits_cookie(one) for one in added]
            assert line.startswith(f"{name}=")
            assert "Max-Age=1209600" in line
            assert Inside.lines == [line]
        assert "Ada" == client.get("/me").text

    def test_R5_signing_out_deletes_the_session(self) -> None:
        """The browser loses the cookie and the visitor is nobody again."""
        inside = [Middleware(SessionMiddleware, secret_key="key")]
        client = client_of(gated(*SIGNING_IN, inside=inside))
        client.post("/login")
        line, dates = set_cookies(client.post("/logout"))
        assert line.startswith("session=null; ")
        assert dates.startswith("eu-consent-deposits=; Path=/; Max-Age=0")  # nothing is left
        assert "Max-Age=0" in line
        assert "session" not in client.cookies
        assert "nobody" == client.get("/me").text

    def test_R8_the_sites_own_rule_beats_the_frameworks(self) -> None:
        """A site may put its session into a category that needs consent."""
        policy = Policy("1", cookies=[CookieRule("session", "statistics")])
        app = gated(Route("/", sending("session=1")), gate_options={"policy": policy})
        assert [] == set_cookies(client_of(app).get("/"))
        assert ["session=1"] == set_cookies(client_of(app, "statistics").get("/"))

    @pytest.mark.parametrize(
        ("added", "name"),
        [
            ([RENAMED_SESSION], "sid"),
            ([Middleware(Inside), RENAMED_SESSION], "sid"),
            ([Middleware(SessionMiddleware, secret_key="key")], "session"),
            ([Middleware(Inside)], "session"),
        ],
    )
    def test_R6_the_name_is_found_in_a_wrapped_application(
        self, added: list[Middleware], name: str
    ) -> None:
        """Whoever wraps the whole application in the gate needs no rule for the session either."""
        app = Starlette(routes=[Route("/", sending("sid=1", "session=1"))], middleware=added)
        wrapped = ConsentGateMiddleware(Inside(app), policy=POLICY, secret_keys="key")
        assert [f"{name}=1"] == set_cookies(client_of(wrapped).get("/"))


class TestAnswers:
    """What leaves an application of Starlette's."""

    def test_R6_nothing_but_exempt_cookies_before_a_choice(self) -> None:
        """An undecided visitor's answer holds the session alone."""
        app = gated(Route("/", sending(ANALYTICS, "session=1; Path=/", PIXEL)))
        assert ["session=1; Path=/"] == set_cookies(client_of(app).get("/"))

    def test_R2_two_lines_of_one_name_leave_as_they_are(self) -> None:
        """Order and multiplicity survive on the wire."""
        lines = ["session=1; Path=/", "session=2; Path=/a"]
        raw = client_of(gated(Route("/", sending(*lines)))).get("/").headers.raw
        assert [line.encode() for line in lines] == [
            value for name, value in raw if name == b"set-cookie"
        ]

    def test_R7_blocking_raises_in_the_test_client(self) -> None:
        """The developer sees which cookie broke the policy."""
        policy = {**POLICY, "mode": "block"}
        app = gated(Route("/", sending(ANALYTICS)), gate_options={"policy": policy})
        with pytest.raises(CookieBlocked, match=r"'_ga' may not be set: undecided"):
            client_of(app).get("/")

    def test_R7_blocking_makes_a_server_answer_500(self) -> None:
        """Nothing of the answer was sent before."""
        policy = {**POLICY, "mode": "block"}
        app = gated(Route("/", sending(ANALYTICS)), gate_options={"policy": policy})
        response = client_of(app, raise_server_exceptions=False).get("/")
        assert (500, "Internal Server Error") == (response.status_code, response.text)
        assert [] == set_cookies(response)

    def test_R25_on_verdict_hears_of_it(self) -> None:
        """The argument is handed to the gate."""
        heard: list[Verdict] = []
        app = gated(Route("/", sending(PIXEL)), gate_options={"on_verdict": heard.append})
        client_of(app).get("/")
        assert [Verdict("_fbp", "advertising", "strip", "undecided", enforced=True)] == heard

    def test_R17_the_application_does_not_read_what_it_may_not(self) -> None:
        """``request.cookies`` holds what was accepted and what no rule governs."""

        async def read(request: Request) -> Response:
            return JSONResponse(sorted(request.cookies))

        app = gated(Route("/", read))
        sent = {"_ga": "1", "_fbp": "1", "other": "1"}
        assert ["other"] == client_of(app, cookies=sent).get("/").json()
        accepted = client_of(app, "statistics", cookies=sent).get("/").json()
        assert ["_ga", "eu-consent", "other"] == accepted

    def test_R18_what_it_may_not_read_is_deleted(self) -> None:
        """Host-only, and for the host where it may name a Domain."""
        client = client_of(
            gated(Route("/", sending(ANALYTICS))), cookies={"_ga": "1", "other": "1"}
        )
        expected = ["_ga=; Path=/; Max-Age=0"]
        assert expected == set_cookies(client.get("/"))
        expected.append("_ga=; Path=/; Domain=shop.example; Max-Age=0")
        assert expected == set_cookies(client.get("/", headers={"Host": "shop.example"}))

    def test_R13_a_first_deposit_is_remembered(self) -> None:
        """Where a cookie comes back its life is counted from then, and nothing is written anew."""
        client = client_of(gated(Route("/", sending(ANALYTICS))), "statistics")
        line, deposits = set_cookies(client.get("/"))
        assert (ANALYTICS, True) == (line, is_deposits_cookie(deposits))
        assert [ANALYTICS] == set_cookies(client.get("/"))

    def test_R4_mounted_applications_are_no_way_round(self) -> None:
        """A mounted application, and one of FastAPI's in it, share the gate and the consent."""
        api = FastAPI()

        @api.get("/ask")
        async def ask(response: Response, consent: Injected) -> bool:
            with_cookies(response, ANALYTICS, PIXEL)
            return consent.allows("statistics")

        shop = Starlette(routes=[Route("/", sending(ANALYTICS, PIXEL)), Mount("/api", api)])
        client = client_of(gated(Mount("/shop", shop), *DECIDING), "statistics")
        assert [ANALYTICS] == own_cookies(client.get("/shop/"))
        response = client.get("/shop/api/ask")
        assert ("true", [ANALYTICS]) == (response.text, set_cookies(response))

    def test_R4_middleware_between_is_no_way_round(self) -> None:
        """BaseHTTPMiddleware may ask, and what it sets is gated."""

        async def dispatch(request: Request, go_on: Callable[..., Awaitable[Response]]) -> Response:
            asked = consent_from(request).allows("statistics")
            return with_cookies(await go_on(request), ANALYTICS, PIXEL, f"session={asked}")

        app = gated(
            Route("/", sending(PIXEL)), inside=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)]
        )
        assert ["session=False"] == set_cookies(client_of(app).get("/"))
        expected = [ANALYTICS, "session=True"]
        assert expected == own_cookies(client_of(app, "statistics").get("/"))

    def test_R4_streams_and_files_stay_whole(self, tmp_path: Path) -> None:
        """Their bodies arrive complete, ranges included, and their headers are gated."""
        file = tmp_path / "file.txt"
        file.write_bytes(b"0123456789" * 50_000)

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(500):
                yield b"%d," % number

        async def stream(_request: Request) -> Response:
            return with_cookies(StreamingResponse(pieces()), ANALYTICS, PIXEL)

        async def download(_request: Request) -> Response:
            return with_cookies(FileResponse(file), ANALYTICS, PIXEL)

        client = client_of(gated(Route("/s", stream), Route("/f", download)), "advertising")
        streamed, whole = client.get("/s"), client.get("/f")
        part = client.get("/f", headers={"Range": "bytes=5-9"})
        assert b"".join(b"%d," % number for number in range(500)) == streamed.content
        assert file.read_bytes() == whole.content
        assert (206, b"56789") == (part.status_code, part.content)
        assert [[PIXEL]] * 3 == [set_cookies(response) for response in (streamed, whole, part)]


class TestConsent:
    """What the application asks and decides."""

    def test_R9_a_grant_governs_the_same_answer(self) -> None:
        """The cookie leaves at once, with the consent cookie."""
        response = client_of(gated(*DECIDING)).post("/grant", follow_redirects=False)
        analytics, consent, deposits = set_cookies(response)
        assert (303, ANALYTICS) == (response.status_code, analytics)
        assert is_deposits_cookie(deposits)
        assert re.match(
            r"eu-consent=policy=1&time=\d+&id=[\w-]{22}&statistics=true&.+; SameSite=Lax$", consent
        )

    def test_R9_a_withdrawal_governs_the_same_answer(self) -> None:
        """The cookie stays inside."""
        client = client_of(gated(*DECIDING), "statistics")
        (consent,) = set_cookies(client.post("/withdraw", follow_redirects=False))
        assert "&statistics=false&" in consent

    def test_R9_a_background_task_decides_too_late(self) -> None:
        """The answer has gone when it runs."""

        async def endpoint(request: Request) -> Response:
            consent = consent_from(request)

            async def later() -> None:
                with pytest.raises(DecisionNotStored):
                    consent.grant("statistics")

            return PlainTextResponse("Hello", background=BackgroundTask(later))

        assert [] == set_cookies(client_of(gated(Route("/", endpoint))).get("/"))

    def test_R23_vary_only_where_the_application_asked(self) -> None:
        """Two paths of one application, one of which asks."""

        async def ask(request: Request) -> Response:
            return PlainTextResponse(str(consent_from(request).decided))

        client = client_of(gated(Route("/ask", ask), Route("/", sending(ANALYTICS))))
        assert "Cookie" == client.get("/ask").headers["vary"]
        assert "vary" not in client.get("/").headers

    def test_fastapi_injects_the_consent(self) -> None:
        """``Depends(consent_from)`` serves requests and websockets."""
        app = FastAPI()
        app.add_middleware(ConsentGateMiddleware, policy=POLICY, secret_keys="key")

        @app.post("/choice")
        async def choice(consent: Injected, response: Response) -> list[str]:
            consent.grant("statistics")
            with_cookies(response, ANALYTICS, PIXEL)
            return sorted(consent.granted)

        @app.websocket("/socket")
        async def socket(websocket: WebSocket, consent: Injected) -> None:
            await websocket.accept()
            await websocket.send_json(sorted(consent.granted))
            await websocket.close()

        client = client_of(app)
        response = client.post("/choice")
        assert ["statistics"] == response.json()
        assert ANALYTICS == set_cookies(response)[0]
        with client_of(app, "advertising").websocket_connect("/socket") as session:
            assert ["advertising"] == session.receive_json()

    def test_a_request_without_a_gate_says_so(self) -> None:
        """The error names what is missing."""
        with pytest.raises(MiddlewareMissing):
            consent_from(HTTPConnection({"type": "http", "headers": []}))


class TestWebSockets:
    """The answers to a websocket's handshake."""

    def test_R4_the_accepting_answer_is_gated(self) -> None:
        """A decision made before it leaves with it; hidden cookies are not seen."""

        async def socket(websocket: WebSocket) -> None:
            consent_from(websocket).grant("statistics")
            lines = [(b"set-cookie", line.encode()) for line in (ANALYTICS, PIXEL)]
            await websocket.accept(headers=lines)
            await websocket.send_json(sorted(websocket.cookies))
            await websocket.close()

        client = client_of(gated(WebSocketRoute("/", socket)), cookies={"_fbp": "1", "other": "1"})
        with client.websocket_connect("/") as session:
            assert ["other"] == session.receive_json()
            headers = session.extra_headers or []
        lines = [value.decode() for name, value in headers if name == b"set-cookie"]
        analytics, consent, deletion, deposits = lines
        assert ANALYTICS == analytics
        assert "&statistics=true&" in consent
        assert "_fbp=; Path=/; Max-Age=0" == deletion
        assert is_deposits_cookie(deposits)

    def test_R4_a_refusing_answer_is_gated(self) -> None:
        """It is an HTTP response like others (websocket.http.response.start)."""

        async def socket(websocket: WebSocket) -> None:
            await websocket.send_denial_response(
                with_cookies(PlainTextResponse("no", 403), ANALYTICS, PIXEL)
            )

        client = client_of(gated(WebSocketRoute("/", socket)), "advertising")
        with (
            pytest.raises(starlette.testclient.WebSocketDenialResponse) as denial,
            client.websocket_connect("/"),
        ):
            pass
        assert (403, [PIXEL]) == (denial.value.status_code, set_cookies(denial.value))

    def test_an_exception_passes(self) -> None:
        """A server learns of it as without the gate."""

        async def socket(_websocket: WebSocket) -> None:
            raise ValueError("crash")

        client = client_of(gated(WebSocketRoute("/", socket)))
        with pytest.raises(ValueError, match="crash"), client.websocket_connect("/"):
            pass


async def crash(request: Request) -> Response:
    """Decide, and then fail."""
    consent_from(request).grant("statistics")
    raise ValueError("crash")


async def async_page(_request: Request, _error: Exception) -> Response:
    """Answer as an application's handler for 500."""
    return with_cookies(PlainTextResponse("sorry", 500), ANALYTICS, PIXEL)


def sync_page(_request: Request, _error: Exception) -> Response:
    """Answer likewise, on a thread of its own as Starlette runs what may block."""
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    return with_cookies(StreamingResponse(iter(["sor", "ry"]), 500), ANALYTICS, PIXEL)


class CopiesTheScope:
    """Middleware outside the gate that hides from the server what is put into the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a copy on."""
        await self.app(dict(scope), receive, send)


class TestErrors:
    """Answers to exceptions, which Starlette writes inside and outside of added middleware."""

    def test_R4_an_exception_handlers_answer_is_gated(self) -> None:
        """Handlers for HTTP errors run inside."""
        app = gated(Route("/", raising(HTTPException(418))), exception_handlers={418: async_page})
        response = client_of(app, "advertising").get("/")
        assert (500, [PIXEL]) == (response.status_code, set_cookies(response))

    @pytest.mark.parametrize("key", [500, Exception])
    @pytest.mark.parametrize("page", [async_page, sync_page])
    def test_R4_the_answer_for_500_is_gated(self, key: Any, page: Any) -> None:
        """Its handler runs outside, and yet nothing slips through, the first time or later."""
        handlers = {key: page}
        crashing = Route("/", raising(ValueError("crash")))
        mounted = Starlette(routes=[crashing], exception_handlers=handlers)
        app = gated(
            crashing,
            Mount("/shop", mounted),
            exception_handlers=handlers,
        )
        client = client_of(app, "advertising", raise_server_exceptions=False)
        for path in ("/", "/shop/", "/"):
            response = client.get(path)
            assert (500, "sorry") == (response.status_code, response.text)
            assert [PIXEL] == own_cookies(response)
        with pytest.raises(ValueError, match="crash"):
            client_of(app).get("/")

    def test_R4_fastapis_answer_for_500_is_gated(self) -> None:
        """FastAPI builds the same layers."""
        app = FastAPI()
        app.add_middleware(ConsentGateMiddleware, policy=POLICY, secret_keys="key")
        app.add_exception_handler(Exception, async_page)
        app.add_route("/", raising(ValueError("crash")))
        client = client_of(app, "advertising", raise_server_exceptions=False)
        assert [PIXEL] == set_cookies(client.get("/"))

    @pytest.mark.parametrize(("page", "text"), [({500: async_page}, "sorry"), ({}, "Internal")])
    @pytest.mark.parametrize("path", ["/", "/shop/"])
    def test_R9_a_decision_survives_a_crash(self, path: str, page: Any, text: str) -> None:
        """What the visitor decided is stored although the view failed, each time it fails."""
        crashing = Route("/", crash, methods=["POST"])
        shop = Mount("/shop", Starlette(routes=[crashing], exception_handlers=page))
        heard: list[Verdict] = []
        told = {"on_verdict": heard.append}
        app = gated(crashing, shop, exception_handlers=page, gate_options=told)
        for _ in range(3):
            response = client_of(app, raise_server_exceptions=False).post(path)
            assert response.text.startswith(text)
            *lines, consent = own_cookies(response)
            assert ([ANALYTICS] if page else []) == lines
            assert "&statistics=true&" in consent
            assert "Cookie" == response.headers["vary"]
        assert ({"_fbp"} if page else set()) == {verdict.name for verdict in heard}

    def test_R4_it_is_gated_where_the_visit_was_lost_on_the_way_out(self) -> None:
        """A copied scope leads to a second look at the same request."""
        app = gated(Route("/", raising(ValueError("crash"))), exception_handlers={500: async_page})
        app.user_middleware.insert(0, Middleware(CopiesTheScope))
        client = client_of(app, "advertising", raise_server_exceptions=False)
        assert [PIXEL] == set_cookies(client.get("/"))

    def test_R4_a_wrapped_applications_answer_for_500_is_gated(self) -> None:
        """There the gate stands outside of everything anyway."""
        app = Starlette(
            routes=[Route("/", raising(ValueError("crash")))], exception_handlers={500: async_page}
        )
        wrapped = ConsentGateMiddleware(app, policy=POLICY, secret_keys="key")
        client = client_of(wrapped, "advertising", raise_server_exceptions=False)
        assert [PIXEL] == set_cookies(client.get("/"))


class TestConfiguration:
    """Where policy and keys come from, and what is said where they are missing."""

    def test_the_policy_may_come_from_a_file(self, tmp_path: Path) -> None:
        """A path as text or as an object."""
        file = tmp_path / "consent.toml"
        file.write_text('version = "from the file"\n')
        for path in (file, str(file)):
            middleware = ConsentGateMiddleware(Starlette(), policy=path, secret_keys="key")
            assert "from the file" == middleware.gate.policy.version

    def test_a_mistake_in_the_policy_stops_the_start(self) -> None:
        """It is found when the application starts, before the first visitor."""
        policy = {"version": "1", "cookies": [{"name": "_ga", "category": "statistic"}]}
        app = gated(gate_options={"policy": policy})
        with (
            pytest.raises(PolicyError, match=r"cookies\[0\].category: 'statistic' is no category"),
            TestClient(app),
        ):
            pass

    def test_the_application_starts_and_stops_behind_the_gate(self) -> None:
        """Lifespan events pass."""
        with TestClient(gated(Route("/", sending()))) as client:
            assert "Hello" == client.get("/").text

    @pytest.mark.parametrize(
        ("options", "missing"),
        [
            ({}, "policy="),
            ({"secret_keys": "key"}, "policy="),
            ({"policy": POLICY}, "secret_keys="),
        ],
    )
    def test_what_is_missing_is_named(self, options: dict[str, Any], missing: str) -> None:
        """A policy and a key are needed."""
        with pytest.raises(ConfigurationError, match=missing):
            ConsentGateMiddleware(Starlette(), **options)

    @pytest.mark.parametrize(
        "options",
        [
            {"policy": POLICY},
            {"secret_keys": "key"},
            {"on_verdict": print},
            {"records": Memory()},
            {"records": "sqlite:///consent-records.db"},
            {"record_details": ["ip_address"]},
        ],
    )
    def test_a_gate_goes_with_nothing_else(self, options: dict[str, Any]) -> None:
        """It has a policy, keys, a listener, records and their details already."""
        with pytest.raises(ConfigurationError, match="a gate has its own"):
            ConsentGateMiddleware(Starlette(), gate=GATE, **options)

    def test_a_gate_is_taken_as_it_is(self) -> None:
        """It may be shared with other applications of the site."""
        middleware = ConsentGateMiddleware(Starlette(), gate=GATE)
        assert GATE is middleware.gate

    def test_R19_all_keys_verify(self) -> None:
        """The newest comes first; older ones still verify."""
        app = gated(Route("/", sending(PIXEL)), gate_options={"secret_keys": ["new", "key"]})
        assert [PIXEL] == set_cookies(client_of(app, "advertising").get("/"))


class TestPages:
    """The visitor's side, as Starlette and FastAPI have it."""

    def app(self, source: str, **options: Any) -> Starlette:
        """Return an application whose one page is the template ``source``."""
        environment = jinja2.Environment(loader=jinja2.DictLoader({"tea": source}), autoescape=True)
        templates = Jinja2Templates(env=environment, context_processors=[consent_context])

        async def tea(request: Request) -> Response:
            return templates.TemplateResponse(request, "tea")

        return gated(Route("/tea", tea), **options)

    def test_they_are_there_unless_told_otherwise(self) -> None:
        """By default, and not with ``pages=None``."""
        assert 200 == client_of(gated()).get("/consent/").status_code
        without = client_of(gated(gate_options={"pages": None}))
        assert 404 == without.get("/consent/").status_code

    def test_a_template_shows_the_banner(self) -> None:
        """In the page's language, with its nonce, and back to its own address."""
        app = self.app("{{ consent_banner(language='fr', nonce='abc') }}")
        text = client_of(app).get("/tea?cup=2").text
        assert "Tout refuser" in text
        assert 'nonce="abc"' in text
        assert 'value="/tea?cup=2"' in text

    def test_a_template_asks_about_consent(self) -> None:
        """By ``consent``, which makes the page vary only where it is looked at (R23)."""
        asking = self.app("{% if consent.allows('statistics') %}counted{% endif %}")
        assert "counted" == client_of(asking, "statistics").get("/tea").text
        silent = client_of(self.app("Tea")).get("/tea")
        assert "Vary" not in silent.headers

    def test_a_template_sets_consent_mode(self) -> None:
        """Before the tags that it puts next."""
        text = client_of(self.app("{{ consent_mode(nonce='abc') }}")).get("/tea").text
        assert '"analytics_storage":"denied"' in text

    def test_a_banner_needs_pages(self) -> None:
        """The error says what was switched off."""
        app = self.app("{{ consent_banner() }}", gate_options={"pages": None})
        with pytest.raises(ConfigurationError, match="has no pages"):
            client_of(app).get("/tea")

    def test_a_mounted_application_has_its_own(self) -> None:
        """Below its prefix, where its gate stands."""
        outer = Starlette(routes=[Mount("/shop", self.app("{{ consent_banner() }}"))])
        client = client_of(outer)
        assert 'action="/shop/consent/"' in client.get("/shop/tea").text
        assert 200 == client.get("/shop/consent/").status_code
        assert 404 == client.get("/consent/").status_code

    def test_another_application_inside_has_the_same_pages(self) -> None:
        """A mount moves root_path, and the pages stay where the gate is."""
        inside = self.app("{{ consent_banner() }}").routes
        text = client_of(gated(Mount("/admin", routes=inside))).get("/admin/tea").text
        assert 'action="/consent/"' in text
        assert 'name="next" value="/admin/tea"' in text

    def test_websockets_are_not_pages(self) -> None:
        """A handshake on a page's path is the application's."""

        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close()

        app = gated(WebSocketRoute("/consent/state", socket))
        with client_of(app).websocket_connect("/consent/state") as session:
            assert "websocket.close" == session.receive()["type"]

    def test_a_site_may_have_its_own_link(self) -> None:
        """Ours can be left out; the dialog keeps its button."""
        texts = [
            client_of(self.app(f"{{{{ consent_banner(link={link}) }}}}")).get("/tea").text
            for link in (True, False)
        ]
        assert [2, 1] == [text.count('data-cg-action="customise"') for text in texts]


class TestRecords:
    """The proof of consent, as Starlette and FastAPI have it."""

    def grant(self, **options: Any) -> Any:
        """Let a visitor accept statistics, and return the answer."""
        app = gated(*DECIDING, gate_options=options)
        return client_of(app, follow_redirects=False).post("/grant")

    def test_R26_they_may_be_in_a_database(self, tmp_path: Path) -> None:
        """By its URL, with the gate's keys."""
        migrate(url := f"sqlite:///{tmp_path / 'records.db'}")
        middleware = ConsentGateMiddleware(
            Starlette(routes=DECIDING), policy=POLICY, secret_keys=["key", "old"], records=url
        )
        answered = client_of(middleware, follow_redirects=False).post("/grant")
        subject = answered.cookies["eu-consent"].partition("&id=")[2].partition("&")[0]
        store = middleware.gate.records
        assert isinstance(store, SQLRecordStore)
        assert ["partial"] == [stored.record.event for stored in store.by_subject(subject)]
        assert [] == list(store.verify())
        store._engine.dispose()

    def test_R28_details_are_kept_where_they_are_asked_for(self) -> None:
        """In a store of one's own."""
        plain, detailed = Memory(), Memory()
        assert 303 == self.grant(records=plain).status_code
        details = ["user_agent", "ip_address"]
        assert 303 == self.grant(records=detailed, record_details=details).status_code
        # Starlette's client has a name in the place of an address.
        assert ("", "") == (plain.kept[0].ip_address, plain.kept[0].user_agent)
        assert ("", "testclient") == (detailed.kept[0].ip_address, detailed.kept[0].user_agent)

    @pytest.mark.parametrize(
        "options",
        [
            {"records": "sqlite:///no/such/folder/records.db"},
            {"records": "mysql://localhost/records"},
            {"records": Memory(), "record_details": ["referer"]},
            {"records": Memory(), "record_details": "ip_address"},
        ],
    )
    def test_a_mistake_in_them_stops_the_start(self, options: Any) -> None:
        """A database without tables, or a detail that there is not."""
        with pytest.raises(ConfigurationError):
            ConsentGateMiddleware(Starlette(), policy=POLICY, secret_keys="key", **options)

    def test_R26_what_cannot_be_recorded_is_not_taken(self) -> None:
        """503, without a cookie and without the application's answer."""
        answered = self.grant(records=Failing())
        assert (503, []) == (answered.status_code, set_cookies(answered))
        assert "location" not in answered.headers

    @pytest.mark.parametrize("page", [{500: async_page}, {500: sync_page}, {}])
    def test_R26_a_decision_before_a_crash_is_recorded_before_its_cookie(self, page: Any) -> None:
        """Though the answer is written outside of all added middleware."""
        happened: list[str] = []
        server = self.crash(Noting(happened), page, happened)
        assert ["recorded", "http.response.start"] == happened[:2]
        assert "&statistics=true&" in server.answer.consent
        assert "500" == server.answer.status

    @pytest.mark.parametrize("has_pages", [True, False])
    @pytest.mark.parametrize("page", [{500: async_page}, {500: sync_page}, {}])
    def test_R26_a_decision_before_a_crash_is_not_taken_without_its_record(
        self, page: Any, has_pages: bool
    ) -> None:
        """The handler's own answer is not heard, whatever its cookies and in how many pieces."""
        server = self.crash(Failing(), page, [], **({} if has_pages else {"pages": None}))
        assert ["http.response.start", "http.response.body"] == server.happened
        assert ("503", []) == (server.answer.status, server.answer.cookies)
        assert has_pages != (server.answer.body == SORRY)
        assert b"sorry" not in server.answer.body

    def crash(self, store: Any, page: Any, happened: list[str], **options: Any) -> Server:
        """Return what a server gets of a view that decides and fails."""
        app = gated(
            Route("/", crash, methods=["POST"]),
            exception_handlers=page,
            gate_options={"records": store, **options},
        )
        server = Server(happened=happened)
        with pytest.raises(ValueError, match="crash"):
            asyncio.run(app(scope_of(method="POST"), server.receive, server.send))
        return server

    def test_R26_middleware_between_does_not_change_the_order(self) -> None:
        """Nor does it hear what is said instead."""
        happened: list[str] = []
        for store in (Noting(happened), Failing()):
            inside = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
            app = gated(*DECIDING, inside=inside, gate_options={"records": store})
            server = Server(happened=happened)
            scope = scope_of(method="POST", path="/grant")
            asyncio.run(app(scope, server.receive, server.send))
        assert ["recorded", *["http.response.start", "http.response.body"] * 2] == happened
        assert ("503", []) == (server.answer.status, server.answer.cookies)


async def pass_on(request: Request, call_next: Any) -> Response:
    """Do nothing, as middleware."""
    response: Response = await call_next(request)
    return response
