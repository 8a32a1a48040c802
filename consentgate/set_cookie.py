"""One Set-Cookie line as a browser reads it, and the same line with another lifetime.

All text is latin-1, as it is on the wire: one character is one octet, and nothing is lost.

Facts this module relies on:

- RFC 6265bis 5.6 cuts a line at each ``;`` and a piece at its first ``=``; quotes mean nothing.
  The last valid Max-Age wins over any Expires (5.7, step 3).
- Browsers depart from it, and from each other, in numbers they find too long, dates they find
  odd, attributes given twice, blanks, quotes and everything outside ASCII. They agree on what is
  called *canonical* here, which is what every framework writes nearly all of the time.
- An Expires date is compared with the browser's idea of the server's time, which some take from
  the Date header. Only Max-Age says the same to all.
"""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass, replace
from typing import Final

from consentgate.cache import Memo

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A cookie name that every browser reads alike (RFC 9110 5.6.2)."""

MAX_ATTRIBUTE_VALUE: Final = 1024
"""Octets; a longer attribute value is ignored with its attribute (RFC 6265bis 5.6, step 6)."""

FOREVER: Final = 10**10
"""Seconds; stands for every Max-Age longer than anybody's limit."""

_BLANKS: Final = " \t"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DELTA_SECONDS = re.compile(r"-?[0-9]+")
_CANONICAL_DELTA_SECONDS = re.compile(r"-?[0-9]{1,9}")
_LIFETIME_ATTRIBUTE = re.compile(r"max-age|expires", re.IGNORECASE | re.ASCII)
_KNOWN_ATTRIBUTES: Final = frozenset(
    {"domain", "expires", "httponly", "max-age", "partitioned", "path", "samesite", "secure"}
)

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTH_NUMBERS: Final = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_IMF_FIXDATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_PAST: Final = "Thu, 01 Jan 1970 00:00:00 GMT"
_LENGTH_OF_DATE: Final = len(_PAST)
_BEFORE_XPIRES: Final = ("; E", "; e", ";E", ";e")
_LENGTH_OF_XPIRES: Final = len("xpires=")
_CUT: Final = "\0"
"""Stands for a date that was cut out; a text that has it by itself is not canonical."""


@dataclass(slots=True)
class Attributes:
    """What follows the first semicolon of a Set-Cookie line, as RFC 6265bis 5.6 reads it."""

    canonical: bool
    """Every browser reads these attributes alike."""
    kept: str
    """All attributes but those of the lifetime, each with its semicolon, byte for byte."""
    max_age: int | None
    """The last valid Max-Age in seconds, or None."""
    expires: int | None
    """The last valid Expires in seconds since 1970; None too where a Max-Age beats it."""
    sends_expires: bool
    """The application sent an Expires, valid or not."""
    path: str
    """The last Path; ``""`` where the browser takes that of the request."""
    is_strict: bool
    """SameSite is Strict."""
    is_session: bool
    """The cookie ends with the browser's session: it has neither Max-Age nor Expires."""

    def lifetime(self, now: int) -> int | None:
        """Return the seconds from ``now`` that the cookie would live; None for a session."""
        if self.max_age is not None:
            return self.max_age
        return None if self.expires is None else self.expires - now


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A Set-Cookie line that is not canonical, in the gate's own reading."""

    name: str
    value: str
    attributes: Attributes
    aliases: frozenset[str]
    """Every name that some browser could give the cookie, `name` among them."""

    @property
    def pair(self) -> str:
        """Name and value with nothing around them."""
        return f"{self.name}={self.value}"


def is_plain(text: str) -> bool:
    """Tell whether ``text`` is printable ASCII throughout, the first need of a canonical line."""
    return text.isascii() and text.isprintable()


def has_control_character(line: str) -> bool:
    """Tell whether RFC 6265bis 5.6, step 1, has the browser drop the whole line."""
    return _CONTROL.search(line) is not None


def read(line: str) -> SetCookie:
    """Read a line that need not be canonical; a nameless cookie has the name ``""``."""
    pair, _, text = line.partition(";")
    name, equals, value = pair.partition("=")
    name, value = (name, value) if equals else ("", pair)
    clean_name = name.strip(_BLANKS)
    return SetCookie(
        clean_name,
        value.strip(_BLANKS),
        read_attributes(text, canonical=False),
        possible_names(name),
    )


