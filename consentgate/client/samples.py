"""Values made up for the parameters of a URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["quoted", "sample_value"]

_TEXT: Final = "example" * 5
_VALUES: Final = (
    "example",
    1,
    1.0,
    UUID("00000000-0000-4000-8000-000000000001"),
    "2026",
    "2026-01-01",
    "en",
    *(_TEXT[:length] for length in range(1, len(_TEXT))),
)


def sample_value(
    regex: str, write: Callable[[Any], str] = str, own: Iterable[Any] = ()
) -> Any | None:
    """Return a value that ``write`` makes a text of which ``regex`` matches as a whole.

    ``write`` may raise what it likes for a value that it does not take. ``own`` are values to try
    before those that everybody takes; None is returned where nothing fits.
    """
    pattern = re.compile(regex)
    return next((each for each in (*own, *_VALUES) if _fits(pattern, write, each)), None)


def _fits(pattern: re.Pattern[str], write: Callable[[Any], object], value: object) -> bool:
    try:
        text = write(value)
    except Exception:  # noqa: BLE001, RUF100 - converters are the application's own code
        return False
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def quoted(path: str) -> str:
    """Return ``path`` as it stands in a URL; what is percent-encoded stays as it is.

    For half a surrogate pair, which no URL can have, there is a question mark.
    """
    return quote(path, safe="/%:@!$&'()*+,;=~", errors="replace")
