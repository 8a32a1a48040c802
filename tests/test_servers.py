"""The gate under the servers that people run, seen from the other end of a socket."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import IO, TYPE_CHECKING

import pytest
import raw_client
import sites
from servers import SERVERS, Server, read_log, running

from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raw_client import Address, Headers, HTTPVersion, RawResponse

pytestmark = pytest.mark.server

GA = b"_ga=GA1.1.12.34; Path=/; Max-Age=3600"
FBP = b"_fbp=fb.1.12.34; Path=/; Max-Age=3600; SameSite=Lax"
SESSION = b'session="a b\\"c,d"; Path=/; HttpOnly;Priority=High;  Partitioned; Secure'
COOKIES = [GA, SESSION, FBP]

PLAIN, GATED = "plain", "gated"


@dataclass(frozen=True, slots=True)
class Site:
    """One of the two applications under one server, asked in one version of HTTP."""

    server: Server
    http: HTTPVersion
    app: str
    address: Address
    log: IO[bytes]

    def ask(self, method: str, target: str, headers: Headers | None = None) -> RawResponse:
        """Ask for a target in this site's version of HTTP."""
        return raw_client.request(self.address, method, target, headers, http=self.http)

    @property
    def passed(self) -> list[bytes]:
        """What arrives of `COOKIES` when the visitor has not decided."""
        return COOKIES if self.app == PLAIN else [SESSION]


def under(
    *apps: str, only: Callable[[Server, HTTPVersion], bool] = lambda _server, _http: True
) -> pytest.MarkDecorator:
    """Run a test under each server and HTTP version, or only some, with each of these apps."""
    cases = [
        pytest.param((server, http, app), id=f"{server}-{http}-{app}")
        for server in SERVERS
        for http in server.http
        for app in apps
        if only(server, http)
    ]
    return pytest.mark.parametrize("served", cases, indirect=True, scope="module")


def in_wsgi(server: Server, _http: HTTPVersion) -> bool:
    """Tell whether the server speaks WSGI."""
    return server.interface == "wsgi"


