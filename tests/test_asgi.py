"""The ASGI glue: whatever the specification allows, every Set-Cookie is gated (R4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from additions import is_deposits_cookie
from test_gate import OPT_OUT, granting, make_gate

from consentgate import (
    CookieBlocked,
    CookieRule,
    DecisionNotStored,
    Gate,
    MiddlewareMissing,
    Route,
    Verdict,
)
from consentgate.asgi import ConsentGateMiddleware, consent_from

Headers = list[tuple[bytes, bytes]]
LINES = [(b"set-cookie", b"session=1"), (b"set-cookie", b"_ga=1"), (b"x-shop", b"open")]
RELEASED = [(b"set-cookie", b"session=1"), (b"x-shop", b"open")]
DELETIONS = [
    (b"set-cookie", b"_ga=; Path=/; Max-Age=0"),
    (b"set-cookie", b"_ga=; Path=/; Domain=shop.example; Max-Age=0"),
]
ADDED_BY_A_DECISION = [b"vary", b"cache-control", b"set-cookie"]
STARTS = ["http.response.start", "websocket.accept", "websocket.http.response.start"]


class Server:
    """The server's side of ASGI: it notes every message, and the order of what happens."""

    def __init__(self, gate: Gate | None = None, *cookies: bytes, **scope: Any) -> None:
        self.gate = gate or make_gate()
        self.sent: list[Any] = []
        self.scope: dict[str, Any] = {
            "type": "http",
            "path": "/",
            "headers": [(b"host", b"shop.example"), *((b"cookie", one) for one in cookies)],
            **scope,
        }

    async def send(self, message: Any) -> None:
        """Note a message."""
        self.sent.append(message)

    async def receive(self) -> Any:
        """Say that the visitor is gone."""
        return {"type": "http.disconnect"}

    def run(self, app: Any) -> list[Any]:
        """Return what an application sends."""
        asyncio.run(ConsentGateMiddleware(app, self.gate)(self.scope, self.receive, self.send))
        return self.sent

    def headers(self, headers: Any, kind: str = STARTS[0]) -> Headers:
        """Return what leaves of ``headers``."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": kind, "status": 200, "headers": headers})

        released: Headers = self.run(app)[-1]["headers"]
        return released


def is_deposits_header(header: tuple[bytes, bytes]) -> bool:
    """Whether the gate stores dates of first deposits (R13), in a header spelt as ASGI wants."""
    name, line = header
    return name == b"set-cookie" and is_deposits_cookie(line.decode("latin-1"))


@pytest.mark.parametrize("kind", STARTS)
def test_R4_every_message_with_headers_is_gated(kind: str) -> None:
    """A response, an accepted and a refused websocket handshake."""
    scope_type = kind.partition(".")[0]
    assert RELEASED == Server(type=scope_type).headers(LINES, kind)


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("first", [[], LINES, None])
def test_R4_a_second_start_is_gated_too(kind: str, first: Any) -> None:
    """No server should take it, but some do; with headers or without it passes the gate."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": kind} if first is None else {"type": kind, "headers": first})
        await send({"type": "http.response.body"})
        await send({"type": kind, "headers": LINES})
        await send({"type": kind})

    _, body, second, third = Server(type=kind.partition(".")[0]).run(app)
    assert {"type": "http.response.body"} == body
    assert ({"type": kind, "headers": RELEASED}, {"type": kind}) == (second, third)


@pytest.mark.parametrize("kind", ["http.response.trailers", "http.response.push"])
def test_R4_other_messages_with_headers_pass_untouched(kind: str) -> None:
    """Browsers take no cookies from trailers, and a push has the headers of a request."""
    message = {"type": kind, "headers": LINES}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    assert Server().run(app)[0] is message


@pytest.mark.parametrize("kind", STARTS)
def test_R4_headers_may_be_missing(kind: str) -> None:
    """Then the message passes as the same object."""
    message = {"type": kind, "status": 200}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    (sent,) = Server(type=kind.partition(".")[0]).run(app)
    assert sent is message
    assert "headers" not in message


