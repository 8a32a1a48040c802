"""What adapters know of their frameworks: whose an application is, its URLs and its hosts."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import django_site
import httpx
import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings
from django.urls import include, path, re_path, register_converter
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView, View
from django_consentgate.client import framework as django_framework
from fastapi import APIRouter, FastAPI
from flask import Blueprint, Flask
from flask_consentgate.client import framework as flask_framework
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette_consentgate.client import framework as starlette_framework
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

import consentgate.client.framework as framework_module
from consentgate import ConfigurationError
from consentgate.client import Application, Framework, load_application, new_transport
from consentgate.client.framework import framework_of, frameworks, of_other_methods

EXAMPLES = Path(__file__).parent.parent / "examples"
UUID = "00000000-0000-4000-8000-000000000001"


def routes(framework: Framework, application: object) -> dict[str, tuple[str | None, bool]]:
    """Return what a framework says of an application's URLs, by their patterns."""
    found = list(framework.routes(application))
    by_pattern = {route.pattern: (route.path, route.is_sample) for route in found}
    assert len(by_pattern) == len(found)
    return by_pattern


def paths(framework: Framework, application: object) -> dict[str, str | None]:
    """Return the path that stands for each pattern."""
    return {pattern: found[0] for pattern, found in routes(framework, application).items()}


def answer(*_: Any, **__: Any) -> Any:
    """Stand for a view; it is never called."""
    raise AssertionError


# -- All of them ----------------------------------------------------------------------------


def test_adapters_are_found_by_their_entry_points() -> None:
    """Every adapter that is installed has said what it knows of its framework."""
    assert [each.name for each in frameworks()] == ["django", "flask", "starlette"]


def test_adapters_without_their_framework_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An adapter whose framework is not installed here cannot be asked, and need not be."""
    missing = EntryPoint("gone", "nowhere_at_all:framework", framework_module.GROUP)
    monkeypatch.setattr(framework_module, "entry_points", lambda group: [missing])
    assert [] == list(frameworks())


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("flask", Flask("shop")),
        ("flask", SimpleNamespace(app=Flask("shop"))),
        ("django", WSGIHandler()),
        ("starlette", FastAPI()),
    ],
)
def test_an_application_whose_extra_is_missing_is_not_taken_for_any(
    monkeypatch: pytest.MonkeyPatch, name: str, application: Any
) -> None:
    """Of an application that no framework is known of little more than "/" would be asked."""
    extra = EntryPoint(name, "nowhere_at_all:framework", framework_module.GROUP)
    monkeypatch.setattr(framework_module, "entry_points", lambda group: [extra])
    with pytest.raises(ConfigurationError, match=f"{name.capitalize()} needs nowhere_at_all"):
        framework_of(application)
    assert (None, print) == framework_of(print)


@pytest.mark.parametrize(
    ("framework", "application", "stranger"),
    [
        (flask_framework, Flask("shop"), Starlette()),
        (starlette_framework, Starlette(), Flask("shop")),
        (starlette_framework, FastAPI(), WSGIHandler),
        (django_framework, WSGIHandler(), Starlette()),
        (django_framework, ASGIHandler(), Flask("shop")),
    ],
)
def test_a_framework_knows_its_own(
    framework: Framework, application: object, stranger: object
) -> None:
    """An application is claimed by its own framework's adapter and by no other."""
    assert (True, False) == (framework.claims(application), framework.claims(stranger))
    assert (framework, application) == framework_of(application)


@pytest.mark.parametrize("framework", [flask_framework, starlette_framework, django_framework])
def test_other_modules_are_no_settings(framework: Framework) -> None:
    """A module that is no settings module makes no application."""
    assert framework.from_settings("json") is None


