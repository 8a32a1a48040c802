"""What differs between the databases of `SQLRecordStore`, and nothing else does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from consentgate.exceptions import ConfigurationError
from consentgate.records.waiting import MOST_AT_ONCE

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_BACKENDS: Final = ("sqlite", "postgresql", "cockroachdb")
"""What SQLAlchemy calls them; YugabyteDB and Citus are PostgreSQL to it."""
_MILLISECONDS: Final = 1000
_LEAST_CONNECT_TIMEOUT: Final = 2
"""Seconds; libpq takes 1 for 2."""
_TRY_AGAIN: Final = frozenset({"40001", "40P01"})
"""A serialization failure and a deadlock (PostgreSQL, appendix A): nothing was written."""


def parsed_url(url: str) -> URL:
    """Return the parts of a database's URL; raise `ConfigurationError` for any other text."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in _BACKENDS:
        raise ConfigurationError(
            "the records database needs a URL like sqlite:///consent-records.db "
            "or postgresql+psycopg://user:password@host/name"
        )
    return parsed.set(drivername="postgresql+psycopg") if url.startswith("postgresql:") else parsed


def open_engine(url: URL, timeout: float) -> Engine:
    """Return the connections to the database at ``url``; none is made yet.

    Raises `ConfigurationError` where its driver is missing.
    """
    arguments = _sqlite(timeout) if is_sqlite(url) else _postgresql(timeout)
    try:
        engine = create_engine(
            url,
            connect_args=arguments,
            pool_size=MOST_AT_ONCE,
            pool_timeout=timeout,
            pool_pre_ping=True,  # a database that was restarted costs nobody a decision
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigurationError(
            f"the records database {shown(url)} needs a driver ({error}); for PostgreSQL: "
            "pip install 'consentgate[postgresql]'"
        ) from error
    if is_sqlite(url):
        event.listen(engine, "connect", _make_durable)
    return engine


def shown(url: URL) -> str:
    """Return ``url`` without a password, wherever in it that stands."""
    return url.set(query={}).render_as_string(hide_password=True)


def is_sqlite(url: URL) -> bool:
    """Whether the database is a SQLite file."""
    return url.get_backend_name() == "sqlite"


def is_missing(url: URL) -> bool:
    """Whether the database is a file that is not there; to connect would make an empty one."""
    return is_sqlite(url) and not Path(url.database or "").exists()


def _sqlite(timeout: float) -> dict[str, Any]:
    # Transactions begin where `begin` says so, and not before the first write.
    return {"timeout": timeout, "isolation_level": None}


def _make_durable(connection: Any, _record: object) -> None:
    """Let a commit be on the disk when it returns; some builds of SQLite ask for less."""
    connection.execute("PRAGMA synchronous=FULL")


def _postgresql(timeout: float) -> dict[str, Any]:
    return {
        "connect_timeout": max(_LEAST_CONNECT_TIMEOUT, math.ceil(timeout)),
        "tcp_user_timeout": round(timeout * _MILLISECONDS),
        "application_name": "consentgate",
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
    milliseconds = math.ceil(seconds * _MILLISECONDS) if math.isfinite(seconds) else 0
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")


def may_be_tried_again(error: DBAPIError) -> bool:
    """Whether ``error`` says that another transaction was first, and this one changed nothing."""
    conflicts = getattr(error.orig, "sqlstate", None) in _TRY_AGAIN
    return conflicts or isinstance(error, IntegrityError)
