"""A browser's cookie jar on a clock of the test's own (RFC 6265bis, 5.5 to 5.8).

    jar = Jar(clock)
    page = Fetch("shop.example", "/")
    jar.store(response.set_cookies, page)
    request.headers["Cookie"] = jar.header(page)

It reads Set-Cookie by the letter of the draft and shares nothing with the gate's own reader. It has
no list of public suffixes, and evicts nothing for want of room. Beyond what a browser does it keeps
the `lives` of all cookies that ever were in it.
"""

from __future__ import annotations

import calendar
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_AGE: Final = 400 * 86400
"""Seconds; no cookie is kept longer (5.5)."""

_LONGEST_PAIR: Final = 4096
_LONGEST_ATTRIBUTE: Final = 1024
_WSP: Final = " \t"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NUMBER = re.compile(r"-?[0-9]+")
_IP_ADDRESS = re.compile(r"[0-9.]+|\[.*\]")


@dataclass(frozen=True)
class Fetch:
    """One request of the browser, as far as cookies depend on it."""

    host: str = "shop.example"
    path: str = "/"
    secure: bool = True
    site: Literal["same-site", "navigation", "cross-site"] = "same-site"
    """``navigation`` is a link followed from another site, ``cross-site`` all else from there."""


class Identity(NamedTuple):
    """What makes two cookies the same one to the jar (5.7, step 23)."""

    name: str
    domain: str
    host_only: bool
    path: str


@dataclass
class Cookie:
    """One cookie in the jar."""

    identity: Identity
    value: str
    expires: float
    """Seconds since 1970; infinity for a session cookie."""
    secure: bool
    http_only: bool
    same_site: str
    created: float

    @property
    def is_session(self) -> bool:
        """Whether it ends with the browser session."""
        return self.expires == math.inf


@dataclass
class Life:
    """The time for which one cookie was in the jar without a gap."""

    identity: Identity
    begin: float
    end: float
    """When it ended, or will if nothing happens; infinity for a session cookie still there."""

    @property
    def name(self) -> str:
        """The cookie's name."""
        return self.identity.name

    @property
    def seconds(self) -> float:
        """How long it was, or will be."""
        return self.end - self.begin


