"""The WSGI glue: whatever PEP 3333 allows an application to do, every Set-Cookie is gated (R4)."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

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
from consentgate.wsgi import ConsentGateMiddleware, consent_from

if TYPE_CHECKING:
    from collections.abc import Iterator

Headers = list[tuple[str, str]]
LINES = [("Set-Cookie", "session=1"), ("Set-Cookie", "_ga=1"), ("X-Shop", "open")]
RELEASED = [("Set-Cookie", "session=1"), ("X-Shop", "open")]
DELETION = ("Set-Cookie", "_ga=; Path=/; Max-Age=0")
ADDED_BY_A_DECISION = ["Vary", "Cache-Control", "Set-Cookie"]


class Server:
    """The server's side of PEP 3333, as strict as wsgiref's and no stricter."""

    def __init__(self, app: Any, gate: Gate | None = None, **environ: str) -> None:
        self.environ: dict[str, Any] = {"QUERY_STRING": "", **environ}
        setup_testing_defaults(self.environ)
        self.app = ConsentGateMiddleware(app, gate or make_gate())
        self.started: list[tuple[str, Headers, Any]] = []
        self.written: list[bytes] = []

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Any:
        """Note what was started."""
        assert exc_info or not self.started
        self.started.append((status, headers, exc_info))
        return self.written.append

    def ask(self) -> Any:
        """Return what the application returns."""
        return self.app(self.environ, self.start_response)

    @property
    def headers(self) -> Headers:
        """The headers that count: those started last."""
        return self.started[-1][1]


def answering(headers: Headers, body: Any = ()) -> Any:
    """Return an application that starts its response with ``headers`` and returns ``body``."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return body

    return app


def sent(headers: Headers, gate: Gate | None = None, **environ: str) -> Headers:
    """Return what leaves of ``headers``."""
    server = Server(answering(headers), gate, **environ)
    server.ask()
    return server.headers


def test_R4_a_second_start_response_is_gated_too() -> None:
    """An error page replaces the headers, its cookies are judged as well, and exc_info passes."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", LINES)
        try:
            environ["no such key"]
        except KeyError:
            start_response("500 Oops", [("Set-Cookie", "_fbp=1"), *LINES], sys.exc_info())
        return [b"sorry"]

    server = Server(app)
    assert [b"sorry"] == server.ask()
    assert ["200 OK", "500 Oops"] == [status for status, _, _ in server.started]
    assert [RELEASED, RELEASED] == [headers for _, headers, _ in server.started]
    assert server.started[0][2] is None
    assert server.started[1][2][0] is KeyError


def test_R9_a_decision_survives_a_second_start_response() -> None:
    """It leaves with the headers that count."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        consent_from(environ).grant("statistics")
        start_response("200 OK", LINES)
        try:
            environ["no such key"]
        except KeyError:
            start_response("500 Oops", LINES, sys.exc_info())
        return []

    server = Server(app)
    server.ask()
    for _, headers, _ in server.started:
        assert LINES == headers[:3]
        assert ADDED_BY_A_DECISION == [name for name, _ in headers[3:]]


def test_R13_R18_what_is_added_survives_a_second_start_response() -> None:
    """Deletions leave again with the headers that count, the dates as those headers need them."""
    lasting = [("Set-Cookie", "session=1; Max-Age=60")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [*lasting, *LINES])
        try:
            environ["no such key"]
        except KeyError:
            start_response("500 Oops", LINES, sys.exc_info())
        return []

    server = Server(app, HTTP_COOKIE="_ga=1")
    server.ask()
    (_, first, _), (_, second, _) = server.started
    assert [*lasting, *RELEASED, DELETION] == first[:-1]
    assert is_deposits_cookie(first[-1][1])
    assert [*RELEASED, DELETION] == second


def test_R4_what_is_written_passes() -> None:
    """The write callable is the server's own, and the headers before it are gated."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", LINES)
        write(b"He")
        return [b"llo"]

    server = Server(app)
    assert [b"llo"] == server.ask()
    assert ([b"He"], RELEASED) == (server.written, server.headers)


def test_R4_a_generator_that_starts_late_is_gated() -> None:
    """Nothing happens before the server asks for the first piece, and then the headers are seen."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", LINES)
        yield b"Hello"

    server = Server(app)
    body = server.ask()
    assert [] == server.started
    assert (b"Hello", RELEASED) == (next(body), server.headers)


