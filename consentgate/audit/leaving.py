"""Leave a page as visitors do, who are looked at once more when they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consentgate.audit.asking import ask

if TYPE_CHECKING:
    from playwright.sync_api import Frame

__all__ = ["leave"]

_LEAVE: Final = """() => {
    Object.defineProperty(document, "visibilityState", {get: () => "hidden", configurable: true});
    Object.defineProperty(document, "hidden", {get: () => true, configurable: true});
    document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
    dispatchEvent(new PageTransitionEvent("pagehide"));
}"""


def leave(frame: Frame, timeout: float) -> None:
    """Tell the page that it is hidden and left, within ``timeout`` seconds.

    What it sends when it is really left nobody can see: its frame is gone. Raises Playwright's
    error.
    """
    ask(frame, _LEAVE, timeout=timeout)
