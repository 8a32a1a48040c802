"""Corner cases of deletions."""

from __future__ import annotations

import pytest
from test_deposits import TODAY, Browser
from test_gate import Asked

from consentgate import CookieRule
from consentgate.deletions import cookie_domains, deletions, field_octets
from consentgate.deposits import deposit_key
from consentgate.duration import DAY, months
from consentgate.testing import NOW

STAT = CookieRule("x", "statistics")
PUBLIC = [("Cache-Control", "public, max-age=60")]


@pytest.mark.parametrize("length", [4, 20, 40, 60, 80])
def test_R18_dates_and_decision_count_with_the_deletions(length: int) -> None:
    """All that the gate adds to one answer is three kilobytes at most."""
    over = [f"_ga_{number:03}{'x' * length}" for number in range(20)]
    kept = [f"_ga{number}" for number in range(100)]
    browser = Browser()
    first = {**dict.fromkeys(over, NOW - months(13)), **dict.fromkeys(kept, NOW - DAY)}
    cookie = "; ".join([*(f"{name}=1" for name in first), browser.dates(**first)])
    lines = browser.ask(cookie=cookie, HTTP_HOST="www.shop.example")
    assert 3072 >= sum(len(f"Set-Cookie: {line}\r\n") for line in lines)


def test_R18_withdrawal_counts_with_the_deletions() -> None:
    """The consent cookie and Vary take of the same room."""
    browser = Browser()
    cookie = "; ".join([browser.consent, *(f"_ga_{number:03}{'x' * 60}=1" for number in range(40))])
    visit = browser.gate.visit(Asked({"host": "www.shop.example"}), cookie)
    visit.consent.withdraw()
    headers = visit.additions().headers
    assert 3072 >= sum(len(f"{name}: {value}\r\n") for name, value in headers)
    assert len(headers) > 20


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_SEC_FETCH_MODE": "cors"},
        {"HTTP_SEC_FETCH_SITE": "same-site", "HTTP_SEC_FETCH_MODE": "cors"},
        {"HTTP_SEC_FETCH_SITE": "none", "HTTP_SEC_FETCH_MODE": "navigate"},
        {"HTTP_ORIGIN": "http://shop.example"},
    ],
)
def test_R18_requests_of_the_own_site_bring_all_cookies(environ: dict[str, str]) -> None:
    """So what comes without permission is deleted."""
    browser = Browser()
    browser.consent = ""
    assert "_ga=; Path=/; Max-Age=0" in browser.ask(cookie="_ga=1", **environ)


def test_R18_the_longest_host_name() -> None:
    """It has 253 characters (RFC 1035), and a port five digits."""
    longest = f"{'a.' * 123}example"
    assert cookie_domains(f"{longest}:65535") is not None
    assert cookie_domains(f"{'a.' * 122}ab.example") is None
    assert cookie_domains(f"shop.example:{'8' * 300}") is None


def test_R18_the_gates_own_domain_is_none_of_an_address() -> None:
    """Nor of a localhost, whatever the policy says."""
    browser = Browser(cookie_domain="shop.example")
    browser.consent = ""
    assert ["_ga=; Path=/; Max-Age=0"] == browser.ask(cookie="_ga=1", HTTP_HOST="127.0.0.1:8000")


def test_R18_the_gates_own_domain_is_named_once() -> None:
    """However the policy spells it."""
    browser = Browser(cookie_domain=".Shop.Example")
    browser.consent = ""
    assert [
        "_ga=; Path=/; Max-Age=0",
        "_ga=; Path=/; Domain=shop.example; Max-Age=0",
    ] == browser.ask(cookie="_ga=1")


def test_R18_what_no_header_can_name_keeps_its_date() -> None:
    """It stays hidden, and would have another life without."""
    browser = Browser()
    dates = browser.dates(**{"_ga\x01": NOW - months(13), "_ga": NOW - months(13)})
    *_, last = browser.ask(cookie=f"_ga=1; _ga\x01=1; {dates}")
    kept = browser.gate.first_deposits(last.partition(";")[0], NOW)
    assert [deposit_key("_ga\x01")] == [key for key, first in kept.items() if first < TODAY]


def test_R18_the_last_octet_of_the_room_is_used() -> None:
    """One octet less is too little."""
    line = "x=; Path=/; Max-Age=0"
    rule = CookieRule("x", "statistics")
    for room, lines in ((field_octets(line), [line]), (field_octets(line) - 1, [])):
        assert lines == deletions({"x=": rule}, "", "/", room=room, turn=0).lines


@pytest.mark.parametrize("count", [21, 60])
def test_R18_what_never_goes_does_not_keep_others_from_it(count: int) -> None:
    """Cookies stored where nobody can tell take their turn with the others."""
    browser = Browser()
    browser.consent = ""
    names = {f"_ga_{number}" for number in range(count)}
    gone: set[str] = set()
    for second in range(count):
        browser.now = NOW + second
        lines = browser.ask(
            cookie="; ".join(f"{name}=1" for name in sorted(names)), PATH_INFO="/shop"
        )
        gone |= set(lines)
    assert {f"{n}=; Path={p}; Max-Age=0" for n in names for p in ("/", "/shop")} < gone


