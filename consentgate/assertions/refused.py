"""Cookies that no browser stores, wherever they come from."""

from __future__ import annotations

from consentgate.refusal import LONGEST_PAIR, parse, refusal

__all__ = ["why_refused"]


def why_refused(line: str) -> str | None:
    """Return why every browser refuses a Set-Cookie line; None where the line itself is no reason.

    A Domain and Secure are none: whether they fit depends on the host, and that of a test is
    seldom that of the site.
    """
    parsed = parse(line)
    match refusal(parsed):
        case "prefix":
            return _why_misnamed(parsed.cookie.name)
        case "length":
            return f"its name and value have more than {LONGEST_PAIR} octets"
        case "control character":
            return "it has a control character"
        case _:
            return None


def _why_misnamed(name: str) -> str:
    if name.lower().startswith("__host-"):
        return "a name that begins with __Host- needs Secure, Path=/ and no Domain"
    return "a name that begins with __Secure- needs Secure"
