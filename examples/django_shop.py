"""A small shop with Django, in one file. The lines marked ConsentGate are all it takes."""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST
from django.views.i18n import set_language

HERE = Path(__file__).parent
DAY = 24 * 60 * 60

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for trying it out"),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_consentgate"],  # ConsentGate
    MIDDLEWARE=[
        "django_consentgate.middleware.ConsentGateMiddleware",  # ConsentGate, outside all others
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        f"{__name__}.set_cookies",
    ],
    CONSENTGATE={"POLICY": HERE / "shop.toml"},  # ConsentGate
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    LANGUAGE_COOKIE_AGE=180 * DAY,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE]}],
)


def set_cookies(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Set what shops set, with no word about consent: the gate keeps back what may not leave."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        analytics = request.COOKIES.get("_ga") or f"GA1.1.{secrets.randbelow(10**10)}"
        response.set_cookie("_ga", analytics, max_age=2 * 365 * DAY)
        response.set_cookie("_fbp", f"fb.1.{secrets.randbelow(10**10)}", max_age=90 * DAY)
        response.set_cookie("ab_test", "b", max_age=30 * DAY)  # forgotten in shop.toml
        response.delete_cookie("old_basket")
        return response

    return middleware


def page(request: HttpRequest, title: str) -> HttpResponse:
    """Show the shop."""
    session = request.session
    session["views"] = session.get("views", 0) + 1
    context = {
        "title": title,
        "user": session.get("user"),
        "basket": session.get("basket", 0),
        "language": get_language(),
        "cookies": " ".join(sorted(request.COOKIES)),
        "csrf_field": "csrfmiddlewaretoken",
        "csrf_token": get_token(request),
    }
    return render(request, "shop_django.html", context)


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the first page."""
    return page(request, "Tea shop")


@require_GET
def product(request: HttpRequest) -> HttpResponse:
    """Show the product."""
    return page(request, "Teapot")


@require_POST
def basket(request: HttpRequest) -> HttpResponse:
    """Put a teapot into the basket."""
    request.session["basket"] = request.session.get("basket", 0) + 1
    return HttpResponseRedirect("/")


@require_POST
def login(request: HttpRequest) -> HttpResponse:
    """Sign the visitor in, on their word."""
    request.session["user"] = request.POST["user"]
    return HttpResponseRedirect("/")


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Sign the visitor out."""
    request.session.flush()
    return HttpResponseRedirect("/")


urlpatterns = [
    path("", home),
    path("product", product),
    path("basket", basket),
    path("login", login),
    path("logout", logout),
    path("language", set_language),
]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    app = get_wsgi_application()