@pytest.mark.parametrize("kind", STARTS)
def test_R23_headers_may_be_missing_where_the_gate_has_some(kind: str) -> None:
    """Then there are only ours."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent_from(scope).grant("statistics")
        await send({"type": kind})

    gate = make_gate(categories=OPT_OUT)
    (sent,) = Server(gate, type=kind.partition(".")[0]).run(app)
    (vary, cache_control, line) = sent["headers"]
    assert (b"vary", b"Cookie, Sec-GPC") == vary
    assert (b"cache-control", b"private") == cache_control
    assert b"set-cookie" == line[0]
    assert b"statistics=true" in line[1]


@pytest.mark.parametrize(
    "shape",
    [
        list,
        tuple,
        iter,
        lambda headers: (header for header in headers),
        lambda headers: [list(header) for header in headers],
        lambda headers: dict(headers).items(),
    ],
    ids=["list", "tuple", "iterator", "generator", "lists", "items"],
)
def test_R4_headers_in_any_shape(shape: Any) -> None:
    """The specification says no more than an iterable of pairs."""
    headers = [(b"x-shop", b"open"), (b"set-cookie", b"_ga=1")]
    assert [(b"x-shop", b"open")] == [tuple(one) for one in Server().headers(shape(headers))]
    assert headers[:1] == [tuple(one) for one in Server().headers(shape(headers[:1]))]


@pytest.mark.parametrize("name", [b"Set-Cookie", b"SET-COOKIE", b"set-cookie ", b"\tSet-Cookie"])
def test_R4_a_header_name_in_any_spelling(name: bytes) -> None:
    """Django writes ``Set-Cookie``; what passes keeps its spelling."""
    headers = [(name, b"_ga=1"), (name, b" session=1"), (name, b"session=1; Max-Age=999999999")]
    expected = [(name, b" session=1"), (name, b"session=1; Max-Age=33955200")]
    *released, added = Server().headers(headers)
    assert expected == released
    assert is_deposits_header(added)


@pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie", " SET-COOKIE\t"])
def test_R4_names_and_values_given_as_text(name: str) -> None:
    """The specification says octets; h11 takes text as well, and so does the gate."""
    headers: Any = [
        (name, "_ga=1"),
        (name, b"_ga=1"),
        (name, b"session=1"),
        (name, "session=2"),
        (name, "session=1; Max-Age=999999999"),
        ("X-Shop", "open"),
        ("→", "odd"),
    ]
    expected = [*headers[2:4], (name, b"session=1; Max-Age=33955200"), *headers[5:]]
    for _ in range(2):
        *released, added = Server().headers(headers)
        assert expected == released
        assert is_deposits_header(added)
        assert headers[5:] == Server().headers(headers[5:])


def test_R4_octets_outside_ascii_survive() -> None:
    """Values are latin-1 on the way through, so nothing is lost or changed."""
    headers = [(b"set-cookie", b"session=\xc3\xa9\xff; Path=/\x80")]
    assert headers == Server().headers(headers)


@pytest.mark.parametrize("scope_type", ["lifespan", "mqtt", "http2"])
def test_R4_other_scopes_pass_untouched(scope_type: str) -> None:
    """Lifespan and what is yet to be invented get the server's own objects."""
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.extend(arguments)

    server = Server(type=scope_type)
    before = dict(server.scope)
    server.run(app)
    assert seen[0] is server.scope
    assert before == server.scope
    assert [server.receive, server.send] == seen[1:]


def test_R4_messages_are_forwarded_at_once() -> None:
    """Each is with the server before the application goes on, and bodies are the same objects."""
    body = {"type": "http.response.body", "body": b"He", "more_body": True}
    server = Server()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": LINES})
        assert 1 == len(server.sent)
        await send(body)
        assert server.sent[1] is body
        assert {"type": "http.disconnect"} == await receive()

    start, _ = server.run(app)
    assert {"type": "http.response.start", "status": 200, "headers": RELEASED} == start


def test_R2_what_need_not_change_is_the_same_object() -> None:
    """A message without cookies, and each header that may leave."""
    message = {"type": "http.response.start", "status": 200, "headers": [(b"x-shop", b"open")]}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    assert Server().run(app)[0] is message
    for header in Server().headers(LINES):
        assert any(header is one for one in LINES)


