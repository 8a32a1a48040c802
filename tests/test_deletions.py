"""Where a cookie may have been stored, and the lines that delete it there."""

from __future__ import annotations

from typing import Any

import pytest
from additions import is_deletion
from hypothesis import given
from hypothesis import strategies as st
from test_deposits import PUBLIC, TODAY, Browser
from test_gate import Asked

from consentgate import CookieRule
from consentgate.deletions import cookie_domains, deletions, field_octets
from consentgate.deposits import deposit_key
from consentgate.duration import DAY, months
from consentgate.testing import NOW, consent_cookie

DOMAINS = ("www.shop.example", "shop.example")
STAT = CookieRule("x", "statistics")


def lines_of(
    cookies: dict[str, CookieRule],
    path: str = "/",
    host: str = "shop.example",
    turn: int = 0,
    room: int = 3000,
) -> list[str]:
    """Return what deletes ``cookies`` on a page of ``host``."""
    return deletions(cookies, host, path, room=room, turn=turn).lines


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("shop.example", ("shop.example",)),
        ("WWW.Shop.Example:8000", ("www.shop.example", "shop.example")),
        ("a.b-c.shop.example", ("a.b-c.shop.example", "b-c.shop.example", "shop.example")),
        ("xn--caf-dma.example", ("xn--caf-dma.example",)),
        ("my_app.shop.example", ("my_app.shop.example", "shop.example")),
        ("intranet", ()),
        ("intranet:80", ()),
    ],
)
def test_R18_the_domains_of_a_host(host: str, domains: tuple[str, ...]) -> None:
    """Itself and each parent of two labels or more, the longest first."""
    assert domains == cookie_domains(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "localhost", "localhost:8000", "app.localhost", "127.0.0.1", "127.0.0.1:80"),
        *("10.1", "[::1]", "[::1]:8000", "::1", "shop.example.", ".shop.example", "shop..example"),
        *(
            "shop.example:",
            "shop.example:x",
            "shop.example:80:80",
            "shop example",
            "shop.example;x",
        ),
        *("-shop.example", "shop-.example", "caf\xe9.example", "shop.example\r\nx", "a" * 64),
        *(f"{'a.' * 126}example", f"{'a' * 64}.example", "shop.example/", "user@shop.example"),
    ],
)
def test_R18_no_domain_for_what_is_no_host_name(host: str) -> None:
    """Neither an address nor a localhost nor what no browser would call a host."""
    assert cookie_domains(host) is None


def test_R18_the_longest_host_name() -> None:
    """It has 253 characters (RFC 1035), and a port five digits."""
    longest = f"{'a.' * 123}example"
    assert cookie_domains(f"{longest}:65535") is not None
    assert cookie_domains(f"{'a.' * 122}ab.example") is None
    assert cookie_domains(f"shop.example:{'8' * 300}") is None


def test_R18_a_host_of_many_labels_costs_little() -> None:
    """The host itself and its eight shortest parents."""
    host = f"{'a.' * 100}shop.example"
    domains = cookie_domains(host) or ()
    assert (9, host, "shop.example") == (len(domains), domains[0], domains[-1])


@given(st.text(max_size=60))
def test_R24_any_host_is_read(host: str) -> None:
    """Nothing raises, and every domain is one that a header may hold."""
    for domain in cookie_domains(host) or ():
        assert domain.isascii()
        assert set(";, \t\r\n").isdisjoint(domain)


