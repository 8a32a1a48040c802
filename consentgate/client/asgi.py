"""An httpx transport into an ASGI application of this process: blocking, and bounded."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

import httpx

from consentgate.client.answers import LONGEST_BODY, LimitError, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Send = Callable[[Message], Awaitable[None]]
    ASGIApplication = Callable[[Any, Any, Send], Awaitable[None]]

__all__ = ["ASGITransport"]


class ASGITransport(httpx.BaseTransport):
    """Ask an ASGI application that was started in the event loop of ``runner``.

    Who opens it is not who closes it: `httpx.Client` closes transports, and another may follow.
    """

    def __init__(self, app: ASGIApplication, runner: asyncio.Runner, timeout: float) -> None:
        self._runner = runner
        self._transport = httpx.ASGITransport(_Bounded(app, timeout), raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        return self._runner.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        stream = cast("AsyncIterable[bytes]", answer.stream)  # still compressed, where it is
        body = b"".join([piece async for piece in stream])
        return response(answer.status_code, answer.headers.raw, body)


class _Bounded:
    """An ASGI application whose answers end, whatever they stream.

    At the end it raises, for which `httpx.ASGITransport` gives what came before, or a server error
    where nothing did: `TimeoutError`, `LimitError`, and `RuntimeError` where the application
    itself ends before its answer does.
    """

    def __init__(self, app: ASGIApplication, timeout: float) -> None:
        self._app = app
        self._timeout = timeout

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Answer one request."""
        heard = _Heard(self._timeout)

        async def bounded_send(message: Message) -> None:
            await send(heard.cut(message))
            if heard.is_enough():
                raise LimitError

        async with asyncio.timeout(self._timeout):
            await self._app(scope, receive, bounded_send)
        if not heard.has_ended:
            raise RuntimeError("the application ended before its answer")


class _Heard:
    """How much an ASGI application has answered.

    Looks at the clock by itself, for what only sends never lets the event loop do so.
    """

    def __init__(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._octets = 0
        self._goes_on = False
        self.has_ended = False

    def cut(self, message: Message) -> Message:
        """Return a message with as much of the body as there is room for."""
        body = message.get("body", b"")
        room = max(0, LONGEST_BODY - self._octets)
        self._goes_on = message.get("more_body", False)
        self._octets += len(body) or int(self._goes_on)  # so that empty pieces come to an end
        self.has_ended = message["type"] == "http.response.body" and not self._goes_on
        return {**message, "body": body[:room]} if len(body) > room else message

    def is_enough(self) -> bool:
        """Whether an answer that goes on is too long, or too late."""
        is_long = self._octets >= LONGEST_BODY
        return self._goes_on and (is_long or time.monotonic() > self._deadline)
