"""What `consentgate check` and `consentgate audit` find: one value, whatever found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["error", "warning", "note"]

LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "note")
"""From the worst down; the words are those of SARIF 2.1.0, 3.27.10."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, or that somebody should know."""

    id: str
    """What kind of thing, such as ``unregistered``: stable, for whoever ignores or counts it."""
    level: Level
    message: str
    """One sentence or two: what is wrong, and what to do about it. Never a cookie's value."""
    cookie: str = ""
    """The name of the cookie, or of the rule or category, that it is about."""
    state: str = ""
    """The visitor's state in which it was seen, such as ``refused``."""
    place: str = ""
    """Where it was seen: a path or an address, or a key of the policy file."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: what all with one `Finding.id` have in common."""

    id: str
    level: Level
    title: str
    """What is wrong, in a few words."""
    help: str
    """What to do about it, and which rule or law it follows from."""


def is_ignored(finding: Finding, ignored: Iterable[str]) -> bool:
    """Whether ``finding`` is one that the site has decided to live with.

    An entry of ``ignored`` is a `Finding.id`, or an id and a cookie's name with a colon between.
    """
    return not {finding.id, f"{finding.id}:{finding.cookie}"}.isdisjoint(ignored)


def fails(findings: Iterable[Finding], fail_on: Level | Literal["never"]) -> bool:
    """Whether one of ``findings`` is at least as bad as ``fail_on``."""
    if fail_on == "never":
        return False
    bad = LEVELS[: LEVELS.index(fail_on) + 1]
    return any(finding.level in bad for finding in findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return ``findings`` by level, then by kind and cookie."""
    return sorted(findings, key=lambda each: (LEVELS.index(each.level), each.id, each.cookie))
