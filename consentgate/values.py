"""Checks of the single values a policy is made of; each error names the key and the remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast, get_args

from consentgate.duration import parse_duration
from consentgate.exceptions import PolicyError

K = TypeVar("K")
V = TypeVar("V")

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class ReadOnlyDict(dict[K, V]):
    """A dictionary that stays as it was made; unlike a mapping proxy, JSON and pickle know it."""

    def __reduce__(self) -> tuple[type[ReadOnlyDict[K, V]], tuple[dict[K, V]]]:
        return type(self), (dict(self),)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("what a policy says does not change; make another policy")


_CHANGES = ("clear", "pop", "popitem", "setdefault", "update")
for _name in ("__delitem__", "__ior__", "__setitem__", *_CHANGES):
    setattr(ReadOnlyDict, _name, _refuse)


def frozen(instance: object, **values: object) -> None:
    """Set the fields of a frozen dataclass that has an ``__init__`` of its own."""
    for name, value in values.items():
        object.__setattr__(instance, name, value)


def choice(value: object, choices: Any, key: str) -> Any:
    """Return ``value`` if it is one of those of the literal type ``choices``."""
    known = get_args(choices)
    if value not in known:
        raise PolicyError(f"{value!r} is none of {', '.join(map(repr, known))}", key=key)
    return value


def text(value: object, key: str) -> str:
    """Return ``value`` if it is text."""
    if not isinstance(value, str):
        raise PolicyError(f"{value!r} is not text; put it in quotes", key=key)
    return value


def flag(value: object, key: str) -> bool:
    """Return ``value`` if it is true or false."""
    if not isinstance(value, bool):
        raise PolicyError(f"{value!r} is neither true nor false", key=key)
    return value


def duration(value: object, key: str) -> int:
    """Return the seconds of ``value``."""
    try:
        return parse_duration(value)
    except PolicyError as error:
        raise error.below(key) from None


def translations(value: object, key: str) -> Mapping[str, str]:
    """Return texts by language tag."""
    table = _table(value, key, "names no language; write { en = '…' }")
    return ReadOnlyDict(
        {_language(tag, key): text(words, f"{key}.{tag}") for tag, words in table.items()}
    )


def texts_by_language(value: object, key: str) -> Mapping[str, Mapping[str, str]]:
    """Return texts by name, by language tag."""
    tables = _table(value, key, f"names no language; write [{key}.en]")
    return ReadOnlyDict(
        {_language(tag, key): _texts(texts, f"{key}.{tag}") for tag, texts in tables.items()}
    )


def _texts(value: object, key: str) -> Mapping[str, str]:
    table = _table(value, key, f"is not a table; write [{key}]")
    return ReadOnlyDict(
        {text(name, key): text(words, f"{key}.{name}") for name, words in table.items()}
    )


def _table(value: object, key: str, mistake: str) -> Mapping[object, object]:
    if not isinstance(value, Mapping):
        raise PolicyError(f"{value!r} {mistake}", key=key)
    return cast("Mapping[object, object]", value)


def _language(value: object, key: str) -> str:
    if not _LANGUAGE.fullmatch(text(value, key)):
        raise PolicyError(f"{value!r} is no language tag; write 'en' or 'pt-BR' (BCP 47)", key=key)
    return cast("str", value)
