"""An HTTP server that sends exactly the bytes it is given.

HTTP libraries refuse to emit the malformed lines that browsers must nevertheless read, so this one
knows nothing of HTTP but where the head of a request ends.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class RawServer(socketserver.ThreadingTCPServer):
    """Answer each request with the whole raw response that `handler(path)` returns, then close.

    `heads` keeps the raw head of every request, oldest first.
    """

    daemon_threads = True
    block_on_close = False  # browsers open connections ahead of need and may never use them
    request_queue_size = 64

    def __init__(self, handler: Callable[[str], bytes], host: str = "127.0.0.1") -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Connection)
        self.heads: list[bytes] = []
        self._handler = handler

    @property
    def port(self) -> int:
        """The port, which the system chose."""
        return self.server_address[1]

    @property
    def url(self) -> str:
        """The origin, without a slash at its end."""
        host = str(self.server_address[0])
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def __enter__(self) -> Self:
        # The interval is how long `shutdown` may take; the usual 0.5 s is felt in a test suite.
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()

    def response_to(self, head: bytes) -> bytes:
        """Return the raw response to the request with this head."""
        self.heads.append(head)
        return self._handler(head.split(b" ", 2)[1].decode("latin-1"))


class _Connection(socketserver.StreamRequestHandler):
    server: RawServer
    timeout = 10

    def handle(self) -> None:
        with suppress(TimeoutError, ConnectionError):  # a browser may leave at any time
            if head := self._read_head():
                self.wfile.write(self.server.response_to(head))

    def _read_head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return b""
            head += line
        return head
