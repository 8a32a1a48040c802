"""Text from elsewhere, so that no terminal obeys it and no line of a file ends early."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return ``text`` in ASCII, with all that does not print written as Python writes it."""
    return text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\")
