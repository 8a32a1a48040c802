"""What visitors are asked, as one text that can be shown again when it is doubted."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from consentgate.page import PageRequest
from consentgate.pages.assets import load_asset
from consentgate.record import Document

if TYPE_CHECKING:
    from consentgate.gate import Gate
    from consentgate.pages.languages import Language
    from consentgate.pages.rendering import Renderer
    from consentgate.record import Method

_REMEMBERED: Final = 64
_SCRIPT = re.compile("<script\\b", re.IGNORECASE)
_HEAD: Final = '<!doctype html>\n<html lang="{}">\n<meta charset="utf-8">\n<title>Banner</title>\n'


class _Anybody:
    """A request of somebody who is undecided, and says nothing else either."""

    def header(self, name: str) -> str:
        del name
        return ""

    def path(self) -> str:
        return "/"

    def is_secure(self) -> bool:
        return True

    def address(self) -> str:
        return ""


class Shown:
    """The documents of one site's pages: the same for all who are asked in one language."""

    def __init__(self, gate: Gate, renderer: Renderer) -> None:
        self._gate = gate
        self._renderer = renderer
        self._documents = lru_cache(_REMEMBERED)(self._make)

    def document(self, method: Method, language: Language) -> Document | None:
        """Return what was shown to who chose by ``method``; None where it was none of ours."""
        if method in ("banner", "placeholder"):
            return self._documents("banner", language)
        return self._documents("preferences", language) if method == "preferences" else None

    def _make(self, kind: Literal["banner", "preferences"], language: Language) -> Document:
        request = PageRequest(self._gate.visit(_Anybody()), "GET", "/", "")
        if kind == "preferences":
            page = self._renderer.preferences(request, language, next_path="", saved=False)
            return Document(kind, f"{_at_rest(page)}\n{_style(kind)}")
        banner = self._renderer.banner(
            request, language, next_path="", nonce="", dialog=False, link=True
        )
        head = _HEAD.format(language.tag)
        return Document(kind, f"{head}{_at_rest(banner)}\n{_style(kind)}{_script(kind)}")


def _at_rest(page: str) -> str:
    """Return ``page`` with scripts that do not run: of two types the first counts (HTML)."""
    return _SCRIPT.sub('<script type="text/plain"', page)


def _style(kind: str) -> str:
    return f"<style>\n{_text_of(f'{kind}.css')}</style>\n"


def _script(kind: str) -> str:
    """Return the script as a text that does not run: what is shown again shall store nothing."""
    return f'<script type="text/plain">\n{_text_of(f"{kind}.js")}</script>\n'


def _text_of(asset: str) -> str:
    return load_asset(asset).content.decode()
