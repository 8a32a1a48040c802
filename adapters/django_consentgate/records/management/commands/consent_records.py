"""``manage.py consent_records``: what ``consentgate records`` does, on the site's database."""

from __future__ import annotations

import sys
from argparse import REMAINDER
from typing import TYPE_CHECKING, Any, Final

import click
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor

from consentgate import ConsentGateError
from consentgate.records.commands import Access, records
from django_consentgate import conf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.core.management.base import CommandParser

    from consentgate.records import RecordStore
    from django_consentgate.records import DjangoRecordStore

_LABEL: Final = "consentgate_records"
_WITH_VALUE: Final = ("--database", "--pythonpath", "--settings", "--verbosity", "-v")
_FLAGS: Final = ("--force-color", "--no-color", "--skip-checks", "--traceback")
_COMMANDS: Final = {name: each for name, each in records.commands.items() if name != "migrate"}


@click.group("consent_records", commands=dict(_COMMANDS))
@click.pass_context
def consent_records(ctx: click.Context) -> None:
    """Work on the records that prove what visitors consented to."""
    ctx.obj = Access(ctx.obj, url="", secret_keys=[])


@consent_records.command(hidden=True)
def migrate() -> None:
    """Say who makes the tables."""
    raise click.ClickException(f"Django makes the tables: run manage.py migrate {_LABEL}")


class Command(BaseCommand):
    """Hand what follows to the commands that work on any record store."""

    help = "Work on the records that prove what visitors consented to."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one of the site's databases, and whatever the commands take."""
        parser.add_argument(
            "--database", metavar="ALIAS", help="The database to work on, instead of RECORDS."
        )
        parser.add_argument(
            "arguments",
            nargs=REMAINDER,
            metavar="COMMAND ...",
            help=f"{', '.join(_COMMANDS)}; COMMAND --help says more.",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Take Django's own options wherever they stand, as other commands do."""
        super().run_from_argv([*argv[:2], *_own_first(argv[2:])])

    def handle(self, *_: Any, arguments: Sequence[str], database: str | None, **__: Any) -> None:
        """Run one command."""
        try:
            code: int | None = consent_records.main(
                arguments or ["--help"],
                prog_name="manage.py consent_records",
                obj=_store(database),
                standalone_mode=False,
            )
        except click.ClickException as error:
            raise CommandError(error.format_message(), returncode=error.exit_code) from None
        except click.Abort:
            raise CommandError("nothing was done") from None
        if code:
            sys.exit(code)


def _own_first(words: Sequence[str]) -> list[str]:
    """Return the arguments with Django's own options before all others."""
    own: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            others += [word, *rest]
        elif word in _FLAGS or word.partition("=")[0] in _WITH_VALUE:
            own += [word, *_value_of(word, rest)]
        else:
            others.append(word)
    return own + others


def _value_of(word: str, rest: Iterator[str]) -> list[str]:
    """Return what stands behind an option, if it has its value there."""
    return [next(rest, "")] if word in _WITH_VALUE else []


def _store(alias: str | None) -> RecordStore:
    """Return the store to work on; raise `CommandError` where there is none."""
    try:
        kept_elsewhere = None if alias else conf.store_elsewhere()
        return kept_elsewhere or _migrated(conf.database_store(alias))
    except ConsentGateError as error:
        raise CommandError(str(error)) from None
    except Error as error:
        raise CommandError(f"the records cannot be reached: {error}") from None


def _migrated(store: DjangoRecordStore) -> DjangoRecordStore:
    if _lacks_migrations(store.using):
        remedy = f"manage.py migrate {_LABEL} --database {store.using}"
        raise CommandError(f"the tables are not there, or not of this version: run {remedy}")
    return store


def _lacks_migrations(alias: str) -> bool:
    executor = MigrationExecutor(connections[alias])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes(_LABEL)))
