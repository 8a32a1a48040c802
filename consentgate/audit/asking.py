"""Ask a page something, for no longer than that: a page may never answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import CDPSession, Frame
    from playwright.sync_api import Error as PlaywrightError

__all__ = ["ask", "first_line", "read_answer", "tell_devtools"]

_OFTEN: Final = 100
"""Milliseconds; animation frames, which are the default, do not come to a hidden frame."""


def ask(frame: Frame, function: str, argument: object = None, *, timeout: float) -> Any:
    """Return what a function of JavaScript returns in ``frame``, within ``timeout`` seconds.

    Playwright's `evaluate` waits forever for a script that never ends, its `wait_for_function`
    does not; a text it hands over needs no second question. Raises Playwright's error.
    """
    handle = frame.wait_for_function(
        f"argument => Promise.resolve(({function})(argument))"
        ".then(answer => JSON.stringify([answer]))",
        arg=argument,
        polling=_OFTEN,
        timeout=timeout * 1000,
    )
    return read_answer(handle.json_value())


def read_answer(text: object) -> Any:
    """Return what is within the list that ``text`` is; a page can have altered ``JSON`` itself."""
    try:
        match json.loads(text) if isinstance(text, str) else None:
            case [answer]:
                return answer
            case _:
                return None
    except (ValueError, RecursionError):
        return None


def tell_devtools(session: CDPSession, method: str) -> dict[str, Any]:
    """Return the answer to a command of the DevTools protocol; raises Playwright's error."""
    send = cast("Callable[[str], dict[str, Any]]", session.send)  # pyright: ignore[reportUnknownMemberType]
    return send(method)


def first_line(error: PlaywrightError) -> str:
    """Return what went wrong, without Playwright's log of it."""
    return error.message.strip().splitlines()[0]
