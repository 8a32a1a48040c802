"""A small shop with Starlette. The lines marked ConsentGate are all it takes to keep it lawful."""

import os
import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from starlette_consentgate import ConsentGateMiddleware, consent_context  # ConsentGate

HERE = Path(__file__).parent
SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying it out")
DAY = 24 * 60 * 60

templates = Jinja2Templates(HERE, context_processors=[consent_context])  # ConsentGate


async def set_cookies(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Set what shops set, with no word about consent: the gate keeps back what may not leave."""
    token = request.cookies.get("csrftoken") or secrets.token_urlsafe()
    request.state.csrf_token = token
    response = await call_next(request)
    response.set_cookie("csrftoken", token, httponly=True, samesite="lax")
    analytics = request.cookies.get("_ga") or f"GA1.1.{secrets.randbelow(10**10)}"
    response.set_cookie("_ga", analytics, max_age=2 * 365 * DAY)
    response.set_cookie("_fbp", f"fb.1.{secrets.randbelow(10**10)}", max_age=90 * DAY)
    response.set_cookie("ab_test", "b", max_age=30 * DAY)  # forgotten in shop.toml
    response.delete_cookie("old_basket")
    return response


async def check_csrf_token(request: Request) -> None:
    """Refuse a form without the token of its visitor's cookie."""
    sent = str((await request.form()).get("csrf_token", ""))
    if not secrets.compare_digest(sent.encode(), request.state.csrf_token.encode()):
        raise HTTPException(403)


def page(request: Request, title: str) -> Response:
    """Show the shop."""
    session = request.session
    session["views"] = session.get("views", 0) + 1
    context = {
        "title": title,
        "user": session.get("user"),
        "basket": session.get("basket", 0),
        "language": request.cookies.get("language", "en"),
        "cookies": " ".join(sorted(request.cookies)),
        "csrf_field": "csrf_token",
        "csrf_token": request.state.csrf_token,
    }
    return templates.TemplateResponse(request, "shop_jinja.html", context)


async def home(request: Request) -> Response:
    """Show the first page."""
    return page(request, "Tea shop")


async def product(request: Request) -> Response:
    """Show the product."""
    return page(request, "Teapot")


async def basket(request: Request) -> Response:
    """Put a teapot into the basket."""
    await check_csrf_token(request)
    request.session["basket"] = request.session.get("basket", 0) + 1
    return RedirectResponse("/", 303)


async def login(request: Request) -> Response:
    """Sign the visitor in, on their word."""
    await check_csrf_token(request)
    request.session["user"] = str((await request.form())["user"])
    return RedirectResponse("/", 303)


async def logout(request: Request) -> Response:
    """Sign the visitor out."""
    await check_csrf_token(request)
    request.session.clear()
    return RedirectResponse("/", 303)


async def language(request: Request) -> Response:
    """Remember the language."""
    await check_csrf_token(request)
    response = RedirectResponse("/", 303)
    chosen = "fr" if (await request.form())["language"] == "fr" else "en"
    response.set_cookie("language", chosen, max_age=180 * DAY)
    return response


app = Starlette(
    routes=[
        Route("/", home),
        Route("/product", product),
        Route("/basket", basket, methods=["POST"]),
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/language", language, methods=["POST"]),
    ],
    middleware=[
        Middleware(  # ConsentGate, outside all others
            ConsentGateMiddleware, policy=HERE / "shop.toml", secret_keys=[SECRET_KEY]
        ),
        Middleware(SessionMiddleware, secret_key=SECRET_KEY),
        Middleware(BaseHTTPMiddleware, dispatch=set_cookies),
    ],
)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
