# ruff: noqa: INP001 - a module of scripts
"""A minimal Django site under WSGI, with the one middleware that is compared.

django-cookie-consent is set up as its documentation says: its application and its addresses, the
tables migrated, the groups in the cache that is Django's default (this process's memory), and the
same cookies declared as in ConsentGate's policy. Its middleware deletes what a visitor did not
accept once the browser sends it back; it keeps nothing from being set, nor from being read.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from added_time import (
    CONSENTED,
    HAS_SESSION,
    LIMITED,
    NO_COOKIES,
    SENT_BACK,
    UNDECIDED,
    Form,
    Reply,
    Situation,
    Stack,
    driven_as_wsgi,
    gate_cookie,
    is_enforced,
    sets_all,
)
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, override_settings
from django.urls import include, path
from sites import DECLARED, YEAR, make_gate

from consentgate.pages import ConsentPages
from consentgate.wsgi import ConsentGateMiddleware

CLEANER: Final = "cookie_consent.middleware.CleanCookiesMiddleware"
FILTER: Final = "cookiefilter.middleware.CookieFilterMiddleware"
GATE: Final = "django_consentgate.middleware.ConsentGateMiddleware"
HAS_COOKIE_CONSENT: Final = find_spec("cookie_consent") is not None

settings.configure(
    SECRET_KEY="a benchmark's key",  # noqa: S106 - of nobody
    ALLOWED_HOSTS=["shop.example"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django_consentgate",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        *(["cookie_consent"] if HAS_COOKIE_CONSENT else []),
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    CONSENTGATE={"POLICY": make_gate().policy},
)
get_wsgi_application()
call_command("migrate", verbosity=0)


def page(request: HttpRequest, *, sets: bool = False, spied: bool = False) -> HttpResponse:
    """Answer one request."""
    seen = {"cookie": request.META.get("HTTP_COOKIE", ""), "names": [*request.COOKIES]}
    response = JsonResponse(seen) if spied else HttpResponse()
    if sets:
        response.set_cookie("sessionid", "8h2kx0vq6c3m5t1z", httponly=True, samesite="Lax")
        response.set_cookie("_ga", "GA1.1.1234567890.1795219200", max_age=YEAR, samesite="Lax")
        response.set_cookie("_gcl_au", "1.1.987654321", max_age=YEAR // 4, secure=True)
    return response


PATHS: Final = {
    (sets, spied): f"{'shop' if sets else 'home'}{'/seen' if spied else ''}"
    for sets in (False, True)
    for spied in (False, True)
}
urlpatterns = [
    path(name, page, {"sets": sets, "spied": spied}) for (sets, spied), name in PATHS.items()
]
if HAS_COOKIE_CONSENT:
    urlpatterns.append(path("cookies/", include("cookie_consent.urls")))


def path_of(situation: Situation) -> str:
    """Return where the site does what a situation wants."""
    return "/" + PATHS[bool(situation.lines), situation.spied]


def site(_: Situation, *middleware: str) -> Any:
    """Return the site with this middleware."""
    for each in middleware:
        import_module(each.rpartition(".")[0])  # Django raises something else where it is missing
    with override_settings(MIDDLEWARE=list(middleware)):
        return get_wsgi_application()


def site_gate() -> Any:
    """Return the gate of the site's settings."""
    return import_module("django_consentgate.conf").site_gate()


def gated(situation: Situation) -> Any:
    """Return the site with ConsentGate's middleware, as the README says."""
    return site(situation, GATE)


def wrapped(situation: Situation) -> Any:
    """Return the site as any WSGI application, with the gate around it."""
    gate = site_gate()
    return ConsentGateMiddleware(site(situation), gate, pages=ConsentPages(gate))


def our_cookie(situation: Situation) -> str:
    """Return the Cookie header of a visitor of the gate."""
    return gate_cookie(site_gate(), situation)


# -- django-cookie-consent ---------------------------------------------------------------------


@cache
def _declare() -> None:
    """Store what the policy of the gate has, without patterns, which it does not know."""
    models = import_module("cookie_consent.models")
    necessary = models.CookieGroup.objects.create(
        varname="necessary", name="Necessary", is_required=True, is_deletable=False
    )
    models.Cookie.objects.create(cookiegroup=necessary, name="sessionid")
    for category, names in DECLARED.items():
        group = models.CookieGroup.objects.create(varname=category, name=category.title())
        for name in names:
            models.Cookie.objects.create(cookiegroup=group, name=name.replace("*", "X1"))


def cleaned(situation: Situation) -> Any:
    """Return the site with the middleware of django-cookie-consent."""
    app = site(situation, CLEANER)
    _declare()
    return app


def accepted_cookie(situation: Situation) -> str:
    """Return the Cookie header of a visitor who has accepted everything there."""
    if not situation.consented:
        return situation.cookie
    cleaned(situation)
    with override_settings(MIDDLEWARE=[CLEANER]):
        client = Client(headers={"host": "shop.example"})
        answer = client.post("/cookies/accept/", {"all_groups": "true"})
    return f"{situation.cookie}; cookie_consent={answer.cookies['cookie_consent'].coded_value}"


def cleans(situation: Situation, reply: Reply) -> bool:
    """Whether just what was sent without consent is deleted."""
    sent = LIMITED if "_ga" in situation.cookie and not situation.consented else frozenset()
    names = {line.partition("=")[0] for line in situation.lines}
    return reply.deleted == sent and reply.stored == names - sent


# -- django-cookiefilter -----------------------------------------------------------------------


def filtered(situation: Situation) -> Any:
    """Return the site with django-cookiefilter, which knows Django's own cookies."""
    return site(situation, FILTER)


def filters(situation: Situation, reply: Reply) -> bool:
    """Whether the site sees the session's cookie alone, whatever the visitor agreed to."""
    seen = ["sessionid"] if situation.cookie else []
    return sets_all(situation, reply) and reply.seen["names"] == seen


STACK: Final = Stack(
    name="Django",
    bare=Form("site", site, sets_all, package="Django"),
    gates=[
        Form("ConsentGate", gated, is_enforced, our_cookie),
        Form("ConsentGate as WSGI", wrapped, is_enforced, our_cookie),
    ],
    peers=[
        Form(
            "django-cookie-consent",
            cleaned,
            cleans,
            accepted_cookie,
            package="django-cookie-consent",
            budget=lambda _: 1 / 20,
        ),
        Form("django-cookiefilter", filtered, filters, package="django-cookiefilter"),
    ],
    situations=(NO_COOKIES, HAS_SESSION, UNDECIDED, SENT_BACK, CONSENTED),
    **driven_as_wsgi(batch=40, path=path_of),
)
