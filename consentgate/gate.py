"""One gate for a site: what it knows of policy, keys, time and listeners.

`Gate` is made once for a site, and makes a `Visit` for each request, where the decisions are.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from consentgate import consent, cookie_header, deposits
from consentgate.cache import Memo, Recent
from consentgate.consent import (
    Choices,
    Decision,
    DecisionSerializer,
    Standing,
    allowed_categories,
)
from consentgate.deposits import DepositSerializer
from consentgate.duration import CLOCK_TOLERANCE
from consentgate.known_cookie import KnownCookie, Verdict
from consentgate.policy import BROWSER_MAX_AGE
from consentgate.recorder import Recorder, check_details
from consentgate.set_cookie import AttributeReader
from consentgate.signal_note import SignalNoteSerializer
from consentgate.signing import secret_key_list
from consentgate.visit import InOrder, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from consentgate.policy import Policy, Signal
    from consentgate.record import RecordStore
    from consentgate.recorder import Detail
    from consentgate.signal_note import SignalNote
    from consentgate.visit import Request

logger = logging.getLogger("consentgate")

_REMEMBERED_NAMES: Final = 4096
_LONGEST_REMEMBERED_NAME: Final = 128
_REMEMBERED_TOKENS: Final = 1024
_REMEMBERED_DEPOSITS: Final = 1024
_REMEMBERED_ALLOWANCES: Final = 1024
_REMEMBERED_HEADERS: Final = 10_000
_REMEMBERED_ORDERS: Final = 1024
_MOST_OWN_COOKIES: Final = 8
"""Cookies of the gate's own, of one name, that are looked at."""
_MOST_WARNINGS: Final = 1000