def test_R2_the_applications_message_is_not_changed() -> None:
    """An application may send the same message to every visitor."""
    message = {"type": "http.response.start", "status": 200, "headers": list(LINES)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    for _ in range(2):
        assert RELEASED == Server().run(app)[0]["headers"]
    assert LINES == message["headers"]


def test_R4_exceptions_pass_both_ways() -> None:
    """Those of the application to the server, those of the server to the application."""
    server = Server()

    async def broken_pipe(message: Any) -> None:
        raise OSError("gone")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(OSError, match="gone"):
            await send({"type": "http.response.start", "status": 200, "headers": LINES})
        raise ZeroDivisionError

    server.send = broken_pipe  # type: ignore[method-assign]  # a pipe that breaks
    with pytest.raises(ZeroDivisionError):
        server.run(app)


def test_R7_block_raises_inside_the_application() -> None:
    """Before the server was told anything."""
    server = Server(make_gate(mode="block"))
    with pytest.raises(CookieBlocked):
        server.headers(LINES)
    assert [] == server.sent


@pytest.mark.parametrize("headers", [[], LINES])
def test_R9_a_decision_after_the_headers_is_an_error(headers: Headers) -> None:
    """A withdrawal while streaming is not silently lost, also where no cookie was sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with pytest.raises(DecisionNotStored):
            consent_from(scope).withdraw()
        await send({"type": "http.response.body"})

    assert 2 == len(Server().run(app))


@pytest.mark.parametrize(
    ("sends", "finds"),
    [
        ([], []),
        ([b"a=1"], [b"a=1"]),
        ([b"a=1", b"_ga=1", b"b=2"], [b"a=1", b"b=2"]),
        ([b"_ga=1; a=1", b"_fbp=1"], [b"a=1"]),
        ([b"a=\xc3\xa9;b=2", b"c=\xff; _ga=1"], [b"a=\xc3\xa9;b=2", b"c=\xff"]),
    ],
)
@pytest.mark.parametrize("scope_type", ["http", "websocket"])
def test_R17_repeated_cookie_headers(
    sends: list[bytes], finds: list[bytes], scope_type: str
) -> None:
    """HTTP/2 may split the header anywhere; each is read, other headers stay in their order."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    server = Server(None, *sends, type=scope_type)
    server.scope["headers"].append((b"accept", b"*/*"))
    server.run(app)
    expected = [(b"cookie", one) for one in finds]
    assert [(b"host", b"shop.example"), *expected, (b"accept", b"*/*")] == seen


def test_R17_the_servers_list_is_not_changed() -> None:
    """A server may log the headers it received after the application is done."""
    server = Server(None, b"_ga=1")
    headers = server.scope["headers"]
    server.headers([])
    assert [(b"host", b"shop.example"), (b"cookie", b"_ga=1")] == headers


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("headers", [None, [], [(b"x-shop", b"open")], LINES])
def test_R18_a_deletion_is_added_to_every_message_with_headers(kind: str, headers: Any) -> None:
    """With cookies of the application or without; its own message stays as it was."""
    message = {"type": kind} if headers is None else {"type": kind, "headers": list(headers)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    (sent,) = Server(None, b"_ga=1", type=kind.partition(".")[0]).run(app)
    released = [header for header in headers or [] if header in RELEASED]
    assert [*released, *DELETIONS] == sent["headers"]
    assert headers == message.get("headers")


@pytest.mark.parametrize(
    ("status", "headers", "deletes"),
    [
        (200, [], True),
        (200, [(b" Cache-CONTROL\t", b"max-age=60")], False),
        (200, [("Expires", "Fri, 31 Dec 9999 23:59:59 GMT")], False),
        (200, [("Expires", "0")], True),
        (200, [("Cache-Control", b"private, max-age=60")], True),
        (304, [], False),
        (304, [(b"cache-control", b"private")], True),
    ],
)
def test_R18_where_a_cache_may_store_the_answer_nothing_is_added(
    status: int, headers: Any, deletes: bool
) -> None:
    """It is told from status and headers, however they are spelt."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})

    (start,) = Server(None, b"_ga=1").run(app)
    assert [*headers, *(DELETIONS if deletes else [])] == start["headers"]


def test_R23_what_invites_shared_caches_is_taken_back() -> None:
    """Where a decision leaves, in octets or as text, whatever case and blanks."""
    inviting: Any = [(b"Cache-Control ", b"public, max-age=60"), ("CDN-CACHE-CONTROL", "max-age=9")]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent_from(scope).withdraw()
        headers = [*inviting, (b"x-shop", b"open")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    *headers, (name, decision) = Server().run(app)[0]["headers"]
    expected = [
        (b"x-shop", b"open"),
        (b"vary", b"Cookie"),
        (b"cache-control", b"max-age=60, private"),
    ]
    assert expected == headers
    assert name == b"set-cookie"
    assert b"statistics=false" in decision


def test_R20_the_consent_may_come_in_any_of_them() -> None:
    """Repeated headers are one."""
    gate = make_gate()
    cookie = granting(gate, "statistics").encode()
    server = Server(gate, b"a=1", cookie, b"_ga=1")
    *released, added = server.headers(LINES)
    assert LINES == released
    assert is_deposits_header(added)
    assert (b"cookie", b"_ga=1") in server.scope["headers"]


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("", "/shop/contact"),
        ("/", "/shop/contact"),
        ("/shop", "/shop/contact"),
        ("/shop", "/contact"),
        ("/shop/", "/shop/contact"),
        ("/shop/", "/contact"),
        ("/shop/contact", "/shop/contact"),
        ("/shop/contact", ""),
    ],
)
def test_R11_a_mounted_application_has_the_visitors_paths(root: str, path: str) -> None:
    """Whether the server leaves ``root_path`` out of the path, as some do, or not."""
    gate = make_gate(routes=[Route("/shop/contact")])
    free, other = (Server(gate, root_path=root, path=one) for one in (path, f"{path}s"))
    assert [(b"x-shop", b"open")] == free.headers(LINES)
    assert RELEASED == other.headers(LINES)


def test_R11_root_path_ends_where_a_segment_ends() -> None:
    """A path that only begins with the same letters is one below ``root_path``."""
    gate = make_gate(routes=[Route("/shop/shopping")])
    for path, expected in (("/shopping", LINES[2:]), ("/shop/shopping", LINES[2:])):
        assert expected == Server(gate, root_path="/shop", path=path).headers(LINES)
    assert RELEASED == Server(gate, root_path="/shop", path="/shop").headers(LINES)


def test_R9_a_framework_may_copy_the_scope() -> None:
    """Consent asked of a copy is the same visitor's consent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent_from({**scope, "path": "/sub"}).grant("statistics")
        await send({"type": "http.response.start", "status": 200, "headers": LINES})

    (start,) = Server().run(app)
    assert LINES == start["headers"][:3]
    assert b"statistics=true" in start["headers"][-1][1]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], [b"Cookie, Sec-GPC"]),
        ([(b"Vary", b"Accept")], [b"Cookie, Sec-GPC"]),
        ([(b"vary", b"cookie"), (b"VARY", b"sec-gpc")], []),
        ([("Vary", "cookie"), (b"Vary", "Accept"), ("vary", b"sec-gpc")], []),
        ([(b"vary", b"*")], []),
    ],
)
def test_R23_vary_in_any_spelling(own: Any, expected: list[bytes]) -> None:
    """The application's own headers stay, what they miss is added."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent_from(scope).allows("statistics")
        await send({"type": "http.response.start", "status": 200, "headers": own})

    (start,) = Server(make_gate(categories=OPT_OUT)).run(app)
    assert [*own, *((b"vary", value) for value in expected)] == start["headers"]


@pytest.mark.parametrize(
    ("scheme", "secure"), [("http", False), ("https", True), ("ws", False), ("wss", True)]
)
def test_R19_secure_where_the_server_says_tls(scheme: str, secure: bool) -> None:
    """The consent cookie follows the scope's scheme."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent_from(scope).withdraw()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    (start,) = Server(scheme=scheme).run(app)
    assert secure == start["headers"][-1][1].endswith(b"; Secure")