def with_websockets(server: Server, http: HTTPVersion) -> bool:
    """Tell whether the server sends what `websocket.accept` has for headers."""
    return server.websocket and http == "1.1" and "websocket headers" not in server.lacks


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Run one of the applications under one of the servers."""
    server, http, app = request.param
    name = f"gated_{server.interface}_app" if app == GATED else f"{server.interface}_app"
    with tempfile.TemporaryFile() as log, running(server, f"sites:{name}", log=log) as address:
        yield Site(server, http, app, address, log)


@pytest.fixture
def site(served: Site) -> Iterator[Site]:
    """Give the running site; what it prints meanwhile is shown should the test fail."""
    start = os.fstat(served.log.fileno()).st_size
    yield served
    sys.stdout.write(read_log(served.log, start))


# -- the servers themselves ---------------------------------------------------------------------


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_a_server_that_cannot_start_says_why(server: Server) -> None:
    """What a server printed before it ended comes with the error."""
    with pytest.raises(RuntimeError, match="ended with") as caught, running(server, "sites:absent"):
        pass
    assert "absent" in caught.value.__notes__[0]


@under(PLAIN)
def test_bytes_beyond_ascii_arrive(site: Site) -> None:
    """A Latin-1 byte leaves as it is, but for the server that writes UTF-8."""
    line = b"name=caf\xe9"
    expected = line.decode("latin-1").encode() if "latin-1" in site.server.lacks else line
    actual = site.ask("GET", sites.target("/", cookie=line)).values(b"set-cookie")
    assert [expected] == actual


@under(PLAIN)
def test_what_becomes_of_the_case_of_header_names(site: Site) -> None:
    """HTTP/2 has lower case only; over HTTP/1.1 the servers differ."""
    written = b"sEt-CooKie"
    case = "lower" if site.http == "2" else site.server.names
    expected = {"kept": written, "lower": written.lower(), "title": written.title()}[case]
    answer = site.ask("GET", sites.target("/", header=written + b":" + SESSION))
    assert (expected, SESSION) in answer.headers


@under(PLAIN)
def test_what_becomes_of_blanks_around_header_values(site: Site) -> None:
    """Some servers send them, some strip them, and some do not answer at all."""
    target = sites.target("/", header=b"Set-Cookie: a=1 ")
    if site.server.blanks == "refused":
        with pytest.raises(EOFError):
            site.ask("GET", target)
    else:
        expected = {"kept": b" a=1 ", "stripped": b"a=1"}[site.server.blanks]
        assert [expected] == site.ask("GET", target).values(b"set-cookie")


@under(PLAIN, only=lambda _server, http: http == "1.1")
def test_what_joins_two_cookie_lines_in_http1(site: Site) -> None:
    """Browsers send one line; servers join two as they like, if they do."""
    answer = site.ask("GET", "/echo", [(b"cookie", b"a=1; b=2"), (b"cookie", b"c=3")])
    assert site.server.cookie_joint.join([b"a=1; b=2", b"c=3"]) == answer.body


# -- with and without the gate ------------------------------------------------------------------


@under(PLAIN, GATED)
def test_allowed_lines_arrive_byte_for_byte(site: Site) -> None:
    """Of all the lines sent, those allowed arrive as they were, in their order and number."""
    repeated = [*COOKIES, SESSION, SESSION.replace(b"a b", b"d")]
    answer = site.ask("GET", sites.target("/", cookie=repeated))
    assert [*site.passed, *repeated[-2:]] == answer.values(b"set-cookie")


@under(PLAIN, GATED)
@pytest.mark.parametrize("status", [201, 302, 404, 500])
def test_every_status_is_governed(site: Site, status: int) -> None:
    """Redirects and errors carry the allowed cookies and their own headers."""
    wishes = {"status": status, "header": b"Location:/next", "cookie": COOKIES}
    answer = site.ask("GET", sites.target("/", **wishes))
    assert (status, [b"/next"], site.passed) == (
        answer.status,
        answer.values(b"location"),
        answer.values(b"set-cookie"),
    )


@under(PLAIN, GATED)
@pytest.mark.parametrize(("method", "status"), [("GET", 304), ("GET", 204), ("HEAD", 200)])
def test_an_answer_without_a_body_is_governed(site: Site, method: str, status: int) -> None:
    """304, 204 and HEAD carry the allowed cookies and still no body."""
    # With a length, as applications give; without one waitress ends even HEAD with a chunk.
    length = [b"Content-Length:8"] if method == "HEAD" else []
    wishes = {"status": status, "header": length, "cookie": COOKIES}
    answer = site.ask(method, sites.target("/", **wishes))
    assert (status, site.passed, b"") == (
        answer.status,
        answer.values(b"set-cookie"),
        answer.body,
    )


@under(PLAIN, GATED)
def test_a_request_body_does_not_matter(site: Site) -> None:
    """The answer to a form is governed as any other."""
    target = sites.target("/", cookie=COOKIES)
    answer = raw_client.request(site.address, "POST", target, [], b"a=1", http=site.http)
    assert site.passed == answer.values(b"set-cookie")


@under(PLAIN, GATED)
def test_a_stream_arrives_piece_by_piece(site: Site) -> None:
    """The first body piece can be read before the application makes the last."""
    assert_arrives_piece_by_piece(site, "/stream")


@under(PLAIN, GATED, only=lambda s, _http: s.interface == "wsgi" and "write" not in s.lacks)
def test_what_is_written_arrives_piece_by_piece(site: Site) -> None:
    """The `write` callable sends at once, and the head before it is governed."""
    assert_arrives_piece_by_piece(site, "/write")


def assert_arrives_piece_by_piece(site: Site, path: str) -> None:
    """Read the head and a first piece while the application waits with the last."""
    with sites.held() as (port, release):
        target = sites.target(path, chunks=2, release=port, cookie=COOKIES)
        with raw_client.stream(site.address, "GET", target, http=site.http) as answer:
            first = next(answer.pieces)
            release()
            rest = b"".join(answer.pieces)
    cookies = [value for name, value in answer.headers if name.lower() == b"set-cookie"]
    assert (site.passed, b"piece 1\n", b"piece 2\n") == (cookies, first, rest)


@under(PLAIN, GATED, only=lambda s, _http: s.interface == "wsgi" and "late start" not in s.lacks)
def test_a_late_start_is_governed(site: Site) -> None:
    """A generator that calls `start_response` with its first piece is governed too."""
    answer = site.ask("GET", sites.target("/lazy", cookie=COOKIES))
    assert site.passed == answer.values(b"set-cookie")


@under(PLAIN, GATED, only=in_wsgi)
def test_a_second_start_is_governed(site: Site) -> None:
    """The headers that replace others after an error are governed, as are those replaced."""
    answer = site.ask("GET", sites.target("/restart", status=500, cookie=COOKIES))
    stays = site.app == PLAIN and "restart" in site.server.lacks
    expected = [*([b"first=1"] if stays else []), *site.passed]
    assert (500, expected) == (answer.status, answer.values(b"set-cookie"))


@under(PLAIN, GATED)
def test_an_application_that_fails_at_once_answers_500(site: Site) -> None:
    """The server's own error page comes through, without a cookie."""
    answer = site.ask("GET", sites.target("/raise/early", cookie=COOKIES))
    expected: tuple[int, list[bytes]] = (500, [])
    assert expected == (answer.status, answer.values(b"set-cookie"))


