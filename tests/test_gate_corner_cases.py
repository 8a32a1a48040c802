"""Corner cases of the gate."""

from __future__ import annotations

import pytest
from test_gate import OPT_OUT, RULES, Asked, Clock, ask, counted_calls, make_gate

from consentgate import Category, Gate, Policy, Verdict
from consentgate.duration import months
from consentgate.testing import NOW, deposits_cookie


def test_R6_a_signal_is_no_reason_where_it_refuses_nothing() -> None:
    """What it does not mark is undecided, as without it."""
    verdicts: list[Verdict] = []
    gate = make_gate(verdicts, categories=OPT_OUT)
    ask(gate, "_ga=1", "_fbp=1", signals={"HTTP_SEC_GPC": "1"})
    assert ["undecided", "refused"] == [verdict.reason for verdict in verdicts]


@pytest.mark.parametrize("line", ["x", "=x", "a\x01=1"])
def test_R3_what_is_nothing_certain_is_dropped_where_unregistered_is_reported(line: str) -> None:
    """`unregistered = "report"` is about names, and there is none to trust."""
    assert [] == ask(make_gate(unregistered="report"), line).set_cookies


def test_R14_a_doubtful_name_may_be_that_of_a_session_cookie() -> None:
    """Some browser may read it so."""
    assert ['"test"=1'] == ask(make_gate(unregistered="allow"), '"test"=1; Max-Age=60').set_cookies


def test_R25_a_doubtful_name_is_told_as_the_rfc_reads_it() -> None:
    """Where all names that browsers may read are judged alike."""
    verdicts: list[Verdict] = []
    ask(make_gate(verdicts, unregistered="allow"), "zz\xa0=1; Max-Age=99999999")
    assert ["zz\xa0"] == [verdict.name for verdict in verdicts]


def test_R25_a_deletion_by_a_date_long_past_is_rewritten() -> None:
    """No life is shortened, so it is no clamp."""
    verdicts: list[Verdict] = []
    ask(make_gate(verdicts), "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    assert [("rewrite", "Expires alone")] == [
        (verdict.action, verdict.reason) for verdict in verdicts
    ]


def test_lazy_dates_are_verified_once() -> None:
    """A token that was seen before costs no signature."""
    gate = make_gate()
    cookie = "=".join(deposits_cookie(gate, {"session": NOW}))
    gate.first_deposits(cookie, NOW)
    calls = counted_calls(lambda: gate.first_deposits(cookie, NOW))
    assert not [name for name in calls if name.startswith(("itsdangerous", "hmac"))]


def test_lazy_no_clock_for_what_is_stripped() -> None:
    """A session cookie has no date that could make it a deletion."""
    clock = Clock()
    gate = Gate(Policy("1", cookies=RULES), "key", clock=clock)
    assert gate.visit(Asked()).judge("_ga=1; Path=/") is None
    assert 0 == clock.asked


def test_R3_a_doubtful_name_is_enforced_where_one_of_its_readings_is() -> None:
    """A category in report mode lifts no limit of another cookie."""
    gate = make_gate(unregistered="allow", categories=[Category("advertising", mode="report")])
    assert [f'"_fbp"=1; Max-Age={months(13)}'] == ask(
        gate, '"_fbp"=1; Max-Age=99999999'
    ).set_cookies


def test_R3_a_blank_behind_a_name_is_not_canonical() -> None:
    """The line is said in the gate's own words."""
    assert ["session=1; Max-Age=60"] == ask(make_gate(), "session =1; Max-Age=60").set_cookies
