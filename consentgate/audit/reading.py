"""What a page shows: its links, its picture, and the JSON that it is."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from playwright.sync_api import Error as PlaywrightError

from consentgate.audit.asking import ask
from consentgate.audit.storage import items

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page, Response

__all__ = ["json_of", "links_of", "picture_of"]

_MOST_JSON: Final = 1_000_000
"""Bytes."""
_LINKS: Final = """() => [...document.links].slice(0, 1000)
    .filter(link => !link.hasAttribute("download")).map(link => String(link.href))"""


def links_of(frame: Frame, timeout: float) -> list[str]:
    """Return the addresses that a page links to, in its order, asked for ``timeout`` seconds."""
    answer: object = None
    with suppress(PlaywrightError):
        answer = ask(frame, _LINKS, timeout=timeout)
    return [link for link in items(answer) if isinstance(link, str)]


def json_of(response: Response) -> object:
    """Return the JSON of a response; None where it has none, or too much."""
    with suppress(PlaywrightError, ValueError, RecursionError):
        body = response.body()
        return json.loads(body) if len(body) <= _MOST_JSON else None
    return None


def picture_of(page: Page, timeout: float) -> bytes:
    """Return a page as JPEG; nothing where that takes longer than ``timeout`` seconds."""
    with suppress(PlaywrightError):
        return page.screenshot(
            type="jpeg", quality=60, animations="disabled", timeout=timeout * 1000
        )
    return b""
