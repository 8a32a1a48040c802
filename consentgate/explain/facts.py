"""What the gate makes of one Set-Cookie line, and why, as plain facts.

Every answer is the gate's own. A line is judged as in a request; what follows from the cookie's
name alone is found by judging two more lines of that name: a plain one shows the permission, a
very long-lived one the limit. Nothing here decides; it asks.
"""

from __future__ import annotations

import difflib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from consentgate.exceptions import CookieBlocked
from consentgate.gate import Gate
from consentgate.policy import BROWSER_MAX_AGE
from consentgate.policy_file import load_preset
from consentgate.set_cookie import TOKEN, has_control_character, is_plain, read, read_attributes
from consentgate.testing import consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consentgate.known_cookie import Reason, Verdict
    from consentgate.policy import CookieRule, Policy
    from consentgate.set_cookie import SetCookie
    from consentgate.visit import Visit

Outcome = Literal["unchanged", "rewritten", "nothing", "blocked"]

_LONG: Final = 999_999_999
"""Seconds; the longest Max-Age of a canonical line, and over everybody's limit."""
_LONGEST_NAME_TO_COMPARE: Final = 128
_LONGEST_ATTRIBUTE_TO_SHOW: Final = 40
_WILDCARD: Final = re.compile(r"[*?]")

REASONS: Final[Mapping[Reason, tuple[str, str]]] = {
    "undecided": ("the visitor has not chosen yet", "R6"),
    "refused": ("it is refused", "R6"),
    "forbidden": ("the policy forbids its category", "R6"),
    "unregistered": ("no rule of the policy has its name", "R6"),
    "cookie-free route": ("nothing is stored on this path", "R11"),
    "reserved name": ("only the gate sets its own cookies", "R10"),
    "no name": ("it has no name", "R3"),
    "control character": ("it has a control character", "R3"),
    "lifetime": ("it would live longer than its limit", "R12"),
    "session": ("its rule makes a session cookie of it", "R14"),
    "not canonical": ("browsers would read it in more than one way", "R3"),
    "Expires alone": ("browsers shift Expires by the response's Date, Max-Age not", "R3"),
}
"""Each reason of a verdict in words, and the rule that says so."""


@dataclass(frozen=True)
class Visitor:
    """Who asks, for what, and when: the gate's view of the request."""

    now: float
    granted: frozenset[str] | None = None
    """None for an undecided visitor."""
    url: str = "https://localhost/"
    signals: tuple[str, ...] = ()
    """The privacy signals that are sent: ``Sec-GPC``, ``DNT``."""
    first_deposit: float | None = None
    """When the browser first stored the cookie that it still sends; None where it sends none."""

    def header(self, name: str) -> str:
        """Return the request header called ``name``."""
        if name == "host":
            return urlsplit(self.url).netloc
        return "1" if name in map(str.lower, self.signals) else ""

    def path(self) -> str:
        """Return the path, percent-decoded."""
        return unquote(urlsplit(self.url).path) or "/"

    def is_secure(self) -> bool:
        """Whether the address is one of TLS."""
        return urlsplit(self.url).scheme == "https"

    def address(self) -> str:
        """Return nothing: nobody connects."""
        return ""


@dataclass(frozen=True)
class Reading:
    """How the line is read."""

    names: tuple[str, ...]
    """Every name some browser could give the cookie, the gate's own reading first."""
    lifetime: int | None
    """Seconds; None for a session cookie."""
    lifetime_from: Literal["Max-Age", "Expires", ""]
    is_deletion: bool
    oddities: tuple[str, ...]
    """Why the line is not canonical (R1); empty where it is."""


@dataclass(frozen=True)
class Rule:
    """The rule that governs the cookie."""

    name: str
    match: Literal["exact name", "longest prefix", "glob"]
    origin: str
    """``cookies[2]`` of the policy, ``framework django``, or ``gate``."""
    category: str
    basis: str
    max_age: int | str | None


