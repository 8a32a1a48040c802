"""The jar keeps and sends what a browser would, by the letter of RFC 6265bis."""

from __future__ import annotations

import math
from typing import Any

import pytest
from jar import MAX_AGE, Fetch, Jar, default_path, parse_date

DAY = 86400
START = 1_795_219_200.0  # 21 November 2026
PAGE = Fetch()


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def jar_with(*lines: str, fetch: Fetch = PAGE, **settings: Any) -> tuple[Jar, Clock]:
    """Return a jar that has been given ``lines``, and its clock."""
    clock = Clock()
    jar = Jar(clock, **settings)
    jar.store(lines, fetch)
    return jar, clock


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ("", math.inf),
        ("Max-Age=60", 60),
        ("max-age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 60),
        ("Expires=Sun, 22 Nov 2026 00:00:00 GMT", DAY),
        ("Expires=Sunday, 22-Nov-26 00:00:00 GMT", DAY),
        ("Max-Age=60; Max-Age=90", 90),
        ("Max-Age=60; Max-Age=90s; Max-Age=+90", 60),
        ("Expires=Sun, 22 Nov 2026 00:00:00 GMT; Expires=soon", DAY),
        ("Max-Age=99999999", MAX_AGE),
        ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", MAX_AGE),
        (f"Max-Age={'9' * 30}", MAX_AGE),
        (f"Max-Age={'9' * 1025}", math.inf),
    ],
)
def test_a_cookie_lives_as_long_as_it_says(attributes: str, seconds: float) -> None:
    """Max-Age beats Expires, the last good one counts, and nothing beats 400 days."""
    jar, _ = jar_with(f"a=1; {attributes}")
    assert [START + seconds] == [cookie.expires for cookie in jar.cookies]


