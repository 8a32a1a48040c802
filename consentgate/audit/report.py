"""The report: one HTML file for people, which loads nothing and runs nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from consentgate.audit.facts import StageName
from consentgate.audit.judging import count
from consentgate.audit.law import RULES, Rule
from consentgate.audit.overview import overview
from consentgate.audit.words import (
    STAGES,
    banner_in_words,
    instant_in_words,
    left_out_in_words,
    legible,
    life_in_words,
    seconds_in_words,
    setter_in_words,
    verdict_in_words,
)
from consentgate.documents import environment_for
from consentgate.findings import LEVELS
from consentgate.lifetime import count as counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Environment

    from consentgate.audit.classify import Classification, Classifier
    from consentgate.audit.facts import Audit, Stage, StoredCookie
    from consentgate.findings import Finding, Level
    from consentgate.policy import Basis

__all__ = ["report_html"]

_LEVELS: Final[Mapping[Level, str]] = {
    "error": "problem",
    "warning": "to review",
    "note": "note",
}
"""What the report calls them."""
_BASES: Final[Mapping[Basis, str]] = {
    "exempt": "needs no consent",
    "opt-in": "needs consent",
    "opt-out": "may be refused",
    "forbidden": "is not used, says the policy",
}
_WHO: Final[Mapping[StageName, str]] = {
    StageName.BEFORE: "A visitor who had never been there looked at the pages and made no choice.",
    StageName.REFUSED: "A new visitor refused, and then looked at the pages.",
    StageName.ACCEPTED: "A new visitor accepted, and then looked at the pages.",
    StageName.SECOND_VISIT: "The same visitor came again.",
    StageName.WITHDRAWN: "The same visitor withdrew consent, and then looked at the pages again.",
    StageName.GPC: "A new visitor, whose browser sends Global Privacy Control, made no choice.",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one kind and level."""

    rule: Rule
    level: Level
    findings: tuple[Finding, ...]
    law: str
    """The rule's text; empty where another group before this one has shown it."""

    @property
    def name(self) -> str:
        """What its level is called."""
        return _LEVELS[self.level]

    @property
    def counted(self) -> str:
        """How many there are, such as ``4 problems``."""
        number = len(self.findings)
        return f"{number} {self.name}" if self.level == "warning" else counted(number, self.name)


@dataclass(frozen=True, slots=True)
class ShownCookie:
    """One row of a table of cookies."""

    cookie: StoredCookie
    known: Classification
    first_party: bool


def report_html(
    audit: Audit,
    findings: Sequence[Finding],
    classifier: Classifier,
    left_out: Sequence[Finding] = (),
    *,
    version: str,
) -> str:
    """Return the report as an HTML page; ``version`` is that of ConsentGate.

    ``left_out`` is what was found, and is not to count.
    """
    stages = list(audit.stages.values())
    counts = count(findings)
    return _environment.get_template("report.html").render(
        audit=audit,
        version=version,
        verdict=verdict_in_words(counts),
        left_out=left_out_in_words(left_out),
        worst=next((level for level in LEVELS if counts[level]), "none"),
        groups=groups(findings),
        overview=overview(audit, findings, classifier),
        stages=stages,
        banner=banner_in_words(audit),
        pages=_pages(audit),
        policy=classifier.source,
        is_own_word=classifier.is_own_word,
        shown={stage.name: list(_shown(stage, audit, classifier)) for stage in stages},
        classify=classifier.classify,
        titles=STAGES,
        bases=_BASES,
        who=_WHO,
    )


def groups(findings: Sequence[Finding]) -> list[Group]:
    """Return the findings by kind and level, in the order in which they come."""
    kinds: dict[tuple[Level, str], None] = {(each.level, each.id): None for each in findings}
    shown: set[str] = set()
    found: list[Group] = []
    for level, kind in kinds:
        rule = RULES[kind]
        those = tuple(each for each in findings if (each.level, each.id) == (level, kind))
        found.append(Group(rule, level, those, "" if rule.text in shown else rule.text))
        shown.add(rule.text)
    return found


def _pages(audit: Audit) -> list[str]:
    return list(dict.fromkeys(page.url for stage in audit.stages.values() for page in stage.pages))


def _shown(stage: Stage, audit: Audit, classifier: Classifier) -> Iterator[ShownCookie]:
    for cookie in stage.cookies:
        first_party = audit.parties.include(cookie.host)
        yield ShownCookie(cookie, classifier.classify(cookie.key), first_party)


def _as_data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _sentence(text: str) -> str:
    """Return ``text`` with a capital first; Jinja2's own filter makes the rest small."""
    return text[:1].upper() + text[1:]


def _make_environment() -> Environment:
    environment = environment_for("consentgate.audit")
    filters: dict[str, Any] = environment.filters
    filters.update(
        data_url=_as_data_url,
        instant_in_words=instant_in_words,
        legible=legible,
        life_in_words=life_in_words,
        seconds_in_words=seconds_in_words,
        sentence=_sentence,
        setter_in_words=setter_in_words,
    )
    return environment


_environment: Final = _make_environment()
