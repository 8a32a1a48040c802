"""What a test client was answered, and what it had asked, whichever client it is.

Clients are told apart by what their responses have, so that none has to be imported. Facts:

- httpx has the Set-Cookie lines apart in ``headers.raw`` alone, and requests in
  ``raw.headers``: what they show otherwise is joined by commas.
- Django has them in ``response.cookies`` and, where an application wrote past that, in its headers.
- httpx, requests and Werkzeug remember the request as it was sent. Django's is the one that the
  application saw, after the gate took cookies out (R17); the visit knows what was sent.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from consentgate.visit import Visit
from consentgate.wsgi import VISIT_KEY, EnvironRequest, environ_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from consentgate.visit import Request

__all__ = ["Answer", "Asked", "answers", "set_cookie_lines"]

_SET_COOKIE: Final = "set-cookie"
_FORGOTTEN: Final = (
    "Django's client followed redirects and kept the last response alone, so what the others set "
    "goes unseen here: ask without follow=True, and assert about each"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the browser sent it."""

    request: Request
    cookie: str
    """Its Cookie headers, joined by ``; ``."""
    visit: Visit | None = None
    """The request as a gate saw it, where its client can tell."""
    shows_visit: bool = False
    """Whether its client can tell that no gate saw it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, and what it answers."""

    lines: tuple[str, ...]
    """Its Set-Cookie lines as latin-1 text, in order."""
    asked: Asked | None
    """None where the response does not know."""


def set_cookie_lines(response: object) -> list[str]:
    """Return the Set-Cookie lines of ``response`` alone, as latin-1 text, in order.

    Raises `TypeError` for a response of no known client.
    """
    return list(_answer(response).lines)


def answers(response: object) -> list[Answer]:
    """Return what led to ``response``, if redirects were followed, and what it is itself.

    Warns where the client has forgotten what led there. Raises `TypeError` for a response of no
    known client.
    """
    followed: Iterable[object] = getattr(response, "history", ())
    if getattr(response, "redirect_chain", None):
        warnings.warn(_FORGOTTEN, stacklevel=3)  # at the line of the test
    return [_answer(each) for each in (*followed, response)]


def _answer(response: Any) -> Answer:
    for knows, lines, asked in _KINDS:
        if knows(response):
            return Answer(tuple(line.strip(" \t") for line in lines(response)), asked(response))
    raise TypeError(
        f"{type(response).__name__} is no response that is known here; give one of Flask's, "
        "Django's or Starlette's test client, of httpx or of requests"
    )


# Django: the test clients add the request to the response.


def _is_django(response: Any) -> bool:
    return isinstance(getattr(response, "cookies", None), SimpleCookie)


def _django_lines(response: Any) -> Iterator[str]:
    for name, value in response.items():
        if name.strip().lower() == _SET_COOKIE:
            yield value
    for morsel in response.cookies.values():
        yield morsel.OutputString()


def _django_asked(response: Any) -> Asked | None:
    request = getattr(response, "wsgi_request", None) or getattr(response, "asgi_request", None)
    if request is None:
        return None
    visit = _visit_in(request.META) or _visit_in(getattr(request, "scope", {}))
    cookie = request.META.get("HTTP_COOKIE", "") if visit is None else visit.cookie
    return Asked(_DjangoRequest(request), cookie, visit, shows_visit=True)


def _visit_in(carrier: Any) -> Visit | None:
    visit = carrier.get(VISIT_KEY)
    return visit if isinstance(visit, Visit) else None


@dataclass(frozen=True, slots=True)
class _DjangoRequest:
    """The request as Django tells it."""

    told: Any

    def header(self, name: str) -> str:
        return str(self.told.META.get(environ_key(name), ""))

    def path(self) -> str:
        return str(self.told.path)

    def is_secure(self) -> bool:
        return bool(self.told.is_secure())

    def address(self) -> str:
        return str(self.told.META.get("REMOTE_ADDR", ""))


# httpx, and Starlette's test client, whose responses are of httpx.


def _is_httpx(response: Any) -> bool:
    return isinstance(getattr(_headers(response), "raw", None), list)


def _httpx_lines(response: Any) -> Iterator[str]:
    for name, value in response.headers.raw:
        if name.strip().lower() == _SET_COOKIE.encode():
            yield value.decode("latin-1")


def _httpx_asked(response: Any) -> Asked | None:
    try:
        request = response.request
    except RuntimeError:  # it was made by hand
        return None
    return Asked(_ClientRequest(request), "; ".join(request.headers.get_list("cookie")))


# requests.


def _is_requests(response: Any) -> bool:
    return hasattr(_headers(getattr(response, "raw", None)), "getlist")


def _requests_lines(response: Any) -> Sequence[str]:
    lines: Sequence[str] = response.raw.headers.getlist(_SET_COOKIE)
    return lines


def _requests_asked(response: Any) -> Asked | None:
    if getattr(response, "request", None) is None:
        return None
    request = _ClientRequest(response.request)
    return Asked(request, request.header("cookie"))


@dataclass(frozen=True, slots=True)
class _ClientRequest:
    """The request as httpx or requests sent it."""

    sent: Any

    def header(self, name: str) -> str:
        value = self.sent.headers.get(name, "")
        return value.decode("latin-1") if isinstance(value, bytes) else str(value)

    def path(self) -> str:
        return unquote(urlsplit(str(self.sent.url)).path) or "/"

    def is_secure(self) -> bool:
        return urlsplit(str(self.sent.url)).scheme == "https"

    def address(self) -> str:
        return ""


# Werkzeug, and Flask, whose test client is Werkzeug's.


def _is_werkzeug(response: Any) -> bool:
    return hasattr(_headers(response), "getlist")


def _werkzeug_lines(response: Any) -> Sequence[str]:
    lines: Sequence[str] = response.headers.getlist(_SET_COOKIE)
    return lines


def _werkzeug_asked(response: Any) -> Asked | None:
    environ = getattr(getattr(response, "request", None), "environ", None)
    if environ is None:
        return None
    return Asked(EnvironRequest(environ), environ.get("HTTP_COOKIE", ""))


def _headers(response: Any) -> Any:
    return getattr(response, "headers", None)


_KINDS: Final[
    tuple[
        tuple[
            Callable[[Any], bool],
            Callable[[Any], Iterable[str]],
            Callable[[Any], Asked | None],
        ],
        ...,
    ]
] = (
    (_is_httpx, _httpx_lines, _httpx_asked),  # first, for without a request it has no cookies
    (_is_django, _django_lines, _django_asked),
    (_is_werkzeug, _werkzeug_lines, _werkzeug_asked),
    (_is_requests, _requests_lines, _requests_asked),
)