def possible_names(name: str) -> frozenset[str]:
    """Return the names ``name`` could become where blanks, quotes or encodings are read apart."""
    spellings = {name.strip(_BLANKS), name.strip()}
    try:
        spellings.add(name.encode("latin-1").decode("utf-8").strip())
    except UnicodeError:  # no latin-1, or no UTF-8
        spellings.add(name.encode("ascii", "ignore").decode("ascii").strip())
    spellings |= {spelling.strip("\"' ") for spelling in spellings}
    spellings |= {re.split(r"[\s\"]", spelling, maxsplit=1)[0] for spelling in spellings}
    return frozenset(spellings) - {""}


def read_attributes(text: str, *, canonical: bool = True) -> Attributes:
    """Read ``text``, all that follows the first semicolon of a line.

    With ``canonical`` false the text is known not to be; then every attribute that any browser
    might take for one of the lifetime is left out of `Attributes.kept`.
    """
    canonical = canonical and is_plain(text) and '"' not in text
    reading = _read_pieces(text, canonical=canonical)
    if canonical and not reading.canonical:
        return _read_pieces(text, canonical=False)
    return reading


def _read_pieces(text: str, *, canonical: bool) -> Attributes:
    kept: list[str] = []
    seen: dict[str, str] = {}
    max_age: int | None = None
    expires: int | None = None
    for piece in text.split(";") if text else ():
        raw_name, _, raw_value = piece.partition("=")
        name, value = raw_name.strip(_BLANKS).lower(), raw_value.strip(_BLANKS)
        if name == "max-age":
            max_age = _delta_seconds(value, max_age)
        elif name == "expires":
            expires = _cookie_date(value, expires)
        elif canonical or not _LIFETIME_ATTRIBUTE.search(raw_name):
            kept.append(piece)
        canonical = canonical and name not in seen and _is_canonical(name, raw_name, raw_value)
        if name in _KNOWN_ATTRIBUTES:
            seen[name] = value
    path = seen.get("path", "")
    return Attributes(
        canonical,
        "".join(f";{piece}" for piece in kept),
        max_age,
        expires if max_age is None else None,
        "expires" in seen,
        path if path.startswith("/") else "",
        seen.get("samesite", "").lower() == "strict",
        max_age is None and expires is None,
    )


def _is_canonical(name: str, raw_name: str, value: str) -> bool:
    if raw_name.lstrip(" ").lower() != name or value != value.strip(" "):
        return False
    if name == "max-age":
        return _CANONICAL_DELTA_SECONDS.fullmatch(value) is not None
    if name == "expires":
        return _imf_fixdate(value) is not None
    if _LIFETIME_ATTRIBUTE.search(name):
        return False
    return len(value) <= MAX_ATTRIBUTE_VALUE


def _delta_seconds(value: str, before: int | None) -> int | None:
    """Return the Max-Age of ``value``, or ``before`` where the attribute is to be ignored.

    RFC 6265bis 5.6.2: a number with anything else in it is no number; a longer one than a
    machine holds is still a long time.
    """
    if len(value) > MAX_ATTRIBUTE_VALUE or not _DELTA_SECONDS.fullmatch(value):
        return before
    if value[0] == "-":
        return 0
    digits = value.lstrip("0")
    return int(digits or "0") if len(digits) < len(str(FOREVER)) else FOREVER


def _cookie_date(value: str, before: int | None) -> int | None:
    if len(value) > MAX_ATTRIBUTE_VALUE:
        return before
    date = _imf_fixdate(value)
    if date is None:
        date = parse_cookie_date(value)
    return before if date is None else date


def _imf_fixdate(value: str) -> int | None:
    """Return the instant of an IMF-fixdate (RFC 9110 5.6.7), or None."""
    match = _IMF_FIXDATE.fullmatch(value)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    return _instant(
        int(year), _MONTH_NUMBERS[month.lower()], int(day), (int(hour), int(minute), int(second))
    )


def _instant(year: int, month: int, day: int, clock: tuple[int, int, int]) -> int | None:
    """Return seconds since 1970, or None for what RFC 6265bis 5.1.1, step 5, calls a failure."""
    hour, minute, second = clock
    if year < 1601 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))


