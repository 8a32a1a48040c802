"""The ``consentgate`` command. Its sub-commands are found through entry points.

A package adds one under the group ``consentgate.commands`` of its entry points; that is how a
command that needs a framework comes in, of which nothing in here may know.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

try:
    import click
except ModuleNotFoundError:  # the console script imports this module: one line, no traceback
    sys.stderr.write("consentgate: the command line needs click: pip install 'consentgate[cli]'\n")
    sys.exit(2)

from consentgate.extras import remedy
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["main"]

GROUP: Final = "consentgate.commands"


class Commands(click.Group):
    """The commands of the installed packages, loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *entry_points(group=GROUP).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called so, or None."""
        for entry_point in entry_points(group=GROUP, name=cmd_name):
            return load(entry_point)
        return super().get_command(ctx, cmd_name)


def load(entry_point: EntryPoint) -> click.Command:
    """Return the command of an entry point, or one that says what to install for it."""
    try:
        command: click.Command = entry_point.load()
    except ModuleNotFoundError as error:
        return Unavailable(entry_point, missing=error.name or "")
    return command


class Unavailable(click.Command):
    """Stands in for a command whose extra is not installed."""

    def __init__(self, entry_point: EntryPoint, missing: str) -> None:
        self.remedy = f"{entry_point.name} needs {missing}: {remedy(entry_point)}"
        super().__init__(
            entry_point.name,
            short_help=f"not installed: {remedy(entry_point)}",
            add_help_option=False,
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        )

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ARG002 - the name is click's
        """Say what to install, whatever was asked."""
        raise Unusable(self.remedy)


@click.group(cls=Commands)
@click.version_option(package_name="consentgate", prog_name="consentgate")
def main() -> None:
    """Keep the cookies of a web application within a policy."""
