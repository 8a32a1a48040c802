"""Every cookie that the gates of a whole test run saw, counted.

A `Tally` looks on while tests run; those of several processes are added up. Names, numbers, lives
and tests are kept, and never a cookie's value.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from consentgate.assertions.judging import Examiner, is_deletion
from consentgate.catalogue import find
from consentgate.observation import Observer
from consentgate.set_cookie import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consentgate.gate import Gate
    from consentgate.known_cookie import Verdict
    from consentgate.observation import ObservedLine
    from consentgate.policy import Policy

__all__ = ["CookieCount", "Tally"]

_MOST_TESTS: Final = 3
_MOST_UNREGISTERED: Final = 1000
_LONGEST_NAME: Final = 128


@dataclass(slots=True)
class CookieCount:
    """What became of the cookies of one rule, or of one name without a rule."""

    name: str
    """The rule's name or pattern; the cookie's own name where it has no rule."""
    category: str | None
    """None where it has no rule."""
    stored: int = 0
    """How often it was set and left, shortened or reworded maybe."""
    deleted: int = 0
    """How often a response deleted it."""
    verdicts: Counter[str] = field(default_factory=Counter[str])
    """How often the gate did something else than let it pass: ``strip: undecided``."""
    longest: int | None = None
    """The longest life in seconds that was asked for; None where only sessions were."""
    tests: list[str] = field(default_factory=list[str])
    """The first tests that set it, by their node ids."""

    @property
    def is_set(self) -> bool:
        """Whether anything tried to set it, and did not only delete it."""
        return bool(self.stored or self.verdicts)

    def add(self, other: CookieCount) -> None:
        """Add what was counted elsewhere."""
        self.stored += other.stored
        self.deleted += other.deleted
        self.verdicts += other.verdicts
        self.lives(other.longest)
        for test in other.tests:
            self.set_by(test)

    def lives(self, seconds: int | None) -> None:
        """Note a life in seconds that was asked for; None for the browser's session."""
        if seconds is not None:
            self.longest = max(self.longest or 0, seconds)

    def set_by(self, test: str) -> None:
        """Note a test, if it is one of the first."""
        if test and test not in self.tests and len(self.tests) < _MOST_TESTS:
            self.tests.append(test)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        document: dict[str, Any] = {
            "name": self.name,
            "stored": self.stored,
            "deleted": self.deleted,
            "verdicts": dict(sorted(self.verdicts.items())),
            "longest_seconds": self.longest,
            "tests": self.tests,
        }
        if self.category is None:
            document["guess"] = guess(self.name)
        return document


def guess(name: str) -> dict[str, str] | None:
    """Return what the catalogue takes a cookie for, to be reviewed; None where it has none."""
    entry = find(name)
    return None if entry is None else {"category": entry.category, "vendor": entry.vendor}


class Tally(Observer):
    """Count what gates do, of any number of sites; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str | None, str], CookieCount] = {}
        self._declared: dict[tuple[str, str], None] = {}
        self._policy: Policy | None = None
        self._unregistered = 0
        self.gates_seen = False
        """Whether any gate saw a request."""
        self.left_out = 0
        """Lines without a rule whose names were too many to be told apart."""
        self.lost = 0
        """Processes whose counts are missing, for they ended too early."""
        self.test = ""
        """The node id of the test that runs; empty for none."""

    def visit(self, gate: Gate) -> None:
        """Note what ``gate`` declares."""
        if isinstance(gate, Examiner) or gate.policy is self._policy:
            return
        with self._lock:
            self._policy = gate.policy
            self.gates_seen = True
            self._declared.update(
                {(rule.category, rule.name): None for rule in gate.policy.cookies}
            )

    def line(self, seen: ObservedLine) -> None:
        """Count a Set-Cookie line."""
        if not isinstance(seen.gate, Examiner):
            with self._lock:
                self._count(seen)

    def _count(self, seen: ObservedLine) -> None:
        rule = seen.gate.policy.rule_for(seen.name)
        name, category = (rule.name, rule.category) if rule else (seen.name[:_LONGEST_NAME], None)
        count = self._count_of(category, name)
        if count is None:
            self.left_out += 1
            return
        cookie, now = read(seen.line), seen.gate.clock()
        if is_deletion(cookie, now):
            count.deleted += 1
            return
        count.lives(cookie.attributes.lifetime(int(now)))
        count.set_by(self.test)
        count.stored += seen.sent is not None
        if seen.verdict is not None:
            count.verdicts[_told(seen.verdict)] += 1

    def _count_of(self, category: str | None, name: str) -> CookieCount | None:
        """Return the count of a cookie; None for one name too many."""
        count = self._counts.get((category, name))
        if count is None:
            if category is None:
                if self._unregistered >= _MOST_UNREGISTERED:
                    return None
                self._unregistered += 1
            count = self._counts[category, name] = CookieCount(name, category)
        return count

    def by_category(self) -> dict[str | None, list[CookieCount]]:
        """Return what was set, sorted; what has no rule is under None, and comes last."""
        categories: dict[str | None, list[CookieCount]] = {}
        ordered = sorted(self._counts.values(), key=_category_and_name)
        for count in ordered:
            categories.setdefault(count.category, []).append(count)
        return categories

    def never_set(self) -> list[tuple[str, str]]:
        """Return category and name of each rule of the sites' own that no test set a cookie of."""
        is_set = {key for key, count in self._counts.items() if count.is_set}
        return sorted(key for key in self._declared if key not in is_set)

    def as_json(self) -> dict[str, Any]:
        """Return the whole of it as JSON has it."""
        categories = self.by_category()
        return {
            "gates_seen": self.gates_seen,
            "categories": {
                category: [count.as_json() for count in counts]
                for category, counts in categories.items()
                if category is not None
            },
            "unregistered": [count.as_json() for count in categories.get(None, ())],
            "unregistered_left_out": self.left_out,
            "never_set": [
                {"category": category, "name": name} for category, name in self.never_set()
            ],
            "lost_processes": self.lost,
        }

    def dump(self) -> dict[str, Any]:
        """Return it as plain values for another process, which `merge` adds up."""
        return {
            "gates_seen": self.gates_seen,
            "left_out": self.left_out,
            "declared": [list(key) for key in self._declared],
            "counts": [[count.category, count.as_json()] for count in self._counts.values()],
        }

    def merge(self, dumped: Mapping[str, Any]) -> None:
        """Add what another process has dumped."""
        self.gates_seen = self.gates_seen or dumped["gates_seen"]
        self.left_out += dumped["left_out"]
        for category, name in dumped["declared"]:
            self._declared[category, name] = None
        for category, document in dumped["counts"]:
            count = self._count_of(category, document["name"])
            if count is None:
                self.left_out += 1
            else:
                count.add(_count_from(category, document))


def _count_from(category: str | None, document: Mapping[str, Any]) -> CookieCount:
    return CookieCount(
        document["name"],
        category,
        document["stored"],
        document["deleted"],
        Counter(document["verdicts"]),
        document["longest_seconds"],
        document["tests"],
    )


def _told(verdict: Verdict) -> str:
    told = f"{verdict.action}: {verdict.reason}"
    return told if verdict.enforced else f"{told} (only reported)"


def _category_and_name(count: CookieCount) -> tuple[bool, str, str]:
    return count.category is None, count.category or "", count.name