@pytest.mark.parametrize(
    "attributes", ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_life_that_is_over_deletes(attributes: str) -> None:
    """Only the cookie of that very name, domain and path goes."""
    jar, _ = jar_with("a=1", "a=2; Path=/b", "a=3; Domain=shop.example")
    jar.store([f"a=; {attributes}"], PAGE)
    assert ["2", "3"] == [cookie.value for cookie in jar.cookies]


def test_a_cookie_goes_when_its_time_is_up() -> None:
    """At the very second, and not before."""
    jar, clock = jar_with("a=1; Max-Age=60")
    clock.now += 59.5
    assert "a=1" == jar.header(PAGE)
    clock.now += 0.5
    assert "" == jar.header(PAGE)


def test_a_session_cookie_ends_with_the_session() -> None:
    """The persistent ones stay."""
    jar, _ = jar_with("a=1", "b=1; Max-Age=60")
    jar.close_browser()
    assert "b=1" == jar.header(PAGE)


@pytest.mark.parametrize(
    ("line", "host", "sent"),
    [
        ("a=1", "shop.example", True),
        ("a=1", "www.shop.example", False),
        ("a=1; Domain=shop.example", "www.shop.example", True),
        ("a=1; Domain=.SHOP.example", "www.shop.example", True),
        ("a=1; Domain=shop.example", "workshop.example", False),
        ("a=1; Domain=other.example", "shop.example", False),
        ("a=1; Domain=www.shop.example", "www.shop.example", False),
        ("a=1; Domain=", "shop.example", True),
    ],
)
def test_a_cookie_goes_where_its_domain_says(line: str, host: str, sent: bool) -> None:
    """Host-only without one; a foreign one is refused."""
    jar, _ = jar_with(line)
    assert ("a=1" if sent else "") == jar.header(Fetch(host))


@pytest.mark.parametrize(
    ("path", "request_path", "sent"),
    [
        ("/", "/anything", True),
        ("/admin", "/admin", True),
        ("/admin", "/admin/users", True),
        ("/admin", "/administrator", False),
        ("/admin/", "/admin/users", True),
        ("/admin/", "/admin", False),
        ("odd", "/a/b", False),
        ("odd", "/login/b", True),
    ],
)
def test_a_cookie_goes_where_its_path_says(path: str, request_path: str, sent: bool) -> None:
    """Any path can be set; one without a slash is that of the page."""
    jar, _ = jar_with(f"a=1; Path={path}", fetch=Fetch(path="/login/x"))
    assert ("a=1" if sent else "") == jar.header(Fetch(path=request_path))


def test_the_default_path_is_the_folder_of_the_page() -> None:
    """Without its last slash."""
    paths = {"/": "/", "/a": "/", "/a/": "/a", "/a/b": "/a"}
    assert paths == {path: default_path(path) for path in paths}


def test_longer_paths_are_sent_first_then_older_cookies() -> None:
    """As servers expect it."""
    jar, clock = jar_with("new=1; Path=/")
    clock.now -= 1
    jar.store(["old=1; Path=/", "deep=1; Path=/a"], PAGE)
    assert "deep=1; old=1; new=1" == jar.header(Fetch(path="/a/b"))


def test_secure_cookies_keep_to_tls() -> None:
    """They neither leave nor come nor are laid over without it."""
    plain = Fetch(secure=False)
    jar, _ = jar_with("a=1; Secure")
    assert "" == jar.header(plain)
    jar.store(["a=2", "b=2; Secure", "c=2"], plain)
    assert "a=1; c=2" == jar.header(PAGE)


def test_a_prefix_is_a_promise() -> None:
    """A cookie that does not keep it is refused."""
    jar, _ = jar_with(
        "__Secure-a=1",
        "__Secure-b=1; Secure",
        "__Host-a=1; Secure; Path=/; Domain=shop.example",
        "__Host-b=1; Secure; Path=/",
        "__host-c=1; Secure; Path=/a",
    )
    assert "__Secure-b=1; __Host-b=1" == jar.header(PAGE)


@pytest.mark.parametrize(
    ("site", "lax_by_default", "sent"),
    [
        ("same-site", True, "strict lax unset none"),
        ("navigation", True, "lax unset none"),
        ("cross-site", True, "none"),
        ("cross-site", False, "unset none"),
    ],
)
def test_other_sites_get_what_same_site_lets_them(
    site: Any, lax_by_default: bool, sent: str
) -> None:
    """Where a cookie is withheld from an embedding site, that site cannot store it either."""
    lines = ["strict=1; SameSite=Strict", "lax=1; SameSite=Lax", "unset=1"]
    lines.append("none=1; SameSite=None; Secure")
    jar, _ = jar_with(*lines, "refused=1; SameSite=None", lax_by_default=lax_by_default)
    assert sent.split() == [c.identity.name for c in jar.sent(Fetch(site=site))]
    if site == "cross-site":
        other, _ = jar_with(*lines, fetch=Fetch(site=site), lax_by_default=lax_by_default)
        assert sent.split() == [cookie.identity.name for cookie in other.cookies]


def test_scripts_neither_see_nor_write_what_is_http_only() -> None:
    """They write everything else."""
    jar, _ = jar_with("a=1; HttpOnly", "b=1")
    for line in ("a=2", "b=2", "c=2; HttpOnly"):
        jar.write(line, PAGE)
    assert ("a=1; b=2", "b=2") == (jar.header(PAGE), jar.script_header(PAGE))


def test_a_line_that_sets_nothing_is_left_out() -> None:
    """Control characters, nothing at all, and too much."""
    jar, _ = jar_with("a=\x00", "", "=", f"a={'1' * 4096}", "nameless", "=b=c; Path=/b")
    assert ["nameless", "b=c"] == [cookie.value for cookie in jar.cookies]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sat, 21 Nov 2026 00:00:00 GMT", START),
        ("Saturday, 21-Nov-26 00:00:00 GMT", START),
        ("Sat Nov 21 00:00:00 2026", START),
        ("0:0:0 21november2026 nov", None),
        ("0:0:0 21st november 2026", START),
        ("1 Jan 70 0:00:01", 1.0),
        ("31 Feb 2026 00:00:00", None),
        ("21 Nov 2026 24:00:00", None),
        ("21 Nov 1600 00:00:00", None),
        ("21 Nov 2026", None),
        ("", None),
    ],
)
def test_dates_are_read_as_cookie_dates(text: str, seconds: float | None) -> None:
    """Sloppily, and without a day that the calendar does not have."""
    assert seconds == parse_date(text)


class TestLives:
    """How long a cookie was there without a gap."""

    def test_setting_a_cookie_again_prolongs_its_life(self) -> None:
        """It keeps the instant it came into being."""
        jar, clock = jar_with("a=1; Max-Age=60")
        clock.now += 30
        jar.store(["a=2; Max-Age=60"], PAGE)
        assert [(START, 90)] == [(life.begin, life.seconds) for life in jar.lives]
        assert START == jar.cookies[0].created

    def test_a_gap_makes_two_lives(self) -> None:
        """Also one of no length, and however the first one ended."""
        jar, clock = jar_with("a=1; Max-Age=60")
        clock.now += 60
        jar.store(["a=2; Max-Age=60"], PAGE)
        clock.now += 10
        jar.store(["a=; Max-Age=0", "a=3; Max-Age=60"], PAGE)
        clock.now += 10
        jar.remove("a")
        jar.store(["a=; Max-Age=0"], PAGE)
        assert [60, 10, 10] == [life.seconds for life in jar.lives]

    def test_a_session_cookie_has_no_end_until_it_ends(self) -> None:
        """With the browser session."""
        jar, clock = jar_with("a=1")
        assert [math.inf] == [life.seconds for life in jar.lives]
        clock.now += 5
        jar.close_browser()
        assert [5] == [life.seconds for life in jar.lives]

    def test_a_life_can_be_counted_anew(self) -> None:
        """Where who set the cookie knew nothing of the one before."""
        jar, clock = jar_with("a=1; Max-Age=60", "b=1; Max-Age=60")
        clock.now += 20
        jar.begin_anew("a")
        assert [("a", 20), ("b", 60), ("a", 40)] == [(x.name, x.seconds) for x in jar.lives]
