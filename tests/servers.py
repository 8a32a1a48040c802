"""The servers that people run, each started with one of our applications on a free local port."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from raw_client import request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

    from raw_client import Address, HTTPVersion

HOST = "127.0.0.1"
START_DEADLINE = 20.0
STOP_DEADLINE = 10.0
HERE = Path(__file__).resolve().parent


Lack = Literal[
    "latin-1",  # a byte beyond ASCII in a header becomes two, or hides the header
    "late start",  # headers given with the first body piece, as PEP 3333 allows, are lost
    "restart",  # a second `start_response(exc_info)` adds its headers instead of replacing
    "websocket headers",  # what `websocket.accept` has for headers is not sent
    "websocket refusal",  # no `websocket.http.response` extension
    "write",  # `start_response` returns nothing to write with
]


@dataclass(frozen=True, slots=True)
class Server:
    """A server, how it is started, and what it does to headers and to parts of the protocol.

    `names` and `blanks` tell what becomes of the case of an application's header names, and of
    blanks around its header values; `cookie_joint` what stands between two Cookie lines of one
    HTTP/1.1 request when the application sees them (a line feed for "they stay two").
    """

    name: str
    interface: Literal["asgi", "wsgi"]
    http: tuple[HTTPVersion, ...]
    command: str
    websocket: bool = False
    names: Literal["kept", "lower", "title"] = "kept"
    blanks: Literal["kept", "stripped", "refused"] = "kept"
    cookie_joint: bytes = b"\n"
    lacks: frozenset[Lack] = frozenset()

    def __str__(self) -> str:
        return self.name

    def argv(self, app: str, port: int) -> list[str]:
        """Give the command line, run as a module of this very Python."""
        words = self.command.format(app=app, host=HOST, port=port).split()
        return [sys.executable, "-m", *words]


SERVERS = [
    Server(
        name="uvicorn-h11",
        interface="asgi",
        http=("1.1",),
        command="uvicorn --http h11 --ws wsproto --host {host} --port {port} {app}",
        websocket=True,
        blanks="refused",
    ),
    Server(
        name="uvicorn-httptools",
        interface="asgi",
        http=("1.1",),
        command="uvicorn --http httptools --ws websockets-sansio --host {host} --port {port} {app}",
        websocket=True,
        names="lower",
    ),
    Server(
        name="hypercorn",
        interface="asgi",
        http=("1.1", "2"),
        # An HTTP/2 stream whose application failed ends only when the connection idles out.
        command="hypercorn --workers 0 --keep-alive 1 --bind {host}:{port} {app}",
        websocket=True,
        blanks="stripped",
    ),
    Server(
        name="granian-asgi",
        interface="asgi",
        http=("1.1", "2"),
        command="granian --interface asgi --host {host} --port {port} {app}",
        websocket=True,
        names="lower",
        lacks=frozenset({"websocket headers", "websocket refusal"}),
    ),
    Server(
        name="granian-wsgi",
        interface="wsgi",
        http=("1.1", "2"),
        command="granian --interface wsgi --no-ws --host {host} --port {port} {app}",
        names="lower",
        cookie_joint=b";",
        lacks=frozenset({"latin-1", "late start", "write"}),
    ),
    Server(
        name="gunicorn-sync",
        interface="wsgi",
        http=("1.1",),
        command="gunicorn --no-control-socket --bind {host}:{port} {app}",
        blanks="stripped",
        cookie_joint=b",",
        lacks=frozenset({"restart"}),
    ),
    Server(
        name="gunicorn-gthread",
        interface="wsgi",
        http=("1.1",),
        command="gunicorn --no-control-socket --threads 4 --bind {host}:{port} {app}",
        blanks="stripped",
        cookie_joint=b",",
        lacks=frozenset({"restart"}),
    ),
    Server(
        name="gunicorn-asgi",
        interface="asgi",
        http=("1.1",),
        command="gunicorn --no-control-socket -k asgi --bind {host}:{port} {app}",
        websocket=True,
        lacks=frozenset({"websocket refusal"}),
    ),
    Server(
        name="waitress",
        interface="wsgi",
        http=("1.1",),
        command="waitress --listen {host}:{port} {app}",
        names="title",
        cookie_joint=b", ",
    ),
    Server(
        name="werkzeug",
        interface="wsgi",
        http=("1.1",),
        command="servers serve_with_werkzeug {app} {host} {port}",
        cookie_joint=b",",
    ),
    Server(
        name="wsgiref",
        interface="wsgi",
        http=("1.1",),
        command="servers serve_with_wsgiref {app} {host} {port}",
        cookie_joint=b",",
    ),
]


@contextmanager
def running(
    server: Server,
    app: str,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[Address]:
    """Run `module:app` under the server; what it printed comes with any failure, or into `log`."""
    port = free_port()
    with answering(server.argv(app, port), port, env, log) as address:
        yield address


@contextmanager
def answering(
    argv: list[str],
    port: int,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[Address]:
    """Run a command that answers on that port; what it printed comes as with `running`."""
    with tempfile.TemporaryFile() as scratch:
        output = log or scratch
        process = _start(argv, env or {}, output)
        try:
            _wait_until_it_answers(process, port)
            yield HOST, port
        except BaseException as error:
            error.add_note(f"{shlex.join(argv)} printed:\n{read_log(output)}")
            raise
        finally:
            _stop(process)


def free_port() -> int:
    """Give a port that nobody listens on at this moment."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def read_log(log: IO[bytes], start: int = 0) -> str:
    """Read what a server printed from that position on, while it goes on printing."""
    # The server writes through the same file description, whose position must not move.
    size = os.fstat(log.fileno()).st_size
    return os.pread(log.fileno(), size - start, start).decode(errors="replace")


def _start(argv: list[str], env: Mapping[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(  # noqa: S603 - our own command
        argv,
        cwd=HERE,  # Python and some servers import from where they are started
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | dict(env),
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while not _answers((HOST, port)):
        if _ended(process):
            raise RuntimeError(f"the server ended with {process.returncode} before it answered")
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing answered on port {port} in {START_DEADLINE:.0f} s")


def _answers(address: Address) -> bool:
    # A connection alone proves nothing: gunicorn listens before it has loaded the application.
    try:
        request(address, "HEAD", "/")
    except (OSError, EOFError):
        return False
    return True


def _ended(process: subprocess.Popen[bytes]) -> bool:
    # Waiting for the end is also the pause between two attempts to connect.
    try:
        process.wait(timeout=0.02)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_DEADLINE)
    except subprocess.TimeoutExpired:
        # The session is ours alone: the server and the workers it started.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


# -- servers without a command line of their own: python -m servers serve_with_... ---------------


def load(app: str) -> Any:
    """Import `module:app`."""
    module, _, name = app.partition(":")
    return getattr(import_module(module), name)


def serve_with_werkzeug(app: str, host: str, port: str) -> None:
    """Serve with Werkzeug's development server, as `flask run` does."""
    from werkzeug.serving import run_simple  # noqa: PLC0415 - one server's

    run_simple(host, int(port), load(app), threaded=True)


def serve_with_wsgiref(app: str, host: str, port: str) -> None:
    """Serve with the standard library's server."""
    from wsgiref.simple_server import make_server  # noqa: PLC0415 - one server's

    with make_server(host, int(port), load(app)) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve = {"serve_with_werkzeug": serve_with_werkzeug, "serve_with_wsgiref": serve_with_wsgiref}
    serve[sys.argv[1]](*sys.argv[2:])