class Gate:
    """The gate of one site.

    Args:
        policy: what the site may store.
        secret_keys: newest first; the first signs the gate's own cookies, all verify (R19).
        on_verdict: called with every `Verdict` (R25); what it raises is logged.
        records: where the proof of each decision is kept, before its cookie leaves; such as
            `consentgate.records.SQLRecordStore`.
        record_details: ``ip_address`` and ``user_agent``, where records have to have them; both
            are truncated.
        clock: returns seconds since 1970.

    Raises `ConfigurationError` without a key, and `PolicyError` for a policy whose consent cookie
    would be too large. A gate may be shared by threads and event loops.
    """

    def __init__(
        self,
        policy: Policy,
        secret_keys: str | bytes | Sequence[str | bytes],
        *,
        on_verdict: Callable[[Verdict], object] | None = None,
        records: RecordStore | None = None,
        record_details: Collection[Detail] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.attributes = AttributeReader()
        self.cookies: Memo[str, KnownCookie] = Memo(
            lambda spelling: KnownCookie(spelling, policy),
            size=_REMEMBERED_NAMES,
            longest=_LONGEST_REMEMBERED_NAME,
        )
        keys = secret_key_list(secret_keys)
        self._serializer = DecisionSerializer(policy, keys)
        self._standings: Memo[str, Standing | None] = Memo(
            self._make_standing, size=_REMEMBERED_TOKENS, longest=consent.MAX_TOKEN_LENGTH
        )
        self._deposit_serializer = DepositSerializer(keys)
        self._deposits: Memo[str, dict[int, int] | None] = Memo(
            self._deposit_serializer.loads,
            size=_REMEMBERED_DEPOSITS,
            longest=deposits.MAX_TOKEN_LENGTH,
        )
        self.longest_life = policy.limit(None)
        self.consent_cookie_name = policy.cookie_name
        self.deposits_cookie_name = policy.deposits_cookie_name
        self._deposits_max_age = policy.deposits_max_age
        self._on_verdict = on_verdict
        self._allowed = lru_cache(_REMEMBERED_ALLOWANCES)(partial(allowed_categories, policy))
        self._warned: set[str] = set()
        self._gpc: Signal = policy.effective(policy.gpc)
        self._dnt: Signal = policy.effective(policy.dnt)
        check_details(record_details)
        self.recorder = None if records is None else Recorder(policy, records, keys, record_details)
        self._note_serializer = SignalNoteSerializer(keys)
        self.notes_signals = (
            self.recorder is not None and self._gpc != "ignore" and policy.mode != "report"
        )
        """Whether a privacy signal that comes or goes is recorded, too."""
        self.examines_requests = bool(policy.routes) or self.notes_signals
        """Whether each request needs a look, whatever its cookies are."""
        self.honours_signals = self._gpc != "ignore" or self._dnt != "ignore"
        self.in_order: Recent[int, tuple[InOrder, int, float]] = Recent(size=_REMEMBERED_HEADERS)
        """What was found of Cookie headers, by their hashes: see `Visit.needs_look`."""
        self._order = lru_cache(_REMEMBERED_ORDERS)(_make_order)
        self._choices = lru_cache(_REMEMBERED_ALLOWANCES)(self._make_choices)
        nothing: frozenset[str] = frozenset()
        self.undecided = self._choices(nothing, nothing)
        """What applies to a visitor who sends no consent cookie."""
        self.presumed = self._choices(nothing, frozenset(policy.decidable))
        """What applies where one is sent that does not count, or counts no more.

        Its visitor has decided once, so what applied to a refusal applies, also to what is
        opt-out (R20).
        """

    def visit(self, request: Request, cookie: str = "") -> Visit:
        """Return the visit of ``request``; ``cookie`` is its Cookie headers, joined by ``; ``."""
        visit = Visit(self, request)
        visit.cookie = cookie
        visit.needs_look()
        return visit

    def standing(self, token: str, now: float) -> tuple[Choices, int]:
        """Return what the visitor chose who sends ``token``, and until when that counts.

        Where it does not, yet or any more, the latter is 0. The server checks the age, for a
        browser may keep a cookie as long as it likes (R20).
        """
        standing = self._standings[token]
        if standing is not None:
            decided_at, counts_until, choices = standing
            if decided_at - CLOCK_TOLERANCE <= now < counts_until:
                return choices, counts_until
        return self.presumed, 0

    def decision(self, cookie: str, now: float) -> Decision | None:
        """Return the decision that the Cookie header carries, or None (R20).

        Of several the newest counts; those of equal age are taken together, at their strictest.
        """
        tokens = cookie_header.values(cookie, self.policy.cookie_name)
        if len(tokens) > _MOST_OWN_COOKIES:
            return None
        valid = [self._serializer.read(token) for token in tokens if self.standing(token, now)[1]]
        return valid[0] if len(valid) == 1 else _newest(valid)

    def shared(self, order: InOrder) -> InOrder:
        """Return the same object for all visitors who are alike; days of deposits are few."""
        ends, choices, is_decided = order
        return self._order(None if ends is None else tuple(ends.items()), choices, is_decided)

    def choices_of(self, decision: Decision) -> Choices:
        """Return what follows from ``decision``; the same object for all who chose alike."""
        return self._choices(decision.granted, decision.refused)

    def _make_standing(self, token: str) -> Standing | None:
        """Return what has to be remembered of a token, or None if it is not one of ours."""
        decision = self._serializer.loads(token)
        if decision is None:
            return None
        is_of_this_policy = decision.policy_version == self.policy.version
        counts_until = decision.expires_at(self.policy) if is_of_this_policy else 0
        return Standing(decision.decided_at, counts_until, self.choices_of(decision))

    def _make_choices(self, granted: frozenset[str], refused: frozenset[str]) -> Choices:
        return Choices(granted, refused, self.allowed(granted, refused, "ignore"))

    @property
    def records(self) -> RecordStore | None:
        """Where the proof of each decision is kept, if it is."""
        return self.recorder.store if self.recorder else None

    def newest(self, cookie: str) -> Decision | None:
        """Return the newest decision that was signed here, also where it counts no more.

        Its id is the one under which the visitor's records are kept, and the next one follows
        them.
        """
        tokens = cookie_header.values(cookie, self.policy.cookie_name)[:_MOST_OWN_COOKIES]
        signed = [self._serializer.read(token) for token in tokens if self._standings[token]]
        return max(signed, key=lambda decision: decision.decided_at, default=None)

    def subject(self, cookie: str) -> str | None:
        """Return the name under which the visitor's records are kept, if there is one."""
        newest = self.newest(cookie)
        note = None if newest else self.noted_signal(cookie)
        return newest.id if newest else note and note.subject

    def noted_signal(self, cookie: str) -> SignalNote | None:
        """Return what the Cookie header says that was recorded of the browser's signal."""
        tokens = cookie_header.values(cookie, self.policy.signal_cookie_name)
        notes = map(self._note_serializer.loads, tokens[:_MOST_OWN_COOKIES])
        return next((note for note in notes if note is not None), None)

    def first_deposits(self, cookie: str, now: float) -> dict[int, int]:
        """Return the dates that the Cookie header carries, by `deposit_key` (R13)."""
        tokens = cookie_header.values(cookie, self.deposits_cookie_name)
        if len(tokens) > _MOST_OWN_COOKIES:
            return {}
        found = [dates for token in tokens if (dates := self.dates(token, now))]
        return deposits.newest(found)

    def dates(self, token: str, now: float) -> dict[int, int]:
        """Return the dates that ``token`` carries, as long as a browser may still have it."""
        dates = self._deposits[token]
        if dates is None or not deposits.is_current(dates, now, self._deposits_max_age):
            return {}
        return dates

    def sign(self, decision: Decision) -> str:
        """Return the signed token that carries ``decision`` in the consent cookie (R19)."""
        return self._serializer.dumps(decision)

    def signal(self, request: Request) -> Signal:
        """Return what the privacy signals of ``request`` do (R22)."""
        gpc = self._gpc if self._gpc != "ignore" and _is_sent(request, "sec-gpc") else "ignore"
        dnt = self._dnt if self._dnt != "ignore" and _is_sent(request, "dnt") else "ignore"
        return dnt if gpc == "ignore" or dnt == "override" else gpc

    def sends_gpc(self, request: Request) -> bool:
        """Whether ``request`` has a Global Privacy Control signal, heeded or not (R22)."""
        return _is_sent(request, "sec-gpc")

    def signals(self, request: Request) -> dict[str, bool]:
        """Return which privacy signals ``request`` has, heeded or not."""
        return {"gpc": _is_sent(request, "sec-gpc"), "dnt": _is_sent(request, "dnt")}

    def varying_headers(self) -> tuple[str, ...]:
        """Return the request headers that the consent depends on (R23)."""
        signals = (("Sec-GPC", self._gpc), ("DNT", self._dnt))
        return ("Cookie", *(name for name, setting in signals if setting != "ignore"))

    def allowed(
        self, granted: frozenset[str], refused: frozenset[str], signal: Signal
    ) -> frozenset[str]:
        """Return the categories that a visitor's answers and signals allow."""
        return self._allowed(granted, refused, signal)

    def is_cookie_free(self, request: Request) -> bool:
        """Whether nothing may be stored on the path of ``request`` (R11)."""
        path = request.path()
        return any(route.covers(path) for route in self.policy.routes)

    def consent_cookie(self, decision: Decision | None, *, now: float, secure: bool) -> str:
        """Return the Set-Cookie line that stores ``decision``, or deletes its cookie (R19, R21)."""
        policy = self.policy
        if decision is None:
            return self._own_line(f"{policy.cookie_name}=", 0, secure=secure)
        seconds = min(decision.expires_at(policy) - int(now), BROWSER_MAX_AGE)
        pair = f"{policy.cookie_name}={self.sign(decision)}"
        return self._own_line(pair, seconds, secure=secure)

    def deposits_cookie(self, kept: Mapping[int, int], *, now: float, secure: bool) -> str:
        """Return the Set-Cookie line that stores first deposits, or deletes their cookie (R13)."""
        value = self._deposit_serializer.dumps(kept, now) if kept else ""
        pair = f"{self.deposits_cookie_name}={value}"
        max_age = self._deposits_max_age if kept else 0
        return self._own_line(pair, max_age, secure=secure) + "; HttpOnly"

    def signal_cookie(self, note: SignalNote | None, *, secure: bool) -> str:
        """Return the Set-Cookie line that stores ``note``, or deletes its cookie (R22)."""
        value = "" if note is None else self._note_serializer.dumps(note)
        max_age = 0 if note is None else self.policy.consent_valid_for
        line = self._own_line(f"{self.policy.signal_cookie_name}={value}", max_age, secure=secure)
        return f"{line}; HttpOnly"

    def _own_line(self, pair: str, seconds: int, *, secure: bool) -> str:
        policy = self.policy
        line = f"{pair}; Path=/; Max-Age={seconds}; SameSite=Lax"
        if policy.cookie_domain:
            line += f"; Domain={policy.cookie_domain}"
        if secure or policy.cookie_name.lower().startswith(("__host-", "__secure-")):
            line += "; Secure"
        return line

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens to verdicts that are no warnings."""
        return self._on_verdict is not None or logger.isEnabledFor(logging.INFO)

    def tell(self, verdict: Verdict) -> None:
        """Log what was done to a cookie and hand it to ``on_verdict`` (R25)."""
        if verdict.reason == "unregistered":
            self._warn_once(verdict)
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", verdict)
        if self._on_verdict is not None:
            _hand_over(self._on_verdict, verdict)

    def _warn_once(self, verdict: Verdict) -> None:
        name = verdict.name[:_LONGEST_REMEMBERED_NAME]
        if name in self._warned or len(self._warned) >= _MOST_WARNINGS:
            return
        if not logger.isEnabledFor(logging.WARNING):
            return
        self._warned.add(name)
        from consentgate.catalogue import guess  # noqa: PLC0415 - once a name, and often never

        logger.warning(
            "cookie %r has no rule in the policy and is %s; add it under [[cookies]]%s",
            name,
            _PAST_TENSE[verdict.action] if verdict.enforced else "only reported",
            guess(verdict.name),
        )


def _make_order(
    dated: tuple[tuple[int, int], ...] | None,
    choices: Choices,
    is_decided: bool,  # noqa: FBT001
) -> InOrder:
    # Positional, as `lru_cache` takes them fastest.
    return InOrder(None if dated is None else dict(dated), choices, is_decided)


def _hand_over(on_verdict: Callable[[Verdict], object], verdict: Verdict) -> None:
    try:
        on_verdict(verdict)
    except Exception:
        logger.exception("on_verdict failed for cookie %r", verdict.name)


_PAST_TENSE: Final = {"strip": "stripped", "block": "blocked"}


def _is_sent(request: Request, signal: str) -> bool:
    """Whether a privacy signal is exactly ``1`` in one of its headers (GPC specification 3.2)."""
    header = request.header(signal)
    if "," in header:
        return any(value.strip() == "1" for value in header.split(","))
    return header == "1"


def _newest(decisions: Sequence[Decision]) -> Decision | None:
    newest_time = max((decision.decided_at for decision in decisions), default=0)
    newest = [decision for decision in decisions if decision.decided_at == newest_time]
    if not newest:
        return None
    refused = frozenset[str]().union(*(decision.refused for decision in newest))
    granted = newest[0].granted.intersection(*(decision.granted for decision in newest))
    return replace(newest[0], granted=granted, refused=refused)
