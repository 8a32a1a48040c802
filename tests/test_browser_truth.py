"""What browsers store of what leaves the gate: the truth about R1, R2, R3, R6 and R12."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from odd_lines import cases
from raw_server import RawServer
from test_properties import POLICY, odd_lines, through_asgi, through_wsgi

from consentgate import Gate
from consentgate.policy import BROWSER_MAX_AGE
from consentgate.set_cookie import TOKEN, is_plain, read_attributes
from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browsers import Browser, StoredCookie

pytestmark = pytest.mark.browser

SLACK = 5.0
"""Seconds between our clock's reading and the browser's."""

GATE = Gate(POLICY, "key")


def answer(target: str) -> bytes:
    """Return the response to ``/<front>/<granted>?line=…&date=…``, raw."""
    _, front, granted = urlsplit(target).path.split("/")
    query = parse_qs(urlsplit(target).query, encoding="latin-1", keep_blank_values=True)
    lines = query["line"]
    if front != "ungated":
        cookie = "=".join(consent_cookie(GATE, [granted])) if granted else ""
        through = through_wsgi if front == "wsgi" else through_asgi
        lines = through(GATE, lines, cookie)
    headers = [f"Set-Cookie: {line}" for line in lines]
    headers += [f"Date: {date}" for date in query["date"] if date]
    head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 0", "Connection: close", *headers])
    return f"{head}\r\n\r\n".encode("latin-1")


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve any line, through the gate or not."""
    with RawServer(answer) as server:
        yield server.url.rstrip("/")


@pytest.fixture(params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Browser:
    """Give each browser in turn."""
    running: Browser = request.getfixturevalue(request.param)
    return running


def address(site: str, front: str, granted: str, line: str, date: str = "") -> str:
    """Return where ``line`` is served."""
    encoded = quote(line, safe="", encoding="latin-1")
    return f"{site}/{front}/{granted}?line={encoded}&date={quote(date)}"


def wrongs(stored: list[StoredCookie] | None, granted: str, now: float) -> list[str]:
    """Return what in the jar should not be there."""
    found: list[str] = []
    for cookie in stored or ():
        rule = POLICY.rule_for(cookie.name)
        if rule is None:
            found.append(f"{cookie.name!r} is unregistered")
        elif rule.category not in ("necessary", granted):
            found.append(f"{cookie.name!r} is unconsented")
        elif cookie.expires is not None and cookie.expires > now + POLICY.limit(rule) + SLACK:
            found.append(f"{cookie.name!r} lives {cookie.expires - now:.0f} s")
    return found


@pytest.mark.parametrize("front", ["wsgi", "asgi"])
@pytest.mark.parametrize("granted", ["", "statistics"])
def test_R3_hand_picked_lines(browser: Browser, site: str, front: str, granted: str) -> None:
    """Of hundreds of odd lines nothing unconsented or too long-lived reaches the jar."""
    # What the gate does to a line is the same in both fronts: one of them meets every case.
    chosen = cases() if front == "wsgi" else cases()[::5]
    urls = [address(site, front, granted, *case) for case in chosen]
    jars = browser.stored(urls)
    found = {
        case: wrong
        for case, jar in zip(chosen, jars, strict=True)
        if (wrong := wrongs(jar, granted, time.time()))
    }
    assert {} == found
    assert (granted == "") != any(jars)


@pytest.mark.parametrize("granted", ["", "statistics"])
def test_R3_grown_lines(browser: Browser, site: str, granted: str) -> None:
    """The same for lines that nobody thought of."""

    @settings(
        max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(odd_lines())
    def holds(line: str) -> None:
        (jar,) = browser.stored([address(site, "wsgi", granted, line)])
        assert [] == wrongs(jar, granted, time.time()), line

    holds()


def test_R3_without_the_gate_the_same_lines_do_harm(browser: Browser, site: str) -> None:
    """The two tests above can fail: ungated, the jar is full of what they look for."""
    urls = [address(site, "ungated", "", *case) for case in cases()[:200]]
    assert 100 < sum(bool(wrongs(jar, "", time.time())) for jar in browser.stored(urls))


def test_R1_browsers_read_a_canonical_line_as_we_do(browser: Browser, site: str) -> None:
    """Name and life of every line that we call canonical are what the browser makes of them."""
    canonical = [line for line, date in cases() if not date and is_canonical(line)]
    assert 20 < len(canonical)
    for line in canonical:
        before = time.time()
        (jar,) = browser.stored([address(site, "ungated", "", line)])
        assert jar is not None
        assert [name for name, _ in expected(line, before)] == [cookie.name for cookie in jar]
        for (_, seconds), cookie in zip(expected(line, before), jar, strict=True):
            assert lives(cookie, seconds, before), (line, cookie)


def lives(cookie: StoredCookie, seconds: int | None, since: float) -> bool:
    """Whether a cookie that was stored between ``since`` and now lives ``seconds``."""
    if seconds is None or cookie.expires is None:
        return cookie.expires is seconds
    return since + seconds - SLACK < cookie.expires < time.time() + seconds + SLACK


def is_canonical(line: str) -> bool:
    """Whether the gate would let ``line`` leave byte for byte."""
    pair, _, text = line.partition(";")
    name, equals, _ = pair.partition("=")
    within_size = len(pair) <= len("=") + 4096
    return bool(
        equals
        and TOKEN.fullmatch(name.lstrip(" "))
        and not name.lower().startswith("__")  # prefixes have needs of their own
        and is_plain(line)
        and read_attributes(text).canonical
        and within_size
    )


def expected(line: str, now: float) -> list[tuple[str, int | None]]:
    """Return name and life in seconds of what our reading stores of a canonical line."""
    pair, _, text = line.partition(";")
    seconds = read_attributes(text).lifetime(int(now))
    if seconds is not None and seconds <= 0:
        return []
    name = pair.partition("=")[0].strip()
    return [(name, None if seconds is None else min(seconds, BROWSER_MAX_AGE))]
