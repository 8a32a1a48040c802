"""The parts of an audit in which there is no consent, and what they are called in findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consentgate.audit.facts import StageName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consentgate.audit.facts import Audit, Stage
    from consentgate.findings import Finding

__all__ = ["Situation", "each_once", "without_consent"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What a visitor has done who has not consented."""

    suffix: str
    """The end of a finding's id, such as ``after-refusal``."""
    when: str
    """In words."""
    has_chosen: bool = True


_NOTHING: Final = Situation("before-choice", "before the visitor made a choice", has_chosen=False)
_SITUATIONS: Final = {
    StageName.BEFORE: _NOTHING,
    StageName.SECOND_VISIT: _NOTHING,
    StageName.REFUSED: Situation("after-refusal", "after the visitor had refused"),
    StageName.WITHDRAWN: Situation("after-withdrawal", "after the visitor had withdrawn consent"),
}


def without_consent(audit: Audit) -> Iterator[tuple[Stage, Situation]]:
    """Yield the stages that were tested; of a second visit only that of who made no choice."""
    for name, situation in _SITUATIONS.items():
        stage = audit.stages.get(name)
        consented = name is StageName.SECOND_VISIT and audit.has_accepted
        if stage and stage.tested and not consented:
            yield stage, situation


def each_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield each kind of finding about one thing once: where it was seen first."""
    seen: set[tuple[str, str, str]] = set()
    for finding in findings:
        about = (finding.id, finding.cookie, finding.place)
        if about not in seen:
            seen.add(about)
            yield finding
