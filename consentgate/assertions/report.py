"""The report of a `Tally`, as lines of text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consentgate.assertions.tally import guess
from consentgate.assertions.words import life
from consentgate.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consentgate.assertions.tally import CookieCount, Tally

__all__ = ["report_lines"]


def report_lines(tally: Tally) -> Iterator[str]:
    """Yield the report, safe for any terminal."""
    if not tally.gates_seen:
        yield "No gate saw a request in this run; is the middleware in the application?"
    for category, counts in tally.by_category().items():
        yield "unregistered: no rule has their name" if category is None else category
        for count in counts:
            yield from _indented(_count_lines(count))
    if tally.left_out:
        yield f"  and {tally.left_out} lines with more names"
    never_set = tally.never_set()
    if never_set:
        yield "declared, and set in no test (a script of the browser may set them)"
        yield from _indented(f"{printable(name)} ({category})" for category, name in never_set)
    if tally.lost:
        yield f"The counts of {tally.lost} crashed worker(s) are missing."


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _count_lines(count: CookieCount) -> Iterator[str]:
    name = printable(count.name) or "(without a name)"
    yield f"{name}: {_occasions(count)}"
    for told, number in sorted(count.verdicts.items()):
        yield f"  {told} ({number}x)"
    if count.is_set:
        yield f"  longest life asked for: {life(count.longest)}"
    if count.category is None:
        yield f"  {_guess_in_words(count.name)}"
    for test in count.tests:
        yield f"  set by {printable(test)}"


def _occasions(count: CookieCount) -> str:
    occasions = (("stored", count.stored), ("deleted", count.deleted))
    told = [f"{word} {number}x" for word, number in occasions if number]
    return ", ".join(told) or "never stored"


def _guess_in_words(name: str) -> str:
    guessed = guess(name)
    if guessed is None:
        return "not in the catalogue of known cookies"
    return f"the catalogue takes it for {guessed['vendor']}, {guessed['category']}: review that"