@dataclass
class Jar:
    """The cookies of one browser."""

    clock: Callable[[], float]
    lax_by_default: bool = True
    """Whether a cookie without SameSite is withheld from other sites, as in Chromium."""
    lives: list[Life] = field(default_factory=list[Life])
    _cookies: dict[Identity, Cookie] = field(default_factory=dict[Identity, Cookie])

    # -- What is in it ------------------------------------------------------------------------

    @property
    def cookies(self) -> list[Cookie]:
        """The cookies that are in the jar now, oldest first."""
        now = self.clock()
        for cookie in [cookie for cookie in self._cookies.values() if cookie.expires <= now]:
            del self._cookies[cookie.identity]  # its life says when it ends already
        return sorted(self._cookies.values(), key=lambda cookie: cookie.created)

    def find(self, name: str) -> Cookie | None:
        """Return the cookie called ``name``, the oldest if there are several."""
        return next((cookie for cookie in self.cookies if cookie.identity.name == name), None)

    # -- What leaves --------------------------------------------------------------------------

    def sent(self, fetch: Fetch) -> list[Cookie]:
        """Return the cookies that the browser sends, in its order (5.8.3)."""
        fitting = [cookie for cookie in self.cookies if self._goes_with(cookie, fetch)]
        return sorted(fitting, key=lambda cookie: -len(cookie.identity.path))

    def header(self, fetch: Fetch) -> str:
        """Return the Cookie header of a request, empty where there is none."""
        return _joined(self.sent(fetch))

    def script_header(self, fetch: Fetch) -> str:
        """Return what a script of the page reads in ``document.cookie``."""
        return _joined(cookie for cookie in self.sent(fetch) if not cookie.http_only)

    def _goes_with(self, cookie: Cookie, fetch: Fetch) -> bool:
        return (
            _is_for_host(cookie.identity, fetch.host)
            and path_matches(cookie.identity.path, fetch.path)
            and (fetch.secure or not cookie.secure)
            and self._crosses_sites(cookie, fetch)
        )

    def _crosses_sites(self, cookie: Cookie, fetch: Fetch) -> bool:
        if fetch.site == "navigation":
            return cookie.same_site != "strict"
        return fetch.site == "same-site" or self._is_for_all_sites(cookie)

    def _is_for_all_sites(self, cookie: Cookie) -> bool:
        return cookie.same_site == "none" or (not cookie.same_site and not self.lax_by_default)

    # -- What comes in ------------------------------------------------------------------------

    def store(self, lines: Iterable[str], fetch: Fetch) -> None:
        """Take the Set-Cookie lines of a response."""
        for line in lines:
            self._take(line, fetch, by_script=False)

    def write(self, line: str, fetch: Fetch) -> None:
        """Take what a script of the page assigns to ``document.cookie``."""
        self._take(line, fetch, by_script=True)

    def _take(self, line: str, fetch: Fetch, *, by_script: bool) -> None:
        """Store one cookie, if the page may store it (5.6, 5.7)."""
        cookie = _read(line, fetch, self.clock())
        if cookie is None or not self._is_welcome(cookie, fetch, by_script=by_script):
            return
        self._put(cookie)

    def _is_welcome(self, cookie: Cookie, fetch: Fetch, *, by_script: bool) -> bool:
        old = next((old for old in self.cookies if old.identity == cookie.identity), None)
        if by_script and (cookie.http_only or (old is not None and old.http_only)):
            return False
        if fetch.site == "cross-site" and not self._is_for_all_sites(cookie):
            return False
        if not fetch.secure and (cookie.secure or self._hides_a_secure_one(cookie)):
            return False
        if cookie.same_site == "none" and not cookie.secure:
            return False
        return _keeps_its_prefix(cookie, fetch)

    def _hides_a_secure_one(self, cookie: Cookie) -> bool:
        """Whether a page without TLS would lay it over a Secure cookie (5.7, step 15)."""
        name, domain, _, path = cookie.identity
        return any(
            old.secure
            and old.identity.name == name
            and (domain_matches(old.identity.domain, domain, or_back=True))
            and path_matches(old.identity.path, path)
            for old in self.cookies
        )

    def _put(self, cookie: Cookie) -> None:
        identity, now = cookie.identity, self.clock()
        old = self._cookies.pop(identity, None)
        if cookie.expires <= now:
            self._end_life(identity, now)
            return
        if old is None:
            self.lives.append(Life(identity, now, cookie.expires))
        else:
            cookie.created = old.created
            self._end_life(identity, cookie.expires)
        self._cookies[identity] = cookie

    def _end_life(self, identity: Identity, end: float) -> None:
        life = next((life for life in reversed(self.lives) if life.identity == identity), None)
        if life is not None and life.end > self.clock():
            life.end = end

    # -- What the visitor does ----------------------------------------------------------------

    def close_browser(self) -> None:
        """End the browser session, and its cookies with it."""
        for cookie in self.cookies:
            if cookie.is_session:
                self._remove(cookie)

    def remove(self, name: str) -> None:
        """Remove all cookies called ``name``, as a visitor can."""
        for cookie in self.cookies:
            if cookie.identity.name == name:
                self._remove(cookie)

    def begin_anew(self, name: str) -> None:
        """Count the cookie as another from now on: who set it knew nothing of the one before."""
        now = self.clock()
        for cookie in self.cookies:
            if cookie.identity.name == name:
                self._end_life(cookie.identity, now)
                self.lives.append(Life(cookie.identity, now, cookie.expires))

    def _remove(self, cookie: Cookie) -> None:
        del self._cookies[cookie.identity]
        self._end_life(cookie.identity, self.clock())


def domain_matches(domain: str, host: str, *, or_back: bool = False) -> bool:
    """Whether ``host`` is ``domain`` or below it (5.1.3); with ``or_back``, or the reverse."""
    below = host.endswith(f".{domain}") and not _IP_ADDRESS.fullmatch(host)
    return host == domain or below or (or_back and domain.endswith(f".{host}"))


def path_matches(cookie_path: str, path: str) -> bool:
    """Whether a request for ``path`` carries a cookie of ``cookie_path`` (5.1.4)."""
    folder = cookie_path if cookie_path.endswith("/") else f"{cookie_path}/"
    return path == cookie_path or path.startswith(folder)


def default_path(path: str) -> str:
    """Return the Path of a cookie that names none (5.1.4)."""
    return path[: path.rfind("/")] or "/"


def _joined(cookies: Iterable[Cookie]) -> str:
    return "; ".join(
        f"{cookie.identity.name}={cookie.value}" if cookie.identity.name else cookie.value
        for cookie in cookies
    )


