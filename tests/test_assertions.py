"""What users assert about responses, with every client that the assertions know."""

from __future__ import annotations

import re
import traceback
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import flask
import httpx
import pytest
import requests
import urllib3
from client_sites import CLIENTS, by_django, by_flask, by_httpx
from django.http import HttpResponse
from django.test import Client
from django_site import setting, site
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_consentgate.states import GPC, ConsentState, GrantedState
from test_properties import POLICY, consents, cookie_of, through_wsgi
from test_properties import lines as any_lines

from consentgate import Category, ConfigurationError, CookieRule, Gate, Policy, Route
from consentgate.assertions import (
    assert_gated,
    assert_max_age,
    assert_no_cookies,
    gates_found_by,
    set_cookie_lines,
)
from consentgate.assertions.answers import answers
from consentgate.duration import DAY, months
from consentgate.testing import NOW, consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from consentgate.record import Document, Record

SESSION = "session=5f2c; Path=/; HttpOnly"
ANALYTICS = "_ga=GA1.7; Max-Age=3600; Path=/; Priority=High"
PIXEL = "_fbp=fb.1; Max-Age=3600; Path=/"
DELETION = "_fbp=; Max-Age=0; Path=/"
SECRET = "GA1.7"


def make_gate(clock: Callable[[], float] = lambda: NOW, records: Any = None, **policy: Any) -> Gate:
    """Return the gate of a small shop."""
    settings: dict[str, Any] = {
        "cookies": [
            CookieRule("session", "necessary"),
            CookieRule("_ga*", "statistics", max_age="13 months"),
            CookieRule("_fbp", "advertising"),
        ],
        "categories": [Category("advertising", gpc=True)],
        **policy,
    }
    return Gate(Policy("1", **settings), "a key", clock=clock, records=records)


def response(*lines: str, cookie: str = "", path: str = "/", **headers: str) -> httpx.Response:
    """Return the response to a request that was sent with httpx."""
    sent = {"Cookie": cookie, **{name.replace("_", "-"): text for name, text in headers.items()}}
    request = httpx.Request("GET", f"http://shop.example{path}", headers=sent)
    return httpx.Response(200, headers=[("Set-Cookie", line) for line in lines], request=request)


def consent(gate: Gate, *granted: str, decided_at: float | None = None) -> str:
    """Return the Cookie header of a visitor who accepted these categories."""
    return "=".join(consent_cookie(gate, granted, decided_at))


def complaint(failing: Callable[[], object]) -> str:
    """Return the message of an assertion that fails, of which no frame is shown to users."""
    with pytest.raises(AssertionError) as caught:
        failing()
    frames = traceback.walk_tb(caught.value.__traceback__)
    ours = [frame for frame, _ in frames if "consentgate/assertions" in frame.f_code.co_filename]
    assert ours
    assert all("__tracebackhide__" in frame.f_locals for frame in ours)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def _made_by_hand() -> requests.Response:
    """Return a response of requests that answers nothing."""
    answer = requests.Response()
    headers = urllib3.HTTPHeaderDict([("Set-Cookie", DELETION), ("set-cookie", DELETION)])
    answer.raw = urllib3.HTTPResponse(headers=headers)
    return answer


