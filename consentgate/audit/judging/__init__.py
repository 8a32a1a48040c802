"""What is wrong with what was seen: facts in, findings out, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from consentgate.audit.judging.choices import banner, clicks, unkept, untested
from consentgate.audit.judging.completeness import address, pages
from consentgate.audit.judging.cookies import despite_gpc, gone, sent, stored
from consentgate.audit.judging.elsewhere import storage, third_parties
from consentgate.audit.judging.lifetimes import extended, too_long
from consentgate.audit.law import RULES
from consentgate.findings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit
    from consentgate.findings import Finding, Level

__all__ = ["IDS", "count", "judge"]

IDS: Final = tuple(RULES)
"""What kinds of findings there are."""

_JUDGES: Final = (
    stored,
    gone,
    sent,
    too_long,
    extended,
    despite_gpc,
    storage,
    third_parties,
    banner,
    clicks,
    unkept,
    untested,
    address,
    pages,
)


def judge(audit: Audit, classifier: Classifier) -> tuple[Finding, ...]:
    """Return what is wrong, the worst first, each thing once."""
    found = (finding for each in _JUDGES for finding in each(audit, classifier))
    once = dict.fromkeys(found)
    return tuple(sorted(once, key=lambda finding: LEVELS.index(finding.level)))


def count(findings: Iterable[Finding]) -> dict[Level, int]:
    """Return how many findings there are of each level."""
    counted = Counter(finding.level for finding in findings)
    return {level: counted[level] for level in LEVELS}
