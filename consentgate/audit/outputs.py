"""Write the reports: each that can be, whatever becomes of the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from consentgate.audit.arguments import STANDARD_OUTPUT
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["write_all"]


def write_all(reports: Iterable[tuple[str | None, Callable[[], str]]]) -> None:
    """Write each report to its path; raises `Unusable` in the end for those that cannot be."""
    failures = [_write(path, make) for path, make in reports if path is not None]
    told = "; ".join(filter(None, failures))
    if told:
        raise Unusable(told)


def _write(path: str, make: Callable[[], str]) -> str:
    """Write one; return why it cannot be written, or an empty text."""
    text = make()
    if path == STANDARD_OUTPUT:
        click.echo(text)
        return ""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"
    return ""
