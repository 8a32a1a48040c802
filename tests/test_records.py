"""Records in SQLite, PostgreSQL and partitions of it: the contract, and what is theirs alone."""

# ruff: noqa: S608 - the SQL is made of names that stand in this file

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import postgresql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, insert, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

import consentgate.records
from consentgate import ConfigurationError
from consentgate.duration import DAY, months
from consentgate.record import Document
from consentgate.records import SQLRecordStore, open_store
from consentgate.records import waiting as waiting_module
from consentgate.records.chain import subject_hash
from consentgate.records.chained import Conflict
from consentgate.records.manifest import NotAManifest, compare, manifest
from consentgate.records.rows import record_row
from consentgate.records.schema import migrate
from consentgate.records.tables import (
    METADATA,
    SCHEMA_VERSION,
    SCHEMA_VERSION_TABLE,
    chains,
    documents,
    erasures,
    records,
)
from consentgate.records.testing import (
    BANNER,
    KEYS,
    NOW,
    POLICY,
    ChainedRecordStoreContract,
    RecordStoreContract,
    sample_record,
)
from consentgate.records.waiting import MOST_AT_ONCE, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from postgresql import PostgreSQL
    from sqlalchemy import Connection

    from consentgate.record import StoredRecord
    from consentgate.records.chained import Session

MANY = 10_000
"""Records among which one visitor's are looked for."""

TABLES = ("consent_records", "consent_chains", "consent_documents", "consent_erasures")


# -- databases -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """Give a PostgreSQL server, for which nothing here needs a disk."""
    with postgresql.started(fsync=False) as server:
        yield server


@pytest.fixture(scope="module")
def whole_database(server: PostgreSQL) -> str:
    """Give a database in PostgreSQL whose tables are whole."""
    url = server.new_database()
    migrate(url)
    return url