def test_R22_the_signal_may_be_repeated() -> None:
    """One header that says ``1`` is enough."""
    gate = make_gate(gpc="override")
    cookie = granting(gate, "advertising").encode()
    headers = [(b"set-cookie", b"_fbp=1")]
    assert headers == Server(gate, cookie).headers(headers)
    server = Server(gate, cookie)
    server.scope["headers"] += [(b"sec-gpc", b"0"), (b"sec-gpc", b"1")]
    assert [] == server.headers(headers)


def test_consent_needs_the_middleware() -> None:
    """Without it there is nothing to ask; the error says what to add."""
    with pytest.raises(MiddlewareMissing, match="add it around the application"):
        consent_from({"type": "http"})


def test_R9_a_gate_within_a_gate_leaves_it_to_the_outer_one() -> None:
    """An application wrapped twice is judged once, and its decisions are stored."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent_from(scope).grant("statistics")
        await send({"type": "http.response.start", "status": 200, "headers": LINES})

    gate = make_gate()
    (start,) = Server(gate).run(ConsentGateMiddleware(app, gate))
    assert LINES == start["headers"][:3]
    assert ADDED_BY_A_DECISION == [name for name, _ in start["headers"][3:]]


def test_R9_a_gate_of_an_equal_policy_leaves_it_to_the_outer_one() -> None:
    """An adapter and a server's configuration may each make a gate of the site's policy file."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent_from(scope).grant("statistics")
        await send({"type": "http.response.start", "status": 200, "headers": LINES})

    verdicts: list[Verdict] = []
    (start,) = Server(make_gate()).run(ConsentGateMiddleware(app, make_gate(verdicts)))
    assert ADDED_BY_A_DECISION == [name for name, _ in start["headers"][3:]]
    assert [] == verdicts


