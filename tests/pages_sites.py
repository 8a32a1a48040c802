"""One small shop with the visitor's pages, behind each front that ConsentGate has.

    with served("flask") as site:
        visitor.open(site.url("/"))
        site.later = 183 * DAY

Its pages, see `PAGES`, are the same everywhere; a front is asked for no more than its banner.
Every address in them is relative, so that the shop may be mounted below a prefix.
"""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from in_thread import HOST, under_uvicorn, under_werkzeug

from consentgate import Gate, Policy, asgi, wsgi
from consentgate.pages import ConsentPages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from django.http import HttpRequest, HttpResponse
    from starlette.requests import Request as StarletteRequest

    Header = tuple[str, str]
    Message = MutableMapping[str, Any]

SECRET_KEY: Final = "test key"
POLICY: Final[Mapping[str, Any]] = {
    "version": "2026-11",
    "preset": "eu",
    "cookies": [
        {
            "name": "_ga",
            "category": "statistics",
            "max_age": "13 months",
            "vendor": "Google",
            "purpose": {"en": "Tells returning visitors apart"},
        },
        {"name": "_fbp", "category": "advertising", "max_age": "90 days", "vendor": "Meta"},
        {"name": "film", "category": "social", "max_age": "1 day"},
        {"name": "layout", "category": "functional", "max_age": "6 months"},
        {"name": "session", "category": "necessary"},
    ],
}

COOKIES: Final = (
    ("Set-Cookie", "_ga=1; Path=/; Max-Age=63072000"),
    ("Set-Cookie", "_fbp=1; Path=/; Max-Age=63072000"),
    ("Set-Cookie", "session=1; Path=/; HttpOnly"),
)
"""What the shop sets with its pages, with no word about consent."""


# -- what there is to see ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the shop, with its headers; some words in capitals are filled in."""

    body: str
    headers: tuple[Header, ...] = COOKIES
    banner: Mapping[str, str] = field(default_factory=dict)
    """Keywords for the banner."""
    kind: str = "text/html; charset=utf-8"


