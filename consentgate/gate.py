"""Every decision: what may leave, for how long, and what the application may read.

`Gate` is made once for a site, `Visit` once for a request. The protocol glue says where headers
are and carries them; nothing outside this module decides about a cookie.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeVar

from consentgate import cookie_header
from consentgate.cache import Memo
from consentgate.consent import (
    MAX_TOKEN_LENGTH,
    Consent,
    Decision,
    DecisionSerializer,
    allowed_categories,
    secret_key_list,
)
from consentgate.exceptions import CookieBlocked
from consentgate.policy import BROWSER_MAX_AGE, EXEMPT_CATEGORY
from consentgate.set_cookie import (
    TOKEN,
    AttributeReader,
    Attributes,
    SetCookie,
    has_control_character,
    possible_names,
    read,
    with_lifetime,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from consentgate.policy import Policy, Signal

logger = logging.getLogger("consentgate")

Action = Literal["pass", "strip", "block", "clamp", "rewrite", "hide"]
Reason = Literal[
    "undecided",
    "refused",
    "forbidden",
    "unregistered",
    "cookie-free route",
    "reserved name",
    "no name",
    "control character",
    "lifetime",
    "session",
    "not canonical",
    "Expires alone",
]

T = TypeVar("T")

_REMEMBERED_NAMES: Final = 4096
_LONGEST_REMEMBERED_NAME: Final = 128
_REMEMBERED_TOKENS: Final = 10_000
_REMEMBERED_ALLOWANCES: Final = 1024
_MOST_CONSENT_COOKIES: Final = 8
_MOST_WARNINGS: Final = 1000
_NOTHING: Final[frozenset[str]] = frozenset()


class Verdict(NamedTuple):
    """What the gate did to one cookie, and why; it never holds the cookie's value."""

    name: str
    """The cookie's name, ``""`` where it has none."""
    category: str | None
    """The category of its rule; None for an unregistered cookie."""
    action: Action
    """``strip`` and ``block`` keep it from the browser, ``hide`` from the application; ``clamp``
    shortens its life, ``rewrite`` says the same life in words all browsers read alike."""
    reason: Reason
    enforced: bool
    """False in ``report`` mode: this is what would have been done (R7)."""


class Request(Protocol):
    """What the gate may want to know of a request; made and asked only when it matters."""

    def header(self, name: str) -> str:
        """Return the request header called ``name`` (lower case), repetitions joined by commas."""
        ...

    def path(self) -> str:
        """Return the path as the visitor sees it, percent-decoded."""
        ...

    def is_secure(self) -> bool:
        """Whether the request came over TLS."""
        ...


class KnownCookie:
    """All that can be known of a cookie from its name alone."""

    __slots__ = (
        "_verdicts",
        "action",
        "always_allowed",
        "category",
        "enforced",
        "exempt",
        "limit",
        "name",
        "needs",
        "read_as",
        "readable",
        "reserved",
        "session",
        "token",
    )

    def __init__(self, spelling: str, policy: Policy) -> None:
        self.name = spelling.strip(cookie_header.BLANKS)
        self.token = TOKEN.fullmatch(spelling.lstrip(" ")) is not None
        self.reserved = self.name == policy.cookie_name
        rule = policy.rule_for(self.name)
        self.category = rule.category if rule else None
        self.exempt = rule is not None and policy.categories[rule.category].basis == "exempt"
        self.read_as = self if rule else self._read_otherwise(spelling, policy)
        self.readable = self.read_as.category is None or self.read_as.exempt
        allowed_unregistered = rule is None and policy.unregistered == "allow"
        # The category that must be allowed for it to be stored; "" where none is enough.
        self.needs = self.category or (EXEMPT_CATEGORY if allowed_unregistered else "")
        self.always_allowed = (self.exempt or allowed_unregistered) and not self.reserved
        self.limit = policy.limit(rule)
        self.session = rule is not None and rule.max_age == "session"
        mode = policy.mode_for(rule.category) if rule else policy.unregistered
        self.action: Action = "block" if mode == "block" else "strip"
        self.enforced = mode != "report" and (rule is not None or policy.mode != "report")
        self._verdicts: dict[tuple[Action, Reason], Verdict] = {}

    def verdict(self, action: Action, reason: Reason) -> Verdict:
        """Return what is told of this cookie; it says the same each time, so it is made once."""
        verdict = self._verdicts.get((action, reason))
        if verdict is None:
            verdict = Verdict(self.name, self.category, action, reason, self.enforced)
            self._verdicts[action, reason] = verdict
        return verdict

    def _read_otherwise(self, spelling: str, policy: Policy) -> KnownCookie:
        """Return the governed cookie that the application may take this one for (R17).

        A script can write a name with odd blanks around, and some frameworks strip them.
        """
        # Only what has a rule is made: each other name has possible names of its own, without end.
        for name in sorted(possible_names(spelling) - {self.name}):
            rule = policy.rule_for(name)
            if rule is not None and policy.categories[rule.category].basis != "exempt":
                return KnownCookie(name, policy)
        return self


