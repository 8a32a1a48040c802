"""Servers in threads of this process, for tests that want a hand on what they serve."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"


class Uvicorn(uvicorn.Server):
    """A server that does not wait for browsers when it ends."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; browsers keep connections open, and do not answer the end of TLS on them."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


@contextmanager
def under_uvicorn(app: Any, certificate: Path | None = None) -> Iterator[int]:
    """Serve an ASGI application, and give the port."""
    config = uvicorn.Config(
        app,
        interface="asgi3",  # not seen by itself where the application is a method
        lifespan="off",
        ws="none",
        log_config=None,
        ssl_certfile=certificate,
    )
    server = Uvicorn(config)
    with ExitStack() as resources:
        listener = resources.enter_context(socket.create_server((HOST, 0)))
        resources.enter_context(_in_thread(server.run, [listener]))
        resources.callback(setattr, server, "should_exit", True)
        yield listener.getsockname()[1]


@contextmanager
def under_werkzeug(app: WSGIApplication, certificate: Path | None = None) -> Iterator[int]:
    """Serve a WSGI application, and give the port."""
    tls = certificate and (str(certificate), str(certificate))
    server = make_server(HOST, 0, app, threaded=True, request_handler=_Silent, ssl_context=tls)
    with ExitStack() as resources:
        resources.callback(server.server_close)
        resources.enter_context(_in_thread(server.serve_forever, 0.02))
        resources.callback(server.shutdown)
        yield server.server_port


class _Silent(WSGIRequestHandler):
    """A request handler that logs nothing."""

    def log(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _in_thread(call: Callable[..., object], *args: object) -> Iterator[None]:
    """Run ``call`` beside the block, whose end must let it return."""
    thread = threading.Thread(target=call, args=args)
    thread.start()
    try:
        yield
    finally:
        thread.join()
