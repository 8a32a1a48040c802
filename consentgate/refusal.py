"""Why browsers refuse a cookie, as far as the Set-Cookie line itself is the reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from consentgate.set_cookie import has_control_character, read

if TYPE_CHECKING:
    from consentgate.set_cookie import SetCookie

__all__ = ["LONGEST_PAIR", "Line", "Reason", "parse", "refusal"]

Reason = Literal["prefix", "length", "control character"]

LONGEST_PAIR: Final = 4096
"""Octets of name and value (RFC 6265bis 5.6, step 5)."""
_DOMAIN = re.compile(r";[ \t]*domain[ \t]*(?:=([^;]*))?(?=;|$)", re.IGNORECASE)
_SECURE = re.compile(r";[ \t]*secure[ \t]*(?:;|=|$)", re.IGNORECASE)


class Line(NamedTuple):
    """A Set-Cookie line, with what the gate does not read of it."""

    text: str
    cookie: SetCookie
    domain: str
    """In lower case and without its dot; ``""`` for a host-only cookie."""
    secure: bool


def parse(text: str) -> Line:
    """Return a Set-Cookie line in its parts."""
    domains = _DOMAIN.findall(text)  # the last one counts
    domain = str(domains[-1]).strip(" \t").removeprefix(".").lower() if domains else ""
    return Line(text, read(text), domain, _SECURE.search(text) is not None)


def refusal(line: Line) -> Reason | None:
    """Return why every browser refuses ``line`` from whichever host; None where none need do so."""
    if _is_misnamed(line):
        return "prefix"
    if not 0 < len(line.cookie.name) + len(line.cookie.value) <= LONGEST_PAIR:
        return "length"
    return "control character" if has_control_character(line.text) else None


def _is_misnamed(line: Line) -> bool:
    """Whether a prefix of the name promises what the line does not keep (4.1.3)."""
    name = line.cookie.name.lower()
    if name.startswith("__host-"):
        at_root = line.cookie.attributes.path == "/"
        return not (line.secure and at_root and line.domain == "")
    return name.startswith("__secure-") and not line.secure
