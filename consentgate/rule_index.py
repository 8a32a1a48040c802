"""From a cookie's name to its rule, in a time that does not grow with the number of rules."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from consentgate.exceptions import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Named(Protocol):
    """Whatever has a cookie name or a pattern of names."""

    @property
    def name(self) -> str:
        """An exact name, ``prefix*``, or a glob of ``*`` and ``?``."""
        ...


N = TypeVar("N", bound=Named)

_WILDCARD = re.compile(r"[*?]")


class RuleIndex(Generic[N]):
    """Rules by the shape of their names: exact beats the longest prefix beats a glob (R8).

    Each pattern has a fixed head and a fixed tail (``_pk_*.ab`` has ``_pk_`` and ``.ab``, either
    may be empty). For each pair of lengths that occurs there is one dictionary, so a lookup costs
    as many reads as there are pairs of lengths, however many patterns share one. Only patterns
    that share head and tail, and so differ in the middle alone, are tried one after the other,
    the one with the most fixed characters first.
    """

    def __init__(self, rules: Iterable[N]) -> None:
        self._exact: dict[str, N] = {}
        shapes: dict[tuple[bool, int, int], dict[tuple[str, str], list[N]]] = defaultdict(dict)
        for position, rule in enumerate(rules):
            if not _add(rule, self._exact, shapes):
                raise PolicyError(
                    f"{rule.name!r} has a rule already; keep one of the two",
                    key=f"cookies[{position}].name",
                )
        self._shapes = [
            (
                head,
                tail,
                {key: _compiled(same) for key, same in of.items()},
            )
            for (_, head, tail), of in sorted(shapes.items(), key=_most_specific_first)
        ]

    def find(self, name: str) -> N | None:
        """Return the rule for the cookie called ``name``, or None."""
        exact = self._exact.get(name)
        if exact is not None:
            return exact
        for head, tail, patterns in self._shapes:
            key = name[:head], name[len(name) - tail :] if tail else ""
            for pattern, rule in patterns.get(key, ()):
                if pattern.fullmatch(name):
                    return rule
        return None


def _add(
    rule: N,
    exact: dict[str, N],
    shapes: dict[tuple[bool, int, int], dict[tuple[str, str], list[N]]],
) -> bool:
    """Sort ``rule`` in; return false if its name has a rule already."""
    name = rule.name
    if not _WILDCARD.search(name):
        return exact.setdefault(name, rule) is rule
    head, tail = _head_and_tail(name)
    is_prefix = name == f"{head}*" and head != ""
    same = shapes[is_prefix, len(head), len(tail)].setdefault((head, tail), [])
    same.append(rule)
    return all(other is rule or other.name != name for other in same)


def _head_and_tail(pattern: str) -> tuple[str, str]:
    pieces = _WILDCARD.split(pattern)
    return pieces[0], pieces[-1]


def _most_specific_first(item: tuple[tuple[bool, int, int], object]) -> tuple[bool, int, int]:
    (is_prefix, head, tail), _ = item
    return not is_prefix, -(head + tail), -head


def _compiled(same: list[N]) -> list[tuple[re.Pattern[str], N]]:
    longest_first = sorted(same, key=lambda rule: -len(_WILDCARD.sub("", rule.name)))
    return [(_compile(rule.name), rule) for rule in longest_first]


def _compile(pattern: str) -> re.Pattern[str]:
    # A bracket is a character of the name (`cart[items]`), not a set of characters.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
