"""An application that runs to be checked: started once, whatever is asked of it."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import traceback
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import consentgate
from consentgate import asgi, wsgi
from consentgate.check.unrecorded import unrecorded
from consentgate.client.transports import new_transport
from consentgate.exceptions import ConfigurationError, ConsentGateError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    import httpx

    from consentgate.client.application import Application
    from consentgate.gate import Gate

_OURS = Path(consentgate.__file__).parent


class Site:
    """A running application, and where it is asked."""

    def __init__(self, application: Application, url: str) -> None:
        self.application = application
        self.url = url
        """Scheme and host."""
        self.transport: httpx.BaseTransport
        self._call: Callable[..., Any] = application.call
        self._raised: BaseException | None = None

    @property
    def host(self) -> str:
        """The host that it is asked under."""
        return urlsplit(self.url).hostname or ""

    def put_around(self, gate: Gate) -> None:
        """Have ``gate`` judge from now on what the application sets."""
        around = wsgi if self.application.interface == "wsgi" else asgi
        self._call = around.ConsentGateMiddleware(self.application.call, gate)

    def taken_error(self) -> BaseException | None:
        """Return what the application has raised since the last call."""
        error, self._raised = self._raised, None
        return error

    def call_wsgi(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Be the application, for WSGI."""
        answer: Iterable[bytes] = self._call(environ, start_response)
        return answer

    async def call_asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """Be the application, for ASGI; what it raises is kept, for its server only logs it."""
        try:
            await self._call(scope, receive, send)
        except (Exception, asyncio.CancelledError) as error:
            self._raised = error
            raise


@contextmanager
def started(application: Application, url: str, *, timeout: float) -> Generator[Site]:
    """Start ``application``, and end it afterwards; what it prints goes to standard error.

    ``url`` is the scheme and host that it is asked under, ``timeout`` the seconds that an answer
    may take. Meanwhile no gate of this process keeps records. For one thread at a time, because
    standard output and the gates are the whole process's.

    Raises `ConfigurationError` where the application cannot start, and, for ASGI, in a thread
    whose event loop is running.
    """
    if application.interface == "asgi":
        _check_that_no_loop_runs()
    site = Site(application, url)
    call: Callable[..., Any] = site.call_wsgi
    if application.interface == "asgi":
        call = site.call_asgi
    running = new_transport(replace(application, call=call), timeout=timeout)
    with redirect_stdout(sys.stderr), unrecorded():
        try:
            site.transport = running.__enter__()
        except (Exception, SystemExit) as error:
            said = first_line(error)
            raise ConfigurationError(f"{application.target!r} does not start: {said}") from error
        try:
            yield site
        finally:
            running.__exit__(None, None, None)


def _check_that_no_loop_runs() -> None:
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise ConfigurationError(
            "an event loop is running in this thread, and a check needs its own; "
            "call it with asyncio.to_thread"
        )


def first_line(error: BaseException) -> str:
    """Return the kind of an error and what it says first; never for an error about a request."""
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def brief(error: BaseException) -> str:
    """Return the kind of an error, and where the application raised it.

    Not what it says, unless we say it: that may have the value of a cookie in it.
    """
    files = [
        (Path(each.filename), each.lineno) for each in traceback.extract_tb(error.__traceback__)
    ]
    own = [(path, line) for path, line in files if not _is_installed(path)]
    here = [(path, line) for path, line in own if path.is_relative_to(Path.cwd())]
    places = [f"{_relative(path)}, line {line}" for path, line in here or own]
    kind = _kind(error, files[-1][0])
    return f"{kind} ({places[-1]})" if places else kind


def _kind(error: BaseException, raised_in: Path) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "no answer in time"
    if isinstance(error, RuntimeError | ConsentGateError) and raised_in.is_relative_to(_OURS):
        return first_line(error)
    return type(error).__name__


def _is_installed(path: Path) -> bool:
    """Whether a file is ours, a library's or Python's, and not the application's own."""
    of_python = path.is_relative_to(sysconfig.get_path("stdlib")) or not path.is_absolute()
    return of_python or "site-packages" in path.parts or path.is_relative_to(_OURS)


def _relative(path: Path) -> str:
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.name
