"""Of endlessly many cookie names, as few as stand for all of them before some patterns."""

from __future__ import annotations

import re
from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["TooManyKinds", "representative_names"]

# Neither is in a pattern, which is visible ASCII.
_ANY_OTHER: Final = "\0"
_END: Final = "\n"
_STARS: Final = re.compile(r"\*+")
_MOST_STEPS: Final = 1_000_000  # of one position each


class TooManyKinds(Exception):
    """The patterns overlap in more ways than can be listed."""


def representative_names(
    patterns: Iterable[str], *, most_steps: int = _MOST_STEPS
) -> Iterator[str]:
    """Yield a shortest name for each set of ``patterns`` that some name, and no other, matches.

    Whatever a policy of such patterns does to any cookie, it does to one of these: which rule
    governs a name depends on the patterns that match it alone (R8). NUL stands for a character
    that is in none of them. A set may have more than one name. Raises `TooManyKinds` where the
    search would take more than ``most_steps``.
    """
    walk = _Walk(patterns)
    seen = set[frozenset[int]]()
    waiting = deque([("", walk.start)])
    while waiting:
        name, positions = waiting.popleft()
        for character in walk.choices(positions):
            most_steps -= len(positions)
            if most_steps < 0:
                raise TooManyKinds
            after = walk.after(positions, character)
            if after in seen:
                continue
            seen.add(after)
            waiting.append((name + character, after))
            if walk.is_a_match(after):
                yield name + character


class _Walk:
    """All patterns at once, read as one machine: its state is the positions reached so far."""

    def __init__(self, patterns: Iterable[str]) -> None:
        # In "a**b" the second star adds nothing; without it a star is never followed by another.
        whole = [_STARS.sub("*", pattern) + _END for pattern in dict.fromkeys(patterns)]
        self._text = "".join(whole)
        starts = [0, *accumulate(map(len, whole))][:-1]
        self.start = self._with_empty_stars(starts)

    def choices(self, positions: frozenset[int]) -> list[str]:
        """Return the characters that make a difference from here, in a lasting order."""
        return [*sorted({self._text[each] for each in positions} - {"*", "?", _END}), _ANY_OTHER]

    def after(self, positions: frozenset[int], character: str) -> frozenset[int]:
        """Return where one more character leads."""
        here = ((each, self._text[each]) for each in positions)
        return self._with_empty_stars(
            each if symbol == "*" else each + 1
            for each, symbol in here
            if symbol in ("*", "?", character)
        )

    def is_a_match(self, positions: frozenset[int]) -> bool:
        """Return whether a pattern ends here."""
        return any(self._text[each] == _END for each in positions)

    def _with_empty_stars(self, positions: Iterable[int]) -> frozenset[int]:
        reached = set(positions)
        return frozenset(reached.union(each + 1 for each in reached if self._text[each] == "*"))
