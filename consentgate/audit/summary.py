"""The audit on a terminal: what is stored, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from consentgate.audit.facts import StageName
from consentgate.audit.judging import count
from consentgate.audit.words import printable, seconds_in_words, verdict_in_words
from consentgate.findings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console, RenderableType

    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit, CookieKey, StoredCookie
    from consentgate.findings import Finding, Level

__all__ = ["print_summary"]

_LETTERS: Final[Mapping[StageName, str]] = {
    StageName.BEFORE: "B",
    StageName.REFUSED: "R",
    StageName.ACCEPTED: "A",
    StageName.SECOND_VISIT: "2",
    StageName.WITHDRAWN: "W",
    StageName.GPC: "G",
}
_LEGEND: Final = (
    "B before a choice, R after refusal, A after acceptance, 2 on a second visit, "
    "W after withdrawal, G with Global Privacy Control"
)
_STYLES: Final[Mapping[Level, str]] = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def print_summary(
    console: Console, audit: Audit, findings: Sequence[Finding], classifier: Classifier
) -> None:
    """Print the cookies with their stages, and the findings by level."""
    for part in _parts(audit, findings, classifier):
        console.print(part)


def _parts(
    audit: Audit, findings: Sequence[Finding], classifier: Classifier
) -> Iterator[RenderableType]:
    yield Text(f"{printable(audit.url)} with {audit.browser.name} {audit.browser.version}")
    yield Text(f"Banner: {printable(audit.banner or audit.banner_problem or 'none found')}")
    if any(stage.cookies for stage in audit.stages.values()):
        yield _table(audit, classifier)
        yield Text(_LEGEND, style="dim")
    for level in LEVELS:
        yield from _findings([each for each in findings if each.level == level], level)
    yield Text("")
    yield Text(verdict_in_words(count(findings)), style="bold")


def _findings(findings: Sequence[Finding], level: Level) -> Iterator[Text]:
    if findings:
        yield Text("")
        plural = "" if len(findings) == 1 else "s"
        yield Text(f"{len(findings)} {level}{plural}", style=_STYLES[level])
    for finding in findings:
        yield Text.assemble("  ", (finding.id, _STYLES[level]), " ", printable(finding.message))


def _table(audit: Audit, classifier: Classifier) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Cookie", "Domain", "Category", "Set by", "Life", "Stages"):
        table.add_column(heading, overflow="fold")
    for cookie, stages in _with_stages(audit):
        known = classifier.classify(cookie.name)
        category = f"{known.category}{' ?' if known.is_guess else ''}" if known.is_known else "?"
        table.add_row(
            Text(printable(cookie.name)),
            Text(printable(cookie.host)),
            Text(category),
            cookie.setter.kind if cookie.setter else "not seen",
            "session" if cookie.life is None else seconds_in_words(cookie.life),
            stages,
        )
    return table


def _with_stages(audit: Audit) -> Iterator[tuple[StoredCookie, str]]:
    """Yield each cookie as it was seen first, with the letters of its stages."""
    first: dict[CookieKey, StoredCookie] = {}
    letters: dict[CookieKey, str] = {}
    for stage in audit.stages.values():
        for cookie in stage.cookies:
            first.setdefault(cookie.key, cookie)
            letters[cookie.key] = letters.get(cookie.key, "") + _LETTERS[stage.name]
    for key, cookie in first.items():
        yield cookie, letters[key]
