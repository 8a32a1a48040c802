"""The assertions themselves: each is true, or raises an `AssertionError` that explains."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.assertions import words
from consentgate.assertions.answers import answers
from consentgate.assertions.gates import find_gate, known_gate
from consentgate.assertions.judging import Examination, is_deletion
from consentgate.assertions.refused import why_refused
from consentgate.duration import CLOCK_TOLERANCE, parse_duration
from consentgate.exceptions import PolicyError
from consentgate.rule_index import RuleIndex
from consentgate.set_cookie import SetCookie, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.assertions.answers import Answer, Asked
    from consentgate.gate import Gate

    Duration = str | int | timedelta

__all__ = ["assert_gated", "assert_max_age", "assert_no_cookies"]

_SESSION: Final = "session"
_DEFAULT_OWN_NAMES: Final = frozenset({"eu-consent", "eu-consent-deposits", "eu-consent-signal"})


def assert_gated(response: object, gate: Gate | None = None) -> None:
    """Assert that ``response`` has no cookie but what the gate lets out to this visitor.

    Each Set-Cookie line is judged again, as in the request that was answered; it must come out as
    it is. So this fails where the gate is not around the application, where middleware outside the
    gate sets cookies, and where a server was configured with another policy. The gate's own
    cookies must have its signature; a decision that leaves with the response governs it (R9).
    In ``report`` mode a gate lets everything out, and nothing fails.

    ``gate`` is the site's; it may be left out with Django's test client, which knows it, and under
    pytest with the fixture ``consent_gate``. Raises `ConfigurationError` where none is known, and
    `TypeError` for a response that is of no known client, or does not know its request.
    """
    __tracebackhide__ = True
    for answer in answers(response):
        asked = _asked(answer, response)
        examination = Examination(find_gate(asked, gate), asked, answer.lines)
        complaints = list(examination.complaints())
        if complaints:
            raise AssertionError(words.not_gated(complaints, examination, asked))


def _asked(answer: Answer, response: object) -> Asked:
    __tracebackhide__ = True
    if answer.asked is None:
        raise TypeError(
            f"this {type(response).__name__} does not know the request that it answers, and so not "
            "the visitor; give the response of a test client"
        )
    return answer.asked


def assert_no_cookies(
    response: object, *, but: str | Iterable[str] = (), gate: Gate | None = None
) -> None:
    """Assert that ``response`` stores no cookie at all.

    Exempt cookies count, too: name in ``but`` those that may be there, exactly or by a pattern as
    in a policy (``"session"``, ``["csrf*"]``). Deletions do not count (R5), and neither do the
    gate's own cookies; their names are those of ``gate``, or of the gate that `assert_gated`
    finds, or else ``eu-consent`` and what belongs to it. Raises `TypeError` for a response of no
    known client.
    """
    __tracebackhide__ = True
    patterns = {but} if isinstance(but, str) else set(but)
    expected = RuleIndex([_Pattern(pattern) for pattern in sorted(patterns)])
    stored: list[SetCookie] = []
    for answer in answers(response):
        found = known_gate(answer.asked, gate)
        own = found.policy.own_cookie_names if found else _DEFAULT_OWN_NAMES
        stored += [
            cookie
            for cookie in _stored(answer, _now(answer, found))
            if cookie.name not in own and expected.find(cookie.name) is None
        ]
    if stored:
        raise AssertionError(words.cookies_there(stored, sorted(patterns)))


class _Pattern(NamedTuple):
    """A name or pattern of names, for an index of them."""

    name: str


def assert_max_age(
    response: object,
    name: str,
    *,
    at_most: Duration | None = None,
    exactly: Duration | None = None,
    at_least: Duration | None = None,
    gate: Gate | None = None,
) -> None:
    """Assert that ``response`` stores the cookie called ``name``, and for how long.

    A cookie that every browser refuses is not stored: one that is too long, or has not what the
    prefix of its name needs.

    Durations are as in a policy (``"13 months"``, which is never longer than the calendar span),
    seconds, or a `timedelta`; ``exactly="session"`` is a cookie that ends with the browser's
    session, which is within every ``at_most``. The life is read as browsers do: Max-Age beats
    Expires. An Expires alone is counted from now, by the clock of ``gate`` where one is known, and
    may have lost five minutes since. ``name`` may be a pattern as in a policy; every cookie that it
    fits has to do. Raises `TypeError` without any bound and for a response of no known client, and
    `ValueError` for a duration that is none.
    """
    __tracebackhide__ = True
    given = {"at most": at_most, "exactly": exactly, "at least": at_least}
    bounds = [_bound(word, value) for word, value in given.items() if value is not None]
    if not bounds:
        raise TypeError("say how long: at_most=, exactly= or at_least=")
    named = RuleIndex([_Pattern(name)])
    others: list[SetCookie] = []
    found = False
    for answer in answers(response):
        now = _now(answer, known_gate(answer.asked, gate))
        for line in answer.lines:
            cookie = read(line)
            if named.find(cookie.name) is None or is_deletion(cookie, now):
                others.append(cookie)
                continue
            found = True
            if reason := why_refused(line):
                raise AssertionError(words.refused(cookie, reason))
            _check(cookie, bounds, now)
    if not found:
        is_deleted = any(named.find(cookie.name) for cookie in others)
        status: int = getattr(response, "status_code", 0)
        raise AssertionError(words.cookie_missing(name, others, status, is_deleted=is_deleted))


class _Bound(NamedTuple):
    """What a life is compared with."""

    word: str
    seconds: int | None
    """None for the browser's session."""

    def holds(self, life: int | None, tolerance: int) -> bool:
        """Whether a cookie may live ``life`` seconds, or some that have passed already longer."""
        if self.seconds is None or life is None:
            return self.word == "at most" or self.seconds is life
        too_long = self.word != "at least" and life > self.seconds
        too_short = self.word != "at most" and life + tolerance < self.seconds
        return not (too_long or too_short)


def _check(cookie: SetCookie, bounds: Iterable[_Bound], now: float) -> None:
    __tracebackhide__ = True
    attributes = cookie.attributes
    life = attributes.lifetime(int(now))
    tolerance = CLOCK_TOLERANCE if attributes.max_age is None else 0
    for bound in bounds:
        if not bound.holds(life, tolerance):
            raise AssertionError(words.wrong_life(cookie, life, bound.word, bound.seconds))


def _bound(word: str, value: Duration) -> _Bound:
    __tracebackhide__ = True
    if value == _SESSION and word == "exactly":
        return _Bound(word, None)
    seconds = int(value.total_seconds()) if isinstance(value, timedelta) else value
    try:
        return _Bound(word, parse_duration(seconds))
    except PolicyError as error:
        raise ValueError(f"{word.replace(' ', '_')}: {error}") from None


def _stored(answer: Answer, now: float) -> list[SetCookie]:
    return [cookie for cookie in map(read, answer.lines) if not is_deletion(cookie, now)]


def _now(answer: Answer, gate: Gate | None) -> float:
    """Return when the response left, as nearly as can be known, in seconds since 1970."""
    if answer.asked is not None and answer.asked.visit is not None:
        return answer.asked.visit.now
    return time.time() if gate is None else gate.clock()