@pytest.mark.parametrize(
    "name", ["set-cookie", "SET-COOKIE", "Set-Cookie ", "\tset-Cookie", " Set-COOKIE\t"]
)
def test_R4_a_header_name_in_any_spelling(name: str) -> None:
    """In whatever case and with blanks around; what passes keeps its spelling."""
    headers = [(name, "_ga=1"), (name, "session=1"), (name, "session=1; Max-Age=999999999")]
    expected = [(name, "session=1"), (name, "session=1; Max-Age=33955200")]
    *released, (added, deposits) = sent(headers)
    assert expected == released
    assert ("Set-Cookie", True) == (added, is_deposits_cookie(deposits))


@pytest.mark.parametrize("name", ["Set-Cookie2", "X-Set-Cookie", "Set_Cookie", "Cookie", ""])
def test_R4_other_headers_are_not_touched(name: str) -> None:
    """What only resembles Set-Cookie sets none."""
    assert [(name, "_ga=1")] == sent([(name, "_ga=1")])


def test_R4_values_with_a_leading_blank() -> None:
    """Django writes them so; byte for byte they leave, or not at all."""
    headers = [("Set-Cookie", " session=1; Path=/"), ("Set-Cookie", " _ga=1")]
    assert headers[:1] == sent(headers)


def test_R2_untouched_headers_are_the_same_objects() -> None:
    """With a cookie or without, each header that may leave does."""
    for headers in (LINES, RELEASED[1:]):
        for header in sent(headers):
            assert any(header is one for one in headers)


@pytest.mark.parametrize("headers", [[], [("X-Shop", "open")], LINES])
@pytest.mark.parametrize("asks", [False, True])
def test_R4_what_is_appended_later_does_not_leave(headers: Headers, asks: bool) -> None:
    """A server reads the list when the first piece of the body comes; by then it is a copy."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        if asks:
            consent_from(environ).allows("statistics")
        own = list(headers)
        start_response("200 OK", own)
        own.append(("Set-Cookie", "_ga=1"))
        yield b"Hello"

    server = Server(app)
    assert [b"Hello"] == list(server.ask())
    assert ("Set-Cookie", "_ga=1") not in server.headers


class Body:
    """A body that can be read as a file, iterated and closed, and only its owner knows how."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"never asked"

    def close(self) -> None:
        """Note that the server is done."""
        self.closed = True


@pytest.mark.parametrize(
    "body",
    [Body(), FileWrapper(io.BytesIO(b"x" * 100_000)), (b"a", b"b"), iter(range(10**9)), []],
    ids=["object", "file wrapper", "tuple", "large stream", "empty"],
)
def test_R4_the_body_is_the_applications_own_object(body: Any) -> None:
    """So sendfile, close() and streams without end work as they do without the gate."""
    server = Server(answering(LINES, body))
    assert body is server.ask()
    assert RELEASED == server.headers


def test_R4_exceptions_of_the_application_pass() -> None:
    """Before and after the response has begun."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", LINES)
        yield b"He"
        raise ZeroDivisionError

    body = Server(app).ask()
    assert b"He" == next(body)
    with pytest.raises(ZeroDivisionError):
        next(body)


def test_R7_block_raises_inside_the_application() -> None:
    """It comes out of start_response, before the server was told anything."""
    server = Server(answering(LINES), make_gate(mode="block"))
    with pytest.raises(CookieBlocked):
        server.ask()
    assert [] == server.started


def test_R4_both_sides_are_valid_wsgi() -> None:
    """To wsgiref's validator the middleware is a good server and a good application."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        consent_from(environ).grant("statistics")
        start_response("200 OK", [("Content-Type", "text/plain"), *LINES])
        return [b"Hello"]

    server = Server(None, HTTP_COOKIE="_ga=1; session=1")
    server.app = validator(ConsentGateMiddleware(validator(app), make_gate()))  # type: ignore[assignment]
    body = server.ask()
    assert [b"Hello"] == list(body)
    body.close()
    names = ["Content-Type", *(name for name, _ in LINES), *ADDED_BY_A_DECISION, "Set-Cookie"]
    assert names == [name for name, _ in server.headers]
    assert is_deposits_cookie(server.headers[-1][1])


