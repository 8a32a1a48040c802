"""The command: a policy in, its cookie table out; or two, and what they differ in."""

from __future__ import annotations

import json
import sys
from typing import IO, TYPE_CHECKING, Final

import click

from consentgate.cookie_policy.changes import compare, must_be_asked, will_be_asked
from consentgate.cookie_policy.consequences import CONSEQUENCES
from consentgate.cookie_policy.formats import as_csv, as_html, as_markdown
from consentgate.cookie_policy.table import cookie_table, languages_for, told_in
from consentgate.declaration import declaration
from consentgate.exceptions import ConfigurationError, PolicyError
from consentgate.policy import Policy
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.cookie_policy.changes import Change
    from consentgate.cookie_policy.consequences import Kind

__all__ = ["policy"]

_ASK_AGAIN: Final = (
    "visitors must be asked again, and will not be: give the new policy another version"
)
_WITHOUT_NEED: Final = (
    "warning: visitors will be asked again without need; while a choice counts, ask again only "
    "for what they have not agreed to (CNIL, deliberation 2020-092; Garante, 10 June 2021)"
)


class TableByDefault(click.Group):
    """A group whose first argument may be a policy file: then it is `table` that is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the command before the arguments, where it was left out."""
        named = not args or args[0] in {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if named else ["table", *args])


@click.group(
    cls=TableByDefault,
    epilog="""\b
The table for a site in French, as a page:
  consentgate policy consent.toml --language fr --page --output cookies.html
Whether a new policy asks visitors again, in CI:
  consentgate policy diff deployed.toml consent.toml
""",
)
def policy() -> None:
    """Publish a policy's cookie table, and tell what a new policy asks of visitors.

    POLICY alone is short for `table POLICY`.
    """


@policy.command()
@click.argument("policy_file", metavar="POLICY")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "json", "csv"]),
    default="html",
    show_default=True,
)
@click.option(
    "--language",
    "languages",
    multiple=True,
    metavar="TAG",
    help="Such as fr; may be repeated. Without it, those that the policy is written in.",
)
@click.option("--framework", multiple=True, metavar="NAME", help="Add a framework's cookies.")
@click.option("--page", is_flag=True, help="A whole HTML page instead of a part of one.")
@click.option(
    "--output", type=click.File("wb"), default="-", metavar="FILE", help="Instead of the terminal."
)
def table(
    policy_file: str,
    *,
    form: str,
    languages: tuple[str, ...],
    framework: tuple[str, ...],
    page: bool,
    output: IO[bytes],
) -> None:
    """Write the cookie table of the policy file POLICY.

    It has every category with its cookies, their vendors, purposes and longest lives, the gate's
    own cookies included. JSON has all languages unless one is named.
    """
    if page and form != "html":
        raise click.UsageError(f"--page makes an HTML page; leave out --format {form}")
    try:
        text = _document(_loaded(policy_file, framework), form, languages, page=page)
    except ConfigurationError as error:
        raise Unusable(str(error)) from None
    output.write(text.encode())


def _loaded(path: str, frameworks: Iterable[str]) -> Policy:
    loaded = Policy.from_file(path)
    for framework in frameworks:
        loaded = loaded.with_framework(framework)
    return loaded


def _document(policy: Policy, form: str, languages: tuple[str, ...], *, page: bool) -> str:
    told = languages_for(policy, languages)
    if form == "json":
        facts = told_in(policy, told) if languages else declaration(policy)
        return json.dumps(facts, indent=2) + "\n"
    tables = [cookie_table(policy, language) for language in told]
    if form == "html":
        return as_html(tables, page=page)
    return as_csv(tables) if form == "csv" else as_markdown(tables)


@policy.command()
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="The same facts for machines.")
@click.pass_context
def diff(ctx: click.Context, old: str, new: str, *, as_json: bool) -> None:
    """Tell whether visitors must be asked again when the policy file NEW replaces OLD.

    Ends with 1 where they must be asked, and will not be: the version is still the same; with 2
    where a policy cannot be used.
    """
    try:
        before, after = Policy.from_file(old), Policy.from_file(new)
    except PolicyError as error:
        raise Unusable(str(error)) from None
    changes = compare(before, after)
    must, will = must_be_asked(changes), will_be_asked(before, after)
    _write((_as_json if as_json else _as_text)(changes, must=must, will=will))
    if will and not must:
        click.echo(_WITHOUT_NEED, err=True)
    if must and not will:
        click.echo(_ASK_AGAIN, err=True)
        ctx.exit(1)


def _as_json(changes: Iterable[Change], *, must: bool, will: bool) -> str:
    facts = {
        "must_be_asked_again": must,
        "will_be_asked_again": will,
        "changes": [
            {
                "key": change.key,
                "kind": change.kind,
                "message": change.message,
                "asks_again": change.asks_again,
                "reason": change.reason,
                "source": change.source,
            }
            for change in changes
        ],
    }
    return json.dumps(facts, indent=2)


def _as_text(changes: list[Change], *, must: bool, will: bool) -> str:
    by_kind: dict[Kind, list[Change]] = {}
    for change in sorted(changes, key=lambda change: not change.asks_again):
        by_kind.setdefault(change.kind, []).append(change)
    parts = [_of_a_kind(kind, same) for kind, same in by_kind.items()] or ["nothing changed"]
    answers = {True: "yes", False: "no"}
    verdict = f"must be asked again: {answers[must]}\nwill be asked again: {answers[will]}"
    return "\n\n".join([*parts, verdict])


def _of_a_kind(kind: Kind, changes: Iterable[Change]) -> str:
    asks_again, reason, source = CONSEQUENCES[kind]
    heading = f"{'ask again' if asks_again else 'no need to ask'}: {reason} ({source})"
    return "\n".join([heading, *(f"  {change.key}: {change.message}" for change in changes)])


def _write(text: str) -> None:
    """Write ``text`` to a terminal, whatever it can show of it."""
    click.echo(text.encode(sys.stdout.encoding, "backslashreplace"))
