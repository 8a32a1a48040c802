"""The links of a page."""

from __future__ import annotations

from contextlib import suppress
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from consentgate.client.left_alone import is_left_alone
from consentgate.client.urls import LONGEST_URL, split, with_query

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["links"]

_MOST_LINKS: Final = 5000


def links(html: bytes, url: str) -> list[str]:
    """Return the paths of the same host that the page at ``url`` links to, each once, in order.

    Without their fragments, without downloads, and without those that are left alone, see
    `is_left_alone`. Of different links 5000 are read, none of them longer than 2048 characters.
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
        self._has_own_base = False
        self._read: set[str] = set()
        self.paths: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the link of one element."""
        attributes = dict(attrs)
        href = attributes.get("href")
        if href is None or len(href) > LONGEST_URL:
            return
        if tag == "base":
            self._move(href)
        elif tag == "a" and "download" not in attributes:
            self._follow(href)

    def _move(self, href: str) -> None:
        """Take what links are relative to; only the first counts (HTML 4.2.3)."""
        if not self._has_own_base:
            self._has_own_base = True
            self._base = self._joined(href) or self._base

    def _follow(self, href: str) -> None:
        target = None
        if href not in self._read and len(self._read) < _MOST_LINKS:
            self._read.add(href)
            target = self._joined(href)
        if target:
            self._take(split(target))

    def _joined(self, href: str) -> str | None:
        try:
            return urljoin(self._base, href.strip())
        except ValueError:
            return None

    def _take(self, target: SplitResult | None) -> None:
        if target is None or target.scheme not in {"http", "https"}:
            return
        path = with_query(target)
        is_here = (target.hostname, target.port) == (self._page.hostname, self._page.port)
        if path and is_here and not is_left_alone(path):
            self.paths[path] = None
