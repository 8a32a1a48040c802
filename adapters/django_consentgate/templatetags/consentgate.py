"""``{% if_consent %}``, a filter to ask with inside ``{% if %}``, and ``{% consent_banner %}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.template import Library, Node, NodeList, TemplateSyntaxError
from django.utils.translation import get_language

from django_consentgate import pages
from django_consentgate.request import consent_from

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.template import Context
    from django.template.base import FilterExpression, Parser, Token

    from consentgate import Consent

register = Library()


@register.filter
def allows(consent: Consent, category: str) -> bool:
    """Return whether ``consent`` allows ``category``.

    ``{% if consent|allows:"statistics" and not debug %}``; without the context processor it is
    ``request.consent|allows:"statistics"``.
    """
    return consent.allows(category)


@register.simple_tag(takes_context=True)
def consent_banner(
    context: Context, *, language: str | None = None, nonce: object = "", link: bool = True
) -> str:
    """Return the banner, in the language that is active; see `ConsentPages.banner`.

    ``{% consent_banner %}``, ``{% consent_banner nonce=request.csp_nonce %}``
    """
    wished = language or get_language()
    return pages.consent_banner(_request(context), language=wished, nonce=_text(nonce), link=link)


@register.simple_tag(takes_context=True)
def consent_mode(context: Context, *, nonce: object = "") -> str:
    """Return the script that sets Google Consent Mode; see `ConsentPages.consent_mode`."""
    return pages.consent_mode(_request(context), nonce=_text(nonce))


def _request(context: Context) -> HttpRequest:
    request: HttpRequest | None = context.get("request", getattr(context, "request", None))
    if request is None:
        raise ImproperlyConfigured(
            "a banner is for a visitor; render the template with its request"
        )
    return request


def _text(nonce: object) -> str:
    """Return a nonce that may be lazy, or not be there."""
    return "" if nonce is None else str(nonce)


@register.tag
def if_consent(parser: Parser, token: Token) -> IfConsentNode:
    """Show what is inside only to who allows a category.

    ``{% if_consent "statistics" %}…{% else %}…{% end_if_consent %}``
    """
    try:
        _, category = token.split_contents()
    except ValueError:
        raise TemplateSyntaxError('if_consent takes one category: {% if_consent "…" %}') from None
    allowed = parser.parse(("else", "end_if_consent"))
    otherwise = NodeList()
    if parser.next_token().contents == "else":
        otherwise = parser.parse(("end_if_consent",))
        parser.delete_first_token()
    return IfConsentNode(parser.compile_filter(category), allowed, otherwise)


class IfConsentNode(Node):
    """``{% if_consent %}`` in a compiled template."""

    child_nodelists = ("allowed", "otherwise")

    def __init__(self, category: FilterExpression, allowed: NodeList, otherwise: NodeList) -> None:
        self.category = category
        self.allowed = allowed
        self.otherwise = otherwise

    def render(self, context: Context) -> str:
        """Return the part that the visitor's consent chooses."""
        return (self.allowed if self._allows(context) else self.otherwise).render(context)

    def _allows(self, context: Context) -> bool:
        """Ask the request's visitor; a template without a request, as for mail, has nobody."""
        request: HttpRequest | None = context.get("request", getattr(context, "request", None))
        if request is None:
            return False
        return consent_from(request).allows(self.category.resolve(context))
