"""What is known of cookies that many sites have: who sets them, what for, and for how long.

`cookies.csv` holds one cookie or family of cookies a row, with the source of each claim. Nothing
here decides: a category is a guess to review, and a lifetime is what the source claims.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.rule_index import RuleIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CatalogueEntry", "entries", "find", "guess", "matching"]

_LONGEST_NAME: Final = 4096
"""Characters; no browser stores a longer name and value (RFC 6265bis 5.7)."""
_UNCONFIRMED: Final = "NOT CONFIRMED"
_WILDCARD: Final = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What is known of one cookie, or of one family of cookies."""

    pattern: str
    """An exact name, ``prefix*``, or a glob of ``*`` and ``?``, as a policy's rules have them."""
    vendor: str
    category: str
    """A guess to review: necessary, functional, statistics, advertising or social."""
    lifetime: str
    """What the source claims, such as ``2 years`` or ``session``; never a rule."""
    set_by: frozenset[str]
    """Of ``server``, ``script`` and ``third-party server``; at least one."""
    purpose: str
    source: str
    """Where name and lifetime are from."""
    is_confirmed: bool
    """Whether the lifetime has a source, and is not from memory alone."""

    @property
    def name(self) -> str:
        """The pattern, by the word that `RuleIndex` has for it."""
        return self.pattern


class _Rule(NamedTuple):
    """The name of a policy's rule, for an index of it alone."""

    name: str


def find(name: str) -> CatalogueEntry | None:
    """Return what is known of the cookie called ``name``, or None.

    An exact name beats the longest prefix, and that a glob (as R8 has it for rules). Names are
    case-sensitive.
    """
    return _index().find(name) if len(name) <= _LONGEST_NAME else None


@cache
def entries() -> tuple[CatalogueEntry, ...]:
    """Return the whole catalogue, in the order of its file."""
    text = (files(__name__) / "cookies.csv").read_text(encoding="utf-8")
    return tuple(map(_entry, csv.DictReader(text.splitlines())))


def guess(name: str) -> str:
    """Return what the catalogue takes a cookie for, to end a sentence; ``""`` for no idea."""
    entry = find(name)
    if entry is None:
        return ""
    return f"; the catalogue of known cookies takes it for {entry.vendor}, {entry.category}"


def matching(pattern: str) -> tuple[CatalogueEntry, ...]:
    """Return the entries that a policy's rule called ``pattern`` could govern.

    For an exact name that is what `find` finds. For a pattern it is each entry with whose names
    the pattern has some in common, by what they begin and end with; of several entries that
    include all names of the pattern, the one that `find` prefers. A pattern that begins with a
    wildcard has names in common with almost every entry: nothing can be said, and nothing is
    returned.
    """
    if not _WILDCARD.search(pattern):
        entry = find(pattern)
        return (entry,) if entry else ()
    if len(pattern) > _LONGEST_NAME or not _ends(pattern)[0]:
        return ()
    rule = RuleIndex((_Rule(pattern),))
    found = [entry for entry in entries() if _could_govern(rule, pattern, entry.pattern)]
    around = sorted((entry for entry in found if _includes(entry.pattern, pattern)), key=_head)
    return tuple(entry for entry in found if entry not in around[:-1])


@cache
def _index() -> RuleIndex[CatalogueEntry]:
    return RuleIndex(entries())


def _entry(row: Mapping[str, str]) -> CatalogueEntry:
    return CatalogueEntry(
        pattern=row["pattern"] + ("*" if row["match"] == "prefix" else ""),
        vendor=row["vendor"],
        category=row["category"],
        lifetime=row["default_lifetime"],
        set_by=frozenset(row["set_by"].replace("third-party-", "third-party ").split("|")),
        purpose=row["purpose"],
        source=row["source"],
        is_confirmed=_UNCONFIRMED not in row["source"],
    )


def _could_govern(rule: RuleIndex[_Rule], pattern: str, other: str) -> bool:
    """Whether a rule called ``pattern`` has a name in common with ``other``, exact or pattern."""
    if not _WILDCARD.search(other):
        return rule.find(other) is not None
    (head, tail), (other_head, other_tail) = _ends(pattern), _ends(other)
    heads_agree = head.startswith(other_head) or other_head.startswith(head)
    return heads_agree and (tail.endswith(other_tail) or other_tail.endswith(tail))


def _includes(prefix: str, pattern: str) -> bool:
    """Whether ``prefix`` is a prefix of all names of ``pattern``."""
    return prefix == f"{_ends(prefix)[0]}*" and pattern.startswith(prefix[:-1])


def _head(entry: CatalogueEntry) -> int:
    return len(_ends(entry.pattern)[0])


def _ends(pattern: str) -> tuple[str, str]:
    """Return what is before the first wildcard of ``pattern``, and what is after the last."""
    pieces = _WILDCARD.split(pattern)
    return pieces[0], pieces[-1]
