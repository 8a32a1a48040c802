"""The command: a policy file and Set-Cookie lines in, explanations out."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from consentgate.exceptions import PolicyError, UnknownCategory
from consentgate.explain.facts import Explainer, Visitor
from consentgate.explain.words import as_text
from consentgate.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from consentgate.explain.facts import Explanation

_LAST_INSTANT: Final = 2**32
"""Seconds since 1970; the deposits cookie holds no later ones."""
_FIELD_NAME: Final = re.compile(r"(?:< )?set-cookie[ \t]*:[ \t]*", re.IGNORECASE)
_STATUS_LINE: Final = re.compile(r"(?:< )?HTTP/", re.IGNORECASE)
_SILENCE: Final = logging.NullHandler()


def _instant(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return an ISO date or time as seconds since 1970; without a zone it is UTC."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = -1
    if not 0 <= seconds < _LAST_INSTANT:
        raise click.BadParameter("is no ISO date from 1970 to 2105: 2026-11-21", ctx, param)
    return seconds


def _url(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        urlsplit(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value


def _policy(path: str, frameworks: Iterable[str]) -> Policy:
    policy = Policy.from_file(path)
    for framework in frameworks:
        policy = policy.with_framework(framework)
    return policy


def _lines(arguments: Iterable[str]) -> Iterator[str]:
    """Return the Set-Cookie lines of the command line and of standard input, as latin-1 text."""
    for argument in arguments:
        if argument == "-":
            yield from _lines_of_a_response(sys.stdin.buffer.read())
        else:
            yield _without_field_name(os.fsencode(argument).decode("latin-1"))


def _lines_of_a_response(octets: bytes) -> list[str]:
    """Return the Set-Cookie lines among header lines; where none is one, every line is bare."""
    lines = [line.strip(" \t\r") for line in octets.decode("latin-1").split("\n")]
    found = [_without_field_name(line) for line in lines if _FIELD_NAME.match(line)]
    if found or any(_STATUS_LINE.match(line) for line in lines):
        return found
    return [line for line in lines if line]


def _without_field_name(line: str) -> str:
    field_name = _FIELD_NAME.match(line)
    return line[field_name.end() :] if field_name else line


@click.command(
    epilog="""\b
What becomes of an analytics cookie, before a choice and after:
  consentgate explain consent.toml '_ga=GA1.1; Max-Age=63072000; Path=/'
  consentgate explain consent.toml --granted statistics '_ga=GA1.1; Path=/'
What becomes of all cookies of a page:
  curl -sI https://shop.example | consentgate explain consent.toml -
"""
)
@click.argument("policy")
@click.argument("lines", nargs=-1, required=True, metavar="LINE...")
@click.option("--granted", multiple=True, metavar="CATEGORY", help="The visitor accepted this.")
@click.option("--decided", is_flag=True, help="The visitor refused what is not --granted.")
@click.option("--url", default="https://localhost/", callback=_url, help="What was asked for.")
@click.option("--gpc", is_flag=True, help="The browser sends Sec-GPC: 1.")
@click.option("--dnt", is_flag=True, help="The browser sends DNT: 1.")
@click.option(
    "--first-deposit",
    metavar="DATE",
    callback=_instant,
    help="The browser has had the cookie since then, and sends it.",
)
@click.option("--now", metavar="DATE", callback=_instant, help="As if it were then.")
@click.option("--framework", multiple=True, metavar="NAME", help="Add a framework's cookies.")
@click.option("--json", "as_json", is_flag=True, help="The same facts for machines.")
def explain(
    policy: str,
    lines: tuple[str, ...],
    *,
    granted: tuple[str, ...],
    decided: bool,
    url: str,
    gpc: bool,
    dnt: bool,
    first_deposit: float | None,
    now: float | None,
    framework: tuple[str, ...],
    as_json: bool,
) -> None:
    """Explain what the policy file POLICY makes of Set-Cookie lines.

    Each LINE is a Set-Cookie header's value, with or without the header's name; '-' reads lines,
    or a whole response, from standard input. Without --granted and --decided the visitor has not
    chosen yet.
    """
    visitor = Visitor(
        now=time.time() if now is None else now,
        granted=frozenset(granted) if granted or decided else None,
        url=url,
        signals=tuple(name for name, on in (("Sec-GPC", gpc), ("DNT", dnt)) if on),
        first_deposit=first_deposit,
    )
    logging.getLogger("consentgate").addHandler(_SILENCE)  # the warnings are in the explanations
    try:
        explainer = Explainer(_policy(policy, framework), visitor)
    except UnknownCategory as error:
        raise click.BadParameter(str(error), param_hint="--granted") from None
    except PolicyError as error:
        raise click.ClickException(str(error)) from None
    explanations = [explainer.explain(line) for line in _lines(lines)]
    click.echo(_as_json(explanations) if as_json else _as_text(explanations))


def _as_json(explanations: Iterable[Explanation]) -> str:
    return json.dumps([asdict(explanation) for explanation in explanations], indent=2)


def _as_text(explanations: Sequence[Explanation]) -> str:
    return "\n\n".join(map(as_text, explanations)) or "There is no Set-Cookie line."