@pytest.mark.parametrize(
    ("cookie", "rule", "lines"),
    [
        (
            "_ga=",
            {},
            [
                "_ga=; Path=/; Max-Age=0",
                "_ga=; Path=/; Domain=www.shop.example; Max-Age=0",
                "_ga=; Path=/; Domain=shop.example; Max-Age=0",
            ],
        ),
        (
            "__Host-x=",
            {"path": "/a", "domain": "x.example"},
            ["__Host-x=; Path=/; Max-Age=0; Secure"],
        ),
        (
            "__SECURE-x=",
            {},
            [
                "__SECURE-x=; Path=/; Max-Age=0; Secure",
                "__SECURE-x=; Path=/; Domain=www.shop.example; Max-Age=0; Secure",
                "__SECURE-x=; Path=/; Domain=shop.example; Max-Age=0; Secure",
            ],
        ),
        ("__Host-Http-x=", {}, ["__Host-Http-x=; Path=/; Max-Age=0; Secure; HttpOnly"]),
        (
            "__Host-x=",
            {"partitioned": True},
            [
                "__Host-x=; Path=/; Max-Age=0; Secure",
                "__Host-x=; Path=/; Max-Age=0; Secure; Partitioned",
            ],
        ),
    ],
)
def test_R18_the_lines_that_delete(cookie: str, rule: dict[str, Any], lines: list[str]) -> None:
    """What browsers insist on for the prefix of a name is said."""
    declared = CookieRule(cookie.rstrip("="), "statistics", **rule)
    assert lines == lines_of({cookie: declared}, host=DOMAINS[0])
    assert all(map(is_deletion, lines))


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


@pytest.mark.parametrize("name", ["__Host-x=", "__HOST-x=", "__host-http-x="])
def test_R18_a_host_cookie_has_one_place(name: str) -> None:
    """In whatever case browsers know the prefix, and on whatever page."""
    rule = CookieRule("x", "statistics", path="/a", domain="a.example")
    (line,) = lines_of({name: rule}, "/shop/item")
    assert line.startswith(f"{name}; Path=/; Max-Age=0; Secure")


def test_R18_the_declared_place_is_named_too() -> None:
    """Path and Domain of the rule, besides those that follow from the host."""
    rule = CookieRule("x", "statistics", path="/a", domain=".Elsewhere.example", partitioned=True)
    assert set(lines_of({"x=": rule}, host=DOMAINS[1])) == {
        f"x=; Path={path}{domain}; Max-Age=0{ending}"
        for path in ("/", "/a")
        for domain in ("", "; Domain=shop.example", "; Domain=elsewhere.example")
        for ending in ("", "; Secure; Partitioned")
    }
    rule = CookieRule("x", "statistics", path="/a", domain="a.example")
    lines = lines_of({"x=": rule}, host="127.0.0.1")
    assert [f"x=; Path={path}; Max-Age=0" for path in ("/a", "/")] == lines


def test_R18_the_declared_domain_comes_first() -> None:
    """After host-only; it is the likelier one."""
    rule = CookieRule("x", "statistics", domain="a.example")
    assert "x=; Path=/; Domain=a.example; Max-Age=0" == lines_of({"x=": rule})[1]


def test_R18_a_declared_domain_is_named_on_a_host_of_one_label() -> None:
    """A proxy may not pass on which host was asked for."""
    rule = CookieRule("x", "statistics", domain="a.example")
    assert ["x=; Path=/; Max-Age=0", "x=; Path=/; Domain=a.example; Max-Age=0"] == lines_of(
        {"x=": rule}, host="intranet"
    )


def test_R18_no_place_is_named_twice() -> None:
    """Where the request is for the declared path."""
    rule = CookieRule("x", "statistics", path="/shop", domain=".Shop.Example")
    lines = lines_of({"x=": rule}, "/shop")
    assert sorted(set(lines)) == sorted(lines)


def test_R18_a_path_is_written_as_browsers_write_it() -> None:
    """What may stand in a path does, and no text breaks a page."""
    path = "/a!$&'()*+,:=@~-._b"
    assert f"x=; Path={path}; Max-Age=0" == lines_of({"x=": STAT}, path)[-1]
    assert "x=; Path=/%3F; Max-Age=0" == lines_of({"x=": STAT}, "/\udcff")[-1]


def test_R18_brackets_stand_in_a_path_as_they_are() -> None:
    """Chromium stores and sends `/s[1]` as it is (URL standard)."""
    assert "x=; Path=/s[1]; Max-Age=0" == lines_of({"x=": STAT}, "/s[1]")[-1]


