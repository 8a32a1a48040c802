"""How pages are opened."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """How pages are opened."""

    timeout: float = 30.0
    """Seconds that a page may take to load."""
    language: str = "en"
    """The browser's language."""
    user_agent: str | None = None
    """What the browser calls itself; what it would with a window unless given."""
    insecure: bool = False
    """Whether any certificate is believed."""
    quiet: float = 0.5
    """Seconds without a request after which a page is taken to be done."""
    restless: float = 5.0
    """Seconds after which it is looked at although it is not."""
    patience: float = 5.0
    """Seconds until something to press must be there."""
    linger: float = 5.0
    """Seconds for which a first page is looked at, at least: banners and trackers may come late."""
