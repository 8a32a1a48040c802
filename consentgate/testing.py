"""For tests: a visitor's consent cookie, assertions on responses, and the contract of every front.

A *front* is whatever carries the gate into an application: our middleware, our adapters, and
those that others write. To show that a front is sound, inherit `FrontContract`, say how your
front answers one request, and let pytest run it::

    class TestMyFront(FrontContract):
        def respond(self, gate, request, view):
            app = my_framework.App(middleware=[MyMiddleware(gate)])
            ...
            return Response(status, headers, body)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from consentgate.assertions import assert_gated, assert_max_age, assert_no_cookies
from consentgate.consent import Consent
from consentgate.deposits import deposit_key
from consentgate.duration import DAY, months
from consentgate.exceptions import CookieBlocked
from consentgate.gate import Gate
from consentgate.known_cookie import Verdict
from consentgate.policy import Category, CookieRule, Policy, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from consentgate.record import Document, Record, RecordStore

__all__ = [
    "FrontContract",
    "Request",
    "Response",
    "View",
    "assert_gated",
    "assert_max_age",
    "assert_no_cookies",
    "consent_cookie",
    "deposits_cookie",
]


def consent_cookie(
    gate: Gate, granted: Iterable[str] = (), decided_at: float | None = None
) -> tuple[str, str]:
    """Return name and value of the consent cookie of a visitor who accepted only ``granted``.

    ``decided_at`` is when, in seconds since 1970; now, by the gate's clock, where it is left out.
    Raises `UnknownCategory`.
    """
    now = gate.clock() if decided_at is None else decided_at
    consent = Consent(gate.policy, None, "ignore", now)
    consent.choose(*granted)
    assert consent.decision is not None  # choose made it
    return gate.policy.cookie_name, gate.sign(consent.decision)


def deposits_cookie(gate: Gate, first_set: Mapping[str, float]) -> tuple[str, str]:
    """Return name and value of the cookie that says since when a browser has other cookies.

    ``first_set`` maps each cookie's name to seconds since 1970. Send it with these cookies to see
    what the gate does late in their lives (R13).
    """
    dates = {deposit_key(name): int(first) for name, first in first_set.items()}
    line = gate.deposits_cookie(dates, now=gate.clock(), secure=False)
    name, _, value = line.partition(";")[0].partition("=")
    return name, value


@dataclass(frozen=True)
class Request:
    """What the visitor's browser sends."""

    method: str = "GET"
    path: str = "/"
    headers: Sequence[tuple[str, str]] = ()
    secure: bool = False
    body: bytes = b""

    @property
    def url(self) -> str:
        """The address asked for, on a host that no front treats specially."""
        return f"{'https' if self.secure else 'http'}://shop.example{self.path}"


@dataclass
class View:
    """What the application does with the request, and what it saw of it.

    The front calls `see` with the Cookie header the application finds (None without one) and with
    a function that returns the request's consent, then answers with `status`, `headers`, one
    Set-Cookie line for each of `set_cookies`, byte for byte and in order, and the pieces of
    `body`, streamed where it can stream.
    """

    set_cookies: Sequence[str] = ()
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: Sequence[bytes] = (b"Hello",)
    decide: Callable[[Consent], object] | None = None
    saw: list[str | None] = field(default_factory=list[str | None])

    def see(self, cookie: str | None, consent_from_request: Callable[[], Consent]) -> None:
        """Note what the application sees, and let it decide."""
        self.saw.append(cookie)
        if self.decide is not None:
            self.decide(consent_from_request())


@dataclass(frozen=True)
class Response:
    """What reaches the visitor's browser."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """Return the values of the headers called ``name``, blanks stripped (RFC 9110 5.5)."""
        return [value.strip(" \t") for key, value in self.headers if key.strip().lower() == name]

    @property
    def set_cookies(self) -> list[str]:
        """The Set-Cookie lines, in order."""
        return self.values("set-cookie")

    @property
    def application_cookies(self) -> list[str]:
        """The Set-Cookie lines without the deposits cookie and the deletions that the gate adds."""
        return [line for line in self.set_cookies if not _ADDED.match(line)]


_ADDED = re.compile(r"eu-consent-deposits=|[^;=]+=; Path=/[^;]*(; Domain=[^;]+)?; Max-Age=0\b")

NOW: Final = 1_795_219_200.0
"""The contract's clock: 21 November 2026, in seconds since 1970."""

