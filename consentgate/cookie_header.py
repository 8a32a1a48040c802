"""One Cookie header: its pairs in order, and the same header without some of them.

RFC 6265bis 5.8.3: a browser joins its pairs with ``"; "``. A name ends at the first ``=`` and
blanks around it do not count; a piece without ``=`` is the value of a nameless cookie, which
some frameworks take for a name, so here it counts as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLANKS = " \t"


def pairs(header: str) -> Iterator[tuple[str, str]]:
    """Yield each name and value of ``header``, in order, repeated names included."""
    for piece in header.split(";"):
        name, _, value = piece.partition("=")
        yield name.strip(BLANKS), value.strip(BLANKS)


def values(header: str, name: str) -> list[str]:
    """Return every value that ``header`` has for ``name``, in order."""
    found: list[str] = []
    at = header.find(name)
    while at >= 0:
        end = header.find(";", at)
        piece = header[header.rfind(";", 0, at) + 1 : end if end >= 0 else None]
        candidate, _, value = piece.partition("=")
        if candidate.strip(BLANKS) == name:
            found.append(value.strip(BLANKS))
        at = header.find(name, end) if end >= 0 else -1
    return found


def without(header: str, hidden: Callable[[str], bool]) -> str:
    """Return ``header`` without the pieces that are ``hidden``.

    What stays, stays byte for byte; where all stays, ``header`` itself is returned.
    """
    pieces = header.split(";")
    kept = [piece for piece in pieces if not hidden(piece)]
    if len(kept) == len(pieces):
        return header
    if kept and kept[0] is not pieces[0]:
        kept[0] = kept[0].lstrip(BLANKS)
    return ";".join(kept)
