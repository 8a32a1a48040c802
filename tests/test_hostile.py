"""A hostile request or a broken application: served, nothing let through, bounded work (R24)."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from additions import without_additions
from test_gate import RULES, ask, counted_calls, granting, make_gate

import consentgate.asgi
from consentgate import Category, CookieRule, Verdict
from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 65_536
"""Octets: the most that common servers take for a header."""

GLOBS = [
    *RULES,
    CookieRule("*a*a*a*a*a*b", "advertising"),
    CookieRule("?*?*?*?*x", "advertising"),
    CookieRule("*_id.*.*.*", "advertising"),
]

_RANDOM = random.Random(1)  # noqa: S311  # the same noise each time
_NOISE = _RANDOM.randbytes(SIZE).decode("latin-1")

# What readers take off a name, or read in another encoding: names within names within names.
WRAPPERS = {
    "quotes and blanks": '"\xa0',
    "blanks and quotes": "\xa0'",
    "quotes and controls": '"\x0b',
    "quotes, a letter and blanks": '"\xa0x "',
    "octets encoded twice": "\xc3\x83\xc2\xa0",
    "octets of no encoding": '\xff"\xc3',
}

HEADERS: dict[str, Callable[[int], str]] = {
    "separators": lambda size: ";" * size,
    "spaced separators": lambda size: "; " * (size // 2),
    "equals": lambda size: "=" * size,
    "blanks": lambda size: " " * size,
    "tabs": lambda size: "\t=\t;" * (size // 4),
    "one name": lambda size: "a" * size,
    "one value": lambda size: "a=" + "b" * (size - 2),
    "one governed value": lambda size: "_ga=" + "b" * (size - 4),
    "one governed name": lambda size: "_ga" + "b" * (size - 4) + "=",
    "a name that globs almost match": lambda size: "a" * (size - 2) + "c=",
    "dots that globs almost match": lambda size: "_id" + "." * (size - 3),
    "many names": lambda size: "; ".join(f"n{number}=" for number in range(size // 8)),
    "many governed": lambda size: "_ga=1; " * (size // 7),
    "many governed names": lambda size: "; ".join(f"_ga{n}=" for n in range(size // 10)),
    "nameless": lambda size: "; ".join(["_ga"] * (size // 5)),
    "quotes": lambda size: '"; _ga="' * (size // 8),
    "nulls": lambda size: "\0" * size,
    "null names": lambda size: "\0_ga=\0; _ga\0=1;" * (size // 16),
    "bare line ends": lambda size: "_ga=1\r\nSet-Cookie: _ga=1\r\n" * (size // 26),
    "noise": lambda size: _NOISE[:size],
    "broken UTF-8": lambda size: "\xc3; \xff_ga\xfe=\xed\xa0\x80;" * (size // 13),
    "consent names": lambda size: "eu-consent; " * (size // 12),
    "consent cookies": lambda size: "eu-consent=x; " * (size // 14),
    "consent in values": lambda size: "a=eu-consent; " * (size // 14),
    "a long consent": lambda size: "eu-consent=" + "policy=1&" * (size // 9),
    "signatures": lambda size: "eu-consent=" + "&signature=" * (size // 11),
    "percent signs": lambda size: "eu-consent=" + "%" * 900 + "&signature=AAAA",
    "commas": lambda size: "_ga=1," * (size // 6),
    **{
        f"a name of {title}": lambda size, unit=unit: unit * (size // len(unit)) + "x="  # type: ignore[misc]
        for title, unit in WRAPPERS.items()
    },
    "names within names": lambda size: "; ".join(["\"\xa0\x0b'" * 9 + "x=1"] * (size // 42)),
}
LINES: dict[str, Callable[[int], str]] = {
    "attributes": lambda size: "_ga=1" + "; x" * (size // 3),
    "canonical attributes": lambda size: "session=1" + "; x=1" * (size // 5),
    "lifetimes": lambda size: "_ga=1" + "; Max-Age=99999999" * (size // 18),
    "deletions and one life": lambda size: "_ga=1" + "; Max-Age=0" * (size // 11) + "; Max-Age=9",
    "dates": lambda size: "_ga=1" + "; Expires=Sun, 18 Nov 2029 00:00:00 GMT" * (size // 40),
    "date tokens": lambda size: "_ga=1; Expires=" + "1:1:1 1 Jan 2099 " * 55,
    "digits": lambda size: "_ga=1; Max-Age=" + "9" * size,
    "separators": lambda size: "_ga=1" + ";" * size,
    "a long name": lambda size: "_ga" + "x" * size + "=1",
    "a long doubtful name": lambda size: '"_ga' + " x" * (size // 2) + '"=1',
    "a name that globs almost match": lambda size: "a" * size + "c=1",
    "a long value": lambda size: "_ga=" + "x" * size,
    "quotes": lambda size: '"' * size + "_ga=1",
    "blanks": lambda size: " " * size + "_ga" + " " * size + "=" + " " * size + "1",
    "nulls": lambda size: "_ga=" + "\0" * size,
    "noise": lambda size: "_ga=" + _NOISE[:size],
    "nameless": lambda size: "=" * size,
    **{
        f"a name of {title}": lambda size, unit=unit: unit * (size // len(unit)) + "_ga=1"  # type: ignore[misc]
        for title, unit in WRAPPERS.items()
    },
    "a long path": lambda size: "_ga=1; Path=/" + "x" * size + "; Max-Age=9",
}


@pytest.mark.parametrize("shape", HEADERS)
def test_R24_a_hostile_cookie_header_is_served(shape: str) -> None:
    """It raises nothing, hides what is governed, and gains the visitor no consent."""
    gate = make_gate(cookies=GLOBS)
    answer = ask(gate, "_ga=1", "session=1; Path=/", cookie=HEADERS[shape](SIZE))
    assert ["session=1; Path=/"] == answer.set_cookies
    names = {piece.partition("=")[0].strip(" \t") for piece in answer.saw.split(";")}
    assert not [name for name in names if name.startswith("_ga")]


@pytest.mark.parametrize("shape", HEADERS)
def test_R24_a_hostile_cookie_header_is_served_by_asgi(shape: str) -> None:
    """The same octets in one header and in a hundred, and a hundred alone hide no more."""
    octets = HEADERS[shape](SIZE).encode("latin-1")
    pieces = [octets[at : at + SIZE // 100] for at in range(0, len(octets), SIZE // 100)]
    for cookies in ([octets], pieces):
        sent: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"set-cookie", b"_ga=1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def keep(message: Any, sent: list[Any] = sent) -> None:
            sent.append([line for _, line in message["headers"]])

        scope = {"type": "http", "path": "/", "headers": [(b"cookie", one) for one in cookies]}
        middleware = consentgate.asgi.ConsentGateMiddleware(app, make_gate(cookies=GLOBS))
        asyncio.run(middleware(scope, None, keep))  # type: ignore[arg-type]
        (lines,) = sent
        assert [] == without_additions(line.decode("latin-1") for line in lines)
        assert 4096 > sum(map(len, lines))


@pytest.mark.parametrize("shape", LINES)
def test_R24_a_hostile_line_is_stripped(shape: str) -> None:
    """No Set-Cookie line, however odd or long, raises or leaves without consent."""
    lines = [LINES[shape](SIZE), LINES[shape](10)]
    released = ask(make_gate(cookies=GLOBS), *lines).set_cookies
    assert [line for line in lines if line.startswith("session=")] == released


def work(hostile: str, *, is_line: bool) -> int:
    """Return the Python calls that a request with a hostile header or response costs."""
    gate = make_gate(cookies=GLOBS, categories=[Category("statistics", mode="report")])
    ask(gate)
    if is_line:
        return counted_calls(lambda: ask(gate, hostile)).total()
    return counted_calls(lambda: ask(gate, cookie=hostile)).total()


@pytest.mark.parametrize("shape", HEADERS)
def test_R24_the_work_for_a_header_is_linear(shape: str) -> None:
    """Twice the header costs at most twice the calls."""
    once, twice = (work(HEADERS[shape](size), is_line=False) for size in (SIZE // 4, SIZE // 2))
    assert twice <= 2.1 * once + 50


@pytest.mark.parametrize("shape", LINES)
def test_R24_the_work_for_a_line_is_linear(shape: str) -> None:
    """Twice the line costs at most twice the calls."""
    once, twice = (work(LINES[shape](size), is_line=True) for size in (SIZE // 4, SIZE // 2))
    assert twice <= 2.1 * once + 50


def test_R24_ten_thousand_attributes_hide_no_lifetime() -> None:
    """Browsers read the last of them all, and so do we."""
    line = f"session=1{'; x' * 10_000}; Max-Age=99999999"
    (released,) = ask(make_gate(), line).set_cookies
    assert released == line.replace("99999999", "33955200")


def test_R24_few_signatures_are_verified() -> None:
    """Thousands of consent cookies cost no more signatures than eight do."""
    gate = make_gate()
    eight, many = (
        counted_calls(lambda count=count: ask(gate, "_ga=1", cookie="eu-consent=x; " * count))  # type: ignore[misc]
        for count in (8, 4000)
    )
    assert 0 < eight["itsdangerous.signer"]
    assert many["itsdangerous.signer"] <= eight["itsdangerous.signer"]


def test_R24_memory_does_not_grow_with_names() -> None:
    """A hundred thousand names of the visitor's making are forgotten again."""
    gate = make_gate()
    for batch in range(25):
        ask(gate, cookie="; ".join(f"n{batch}-{number}=1" for number in range(4000)))
        ask(gate, cookie=f"{'x' * 1000}{batch}=1")
    held = [value for value in vars(gate).values() if isinstance(value, dict)]
    assert sum(map(len, held)) < 20_000
    assert max(len(key) for memo in held for key in memo if isinstance(key, str)) <= 1024


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token.replace("statistics=false", "statistics=true"),
        lambda token: f"statistics=true&{token}",
        lambda token: f"{token}&statistics=true",
        lambda token: token.replace("&signature=", "&statistics=true&signature="),
        lambda token: token.replace("&signature=", "&signature=&signature="),
        lambda token: token.partition("&signature=")[0],
        lambda token: token.partition("&signature=")[0] + "&signature=",
        lambda token: token.replace("policy=1", "policy=%31"),
        lambda token: token.replace("&", "%26"),
        lambda token: f'"{token}"',
        lambda token: token + "\0",
        lambda token: f"{token}\xa0",
        lambda token: token.replace("time=1", "time=+1"),
        str.swapcase,
        lambda token: token[::-1],
    ],
)
def test_R19_R24_a_forged_token_gives_nothing(forge: Callable[[str], str]) -> None:
    """No rearrangement of a refusal makes a grant, and none raises."""
    gate = make_gate()
    name, token = consent_cookie(gate, [])
    verdicts: list[Verdict] = []
    gate = make_gate(verdicts)
    answer = ask(gate, "_ga=1", cookie=f"{name}={forge(token)}")
    assert [] == answer.set_cookies
    assert ["undecided"] == [verdict.reason for verdict in verdicts]


def test_R24_another_sites_token_is_a_foreign_one() -> None:
    """A token that another key signed counts nowhere else."""
    gate = make_gate()
    cookie = granting(consentgate.Gate(gate.policy, "other key", clock=gate.clock), "statistics")
    assert [] == ask(gate, "_ga=1", cookie=cookie).set_cookies


def test_R24_a_hostile_path_or_signal_raises_nothing() -> None:
    """Neither broken UTF-8 nor 64 kB of commas."""
    gate = make_gate(gpc="override", routes=[consentgate.Route("/contact")])
    signals = {"HTTP_SEC_GPC": "," * SIZE}
    for path in ("/\xff\xfe", "/\0", "\xc3" * SIZE, ""):
        answer = ask(gate, "session=1", "_fbp=1", path=path, signals=signals)
        assert ["session=1"] == answer.set_cookies
