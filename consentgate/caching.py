"""Whether a cache that serves several visitors may store a response, and how to forbid it.

RFC 9111 3: ``private`` and ``no-store`` forbid it. Without either such a cache may store whatever
it likes; but what has no life there, and nothing to validate it with, it can give to nobody. An
ETag without Cache-Control, as frameworks put on every page, is taken for no invitation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from consentgate.set_cookie import parse_cookie_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    Header = tuple[str, str]

CACHE_CONTROL: Final = "cache-control"

_VALIDITY: Final = frozenset({CACHE_CONTROL, "etag", "expires", "last-modified"})
_TARGETED: Final = frozenset({"edge-control", "surrogate-control", "x-accel-expires"})
_PERSONAL: Final = frozenset({"private", "no-store"})
_SHARED: Final = ("public", "s-maxage", "proxy-revalidate")
_LIFE = re.compile(r"public|immutable|(?:s-maxage|max-age)=\"?0*[1-9]")
_NO_LIFE: Final = frozenset({"0", "no-cache", "max-age=0"})


def may_be_shared(headers: Sequence[Header], now: float, *, not_modified: bool) -> bool:
    """Whether a shared cache may give the response with these headers to another visitor.

    Names of headers are in lower case. A 304 (``not_modified``) renews what a cache has stored,
    so it counts as shared unless it says otherwise.
    """
    headers = [header for header in headers if _concerns_caches(header[0])]
    if not headers:
        return not_modified
    if any(is_targeted(name) and _invites(value) for name, value in headers):
        return True
    if is_private(headers):
        return False
    values = [value for name, value in headers if name == CACHE_CONTROL]
    can_be_validated = any(name == "etag" for name, _ in headers)
    return (
        not_modified
        or any(_LIFE.match(directive) for value in values for directive in _directives(value))
        or any(name == "last-modified" for name, _ in headers)
        or (can_be_validated and any(value.strip() for value in values))
        or any(name == "expires" and _is_after(value, now) for name, value in headers)
    )


def _concerns_caches(name: str) -> bool:
    return name in _VALIDITY or is_targeted(name)


def is_targeted(name: str) -> bool:
    """Whether the header tells one kind of shared cache what Cache-Control tells all (RFC 9213)."""
    return name in _TARGETED or name.endswith(f"-{CACHE_CONTROL}")


def is_private(headers: Sequence[Header]) -> bool:
    """Whether Cache-Control forbids shared caches to store the response."""
    return any(name == CACHE_CONTROL and _is_personal(value) for name, value in headers)


def private_cache_control(headers: Sequence[Header]) -> str:
    """Return the Cache-Control that says what ``headers`` say, but for one visitor alone."""
    said = [value for name, value in headers if name == CACHE_CONTROL and value.strip()]
    if is_private(headers):
        return ", ".join(said)
    kept = [
        directive.strip()
        for value in said
        for directive in value.split(",")
        if directive.partition("=")[0].strip().lower() not in _SHARED
    ]
    return ", ".join([*kept, "private"])


def _is_personal(value: str) -> bool:
    # `private="set-cookie"` is about one header and keeps no cache from storing the response.
    return not _PERSONAL.isdisjoint(_directives(value))


def _invites(value: str) -> bool:
    return not _is_personal(value) and _NO_LIFE.isdisjoint(_directives(value))


def _directives(value: str) -> list[str]:
    return [directive.strip() for directive in value.lower().split(",")]


def _is_after(date: str, now: float) -> bool:
    instant = parse_cookie_date(date)
    return instant is not None and instant > now
