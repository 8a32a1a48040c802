# ruff: noqa: INP001, T201 - a script, which prints
"""What a store costs with many records, as a ratio to what it costs with few.

Run it with ``make bench-records``; README.md beside this file tells how to read the table.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import multiprocessing
import secrets
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from sqlalchemy import Column, Integer, MetaData, Table, delete, insert, update

from consentgate.duration import DAY, months, parse_duration
from consentgate.record import Document, Record, StoredRecord
from consentgate.records import RETENTION, SQLRecordStore
from consentgate.records.chain import Chain, ChainSigner
from consentgate.records.database import begin, is_sqlite, open_engine, parsed_url
from consentgate.records.report import report_html
from consentgate.records.schema import migrate
from consentgate.records.session import SQLSession
from consentgate.records.tables import METADATA, chains, documents, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from multiprocessing.queues import Queue
    from threading import Barrier

    from sqlalchemy import Connection, Insert

FEW: Final = 1_000
MANY: Final = 1_000_000

ROUNDS: Final = 30
EACH: Final = 10
"""How often in a round a short step is timed."""
PURGED: Final = 200
VERIFIED: Final = 50_000
"""Records, at most: to verify takes each of them the same time."""
PROCESSES: Final = (1, 8)
SECONDS: Final = 5.0
"""How long processes decide at once."""

LENGTHS: Final = (1, 5, 3, 5, 7, 5, 9, 5)
"""How many records visitors have, one after the other."""
USUAL: Final = 5
"""What every other visitor has; the steps that are timed meet these."""
STAYING_TO_ERASED: Final = 20
"""How many visitors there are for each who was erased."""
BATCH: Final = 1_000
"""Visitors whose records are made, and inserted, together."""
IN_MEMORY: Final = 20
"""Batches, at most, that are made and not inserted yet."""
PATIENCE: Final = 60.0
"""Seconds that a transaction of the benchmark's own may wait."""

KEY: Final = b"a benchmark's key"
NOW: Final = int(time.time()) // DAY * DAY
PERIOD: Final = months(72)
"""The age of the oldest record; a sixth of them is older than they are kept."""
LONG_AGO: Final = NOW - 2 * PERIOD

POLICIES: Final = [Document("policy", f'{{"version":"{n}"}}{" " * 4_000}') for n in range(12)]
BANNER: Final = Document("banner", f"<!doctype html>{' ' * 8_000}")
DOCUMENTS: Final = (*POLICIES, BANNER)
CHOICES: Final[Sequence[tuple[Any, Mapping[str, bool]]]] = (
    ("given", {"advertising": True, "media": True, "statistics": True}),
    ("refused", {"advertising": False, "media": False, "statistics": False}),
    ("partial", {"advertising": False, "media": False, "statistics": True}),
    ("partial", {"advertising": False, "media": True, "statistics": True}),
)
LANGUAGES: Final = ("fr", "en", "de")
CHANCE: Final = Random(0)  # noqa: S311 - the same visitors in every run

counter: Final = Table("benchmark_counter", MetaData(), Column("n", Integer, nullable=False))
"""One number: to change it is the least that can be committed."""


# -- records -------------------------------------------------------------------------------------


