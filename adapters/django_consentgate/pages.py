"""The visitor's pages, carried into Django's requests and responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.http import HttpResponse

from consentgate.page import MAX_BODY, PageRequest, mounted_at, refusal
from consentgate.pages import ConsentPages
from django_consentgate.request import asked_visit

if TYPE_CHECKING:
    from django.http import HttpRequest
    from markupsafe import Markup

    from consentgate.page import PageResponse, Pages
    from consentgate.visit import Visit


def consent_banner(
    request: HttpRequest, *, language: str | None = None, nonce: str = "", link: bool = True
) -> Markup:
    """Return the banner for a page that answers ``request``; see `ConsentPages.banner`."""
    page_request = _page_request(request)
    pages = ConsentPages.of(page_request)
    return pages.banner(page_request, language=language, nonce=nonce, link=link)


def consent_mode(request: HttpRequest, *, nonce: str = "") -> Markup:
    """Return the script that sets Google Consent Mode; see `ConsentPages.consent_mode`."""
    page_request = _page_request(request)
    return ConsentPages.of(page_request).consent_mode(page_request, nonce=nonce)


def show_where(pages: Pages, visit: Visit, request: HttpRequest) -> None:
    """Note where the pages are, unless a gate around Django has pages of its own."""
    if visit.pages is None:
        visit.pages = pages
        if root := request.META.get("SCRIPT_NAME"):
            visit.root = mounted_at(str(root))


def answer_page(pages: Pages, request: HttpRequest) -> HttpResponse:
    """Return what ``pages`` answer."""
    return _response(pages, _posted(request))


async def answer_page_async(pages: Pages, request: HttpRequest) -> HttpResponse:
    """Return what ``pages`` answer, without keeping the event loop waiting."""
    page_request = _posted(request)
    if pages.blocking(page_request):  # in Django's own thread, where its database is
        return await sync_to_async(_response)(pages, page_request)
    return _response(pages, page_request)


def _posted(request: HttpRequest) -> PageRequest:
    request.get_host()  # raises what Django answers where the host is not one of ALLOWED_HOSTS
    return _page_request(request, _read_body(request) if request.method == "POST" else b"")


def _response(pages: Pages, request: PageRequest) -> HttpResponse:
    return _as_response(pages.answer(request))


def refuse(visit: Visit, request: HttpRequest) -> HttpResponse:
    """Return the answer to a visitor whose decision cannot be kept just now."""
    return _as_response(refusal(_page_request(request), visit.pages))


def _as_response(answer: PageResponse) -> HttpResponse:
    headers = dict(answer.headers)
    response = HttpResponse(answer.body, status=answer.status, headers=headers)
    if "Content-Type" not in headers:  # caches take over what a 304 says (RFC 9111 3.2)
        del response["Content-Type"]
    return response


def _page_request(request: HttpRequest, body: bytes | None = b"") -> PageRequest:
    query = str(request.META.get("QUERY_STRING", ""))
    visit = asked_visit(request)
    return PageRequest(visit, request.method or "GET", request.path_info, query, body)


def _read_body(request: HttpRequest) -> bytes | None:
    """Return the request's body, or None where it is too long or breaks off."""
    length = str(request.META.get("CONTENT_LENGTH") or "")
    try:
        body = request.read(MAX_BODY + 1)
    except OSError:  # Django's UnreadablePostError is one
        return None
    is_whole = not length or length == str(len(body))
    return body if is_whole and len(body) <= MAX_BODY else None
