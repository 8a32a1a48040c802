"""What differs between the databases that Django knows, and nothing else does."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, transaction

from django_consentgate.records.patience import connect, patience

if TYPE_CHECKING:
    from collections.abc import Generator

    from django.db import Error
    from django.db.backends.base.base import BaseDatabaseWrapper

_MILLISECONDS: Final = 1000
_EXTRA: Final = 3
"""SQLite's ``synchronous`` where a commit is on the disk for good when it returns."""
_SQLSTATES: Final = frozenset({"40001", "40P01"})
"""A serialization failure and a deadlock (PostgreSQL, appendix A): nothing was written."""
_MYSQL_DEADLOCK: Final = 1213


@contextmanager
def transaction_of(
    connection: BaseDatabaseWrapper, *, write: bool, seconds: float
) -> Generator[None]:
    """Begin a transaction, and commit it at the end of the block.

    Each statement waits at most ``seconds``, which may be infinite. All that a reading transaction
    reads is of one moment. Raises `RuntimeError` within another transaction, but for that of a
    ``TestCase``, which has begun already and stays as it is.
    """
    atomic = transaction.atomic(using=connection.alias, durable=True)
    if connection.in_atomic_block:
        with atomic:
            yield
        return
    with patience(connection, seconds):
        _reconnect(connection, seconds)
        with _sqlite(connection, seconds), atomic:
            if connection.vendor == "postgresql":
                _set_up_postgresql(connection, write=write, seconds=seconds)
            yield


def may_be_tried_again(error: Error) -> bool:
    """Whether ``error`` says that another transaction was first, and this one changed nothing."""
    if isinstance(error, IntegrityError):  # two have made the first record of one subject
        return True
    cause: Any = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in _SQLSTATES or error.args[:1] == (_MYSQL_DEADLOCK,)


def _reconnect(connection: BaseDatabaseWrapper, seconds: float) -> None:
    """Connect anew where a persistent connection's server was restarted: that costs no decision."""
    deadline = time.monotonic() + seconds
    if connection.connection is not None and not connection.is_usable():
        connection.close()
    connect(connection, deadline - time.monotonic())


@contextmanager
def _sqlite(connection: BaseDatabaseWrapper, seconds: float) -> Generator[None]:
    """Set what SQLite takes outside of transactions only, and give it back as it was."""
    if connection.vendor != "sqlite":
        yield
        return
    patience = math.ceil(seconds * _MILLISECONDS) if math.isfinite(seconds) else None
    # Patience comes first: the other may have to wait for who locks the whole file.
    with _pragma(connection, "busy_timeout", patience), _pragma(connection, "synchronous", _EXTRA):
        yield


@contextmanager
def _pragma(connection: BaseDatabaseWrapper, name: str, value: int | None) -> Generator[None]:
    """Give a setting of a SQLite connection another value, unless that is None, for a while."""
    if value is None:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        before = int(cursor.fetchone()[0])
        cursor.execute(f"PRAGMA {name} = {value}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {name} = {before}")


def _set_up_postgresql(connection: BaseDatabaseWrapper, *, write: bool, seconds: float) -> None:
    """Say in one round trip what holds for this transaction alone."""
    statements: list[str] = []
    if write:
        statements.append(
            "SELECT set_config('synchronous_commit', 'on', true) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
    else:  # must be the first
        statements.append("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    if math.isfinite(seconds):
        milliseconds = math.ceil(seconds * _MILLISECONDS)
        statements.append(f"SET LOCAL statement_timeout = {milliseconds}")
        statements.append(f"SET LOCAL lock_timeout = {milliseconds}")
    with connection.cursor() as cursor:
        cursor.execute("; ".join(statements))
