"""The application's handler for 500, brought inside the gate.

Starlette calls it in `ServerErrorMiddleware`, outside everything that ``add_middleware`` adds; its
answer would leave without passing the gate (R4), and without the decision that the visitor made.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.middleware.errors import ServerErrorMiddleware

from consentgate import asgi
from starlette_consentgate.layers import layers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from consentgate import Gate


def gate_error_handler(application: object, gate: Gate) -> None:
    """Let the answers of ``application``'s handler for 500 pass ``gate`` from now on.

    `ServerErrorMiddleware` looks its handler up when an exception has reached it; so this is early
    enough for an exception that is on its way there.
    """
    for layer in layers(getattr(application, "middleware_stack", None)):
        if isinstance(layer, ServerErrorMiddleware):
            handler = cast("Callable[..., Any]", layer.handler or layer.error_response)
            if not isinstance(handler, GatedErrorHandler):
                layer.handler = cast("Any", GatedErrorHandler(handler, gate))


class GatedErrorHandler:
    """A handler whose answer passes the gate."""

    def __init__(self, handler: Callable[..., Any], gate: Gate) -> None:
        self.handler = handler
        self.gate = gate

    async def __call__(self, request: Request, error: Exception) -> ASGIApp:
        """Return what ``handler`` answers, as an application that tells the gate its headers."""
        # Middleware outside the gate may have handed it a copy of the scope.
        visit = request.scope.get(asgi.VISIT_KEY) or asgi.open_visit(self.gate, request.scope)
        answer = await run_in_threadpool(self.handler, request, error)
        answer = await answer if isawaitable(answer) else answer

        async def gated_answer(scope: Scope, receive: Receive, send: Send) -> None:
            def gated_send(message: Message) -> Awaitable[None]:
                if message["type"] == "http.response.start" or visit.refusal:
                    return asgi.forward(visit, scope, send, message)
                return send(message)

            await answer(scope, receive, gated_send)

        return gated_answer