def subject_of(number: int) -> str:
    """Return the id of a visitor: it looks random, as ids do, and need not be kept in a list."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"%d" % number).digest()[:16]).decode()[:22]


def record_of(subject: str, at: int, chance: Random) -> Record:
    """Return what a visitor decided at that time."""
    event, choices = chance.choice(CHOICES)
    policy = min(max(at - NOW + PERIOD, 0) * len(POLICIES) // PERIOD, len(POLICIES) - 1)
    return Record(
        subject=subject,
        event=event,
        time=at,
        valid_until=at + 180 * DAY,
        choices=choices,
        method="banner",
        layer=1,
        control="save",
        policy_version=f"{policy}",
        policy_hash=document_hash(policy),
        banner_hash=document_hash(None),
        package_version="0.1.0",
        language=chance.choice(LANGUAGES),
        jurisdiction="fr",
        signals={"gpc": chance.random() < 0.1},  # noqa: PLR2004 - one in ten
    )


@cache
def document_hash(policy: int | None) -> str:
    """Return the hash of a policy, or of the banner."""
    return (BANNER if policy is None else POLICIES[policy]).hash


class History(NamedTuple):
    """One visitor, and when they decided."""

    subject: str
    times: Sequence[int]


def history_of(number: int) -> History:
    """Return the history of a visitor."""
    chance = Random(number)  # noqa: S311 - the same visitors in every run
    times = (chance.randrange(NOW - PERIOD, NOW) for _ in range(LENGTHS[number % len(LENGTHS)]))
    return History(subject_of(number), sorted(times))


class Rows:
    """In the place of a connection: what a session would insert, to be inserted all at once."""

    def __init__(self) -> None:
        self._of_tables: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def execute(self, statement: Insert, values: dict[str, Any]) -> None:
        """Take one row."""
        self._of_tables[cast("Table", statement.table).name].append(values)

    def insert(self, connection: Connection) -> None:
        """Insert the records of all as they came in time, and so those of nobody together."""
        self._of_tables[records.name].sort(key=lambda row: row["time"])
        for name, rows in self._of_tables.items():
            connection.execute(insert(METADATA.tables[name]), rows)


class Chained(NamedTuple):
    """The records of one visitor, as the store would have made them."""

    records: Sequence[StoredRecord]
    ends: Chain


def chained(history: History, signer: ChainSigner) -> Chained:
    """Return the records of a visitor whom the store does not know."""
    chance = Random(history.subject)  # noqa: S311 - the same visitors in every run
    stored: list[StoredRecord] = []
    ends = Chain(history.subject, 1, "", 0, "", 0)
    for at in history.times:
        last = signer.next(record_of(history.subject, at, chance), ends, at + retention())
        ends = Chain(history.subject, 1, "", last.number, last.hash, last.retention_until)
        stored.append(last)
    return Chained(stored, signer.signed(ends))


def rows_of(histories: Iterable[History], erased: Iterable[History] = ()) -> Rows:
    """Return the rows of visitors whom the store does not know, and what stays of others."""
    signer = ChainSigner([KEY])
    rows = Rows()
    session = SQLSession(cast("Connection", rows), write=True)
    for stored, ends in (chained(history, signer) for history in histories):
        for each in stored:
            session.add_record(each)
        session.add_chain(ends)
    for history in erased:
        session.add_erasure(signer.erasure(chained(history, signer).ends, NOW))
    return rows


def residents(numbers: range) -> Rows:
    """Return the rows of the visitors of these numbers, and what stays of some who are gone."""
    gone = (~number for number in numbers[::STAYING_TO_ERASED])
    return rows_of(map(history_of, numbers), map(history_of, gone))


@cache
def retention() -> int:
    """Return how long a record is kept, in seconds."""
    return parse_duration(RETENTION)


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """Open a transaction of the benchmark's own, on a connection of its own."""
    engine = open_engine(parsed_url(url), PATIENCE)
    try:
        with engine.connect() as connection, connection.begin():
            begin(connection, write=True, seconds=PATIENCE)
            yield connection
    finally:
        engine.dispose()


# -- databases -----------------------------------------------------------------------------------