# RFC 6265bis 5.1.1: what separates the tokens of a date, and the tokens themselves.
_DATE_TOKEN = re.compile(r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY_OF_MONTH = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")


def parse_cookie_date(value: str) -> int | None:
    """Return the instant of a cookie-date in seconds since 1970, or None.

    RFC 6265bis 5.1.1, step by step: the first token that fits a field is that field.
    """
    clock = day = month = year = None
    for token in _DATE_TOKEN.findall(value):
        if clock is None and (match := _TIME.match(token)):
            clock = (int(match[1]), int(match[2]), int(match[3]))
        elif day is None and (match := _DAY_OF_MONTH.match(token)):
            day = int(match[1])
        elif month is None and token[:3].lower() in _MONTH_NUMBERS:
            month = _MONTH_NUMBERS[token[:3].lower()]
        elif year is None and (match := _YEAR.match(token)):
            year = _full_year(int(match[1]))
    if clock is None or day is None or month is None or year is None:
        return None
    return _instant(year, month, day, clock)


def _full_year(year: int) -> int:
    """Return the year that a two-digit one means (RFC 6265bis 5.1.1, steps 3 and 4)."""
    if year < 70:
        return year + 2000
    return year + 1900 if year < 100 else year


def imf_fixdate(instant: int) -> str:
    """Return seconds since 1970 as an IMF-fixdate (RFC 9110 5.6.7), in no locale."""
    year, month, day, hour, minute, second, weekday, _, _ = time.gmtime(instant)
    return (
        f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} "
        f"{hour:02}:{minute:02}:{second:02} GMT"
    )


def path_matches(request_path: str, cookie_path: str) -> bool:
    """Whether a cookie of ``cookie_path`` comes with a request for ``request_path``.

    RFC 6265bis 5.1.4; ``""``, which means the folder of the request itself, always matches.
    """
    if not request_path.startswith(cookie_path):
        return False
    rest = request_path[len(cookie_path) :]
    return cookie_path.endswith("/") or rest[:1] in ("", "/")


def with_lifetime(pair: str, attributes: Attributes, seconds: int | None, now: int) -> str:
    """Return the line of ``pair`` and ``attributes`` that lives ``seconds`` from ``now``.

    It has exactly one Max-Age, and an Expires of the same instant only where the application
    sent one; with None it has neither and is a session cookie, with 0 it deletes.
    """
    if seconds is None:
        return f"{pair}{attributes.kept}"
    line = f"{pair}{attributes.kept}; Max-Age={seconds}"
    if not attributes.sends_expires:
        return line
    return f"{line}; Expires={imf_fixdate(now + seconds) if seconds else _PAST}"


class AttributeReader(Memo[str, Attributes]):
    """Attributes by their text: ``reader[text]`` reads what follows the first semicolon.

    An application writes the same few texts all day, but for the date, which changes every second.
    So what has a date is also remembered with the date cut out, and dates apart.
    """

    __slots__ = ("_cut", "_dates")

    def __init__(self) -> None:
        super().__init__(self._read, size=512, longest=512)
        self._cut: Memo[str, Attributes] = Memo(_read_cut, size=512, longest=512)
        self._dates: Memo[str, int | None] = Memo(_imf_fixdate, size=512, longest=_LENGTH_OF_DATE)

    def _read(self, text: str) -> Attributes:
        found = text.find("xpires=")
        start = found + _LENGTH_OF_XPIRES
        end = start + _LENGTH_OF_DATE
        instant = self._dates[text[start:end]] if found >= 0 else None
        # The letter before must begin an attribute: `foo=expires=…` is no date of the cookie's.
        if instant is None or not _begins_attribute(text, found):
            return read_attributes(text)
        known = self._cut[f"{text[:start]}{_CUT}{text[end:]}"]
        if not known.canonical:
            return read_attributes(text)
        return known if known.max_age is not None else replace(known, expires=instant)


def _begins_attribute(text: str, found: int) -> bool:
    return text.endswith(_BEFORE_XPIRES, 0, found) or text[:found] in (" E", " e")


def _read_cut(key: str) -> Attributes:
    """Read attributes whose Expires date was cut out; any date says the rest as well."""
    return read_attributes(key.replace(_CUT, _PAST, 1))