@pytest.fixture(scope="module")
def partitioned_database(server: PostgreSQL) -> str:
    """Give a database in PostgreSQL whose tables have eight parts."""
    url = server.new_database()
    migrate(url, partitions=8)
    return url


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file that has its tables, to be copied."""
    file = tmp_path_factory.mktemp("records") / "empty.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def in_file(empty_file: Path, tmp_path: Path) -> str:
    """Give the URL of a SQLite file that has its tables."""
    file = shutil.copy(empty_file, tmp_path / "records.db")
    return f"sqlite:///{file}"


@pytest.fixture
def in_postgresql(whole_database: str) -> str:
    """Give the URL of the whole tables, emptied."""
    run(whole_database, f"TRUNCATE {', '.join(TABLES)}")
    return whole_database


@pytest.fixture
def in_partitions(partitioned_database: str) -> str:
    """Give the URL of the partitioned tables, emptied."""
    run(partitioned_database, f"TRUNCATE {', '.join(TABLES)}")
    return partitioned_database


EVERYWHERE = ["in_file", "in_postgresql", "in_partitions"]


@pytest.fixture(params=EVERYWHERE)
def url(request: pytest.FixtureRequest) -> str:
    """Give the URL of each kind of database in turn."""
    found: str = request.getfixturevalue(request.param)
    return found


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect to a database past the store; what is done is committed at the end."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def run(url: str, sql: str, parameters: Mapping[str, object] | None = None) -> int:
    """Run one statement; return how many rows it concerned."""
    with connected(url) as connection:
        return connection.execute(text(sql), parameters or {}).rowcount


def asked(url: str, sql: str) -> list[Any]:
    """Return the first column of what a query finds."""
    with connected(url) as connection:
        return list(connection.scalars(text(sql)))


@contextmanager
def opened(url: str, keys: Any = KEYS, **options: Any) -> Iterator[SQLRecordStore]:
    """Open a store, and leave no connection behind."""
    options = {"clock": lambda: NOW, **options}
    store = SQLRecordStore(url, keys, **options)
    try:
        yield store
    finally:
        store._engine.dispose()


def fill(store: SQLRecordStore, count: int) -> list[str]:
    """Keep one record of each of many subjects, in one transaction; return them, ordered."""
    subjects = [f"{number:05}" for number in range(count)]

    def append(session: Session) -> None:
        for number, subject in enumerate(subjects):
            record = sample_record(subject, time=NOW + number)
            store._append(session, record, [POLICY, BANNER] if number == 0 else [], [])

    store._run(append, write=True, visitor_waits=False)
    return subjects


# -- the contract --------------------------------------------------------------------------------


class TestSQLite(ChainedRecordStoreContract):
    """A SQLite file."""

    @pytest.fixture(autouse=True)
    def _open(self, in_file: str) -> Iterator[None]:
        yield from self._opened(in_file)

    def _opened(self, url: str) -> Iterator[None]:
        self.url = url
        self.stores: list[SQLRecordStore] = []
        yield
        for store in self.stores:
            store._engine.dispose()

    def store(self, secret_keys: Sequence[str] | None = KEYS, **options: Any) -> SQLRecordStore:
        """Open the store once more."""
        options = {"clock": lambda: NOW, "timeout": 30.0, **options}
        self.stores.append(SQLRecordStore(self.url, secret_keys, **options))
        return self.stores[-1]

    def tamper(self, sql: str, parameters: Mapping[str, object]) -> int:
        """Change the database as its administrator can."""
        return run(self.url, sql, parameters)


class TestPostgreSQL(TestSQLite):
    """Whole tables in PostgreSQL."""

    @pytest.fixture(autouse=True)
    def _open(self, in_postgresql: str) -> Iterator[None]:
        yield from self._opened(in_postgresql)


class TestPartitionedPostgreSQL(TestSQLite):
    """Tables in eight parts, as if on eight machines."""

    @pytest.fixture(autouse=True)
    def _open(self, in_partitions: str) -> Iterator[None]:
        yield from self._opened(in_partitions)


def test_the_contract_wants_to_be_told_how() -> None:
    """Whoever inherits it says how the store is opened, and how to tamper with its database."""
    for missing in (
        RecordStoreContract().store,
        ChainedRecordStoreContract().store,
        lambda: ChainedRecordStoreContract().tamper("SELECT 1", {}),
    ):
        with pytest.raises(NotImplementedError):
            missing()


# -- what always holds ---------------------------------------------------------------------------

SUBJECTS = st.sampled_from("ab")
TIMES = st.integers(0, 6).map(lambda year: NOW + year * 365 * DAY)
STEPS = st.one_of(
    st.tuples(st.just("append"), SUBJECTS, TIMES),
    st.tuples(st.just("append"), SUBJECTS, TIMES),
    st.tuples(st.just("signal"), SUBJECTS, TIMES),
    st.tuples(st.just("erase"), SUBJECTS, TIMES),
    st.tuples(st.just("purge"), SUBJECTS, st.integers(4, 14).map(lambda n: NOW + n * 365 * DAY)),
)


@contextmanager
def copied(file: Path) -> Iterator[Path]:
    """Copy a SQLite file for the length of a block."""
    with TemporaryDirectory() as folder:
        yield Path(shutil.copy(file, Path(folder) / "copy.db"))


class Model:
    """What a store is said to hold: for each subject, its records from the oldest on."""

    def __init__(self) -> None:
        self.kept: dict[str, list[StoredRecord]] = {"a": [], "b": []}
        self.erased: dict[str, int] = {}  # and until when that is known

    def take(self, store: SQLRecordStore, step: tuple[str, str, int]) -> None:
        """Do one step and see that exactly that was done which was said."""
        action, subject, moment = step
        kept = self.kept[subject]
        if action == "purge":
            self._purge(store, moment)
        elif action == "erase":
            assert len(kept) == store.erase(subject)
            if kept:
                until = max(self.erased.get(subject, 0), kept[-1].retention_until)
                self.erased[subject] = until
            kept.clear()
        else:
            self._append(store, action, subject, moment)

    def _append(self, store: SQLRecordStore, action: str, subject: str, moment: int) -> None:
        event = "signal" if action == "signal" else "given"
        record = sample_record(subject, time=moment, event=event, signals={"gpc": moment > NOW})
        kept = self.kept[subject]
        known = bool(kept) and kept[-1].record.signals == record.signals
        # A signal that was under way when its visitor was erased is not kept.
        is_new = event != "signal" or (not known and (bool(kept) or subject not in self.erased))
        assert store.append(record, [POLICY, BANNER]) == is_new
        if is_new:
            kept.append(store.by_subject(subject)[-1])
            assert record == kept[-1].record

    def _purge(self, store: SQLRecordStore, moment: int) -> None:
        over = 0
        for kept in self.kept.values():
            while kept and kept[0].retention_until <= moment:
                del kept[0]
                over += 1
        assert over == store.purge(moment)
        self.erased = {subject: until for subject, until in self.erased.items() if until > moment}


@settings(max_examples=40)
@given(steps=st.lists(STEPS, max_size=20))
@example(
    steps=[
        ("append", "a", NOW + 2 * 365 * DAY),
        ("erase", "a", NOW),
        ("purge", "a", NOW + 6 * 365 * DAY),
        ("signal", "a", NOW),
    ]
)
def test_whatever_was_done_the_store_verifies(
    empty_file: Path, steps: list[tuple[str, str, int]]
) -> None:
    """Any sequence of appending, erasing and purging leaves what it should, and sound."""
    model = Model()
    with copied(empty_file) as file, opened(f"sqlite:///{file}") as store:
        for step in steps:
            model.take(store, step)
        assert [] == list(store.verify())
        for subject, kept in model.kept.items():
            assert kept == store.by_subject(subject)
            assert all(one.number + 1 == other.number for one, other in pairwise(kept))


@pytest.fixture(scope="module")
def full_file(empty_file: Path) -> Path:
    """Give a SQLite file with some of everything in it."""
    file = empty_file.with_name("full.db")
    shutil.copy(empty_file, file)
    with opened(f"sqlite:///{file}") as store:
        for subject in "aabbbcd":
            store.append(sample_record(subject, layer=None), [POLICY, BANNER])
        store.append(sample_record("a", event="signal", method="signal", signals={"gpc": True}))
        store.append(sample_record("c", time=NOW + 1, user_agent="Firefox 145"))
        store.purge(NOW + months(60))
        store.append(sample_record("b"), [POLICY, BANNER])
        store.append(sample_record("e"), [POLICY, BANNER])
        store.erase("e")
    return file


VALUES = st.one_of(
    st.text(max_size=8),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 9),
    st.floats(allow_nan=False),
    st.binary(max_size=8),
    st.none(),
)
CELLS = st.sampled_from(
    [(table.name, column.name) for table in METADATA.sorted_tables for column in table.columns]
)


def change_cell(file: Path, cell: tuple[str, str], row: int, value: object, kind: str) -> bool:
    """Change one value of a SQLite file; return whether it is another one now."""
    table, column = cell
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.text_factory = bytes
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        query = f'SELECT "{column}", typeof("{column}") FROM {table} WHERE rowid = ?'
        (rowid,) = connection.execute(
            f"SELECT rowid FROM {table} LIMIT 1 OFFSET {row % rows}"
        ).fetchone()
        before = connection.execute(query, [rowid]).fetchone()
        new = {"value": "?", "octets": "CAST(? AS TEXT)", "beside": f'"{column}" || ?'}[kind]
        try:
            connection.execute(
                f'UPDATE {table} SET "{column}" = {new} WHERE rowid = ?', [value, rowid]
            )
        except sqlite3.IntegrityError:  # the database itself does not allow it
            return False
        return bool(before != connection.execute(query, [rowid]).fetchone())


@settings(max_examples=150)
@given(
    cell=CELLS,
    row=st.integers(0, 99),
    value=VALUES,
    kind=st.sampled_from(["value", "octets", "beside"]),
)
@example(cell=("consent_documents", "text"), row=0, value=b"", kind="value")
@example(cell=("consent_chains", "subject"), row=0, value=b"\x80", kind="octets")
def test_any_change_of_a_stored_value_is_noticed(
    full_file: Path, cell: tuple[str, str], row: int, value: object, kind: str
) -> None:
    """Whatever somebody writes into any row and column, of whatever type."""
    with copied(full_file) as file:
        assume(change_cell(file, cell, row, value, kind))
        with opened(f"sqlite:///{file}") as store:
            assert next(store.verify(), None)


@pytest.mark.parametrize("column", ["choices", "signals"])
@pytest.mark.parametrize(
    "spelling",
    [
        '{"advertising": false, "statistics": true}',
        '{"statistics":true,"advertising":false}',
        '{"advertising":true,"advertising":false,"statistics":true}',
        '{"advertising":false,"statistics":true}\n',
        '{"\\u0061dvertising":false,"statistics":true}',
    ],
)
def test_another_spelling_of_the_same_choices_is_noticed(
    in_file: str, column: str, spelling: str
) -> None:
    """There is one text for what a record holds, and readers of the database read it as they do."""
    same = {"advertising": False, "statistics": True}
    with opened(in_file) as store:
        store.append(sample_record(choices=same, signals=same), [POLICY, BANNER])
        run(in_file, f"UPDATE consent_records SET {column} = :spelling", {"spelling": spelling})
        assert ["altered"] == [each.fault for each in store.verify()]


@pytest.mark.parametrize("table", ["consent_records", "consent_chains"])
@pytest.mark.parametrize("subject", ["x'00'", "CAST(x'80' AS TEXT)", "CAST(x'C380' AS TEXT)", "''"])
def test_a_subject_that_is_no_text_hides_nothing(in_file: str, table: str, subject: str) -> None:
    """SQLite holds it in a column of texts; what is wrong with others is named all the same."""
    with opened(in_file) as store:
        for each in "abc":
            store.append(sample_record(each), [POLICY, BANNER])
        run(in_file, f"UPDATE {table} SET subject = {subject} WHERE subject = 'b'")
        for each in "ac":
            run(in_file, "UPDATE consent_records SET layer = 9 WHERE subject = :s", {"s": each})
        found = [(each.fault, each.subject) for each in islice(store.verify(), 9)]
    assert {("altered", "a"), ("altered", "c"), ("missing", "b")} < set(found)
    assert 4 == len(found)


NO_FLAGS = ["", "no JSON", "[]", "null", '{"a":1}', '{"a":null}', "[" * 99_999]


@pytest.mark.parametrize("flags", NO_FLAGS, ids=[each[:10] for each in NO_FLAGS])
def test_what_is_no_flags_is_noticed(url: str, flags: str) -> None:
    """Whatever stands where choices stood can be read and counted, and is found out."""
    with opened(url) as store:
        store.append(sample_record(), [POLICY, BANNER])
        for column in ("choices", "signals"):
            run(url, f"UPDATE consent_records SET {column} = :flags", {"flags": flags})
        assert ["altered"] == [each.fault for each in store.verify()]
        assert [1] == [each.records for each in store.count()]
        assert 1 == len(store.by_subject("visitor"))


def test_a_record_that_is_there_twice_is_noticed(url: str) -> None:
    """Signed or not, it is no decision of its own."""
    names = [column.name for column in records.columns]
    others = ", ".join(f'"{name}"' for name in names if name != "number")
    with opened(url) as store:
        for subject in "ab":
            for _ in range(3):
                store.append(sample_record(subject), [POLICY, BANNER])
        for subject, number, new in (("a", 1, 4), ("b", 3, 4)):
            run(
                url,
                f"INSERT INTO consent_records (number, {others}) SELECT {new}, {others} "
                "FROM consent_records WHERE subject = :subject AND number = :number",
                {"subject": subject, "number": number},
            )
        assert [("reordered", "a", 4), ("reordered", "b", 4)] == [
            (each.fault, each.subject, each.number) for each in store.verify()
        ]


# -- the tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["in_file", "in_postgresql"])
def test_the_migrations_lead_to_the_tables(database: str, request: pytest.FixtureRequest) -> None:
    """Nothing would have to be migrated to have what the store expects."""
    with connected(request.getfixturevalue(database)) as connection:
        options = {"version_table": SCHEMA_VERSION_TABLE, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert [] == compare_metadata(context, METADATA)


def test_partitions_have_the_same_columns(in_partitions: str) -> None:
    """And there are as many as were asked for, of both tables that grow."""
    with connected(in_partitions) as connection:
        found = inspect(connection)
        for table in METADATA.sorted_tables:
            columns = {column["name"] for column in found.get_columns(table.name)}
            assert set(table.columns.keys()) == columns
        names = found.get_table_names()
    parts = [name for name in names if re.fullmatch(r"consent_(records|chains)_\d+", name)]
    assert 16 == len(parts)


def test_migrating_again_is_harmless(url: str) -> None:
    """What is kept stays, and the number of partitions, too."""
    with opened(url) as store:
        store.append(sample_record(), [POLICY, BANNER])
        migrate(url)
        if not url.startswith("sqlite"):
            migrate(url, partitions=3)
        assert 1 == len(store.by_subject("visitor"))
        assert [] == list(store.verify())


def test_partitions_need_postgresql(tmp_path: Path) -> None:
    """And some sense; where they cannot be made nothing is."""
    file = tmp_path / "records.db"
    with pytest.raises(ConfigurationError, match="PostgreSQL"):
        migrate(f"sqlite:///{file}", partitions=8)
    for number in (-1, 1025):
        with pytest.raises(ConfigurationError, match=f"{number} .*partitions"):
            migrate("postgresql://127.0.0.1:1/none", partitions=number)
    assert not file.exists()


def test_nothing_needs_a_global_order(url: str) -> None:
    """PostgreSQL's catalogue knows no sequence, identity, foreign key or trigger of ours."""
    if url.startswith("sqlite"):
        assert [] == asked(url, "SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%'")
        assert [] == asked(url, "SELECT name FROM sqlite_schema WHERE sql LIKE '%REFERENCES%'")
        return
    ours = "relnamespace = 'public'::regnamespace"
    assert [] == asked(url, f"SELECT relname FROM pg_class WHERE relkind = 'S' AND {ours}")
    assert [] == asked(url, "SELECT conname FROM pg_constraint WHERE contype IN ('f', 'x', 't')")
    assert [] == asked(url, "SELECT tgname FROM pg_trigger")
    attributes = f"pg_attribute JOIN pg_class ON attrelid = pg_class.oid WHERE {ours}"
    assert [] == asked(url, f"SELECT attname FROM {attributes} AND attidentity <> ''")
    assert [] == asked(url, f"SELECT attname FROM {attributes} AND atthasdef")


