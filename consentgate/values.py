"""Checks of the single values a policy is made of; each error names the key and the remedy."""

from __future__ import annotations

from typing import Any, cast, get_args

from consentgate.duration import parse_duration
from consentgate.exceptions import PolicyError


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


def translations(value: object, key: str) -> dict[str, str]:
    """Return texts by language tag (BCP 47)."""
    if not isinstance(value, dict):
        raise PolicyError(f"{value!r} names no language; write {{ en = '…' }}", key=key)
    table = cast("dict[object, object]", value)
    return {text(tag, key): text(words, f"{key}.{tag}") for tag, words in table.items()}
