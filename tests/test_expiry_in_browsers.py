"""What is left in a browser's jar of the cookies that have no permission: the truth about R18.

The jar is filled by paths that no gate stands before. Then the browser visits gated pages, and a
table tells what became of each cookie: ``pytest -s`` shows it.
"""

from __future__ import annotations

import itertools
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
import sites
import trustme
from in_thread import under_uvicorn, under_werkzeug

from consentgate import Gate, Policy, asgi, wsgi
from consentgate.duration import DAY
from consentgate.testing import consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from browsers import Browser, StoredCookie

    Scheme = Literal["http", "https"]

pytestmark = pytest.mark.browser

HOST: Final = "www.eu.shop.example"
SIBLING: Final = "other.shop.example"
PAGE: Final = "/shop/page"
WITHDRAWAL: Final = "/shop/withdrawal"
SEED: Final = "/shop/seed"

MOST_VISITS: Final = 10
MOST_OCTETS: Final = 3200
"""Of deletions in one response: 3 kB, and the last one may begin below that."""

POLICY: Final[Mapping[str, Any]] = {
    "version": "2",
    "categories": {"comfort": {"basis": "opt-out"}, "tracking": {"basis": "opt-in"}},
    "cookies": [
        {"name": "session", "category": "necessary"},
        {"name": "theme", "category": "comfort"},
        {"name": "_ga", "category": "tracking"},
        {"name": "_ga_*", "category": "tracking"},
        {"name": "_pk_*.1fff", "category": "tracking"},
        {"name": "basket_ad", "category": "tracking", "path": "/shop"},
        {"name": "far_ad", "category": "tracking", "path": "/shop/", "domain": "shop.example"},
        {"name": "chips", "category": "tracking", "partitioned": True},
        {"name": "__Host-ad", "category": "tracking"},
        {"name": "__Host-Http-ad", "category": "tracking"},
        {"name": "__Http-ad", "category": "tracking"},
        {"name": "__Host-chips", "category": "tracking", "partitioned": True},
        {"name": "__Secure-ad", "category": "tracking", "domain": "shop.example"},
    ],
}

GOVERNED: Final = (
    "_ga=host-only; Path=/",
    f"_ga=host; Path=/; Domain={HOST}",
    "_ga=parent; Path=/; Domain=eu.shop.example; Max-Age=3600",
    "_ga=grandparent; Path=/; Domain=shop.example; Max-Age=3600",
    "_ga_prefix=1; Path=/; Max-Age=3600",
    "_pk_glob.1fff=1; Path=/; Domain=shop.example",
    "_ga_http_only=1; Path=/; HttpOnly; Max-Age=3600",
    "_ga_strict=1; Path=/; SameSite=Strict",
    "basket_ad=path; Path=/shop",
    "basket_ad=root; Path=/",
    "far_ad=path; Path=/shop/; Domain=shop.example",
    '"_ga"=quotes; Path=/',
    "_ga_\xe9=accent; Path=/",
    "_ga\xa0=blank; Path=/",
    "_ga_nameless; Path=/",
)
"""Cookies without permission, as the server sets them; the last one has no name."""
SCRIPTED: Final = (
    "_ga_script=session; path=/",
    "_ga_script=lasting; path=/; domain=shop.example; max-age=3600",
    "_ga_folder=of its page",
)
SECURE: Final = (
    "_ga_secure=1; Path=/; Secure; SameSite=None",
    "__Host-ad=1; Path=/; Secure",
    "__Host-Http-ad=1; Path=/; Secure; HttpOnly",
    "__Http-ad=1; Path=/; Secure; HttpOnly; Domain=shop.example",
    "__Secure-ad=host-only; Path=/; Secure",
    "__Secure-ad=grandparent; Path=/; Secure; Domain=shop.example",
    "chips=host-only; Path=/; Secure; Partitioned",
    "chips=grandparent; Path=/; Secure; Partitioned; Domain=shop.example",
    "chips=unpartitioned; Path=/; Secure",
    "__Host-chips=1; Path=/; Secure; Partitioned; SameSite=None; Max-Age=3600",
)
"""More of them, as only TLS can set them."""
COMFORT: Final = ("theme=dark; Path=/; Max-Age=3600",)
"""Allowed, unless whatever was decided counts no more."""
OTHERS: Final = (
    "session=exempt; Path=/; HttpOnly",
    "basket=sibling application; Path=/shop",
    "shared=sibling application; Path=/; Domain=shop.example; Max-Age=3600",
    "_GA=other case; Path=/",
    "_gat=no prefix; Path=/",
)
"""Cookies that are exempt, or not ours."""
AT_SIBLING: Final = ("_ga=sibling host; Path=/",)


