"""Whether an Origin header names the host that a request was sent to (RFC 6454)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def is_of_host(origin: str, host: str) -> bool:
    """Return whether a page of ``origin`` is one of ``host``, the value of the Host header.

    Proxies may write the port that a browser leaves out. Nothing is of a host that is not named.
    """
    scheme, name = _parts(origin)
    port = _DEFAULT_PORTS.get(scheme, "")
    return name != "" and name.removesuffix(port) == host.lower().removesuffix(port)


def _parts(origin: str) -> tuple[str, str]:
    try:
        parts = urlsplit(origin)
    except ValueError:  # brackets without an address in them
        return "", ""
    return parts.scheme, parts.netloc.lower()
