"""A synchronous httpx transport into an ASGI application of this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


class ASGITransport(httpx.BaseTransport):
    """Lets a synchronous client, with its jar of cookies, ask an ASGI application."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, in an event loop of its own."""
        return asyncio.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=await answer.aread()
        )
