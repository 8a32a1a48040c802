"""Where an answer redirects to, as far as a check needs to know it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.check.sightings import LeadsTo

_SIGNS_IN: Final = re.compile(
    r"(?<![a-z])(log|sign)[-_]?(in|on)(?![a-z])"
    r"|(?<![a-z])(sso|oauth2?|oidc|saml2?|anmelden|anmeldung|einloggen|inloggen|aanmelden"
    r"|connexion|se-connecter|acceder|accedi|iniciar-?sesion)(?![a-z])"
)
_BACK: Final = re.compile(
    r"next|continue|came_?from|(return|redirect|back)([-_]?(to|url|uri|path))?"
)


class Label:
    """Names each request of one client after what was asked for, not where that redirected to.

    An application may put the value of a cookie into the path that it redirects to.
    """

    def __init__(self) -> None:
        self._label = ""
        self._next: tuple[bytes, bytes] | None = None

    def of(self, request: httpx.Request, response: httpx.Response) -> str:
        """Return the path, without its query, that ``request`` is named after."""
        if _place(request.url) != self._next:
            self._label = request.url.raw_path.partition(b"?")[0].decode("ascii")
        self._next = _target(request, response)
        return self._label


def _place(url: httpx.URL) -> tuple[bytes, bytes]:
    return url.raw_host, url.raw_path


def _target(request: httpx.Request, response: httpx.Response) -> tuple[bytes, bytes] | None:
    if not response.has_redirect_location:
        return None
    try:
        return _place(request.url.join(response.headers["Location"]))
    except (ValueError, httpx.InvalidURL):
        return None


def leads_to(asked: str, targets: Sequence[httpx.URL], site: httpx.URL) -> LeadsTo:
    """Return where redirects to ``targets`` lead who asked ``site`` for the path ``asked``."""
    if not _is_sign_in(httpx.URL(asked)) and any(map(_is_sign_in, targets)):
        return "sign-in"
    return "elsewhere" if targets and targets[-1].raw_host != site.raw_host else ""


def _is_sign_in(url: httpx.URL) -> bool:
    """Whether ``url`` looks like where visitors sign in: by its path, or by what leads back."""
    return _SIGNS_IN.search(url.path.lower()) is not None or any(
        _is_back(key, value) for key, value in url.params.multi_items()
    )


def _is_back(key: str, value: str) -> bool:
    """Whether a parameter says where to go on; ``next=2`` is but the next page."""
    return _BACK.fullmatch(key.lower()) is not None and value.startswith(("/", "http"))