@under(PLAIN, GATED)
def test_an_application_that_fails_after_its_headers_sets_nothing(site: Site) -> None:
    """Headers without a body never leave; some servers answer 500, some close."""
    expected: tuple[int, list[bytes]] = (500, [])
    with suppress(EOFError):
        answer = site.ask("GET", sites.target("/raise/late", cookie=COOKIES))
        assert expected == (answer.status, answer.values(b"set-cookie"))


@under(PLAIN, GATED)
def test_an_application_that_fails_in_its_body_was_governed(site: Site) -> None:
    """What left before the failure is the governed head and the first piece."""
    target = sites.target("/raise/body", chunks=2, cookie=COOKIES)
    with raw_client.stream(site.address, "GET", target, http=site.http) as answer:
        first = next(answer.pieces)
    cookies = [value for name, value in answer.headers if name.lower() == b"set-cookie"]
    assert (site.passed, b"piece 1\n") == (cookies, first)


@under(PLAIN, GATED)
def test_the_application_reads_its_cookies_byte_for_byte(site: Site) -> None:
    """A Cookie header without anything governed reaches the application as it is."""
    header = b'a=1; b="x, y";c;  =d; e=%20;; session={"x": 1}'
    header += b"" if "latin-1" in site.server.lacks else b"; caf\xe9=\xe9"
    assert header == site.ask("GET", "/echo", [(b"cookie", header)]).body


@under(PLAIN, GATED, only=with_websockets)
def test_a_websocket_handshake_is_governed(site: Site) -> None:
    """The answer 101 carries the allowed cookies only."""
    answer = raw_client.websocket(site.address, sites.target("/", cookie=COOKIES))
    assert (101, site.passed) == (answer.status, answer.values(b"set-cookie"))


@under(
    PLAIN,
    GATED,
    only=lambda s, http: with_websockets(s, http) and "websocket refusal" not in s.lacks,
)
def test_a_refused_websocket_is_governed(site: Site) -> None:
    """The HTTP answer of a refused handshake carries the allowed cookies only."""
    answer = raw_client.websocket(site.address, sites.target("/", status=403, cookie=COOKIES))
    assert (403, site.passed, b"refused\n") == (
        answer.status,
        answer.values(b"set-cookie"),
        answer.body,
    )


# -- the gate -----------------------------------------------------------------------------------


@under(GATED)
def test_what_was_granted_leaves(site: Site) -> None:
    """With a consent to statistics `_ga` leaves byte for byte and `_fbp` does not."""
    cookie = consent_header(granted=["statistics"])
    answer = site.ask("GET", sites.target("/", cookie=COOKIES), [(b"cookie", cookie)])
    expected = [GA, SESSION]
    assert expected == [line for line in answer.values(b"set-cookie") if line in COOKIES]


def consent_header(granted: list[str]) -> bytes:
    """Give the Cookie header of a visitor who granted these categories."""
    name, value = consent_cookie(sites.gate, granted=granted)
    return f"{name}={value}".encode()


