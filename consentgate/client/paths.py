"""From what a site says of itself to paths that can be asked: sitemap, OpenAPI, links."""

from __future__ import annotations

import json
import re
from collections import deque
from contextlib import suppress
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree import ElementTree as ET

from consentgate.client.framework import Route
from consentgate.client.samples import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from urllib.parse import SplitResult

__all__ = ["is_left_alone", "links", "openapi_routes", "sitemap_paths"]

_MOST_SITEMAPS: Final = 50
_MOST_REFERENCES: Final = 16
_DEEPEST_SCHEMA: Final = 3
_MOST_ALTERNATIVES: Final = 8
_LONGEST_URL: Final = 2048

# -- Sitemaps (sitemaps.org, version 0.9) ---------------------------------------------------


def sitemap_paths(get: Callable[[str], bytes | None], limit: int, *, host: str = "") -> list[str]:
    """Return the paths of a site's sitemap, each once, in its order, at most ``limit``.

    ``get`` returns the body of a path, or None. Followed are ``/sitemap.xml`` and the sitemaps
    that it lists, 50 in all. Only URLs of ``host`` count, or, where that is not given, of the
    host that is named first: a sitemap is of one host. What is no XML has no paths; of one that
    breaks off, those before.
    """
    paths: dict[str, None] = {}
    waiting = deque(["/sitemap.xml"])
    seen = set(waiting)
    while waiting and len(seen) <= _MOST_SITEMAPS and len(paths) < limit:
        for is_sitemap, location in _locations(get(waiting.popleft()) or b""):
            parts = _split(location)
            host = host or (parts.hostname or "" if parts else "")
            path = _path_at(host, parts)
            if path and is_sitemap and path not in seen:
                seen.add(path)
                waiting.append(path)
            elif path and not is_sitemap:
                paths[path] = None
    return list(paths)[:limit]


def _locations(document: bytes) -> Iterator[tuple[bool, str]]:
    """Return each URL of a sitemap, and whether it is that of another sitemap."""
    if b"<!DOCTYPE" in document:  # which no sitemap needs, and which may have entities
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


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return parts


def _path_at(host: str, parts: SplitResult | None) -> str | None:
    """Return path and query of a URL of ``host``, or of one without a host."""
    if parts is None or parts.scheme not in {"", "http", "https"}:
        return None
    is_elsewhere = parts.netloc != "" and parts.hostname != host.lower()
    if is_elsewhere or not (parts.path.startswith("/") or parts.netloc):
        return None
    return _with_query(parts)


def _with_query(parts: SplitResult) -> str | None:
    query = f"?{quote(parts.query, safe=_OF_QUERIES)}" if parts.query else ""
    path = quoted(parts.path or "/") + query
    return path if len(path) <= _LONGEST_URL else None


_OF_QUERIES: Final = "/%:@!$&'()*+,;=~?[]"

# -- OpenAPI 3 and Swagger 2 ----------------------------------------------------------------


def openapi_routes(document: bytes, *, host: str = "") -> list[Route]:
    """Return the GET operations of an OpenAPI document in JSON, in its order.

    Parameters of the path, and the query's that are required, have the values that the document
    gives as examples or defaults, else made up ones. ``servers`` count where they have no host or
    are ``host``, Swagger's ``basePath`` always. What is no such document has no operations.
    """
    try:
        whole = _mapping(json.loads(document))
    except (ValueError, RecursionError):
        return []
    base = _base(whole, host)
    found: list[Route] = []
    for template, item in _mapping(whole.get("paths")).items():
        resolved = _resolved(whole, item)
        if "get" in resolved and template.startswith("/"):
            found.append(_operation(whole, base, template, resolved))
    return found


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _sequence(value: object) -> list[Any]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _base(whole: dict[str, Any], host: str) -> str:
    """Return what stands before each path: that of the first server that may be this one."""
    candidates = [whole.get("basePath"), *map(_server_url, _sequence(whole.get("servers")))]
    for candidate in candidates:
        parts = _split(candidate) if isinstance(candidate, str) else None
        if path := _path_at(host, parts):
            return path.partition("?")[0].rstrip("/")
    return ""


def _server_url(server: object) -> object:
    url = _mapping(server).get("url")
    variables = _mapping(_mapping(server).get("variables"))
    if not isinstance(url, str):
        return None
    for name, variable in variables.items():
        url = url.replace(f"{{{name}}}", str(_mapping(variable).get("default", "")))
    return url


def _resolved(whole: dict[str, Any], value: object) -> dict[str, Any]:
    """Return what ``value`` refers to within the document (JSON Pointer, RFC 6901), or itself."""
    for _ in range(_MOST_REFERENCES):
        reference = _mapping(value).get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return _mapping(value)
        value = whole
        for part in reference[2:].split("/"):
            value = _mapping(value).get(unquote(part).replace("~1", "/").replace("~0", "~"))
    return {}


class _Parameter(NamedTuple):
    """One parameter of an operation, and the text it is given."""

    name: str
    place: str
    is_required: bool
    text: str | None


def _operation(whole: dict[str, Any], base: str, template: str, item: dict[str, Any]) -> Route:
    listed = [
        *_sequence(item.get("parameters")),
        *_sequence(_mapping(item["get"]).get("parameters")),
    ]
    every = [_parameter(whole, _resolved(whole, each)) for each in listed]
    parameters = {(each.name, each.place): each for each in every}
    path, names = _fill(template, parameters)
    query, query_names = _query(parameters)
    whole_path = None if path is None or query is None else quoted(base + path) + query
    return Route(
        base + template, whole_path, is_sample=whole_path is not None and names + query_names > 0
    )


