"""What an application answers, in bounds: a response with no more body than anybody reads."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LONGEST_BODY", "LimitError", "response"]

LONGEST_BODY: Final = 1024 * 1024
"""Octets, unpacked or not."""
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""For zlib, by content coding (RFC 9110 8.4.1)."""


class LimitError(Exception):
    """An answer has as much body as is read, or has taken as long as it may."""


def response(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> httpx.Response:
    """Return a response whose body is unpacked already.

    httpx would unpack a MiB to a GiB, and would raise at what is packed otherwise than it says,
    before anybody could look at the headers.
    """
    kept = [each for each in headers if each[0].lower() != b"content-encoding"]
    codings = [value for name, value in headers if name.lower() == b"content-encoding"]
    coding = b",".join(codings).strip().lower().decode("latin-1")
    return httpx.Response(status, headers=kept, content=_unpacked(body, coding))


def _unpacked(body: bytes, coding: str) -> bytes:
    """Return the first 1 MiB of what was packed; ``body`` itself where it cannot be unpacked."""
    try:
        return zlib.decompressobj(_WINDOW_BITS[coding]).decompress(body, LONGEST_BODY)
    except (KeyError, zlib.error):
        return body
