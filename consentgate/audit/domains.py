"""Hosts, sites and addresses: whose they are, and how much of them is told."""

from __future__ import annotations

from functools import cache
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from tldextract import TLDExtract

__all__ = ["domain_matches", "host_of", "registrable_domain", "without_query"]

_LONGEST_URL: Final = 300

# The list that comes with the package, private suffixes included, as browsers have it; the
# network is not asked for a newer one.
_extract: Final = TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


@cache
def registrable_domain(host: str) -> str:
    """Return the registrable domain of ``host``, or the host itself where it has none.

    Of a suffix that the list does not know the last label counts, as the list's own rule has it
    (publicsuffix.org, "If no rules match, the prevailing rule is '*'").
    """
    host = host.lower().strip("[].")
    found = _extract(host)
    if found.top_domain_under_public_suffix:
        return found.top_domain_under_public_suffix
    if found.suffix or found.ipv4 or ":" in host:
        return host
    return ".".join(host.split(".")[-2:])


def host_of(url: str) -> str:
    """Return the host of ``url`` in lower case; empty where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def without_query(url: str) -> str:
    """Return ``url`` without user, query and fragment, which may be about the visitor."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}:"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))[:_LONGEST_URL]


def domain_matches(host: str, domain: str) -> bool:
    """Whether a cookie of ``domain`` can have come from ``host`` (RFC 6265bis 5.1.3)."""
    wanted = domain.lower().removeprefix(".")
    return f".{host.lower()}".endswith(f".{wanted}")
