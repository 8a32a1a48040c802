"""Every decision: what may leave, for how long, and what the application may read.

`Gate` is made once for a site, `Visit` once for a request. The protocol glue says where headers
are and carries them; nothing outside this module decides about a cookie.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from consentgate import cookie_header
from consentgate.cache import RecentCache
from consentgate.consent import (
    Consent,
    Decision,
    DecisionSerializer,
    allowed_categories,
    secret_key_list,
    signal_strength,
)
from consentgate.exceptions import CookieBlocked
from consentgate.policy import BROWSER_MAX_AGE
from consentgate.set_cookie import (
    TOKEN,
    AttributeReader,
    Attributes,
    SetCookie,
    has_control_character,
    is_plain,
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

_REMEMBERED_NAMES: Final = 4096
_LONGEST_REMEMBERED_NAME: Final = 128
_REMEMBERED_TOKENS: Final = 10_000
_MOST_CONSENT_COOKIES: Final = 8


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
    """What the gate may want to know of a request; asked only when it matters."""

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

    __slots__ = ("category", "exempt", "limit", "mode", "name", "reserved", "session", "token")

    def __init__(self, spelling: str, policy: Policy) -> None:
        self.name = spelling.strip(cookie_header.BLANKS)
        self.token = TOKEN.fullmatch(spelling.lstrip(" ")) is not None
        self.reserved = self.name == policy.cookie_name
        rule = policy.rule_for(self.name)
        self.category = rule.category if rule else None
        self.exempt = rule is not None and policy.categories[rule.category].basis == "exempt"
        self.limit = policy.limit(rule)
        self.session = rule is not None and rule.max_age == "session"
        self.mode = policy.mode_for(rule.category) if rule else _unregistered_mode(policy)


def _unregistered_mode(policy: Policy) -> Literal["strip", "allow", "report", "block"]:
    return "report" if policy.mode == "report" else policy.unregistered


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
        self._serializer = DecisionSerializer(policy, secret_key_list(secret_keys))
        self._on_verdict = on_verdict
        self._cookies: RecentCache[str, KnownCookie] = RecentCache(_REMEMBERED_NAMES)
        self._decisions: RecentCache[str, Decision] = RecentCache(_REMEMBERED_TOKENS)
        self._allowed: RecentCache[object, frozenset[str]] = RecentCache(_REMEMBERED_NAMES)
        self._warned: RecentCache[str, str] = RecentCache(_REMEMBERED_NAMES)
        signalled = any(category.gpc for category in policy.categories.values())
        self._gpc: Signal = policy.gpc if signalled else "ignore"
        self._dnt: Signal = policy.dnt if signalled else "ignore"

    def visit(self, request: Request, cookie: str = "") -> Visit:
        """Return the visit of ``request``; ``cookie`` is its Cookie headers, joined by ``; ``."""
        return Visit(self, request, cookie)

    def know(self, spelling: str) -> KnownCookie:
        """Return what is known of the cookie whose name is spelt so, blanks around included."""
        known = self._cookies.get(spelling)
        if known is None:
            known = KnownCookie(spelling, self.policy)
            if len(spelling) <= _LONGEST_REMEMBERED_NAME:
                self._cookies.put(spelling, known)
        return known

    def decision(self, cookie: str, now: float) -> Decision | None:
        """Return the decision that the Cookie header carries, or None (R20).

        Of several the newest counts; those of equal age are taken together, at their strictest.
        """
        tokens = cookie_header.values(cookie, self.policy.cookie_name)
        if not tokens or len(tokens) > _MOST_CONSENT_COOKIES:
            return None
        decisions = [decision for token in tokens if (decision := self._load(token))]
        return _newest([one for one in decisions if one.is_valid(self.policy, now)])

    def _load(self, token: str) -> Decision | None:
        decision = self._decisions.get(token)
        if decision is None:
            decision = self._serializer.loads(token)
            if decision is not None:
                self._decisions.put(token, decision)
        return decision

    def sign(self, decision: Decision) -> str:
        """Return the signed token that carries ``decision`` in the consent cookie (R19)."""
        return self._serializer.dumps(decision)

    def signal(self, request: Request) -> Signal:
        """Return what the privacy signals of ``request`` do (R22)."""
        if self._gpc == "ignore" and self._dnt == "ignore":
            return "ignore"
        return signal_strength(
            (self._gpc, _is_one(request.header("sec-gpc"))),
            (self._dnt, _is_one(request.header("dnt"))),
        )

    def varying_headers(self) -> tuple[str, ...]:
        """Return the request headers that the consent depends on (R23)."""
        signals = (("Sec-GPC", self._gpc), ("DNT", self._dnt))
        return ("Cookie", *(name for name, setting in signals if setting != "ignore"))

    def allowed(self, decision: Decision | None, signal: Signal) -> frozenset[str]:
        """Return the categories that ``decision`` and ``signal`` allow."""
        key = (decision.granted, decision.refused, signal) if decision else signal
        allowed = self._allowed.get(key)
        if allowed is None:
            allowed = allowed_categories(self.policy, decision, signal)
            self._allowed.put(key, allowed)
        return allowed

    def is_cookie_free(self, request: Request) -> bool:
        """Whether nothing may be stored on the path of ``request`` (R11)."""
        routes = self.policy.routes
        if not routes:
            return False
        path = request.path()
        return any(route.covers(path) for route in routes)

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

    def tell(self, verdict: Verdict) -> None:
        """Log ``verdict`` and hand it to ``on_verdict`` (R25)."""
        if verdict.reason == "unregistered" and self._warned.get(verdict.name) is None:
            self._warned.put(verdict.name, verdict.name)
            logger.warning(
                "cookie %r has no rule in the policy and is %s; add it under [[cookies]]",
                verdict.name,
                _PAST_TENSE[verdict.action] if verdict.enforced else "only reported",
            )
        else:
            logger.info("%s", verdict)
        if self._on_verdict is not None:
            try:
                self._on_verdict(verdict)
            except Exception:
                logger.exception("on_verdict failed for cookie %r", verdict.name)


_PAST_TENSE: Final = {"strip": "stripped", "block": "blocked"}


def _is_one(header: str) -> bool:
    """Whether a privacy signal is exactly ``1`` in one of its headers (GPC specification 3.2)."""
    return header == "1" or any(value.strip() == "1" for value in header.split(","))


def _newest(decisions: Sequence[Decision]) -> Decision | None:
    if len(decisions) < 2:  # noqa: PLR2004
        return decisions[0] if decisions else None
    newest_time = max(decision.decided_at for decision in decisions)
    newest = [decision for decision in decisions if decision.decided_at == newest_time]
    refused = frozenset[str]().union(*(decision.refused for decision in newest))
    granted = newest[0].granted.intersection(*(decision.granted for decision in newest))
    return Decision(granted - refused, refused, newest_time, newest[0].policy_version, newest[0].id)


class Visit:
    """One request as the gate sees it.

    It is lazy: a request that holds nothing governed, and whose response sets no cookie, verifies
    no signature and reads no other header.
    """

    __slots__ = (
        "_consent",
        "_decision",
        "_free",
        "_gate",
        "_now",
        "_released",
        "_request",
        "_signal",
        "cookie",
    )

    def __init__(self, gate: Gate, request: Request, cookie: str) -> None:
        self.cookie = cookie
        self._gate = gate
        self._request = request
        self._now: float | None = None
        self._decision: Decision | None = None
        self._signal: Signal | None = None
        self._consent: Consent | None = None
        self._free: bool | None = None
        self._released = False

    @property
    def consent(self) -> Consent:
        """The visitor's consent, for the application; asking makes the answer vary (R23)."""
        if self._consent is None:
            signal = self._look()
            self._consent = Consent(self._gate.policy, self._decision, signal, self.now)
            self._close_if_too_late(self._consent)
        return self._consent

    @property
    def asked(self) -> bool:
        """Whether the application asked about consent."""
        return self._consent is not None

    @property
    def now(self) -> float:
        """When this request was first looked at closely, in seconds since 1970."""
        if self._now is None:
            self._now = self._gate.clock()
        return self._now

    @property
    def allowed(self) -> frozenset[str]:
        """The categories whose cookies may be stored and read now (R9)."""
        if self._consent is not None:
            return self._consent.allowed
        signal = self._signal or self._look()
        return self._gate.allowed(self._decision, signal)

    def _look(self) -> Signal:
        """Read the request's consent cookie and privacy signals, once."""
        if self._signal is None:
            self._decision = self._gate.decision(self.cookie, self.now)
            self._signal = self._gate.signal(self._request)
        return self._signal

    def readable(self, header: str) -> str:
        """Return one Cookie header without what the application may not read (R17).

        What stays, stays byte for byte; where all stays, ``header`` itself is returned.
        """
        return cookie_header.without(header, self._hides)

    def _hides(self, spelling: str) -> bool:
        known = self._gate.know(spelling)
        if known.exempt or known.category is None or known.category in self.allowed:
            return False
        enforced = known.mode != "report"
        self._gate.tell(
            Verdict(known.name, known.category, "hide", self._why_not(known.category), enforced)
        )
        return enforced

    def judge(self, line: str) -> str | None:
        """Return what the browser gets instead of the Set-Cookie ``line``, or None for nothing.

        ``line`` is the header's value as latin-1 text. Where it may leave as it is, ``line``
        itself is returned. Raises `CookieBlocked` in ``block`` mode.
        """
        pair = line.partition(";")[0]
        name, equals, _ = pair.partition("=")
        known = self._gate.know(name)
        if not (equals and known.token and is_plain(line)):
            return self._judge_doubtful(line)
        attributes = self._gate.attributes.read(line[len(pair) :])
        if not attributes.canonical:
            return self._judge_doubtful(line)
        if attributes.max_age is not None and attributes.max_age <= 0:
            return line
        refusal = self._refusal(known)
        if refusal is not None and not self._is_deletion(attributes):
            return self._stop(known, refusal, line)
        if self._is_within(attributes, known):
            return line
        return self._limit(known, line, pair, attributes)

    @staticmethod
    def _is_within(attributes: Attributes, known: KnownCookie) -> bool:
        """Whether the life needs no other words: a session, or a Max-Age within the limit."""
        if attributes.max_age is None:
            return attributes.expires is None
        return attributes.max_age <= known.limit and not known.session

    def _is_deletion(self, attributes: Attributes) -> bool:
        seconds = attributes.lifetime(int(self.now))
        return seconds is not None and seconds <= 0

    def _refusal(self, known: KnownCookie) -> Reason | None:
        """Return why the cookie may not be stored, or None (R6, R10, R11)."""
        if known.reserved:
            return "reserved name"
        if self._gate.policy.routes and self._on_cookie_free_route():
            return "cookie-free route"
        if known.exempt:
            return None
        if known.category is None:
            return None if known.mode == "allow" else "unregistered"
        return None if known.category in self.allowed else self._why_not(known.category)

    def _on_cookie_free_route(self) -> bool:
        if self._free is None:
            self._free = self._gate.is_cookie_free(self._request)
        return self._free

    def _why_not(self, category: str) -> Reason:
        if self._gate.policy.categories[category].basis == "forbidden":
            return "forbidden"
        decided = self._consent.decided if self._consent else self._decision is not None
        signal = self._gate.policy.categories[category].gpc and self._signal != "ignore"
        return "refused" if decided or signal else "undecided"

    def _stop(self, known: KnownCookie, reason: Reason, line: str) -> str | None:
        """Keep the cookie from the browser in the way of its mode (R7)."""
        action: Action = "block" if known.mode == "block" else "strip"
        verdict = Verdict(known.name, known.category, action, reason, known.mode != "report")
        self._gate.tell(verdict)
        if known.mode == "block":
            raise CookieBlocked(verdict)
        return line if known.mode == "report" else None

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
        action, reason = _why_rewritten(wanted, seconds, rewrite)
        self._gate.tell(Verdict(known.name, known.category, action, reason, known.mode != "report"))
        return line if known.mode == "report" else limited

    def _judge_doubtful(self, line: str) -> str | None:
        """Judge a line that not every browser reads alike, under all its names (R3)."""
        cookie = read(line)
        if has_control_character(line):
            return self._drop(cookie.name, "control character", line)
        if not cookie.name:
            return self._drop("", "no name", line)
        known = self._strictest(cookie)
        if not self._is_deletion(cookie.attributes):
            refusal = self._refusal(known)
            if refusal is not None:
                return self._stop(known, refusal, line)
        return self._limit(known, line, cookie.pair, cookie.attributes, "not canonical")

    def _drop(self, name: str, reason: Reason, line: str) -> str | None:
        reported = self._gate.policy.mode == "report"
        self._gate.tell(Verdict(name, None, "strip", reason, not reported))
        return line if reported else None

    def _strictest(self, cookie: SetCookie) -> KnownCookie:
        """Return the name to judge ``cookie`` under: a refused one, else that of shortest life."""
        candidates = [self._gate.know(name) for name in sorted(cookie.aliases)]
        return min(
            candidates,
            key=lambda known: (
                known.mode == "report",
                self._refusal(known) is None,
                not known.session,
                known.limit,
                known.name != cookie.name,
            ),
        )

    def additions(self, vary: Iterable[str] = ()) -> list[tuple[str, str]]:
        """Return the headers the gate adds to the response, and end the time for decisions.

        ``vary`` holds the values of the response's Vary headers, which are not repeated (R23).
        """
        self._released = True
        if self._consent is None:
            return []
        self._close_if_too_late(self._consent)
        listed = {name.strip().lower() for value in vary for name in value.split(",")}
        missing = [name for name in self._gate.varying_headers() if name.lower() not in listed]
        added = [("Vary", ", ".join(missing))] if missing and "*" not in listed else []
        decision = self._consent.decision
        if self._consent.changed and decision is not None:
            line = self._gate.consent_cookie(
                decision, now=self.now, secure=self._request.is_secure()
            )
            added.append(("Set-Cookie", line))
        return added

    def _close_if_too_late(self, consent: Consent) -> None:
        if self._released:
            consent.close("the response has begun; decide before its headers are sent")
        elif self._on_cookie_free_route():
            consent.close("nothing may be stored on this path; see [[routes]] in the policy (R11)")


def _why_rewritten(
    wanted: int | None, seconds: int | None, rewrite: Reason
) -> tuple[Action, Reason]:
    if wanted is None or seconds == max(wanted, 0):
        return "rewrite", rewrite
    return ("clamp", "session") if seconds is None else ("clamp", "lifetime")
