"""Why a page could not be opened, in words: Chromium gives names such as ``net::ERR_FAILED``."""

from __future__ import annotations

import re
from typing import Final

from consentgate.audit.domains import without_addresses

__all__ = ["in_words"]

_NAME: Final = re.compile(r"net::ERR_(\w+)")
_LONGEST: Final = 300
_WORDS: Final = {
    "NAME_NOT_RESOLVED": "there is no such host",
    "CONNECTION_REFUSED": "nothing listens at this address",
    "CONNECTION_RESET": "the server ended the connection",
    "CONNECTION_CLOSED": "the server ended the connection",
    "EMPTY_RESPONSE": "the server ended the connection without an answer",
    "CONNECTION_TIMED_OUT": "the server did not answer in time",
    "TIMED_OUT": "the server did not answer in time",
    "INTERNET_DISCONNECTED": "this machine has no network",
    "ADDRESS_UNREACHABLE": "there is no way to this address",
    "NETWORK_CHANGED": "this machine's network changed meanwhile",
    "TOO_MANY_REDIRECTS": "the server redirects without end",
    "INVALID_AUTH_CREDENTIALS": "the server wants a name and a password",
    "SSL_PROTOCOL_ERROR": "the server does not speak TLS as it should",
    "UNSAFE_PORT": "browsers refuse to open this port",
    "ABORTED": "it is a download, or the page was left",
    "BLOCKED_BY_RESPONSE": "the server forbids to show it",
}
_DOWNLOAD: Final = "Download is starting"
"""What Playwright calls it, which gives no name of Chromium then."""
_CERTIFICATE: Final = "its certificate is not trusted; --insecure believes any"


def in_words(message: str) -> str:
    """Return the first line of Playwright's ``message`` in words, no address told in full."""
    if _DOWNLOAD in message:
        return _WORDS["ABORTED"]
    line = without_addresses(message.removeprefix("Page.goto: ").partition(" at http")[0])
    found = _NAME.search(line)
    if found is None:
        return line[:_LONGEST]
    name = found[1]
    words = _CERTIFICATE if name.startswith("CERT_") else _WORDS.get(name)
    return f"{words} ({found[0]})" if words else found[0]
