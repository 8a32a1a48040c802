"""Records in SQLite or PostgreSQL, through SQLAlchemy."""

from __future__ import annotations

import logging
import math
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from consentgate.exceptions import ConfigurationError
from consentgate.forks import in_children
from consentgate.records.chained import RETENTION, ChainedRecordStore, Conflict, tried_again
from consentgate.records.database import (
    begin,
    forgets_traces,
    is_missing,
    may_be_tried_again,
    open_engine,
    parsed_url,
    shown,
)
from consentgate.records.session import SQLSession
from consentgate.records.tables import SCHEMA_VERSION, schema_version
from consentgate.records.waiting import Waiting, seconds_left

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consentgate.records.chained import Session

T = TypeVar("T")

logger = logging.getLogger("consentgate")


class SQLRecordStore(ChainedRecordStore):
    """Records in a database of their own: a SQLite file, or PostgreSQL.

    Args:
        url: ``sqlite:///consent-records.db`` or ``postgresql+psycopg://user:password@host/name``.
            Its tables are made by ``consentgate records migrate``.
        secret_keys: newest first; unless given, those of the gate that uses the store. Keep an old
            key as long as records that it signed.
        retention: how long a record is kept, in words or seconds; never less than its decision
            counts.
        timeout: how long a visitor may wait for the database, in seconds. What has not come to
            its commit by then is rolled back; only what is just being committed may be kept,
            although its visitor is told that it was not.
        clock: returns seconds since 1970.

    Raises `ConfigurationError`, also where the tables are missing or not of this version. A
    database that is down when the site starts is logged; until it is up, decisions are refused.
    A store may be shared by threads, and by processes that fork.
    """

    def __init__(
        self,
        url: str = "sqlite:///consent-records.db",
        secret_keys: str | bytes | Sequence[str | bytes] | None = None,
        *,
        retention: int | str = RETENTION,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(secret_keys, retention=retention, clock=clock)
        self._timeout = timeout
        self._engine = open_engine(parsed_url(url), timeout)
        self._waiting = Waiting()
        self._check_schema()
        _start_anew_in_children(self)

    def _check_schema(self) -> None:
        """Raise `ConfigurationError` where the tables are not those of this version."""
        address = shown(self._engine.url)
        try:
            version = self._waiting.result(self._deadline(), self._schema_version)
        except ProgrammingError as error:
            raise ConfigurationError(f"the records database {address} denies: {error}") from error
        except (SQLAlchemyError, TimeoutError) as error:
            logger.warning("the records database %s cannot be reached: %s", address, error)
            return
        finally:
            self.close()  # what forks from here on must share no connection
        if version != SCHEMA_VERSION:
            found = f"tables of version {version}" if version else "no tables"
            raise ConfigurationError(
                f"the records database {address} has {found}, and needs those of version "
                f"{SCHEMA_VERSION}; run: consentgate records --url {address} migrate"
            )

    def _schema_version(self) -> str | None:
        if is_missing(self._engine.url):
            return None
        with self._engine.connect() as connection:
            return schema_version(connection)

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self._engine.dispose()

    def start_anew(self) -> None:
        """Forget the connections and threads that this process has from the one it forked from."""
        self._engine.dispose(close=False)
        self._waiting = Waiting()

    def erase(self, subject: str) -> int:
        """Forget the records of one visitor, and all traces of them in the file."""
        erased = super().erase(subject)
        self._forget_traces()
        return erased

    def purge(self, now: float | None = None) -> int:
        """Forget the records whose time to be kept is over, and all traces of them."""
        purged = super().purge(now)
        self._forget_traces()
        return purged

    def _forget_traces(self) -> None:
        try:
            is_done = self._waiting.result(self._deadline(), self._truncate)
        except (SQLAlchemyError, TimeoutError):
            is_done = False
        if not is_done:
            logger.warning("traces of erased records stay in the database until the next erasure")

    def _truncate(self) -> bool:
        with self._engine.connect() as connection:
            return forgets_traces(connection)

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout

    def _run(self, action: Callable[[Session], T], *, write: bool, visitor_waits: bool) -> T:
        deadline = self._deadline() if visitor_waits else math.inf
        transact = partial(self._transact, action, write=write, deadline=deadline)
        if not visitor_waits:
            return tried_again(transact)
        return self._waiting.result(deadline, lambda: tried_again(transact))

    def _transact(self, action: Callable[[Session], T], *, write: bool, deadline: float) -> T:
        try:
            with self._engine.connect() as connection, connection.begin():
                begin(connection, write=write, seconds=seconds_left(deadline))
                outcome = action(SQLSession(connection, write=write))
                seconds_left(deadline)  # who waited has been told by now that it was not kept
                return outcome
        except DBAPIError as error:
            if may_be_tried_again(error):
                raise Conflict from error
            raise


def _start_anew_in_children(store: SQLRecordStore) -> None:
    known = weakref.ref(store)

    def start_anew() -> None:
        store = known()
        if store is not None:
            store.start_anew()

    in_children(start_anew)
