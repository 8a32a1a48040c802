"""What a visitor chose, as a form or as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast
from urllib.parse import parse_qs, quote

from consentgate.exceptions import DecisionNotStored
from consentgate.pages import problems
from consentgate.recorder import Circumstances

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consentgate.consent import Consent
    from consentgate.page import PageRequest
    from consentgate.record import Control, Document, Method

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_LAYERS: Final[Mapping[str, tuple[Method, int | None]]] = {
    "1": ("banner", 1),
    "2": ("banner", 2),
    "preferences": ("preferences", 2),
    "0": ("placeholder", None),
}
"""By what a form of ours says of itself, where the visitor chose and on which layer."""

_MOST_FIELDS: Final = 200
_LONGEST_PATH: Final = 2048
_PATH_CHARACTERS: Final = "/?#[]@!$&'()*+,;=:%~"
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice: ``accept_all``, ``reject_all``, ``save`` with categories, or ``withdraw``."""

    choice: str
    categories: tuple[str, ...] = ()
    next: str = ""
    """A path of this site to go to afterwards, or an empty text."""
    language: str = ""
    """The language it was asked in, if the form says so."""
    layer: str = ""
    """Which of our forms asked, if one did: one of `_LAYERS`."""

    def circumstances(self, language: str, shown: Document | None) -> Circumstances:
        """Return how it was chosen, for the record of it."""
        method, layer = _LAYERS.get(self.layer, ("api", None))
        return Circumstances(method, layer, cast("Control", self.choice), language, shown)

    @property
    def method(self) -> Method:
        """Where it was chosen."""
        return _LAYERS.get(self.layer, ("api", None))[0]

    def make(self, consent: Consent, offered: Collection[str]) -> None:
        """Let ``consent`` be what was chosen of the categories that are ``offered``.

        Raises `Problem` for what cannot be chosen, or not be kept.
        """
        for category in self.categories:
            if category not in offered:
                raise problems.unknown_category(category[:_SHOWN])
        try:
            match self.choice:
                case "accept_all":
                    consent.choose(*offered, among=offered)
                case "save":
                    consent.choose(*self.categories, among=offered)
                case "reject_all" | "withdraw":
                    consent.withdraw()
                case _:
                    raise problems.unknown_choice()
        except DecisionNotStored:
            raise problems.unavailable() from None


def media_type(request: PageRequest) -> str:
    """Return the type of the request's body, without parameters."""
    return request.header("content-type").partition(";")[0].strip().lower()


def read_choice(request: PageRequest) -> Choice:
    """Return what the request's body chooses; raises `Problem`."""
    if request.body is None:
        raise problems.too_large()
    kind = media_type(request)
    if kind == FORM:
        return _from_form(read_form(request.body))
    if kind == JSON:
        return _from_json(_load(request.body))
    raise problems.wrong_type()


def read_form(text: str | bytes) -> Mapping[str, list[str]]:
    """Return the fields of a form or a query string; raises `Problem`."""
    try:
        words = text.decode() if isinstance(text, bytes) else text
        return parse_qs(words, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:  # not UTF-8, or too many fields
        raise problems.not_understood() from None


def _from_form(form: Mapping[str, list[str]]) -> Choice:
    last = {name: values[-1] for name, values in form.items()}
    return Choice(
        last.get("choice", ""),
        tuple(form.get("category", ())),
        local_path(last.get("next", "")),
        last.get("lang", ""),
        last.get("layer", ""),
    )


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise problems.not_understood() from None


def _from_json(value: object) -> Choice:
    if not isinstance(value, dict):
        raise problems.not_understood()
    table = cast("dict[str, object]", value)
    choice, categories = table.get("choice"), table.get("categories", [])
    language = table.get("lang", "")
    if not isinstance(choice, str) or not isinstance(language, str) or not _is_texts(categories):
        raise problems.unknown_choice()
    layer = str(table.get("layer", ""))
    return Choice(choice, tuple(categories), language=language, layer=layer)


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(
        isinstance(item, str) for item in cast("list[object]", value)
    )


def local_path(path: str) -> str:
    """Return ``path`` as it may stand in a Location header, or nothing if it leaves this site.

    Browsers read a backslash as a slash, and leave tabs and line breaks out (URL standard).
    """
    leaves = not path.startswith("/") or path.startswith("//") or "\\" in path
    if leaves or not path.isprintable():
        return ""
    address = quote(path, _PATH_CHARACTERS)
    return address if len(address) <= _LONGEST_PATH else ""
