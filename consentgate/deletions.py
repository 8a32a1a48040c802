"""Set-Cookie lines that make a browser forget a cookie it sent.

A Cookie header has names and values only. To delete a cookie a server must name the domain and
path it was stored with (RFC 6265bis 5.7, step 23), so every place it may come from is named (R18).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.parse import quote

from consentgate.cache import Recent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

T = TypeVar("T")

_MOST_LINES: Final = 40
"""Varnish takes 64 header fields by default."""
_MOST_PARENTS: Final = 8
_REMEMBERED_PLANS: Final = 32
_LONGEST_REMEMBERED: Final = 3072
"""Octets of all lines together, of host and path."""
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label of a name begins with a letter; that of an IPv4 address does not.
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_LONGEST_HOST_NAME: Final = 253
_LONGEST_HOST: Final = _LONGEST_HOST_NAME + len(":65535")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LENGTH_OF_FIELD: Final = len("Set-Cookie: \r\n")
_PATH_CHARACTERS: Final = "/!$&'()*+,:=@[]"
"""What stands in a path as it is (URL standard), but ``;``, which no cookie's path can have."""


def cookie_domains(host: str) -> tuple[str, ...] | None:
    """Return the domains a cookie sent to ``host`` may have been stored for, the longest first.

    ``host`` is the value of the Host header. They are the host and at most eight parents of two
    labels or more; none where it has a single label. None means that no Domain may be named at
    all, because it is an IP address, a ``localhost`` or no host name.
    """
    return _domains(host.lower()) if len(host) <= _LONGEST_HOST else None


@lru_cache(1024)
def _domains(host: str) -> tuple[str, ...] | None:
    name, colon, port = host.partition(":")
    is_name = len(name) <= _LONGEST_HOST_NAME and _HOST_NAME.fullmatch(name)
    if not is_name or (colon and not port.isdecimal()) or name.rpartition(".")[2] == "localhost":
        return None
    labels = name.split(".")
    domains = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    return (*domains[:1], *domains[1:][-_MOST_PARENTS:])


class Place(NamedTuple):
    """Where a cookie is declared to be stored."""

    path: str
    domain: str | None
    partitioned: bool


class Deletions(NamedTuple):
    """What one response can do about cookies that should not be there."""

    lines: list[str]
    """Set-Cookie lines."""
    named: AbstractSet[str]
    """The cookies that they name."""
    left: AbstractSet[str]
    """The cookies that may still be there, for some of their lines found no room, or no header can
    hold their names."""


def deletions(
    cookies: Mapping[str, Place],
    host: str,
    path: str,
    *,
    own_domain: str | None = None,
    room: int,
    turn: int,
) -> Deletions:
    """Return lines that delete ``cookies`` wherever they may have been stored, as many as fit.

    Args:
        cookies: each name with a ``=``, or the text of a nameless cookie, and where its rule says
            that it is stored.
        host: the request's Host.
        path: the request's path, percent-decoded.
        own_domain: the Domain of the gate's own cookies, where the policy has one.
        room: octets that the header fields may take.
        turn: another number begins elsewhere where not all fit, so that what cannot be deleted
            does not keep others from it.
    """
    key = tuple(cookies.items()), host, path, own_domain
    plan = _plans[key]
    if plan is None:
        plan = _plan(*key)
        octets = len(host) + len(path) + plan.octets
        if len(plan.lines) <= _MOST_LINES and octets <= _LONGEST_REMEMBERED:
            _plans.keep(key, plan)
    if len(plan.lines) <= _MOST_LINES and plan.octets <= room:
        return Deletions(plan.lines, plan.likely.keys(), plan.unnameable)
    named, left = set[str](), set(plan.unnameable)
    lines: list[str] = []
    for cookie, line in _in_order(plan.likely, plan.unlikely, room, turn):
        if len(lines) < _MOST_LINES and field_octets(line) <= room:
            lines.append(line)
            named.add(cookie)
            room -= field_octets(line)
        else:
            left.add(cookie)
    return Deletions(lines, named, left)


class _Plan(NamedTuple):
    """Every line that may be needed; the same for all visitors whose cookies are alike."""

    likely: Mapping[str, list[str]]
    unlikely: Mapping[str, list[str]]
    unnameable: frozenset[str]
    """Names with a control character, which cannot stand in a header."""
    lines: list[str]
    octets: int


