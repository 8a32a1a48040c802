"""What holds whatever the application emits and whatever the browser sends."""

from __future__ import annotations

import asyncio
from typing import Any

from additions import is_deposits_cookie
from browser_reader import Reading, readings
from hypothesis import example, given, settings
from hypothesis import strategies as st

import consentgate.asgi
import consentgate.wsgi
from consentgate import CookieRule, Gate, Policy, Verdict
from consentgate.duration import months
from consentgate.testing import NOW, consent_cookie

POLICY = Policy(
    "1",
    cookies=[
        CookieRule("session", "necessary"),
        CookieRule("short", "necessary", max_age="1 hour"),
        CookieRule("test", "necessary", max_age="session"),
        CookieRule("_ga*", "statistics", max_age="13 months"),
        CookieRule("_pk_*.ab", "statistics", max_age="6 months"),
        CookieRule("_fbp", "advertising", max_age="90 days"),
    ],
)
GATE = Gate(POLICY, "key", clock=lambda: NOW)

NAMES = ["session", "short", "test", "_ga", "_ga_X1", "_pk_id.ab", "_fbp", "unheard"]
OWN_NAMES = ["eu-consent", "eu-consent-deposits"]
NUMBERS = ["0", "-1", "5", "3600", "3601", "33955200", "33955201", "99999999", "9" * 20]
ODD_NUMBERS = ['"5"', "5.0", "+5", "5abc", "9" * 20 + "abc", "1e9", "-", "", " 99999999 ", "\xb3"]
DATES = [
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Sat, 21 Nov 2026 01:00:00 GMT",
    "Sun, 18 Nov 2029 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
]
ODD_DATES = [
    "Sunday, 18-Nov-29 00:00:00 GMT",
    "Sun Nov 18 00:00:00 2029",
    "12/25/2090",
    "2029-11-18T00:00:00Z",
    "Sun, 18 Nov 2029 00:00:00 +0200",
    "Thu, 31 Feb 2029 00:00:00 GMT",
    "0",
    "",
]

names = st.sampled_from(NAMES + OWN_NAMES)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=";"))
plain_attributes = st.one_of(
    st.sampled_from(["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Domain=shop.example"]),
    st.sampled_from(["Partitioned", "Priority=High", "path=/a b", "X-New=1"]),
)
lifetimes = st.one_of(
    st.sampled_from(NUMBERS).map("Max-Age={}".format),
    st.sampled_from(DATES).map("Expires={}".format),
)
odd_lifetimes = st.one_of(
    st.sampled_from(NUMBERS + ODD_NUMBERS).map("max-age={}".format),
    st.sampled_from(NUMBERS).map(" MAX-AGE = {}".format),
    st.sampled_from(DATES + ODD_DATES).map("eXpires={}".format),
    st.sampled_from(['"Max-Age=99999999"', "\xa0Max-Age=99999999", "Max-Age\xa0=99999999"]),
)
any_text = st.text(st.characters(max_codepoint=0xFF), max_size=40)
odd_names = st.one_of(
    names.map(" {}".format),
    names.map("{} ".format),
    names.map("\t{}".format),
    names.map('"{}"'.format),
    names.map("\xa0{}".format),
    names.map("{}\xff".format),
    any_text,
)


@st.composite
def odd_lines(draw: st.DrawFn) -> str:
    """Return a Set-Cookie line of the kind that no framework should write."""
    name = draw(st.one_of(names, odd_names))
    equals = draw(st.sampled_from(["=", "=", "=", " = ", ""]))
    attributes = draw(
        st.lists(st.one_of(plain_attributes, lifetimes, odd_lifetimes, any_text), max_size=6)
    )
    separator = draw(st.sampled_from(["; ", ";", " ; ", ";\t"]))
    return separator.join([f"{name}{equals}{draw(values)}", *attributes])


@st.composite
def canonical_lines(draw: st.DrawFn) -> str:
    """Return a Set-Cookie line that every browser reads alike."""
    chosen = draw(st.lists(plain_attributes, unique_by=lambda text: text[:4].lower()))
    number = draw(st.none() | st.integers(-10, 10**9 - 1))
    if number is not None:
        chosen.append(f"Max-Age={number}")
        if draw(st.booleans()):
            chosen.append(f"Expires={draw(st.sampled_from(DATES))}")
    pair = f"{draw(names)}={draw(values)}"
    return "; ".join([pair, *draw(st.permutations(chosen))])


lines = st.one_of(odd_lines(), canonical_lines())
consents = st.none() | st.sets(st.sampled_from(["functional", "statistics", "advertising"]))


def cookie_of(granted: set[str] | None) -> str:
    """Return the Cookie header of a visitor with that consent."""
    return "" if granted is None else "=".join(consent_cookie(GATE, granted))


def through_wsgi(gate: Gate, emitted: list[str], cookie: str) -> list[str]:
    """Return the Set-Cookie lines that leave a WSGI application."""
    sent: list[tuple[str, str]] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Set-Cookie", line) for line in emitted])
        return []

    environ: dict[str, Any] = {"PATH_INFO": "/", "HTTP_COOKIE": cookie}
    consentgate.wsgi.ConsentGateMiddleware(app, gate)(
        environ,
        lambda status, headers, exc_info=None: sent.extend(headers),  # type: ignore[arg-type, return-value]
    )
    return [value for name, value in sent if name == "Set-Cookie"]


