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
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from consentgate.exceptions import CookieBlocked
from consentgate.gate import Gate
from consentgate.set_cookie import read
from consentgate.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

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
    with _lock:
        _observers.append(observer)
        _put_in_place(_OBSERVED)
    try:
        yield
    finally:
        with _lock:
            _observers.remove(observer)
            if not _observers:
                _put_in_place(_ORIGINAL)


_lock: Final = threading.Lock()
_observers: Final[list[Observer]] = []

_begin = Visit.__init__
_judge = Visit.judge
_additions = Visit.additions
_tell = Gate.tell


class _Told(threading.local):
    """The last verdict that was told in this thread."""

    verdict: Verdict | None = None


_told: Final = _Told()


def _observed_begin(self: Visit, gate: Gate, carrier: Any) -> None:
    _begin(self, gate, carrier)
    for observer in tuple(_observers):
        observer.visit(gate)


def _observed_judge(self: Visit, line: str) -> str | None:
    _told.verdict = None
    try:
        sent = _judge(self, line)
    except CookieBlocked as error:
        _hand_on(ObservedLine(self.gate, line, None, error.verdict))
        raise
    _hand_on(ObservedLine(self.gate, line, sent, _told.verdict))
    return sent


def _observed_additions(self: Visit, *headers: Any, **options: Any) -> Additions:
    added = _additions(self, *headers, **options)
    for name, line in added.headers:
        if name == "Set-Cookie":
            _hand_on(ObservedLine(self.gate, line, line, by_gate=True))
    return added


def _observed_tell(self: Gate, verdict: Verdict) -> None:
    _told.verdict = verdict
    _tell(self, verdict)


def _hand_on(seen: ObservedLine) -> None:
    for observer in tuple(_observers):
        observer.line(seen)


_OBSERVED: Final = {
    (Visit, "__init__"): _observed_begin,
    (Visit, "judge"): _observed_judge,
    (Visit, "additions"): _observed_additions,
    (Gate, "tell"): _observed_tell,
    # Else nobody would work out a reason that nobody hears.
    (Gate, "is_heard"): property(lambda _: True),
}
_ORIGINAL: Final = {(owner, name): vars(owner)[name] for owner, name in _OBSERVED}


def _put_in_place(methods: Mapping[tuple[type, str], Any]) -> None:
    for (owner, name), method in methods.items():
        setattr(owner, name, method)
