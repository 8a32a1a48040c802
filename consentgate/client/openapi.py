"""The routes of an OpenAPI 3 or Swagger 2 document."""

from __future__ import annotations

import json
import re
from itertools import islice, starmap
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import quote, unquote

from consentgate.client.framework import Route
from consentgate.client.samples import quoted
from consentgate.client.urls import LONGEST_URL, path_at, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["openapi_routes"]

_MOST_REFERENCES: Final = 16
_DEEPEST_SCHEMA: Final = 3
_MOST_ALTERNATIVES: Final = 8
_MOST_OPERATIONS: Final = 10_000
_MOST_PARAMETERS: Final = 64


def openapi_routes(document: bytes, *, host: str = "") -> list[Route]:
    """Return the GET operations of an OpenAPI document in JSON, in its order.

    Parameters of the path, and the query's that are required, have the values that the document
    gives as examples or defaults, else made up ones. ``servers`` count where they have no host or
    are ``host``, Swagger's ``basePath`` always. What is no such document has no operations. At
    most 10 000 operations are read, and of each 64 parameters.
    """
    try:
        whole = _mapping(json.loads(document))
    except (ValueError, RecursionError):
        return []
    reader = _Document(whole, _base(whole, host))
    found = filter(None, starmap(reader.route, _mapping(whole.get("paths")).items()))
    return list(islice(found, _MOST_OPERATIONS))


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _sequence(value: object) -> list[Any]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _base(whole: dict[str, Any], host: str) -> str:
    """Return what stands before each path: that of the first server that may be this one."""
    candidates = [whole.get("basePath"), *map(_server_url, _sequence(whole.get("servers")))]
    for candidate in candidates:
        parts = split(candidate) if isinstance(candidate, str) else None
        if path := path_at(host, parts):
            return path.partition("?")[0].rstrip("/")
    return ""


def _server_url(server: object) -> str | None:
    url = _mapping(server).get("url")
    variables = _mapping(_mapping(server).get("variables"))
    for name, variable in variables.items():
        if not isinstance(url, str) or len(url) > LONGEST_URL:
            return None
        value = str(_mapping(variable).get("default", ""))
        url = url.replace(f"{{{name}}}", value[:LONGEST_URL])
    return url if isinstance(url, str) else None


class _Parameter(NamedTuple):
    """One parameter of an operation, as the document has it."""

    place: str
    name: str
    described: dict[str, Any]

    def is_asked(self) -> bool:
        """Whether the query needs it."""
        return self.place == "query" and self.described.get("required") is True


