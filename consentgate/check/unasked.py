"""What an application could have been asked for, and was not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Collection

    Request = tuple[str, str]

_METHODS: Final = re.compile(r"([A-Z]+(?:,[A-Z]+)*) (?=\S)")
_PLACEHOLDER: Final = re.compile(r"<[^<>]*>|\{[^{}]*\}")


class Unasked(NamedTuple):
    """What is known of an application and is no part of a check."""

    routes: tuple[str, ...] = ()
    """Patterns that no path could be made up for, or, with its methods before, no GET reaches:
    ``/page/<odd>``, ``POST /login``."""
    left_alone: tuple[str, ...] = ()
    """Paths that may end the visit, or take something away, such as ``/logout``."""
    left_out: int = 0
    """How many paths there were more than were wanted."""

    @property
    def for_scenarios(self) -> tuple[str, ...]:
        """The routes that no GET reaches."""
        return tuple(route for route in self.routes if _METHODS.match(route))

    @property
    def for_paths(self) -> tuple[str, ...]:
        """The routes that a path has to be said for."""
        return tuple(route for route in self.routes if not _METHODS.match(route))

    def without(self, requests: Collection[Request]) -> Unasked:
        """Return this without the routes that were asked for after all, by a scenario.

        ``requests`` are methods with percent-decoded paths.
        """
        asked = {path for method, path in requests if method == "GET"}
        return self._replace(
            routes=tuple(each for each in self.routes if not _is_among(each, requests)),
            left_alone=tuple(each for each in self.left_alone if plain(each) not in asked),
        )


NOTHING_UNASKED: Final = Unasked()


def _is_among(route: str, requests: Collection[Request]) -> bool:
    match = _METHODS.match(route)
    methods = match[1].split(",") if match else ["GET"]
    pattern = route[match.end() :] if match else route
    return any(method in methods and _fits(pattern, path) for method, path in requests)


def _fits(pattern: str, path: str) -> bool:
    """Whether ``path`` begins and ends as ``pattern`` does, and has as many segments."""
    head, *others = _PLACEHOLDER.split(pattern)
    if not others:
        return path == head
    tail = others[-1]
    is_long_enough = len(path) > len(head) + len(tail)
    has_ends = path.startswith(head) and path.endswith(tail)
    return is_long_enough and has_ends and path.count("/") == shape(pattern).count("/")


def plain(path: str) -> str:
    """Return a path percent-decoded and without its query."""
    return unquote(path.partition("?")[0])


def shape(pattern: str) -> str:
    """Return what two frameworks' words for one route have in common: ``/item/{}``."""
    return _PLACEHOLDER.sub("{}", pattern)
