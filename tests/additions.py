"""What the gate adds to a response, told apart from what became of the application's lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DELETION = re.compile(
    r"[^;=]*=?; Path=/[^;]*(; Domain=[^;]+)?; Max-Age=0(; Secure)?(; HttpOnly)?(; Partitioned)?"
)
_DEPOSITS = re.compile(r"[^;=]+-deposits=[A-Za-z0-9_.-]*; Path=/; Max-Age=[0-9]+; SameSite=Lax.*")


def is_deletion(line: str) -> bool:
    """Whether the gate makes the browser delete a cookie (R18)."""
    return _DELETION.fullmatch(line) is not None


def is_deposits_cookie(line: str) -> bool:
    """Whether the gate stores dates of first deposits (R13)."""
    return _DEPOSITS.fullmatch(line) is not None


def without_additions(lines: Iterable[str]) -> list[str]:
    """Return what is left of the application's own lines, and the consent cookie."""
    return [line for line in lines if not is_deletion(line) and not is_deposits_cookie(line)]