@pytest.mark.parametrize("with_cookie", [False, True])
def test_R9_a_decision_after_the_headers_is_an_error(with_cookie: bool) -> None:
    """A withdrawal while streaming is not silently lost, also where no cookie was sent."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", LINES if with_cookie else [])
        yield b"He"
        consent_from(environ).withdraw()

    body = Server(app).ask()
    assert b"He" == next(body)
    with pytest.raises(DecisionNotStored):
        next(body)


def test_R17_the_environ_is_the_servers_own() -> None:
    """Only the Cookie header in it changes, and only where something is hidden."""
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append((environ, environ.get("HTTP_COOKIE")))
        start_response("200 OK", [])
        return []

    for sends, finds in (
        ("a=1;b=2 ", "a=1;b=2 "),
        ("_ga=1; a=1", "a=1"),
        ("_ga=1", None),
        ("", ""),
    ):
        server = Server(app, HTTP_COOKIE=sends)
        server.ask()
        assert seen[-1][0] is server.environ
        assert finds == seen[-1][1]


@pytest.mark.parametrize("headers", [[], [("X-Shop", "open")], LINES])
def test_R18_a_deletion_is_added_to_a_copy(headers: Headers) -> None:
    """With cookies of the application or without; its own list stays as it was."""
    own = list(headers)
    released = [header for header in headers if header in RELEASED]
    assert [*released, DELETION] == sent(own, HTTP_COOKIE="_ga=1")
    assert headers == own


def test_R18_the_host_is_read_from_the_environ() -> None:
    """Its parents are where a cookie that the browser sends may be from."""
    lines = sent([], HTTP_COOKIE="_ga=1", HTTP_HOST="www.shop.example:8000")
    domains = ["", "; Domain=www.shop.example", "; Domain=shop.example"]
    assert [f"_ga=; Path=/{domain}; Max-Age=0" for domain in domains] == [line for _, line in lines]


@pytest.mark.parametrize(
    ("status", "headers", "deletes"),
    [
        ("200 OK", [], True),
        ("200 OK", [(" cache-CONTROL\t", "max-age=60")], False),
        ("200 OK", [("CDN-Cache-Control", "max-age=60")], False),
        ("200 OK", [("Cache-Control", "private, max-age=60")], True),
        ("304 Not Modified", [], False),
        ("304", [("Cache-Control", "private")], True),
    ],
)
def test_R18_where_a_cache_may_store_the_answer_nothing_is_added(
    status: str, headers: Headers, deletes: bool
) -> None:
    """It is told from status and headers, however they are spelt."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, headers)
        return []

    server = Server(app, HTTP_COOKIE="_ga=1")
    server.ask()
    assert [*headers, *([DELETION] if deletes else [])] == server.headers


def test_R23_what_invites_shared_caches_is_taken_back() -> None:
    """Where a decision leaves, whatever the case of the names and the blanks around."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        consent_from(environ).withdraw()
        inviting = [("cache-control ", "public, max-age=60"), ("CDN-CACHE-CONTROL", "max-age=9")]
        start_response("200 OK", [*inviting, ("X-Shop", "open")])
        return []

    server = Server(app)
    server.ask()
    *headers, (name, decision) = server.headers
    expected = [("X-Shop", "open"), ("Vary", "Cookie"), ("Cache-Control", "max-age=60, private")]
    assert expected == headers
    assert name == "Set-Cookie"
    assert "statistics=false" in decision


@pytest.mark.parametrize(
    ("script", "path"), [("", "/shop/contact"), ("/shop", "/contact"), ("/shop/contact", "")]
)
def test_R11_a_mounted_application_has_the_visitors_paths(script: str, path: str) -> None:
    """SCRIPT_NAME and PATH_INFO make one path, wherever the application is mounted."""
    gate = make_gate(routes=[Route("/shop/contact")])
    assert [("X-Shop", "open")] == sent(LINES, gate, SCRIPT_NAME=script, PATH_INFO=path)
    assert RELEASED == sent(LINES, gate, SCRIPT_NAME=script, PATH_INFO=f"{path}s")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], ["Cookie, Sec-GPC"]),
        ([("vary", "Accept")], ["Cookie, Sec-GPC"]),
        ([("VARY", "Accept, sec-gpc"), ("Vary", " COOKIE ")], []),
        ([("Vary", "Cookie")], ["Sec-GPC"]),
        ([("Vary", "*")], []),
    ],
)
def test_R23_vary_in_any_spelling(own: Headers, expected: list[str]) -> None:
    """The application's own headers stay, what they miss is added."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        consent_from(environ).allows("statistics")
        start_response("200 OK", own)
        return []

    server = Server(app, make_gate(categories=OPT_OUT))
    server.ask()
    assert own == server.headers[: len(own)]
    assert [("Vary", value) for value in expected] == server.headers[len(own) :]


