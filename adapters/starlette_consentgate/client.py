"""What `consentgate check` and `consentgate init` have to know of Starlette and FastAPI."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Host, Mount, replace_params
from starlette.routing import Route as StarletteRoute
from starlette.staticfiles import StaticFiles

from consentgate.client.framework import Framework, Route, of_other_methods
from consentgate.client.samples import quoted, sample_value
from starlette_consentgate.layers import session_cookie_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from starlette.convertors import Convertor

__all__ = ["framework"]

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY")
"""Those that an endpoint which is a class may answer to."""


class _Starlette:
    """Applications of Starlette, and of FastAPI, which are such; see `Framework`."""

    name: str = "starlette"

    def claims(self, application: object) -> bool:
        """Whether it is a `Starlette` instance."""
        return isinstance(application, Starlette)

    def from_settings(self, name: str) -> object | None:
        """Return None: Starlette has no settings that make an application."""
        del name
        return None

    def routes(self, application: object) -> Iterable[Route]:
        """Return the routes, those of mounted applications included.

        Static files and websockets are left out. Of what is mounted and is no application of
        Starlette's, the first page is all that is known. No path has what no GET may ask for, and
        what another host than the first of `hosts` answers; the pattern of the latter begins with
        that host and a ``|``.
        """
        app = cast("Starlette", application)
        yield from _walk(app.routes, _Place("", "", (), next(iter(self.hosts(app)), None)))

    def cookie_names(self, application: object) -> Mapping[str, str]:
        """Return the name that its `SessionMiddleware` gives the session's cookie."""
        return {"session": session_cookie_name(application)}

    def hosts(self, application: object) -> Iterable[str]:
        """Return what its `TrustedHostMiddleware` lets in, else the hosts of its routes.

        None where any host reaches a route.
        """
        app = cast("Starlette", application)
        return _trusted_hosts(app) or _route_hosts(app)


def _trusted_hosts(app: Starlette) -> list[str]:
    for added in app.user_middleware:
        if cast("object", added.cls) is TrustedHostMiddleware:
            make = cast("Callable[..., TrustedHostMiddleware]", added.cls)
            hosts = make(app, *added.args, **added.kwargs).allowed_hosts
            return [] if "*" in hosts else [_usable(host) for host in hosts]
    return []


def _usable(host: str) -> str:
    """Return a host that a pattern such as ``*.example.org`` lets in, which is one below it."""
    return f"www{host[1:]}" if host.startswith("*") else host


def _route_hosts(app: Starlette) -> list[str]:
    hosts = [route for route in app.routes if isinstance(route, Host)]
    if len(hosts) < len(app.routes):
        return []
    return [route.host for route in hosts if not route.param_convertors]


class _Place(NamedTuple):
    """Where in the tree of routes one is."""

    pattern: str
    path: str | None
    above: tuple[BaseRoute, ...]
    """The mounts on the way, for an application may be mounted in itself."""
    host: str | None
    """The host that is asked."""
    is_sample: bool = False

    def route(self, pattern: str, path: str | None, *, is_sample: bool) -> Route:
        """Return a route at ``path`` below this place."""
        whole = None if path is None or self.path is None else self.path + path
        return Route(self.pattern + pattern, whole, is_sample=whole is not None and is_sample)


def _walk(routes: Sequence[BaseRoute], place: _Place) -> Iterator[Route]:
    for kind, route in _effective(routes):
        if isinstance(kind, StarletteRoute):
            leaf = _leaf(route, _methods(kind, route), place)
            if leaf is not None:
                yield leaf
        elif isinstance(kind, Mount | Host) and not _is_entered(kind, place):
            enter = _in_host if isinstance(kind, Host) else _in_mount
            yield from _below(kind, enter(route, place))


def _methods(kind: StarletteRoute, route: Any) -> Collection[str] | None:
    """Return the methods of a route; None for an endpoint that says it when it is asked."""
    if route.methods or not _is_of_class(kind):
        return cast("Collection[str] | None", route.methods)
    return [method for method in _METHODS if hasattr(kind.endpoint, method.lower())]


def _is_of_class(route: StarletteRoute) -> bool:
    endpoint = cast("object", route.endpoint)
    return isinstance(endpoint, type) and issubclass(endpoint, HTTPEndpoint)


def _is_entered(route: BaseRoute, place: _Place) -> bool:
    return any(each is route for each in place.above)


def _effective(routes: Sequence[BaseRoute]) -> Iterator[tuple[BaseRoute, Any]]:
    """Return each route, and what has its path: another object in a router that FastAPI includes.

    `fastapi.routing.iter_route_contexts` is in newer FastAPI alone; in older ones, and in
    Starlette, a route has its whole path itself.
    """
    each = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    if each is None:
        return ((route, route) for route in routes)
    contexts = cast("Iterator[Any]", each(routes))
    return ((context.original_route, context) for context in contexts)


def _leaf(route: Any, methods: Collection[str] | None, place: _Place) -> Route | None:
    if methods and "GET" not in methods:
        return of_other_methods(methods, place.pattern + route.path)
    path, is_sample = _filled(route.path_format, route.param_convertors)
    return place.route(route.path, path, is_sample=place.is_sample or is_sample)


def _in_mount(mount: Any, place: _Place) -> _Place:
    convertors = {key: each for key, each in mount.param_convertors.items() if key != "path"}
    path, is_sample = _filled(mount.path_format.removesuffix("/{path}"), convertors)
    whole = None if path is None or place.path is None else place.path + path
    return place._replace(
        pattern=place.pattern + mount.path, path=whole, is_sample=place.is_sample or is_sample
    )


def _in_host(host: Any, place: _Place) -> _Place:
    if host.host == place.host:
        return place
    return place._replace(pattern=f"{host.host}|{place.pattern}", path=None)


def _below(mount: Mount | Host, place: _Place) -> Iterator[Route]:
    """Return the routes of what is mounted."""
    inner = place._replace(above=(*place.above, mount))
    if mount.routes:
        yield from _walk(mount.routes, inner)
    elif not isinstance(_without_middleware(mount), StaticFiles | Starlette):
        yield place.route("/", "/", is_sample=place.is_sample)


def _without_middleware(mount: Mount | Host) -> object:
    return getattr(mount, "_base_app", mount.app)


def _filled(path_format: str, convertors: Mapping[str, Convertor[Any]]) -> tuple[str | None, bool]:
    """Return the path with sample values, and whether it needed any."""
    values = {
        name: sample_value(convertor.regex, convertor.to_string)
        for name, convertor in convertors.items()
    }
    if None in values.values():
        return None, False
    path, _ = replace_params(path_format, dict(convertors), cast("dict[str, str]", values.copy()))
    return quoted(path), bool(values)


framework: Framework = _Starlette()
"""For the entry point."""