@pytest.mark.parametrize("asking", CLIENTS.values(), ids=CLIENTS)
class TestEveryClient:
    """What holds for the responses of each client, in each state of its visitor."""

    def test_what_the_gate_lets_out_is_gated(self, asking: Any) -> None:
        """Also a whole second visit, and a cookie that the gate had to shorten."""
        gate = make_gate()
        long_lived = "_ga_2=GA1.7; Max-Age=99999999; Path=/"
        with asking(gate, [SESSION, ANALYTICS, long_lived, PIXEL]) as (client, get):
            GrantedState(gate, granted=("statistics",))(client)
            for _ in range(2):
                answer = get("/")
                assert_gated(answer, gate)
                assert_max_age(answer, "_ga", exactly="1 hour")
                assert_max_age(answer, "_ga_2", at_most="13 months")
                assert_no_cookies(answer, but=["session", "_ga*"])
                with pytest.raises(AssertionError, match="does not set _fbp"):
                    assert_max_age(answer, "_fbp", at_most="13 months")

    def test_the_lines_are_read_apart_and_in_order(self, asking: Any) -> None:
        """A comma in a date joins nothing."""
        dated = "session=1; Path=/; Max-Age=3600; Expires=Sat, 21 Nov 2026 13:00:00 GMT"
        with asking(make_gate(), [dated, SESSION]) as (_, get):
            assert [dated, SESSION] == set_cookie_lines(get("/"))[:2]

    def test_the_request_is_told_as_it_was(self, asking: Any) -> None:
        """Where it went, what it said, and that it was not over TLS."""
        gate = make_gate()
        with asking(gate, []) as (client, get):
            ConsentState(gate, headers=GPC)(client)
            asked = answers(get("/shop"))[-1].asked
        assert asked is not None
        request = asked.request
        assert ("/shop", False, "1", "") == (
            request.path(),
            request.is_secure(),
            request.header("sec-gpc"),
            request.header("dnt"),
        )
        assert request.address() in ("", "127.0.0.1")

    def test_each_state_reaches_the_gate(self, asking: Any) -> None:
        """Undecided, refused, granted, some of it, withdrawn, and undecided again."""
        gate = make_gate()
        states: Sequence[tuple[ConsentState, list[str]]] = (
            (ConsentState(gate), []),
            (GrantedState(gate, granted=("statistics", "advertising")), ["_ga", "_fbp"]),
            (GrantedState(gate).only("advertising"), ["_fbp"]),
            (ConsentState(gate, granted=(), holds=["_ga"]), []),
            (ConsentState(gate), []),
        )
        with asking(gate, [ANALYTICS, PIXEL]) as (client, get):
            for state, expected in states:
                assert state.apply(client) is client
                answer = get("/")
                assert_gated(answer, gate)
                stored = [line for line in set_cookie_lines(answer) if "Max-Age=3600" in line]
                assert expected == [line.partition("=")[0] for line in stored]

    def test_R17_a_cookie_that_the_application_may_not_read_was_sent(self, asking: Any) -> None:
        """The gate hides it and deletes it, and the visitor's consent counts all the same."""
        gate = make_gate()
        with asking(gate, [ANALYTICS]) as (client, get):
            ConsentState(gate, granted=["statistics"], holds=["_fbp"])(client)
            answer = get("/")
            assert any(line.startswith("_fbp=; ") for line in set_cookie_lines(answer))
            assert_gated(answer, gate)
            assert_max_age(answer, "_ga", at_most="1 hour")

    def test_R22_a_signal_reaches_the_gate(self, asking: Any) -> None:
        """What is opt-out passes without it, and not with it."""
        gate = make_gate(categories=[Category("advertising", basis="opt-out", gpc=True)])
        with asking(gate, [PIXEL]) as (client, get):
            for headers, expected in (({}, [PIXEL]), (GPC, []), ({}, [PIXEL])):
                ConsentState(gate, headers=headers)(client)
                answer = get("/")
                assert_gated(answer, gate)
                lines = set_cookie_lines(answer)
                assert expected == [line for line in lines if line.startswith("_fbp=fb.1")]

    def test_R9_a_decision_in_the_response_governs_it(self, asking: Any) -> None:
        """A grant lets a cookie out with it, and a withdrawal keeps it in."""
        gate = make_gate()
        with asking(gate, [ANALYTICS]) as (client, get):
            ConsentState(gate, granted=())(client)
            accepted = get("/accept")
            assert_gated(accepted, gate)
            assert_max_age(accepted, "_ga", at_most="1 hour")
            withdrawn = get("/withdraw")
            assert_gated(withdrawn, gate)
            assert_no_cookies(withdrawn, gate=gate)
            assert_no_cookies(get("/"))

    def test_a_cookie_from_outside_the_gate_fails(self, asking: Any) -> None:
        """It names cookie, category, verdict, visitor and remedy, and no value."""
        gate = make_gate()
        with asking(gate, [SESSION], ["_ga=GA1.7; Path=/"]) as (_, get):
            answer = get("/")
            told = complaint(lambda: assert_gated(answer, gate))
        assert "_ga (statistics, rule '_ga*')" in told
        assert "visitor: undecided" in told
        assert "every other middleware" in told

    def test_redirects_that_were_followed_count(self, asking: Any, request: Any) -> None:
        """Cookies are often set on the way; Django's client forgets that, which is told."""
        forgets = "Django" in request.node.callspec.id
        number = "1 cookie" if forgets else "2 cookies"
        with asking(make_gate(), [], [PIXEL]) as (_, get):
            answer = get("/away")
        with pytest.warns(UserWarning, match="follow=True") if forgets else nullcontext() as warned:
            told = complaint(lambda: assert_no_cookies(answer))
        assert told.startswith(f"{number} stored where there should be none:\n\n  _fbp\n")
        assert [__file__] * forgets == [each.filename for each in warned or ()]


