"""Middleware of ASGI that sets the cookies of trackers on each page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trackers import COOKIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Application = Callable[[Any, Any, Any], Awaitable[None]]

LINES = [
    (b"set-cookie", f"{name}={value}; Path=/; Max-Age={max_age}; SameSite=Lax".encode())
    for name, value, max_age in COOKIES
]


def tracked(app: Application) -> Application:
    """Return `app`, whose pages set the cookies of trackers."""

    async def tracked_app(scope: Any, receive: Any, send: Any) -> None:
        async def send_with_cookies(message: Any) -> None:
            if message["type"] == "http.response.start" and _is_page(message["headers"]):
                message["headers"] = [*message["headers"], *LINES]
            await send(message)

        await app(scope, receive, send_with_cookies)

    return tracked_app


def _is_page(headers: Any) -> bool:
    return any(value.startswith(b"text/html") for _, value in headers)