class _Document:
    """An OpenAPI document, of which nothing is worked out twice.

    A few references make schemas that are exponentially large.
    """

    def __init__(self, whole: dict[str, Any], base: str) -> None:
        self._whole = whole
        self._base = base
        self._referred: dict[str, Any] = {}
        self._values: dict[int, str | None] = {}
        self._texts: dict[tuple[int, int], str | None] = {}
        self._quotations: dict[str, str] = {}

    def route(self, template: str, value: object) -> Route | None:
        """Return the route of a path; None where no GET may ask for it."""
        item = self._resolved(value)
        if "get" not in item or not template.startswith("/") or not _is_sound(template):
            return None
        parameters = self._parameters(item)
        filled, names = self._filled(template, parameters)
        query, query_names = self._query(parameters)
        path = None if filled is None or query is None else quoted(self._base + filled) + query
        if path is None or len(path) > LONGEST_URL:
            return Route(self._base + template, None, is_sample=False)
        return Route(self._base + template, path, is_sample=names + query_names > 0)

    def _resolved(self, value: object) -> dict[str, Any]:
        """Return what ``value`` refers to within the document, or itself."""
        for _ in range(_MOST_REFERENCES):
            reference = _mapping(value).get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return _mapping(value)
            if reference not in self._referred:
                self._referred[reference] = self._at(reference)
            value = self._referred[reference]
        return {}

    def _at(self, reference: str) -> object:
        """Return the value at a JSON Pointer (RFC 6901)."""
        value: object = self._whole
        for part in reference[2:].split("/"):
            value = _mapping(value).get(unquote(part).replace("~1", "/").replace("~0", "~"))
        return value

    def _parameters(self, item: dict[str, Any]) -> dict[tuple[str, str], _Parameter]:
        """Return the parameters of a GET; those of the operation override those of its path."""
        found: dict[tuple[str, str], _Parameter] = {}
        for holder in (item, _mapping(item["get"])):
            for each in _sequence(holder.get("parameters"))[:_MOST_PARAMETERS]:
                described = self._resolved(each)
                place, name = described.get("in"), described.get("name")
                if isinstance(place, str) and isinstance(name, str):
                    found[place, name] = _Parameter(place, name, described)
        return found

    def _filled(
        self, template: str, parameters: Mapping[tuple[str, str], _Parameter]
    ) -> tuple[str | None, int]:
        """Return a path with values, and how many it took."""
        pieces = re.split(r"\{([^{}]*)\}", template)
        for index in range(1, len(pieces), 2):
            parameter = parameters.get(("path", pieces[index]))
            text = parameter and self._value(parameter.described)
            if not text:
                return None, 0
            pieces[index] = self._quoted(text)
        path = "".join(pieces)
        return (path if len(path) <= LONGEST_URL else None), len(pieces) // 2

    def _query(self, parameters: Mapping[tuple[str, str], _Parameter]) -> tuple[str | None, int]:
        """Return what stands behind the path, and how many values it took."""
        pairs: list[str] = []
        for each in filter(_Parameter.is_asked, parameters.values()):
            text = self._value(each.described)
            if text is None:
                return None, 0
            pairs.append(f"{self._quoted(each.name)}={self._quoted(text)}")
        return f"?{'&'.join(pairs)}" if pairs else "", len(pairs)

    def _quoted(self, text: str) -> str:
        if text not in self._quotations:
            self._quotations[text] = quote(text, safe="", errors="replace")
        return self._quotations[text]

    def _value(self, parameter: dict[str, Any]) -> str | None:
        key = id(parameter)  # the whole document stays, so nothing else gets its id
        if key not in self._values:
            self._values[key] = self._text(parameter)
        return self._values[key]

    def _text(self, parameter: dict[str, Any]) -> str | None:
        """Return the first that there is: what it says itself, its schema, its content's schema."""
        content = _mapping(parameter.get("content")).values()
        for holder in [parameter, *map(_mapping, islice(content, _MOST_ALTERNATIVES))]:
            text = self._given_text(holder) or self._schema_text(holder.get("schema"), 0)
            if text is not None:
                return text
        return _type_text(parameter)  # Swagger 2 has no schema here

    def _given_text(self, holder: dict[str, Any]) -> str | None:
        return next(filter(None, map(_as_text, self._given(holder))), None)

    def _given(self, holder: dict[str, Any]) -> Iterator[object]:
        """Return the values that a parameter or schema is documented with."""
        yield holder.get("example")
        for example in _mapping(holder.get("examples")).values():
            yield self._resolved(example).get("value")
        yield from _sequence(holder.get("examples"))
        yield holder.get("x-example")
        yield holder.get("default")
        yield holder.get("const")
        yield from _sequence(holder.get("enum"))

    def _schema_text(self, value: object, depth: int) -> str | None:
        schema = self._resolved(value)
        if not schema:
            return None
        key = (id(schema), depth)
        if key not in self._texts:
            self._texts[key] = self._given_text(schema) or _type_text(schema)
            if self._texts[key] is None and depth < _DEEPEST_SCHEMA:
                self._texts[key] = self._text_of_parts(schema, depth + 1)
        return self._texts[key]

    def _text_of_parts(self, schema: dict[str, Any], depth: int) -> str | None:
        parts = [part for key in ("allOf", "anyOf", "oneOf") for part in _sequence(schema.get(key))]
        parts.append(schema.get("items"))
        found = (self._schema_text(part, depth) for part in parts[:_MOST_ALTERNATIVES])
        return next(filter(None, found), None)


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, str | int | float) else None
    return text if text is None or len(text) <= LONGEST_URL else None


def _is_sound(text: str) -> bool:
    """Whether ``text`` can be in a URL: it is not too long, and has no half of a surrogate pair."""
    return len(text) <= LONGEST_URL and not any("\ud800" <= each <= "\udfff" for each in text)


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