# -- the site ----------------------------------------------------------------------------------


class Site:
    """A site of which everything but `SEED` stands behind the gate of the moment."""

    def __init__(self) -> None:
        self.gate = Gate(Policy.from_mapping(POLICY), "key")
        self.released: list[list[str]] = []
        """The Set-Cookie lines of each gated response, oldest first."""
        self.sent = ""
        """The Cookie header of the last request that no gate saw."""
        self.origin: Callable[[str], str] = str

    @property
    def deletions(self) -> list[list[str]]:
        """The lines among `released` that delete."""
        return [[line for line in lines if "Max-Age=0" in line] for lines in self.released]

    def url(self, path: str, host: str = HOST) -> str:
        """Return where the browser finds ``path``."""
        return self.origin(host) + path

    async def asgi(self, scope: Any, receive: sites.Receive, send: sites.Send) -> None:
        """Answer one connection."""

        async def noting(message: sites.Message) -> None:
            if message["type"] == "http.response.start":
                self._note((name.decode(), line) for name, line in message["headers"])
            await send(message)

        if scope["path"] == SEED:
            cookies = [value for name, value in scope["headers"] if name == b"cookie"]
            self.sent = b"; ".join(cookies).decode("latin-1")
            await sites.asgi_app(scope, receive, send)
        else:
            await asgi.ConsentGateMiddleware(_deciding_asgi, self.gate)(scope, receive, noting)

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""

        def noting(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            self._note((name, line.encode("latin-1")) for name, line in headers)
            return start_response(status, headers, *exc_info)

        if environ["PATH_INFO"] == SEED:
            self.sent = environ.get("HTTP_COOKIE", "")
            return sites.wsgi_app(environ, start_response)
        gated = wsgi.ConsentGateMiddleware(_deciding_wsgi, self.gate)
        return gated(environ, noting)

    def _note(self, headers: Iterable[tuple[str, bytes]]) -> None:
        lines = [line.decode("latin-1") for name, line in headers if name.lower() == "set-cookie"]
        self.released.append(lines)


async def _deciding_asgi(scope: Any, receive: sites.Receive, send: sites.Send) -> None:
    if scope["path"] == WITHDRAWAL:
        asgi.consent_from(scope).withdraw("tracking")
    await sites.asgi_app(scope, receive, send)


def _deciding_wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == WITHDRAWAL:
        wsgi.consent_from(environ).withdraw("tracking")
    return sites.wsgi_app(environ, start_response)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a throwaway certificate with its key."""
    path: Path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    issued = trustme.CA().issue_cert(HOST, SIBLING)
    issued.private_key_and_cert_chain_pem.write_to_path(path)
    return path


@contextmanager
def served(front: str, scheme: Scheme, certificate: Path) -> Iterator[Site]:
    """Give the site by one front and scheme."""
    site = Site()
    serve = {"asgi": partial(under_uvicorn, site.asgi), "wsgi": partial(under_werkzeug, site.wsgi)}
    with serve[front](certificate if scheme == "https" else None) as port:
        site.origin = lambda host: f"{scheme}://{host}:{port}"
        yield site


@pytest.fixture(scope="module")
def http(certificate: Path) -> Iterator[Site]:
    """Give the site without TLS."""
    with served("asgi", "http", certificate) as site:
        yield site


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def https(request: pytest.FixtureRequest, certificate: Path) -> Iterator[Site]:
    """Give the site over TLS, by each front in turn."""
    with served(request.param, "https", certificate) as site:
        yield site


@pytest.fixture(params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Give each browser in turn, with an empty jar."""
    browser: Browser = request.getfixturevalue(request.param)
    browser.clear()
    yield browser
    browser.add_headers({})


# -- why cookies have no permission ------------------------------------------------------------


@dataclass(frozen=True)
class Cause:
    """Why what is `tracking` has no permission on a visit."""

    name: str
    comfort_stays: bool = True
    page: str = PAGE
    tracking: Mapping[str, object] = field(default_factory=lambda: {"basis": "opt-in"})
    granted: tuple[str, ...] | None = None
    version: str = "2"
    days_later: int = 0
    days_since_deposit: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def gate(self, version: str = "2") -> Gate:
        """Return the gate that finds no permission."""
        categories = {**POLICY["categories"], "tracking": self.tracking}
        policy = {**POLICY, "version": version, "categories": categories}
        later = self.days_later * DAY
        return Gate(Policy.from_mapping(policy), "key", clock=lambda: time.time() + later)

    def cookies(self) -> Iterator[tuple[str, str]]:
        """Yield the gate's own cookies that the browser has."""
        if self.granted is not None:
            yield consent_cookie(self.gate(self.version), self.granted, time.time())
        if self.days_since_deposit:
            first = int(time.time()) - self.days_since_deposit * DAY
            yield deposits_cookie(self.gate(), dict.fromkeys(_deposited_names(), first))


def _deposited_names() -> set[str]:
    """Return the names of what has no permission, as the gate reads them from the header."""
    names = (pair_of(line).partition("=")[0] for line in GOVERNED + SCRIPTED + SECURE)
    return {name.encode().decode("latin-1") for name in names}


BOTH: Final = ("comfort", "tracking")
CAUSES: Final = (
    Cause("undecided"),
    Cause("refused", granted=("comfort",)),
    Cause("withdrawn in this answer", granted=BOTH, page=WITHDRAWAL),
    Cause("decision expired", granted=BOTH, days_later=182, comfort_stays=False),
    Cause("policy changed", granted=BOTH, version="1", comfort_stays=False),
    Cause("GPC", tracking={"basis": "opt-out", "gpc": True}, headers={"Sec-GPC": "1"}),
    Cause("past 13 months", granted=BOTH, days_since_deposit=400),
)


# -- the table ---------------------------------------------------------------------------------


@dataclass
class Row:
    """One cookie of the table."""

    line: str
    setter: Literal["server", "script", "sibling"] = "server"
    stays: bool = False
    before: bool = False
    gone_after: int | None = None
    """The number of the visit after which it was gone."""

    def __str__(self) -> str:
        before = "there" if self.before else "MISSING"
        after = f"gone after {self.gone_after}" if self.gone_after else "there"
        right = "as expected" if self.is_right else "WRONG"
        return f"{self.line!r:75} {self.setter:8} {before:8} {after:13} {right}"

    @property
    def is_right(self) -> bool:
        """Whether the cookie was there, and is where it is to be."""
        return self.before and self.stays == (self.gone_after is None)


def table(cause: Cause, *, tls: bool) -> list[Row]:
    """Return the cookies to put into the jar."""
    return [
        *(Row(line) for line in GOVERNED + (SECURE if tls else ())),
        *(Row(line, "script") for line in SCRIPTED),
        *(Row(line, stays=cause.comfort_stays) for line in COMFORT),
        *(Row(line, stays=True) for line in OTHERS),
        *(Row(line, "sibling", stays=True) for line in AT_SIBLING),
    ]


def pair_of(line: str) -> str:
    """Return name and value of a Set-Cookie line."""
    return line.partition(";")[0]


def pairs(cookies: Iterable[StoredCookie]) -> set[str]:
    """Return name and value of each cookie; Firefox takes a nameless one for a valueless one."""
    # Firefox may list for a while what `Max-Age=0` deleted, without a value; it does not send it.
    soon = time.time() + 1
    living = (cookie for cookie in cookies if cookie.expires is None or cookie.expires > soon)
    return {f"{cookie.name}={cookie.value}".strip("=") for cookie in living}


def seed(browser: Browser, site: Site, lines: Iterable[str], host: str = HOST) -> None:
    """Put these cookies into the jar where no gate sees it, with names in UTF-8."""
    encoded = [line.encode(errors="surrogateescape") for line in lines]
    browser.load(site.url(sites.target(SEED, cookie=encoded), host))


def fill(browser: Browser, site: Site, cause: Cause, rows: Iterable[Row]) -> None:
    """Put the cookies of the table and the gate's own into the jar."""
    lines: dict[str, list[str]] = {"server": [], "script": [], "sibling": []}
    for row in rows:
        lines[row.setter].append(row.line)
    own = [f"{name}={value}; Path=/; Max-Age=3600" for name, value in cause.cookies()]
    seed(browser, site, lines["sibling"], SIBLING)
    seed(browser, site, lines["server"] + own)
    for line in lines["script"]:
        browser.write_cookie(line)


def visit(browser: Browser, site: Site, page: str, rows: list[Row]) -> None:
    """Visit ``page`` first and then others, and note what is gone after each visit."""
    site.released.clear()
    for number in range(1, MOST_VISITS + 1):
        browser.load(site.url(page if number == 1 else PAGE))
        left = pairs(browser.cookies())
        for row in rows:
            if row.gone_after is None and pair_of(row.line) not in left:
                row.gone_after = number


def show(title: str, rows: Iterable[Row]) -> None:
    """Print the table, for who looks at a failure or runs ``pytest -s``."""
    sys.stdout.write("\n".join(["", title, *map(str, rows), ""]))


def octets(lines: Iterable[str]) -> int:
    """Return how much of a response's head these lines are."""
    return sum(len(f"Set-Cookie: {line}\r\n") for line in lines)


def holds_for(browser: Browser, site: Site, cause: Cause) -> None:
    """Fill the jar, visit the site, and compare."""
    site.gate = cause.gate()
    tls = site.url("").startswith("https")
    rows = table(cause, tls=tls)
    fill(browser, site, cause, rows)
    there = pairs(browser.cookies())
    for row in rows:
        row.before = pair_of(row.line) in there
    browser.add_headers(cause.headers)
    visit(browser, site, cause.page, rows)
    sizes = ", ".join(str(octets(lines)) for lines in site.deletions)
    title = f"{type(browser).__name__}, {site.url('')}, {cause}; octets of deletions: {sizes}"
    show(title, rows)
    assert [] == [str(row) for row in rows if not row.is_right]
    assert site.deletions[0]
    assert max(map(octets, site.deletions)) <= MOST_OCTETS


@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_R18_over_tls_what_has_no_permission_leaves_the_jar(
    browser: Browser, https: Site, cause: Cause
) -> None:
    """Whatever the cause, the cookies of refused categories go, and no other does."""
    holds_for(browser, https, cause)


@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_R18_without_tls_what_has_no_permission_leaves_the_jar(
    browser: Browser, http: Site, cause: Cause
) -> None:
    """The same where nothing is Secure."""
    holds_for(browser, http, cause)


def test_R18_without_a_gate_all_of_it_stays(browser: Browser, https: Site) -> None:
    """The tests above can fail: by itself no cookie of the table leaves the jar."""
    rows = table(CAUSES[0], tls=True)
    fill(browser, https, CAUSES[0], rows)
    browser.load(https.url(SEED))

    assert {pair_of(row.line) for row in rows} == pairs(browser.cookies())


# -- what the table does not show --------------------------------------------------------------


REFUSED: Final = Cause("refused", granted=())
CONSENTED: Final = Cause("consented", granted=BOTH)


def seed_with_consent(browser: Browser, site: Site, cause: Cause, lines: Iterable[str]) -> None:
    """Let the site have the gate of ``cause``, and the jar ``lines`` and the decision."""
    site.gate = cause.gate()
    own = [f"{name}={value}; Path=/; SameSite=Lax" for name, value in cause.cookies()]
    seed(browser, site, [*lines, *own])
    site.released.clear()


def gate_of_many_seconds() -> Gate:
    """Return a gate that takes each visit for one second later than the last."""
    seconds = itertools.count(int(time.time()))
    return Gate(Policy.from_mapping(POLICY), "key", clock=lambda: next(seconds))


def left(browser: Browser) -> set[str]:
    """Return name and value of each cookie in the jar but the gate's own."""
    return {pair for pair in pairs(browser.cookies()) if not pair.startswith("eu-consent")}


def test_R18_what_a_shared_cache_may_store_deletes_nothing(browser: Browser, https: Site) -> None:
    """A cache would hand the deletions to every visitor; the next private response has them."""
    seed_with_consent(browser, https, REFUSED, ["_ga=1; Path=/"])

    browser.load(https.url(sites.target(PAGE, header="Cache-Control:public, max-age=600")))
    assert ({"_ga=1"}, [[]]) == (left(browser), https.released)

    browser.load(https.url(PAGE))
    assert left(browser) == set()


def test_R18_sixty_refused_cookies_are_gone_after_a_few_responses(
    browser: Browser, https: Site
) -> None:
    """No response has more than a proxy takes, and each goes on where the last one ended."""
    lines = [f"_ga_{number}=1; Path=/; Domain=shop.example" for number in range(60)]
    seed_with_consent(browser, https, REFUSED, lines)
    assert len(lines) == len(left(browser))

    for _ in range(MOST_VISITS):
        browser.load(https.url(PAGE))

    assert left(browser) == set()
    assert max(map(octets, https.deletions)) <= MOST_OCTETS


@pytest.mark.parametrize("length", [100, 1000, 3000])
def test_R18_a_name_of_any_length_is_deleted(browser: Browser, http: Site, length: int) -> None:
    """A long name does not keep a cookie alive, however few of its deletions fit a response."""
    http.gate = gate_of_many_seconds()
    seed(browser, http, [f"_ga_{'x' * length}=1; Path=/"])
    assert len(left(browser)) == 1

    for _ in range(MOST_VISITS):
        browser.load(http.url(PAGE))

    assert left(browser) == set()


def test_R18_a_name_in_no_encoding_is_deleted(browser: Browser, http: Site) -> None:
    """Octets that are not UTF-8 leave the jar too; Chromium lists no such cookie, but sends it."""
    seed_with_consent(browser, http, CAUSES[0], ["_ga\udce9=1; Path=/", "_ga_\udcff=1; Path=/"])
    browser.load(http.url(SEED))
    assert http.sent == "_ga\xe9=1; _ga_\xff=1"

    browser.load(http.url(PAGE))
    browser.load(http.url(SEED))

    assert http.sent == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_R18_without_a_domain_the_cookie_is_host_only(
    browser: Browser, http: Site, host: str
) -> None:
    """At an IP address and at localhost no Domain is named, and none is needed."""
    http.gate = CAUSES[0].gate()
    seed(browser, http, ["_ga=1; Path=/", "session=exempt; Path=/"], host)
    http.released.clear()

    browser.load(http.url(PAGE, host))

    assert pairs(browser.cookies()) == {"session=exempt"}
    assert [line for lines in http.deletions for line in lines if "Domain" in line] == []


def test_R18_what_cannot_be_deleted_keeps_no_other_waiting(browser: Browser, http: Site) -> None:
    """Where undeclared paths keep more cookies alive than a response can name, the others go."""
    http.gate = gate_of_many_seconds()
    stuck = [f"_ga_{number}=1; Path=/shop/" for number in range(20)]
    seed(browser, http, [*stuck, "_ga=1; Path=/"])

    for _ in range(len(stuck)):
        browser.load(http.url(PAGE))

    assert {pair_of(line) for line in stuck} == left(browser)


def test_R18_a_post_from_elsewhere_deletes_nothing(browser: Browser, https: Site) -> None:
    """It carries SameSite=None cookies but not the consent, so that nothing is certain."""
    line = "_ga=consented; Path=/; SameSite=None; Secure"
    seed_with_consent(browser, https, CONSENTED, [line])
    browser.load(https.url(SEED, "elsewhere.example"))

    browser.post(https.url(PAGE))

    assert ({"_ga=consented"}, [[]]) == (left(browser), https.released)


def test_R18_a_post_from_elsewhere_without_tls_deletes_nothing(
    browser: Browser, http: Site
) -> None:
    """The same where browsers send no Sec-Fetch-Site: the Origin tells."""
    # Chromium sends a cookie without SameSite so in its first two minutes, Firefox always.
    seed_with_consent(browser, http, CONSENTED, ["_ga=consented; Path=/"])
    browser.load(http.url(SEED, "elsewhere.example"))

    browser.post(http.url(PAGE))

    assert ({"_ga=consented"}, [[]]) == (left(browser), http.released)


def test_R18_a_link_from_elsewhere_comes_with_the_consent(browser: Browser, https: Site) -> None:
    """What is refused goes, and what is allowed stays, on a visit by a link."""
    seed_with_consent(browser, https, CAUSES[1], ["_ga=1; Path=/", "theme=1; Path=/"])
    browser.load(https.url(SEED, "elsewhere.example"))

    browser.load(https.url(PAGE))

    assert left(browser) == {"theme=1"}
