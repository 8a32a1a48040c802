"""Cookies that no browser stores, wherever they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consentgate.set_cookie import has_control_character, read

if TYPE_CHECKING:
    from consentgate.set_cookie import SetCookie

__all__ = ["why_refused"]

_LONGEST_PAIR: Final = 4096
"""Octets of name and value (RFC 6265bis 5.6, step 5)."""


def why_refused(line: str) -> str | None:
    """Return why every browser refuses a Set-Cookie line; None where the line itself is no reason.

    A Domain and Secure are none: whether they fit depends on the host, and that of a test is
    seldom that of the site.
    """
    cookie = read(line)
    if has_control_character(line):
        return "it has a control character"
    if len(cookie.name) + len(cookie.value) > _LONGEST_PAIR:
        return f"its name and value have more than {_LONGEST_PAIR} octets"
    return _why_misnamed(cookie, line)


def _why_misnamed(cookie: SetCookie, line: str) -> str | None:
    """Return what the prefix of the name promises and the line does not keep (4.1.3)."""
    name = cookie.name.lower()
    attributes = {piece.partition("=")[0].strip(" \t").lower() for piece in line.split(";")[1:]}
    if name.startswith("__secure-") and "secure" not in attributes:
        return "a name that begins with __Secure- needs Secure"
    if name.startswith("__host-"):
        is_kept = "secure" in attributes and "domain" not in attributes
        if not (is_kept and cookie.attributes.path == "/"):
            return "a name that begins with __Host- needs Secure, Path=/ and no Domain"
    return None