_SESSION: Final = "session=5f2c; Path=/; HttpOnly; SameSite=Lax"
_ANALYTICS: Final = "_ga=GA1.1.7; Max-Age=3600; Path=/; Priority=High; Partitioned; Secure"
_PIXEL: Final = "_fbp=fb.1; Max-Age=3600; Path=/"
_LANGUAGE: Final = "language=fr; Max-Age=31536000; Path=/"
_LATE: Final = "Sun, 18 Nov 2029 00:00:00 GMT"


_OPT_OUT: Final = (Category("advertising", basis="opt-out", gpc=True),)


class _Keeping:
    """A record store that keeps what it is given, in the order it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def use_keys(self, secret_keys: Sequence[bytes]) -> None:
        assert secret_keys == [b"new key", b"old key"]

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        assert record.policy_hash in {document.hash for document in documents}
        self.records.append(record)
        return True


class FailingRecordStore:
    """A record store that is out of order."""

    def use_keys(self, secret_keys: Sequence[bytes]) -> None:
        """Take no keys: there is nothing to sign."""

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"cannot {name}")


def _policy(**changes: Any) -> Policy:
    settings: dict[str, Any] = {
        "version": "1",
        "categories": [Category("advertising", gpc=True)],
        "cookies": [
            CookieRule("session", "necessary"),
            CookieRule("_ga*", "statistics", max_age="13 months"),
            CookieRule("_fbp", "advertising"),
            CookieRule("language", "functional", max_age="6 months"),
            CookieRule("test", "necessary", max_age="session"),
        ],
        "routes": [Route("/contact")],
    }
    return Policy(**{**settings, **changes})


class FrontContract:
    """What every front does, whatever carries it; inherit it and say how to `respond`."""

    raises_what_the_gate_raises = True
    """Whether the front's client hands on an exception of the application, as a server would not;
    where it does not, a response of status 500 is expected."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Send ``request`` through ``gate`` to an application that does what ``view`` says."""
        raise NotImplementedError

    def gate(
        self,
        *,
        verdicts: list[Verdict] | None = None,
        records: RecordStore | None = None,
        **policy: Any,
    ) -> Gate:
        """Return a gate of the contract's policy, with changes; it hears every verdict."""
        heard = [] if verdicts is None else verdicts
        return Gate(
            _policy(**policy),
            ["new key", "old key"],
            on_verdict=heard.append,
            records=records,
            clock=lambda: NOW,
        )

    def ask(
        self,
        gate: Gate | None = None,
        view: View | None = None,
        *,
        granted: Iterable[str] | None = None,
        decided_at: float | None = None,
        cookie: str = "",
        **request: Any,
    ) -> Response:
        """Send a request of a visitor who accepted ``granted``, or is undecided without it."""
        gate = gate or self.gate()
        pairs = [cookie] if cookie else []
        if granted is not None:
            pairs.append("=".join(consent_cookie(gate, granted, decided_at)))
        headers = [*request.pop("headers", ())]
        if pairs:
            headers.append(("Cookie", "; ".join(pairs)))
        return self.respond(gate, Request(headers=headers, **request), view or View())

    def test_R2_an_allowed_line_leaves_byte_for_byte(self) -> None:
        """Unknown attributes, their case and their order survive."""
        response = self.ask(view=View([_ANALYTICS]), granted=["statistics"])
        assert [_ANALYTICS] == response.application_cookies

    def test_R2_order_and_multiplicity_survive(self) -> None:
        """Lines stay apart and in order, two of one name included."""
        lines = ["session=1; Path=/", "session=2; Path=/a", _LANGUAGE, _SESSION]
        response = self.ask(
            self.gate(
                cookies=[CookieRule("session", "necessary"), CookieRule("language", "necessary")]
            ),
            View(lines),
        )
        assert lines == response.application_cookies

    def test_R2_a_response_without_cookies_is_untouched(self) -> None:
        """Status, other headers and body pass, and nothing is added."""
        view = View(headers=[("X-Shop", "open"), ("ETag", '"1"')], body=[b"He", b"llo"])
        response = self.ask(view=view)
        assert 200 == response.status
        assert ["open"] == response.values("x-shop")
        assert ['"1"'] == response.values("etag")
        assert b"Hello" == response.body
        assert [] == response.application_cookies

    def test_R3_a_doubtful_line_is_said_in_our_own_words(self) -> None:
        """Every lifetime attribute is replaced by what the gate decided."""
        line = '_ga=1; Path=/; Max-Age="5"; max-age=99999999999999999999; Priority=High'
        response = self.ask(view=View([line]), granted=["statistics"])
        assert [
            f"_ga=1; Path=/; Priority=High; Max-Age={months(13)}"
        ] == response.application_cookies

    def test_R4_every_status_is_gated(self) -> None:
        """Redirects, errors and answers without a body are no way round."""
        for status in (201, 204, 302, 304, 404, 500):
            view = View([_ANALYTICS, _SESSION], status=status, headers=[("Location", "/")], body=[])
            response = self.ask(view=view)
            assert (status, [_SESSION]) == (response.status, response.application_cookies)

    def test_R4_every_method_is_gated(self) -> None:
        """HEAD and the others are no way round."""
        for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            response = self.ask(view=View([_ANALYTICS, _SESSION]), method=method)
            assert [_SESSION] == response.application_cookies

    def test_R4_a_stream_stays_whole(self) -> None:
        """A body in many pieces arrives complete, and its headers are gated."""
        pieces = [b"%d," % number for number in range(500)]
        response = self.ask(view=View([_ANALYTICS, _SESSION], body=pieces))
        assert b"".join(pieces) == response.body
        assert [_SESSION] == response.application_cookies

    def test_R5_a_deletion_always_passes(self) -> None:
        """Also of a cookie that was never allowed, and also by Expires alone."""
        by_max_age = "_fbp=; Max-Age=0; Path=/; Domain=shop.example"
        by_expires = "_ga=; expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"
        first, second = self.ask(view=View([by_max_age, by_expires])).set_cookies
        assert by_max_age == first
        assert "Max-Age=0" in second.split("; ")

    def test_R6_nothing_is_stored_before_a_choice(self) -> None:
        """An undecided visitor gets exempt cookies only."""
        response = self.ask(view=View([_SESSION, _ANALYTICS, _PIXEL, _LANGUAGE]))
        assert [_SESSION] == response.application_cookies

    def test_R6_only_what_was_granted_is_stored(self) -> None:
        """A choice holds category by category."""
        response = self.ask(view=View([_SESSION, _ANALYTICS, _PIXEL]), granted=["statistics"])
        assert [_SESSION, _ANALYTICS] == response.application_cookies

    def test_R6_an_opt_out_category_passes_unless_refused(self) -> None:
        """Undecided is not refused, and refused is refused."""
        gate = self.gate(categories=[Category("statistics", basis="opt-out")])
        assert [_ANALYTICS] == self.ask(gate, View([_ANALYTICS])).application_cookies
        assert [] == self.ask(gate, View([_ANALYTICS]), granted=[]).application_cookies

    def test_R6_a_forbidden_category_never_passes(self) -> None:
        """No consent covers what the policy forbids."""
        gate = self.gate(categories=[Category("advertising", basis="forbidden")])
        assert [] == self.ask(gate, View([_PIXEL]), granted=["statistics"]).application_cookies

    def test_R6_an_unregistered_cookie_follows_the_policy(self) -> None:
        """``strip`` keeps it, ``allow`` and ``report`` let it pass."""
        line = "unheard_of=1; Path=/"
        for setting, expected in (("strip", []), ("allow", [line]), ("report", [line])):
            response = self.ask(self.gate(unregistered=setting), View([line]))
            assert expected == response.application_cookies

    def test_R7_block_raises_before_anything_is_sent(self) -> None:
        """Developers see the cookie that broke the policy; visitors get nothing of it."""
        gate = self.gate(mode="block")
        if not self.raises_what_the_gate_raises:
            response = self.ask(gate, View([_SESSION, _ANALYTICS]))
            assert (500, []) == (response.status, response.application_cookies)
            return
        try:
            self.ask(gate, View([_SESSION, _ANALYTICS]))
        except CookieBlocked as error:
            assert ("_ga", "undecided") == (error.verdict.name, error.verdict.reason)
        else:
            raise AssertionError("CookieBlocked was not raised")

    def test_R7_report_changes_nothing_on_the_wire(self) -> None:
        """Neither response nor request; the verdicts say what would have been done."""
        verdicts: list[Verdict] = []
        lines = [_ANALYTICS, "language=fr; Max-Age=99999999", '_fbp=1; Max-Age="1"', "odd"]
        view = View(lines)
        response = self.ask(self.gate(mode="report", verdicts=verdicts), view, cookie="_ga=1; a=b")
        assert lines == response.set_cookies
        assert ["_ga=1; a=b"] == view.saw
        assert {"expire", "hide", "strip"} == {verdict.action for verdict in verdicts}
        assert not any(verdict.enforced for verdict in verdicts)

    def test_R9_a_grant_governs_the_same_answer(self) -> None:
        """What is granted while answering may leave at once, with the consent cookie."""
        view = View([_ANALYTICS, _PIXEL], decide=lambda consent: consent.grant("statistics"))
        first, second = self.ask(view=view, method="POST").application_cookies
        assert _ANALYTICS == first
        assert second.startswith("eu-consent=policy=1&time=1795219200&id=")

    def test_R9_a_withdrawal_governs_the_same_answer(self) -> None:
        """What is withdrawn while answering leaves no more."""
        view = View([_ANALYTICS], decide=lambda consent: consent.withdraw())
        (line,) = self.ask(view=view, method="POST", granted=["statistics"]).application_cookies
        assert "statistics=false" in line

    def test_R10_the_application_cannot_write_the_consent_cookie(self) -> None:
        """Nobody but the gate gives consent; deleting it is allowed."""
        deletion = "eu-consent=; Max-Age=0; Path=/"
        response = self.ask(view=View(["eu-consent=statistics%3Dtrue; Path=/", deletion]))
        assert [deletion] == response.application_cookies

    def test_R11_nothing_is_stored_on_a_cookie_free_route(self) -> None:
        """Not even with consent, and not even an exempt cookie."""
        view = View([_SESSION, _ANALYTICS])
        assert (
            [] == self.ask(view=view, granted=["statistics"], path="/contact").application_cookies
        )
        assert (
            [] != self.ask(view=view, granted=["statistics"], path="/contacts").application_cookies
        )

    def test_R10_nor_the_deposits_cookie(self) -> None:
        """Nobody but the gate says since when a cookie is there; deleting it is allowed."""
        deletion = "eu-consent-deposits=; Max-Age=0; Path=/"
        response = self.ask(view=View(["eu-consent-deposits=1; Path=/", deletion]))
        assert [deletion] == response.set_cookies

    def test_R12_a_life_is_cut_to_its_limit(self) -> None:
        """One Max-Age, and an Expires of the same instant where there was one."""
        line = f"language=fr; Expires={_LATE}; Max-Age=99999999; Path=/; SameSite=Lax"
        (limited,) = self.ask(view=View([line]), granted=["functional"]).application_cookies
        assert (
            f"language=fr; Path=/; SameSite=Lax; Max-Age={months(6)}; "
            "Expires=Fri, 21 May 2027 00:00:00 GMT"
        ) == limited

    def test_R12_setting_a_cookie_again_does_not_extend_its_life(self) -> None:
        """It ends thirteen months after its first deposit, however late it is set again."""
        for name, granted in (("_ga", ["statistics"]), ("session", None)):
            line = f"{name}=1; Max-Age={months(13)}; Path=/"
            cookie = self.since(name, 100 * DAY)
            response = self.ask(view=View([line]), cookie=cookie, granted=granted)
            left = months(13) - 100 * DAY
            assert [f"{name}=1; Path=/; Max-Age={left}"] == response.set_cookies
            shorter = f"{name}=1; Max-Age={left}; Path=/"
            response = self.ask(view=View([shorter]), cookie=cookie, granted=granted)
            assert [shorter] == response.set_cookies

    def test_R13_the_first_deposit_is_remembered(self) -> None:
        """In a second cookie, out of the reach of scripts, that ends with what it dates."""
        line = "_ga=1; Max-Age=60; Path=/"
        for secure, ending in ((False, ""), (True, "; Secure")):
            response = self.ask(view=View([line, _SESSION]), granted=["statistics"], secure=secure)
            first, second, dates = response.set_cookies
            assert [line, _SESSION] == [first, second]
            assert re.fullmatch(
                rf"eu-consent-deposits=[\w-]+\.[\w-]{{43}}; Path=/; Max-Age={months(13)}"
                rf"; SameSite=Lax{ending}; HttpOnly",
                dates,
            )

    def test_R13_where_nothing_is_new_nothing_is_written(self) -> None:
        """A known deposit, a session cookie, a deletion: no second cookie."""
        lines = ["_ga=1; Max-Age=60; Path=/", _SESSION, "_fbp=; Max-Age=0; Path=/"]
        cookie = self.since("_ga", DAY)
        response = self.ask(view=View(lines), cookie=cookie, granted=["statistics"])
        assert lines == response.set_cookies

    def test_R13_a_cookie_that_is_gone_may_be_stored_anew(self) -> None:
        """What the browser no longer sends was deleted; who signs in again gets a full life."""
        line = f"session=1; Max-Age={months(13)}; Path=/"
        _, _, date = self.since("session", 100 * DAY).rpartition("; ")
        first, dates = self.ask(view=View([line]), cookie=date).set_cookies
        assert line == first
        assert dates.startswith("eu-consent-deposits=")

    def test_R13_a_cookie_whose_life_is_over_is_deleted(self) -> None:
        """Exempt or granted: the application does not see it, the browser forgets it."""
        for name, granted in (("_ga", ["statistics"]), ("session", None)):
            view = View()
            cookie = f"a=b; {self.since(name, months(13))}"
            response = self.ask(view=view, cookie=cookie, granted=granted)
            assert (view.saw[0] or "").startswith("a=b; eu-consent-deposits=")
            assert self.deleted(response) == {name, "eu-consent-deposits"}

    def test_R13_who_signs_in_when_a_life_is_over_is_signed_in(self) -> None:
        """The application did not see the old cookie, so what it sets is a new one."""
        line = f"session=1; Max-Age={months(13)}; Path=/"
        for again in (line, _SESSION):
            cookie = self.since("session", months(13))
            response = self.ask(view=View([again]), cookie=cookie)
            assert [again] == response.set_cookies[:1]
            assert "session" not in self.deleted(response)

    def test_R13_what_a_script_stored_is_dated_when_it_is_seen(self) -> None:
        """From then on its life is counted; what is exempt may be a session cookie."""
        cookie = "_ga=1; _fbp=1; session=1; unheard_of=1"
        (dates,) = self.ask(cookie=cookie, granted=["statistics", "advertising"]).set_cookies
        assert dates.startswith("eu-consent-deposits=")
        cookie = f"{cookie}; {dates.partition(';')[0]}"
        assert [] == self.ask(cookie=cookie, granted=["statistics", "advertising"]).set_cookies
        assert [] == self.ask(cookie="session=1; unheard_of=1").set_cookies

    def test_R13_forged_deposits_are_none(self) -> None:
        """They make no life longer than a new browser would get, and break nothing."""
        line = f"_ga=1; Max-Age={months(13)}; Path=/"
        cookie = self.since("_ga", 100 * DAY)
        for forged in (cookie[:-1], f"{cookie}A", cookie.upper(), "eu-consent-deposits=; _ga=1"):
            response = self.ask(view=View([line]), cookie=forged, granted=["statistics"])
            assert (200, [line]) == (response.status, response.application_cookies)

    def test_R16_cookies_may_end_with_the_consent(self) -> None:
        """Where the policy says so they do not outlive the decision that allowed them."""
        gate = self.gate(expire_with_consent=True)
        cookie = "=".join(consent_cookie(gate, ["statistics"], NOW - 100 * DAY))
        view = View([f"_ga=1; Max-Age={months(13)}", f"session=1; Max-Age={months(13)}"])
        assert [
            f"_ga=1; Max-Age={months(6) - 100 * DAY}",
            f"session=1; Max-Age={months(13)}",
        ] == self.ask(gate, view, cookie=cookie).application_cookies

    def test_R18_what_is_sent_without_permission_is_deleted(self) -> None:
        """Host-only and of each domain; exempt, granted and unregistered cookies stay."""
        cookie = "session=1; _ga=1; _fbp=1; unheard_of=1"
        response = self.ask(cookie=cookie, granted=["statistics"])
        lines = {frozenset(line.split("; ")) for line in response.set_cookies}
        deletion = {"_fbp=", "Path=/", "Max-Age=0"}
        assert {frozenset(deletion), frozenset({*deletion, "Domain=shop.example"})} <= lines
        assert self.deleted(response) == {"_fbp"}

    def test_R18_a_deletion_comes_with_every_answer(self) -> None:
        """Whatever its status, and where its headers are as good as none."""
        for status in (200, 204, 302, 404, 500):
            view = View(status=status, headers=[("Location", "/")], body=[])
            assert {"_ga"} == self.deleted(self.ask(view=view, cookie="_ga=1"))

    def test_R18_what_is_withdrawn_is_deleted_by_the_same_answer(self) -> None:
        """And what is granted by it is not."""
        view = View(decide=lambda consent: consent.choose("advertising"))
        response = self.ask(view=view, cookie="_ga=1; _fbp=1", granted=["statistics"])
        assert {"_ga"} == self.deleted(response)

    def test_R18_a_shared_response_deletes_nothing(self) -> None:
        """Nor does it date anything: another visitor might get it."""
        for headers in (
            [("Cache-Control", "public, max-age=60")],
            [("Cache-Control", "s-maxage=60"), ("Vary", "Cookie")],
            [("Expires", _LATE)],
            [("Last-Modified", "Sun, 18 Nov 2018 00:00:00 GMT")],
            [("Cache-Control", "private"), ("CDN-Cache-Control", "max-age=60")],
        ):
            view = View(headers=headers)
            response = self.ask(view=view, cookie="_ga=1; _fbp=1", granted=["advertising"])
            assert [] == response.set_cookies
        for value in ("private, max-age=60", "no-store"):
            view = View(headers=[("Cache-Control", value)])
            assert {"_ga"} == self.deleted(self.ask(view=view, cookie="_ga=1"))

    def test_R23_a_decision_is_sent_to_its_visitor_alone(self) -> None:
        """No shared cache may store a response with a consent cookie."""
        for headers, expected in (
            ([], {"private"}),
            ([("Cache-Control", "public, max-age=60, s-maxage=9")], {"max-age=60", "private"}),
            ([("Cache-Control", "no-store")], {"no-store"}),
            ([("Surrogate-Control", "max-age=60")], {"private"}),
        ):
            view = View(headers=headers, decide=lambda consent: consent.grant("statistics"))
            response = self.ask(view=view, method="POST")
            said = ",".join(response.values("cache-control")).split(",")
            assert expected == {directive.strip() for directive in said}
            assert [] == response.values("surrogate-control")

    def since(self, name: str, seconds: float) -> str:
        """Return a Cookie header with ``name``, and that it was stored ``seconds`` ago."""
        dates = deposits_cookie(self.gate(), {name: NOW - seconds})
        return f"{name}=1; {'='.join(dates)}"

    def deleted(self, response: Response) -> set[str]:
        """Return the names of the cookies that ``response`` deletes."""
        return {line.partition("=")[0] for line in response.set_cookies if "Max-Age=0" in line}

    def test_R14_a_session_cookie_stays_one(self) -> None:
        """It gains no lifetime, and a rule may take one away."""
        response = self.ask(view=View([_SESSION, "test=1; Max-Age=60; Path=/"]))
        assert [_SESSION, "test=1; Path=/"] == response.application_cookies

    def test_R17_the_application_does_not_see_what_it_may_not_read(self) -> None:
        """Everything else in the Cookie header stays byte for byte."""
        view = View()
        self.ask(view=view, cookie='session=1; _ga=GA1; other="a b"; _fbp=x; raw={"a":1}')
        assert ['session=1; other="a b"; raw={"a":1}'] == view.saw

    def test_R17_no_empty_cookie_header_is_left(self) -> None:
        """Where nothing may be read there is no header."""
        view = View()
        self.ask(view=view, cookie="_ga=GA1")
        assert view.saw in ([None], [""])

    def test_R17_the_application_reads_what_was_granted(self) -> None:
        """With consent the header is as the browser sent it."""
        view, gate = View(), self.gate()
        self.ask(gate, view, cookie="_ga=GA1; a=b", granted=["statistics"])
        assert view.saw[0] is not None
        assert view.saw[0].startswith("_ga=GA1; a=b; eu-consent=")

    def test_R19_the_consent_cookie_is_readable_and_well_kept(self) -> None:
        """One boolean for each purpose, six months, first party, Secure over TLS."""
        for secure, ending in ((False, "SameSite=Lax"), (True, "SameSite=Lax; Secure")):
            view = View(decide=lambda consent: consent.grant("statistics"))
            (line,) = self.ask(view=view, method="POST", secure=secure).application_cookies
            assert re.fullmatch(
                r"eu-consent=policy=1&time=1795219200&id=[\w-]{22}&statistics=true"
                r"&advertising=false&functional=false&social=false&signature=[\w-]{43}"
                rf"; Path=/; Max-Age={months(6)}; {ending}",
                line,
            )

    def test_R19_a_forged_token_is_undecided(self) -> None:
        """A flipped character of a token makes the visitor undecided."""
        gate = self.gate()
        name, token = consent_cookie(gate, ["statistics"])
        forged = token.replace("advertising=false", "advertising=true")
        for value in (forged, token[:-1], f"{token}A", token.upper(), ""):
            response = self.ask(gate, View([_ANALYTICS, _PIXEL]), cookie=f"{name}={value}")
            assert [] == response.application_cookies

    def test_R19_old_keys_verify(self) -> None:
        """A key can be rotated without asking every visitor again."""
        gate = self.gate()
        name, token = consent_cookie(Gate(gate.policy, "old key", clock=gate.clock), ["statistics"])
        assert [_ANALYTICS] == self.ask(
            gate, View([_ANALYTICS]), cookie=f"{name}={token}"
        ).application_cookies

    def test_R20_an_old_or_foreign_decision_does_not_count(self) -> None:
        """Past its validity, made in the future, or under another version: undecided."""
        gate = self.gate()
        ages = {months(6) - 1: [_ANALYTICS], months(6): [], -299: [_ANALYTICS], -301: []}
        for age, expected in ages.items():
            cookie = "=".join(consent_cookie(gate, ["statistics"], NOW - age))
            assert expected == self.ask(gate, View([_ANALYTICS]), cookie=cookie).application_cookies
        foreign = "=".join(consent_cookie(self.gate(version="0"), ["statistics"]))
        assert [] == self.ask(gate, View([_ANALYTICS]), cookie=foreign).application_cookies

    def test_R20_of_several_consent_cookies_the_newest_counts(self) -> None:
        """At equal age the most restrictive."""
        gate = self.gate()
        accepted = "=".join(consent_cookie(gate, ["statistics"], NOW - DAY))
        refused = "=".join(consent_cookie(gate, [], NOW))
        refused_too = "=".join(consent_cookie(gate, [], NOW - DAY))
        for pair in ((accepted, refused), (refused, accepted), (accepted, refused_too)):
            response = self.ask(gate, View([_ANALYTICS]), cookie="; ".join(pair))
            assert [] == response.application_cookies

    def test_R20_who_decided_once_is_not_taken_for_willing(self) -> None:
        """Where a decision counts no more, what is opt-out is refused until the next one."""
        categories = [Category("statistics", basis="opt-out")]
        gate = self.gate(categories=categories)
        name, token = consent_cookie(gate, ["statistics"])
        no_more = [
            consent_cookie(gate, [], NOW - months(6)),
            consent_cookie(self.gate(version="0", categories=categories), ["statistics"]),
            (name, token[:-1]),
        ]
        assert [_ANALYTICS] == self.ask(gate, View([_ANALYTICS])).application_cookies
        for cookie in no_more:
            view = View([_ANALYTICS])
            response = self.ask(gate, view, cookie=f"_ga=1; {'='.join(cookie)}")
            assert [] == response.application_cookies
            assert not (view.saw[0] or "").startswith("_ga")

    def test_R22_global_privacy_control(self) -> None:
        """By default it refuses for who is undecided; with ``override`` it beats a choice."""
        categories = [Category("advertising", basis="opt-out")]
        signal: dict[str, Any] = {"headers": [("Sec-GPC", "1")]}
        default = self.gate(categories=categories)
        override = self.gate(categories=categories, gpc="override")
        view = View([_PIXEL])
        assert [_PIXEL] == self.ask(default, view).application_cookies
        assert [] == self.ask(default, view, **signal).application_cookies
        assert [_PIXEL] == self.ask(
            default, view, granted=["advertising"], **signal
        ).application_cookies
        assert [] == self.ask(override, view, granted=["advertising"], **signal).application_cookies
        assert [_PIXEL] == self.ask(
            override, view, headers=[("Sec-GPC", "true")]
        ).application_cookies

    def test_R22_a_signal_that_comes_or_goes_is_recorded_once(self) -> None:
        """Not with each request, though each has it; a cookie says what was recorded.

        The first time it only names the browser, for many never send a cookie back.
        """
        store = _Keeping()
        gate = self.gate(records=cast("RecordStore", store), gpc="override", categories=_OPT_OUT)
        cookie = ""
        noted: list[int] = []
        for signal in ("", "1", "1", "1", "", "", "1", "1"):
            headers = [("Sec-GPC", signal)] if signal else []
            response = self.ask(gate, View([_PIXEL]), headers=headers, cookie=cookie)
            for line in response.set_cookies:
                if line.startswith("eu-consent-signal="):
                    assert line.endswith("; SameSite=Lax; HttpOnly")
                    cookie = line.partition(";")[0]
            noted.append(len(store.records))
            assert ([] if signal else [_PIXEL]) == [
                line for line in response.application_cookies if line.startswith("_fbp=")
            ]
        assert [0, 0, 1, 1, 2, 2, 3, 3] == noted
        assert 1 == len({record.subject for record in store.records})
        assert ["signal"] * 3 == [record.event for record in store.records]
        assert [True, False, True] == [record.signals["gpc"] for record in store.records]
        assert [False, True, False] == [record.choices["advertising"] for record in store.records]

    def test_R22_a_signal_is_heeded_where_it_cannot_be_recorded(self) -> None:
        """Nobody chose, so nobody has to choose again: the page is served."""
        store = cast("RecordStore", FailingRecordStore())
        gate = self.gate(records=store, gpc="override", categories=_OPT_OUT)
        response = self.ask(
            gate, View([_SESSION, _PIXEL]), headers=[("Sec-GPC", "1")], granted=["functional"]
        )
        assert (200, [_SESSION]) == (response.status, response.set_cookies)

    def test_R26_a_decision_is_recorded_before_its_cookie_leaves(self) -> None:
        """Also one that the application takes with a form of its own."""
        store = _Keeping()
        view = View([_ANALYTICS], decide=lambda consent: consent.grant("statistics"))
        gate = self.gate(records=cast("RecordStore", store))
        first, second, *_ = self.ask(gate, view, method="POST").set_cookies
        (record,) = store.records
        assert _ANALYTICS == first
        assert f"&id={record.subject}&" in second
        assert ("partial", "application", int(NOW)) == (record.event, record.method, record.time)
        assert record.choices["statistics"]
        assert not record.choices["advertising"]

    def test_R26_a_decision_that_cannot_be_recorded_is_not_taken(self) -> None:
        """The visitor is told so; neither its cookie leaves nor what it would have allowed."""
        view = View([_ANALYTICS], decide=lambda consent: consent.grant("statistics"))
        gate = self.gate(records=cast("RecordStore", FailingRecordStore()))
        response = self.ask(gate, view, method="POST")
        assert (503, []) == (response.status, response.set_cookies)
        assert b"Hello" not in response.body

    def test_R23_vary_only_where_the_application_asked(self) -> None:
        """Caching headers stay untouched where consent made no difference."""
        asked = View([_SESSION], decide=lambda consent: consent.allows("statistics"))
        gate = self.gate(categories=_OPT_OUT)
        assert {"cookie", "sec-gpc"} <= self.vary(self.ask(gate, asked))
        unasked = self.ask(view=View([_SESSION, _ANALYTICS], headers=[("Vary", "Accept")]))
        assert ["Accept"] == unasked.values("vary")

    def test_R23_what_varies_already_is_not_said_twice(self) -> None:
        """A Vary of the application's own is kept."""
        view = View(headers=[("Vary", "cookie, Accept")], decide=lambda consent: consent.decided)
        response = self.ask(self.gate(categories=_OPT_OUT), view)
        assert {"cookie", "accept", "sec-gpc"} == self.vary(response)
        assert 1 == ", ".join(response.values("vary")).lower().count("cookie")

    def test_R23_a_signal_that_changes_nothing_is_not_named(self) -> None:
        """Where all needs a grant, Global Privacy Control refuses nothing that was not refused."""
        view = View(decide=lambda consent: consent.decided)
        response = self.ask(view=view, headers=[("Sec-GPC", "1")])
        assert {"cookie"} == self.vary(response) & {"cookie", "sec-gpc"}

    def vary(self, response: Response) -> set[str]:
        """Return the header names that ``response`` varies by, in lower case."""
        values = ",".join(response.values("vary"))
        return {name.strip().lower() for name in values.split(",")}

    def test_R24_a_hostile_request_is_served(self) -> None:
        """It costs no error and lets nothing through."""
        gate = self.gate()
        junk = (
            "=" * 999,
            "; ".join("_ga=1" for _ in range(999)),
            "eu-consent=" * 99,
            '"; _ga="',
        )
        for cookie in junk:
            view = View([_SESSION, _ANALYTICS])
            response = self.ask(gate, view, cookie=cookie)
            assert 200 == response.status
            assert [_SESSION] == response.application_cookies
            assert "_ga" not in (view.saw[0] or "")

    def test_R25_verdicts_name_the_cookie_and_never_its_value(self) -> None:
        """Every change is told, what passes is not."""
        verdicts: list[Verdict] = []
        gate = self.gate(verdicts=verdicts)
        self.ask(gate, View([_SESSION, "_ga=secret; Path=/"]), cookie="_fbp=secret")
        assert [
            Verdict("_fbp", "advertising", "hide", "undecided", enforced=True),
            Verdict("_ga", "statistics", "strip", "undecided", enforced=True),
            Verdict("_fbp", "advertising", "expire", "undecided", enforced=True),
        ] == verdicts