class Wrapper:
    """Middleware that keeps what it is around in its own way."""

    def __init__(self, name: str, application: object) -> None:
        setattr(self, name, application)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer nothing."""


@pytest.mark.parametrize("name", ["app", "application", "_app"])
def test_an_application_is_found_within_its_middleware(name: str) -> None:
    """Layers of middleware hide neither the framework nor what of the application is its own."""
    shop = Flask("shop")
    wrapped = ProxyFix(Wrapper(name, Wrapper(name, shop)))
    assert (flask_framework, shop) == framework_of(wrapped)


def test_an_application_is_found_by_its_method() -> None:
    """What is around `Flask.wsgi_app` is around the application."""
    shop = Flask("shop")
    assert (flask_framework, shop) == framework_of(ProxyFix(shop.wsgi_app))


def test_what_no_adapter_knows_has_no_framework() -> None:
    """A plain function, one without attributes, and layers without an end, are nobody's."""
    endless = Wrapper("app", None)
    endless.app = endless  # type: ignore[attr-defined]
    assert (None, len) == framework_of(len)
    assert (None, answer) == framework_of(answer)
    assert (None, endless) == framework_of(endless)


def test_methods_are_sorted() -> None:
    """A route of other methods than GET and HEAD is called by them, always in the same order."""
    route = of_other_methods(["query", "PUT", "post", "OPTIONS", "delete", "PATCH"], "/x")
    assert ("DELETE,PATCH,POST,PUT,QUERY /x", None, False) == route


# -- Flask ----------------------------------------------------------------------------------


class Colour(BaseConverter):
    """Values that are written as something else."""

    regex = "#[0-9]"

    def to_url(self, value: Any) -> str:
        """Return the number of a colour."""
        return f"#{int(value)}"


class Roman(BaseConverter):
    """Values that nobody can make up."""

    regex = "[IVX]+"


def flask_shop(*rules: str, **options: Any) -> Flask:
    """Return an application with these rules."""
    shop = Flask("shop", **options)
    shop.url_map.converters.update(colour=Colour, roman=Roman)
    for rule in rules:
        shop.add_url_rule(rule, rule.replace(".", "-"), answer)
    return shop


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("/about", ("/about", False)),
        ("/é", ("/%C3%A9", False)),
        ("/<name>", ("/example", True)),
        ("/<string(length=2):language>", ("/en", True)),
        ("/<string(minlength=9):name>", (f"/{UUID}", True)),
        ("/<int:number>/edit", ("/1/edit", True)),
        ("/<int(min=5):number>", ("/5", True)),
        ("/<int(max=0):number>", ("/0", True)),
        ("/<int(min=5, max=4):number>", (None, False)),
        ("/<int(fixed_digits=4):number>", ("/0001", True)),
        ("/<float:price>", ("/1.0", True)),
        ("/<path:page>", ("/example", True)),
        ("/<uuid:key>", (f"/{UUID}", True)),
        ("/<any(shoes, hats):kind>", ("/hats", True)),
        ("/<colour:colour>/<int:number>", ("/#1/1", True)),
        ("/<roman:number>", (None, False)),
    ],
)
def test_flask_rules_get_sample_values(rule: str, expected: tuple[str | None, bool]) -> None:
    """Each parameter is given a value that its converter reads."""
    assert {rule: expected} == routes(flask_framework, flask_shop(rule, static_folder=None))


@pytest.mark.parametrize(
    "rule", ["/<string(minlength=9):name>", "/<int(fixed_digits=4):n>", "/<any(a, b):c>", "/<x>/é"]
)
def test_a_flask_path_leads_to_its_rule(rule: str) -> None:
    """What was made up is matched by the rule it was made up for."""
    shop = flask_shop(rule)
    (found,) = routes(flask_framework, shop).values()
    with shop.test_request_context(found[0]) as context:
        assert context.request.url_rule is not None
        assert rule == context.request.url_rule.rule


def test_flask_rules_of_other_methods_have_no_path() -> None:
    """What no GET may ask for is there by its methods, and not as something to ask."""
    shop = flask_shop("/", static_folder=None)
    shop.add_url_rule("/basket", view_func=answer, methods=["POST"])
    shop.add_url_rule("/<roman:x>", view_func=answer, methods=["PUT", "DELETE"])
    shop.add_url_rule("/head", view_func=answer, methods=["HEAD", "POST"])
    shop.add_url_rule("/options", view_func=answer, methods=["OPTIONS"])
    shop.add_url_rule("/both", view_func=answer, methods=["GET", "POST"])
    shop.add_url_rule("/users", view_func=answer, methods=["POST"], subdomain="admin")
    assert {
        "/": "/",
        "POST /basket": None,
        "DELETE,PUT /<roman:x>": None,
        "/both": "/both",
        "POST admin|/users": None,
    } == paths(flask_framework, shop)


