"""The proof of one decision, and what the gate knows of the place where proofs are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Event = Literal["given", "partial", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Record:
    """The proof of one decision (GDPR, article 7(1)); it says nothing else about the visitor."""

    subject: str
    """The random id in the consent cookie."""
    event: Event
    time: int
    """When it was decided, in seconds since 1970."""
    valid_until: int
    """When the visitor is asked again, in seconds since 1970."""
    choices: Mapping[str, bool]
    """By category, whether it was accepted."""
    policy_version: str
    language: str
    """The language it was asked in (BCP 47)."""
    jurisdiction: str
    """The preset that the policy builds on."""
    gpc: bool
    """Whether the browser sent Global Privacy Control."""


class RecordStore(Protocol):
    """Where a site keeps its records; whatever a method raises means that it cannot just now."""

    def append(self, record: Record) -> None:
        """Keep ``record`` for good before returning."""
        ...

    def by_subject(self, subject: str) -> Iterable[Record]:
        """Return the records of one visitor, the oldest first."""
        ...

    def erase(self, subject: str) -> None:
        """Forget the records of one visitor."""
        ...