def _is_for_host(identity: Identity, host: str) -> bool:
    if identity.host_only:
        return identity.domain == host
    return domain_matches(identity.domain, host)


def _keeps_its_prefix(cookie: Cookie, fetch: Fetch) -> bool:
    """Whether a cookie is what its name's prefix says (5.7, steps 21 and 22)."""
    name, _, host_only, path = cookie.identity
    if name.lower().startswith("__secure-"):
        return cookie.secure
    if name.lower().startswith("__host-"):
        return cookie.secure and host_only and path == "/"
    return True


def _read(line: str, fetch: Fetch, now: float) -> Cookie | None:
    """Return the cookie that ``line`` sets, or None where it sets none (5.6)."""
    pair, _, text = line.partition(";")
    name, equals, value = pair.partition("=")
    name, value = (name.strip(_WSP), value.strip(_WSP)) if equals else ("", pair.strip(_WSP))
    is_bad = _CONTROL.search(line) or not (name or value) or len(name + value) > _LONGEST_PAIR
    if is_bad:
        return None
    attributes = dict(_attributes(text))  # the last of each counts
    domain = attributes.get("domain", "").removeprefix(".").lower()
    if domain and not domain_matches(domain, fetch.host):
        return None
    path = attributes.get("path", "")
    return Cookie(
        Identity(
            name,
            domain or fetch.host,
            not domain,
            path if path.startswith("/") else default_path(fetch.path),
        ),
        value,
        _expiry(attributes, now),
        "secure" in attributes,
        "httponly" in attributes,
        _same_site(attributes.get("samesite", "")),
        now,
    )


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    """Find the attributes that the draft knows and can use (5.6)."""
    for attribute in text.split(";"):
        name, _, value = attribute.partition("=")
        name, value = name.strip(_WSP).lower(), value.strip(_WSP)
        usable = {"max-age": _NUMBER.fullmatch(value), "expires": parse_date(value) is not None}
        if len(value) <= _LONGEST_ATTRIBUTE and usable.get(name, True):
            yield name, value


def _same_site(value: str) -> str:
    word = value.lower()
    return word if word in {"strict", "lax", "none"} else ""


def _expiry(attributes: dict[str, str], now: float) -> float:
    """Return when a cookie ends: Max-Age beats Expires, and nothing beats 400 days (5.5)."""
    latest = now + MAX_AGE
    if "max-age" in attributes:
        seconds = int(attributes["max-age"])
        return min(now + seconds, latest) if seconds > 0 else -math.inf
    if "expires" in attributes:
        return min(parse_date(attributes["expires"]) or 0, latest)
    return math.inf


# -- A cookie-date (5.1.1) ------------------------------------------------------------------

_DELIMITERS = re.compile(r"[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[^0-9].*)?")
_DAY = re.compile(r"([0-9]{1,2})(?:[^0-9].*)?")
_YEAR = re.compile(r"([0-9]{2,4})(?:[^0-9].*)?")
_MONTHS: Final = [name.lower() for name in calendar.month_abbr[1:]]
_MONTH = re.compile(rf"({'|'.join(_MONTHS)}).*", re.IGNORECASE)
_PARTS: Final = {"time": _TIME, "day": _DAY, "month": _MONTH, "year": _YEAR}


def parse_date(text: str) -> float | None:
    """Return the instant that a cookie-date names, in seconds since 1970, or None."""
    found: dict[str, tuple[str, ...]] = {}
    for token in filter(None, _DELIMITERS.split(text)):
        for part, pattern in _PARTS.items():  # a token is taken for the first that is missing
            match = None if part in found else pattern.fullmatch(token)
            if match:
                found[part] = match.groups()
                break
    return _instant(found) if found.keys() == _PARTS.keys() else None


def _instant(found: dict[str, tuple[str, ...]]) -> float | None:
    year, day = int(found["year"][0]), int(found["day"][0])
    hour, minute, second = (int(number) for number in found["time"])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    month = _MONTHS.index(found["month"][0].lower()) + 1
    seconds = float(calendar.timegm((year, month, day, hour, minute, second)))
    is_real = 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 59
    return seconds if is_real and year >= 1601 and _exists(year, month, day) else None


def _exists(year: int, month: int, day: int) -> bool:
    """Whether the calendar has that day."""
    return day <= calendar.monthrange(year, month)[1]
