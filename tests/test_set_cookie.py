"""One Set-Cookie line, read and rewritten (R1-R3), against a transcription of RFC 6265bis."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from browser_reader import readings
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_properties import DATES, ODD_DATES, any_text, canonical_lines, odd_lines

from consentgate.set_cookie import (
    FOREVER,
    MAX_ATTRIBUTE_VALUE,
    TOKEN,
    AttributeReader,
    has_control_character,
    imf_fixdate,
    is_plain,
    path_matches,
    read,
    read_attributes,
    with_lifetime,
)
from consentgate.testing import NOW

# RFC 6265bis 5.1.1 and 5.6, step by step, sharing nothing with the module under test.

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DELIMITERS = [0x09, *range(0x20, 0x30), *range(0x3B, 0x41), *range(0x5B, 0x61), *range(0x7B, 0x7F)]


def number_at_start(text: str, least: int, most: int) -> int | None:
    """Return ``<least>*<most>DIGIT [non-digit *OCTET]``, or None."""
    digits = "".join(itertools.takewhile("0123456789".__contains__, text))
    return int(digits) if least <= len(digits) <= most else None


def time_of_day(token: str) -> tuple[int, int, int] | None:
    """Return the three numbers of ``hms-time [non-digit *OCTET]``, or None."""
    hour, _, rest = token.partition(":")
    minute, _, second = rest.partition(":")
    if not (hour.isdigit() and minute.isdigit()):
        return None
    numbers = [number_at_start(field, 1, 2) for field in (hour, minute, second)]
    return None if None in numbers else (numbers[0], numbers[1], numbers[2])  # type: ignore[return-value]


def rfc_date(text: str) -> int | None:
    """Return the seconds since 1970 of a cookie-date (RFC 6265bis 5.1.1), or None."""
    spaced = "".join(" " if ord(octet) in DELIMITERS else octet for octet in text)
    clock = day = month = year = None
    for token in filter(None, spaced.split(" ")):
        if clock is None and time_of_day(token) is not None:
            clock = time_of_day(token)
        elif day is None and number_at_start(token, 1, 2) is not None:
            day = number_at_start(token, 1, 2)
        elif month is None and token[:3].lower() in MONTHS:
            month = MONTHS.index(token[:3].lower()) + 1
        elif year is None:
            year = number_at_start(token, 2, 4)
    if clock is None or day is None or month is None or year is None:
        return None
    if 70 <= year <= 99:
        year += 1900
    elif year <= 69:
        year += 2000
    return instant(year, month, day, clock)


def instant(year: int, month: int, day: int, clock: tuple[int, int, int]) -> int | None:
    """Return seconds since 1970, or None where there is no such instant (step 5)."""
    hour, minute, second = clock
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) if year >= 1601 else None


class RFCReading(NamedTuple):
    """What RFC 6265bis 5.6 makes of a line."""

    name: str
    value: str
    lifetime: int | None


def rfc_read(line: str, now: int) -> RFCReading:
    """Return the reading of a line without control characters, whatever its size."""
    pair, *attributes = line.split(";")
    name, value = pair.split("=", 1) if "=" in pair else ("", pair)
    max_age = expires = None
    for attribute in attributes:
        key, _, text = (part.strip(" \t") for part in attribute.partition("="))
        if len(text) > 1024:
            continue
        if key.lower() == "max-age" and rfc_delta(text) is not None:
            max_age = rfc_delta(text)
        if key.lower() == "expires" and rfc_date(text) is not None:
            expires = rfc_date(text)
    if max_age is None and expires is not None:
        return RFCReading(name.strip(" \t"), value.strip(" \t"), expires - now)
    return RFCReading(name.strip(" \t"), value.strip(" \t"), max_age)


def rfc_delta(text: str) -> int | None:
    """Return the seconds of a Max-Age (5.6.2), all past ones alike, or None to ignore it."""
    digits = text.removeprefix("-")
    if not digits or any(digit not in "0123456789" for digit in digits):
        return None
    return 0 if text.startswith("-") else min(int(digits), FOREVER)


# What lines are made of.

clean_lines = st.one_of(odd_lines(), canonical_lines()).filter(
    lambda line: not has_control_character(line)
)
date_tokens = st.one_of(
    st.sampled_from(
        ["Mon", "jan", "February", "DEC", "Mayor", "GMT", "1", "31", "029", "2x", "x2"]
    ),
    st.sampled_from(["1600", "1601", "2029", "99", "69", "70", "007", "20290", "2029th", "\xb2"]),
    st.sampled_from(["10:11:12", "1:2:3", "24:00:00", "10:60:00", "10:11:60", "10:11", "1:2:34x"]),
    st.sampled_from(["010:11:12", "10:11:123", "10:11:12:13", ":1:2", "::", "\xe9", "-5"]),
)
separators = st.sampled_from([" ", "-", ",", "  ", "\t", "/", "_", "`", "~", "@", ";", "\x7f"])


@st.composite
def dates(draw: st.DrawFn) -> str:
    """Return a text with the parts of a date, more or less."""
    parts = draw(st.lists(st.tuples(separators, date_tokens), max_size=7))
    return "".join(separator + token for separator, token in parts)


dated = st.sampled_from(DATES).map("Expires={}".format)
pieces = st.one_of(
    st.sampled_from(["Path=/", "Secure", "Max-Age=60", "max-age=0", "Max-Age=x", "Priority=High"]),
    dated,
    dated.map(str.lower),
    dated.map("Path=/{}".format),
    dated.map("{} trailing".format),
    dated.map("x {}".format),
    dated.map(str.upper),
    st.sampled_from(DATES + ODD_DATES).map("expires={}".format),
    st.sampled_from(['"Expires=', "Expires", "xpires=", "Expires= ", "Max-Age\t=60", "", "\0"]),
)
attribute_texts = st.lists(st.tuples(st.sampled_from(["; ", ";", " ; "]), pieces), max_size=5).map(
    lambda chosen: "".join(separator + piece for separator, piece in chosen)[1:]
)


@settings(max_examples=500)
@given(st.one_of(dates(), any_text, st.sampled_from(DATES + ODD_DATES)))
@example("1 Jan 2029 1:2:3")
@example("10:11:12 99 Feb 28")
@example("Thu, 31 Feb 2029 00:00:00 GMT")
def test_R1_a_date_is_read_as_rfc_6265bis_says(text: str) -> None:
    """Every date, however odd, is the instant that section 5.1.1 makes of it."""
    assert rfc_date(text) == read_attributes(f" Expires={text.replace(';', ' ')}").expires


@settings(max_examples=500)
@given(clean_lines)
@example("_ga=1; Max-Age=5; Max-Age=x; Expires=Sun, 18 Nov 2029 00:00:00 GMT")
@example(f"_ga=1; Max-Age={'0' * 1020}5; Max-Age={'9' * 1025}")
@example(f"_ga=1; Expires={'Sun, 18 Nov 2029 00:00:00 GMT'.ljust(1025, 'x')}")
@example("_ga=1; Max-Age=-")
def test_R1_a_line_is_read_as_rfc_6265bis_says(line: str) -> None:
    """Name, value and lifetime are those of section 5.6."""
    cookie, now = read(line), int(NOW)
    found = RFCReading(cookie.name, cookie.value, cookie.attributes.lifetime(now))
    assert rfc_read(line, now) == found


@settings(max_examples=300)
@given(clean_lines)
def test_R1_a_canonical_line_has_one_reading(line: str) -> None:
    """What we call canonical is read alike by every reader we can think of."""
    pair, _, text = line.partition(";")
    name, equals, _ = pair.partition("=")
    attributes = read_attributes(text)
    if not (equals and TOKEN.fullmatch(name) and is_plain(pair)):
        return
    if attributes.canonical and (attributes.max_age is not None or attributes.expires is None):
        life = attributes.lifetime(int(NOW))
        (reading,) = readings(line, NOW)
        assert (name, life) == (reading.name, reading.lifetime and max(reading.lifetime, 0))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", True),
        (" Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned; Priority=High", True),
        (" path=/a b; x=1; x=2;;", True),
        (" Max-Age=0", True),
        (" max-age=-5", True),
        (" Max-Age=999999999", True),
        (" Expires=Sun, 18 Nov 2029 00:00:00 GMT", True),
        (" Expires=Mon, 18 Nov 2029 00:00:00 GMT", True),  # no browser looks at the weekday
        (f" Path={'/' * MAX_ATTRIBUTE_VALUE}", True),
        (f" Path={'/' * (MAX_ATTRIBUTE_VALUE + 1)}", False),
        (" Max-Age=1000000000", False),
        (" Max-Age=", False),
        (" Max-Age", False),
        (" Max-Age=+5", False),
        (" Max-Age=-", False),
        (" Max-Age=5.0", False),
        (" Max-Age= 5", False),
        (" Max-Age =5", False),
        (" Max-Age=5; max-age=5", False),
        (" Path=/; path=/", False),
        (' Path="/"', False),
        (" Expires=Sun, 18 Nov 2029 00:00:00 UTC", False),
        (" Expires=Sunday, 18-Nov-29 00:00:00 GMT", False),
        (" Expires=Sat, 31 Feb 2029 00:00:00 GMT", False),
        (" Expires=Sat, 00 Jan 2029 00:00:00 GMT", False),
        (" Expires=Sat, 28 Feb 2029 24:00:00 GMT", False),
        (" Expires=Sat, 28 Feb 2029 23:60:00 GMT", False),
        (" Expires=Sat, 28 Feb 2029 23:59:60 GMT", False),
        (" Expires=Thu, 01 Jan 1600 00:00:00 GMT", False),
        (" Expires=Thu, 01 Jan 0027 00:00:00 GMT", False),
        (" X-Max-Age=5", False),
        (" Expires2=5", False),
    ],
)
def test_R1_what_is_canonical(text: str, canonical: bool) -> None:
    """Attributes are canonical where every browser reads them alike, and only there."""
    assert canonical == read_attributes(text).canonical


@given(st.lists(attribute_texts, max_size=6))
@example([" Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=Sun, 18 Nov 2029 00:00:00 GMT"])
@example([" Path=/xpires=Thu, 01 Jan 1970 00:00:00 GMT", " Path=/xpires="])
@example([" expires=Thu, 01 Jan 1970 00:00:00 GMT", " Expires=Thu, 01 Jan 1970 00:00:00 GMT0"])
@example([" Expires=Thu, 01 Jan 1970 00:00:00 GMT", " Expires=Sun, 18 Nov 2029 00:00:00 GMT"])
@example([" Expires=Thu, 01 Jan 1970 00:00:00 GMT", " Expires=Thu, 01 Jan 1970 00:00:0"])
@example(
    [" Expires=Thu, 01 Jan 1970 00:00:00 GMT; x=\0", "\0; Expires=Sun, 18 Nov 2029 00:00:00 GMT"]
)
@example([f" Path=/{'a' * 600}; Expires=Sun, 18 Nov 2029 00:00:00 GMT"] * 2)
@example([" xxpires=Thu, 01 Jan 1970 00:00:00 GMT"])
@example(["expires=Thu, 01 Jan 1970 00:00:00 GMT", "xpires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_R1_what_is_remembered_is_what_would_be_read(texts: list[str]) -> None:
    """Whatever the reader saw before, it reads the next text as if it were the first."""
    reader = AttributeReader()
    for text in [*texts, *reversed(texts)]:
        assert read_attributes(text) == reader[text]


@given(st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=5))
def test_R1_dates_are_remembered_apart_from_the_rest(instants: list[int]) -> None:
    """The same attributes with another date are not mistaken for those seen before."""
    reader = AttributeReader()
    texts = [f" Path=/; Expires={imf_fixdate(one)}; Secure" for one in instants]
    assert instants == [reader[text].expires for text in texts]


def test_R24_what_is_remembered_is_bounded() -> None:
    """Of dates without end the last ones are held, of texts that are too long none."""
    reader = AttributeReader()
    for number in range(5000):
        assert reader[f" Path=/; Expires={imf_fixdate(number)}"].expires == number
        assert reader[f" Path=/{'x' * 600}{number}"].max_age is None
    assert (1024, 1) >= (len(reader) + len(reader._old), len(reader._cut))
    assert reader[" Path=/"] is reader[" Path=/"]


@pytest.mark.parametrize("text", [" Max-Age=9; Expires={}", " Expires={}; Max-Age=9"])
def test_R1_max_age_beats_expires(text: str) -> None:
    """Where both are valid there is no instant, only a number of seconds (RFC 6265bis 5.7)."""
    text = text.format("Sun, 18 Nov 2029 00:00:00 GMT")
    for attributes in (read_attributes(text), AttributeReader()[text]):
        assert (9, None) == (attributes.max_age, attributes.expires)
        assert attributes.sends_expires


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        (" Path=/", "/"),
        (" PATH = /a ", "/a"),
        (" Path=/a; path=/b", "/b"),
        (" Path=/a; Path=b", ""),
        (" Path", ""),
        (" Max-Age=5; Path=/a=b", "/a=b"),
    ],
)
def test_R13_the_last_path_counts(text: str, path: str) -> None:
    """One that does not begin with a slash is that of the request (RFC 6265bis 5.6.4)."""
    for canonical in (True, False):
        assert path == read_attributes(text, canonical=canonical).path


@pytest.mark.parametrize(
    ("text", "is_strict"),
    [
        ("", False),
        (" SameSite=Strict", True),
        (" samesite = STRICT ", True),
        (" SameSite=Lax", False),
        (" SameSite=Strict; SameSite=None", False),
        (" SameSite=Strictly", False),
    ],
)
def test_R13_same_site_is_read_in_any_case(text: str, is_strict: bool) -> None:
    """The last one counts (RFC 6265bis 5.6.7 and 5.7)."""
    for canonical in (True, False):
        assert is_strict == read_attributes(text, canonical=canonical).is_strict


@pytest.mark.parametrize(
    ("request_path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/a", "/", True),
        ("/a", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/ab", "/a", False),
        ("/a", "/a/", False),
        ("/a", "/A", False),
        ("/", "/a", False),
        ("/a/b", "", True),
    ],
)
def test_R13_a_path_matches_whole_segments(
    request_path: str, cookie_path: str, matches: bool
) -> None:
    """As RFC 6265bis 5.1.4 says; no Path is the folder of the request itself."""
    assert matches == path_matches(request_path, cookie_path)


@given(st.integers(instant(1601, 1, 1, (0, 0, 0)), instant(9999, 12, 31, (23, 59, 59))))
def test_R12_a_written_date_is_the_same_instant(seconds: int) -> None:
    """An Expires that we write is canonical and means what it should."""
    attributes = read_attributes(f" Expires={imf_fixdate(seconds)}")
    assert (True, seconds) == (attributes.canonical, attributes.expires)
    assert seconds == rfc_date(imf_fixdate(seconds))


@settings(max_examples=500)
@given(clean_lines, st.none() | st.integers(0, 34_560_000))
@example('_ga=1; "Max-Age=99999999"; Max-Age\xa0=5; \xa0Expires=x; x=y', 60)
def test_R3_what_we_rewrite_has_one_reading(line: str, seconds: int | None) -> None:
    """In our own words a line lives as long as we decided, in every plausible reading."""
    cookie, now = read(line), int(NOW)
    ours = with_lifetime(cookie.pair, cookie.attributes, seconds, now)
    assert {seconds} == {reading.lifetime for reading in readings(ours, NOW)}
    if cookie.name:
        assert (cookie.name, cookie.value, seconds) == rfc_read(ours, now)
    max_ages = [piece for piece in ours.split(";") if piece.startswith(" Max-Age=")]
    assert (seconds is not None) == (len(max_ages) == 1)


@settings(max_examples=300)
@given(clean_lines)
def test_R2_all_but_the_lifetime_survives(line: str) -> None:
    """What is kept of a line is its other attributes, byte for byte and in order."""
    others = [
        piece
        for piece in line.split(";")[1:]
        if not re.search("max-age|expires", piece.partition("=")[0], re.IGNORECASE | re.ASCII)
    ]
    rest = [] if line.partition(";")[2] == "" else others  # a last semicolon begins nothing
    assert rest == read(line).attributes.kept.split(";")[1:]


@pytest.mark.parametrize(
    ("text", "seconds", "expected"),
    [
        (" Path=/", None, "a=1; Path=/"),
        (" Path=/; Max-Age=9", None, "a=1; Path=/"),
        (" Max-Age=9; Path=/", 5, "a=1; Path=/; Max-Age=5"),
        (
            " Expires=bad; Path=/",
            60,
            "a=1; Path=/; Max-Age=60; Expires=Sat, 21 Nov 2026 00:01:00 GMT",
        ),
        (
            " Expires=Thu, 01 Jan 2009 00:00:00 GMT",
            0,
            "a=1; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ),
    ],
)
def test_R12_one_max_age_and_expires_only_where_it_was(
    text: str, seconds: int | None, expected: str
) -> None:
    """A session has neither, a deletion is one by both, Expires is the same instant."""
    assert expected == with_lifetime("a=1", read_attributes(text), seconds, int(NOW))


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ('"_ga"', "_ga"),
        ("'_ga'", "_ga"),
        ('_ga"x', "_ga"),
        ("_ga x", "_ga"),
        ("_ga\tx", "_ga"),
        ("\xa0_ga", "_ga"),
        ("_ga\x85", "_ga"),
        ("_ga\xc2\xa0", "_ga"),
        ("_ga\xe3\x80\x80", "_ga"),
        ("_ga\xff", "_ga"),
        ("\xef\xbc\x9f", "\uff1f"),
    ],
)
def test_R3_a_doubtful_name_is_every_name_it_could_become(name: str, alias: str) -> None:
    """Blanks, quotes and encodings hide no name; the name itself is among them."""
    assert {name, alias} <= read(f"{name}=1").aliases


@given(st.text(max_size=20))
@example("_ga\u2192")
def test_R24_text_that_no_wire_carries_is_read_too(name: str) -> None:
    """A name outside latin-1, which only a test client would pass on, raises nothing."""
    cookie = read(f"{name}=1")
    assert (cookie.name != "") == bool(cookie.aliases)


@pytest.mark.parametrize("control", [*map(chr, range(32)), "\x7f"])
def test_R3_control_characters_are_seen_wherever_they_are(control: str) -> None:
    """All but the tab have browsers drop the line, in names, values and attributes."""
    for line in (f"_g{control}a=1", f"_ga=1{control}", f"_ga=1; x{control}=y", f"{control}_ga=1"):
        assert (control != "\t") == has_control_character(line)