@dataclass(frozen=True)
class Limit:
    """How long a cookie of that name may live."""

    seconds: int | None
    """None where its rule makes a session cookie of it."""
    set_by: tuple[str, ...]
    """What is the least: ``rule``, ``category``, ``policy``, ``browser``."""
    left: int | None = None
    """What is left of it now, where that is less and the cookie is allowed."""
    left_by: Literal["consent", "first deposit", ""] = ""


@dataclass(frozen=True)
class Permission:
    """Whether a cookie of that name may be stored, and why."""

    state: str
    why: str
    rules: tuple[str, ...] = ("R6",)


@dataclass(frozen=True)
class Explanation:
    """What the gate makes of one Set-Cookie line, and why."""

    line: str
    outcome: Outcome
    why: str
    rules: tuple[str, ...]
    """The rules of RULES.md that decided."""
    sent: str | None
    """What the browser gets; None for nothing."""
    enforced: bool
    """False in ``report`` mode."""
    reading: Reading
    judged_as: str
    rule: Rule | None
    similar: tuple[str, ...]
    """Names of rules that are much like that of a cookie without one."""
    mode: str
    limit: Limit | None
    permission: Permission | None
    """None, like the limit, for what is no cookie at all."""
    verdicts: tuple[dict[str, Any], ...]


class Judgement(NamedTuple):
    """What the gate did with one line in one visit."""

    line: str
    sent: str | None
    told: tuple[Verdict, ...]
    """The verdicts on the line itself."""
    told_of_request: tuple[Verdict, ...]
    """The verdicts on what the browser sent: what is hidden, and what is deleted."""
    visit: Visit

    @property
    def stop(self) -> Verdict | None:
        """The verdict that keeps the cookie from the browser, or would if it were enforced."""
        return next((told for told in self.told if told.action in ("strip", "block")), None)

    @property
    def enforced(self) -> bool:
        """Whether the gate may change the line."""
        return all(told.enforced for told in self.told)

    @property
    def outcome(self) -> Outcome:
        """What became of the line."""
        if self.sent is None:
            return "blocked" if self.stop and self.stop.action == "block" else "nothing"
        return "unchanged" if self.sent == self.line else "rewritten"


