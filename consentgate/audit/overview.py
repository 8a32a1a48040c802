"""What became of each cookie in each part of an audit, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consentgate.audit.facts import CookieKey, StageName
from consentgate.findings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consentgate.audit.classify import Classification, Classifier
    from consentgate.audit.facts import Audit, Stage
    from consentgate.findings import Finding

__all__ = ["Cell", "Overview", "overview"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one cookie in one stage."""

    text: str
    level: str
    """The worst finding about it, or "" for none."""

    @property
    def mark(self) -> str:
        """What points to the finding; a note needs none."""
        return {"error": "!", "warning": "?"}.get(self.level, "")


@dataclass(frozen=True, slots=True)
class Overview:
    """One cookie name in all stages."""

    name: str
    host: str
    known: Classification
    cells: tuple[Cell, ...]


def overview(audit: Audit, findings: Sequence[Finding], classifier: Classifier) -> list[Overview]:
    """Return what became of each cookie in each tested stage."""
    stages = [stage for stage in audit.stages.values() if stage.tested]
    keys = {(key.name, _host(key)): key for stage in stages for key in _keys(stage)}
    return [
        Overview(
            name,
            host,
            classifier.classify(key),
            tuple(_cell(audit, stage, name, host, findings) for stage in stages),
        )
        for (name, host), key in keys.items()
    ]


def _keys(stage: Stage) -> Iterator[CookieKey]:
    """Yield what was stored, if only for a moment, and what was sent."""
    yield from (cookie.key for cookie in stage.cookies)
    yield from (CookieKey(cookie.name, cookie.host, "/") for cookie in stage.brief)
    yield from (each.key for each in stage.sent)


def _host(key: CookieKey) -> str:
    return key.domain.removeprefix(".")


def _cell(audit: Audit, stage: Stage, name: str, host: str, findings: Sequence[Finding]) -> Cell:
    about = (name, host)
    facts = (
        ("stored", any((each.name, each.host) == about for each in stage.cookies)),
        ("stored for a moment", any((each.name, each.host) == about for each in stage.brief)),
        ("sent", any((each.key.name, _host(each.key)) == about for each in stage.sent)),
    )
    text = " and ".join(words for words, is_so in facts if is_so)
    states = {stage.name}
    if stage.name is StageName.SECOND_VISIT and not audit.has_accepted and text:
        states.add(StageName.BEFORE)  # still no choice; what was told of it is told once
    levels = [
        each.level
        for each in findings
        if (each.cookie, each.place) == about and each.state in states
    ]
    return Cell(text, min(levels, key=LEVELS.index, default=""))