class Gate:
    """The gate of one site.

    Args:
        policy: what the site may store.
        secret_keys: newest first; the first signs the consent cookie, all verify it (R19).
        on_verdict: called with every `Verdict` but ``pass`` (R25); what it raises is logged.
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
        self._serializer = DecisionSerializer(policy, secret_key_list(secret_keys))
        self._decisions: Memo[str, Decision | None] = Memo(
            self._serializer.loads, size=_REMEMBERED_TOKENS, longest=MAX_TOKEN_LENGTH
        )
        self._on_verdict = on_verdict
        self._allowed = lru_cache(_REMEMBERED_ALLOWANCES)(partial(allowed_categories, policy))
        self._warned: set[str] = set()
        self._gpc: Signal = _effective(policy.gpc, policy)
        self._dnt: Signal = _effective(policy.dnt, policy)
        self._decidable = frozenset(
            name for name, category in policy.categories.items() if category.decidable
        )
        self.honours_signals = self._gpc != "ignore" or self._dnt != "ignore"
        self._allowed_undecided = allowed_categories(policy, frozenset(), frozenset(), "ignore")

    def visit(self, request: Request, cookie: str = "") -> Visit:
        """Return the visit of ``request``; ``cookie`` is its Cookie headers, joined by ``; ``."""
        visit = Visit(self, _itself, request)
        visit.cookie = cookie
        return visit

    def decision(self, cookie: str, now: float) -> Decision | None:
        """Return the decision that the Cookie header carries, or None (R20).

        Of several the newest counts; those of equal age are taken together, at their strictest.
        """
        tokens = cookie_header.values(cookie, self.policy.cookie_name)
        if len(tokens) > _MOST_CONSENT_COOKIES:
            return None
        valid: list[Decision] = []
        for token in tokens:
            decision = self._decisions[token]
            if decision is not None and decision.is_valid(self.policy, now):
                valid.append(decision)
        return valid[0] if len(valid) == 1 else _newest(valid)

    def presumed_refused(self, cookie: str) -> frozenset[str]:
        """Return what counts as refused by a visitor without a valid decision.

        Whoever sends a consent cookie has decided once; where it does not count, or counts no
        more, what applied to a refusal applies, also to what is opt-out (R20).
        """
        sends_one = cookie_header.values(cookie, self.policy.cookie_name)
        return self._decidable if sends_one else frozenset()

    def sign(self, decision: Decision) -> str:
        """Return the signed token that carries ``decision`` in the consent cookie (R19)."""
        return self._serializer.dumps(decision)

    def signal(self, request: Request) -> Signal:
        """Return what the privacy signals of ``request`` do (R22)."""
        gpc = self._gpc if self._gpc != "ignore" and _is_sent(request, "sec-gpc") else "ignore"
        dnt = self._dnt if self._dnt != "ignore" and _is_sent(request, "dnt") else "ignore"
        return dnt if gpc == "ignore" or dnt == "override" else gpc

    def varying_headers(self) -> tuple[str, ...]:
        """Return the request headers that the consent depends on (R23)."""
        signals = (("Sec-GPC", self._gpc), ("DNT", self._dnt))
        return ("Cookie", *(name for name, setting in signals if setting != "ignore"))

    def allowed(
        self, granted: frozenset[str], refused: frozenset[str], signal: Signal
    ) -> frozenset[str]:
        """Return the categories that a visitor's answers and signals allow."""
        if not granted and not refused and signal == "ignore":
            return self._allowed_undecided
        return self._allowed(granted, refused, signal)

    def is_cookie_free(self, request: Request) -> bool:
        """Whether nothing may be stored on the path of ``request`` (R11)."""
        path = request.path()
        return any(route.covers(path) for route in self.policy.routes)

    def consent_cookie(self, decision: Decision, *, now: float, secure: bool) -> str:
        """Return the Set-Cookie line that stores ``decision`` (R19, R21)."""
        policy = self.policy
        seconds = min(decision.expires_at(policy) - int(now), BROWSER_MAX_AGE)
        pair = f"{policy.cookie_name}={self.sign(decision)}"
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
        self._warned.add(name)
        logger.warning(
            "cookie %r has no rule in the policy and is %s; add it under [[cookies]]",
            name,
            _PAST_TENSE[verdict.action] if verdict.enforced else "only reported",
        )


