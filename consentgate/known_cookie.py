"""What the gate knows of a cookie from its name alone, and what it tells about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from consentgate.cookie_header import BLANKS
from consentgate.deletions import Place
from consentgate.deposits import deposit_key
from consentgate.policy import EXEMPT_CATEGORY
from consentgate.set_cookie import TOKEN, possible_names

if TYPE_CHECKING:
    from consentgate.policy import CookieRule, Policy

Action = Literal["strip", "block", "clamp", "rewrite", "hide", "expire"]
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


class Verdict(NamedTuple):
    """What the gate did to one cookie, and why; it never holds the cookie's value."""

    name: str
    """The cookie's name, ``""`` where it has none."""
    category: str | None
    """The category of its rule; None for an unregistered cookie."""
    action: Action
    """``strip`` and ``block`` keep it from the browser, ``hide`` from the application; ``expire``
    has the browser delete it; ``clamp`` shortens its life, ``rewrite`` says the same life in words
    all browsers read alike."""
    reason: Reason
    enforced: bool
    """False in ``report`` mode: this is what would have been done (R7)."""


class KnownCookie:
    """All that can be known of a cookie from its name alone."""

    __slots__ = (
        "_verdicts",
        "action",
        "always_allowed",
        "category",
        "enforced",
        "exempt",
        "is_dated_when_seen",
        "is_declared",
        "is_stripped",
        "key",
        "limit",
        "name",
        "needs",
        "needs_look",
        "place",
        "read_as",
        "reserved",
        "rule",
        "session",
        "token",
    )

    def __init__(self, spelling: str, policy: Policy) -> None:
        self.name = spelling.strip(BLANKS)
        self.token = TOKEN.fullmatch(spelling.lstrip(" ")) is not None
        self.reserved = self.name in policy.own_cookie_names
        self.key = deposit_key(self.name)
        self.rule = rule = policy.rule_for(self.name)
        self.category = rule.category if rule else None
        self.place = Place(rule.path, rule.domain, rule.partitioned) if rule else None
        self.exempt = rule is not None and policy.categories[rule.category].basis == "exempt"
        self.read_as = self if rule else self._read_otherwise(spelling, policy)
        allowed_unregistered = rule is None and policy.unregistered == "allow"
        # The category that must be allowed for it to be stored; "" where none lets it be.
        self.needs = self.category or (EXEMPT_CATEGORY if allowed_unregistered else "")
        self.always_allowed = (self.exempt or allowed_unregistered) and not self.reserved
        self.limit = policy.limit(rule)
        self.session = rule is not None and rule.max_age == "session"
        mode = policy.mode_for(rule.category) if rule else policy.unregistered
        self.action: Action = "block" if mode == "block" else "strip"
        self.enforced = mode != "report" and (rule is not None or policy.mode != "report")
        # Whether no more than a verdict is to be had of it where it may not be stored.
        self.is_stripped = self.enforced and self.action == "strip" and rule is not None
        self.is_dated_when_seen = (
            self.enforced and rule is not None and not self.reserved and _has_a_life(rule)
        )
        self.is_declared = self.read_as.category is not None and not self.read_as.reserved
        # What is exempt is read by all means, unless a date says that its life is over; and without
        # a look at the deposits cookie there are no dates.
        self.needs_look = (
            self.name == policy.deposits_cookie_name
            or self.is_dated_when_seen
            or (self.read_as.category is not None and not self.read_as.exempt)
        )
        self._verdicts: dict[tuple[Action, Reason], Verdict] = {}

    def verdict(self, action: Action, reason: Reason) -> Verdict:
        """Return what is told of this cookie; it says the same each time, so it is made once."""
        verdict = self._verdicts.get((action, reason))
        if verdict is None:
            verdict = Verdict(self.name, self.category, action, reason, self.enforced)
            self._verdicts[action, reason] = verdict
        return verdict

    def _read_otherwise(self, spelling: str, policy: Policy) -> KnownCookie:
        """Return the cookie that needs consent and that this one may be taken for (R17).

        A script can write a name with odd blanks around, and some frameworks strip them.
        """
        # Only what has a rule is made: each other name has possible names of its own, without end.
        for name in sorted(possible_names(spelling)):
            rule = policy.rule_for(name)
            if rule is not None and policy.categories[rule.category].basis != "exempt":
                return KnownCookie(name, policy)
        return self


def _has_a_life(rule: CookieRule) -> bool:
    """Whether a cookie that is there without a date, for a script wrote it, is counted from now.

    What is necessary may be a session cookie of a framework, unless its rule gives it a life.
    """
    if rule.max_age is None:
        return rule.category != EXEMPT_CATEGORY
    return rule.max_age != "session"
