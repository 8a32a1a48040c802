"""What Jinja templates of Starlette and FastAPI need of the gate.

``Jinja2Templates(directory, context_processors=[consent_context])`` gives every template
``consent``, ``consent_banner()`` and ``consent_mode()``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from consentgate import asgi
from consentgate.pages import ConsentPages
from starlette_consentgate.middleware import consent_from

if TYPE_CHECKING:
    from markupsafe import Markup
    from starlette.requests import HTTPConnection, Request


class LazyConsent:
    """The visitor's consent, which a template asks for by looking at it and not before (R23)."""

    def __init__(self, request: HTTPConnection) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(consent_from(self._request), name)


def consent_context(request: Request) -> dict[str, Any]:
    """Return what a template wants to know of the visitor who made ``request``."""
    return {
        "consent": LazyConsent(request),
        "consent_banner": partial(consent_banner, request),
        "consent_mode": partial(consent_mode, request),
    }


def consent_banner(
    request: HTTPConnection, *, language: str | None = None, nonce: str = "", link: bool = True
) -> Markup:
    """Return the banner for a page that answers ``request``; see `ConsentPages.banner`."""
    page_request = asgi.page_request_from(request.scope)
    pages = ConsentPages.of(page_request)
    return pages.banner(page_request, language=language, nonce=nonce, link=link)


def consent_mode(request: HTTPConnection, *, nonce: str = "") -> Markup:
    """Return the script that sets Google Consent Mode; see `ConsentPages.consent_mode`."""
    page_request = asgi.page_request_from(request.scope)
    return ConsentPages.of(page_request).consent_mode(page_request, nonce=nonce)
