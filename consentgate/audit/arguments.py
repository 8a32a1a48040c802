"""What the command's options may be; anything else is a mistake that click tells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from consentgate.audit.domains import shown_url
from consentgate.audit.judging import IDS

__all__ = ["STANDARD_OUTPUT", "ids", "language", "paths", "urls", "writable"]

STANDARD_OUTPUT: Final = "-"
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


def urls(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses; one without a scheme is taken to be a host over TLS."""
    return tuple(map(_with_scheme, value))


def _with_scheme(value: str) -> str:
    url = value if "://" in value else f"https://{value}"
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname
        _ = parts.port
    except ValueError:
        known = None
    if not known:
        shown = shown_url(value) if "@" in value else value
        raise click.BadParameter(f"{shown!r} is no address of a page: https://shop.example/")
    return url


def paths(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths, which begin with a slash."""
    for each in value:
        if not each.startswith("/"):
            raise click.BadParameter(f"{each!r} is no path: begin it with '/'", ctx, param)
    return value


def writable(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the path of a file that can be in its folder; else the audit would be for nothing."""
    if value is None:
        return None
    if not Path(value).parent.is_dir():
        raise click.BadParameter(f"there is no folder {Path(value).parent}", ctx, param)
    others = {name: other for name, other in ctx.params.items() if name in {"html", "json_"}}
    for other in filter(None, others.values()):
        if Path(other).resolve() == Path(value).resolve():
            raise click.BadParameter(f"{value} is to hold another report, too", ctx, param)
    return value


def ids(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entries of --ignore, which begin with the id of a kind of finding."""
    for kind in (each.partition(":")[0] for each in value):
        if kind not in IDS:
            raise click.BadParameter(f"{kind!r} is none of {', '.join(IDS)}", ctx, param)
    return value


def language(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Return a language tag (RFC 5646), as far as its shape goes."""
    if not _LANGUAGE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no language: en, fr-FR, zh-Hant-TW", ctx, param)
    return value
