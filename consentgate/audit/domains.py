"""Hosts, sites and addresses: whose they are, and how much of them is told."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from tldextract import TLDExtract

__all__ = [
    "domain_matches",
    "host_of",
    "registrable_domain",
    "shown_url",
    "without_addresses",
    "without_query",
]

_LONGEST_URL: Final = 300
_ADDRESS: Final = re.compile(r"""\b(?:https?|wss?)://[^\s"'<>]+""")

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
    if parts.scheme not in {"http", "https", "ws", "wss"}:
        return f"{parts.scheme}:"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))[:_LONGEST_URL]


def shown_url(url: str) -> str:
    """Return ``url`` as it is shown: ``?...`` stands for a query; user and fragment are left out.

    All of them may be about the visitor, or let one in.
    """
    _, has_query, _ = url.partition("#")[0].partition("?")
    return without_query(url) + ("?..." if has_query else "")


def without_addresses(text: str) -> str:
    """Return ``text``, such as an error, with the addresses in it as they are shown."""
    return _ADDRESS.sub(lambda found: shown_url(found[0]), text)


def domain_matches(host: str, domain: str) -> bool:
    """Whether a cookie of ``domain`` can have come from ``host`` (RFC 6265bis 5.1.3)."""
    wanted = domain.lower().removeprefix(".")
    return f".{host.lower()}".endswith(f".{wanted}")
