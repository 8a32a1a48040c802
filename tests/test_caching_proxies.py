"""What reaches visitors through nginx and Varnish, which store a page once and serve it to many."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cached_site
import proxies
import pytest
import raw_client
import servers
import sites
from hypothesis import given, settings
from hypothesis import strategies as st
from proxies import PROXIES, Proxy
from servers import SERVERS

from consentgate.testing import consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raw_client import Address, Headers, RawResponse

pytestmark = pytest.mark.server

PUBLIC = "Cache-Control:public, max-age=600"
LATE = "Fri, 01 Jan 2100 00:00:00 GMT"
LAST_YEAR = "Wed, 01 Jan 2025 00:00:00 GMT"
SHARING = [PUBLIC, "Cache-Control:s-maxage=600", "X-Accel-Expires:600", f"Expires:{LATE}"]
"""What an application writes so that caches share its answer; nginx and Varnish heed some each."""

SEEN = "seen=1; Max-Age=3600; Path=/"
"""An exempt cookie with a lifetime, which is recorded as a deposit."""

REFUSAL = {"nginx": 502, "varnish": 503}
"""What each proxy tells a visitor when it cannot take the headers of the application."""

ORIGINS = [server for server in SERVERS if server.name in {"uvicorn-httptools", "gunicorn-sync"}]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Site:
    """The site of `cached_site` under one server, behind one proxy."""

    proxy: Proxy
    address: Address
    origin: Address

    def ask(self, target: str, visitor: Visitor) -> RawResponse:
        """Ask the proxy as that visitor's browser does."""
        return raw_client.request(self.address, "GET", target, visitor.headers)

    def calls(self, target: str) -> list[int]:
        """Give the statuses with which the application, not the cache, answered that target."""
        answer = raw_client.request(self.origin, "GET", "/calls")
        calls: dict[str, list[int]] = json.loads(answer.body)
        return calls.get(target.partition("?")[2], [])


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor: what was decided, what the browser sends, what the application may then do."""

    granted: frozenset[str] | None = None
    gpc: bool = False
    decision: str = ""
    cookies: tuple[str, ...] = ()

    @property
    def headers(self) -> Headers:
        """The headers of this visitor's requests."""
        pairs = [*self.cookies, *filter(None, [self.decision])]
        cookie = [(b"Cookie", "; ".join(pairs).encode())] if pairs else []
        return [*cookie, (b"Sec-GPC", b"1")] if self.gpc else cookie

    @property
    def allowed(self) -> bytes:
        """What a page that asks must say to this visitor and to nobody who differs."""
        advertising = not self.gpc and (self.granted is None or "advertising" in self.granted)
        statistics = self.granted is not None and "statistics" in self.granted
        words = ["advertising"] * advertising + ["statistics"] * statistics
        return " ".join(words).encode()


def visitor(*granted: str, cookies: Sequence[str] = (), gpc: bool = False) -> Visitor:
    """Give a visitor who granted these categories and refused the others."""
    decision = "=".join(consent_cookie(cached_site.gate, granted))
    return Visitor(frozenset(granted), gpc, decision, tuple(cookies))


UNDECIDED = Visitor()
CHOICES = [(), ("statistics",), ("advertising",), ("advertising", "statistics")]
VISITORS = [
    *(Visitor(gpc=gpc) for gpc in (False, True)),
    *(visitor(*granted, gpc=gpc) for granted in CHOICES for gpc in (False, True)),
]
REFUSES = visitor(cookies=["_ga=1"])
CONSENTS = visitor(
    "statistics",
    cookies=(
        "_ga=2",
        "=".join(deposits_cookie(cached_site.gate, {"_ga": cached_site.gate.clock()})),
    ),
)

CONSENTS_UNDATED = visitor("statistics", cookies=["_ga=3"])


def page(place: str, *headers: str, **wishes: object) -> str:
    """Give the target of a page that no cache has seen, with these headers, in that place."""
    return sites.target(place, header=list(headers), **wishes, page=next(_numbers))


