"""Serve an application on this machine while a command runs: serve.py MODULE:APP COMMAND...

`{url}` in the command is where. The exit code is the command's.
"""

from __future__ import annotations

import inspect
import os
import pkgutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE = 10.0
"""Seconds until a server must have started, or ended."""


@contextmanager
def under_uvicorn(app: Any, listener: socket.socket) -> Iterator[None]:
    """Serve an ASGI application."""
    import uvicorn  # noqa: PLC0415 - each application's environment has one of the two

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield
    server.should_exit = True
    thread.join(DEADLINE)


@contextmanager
def under_waitress(app: Any, listener: socket.socket) -> Iterator[None]:
    """Serve a WSGI application."""
    import waitress  # noqa: PLC0415

    server = waitress.create_server(app, sockets=[listener], threads=8)
    threading.Thread(target=server.run, daemon=True).start()
    yield
    server.close()


def server_for(app: Any) -> Callable[..., Any]:
    """Return the server that speaks with `app`: WSGI has two arguments, ASGI three."""
    arguments = inspect.signature(app).parameters
    return under_waitress if len(arguments) == 2 else under_uvicorn


def main(target: str, *command: str) -> int:
    """Run `command` while the application at `target` is served."""
    app = pkgutil.resolve_name(target)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    words = [word.replace("{url}", url) for word in command]
    with server_for(app)(app, listener):
        return subprocess.run(words, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.path.insert(0, "")
    code = main(*sys.argv[1:])
    os._exit(code)  # for threads of applications that do not end
