"""When there is nothing to report on."""

from __future__ import annotations

import click

__all__ = ["NotAuditable"]


class NotAuditable(click.ClickException):
    """The site could not be audited: it cannot be reached, or there is no browser."""

    exit_code = 3
