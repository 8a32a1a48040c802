"""The audit on a terminal: what is stored, and what is wrong with it.

What is the site's own is cut, and cannot control the terminal: `printable` for names and addresses,
`legible` for sentences, whose language may need more than ASCII.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from consentgate.audit.facts import StageName
from consentgate.audit.judging import count
from consentgate.audit.law import RULES
from consentgate.audit.words import (
    banner_in_words,
    cut,
    left_out_in_words,
    legible,
    seconds_in_words,
    verdict_in_words,
)
from consentgate.findings import LEVELS
from consentgate.lifetime import count as counted
from consentgate.printable import printable

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

_IN_FULL: Final = 5
"""Findings of one kind up to which each is told in full; of more there are the names."""
_MOST_NAMES: Final = 20
_MOST_ROWS: Final = 50
_LONGEST_NAME: Final = 60
_LONGEST_SENTENCE: Final = 500


def print_summary(
    console: Console,
    audit: Audit,
    findings: Sequence[Finding],
    classifier: Classifier,
    left_out: Sequence[Finding] = (),
) -> None:
    """Print the cookies with their stages, and the findings by level.

    ``left_out`` is what was found, and is not to count.
    """
    for part in _parts(audit, findings, classifier):
        console.print(part)
    if left_out:
        console.print(Text(legible(left_out_in_words(left_out))))
    console.print(Text(verdict_in_words(count(findings)), style="bold"))


def _parts(
    audit: Audit, findings: Sequence[Finding], classifier: Classifier
) -> Iterator[RenderableType]:
    url = cut(printable(audit.url), _LONGEST_SENTENCE)
    yield Text(f"{url} with {audit.browser.name} {audit.browser.version}")
    yield Text(f"Banner: {_sentence(banner_in_words(audit))}")
    rows = list(_with_stages(audit))
    if rows:
        yield _table(rows[:_MOST_ROWS], classifier)
        yield Text(_and_more(len(rows) - _MOST_ROWS, "cookie") + _LEGEND, style="dim")
    for level in LEVELS:
        yield from _findings([each for each in findings if each.level == level], level)
    yield Text("")


def _and_more(number: int, thing: str) -> str:
    return f"And {counted(number, f'more {thing}')}.\n" if number > 0 else ""


def _sentence(text: str) -> str:
    return cut(legible(text), _LONGEST_SENTENCE)


def _name(text: str) -> str:
    return cut(printable(text), _LONGEST_NAME)


def _findings(findings: Sequence[Finding], level: Level) -> Iterator[Text]:
    if findings:
        yield Text("")
        yield Text(counted(len(findings), level), style=_STYLES[level])
    for kind, found in groupby(findings, key=lambda finding: finding.id):
        alike = list(found)
        texts = [_names(kind, alike)] if len(alike) > _IN_FULL else map(_message, alike)
        for text in texts:
            yield Text.assemble("  ", (kind, _STYLES[level]), " ", text)


def _message(finding: Finding) -> str:
    return _sentence(finding.message)


def _names(kind: str, findings: Sequence[Finding]) -> str:
    """Return what findings of one kind are about."""
    about = dict.fromkeys(_name(each.cookie or each.place) for each in findings)
    names = list(about)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{RULES[kind].heading}: {', '.join(names[:_MOST_NAMES])}{more}"


def _table(rows: Sequence[tuple[StoredCookie, str]], classifier: Classifier) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Cookie", "Domain", "Category", "Set by", "Life", "Stages"):
        table.add_column(heading, overflow="fold")
    for cookie, stages in rows:
        table.add_row(
            Text(_name(cookie.name)),
            Text(_name(cookie.host)),
            Text(_category(cookie.key, classifier)),
            cookie.setter.kind if cookie.setter else "not seen",
            "session" if cookie.life is None else seconds_in_words(cookie.life),
            stages,
        )
    return table


def _category(key: CookieKey, classifier: Classifier) -> str:
    known = classifier.classify(key)
    if not known.is_known:
        return "?"
    return _name(known.category) + (" ?" if known.is_guess or known.disputed else "")


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
