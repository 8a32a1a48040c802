"""An httpx transport into a WSGI application of this process: blocking, and bounded."""

from __future__ import annotations

import io
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httpx

from consentgate.client.answers import LONGEST_BODY, LimitError, response

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    Header = tuple[str, str]

__all__ = ["WSGITransport"]


class WSGITransport(httpx.BaseTransport):
    """Ask a WSGI application; what it raises, the caller gets.

    Not httpx's own, which takes ASCII alone and wants ``start_response`` before the first piece.
    """

    def __init__(self, app: WSGIApplication, timeout: float) -> None:
        self._app = app
        self._timeout = timeout

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; of the body what there is after 1 MiB, or the timeout."""
        heard = _Heard(self._timeout)
        with suppress(LimitError):
            pieces = self._app(_environ(request), heard.start)
            try:
                for piece in pieces:
                    heard.write(piece)
            finally:
                getattr(pieces, "close", bool)()
        return heard.response()


class _Heard:
    """What a WSGI application has answered, until there is enough of it."""

    def __init__(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._started: tuple[str, list[Header]] | None = None
        self._body = bytearray()

    def start(
        self, status: str, headers: list[Header], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Be ``start_response``."""
        del exc_info  # nothing has left that it could come too late for
        self._started = (status, headers)
        return self.write

    def write(self, piece: bytes) -> None:
        """Take one piece of the body. Raises `LimitError`."""
        self._body += piece[: LONGEST_BODY - len(self._body)]
        if len(self._body) >= LONGEST_BODY or time.monotonic() > self._deadline:
            raise LimitError

    def response(self) -> httpx.Response:
        """Return what httpx knows as a response."""
        if self._started is None:
            raise RuntimeError("the application answered without start_response")
        status, headers = self._started
        octets = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return response(int(status.split()[0]), octets, bytes(self._body))


def _environ(request: httpx.Request) -> WSGIEnvironment:
    """Return the request as PEP 3333 has it: octets as latin-1 text."""
    url = request.url
    path = url.raw_path.partition(b"?")[0]
    body = request.read()
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": url.query.decode("latin-1"),
        "SERVER_NAME": url.host,
        "SERVER_PORT": str(url.port or {"http": 80, "https": 443}[url.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.raw:
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
