"""The script and the style sheets: static, with a fingerprint in their address."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Final

from consentgate.page import PageResponse

if TYPE_CHECKING:
    from consentgate.page import PageRequest

_MEDIA_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_INDENTATION = re.compile(rb"^[\t ]+", re.MULTILINE)
_FINGERPRINT_LENGTH: Final = 12
_A_YEAR: Final = 365 * 24 * 60 * 60
_AN_HOUR: Final = 60 * 60

ASSETS: Final = ("banner.css", "banner.js", "preferences.css")


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file."""

    name: str
    content: bytes
    fingerprint: str

    @property
    def address(self) -> str:
        """The address that changes when the content does, below the pages' prefix."""
        return f"{self.name}?v={self.fingerprint}"

    def answer(self, request: PageRequest) -> PageResponse:
        """Return it, for good where its address has the fingerprint, else for an hour."""
        is_named = request.query == f"v={self.fingerprint}"
        life = f"max-age={_A_YEAR}, immutable" if is_named else f"max-age={_AN_HOUR}"
        etag = f'"{self.fingerprint}"'
        headers = [("Cache-Control", f"public, {life}"), ("ETag", etag)]
        if etag in request.header("if-none-match"):
            return PageResponse(HTTPStatus.NOT_MODIFIED, headers)
        kind = ("Content-Type", _MEDIA_TYPES[self.name.rpartition(".")[2]])
        headers += [kind, ("X-Content-Type-Options", "nosniff")]
        return PageResponse(HTTPStatus.OK, headers, self.content)


@cache
def load_asset(name: str) -> Asset:
    """Return the static file called ``name``, without its indentation: that is for its authors."""
    source = (resources.files("consentgate.pages") / "static" / name).read_bytes()
    content = _INDENTATION.sub(b"", source)
    return Asset(name, content, hashlib.sha256(content).hexdigest()[:_FINGERPRINT_LENGTH])
