"""A PostgreSQL server of the tests' own: Debian's package, a directory that goes away, one port.

    with PostgreSQL() as server:
        url = server.new_database()

It listens on 127.0.0.1 alone and trusts whoever asks. What a disk does to it can be had as well:

- `stop(immediate=True)` and `start()`: a crash, and the recovery from its write-ahead log;
- `pause()` and `resume()`: a server that takes connections and answers nothing.

PostgreSQL refuses to run as root; a root's server belongs to the user of Debian's package.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

HOST = "127.0.0.1"
DEADLINE = 30.0
"""Seconds that the server may take to start, or to end."""

_DEBIAN = Path("/usr/lib/postgresql")
_USER = "postgres"


class PostgreSQL:
    """A running server; its databases are lost when it ends.

    With ``fsync`` off it is faster, and a machine that crashes may lose what was committed.
    """

    package: ClassVar[str] = "postgresql"

    def __init__(self, *, fsync: bool = True) -> None:
        self.port = 0
        self._fsync = fsync
        self._resources = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = map("test_{}".format, itertools.count(1))

    @classmethod
    def available(cls) -> str | None:
        """Return None when a server can be run, else how to get it."""
        if _binaries():
            return None
        return f"{cls.__name__} is not installed: apt-get install {cls.package}"

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            self._log = resources.enter_context(tempfile.TemporaryFile())
            self._folder = resources.enter_context(_folder_of_the_server())
            self.port = resources.enter_context(_reserved_port())
            self._initialise()
            resources.callback(self._end)
            self.start()
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._resources.close()

    # -- databases -----------------------------------------------------------------------------

    def url(self, database: str = "postgres") -> str:
        """Return where SQLAlchemy finds a database."""
        return f"postgresql+psycopg://{_USER}@{HOST}:{self.port}/{database}"

    def new_database(self, name: str = "") -> str:
        """Make an empty database, under a new name unless one is given, and return its URL."""
        name = name or next(self._names)
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a connection that commits each statement."""
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=_USER,
            dbname=database,
            connect_timeout=int(DEADLINE),
            autocommit=True,
        )

    # -- the server's life -----------------------------------------------------------------------

    def start(self) -> None:
        """Start the server and wait until it answers, recovered from however it ended."""
        settings = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "on" if self._fsync else "off",
        }
        options = [word for pair in settings.items() for word in ("-c", "{}={}".format(*pair))]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [_binary("postgres"), "-D", self._data, *options],
            cwd=self._folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **_as_its_user(),
        )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException as error:
            error.add_note(f"PostgreSQL printed:\n{self.log()}")
            raise

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server; with ``immediate`` as a crash does, nothing written in a hurry."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self._process.wait(DEADLINE)
        self._process = None

    def restart(self, *, immediate: bool = False) -> None:
        """Stop the server and start it again, at the same port."""
        self.stop(immediate=immediate)
        self.start()

    def pause(self) -> None:
        """Let the server stand still; the kernel goes on taking connections and octets for it."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on; one that runs does not notice."""
        self._signal_all(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the server stand still for the length of a block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Have no server for the length of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def log(self) -> str:
        """Return what the server has printed."""
        # The server writes through the same file description, whose position must not move.
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    # -- the inside ------------------------------------------------------------------------------

    _log: IO[bytes]
    _folder: str

    @property
    def _data(self) -> str:
        return os.path.join(self._folder, "data")  # noqa: PTH118 - an argument of commands

    def _initialise(self) -> None:
        """Make the directory of the databases."""
        kind = ["--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--locale=C"]
        done = subprocess.run(  # noqa: S603 - our own command
            [_binary("initdb"), "-D", self._data, *kind, "--no-sync", "--no-instructions"],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **_as_its_user(),
        )
        if done.returncode:
            raise RuntimeError(f"initdb ended with {done.returncode}:\n{done.stdout.decode()}")

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            if _ended(process):
                raise RuntimeError(f"PostgreSQL ended with {process.returncode} at its start")
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL did not answer in {DEADLINE:.0f} s")

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:  # not listening yet, or recovering
            return False
        return True

    def _signal_all(self, number: signal.Signals) -> None:
        # Each process of the server leads a session of its own, so there is no group to signal.
        # The first is the one that starts the others; it must not while they are looked up.
        if self._process is None:
            return
        self._process.send_signal(number)
        for child in children_of(self._process.pid):
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(child, number)

    def _end(self) -> None:
        """End whatever is left of the server; nobody needs its databases any more."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        self._process = process
        self.resume()
        try:
            self.stop(immediate=True)
        except subprocess.TimeoutExpired:
            process.kill()  # the others notice, and end
            process.wait()
            raise


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started and that have not been waited for (Linux)."""
    return [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if _is(stat, pid)]


def _is(stat: Path, parent: int) -> bool:
    try:
        # The name, in parentheses, may have blanks (proc(5)); behind it are state and parent.
        return int(stat.read_text().rpartition(")")[2].split()[1]) == parent
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return False


def _binaries() -> Path | None:
    """Return where the newest server's programs are."""
    versions = [folder for folder in _DEBIAN.glob("*/bin") if (folder / "postgres").is_file()]
    if versions:
        return max(versions, key=lambda folder: float(folder.parent.name))
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def _binary(name: str) -> str:
    return str((_binaries() or Path()) / name)


def _as_its_user() -> dict[str, Any]:
    """Return the keywords that let a command run as somebody who is not root."""
    if os.getuid() != 0:
        return {}
    user = _its_user()
    return {
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": [],
        "env": {"PATH": os.defpath, "HOME": "/nonexistent"},
    }


def _its_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        return pwd.getpwnam("nobody")


@contextmanager
def _folder_of_the_server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        if os.getuid() == 0:
            user = _its_user()
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder


@contextmanager
def _reserved_port() -> Iterator[int]:
    """Give a port that nobody else gets, neither to listen nor to connect from.

    A server that restarts while clients connect would else find its port taken by one of them. A
    socket that is bound but does not listen keeps it, and SO_REUSEADDR lets the server share it.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind((HOST, 0))
        yield keeper.getsockname()[1]


def _ended(process: subprocess.Popen[bytes]) -> bool:
    # Waiting for the end is also the pause between two attempts to connect.
    try:
        process.wait(timeout=0.02)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def started(*, fsync: bool = True) -> Iterator[PostgreSQL]:
    """Run a server for as long as the fixture around needs it, or skip its tests."""
    missing = PostgreSQL.available()
    if missing:
        pytest.skip(missing)
    with PostgreSQL(fsync=fsync) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Give the server of this worker; who stops or pauses it takes one of their own instead."""
    with started() as server:
        yield server
