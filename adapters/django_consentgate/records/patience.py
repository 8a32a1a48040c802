"""How long a visitor waits for a PostgreSQL server that hangs."""

from __future__ import annotations

import math
import os
import socket
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator

    from django.db.backends.base.base import BaseDatabaseWrapper

_GRACE: Final = 0.5
"""Seconds for the server's own limit to come first; it costs no connection."""
_LEAST_CONNECT_TIMEOUT: Final = 2
"""Seconds; libpq takes 1 for 2."""


@contextmanager
def patience(connection: BaseDatabaseWrapper, seconds: float) -> Generator[None]:
    """Hang up on a PostgreSQL server that has not answered in time, for it heeds no limit then.

    What it was asked ends with an `OperationalError`.
    """
    if connection.vendor != "postgresql" or not math.isfinite(seconds):
        yield
        return
    watch = Watch(connection)
    timer = Timer(seconds + _GRACE, watch.hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        watch.end()


class Watch:
    """Whether a connection may still be shut down."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._lock = Lock()
        self._ended = False

    def end(self) -> None:
        """Leave the connection alone from now on."""
        with self._lock:
            self._ended = True

    def hang_up(self) -> None:
        """Let whoever waits for the server read the end of what it sent."""
        with self._lock, suppress(Exception):  # it was closed meanwhile, or never opened
            if not self._ended:
                _shut_down(self._connection.connection)


def _shut_down(connection: Any) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as shared:
        shared.shutdown(socket.SHUT_RDWR)


def connect(connection: BaseDatabaseWrapper, seconds: float) -> None:
    """Connect, unless that is done, within ``seconds`` or as long as the site's OPTIONS say.

    Raises `TimeoutError` where no time is left.
    """
    if seconds <= 0:
        raise TimeoutError("the records database does not answer")
    site_settings = connection.settings_dict
    if connection.vendor == "postgresql" and math.isfinite(seconds):
        limit = max(_LEAST_CONNECT_TIMEOUT, math.ceil(seconds))
        options = {"connect_timeout": limit, **site_settings["OPTIONS"]}
        connection.settings_dict = {**site_settings, "OPTIONS": options}
    try:
        connection.ensure_connection()
    finally:
        connection.settings_dict = site_settings
