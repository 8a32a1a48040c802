# ruff: noqa: INP001, S603, T201 - a module of scripts, which starts servers and prints
"""Requests per second of a server with the gate, as a ratio to those with the empty wrapper.

A server has everything mounted in one process, under a path each, since two processes of the same
code differ by several per cent.

A server that does not get a processor for itself waits for others, and so hides what the gate
costs. Therefore requests are counted by the second of processor time as well, which is the same
where nothing else runs.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import cycle, islice, permutations
from pathlib import Path
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from harness import Result
from sites import (
    BRIEF,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    EmptyASGI,
    EmptyWSGI,
    come_back,
    make_gate,
)
from uvicorn.loops.auto import auto_loop_factory
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from consentgate import asgi, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TITLE: Final = "requests per second as a ratio to the empty wrapper's"
TOOLS: Final = {"wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}
"""Programs that are needed, and the Debian packages that have them."""
HERE: Final = Path(__file__).parent
HOST: Final = "127.0.0.1"
BODY: Final = bytes(int(dict(RESPONSE_HEADERS)["content-length"]))
BUDGET: Final = 0.97
CONNECTIONS: Final = 16
BURST: Final = 0.15
"""Seconds; wrk looks every tenth whether it is to end."""
ROUNDS: Final = 18
"""Each order of the wrappers comes up as often."""
TRIES: Final = 5
"""Where a machine is that busy, wrk may not even start within a burst."""
PATIENCE: Final = 20.0
"""Seconds for a server to start, to answer or to stop."""

FLOOR: Final = "floor"
AGAIN: Final = "again"
GATED: Final = "gated"
"""Where the wrappers are mounted: their names are of one length, so that requests are, too."""
WRAPPERS: Final = (FLOOR, AGAIN, GATED)


# -- what is served ------------------------------------------------------------------------------


def asgi_mounts() -> Callable[[Any, Any, Any], Any]:
    """Return an ASGI application of all wrappers around all sites."""
    gated = partial(asgi.ConsentGateMiddleware, gate=make_gate())
    mounts = mounted({FLOOR: EmptyASGI, AGAIN: EmptyASGI, GATED: gated}, asgi_site)
    return lambda scope, receive, send: mounts[scope["path"]](scope, receive, send)


def wsgi_mounts() -> Callable[[Any, Any], Any]:
    """Return a WSGI application of all wrappers around all sites."""
    gated = partial(wsgi.ConsentGateMiddleware, gate=make_gate())
    mounts = mounted({FLOOR: EmptyWSGI, AGAIN: EmptyWSGI, GATED: gated}, wsgi_site)
    return lambda environ, start_response: mounts[environ["PATH_INFO"]](environ, start_response)


def mounted(
    wrappers: Mapping[str, Callable[[Any], Any]], site: Callable[[Sequence[str]], Any]
) -> dict[str, Any]:
    """Return each wrapper around each site, by their paths."""
    return {
        path_of(name, lines): wrapper(site(lines))
        for name, wrapper in wrappers.items()
        for lines in ((), BRIEF)
    }


def path_of(wrapper: str, lines: Sequence[str]) -> str:
    """Return where a wrapper around the site that sets the cookies ``lines`` is mounted."""
    return f"/{wrapper}/{len(lines)}"


def asgi_site(lines: Sequence[str]) -> Any:
    """Return a plain ASGI application that sets the cookies ``lines``."""
    headers = [*RESPONSE_HEADERS, *(("set-cookie", line) for line in lines)]
    wire = [(name.encode(), value.encode()) for name, value in headers]
    start = {"type": "http.response.start", "status": 200, "headers": wire}
    body = {"type": "http.response.body", "body": BODY}

    async def site(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - as called
        await send(start)
        await send(body)

    return site


def wsgi_site(lines: Sequence[str]) -> Any:
    """Return a plain WSGI application that sets the cookies ``lines``."""
    headers = [*RESPONSE_HEADERS, *(("Set-Cookie", line) for line in lines)]

    def site(environ: Any, start_response: Any) -> Sequence[bytes]:  # noqa: ARG001 - as called
        start_response("200 OK", headers)
        return (BODY,)

    return site


# -- servers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A server of one worker, as it is installed here, but for its access log."""

    name: str
    command: str

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Serve all mounts on the first processor."""
        port = free_port()
        words = self.command.format(host=HOST, port=port).split()
        command = [*pinned(first_processor()), sys.executable, "-m", *words]
        # Where we are killed, the server gets a signal all the same, and ends its worker.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],  # noqa: S607 - wherever it is
            cwd=HERE,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            wait_for(process, port)
            yield Running(process.pid, port)
        finally:
            stop(process)


class Running(NamedTuple):
    """A server that answers."""

    pid: int
    port: int

    def processor_seconds(self) -> float:
        """Return the processor time that it and its worker have had."""
        worker = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        times = [Path(f"/proc/{pid}/schedstat").read_text() for pid in (self.pid, *worker)]
        return sum(int(time.split()[0]) for time in times) / 1e9  # they are nanoseconds


def servers() -> Sequence[Server]:
    """Return the servers; their names tell what they chose to run with."""
    loop = auto_loop_factory().__module__.partition(".")[0]
    parser = AutoHTTPProtocol.__module__.rpartition(".")[2].removesuffix("_impl")
    return (
        Server(
            f"uvicorn {loop}+{parser}",
            "uvicorn servers:asgi_mounts --factory --interface asgi3 --lifespan off --workers 1"
            " --host {host} --port {port} --log-level warning --no-access-log",
        ),
        Server(
            "gunicorn sync",
            "gunicorn servers:wsgi_mounts() --worker-class sync --workers 1 --bind {host}:{port}"
            " --log-level warning --no-control-socket",
        ),
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when something listens on ``port``, or end where the server ended or never does."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), PATIENCE).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"no server on port {port}: {process.args!r}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its worker, by force where it must be."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, SIGKILL)
        process.wait()


def first_processor() -> int:
    """Return the processor that the server has for itself, as far as we can tell."""
    return min(os.sched_getaffinity(0))


def last_processor() -> int:
    """Return the processor of wrk: another one, unless there is only one."""
    return max(os.sched_getaffinity(0))


def pinned(processor: int) -> Sequence[str]:
    """Return what is put before a command that is to stay on a processor."""
    return "taskset", "--cpu-list", str(processor)


# -- requests ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visitor:
    """Who asks, for what, and which of the site's Set-Cookie lines come through the gate."""

    name: str
    lines: Sequence[str]
    cookie: str
    passed: Sequence[str]

    @property
    def headers(self) -> dict[str, str]:
        """What their browser sends."""
        headers = {name.title(): value for name, value in REQUEST_HEADERS}
        return headers | ({"Cookie": self.cookie} if self.cookie else {})

    def check(self, server: Running, wrapper: str) -> None:
        """End the benchmark where the answer is not what is to be timed."""
        connection = http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE)
        connection.request("GET", path_of(wrapper, self.lines), headers=self.headers)
        answer = connection.getresponse()
        whole = answer.read() == BODY
        connection.close()
        found = (answer.status, whole, answer.msg.get_all("Set-Cookie", []))
        lines = self.passed if wrapper == GATED else self.lines
        expected = (HTTPStatus.OK, True, [*lines])
        if found != expected:
            raise SystemExit(f"{wrapper}, {self.name}: expected {expected}, but found {found}")

    def burst(self, server: Running, wrapper: str) -> Rates:
        """Return the requests per second of one burst, the first that brings any answer."""
        url = f"http://{HOST}:{server.port}{path_of(wrapper, self.lines)}"
        headers = [f"-H{name}: {value}" for name, value in self.headers.items()]
        for _ in range(TRIES):
            before = server.processor_seconds()
            report = wrk(url, headers)
            if rates := rates_in(report, server.processor_seconds() - before):
                return rates
        raise SystemExit(f"no answer: {report}")