def test_flask_files_are_not_asked() -> None:
    """Static files, websockets and what is only built are left out."""
    shop = flask_shop("/")
    shop.add_url_rule("/only-built", "built", build_only=True)
    shop.add_url_rule("/socket", "socket", websocket=True)
    shop.register_blueprint(Blueprint("blog", "shop", static_folder="/files", url_prefix="/blog"))
    assert {"/": "/"} == paths(flask_framework, shop)


def test_flask_rules_with_defaults_need_no_value() -> None:
    """A rule that has its parameter's value as a default has a path of its own."""
    shop = flask_shop()
    shop.add_url_rule("/pages/", "pages", answer, defaults={"page": 1})
    shop.add_url_rule("/pages/<int:page>", "pages", answer)
    assert {
        "/pages/": ("/pages/", False),
        "/pages/<int:page>": ("/pages/1", True),
    } == routes(flask_framework, shop)


def test_flask_rules_of_other_subdomains_have_no_path() -> None:
    """A path of the first host cannot lead to what another subdomain answers."""
    shop = flask_shop("/", subdomain_matching=True, static_folder=None)
    shop.config["SERVER_NAME"] = "shop.example:8000"
    shop.add_url_rule("/users", "users", answer, subdomain="admin")
    assert {"/": "/", "admin|/users": None} == paths(flask_framework, shop)
    assert ["shop.example:8000"] == list(flask_framework.hosts(shop))


def test_flask_rules_are_asked_at_their_default_subdomain() -> None:
    """Where rules are of a subdomain unless they say otherwise, that is the host."""
    shop = flask_shop(subdomain_matching=True)
    shop.url_map.default_subdomain = "www"
    shop.config["SERVER_NAME"] = "shop.example"
    shop.add_url_rule("/", "home", answer)
    assert "/" in paths(flask_framework, shop)
    assert ["www.shop.example"] == list(flask_framework.hosts(shop))


def test_flask_rules_of_the_first_host_have_paths() -> None:
    """With host matching the hosts are those of the rules, and the first one's are asked."""
    shop = Flask("shop", host_matching=True, static_host="shop.example")
    shop.add_url_rule("/", "home", answer, host="shop.example")
    shop.add_url_rule("/users", "users", answer, host="admin.example")
    shop.add_url_rule("/x", "any", answer, host="<tenant>.example")
    shop.add_url_rule("/lost", "lost", answer)
    assert {
        "/": "/",
        "admin.example|/users": None,
        "<tenant>.example|/x": None,
        "|/lost": None,
    } == paths(flask_framework, shop)
    assert ["shop.example", "admin.example"] == list(flask_framework.hosts(shop))


def test_flask_hosts_are_those_it_trusts() -> None:
    """An application with TRUSTED_HOSTS answers to them, one without to any."""
    shop = flask_shop("/")
    assert [] == list(flask_framework.hosts(shop))
    shop.config.update(SERVER_NAME="a.example", TRUSTED_HOSTS=["a.example", ".b.example"])
    assert ["a.example", "b.example"] == list(flask_framework.hosts(shop))


def test_flask_cookies_have_the_names_of_its_configuration() -> None:
    """The session's cookie, and Flask-Login's where there is one, are known by their own names."""
    shop = flask_shop()
    shop.config["SESSION_COOKIE_NAME"] = "shop"
    assert {"session": "shop"} == flask_framework.cookie_names(shop)
    shop.config["REMEMBER_COOKIE_NAME"] = "remember"
    assert {"session": "shop", "remember_token": "remember"} == flask_framework.cookie_names(shop)


def test_many_flask_rules_are_no_trouble() -> None:
    """Thousands of rules are returned, in the order of the map."""
    shop = flask_shop(*(f"/{number}/<int:x>" for number in range(3000)), static_folder=None)
    expected = [f"/{number}/1" for number in range(3000)]
    assert expected == list(paths(flask_framework, shop).values())


# -- Starlette and FastAPI ------------------------------------------------------------------


