"""Look on while gates work, in tests and checks: every line they judge, and what becomes of it.

    class Names(Observer):
        def line(self, seen):
            print(seen.name, "passed" if seen.sent else "stripped")

    with observing(Names()):
        client.get("/")

Whatever carries the gates, all of this process are seen. Else nobody pays for it: while somebody
looks on, a few methods of `Visit` and `Gate` are replaced, and put back afterwards.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consentgate.exceptions import CookieBlocked
from consentgate.gate import Gate
from consentgate.set_cookie import read
from consentgate.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from consentgate.known_cookie import Verdict
    from consentgate.visit import Additions

__all__ = ["ObservedLine", "Observer", "observing"]


@dataclass(frozen=True, slots=True)
class ObservedLine:
    """One Set-Cookie line that a gate judged, or that it added itself."""

    gate: Gate
    line: str
    """As the application wrote it, the cookie's value included."""
    sent: str | None
    """What leaves instead; ``line`` itself where it may leave as it is, None for nothing."""
    verdict: Verdict | None = None
    """What was done to it and why; None where it passed."""
    by_gate: bool = False
    """Whether the gate added it: a cookie of its own, or a deletion."""

    @property
    def name(self) -> str:
        """The cookie's name as it was judged; ``""`` for none."""
        return read(self.line).name if self.verdict is None else self.verdict.name


class Observer:
    """Who looks on; both methods do nothing until a subclass says what."""

    def visit(self, gate: Gate) -> None:
        """Hear that ``gate`` is about to see a request."""

    def line(self, seen: ObservedLine) -> None:
        """Hear what became of a Set-Cookie line."""


@contextmanager
def observing(observer: Observer) -> Generator[None]:
    """Let ``observer`` look on at every gate of this process, in all threads."""
    told = _Told()
    begin, judge, additions, tell = Visit.__init__, Visit.judge, Visit.additions, Gate.tell

    def observed_begin(self: Visit, gate: Gate, carrier: Any) -> None:
        begin(self, gate, carrier)
        observer.visit(gate)

    def observed_judge(self: Visit, line: str) -> str | None:
        told.verdict = None
        try:
            sent = judge(self, line)
        except CookieBlocked as error:
            observer.line(ObservedLine(self.gate, line, None, error.verdict))
            raise
        observer.line(ObservedLine(self.gate, line, sent, told.verdict))
        return sent

    def observed_additions(self: Visit, *headers: Any, **options: Any) -> Additions:
        added = additions(self, *headers, **options)
        for name, line in added.headers:
            if name == "Set-Cookie":
                observer.line(ObservedLine(self.gate, line, line, by_gate=True))
        return added

    def observed_tell(self: Gate, verdict: Verdict) -> None:
        told.verdict = verdict
        tell(self, verdict)

    with ExitStack() as replaced:
        replaced.enter_context(_replaced(Visit, "__init__", observed_begin))
        replaced.enter_context(_replaced(Visit, "judge", observed_judge))
        replaced.enter_context(_replaced(Visit, "additions", observed_additions))
        replaced.enter_context(_replaced(Gate, "tell", observed_tell))
        # Else nobody would work out a reason that nobody hears.
        replaced.enter_context(_replaced(Gate, "is_heard", property(lambda _: True)))
        yield


class _Told(threading.local):
    """The last verdict that was told in this thread."""

    verdict: Verdict | None = None


@contextmanager
def _replaced(owner: type, name: str, value: property | Callable[..., object]) -> Generator[None]:
    original = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)