class Floor:
    """What a database asks for whatever is done with it."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(parsed_url(url), PATIENCE)
        with self._begun() as connection:
            counter.create(connection)
            connection.execute(insert(counter), {"n": 0})

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            begin(connection, write=True, seconds=PATIENCE)
            yield connection

    def nothing(self) -> None:
        """Commit a transaction that does nothing."""
        with self._begun():
            pass

    def least(self) -> None:
        """Commit a transaction that changes one number."""
        with self._begun() as connection:
            connection.execute(update(counter).values(n=counter.c.n + 1))


@dataclass
class Database:
    """A database of so many records, and what happens in it within one round."""

    url: str
    records: int
    store: SQLRecordStore
    floor: Floor
    newcomers: Sequence[str] = ()
    deciders: Sequence[int] = ()
    readers: Sequence[int] = ()
    leavers: Sequence[int] = ()
    forgotten: Sequence[History] = ()

    def begin_round(self) -> None:
        """Choose who comes, and add those whose time is over."""
        self.newcomers = [secrets.token_urlsafe(16) for _ in range(EACH)]
        usual = range(LENGTHS.index(USUAL), _visitors(self.records), 2)
        chosen = CHANCE.sample(usual, 3 * EACH)
        self.deciders, self.readers, self.leavers = (chosen[n::3] for n in range(3))
        self.forgotten = [_forgotten(stays=n % 2 > 0) for n in range(PURGED // USUAL)]
        with transaction(self.url) as connection:
            rows_of(self.forgotten).insert(connection)

    def end_round(self) -> None:
        """Put everything back, so that there are as many records as before."""
        gone = [*self.newcomers, *map(subject_of, self.deciders)]
        gone += [history.subject for history in self.forgotten]
        with transaction(self.url) as connection:
            for table in (records, chains):
                connection.execute(delete(table).where(table.c.subject.in_(gone)))
            rows_of(map(history_of, (*self.deciders, *self.leavers))).insert(connection)


def append(store: SQLRecordStore, subject: str) -> None:
    """Record a decision of now."""
    record = record_of(subject, int(time.time()), CHANCE)
    expect(True, store.append(record, (POLICIES[-1], BANNER)))  # noqa: FBT003 - what is expected


def _forgotten(*, stays: bool) -> History:
    """Return somebody whose records are to be purged, but for one where they ``stay``."""
    times = [LONG_AGO + n * DAY for n in range(USUAL)]
    return History(secrets.token_urlsafe(16), [*times, NOW] if stays else times)


def _visitors(many: int) -> int:
    return many * len(LENGTHS) // sum(LENGTHS)


def expect(expected: object, found: object) -> None:
    """End the benchmark where the store does not what is to be timed."""
    if expected != found:
        raise SystemExit(f"expected {expected!r}, but found {found!r}")


def filled(url: str, many: int) -> Database:
    """Make a database of so many records."""
    migrate(url)
    with transaction(url) as connection:
        if is_sqlite(connection.engine.url):
            connection.exec_driver_sql("PRAGMA cache_size=-1000000")  # 1 GB, to be filled fast
        rows = [{"hash": each.hash, "kind": each.kind, "text": each.text} for each in DOCUMENTS]
        connection.execute(insert(documents), rows)
        for each in _residents(_visitors(many)):
            each.insert(connection)
    _settle(url)
    return Database(url, many, SQLRecordStore(url, KEY), Floor(url))


def _residents(visitors: int) -> Iterator[Rows]:
    """Yield the rows of all visitors, made on all processors."""
    batches = [range(start, min(start + BATCH, visitors)) for start in range(0, visitors, BATCH)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        for start in range(0, len(batches), IN_MEMORY):
            yield from pool.imap_unordered(residents, batches[start : start + IN_MEMORY])


def _settle(url: str) -> None:
    """Do what a database would do by itself in a while, so that it does not while we measure."""
    engine = open_engine(parsed_url(url), PATIENCE)
    statements = ["PRAGMA wal_checkpoint(TRUNCATE)"]
    if not is_sqlite(engine.url):
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        statements = ["VACUUM ANALYZE", "CHECKPOINT"]
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


# -- what is timed -------------------------------------------------------------------------------


LEAST: Final = "least commit: one number"


class Step(NamedTuple):
    """Something that is timed, so often in a round."""

    name: str
    times: int
    run: Callable[[Database, int], object]


STEPS: Final = (
    Step("empty transaction", EACH, lambda database, _: database.floor.nothing()),
    Step(LEAST, EACH, lambda database, _: database.floor.least()),
    Step(
        "append, subject not seen before",
        EACH,
        lambda database, n: append(database.store, database.newcomers[n]),
    ),
    Step(
        f"append, subject of {USUAL} records",
        EACH,
        lambda database, n: append(database.store, subject_of(database.deciders[n])),
    ),
    Step(
        f"by subject, {USUAL} records",
        EACH,
        lambda database, n: expect(
            USUAL, len(database.store.by_subject(subject_of(database.readers[n])))
        ),
    ),
    Step(
        f"erase, {USUAL} records",
        EACH,
        lambda database, n: expect(USUAL, database.store.erase(subject_of(database.leavers[n]))),
    ),
    Step(
        f"purge of {PURGED} records, {PURGED // USUAL} subjects",
        1,
        lambda database, _: expect(PURGED, database.store.purge(now=NOW - PERIOD)),
    ),
)


@dataclass(frozen=True)
class Times:
    """The seconds that one step took, by round."""

    few: list[list[float]]
    many: list[list[float]]

    @property
    def ratios(self) -> list[float]:
        """How many against few, in each round."""
        pairs = zip(self.few, self.many, strict=True)
        return [statistics.median(many) / statistics.median(few) for few, many in pairs]


def time_all(few: Database, many: Database) -> dict[str, Times]:
    """Time each step on both databases in turn."""
    times = {step.name: Times([], []) for step in STEPS}
    for number in range(-1, ROUNDS):  # the first is to become warm
        both = (few, many)
        for database in both:
            database.begin_round()
        for step in STEPS:
            found = _time(step, few, many, number)
            if number >= 0:
                times[step.name].few.append(found[0])
                times[step.name].many.append(found[1])
        for database in both:
            database.end_round()
    return times


def _time(
    step: Step, few: Database, many: Database, number: int
) -> tuple[list[float], list[float]]:
    """Time one step of a round, each database first as often."""
    found: tuple[list[float], list[float]] = ([], [])
    for n in range(step.times):
        sides = [(few, found[0]), (many, found[1])]
        for database, seconds in sides if (n + number) % 2 else reversed(sides):
            start = time.perf_counter()
            step.run(database, n)
            seconds.append(time.perf_counter() - start)
    return found


def _print_times(times: Mapping[str, Times], few: Database, many: Database) -> None:
    print(
        f"{'milliseconds: median [quartiles]':36}{_with_records(few):>20}{_with_records(many):>20}"
        f"{'many to few':>20}{'in commits':>12}"
    )
    least = statistics.median(chain.from_iterable(times[LEAST].many))
    for name, each in times.items():
        one, other = (chain.from_iterable(side) for side in (each.few, each.many))
        in_commits = statistics.median(chain.from_iterable(each.many)) / least
        print(
            f"{name:36}{_quartiles(one, 1_000):>20}{_quartiles(other, 1_000):>20}"
            f"{_quartiles(each.ratios):>20}{_three_digits(in_commits):>12}"
        )


def _with_records(database: Database) -> str:
    return f"{database.records:,} records".replace(",", " ")


def _quartiles(values: Iterable[float], factor: float = 1) -> str:
    quartiles = statistics.quantiles([factor * each for each in values], n=4)
    low, median, high = map(_three_digits, quartiles)
    return f"{median} [{low} {high}]"


def _three_digits(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"  # noqa: PLR2004 - three digits


# -- what takes each record its time -------------------------------------------------------------


def _print_rates(*databases: Database) -> None:
    for name, task in (("verify", _verify), ("count and report", _report)):
        rates = [f"{_rate(task, database):20,.0f}".replace(",", " ") for database in databases]
        print(f"{name + ', records a second':36}{''.join(rates)}", flush=True)


def _rate(task: Callable[[Database], int], database: Database) -> float:
    start = time.perf_counter()
    return task(database) / (time.perf_counter() - start)


def _verify(database: Database) -> int:
    """Verify the records of a database, or enough of them; return how many."""
    verified = 0
    for ends, stored in database.store.chains():
        expect(None, database.store.signer.first_discrepancy(ends.subject, ends, stored))
        verified += len(stored)
        if verified >= VERIFIED:
            break
    return verified


def _report(database: Database) -> int:
    counts = database.store.count()
    expect(True, "</html>" in report_html(counts, title="", made_at=NOW))  # noqa: FBT003 - what is expected
    return sum(each.records for each in counts)


# -- several processes ---------------------------------------------------------------------------


class Decided(NamedTuple):
    """What one process did in its time."""

    seconds: Sequence[float]
    refused: int


def decide(url: str, start: Barrier, answers: Queue[Decided]) -> None:
    """Record decisions of new visitors, one after the other, from when all others are ready."""
    store = SQLRecordStore(url, KEY)
    append(store, secrets.token_urlsafe(16))
    seconds, refused = [], 0
    start.wait()
    end = time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < end:
        try:
            append(store, secrets.token_urlsafe(16))
        except Exception:
            refused += 1
        else:
            seconds.append(time.perf_counter() - began)
    answers.put(Decided(seconds, refused))


def decide_at_once(url: str, processes: int) -> Decided:
    """Let so many processes decide, and return what they did together."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=decide, args=(url, start, answers)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=SECONDS + PATIENCE) for _ in workers]
    for worker in workers:
        worker.join()
    seconds = chain.from_iterable(each.seconds for each in found)
    return Decided(list(seconds), sum(each.refused for each in found))