class RomanConvertor(Convertor[str]):
    """Values that nobody can make up."""

    regex = "[IVX]+"

    def to_string(self, value: str) -> str:
        """Return it as it is."""
        return value


register_url_convertor("roman", RomanConvertor())


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("/about", ("/about", False)),
        ("/é", ("/%C3%A9", False)),
        ("/{name}", ("/example", True)),
        ("/{number:int}/edit", ("/1/edit", True)),
        ("/{price:float}", ("/1", True)),
        ("/{page:path}", ("/example", True)),
        ("/{key:uuid}/{number:int}", (f"/{UUID}/1", True)),
        ("/{number:roman}", (None, False)),
    ],
)
def test_starlette_routes_get_sample_values(route: str, expected: tuple[str | None, bool]) -> None:
    """Each parameter is given a value that its convertor reads."""
    shop = Starlette(routes=[Route(route, answer)])
    assert {route: expected} == routes(starlette_framework, shop)


def test_starlette_mounts_are_looked_into() -> None:
    """Routes of mounted applications and routers have the paths of their mounts before them."""
    inner = Starlette(routes=[Route("/", answer), Route("/{name}", answer)])
    router = Router([Mount("/deep", inner)])
    shop = Starlette(
        routes=[
            Mount("/a", router),
            Mount(
                "/{tenant}", routes=[Route("/x", answer)], middleware=[Middleware(GZipMiddleware)]
            ),
            Mount("/{number:roman}", routes=[Route("/y", answer), Mount("/z", inner)]),
            Mount("", routes=[Route("/root", answer)]),
        ]
    )
    assert {
        "/a/deep/": ("/a/deep/", False),
        "/a/deep/{name}": ("/a/deep/example", True),
        "/{tenant}/x": ("/example/x", True),
        "/{number:roman}/y": (None, False),
        "/{number:roman}/z/": (None, False),
        "/{number:roman}/z/{name}": (None, False),
        "/root": ("/root", False),
    } == routes(starlette_framework, shop)


def test_starlette_routes_of_other_methods_have_no_path() -> None:
    """What no GET may ask for is there by its methods, also where a class answers.

    A class that is not Starlette's own says which methods it has when it is asked.
    """

    def endpoint(*methods: str) -> type:
        return type("Endpoint", (HTTPEndpoint,), dict.fromkeys(methods, answer))

    shop = Starlette(
        routes=[
            Mount("/in", routes=[Route("/basket", answer, methods=["POST"])]),
            Route("/{x:roman}", answer, methods=["PUT", "DELETE"]),
            Route("/head", answer, methods=["HEAD"]),
            Route("/class", type("Endpoint", (), {})),
            Route("/get", endpoint("get", "post")),
            Route("/post", endpoint("post", "query")),
            Route("/said", endpoint("get", "post"), methods=["POST"]),
            Route("/none", endpoint()),
            Host("admin.example", Router([Route("/users", answer, methods=["POST"])])),
        ]
    )
    assert {
        "POST /in/basket": None,
        "DELETE,PUT /{x:roman}": None,
        "/class": "/class",
        "/get": "/get",
        "POST,QUERY /post": None,
        "POST /said": None,
        "/none": "/none",
        "POST admin.example|/users": None,
    } == paths(starlette_framework, shop)


def test_starlette_files_are_not_asked(tmp_path: Path) -> None:
    """Websockets and static files are left out; of strangers the first page is in."""
    shop = Starlette(
        routes=[
            WebSocketRoute("/socket", answer),
            Mount("/files", StaticFiles(directory=tmp_path)),
            Mount("/empty", Starlette()),
            Mount("/old", len, name="old"),  # type: ignore[arg-type]
        ]
    )
    assert {"/old/": "/old/"} == paths(starlette_framework, shop)


def test_an_application_mounted_in_itself_ends() -> None:
    """What is mounted in itself is entered once."""
    shop = Starlette(routes=[Route("/x", answer)])
    shop.mount("/again", shop)
    assert ["/x", "/again/x"] == list(paths(starlette_framework, shop).values())


