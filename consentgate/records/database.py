"""What differs between the databases of `SQLRecordStore`, and nothing else does."""

from __future__ import annotations

import math
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from consentgate.exceptions import ConfigurationError
from consentgate.records.waiting import MOST_AT_ONCE

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_DRIVERS: Final = {"sqlite": "pysqlite", "postgresql": "psycopg", "cockroachdb": "psycopg"}
"""By what SQLAlchemy calls a database, its driver here; YugabyteDB and Citus are PostgreSQL."""

_WRONG_URL: Final = (
    "the records database needs a URL like sqlite:///consent-records.db "
    "or postgresql+psycopg://user:password@host/name"
)
_MILLISECONDS: Final = 1000
_SHORTLY: Final = 50
"""Milliseconds."""
_LONGEST_TIMEOUT: Final = 2**31 - 1
"""Milliseconds; PostgreSQL takes no more."""
_LEAST_CONNECT_TIMEOUT: Final = 2
"""Seconds; libpq takes 1 for 2."""
_TRY_AGAIN: Final = frozenset({"40001", "40P01"})
"""A serialization failure and a deadlock (PostgreSQL, appendix A): nothing was written."""


def parsed_url(url: str) -> URL:
    """Return the parts of a database's URL; raise `ConfigurationError` for any other text."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise ConfigurationError(_WRONG_URL) from None
    backend, _, driver = parsed.drivername.partition("+")
    known = _DRIVERS.get(backend)
    if known is None or driver not in ("", known):
        raise ConfigurationError(_WRONG_URL)
    if backend != "sqlite":
        return parsed.set(drivername=f"{backend}+{known}")
    if not _is_file(parsed):
        raise ConfigurationError(_WRONG_URL)
    return parsed


def _is_file(url: URL) -> bool:
    """Whether a URL of SQLite names a file that stays, and nothing besides."""
    name = url.database or ""
    is_file = name not in ("", ":memory:") and not name.startswith("file:")
    return is_file and not url.host and not url.query


def open_engine(url: URL, timeout: float) -> Engine:
    """Return the connections to the database at ``url``; none is made yet.

    Raises `ConfigurationError` where its driver is missing.
    """
    arguments = _sqlite(url, timeout) if is_sqlite(url) else _postgresql(timeout)
    try:
        engine = create_engine(
            url,
            pool_size=MOST_AT_ONCE,
            pool_timeout=timeout,
            pool_pre_ping=True,  # a database that was restarted costs nobody a decision
            hide_parameters=True,  # which else are in errors, and so in logs (R25)
            **arguments,
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigurationError(
            f"the records database {shown(url)} needs a driver ({error}); for PostgreSQL: "
            "pip install 'consentgate[postgresql]'"
        ) from error
    if is_sqlite(url):
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def shown(url: URL) -> str:
    """Return ``url`` without a password, wherever in it that stands."""
    return url.set(query={}).render_as_string(hide_password=True)


def is_sqlite(url: URL) -> bool:
    """Whether the database is a SQLite file."""
    return url.get_backend_name() == "sqlite"


def is_missing(url: URL) -> bool:
    """Whether the database is a file that is not there."""
    return is_sqlite(url) and not Path(url.database or "").exists()


def _sqlite(url: URL, timeout: float) -> dict[str, Any]:
    # By its address, which can say that a file that is gone shall not be made anew; transactions
    # begin where `begin` says so, and not before the first write.
    address = f"{Path(url.database or '').absolute().as_uri()}?mode=rw"
    connect = partial(
        sqlite3.connect,
        address,
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    return {"creator": connect}


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Let a commit be on the disk when it returns, and what is erased be gone from it.

    Some builds of SQLite ask for less. Text that is no UTF-8 can be read, to be found out.
    """
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")


def _postgresql(timeout: float) -> dict[str, Any]:
    seconds = max(_LEAST_CONNECT_TIMEOUT, math.ceil(timeout))
    return {
        "connect_args": {
            "application_name": "consentgate",
            "connect_timeout": seconds,
            # A machine that vanishes is noticed in time, whoever of the two spoke last.
            "tcp_user_timeout": seconds * _MILLISECONDS,
            "keepalives_idle": seconds,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "prepare_threshold": None,  # a pool between may change the session meanwhile
        }
    }


def begin(connection: Connection, *, write: bool, seconds: float) -> None:
    """Begin a transaction, to end within ``seconds`` where that is a finite number.

    A writing one shuts out other writers: all of them in SQLite, which has one lock. All that a
    reading one reads is of one moment.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
        return
    if not write:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    milliseconds = seconds * _MILLISECONDS
    timeout = math.ceil(milliseconds) if milliseconds <= _LONGEST_TIMEOUT else 0
    connection.execute(_SETTINGS, {"timeout": str(timeout)})


_SETTINGS: Final = text(
    # A commit that is on no disk yet proves nothing, whatever the database does by default.
    "SELECT set_config('statement_timeout', :timeout, true),"
    " CASE WHEN current_setting('synchronous_commit') = 'off'"
    " THEN set_config('synchronous_commit', 'on', true) END"
)


def forgets_traces(connection: Connection) -> bool:
    """Let nothing of what was erased stay in SQLite's log of changes; return whether that is done.

    It is not while somebody reads.
    """
    if connection.dialect.name != "sqlite":
        return True
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    # While it waits for readers it lets nobody write.
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_SHORTLY}")
    is_busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={usual}")
    return not is_busy


def may_be_tried_again(error: DBAPIError) -> bool:
    """Whether ``error`` says that another transaction was first, and this one changed nothing."""
    conflicts = getattr(error.orig, "sqlstate", None) in _TRY_AGAIN
    return conflicts or isinstance(error, IntegrityError)
