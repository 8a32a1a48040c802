"""A browser's cookie jar for one visitor of one host, as far as a check of a site needs it.

RFC 6265bis 5.7 and 5.8, with the gate's own reading of lines. It evicts nothing, and knows no
public suffixes and no SameSite: all requests are the site's own.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from consentgate.policy import BROWSER_MAX_AGE
from consentgate.set_cookie import has_control_character, path_matches, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from consentgate.set_cookie import Attributes, SetCookie

_LONGEST_PAIR: Final = 4096
_MOST_COOKIES: Final = 3000  # as many as Chromium keeps in all
_DOMAIN = re.compile(r";[ \t]*domain[ \t]*(?:=([^;]*))?(?=;|$)", re.IGNORECASE)
_SECURE = re.compile(r";[ \t]*secure[ \t]*(?:;|=|$)", re.IGNORECASE)


class Identity(NamedTuple):
    """What makes two cookies one (5.7, step 23)."""

    name: str
    domain: str
    host_only: bool
    path: str


@dataclass
class StoredCookie:
    """One cookie in the jar."""

    value: str
    expires: float
    """Seconds since 1970; infinity for a session cookie."""
    secure: bool


class Jar:
    """The cookies of one visitor; ``clock`` returns seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._cookies: dict[Identity, StoredCookie] = {}

    def store(self, url: str, line: str) -> bool:
        """Store a Set-Cookie line of the response from ``url``, or delete what it deletes.

        Returns false where a browser would refuse it.
        """
        host, path, is_secure = _parts(url)
        cookie = read(line)
        domain = _domain(line)
        secure = _SECURE.search(line) is not None
        foreign = domain != "" and not _is_below(host, domain)
        if foreign or (secure and not is_secure) or not _is_storable(cookie, line):
            return False
        attributes = cookie.attributes
        cookie_path = attributes.path if attributes.path.startswith("/") else _default_path(path)
        identity = Identity(cookie.name, domain or host, not domain, cookie_path)
        self._put(identity, StoredCookie(cookie.value, self._expires(attributes), secure))
        return True

    def _expires(self, attributes: Attributes) -> float:
        now = self._clock()
        lifetime = attributes.lifetime(int(now))
        return math.inf if lifetime is None else now + min(lifetime, BROWSER_MAX_AGE)

    def _put(self, identity: Identity, cookie: StoredCookie) -> None:
        now = self._clock()
        for expired in [key for key, each in self._cookies.items() if each.expires <= now]:
            del self._cookies[expired]
        if cookie.expires <= now:
            self._cookies.pop(identity, None)
        elif identity in self._cookies or len(self._cookies) < _MOST_COOKIES:
            self._cookies[identity] = cookie  # in the old one's place, as step 23.3 has it

    def put(self, url: str, name: str, value: str) -> None:
        """Store a host-only session cookie for the whole host of ``url``."""
        self._put(Identity(name, _parts(url)[0], True, "/"), StoredCookie(value, math.inf, False))  # noqa: FBT003

    def remove(self, name: str) -> None:
        """Forget every cookie called ``name``."""
        for identity in [each for each in self._cookies if each.name == name]:
            del self._cookies[identity]

    def names(self) -> list[str]:
        """Return the names of all cookies that have not expired, sorted, each once."""
        now = self._clock()
        return sorted({key.name for key, cookie in self._cookies.items() if cookie.expires > now})

    def header(self, url: str) -> str:
        """Return the Cookie header of a request for ``url``; empty for none (5.8.3)."""
        host, path, is_secure = _parts(url)
        now = self._clock()
        fitting = [
            (identity, cookie)
            for identity, cookie in self._cookies.items()
            if _is_for(identity, host)
            and path_matches(path, identity.path)
            and (is_secure or not cookie.secure)
            and cookie.expires > now
        ]
        fitting.sort(key=lambda each: -len(each[0].path))
        return "; ".join(_pair(identity.name, cookie.value) for identity, cookie in fitting)


def _pair(name: str, value: str) -> str:
    return f"{name}={value}" if name else value


def _parts(url: str) -> tuple[str, str, bool]:
    split = urlsplit(url)
    return (split.hostname or "").lower(), split.path or "/", split.scheme == "https"


def _domain(line: str) -> str:
    """Return the last Domain of a line, without its dot; ``""`` for a host-only cookie."""
    found = _DOMAIN.findall(line)
    return str(found[-1]).strip(" \t").removeprefix(".").lower() if found else ""


def _is_for(identity: Identity, host: str) -> bool:
    return identity.domain == host or (not identity.host_only and _is_below(host, identity.domain))


def _is_below(host: str, domain: str) -> bool:
    """Whether ``host`` is ``domain``, or a name below it (RFC 6265bis 5.1.3)."""
    is_address = re.fullmatch(r"[0-9.]+|.*:.*", host) is not None
    return host == domain or (host.endswith(f".{domain}") and not is_address)


def _default_path(path: str) -> str:
    return path[: path.rfind("/")] or "/"


def _is_storable(cookie: SetCookie, line: str) -> bool:
    """Whether a browser takes the cookie of ``line`` at all, whoever sends it (5.6)."""
    octets = len(cookie.name) + len(cookie.value)
    is_sound = 0 < octets <= _LONGEST_PAIR and not has_control_character(line)
    return is_sound and not _is_misnamed(cookie.name, line)


def _is_misnamed(name: str, line: str) -> bool:
    """Whether a prefix of the name promises what the line does not keep (4.1.3)."""
    lower = name.lower()
    secure = _SECURE.search(line) is not None
    if lower.startswith("__host-"):
        at_root = read(line).attributes.path == "/"
        return not (secure and at_root and _domain(line) == "")
    return lower.startswith("__secure-") and not secure
