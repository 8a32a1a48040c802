"""What `check` and `init` have in common at the command line: what is named, and what is wrong."""

from __future__ import annotations

import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

import consentgate
from consentgate.check.site import first_line
from consentgate.client.application import load_application
from consentgate.exceptions import ConfigurationError
from consentgate.printable import printable

if TYPE_CHECKING:
    from consentgate.check.discovery import Discovery
    from consentgate.client.application import Application, Interface

_OURS: Final = str(Path(consentgate.__file__).parent)
_IMPORTING: Final = ("importlib", "pkgutil.py")
_MOST_TOLD: Final = 5


class Unusable(click.ClickException):
    """What the command was given cannot be used; 1 is for findings."""

    exit_code = 2


def load(target: str, interface: Interface | None) -> Application:
    """Return the application that ``target`` names; what it prints goes to standard error.

    Where its own code fails, standard error gets the traceback of that. Raises `Unusable`.
    """
    try:
        with redirect_stdout(sys.stderr):
            return load_application(target, interface)
    except ConfigurationError as error:
        raise Unusable(printable(str(error))) from None
    except SystemExit as error:
        raise Unusable(
            f"{target!r} ends the program when it is imported (exit code {error.code}); "
            "put what does under if __name__ == '__main__'"
        ) from None
    except Exception as error:
        click.echo(_traceback(error), err=True)
        raise Unusable(f"{target!r} cannot be imported: {printable(first_line(error))}") from None


def _traceback(error: Exception) -> str:
    """Return the traceback of ``error``, from where it leaves us and the import system."""
    told = traceback.TracebackException.from_exception(error)
    while told.stack and _is_before(told.stack[0].filename):
        told.stack.pop(0)
    return "\n".join(printable(line) for line in "".join(told.format()).splitlines())


def _is_before(filename: str) -> bool:
    return filename.startswith(_OURS) or any(each in filename for each in _IMPORTING)


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
    except ValueError:
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


def tell_of_gaps(found: Discovery) -> None:
    """Say on standard error what is not asked for."""
    if found.not_asked:
        told = ", ".join(found.not_asked[:_MOST_TOLD])
        more = ", ..." if len(found.not_asked) > _MOST_TOLD else ""
        click.echo(f"Not asked, give a --path for each: {printable(told)}{more}", err=True)
    if found.left_out:
        click.echo(f"Not asked, for --max-paths: {found.left_out} more paths", err=True)
