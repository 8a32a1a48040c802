"""What a site can be asked for: its framework's map of URLs, its sitemap, its OpenAPI document."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.check.site import first_line
from consentgate.client.jar import Jar
from consentgate.client.paths import is_left_alone, openapi_routes, sitemap_paths
from consentgate.client.paths import links as links_of
from consentgate.client.transports import JarTransport, new_client
from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from consentgate.check.site import Site
    from consentgate.client.framework import Route

    Get = Callable[[str], bytes | None]

_OPENAPI: Final = "/openapi.json"
_OK: Final = 200


class Discovery(NamedTuple):
    """What can be asked for."""

    paths: tuple[str, ...]
    """In the order in which they were found, the first page first; last is what may end a visit,
    such as ``/logout``."""
    left_out: int
    """How many more there are than were wanted."""
    not_asked: tuple[str, ...]
    """Patterns of routes that no path could be made up for."""


def discover(site: Site, *, limit: int, links: bool | None = None) -> Discovery:
    """Return what ``site`` can be asked for, at most ``limit`` paths.

    With ``links``, or where nothing else tells of paths, the links of its pages are followed.
    Raises `ConfigurationError` where the framework cannot read its map of URLs.
    """
    routes = _routes(site)
    undisturbed = JarTransport(site.transport, Jar(time.time))
    with new_client(undisturbed, site.url) as client:
        get = _getter(client)
        routes.extend(openapi_routes(get(_OPENAPI) or b""))
        known = [route.path for route in routes if route.path is not None]
        found = dict.fromkeys(["/", *known, *sitemap_paths(get, limit)])
        if links or (links is None and len(found) == 1):
            found.update(dict.fromkeys(_followed(get, list(found), site.url, limit)))
    paths = sorted(found, key=is_left_alone)
    not_asked = dict.fromkeys(route.pattern for route in routes if route.path is None)
    return Discovery(tuple(paths[:limit]), len(paths[limit:]), tuple(not_asked))


def _routes(site: Site) -> list[Route]:
    try:
        return list(site.application.routes())
    except Exception as error:  # Django imports what has the patterns now
        target, said = site.application.target, first_line(error)
        raise ConfigurationError(f"the map of URLs of {target!r} has a fault: {said}") from error


def _getter(client: httpx.Client) -> Get:
    def get(path: str) -> bytes | None:
        try:
            response = client.get(path)
        except (Exception, SystemExit):
            return None
        return response.content if response.status_code == _OK else None

    return get


def _followed(get: Get, paths: list[str], url: str, limit: int) -> Iterator[str]:
    """Yield the paths that the pages at ``paths`` lead to, nearest first."""
    seen = set(paths)
    for path in paths:  # which grows
        if len(seen) >= limit:
            return
        for found in links_of(get(path) or b"", url + path):
            if found not in seen and len(seen) < limit:
                seen.add(found)
                paths.append(found)
                yield found