def test_R4_gates_of_different_policies_are_both_applied() -> None:
    """Only what both allow leaves and is read, and each deletes what it governs."""
    other = make_gate(cookies=[CookieRule("session", "necessary"), CookieRule("b", "statistics")])
    lines = [(b"set-cookie", b"%s=1" % name) for name in (b"session", b"test", b"b", b"_ga")]
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["headers"][1:])
        await send({"type": "http.response.start", "status": 200, "headers": lines})

    for outer, inner in ((make_gate(), other), (other, make_gate())):
        server = Server(outer, b"_ga=1; a=1; b=1")
        (start,) = server.run(ConsentGateMiddleware(app, inner))
        assert lines[:1] == start["headers"][:1]
        others = [(name, line.replace(b"_ga", b"b")) for name, line in DELETIONS]
        assert {*DELETIONS, *others} == set(start["headers"][1:])
        assert 5 == len(start["headers"])
    assert [[(b"cookie", b"a=1")]] * 2 == seen


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("first", [[], LINES])
def test_R4_a_reused_scope_is_gated_anew(first: Headers, asks: bool) -> None:
    """Some test clients and middleware send one scope through more than once."""
    responses = iter([first, LINES])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if asks:
            consent_from(scope).allows("statistics")
        await send({"type": "http.response.start", "headers": next(responses)})

    server = Server()
    for _ in range(2):
        server.run(app)
    expected = [*RELEASED, *([(b"vary", b"Cookie")] if asks else [])]
    assert expected == server.sent[-1]["headers"]


def test_R4_a_scope_whose_application_failed_is_gated_anew() -> None:
    """Whoever answers in place of an application that raised has no way round."""

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("crash")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "headers": LINES})

    server = Server()
    with pytest.raises(ValueError, match="crash"):
        server.run(failing)
    server.run(app)
    assert RELEASED == server.sent[-1]["headers"]


def test_R11_R20_what_the_application_does_to_the_scope_changes_nothing() -> None:
    """A path rewritten and headers dropped on the way are still those of the visitor."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope.update(path="/pages/7", headers=[])
        await send({"type": "http.response.start", "status": 200, "headers": LINES})

    gate = make_gate(routes=[Route("/contact")])
    (start,) = Server(gate, path="/contact").run(app)
    assert [(b"x-shop", b"open")] == start["headers"]
    (start,) = Server(gate, granting(gate, "statistics").encode()).run(app)
    assert LINES == start["headers"]


def test_R24_header_names_without_end() -> None:
    """However many names an application makes up, Set-Cookie is known in each response."""
    names = [(b"x-%d" % number, b"") for number in range(3000)]
    for _ in range(2):
        assert [*names, *RELEASED] == Server().headers([*names, *LINES])
