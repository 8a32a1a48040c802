"""What was seen of an application: its lines, its answers, and all of it; never a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from consentgate.check.unasked import NOTHING_UNASKED
from consentgate.duration import MINUTE
from consentgate.set_cookie import read

if TYPE_CHECKING:
    from consentgate.check.states import State, StateName
    from consentgate.check.unasked import Unasked
    from consentgate.client.jar import Refusal
    from consentgate.known_cookie import Reason, Verdict
    from consentgate.observation import ObservedLine
    from consentgate.policy import Policy

Outcome = Literal[
    "passed",
    "rewritten",
    "shortened",
    "not extended",
    "stripped",
    "blocked",
    "deleted",
    "reported",
    "ungated",
]
LeadsTo = Literal["", "sign-in", "elsewhere"]

_OUTCOMES: Final[dict[str, Outcome]] = {
    "strip": "stripped",
    "block": "blocked",
    "clamp": "shortened",
    "rewrite": "rewritten",
}
_CLOCK_SECONDS: Final = 5
"""By how much a life that only Expires tells may be off: the application took the time a moment
before, and rounds to seconds as it likes."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One Set-Cookie line of the application, and what became of it."""

    state: StateName
    path: str
    """What was asked for, without its query, percent-encoded; not where it redirected to, for
    there the application may have put a value."""
    name: str
    outcome: Outcome
    """``not extended`` is a line within its limit that would have outlived the first deposit's
    (R12), ``reported`` one that left as it was where the policy only reports (R7), ``ungated`` one
    that left and that no gate has judged."""
    reason: Reason | None
    """Why, where it did not pass."""
    enforced: bool
    """False where that was only reported (R7)."""
    lifetime: int | None
    """Seconds that the application asked for; None for a session cookie. A life that Expires alone
    tells is its limit, or whole minutes, where it is within five seconds of that."""
    category: str | None
    """None for an unregistered cookie."""
    rule: str | None
    """The name, or pattern, of the rule that governs it."""
    limit: int | None
    """The longest life in seconds that the policy gives it; None for a session cookie."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request."""

    state: StateName
    path: str
    """As it was asked; ``""`` for the scenario."""
    status: int | None
    """That of the last answer where some redirected; None where there was none."""
    error: str = ""
    """What was wrong besides; where the application raised something, its kind and place."""
    leads_to: LeadsTo = ""
    """Where it redirected to, if not to another page: where visitors sign in, or another host."""


@dataclass(frozen=True)
class Run:
    """All that was seen of one application."""

    target: str
    interface: str
    framework: str
    """``""`` where no adapter knows it."""
    policy: Policy
    is_gated: bool
    """Whether the application has a gate of its own; else one was put around it for the check."""
    paths: tuple[str, ...]
    sightings: tuple[Sighting, ...]
    answers: tuple[Answer, ...]
    kept: tuple[str, ...]
    """Names of cookies that the browser still sent after consent to them was withdrawn."""
    refused: tuple[Refusal, ...] = ()
    """What no browser takes from this host, by name and reason, each once."""
    host: str = ""
    """The host that it was asked under."""
    other_policies: tuple[str, ...] = ()
    """Versions of the policies of further gates, which were not checked."""
    beyond_get: frozenset[str] = frozenset()
    """Paths that were asked with a method besides GET and HEAD, percent-decoded."""
    unasked: Unasked = NOTHING_UNASKED
    """What it was not asked for, although it is known."""


def sighting(state: State, path: str, seen: ObservedLine, *, ungated: bool = False) -> Sighting:
    """Return what was seen of one line in ``state``."""
    known = seen.gate.cookies[seen.name]
    verdict = seen.verdict
    limit = None if known.session else known.limit
    lifetime = lifetime_asked(seen.line, seen.gate.clock(), limit)
    return Sighting(
        state=state.name,
        path=path,
        name=seen.name,
        outcome=_outcome(verdict, lifetime, limit, seen.gate.policy, ungated=ungated),
        reason=verdict.reason if verdict else None,
        enforced=verdict is None or verdict.enforced,
        lifetime=lifetime,
        category=known.category,
        rule=known.rule.name if known.rule else None,
        limit=limit,
    )


def lifetime_asked(line: str, now: float, limit: int | None) -> int | None:
    """Return the seconds that a line asks for at ``now``, as `Sighting.lifetime` has them."""
    attributes = read(line).attributes
    lifetime = attributes.lifetime(int(now))
    if lifetime is None or attributes.max_age is not None:
        return lifetime
    minutes = round(lifetime / MINUTE) * MINUTE
    meant = [each for each in (limit, minutes) if each and abs(each - lifetime) <= _CLOCK_SECONDS]
    return meant[0] if meant and lifetime > 0 else lifetime


def _outcome(
    verdict: Verdict | None,
    lifetime: int | None,
    limit: int | None,
    policy: Policy,
    *,
    ungated: bool,
) -> Outcome:
    if lifetime is not None and lifetime <= 0:
        return "deleted"  # which always passes (R5), wherever it comes from
    if verdict is None:
        return "ungated" if ungated else "passed"
    if not verdict.enforced:
        return "reported"
    within = None not in (lifetime, limit) and (lifetime or 0) <= (limit or 0)
    if verdict.action == "clamp" and within and not policy.expire_with_consent:
        return "not extended"
    return _OUTCOMES[verdict.action]