@under(GATED)
def test_the_application_does_not_read_what_was_not_granted(site: Site) -> None:
    """`_ga` is gone from the Cookie header; the rest is byte for byte."""
    header = b'theme=dark; _ga=GA1.1.12.34; session={"x": "_ga=1"}; _gat=1'
    expected = b'theme=dark; session={"x": "_ga=1"}; _gat=1'
    assert expected == site.ask("GET", "/echo", [(b"cookie", header)]).body


@under(PLAIN, GATED, only=lambda _server, http: http == "2")
def test_two_cookie_lines_in_http2_are_both_governed(site: Site) -> None:
    """HTTP/2 may send each cookie in a line of its own; none of them is overlooked."""
    lines = [b"a=1; _ga=2", b"_fbp=3", b"b=4; c=5"]
    kept = [b"a=1", b"_ga=2", b"_fbp=3", b"b=4", b"c=5"]
    answer = site.ask("GET", "/echo", [(b"cookie", line) for line in lines])
    expected = kept if site.app == PLAIN else [b"a=1", b"b=4", b"c=5"]
    assert expected == re.split(b"; ?|\n", answer.body)


@under(GATED, only=with_websockets)
def test_a_websocket_application_does_not_read_what_was_not_granted(site: Site) -> None:
    """The Cookie header of a handshake is governed as any other."""
    answer = raw_client.websocket(site.address, "/", [(b"Cookie", b"a=1; _ga=2; session=3")])
    assert answer.body == b"a=1; session=3"


# -- the visitor's pages ----------------------------------------------------------------------


FORM = (b"content-type", b"application/x-www-form-urlencoded")


@under(GATED)
def test_a_choice_is_taken(site: Site) -> None:
    """A form is answered by a redirect with the decision, in each version of HTTP."""
    body = b"choice=save&category=statistics&next=%2Ftea%3Fcup%3D2"
    answer = raw_client.request(site.address, "POST", "/consent/", [FORM], body, http=site.http)
    assert 303 == answer.status
    assert [b"/tea?cup=2"] == answer.values(b"location")
    (line,) = answer.values(b"set-cookie")
    assert b"&statistics=true&" in line
    assert b"; SameSite=Lax" in line


@under(GATED)
def test_a_page_is_served(site: Site) -> None:
    """Whole, and for HEAD without its body; and style sheets with what caches want to know."""
    page, head = (site.ask(method, "/consent/?lang=fr") for method in ("GET", "HEAD"))
    assert (200, 200) == (page.status, head.status)
    assert "Tout refuser" in page.body.decode()
    assert b"" == head.body
    assert page.values(b"content-length") == head.values(b"content-length")
    style = site.ask("GET", "/consent/banner.css")
    (etag,) = style.values(b"etag")
    again = site.ask("GET", "/consent/banner.css", [(b"if-none-match", etag)])
    assert (200, 304) == (style.status, again.status)


@under(GATED, only=lambda _server, http: http == "1.1")
def test_a_refused_body_leaves_the_connection_in_order(site: Site) -> None:
    """What was not read is not taken for the next request: that is answered, or there is none."""
    host, port = site.address
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for size in (20_000, 200_000):
        connection = HTTPConnection(host, port, timeout=raw_client.DEADLINE)
        with closing(connection), suppress(ConnectionError):  # it may close before it has read all
            connection.request("POST", "/consent/", b"a" * size, kind)
            refused = connection.getresponse()
            assert 413 == refused.status
            refused.read()
            connection.request("GET", "/consent/state")
            assert b'"undecided"' in connection.getresponse().read()


@under(GATED, only=lambda _server, http: http == "1.1")
def test_a_chunked_form_is_taken_or_refused(site: Site) -> None:
    """Where the server hands it on; no server makes a choice of half of it."""
    host, port = site.address
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    pieces = [b"choice=", b"reject_all"]
    with closing(HTTPConnection(host, port, timeout=raw_client.DEADLINE)) as connection:
        with suppress(BrokenPipeError):  # a server that knows no chunks has answered meanwhile
            connection.request("POST", "/consent/", iter(pieces), kind, encode_chunked=True)
        assert connection.getresponse().status in {303, 400, 411, 413, 422}
