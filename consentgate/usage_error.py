"""How a command ends that cannot use what it was given."""

from __future__ import annotations

import click

from consentgate.printable import printable

__all__ = ["Unusable"]


class Unusable(click.ClickException):
    """A file or an argument that cannot be used: exit code 2, as 1 is an answer of commands."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        # It may quote what stands in a file, which the terminal must not obey.
        super().__init__(printable(message))