def test_R19_secure_where_the_server_says_https() -> None:
    """The consent cookie follows ``wsgi.url_scheme``."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        consent_from(environ).withdraw()
        start_response("200 OK", [])
        return []

    for scheme in ("http", "https"):
        server = Server(app)
        server.environ["wsgi.url_scheme"] = scheme
        server.ask()
        assert (scheme == "https") == server.headers[-1][1].endswith("; Secure")


def test_R22_the_signal_is_read_from_the_environ() -> None:
    """As servers spell it, repetitions joined by commas."""
    gate = make_gate(gpc="override")
    headers = [("Set-Cookie", "_fbp=1")]
    cookie = granting(gate, "advertising")
    assert headers == sent(headers, gate, HTTP_COOKIE=cookie)
    assert [] == sent(headers, gate, HTTP_COOKIE=cookie, HTTP_SEC_GPC="0,1")


def test_consent_needs_the_middleware() -> None:
    """Without it there is nothing to ask; the error says what to add."""
    with pytest.raises(MiddlewareMissing, match="add it around the application"):
        consent_from({})


def test_R9_a_gate_within_a_gate_leaves_it_to_the_outer_one() -> None:
    """An application wrapped twice is judged once, and its decisions are stored."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        consent_from(environ).grant("statistics")
        start_response("200 OK", LINES)
        return []

    gate = make_gate()
    server = Server(ConsentGateMiddleware(app, gate), gate)
    server.ask()
    assert LINES == server.headers[:3]
    assert ADDED_BY_A_DECISION == [name for name, _ in server.headers[3:]]


def test_R9_a_gate_of_an_equal_policy_leaves_it_to_the_outer_one() -> None:
    """An adapter and a server's configuration may each make a gate of the site's policy file."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        consent_from(environ).grant("statistics")
        start_response("200 OK", LINES)
        return []

    verdicts: list[Verdict] = []
    server = Server(ConsentGateMiddleware(app, make_gate(verdicts)), make_gate())
    server.ask()
    assert ADDED_BY_A_DECISION == [name for name, _ in server.headers[3:]]
    assert [] == verdicts


def test_R4_gates_of_different_policies_are_both_applied() -> None:
    """Only what both allow leaves and is read, and each deletes what it governs."""
    other = make_gate(cookies=[CookieRule("session", "necessary"), CookieRule("b", "statistics")])
    lines = [("Set-Cookie", f"{name}=1") for name in ("session", "test", "b", "_ga")]
    seen: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ["HTTP_COOKIE"])
        start_response("200 OK", lines)
        return []

    for outer, inner in ((make_gate(), other), (other, make_gate())):
        server = Server(ConsentGateMiddleware(app, inner), outer, HTTP_COOKIE="_ga=1; a=1; b=1")
        server.ask()
        assert lines[:1] == server.headers[:1]
        deletions = [("Set-Cookie", "b=; Path=/; Max-Age=0"), DELETION]
        assert deletions == sorted(server.headers[1:], reverse=True)
    assert ["a=1", "a=1"] == seen


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("first", [[], LINES])
def test_R4_a_reused_environ_is_gated_anew(first: Headers, asks: bool) -> None:
    """Some test clients and middleware send one environ through more than once."""
    responses = iter([first, LINES])

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if asks:
            consent_from(environ).allows("statistics")
        start_response("200 OK", next(responses))
        return []

    server = Server(app)
    for _ in range(2):
        server.started.clear()
        server.ask()
    assert [*RELEASED, *([("Vary", "Cookie")] if asks else [])] == server.headers


def test_R4_an_environ_whose_application_failed_is_gated_anew() -> None:
    """Whoever answers in place of an application that raised has no way round."""
    failing = True

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if failing:
            raise ValueError("crash")
        start_response("200 OK", LINES)
        return []

    server = Server(app)
    with pytest.raises(ValueError, match="crash"):
        server.ask()
    failing = False
    server.ask()
    assert RELEASED == server.headers


def test_R11_R20_what_the_application_does_to_the_environ_changes_nothing() -> None:
    """A path rewritten and a Cookie header dropped on the way are still those of the visitor."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["PATH_INFO"] = "/pages/7"
        environ.pop("HTTP_COOKIE", None)
        start_response("200 OK", LINES)
        return []

    gate = make_gate(routes=[Route("/contact")])
    free = Server(app, gate, PATH_INFO="/contact")
    free.ask()
    assert [("X-Shop", "open")] == free.headers
    granted = Server(app, gate, HTTP_COOKIE=granting(gate, "statistics"))
    granted.ask()
    assert LINES == granted.headers


def test_R24_header_names_without_end() -> None:
    """However many names an application makes up, Set-Cookie is known in each response."""
    names = [f"X-{number}" for number in range(3000)]
    for _ in range(2):
        assert [*((name, "") for name in names), *RELEASED] == sent(
            [*((name, "") for name in names), *LINES]
        )