_Key = tuple[tuple[tuple[str, Place], ...], str, str, str | None]
_plans: Final[Recent[_Key, _Plan]] = Recent(size=_REMEMBERED_PLANS)


def _plan(
    cookies: tuple[tuple[str, Place], ...], host: str, path: str, own_domain: str | None
) -> _Plan:
    domains = cookie_domains(host)
    if own_domain and domains is not None:
        domains = (own_domain.lower().lstrip("."), *domains)
    folders = _folders(path)
    places = {cookie: place for cookie, place in cookies if not _CONTROL.search(cookie)}
    likely = {cookie: list(_likely(cookie, place, domains)) for cookie, place in places.items()}
    unlikely = {cookie: list(_unlikely(cookie, place, folders)) for cookie, place in places.items()}
    lines = [line for of in (likely, unlikely) for own in of.values() for line in own]
    unnameable = frozenset(cookie for cookie, _ in cookies if cookie not in places)
    return _Plan(likely, unlikely, unnameable, lines, sum(map(field_octets, lines)))


def field_octets(line: str) -> int:
    """Return the octets of the header field that carries ``line``."""
    return len(line) + _LENGTH_OF_FIELD


def _in_order(
    likely: Mapping[str, list[str]], unlikely: Mapping[str, list[str]], room: int, turn: int
) -> list[tuple[str, str]]:
    """Return cookies with their lines: the likely ones first where these fit, else in turn."""
    first = [(cookie, line) for cookie, lines in likely.items() for line in lines]
    fits = len(first) <= _MOST_LINES and sum(field_octets(line) for _, line in first) <= room
    if fits:
        rest = [(cookie, line) for cookie, lines in unlikely.items() for line in lines]
        return first + _turned(rest, turn)
    return [
        (cookie, line)
        for cookie in _turned(list(likely), turn)
        for line in _turned(likely[cookie] + unlikely[cookie], turn)
    ]


def _turned(items: list[T], turn: int) -> list[T]:
    start = turn % len(items) if items else 0
    return items[start:] + items[:start]


def _likely(cookie: str, place: Place, domains: tuple[str, ...] | None) -> Iterator[str]:
    is_host_only = cookie.lower().startswith("__host-")
    paths = ("/",) if is_host_only or place.path == "/" else (place.path, "/")
    # All nameless cookies are one to a browser: that of a sibling host must not go with it.
    has_domain = not is_host_only and "=" in cookie
    places = _places(place.domain, domains) if has_domain else ("",)
    for path, domain, flags in product(paths, places, _flags(cookie, place)):
        yield f"{cookie}; Path={path}{domain}; Max-Age=0{flags}"


def _unlikely(cookie: str, place: Place, folders: Sequence[str]) -> Iterator[str]:
    """Return the lines for a cookie that a script stored without saying where.

    It is host-only, and has the folder of its page for a path (RFC 6265bis 5.1.4): one of the
    folders of each request that it comes with.
    """
    if not cookie.lower().startswith("__host-"):
        for path, flags in product(folders, _flags(cookie, place)):
            if path != place.path:
                yield f"{cookie}; Path={path}; Max-Age=0{flags}"


def _folders(path: str) -> list[str]:
    """Return the eight outermost folders of ``path``, itself among them, without the root."""
    names = quote(path, _PATH_CHARACTERS, errors="replace").split("/")[1 : _MOST_PARENTS + 1]
    return ["/" + "/".join(names[:end]) for end in range(1, len(names) + 1) if names[0]]


def _flags(cookie: str, place: Place) -> list[str]:
    """Return what browsers insist on for the prefix of a name, and for a partitioned cookie."""
    name = cookie.lower()
    secure = "; Secure" if name.startswith(("__host-", "__http-", "__secure-")) else ""
    http_only = "; HttpOnly" if name.startswith(("__host-http-", "__http-")) else ""
    if place.partitioned:
        return [f"{secure}{http_only}", f"; Secure{http_only}; Partitioned"]
    return [f"{secure}{http_only}"]


@lru_cache(1024)
def _places(declared: str | None, domains: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the Domain attributes to name, none among them."""
    if domains is None:
        return ("",)
    first = (declared.lower().lstrip("."),) if declared else ()
    return ("", *(f"; Domain={domain}" for domain in dict.fromkeys(first + domains)))
