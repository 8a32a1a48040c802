"""URLs that a site says of itself, and the path and query of those that can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from consentgate.client.samples import quoted

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["LONGEST_URL", "path_at", "split", "with_query"]

LONGEST_URL: Final = 2048
"""Characters; a longer one is not asked for."""
_OF_QUERIES: Final = "/%:@!$&'()*+,;=~?[]"


def split(url: str) -> SplitResult | None:
    """Return the parts of a URL; None where it is none, or its port is no number."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return parts


def path_at(host: str, parts: SplitResult | None) -> str | None:
    """Return path and query of a URL of ``host``, or of one without a host."""
    if parts is None or parts.scheme not in {"", "http", "https"}:
        return None
    is_elsewhere = parts.netloc != "" and parts.hostname != host.lower()
    if is_elsewhere or not (parts.path.startswith("/") or parts.netloc):
        return None
    return with_query(parts)


def with_query(parts: SplitResult) -> str | None:
    """Return path and query as they are asked for; None where they are too long."""
    query = f"?{quote(parts.query, safe=_OF_QUERIES)}" if parts.query else ""
    path = quoted(parts.path or "/") + query
    return path if len(path) <= LONGEST_URL else None
