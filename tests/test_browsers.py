"""The browsers that tests ask, and the server that feeds them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from browsers import Browser, Chromium, LoadError, StoredCookie, started
from raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser

LINES = {
    "/session": b"a=1",
    "/lasting": b"b=2; Max-Age=1000; Path=/; HttpOnly; SameSite=Lax",
    "/unicode": "c\u00e9=\u00e9".encode(),
    "/nul": b"d=\x00",
}


class Absent(Chromium):
    """A browser that no machine has."""

    package = "no-such-browser"


@pytest.fixture(params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Browser:
    """Give each browser in turn, with an empty jar."""
    browser: Browser = request.getfixturevalue(request.param)
    browser.clear()
    return browser


@pytest.fixture
def server() -> Iterator[RawServer]:
    """Give a server that sets the cookie named by the path, or none."""
    with RawServer(_response) as server:
        yield server


def _response(path: str) -> bytes:
    line = LINES.get(path)
    cookie = b"Set-Cookie: %b\r\n" % line if line else b""
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % cookie


def names(cookies: list[StoredCookie] | None) -> list[str] | None:
    """Return the names of these cookies."""
    return None if cookies is None else [cookie.name for cookie in cookies]


def test_a_stored_cookie_is_seen_with_all_its_attributes(
    browser: Browser, server: RawServer
) -> None:
    """What the response said is what the jar says."""
    before = time.time()
    browser.load(server.url + "/lasting")
    [cookie] = browser.cookies()

    assert cookie.expires is not None
    assert before + 999 <= cookie.expires <= time.time() + 1001
    assert cookie == StoredCookie(
        name="b",
        value="2",
        domain="127.0.0.1",
        path="/",
        expires=cookie.expires,
        secure=False,
        http_only=True,
        same_site="lax",
    )


def test_a_session_cookie_has_no_expiry(browser: Browser, server: RawServer) -> None:
    """A cookie without lifetime attributes has none in the jar."""
    browser.load(server.url + "/session")

    [cookie] = browser.cookies()

    assert (cookie.expires, cookie.same_site) == (None, None)


def test_clear_empties_the_jar(browser: Browser, server: RawServer) -> None:
    """Nothing is left of one test for the next."""
    browser.load(server.url + "/lasting")
    browser.clear()

    assert browser.cookies() == []


def test_fetch_stores_what_load_stores(browser: Browser, server: RawServer) -> None:
    """The fast way and the visitor's way fill the jar alike."""
    browser.load(server.url + "/none")
    browser.fetch(server.url + "/session")
    browser.fetch(server.url + "/unicode")

    assert sorted(cookie.name for cookie in browser.cookies()) == ["a", "c\u00e9"]


def test_fetch_goes_to_another_site_by_itself(browser: Browser, server: RawServer) -> None:
    """A page may not fetch from another origin, so the browser navigates."""
    with RawServer(_response) as elsewhere:
        browser.load(elsewhere.url + "/none")
        browser.fetch(server.url + "/session")

    assert names(browser.cookies()) == ["a"]


def test_stored_empties_the_jar_before_each_url(browser: Browser, server: RawServer) -> None:
    """Each list holds the cookies of one response, and a refused response has no list."""
    urls = [server.url + path for path in ["/session", "/none", "/nul", "/lasting"]]

    assert [names(cookies) for cookies in browser.stored(urls)] == [["a"], [], None, ["b"]]


def test_a_browser_goes_on_after_a_server_that_is_not_there(
    browser: Browser, server: RawServer
) -> None:
    """A failed navigation is an error, and leaves nothing behind that disturbs the next one."""
    with RawServer(_response) as gone:
        pass

    with pytest.raises(LoadError):
        browser.load(gone.url)
    browser.load(server.url + "/session")

    assert names(browser.cookies()) == ["a"]


def test_the_server_notes_what_the_browser_sent(browser: Browser, server: RawServer) -> None:
    """The Cookie header shows the bytes that the browser holds."""
    browser.load(server.url + "/unicode")
    browser.load(server.url + "/none")

    assert b"\r\nCookie: c\xc3\xa9=\xc3\xa9\r\n" in server.heads[-1]


@pytest.mark.usefixtures("browser")
def test_a_running_browser_leaves_asyncio_alone() -> None:
    """Playwright keeps an event loop running, but not in the thread of the tests."""
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"


def test_a_missing_browser_says_how_to_get_it() -> None:
    """The reason to skip names the package to install."""
    assert Absent.available() == "Absent is not installed: apt-get install no-such-browser"


@pytest.mark.parametrize(
    ("everything", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_a_missing_browser_skips_or_fails(
    monkeypatch: pytest.MonkeyPatch, everything: str, outcome: type[BaseException]
) -> None:
    """Where everything must be tested, a test without its browser fails."""
    monkeypatch.setenv("CONSENTGATE_TEST_ALL", everything)

    with pytest.raises(outcome, match="apt-get install no-such-browser"):
        next(started(Absent))
