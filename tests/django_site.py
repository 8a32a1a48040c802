"""One Django site without a database, whose view each test brings along."""

from __future__ import annotations

import io
from contextlib import contextmanager
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import django
import httpx
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import include, path, re_path
from django.utils.decorators import sync_and_async_middleware
from django_consentgate.middleware import ConsentGateMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from consentgate import Consent, Gate
    from consentgate.page import Pages
    from consentgate.testing import View

    Headers = list[tuple[str, str]]

GATE = "django_consentgate.middleware.ConsentGateMiddleware"

POLICY: dict[str, Any] = {
    "version": "1",
    "cookies": [
        {"name": "_ga", "category": "statistics", "max_age": "13 months"},
        {"name": "layout", "category": "functional", "max_age": "1 day"},
    ],
    "routes": [{"path": "/shop/contact"}],
}

settings.configure(
    SECRET_KEY="the newest key",
    SECRET_KEY_FALLBACKS=["an older key"],
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django_consentgate"],
    MIDDLEWARE=[
        GATE,
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    CONSENTGATE={"POLICY": POLICY},
    ROOT_URLCONF=(),
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    SESSION_COOKIE_NAME="shop_session",
    CSRF_COOKIE_NAME="shop_csrf",
    LANGUAGE_COOKIE_NAME="shop_language",
    LANGUAGE_COOKIE_AGE=2 * 365 * 24 * 60 * 60,
    LANGUAGES=[("en", "English"), ("fr", "Français")],
    MESSAGE_STORAGE="django.contrib.messages.storage.cookie.CookieStorage",
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django_consentgate.context_processors.consent",
                ]
            },
        }
    ],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    LOGGING_CONFIG=None,
)
django.setup()


@contextmanager
def site(view: Callable[..., Any], **changes: Any) -> Iterator[None]:
    """Let the site answer every path with ``view``, under changed settings."""
    urls = (path("i18n/", include("django.conf.urls.i18n")), re_path("", view))
    with override_settings(**{"ROOT_URLCONF": urls, **changes}):
        yield


class Line(Morsel[str]):
    """A cookie that an application writes as the text it likes."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.set("line", line, line)

    def OutputString(self, attrs: Any = None) -> str:
        """Return the text."""
        return str(self.value)


def setting(*lines: str, **response: Any) -> HttpResponse:
    """Answer with these Set-Cookie lines, byte for byte, whatever they are."""
    answer = HttpResponse(**response)
    for number, line in enumerate(lines):
        answer.cookies[f"line {number}"] = Line(line)
    return answer


def wsgi_headers(app: Any = None, **environ: Any) -> Headers:
    """Ask Django's WSGI handler as a server does, and return the headers it sends."""
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO()
    sent: Headers = []
    body = (app or WSGIHandler())(environ, lambda _status, headers, *_: sent.extend(headers))
    body.close()
    return sent


async def asgi_headers(headers: Headers, app: Any = None) -> Headers:
    """Ask Django's ASGI handler as a server does, and return the headers it sends."""
    transport = httpx.ASGITransport(app=app or ASGIHandler())
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        octets = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        response = await client.get("/", headers=octets)
    raw = response.headers.raw
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]


def set_cookies(headers: Headers) -> list[str]:
    """Return the Set-Cookie lines among ``headers``, as Django wrote them."""
    return [value for name, value in headers if name.lower() == "set-cookie"]


# -- For the contract of all fronts ---------------------------------------------------------

_served: dict[str, Any] = {}


@sync_and_async_middleware
def served_gate(get_response: Callable[[HttpRequest], Any]) -> ConsentGateMiddleware:
    """Make the middleware for the gate that is served now."""
    return ConsentGateMiddleware(get_response, **_served)


@contextmanager
def serving(
    gate: Gate,
    pages: Pages | None,
    view: View,
    consent_from: Callable[[HttpRequest], Consent],
    *,
    is_async: bool = False,
) -> Iterator[None]:
    """Let the site do what ``view`` says, behind ``gate`` alone."""

    def see(request: HttpRequest) -> None:
        view.see(request.META.get("HTTP_COOKIE"), lambda: consent_from(request))

    def answer(request: HttpRequest) -> HttpResponseBase:
        see(request)
        return _answer(view, iter(view.body))

    async def answer_async(request: HttpRequest) -> HttpResponseBase:
        see(request)
        return _answer(view, _async_pieces(view))

    _served.update(gate=gate, pages=pages)
    with site(answer_async if is_async else answer, MIDDLEWARE=["django_site.served_gate"]):
        yield


def _answer(view: View, pieces: Any) -> HttpResponseBase:
    answer = StreamingHttpResponse(pieces, status=view.status, headers=dict(view.headers))
    answer.cookies = setting(*view.set_cookies).cookies
    return answer


async def _async_pieces(view: View) -> AsyncIterator[bytes]:
    for piece in view.body:
        yield piece
