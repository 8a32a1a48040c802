"""Whoever looks on sees each line that a gate judges, and leaves everything as it was."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import django_site
import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from consentgate import CookieBlocked, Gate, Policy
from consentgate.client import Application, load_application, new_transport
from consentgate.observation import ObservedLine, Observer, observing
from consentgate.testing import consent_cookie, deposits_cookie
from consentgate.visit import Visit

NOW = 1_800_000_000
POLICY = {
    "version": "1",
    "cookies": [
        {"name": "session", "category": "necessary"},
        {"name": "_ga", "category": "statistics", "max_age": "1 day"},
    ],
}


class Notes(Observer):
    """Keeps all that it hears."""

    def __init__(self) -> None:
        self.gates: list[Gate] = []
        self.lines: list[ObservedLine] = []

    def visit(self, gate: Gate) -> None:
        """Keep the gate."""
        self.gates.append(gate)

    def line(self, seen: ObservedLine) -> None:
        """Keep the line."""
        self.lines.append(seen)


def gate(**policy: Any) -> Gate:
    """Return a gate on a clock that stands still."""
    return Gate(Policy.from_mapping({**POLICY, **policy}), ["key"], clock=lambda: NOW)


def visit(of: Gate, cookie: str = "") -> Visit:
    """Return a visit of a request with these cookies."""
    request = SimpleNamespace(header=lambda _: "", path=lambda: "/", is_secure=lambda: True)
    return of.visit(request, cookie)  # type: ignore[arg-type]


def originals() -> list[object]:
    """Return what is replaced while somebody looks on."""
    of_visit = [vars(Visit)[name] for name in ("__init__", "judge", "additions")]
    return [*of_visit, *(vars(Gate)[name] for name in ("tell", "is_heard"))]


# -- What is seen ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sent", "reason"),
    [
        ("session=1; Path=/", "session=1; Path=/", None),
        ("_ga=1; Max-Age=60", None, "undecided"),
        ("new=1", None, "unregistered"),
        ("=1", None, "no name"),
        ("_ga=; Max-Age=0", "_ga=; Max-Age=0", None),
    ],
)
def test_each_line_is_seen(line: str, sent: str | None, reason: str | None) -> None:
    """A line is seen as the application wrote it, with what leaves instead and why."""
    notes, of = Notes(), gate()
    with observing(notes):
        assert sent == visit(of).judge(line)
    (seen,) = notes.lines
    assert [of] == notes.gates
    assert (of, line, sent, False) == (seen.gate, seen.line, seen.sent, seen.by_gate)
    assert reason == (seen.verdict and seen.verdict.reason)
    assert line.partition("=")[0] == seen.name


def test_a_shortened_line_is_seen() -> None:
    """What the gate makes of a line is seen beside it."""
    notes, of = Notes(), gate()
    name, token = consent_cookie(of, ["statistics"])
    with observing(notes):
        sent = visit(of, f"{name}={token}").judge("_ga=1; Max-Age=999999")
    assert "_ga=1; Max-Age=86400" == sent
    (seen,) = notes.lines
    assert (sent, "clamp") == (seen.sent, seen.verdict and seen.verdict.action)


def test_each_verdict_stays_with_its_line() -> None:
    """A line that passes after one that did not has no verdict."""
    notes, seen = Notes(), visit(gate())
    with observing(notes):
        for line in ("_ga=1", "session=1", "new=1"):
            seen.judge(line)
    reasons = [line.verdict and line.verdict.reason for line in notes.lines]
    assert ["undecided", None, "unregistered"] == reasons


def test_report_mode_is_seen() -> None:
    """A line that is only reported leaves as it is, and its verdict says so."""
    notes = Notes()
    with observing(notes):
        visit(gate(mode="report")).judge("_ga=1")
    (seen,) = notes.lines
    assert ("_ga=1", False) == (seen.sent, seen.verdict and seen.verdict.enforced)


def test_a_blocked_line_is_seen() -> None:
    """A line that stops the answer is seen, and stops it still."""
    notes, seen = Notes(), visit(gate(mode="block"))
    with observing(notes), pytest.raises(CookieBlocked) as caught:
        seen.judge("_ga=1")
    (line,) = notes.lines
    assert (None, caught.value.verdict) == (line.sent, line.verdict)


def test_what_the_gate_adds_is_seen() -> None:
    """Deletions, and the gate's own cookies, are seen as the gate's, and other headers are not."""
    notes, of = Notes(), gate()
    dated = "=".join(deposits_cookie(of, {"_ga": NOW - 60}))
    with observing(notes):
        seen = visit(of, f"_ga=1; {dated}")
        seen.readable(seen.cookie)
        assert not seen.consent.allows("statistics")
        added = seen.additions()
    assert {"Set-Cookie", "Vary"} <= {name for name, _ in added.headers}
    expected = [line for name, line in added.headers if name == "Set-Cookie"]
    assert expected == [line.line for line in notes.lines]
    assert "_ga" in [line.name for line in notes.lines]
    assert all(line.by_gate and line.sent == line.line for line in notes.lines)


# -- What is left ---------------------------------------------------------------------------


def test_all_is_put_back() -> None:
    """After looking on, and after an error while looking on, the methods are the old ones."""
    before = originals()
    with observing(Notes()):
        assert not any(new is old for new, old in zip(originals(), before, strict=True))
    assert before == originals()

    def fail() -> None:
        with observing(Notes()):
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - one without a text
        fail()
    assert before == originals()


def test_nobody_is_heard_afterwards() -> None:
    """Who looked on hears nothing of what comes later, of gates that are there still."""
    notes, of = Notes(), gate()
    heard_before = of.is_heard
    with observing(notes):
        seen = visit(of)
    assert heard_before is of.is_heard
    assert seen.judge("_ga=1") is None
    assert [] == notes.lines


def test_one_may_look_on_beside_another() -> None:
    """Two who look on at once see the same, the inner one for as long as it does."""
    outer, inner, of = Notes(), Notes(), gate()
    with observing(outer):
        with observing(inner):
            visit(of).judge("_ga=1")
        visit(of).judge("session=1")
    assert ["_ga", "session"] == [line.name for line in outer.lines]
    assert outer.lines[:1] == inner.lines


def test_who_came_first_may_leave_first() -> None:
    """The other one goes on, and when both are gone all is as it was."""
    judge, told = Visit.judge, Gate.tell
    first, second, of = Notes(), Notes(), gate()
    one, other = observing(first), observing(second)
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    visit(of).judge("_ga=1")
    other.__exit__(None, None, None)
    assert ([], ["_ga"]) == (first.lines, [line.name for line in second.lines])
    assert (judge, told) == (Visit.judge, Gate.tell)


def test_threads_do_not_mix() -> None:
    """Lines that are judged at once in two threads have their own verdicts."""
    notes, of = Notes(), gate()
    together = threading.Barrier(2, timeout=10)

    def judge(line: str) -> None:
        seen = visit(of)
        for _ in range(50):
            together.wait()
            seen.judge(line)

    with observing(notes):
        threads = [threading.Thread(target=judge, args=(line,)) for line in ("_ga=1", "x=1")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = {(line.line, line.verdict and line.verdict.name) for line in notes.lines}
    assert {("_ga=1", "_ga"), ("x=1", "x")} == found
    assert 100 == len(notes.lines)


def test_an_observer_need_not_listen() -> None:
    """Looking on changes nothing by itself."""
    of = gate()
    with observing(Observer()):
        assert visit(of).judge("_ga=1") is None


# -- Every front ----------------------------------------------------------------------------


def seen_of(application: Application) -> dict[str, str | None]:
    """Ask for the first page, and return the reason of each line that was seen."""
    notes = Notes()
    with (
        new_transport(application, timeout=10) as transport,
        httpx.Client(transport=transport, base_url="https://127.0.0.1") as client,
        observing(notes),
    ):
        answer = client.get("/")
    assert 200 == answer.status_code
    assert 1 == len(set(map(id, notes.gates)))
    sent = [line.sent for line in notes.lines if line.sent]
    left = answer.headers.get_list("Set-Cookie")
    assert [line.strip() for line in left] == [line.strip() for line in sent]
    own = [line for line in notes.lines if not line.by_gate]
    assert {line.name for line in notes.lines if line.by_gate} <= {"eu-consent-deposits"}
    return {line.name: line.verdict and line.verdict.reason for line in own}


@pytest.mark.parametrize("shop", ["wsgi_shop", "flask_shop", "starlette_shop", "fastapi_shop"])
@pytest.mark.usefixtures("in_examples")
def test_every_front_is_seen(shop: str) -> None:
    """What an application sets is seen, whatever carries the gate."""
    assert {
        "session": None,
        "csrftoken": None,
        "_ga": "undecided",
        "_fbp": "undecided",
        "ab_test": "unregistered",
        "old_basket": None,
    } == seen_of(load_application(f"{shop}:app"))


@pytest.mark.parametrize("is_async", [False, True])
def test_django_is_seen(is_async: bool) -> None:
    """What a Django site sets is seen, under both of its handlers."""

    def view(request: Any) -> Any:
        return django_site.setting("_ga=1", "shop_session=1; Path=/", "new=1")

    application = (
        Application("shop", ASGIHandler(), "asgi")
        if is_async
        else Application("shop", WSGIHandler(), "wsgi")
    )
    with django_site.site(view):
        assert {"_ga": "undecided", "shop_session": None, "new": "unregistered"} == seen_of(
            application
        )
