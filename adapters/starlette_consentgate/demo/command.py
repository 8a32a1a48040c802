"""The command: a port, a server, and an end by Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import socket
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click
import python_multipart  # noqa: F401  # pyright: ignore[reportUnusedImport] - Starlette asks late
import uvicorn

from starlette_consentgate.demo.shop import create_shop
from starlette_consentgate.demo.terminal import screen

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on; a free one unless given.",
)
@click.option("--open-browser/--no-open-browser", help="Show the shop in the browser.")
def demo(*, host: str, port: int, open_browser: bool) -> None:
    """Run a shop, and show what it tries to set and what is let through."""
    # Both end as an exception, so that the terminal gets its cursor back; said here because a
    # shell that starts the demo in the background has SIGINT ignored.
    on_ending(signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), listen(host, port) as listener:
        address = address_of(listener)
        click.echo(f"{address}\nOpen it in a browser; Ctrl-C stops the shop.")
        if open_browser:
            webbrowser.open(address)
        with screen() as show:
            serve(create_shop(show), listener)
    click.echo("Stopped.")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that the address is known before the server runs."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}, port {port}: {error}") from None


def address_of(listener: socket.socket) -> str:
    """Return the address to open in a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until `KeyboardInterrupt`."""
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    # In a thread of its own the server leaves signals alone, and Ctrl-C ends the wait for it.
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(server.run, [listener]).result()
        finally:
            on_ending(signal.SIG_IGN)  # a second Ctrl-C would break off an orderly end
            server.should_exit = True


def on_ending(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    """Handle Ctrl-C and a request to end by ``handler``."""
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)
