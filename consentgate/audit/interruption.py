"""End as one is asked to: by Ctrl-C or SIGTERM, with nothing left behind and nothing but a word."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["interruptible"]


@contextmanager
def interruptible() -> Generator[None]:
    """Let SIGINT and SIGTERM end what is within; raises `click.Abort` whatever that makes fail.

    A terminal interrupts the browser as well as us, so that any call to it may be the first to
    notice. Only the main thread is told of signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noticed: list[int] = []

    def notice(number: int, _frame: object) -> NoReturn:
        noticed.append(number)
        # What waits for the browser's answers is told of their loss when it is forgotten.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, notice) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException:
        if noticed:
            raise click.Abort from None
        raise
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
