"""Judge again what has left, as the gate would have judged it for the same visitor."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consentgate import cookie_header
from consentgate.duration import CLOCK_TOLERANCE
from consentgate.exceptions import CookieBlocked
from consentgate.gate import Gate
from consentgate.set_cookie import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consentgate.assertions.answers import Asked
    from consentgate.consent import Decision
    from consentgate.known_cookie import Verdict
    from consentgate.set_cookie import SetCookie

__all__ = ["Complaint", "Examination", "Examiner", "is_deletion"]

_VOID: Final = "void"
"""The value of a consent cookie that was sent and does not count (R20)."""
_SHIFTED_BY_TIME: Final = ("lifetime", "not canonical")
_GATE_S_OWN_LIFE: Final = re.compile(r"; Max-Age=[0-9]+(; Expires=[A-Za-z0-9,: ]{25} GMT)?\Z")
"""How the gate ends a line that it says in its own words (R3, R12)."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One cookie that did not leave as the gate would have let it."""

    line: str
    sent: str | None
    """What the gate would have let out instead; None for nothing."""
    verdict: Verdict | None
    """Why; None for a cookie that looks like the gate's own, and is not signed by it."""


class Examiner(Gate):
    """A gate with the same policy that stands beside the site's own, and tells nobody.

    It has a key of its own and a clock that stands still. Who looks on at the gates of a process
    knows it by its type.
    """

    def __init__(self, gate: Gate, now: float) -> None:
        super().__init__(gate.policy, secrets.token_bytes(), clock=lambda: now)
        self.told: Verdict | None = None

    @property
    def is_heard(self) -> bool:
        """Reasons are what it is asked for."""
        return True

    def tell(self, verdict: Verdict) -> None:
        """Keep the last verdict."""
        self.told = verdict


class Examination:
    """What a gate thinks of the Set-Cookie lines that answered one request.

    The visitor is the one who asked; a decision that leaves with the response governs it (R9).
    """

    def __init__(self, gate: Gate, asked: Asked, lines: Sequence[str]) -> None:
        self._gate = gate
        self.policy = gate.policy
        self._lines = lines
        self._own_names = gate.policy.own_cookie_names
        self.now = asked.visit.now if asked.visit is not None else gate.clock()
        """When the response left, as nearly as can be known; in seconds since 1970."""
        self._examiner = Examiner(gate, self.now)
        self.decision = gate.decision(asked.cookie, self.now)
        """The visitor's decision when the response left."""
        is_sent = bool(cookie_header.values(asked.cookie, gate.consent_cookie_name))
        for line in lines:
            if self._is_decision(line):
                self.decision = self._decision_of(read(line))
                is_sent = self.decision is not None
        header = self._header(asked.cookie, is_sent=is_sent)
        self._visit = self._examiner.visit(asked.request, header)
        self._visit.readable(header)
        self.signals = [name for name, sent in gate.signals(asked.request).items() if sent]
        """The privacy signals that were sent: ``gpc``, ``dnt``."""

    def _is_decision(self, line: str) -> bool:
        """Whether ``line`` stores or takes back a decision, as the gate itself does both.

        A deletion in other words is the application's own, and decides nothing yet.
        """
        if self._decision_of(read(line)) is not None:
            return True
        gate, now = self._gate, self.now
        return line in [gate.consent_cookie(None, now=now, secure=s) for s in (False, True)]

    def _decision_of(self, cookie: SetCookie) -> Decision | None:
        return self._gate.decision(cookie.pair, self.now)

    def _is_genuine(self, cookie: SetCookie) -> bool:
        """Whether a cookie of the gate's own is signed by it (R10)."""
        if cookie.name == self._gate.consent_cookie_name:
            return self._decision_of(cookie) is not None
        if cookie.name == self._gate.deposits_cookie_name:
            return bool(self._gate.first_deposits(cookie.pair, self.now))
        return self._gate.noted_signal(cookie.pair) is not None

    def _header(self, cookie: str, *, is_sent: bool) -> str:
        """Return the visitor's Cookie header as the examiner has to see it, in its own hand."""
        gate, examiner = self._gate, self._examiner

        def is_own(piece: str) -> bool:
            return piece.partition("=")[0].strip(cookie_header.BLANKS) in self._own_names

        pairs = [cookie_header.without(cookie, is_own)] if cookie else []
        if is_sent:
            token = examiner.sign(self.decision) if self.decision else _VOID
            pairs.append(f"{gate.consent_cookie_name}={token}")
        if dates := gate.first_deposits(cookie, self.now):
            line = examiner.deposits_cookie(dates, now=self.now, secure=False)
            pairs.append(line.partition(";")[0])
        return "; ".join(filter(None, pairs))

    def complaints(self) -> Iterator[Complaint]:
        """Judge the lines in order, and yield those that should not have left so."""
        for line in self._lines:
            cookie = read(line)
            if cookie.name in self._own_names and not is_deletion(cookie, self.now):
                if not self._is_genuine(cookie):
                    yield Complaint(line, None, None)
                continue
            complaint = self._judge(line)
            if complaint.sent != line and not self._is_late(complaint):
                yield complaint

    def _judge(self, line: str) -> Complaint:
        self._examiner.told = None
        try:
            sent = self._visit.judge(line)
        except CookieBlocked as blocked:
            return Complaint(line, None, blocked.verdict)
        return Complaint(line, sent, self._examiner.told)

    def _is_late(self, complaint: Complaint) -> bool:
        """Whether no more is wrong than that seconds have passed since the response left.

        What is left of a cookie's life becomes less all the time, its whole life does not; and an
        Expires that the gate wrote is of another instant.
        """
        verdict, line, sent = complaint.verdict, complaint.line, complaint.sent
        if verdict is None or sent is None or verdict.reason not in _SHIFTED_BY_TIME:
            return False
        if verdict.reason == "not canonical" and _GATE_S_OWN_LIFE.sub("", line) != (
            _GATE_S_OWN_LIFE.sub("", sent)
        ):
            return False
        wanted, left = read(line).attributes.max_age, read(sent).attributes.max_age
        if wanted is None or left is None:
            return False
        limit = self.policy.limit(self.policy.rule_for(verdict.name))
        return wanted <= limit and wanted - left <= CLOCK_TOLERANCE


def is_deletion(cookie: SetCookie, now: float) -> bool:
    """Whether a browser deletes the cookie, at ``now`` in seconds since 1970."""
    lifetime = cookie.attributes.lifetime(int(now))
    return lifetime is not None and lifetime <= 0