def test_every_unique_index_begins_with_the_subject(url: str) -> None:
    """Or with a hash that stands for it, or for a text: so each may live on its own machine."""
    with connected(url) as connection:
        found = inspect(connection)
        for table, first in (
            ("consent_records", "subject"),
            ("consent_chains", "subject"),
            ("consent_documents", "hash"),
            ("consent_erasures", "subject_hash"),
        ):
            assert first == found.get_pk_constraint(table)["constrained_columns"][0]
            assert [] == found.get_unique_constraints(table)
            assert not any(index["unique"] for index in found.get_indexes(table))


def test_no_table_is_locked(in_postgresql: str) -> None:
    """Two visitors never wait for each other: all locks are of rows."""
    modes: set[str] = set()
    with opened(in_postgresql) as store:

        @event.listens_for(store._engine, "commit")
        def look(connection: Connection) -> None:
            modes.update(
                connection.exec_driver_sql(
                    "SELECT mode FROM pg_locks WHERE locktype = 'relation'"
                    " AND pid = pg_backend_pid()"
                ).scalars()
            )

        for subject in "aab":
            store.append(sample_record(subject), [POLICY, BANNER])
        store.purge(NOW + months(60))
        store.append(sample_record("a"), [POLICY, BANNER])
        store.erase("a")
    assert {"AccessShareLock", "RowShareLock", "RowExclusiveLock"} == modes


