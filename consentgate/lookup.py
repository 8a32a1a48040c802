"""``consentgate lookup``: what the catalogue of known cookies says of a name."""

from __future__ import annotations

import difflib
import json
import re
import sys
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import click

from consentgate.catalogue import entries, find
from consentgate.exceptions import PolicyError
from consentgate.policy import Policy
from consentgate.printable import printable
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consentgate.catalogue import CatalogueEntry

__all__ = ["lookup"]

_WIDTH: Final = 79
_INDENT: Final = " " * 16
_LONGEST_NAME_SHOWN: Final = 256
_LONGEST_NAME_TO_COMPARE: Final = 64
_WILDCARD: Final = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True)
class Governance:
    """What a policy has for a name."""

    rule: str | None
    """The name of the rule that governs the cookie, or None without one."""
    category: str | None
    agrees: bool | None
    """Whether rule and catalogue have the same category; None where one of them has none."""
    unregistered: str
    """What the policy does with a cookie without a rule."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one name."""

    name: str
    entry: CatalogueEntry | None
    similar: tuple[str, ...]
    """Patterns of the catalogue that may have been meant, where it does not know the name."""
    policy: Governance | None
    """None where no policy was asked."""


@click.command(
    epilog="""\b
What is this cookie, and who sets it?
  consentgate lookup _ga_X1 PHPSESSID
Does our policy see it as others do?
  consentgate lookup --policy consent.toml _ga_X1
"""
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--policy", metavar="FILE", help="Say too which rule of this policy governs it.")
@click.option("--json", "as_json", is_flag=True, help="The same facts for machines.")
@click.pass_context
def lookup(
    ctx: click.Context, names: tuple[str, ...], *, policy: str | None, as_json: bool
) -> None:
    """Say what the catalogue of known cookies has on each NAME.

    A NAME is a cookie's name; what follows a '=' is left out. Categories are guesses to review,
    and lifetimes are what the source claims. The exit code is 1 if the catalogue does not know
    every name, and 2 if the policy cannot be used.
    """
    rules = None if policy is None else _policy(policy)
    answers = [_answer(_without_value(name), rules) for name in names]
    _echo(_as_json(answers) if as_json else "\n\n".join(map(_as_text, answers)))
    ctx.exit(0 if all(answer.entry for answer in answers) else 1)


def _policy(path: str) -> Policy:
    try:
        return Policy.from_file(path)
    except PolicyError as error:
        raise Unusable(str(error)) from None


def _without_value(name: str) -> str:
    return name.partition("=")[0].strip(" \t")


def _answer(name: str, policy: Policy | None) -> Answer:
    entry = find(name)
    return Answer(
        name,
        entry,
        similar=() if entry else _similar(name),
        policy=None if policy is None else _governance(name, policy, entry),
    )


def _similar(name: str) -> tuple[str, ...]:
    by_text = {_WILDCARD.sub("", entry.pattern).lower(): entry.pattern for entry in entries()}
    text = name[:_LONGEST_NAME_TO_COMPARE].lower()
    return tuple(by_text[close] for close in difflib.get_close_matches(text, by_text))


def _governance(name: str, policy: Policy, entry: CatalogueEntry | None) -> Governance:
    rule = policy.rule_for(name)
    return Governance(
        rule=rule.name if rule else None,
        category=rule.category if rule else None,
        agrees=rule.category == entry.category if rule and entry else None,
        unregistered=policy.unregistered,
    )


def _as_json(answers: Sequence[Answer]) -> str:
    return json.dumps([asdict(answer) for answer in answers], indent=2, default=sorted)


def _as_text(answer: Answer) -> str:
    rows = [_row(label, text) for label, text in _rows(answer)]
    return "\n".join([_heading(answer.name), *rows])


def _heading(name: str) -> str:
    shown = printable(name[:_LONGEST_NAME_SHOWN]) + "..." * (len(name) > _LONGEST_NAME_SHOWN)
    return textwrap.fill(shown, _WIDTH, break_on_hyphens=False) or "(no name)"


def _row(label: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=f"  {label:<14}",
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )


def _rows(answer: Answer) -> Iterator[tuple[str, str]]:
    if answer.entry is None:
        yield "catalogue", _not_known(answer.similar)
    else:
        yield from _entry_in_words(answer.entry)
    if answer.policy is not None:
        yield "policy", _policy_in_words(answer.policy, answer.entry)


def _not_known(similar: Sequence[str]) -> str:
    hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
    return f"does not know this name{hint}"


def _entry_in_words(entry: CatalogueEntry) -> Iterator[tuple[str, str]]:
    claim = "claimed by the source" if entry.is_confirmed else "unconfirmed: no source claims it"
    yield "pattern", entry.pattern
    yield "vendor", entry.vendor
    yield "category", f"{entry.category} (a guess to review)"
    yield "purpose", entry.purpose
    yield "set by", " or ".join(sorted(entry.set_by))
    yield "lifetime", f"{entry.lifetime} ({claim})"
    yield "source", entry.source


def _policy_in_words(governance: Governance, entry: CatalogueEntry | None) -> str:
    if governance.rule is None:
        return f"no rule governs it (unregistered: {governance.unregistered})"
    words = f"{governance.rule} governs it: {governance.category}"
    if entry is None:
        return words
    if governance.agrees:
        return f"{words}, as the catalogue has it"
    return f"{words}, but the catalogue has {entry.category}; review which of the two is right"


def _echo(text: str) -> None:
    """Print ``text``; a source may have an accent that the terminal's encoding has not."""
    encoding = sys.stdout.encoding
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
