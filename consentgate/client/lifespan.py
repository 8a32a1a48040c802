"""The start and the end of an ASGI application of this process."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from asgi_lifespan import LifespanManager, LifespanNotSupported

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    from consentgate.client.asgi import ASGIApplication, Message, Send

__all__ = ["started"]

logger = logging.getLogger("consentgate")

_LONGEST_START: Final = 60.0
"""Seconds; some applications load models, or fill caches."""


@contextmanager
def started(
    app: ASGIApplication, runner: asyncio.Runner, timeout: float
) -> Generator[ASGIApplication]:
    """Start ``app``, where it has a lifespan, and end it afterwards; what it raises then is logged.

    Raises what it raises where it cannot start.
    """
    manager = runner.run(_enter(app, timeout))
    if manager is None:
        yield app
        return
    try:
        yield cast("ASGIApplication", manager.app)
    finally:
        runner.run(_leave(manager))


async def _enter(app: ASGIApplication, longest_end: float) -> LifespanManager | None:
    manager = LifespanManager(
        _Lifespan(app),
        startup_timeout=max(longest_end, _LONGEST_START),
        shutdown_timeout=longest_end,
    )
    try:
        return await manager.__aenter__()
    except LifespanNotSupported:
        return None


async def _leave(manager: LifespanManager) -> None:
    try:
        await manager.__aexit__(None, None, None)
    except Exception as error:  # what it was asked for is answered
        logger.warning("the application did not end in order: %r", error)


class _Lifespan:
    """An ASGI application whose lifespan says what it has to, or raises.

    Else who waits for it would wait forever: for the application that ignores what is no request,
    and for the one that says that it cannot start.
    """

    def __init__(self, app: ASGIApplication) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Hand on one scope."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failures: list[Message] = []

        async def heard(message: Message) -> None:
            if message["type"].endswith(".failed"):
                failures.append(message)
            else:
                await send(message)

        await self._app(scope, receive, heard)
        if failures:
            reason = failures[0].get("message") or "without saying why"
            raise RuntimeError(f"the application failed to start or to end: {reason}")
        for step in ("startup", "shutdown"):
            await send({"type": f"lifespan.{step}.complete"})