def test_subjects_do_not_wait_for_each_other(in_postgresql: str) -> None:
    """While one visitor's chain is held by a transaction, another's grows."""
    with opened(in_postgresql, timeout=1.0) as store, connected(in_postgresql) as other:
        for subject in "ab":
            store.append(sample_record(subject), [POLICY, BANNER])
        other.execute(text("SELECT * FROM consent_chains WHERE subject = 'a' FOR UPDATE"))
        with pytest.raises((TimeoutError, SQLAlchemyError)):
            store.append(sample_record("a"))
        assert store.append(sample_record("b"))
        assert [1, 2] == [len(store.by_subject(subject)) for subject in "ab"]


# -- plans ---------------------------------------------------------------------------------------


@pytest.fixture
def crowded(url: str) -> str:
    """Give the URL of a database with the records of many visitors."""
    with opened(url) as store:
        stored = [store.signer.next(sample_record(f"{n:032x}"), None, NOW + n) for n in range(MANY)]
        kept_chains = [asdict(store.signer.extended(None, each)) for each in stored]
    erased = {"last_hash": "", "last_number": 1, "signature": "", "time": NOW}
    with connected(url) as connection:
        connection.execute(insert(records), [record_row(each) for each in stored])
        connection.execute(insert(chains), kept_chains)
        kept = [{"hash": f"{n:064x}", "kind": "banner", "text": "…"} for n in range(MANY)]
        connection.execute(insert(documents), kept)
        gone = [
            {**erased, "subject_hash": f"{n:064x}", "retention_until": NOW + n} for n in range(MANY)
        ]
        connection.execute(insert(erasures), gone)
        connection.execute(text("ANALYZE"))
    return url


