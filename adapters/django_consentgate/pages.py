"""The visitor's pages, carried into Django's requests and responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.http import HttpResponse

from consentgate.page import MAX_BODY, PageRequest
from django_consentgate.request import asked_visit

if TYPE_CHECKING:
    from django.http import HttpRequest

    from consentgate.page import Pages


def page_request_from(request: HttpRequest) -> PageRequest:
    """Return ``request`` as the visitor's pages want it, to render a banner for it.

    Raises `MiddlewareMissing` where it did not pass through the gate.
    """
    return _page_request(request, b"")


def answer_page(pages: Pages, request: HttpRequest) -> HttpResponse:
    """Return what ``pages`` answer."""
    body = _read_body(request) if request.method == "POST" else b""
    answer = pages.answer(_page_request(request, body))
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


async def answer_page_async(pages: Pages, request: HttpRequest) -> HttpResponse:
    """Return what ``pages`` answer, without keeping the event loop waiting."""
    if pages.blocking:
        return await sync_to_async(answer_page, thread_sensitive=False)(pages, request)
    return answer_page(pages, request)


def _page_request(request: HttpRequest, body: bytes | None) -> PageRequest:
    root = str(request.META.get("SCRIPT_NAME", "")).rstrip("/")
    query = str(request.META.get("QUERY_STRING", ""))
    return PageRequest(
        asked_visit(request), request.method or "GET", root, request.path_info, query, body
    )


def _read_body(request: HttpRequest) -> bytes | None:
    """Return the request's body, or None where it is too long or broken off."""
    try:
        body = request.read(MAX_BODY + 1)
    except OSError:  # Django's UnreadablePostError is one
        return None
    return body if len(body) <= MAX_BODY else None
