"""A bounded mapping for what is costly to work out and cheap to work out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K", bound="str | bytes")
V = TypeVar("V")


class Memo(dict[K, V]):
    """What ``make`` returned for the most recent keys: ``memo[key]`` makes what it does not hold.

    Entries fill a young generation; when that has ``size`` entries it becomes the old one and the
    old one is dropped, so there are never more than twice ``size``. A hit is a plain dictionary
    read. Keys longer than ``longest`` and the answer None are not kept: nobody can fill the memory
    with names or tokens of their own making. A race between threads can lose an entry, no more.
    """

    __slots__ = ("_longest", "_make", "_old", "_size")

    def __init__(self, make: Callable[[K], V], *, size: int, longest: int) -> None:
        self._make: Callable[[K], V] = make
        self._size = size
        self._longest = longest
        self._old: dict[K, V] = {}

    def __missing__(self, key: K) -> V:
        value = self._old.get(key)
        if value is None:
            value = self._make(key)
        if value is not None and len(key) <= self._longest:
            if len(self) >= self._size:
                self._old = dict(self)
                self.clear()
            self[key] = value
        return value