def places(*places: str) -> pytest.MarkDecorator:
    """Run a test with pages that an operator has set up like this; see `proxies`."""
    return pytest.mark.parametrize("place", places)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((proxy, origin), id=f"{proxy}-{origin}")
        for proxy in PROXIES
        for origin in ORIGINS
    ],
)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Run each proxy in front of each server; without the proxy skip its tests."""
    proxy, origin = request.param
    if reason := proxy.available():
        pytest.skip(reason)
    app = f"cached_site:gated_{origin.interface}_app"
    with servers.running(origin, app) as inner, proxies.running(proxy, inner) as outer:
        yield Site(proxy, outer, inner)


def set_cookies(answer: RawResponse) -> list[bytes]:
    """Give the Set-Cookie lines of a 200."""
    assert answer.status == 200
    return answer.values(b"set-cookie")


# -- pages that do not ask, and pages that do -----------------------------------------------------


@pytest.mark.parametrize("headers", [[PUBLIC], []], ids=["public", "no header"])
def test_R23_a_page_that_does_not_ask_is_stored_once_for_all(
    site: Site, headers: list[str]
) -> None:
    """Whatever visitors chose, all but the first are answered by the cache."""
    target = page("/shared/", *headers)
    answers = [site.ask(target, visitor) for visitor in VISITORS]
    assert {b"a page for everybody"} == {answer.body for answer in answers}
    assert [200] == site.calls(target)


@places("/", "/shared/", "/careless/")
@settings(max_examples=25)
@given(visitors=st.lists(st.sampled_from(VISITORS), min_size=2, max_size=12))
def test_R23_a_page_that_asks_is_never_served_for_another_choice(
    site: Site, place: str, visitors: list[Visitor]
) -> None:
    """In whatever order they come, each reads what the application says to this visitor."""
    target = page(place, PUBLIC, asks=1)
    answers = [site.ask(target, visitor).body for visitor in visitors]
    assert [visitor.allowed for visitor in visitors] == answers
    if place != "/":
        assert [200] * len(set(visitors)) == site.calls(target)


# -- deletions ------------------------------------------------------------------------------------


@places("/", "/shared/", "/careless/")
def test_R18_a_shared_page_carries_no_deletion(site: Site, place: str) -> None:
    """Who refused does not delete what the next visitor consented to."""
    for header in SHARING:
        target = page(place, header)
        answers = [site.ask(target, visitor) for visitor in (REFUSES, CONSENTS, REFUSES)]
        assert [[], [], []] == [set_cookies(answer) for answer in answers], header


def test_R18_a_refused_cookie_keeps_no_page_out_of_the_cache(site: Site) -> None:
    """Whoever asks for a shared page first, it is stored for all."""
    target = page("/shared/", PUBLIC)
    for visitor in (REFUSES, CONSENTS, REFUSES):
        site.ask(target, visitor)
    assert [200] == site.calls(target)


@places("/", "/shared/")
def test_R18_a_page_without_caching_headers_deletes_for_its_visitor_only(
    site: Site, place: str
) -> None:
    """An operator may store such pages, and caches do not store Set-Cookie unless told to."""
    target = page(place)
    answers = [site.ask(target, visitor) for visitor in (REFUSES, CONSENTS)]
    mine, others = [set_cookies(answer) for answer in answers]
    assert is_deleted("_ga", mine)
    assert [] == others


def test_R18_who_stores_set_cookie_unasked_shares_it(site: Site) -> None:
    """A cache told to store every Set-Cookie gives one visitor's deletions to all: the limit."""
    target = page("/careless/")
    answers = [site.ask(target, visitor) for visitor in (REFUSES, CONSENTS)]
    mine, others = [set_cookies(answer) for answer in answers]
    assert is_deleted("_ga", mine)
    assert mine == others


def is_deleted(name: str, lines: list[bytes]) -> bool:
    """Whether the lines delete a cookie of `PUBLIC_HOST` wherever it may have been stored."""
    attributes = [set(line.split(b"; ")) for line in lines]
    deleted = {b"Path=/", b"Max-Age=0", f"{name}=".encode()}
    domains = [{b"Domain=www.shop.example"}, {b"Domain=shop.example"}]
    return all(deleted | domain in attributes for domain in [set[bytes](), *domains])


