"""An HTTP client that shows a response as it was on the wire.

Header names keep their case, header lines their order and number, and every value its bytes:
what a usual client tidies up is what these tests look at.
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from h2.events import Event

Address = tuple[str, int]
Headers = list[tuple[bytes, bytes]]
HTTPVersion = Literal["1.1", "2"]

DEADLINE = 10.0
READ_SIZE = 65536


@dataclass(frozen=True, slots=True)
class RawStream:
    """A response whose head has come and whose body pieces may still be on their way."""

    status: int
    headers: Headers
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A whole response; `chunks` are the body pieces as the server framed them."""

    status: int
    headers: Headers
    chunks: list[bytes]

    @property
    def body(self) -> bytes:
        """The body without its framing."""
        return b"".join(self.chunks)

    def values(self, name: bytes) -> list[bytes]:
        """Give the values of each line of that name, in order, whatever the case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def request(
    address: Address,
    method: str,
    target: str,
    headers: Headers | None = None,
    body: bytes = b"",
    *,
    http: HTTPVersion = "1.1",
) -> RawResponse:
    """Ask once and read the answer to its end."""
    with stream(address, method, target, headers, body, http=http) as answer:
        return RawResponse(answer.status, answer.headers, list(answer.pieces))


@contextmanager
def stream(
    address: Address,
    method: str,
    target: str,
    headers: Headers | None = None,
    body: bytes = b"",
    *,
    http: HTTPVersion = "1.1",
) -> Iterator[RawStream]:
    """Ask once and read the head; the caller takes the body pieces as they come."""
    ask = _ask_http2 if http == "2" else _ask_http1
    with socket.create_connection(address, timeout=DEADLINE) as connection:
        yield ask(connection, method, target, headers or [], body)


def websocket(address: Address, target: str, headers: Headers | None = None) -> RawResponse:
    """Open a websocket; once it is accepted the body is the first message."""
    upgrade = [
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    with socket.create_connection(address, timeout=DEADLINE) as connection:
        connection.sendall(_head("GET", target, [_host(connection), *upgrade, *(headers or [])]))
        reader = connection.makefile("rb")
        status, received = _read_final_head(reader)
        accepted = status == 101
        chunks = [_message(reader)] if accepted else list(_pieces(reader, "GET", status, received))
        return RawResponse(status, received, chunks)


# -- HTTP/1.1 (RFC 9112) --------------------------------------------------------------------


def _ask_http1(
    connection: socket.socket, method: str, target: str, headers: Headers, body: bytes
) -> RawStream:
    length = [(b"Content-Length", b"%d" % len(body))] if body else []
    lines = [_host(connection), *headers, *length, (b"Connection", b"close")]
    connection.sendall(_head(method, target, lines) + body)
    reader = connection.makefile("rb")
    status, received = _read_final_head(reader)
    return RawStream(status, received, _pieces(reader, method, status, received))


def _host(connection: socket.socket) -> tuple[bytes, bytes]:
    host, port = connection.getpeername()[:2]
    return b"Host", f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()


def _head(method: str, target: str, headers: Headers) -> bytes:
    request_line = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
    return request_line + b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n"


def _read_final_head(reader: BinaryIO) -> tuple[int, Headers]:
    status, headers = _read_head(reader)
    while status < 200 and status != 101:  # interim, RFC 9110 section 15.2
        status, headers = _read_head(reader)
    return status, headers


def _read_head(reader: BinaryIO) -> tuple[int, Headers]:
    status = int(_line(reader).split(b" ", 2)[1])
    return status, [_field(line) for line in iter(lambda: _line(reader), b"")]


def _field(line: bytes) -> tuple[bytes, bytes]:
    # Servers write one blank after the colon; any other is the application's and stays.
    name, _, value = line.partition(b":")
    return name, value.removeprefix(b" ")


def _line(reader: BinaryIO) -> bytes:
    line = reader.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError(f"the server closed the connection after {line!r}")
    return line[:-2]


def _pieces(reader: BinaryIO, method: str, status: int, headers: Headers) -> Iterator[bytes]:
    named = {name.lower(): value.strip() for name, value in headers}
    # There is no body here (RFC 9112 section 6.3); if the server sends one, the test shall see it.
    if method == "HEAD" or status in {204, 304}:
        return _until_close(reader)
    if named.get(b"transfer-encoding", b"").lower() == b"chunked":
        return _chunks(reader)
    if b"content-length" in named:
        return _exactly(reader, int(named[b"content-length"]))
    return _until_close(reader)


def _until_close(reader: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: _some(reader, READ_SIZE), b"")


def _chunks(reader: BinaryIO) -> Iterator[bytes]:
    while size := int(_line(reader).partition(b";")[0], 16):
        yield b"".join(_exactly(reader, size))
        _line(reader)
    while _line(reader):
        pass  # a trailer


def _exactly(reader: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = _some(reader, size)
        if not piece:
            raise EOFError(f"the server closed the connection {size} bytes too early")
        size -= len(piece)
        yield piece


def _some(reader: BinaryIO, limit: int) -> bytes:
    # Only buffered readers have it, and the types of makefile() do not say that this is one.
    return reader.read1(limit)  # type: ignore[attr-defined, no-any-return]


# -- HTTP/2 with prior knowledge (RFC 9113) ---------------------------------------------------


def _ask_http2(
    connection: socket.socket, method: str, target: str, headers: Headers, body: bytes
) -> RawStream:
    # h2 would join, split or lower-case header lines; here they go and come as they are.
    protocol = H2Connection(
        H2Configuration(
            header_encoding=None, validate_inbound_headers=False, normalize_outbound_headers=False
        )
    )
    protocol.initiate_connection()
    protocol.send_headers(1, _pseudo(connection, method, target) + headers, end_stream=not body)
    if body:
        protocol.send_data(1, body, end_stream=True)
    connection.sendall(protocol.data_to_send())
    events = _events(connection, protocol)
    head = next(event for event in events if isinstance(event, ResponseReceived))
    fields = [(bytes(name), bytes(value)) for name, value in head.headers]
    plain = [(name, value) for name, value in fields if not name.startswith(b":")]
    return RawStream(int(dict(fields)[b":status"]), plain, _data(events))


def _pseudo(connection: socket.socket, method: str, target: str) -> Headers:
    return [
        (b":method", method.encode()),
        (b":path", target.encode("latin-1")),
        (b":scheme", b"http"),
        (b":authority", _host(connection)[1]),
    ]


def _events(connection: socket.socket, protocol: H2Connection) -> Iterator[Event]:
    while data := connection.recv(READ_SIZE):
        events = protocol.receive_data(data)
        for event in events:
            if isinstance(event, DataReceived):
                protocol.acknowledge_received_data(event.flow_controlled_length, 1)
        connection.sendall(protocol.data_to_send())
        yield from events
    raise EOFError("the server closed the connection within a response")


def _data(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, StreamEnded):
            return
        if isinstance(event, StreamReset):
            break
        if isinstance(event, DataReceived) and event.data:
            yield event.data
    raise EOFError("the server reset the stream within a response")


# -- websocket (RFC 6455) ---------------------------------------------------------------------


def _message(reader: BinaryIO) -> bytes:
    # A server's frame has no mask; a length of 126 announces a 16-bit one (section 5.2).
    _opcode, length = struct.unpack("!BB", reader.read(2))
    if length == 126:
        (length,) = struct.unpack("!H", reader.read(2))
    return reader.read(length)
