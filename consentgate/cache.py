"""Bounded mappings for what is costly to work out and cheap to work out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")
T = TypeVar("T", bound="str | bytes")
V = TypeVar("V")


class Recent(dict[K, V | None]):
    """The most recent entries: ``recent[key]`` is None for what it does not hold.

    Entries fill a young generation; when that has ``size`` entries it becomes the old one and the
    old one is dropped, so there are never more than twice ``size``. A hit is a plain dictionary
    read. A race between threads can lose an entry, no more.
    """

    __slots__ = ("_old", "_size")

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._old: dict[K, V | None] = {}

    def __missing__(self, key: K) -> V | None:
        value = self._old.get(key)
        if value is not None:
            self.keep(key, value)
        return value

    def keep(self, key: K, value: V) -> None:
        """Hold an entry, for as long as it is among the recent ones."""
        if len(self) >= self._size:
            self._old = dict(self)
            self.clear()
        self[key] = value


class Memo(Recent[T, V]):
    """What ``make`` returned for the most recent keys: ``memo[key]`` makes what it does not hold.

    Keys longer than ``longest`` and the answer None are not kept: nobody can fill the memory with
    names or tokens of their own making.
    """

    __slots__ = ("_longest", "_make")

    def __init__(self, make: Callable[[T], V], *, size: int, longest: int) -> None:
        super().__init__(size=size)
        self._make: Callable[[T], V] = make
        self._longest = longest

    def __missing__(self, key: T) -> V:
        value = super().__missing__(key)
        if value is None:
            value = self._make(key)
            if value is not None and len(key) <= self._longest:
                self.keep(key, value)
        return value

    if TYPE_CHECKING:

        def __getitem__(self, key: T, /) -> V: ...
