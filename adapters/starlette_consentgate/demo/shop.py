"""The shop of the demo: it sets what shops set, with no word about consent."""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import RedirectResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from consentgate import Policy
from starlette_consentgate import ConsentGateMiddleware, consent_banner
from starlette_consentgate.demo.observation import Inside, Outside, Recorder
from starlette_consentgate.demo.words import WORDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from starlette_consentgate.demo.observation import Show

_HERE: Final = Path(__file__).parent
_DAY: Final = 24 * 60 * 60
_ENVIRONMENT: Final = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)


def create_shop(show: Show) -> Starlette:
    """Return the shop behind its gate; ``show`` is called with what was observed."""
    policy = Policy.from_file(_HERE / "shop.toml")
    recorder = Recorder(policy, show)
    key = secrets.token_hex()  # a new one at each start: the demo keeps nothing
    shop = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(Outside, recorder),
            Middleware(
                ConsentGateMiddleware, policy=policy, secret_keys=key, on_verdict=recorder.note
            ),
            Middleware(Inside),
            Middleware(SessionMiddleware, secret_key=key),
        ],
    )
    shop.state.recorder = recorder
    # Static files set no cookies; kept out of the gate they do not crowd the table.
    return Starlette(
        routes=[Mount("/static", StaticFiles(directory=_HERE / "static")), Mount("/", shop)]
    )


async def page(request: Request, title: str) -> Response:
    """Show a page of the shop."""
    recorder: Recorder = request.app.state.recorder
    request.session["views"] = request.session.get("views", 0) + 1
    token = request.cookies.get("csrftoken") or secrets.token_urlsafe()
    context = {
        "title": title,
        "language": (language := language_of(request)),
        "words": WORDS[language],
        "session": request.session,
        "csrf_token": token,
        "path": request.url.path,
        # Asked for now: whom the page depends on is said in its headers.
        "banner": consent_banner(request, language=language, link=False),
        "latest": recorder.latest,
    }
    response = StreamingResponse(rendered_late(context), media_type="text/html")
    response.set_cookie("csrftoken", token, httponly=True, samesite="lax")
    return track(request, response)


async def rendered_late(context: dict[str, Any]) -> AsyncIterator[str]:
    """Write the page when its headers have left, so that it can show what became of them."""
    yield _ENVIRONMENT.get_template("shop.html").render(context)


def track(request: Request, response: Response) -> Response:
    """Set what other companies' snippets make a shop set."""
    analytics = request.cookies.get("_ga") or f"GA1.1.{secrets.randbelow(10**10)}"
    response.set_cookie("_ga", analytics, max_age=2 * 365 * _DAY)
    response.set_cookie("_fbp", f"fb.1.{secrets.randbelow(10**10)}", max_age=90 * _DAY)
    response.set_cookie("ab_test", "b", max_age=30 * _DAY)  # forgotten in shop.toml
    response.delete_cookie("old_basket")
    return response


def language_of(request: Request) -> str:
    """Return the language of the visitor."""
    return "fr" if request.cookies.get("language") == "fr" else "en"


async def checked_form(request: Request) -> FormData:
    """Return the form, which must bear the token of its visitor's cookie."""
    form = await request.form()
    sent, token = str(form.get("csrf_token", "")), request.cookies.get("csrftoken", "")
    if not token or not secrets.compare_digest(sent.encode(), token.encode()):
        raise HTTPException(403, "this form is not from this shop")
    return form


def back(request: Request) -> Response:
    """Send the visitor to the first page."""
    return track(request, RedirectResponse("/", 303))


async def basket(request: Request) -> Response:
    """Put a teapot into the basket."""
    await checked_form(request)
    request.session["basket"] = request.session.get("basket", 0) + 1
    return back(request)


async def login(request: Request) -> Response:
    """Sign the visitor in, on their word."""
    form = await checked_form(request)
    request.session["user"] = str(form.get("user", ""))[:40]
    return back(request)


async def logout(request: Request) -> Response:
    """Sign the visitor out."""
    await checked_form(request)
    request.session.clear()
    return back(request)


async def language(request: Request) -> Response:
    """Remember the language."""
    form = await checked_form(request)
    response = back(request)
    chosen = "fr" if form.get("language") == "fr" else "en"
    response.set_cookie("language", chosen, max_age=180 * _DAY)
    return response


ROUTES: Final = [
    Route("/", partial(page, title="home")),
    Route("/product", partial(page, title="product")),
    Route("/basket", basket, methods=["POST"]),
    Route("/login", login, methods=["POST"]),
    Route("/logout", logout, methods=["POST"]),
    Route("/language", language, methods=["POST"]),
]
