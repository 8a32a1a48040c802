"""What `consentgate check` and `consentgate init` have to know of Django."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import LocalePrefixPattern, RoutePattern
from django.utils.module_loading import import_string
from django.utils.regex_helper import normalize

from consentgate.client.framework import Framework, Route, of_other_methods
from consentgate.client.samples import quoted, sample_value
from django_consentgate.conf import cookie_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["framework"]

_PARAMETER = re.compile(r"<(?:[^>:]+:)?([^>]+)>")
_GROUP_OF_WORDS = re.compile(r"\((?:\?P<\w+>)?([\w-]+)[|)]")
_REGEX_SAMPLES: Final = (
    "example",
    "1",
    "2026",
    "01",
    "en",
    "00000000-0000-4000-8000-000000000001",
)


class _Django:
    """Django's handlers, which are its applications; see `Framework`."""

    name: str = "django"

    def claims(self, application: object) -> bool:
        """Whether it is what `get_wsgi_application` or `get_asgi_application` makes."""
        return isinstance(application, WSGIHandler | ASGIHandler)

    def from_settings(self, name: str) -> object | None:
        """Return the application of a settings module, which is one with ROOT_URLCONF.

        That of WSGI_APPLICATION where it is set, else of ASGI_APPLICATION, else one that is
        made. Django is set up with that module from then on. Raises `ImportError`.
        """
        module = import_module(name)
        if not hasattr(module, "ROOT_URLCONF"):
            return None
        os.environ["DJANGO_SETTINGS_MODULE"] = name
        django.setup(set_prefix=False)
        for key in ("WSGI_APPLICATION", "ASGI_APPLICATION"):
            if path := getattr(module, key, None):
                return cast("object", import_string(path))
        return WSGIHandler()

    def routes(self, application: object) -> Iterable[Route]:
        """Return the patterns of ROOT_URLCONF, in its order.

        They do not name methods: only a view that is a class, and has none for a GET, has no path.
        The admin's pattern for what is not there is left out.
        """
        del application  # its URLs are those of the settings
        resolver = get_resolver()
        return dict.fromkeys(_walk(resolver.url_patterns, _Place("/", "/")))

    def cookie_names(self, application: object) -> Mapping[str, str]:
        """Return the names that the settings give the cookies of Django's own parts."""
        del application
        return cookie_names()

    def hosts(self, application: object) -> Iterable[str]:
        """Return those of ALLOWED_HOSTS; ``localhost`` where it is empty, as with DEBUG."""
        del application
        hosts = list(settings.ALLOWED_HOSTS)
        if "*" in hosts:
            return []
        if settings.DEBUG and not hosts:
            return ["localhost"]
        return [host.removeprefix(".") for host in hosts]


class _Place(NamedTuple):
    """Where in the tree of URLs one is."""

    pattern: str
    path: str | None
    is_sample: bool = False


def _walk(patterns: Iterable[Any], place: _Place) -> Iterator[Route]:
    for each in patterns:
        here = _added(place, each.pattern)
        if not isinstance(each, URLPattern):
            yield from _walk(each.url_patterns, here)
        elif not _is_for_nothing(each):
            of_others = of_other_methods(_methods(each.callback), here.pattern)
            yield of_others or Route(here.pattern, here.path, is_sample=here.is_sample)


def _methods(callback: Any) -> list[str]:
    """Return the methods that a class has for its view; none for a view that is a function."""
    view = getattr(callback, "view_class", None)
    if view is None:
        return []
    names = callback.view_initkwargs.get("http_method_names", view.http_method_names)
    return [name for name in names if hasattr(view, name)]


def _is_for_nothing(pattern: URLPattern) -> bool:
    """Whether it is the admin's, for URLs that it does not have."""
    name = getattr(pattern.callback, "__name__", "")
    return name == "catch_all_view" and hasattr(pattern.callback, "admin_site")


def _added(place: _Place, pattern: Any) -> _Place:
    text = str(pattern)
    path, is_sample = _sampled(pattern, text)
    if path is None or place.path is None:
        return _Place(place.pattern + text, None)
    return _Place(place.pattern + text, place.path + path, place.is_sample or is_sample)


def _sampled(pattern: Any, text: str) -> tuple[str | None, bool]:
    """Return what one pattern matches, and whether any of it was made up."""
    if isinstance(pattern, LocalePrefixPattern):
        return text, False
    if isinstance(pattern, RoutePattern):
        return _sampled_route(pattern, text)
    return _sampled_regex(pattern.regex, text)


def _sampled_route(pattern: RoutePattern, route: str) -> tuple[str | None, bool]:
    texts: dict[str, str] = {}
    for name, converter in pattern.converters.items():
        value = sample_value(converter.regex, converter.to_url)
        if value is None:
            return None, False
        texts[name] = converter.to_url(value)
    return quoted(_PARAMETER.sub(lambda match: texts[match[1]], route)), bool(texts)


def _sampled_regex(regex: re.Pattern[str], text: str) -> tuple[str | None, bool]:
    """Return what a regular expression matches, as far as one text fits all its groups."""
    try:
        forms = normalize(text)
    except ValueError:
        return None, False
    for form, names in forms:
        for sample in (*_REGEX_SAMPLES, *_GROUP_OF_WORDS.findall(text)) if names else ("",):
            path = re.sub(r"%\(\w+\)s", sample, form)
            if regex.fullmatch(path) or (not text.endswith("$") and regex.match(path)):
                return quoted(path), path != _literal(text)
    return None, False


def _literal(text: str) -> str:
    return text.removeprefix("^").removesuffix("$").replace("\\", "")


framework: Framework = _Django()
"""For the entry point."""
