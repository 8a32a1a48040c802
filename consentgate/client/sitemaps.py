"""The paths of a site's sitemap (sitemaps.org, version 0.9)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, cast
from xml.etree import ElementTree as ET

from consentgate.client.urls import path_at, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["sitemap_paths"]

_MOST_SITEMAPS: Final = 50


def sitemap_paths(get: Callable[[str], bytes | None], limit: int) -> list[str]:
    """Return the paths of a site's sitemap, each once, in its order, at most ``limit``.

    ``get`` returns the body of a path, or None. Followed are ``/sitemap.xml`` and the sitemaps
    that it lists, 50 in all. Only URLs of the host that is named first count, which need not be
    the one that is asked: a sitemap is of one host. What is no XML has no paths; of one that
    breaks off, those before.
    """
    host = ""
    paths: dict[str, None] = {}
    waiting = deque(["/sitemap.xml"])
    seen = set(waiting)
    while waiting and len(seen) <= _MOST_SITEMAPS and len(paths) < limit:
        for is_sitemap, location in _locations(get(waiting.popleft()) or b""):
            parts = split(location)
            host = host or (parts.hostname or "" if parts else "")
            path = path_at(host, parts)
            if path and is_sitemap and path not in seen:
                seen.add(path)
                waiting.append(path)
            elif path and not is_sitemap:
                paths[path] = None
    return list(paths)[:limit]


def _locations(document: bytes) -> Iterator[tuple[bool, str]]:
    """Return each URL of a sitemap, and whether it is that of another sitemap."""
    if b"<!DOCTYPE" in document.replace(b"\0", b""):  # in UTF-16, too; it may have entities
        return
    inside = ""
    for event, element in _events(document):
        tag = str(element.tag).rpartition("}")[2]
        if event == "start":
            inside = tag if tag in {"url", "sitemap"} else inside
        elif tag == "loc" and inside:
            yield inside == "sitemap", (element.text or "").strip()
        elif tag in {"url", "sitemap"}:
            inside = ""
            element.clear()


def _events(document: bytes) -> Iterator[tuple[str, ET.Element]]:
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(["start", "end"])
    try:
        parser.feed(document)
        yield from cast("Iterator[tuple[str, ET.Element]]", parser.read_events())
    except (ET.ParseError, LookupError, ValueError):  # what came before was told, all the same
        return
