"""From name to rule: exact beats the longest prefix beats a glob, at one price (R8)."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate import PolicyError
from consentgate.rule_index import RuleIndex

if TYPE_CHECKING:
    from types import FrameType

WILDCARDS = "*?"


@dataclass(frozen=True)
class Rule:
    """The least that has a name."""

    name: str


def index(*names: str) -> RuleIndex[Rule]:
    """Return the index of rules with these names."""
    return RuleIndex(map(Rule, names))


def found(rules: RuleIndex[Rule], name: str) -> str | None:
    """Return the name of the rule for the cookie called ``name``."""
    rule = rules.find(name)
    return rule and rule.name


# The reference: every rule is tried, one after the other.


def matches(pattern: str, name: str) -> bool:
    """Whether ``name`` is of ``pattern``, worked out character by character."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return matches(pattern[1:], name) or (name != "" and matches(pattern, name[1:]))
    return name != "" and pattern[0] in ("?", name[0]) and matches(pattern[1:], name[1:])


def is_exact(pattern: str) -> bool:
    """Whether ``pattern`` is one name."""
    return not any(wildcard in pattern for wildcard in WILDCARDS)


def is_prefix(pattern: str) -> bool:
    """Whether ``pattern`` is the beginning of names."""
    return len(pattern) > 1 and pattern.endswith("*") and is_exact(pattern[:-1])


def fixed(pattern: str) -> tuple[int, int, int]:
    """Return the lengths of what is fixed in a glob: both ends, the beginning, and all of it."""
    plain = pattern.replace("*", "?")
    head, tail = plain.partition("?")[0], plain.rpartition("?")[2]
    return len(head) + len(tail), len(head), len(plain.replace("?", ""))


def rank(pattern: str) -> tuple[int, ...]:
    """Return the place of ``pattern`` among those that match; the least comes first."""
    if is_exact(pattern):
        return (0,)
    if is_prefix(pattern):
        return 1, -len(pattern)
    return 2, *(-length for length in fixed(pattern))


def reference(patterns: list[str], name: str) -> str | None:
    """Return the pattern that R8 chooses."""
    fitting = [
        pattern
        for pattern in patterns
        if (pattern == name if is_exact(pattern) else matches(pattern, name))
    ]
    return min(fitting, key=rank, default=None)


patterns = st.lists(st.text("ab[*?", min_size=1, max_size=6), unique=True, max_size=12)


@given(patterns, st.text("ab[]!*?\n", max_size=8))
def test_R8_same_as_trying_every_rule(names: list[str], name: str) -> None:
    """Whatever the rules, the index finds what the reference finds."""
    assert found(index(*names), name) == reference(names, name)


@given(patterns, st.data())
def test_every_rule_finds_some_name(names: list[str], data: st.DataObject) -> None:
    """A name made from a rule has a rule: that one, or one that R8 prefers."""
    if names:
        pattern = data.draw(st.sampled_from(names))
        name = pattern.replace("*", data.draw(st.text("ab", max_size=3))).replace("?", "b")

        assert found(index(*names), name) == reference(names, name) is not None


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("_ga", "_ga"),
        ("_ga_X1", "_ga_*"),
        ("_gat", "_ga*"),
        ("_gid", "_g?d"),
        ("_pk_id.1.ab", "_pk_*.ab"),
        ("x_session_y", "*_session_*"),
        ("other", "*"),
        ("", "*"),
    ],
)
def test_R8_the_order(name: str, rule: str) -> None:
    """Exact, longest prefix, then the globs with the most fixed ends, then the most fixed."""
    # From the least to the most preferred: the order of the rules does not matter here.
    rules = index("*", "*_session_*", "_g?d", "_pk_*.ab", "_ga*", "_ga_*", "_ga")

    assert found(rules, name) == rule


def test_R8_a_prefix_beats_a_glob_that_says_more() -> None:
    """R8 knows three kinds, whatever their length."""
    assert found(index("a*", "a*bcdef"), "a_bcdef") == "a*"