class TestAssertGated:
    """`assert_gated` judges again what has left."""

    def test_its_message_explains_a_cookie_that_should_have_been_stripped(self) -> None:
        """Word for word."""
        gate = make_gate()
        answer = response(SESSION, ANALYTICS, PIXEL, path="/caf%C3%A9", sec_gpc="1")
        assert complaint(lambda: assert_gated(answer, gate)) == (
            "2 cookies reached the client that the gate would not have let out so.\n"
            "\n"
            "_ga (statistics, rule '_ga*')\n"
            "  verdict: strip, because the visitor has not chosen yet (R6)\n"
            "  it must not leave, and it did\n"
            "\n"
            "_fbp (advertising, rule '_fbp')\n"
            "  verdict: strip, because the visitor has not chosen yet (R6)\n"
            "  it must not leave, and it did\n"
            "\n"
            "visitor: undecided, sends Sec-GPC: 1\n"
            "path: /caf\\xe9\n"
            "to do: put the gate around the application, outside every other middleware; if it is "
            "there, the gate of this test has another policy, or other keys, than that of the site"
        )

    def test_its_message_explains_a_life_that_is_too_long(self) -> None:
        """Word for word."""
        gate = make_gate()
        answer = response("_ga=GA1.7; Max-Age=63072000; Path=/", cookie=consent(gate, "statistics"))
        assert complaint(lambda: assert_gated(answer, gate)).startswith(
            "1 cookie reached the client that the gate would not have let out so.\n"
            "\n"
            "_ga (statistics, rule '_ga*')\n"
            "  verdict: clamp, because its life would be longer than its limit (R12)\n"
            "  it may live 393 days (33955200 s), and lives 730 days (63072000 s)\n"
            "\n"
            "visitor: granted statistics; refused advertising, functional, social\n"
            "path: /\n"
        )

    def test_its_message_explains_a_middleware_outside_of_the_gate(self) -> None:
        """Django's client knows that the gate judged the request; word for word."""
        gate = make_gate()
        with by_django(gate, [SESSION], [PIXEL, "chat=1"]) as (_, get):
            answer = get("/")
        assert complaint(lambda: assert_gated(answer)) == (
            "2 cookies reached the client that the gate would not have let out so.\n"
            "\n"
            "_fbp (advertising, rule '_fbp')\n"
            "  verdict: strip, because the visitor has not chosen yet (R6)\n"
            "  it must not leave, and it did\n"
            "\n"
            "chat (unregistered)\n"
            "  verdict: strip, because no rule of the policy has its name (R6)\n"
            "  it must not leave, and it did\n"
            "\n"
            "visitor: undecided\n"
            "path: /\n"
            "to do: the gate judged this request, so this was done outside of it: put the gate "
            "outside every other middleware; if the site needs chat, declare it under [[cookies]] "
            "in the policy"
        )

    def test_without_a_gate_django_s_client_knows_it(self) -> None:
        """It is the first thing that a new site gets wrong."""
        with site(lambda _request: setting(SESSION), MIDDLEWARE=[]):
            answer = Client().get("/")
        assert "MIDDLEWARE" in complaint(lambda: assert_gated(answer))
        assert_gated(answer, make_gate())
        with site(lambda _request: setting(PIXEL), MIDDLEWARE=[]):
            answer = Client().get("/")
        assert "no gate judged this request" in complaint(lambda: assert_gated(answer, make_gate()))

    def test_a_gate_that_nobody_knows_is_asked_for(self) -> None:
        """The error says how to give it."""
        with pytest.raises(ConfigurationError, match=r"assert_gated\(response, gate\)"):
            assert_gated(response())
        with (
            gates_found_by(lambda: None),
            pytest.raises(ConfigurationError, match="fixture consent_gate"),
        ):
            assert_gated(response())

    def test_a_runner_can_say_which_gate_it_is(self) -> None:
        """As the pytest plugin does; what is given counts more."""
        gate = make_gate()
        with gates_found_by(lambda: gate):
            assert_gated(response(SESSION))
            with pytest.raises(AssertionError):
                assert_gated(response("other=1"))
            assert_gated(response("other=1"), make_gate(unregistered="allow"))

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("_ga", "a cookie without a name"),
            ("=1", "a cookie without a name"),
            ("_ga=1; Max-Age=1, 2", "read it in more than one way"),
            ("_ga=1; Expires=Sun, 22 Nov 2026 00:00:00 GMT", "it must leave with one Max-Age"),
            ("_ga=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "its life would be longer than"),
            ("once=1; Max-Age=60", "it may live until the browser's session ends, and lives 1 min"),
            ("unknown=1", "if the site needs unknown, declare it"),
            (f"{'x' * 200}=1", f"{'x' * 80}... (unregistered)"),
            ("\x1b[2J=1", "\\x1b[2J"),
        ],
    )
    def test_every_verdict_is_explained(self, line: str, expected: str) -> None:
        """And no terminal obeys a cookie."""
        rules = [CookieRule("_ga", "necessary"), CookieRule("once", "necessary", max_age="session")]
        gate = make_gate(cookies=rules)
        told = complaint(lambda: assert_gated(_odd(line), gate))
        assert expected in told
        assert "\x1b" not in told

    @pytest.mark.parametrize(
        "lines",
        [
            [],
            [SESSION, DELETION, "unknown=; Max-Age=0"],
            ["_fbp=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"],
        ],
    )
    def test_R5_deletions_and_exempt_cookies_pass(self, lines: Sequence[str]) -> None:
        """Whatever the visitor chose."""
        assert_gated(response(*lines), make_gate())

    def test_in_block_mode_the_gate_that_judges_again_raises_nothing(self) -> None:
        """It is told as any other."""
        told = complaint(lambda: assert_gated(response(PIXEL), make_gate(mode="block")))
        assert "verdict: block, because the visitor has not chosen yet" in told

    def test_in_report_mode_nothing_fails(self) -> None:
        """The gate lets it out."""
        assert_gated(response(PIXEL, "unknown=1"), make_gate(mode="report"))

    def test_R11_a_cookie_free_route_has_none(self) -> None:
        """The path is the one that was asked for."""
        gate = make_gate(routes=[Route("/contact")])
        assert_gated(response(SESSION), gate)
        told = complaint(lambda: assert_gated(response(SESSION, path="/contact?a=b"), gate))
        assert "nothing may be stored on this path (R11)" in told

    def test_R12_what_is_left_of_a_life_counts(self) -> None:
        """A few seconds that have passed since are forgiven, and more is not."""
        gate = make_gate()
        first = "=".join(deposits_cookie(gate, {"_ga": NOW - 300 * DAY}))
        cookie = f"{consent(gate, 'statistics')}; _ga=1; {first}"
        left = months(13) - 300 * DAY
        for seconds in (left, left + 30):
            line = f"_ga=GA1.7; Max-Age={seconds}; Path=/"
            assert_gated(response(line, cookie=cookie), gate)
        too_long = response(f"_ga=GA1.7; Max-Age={left + DAY}; Path=/", cookie=cookie)
        assert "it may live 93 days" in complaint(lambda: assert_gated(too_long, gate))

    def test_R20_a_decision_that_counts_no_more_refuses_what_is_opt_out(self) -> None:
        """As its visitor has decided once; one without a decision has not."""
        gate = make_gate(categories=[Category("advertising", basis="opt-out")])
        assert_gated(response(PIXEL), gate)
        old = consent(gate, "advertising", decided_at=NOW - 300 * DAY)
        told = complaint(lambda: assert_gated(response(PIXEL, cookie=old), gate))
        assert "refused" in told
        forgotten = gate.consent_cookie(None, now=NOW, secure=False)
        assert_gated(response(PIXEL, forgotten, cookie=old), gate)
        deleted_by_the_application = "eu-consent=; Max-Age=0; Path=/"
        complaint(
            lambda: assert_gated(response(PIXEL, deleted_by_the_application, cookie=old), gate)
        )

    def test_R10_the_gates_own_cookies_must_be_signed_by_it(self) -> None:
        """Their values are never told."""
        gate = make_gate(
            records=_NoRecords(),
            categories=[Category("advertising", basis="opt-out", gpc=True)],
        )
        genuine = (consent(gate, "statistics"), "=".join(deposits_cookie(gate, {"_ga": NOW})))
        assert_gated(response(*genuine), gate)
        forged = ("eu-consent=GA1.7", "eu-consent-deposits=GA1.7", "eu-consent-signal=GA1.7")
        for line in forged:
            told = complaint(partial(assert_gated, response(line), gate))
            assert f"{line.partition('=')[0]}, one of the gate's own\n  not signed" in told
        forged_consent = response("eu-consent=GA1.7", ANALYTICS)
        assert "2 cookies reached the client" in complaint(
            lambda: assert_gated(forged_consent, gate)
        )

    def test_the_note_of_a_signal_is_known(self) -> None:
        """It is signed, too."""
        gate = make_gate(
            records=_NoRecords(),
            categories=[Category("advertising", basis="opt-out", gpc=True)],
        )
        with by_httpx(gate, []) as (client, _):
            answer = client.get("/", headers=dict(GPC))
        assert any(line.startswith("eu-consent-signal=") for line in set_cookie_lines(answer))
        assert_gated(answer, gate)

    def test_what_a_decision_about_nothing_says(self) -> None:
        """A policy may have no category that is decidable."""
        exempt = [
            Category(name, basis="exempt")
            for name in ("functional", "statistics", "advertising", "social")
        ]
        gate = make_gate(categories=exempt)
        answer = response("unknown=1", cookie=consent(gate))
        told = complaint(lambda: assert_gated(answer, gate))
        assert "visitor: decided about nothing" in told

    @pytest.mark.parametrize(
        "unasked",
        [
            httpx.Response(200),
            flask.Response(),
            HttpResponse(),
            _made_by_hand(),
        ],
    )
    def test_a_response_without_a_request_has_no_visitor(self, unasked: Any) -> None:
        """But what it sets can be read."""
        with pytest.raises(TypeError, match="does not know the request"):
            assert_gated(unasked, make_gate())
        assert_no_cookies(unasked)

    def test_what_is_no_response_is_told_so(self) -> None:
        """With what would be one."""
        for assertion in (assert_gated, assert_no_cookies, set_cookie_lines):
            with pytest.raises(TypeError, match="str is no response that is known here"):
                assertion("Hello")
        with pytest.raises(TypeError, match="Response is no response that is known here"):
            assert_no_cookies(requests.Response())  # whose raw answer is gone


