"""What is stored elsewhere than in cookies, and other companies that are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consentgate.audit.domains import host_of
from consentgate.audit.judging.permission import in_words, level_of
from consentgate.audit.judging.situations import each_once, without_consent
from consentgate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit

__all__ = ["storage", "third_parties"]


def storage(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what is stored elsewhere; the same law governs it (EDPB guidelines 2/2023)."""
    yield from each_once(_storage(audit, classifier))


def _storage(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    for stage, situation in without_consent(audit):
        for key in stage.storage:
            known = classifier.guess(key.name, host_of(key.origin))
            if known.is_exempt:
                continue
            review = "" if known.is_serious else " Look whether it is strictly necessary."
            yield Finding(
                f"storage-{situation.suffix}",
                level_of(known),
                f"“{key.name}” was in the {key.area} of {key.origin} {situation.when}: "
                f"{in_words(known, 'key')}.{review}",
                key.name,
                stage.name,
                key.origin,
            )


def third_parties(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Find out whom the pages asked for something."""
    yield from each_once(_third_parties(audit))


def _third_parties(audit: Audit) -> Iterator[Finding]:
    for stage, situation in without_consent(audit):
        for party in stage.third_parties:
            times = {1: "once", 2: "twice"}.get(party.requests, f"{party.requests} times")
            yield Finding(
                f"third-party-{situation.suffix}",
                "warning",
                f"{party.domain} was asked {times} {situation.when}, "
                f"first for {party.first_url}; it learns the visitor's address and what they look "
                "at.",
                party.domain,
                stage.name,
                party.domain,
            )