def test_starlette_hosts_are_those_it_trusts() -> None:
    """What the trusted hosts' middleware lets in is a host to ask, and a star lets in any."""

    def hosts(*trusted: str) -> list[str]:
        middleware = [
            Middleware(SessionMiddleware, secret_key="key"),
            Middleware(TrustedHostMiddleware, allowed_hosts=trusted),
        ]
        return list(starlette_framework.hosts(Starlette(middleware=middleware)))

    assert ["a.example", "www.b.example"] == hosts("a.example", "*.b.example")
    assert [] == hosts("a.example", "*")
    assert [] == list(starlette_framework.hosts(Starlette()))


def test_starlette_routes_of_the_first_host_have_paths() -> None:
    """Where all routes are of a host, the first one's are asked."""
    site = Router([Route("/", answer)])
    shop = Starlette(routes=[Host("shop.example", site), Host("{tenant}.example", site)])
    assert ["shop.example"] == list(starlette_framework.hosts(shop))
    assert {"/": "/", "{tenant}.example|/": None} == paths(starlette_framework, shop)


def test_starlette_routes_of_hosts_beside_others_have_no_path() -> None:
    """Where some routes answer to any host, those of one host are not asked."""
    shop = Starlette(
        routes=[Host("admin.example", Router([Route("/users", answer)])), Route("/", answer)]
    )
    assert [] == list(starlette_framework.hosts(shop))
    assert {"admin.example|/users": None, "/": "/"} == paths(starlette_framework, shop)


def test_fastapi_routers_are_looked_into() -> None:
    """Routers within routers, mounts within them, and FastAPI's own pages, all have their paths."""
    items, deep = APIRouter(prefix="/items"), APIRouter(prefix="/deep")
    items.add_api_route("/{number}", lambda number: number)
    items.add_api_route("/", lambda: "", methods=["POST"])
    deep.add_api_route("/x", lambda: "")
    items.include_router(deep)
    shop = FastAPI()
    shop.include_router(items, prefix="/api")
    sub = FastAPI(openapi_url=None)
    sub.add_api_route("/y", lambda: "")
    shop.mount("/sub", sub)
    assert {
        "/openapi.json": "/openapi.json",
        "/docs": "/docs",
        "/docs/oauth2-redirect": "/docs/oauth2-redirect",
        "/redoc": "/redoc",
        "/api/items/{number}": "/api/items/example",
        "POST /api/items/": None,
        "/api/items/deep/x": "/api/items/deep/x",
        "/sub/y": "/sub/y",
    } == paths(starlette_framework, shop)


def test_fastapi_need_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without FastAPI, or with an older one, a route has its path itself."""
    monkeypatch.delitem(sys.modules, "fastapi.routing")
    shop = Starlette(routes=[Route("/", answer)])
    assert {"/": "/"} == paths(starlette_framework, shop)


def test_starlette_cookies_have_the_names_of_its_middleware() -> None:
    """The session's cookie is known by the name that its middleware gives it."""
    middleware = [Middleware(SessionMiddleware, secret_key="key", session_cookie="shop")]
    shop = Starlette(middleware=middleware)
    assert {"session": "shop"} == starlette_framework.cookie_names(shop)


# -- Django ---------------------------------------------------------------------------------


class RomanDjangoConverter:
    """Values that nobody can make up."""

    regex = "[IVX]+"

    def to_python(self, value: str) -> str:
        """Return it as it is."""
        return value

    to_url = to_python


register_converter(RomanDjangoConverter, "roman")


