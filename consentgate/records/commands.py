"""``consentgate records``: make the tables, verify, export, erase, purge, count, report.

Another command line can use the group on a store of its own, which it passes as the context's
object: ``records.main(arguments, obj=store)``.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Final, TypeVar, cast
from urllib.parse import unquote_plus

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consentgate.exceptions import ConsentGateError
from consentgate.records import ChainedRecordStore, open_store
from consentgate.records.export import exported
from consentgate.records.manifest import compare, manifest
from consentgate.records.report import (
    accepted_of_asked,
    label,
    number,
    percentage,
    printable,
    rate_in_words,
    report_html,
)
from consentgate.records.statistics import (
    Group,
    Span,
    Statistics,
    as_json,
    by_unit,
    day_of,
    statistics,
    together,
    unit_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from consentgate.record import (
        DecisionCount,
        Discrepancy,
        Document,
        Event,
        RecordStore,
        StoredRecord,
    )
    from consentgate.records import SQLRecordStore

T = TypeVar("T")

_KEYS: Final = "CONSENTGATE_SECRET_KEYS"
_FIRST_DAY: Final = date(1970, 1, 1)
_LAST_DAY: Final = date(2105, 12, 31)
_PASSWORD: Final = re.compile(r"//[^:/]*:([^@]*)@|[?&](?:ssl)?password=([^&]*)")
"""Where SQLAlchemy finds a password, and where libpq does."""
_SECOND_AT: Final = re.compile(r"postgresql[^/]*//[^:/]*:[^@]*@[^?]*@")
_EVENTS: Final[Mapping[Event, str]] = {
    "given": "Accepted",
    "partial": "In part",
    "refused": "Refused",
    "withdrawn": "Withdrew",
}
"""Each kind of decision, as short as a terminal is narrow."""
_SILENCE: Final = logging.NullHandler()


class Access:
    """The store that the commands work on, opened when the first of them asks for it."""

    def __init__(self, given: RecordStore | None, url: str, secret_keys: list[bytes]) -> None:
        self.is_given = given is not None
        self.url = url
        self._given = given
        self._secret_keys = secret_keys
        self._opened: SQLRecordStore | None = None

    @property
    def store(self) -> RecordStore:
        """The store, which can be read; raises `click.ClickException`."""
        if self._given is not None:
            return self._given
        if self._opened is None:
            with self.errors_in_one_line():
                self.check_url()
                opened = open_store(self.url, self._secret_keys or None)
            self._opened = cast("SQLRecordStore", opened)
        return self._opened

    def close(self) -> None:
        """Close the connections of the store that was opened here."""
        if self._opened is not None:
            self._opened.close()

    def signing_store(self) -> RecordStore:
        """Return the store with the keys that sign and verify; raises `click.ClickException`."""
        if not self.is_given and not self._secret_keys:
            raise click.ClickException(
                "this needs the site's secret keys: set CONSENTGATE_SECRET_KEYS to them, the "
                "newest first and separated by blanks, or name a file by --secret-keys-file"
            )
        return self.store

    def chained_store(self) -> ChainedRecordStore:
        """Return the store if a manifest can be made of it; raises `click.ClickException`."""
        store = self.signing_store()
        if not isinstance(store, ChainedRecordStore):
            raise click.ClickException("this record store keeps no chains")
        return store

    def check_url(self) -> None:
        """Raise `click.ClickException` where a password would be taken for something else."""
        if not self.is_given and _SECOND_AT.search(self.url):
            raise click.ClickException("an @ within the password of a URL is written %40")

    def ask(self, question: Callable[[], T]) -> T:
        """Return what the store answers; raises `click.ClickException`."""
        with self.errors_in_one_line():
            return question()

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Yield what the store yields; raises `click.ClickException`."""
        iterator = iter(items)
        while one := self.ask(lambda: tuple(islice(iterator, 1))):
            yield from one

    @contextmanager
    def errors_in_one_line(self) -> Generator[None]:
        """Turn every error of a store into one line without a password."""
        try:
            yield
        except click.ClickException:
            raise
        except ConsentGateError as error:
            raise click.ClickException(self._masked(str(error))) from None
        except ModuleNotFoundError as error:
            missing = f"this needs {error.name}: pip install 'consentgate[records]'"
            raise click.ClickException(missing) from None
        except Exception as error:  # a store may raise anything: see RecordStore
            said = self._without_passwords(_first_line(error))
            raise click.ClickException(f"the record store failed: {said}") from None

    def _masked(self, text: str) -> str:
        """Return our own words, where a password can be within a URL alone."""
        for password in self._passwords():
            for before in (":", "password="):
                text = text.replace(before + password, before + "***")
        return text

    def _without_passwords(self, text: str) -> str:
        """Return a driver's words, where a password can be anywhere."""
        for password in self._passwords():
            text = text.replace(password, "***")
        return text

    def _passwords(self) -> set[str]:
        found = chain.from_iterable(_PASSWORD.findall(self.url))
        spellings = {each for password in found for each in (password, unquote_plus(password))}
        return spellings - {""}


