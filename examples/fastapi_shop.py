"""A small shop with FastAPI. The lines marked ConsentGate are all it takes to keep it lawful."""

import os
import secrets
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.sessions import SessionMiddleware

from starlette_consentgate import ConsentGateMiddleware, consent_context  # ConsentGate

HERE = Path(__file__).parent
SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying it out")
DAY = 24 * 60 * 60

app = FastAPI()
templates = Jinja2Templates(HERE, context_processors=[consent_context])  # ConsentGate


@app.middleware("http")
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


app.add_middleware(SessionMiddleware, secret_key=SECRET_KEY)
app.add_middleware(  # ConsentGate, last and so outside all others
    ConsentGateMiddleware, policy=HERE / "shop.toml", secret_keys=[SECRET_KEY]
)


async def check_csrf_token(request: Request, csrf_token: Annotated[str, Form()] = "") -> None:
    """Refuse a form without the token of its visitor's cookie."""
    if not secrets.compare_digest(csrf_token.encode(), request.state.csrf_token.encode()):
        raise HTTPException(403)


forms = APIRouter(dependencies=[Depends(check_csrf_token)])


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


@app.get("/", response_class=HTMLResponse)
async def home(request: Request) -> Response:
    """Show the first page."""
    return page(request, "Tea shop")


@app.get("/product", response_class=HTMLResponse)
async def product(request: Request) -> Response:
    """Show the product."""
    return page(request, "Teapot")


@forms.post("/basket")
async def basket(request: Request) -> Response:
    """Put a teapot into the basket."""
    request.session["basket"] = request.session.get("basket", 0) + 1
    return RedirectResponse("/", 303)


@forms.post("/login")
async def login(request: Request, user: Annotated[str, Form()]) -> Response:
    """Sign the visitor in, on their word."""
    request.session["user"] = user
    return RedirectResponse("/", 303)


@forms.post("/logout")
async def logout(request: Request) -> Response:
    """Sign the visitor out."""
    request.session.clear()
    return RedirectResponse("/", 303)


@forms.post("/language")
async def language(language: Annotated[str, Form()]) -> Response:
    """Remember the language."""
    response = RedirectResponse("/", 303)
    response.set_cookie("language", "fr" if language == "fr" else "en", max_age=180 * DAY)
    return response


app.include_router(forms)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