def django_routes(*patterns: Any, **settings: Any) -> dict[str, tuple[str | None, bool]]:
    """Return what is said of a site with these URLs."""
    with override_settings(ROOT_URLCONF=patterns, **settings):
        return routes(django_framework, WSGIHandler())


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("", ("/", False)),
        ("about/", ("/about/", False)),
        ("é", ("/%C3%A9", False)),
        ("<name>/", ("/example/", True)),
        ("<str:name>", ("/example", True)),
        ("<int:number>/edit", ("/1/edit", True)),
        ("<slug:name>", ("/example", True)),
        ("<path:page>", ("/example", True)),
        ("<uuid:key>/<int:number>", (f"/{UUID}/1", True)),
        ("<roman:number>", (None, False)),
    ],
)
def test_django_routes_get_sample_values(route: str, expected: tuple[str | None, bool]) -> None:
    """Each parameter is given a value that its converter reads."""
    assert {f"/{route}": expected} == django_routes(path(route, answer))


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (r"^about/$", ("/about/", False)),
        (r"^robots\.txt$", ("/robots.txt", False)),
        (r"^prefix", ("/prefix", False)),
        (r"^s?hop/$", ("/hop/", True)),
        (r"^(?P<slug>[-\w]+)/$", ("/example/", True)),
        (r"^([0-9]{4})/(\d+)/$", ("/2026/2026/", True)),
        (r"^(?P<language>[a-z]{2})/$", ("/en/", True)),
        (r"^(?P<app>auth|shop)/$", ("/auth/", True)),
        (r"^(?P<number>[IVX]+)/$", (None, False)),
        (r"^(?:a|b)/$", (None, False)),
        (r"^(?s:x)/$", (None, False)),
    ],
)
def test_django_regular_expressions_get_sample_values(
    regex: str, expected: tuple[str | None, bool]
) -> None:
    """A path is made up for a regular expression where one text fits its groups."""
    assert {f"/{regex}": expected} == django_routes(re_path(regex, answer))


def test_django_includes_are_looked_into() -> None:
    """Included URLs have the paths of their prefixes; languages have the one of the settings."""
    shop = [path("", answer), path("<int:number>", answer)]
    with override_settings(LANGUAGE_CODE="fr"):
        patterns = i18n_patterns(path("contact", answer))
        found = django_routes(
            path("shop/", include(shop)),
            path("<roman:number>/", include(shop)),
            re_path("^old/", include(shop)),
            *patterns,
            path("shop/", include(shop)),
        )
    assert {
        "/shop/": ("/shop/", False),
        "/shop/<int:number>": ("/shop/1", True),
        "/<roman:number>/": (None, False),
        "/<roman:number>/<int:number>": (None, False),
        "/^old/": ("/old/", False),
        "/^old/<int:number>": ("/old/1", True),
        "/fr/contact": ("/fr/contact", False),
    } == found


def test_django_views_of_other_methods_have_no_path() -> None:
    """A view that is a class without a method for GET is not asked, whatever decorates it."""

    class Both(View):
        get = post = answer

    class Post(View):
        post = answer

    class Sign(TemplateView):  # as Django's own LogoutView
        http_method_names = ("post", "options")
        post = answer

    assert {
        "/both": "/both",
        "POST /said": None,
        "POST /in/<roman:x>": None,
        "POST /sign": None,
        "/none": "/none",
    } == {
        pattern: found[0]
        for pattern, found in django_routes(
            path("both", Both.as_view()),
            path("said", Both.as_view(http_method_names=["post"])),
            path("in/", include([path("<roman:x>", csrf_exempt(Post.as_view()))])),
            path("sign", Sign.as_view()),
            path("none", View.as_view()),
        ).items()
    }


def test_the_admin_is_asked_without_what_it_lacks() -> None:
    """The pattern with which Django's admin answers to all else is left out."""
    site = admin.AdminSite()
    wrapped = site.admin_view(site.catch_all_view)
    wrapped.admin_site = site  # type: ignore[attr-defined]  # as its own get_urls does
    found = django_routes(
        path("admin/", include([path("", answer), re_path(r"(?P<url>.*)$", wrapped)]))
    )
    assert {"/admin/": ("/admin/", False)} == found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"ALLOWED_HOSTS": ["*"]}, []),
        ({"ALLOWED_HOSTS": ["shop.example", "*"]}, []),
        ({"ALLOWED_HOSTS": [".shop.example", "[::1]"]}, ["shop.example", "[::1]"]),
        ({"ALLOWED_HOSTS": [], "DEBUG": True}, ["localhost"]),
        ({"ALLOWED_HOSTS": [], "DEBUG": False}, []),
    ],
)
def test_django_hosts_are_those_it_allows(settings: dict[str, Any], expected: list[str]) -> None:
    """ALLOWED_HOSTS are hosts to ask; a dot before one allows that one as well."""
    with override_settings(**settings):
        assert expected == list(django_framework.hosts(WSGIHandler()))


