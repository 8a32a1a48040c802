"""Records in one of a Django site's own databases.

No model is imported before the first transaction, so that a settings file may make a store.
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from django.db import Error, connections

from consentgate.records.chained import RETENTION, ChainedRecordStore, Conflict, tried_again
from consentgate.records.waiting import seconds_left
from django_consentgate.records.database import may_be_tried_again, transaction_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consentgate.records.chained import Session

T = TypeVar("T")


class DjangoRecordStore(ChainedRecordStore):
    """Records in a database of a Django site.

    Args:
        using: the alias of one of the site's DATABASES; ``django_consentgate.records`` must be one
            of its INSTALLED_APPS, and ``manage.py migrate`` makes the tables. Database routers
            are not asked.
        secret_keys: newest first; unless given, those of the gate that uses the store. Keep an old
            key as long as records that it signed.
        retention: how long a record is kept, in words or seconds; never less than its decision
            counts.
        timeout: how long a visitor may wait for SQLite or PostgreSQL, in seconds; a limit that the
            OPTIONS of the database set for connecting stands. Other databases have limits of
            their own.
        clock: returns seconds since 1970.

    Raises `ConfigurationError`. A record is committed when `append` returns, so it cannot be part
    of a larger transaction; but in Django's own ``TestCase`` it is.
    """

    def __init__(
        self,
        using: str = "default",
        secret_keys: str | bytes | Sequence[str | bytes] | None = None,
        *,
        retention: int | str = RETENTION,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(secret_keys, retention=retention, clock=clock)
        self.using = using
        self._timeout = timeout

    def _run(self, action: Callable[[Session], T], *, write: bool, visitor_waits: bool) -> T:
        connection = connections[self.using]
        was_open = connection.connection is not None
        try:
            deadline = time.monotonic() + self._timeout if visitor_waits else math.inf
            transact = partial(self._transact, action, write=write, deadline=deadline)
            return tried_again(transact)
        finally:
            if visitor_waits and not was_open:  # maybe in a thread that Django knows nothing of
                connection.close_if_unusable_or_obsolete()

    def _transact(self, action: Callable[[Session], T], *, write: bool, deadline: float) -> T:
        from django_consentgate.records.session import ModelSession  # noqa: PLC0415 - see above

        connection = connections[self.using]
        try:
            with transaction_of(connection, write=write, seconds=seconds_left(deadline)):
                session = ModelSession(self.using, write=write)
                if write:
                    session.shut_out_writers()
                outcome = action(session)
                seconds_left(deadline)  # who waited too long is told that it was not kept
                return outcome
        except Error as error:
            if may_be_tried_again(error):
                raise Conflict from error
            raise
