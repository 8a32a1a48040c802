"""What `check` and `init` have in common at the command line: what is named, and what is wrong."""

from __future__ import annotations

import logging
import os
import pkgutil
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args
from urllib.parse import urlsplit

import click
import httpx

import consentgate
from consentgate.check.discovery import Discovery, discover
from consentgate.check.site import first_line
from consentgate.check.unasked import NOTHING_UNASKED, plain
from consentgate.client.application import Interface, load_application, see_current_folder
from consentgate.exceptions import ConfigurationError
from consentgate.printable import printable
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from consentgate.check.runner import Scenario
    from consentgate.check.site import Site
    from consentgate.client.application import Application

_OURS: Final = str(Path(consentgate.__file__).parent)
_IMPORTING: Final = ("importlib", "pkgutil.py")
_OUTPUT: Final = 1
_ERRORS: Final = 2
_SILENCE: Final = logging.NullHandler()


def let_findings_speak() -> None:
    """Keep the gate's warnings from standard error where the application sets up no logging."""
    logging.getLogger("consentgate").addHandler(_SILENCE)


@contextmanager
def clean_output(*, wanted: bool) -> Generator[None]:
    """Keep standard output for a report, where one is ``wanted`` there.

    What goes past Python meanwhile, such as from a child process, goes to standard error.
    """
    if not wanted:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(_OUTPUT)
    os.dup2(_ERRORS, _OUTPUT)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, _OUTPUT)
        os.close(kept)


def load(target: str, interface: Interface | None) -> Application:
    """Return the application that ``target`` names; what it prints goes to standard error.

    Where its own code fails, standard error gets the traceback of that. Raises `Unusable`.
    """
    try:
        with redirect_stdout(sys.stderr):
            return load_application(target, interface)
    except ConfigurationError as error:
        raise Unusable(str(error)) from None
    except SystemExit as error:
        raise Unusable(
            f"{target!r} ends the program when it is imported (exit code {error.code}); "
            "put what does under if __name__ == '__main__'"
        ) from None
    except Exception as error:
        click.echo(_traceback(error), err=True)
        raise Unusable(f"{target!r} cannot be imported: {first_line(error)}") from None


def _traceback(error: Exception) -> str:
    """Return the traceback of ``error``, from where it leaves us and the import system."""
    told = traceback.TracebackException.from_exception(error)
    while told.stack and _is_before(told.stack[0].filename):
        told.stack.pop(0)
    return "\n".join(printable(line) for line in "".join(told.format()).splitlines())


def _is_before(filename: str) -> bool:
    return filename.startswith(_OURS) or any(each in filename for each in _IMPORTING)


def site_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the options that say how an application is asked, and for what."""
    for option in reversed(_SITE_OPTIONS):
        command = option(command)
    return command


def chosen_paths(
    site: Site,
    *,
    paths: Sequence[str],
    also: Sequence[str],
    links: bool | None,
    max_paths: int,
    **_: Any,
) -> Discovery:
    """Return what ``site`` is asked for, and what not."""
    found = Discovery(tuple(paths), NOTHING_UNASKED)
    if not paths:
        found = discover(site, limit=max_paths, links=links)
    asked = tuple(dict.fromkeys([*found.paths, *also]))
    return Discovery(asked, found.unasked.without({("GET", plain(path)) for path in also}))


def _scenario(ctx: click.Context, param: click.Parameter, value: str | None) -> Scenario | None:
    if value is None:
        return None
    see_current_folder()
    try:
        found: Any = pkgutil.resolve_name(value)
    except (Exception, SystemExit) as error:
        said = printable(first_line(error))
        raise click.BadParameter(f"{value!r} cannot be imported: {said}", ctx, param) from None
    if not callable(found):
        raise click.BadParameter(f"{value!r} cannot be called", ctx, param)
    return cast("Scenario", found)


def checked_paths(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the paths of an option; raises `click.BadParameter` for what is none."""
    for path in value:
        if not path.startswith("/") or not path.isprintable():
            raise click.BadParameter(f"{path!r} is no path; begin it with '/'", ctx, param)
    return value


def checked_url(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the origin of an option; raises `click.BadParameter` for what is none."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_origin = parts.hostname is not None and parts.port != 0
        _ = httpx.URL(value).host  # raises for what is no host name (IDNA)
    except (ValueError, httpx.InvalidURL):
        parts, is_origin = urlsplit(""), False
    rest = parts._replace(scheme="", netloc="", path=parts.path.removeprefix("/"))
    if not is_origin or parts.scheme not in {"http", "https"} or rest.geturl():
        raise click.BadParameter(f"{value!r} is not like https://shop.example", ctx, param)
    return f"{parts.scheme}://{parts.netloc}"


def url_of(application: Application) -> str:
    """Return an origin that ``application`` answers to."""
    hosts = list(application.hosts())
    host = "localhost" if "localhost" in hosts or not hosts else hosts[0]
    return f"https://{host}"


def checked_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return where to write to; raises `click.BadParameter` where that cannot be."""
    if value not in (None, "-") and not Path(value).absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder for {value!r}; make it first", ctx, param)
    return value


def write(file: str, text: str) -> None:
    """Write ``text`` in UTF-8 to a file, ``-`` for standard output. Raises `Unusable`."""
    if file == "-":
        click.echo(text.encode(), nl=False)
        return
    try:
        Path(file).write_bytes(text.encode())
    except OSError as error:
        raise Unusable(f"{file!r} cannot be written: {error.strerror}") from None


_SITE_OPTIONS: Final = (
    click.option(
        "--path",
        "paths",
        multiple=True,
        callback=checked_paths,
        metavar="PATH",
        help="Ask for this, and not for all routes.",
    ),
    click.option(
        "--also",
        multiple=True,
        callback=checked_paths,
        metavar="PATH",
        help="Ask for this besides all routes.",
    ),
    click.option("--links/--no-links", default=None, help="Follow the links of pages, too."),
    click.option(
        "--max-paths",
        default=200,
        type=click.IntRange(1),
        metavar="NUMBER",
        help="Ask for no more routes than that.  [200]",
    ),
    click.option(
        "--scenario", callback=_scenario, metavar="MODULE:FUNCTION", help="What else visitors do."
    ),
    click.option(
        "--url", callback=checked_url, metavar="URL", help="Scheme and host that it is asked under."
    ),
    click.option(
        "--interface", type=click.Choice(get_args(Interface)), help="Where it is not plain."
    ),
    click.option(
        "--timeout",
        default=10.0,
        type=click.FloatRange(0, 3600, min_open=True),
        metavar="SECONDS",
        help="For an answer; what only computes cannot be interrupted. The start of ASGI may "
        "take 60, or this where it is more.  [10]",
    ),
)