def _print_decisions(database: Database) -> None:
    for processes in PROCESSES:
        seconds, refused = decide_at_once(database.url, processes)
        cuts = statistics.quantiles(seconds, n=100)
        times = ", ".join(f"{1_000 * each:.1f}" for each in (cuts[49], cuts[98], max(seconds)))
        print(
            f"{processes} {'process' if processes == 1 else 'processes'}: "
            f"{len(seconds) / SECONDS:.0f} decisions a second, {refused} refused; "
            f"milliseconds, median, 99th percentile and longest: {times}",
            flush=True,
        )


# -- the script ----------------------------------------------------------------------------------


def compare(few_url: str, many_url: str, many: int) -> None:
    """Fill two databases, and print what they cost."""
    start = time.perf_counter()
    databases = (filled(few_url, FEW), filled(many_url, many))
    print(f"filled in {time.perf_counter() - start:.0f} s", flush=True)
    _print_times(time_all(*databases), *databases)
    _print_rates(*databases)
    _print_decisions(databases[1])


@contextmanager
def on_sqlite() -> Iterator[tuple[str, str]]:
    """Give the URLs of two files in one folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/few.db", f"sqlite:///{folder}/many.db"


@contextmanager
def on_postgresql() -> Iterator[tuple[str, str]]:
    """Give the URLs of two databases of one server."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from postgresql import PostgreSQL  # noqa: PLC0415 - of the tests, and only found here

    if missing := PostgreSQL.available():
        raise SystemExit(missing)
    with PostgreSQL() as server:
        yield server.new_database(), server.new_database()


DATABASES: Final = {"sqlite": on_sqlite, "postgresql": on_postgresql}


def main() -> None:
    """Print a table for each database, or for the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=MANY, metavar="N", help="instead of 1000000")
    parser.add_argument("--database", choices=DATABASES, help="the one, instead of both")
    options = parser.parse_args()
    if options.records < FEW:
        parser.error(f"--records needs {FEW} or more")
    for name, opened in DATABASES.items():
        if options.database in (None, name):
            print(f"\n{name}", flush=True)
            with opened() as (few, many):
                compare(few, many, options.records)


if __name__ == "__main__":
    main()
