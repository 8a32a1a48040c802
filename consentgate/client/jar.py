"""A browser's cookie jar for one visitor of one host, as far as a check of a site needs it.

RFC 6265bis 5.7 and 5.8, with the gate's own reading of lines. It evicts nothing, and knows no
public suffixes and no SameSite: all requests are the site's own.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from consentgate import refusal
from consentgate.policy import BROWSER_MAX_AGE
from consentgate.set_cookie import path_matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from consentgate.set_cookie import Attributes, SetCookie

Reason = Literal["Domain", "Secure"] | refusal.Reason

_MOST_COOKIES: Final = 3000  # as many as Chromium keeps in all


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


class Refusal(NamedTuple):
    """A cookie that was not stored."""

    name: str
    reason: Reason
    """A Domain of another host, Secure over plain HTTP, a prefix of the name that promises what
    the line does not keep, a length of 0 or over 4096 octets, or a control character."""


class Jar:
    """The cookies of one visitor; ``clock`` returns seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._cookies: dict[Identity, StoredCookie] = {}
        self._refused: dict[Refusal, None] = {}

    @property
    def refused(self) -> list[Refusal]:
        """What a browser would have refused until now, each once, in order; never a deletion.

        A deletion may well name a place where the cookie never was. At most 3000 are kept.
        """
        return list(self._refused)

    def store(self, url: str, line: str) -> bool:
        """Store a Set-Cookie line of the response from ``url``, or delete what it deletes.

        Returns false where a browser would refuse it.
        """
        host, path, is_secure = _parts(url)
        parsed = refusal.parse(line)
        if reason := _refusal(parsed, host, is_secure=is_secure):
            self._refuse(parsed.cookie, reason)
            return False
        name, value, attributes = parsed.cookie.name, parsed.cookie.value, parsed.cookie.attributes
        cookie_path = attributes.path if attributes.path.startswith("/") else _default_path(path)
        identity = Identity(name, parsed.domain or host, not parsed.domain, cookie_path)
        self._put(identity, StoredCookie(value, self._expires(attributes), parsed.secure))
        return True

    def _refuse(self, cookie: SetCookie, reason: Reason) -> None:
        refusal = Refusal(cookie.name, reason)
        if self._expires(cookie.attributes) > self._clock() and len(self._refused) < _MOST_COOKIES:
            self._refused[refusal] = None

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
        identity = Identity(name, _parts(url)[0], host_only=True, path="/")
        self._put(identity, StoredCookie(value, math.inf, secure=False))

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


def _is_for(identity: Identity, host: str) -> bool:
    return identity.domain == host or (not identity.host_only and _is_below(host, identity.domain))


def _is_below(host: str, domain: str) -> bool:
    """Whether ``host`` is ``domain``, or a name below it (RFC 6265bis 5.1.3)."""
    is_address = re.fullmatch(r"[0-9.]+|.*:.*", host) is not None
    return host == domain or (host.endswith(f".{domain}") and not is_address)


def _default_path(path: str) -> str:
    return path[: path.rfind("/")] or "/"


def _refusal(line: refusal.Line, host: str, *, is_secure: bool) -> Reason | None:
    """Return why a browser does not take ``line`` from ``host`` (5.6, 5.7); None where it does."""
    if line.domain and not _is_below(host, line.domain):
        return "Domain"
    if line.secure and not is_secure:
        return "Secure"
    return refusal.refusal(line)