class Explainer:
    """Explain lines for ``visitor``, who stands before a gate of ``policy``.

    Raises `PolicyError`, and `UnknownCategory` where nobody can grant what the visitor did.
    """

    def __init__(self, policy: Policy, visitor: Visitor) -> None:
        self.policy = policy
        self.visitor = visitor
        self._heard: list[Verdict] = []
        self._gate = Gate(
            policy,
            secrets.token_hex(),
            on_verdict=self._heard.append,
            clock=lambda: visitor.now,
        )
        granted = visitor.granted
        self._consent = "" if granted is None else "=".join(consent_cookie(self._gate, granted))

    def explain(self, line: str) -> Explanation:
        """Return what becomes of ``line``, the value of a Set-Cookie header as latin-1 text."""
        cookie = read(line)
        is_cookie = cookie.name != "" and not has_control_character(line)
        reading = self._reading(line, cookie, is_cookie=is_cookie)
        judgement = self._judge(line, cookie.aliases)
        name = next((told.name for told in judgement.told), cookie.name)
        rule = self.policy.rule_for(name)
        limit = self._limit(name, rule) if is_cookie else None
        permission = self._permission(name, rule) if is_cookie else None
        return Explanation(
            line=line,
            outcome=judgement.outcome,
            why=_why(judgement, reading, permission),
            rules=_deciding_rules(judgement, reading, limit, permission),
            sent=judgement.sent,
            enforced=judgement.enforced,
            reading=reading,
            judged_as=name,
            rule=_rule(self.policy, rule),
            similar=() if rule else _similar(self.policy, name),
            mode=self._mode(rule, is_cookie=is_cookie),
            limit=limit,
            permission=permission,
            verdicts=tuple(told._asdict() for told in judgement.told + judgement.told_of_request),
        )

    def _mode(self, rule: CookieRule | None, *, is_cookie: bool) -> str:
        if rule is not None:
            return self.policy.mode_for(rule.category)
        return self.policy.unregistered if is_cookie else self.policy.mode

    def _judge(self, line: str, names: Iterable[str]) -> Judgement:
        """Let ``line`` pass the gate, in the answer to a request of its own."""
        cookie = self._cookie_header(names)
        visit = self._gate.visit(self.visitor, cookie)
        visit.readable(cookie)
        hidden = self._take_heard()
        try:
            sent = visit.judge(line)
        except CookieBlocked:
            sent = None
        told = self._take_heard()
        visit.additions()
        return Judgement(line, sent, told, hidden + self._take_heard(), visit)

    def _take_heard(self) -> tuple[Verdict, ...]:
        heard = tuple(self._heard)
        self._heard.clear()
        return heard

    def _cookie_header(self, names: Iterable[str]) -> str:
        """Return what the browser sends; with a first deposit, the cookie itself too."""
        pairs = [self._consent] if self._consent else []
        first = self.visitor.first_deposit
        stored = [name for name in sorted(names) if self._can_be_stored(name)]
        if first is not None and stored:
            pairs += [f"{name}=1" for name in stored]
            pairs.append("=".join(deposits_cookie(self._gate, dict.fromkeys(stored, first))))
        return "; ".join(pairs)

    def _can_be_stored(self, name: str) -> bool:
        return TOKEN.fullmatch(name) is not None and not self._gate.cookies[name].reserved

    def _reading(self, line: str, cookie: SetCookie, *, is_cookie: bool) -> Reading:
        seconds = cookie.attributes.lifetime(int(self.visitor.now))
        oddities = tuple(self._oddities(line))
        aliases = cookie.aliases - {cookie.name} if is_cookie and oddities else ()
        return Reading(
            names=(cookie.name, *sorted(aliases)) if cookie.name else (),
            lifetime=seconds,
            lifetime_from=_lifetime_from(cookie),
            is_deletion=is_cookie and seconds is not None and seconds <= 0,
            oddities=oddities,
        )

    def _oddities(self, line: str) -> Iterator[str]:
        """Say why the line is not canonical, in the gate's own terms (R1)."""
        pair, _, text = line.partition(";")
        name, equals, value = pair.partition("=")
        if not name.strip() or not equals:
            yield "no name before a '='"
        elif not self._gate.cookies[name].token:
            yield "the name is no token, or has blanks around it"
        if not is_plain(value):
            yield "the value is not printable ASCII"
        if not self._gate.attributes[text].canonical:
            yield _odd_attribute(text)

    def _limit(self, name: str, rule: CookieRule | None) -> Limit:
        if rule is not None and rule.max_age == "session":
            return Limit(None, ("rule",))
        seconds = self.policy.limit(rule)
        set_by = tuple(_set_by(self.policy, rule, seconds))
        judgement = self._judge(f"{name}=; Max-Age={_LONG}", [name])
        left = read(judgement.sent).attributes.max_age if judgement.sent else None
        if left is None or left >= seconds:
            return Limit(seconds, set_by)
        is_consents = self.policy.expire_with_consent and self._ends_with_consent(judgement, left)
        return Limit(seconds, set_by, left, "consent" if is_consents else "first deposit")

    def _ends_with_consent(self, judgement: Judgement, seconds: int) -> bool:
        return judgement.visit.consent.expires_at == int(self.visitor.now) + seconds

    def _permission(self, name: str, rule: CookieRule | None) -> Permission:
        judgement = self._judge(f"{name}=", [name])
        stop = judgement.stop
        if stop is None:
            return self._permitted(rule, judgement.visit)
        if stop.reason == "refused" and rule is not None:
            return self._refused(rule.category, judgement.visit)
        why, number = REASONS[stop.reason]
        if stop.reason == "undecided" and rule is not None:
            why += f", and {rule.category} needs an opt-in"
        return Permission(stop.reason, why, (number,))

    def _permitted(self, rule: CookieRule | None, visit: Visit) -> Permission:
        if rule is None:
            return Permission("allowed", "the policy lets cookies without a rule pass")
        if self.policy.categories[rule.category].basis == "exempt":
            return Permission("exempt", f"{rule.category} needs no consent")
        decision = visit.consent.decision
        if decision is not None and rule.category in decision.granted:
            return Permission("granted", f"the visitor accepted {rule.category}")
        return Permission("not refused", f"{rule.category} is opt-out, and nobody refused it")

    def _refused(self, category: str, visit: Visit) -> Permission:
        decision = visit.consent.decision
        if decision is not None and category in decision.refused:
            return Permission("refused", f"the visitor refused {category}")
        honoured = {"Sec-GPC": self.policy.gpc, "DNT": self.policy.dnt}
        signals = " and ".join(name for name in self.visitor.signals if honoured[name] != "ignore")
        return Permission("refused", f"{category} is refused by {signals}", ("R6", "R22"))