def _fill(template: str, parameters: dict[tuple[str, str], _Parameter]) -> tuple[str | None, int]:
    pieces = re.split(r"\{([^{}]*)\}", template)
    for index in range(1, len(pieces), 2):
        parameter = parameters.get((pieces[index], "path"))
        if parameter is None or not parameter.text:
            return None, 0
        pieces[index] = quote(parameter.text, safe="")
    return "".join(pieces), len(pieces) // 2


def _query(parameters: dict[tuple[str, str], _Parameter]) -> tuple[str | None, int]:
    required = [each for each in parameters.values() if each.place == "query" and each.is_required]
    pairs = [f"{quote(each.name)}={quote(each.text)}" for each in required if each.text is not None]
    if len(pairs) < len(required):
        return None, 0
    return f"?{'&'.join(pairs)}" if pairs else "", len(pairs)


def _parameter(whole: dict[str, Any], parameter: dict[str, Any]) -> _Parameter:
    return _Parameter(
        str(parameter.get("name")),
        str(parameter.get("in")),
        parameter.get("required") is True,
        _parameter_text(whole, parameter),
    )


def _parameter_text(whole: dict[str, Any], parameter: dict[str, Any]) -> str | None:
    """Return the first that there is: what it says itself, its schema, its content's schema."""
    holders = [parameter, *map(_mapping, _mapping(parameter.get("content")).values())]
    for holder in holders:
        given = [_as_text(value) for value in _given(whole, holder)]
        text = next(filter(None, given), None) or _schema_text(whole, holder.get("schema"), 0)
        if text is not None:
            return text
    return _type_text(parameter)  # Swagger 2 has no schema here


def _given(whole: dict[str, Any], holder: dict[str, Any]) -> Iterator[object]:
    """Return the values that a parameter or schema is documented with."""
    yield holder.get("example")
    for example in _mapping(holder.get("examples")).values():
        yield _resolved(whole, example).get("value")
    yield from _sequence(holder.get("examples"))
    yield holder.get("x-example")
    yield holder.get("default")
    yield holder.get("const")
    yield from _sequence(holder.get("enum"))


def _schema_text(whole: dict[str, Any], value: object, depth: int) -> str | None:
    schema = _resolved(whole, value)
    text = next(filter(None, map(_as_text, _given(whole, schema))), None)
    text = text or _type_text(schema)
    if text or depth == _DEEPEST_SCHEMA:
        return text
    parts = [part for key in ("allOf", "anyOf", "oneOf") for part in _sequence(schema.get(key))]
    parts.append(schema.get("items"))
    found = (_schema_text(whole, part, depth + 1) for part in parts[:_MOST_ALTERNATIVES])
    return next(filter(None, found), None)


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


_OF_FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "visitor@example.org",
    "uuid": "00000000-0000-4000-8000-000000000001",
}
_OF_TYPES: Final = {"boolean": "true", "number": "1.0", "string": "example"}


def _type_text(schema: dict[str, Any]) -> str | None:
    declared = schema.get("type")
    types = [each for each in (declared, *_sequence(declared)) if isinstance(each, str)]
    name = next((each for each in types if each != "null"), "")
    if name == "string":
        return _OF_FORMATS.get(str(schema.get("format")), _OF_TYPES["string"])
    if name == "integer":
        minimum = schema.get("minimum")
        return str(max(1, minimum)) if isinstance(minimum, int) else "1"
    return _OF_TYPES.get(name)


# -- Links ----------------------------------------------------------------------------------

_LEFT_ALONE = re.compile(
    r"(log|sign)(out|off)"
    r"|(?<![a-z])((log|sign)[-_+ ](out|off)|delete|destroy|remove|unsubscribe)(?![a-z])"
)


def is_left_alone(path: str) -> bool:
    """Whether to ask for ``path`` may end the visitor's session, or take something away.

    It looks so where its path or query has ``logout``, ``logoff``, ``signout`` or ``signoff``,
    also in two words, or the word ``delete``, ``destroy``, ``remove`` or ``unsubscribe``.
    """
    return _LEFT_ALONE.search(unquote(path).lower()) is not None


def links(html: bytes, url: str) -> list[str]:
    """Return the paths of the same host that the page at ``url`` links to, each once, in order.

    Without their fragments, without downloads, and without those that are left alone, see
    `is_left_alone`.
    """
    parser = _Links(url)
    with suppress(AssertionError):  # Python 3.11, at `<![` and nothing known behind it
        parser.feed(html.decode("utf-8", "replace"))
    return list(parser.paths)


class _Links(HTMLParser):
    """Reads the links of one page."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._page = urlsplit(url)
        self._base = url
        self.paths: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the link of one element."""
        attributes = dict(attrs)
        target = self._joined(attributes.get("href"))
        if target and tag == "base":
            self._base = target
        elif target and tag == "a" and "download" not in attributes:
            self._take(_split(target))

    def _joined(self, href: str | None) -> str | None:
        try:
            return None if href is None else urljoin(self._base, href.strip())
        except ValueError:
            return None

    def _take(self, target: SplitResult | None) -> None:
        if target is None or target.scheme not in {"http", "https"}:
            return
        path = _with_query(target)
        is_here = (target.hostname, target.port) == (self._page.hostname, self._page.port)
        if path and is_here and not is_left_alone(path):
            self.paths[path] = None