def _hand_over(on_verdict: Callable[[Verdict], object], verdict: Verdict) -> None:
    try:
        on_verdict(verdict)
    except Exception:
        logger.exception("on_verdict failed for cookie %r", verdict.name)


_PAST_TENSE: Final = {"strip": "stripped", "block": "blocked"}


def _effective(signal: Signal, policy: Policy) -> Signal:
    """Return ``signal``, or ``ignore`` where it changes nothing.

    By default a signal refuses for who is undecided, and what is opt-in is refused for them
    anyway.
    """
    marked = [category.basis for category in policy.categories.values() if category.gpc]
    if signal == "override":
        return signal if "opt-in" in marked or "opt-out" in marked else "ignore"
    return signal if "opt-out" in marked else "ignore"


def _itself(request: Request) -> Request:
    return request


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
    return replace(newest[0], granted=granted - refused, refused=refused)


class Visit:
    """One request as the gate sees it.

    It is lazy: a request that holds nothing governed, and whose response sets no cookie, verifies
    no signature and reads no other header.
    """

    cookie = ""
    """The request's Cookie headers, joined by ``; ``."""
    asked = False
    """Whether the application asked about consent."""
    released = False
    """Whether the response's headers have left."""

    # What nobody asked for stays here, with the class, and costs a request nothing.
    _allowed: frozenset[str] | None = None
    _decision: Decision | None = None
    _signal: Signal = "ignore"
    _presumed_refused: frozenset[str] = _NOTHING
    _consent: Consent | None = None
    _cookie_free = False
    _hidden: set[str] | None = None
    _now: float | None = None

    def __init__(self, gate: Gate, make_request: Callable[[T], Request], carrier: T) -> None:
        self.gate = gate
        self._make_request: Callable[[Any], Request] = make_request
        self._carrier = carrier
        if gate.policy.routes:  # now, because routers of frameworks rewrite the path
            self._cookie_free = gate.is_cookie_free(make_request(carrier))

    @property
    def consent(self) -> Consent:
        """The visitor's consent, for the application; asking makes the answer vary (R23)."""
        if self._consent is None:
            self._look()
            self.asked = True
            self._consent = Consent(
                self.gate.policy,
                self._decision,
                self._signal,
                self.now,
                presumed_refused=self._presumed_refused,
            )
            self._close_if_too_late(self._consent)
        return self._consent

    @property
    def now(self) -> float:
        """When this request was first looked at closely, in seconds since 1970."""
        if self._now is None:
            self._now = self.gate.clock()
        return self._now

    @property
    def allowed(self) -> frozenset[str]:
        """The categories whose cookies may be stored and read now (R9)."""
        if self._consent is not None:
            return self._consent.allowed
        return self._allowed or self._look()

    def _look(self) -> frozenset[str]:
        """Read the request's consent cookie and privacy signals, once."""
        if self._allowed is None:
            gate = self.gate
            if gate.honours_signals:
                self._signal = gate.signal(self._make_request(self._carrier))
            if self.cookie:
                self._decision = gate.decision(self.cookie, self.now)
            granted, refused = self._answers()
            self._allowed = gate.allowed(granted, refused, self._signal)
        return self._allowed

    def _answers(self) -> tuple[frozenset[str], frozenset[str]]:
        if self._decision is not None:
            return self._decision.granted, self._decision.refused
        if self.cookie:
            self._presumed_refused = self.gate.presumed_refused(self.cookie)
        return _NOTHING, self._presumed_refused

    def covers(self, gate: Gate) -> bool:
        """Whether ``gate``, further in, has nothing left to do: this visit says the same."""
        same = self.gate is gate or self.gate.policy == gate.policy
        return same and not self.released

    def holds_governed(self, header: str) -> bool:
        """Whether one Cookie header holds a cookie that may not be read by all means."""
        cookies = self.gate.cookies
        # A loop, because a generator costs twice as much here.
        for piece in header.split(";"):  # noqa: SIM110
            if not cookies[piece.partition("=")[0]].readable:
                return True
        return False

    def readable(self, header: str) -> str:
        """Return one Cookie header without what the application may not read (R17).

        What stays, stays byte for byte; where all stays, ``header`` itself is returned.
        """
        return cookie_header.without(header, self._hides)

    def _hides(self, piece: str) -> bool:
        name, equals, _ = piece.partition("=")
        known = self.gate.cookies[name].read_as
        if known.category is None or known.exempt or known.category in self.allowed:
            return False
        if self.gate.is_heard:
            verdict = known.verdict("hide", self._why_not(known.category))
            # What stands there for a nameless cookie is its value, not to be told.
            self._tell_once(verdict if equals else verdict._replace(name=""))
        return known.enforced

    def _tell_once(self, verdict: Verdict) -> None:
        """Tell what is hidden once for each name, however often the browser sends it."""
        if self._hidden is None:
            self._hidden = set()
        if verdict.name not in self._hidden:
            self._hidden.add(verdict.name)
            self.gate.tell(verdict)

    def judge(self, line: str) -> str | None:
        """Return what the browser gets instead of the Set-Cookie ``line``, or None for nothing.

        ``line`` is the header's value as latin-1 text. Where it may leave as it is, ``line``
        itself is returned. Raises `CookieBlocked` in ``block`` mode.
        """
        gate = self.gate
        pair, _, text = line.partition(";")
        name, equals, value = pair.partition("=")
        known = gate.cookies[name]
        attributes = gate.attributes[text]
        is_plain = value.isascii() and value.isprintable()
        if not (equals and known.token and attributes.canonical and is_plain):
            return self._judge_doubtful(line)
        max_age = attributes.max_age
        if max_age is not None and max_age <= 0:
            return line
        is_certain = known.always_allowed and not self._cookie_free
        if not (is_certain or self._may_be_stored(known) or self._is_deletion(attributes)):
            return self._stop(known, line)
        if max_age is None:
            is_within = attributes.expires is None
        else:
            is_within = max_age <= known.limit and not known.session
        return line if is_within else self._limit(known, line, pair, attributes)

    def _is_deletion(self, attributes: Attributes) -> bool:
        if attributes.max_age is None and attributes.expires is None:
            return False  # and no need to look at the clock
        seconds = attributes.lifetime(int(self.now))
        return seconds is not None and seconds <= 0

    def _may_be_stored(self, known: KnownCookie) -> bool:
        """Whether consent, routes and names let the cookie be stored (R6, R10, R11)."""
        return known.needs in self.allowed and not known.reserved and not self._cookie_free

    def _refusal(self, known: KnownCookie) -> Reason:
        """Return why the cookie may not be stored."""
        if known.reserved:
            return "reserved name"
        if self._cookie_free:
            return "cookie-free route"
        return "unregistered" if known.category is None else self._why_not(known.category)

    def _why_not(self, category: str) -> Reason:
        declared = self.gate.policy.categories[category]
        if declared.basis == "forbidden":
            return "forbidden"
        decided = self._consent.decided if self._consent else self._decision is not None
        signalled = declared.gpc and self._signal != "ignore"
        # What is opt-out passes until it is refused, or presumed to be.
        return "refused" if decided or signalled or declared.basis == "opt-out" else "undecided"

    def _stop(self, known: KnownCookie, line: str) -> str | None:
        """Keep the cookie from the browser in the way of its mode (R7)."""
        verdict = known.verdict(known.action, self._refusal(known))
        self.gate.tell(verdict)
        if not known.enforced:
            return line
        if known.action == "block":
            raise CookieBlocked(verdict)
        return None

    def _limit(
        self,
        known: KnownCookie,
        line: str,
        pair: str,
        attributes: Attributes,
        rewrite: Reason = "Expires alone",
    ) -> str:
        """Return ``line`` with a life within the limit, said so that all browsers read it alike."""
        now = int(self.now)
        wanted = attributes.lifetime(now)
        seconds = wanted if wanted is None else min(max(wanted, 0), known.limit)
        if known.session and seconds:
            seconds = None
        limited = with_lifetime(pair, attributes, seconds, now)
        if limited == line:
            return line
        self.gate.tell(known.verdict(*_why_rewritten(wanted, seconds, rewrite)))
        return limited if known.enforced else line

    def _judge_doubtful(self, line: str) -> str | None:
        """Judge a line that not every browser reads alike, under all its names (R3)."""
        cookie = read(line)
        if has_control_character(line):
            return self._drop(cookie.name, "control character", line)
        if not cookie.name:
            return self._drop("", "no name", line)
        known = self._strictest(cookie)
        if not self._may_be_stored(known) and not self._is_deletion(cookie.attributes):
            return self._stop(known, line)
        return self._limit(known, line, cookie.pair, cookie.attributes, "not canonical")

    def _drop(self, name: str, reason: Reason, line: str) -> str | None:
        """Keep a cookie from the browser that is nothing certain, whatever its consent (R3)."""
        known = self.gate.cookies[name]
        enforced = known.enforced if known.category else self.gate.policy.mode != "report"
        self.gate.tell(Verdict(name, known.category, "strip", reason, enforced))
        return None if enforced else line

    def _strictest(self, cookie: SetCookie) -> KnownCookie:
        """Return the name to judge ``cookie`` under: a refused one, else that of shortest life."""
        candidates = [self.gate.cookies[name] for name in sorted(cookie.aliases)]
        return min(
            candidates,
            key=lambda known: (
                not known.enforced,
                self._may_be_stored(known),
                not known.session,
                known.limit,
                known.name != cookie.name,
            ),
        )

    def additions(self, vary: Iterable[str] = ()) -> list[tuple[str, str]]:
        """Return the headers the gate adds to the response, and end the time for decisions.

        ``vary`` holds the values of the response's Vary headers, which are not repeated (R23).
        """
        self.released = True
        if self._consent is None:
            return []
        self._close_if_too_late(self._consent)
        listed = {name.strip().lower() for value in vary for name in value.split(",")}
        missing = [name for name in self.gate.varying_headers() if name.lower() not in listed]
        added = [("Vary", ", ".join(missing))] if missing and "*" not in listed else []
        decision = self._consent.decision
        if self._consent.changed and decision is not None:
            secure = self._make_request(self._carrier).is_secure()
            line = self.gate.consent_cookie(decision, now=self.now, secure=secure)
            added.append(("Set-Cookie", line))
        return added

    def _close_if_too_late(self, consent: Consent) -> None:
        if self.released:
            consent.close("the response has begun; decide before its headers are sent")
        elif self._cookie_free:
            consent.close("nothing may be stored on this path; see [[routes]] in the policy (R11)")


def _why_rewritten(
    wanted: int | None, seconds: int | None, rewrite: Reason
) -> tuple[Action, Reason]:
    if wanted is None or seconds == max(wanted, 0):
        return "rewrite", rewrite
    return ("clamp", "session") if seconds is None else ("clamp", "lifetime")