# -- the gate's own cookies -----------------------------------------------------------------------


@places("/", "/shared/", "/careless/")
def test_R23_a_new_decision_reaches_only_its_visitor(site: Site, place: str) -> None:
    """The answer that carries a consent cookie is private, whatever the application called it."""
    for headers in ([], *([header] for header in SHARING)):
        target = page(place, *headers, grants="statistics")
        answers = [site.ask(target, UNDECIDED) for _ in range(2)]
        (mine,), (others,) = [set_cookies(answer) for answer in answers]
        assert mine.startswith(b"eu-consent=")
        assert mine != others, headers  # each has an id of its own
        assert [200, 200] == site.calls(target), headers


@places("/", "/shared/", "/careless/")
def test_R13_on_a_shared_page_dates_leave_beside_their_cookie_alone(site: Site, place: str) -> None:
    """A lasting cookie that the application shares is its own business; else no date travels."""
    for header in SHARING:
        target = page(place, header)
        answers = [site.ask(target, visitor) for visitor in (UNDECIDED, CONSENTS, CONSENTS_UNDATED)]
        assert [[]] * 3 == [set_cookies(answer) for answer in answers], header
        target = page(place, header, f"Set-Cookie:{SEEN}")
        for visitor in (UNDECIDED, CONSENTS):
            first, second = set_cookies(site.ask(target, visitor))
            assert (SEEN.encode(), b"eu-consent-deposits") == (first, second.partition(b"=")[0])


@places("/", "/shared/")
def test_R13_deposits_reach_only_their_visitor(site: Site, place: str) -> None:
    """An answer that no cache shares has the dates of one browser."""
    target = page(place, f"Set-Cookie:{SEEN}")
    for visitor in (UNDECIDED, CONSENTS):
        names = [line.partition(b"=")[0] for line in set_cookies(site.ask(target, visitor))]
        assert [b"seen", b"eu-consent-deposits"] == names
    assert [200, 200] == site.calls(target)


# -- renewing what is stored ----------------------------------------------------------------------


def test_R18_a_304_adds_no_deletion_to_what_is_stored(site: Site) -> None:
    """Varnish writes the headers of a 304 into the page it renews, for all who come after."""
    for control in ([PUBLIC], ["Cache-Control:no-cache"], []):
        for validator in ('ETag:"1"', f"Last-Modified:{LAST_YEAR}"):
            target = page("/renewed/", *site.proxy.stale, *control, validator)
            answers = [site.ask(target, visitor) for visitor in (UNDECIDED, REFUSES, CONSENTS)]
            assert [[], [], []] == [set_cookies(answer) for answer in answers], target
            assert [200, 304, 304] == site.calls(target), target


# -- many refused cookies -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c_{}", "campaign_with_quite_a_long_name_{}"])
@pytest.mark.parametrize("dated", [0, 100])
def test_R18_what_the_gate_adds_fits_a_proxys_buffers(site: Site, name: str, dated: int) -> None:
    """Neither nginx (4 kB of headers) nor Varnish (64 of them) fails, and all are deleted.

    Where scripts stored other cookies, which were granted, their dates have to fit as well.
    """
    granted = [f"ad_{number}=1" for number in range(dated)]
    jar = {name.format(number) for number in range(60)}
    for _ in range(60):
        cookies = [f"{cookie}=1" for cookie in sorted(jar)]
        lines = set_cookies(site.ask(page("/"), visitor("advertising", cookies=granted + cookies)))
        jar -= {cookie for cookie in jar if is_deleted(cookie, lines)}
        if not jar:
            return
    pytest.fail(f"never deleted: {jar}")


def test_these_proxies_refuse_too_many_headers(site: Site) -> None:
    """What the test above would meet: neither is set up to take more than usual."""
    answers = [site.ask(page("/", fillers=number), UNDECIDED) for number in (32, 64)]
    assert [200, REFUSAL[site.proxy.package]] == [answer.status for answer in answers]