_FRAME: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tea shop</title>
<script src="recorder.js" nonce="NONCE"></script>
HEAD</head>
<body>
<header><a href="./">Tea shop</a> <button type="button" id="basket">Basket</button></header>
<main>
<h1>Tea</h1>
<p>Green, black and white.</p>
MAIN</main>
<footer><a id="own-link" href="consent/" data-cg-action="customise">Our cookies</a></footer>
BANNER
</body>
</html>
"""

_WAITING: Final = """
<script type="text/plain" data-consent="statistics" nonce="NONCE">ran.push("inline")</script>
<script type="text/plain" data-consent="statistics" nonce="NONCE" src="counter.js"></script>
<script type="text/plain" data-consent="statistics" nonce="NONCE">ran.push("after")</script>
<script type="text/plain" data-consent="advertising" nonce="NONCE">ran.push("advert")</script>
<iframe data-consent="social" data-src="film" title="A film" width="480" height="270"></iframe>
"""

_WAITING_FILES: Final = """
<script type="text/plain" data-consent="statistics" src="counter.js"></script>
<iframe data-consent="social" data-src="film" title="A film" width="480" height="270"></iframe>
"""

_SCRIPT_LINE: Final = '<script src="consent/banner.js" defer></script>'

_STRICT: Final = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
_NONCE: Final = (
    "default-src 'none'; script-src 'nonce-NONCE' 'strict-dynamic'; style-src 'self'; "
    "connect-src 'self'; frame-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'"
)


def _frame(main: str = "", *, head: str = "", banner: str = "BANNER") -> str:
    body = _FRAME.replace("HEAD", head).replace("MAIN", main)
    return body.replace("BANNER", banner)


def _csp(policy: str) -> tuple[Header, ...]:
    return (*COOKIES, ("Content-Security-Policy", policy))


_SHARED: Final = (("Cache-Control", "public, max-age=600"),)
_SHELVES: Final = "".join(
    f'<p align="center">Shelf {number}: <a href="tea?{number}">tea {number}</a></p>'
    for number in range(40)
)

PAGES: Final[Mapping[str, Page]] = {
    "/": Page(_frame(_WAITING)),
    "/other": Page(_frame('<h2>Another page</h2><a href="./">Back</a>')),
    "/french": Page(_frame(), banner={"language": "fr"}),
    "/cached": Page(_frame(_WAITING, head=_SCRIPT_LINE, banner=""), _SHARED),
    "/kept": Page(_frame(_WAITING), (("Cache-Control", "private, max-age=600"),)),
    "/strict": Page(_frame(_WAITING_FILES), _csp(_STRICT)),
    "/strict-cached": Page(
        _frame(_WAITING_FILES, head=_SCRIPT_LINE, banner=""),
        (*_SHARED, ("Content-Security-Policy", _STRICT)),
    ),
    "/nonce": Page(_frame(_WAITING), _csp(_NONCE), {"nonce": "NONCE"}),
    "/offline": Page(_frame(_WAITING_FILES), _csp(f"{_STRICT}; connect-src 'none'")),
    "/tall": Page(_frame(_SHELVES)),
    "/google": Page(_frame(head='<script src="consent/consent-mode.js"></script>')),
    "/analytics": Page("COOKIES SEEN", kind="text/plain; charset=utf-8"),
    "/film": Page("<!doctype html><html lang=en><title>Film</title><p>A film</p>", ()),
    "/counter.js": Page('ran.push("file")', (), kind="text/javascript"),
    "/recorder.js": Page(
        """
        window.ran = [];
        window.changes = [];
        document.addEventListener("consentgate:change", event => changes.push(event.detail));
        """,
        (),
        kind="text/javascript",
    ),
    "/favicon.ico": Page("", (), kind="image/svg+xml"),
}
"""
- `/`: content that waits for three categories, and the banner that the server renders
- `/cached`: the same, but any cache may keep it, and the banner is one line
- `/kept`: the same, and the browser keeps it with the banner of the moment
- `/strict`, `/strict-cached`, `/nonce`, `/offline`: under a Content-Security-Policy
- `/tall`: links from top to bottom, in the middle where the banner is
- `/google`: with Google's Consent Mode
- `/analytics`: says which cookies the application was sent
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shop answers, whatever the front."""

    headers: list[Header]
    body: bytes

    @classmethod
    def to(cls, path: str, cookies: str, banner: Callable[..., object]) -> Answer:
        """Answer a request; a page that any cache may keep does not ask for a banner."""
        page = PAGES[path]
        nonce = secrets.token_urlsafe()

        def filled(text: str) -> str:
            return text.replace("NONCE", nonce).replace("COOKIES SEEN", cookies)

        keywords = {name: filled(value) for name, value in page.banner.items()}
        body = page.body
        if "BANNER" in body:
            body = body.replace("BANNER", str(banner(**keywords)))
        headers = [(name, filled(value)) for name, value in page.headers]
        return cls([("Content-Type", page.kind), *headers], filled(body).encode())


# -- the fronts --------------------------------------------------------------------------------


class Site:
    """The shop behind one front, its clock ahead by `later` seconds."""

    def __init__(self, policy: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self.later = 0.0
        self.origin = ""
        self.prefix = ""
        self.policy = policy
        self.options = options

    def url(self, path: str = "/") -> str:
        """Return where a browser finds `path`."""
        return self.origin + self.prefix + path

    def clock(self) -> float:
        """Return the time as the gate sees it."""
        return time.time() + self.later

    def gate(self) -> Gate:
        """Make a gate by this clock."""
        return Gate(Policy.from_mapping(self.policy), SECRET_KEY, clock=self.clock)

    def pages(self, gate: Gate) -> ConsentPages:
        """Make the pages, with the options of this site."""
        return ConsentPages(gate, **self.options)


class _Front(Protocol):
    def __call__(self, site: Site, resources: ExitStack) -> Any: ...


def _wsgi(site: Site, _resources: ExitStack) -> WSGIApplication:
    gate = site.gate()
    pages = site.pages(gate)

    def shop(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def banner(**keywords: str) -> str:
            return pages.banner(wsgi.page_request_from(environ), **keywords)

        answer = Answer.to(environ["PATH_INFO"], environ.get("HTTP_COOKIE", ""), banner)
        start_response("200 OK", answer.headers)
        return [answer.body]

    return wsgi.ConsentGateMiddleware(shop, gate, pages=pages)


def _asgi(site: Site, _resources: ExitStack) -> Any:
    gate = site.gate()
    pages = site.pages(gate)

    async def shop(scope: Message, receive: Any, send: Any) -> None:
        def banner(**keywords: str) -> str:
            return pages.banner(asgi.page_request_from(scope), **keywords)

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
        answer = Answer.to(path, cookies.decode("latin-1"), banner)
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return asgi.ConsentGateMiddleware(shop, gate, pages=pages)


def _flask(site: Site, _resources: ExitStack) -> WSGIApplication:
    from flask import Flask, Response, render_template_string, request  # noqa: PLC0415 - as this front alone
    from flask_consentgate import ConsentGate  # noqa: PLC0415 - as this front alone

    app = Flask(__name__)

    def banner(**keywords: str) -> str:
        return render_template_string("{{ consent_banner(**keywords) }}", keywords=keywords)

    @app.get("/", defaults={"path": ""})
    @app.get("/<path:path>")
    def shop(path: str) -> Response:
        answer = Answer.to(f"/{path}", request.headers.get("Cookie", ""), banner)
        return Response(answer.body, headers=answer.headers)

    ConsentGate(app, gate=site.gate(), pages=site.options)
    return app


def _django(site: Site, resources: ExitStack) -> WSGIApplication:
    import django_site  # noqa: PLC0415 - configures Django
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415 - as this front alone
    from django_consentgate.conf import site_gate  # noqa: PLC0415 - as this front alone

    def shop(request: HttpRequest) -> HttpResponse:
        def banner(**keywords: str) -> str:
            return _from_django_template(request, keywords)

        answer = Answer.to(request.path_info, request.META.get("HTTP_COOKIE", ""), banner)
        response = django_site.setting(*_lines(answer.headers), content=answer.body)
        for name, value in answer.headers:
            if name != "Set-Cookie":
                response[name] = value
        return response

    changes = {
        "MIDDLEWARE": [django_site.GATE, "django.middleware.locale.LocaleMiddleware"],
        "CONSENTGATE": {"POLICY": site.policy, "PAGES": site.options},
    }
    resources.enter_context(django_site.site(shop, **changes))
    app = WSGIHandler()
    site_gate().clock = site.clock
    return app


def _from_django_template(request: HttpRequest, keywords: Mapping[str, str]) -> str:
    from django.template import engines  # noqa: PLC0415 - as this front alone

    given = " ".join(f"{name}={name}" for name in keywords)
    template = engines["django"].from_string(
        f"{{% load consentgate %}}{{% consent_banner {given} %}}"
    )
    return str(template.render(dict(keywords), request))


def _lines(headers: Iterable[Header]) -> list[str]:
    return [value for name, value in headers if name == "Set-Cookie"]


def _starlette(site: Site, _resources: ExitStack) -> Any:
    from starlette.applications import Starlette  # noqa: PLC0415 - as this front alone
    from starlette.responses import Response  # noqa: PLC0415 - as this front alone
    from starlette.routing import Route  # noqa: PLC0415 - as this front alone
    from starlette_consentgate import ConsentGateMiddleware, consent_banner  # noqa: PLC0415 - as this front alone

    async def shop(request: StarletteRequest) -> Response:
        def banner(**keywords: str) -> str:
            return consent_banner(request, **keywords)

        path = "/" + request.path_params["path"]
        answer = Answer.to(path, request.headers.get("cookie", ""), banner)
        response = Response(answer.body)
        response.raw_headers += [(n.lower().encode(), v.encode()) for n, v in answer.headers]
        return response

    app = Starlette(routes=[Route("/{path:path}", shop)])
    return ConsentGateMiddleware(app, gate=site.gate(), pages=site.options)


FRONTS: Final[Mapping[str, _Front]] = {
    "wsgi": _wsgi,
    "asgi": _asgi,
    "flask": _flask,
    "django": _django,
    "starlette": _starlette,
}
_OVER_ASGI: Final = frozenset({"asgi", "starlette"})


@contextmanager
def served(
    front: str, policy: Mapping[str, Any] = POLICY, *, prefix: str = "", **options: Any
) -> Iterator[Site]:
    """Serve the shop by one front, below `prefix`; further options are those of the pages."""
    site = Site(policy, options)
    with ExitStack() as resources:
        app = FRONTS[front](site, resources)
        serve, mounted = (
            (under_uvicorn, _below_asgi) if front in _OVER_ASGI else (under_werkzeug, _below_wsgi)
        )
        port = resources.enter_context(serve(mounted(app, prefix) if prefix else app))
        site.origin, site.prefix = f"http://{HOST}:{port}", prefix
        yield site


def _below_wsgi(app: WSGIApplication, prefix: str) -> WSGIApplication:
    def mounted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(f"{prefix}/"):
            start_response("404 Not Found", [])
            return []
        environ.update(SCRIPT_NAME=prefix, PATH_INFO=path.removeprefix(prefix))
        return app(environ, start_response)

    return mounted


def _below_asgi(app: Any, prefix: str) -> Any:
    async def mounted(scope: Message, receive: Any, send: Any) -> None:
        if scope["path"].startswith(f"{prefix}/"):
            await app({**scope, "root_path": prefix}, receive, send)
        else:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    return mounted