class _NoRecords:
    """A record store that forgets."""

    def use_keys(self, secret_keys: Sequence[bytes]) -> None:
        """Take them."""

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Forget."""
        return True


def _odd(*lines: str, cookie: str = "") -> httpx.Response:
    """Return a response with lines that httpx would not write, to such a request."""
    answer = response()
    answer.headers = httpx.Headers([(b"Set-Cookie", line.encode("latin-1")) for line in lines])
    answer.request.headers = httpx.Headers([(b"Cookie", cookie.encode("latin-1"))])
    return answer


@given(
    st.lists(any_lines, max_size=4),
    consents,
    st.integers(0, 400 * DAY),
    st.integers(0, 200),
)
@example(["_ga=1; Max-Age=33955200"], {"statistics"}, 170 * DAY, 100)
@example(["session=1; Path=/; Path=/; Expires=Sat, 21 Nov 2026 01:00:00 GMT"], None, 0, 1)
def test_whatever_the_gate_lets_out_is_gated(
    emitted: list[str], granted: set[str] | None, since: int, late: int
) -> None:
    """In a first visit and in a later one, also where the assertion comes a little late."""
    header = cookie_of(granted)
    for now in (NOW, NOW + since):
        gate = Gate(POLICY, "key", clock=lambda now=now: now)
        released = through_wsgi(gate, emitted, header)
        asserting = Gate(POLICY, "key", clock=lambda now=now: now + late)
        assert_gated(_odd(*released, cookie=header), asserting)
        stored = [line.partition(";")[0] for line in released if not line.startswith("eu-consent=")]
        header = "; ".join(filter(None, [cookie_of(granted), *stored]))


@given(any_lines, consents)
def test_what_the_gate_would_change_is_not_gated(line: str, granted: set[str] | None) -> None:
    """Whatever the line, and however odd; the message is printable and has no value in it."""
    gate = Gate(POLICY, "key", clock=lambda: NOW)
    header = cookie_of(granted)
    line = line.strip(" \t")  # as HTTP does
    passes = line in through_wsgi(gate, [line], header)
    try:
        assert_gated(_odd(line, cookie=header), gate)
    except AssertionError as error:
        assert not passes
        assert str(error).replace("\n", "").isprintable()  # noqa: PT017
    else:
        assert passes


class TestAssertNoCookies:
    """`assert_no_cookies` finds everything that is stored."""

    def test_exempt_cookies_count_until_they_are_named(self) -> None:
        """Word for word."""
        answer = response(SESSION, ANALYTICS, DELETION)
        assert complaint(lambda: assert_no_cookies(answer, but="csrf*")) == (
            "2 cookies stored where there should be none but csrf*:\n"
            "\n"
            "  session\n"
            "  _ga\n"
            "\n"
            "to do: if it may be there, name it: but=['session', '_ga']"
        )
        assert_no_cookies(answer, but=("session", "_g?"))
        assert "1 cookie stored" in complaint(lambda: assert_no_cookies(answer, but="session"))

    def test_a_nameless_cookie_counts(self) -> None:
        """Some browsers store it."""
        told = complaint(lambda: assert_no_cookies(_odd("odd")))
        assert told.endswith("none:\n\n  a cookie without a name")

    def test_the_gates_own_cookies_do_not_count(self) -> None:
        """Under the names of the policy, where it is known."""
        assert_no_cookies(response("eu-consent=1", "eu-consent-deposits=1", "eu-consent-signal=1"))
        answer = response("choice=1; Max-Age=60")
        assert_no_cookies(answer, gate=make_gate(cookie_name="choice"))
        complaint(lambda: assert_no_cookies(answer))


class TestAssertMaxAge:
    """`assert_max_age` compares lives as browsers read them."""

    @pytest.mark.parametrize(
        ("line", "bounds"),
        [
            ("a=1; Max-Age=3600", {"at_most": "1 hour"}),
            ("a=1; Max-Age=3600", {"exactly": 3600}),
            ("a=1; Max-Age=3600", {"at_least": timedelta(minutes=60), "at_most": "1 day"}),
            ("a=1; Max-Age=60; Expires=Fri, 01 Jan 2100 00:00:00 GMT", {"exactly": "1 minute"}),
            ("a=1; Max-Age=oops", {"exactly": "session"}),
            ("a=1", {"at_most": "1 second"}),
            ("a=1; Expires=Sun, 22 Nov 2026 00:00:00 GMT", {"exactly": "1 day"}),
        ],
    )
    def test_a_life_is_within_its_bounds(self, line: str, bounds: Any) -> None:
        """In words, in seconds, as a `timedelta`, or a session."""
        assert_max_age(response(line), "a", **bounds, gate=make_gate(lambda: NOW + 2))

    @pytest.mark.parametrize(
        ("line", "bounds", "expected"),
        [
            (
                "a=1; Max-Age=63072000",
                {"at_most": "13 months"},
                (
                    "a lives 730 days (63072000 s) by its Max-Age; expected at most 393 days "
                    "(33955200 s)."
                ),
            ),
            (
                "a=1; Max-Age=5400",
                {"exactly": "1 hour"},
                (
                    "a lives 1 hour 30 minutes (5400 s) by its Max-Age; expected exactly 1 hour "
                    "(3600 s)."
                ),
            ),
            (
                "a=1; Max-Age=30",
                {"exactly": "session"},
                "a lives 30 s by its Max-Age; expected a cookie that ends with the session.",
            ),
            (
                "a=1",
                {"at_least": "1 hour"},
                (
                    "a ends with the browser's session, for it has no Max-Age or Expires that is "
                    "valid; expected at least 1 hour (3600 s)."
                ),
            ),
            (
                "a=1; Max-Age=99999999999999",
                {"exactly": 60},
                "a lives longer than any limit by its Max-Age; expected exactly 1 minute (60 s).",
            ),
            (
                "a=1; Expires=Sun, 22 Nov 2026 00:00:00 GMT",
                {"at_least": "2 days"},
                "a lives 1 day (86400 s) by its Expires; expected at least 2 days (172800 s).",
            ),
            (
                SESSION,
                {"at_most": "1 day"},
                (
                    "The response does not set a; it sets session.\n\n"
                    "to do: where a gate stripped it, let the visitor grant its category first, "
                    "as the fixture consent_granted does"
                ),
            ),
            ("a=; Max-Age=0", {"at_most": "1 day"}, "The response deletes a and does not set it."),
            (
                f"a={'x' * 4096}",
                {"at_most": "1 day"},
                (
                    "The response sets a, and every browser refuses it: its name and value have "
                    "more than 4096 octets."
                ),
            ),
        ],
    )
    def test_its_message_explains(self, line: str, bounds: Any, expected: str) -> None:
        """Word for word: a wrong life, a missing cookie, a deleted one."""
        gate = make_gate()
        answer = response(line)
        assert expected == complaint(lambda: assert_max_age(answer, "a", **bounds, gate=gate))

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("__Secure-a=1", "__Secure- needs Secure"),
            ("__secure-a=1; HttpOnly", "__Secure- needs Secure"),
            ("__Host-a=1; Path=/", "__Host- needs Secure, Path=/ and no Domain"),
            ("__Host-a=1; Secure", "__Host- needs Secure"),
            ("__Host-a=1; Secure; Path=/shop", "__Host- needs Secure"),
            ("__Host-a=1; Secure; Path=/; Domain=shop.example", "__Host- needs Secure"),
            ("__Host-a=\x011; Secure; Path=/", "it has a control character"),
            ("__Secure-a=1; secure", None),
            ("__Host-a=1; Path=/ ;SECURE", None),
            (f"__Host-a={'x' * 4088}; Path=/; Secure", None),
        ],
    )
    def test_a_cookie_that_every_browser_refuses_is_not_stored(
        self, line: str, expected: str | None
    ) -> None:
        """Whatever its life."""
        answer = _odd(line)
        if expected is None:
            assert_max_age(answer, "__*", exactly="session")
        else:
            told = complaint(lambda: assert_max_age(answer, "__*", exactly="session"))
            assert "every browser refuses it" in told
            assert expected in told

    def test_a_response_without_cookies_says_so(self) -> None:
        """Nothing is listed."""
        told = complaint(lambda: assert_max_age(response(), "a", at_most=1))
        assert told.startswith("The response does not set a; it sets no cookie.")

    def test_a_response_that_is_an_error_says_so(self) -> None:
        """A cookie is often missing for that reason alone."""
        answer = response()
        answer.status_code = 500
        told = complaint(lambda: assert_max_age(answer, "a", at_most=1))
        assert told.startswith("The response (status 500) does not set a; it sets no cookie.")

    def test_all_cookies_that_a_pattern_fits_have_to_do(self) -> None:
        """Also two of one name."""
        answer = response("_ga=1; Max-Age=60", "_ga_X=1; Max-Age=90", "_ga=1; Max-Age=120")
        assert_max_age(answer, "_ga*", at_most=120)
        assert "_ga_X lives" in complaint(lambda: assert_max_age(answer, "_ga*", at_most=60))

    def test_the_clock_is_the_gates_where_it_is_known(self) -> None:
        """Django's client knows when its request was answered."""
        with by_django(make_gate(), ["session=1; Expires=Sun, 22 Nov 2026 00:00:00 GMT"]) as asking:
            assert_max_age(asking.get("/"), "session", exactly="1 day")

    @pytest.mark.parametrize(
        ("bounds", "error"),
        [
            ({}, TypeError),
            ({"at_most": "soon"}, ValueError),
            ({"at_least": "session"}, ValueError),
            ({"exactly": 0}, ValueError),
            ({"exactly": True}, ValueError),
            ({"exactly": timedelta(0)}, ValueError),
        ],
    )
    def test_a_bound_must_be_a_duration(self, bounds: Any, error: type[Exception]) -> None:
        """The error names the argument."""
        named = next(iter(bounds), "at_most=, exactly= or at_least=")
        with pytest.raises(error, match=re.escape(named)):
            assert_max_age(response(SESSION), "session", **bounds)


def test_django_may_write_cookies_past_its_jar() -> None:
    """They are lines as any other."""
    answer = HttpResponse(headers={" set-cookie": " past=1", "X-Shop": "open"})
    answer.set_cookie("jar", "1")
    assert ["past=1", "jar=1; Path=/"] == set_cookie_lines(answer)


def test_flask_without_an_environ_of_its_own() -> None:
    """The client's request has the Cookie header as it was sent, also where a gate hid some."""
    gate = make_gate()
    with by_flask(gate, []) as (client, get):
        client.set_cookie("_fbp", "1")
        answer = get("/")
    assert "_fbp=1" == answer.request.environ["HTTP_COOKIE"]
    assert_gated(answer, gate)
