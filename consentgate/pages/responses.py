"""The kinds of answers that the visitor's pages give."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from consentgate.page import PageResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

BODILESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


def fresh(status: HTTPStatus, kind: str, text: str, *headers: tuple[str, str]) -> PageResponse:
    """Return an answer of the media type ``kind`` that nobody may keep."""
    common = [
        ("Cache-Control", "no-store"),
        ("Content-Type", kind),
        ("X-Content-Type-Options", "nosniff"),
    ]
    # JSON may hold half a surrogate pair, which no UTF-8 has.
    return PageResponse(status, [*common, *headers], text.encode(errors="backslashreplace"))


def json_response(
    value: object, *headers: tuple[str, str], status: HTTPStatus = HTTPStatus.OK
) -> PageResponse:
    """Return ``value`` as JSON, or as a problem where it is one (RFC 9457)."""
    kind = "application/json" if status == HTTPStatus.OK else "application/problem+json"
    return fresh(status, kind, json.dumps(value, ensure_ascii=False), *headers)


def html_response(status: HTTPStatus, page: str, security_policy: str) -> PageResponse:
    """Return a page of our own."""
    security = ("Content-Security-Policy", security_policy)
    return fresh(status, "text/html; charset=utf-8", page, security)


def redirect(location: str) -> PageResponse:
    """Send a visitor on after a form (RFC 9110 15.4.4)."""
    return fresh(HTTPStatus.SEE_OTHER, "text/plain", "", ("Location", location))


def other_method(method: str, known: Iterable[str]) -> PageResponse:
    """Return which methods there are, to who asked for that or for one that is not there."""
    listed = {"OPTIONS", *known}
    allow = ("Allow", ", ".join(sorted(listed | {"HEAD"} if "GET" in listed else listed)))
    if method == "OPTIONS":
        return PageResponse(HTTPStatus.NO_CONTENT, [allow])
    return fresh(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "", allow)


def as_sent(answer: PageResponse, *, is_head: bool) -> PageResponse:
    """Return ``answer`` with its length, and for HEAD without its body."""
    length = ("Content-Length", str(len(answer.body)))
    headers = [*answer.headers, *([] if answer.status in BODILESS else [length])]
    return PageResponse(answer.status, headers, b"" if is_head else answer.body)