def test_R24_a_path_of_many_folders_costs_little() -> None:
    """The eight outermost."""
    *_, last = lines_of({"x=": STAT}, "/1/2/3/4/5/6/7/8/9")
    assert "x=; Path=/1/2/3/4/5/6/7/8; Max-Age=0" == last


def test_R18_what_is_likely_comes_first() -> None:
    """Where not all fits, each cookie's likeliest places do."""
    cookies = {f"_ga_{number}=": CookieRule("_ga*", "statistics") for number in range(11)}
    done = deletions(cookies, DOMAINS[0], "/shop/item", room=3000, turn=7)
    likely = [line for line in done.lines if "Path=/;" in line]
    assert (33, 40) == (len(likely), len(done.lines))
    assert cookies.keys() == done.named
    assert done.left < cookies.keys()


def test_R18_forty_likely_places_fit() -> None:
    """They come before the unlikely ones."""
    cookies = {f"x{number}=": STAT for number in range(20)}
    lines = lines_of(cookies, "/shop", turn=7)
    assert 40 == len(lines)
    assert all("Path=/;" in line for line in lines)


def test_R18_the_last_octet_of_the_room_is_used() -> None:
    """One octet less is too little."""
    line = "x=; Path=/; Max-Age=0"
    for room, lines in ((field_octets(line), [line]), (field_octets(line) - 1, [])):
        assert lines == lines_of({"x=": STAT}, host="", room=room)


def test_R18_where_not_even_that_fits_they_take_turns() -> None:
    """Each turn begins elsewhere, and covers its cookies whole."""
    cookies = {f"_ga_{number:02}=": CookieRule("_ga*", "statistics") for number in range(60)}
    named: list[set[str]] = []
    for turn in (0, 59):
        done = deletions(cookies, DOMAINS[0], "/shop", room=3000, turn=turn)
        named.append(done.named)
        assert done.left == cookies.keys() - {
            cookie for cookie in done.named if cookie not in done.left
        }
        assert 40 == len(done.lines)
    assert "_ga_00=" in named[0] & named[1]
    assert "_ga_59=" in named[1] - named[0]


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