@contextmanager
def plans(store: SQLRecordStore) -> Iterator[list[str]]:
    """Note how the database goes about each statement that the store runs meanwhile."""
    noted: list[str] = []
    explain = "EXPLAIN QUERY PLAN" if store._engine.dialect.name == "sqlite" else "EXPLAIN"

    def look(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if re.match(r"SELECT|UPDATE|DELETE", statement):
            cursor.execute(f"{explain} {statement}", parameters)
            plan = "; ".join(str(line[-1]).strip() for line in cursor.fetchall())
            noted.append(f"{' '.join(statement.split())} -> {plan}")

    event.listen(store._engine, "before_cursor_execute", look)
    yield noted
    event.remove(store._engine, "before_cursor_execute", look)


def whole_tables_read(noted: list[str]) -> list[str]:
    """Return the statements that go through a whole table."""
    return [line for line in noted if re.search(r"Seq Scan|\bSCAN\b(?! CONSTANT ROW)", line)]


def test_append_finds_its_rows_by_index(crowded: str) -> None:
    """A decision or a signal, of somebody known or new, with documents known or new."""
    with opened(crowded) as store, plans(store) as noted:
        for subject in (f"{7:032x}", "newcomer"):
            for event_ in ("given", "signal"):
                record = sample_record(subject, event=event_, signals={"gpc": event_ == "signal"})
                assert store.append(record, [Document("banner", f"{subject} {event_}")])
    assert 8 <= len(noted)
    assert [] == whole_tables_read(noted)


def test_one_subjects_records_are_found_by_index(crowded: str) -> None:
    """To show, to verify and to erase them."""
    with opened(crowded) as store, plans(store) as noted:
        subject = f"{8:032x}"
        assert 1 == len(store.by_subject(subject))
        assert 0 == len(list(store.verify(subject)))
        assert 1 == store.erase(subject)
        assert store.document(f"{3:064x}") is not None
    assert 6 <= len(noted)
    assert [] == whole_tables_read(noted)


def test_what_is_over_is_found_by_index(crowded: str) -> None:
    """A purge costs what it purges, not what is kept."""
    with opened(crowded) as store, plans(store) as noted:
        store.purge(NOW + 20)
    assert 20 <= len(noted)
    assert [] == whole_tables_read(noted)


# -- many ----------------------------------------------------------------------------------------


def test_many_chains_are_verified_in_several_transactions(url: str) -> None:
    """Each chain once, none left out where one transaction ends and the next begins."""
    with opened(url) as store:
        subjects = fill(store, 1203)
        assert subjects == [chain.subject for chain, _ in store.chains()]
        tampered = [subjects[number] for number in (0, 499, 500, 501, 999, 1000, 1202)]
        for subject in tampered:
            run(url, "UPDATE consent_records SET layer = 9 WHERE subject = :s", {"s": subject})
        assert tampered == [each.subject for each in store.verify()]


def test_many_chains_are_purged_in_several_transactions(url: str) -> None:
    """Each once, and none of those that are to be kept."""
    with opened(url) as store:
        subjects = fill(store, 1203)
        assert 1101 == store.purge(NOW + 1100 + months(60))
        assert subjects[1101:] == [chain.subject for chain, _ in store.chains()]
        assert [] == list(store.verify())


# -- opening a store -----------------------------------------------------------------------------


def test_sqlite_is_durable_and_lets_readers_read(in_file: str) -> None:
    """A write-ahead log, and a commit that is on the disk when it returns."""
    with opened(in_file) as store:
        store.append(sample_record())
        with store._engine.connect() as connection:
            assert "wal" == connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            assert 2 == connection.exec_driver_sql("PRAGMA synchronous").scalar()


def test_postgresql_commits_to_the_disk(server: PostgreSQL) -> None:
    """Whatever the database's own default is."""
    url = server.new_database()
    migrate(url)
    for default, expected in (("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")):
        run(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = {default}")
        seen: list[str] = []
        with opened(url) as store:

            @event.listens_for(store._engine, "commit")
            def look(connection: Connection, seen: list[str] = seen) -> None:
                seen.extend(connection.exec_driver_sql("SHOW synchronous_commit").scalars())

            store.append(sample_record())
        assert [expected] == seen


def traces(url: str, words: Sequence[str]) -> list[str]:
    """Return which of ``words`` are in the files of a SQLite database."""
    file = Path(url.removeprefix("sqlite:///"))
    octets = b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    return [word for word in words if word.encode() in octets]


def test_what_is_erased_or_purged_leaves_no_trace(in_file: str) -> None:
    """Neither in the file nor in the log beside it, while the store is open."""
    words = ["subject-of-this", "Firefox of this"]
    for end in ("erase", "purge"):
        with opened(in_file) as store:
            for number in range(40):
                store.append(sample_record(f"{number}", time=NOW + DAY))
            store.append(sample_record(words[0], user_agent=words[1]), [POLICY, BANNER])
            assert words == traces(in_file, words)
            gone = store.erase(words[0]) if end == "erase" else store.purge(NOW + months(60))
            assert 1 == gone
            assert [] == traces(in_file, words)


def test_traces_that_stay_are_logged(in_file: str, caplog: pytest.LogCaptureFixture) -> None:
    """The erasure itself was committed, and is not undone by it."""
    with opened(in_file) as store, closing(reading(in_file)):
        store.append(sample_record("subject-of-this"))
        with caplog.at_level(logging.WARNING, "consentgate"):
            assert 1 == store.erase("subject-of-this")
        assert [] == list(store.by_subject("subject-of-this"))
    assert "traces" in caplog.text


def reading(url: str) -> sqlite3.Connection:
    """Begin to read a SQLite file, and do not end."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM consent_records").fetchall()
    return connection


def test_a_file_that_vanishes_with_its_traces_is_logged(
    in_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be reached any more is no error of who erased."""
    with opened(in_file) as store:
        Path(in_file.removeprefix("sqlite:///")).unlink()
        with caplog.at_level(logging.WARNING, "consentgate"):
            store._forget_traces()
    assert "traces" in caplog.text


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_database_without_tables_is_refused(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """At the start, with the command that makes them; the store does not."""
    if database == "sqlite":
        url = f"sqlite:///{tmp_path / 'records.db'}"
        sqlite3.connect(tmp_path / "records.db").close()
        Path(tmp_path / "records.db").touch()
    else:
        url = request.getfixturevalue("server").new_database()
    with pytest.raises(ConfigurationError, match=r"no tables.* records --url .* migrate"):
        SQLRecordStore(url, KEYS)
    with connected(url) as connection:
        assert [] == inspect(connection).get_table_names()
    migrate(url)
    with opened(url) as store:
        assert store.append(sample_record())


def test_tables_of_another_version_are_refused(url: str) -> None:
    """An older one, and one from the future; the command that helps is named."""
    for version in ("0000", "9999"):
        run(url, f"UPDATE {SCHEMA_VERSION_TABLE} SET version_num = :new", {"new": version})
        try:
            with pytest.raises(ConfigurationError, match=rf"version {version}.* migrate"):
                SQLRecordStore(url, KEYS)
        finally:
            run(url, f"UPDATE {SCHEMA_VERSION_TABLE} SET version_num = '{SCHEMA_VERSION}'")


def test_a_missing_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not made: it may be a wrong path; the default is a file of the working directory."""
    monkeypatch.chdir(tmp_path)
    for arguments in ([f"sqlite:///{tmp_path / 'none.db'}"], ["sqlite:///none/none.db"], []):
        with pytest.raises(ConfigurationError, match="migrate"):
            SQLRecordStore(*arguments)
    assert [] == list(tmp_path.iterdir())
    migrate("sqlite:///consent-records.db")
    with opened("sqlite:///consent-records.db"):
        assert Path("consent-records.db").exists()


def test_a_file_that_vanishes_is_not_made_anew(in_file: str) -> None:
    """A store without its tables keeps nothing, and says so each time."""
    with opened(in_file) as store:
        file = Path(in_file.removeprefix("sqlite:///"))
        file.unlink()
        for _ in range(2):
            with pytest.raises(SQLAlchemyError):
                store.append(sample_record())
        assert not file.exists()


def test_no_request_makes_tables(url: str) -> None:
    """Where they vanish under an open store, it keeps nothing and makes nothing."""
    with opened(url) as store:
        store.append(sample_record())
        for table in TABLES:
            run(url, f"ALTER TABLE {table} RENAME TO away_{table}")
        try:
            for action in (
                lambda: store.append(sample_record(), [POLICY]),
                lambda: store.by_subject("visitor"),
                lambda: store.erase("visitor"),
                store.purge,
                store.count,
            ):
                with pytest.raises(SQLAlchemyError):
                    action()
            with connected(url) as connection:
                assert not set(TABLES) & set(inspect(connection).get_table_names())
        finally:
            for table in TABLES:
                run(url, f"ALTER TABLE away_{table} RENAME TO {table}")
        assert 1 == len(store.by_subject("visitor"))


def test_a_database_that_denies_is_refused(server: PostgreSQL, in_postgresql: str) -> None:
    """Not who may not read the tables, but who does not know it, would lose decisions."""
    run(in_postgresql, "DROP ROLE IF EXISTS stranger")
    run(in_postgresql, "CREATE ROLE stranger LOGIN")
    with pytest.raises(ConfigurationError, match="denies"):
        SQLRecordStore(in_postgresql.replace("postgres@", "stranger@"), KEYS)


BAD_URLS = [
    "",
    "records.db",
    "consent-records.db?password=s3cret",
    "s3cret",
    "mysql://shop:s3cret@db/records",
    "postgres://shop:s3cret@db/records",
    "postgresql+none://shop:s3cret@db/records",
    "sqlite+none:///records.db",
    "postgresql://shop:s3cret@db:port/records",
    "postgresql+asyncpg://shop:s3cret@db/records",
    "://",
    "sqlite://shop:s3cret@db/records.db",
    "sqlite://",
    "sqlite:///:memory:",
]


@pytest.mark.parametrize("bad", BAD_URLS)
def test_what_is_no_url_of_a_database_is_refused(bad: str) -> None:
    """With an example or a remedy, and without the password that may be in it."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///|pip install|migrate") as raised:
        SQLRecordStore(bad, KEYS)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("bad", BAD_URLS[:-2])
def test_nothing_is_migrated_at_what_is_no_url(bad: str) -> None:
    """Neither."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///|pip install") as raised:
        migrate(bad)
    assert "s3cret" not in str(raised.value)


def test_postgresql_is_reached_by_psycopg(in_postgresql: str) -> None:
    """Also where the URL names no driver, as operators write it."""
    with opened(in_postgresql.replace("+psycopg", "")) as store:
        assert store.append(sample_record())
    migrate(in_postgresql.replace("+psycopg", ""))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://shop:s3cret@127.0.0.1:1/records",
        "postgresql+psycopg:///records?host=127.0.0.1&port=1&user=shop&password=s3cret",
    ],
)
def test_a_database_that_is_down_at_the_start_is_logged(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The site starts, decisions are refused, and no password is in the log."""
    with caplog.at_level(logging.WARNING, "consentgate"), opened(address, timeout=2.0) as store:
        (logged,) = caplog.records
        assert "cannot be reached" in logged.getMessage()
        with pytest.raises((SQLAlchemyError, TimeoutError)) as raised:
            store.append(sample_record())
    assert "s3cret" not in caplog.text
    assert "s3cret" not in str(raised.value)


def test_no_password_is_in_the_error_about_tables(server: PostgreSQL) -> None:
    """The command that it names wants to be told it in another way."""
    url = server.new_database().replace("postgres@", "postgres:s3cret@")
    for address in (url, f"{url.replace('postgres:s3cret@', 'postgres@')}?password=s3cret"):
        with pytest.raises(ConfigurationError, match="migrate") as raised:
            SQLRecordStore(address, KEYS)
        assert "s3cret" not in str(raised.value)


def test_a_driver_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'consentgate\[postgresql\]'"):
        SQLRecordStore("postgresql://shop:s3cret@127.0.0.1:1/records", KEYS)


def test_sqlalchemy_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are an extra; the error says which."""
    monkeypatch.setitem(sys.modules, "consentgate.records.sql", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'consentgate\[records\]'"):
        _ = consentgate.records.SQLRecordStore


def test_the_package_has_no_other_names() -> None:
    """What is loaded late does not hide what is misspelt."""
    with pytest.raises(AttributeError, match="SQLStore"):
        _ = consentgate.records.SQLStore  # type: ignore[attr-defined]


def test_a_store_is_opened_from_what_a_site_says(in_file: str) -> None:
    """A URL, a store, or nothing."""
    store = open_store(in_file, KEYS)
    assert isinstance(store, SQLRecordStore)
    try:
        assert store.append(sample_record())
        assert [] == list(store.verify("visitor"))
    finally:
        store._engine.dispose()
    assert store is open_store(store)
    assert open_store(None) is None


# -- waiting -------------------------------------------------------------------------------------


def test_a_visitor_does_not_wait_longer_than_allowed(in_file: str) -> None:
    """Where somebody else writes for a long time; nothing is kept afterwards either."""
    with opened(in_file, timeout=1.0) as store, closing(locked(in_file)) as connection:
        began = time.monotonic()
        with pytest.raises((TimeoutError, SQLAlchemyError)):
            store.append(sample_record())
        assert time.monotonic() - began < 20
        connection.rollback()
        assert store.append(sample_record())
        assert 1 == len(store.by_subject("visitor"))


def test_readers_do_not_wait_for_writers(in_file: str) -> None:
    """What is kept can be shown while something is being written."""
    with opened(in_file) as store:
        store.append(sample_record())
        with closing(locked(in_file)):
            assert 1 == len(store.by_subject("visitor"))


def locked(url: str) -> sqlite3.Connection:
    """Take the one lock that writers of a SQLite file have."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_only_so_many_wait_at_once() -> None:
    """One more is told so when its own time is over, and others get their turn."""
    waiting, go_on = Waiting(), threading.Event()
    for _ in range(MOST_AT_ONCE):
        with pytest.raises(TimeoutError):
            waiting.result(time.monotonic() + 0.01, go_on.wait)
    with pytest.raises(TimeoutError, match="too many"):
        waiting.result(time.monotonic() + 0.01, go_on.wait)
    go_on.set()
    assert "done" == waiting.result(time.monotonic() + 30, lambda: "done")


def test_a_thread_that_cannot_be_had_is_no_place_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a process may have no more of them, for a while."""
    waiting = Waiting()
    with monkeypatch.context() as patched:

        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patched.setattr(waiting_module, "_THREADS", waiting_module._Threads())
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2 * MOST_AT_ONCE):
            with pytest.raises(RuntimeError, match="thread"):
                waiting.result(time.monotonic() + 1, list[str])
    assert [] == waiting.result(time.monotonic() + 30, list[str])


def test_what_comes_too_late_is_not_even_begun() -> None:
    """And what goes wrong in time is raised as it is."""
    with pytest.raises(TimeoutError, match="too slow"):
        Waiting().result(time.monotonic() - 1, list[str])
    with pytest.raises(ZeroDivisionError):
        Waiting().result(time.monotonic() + 30, lambda: 1 // 0)


def test_what_is_ready_too_late_is_rolled_back(url: str) -> None:
    """The visitor was told that it is not kept."""
    told = threading.Event()
    with opened(url, timeout=0.3) as store:
        real = store._append

        def slow(session: Session, *arguments: Any) -> bool:
            kept = real(session, *arguments)
            return told.wait(30) and kept

        store._append = slow  # type: ignore[method-assign]
        with pytest.raises(TimeoutError):
            store.append(sample_record(), [POLICY])
        told.set()
        store._append = real  # type: ignore[method-assign]
        deadline = time.monotonic() + 30
        while store._waiting._free._value < MOST_AT_ONCE:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        assert [] == list(store.by_subject("visitor"))
        assert store.document(POLICY.hash) is None


def test_what_another_transaction_prevents_is_tried_again(url: str) -> None:
    """A few times, then the visitor is told."""
    with opened(url) as store:
        store.append(sample_record())
        (stored,) = store.by_subject("visitor")
        attempts = 0

        def clash(session: Session, times: int) -> int:
            nonlocal attempts
            attempts += 1
            if attempts <= times:
                session.add_record(stored)
            return attempts

        assert 4 == store._run(partial(clash, times=3), write=True, visitor_waits=True)
        attempts = 0
        with pytest.raises(Conflict):
            store._run(partial(clash, times=99), write=True, visitor_waits=True)
        assert 1 < attempts < 20


# -- processes -----------------------------------------------------------------------------------

FORKS = """if True:
    import os, sys
    from consentgate.records import SQLRecordStore
    from consentgate.records.testing import BANNER, POLICY, sample_record

    store = SQLRecordStore(sys.argv[1], "key", timeout=30)
    before = SQLRecordStore(sys.argv[1], "key")
    store.append(sample_record("parent"), [POLICY, BANNER])
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            for _ in range(5):
                store.append(sample_record("all"), [POLICY, BANNER])
                before.append(sample_record(str(number)), [POLICY, BANNER])
            os._exit(0 if len(store.by_subject(str(number))) == 5 else 1)
        children.append(child)
        store.append(sample_record("parent"))
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    print(len(failed), len(store.by_subject("parent")), len(store.by_subject("all")))
    print(*store.verify())
"""


def test_a_store_may_be_used_before_and_after_a_fork(url: str) -> None:
    """Parent and children each have connections of their own, as servers that preload need it."""
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-c", FORKS, url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ("0 4 15\n\n", "") == (done.stdout, done.stderr)


def test_a_child_forgets_its_parents_connections(
    in_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is gone is no concern of any child, and some systems have no fork."""
    in_children: list[Callable[[], None]] = []

    def register(*, after_in_child: Callable[[], None]) -> None:
        in_children.append(after_in_child)

    monkeypatch.setattr(os, "register_at_fork", register)
    with opened(in_file) as store:
        store.append(sample_record())
        store.close()  # this is no child, and would lose them
        in_children[0]()
        assert store.append(sample_record())
    del store
    in_children[0]()
    monkeypatch.delattr(os, "register_at_fork")
    with opened(in_file) as store:
        assert 2 == len(store.by_subject("visitor"))


# -- the manifest --------------------------------------------------------------------------------


@pytest.fixture
def store(url: str) -> Iterator[SQLRecordStore]:
    """Give a store with the records of three visitors."""
    with opened(url) as store:
        for subject in "aabbbc":
            store.append(sample_record(subject), [POLICY, BANNER])
        yield store


def lines_of(store: SQLRecordStore) -> list[str]:
    """Return the manifest of a store."""
    return list(manifest(store, clock=lambda: NOW))


def differences(
    store: SQLRecordStore, lines: Sequence[str], now: float = NOW
) -> list[tuple[str, str, int | None]]:
    """Return what of a manifest is no longer there."""
    found = compare(store, lines, clock=lambda: now)
    return [(each.fault, each.subject, each.number) for each in found]


def test_a_manifest_has_the_ends_of_all_chains(store: SQLRecordStore) -> None:
    """And the documents; it says when it was made, and is the same again."""
    title, *lines = lines_of(store)
    ends = [
        f"chain {subject_hash(subject)} {last.number} {last.hash} {last.retention_until}"
        for subject in "abc"
        for last in [store.by_subject(subject)[-1]]
    ]
    kept = [f"document {each.hash} {each.kind}" for each in (POLICY, BANNER)]
    assert "consentgate records manifest 1 2026-11-21T00:00:00Z" == title
    assert sorted([*ends, *kept]) == sorted(lines)
    assert [title, *lines] == lines_of(store)


def test_a_manifest_names_nobody(url: str) -> None:
    """It may be published: neither a subject nor a text is in it."""
    with opened(url) as store:
        store.append(sample_record("visitor"), [POLICY, BANNER])
        text_ = "\n".join(lines_of(store))
    assert "visitor" not in text_
    assert BANNER.text not in text_


def test_a_manifest_may_be_of_nothing(url: str) -> None:
    """An empty store has one, too."""
    with opened(url) as store:
        (title,) = lines_of(store)
        assert [] == differences(store, [title])


def test_what_goes_on_as_it_should_is_no_difference(store: SQLRecordStore) -> None:
    """New records, new visitors, new documents; lines may have their ends."""
    lines = [f"{line}\n" for line in lines_of(store)]
    assert [] == differences(store, lines)
    page = Document("preferences", "<form></form>")
    store.append(sample_record("a", banner_hash=page.hash), [page])
    store.append(sample_record("d"))
    assert [] == differences(store, lines)


def test_what_was_erased_is_no_difference(store: SQLRecordStore) -> None:
    """At once, or after more decisions."""
    lines = lines_of(store)
    store.erase("a")
    store.append(sample_record("b"))
    store.erase("b")
    assert [] == differences(store, lines)


def test_an_older_erasure_excuses_nothing(url: str, store: SQLRecordStore) -> None:
    """What was erased before the manifest was made is not what it tells of."""
    store.erase("b")
    store.append(sample_record("b"))
    lines = list(manifest(store, clock=lambda: NOW + DAY))
    for table in ("consent_records", "consent_chains"):
        run(url, f"DELETE FROM {table} WHERE subject = 'b'")
    assert [("missing", "", None)] == differences(store, lines, NOW + 2 * DAY)


def test_a_purge_forgets_no_erasure_that_is_asked_for(url: str) -> None:
    """It excuses what is missing as long as a manifest may tell of that."""
    with opened(url, retention="1 day") as store:
        store.append(sample_record(), [POLICY, BANNER])
        lines = lines_of(store)
        store.erase("visitor")
        store.purge(NOW + 2 * DAY)
        assert [] == differences(store, lines, NOW + 2 * DAY)
        store.purge(NOW + months(60))
        assert [] == differences(store, lines, NOW + months(60))


def test_who_comes_back_after_an_erasure_is_no_difference(store: SQLRecordStore) -> None:
    """With fewer records than before, or with more."""
    lines = lines_of(store)
    for subject, count in (("a", 1), ("b", 4), ("c", 1)):
        store.erase(subject)
        for _ in range(count):
            store.append(sample_record(subject))
    assert [] == differences(store, lines)


def test_what_was_purged_is_no_difference(url: str) -> None:
    """The beginning of a chain, up to where the manifest saw it; or all of it."""
    with opened(url) as store:
        for subject in "ab":
            store.append(sample_record(subject), [POLICY, BANNER])
        store.append(sample_record("c", time=NOW + 1))
        store.append(sample_record("c", time=NOW + 2))
        lines = lines_of(store)
        store.append(sample_record("a", time=NOW + DAY))
        over = NOW + months(60) + 1
        assert 3 == store.purge(over)
        assert [] == differences(store, lines, over)


def test_what_was_purged_ahead_of_time_is_no_difference(url: str) -> None:
    """The signed ends of the chain vouch for it, whatever the clock of who compares."""
    with opened(url) as store:
        store.append(sample_record("a"), [POLICY, BANNER])
        lines = lines_of(store)
        store.append(sample_record("a", time=NOW + DAY))
        store.purge(NOW + months(60))
        assert [] == differences(store, lines)


def test_who_comes_back_after_a_purge_is_no_difference(url: str) -> None:
    """With a chain that begins anew."""
    with opened(url) as store:
        for subject, before in (("a", 2), ("b", 1)):
            for _ in range(before):
                store.append(sample_record(subject), [POLICY, BANNER])
        lines = lines_of(store)
        over = NOW + months(60)
        assert 3 == store.purge(over)
        for subject in "abb":
            store.append(sample_record(subject, time=over), [POLICY, BANNER])
        assert [] == differences(store, lines, over)


def test_a_chain_that_is_gone_is_a_difference(url: str, store: SQLRecordStore) -> None:
    """As a whole, which `verify` cannot see."""
    lines = lines_of(store)
    for table in ("consent_records", "consent_chains"):
        run(url, f"DELETE FROM {table} WHERE subject = 'b'")
    assert [] == list(store.verify())
    (found,) = compare(store, lines, clock=lambda: NOW)
    assert ("missing", "", None) == (found.fault, found.subject, found.number)
    assert subject_hash("b") in found.detail


def test_an_older_state_that_was_put_back_is_a_difference(url: str, store: SQLRecordStore) -> None:
    """Of a whole chain, with the ends that were signed then; `verify` cannot see it."""
    (older,) = (chain for chain, _ in store.chains() if chain.subject == "b")
    store.append(sample_record("b"))
    lines = lines_of(store)
    run(url, "DELETE FROM consent_records WHERE subject = 'b' AND number = 4")
    ends = {"last": older.last_number, "hash": older.last_hash, "signature": older.signature}
    run(
        url,
        "UPDATE consent_chains SET last_number = :last, last_hash = :hash, signature = :signature"
        " WHERE subject = 'b'",
        ends,
    )
    assert [] == list(store.verify())
    assert [("missing", "b", 4)] == differences(store, lines)


def test_a_record_that_the_site_itself_rewrote_is_a_difference(
    url: str, store: SQLRecordStore
) -> None:
    """Whoever has the keys can sign anything, but not what was published before."""
    lines = lines_of(store)
    for table in ("consent_records", "consent_chains"):
        run(url, f"DELETE FROM {table} WHERE subject = 'b'")
    for _ in range(3):
        store.append(sample_record("b", event="given"))
    assert [] == list(store.verify())
    assert [("altered", "b", 3)] == differences(store, lines)


def test_an_erasure_that_was_made_up_excuses_nothing(url: str, store: SQLRecordStore) -> None:
    """It is signed, and of one subject."""
    lines = lines_of(store)
    for table in ("consent_records", "consent_chains"):
        run(url, f"DELETE FROM {table} WHERE subject = 'b'")
    store.erase("a")
    for column, value in (("subject_hash", subject_hash("b")), ("last_number", 3)):
        run(url, f"UPDATE consent_erasures SET {column} = :value", {"value": value})
        assert [("missing", "", None)] * 2 == differences(store, lines)  # a's is no longer there


def test_a_document_that_is_gone_or_another_is_a_difference(
    url: str, store: SQLRecordStore
) -> None:
    """By its hash, whatever the table says that this is."""
    lines = lines_of(store)
    run(url, "UPDATE consent_documents SET text = 'x' WHERE hash = :h", {"h": POLICY.hash})
    run(url, "DELETE FROM consent_documents WHERE hash = :h", {"h": BANNER.hash})
    found = list(compare(store, lines, clock=lambda: NOW))
    assert [("missing", "")] * 2 == [(each.fault, each.subject) for each in found]
    assert sorted([POLICY.hash, BANNER.hash]) == [each.detail.split()[2] for each in found]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["consentgate records manifest 2 2026-11-21T00:00:00Z"],
        ["consentgate records manifest 10 2026-11-21T00:00:00Z"],
        ["consentgate records manifest"],
        ["consentgate records manifest 1 2026-11-21T00:00:00Z", "chain a b c d"],
        ["consentgate records manifest 1 2026-11-21T00:00:00Z", "chain a 1 b -1"],
        ["consentgate records manifest 1 2026-11-21T00:00:00Z", "document a"],
        ["consentgate records manifest 1 2026-11-21T00:00:00Z", "anything"],
    ],
)
def test_what_is_no_manifest_is_refused(in_file: str, lines: list[str]) -> None:
    """Rather than found to be missing nothing."""
    with opened(in_file) as store, pytest.raises(NotAManifest, match="line"):
        list(compare(store, lines))


def test_a_manifest_of_now_is_compared_now(store: SQLRecordStore) -> None:
    """By the clock of the machine, unless another is given."""
    lines = list(manifest(store))
    assert [] == list(compare(store, lines))
    assert re.fullmatch(
        r"consentgate records manifest 1 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[0]
    )
