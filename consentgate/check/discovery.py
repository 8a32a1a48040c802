"""What a site can be asked for: its framework's map of URLs, its sitemap, its OpenAPI document."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.check.site import first_line
from consentgate.check.unasked import Unasked, shape
from consentgate.client.jar import Jar
from consentgate.client.left_alone import is_left_alone
from consentgate.client.links import links as links_of
from consentgate.client.openapi import openapi_routes
from consentgate.client.sitemaps import sitemap_paths
from consentgate.client.transports import JarTransport, new_client
from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import httpx

    from consentgate.check.site import Site
    from consentgate.client.framework import Route

    Get = Callable[[str], bytes | None]

_OPENAPI: Final = "/openapi.json"
_OK: Final = 200


class Discovery(NamedTuple):
    """What can be asked for."""

    paths: tuple[str, ...]
    """In the order in which they were found, the first page first."""
    unasked: Unasked


def discover(site: Site, *, limit: int, links: bool | None = None) -> Discovery:
    """Return what ``site`` can be asked for, at most ``limit`` paths.

    With ``links``, or where nothing else tells of paths, the links of its pages are followed.
    What may end the visit or take something away is left alone; see `is_left_alone`. Raises
    `ConfigurationError` where the framework cannot read its map of URLs.
    """
    routes = _routes(site)
    undisturbed = JarTransport(site.transport, Jar(time.time))
    with new_client(undisturbed, site.url) as client:
        get = _getter(client)
        routes = _merged(routes, openapi_routes(get(_OPENAPI) or b"", host=site.host))
        known = [route.path for route in routes if route.path is not None]
        found = dict.fromkeys(["/", *known, *sitemap_paths(get, limit)])
        left_alone = [path for path in found if is_left_alone(path)]
        paths = [path for path in found if not is_left_alone(path)]
        if links or (links is None and len(found) == 1):
            paths.extend(_followed(get, [*paths], site.url, limit))
    patterns = dict.fromkeys(route.pattern for route in routes if route.path is None)
    unasked = Unasked(tuple(patterns), tuple(left_alone), len(paths[limit:]))
    return Discovery(tuple(paths[:limit]), unasked)


def _merged(own: Iterable[Route], documented: Sequence[Route]) -> list[Route]:
    """Return all routes, but one that both know once, with the path that is documented.

    An OpenAPI document has examples and required queries, where a framework knows types alone.
    """
    paths = {shape(route.pattern): route.path for route in documented if route.path is not None}
    merged = [route._replace(path=paths.pop(shape(route.pattern), route.path)) for route in own]
    known = {shape(route.pattern) for route in merged}
    return [*merged, *(route for route in documented if shape(route.pattern) not in known)]


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