def test_R8_both_ends_count_together() -> None:
    """A glob with two fixed characters at its end beats one with one at its beginning."""
    assert found(index("a?*", "*bc"), "abc") == "*bc"
    assert found(index("a*?c", "?*bc"), "abbc") == "a*?c"


def test_R8_of_globs_alike_the_first() -> None:
    """Where nothing else decides, the order of the policy does."""
    assert found(index("a*?", "a?*"), "abc") == "a*?"
    assert found(index("a?*", "a*?"), "abc") == "a?*"


@pytest.mark.parametrize(
    ("rule", "name", "is_its"),
    [
        ("cart[items]", "cart[items]", True),
        ("cart[items]*", "cart[items]9", True),
        ("cart[*]", "cart[items]", True),
        ("cart[*]", "carti", False),
        ("c[ab]?", "ca1", False),
        ("c[!a]*", "c[!a]1", True),
        ("c[!a]*", "cb1", False),
        ("a.b*", "axb", False),
        ("a\\*b", "a\\xb", True),
        ("(a|b)*", "(a|b)c", True),
        ("(a|b)*", "ac", False),
        ("a+?", "aab", False),
        ("^a*$", "^ab$", True),
        ("Sess*", "session", False),
        ("a?", "a", False),
        ("a?", "ab", True),
        ("a*", "a", True),
        ("a*b", "a\nb", True),
        ("a*b", "ab\n", False),
        ("a", "a\n", False),
        ("ab*ab", "ab", False),
        ("aba*aba", "ababa", False),
    ],
)
def test_all_but_two_characters_stand_for_themselves(rule: str, name: str, is_its: bool) -> None:
    """Brackets, dots, backslashes and case are part of a name; head and tail do not overlap."""
    assert (found(index(rule), name) == rule) is is_its


@pytest.mark.parametrize("name", ["a", "a*", "*a", "a?b", "*"])
def test_R8_two_rules_for_one_name(name: str) -> None:
    """The second is refused, with its place."""
    with pytest.raises(PolicyError, match="has a rule already; keep one of the two") as caught:
        index("first", name, "third*", name)

    assert caught.value.key == "cookies[3].name"


def test_no_rules() -> None:
    """Nothing finds nothing."""
    assert index().find("a") is None


# What a lookup costs.


@cache
def rules_by_kind(count: int) -> RuleIndex[Rule]:
    """Return ``count`` rules of each kind."""
    numbers = [f"{number:05}" for number in range(count)]
    return index(
        *(f"exact{number}" for number in numbers),
        *(f"prefix{number}*" for number in numbers),
        *(f"glob{number}*z" for number in numbers),
        *(f"g?{number}" for number in numbers),
    )


def calls_during_lookup(rules: RuleIndex[Rule], name: str) -> int:
    """Return how many functions, of Python and of C, a lookup calls: each probe is one."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        rules.find(name)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize(
    "name", ["exact00005", "prefix00005x", "glob00005-z", "gx00005", "glob00005-y", "none", ""]
)
def test_R8_the_work_does_not_grow(name: str) -> None:
    """10 rules of each kind and 10 000 cost the same probes, found or not."""
    few, many = rules_by_kind(10), rules_by_kind(10_000)

    assert calls_during_lookup(few, name) == calls_during_lookup(many, name) < 20


@pytest.mark.parametrize(
    "pattern",
    [
        "*" + 60 * "?" + "a*b",
        "*" + 60 * "b" + "a*b",
        30 * "*b" + "*a*b",
        30 * "?*" + "a*b",
        30 * "*" + "a*b",
    ],
)
@pytest.mark.parametrize(
    "name", [65536 * "b", 65535 * "b" + "a", 32768 * "ba" + "b"], ids=["bbb", "bba", "bab"]
)
def test_a_hostile_name_costs_little(pattern: str, name: str) -> None:
    """64 kB against a glob made to backtrack ends at once; tried naively, it would never."""
    start = time.perf_counter()

    index(pattern).find(name)

    assert time.perf_counter() - start < 2