def through_asgi(gate: Gate, emitted: list[str], cookie: str) -> list[str]:
    """Return the Set-Cookie lines that leave an ASGI application."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"set-cookie", line.encode("latin-1")) for line in emitted]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def keep(message: Any) -> None:
        sent.extend(message["headers"])

    scope = {"type": "http", "path": "/", "headers": [(b"cookie", cookie.encode("latin-1"))]}
    asyncio.run(consentgate.asgi.ConsentGateMiddleware(app, gate)(scope, None, keep))  # type: ignore[arg-type]
    return [value.decode("latin-1") for name, value in sent if name == b"set-cookie"]


def may_be_stored(reading: Reading, granted: set[str] | None) -> bool:
    """Whether the policy above lets a browser keep a cookie that it reads so."""
    if reading.is_deletion:
        return True
    limits = {
        "session": (None, months(13)),
        "short": (None, 3600),
        "test": (None, None),
        "_pk_id.ab": ("statistics", months(6)),
        "_fbp": ("advertising", 90 * 86400),
    }
    category, limit = limits.get(reading.name, ("statistics", months(13)))
    if reading.name not in limits and not reading.name.startswith("_ga"):
        return False
    if category is not None and category not in (granted or ()):
        return False
    return reading.lifetime is None or (limit is not None and reading.lifetime <= limit)


@settings(max_examples=600, deadline=None)
@given(st.lists(lines, max_size=4), consents)
@example(['_ga=1; Max-Age="5"; Expires=12/25/2090'], None)
@example(["_ga=1; Path=/xpires=Thu, 01 Jan 1970 00:00:00 GMT"], {"statistics"})
@example(["_ga=1; Expires=; Max-Age=99999999"], {"statistics"})
def test_R6_R12_no_browser_finds_what_it_should_not(
    emitted: list[str], granted: set[str] | None
) -> None:
    """Nothing unconsented and nothing over its limit leaves, in whatever reading."""
    cookie = cookie_of(granted)
    released = through_wsgi(GATE, emitted, cookie)
    for line in released:
        if is_deposits_cookie(line) and GATE.first_deposits(line.partition(";")[0], NOW):
            continue  # signed by the gate
        for reading in readings(line, NOW):
            assert may_be_stored(reading, granted), (line, reading)
    assert released == through_asgi(GATE, emitted, cookie)


@given(canonical_lines(), consents)
def test_R2_allowed_canonical_lines_are_byte_identical(line: str, granted: set[str] | None) -> None:
    """A line that may leave, within its limit, leaves as it is; others are cut or gone."""
    (reading,) = readings(line, NOW)
    reserved = reading.name in OWN_NAMES and not reading.is_deletion
    released = through_wsgi(GATE, [line], cookie_of(granted))
    if may_be_stored(reading, granted) and not reserved:
        assert line == released.pop(0)
        assert (reading.lifetime or 0) > 0 or not released
        assert all(map(is_deposits_cookie, released))
    else:
        assert line not in released


@given(st.lists(odd_lines(), max_size=4), consents)
def test_R5_every_deletion_still_deletes(emitted: list[str], granted: set[str] | None) -> None:
    """However a deletion is mixed with other lines, it leaves as one."""
    deletion = "_fbp=; Max-Age=0; Path=/"
    assert deletion in through_wsgi(GATE, [*emitted, deletion], cookie_of(granted))


@given(st.lists(lines, max_size=4), consents)
def test_R7_report_is_silent_on_the_wire(emitted: list[str], granted: set[str] | None) -> None:
    """In ``report`` mode every line leaves as it came."""
    gate = Gate(Policy("1", mode="report", cookies=POLICY.cookies), "key", clock=lambda: NOW)
    assert emitted == through_wsgi(gate, emitted, cookie_of(granted))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_R19_a_flipped_byte_makes_the_visitor_undecided(data: st.DataObject) -> None:
    """Not one byte of a token can change, be lost or be added."""
    name, token = consent_cookie(GATE, ["statistics"])
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=";"))
    changed = data.draw(
        st.sampled_from(
            [
                token[:position] + other + token[position + 1 :],
                token[:position] + token[position + 1 :],
                token[:position] + other + token[position:],
            ]
        )
    )
    if changed != token:
        assert [] == through_wsgi(GATE, ["_ga=1"], f"{name}={changed}")


@given(st.lists(st.one_of(lines, any_text), max_size=8), consents)
def test_R17_R24_whatever_the_browser_sends_nothing_hidden_is_seen(
    pieces: list[str], granted: set[str] | None
) -> None:
    """No Cookie header breaks the gate, and what is left of it is part of what was sent."""
    header = "; ".join([*pieces, cookie_of(granted)])
    visible = GATE.visit(NoHeaders(), header).readable(header)
    names_seen = [piece.partition("=")[0].strip(" \t") for piece in visible.split(";")]
    allowed = granted or set()
    assert "advertising" in allowed or "_fbp" not in names_seen
    assert "statistics" in allowed or not any(name.startswith("_ga") for name in names_seen)
    rest = iter(piece.strip(" \t") for piece in header.split(";"))
    assert all(piece.strip(" \t") in rest for piece in visible.split(";") if visible)


class NoHeaders:
    """A request that says nothing."""

    def header(self, name: str) -> str:
        """Return nothing."""
        return ""

    def path(self) -> str:
        """Return the root."""
        return "/"

    def is_secure(self) -> bool:
        """Return false."""
        return False


@given(st.lists(lines, max_size=4), consents)
def test_R25_every_change_has_a_verdict(emitted: list[str], granted: set[str] | None) -> None:
    """As many verdicts as lines changed, and none holds a value."""
    verdicts: list[Verdict] = []
    gate = Gate(POLICY, "key", on_verdict=verdicts.append, clock=lambda: NOW)
    visit = gate.visit(NoHeaders(), cookie_of(granted))
    changed = [line for line in emitted if visit.judge(line) is not line]
    assert len(changed) == len(verdicts)