def _first_line(error: Exception) -> str:
    """Return what the driver said, which SQLAlchemy wraps, or what another error says."""
    said = getattr(error, "orig", None) or f"{type(error).__name__}: {error}"
    return printable(str(said).strip().splitlines()[0])


def _secret_keys(file: IO[bytes] | None) -> list[bytes]:
    """Return the keys of ``file``, one a line, or else of the environment."""
    if file is None:
        return os.fsencode(os.environ.get(_KEYS, "")).split()
    lines = file.read().removeprefix(codecs.BOM_UTF8).splitlines()
    keys = [line.strip() for line in lines if line.strip()]
    if not keys:
        raise click.ClickException(f"{file.name} has no key in it")
    return keys


def _day(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return an ISO date as days since 1970."""
    if value is None:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = date.min
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise click.BadParameter("is no ISO date from 1970 to 2105: 2026-11-21", ctx, param)
    return day_of(day)


def _day_after(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return the first day that does not count."""
    last = _day(ctx, param, value)
    since = ctx.params.get("since")
    if last is not None and since is not None and last < since:
        raise click.BadParameter("is before --since", ctx, param)
    return None if last is None else last + 1


def _period(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the options that choose a period."""
    since = click.option(
        "--since", metavar="DATE", callback=_day, is_eager=True, help="The first day, in UTC."
    )
    until = click.option(
        "--until", metavar="DATE", callback=_day_after, help="The last day, in UTC."
    )
    return since(until(command))


def _output(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the option that names its output; the file is made when there is some."""
    return click.option(
        "-o",
        "--output",
        type=click.File("wb", lazy=True),
        default=default,
        show_default=default != "-",
        help="Where to write it; '-' is standard output.",
    )


_access = click.make_pass_decorator(Access)


@click.group(
    epilog="The site's secret keys are read from CONSENTGATE_SECRET_KEYS, the newest first and "
    "separated by blanks, or from a file. verify, erase, purge and digest need them."
)
@click.option(
    "--url",
    envvar="CONSENTGATE_RECORDS_URL",
    default="sqlite:///consent-records.db",
    show_default=True,
    show_envvar=True,
    help="The database that the records are in.",
)
@click.option(
    "--secret-keys-file",
    type=click.File("rb"),
    metavar="FILE",
    help="The site's secret keys, one a line, the newest first.",
)
@click.pass_context
def records(ctx: click.Context, *, url: str, secret_keys_file: IO[bytes] | None) -> None:
    """Work on the records that prove what visitors consented to."""
    # What the store logs of a database that is down, the command says in its own line.
    logging.getLogger("consentgate").addHandler(_SILENCE)
    access = Access(ctx.obj, url, _secret_keys(secret_keys_file))
    ctx.call_on_close(access.close)
    ctx.obj = access


@records.command()
@click.option(
    "--partitions",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Let PostgreSQL divide new tables into N parts, by a hash of the subject.",
)
@_access
def migrate(access: Access, *, partitions: int) -> None:
    """Make the tables, or bring them up to date."""
    if access.is_given:
        raise click.ClickException("the tables of this store are not made by this command")
    with access.errors_in_one_line():
        access.check_url()
        from consentgate.records import schema  # noqa: PLC0415 - Alembic, which no other needs

        schema.migrate(access.url, partitions)
    click.echo("The tables are up to date.")


@records.command()
@click.argument("subject", required=False)
@click.option(
    "--manifest",
    "published",
    type=click.File("r", encoding="utf-8", errors="replace"),
    metavar="FILE",
    help="Also find what has changed since this was written by 'digest'.",
)
@_access
@click.pass_context
def verify(
    ctx: click.Context, access: Access, *, subject: str | None, published: IO[str] | None
) -> None:
    """Find records that were altered, removed or reordered: all, or those of SUBJECT.

    The exit code is 1 where there are some.
    """
    if subject is not None and published is not None:
        raise click.UsageError("--manifest is about all subjects; leave SUBJECT out")
    found = 0
    for discrepancy in _discrepancies(access, subject, published):
        click.echo(_in_words(discrepancy))
        found += 1
    if found:
        click.echo(f"{_counted(found, 'discrepancy', 'discrepancies')}.")
        ctx.exit(1)
    click.echo(f"No discrepancy in {_looked_at(access, subject)}.")


def _discrepancies(
    access: Access, subject: str | None, published: IO[str] | None
) -> Iterator[Discrepancy]:
    yield from access.each(access.signing_store().verify(subject))
    if published is not None:
        yield from access.each(compare(access.chained_store(), published))


def _in_words(discrepancy: Discrepancy) -> str:
    place = [f"record {discrepancy.number}"] if discrepancy.number is not None else []
    whose = [f"subject {discrepancy.subject}"] if discrepancy.subject else []
    where = ", ".join([*whose, *place])
    return printable(": ".join(filter(None, (discrepancy.fault, where, discrepancy.detail))))


def _looked_at(access: Access, subject: str | None) -> str:
    if subject is not None:
        return _counted(len(_records_of(access, subject)), "record", "records")
    counts = access.ask(access.store.count)
    return _counted(sum(count.records for count in counts), "record", "records")


def _counted(how_many: int, one: str, more: str) -> str:
    return f"{number(how_many)} {one if how_many == 1 else more}"


def _records_of(access: Access, subject: str) -> Sequence[StoredRecord]:
    """Return the records of ``subject``; raises `click.ClickException` where there are none."""
    found = access.ask(lambda: access.store.by_subject(subject))
    if not found:
        raise click.ClickException(f"there is no record of the subject {printable(subject)}")
    return found


@records.command()
@click.argument("subject")
@_output("-")
@_access
def export(access: Access, *, subject: str, output: IO[bytes]) -> None:
    """Write the records of SUBJECT as JSON."""
    found = [exported(stored) for stored in _records_of(access, subject)]
    output.write(_json({"subject": subject, "records": found}))


def _json(value: object) -> bytes:
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n".encode()


@records.command()
@click.argument("subject")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_access
def erase(access: Access, *, subject: str, yes: bool) -> None:
    """Forget the records of SUBJECT for good."""
    store = access.signing_store()
    found = _counted(len(_records_of(access, subject)), "record", "records")
    if not yes:
        click.confirm(f"Erase {found} of {printable(subject)} for good?", abort=True)
    erased = access.ask(lambda: store.erase(subject))
    click.echo(f"Erased {_counted(erased, 'record', 'records')}.")


@records.command()
@_access
def purge(access: Access) -> None:
    """Forget the records whose time to be kept is over."""
    purged = access.ask(access.signing_store().purge)
    click.echo(f"Purged {_counted(purged, 'record', 'records')}.")


@records.command()
@_period
@click.option("--json", "in_json", is_flag=True, help="The same numbers for machines.")
@_access
def stats(access: Access, *, since: int | None, until: int | None, in_json: bool) -> None:
    """Count the decisions per day, and the rate of consent per category."""
    found = statistics(_counts(access, since, until), since, until)
    if in_json:
        click.echo(_json(as_json(found)), nl=False)
    elif not found.days:
        click.echo("There is no record of a decision.")
    else:
        console = Console(highlight=False)
        for table in _tables(found, console.encoding):
            console.print(table)


def _counts(access: Access, since: int | None, until: int | None) -> Sequence[DecisionCount]:
    return access.ask(lambda: access.store.count(since, until))


def _tables(found: Statistics, encoding: str) -> Iterator[Table]:
    yield _days(found)
    if found.total is not None:
        yield _rates_of_all(found.total, encoding)
        yield _rates("Language", found.languages, encoding)
        yield _rates("Policy version", found.policy_versions, encoding)


def _days(found: Statistics) -> Table:
    unit = unit_for(found.days)
    numbers = [*_EVENTS.values(), "Decisions", "Signals"]
    table = _table(f"Decisions per {unit}", [unit.capitalize()], numbers)
    for span in by_unit(found.days, unit):
        table.add_row(label(span, unit), *_numbers(span))
    table.add_section()
    all_days = together(found.days)
    table.add_row("All", *_numbers(all_days))
    if all_days.decisions:
        events = all_days.events
        table.add_row("", *(percentage(events[event], all_days.decisions) for event in _EVENTS))
    return table


def _numbers(span: Span) -> Iterator[str]:
    values = (*(span.events[event] for event in _EVENTS), span.decisions, span.signals)
    return map(number, values)


def _rates_of_all(total: Group, encoding: str) -> Table:
    table = _table("Rate of consent per category", ["Category"], ["Rate", "Accepted of asked"])
    for category, rate in total.rates.items():
        table.add_row(_text(category, encoding), rate_in_words(rate), accepted_of_asked(rate))
    return table


def _rates(heading: str, groups: Iterable[Group], encoding: str) -> Table:
    title = f"Rate of consent per {heading.lower()}"
    table = _table(title, [heading, "Category"], ["Rate", "Accepted of asked"])
    for group in groups:
        name = _text(group.name or "not known", encoding)
        for category, rate in group.rates.items():
            shown = (rate_in_words(rate), accepted_of_asked(rate))
            table.add_row(name, _text(category, encoding), *shown)
            name = Text()
        table.add_section()
    return table


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name in names:
        table.add_column(name, overflow="fold")
    for each in numbers:
        table.add_column(each, justify="right")
    return table


def _text(value: str, encoding: str) -> Text:
    """Return any text so that no terminal obeys it, and each can show it."""
    return Text(printable(value).encode(encoding, "replace").decode(encoding))


@records.command()
@_output("consent-report.html")
@_period
@click.option("--title", default="Consent report", show_default=True, help="The report's title.")
@_access
def report(
    access: Access, *, output: IO[bytes], since: int | None, until: int | None, title: str
) -> None:
    """Write the decisions per day and the rates of consent as one HTML file with charts."""
    counts = _counts(access, since, until)
    page = report_html(counts, title=title, made_at=time.time(), since=since, until=until)
    output.write(page.encode())
    _say_where(output)


def _say_where(output: IO[bytes]) -> None:
    if output.name != "-":
        click.echo(f"Wrote {output.name}")


@records.command()
@click.option(
    "-o",
    "--output",
    type=click.File("wb", lazy=True),
    help="Where to write it, unless in consent-manifest-TIME.txt; '-' is standard output.",
)
@_access
def digest(access: Access, *, output: IO[bytes] | None) -> None:
    """Write what the store holds as hashes, and print the SHA-256 of that.

    Who has the SHA-256 time-stamped can show later, by 'verify --manifest', that what the store
    held then was neither altered nor removed since. It names no visitor.
    """
    now = datetime.now(UTC)
    output = output or click.open_file(
        f"consent-manifest-{now:%Y%m%dT%H%M%SZ}.txt", "wb", lazy=True
    )
    # A database that fails half way must leave no half manifest that looks like a whole one.
    with tempfile.TemporaryFile() as whole:
        digested = _write_manifest(access, whole)
        whole.seek(0)
        with output:  # leaves standard output open
            shutil.copyfileobj(whole, output)
    click.echo(f"{digested}  {output.name}", err=output.name == "-")


def _write_manifest(access: Access, file: IO[bytes]) -> str:
    """Write the manifest to ``file`` and return its SHA-256."""
    sha256 = hashlib.sha256()
    for line in access.each(manifest(access.chained_store())):
        octets = f"{line}\n".encode()
        sha256.update(octets)
        file.write(octets)
    return sha256.hexdigest()


def _wanted(access: Access, hashed: str) -> Document:
    document = access.ask(lambda: access.store.document(hashed))
    if document is None:
        raise click.ClickException(f"there is no document with the hash {printable(hashed)}")
    if document.hash != hashed:
        raise click.ClickException(f"the document {hashed} was altered: its hash is now another")
    return document


@records.command()
@click.argument("hashed", metavar="HASH")
@_output("-")
@_access
def show(access: Access, *, hashed: str, output: IO[bytes]) -> None:
    """Write what HASH in a record stands for: the policy as JSON, or the page that was shown.

    It is written as it was kept, so that its SHA-256 is HASH.
    """
    output.write(_wanted(access, hashed.lower()).text.encode())
