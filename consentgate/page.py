"""What the glue knows of the visitor's pages: a request, its answer, and who gives it.

None of it does I/O: the glue of a protocol reads the request and writes the answer, and the same
pages serve every protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from consentgate.consent import Consent
    from consentgate.gate import Gate
    from consentgate.visit import Request, Visit

    Header = tuple[str, str]

MAX_BODY: Final = 16_384
"""Octets of a request's body; no form of ours is near it."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request as the pages see it."""

    visit: Visit
    method: str
    path: str
    """The path below the place where the application is mounted, percent-decoded."""
    query: str
    """The query string as it was sent, without ``?``."""
    body: bytes | None = b""
    """None where there is no telling what it is: too long, or broken off."""

    _carrier: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep what the request is read from, which the visit lets go of with the response."""
        object.__setattr__(self, "_carrier", self.visit.carrier)

    @property
    def consent(self) -> Consent:
        """The visitor's consent."""
        self.visit.carrier = self._carrier
        return self.visit.consent

    @property
    def request(self) -> Request:
        """The request itself."""
        self.visit.carrier = self._carrier
        return self.visit.request

    def header(self, name: str) -> str:
        """Return the request header called ``name``, or an empty text."""
        return self.request.header(name)


class PageResponse(NamedTuple):
    """The answer to a `PageRequest`."""

    status: int
    headers: Sequence[Header]
    body: bytes = b""


class Pages(Protocol):
    """Who answers for the gate itself, such as `consentgate.pages.ConsentPages`."""

    @property
    def gate(self) -> Gate:
        """The gate whose visitors they serve."""
        ...

    @property
    def paths(self) -> Collection[str]:
        """The paths they answer, below the place where the application is mounted."""
        ...

    def blocking(self, request: PageRequest) -> bool:
        """Whether to answer may take long, so that an event loop must not wait for it."""
        ...

    def answer(self, request: PageRequest) -> PageResponse:
        """Return the answer to a request for one of `paths`."""
        ...

    def unavailable(self, request: PageRequest) -> PageResponse:
        """Return the answer to any request whose decision cannot be kept just now."""
        ...


def refusal(request: PageRequest, pages: Pages | None) -> PageResponse:
    """Return the answer to a visitor whose decision cannot be kept just now."""
    if pages is not None:
        return pages.unavailable(request)
    headers = [("Cache-Control", "no-store"), ("Content-Type", "text/plain; charset=utf-8")]
    text = b"Your choice could not be saved. Please try again later.\n"
    length = ("Content-Length", str(len(text)))
    body = b"" if request.method == "HEAD" else text
    return PageResponse(HTTPStatus.SERVICE_UNAVAILABLE, [*headers, length], body)


def mounted_at(root: str) -> str:
    """Return where the application is mounted as an address begins with it, or an empty text.

    ``root`` is SCRIPT_NAME or ``root_path``. Proxies write it with a slash at its end, too; and two
    at its beginning would make a host of it (RFC 3986 4.2).
    """
    name = root.strip("/")
    return f"/{name}" if name else ""


def check_pages(pages: Pages | None, gate: Gate) -> None:
    """Raise `ConfigurationError` where ``pages`` would ask another gate than ``gate``."""
    if pages is not None and pages.gate is not gate:
        raise ConfigurationError("these pages belong to another gate; make them of this one")