def wrk(url: str, headers: Sequence[str]) -> str:
    """Return what wrk reports of one burst."""
    # It counts whole seconds, but ends and reports when it is interrupted.
    limit = ("timeout", "--signal=INT", f"{BURST}", *pinned(last_processor()))
    command = ("wrk", "--threads=1", f"--connections={CONNECTIONS}", "--duration=9s", *headers, url)
    process = subprocess.run([*limit, *command], capture_output=True, text=True, check=False)
    return process.stdout + process.stderr


class Rates(NamedTuple):
    """Requests per second of the clock, and of processor time."""

    clock: float
    processor: float


def rates_in(report: str, processor_seconds: float) -> Rates | None:
    """Return the rates that wrk reports, if any, or end where there was an error."""
    if re.search("Socket errors|Non-2xx", report):
        raise SystemExit(f"not every request was answered as it should be: {report}")
    requests = re.search(r"^ *([1-9]\d*) requests in ", report, re.MULTILINE)
    rate = re.search(r"^Requests/sec: +([\d.]+)$", report, re.MULTILINE)
    if not (requests and rate):
        return None
    return Rates(float(rate[1]), int(requests[1]) / processor_seconds)


def visitors() -> Sequence[Visitor]:
    """Return who asks."""
    return (
        Visitor("no Set-Cookie", (), "", ()),
        Visitor("3 set, consent", BRIEF, come_back(make_gate(), BRIEF), BRIEF),
        Visitor("3 set, undecided", BRIEF, "", BRIEF[:1]),
    )


# -- results -------------------------------------------------------------------------------------


def results() -> Iterator[Result]:
    """Measure all servers, or say what is missing."""
    if missing := {package for tool, package in TOOLS.items() if not shutil.which(tool)}:
        print(f"not measured: get what it needs with apt-get install {' '.join(sorted(missing))}")
        return
    for server in servers():
        with server.running() as running:
            for visitor in visitors():
                visited = list(rounds(running, visitor))
                yield from compare(f"{server.name}: {visitor.name}", visited)


def rounds(server: Running, visitor: Visitor) -> Iterator[Mapping[str, Rates]]:
    """Yield the rates of all wrappers, which take turns in every order."""
    for wrapper in WRAPPERS:
        visitor.check(server, wrapper)
        visitor.burst(server, wrapper)  # to become warm
    for order in islice(cycle(permutations(WRAPPERS)), ROUNDS):
        yield {wrapper: visitor.burst(server, wrapper) for wrapper in order}


def compare(row: str, visited: Sequence[Mapping[str, Rates]]) -> Iterator[Result]:
    """Yield the rates with the gate, and with the empty wrapper once more, as ratios to it."""
    for n, variant in enumerate(("", "by processor time")):
        gated, again = (
            statistics.quantiles([rates[wrapper][n] / rates[FLOOR][n] for rates in visited], n=4)
            for wrapper in (GATED, AGAIN)
        )
        yield Result(row, variant, BUDGET, gated, least=True)
        yield Result(row, f"{variant} A/A".strip(), None, again)