def test_django_cookies_have_the_names_of_its_settings() -> None:
    """Cookies of Django's own parts are known by the names that settings give them."""
    assert {
        "sessionid": "shop_session",
        "csrftoken": "shop_csrf",
        "django_language": "shop_language",
    } == django_framework.cookie_names(WSGIHandler())


@pytest.fixture
def settings_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a settings module that can be imported."""
    module = ModuleType("shop_settings")
    monkeypatch.setitem(sys.modules, "shop_settings", module)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "before")
    return module


def test_django_settings_make_an_application(settings_module: Any) -> None:
    """A module with ROOT_URLCONF is a site's settings, and Django's from then on."""
    settings_module.ROOT_URLCONF = "shop.urls"
    application = load_application("shop_settings")
    assert isinstance(application.call, WSGIHandler)
    assert (django_framework, "wsgi") == (application.framework, application.interface)


@pytest.mark.parametrize(
    ("settings", "expected", "interface"),
    [
        ({"WSGI_APPLICATION": "shop_wsgi.wsgi", "ASGI_APPLICATION": "shop_wsgi.asgi"}, 0, "wsgi"),
        ({"WSGI_APPLICATION": None, "ASGI_APPLICATION": "shop_wsgi.asgi"}, 1, "asgi"),
    ],
)
def test_django_settings_may_name_the_application(
    settings_module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    expected: int,
    interface: str,
) -> None:
    """The application that settings name is the one that is asked."""
    handlers = (WSGIHandler(), ASGIHandler())
    named = SimpleNamespace(wsgi=handlers[0], asgi=handlers[1])
    monkeypatch.setitem(sys.modules, "shop_wsgi", named)  # type: ignore[arg-type]
    vars(settings_module).update(settings, ROOT_URLCONF="shop.urls")
    application = load_application("shop_settings")
    assert handlers[expected] is application.call
    assert interface == application.interface


# -- The examples ---------------------------------------------------------------------------


PAGES = ["/", "/product"]
FORMS = ["POST /basket", "POST /login", "POST /logout", "POST /language"]


@pytest.mark.parametrize(
    ("target", "framework", "expected"),
    [
        ("flask_shop:app", "flask", PAGES),
        ("starlette_shop:app", "starlette", PAGES),
        (
            "fastapi_shop:app",
            "starlette",
            ["/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", *PAGES],
        ),
        ("wsgi_shop:app", None, []),
    ],
)
@pytest.mark.usefixtures("in_examples")
def test_examples_say_what_they_answer(
    target: str, framework: str | None, expected: list[str]
) -> None:
    """Each example's pages are found by its framework, and are there when they are asked for."""
    application = load_application(target)
    assert framework == (application.framework and application.framework.name)
    found = list(application.routes())
    assert expected == [route.path for route in found if route.path is not None]
    assert (FORMS if framework else []) == [each.pattern for each in found if each.path is None]
    assert [200] * len(PAGES) == statuses(application, PAGES)


def statuses(application: Application, asked: list[str]) -> list[int]:
    """Ask for paths, and return the status of each answer."""
    with (
        new_transport(application, timeout=10) as transport,
        httpx.Client(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        return [client.get(path).status_code for path in asked]


def test_the_django_example_says_what_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's URL map is found; its own settings are left out, for Django is set up here."""
    monkeypatch.setattr(type(django_site.settings), "configure", lambda *_, **__: None)
    spec = importlib.util.spec_from_file_location("django_shop", EXAMPLES / "django_shop.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "django_shop", module)
    spec.loader.exec_module(module)
    with override_settings(ROOT_URLCONF="django_shop"):
        found = paths(django_framework, module.app)
    assert ["/", "/product", "/basket", "/login", "/logout", "/language"] == list(found.values())


def test_pages_without_get_are_plain() -> None:
    """A response of Starlette's is what its routes give when they are asked in earnest."""
    shop = Starlette(routes=[Route("/{name}", lambda request: PlainTextResponse("Tea"))])
    application = Application("shop:app", shop, "asgi", starlette_framework, shop)
    (route,) = application.routes()
    assert route.path
    assert [200] == statuses(application, [route.path])