def _lifetime_from(cookie: SetCookie) -> Literal["Max-Age", "Expires", ""]:
    if cookie.attributes.max_age is not None:
        return "Max-Age"
    return "" if cookie.attributes.expires is None else "Expires"


def _odd_attribute(text: str) -> str:
    """Name the first attribute that is odd by itself; else one is there twice."""
    for piece in text.split(";"):
        if not read_attributes(piece).canonical:
            return f"the attribute {piece.strip()[:_LONGEST_ATTRIBUTE_TO_SHOW]!r}"
    return "an attribute given twice"


def _set_by(policy: Policy, rule: CookieRule | None, seconds: int) -> Iterator[str]:
    """Name what is the least of the limits, which is ``seconds`` (R12)."""
    if rule is not None and rule.max_age == seconds:
        yield "rule"
    if rule is not None and policy.categories[rule.category].max_age == seconds:
        yield "category"
    if policy.max_age == seconds:
        yield "policy"
    if BROWSER_MAX_AGE == seconds:
        yield "browser"


def _rule(policy: Policy, rule: CookieRule | None) -> Rule | None:
    if rule is None:
        return None
    basis = policy.categories[rule.category].basis
    origin = _origin(policy, rule)
    return Rule(rule.name, _match(rule.name), origin, rule.category, basis, rule.max_age)


def _match(pattern: str) -> Literal["exact name", "longest prefix", "glob"]:
    if not _WILDCARD.search(pattern):
        return "exact name"
    is_prefix = len(pattern) > 1 and pattern.endswith("*") and not _WILDCARD.search(pattern[:-1])
    return "longest prefix" if is_prefix else "glob"


def _origin(policy: Policy, rule: CookieRule) -> str:
    if rule in policy.cookies:
        return f"cookies[{policy.cookies.index(rule)}]"
    for framework in reversed(policy.frameworks):  # of two with one name, the later counts
        if any(table["name"] == rule.name for table in load_preset(framework)["cookies"]):
            return f"framework {framework}"
    return "gate"


def _similar(policy: Policy, name: str) -> tuple[str, ...]:
    """Return the names of rules that may have been meant."""
    rules = (*policy.cookies, *policy.preset_cookies)
    by_text = {_WILDCARD.sub("", rule.name).lower(): rule.name for rule in rules}
    text = name[:_LONGEST_NAME_TO_COMPARE].lower()
    return tuple(by_text[close] for close in difflib.get_close_matches(text, by_text))


def _why(judgement: Judgement, reading: Reading, permission: Permission | None) -> str:
    """Say in words why the line became what it became."""
    for told in judgement.told:
        is_permission = permission is not None and permission.state == told.reason
        return permission.why if permission and is_permission else REASONS[told.reason][0]
    if reading.is_deletion:
        return "a deletion always passes"
    return "it may be stored, and is within its limit"


def _deciding_rules(
    judgement: Judgement, reading: Reading, limit: Limit | None, permission: Permission | None
) -> tuple[str, ...]:
    rules = {REASONS[told.reason][1] for told in judgement.told}
    if reading.is_deletion:
        rules.add("R5")
    elif permission is not None:
        rules.update(permission.rules)
    if limit is not None and any(told.reason == "lifetime" for told in judgement.told):
        rules.update({"consent": ["R16"], "first deposit": ["R13"]}.get(limit.left_by, []))
    if judgement.outcome == "blocked" or not judgement.enforced:
        rules.add("R7")
    if judgement.outcome == "unchanged" and not reading.oddities:
        rules.add("R2")
    return tuple(sorted(rules, key=lambda rule: int(rule[1:])))