def lines_of(
    cookies: dict[str, CookieRule],
    path: str = "/",
    host: str = "shop.example",
    turn: int = 0,
    room: int = 3000,
) -> list[str]:
    """Return what deletes ``cookies`` on a page of ``host``."""
    return deletions(cookies, host, path, room=room, turn=turn).lines


def test_R18_a_nameless_cookie_is_deleted_host_only() -> None:
    """All nameless ones are one to a browser, and that of a sibling host must stay."""
    browser = Browser()
    browser.consent = ""
    assert ["_ga; Path=/; Max-Age=0"] == browser.ask(cookie="_ga")


@pytest.mark.parametrize("name", ["__Host-x=", "__HOST-x=", "__host-http-x="])
def test_R18_a_host_cookie_has_one_place(name: str) -> None:
    """In whatever case browsers know the prefix, and on whatever page."""
    (line,) = lines_of(
        {name: CookieRule("x", "statistics", path="/a", domain="a.example")}, "/shop/item"
    )
    assert line.startswith(f"{name}; Path=/; Max-Age=0; Secure")


def test_R18_no_place_is_named_twice() -> None:
    """Where the request is for the declared path."""
    lines = lines_of(
        {"x=": CookieRule("x", "statistics", path="/shop", domain=".Shop.Example")}, "/shop"
    )
    assert sorted(set(lines)) == sorted(lines)


def test_R24_a_path_of_many_folders_costs_little() -> None:
    """The eight outermost."""
    assert (
        "x=; Path=/1/2/3/4/5/6/7/8; Max-Age=0" == lines_of({"x=": STAT}, "/1/2/3/4/5/6/7/8/9")[-1]
    )


def test_R18_forty_likely_places_fit() -> None:
    """They come before the unlikely ones."""
    cookies = {f"x{number}=": STAT for number in range(20)}
    lines = lines_of(cookies, "/shop", turn=7)
    assert 40 == len(lines)
    assert all("Path=/;" in line for line in lines)


def test_R18_unlikely_places_take_turns() -> None:
    """What is never gone does not keep them away."""
    cookies = {f"x{number}=": STAT for number in range(19)}
    lines = {line for turn in range(19) for line in lines_of(cookies, "/shop", turn=turn)}
    assert {f"{cookie}; Path=/shop; Max-Age=0" for cookie in cookies} < lines


def test_R18_the_places_of_one_cookie_take_turns() -> None:
    """Where its name is so long that not all fit."""
    cookies = {f"{'x' * 400}=": STAT}
    path, host = "/1/2/3/4/5/6/7/8", "a.b.c.d.e.shop.example"
    lines = {line for turn in range(20) for line in lines_of(cookies, path, host, turn)}
    assert set(lines_of(cookies, path, host, room=99999)) == lines


def test_R18_a_path_is_written_as_browsers_write_it() -> None:
    """What may stand in a path does, and no text breaks a page."""
    path = "/a!$&'()*+,:=@~-._b"
    assert f"x=; Path={path}; Max-Age=0" == lines_of({"x=": STAT}, path)[-1]
    assert "x=; Path=/%3F; Max-Age=0" == lines_of({"x=": STAT}, "/\udcff")[-1]


def test_R18_an_http_cookie_is_deleted_by_its_kind() -> None:
    """Only Secure and HttpOnly lines may touch it."""
    assert [
        "__Http-x=; Path=/; Max-Age=0; Secure; HttpOnly",
        "__Http-x=; Path=/; Domain=shop.example; Max-Age=0; Secure; HttpOnly",
    ] == lines_of({"__Http-x=": STAT})


def test_R18_a_partitioned_http_cookie_is_deleted_by_its_kind() -> None:
    """Within its partition, too."""
    rule = CookieRule("x", "statistics", partitioned=True)
    assert [
        "__Host-Http-x=; Path=/; Max-Age=0; Secure; HttpOnly",
        "__Host-Http-x=; Path=/; Max-Age=0; Secure; HttpOnly; Partitioned",
    ] == lines_of({"__Host-Http-x=": rule})


def test_R18_a_declared_domain_is_named_on_a_host_of_one_label() -> None:
    """A proxy may not pass on which host was asked for."""
    rule = CookieRule("x", "statistics", domain="a.example")
    assert ["x=; Path=/; Max-Age=0", "x=; Path=/; Domain=a.example; Max-Age=0"] == lines_of(
        {"x=": rule}, host="intranet"
    )


def test_R18_the_declared_domain_comes_first() -> None:
    """After host-only; it is the likelier one."""
    rule = CookieRule("x", "statistics", domain="a.example")
    assert "x=; Path=/; Domain=a.example; Max-Age=0" == lines_of({"x=": rule})[1]


def test_R18_an_answer_with_a_decision_is_cleaned_though_it_was_to_be_shared() -> None:
    """The decision makes it private (R23)."""
    browser = Browser()
    visit = browser.gate.visit(Asked({"host": "shop.example"}), f"{browser.consent}; _ga=1")
    visit.consent.withdraw()
    assert ("Set-Cookie", "_ga=; Path=/; Max-Age=0") in visit.additions(PUBLIC).headers


def test_R18_brackets_stand_in_a_path_as_they_are() -> None:
    """Fails at a2d9c6d: Chromium stores and sends `/s[1]` as it is (URL standard)."""
    assert "x=; Path=/s[1]; Max-Age=0" == lines_of({"x=": STAT}, "/s[1]")[-1]