class TestAnswers:
    """What a response can bear."""

    def test_R18_a_response_stays_small_enough_for_a_proxy(self) -> None:
        """Three kilobytes of deletions at most; the rest leaves with later answers."""
        browser = Browser()
        browser.consent = ""
        left = {f"_ga_{number}" for number in range(100)}
        for second in range(10):
            browser.now = NOW + second
            cookie = "; ".join(f"{name}=1" for name in sorted(left))
            lines = browser.ask(cookie=cookie)
            assert "" == browser.saw.removeprefix("; ")
            assert 3072 >= sum(len(f"Set-Cookie: {line}\r\n") for line in lines)
            left -= {line.partition("=")[0] for line in lines}
            if not left:
                break
        assert set() == left

    @pytest.mark.parametrize("length", [4, 20, 40, 60, 80])
    def test_R18_dates_and_decision_count_with_the_deletions(self, length: int) -> None:
        """All that the gate adds to one answer is three kilobytes at most."""
        over = [f"_ga_{number:03}{'x' * length}" for number in range(20)]
        kept = [f"_ga{number}" for number in range(100)]
        browser = Browser()
        first = {**dict.fromkeys(over, NOW - months(13)), **dict.fromkeys(kept, NOW - DAY)}
        cookie = "; ".join([*(f"{name}=1" for name in first), browser.dates(**first)])
        lines = browser.ask(cookie=cookie, HTTP_HOST="www.shop.example")
        assert 3072 >= sum(len(f"Set-Cookie: {line}\r\n") for line in lines)

    def test_R18_withdrawal_counts_with_the_deletions(self) -> None:
        """The consent cookie and Vary take of the same room."""
        browser = Browser()
        cookie = "; ".join(
            [browser.consent, *(f"_ga_{number:03}{'x' * 60}=1" for number in range(40))]
        )
        visit = browser.gate.visit(Asked({"host": "www.shop.example"}), cookie)
        visit.consent.withdraw()
        headers = visit.additions().headers
        assert 3072 >= sum(len(f"{name}: {value}\r\n") for name, value in headers)
        assert len(headers) > 20

    def test_R18_what_cannot_be_deleted_lets_others_pass(self) -> None:
        """A name too long for any answer is hidden, and the others are deleted in their turn."""
        browser = Browser()
        browser.consent = ""
        long = f"_ga_{'x' * 4000}"
        deleted: set[str] = set()
        for second in range(3):
            browser.now = NOW + second
            lines = browser.ask(cookie=f"_ga=1; {long}=1; _ga_2=1")
            deleted |= {line.partition("=")[0] for line in lines}
        assert {"_ga", "_ga_2"} == deleted

    @pytest.mark.parametrize("count", [21, 60])
    def test_R18_what_never_goes_does_not_keep_others_from_it(self, count: int) -> None:
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

    @pytest.mark.parametrize("name", ["_ga\n", "_g\x00a", "_ga\tx", "\x7f_ga", "_ga\r\nX: "])
    def test_R24_a_name_cannot_break_the_header(self, name: str) -> None:
        """What no header may hold is in none."""
        browser = Browser()
        lines = browser.ask(cookie=f"{name}=1; _ga_1=1")
        assert all(line.isprintable() for line in lines)

    def test_R18_a_spelling_is_deleted_as_it_was_sent(self) -> None:
        """Quotes and odd octets belong to the name; a nameless cookie has its text alone."""
        browser = Browser()
        browser.consent = ""
        lines = browser.ask(cookie='"_ga"=1; \xff_ga=1; _ga')
        assert [
            '"_ga"=; Path=/; Max-Age=0',
            "_ga; Path=/; Max-Age=0",
            "\xff_ga=; Path=/; Max-Age=0",
        ] == [line for line in sorted(lines) if "Domain" not in line]

    def test_R18_a_nameless_cookie_is_deleted_host_only(self) -> None:
        """All nameless ones are one to a browser, and that of a sibling host must stay."""
        browser = Browser()
        browser.consent = ""
        assert ["_ga; Path=/; Max-Age=0"] == browser.ask(cookie="_ga")

    def test_R18_what_a_script_stored_in_a_folder_is_deleted_there(self) -> None:
        """Without a path it is stored for the folder of its page, host-only."""
        browser = Browser()
        browser.consent = ""
        lines = browser.ask(cookie="_ga=1; __Host-_ga=1", PATH_INFO="/shop/a b;/item")
        paths = ("/", "/shop", "/shop/a%20b%3B", "/shop/a%20b%3B/item")
        assert [f"_ga=; Path={path}; Max-Age=0" for path in paths] == [
            line for line in lines if "Domain" not in line
        ]
        assert "_ga=; Path=/; Domain=shop.example; Max-Age=0" in lines

    def test_R18_several_spellings_share_one_date(self) -> None:
        """It is forgotten when all of them are deleted, and not with the first."""
        browser = Browser()
        dates = browser.dates(_ga=NOW)
        browser.now = NOW + months(13)
        browser.consent = "=".join(consent_cookie(browser.gate, ["statistics"]))
        spellings = ["_ga", '"_ga"', "'_ga'", "\xa0_ga"]
        others = [f"_ga_{number:0120}" for number in range(20)]
        left = {*spellings, *others}
        dates = browser.dates(**dict.fromkeys(["_ga", *others], NOW))
        for second in range(40):
            browser.now = NOW + months(13) + second
            lines = browser.ask(cookie="; ".join([*(f"{name}=1" for name in sorted(left)), dates]))
            assert "_ga" not in browser.saw.replace(dates, "").partition("eu-consent")[0]
            dates = next((line for line in lines if "deposits=" in line), dates).partition(";")[0]
            left -= {line.partition("=")[0] for line in lines}
            if not left:
                break
        assert set() == left

    def test_R18_the_domain_of_the_gates_own_cookies_is_named(self) -> None:
        """Behind a proxy that does not say which host was asked for it is what helps."""
        browser = Browser(cookie_domain="shop.example")
        browser.consent = ""
        lines = browser.ask(cookie="_ga=1", HTTP_HOST="upstream:8000")
        assert ["_ga=; Path=/; Max-Age=0", "_ga=; Path=/; Domain=shop.example; Max-Age=0"] == lines

    def test_R18_the_gates_own_domain_is_named_once(self) -> None:
        """However the policy spells it."""
        browser = Browser(cookie_domain=".Shop.Example")
        browser.consent = ""
        assert [
            "_ga=; Path=/; Max-Age=0",
            "_ga=; Path=/; Domain=shop.example; Max-Age=0",
        ] == browser.ask(cookie="_ga=1")

    def test_R18_the_gates_own_domain_is_none_of_an_address(self) -> None:
        """Nor of a localhost, whatever the policy says."""
        browser = Browser(cookie_domain="shop.example")
        browser.consent = ""
        assert ["_ga=; Path=/; Max-Age=0"] == browser.ask(
            cookie="_ga=1", HTTP_HOST="127.0.0.1:8000"
        )

    def test_R18_a_request_without_a_host_is_cleaned_too(self) -> None:
        """HTTP/1.0 has none: the host-only cookie can be deleted all the same."""
        browser = Browser()
        browser.consent = ""
        assert ["_ga=; Path=/; Max-Age=0"] == browser.ask(cookie="_ga=1", HTTP_HOST="")

    @pytest.mark.parametrize(
        "environ",
        [
            {"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_SEC_FETCH_MODE": "cors"},
            {"HTTP_SEC_FETCH_SITE": "same-site", "HTTP_SEC_FETCH_MODE": "cors"},
            {"HTTP_SEC_FETCH_SITE": "none", "HTTP_SEC_FETCH_MODE": "navigate"},
            {"HTTP_ORIGIN": "http://shop.example"},
        ],
    )
    def test_R18_requests_of_the_own_site_bring_all_cookies(self, environ: dict[str, Any]) -> None:
        """So what comes without permission is deleted."""
        browser = Browser()
        browser.consent = ""
        assert "_ga=; Path=/; Max-Age=0" in browser.ask(cookie="_ga=1", **environ)

    def test_R18_an_answer_with_a_decision_is_cleaned_though_it_was_to_be_shared(self) -> None:
        """The decision makes it private (R23)."""
        browser = Browser()
        visit = browser.gate.visit(Asked({"host": "shop.example"}), f"{browser.consent}; _ga=1")
        visit.consent.withdraw()
        assert ("Set-Cookie", "_ga=; Path=/; Max-Age=0") in visit.additions(PUBLIC).headers

    def test_R18_a_date_is_forgotten_with_its_cookie(self) -> None:
        """A withdrawal leaves no trace of when the cookie was stored."""
        browser = Browser()
        dates = browser.dates(_ga=NOW, session=NOW)
        browser.consent = ""
        *_, last = browser.ask(cookie=f"_ga=1; session=1; {dates}")
        kept = browser.gate.first_deposits(last.partition(";")[0], NOW)
        assert browser.gate.first_deposits(browser.dates(session=NOW), NOW) == kept

    def test_R18_what_no_header_can_name_keeps_its_date(self) -> None:
        """It stays hidden, and would have another life without."""
        browser = Browser()
        dates = browser.dates(**{"_ga\x01": NOW - months(13), "_ga": NOW - months(13)})
        *_, last = browser.ask(cookie=f"_ga=1; _ga\x01=1; {dates}")
        kept = browser.gate.first_deposits(last.partition(";")[0], NOW)
        assert [deposit_key("_ga\x01")] == [key for key, first in kept.items() if first < TODAY]
