"""Whether a POST comes from a page of this very site.

Browsers say where a request comes from by Sec-Fetch-Site (Fetch Metadata), which a page cannot
change, or where a connection is not to be trusted by Origin (RFC 6454, Fetch standard) alone. What
sends neither is no browser of the last years, and has no cookies of a visitor to abuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

    from consentgate.page import PageRequest


def is_cross_site(request: PageRequest, trusted_origins: Collection[str]) -> bool:
    """Return whether another site's page, or a sibling host's, sends ``request``.

    ``trusted_origins`` are other origins, such as ``https://www.example.org``, that may send it.
    """
    origin = request.header("origin")
    if origin and origin in trusted_origins:
        return False
    site = request.header("sec-fetch-site")
    if site:
        return site not in ("same-origin", "none")
    return origin != "" and _host(origin) != request.header("host").lower()


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # brackets without an address in them
        return ""
