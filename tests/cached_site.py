"""A small site for shared caches, as plain WSGI and as plain ASGI behind the gate.

Its query string says what a page is: `?header=` is a raw `Name:value`, repeatable, and `fillers`
the number of headers of 64 bytes to add; with `asks` the application asks which categories are
allowed and its body is their list; with `grants` it grants one. A request that is conditional on
the page's ETag or Last-Modified gets a 304.

`/calls` tells for each query string that was asked which statuses the application gave; what a
cache answered is not among them. A `?page=` makes a query string like no other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from consentgate import Consent, Gate, Policy, asgi, wsgi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

POLICY: dict[str, Any] = {
    "version": "2026-11",
    "gpc": "override",
    "categories": {"advertising": {"basis": "opt-out"}},
    "cookies": [
        {"name": "_ga", "category": "statistics", "max_age": "13 months"},
        {"name": "ad_*", "category": "advertising"},
        {"name": "c_*", "category": "statistics"},
        {"name": "campaign_*", "category": "statistics"},
        {"name": "seen", "category": "necessary"},
    ],
}
CATEGORIES = ("advertising", "statistics")

gate = Gate(Policy.from_mapping(POLICY), secret_keys=["test key"])

_FILLER = ("X-Filler", "x" * (64 - len("X-Filler: \r\n")))

calls: defaultdict[str, list[int]] = defaultdict(list)


@dataclass(frozen=True, slots=True)
class Page:
    """What the application answers."""

    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: bytes


def answer(
    path: str,
    query: str,
    consent_from_request: Callable[[], Consent],
    validators: Mapping[str, str],
) -> Page:
    """Answer a request; `validators` holds If-None-Match and If-Modified-Since where they came."""
    if path == "/calls":
        return Page(HTTPStatus.OK, [], json.dumps(calls).encode())
    wishes = parse_qs(query, encoding="latin-1")
    page = _page(wishes, consent_from_request, validators)
    calls[query].append(page.status)
    return page


def _page(
    wishes: dict[str, list[str]],
    consent_from_request: Callable[[], Consent],
    validators: Mapping[str, str],
) -> Page:
    headers = [_header(line) for line in wishes.get("header", [])]
    headers += [_FILLER] * int(wishes.get("fillers", ["0"])[0])
    if _still_holds(headers, validators):
        return Page(HTTPStatus.NOT_MODIFIED, headers, b"")
    for category in wishes.get("grants", []):
        consent_from_request().grant(category)
    body = _allowed(consent_from_request()) if "asks" in wishes else "a page for everybody"
    return Page(HTTPStatus.OK, [("Content-Type", "text/plain"), *headers], body.encode())


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value


def _still_holds(headers: list[tuple[str, str]], validators: Mapping[str, str]) -> bool:
    # RFC 9110 13.1.3: where there is an If-None-Match, If-Modified-Since does not count.
    own = {name.lower(): value for name, value in headers}
    if tag := validators.get("if-none-match"):
        return tag == own.get("etag")
    date = validators.get("if-modified-since")
    return date is not None and date == own.get("last-modified")


def _allowed(consent: Consent) -> str:
    return " ".join(category for category in CATEGORIES if consent.allows(category))


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer as WSGI."""
    names = ("if-none-match", "if-modified-since")
    keys = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}
    page = answer(
        environ["PATH_INFO"],
        environ["QUERY_STRING"],
        lambda: wsgi.consent_from(environ),
        {name: environ[key] for name, key in keys.items() if key in environ},
    )
    start_response(f"{page.status.value} {page.status.phrase}", page.headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [page.body]


async def asgi_app(scope: Message, receive: Receive, send: Send) -> None:
    """Answer as ASGI; a lifespan has no path, and servers take the error for a no."""
    page = answer(
        scope["path"],
        scope["query_string"].decode("latin-1"),
        lambda: asgi.consent_from(scope),
        {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
    )
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in page.headers]
    await send({"type": "http.response.start", "status": page.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": page.body})


gated_wsgi_app = wsgi.ConsentGateMiddleware(wsgi_app, gate)
gated_asgi_app = asgi.ConsentGateMiddleware(asgi_app, gate)
