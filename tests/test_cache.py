"""The bounded mapping that remembers what is costly to work out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.cache import Memo


class Maker:
    """Makes a value of a key, and remembers for which keys it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, key: str) -> str:
        """Return the value of ``key``."""
        self.asked.append(key)
        return f"value of {key}"


@given(st.integers(1, 5), st.lists(st.sampled_from("abcdefghij"), max_size=60))
def test_right_bounded_and_recent(size: int, keys: list[str]) -> None:
    """Answers are those of the maker, entries stay in bounds, and recent keys are not made anew."""
    make = Maker()
    memo = Memo(make, size=size, longest=1)

    for step, key in enumerate(keys):
        recent = set(list(dict.fromkeys(reversed(keys[:step])))[:size])
        made = len(make.asked)
        assert memo[key] == f"value of {key}"
        assert key not in recent or len(make.asked) == made
        assert len(memo) <= size
        assert len(memo) + len(memo._old) <= 2 * size


def test_what_is_used_stays() -> None:
    """A key that is asked for again and again is made once, however many others come by."""
    make = Maker()
    memo = Memo(make, size=2, longest=10)

    for number in range(10):
        assert memo["used"] == "value of used"
        assert memo[f"other {number}"] == f"value of other {number}"

    assert make.asked.count("used") == 1
    assert memo["other 0"] == "value of other 0"
    assert make.asked.count("other 0") == 2


@pytest.mark.parametrize(("key", "times"), [("12345", 1), ("123456", 2)])
def test_long_keys_are_not_kept(key: str, times: int) -> None:
    """Only keys up to the longest allowed take memory."""
    make = Maker()
    memo = Memo(make, size=2, longest=5)

    assert memo[key] == memo[key] == f"value of {key}"
    assert make.asked == times * [key]


def test_none_is_not_kept() -> None:
    """What could not be made is asked for again; nothing is remembered of it."""
    asked: list[bytes] = []
    memo = Memo(asked.append, size=2, longest=9)

    assert memo[b"bad"] is None
    assert memo[b"bad"] is None
    assert asked == [b"bad", b"bad"]
    assert len(memo) == 0


@pytest.mark.parametrize("value", [0, "", frozenset[str](), False])
def test_empty_values_are_kept(value: object) -> None:
    """A value that is false is a value, in the old generation too."""
    asked: list[str] = []
    memo: Memo[str, object] = Memo(lambda key: (asked.append(key), value)[1], size=1, longest=9)

    assert [memo["key"], memo["other"], memo["key"]] == [value, value, value]
    assert asked == ["key", "other"]


def test_what_the_maker_raises() -> None:
    """An error reaches the caller, and nothing is remembered of it."""
    memo: Memo[str, int] = Memo(int, size=2, longest=9)

    with pytest.raises(ValueError, match="invalid literal"):
        memo["x"]
    assert len(memo) == 0


def test_threads_may_share_it() -> None:
    """Under threads entries may get lost; they are never mixed, and the bound holds."""
    memo = Memo(str.upper, size=8, longest=9)

    def work(stride: int) -> bool:
        keys = [f"key {stride * step % 40}" for step in range(20_000)]
        return all(memo[key] == key.upper() for key in keys)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, [1, 3, 7, 11]))

    # Each thread may stand between its look at the size and the entry it adds.
    assert len(memo) <= 8 + 4
