"""What was seen of an application, one entry a cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consentgate.catalogue import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consentgate.check.sightings import Outcome, Sighting


@dataclass(frozen=True)
class CookieSummary:
    """All that was seen of one cookie."""

    name: str
    rule: str | None
    """The name, or pattern, of the rule that governs it."""
    category: str | None
    """None for an unregistered cookie."""
    guess: str | None
    """The category that the catalogue gives it; None where it does not know the cookie."""
    is_set: bool
    """Whether it was set at all, and not only deleted."""
    lifetime: int | None
    """The longest life in seconds that was asked for; None for a session cookie."""
    limit: int | None
    """The longest in seconds that the policy gives it; None for a session cookie."""
    outcomes: Mapping[str, tuple[Outcome, ...]]
    """By state of consent, what became of it."""
    reasons: tuple[str, ...]
    paths: tuple[str, ...]
    rewritten_for: tuple[str, ...] = ()
    """The reasons for lines that the gate said in its own words."""


def summaries(sightings: Iterable[Sighting]) -> list[CookieSummary]:
    """Return one entry for each cookie, by category and name; unregistered ones come first."""
    found = [_summary(name, seen) for name, seen in by_name(sightings).items()]
    return sorted(found, key=lambda each: (each.category or "", each.name))


def by_name(sightings: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    """Return what was seen of each cookie, in its order."""
    named: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        named.setdefault(sighting.name, []).append(sighting)
    return named


def _summary(name: str, seen: list[Sighting]) -> CookieSummary:
    outcomes: dict[str, dict[Outcome, None]] = {}
    for each in seen:
        outcomes.setdefault(each.state, {})[each.outcome] = None
    lives = [each.lifetime for each in seen if each.lifetime is not None]
    entry = find(name)
    return CookieSummary(
        name=name,
        rule=seen[0].rule,
        category=seen[0].category,
        guess=entry.category if entry else None,
        is_set=any(each.outcome != "deleted" for each in seen),
        lifetime=max((life for life in lives if life > 0), default=None),
        limit=seen[0].limit,
        outcomes={state: tuple(each) for state, each in outcomes.items()},
        reasons=_reasons(seen),
        rewritten_for=_reasons(each for each in seen if each.outcome == "rewritten"),
        paths=tuple(dict.fromkeys(each.path for each in seen)),
    )


def _reasons(seen: Iterable[Sighting]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.reason for each in seen if each.reason))
