"""Records in a Django site's own database: the store, the admin, the command, the settings."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_args

import django_site  # noqa: F401 - it configures Django
import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import checks
from django.core.cache import cache
from django.core.management import ManagementUtility, call_command
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.models import Q
from django.http import HttpResponse
from django.test import AsyncClient, Client, TestCase
from django.test.utils import override_settings
from django.urls import path, re_path
from django_consentgate import conf, consent_from
from postgresql import postgresql, started
from sqlalchemy import make_url

from consentgate import ConfigurationError
from consentgate.duration import DAY, HOUR
from consentgate.record import Document, Event, Method
from consentgate.records.chained import Conflict
from consentgate.records.schema import migrate
from consentgate.records.sql import SQLRecordStore
from consentgate.records.testing import (
    BANNER,
    KEYS,
    NOW,
    POLICY,
    ChainedRecordStoreContract,
    sample_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from pathlib import Path

    from django.http import HttpRequest
    from postgresql import PostgreSQL

    from consentgate.record import Record
    from consentgate.records.chained import Session

__all__ = ["postgresql"]

APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_consentgate",
    "django_consentgate.records",
]

with override_settings(INSTALLED_APPS=APPS):  # which Django's models want while they are made
    from django.contrib import admin
    from django.contrib.auth.models import Permission, User
    from django_consentgate.records import DjangoRecordStore, models
    from django_consentgate.records.database import may_be_tried_again
    from django_consentgate.records.export import harmless
    from django_consentgate.records.patience import Watch

MODELS = (
    models.ConsentRecord,
    models.ConsentChain,
    models.ConsentDocument,
    models.ConsentErasure,
)


@contextmanager
def databases(**described: Mapping[str, Any]) -> Generator[None]:
    """Let the site have other databases for the length of a block, or one more."""
    before = dict(connections.settings)
    connections.settings.update({name: dict(each) for name, each in described.items()})
    connections.configure_settings(connections.settings)
    _forget_connections(described)
    try:
        yield
    finally:
        _forget_connections(described)
        connections.settings.clear()
        connections.settings.update(before)


def _forget_connections(aliases: Iterable[str]) -> None:
    for alias in aliases:
        connections[alias].close()
        del connections[alias]


def sqlite(path: Path, **options: Any) -> dict[str, Any]:
    """Return how a file is described in DATABASES."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}


def postgresql_at(url: str, **options: Any) -> dict[str, Any]:
    """Return how a PostgreSQL database is described in DATABASES."""
    parsed = make_url(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parsed.database,
        "USER": parsed.username,
        "HOST": parsed.host,
        "PORT": parsed.port,
        "OPTIONS": options,
    }


TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


@contextmanager
def admin_site(**changes: Any) -> Generator[None]:
    """Let the site have Django's admin, and keep records in its default database."""
    middleware = list(settings.MIDDLEWARE)
    sessions = middleware.index("django.contrib.sessions.middleware.SessionMiddleware")
    middleware.insert(sessions + 1, "django.contrib.auth.middleware.AuthenticationMiddleware")
    site = {
        "ROOT_URLCONF": (path("admin/", admin.site.urls),),
        "MIDDLEWARE": middleware,
        "TEMPLATES": TEMPLATES,
        "STATIC_URL": "/static/",
        "TIME_ZONE": "Europe/Paris",
        "USE_TZ": True,
        "CONSENTGATE": {"POLICY": {"version": "1"}, "RECORDS": "default"},
    }
    with override_settings(**{**site, **changes}):
        yield


@pytest.fixture(scope="module", autouse=True)
def _apps() -> Generator[None]:
    """Install the apps for this module's tests alone."""
    with override_settings(INSTALLED_APPS=APPS):
        yield


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory, _apps: None) -> Path:
    """Return a file with all tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "db.sqlite3"
    with databases(default=sqlite(path)):
        call_command("migrate", verbosity=0)
    return path


@pytest.fixture
def default(migrated: Path, tmp_path: Path) -> Generator[Path]:
    """Give the site a database of this test's own."""
    path = tmp_path / "db.sqlite3"
    shutil.copy(migrated, path)
    with databases(default=sqlite(path)):
        yield path


class OfThreads(DjangoRecordStore):
    """A store whose threads close their connections, as those of servers do after a request."""

    def _run(self, *args: Any, **keywords: Any) -> Any:
        try:
            return super()._run(*args, **keywords)
        finally:
            if threading.current_thread() is not threading.main_thread():
                connections[self.using].close()


class _StoreContract(ChainedRecordStoreContract):
    """The contract of all stores, on one of the site's databases."""

    records_table: ClassVar = models.ConsentRecord._meta.db_table
    chains_table: ClassVar = models.ConsentChain._meta.db_table
    documents_table: ClassVar = models.ConsentDocument._meta.db_table
    erasures_table: ClassVar = models.ConsentErasure._meta.db_table

    alias = "default"

    def store(
        self,
        secret_keys: Sequence[str] | None = KEYS,
        *,
        retention: int | str = "5 years",
        clock: Callable[[], float] = lambda: NOW,
    ) -> DjangoRecordStore:
        """Make one more store, as one more process does."""
        return OfThreads(self.alias, secret_keys, retention=retention, timeout=60, clock=clock)

    def tamper(self, sql: str, parameters: Mapping[str, object]) -> int:
        """Write to the table as somebody who has the password."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute(re.sub(r":(\w+)", r"%(\1)s", sql), dict(parameters))
            return int(cursor.rowcount)


@pytest.mark.usefixtures("default")
class TestOnSQLite(_StoreContract):
    """What every store does, on the default database of a Django site."""


@pytest.fixture(scope="module")
def proof(postgresql: PostgreSQL, _apps: None) -> Generator[str]:
    """Give the site a PostgreSQL database with the tables, under this alias."""
    with databases(proof=postgresql_at(postgresql.new_database())):
        call_command("migrate", "consentgate_records", database="proof", verbosity=0)
        yield "proof"


@pytest.fixture
def empty(proof: str) -> str:
    """Give the site a PostgreSQL database with the tables and not a record."""
    with connections[proof].cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in MODELS)}")
    return proof


@pytest.mark.usefixtures("empty")
class TestOnPostgreSQL(_StoreContract):
    """What every store does, on another of the site's databases."""

    alias = "proof"


def keep(*records: Record, using: str = "default") -> DjangoRecordStore:
    """Keep records as the site does, signed with Django's keys, however slow the machine."""
    store = DjangoRecordStore(using, conf.secret_keys(), timeout=60)
    for record in records:
        assert store.append(record, [POLICY, BANNER])
    return store


def ask(store: DjangoRecordStore, sql: str, *, write: bool = False, waits: bool = True) -> Any:
    """Return what the database answers within a transaction of ``store``."""

    def query(_session: object) -> Any:
        with connections[store.using].cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    return store._run(query, write=write, visitor_waits=waits)


class Elsewhere:
    """A database router that sends everybody to a database that is not there."""

    def db_for_read(self, model: object, **hints: object) -> str:
        """Send who reads."""
        return "elsewhere"

    db_for_write = db_for_read


@pytest.mark.usefixtures("default")
class TestStore:
    """What a store owes to its being Django's."""

    def test_database_routers_are_not_asked(self) -> None:
        """The records are where the site said, whatever else is said of models."""
        with override_settings(DATABASE_ROUTERS=[f"{__name__}.Elsewhere"]):
            store = keep(sample_record(), sample_record("another"))
            assert 1 == len(store.by_subject("visitor"))
            assert 2 == sum(each.records for each in store.count())
            assert [] == list(store.verify())
            assert 1 == store.erase("visitor")
            assert 1 == len(store.erasures())
            assert 1 == store.purge(now=NOW * 2)

    def test_it_works_in_a_test_case(self) -> None:
        """What one test kept is gone in the next, documents included."""
        store = keep()
        document = Document("banner", "of a test")
        kept: list[object] = []

        class Inside(TestCase):
            databases = frozenset({"default"})

            def test_a(self) -> None:
                assert store.append(sample_record(banner_hash=document.hash), [POLICY, document])
                kept.extend([store.document(document.hash), *store.verify()])

            test_b = test_a

        result = unittest.TestResult()
        unittest.TestSuite([Inside("test_a"), Inside("test_b")]).run(result)
        assert ([], []) == (result.errors, result.failures)
        assert [document, document] == kept
        assert [] == list(store.count())

    def test_it_is_part_of_no_larger_transaction(self) -> None:
        """What could still be rolled back is no proof, so it is refused."""
        store = keep()
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            store.append(sample_record())
        assert [] == list(store.by_subject("visitor"))

    def test_a_conflict_is_tried_again(self) -> None:
        """A few times, and then the caller sees what it was."""
        store, tries = keep(), []

        def action(_session: object) -> None:
            tries.append(1)
            raise IntegrityError("another was first")

        with pytest.raises(Conflict) as raised:
            store._run(action, write=True, visitor_waits=True)
        assert 12 == len(tries)
        assert isinstance(raised.value.__cause__, IntegrityError)

    def test_a_deadlock_is_a_conflict(self) -> None:
        """As MySQL says it, and not what else it says."""
        assert may_be_tried_again(OperationalError(1213, "Deadlock found"))
        assert not may_be_tried_again(OperationalError(1205, "Lock wait timeout exceeded"))
        assert not may_be_tried_again(OperationalError("database is locked"))

    def test_what_takes_too_long_is_rolled_back(self) -> None:
        """The visitor has been told by then that it was not kept."""
        store = DjangoRecordStore("default", "key", timeout=0.05)

        def dawdle(_session: object) -> None:
            end = time.monotonic() + 0.06
            models.ConsentDocument.objects.create(hash="a", kind="policy", text="")
            while time.monotonic() < end:
                pass

        with pytest.raises(TimeoutError):
            store._run(dawdle, write=True, visitor_waits=True)
        assert not models.ConsentDocument.objects.exists()

    def test_a_connection_is_left_as_it_was(self, default: Path) -> None:
        """Open where it was, or where the site keeps it; else closed, in whatever thread."""
        for max_age, expected in ((0, [True, False]), (None, [True, True])):
            with databases(default={**sqlite(default), "CONN_MAX_AGE": max_age}):
                store, connection = keep(), connections["default"]
                is_open = []
                connection.ensure_connection()
                for _ in range(2):
                    store.append(sample_record())
                    is_open.append(connection.connection is not None)
                    connection.close()
                assert expected == is_open

    def test_models_say_what_they_are(self) -> None:
        """In the admin, and wherever else a row is printed."""
        store = keep(sample_record())
        (record,) = models.ConsentRecord.objects.all()
        (chain,) = models.ConsentChain.objects.all()
        document = models.ConsentDocument.objects.get(kind="policy")
        store.erase("visitor")
        (erasure,) = models.ConsentErasure.objects.all()
        assert "record 1 of visitor" == str(record)
        assert "records 1 to 1 of visitor" == str(chain)
        assert f"policy {POLICY.hash[:12]}" == str(document)
        assert f"1 records of {erasure.subject_hash[:12]}" == str(erasure)

    def test_the_words_are_those_of_records(self) -> None:
        """Each event and method that a record may have has a name."""
        assert sorted(get_args(Event)) == sorted(models.Event.values)
        assert sorted(get_args(Method)) == sorted(models.Method.values)

    def test_the_migration_makes_these_tables(self) -> None:
        """No model was changed since, and Django's own checks have nothing to say."""
        call_command("makemigrations", "consentgate_records", check=True, verbosity=0)
        with admin_site():
            call_command("check", "consentgate_records", database=["default"], fail_level="DEBUG")

    def test_frequent_questions_have_an_index(self) -> None:
        """Nothing that a visitor or the admin's first page waits for reads all records."""
        records = models.ConsentRecord.objects
        for index, query in (
            ("autoindex_[a-z_]*_2", records.filter(subject="a").order_by("subject", "number")),
            ("autoindex_[a-z_]*_2", records.filter(subject="a").order_by("-number")[:1]),
            ("[a-z_]*_retention_until", records.filter(retention_until__lte=NOW).order_by()),
            ("[a-z_]*_time", records.filter(time__gte=NOW).order_by("-time")),
            ("autoindex_[a-z_]*_1", records.filter(Q(subject="a") | Q(record_id="a"))),
            ("[a-z_]*_time", records.order_by("-time", "-record_id")[:50]),
        ):
            assert re.search(f"USING INDEX (sqlite_)?{index}", query.explain()), query.explain()


class TestOnSQLiteOnly:
    """What SQLite needs so that a commit is one, and that nobody waits for nothing."""

    def test_a_locked_database_is_not_waited_for_longer_than_said(self, default: Path) -> None:
        """Whoever reads first would wait for each other; so who writes, locks first."""
        store = DjangoRecordStore("default", "key", timeout=0.1)
        with closing(sqlite3.connect(default, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            with pytest.raises(OperationalError, match="locked"):
                store.append(sample_record())
            assert time.monotonic() - began < 4  # Django's own patience is 5 s
        assert store.append(sample_record())

    def test_writers_are_shut_out_before_anything_is_read(self, default: Path) -> None:
        """Readers are not, and shut out nobody."""
        store = keep()
        with closing(sqlite3.connect(default, timeout=0, isolation_level=None)) as other:

            def write(_session: object) -> str:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    return str(error)
                other.execute("ROLLBACK")
                return "not locked"

            said = [store._run(write, write=each, visitor_waits=True) for each in (True, False)]
        assert ["database is locked", "not locked"] == said

    def test_a_commit_is_on_the_disk(self, migrated: Path) -> None:
        """Also where the site asks for less, and only for records; so is its patience."""
        command = "PRAGMA synchronous = NORMAL"
        with databases(default={**sqlite(migrated), "OPTIONS": {"init_command": command}}):
            store = DjangoRecordStore("default", timeout=2.5)
            most = ask(store, "PRAGMA synchronous", write=True)
            patience = [ask(store, "PRAGMA busy_timeout", waits=each) for each in (True, False)]
            with connections["default"].cursor() as cursor:
                after = [
                    cursor.execute(f"PRAGMA {name}").fetchone()[0]
                    for name in ("synchronous", "busy_timeout")
                ]
        assert (3, [1, 5000]) == (most, after)
        assert 2000 < patience[0] <= 2500
        assert 5000 == patience[1]


@pytest.mark.usefixtures("empty")
class TestOnPostgreSQLOnly:
    """What PostgreSQL is told for one transaction, and no longer."""

    def test_nothing_counts_across_subjects(self) -> None:
        """No sequence, no identity, no foreign key."""
        with connections["proof"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relname LIKE 'consentgate%'"
            )
            sequences = cursor.fetchone()[0]
            cursor.execute(
                "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND "
                "conrelid::regclass::text LIKE 'consentgate%'"
            )
            assert (0, 0) == (sequences, cursor.fetchone()[0])

    def test_a_visitor_does_not_wait_for_long(self) -> None:
        """Where somebody else holds the chain; the next one is kept again."""
        keep(sample_record(), using="proof")
        store = DjangoRecordStore("proof", "key", timeout=0.2)
        with connections["proof"].copy().cursor() as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM consentgate_records_consentchain FOR UPDATE")
            # On a busy machine the time may be over before the database is asked.
            with pytest.raises((OperationalError, TimeoutError), match=r"timeout|too slow"):
                store.append(sample_record())
            other.execute("ROLLBACK")
            other.db.close()
        assert DjangoRecordStore("proof", "key").append(sample_record())

    def test_limits_are_those_of_one_transaction(self) -> None:
        """The site's own are as they were, and who does not wait has none."""
        store = DjangoRecordStore("proof", timeout=2.5)
        limits = [ask(store, "SHOW statement_timeout", waits=each) for each in (True, False)]
        assert re.fullmatch(r"2[0-9]{3}ms|2500ms", limits[0])
        assert "0" == limits[1]
        with connections["proof"].cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert "0" == cursor.fetchone()[0]

    def test_what_is_read_is_of_one_moment(self) -> None:
        """Whatever others commit meanwhile."""
        store = keep(sample_record(), using="proof")

        def read(session: Session) -> list[int]:
            before = len(session.records(["visitor"]))
            with ThreadPoolExecutor(1) as pool:
                pool.submit(OfThreads("proof", "key").append, sample_record()).result()
            return [before, len(session.records(["visitor"]))]

        assert [1, 1] == store._run(read, write=False, visitor_waits=False)
        assert 2 == len(store.by_subject("visitor"))

    def test_a_commit_is_on_the_disk(self, postgresql: PostgreSQL) -> None:
        """Also where the site asks for less, and only for records."""
        described = connections.settings["proof"]
        options = {"options": "-c synchronous_commit=off"}
        with databases(hasty={**described, "OPTIONS": options}):
            store = DjangoRecordStore("hasty")
            show = "SHOW synchronous_commit"
            assert "on" == ask(store, show, write=True)
            assert "off" == ask(store, show)
        with databases(
            careful={**described, "OPTIONS": {"options": "-c synchronous_commit=local"}}
        ):
            assert "local" == ask(DjangoRecordStore("careful"), show, write=True)

    @pytest.mark.parametrize("state", ["40001", "40P01"])
    def test_a_transaction_that_was_ended_is_tried_again(self, state: str) -> None:
        """By a deadlock, or because it cannot be put in order with another."""
        tries: list[int] = []

        def action(_session: object) -> str:
            tries.append(1)
            if len(tries) < 3:
                with connections["proof"].cursor() as cursor:
                    cursor.execute(
                        f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
                    )
            return "done"

        assert "done" == keep(using="proof")._run(action, write=True, visitor_waits=True)
        assert 3 == len(tries)

    def test_a_server_that_was_restarted_costs_no_decision(self, postgresql: PostgreSQL) -> None:
        """Though the site keeps its connection for ever."""
        with databases(kept={**connections.settings["proof"], "CONN_MAX_AGE": None}):
            store = keep(sample_record(), using="kept")
            process = ask(store, "SELECT pg_backend_pid()")
            with postgresql.connect() as other:
                other.execute("SELECT pg_terminate_backend(%s)", [process])
            assert store.append(sample_record())
            assert 2 == len(store.by_subject("visitor"))

    def test_a_server_that_hangs_is_not_waited_for(self) -> None:
        """Neither over a connection that was open nor for a new one; afterwards all is well."""
        with started() as server, databases(own=postgresql_at(server.new_database())):
            call_command("migrate", "consentgate_records", database="own", verbosity=0)
            store = DjangoRecordStore("own", "key", timeout=0.5)
            assert store.append(sample_record())
            for _ in ("open", "new"):
                with server.paused():
                    began = time.monotonic()
                    with pytest.raises((OperationalError, TimeoutError)):
                        store.append(sample_record())
                    assert time.monotonic() - began < 30  # on a machine that is busy, too
            assert store.append(sample_record())
            assert [1, 2] == [each.number for each in store.by_subject("visitor")]

    def test_a_connection_is_left_alone_afterwards(self) -> None:
        """Also by a watch that wakes at the very end."""
        connection = connections["proof"]
        connection.ensure_connection()
        watch = Watch(connection)
        watch.end()
        watch.hang_up()
        assert connection.is_usable()

    def test_it_counts_with_parameters_of_the_server(self) -> None:
        """Which takes what is selected and what is grouped by for two things."""
        with databases(
            bound={**connections.settings["proof"], "OPTIONS": {"server_side_binding": True}}
        ):
            store = keep(sample_record(), sample_record(), using="bound")
            assert [2] == [each.records for each in store.count(since=1)]


@pytest.mark.usefixtures("default")
class TestSettings:
    """``CONSENTGATE["RECORDS"]`` says where the records are."""

    def found(self, records: object, **options: object) -> list[str]:
        """Return what the system checks say about it."""
        options = {"POLICY": {"version": "1"}, "RECORDS": records, **options}
        with override_settings(CONSENTGATE=options):
            said = checks.run_checks(tags=["consentgate"])
        assert ["consentgate.E006"] * len(said) == [each.id for each in said]
        assert all(each.hint for each in said)
        return [each.msg for each in said]

    def store(self, records: object) -> Any:
        """Return the store of the site's gate."""
        with override_settings(CONSENTGATE={"POLICY": {"version": "1"}, "RECORDS": records}):
            return conf.site_gate().records

    def test_usually_no_records_are_kept(self) -> None:
        """Nor are any where the setting is None."""
        with override_settings(CONSENTGATE={"POLICY": {"version": "1"}}):
            assert conf.site_gate().records is None
        assert self.store(None) is None
        assert [] == self.found(None)

    def test_an_alias_is_one_of_the_sites_databases(self) -> None:
        """Signed with Django's keys, the older ones included."""
        store = self.store("default")
        assert ("default", []) == (store.using, self.found("default"))
        DjangoRecordStore("default", "an older key").append(sample_record(), [POLICY, BANNER])
        assert [] == list(store.verify())
        store.append(sample_record())
        assert [] == list(DjangoRecordStore("default", [*KEYS]).verify())

    def test_a_store_may_be_given_or_named(self) -> None:
        """By a dotted path; it gets the gate's keys unless it has its own."""
        for records in (STORE, f"{__name__}.STORE"):
            assert self.store(records) is STORE
            assert [] == self.found(records)
        assert STORE.append(sample_record(), [POLICY, BANNER])
        assert [] == list(DjangoRecordStore("default", "the newest key").verify())

    def test_a_url_is_a_database_beside_django(self, tmp_path: Path) -> None:
        """Whose tables another command makes."""
        url = f"sqlite:///{tmp_path}/records.db"
        (said,) = self.found(url)
        assert said.startswith("CONSENTGATE['RECORDS']: ")
        assert "migrate" in said
        migrate(url)
        assert [] == self.found(url)
        assert isinstance(self.store(url), SQLRecordStore)

    @pytest.mark.parametrize(
        ("records", "message"),
        [
            (5, "CONSENTGATE['RECORDS'] is 5, which keeps no records"),
            (f"{__name__}.APPS", "which keeps no records"),
            (f"{__name__}.DjangoRecordStore", "which keeps no records"),
            ("proofs", "'proofs' is no URL, none of DATABASES (default"),
            ("no.such.store", "and cannot be imported: No module named 'no'"),
            ("mysql://localhost/db", "CONSENTGATE['RECORDS']: "),
            (DjangoRecordStore("proofs"), "records: 'proofs' is none of DATABASES (default"),
        ],
    )
    def test_E006_names_the_mistake(self, records: object, message: str) -> None:
        """And so does the start of the site."""
        (said,) = self.found(records)
        assert message in said
        with pytest.raises(ConfigurationError):
            self.store(records)

    def test_E006_a_database_that_keeps_nothing(self, default: Path) -> None:
        """Without an engine, or without commits."""
        with databases(none={}, manual={**sqlite(default), "AUTOCOMMIT": False}):
            assert ["records: DATABASES['none'] has no ENGINE"] == self.found("none")
            assert ["records: DATABASES['manual'] must not have AUTOCOMMIT off"] == self.found(
                "manual"
            )

    def test_E006_the_app_is_not_installed(self) -> None:
        """Without it there are no tables."""
        with override_settings(INSTALLED_APPS=["django_consentgate"]):
            (said,) = self.found("default")
        assert "records: add 'django_consentgate.records' to INSTALLED_APPS" == said

    def test_E006_details_that_records_cannot_have(self) -> None:
        """Only those two, and in a list."""
        assert [] == self.found("default", RECORD_DETAILS=["ip_address", "user_agent"])
        for wrong in ("ip_address", ["phone_number"]):
            (said,) = self.found("default", RECORD_DETAILS=wrong)
            assert "record_details" in said

    def test_E003_comes_alone(self) -> None:
        """Without a key nothing is said of records."""
        options = {"POLICY": {"version": "1"}, "RECORDS": 5, "SECRET_KEYS": []}
        with override_settings(CONSENTGATE=options):
            said = checks.run_checks(tags=["consentgate"])
        assert ["consentgate.E003"] == [each.id for each in said]

    def test_a_settings_file_may_make_a_store(self, tmp_path: Path) -> None:
        """Before there are models; then Django's own commands do all the rest."""
        (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")

        def manage(*arguments: str) -> str:
            done = subprocess.run(  # noqa: S603 - this very Python
                [sys.executable, "-W", "error", "-m", "django", *arguments, "--settings=shop"],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(tmp_path)},
                capture_output=True,
                text=True,
                check=False,
            )
            return done.stdout.strip() or done.stderr.strip()

        assert "System check identified no issues (0 silenced)." == manage("check")
        assert "run manage.py migrate" in manage("consent_records", "verify")
        assert "Operations to perform" in manage("migrate", "--database", "proof")
        assert "No discrepancy in 0 records." == manage("consent_records", "verify", "--no-color")


STORE = DjangoRecordStore("default")

SHOP = """
from django_consentgate.records import DjangoRecordStore

SECRET_KEY = "a key"
USE_TZ = True
INSTALLED_APPS = ["django_consentgate", "django_consentgate.records"]
MIDDLEWARE = ["django_consentgate.middleware.ConsentGateMiddleware"]
DATABASES = {
    "default": {},
    "proof": {"ENGINE": "django.db.backends.sqlite3", "NAME": "proof.sqlite3"},
}
CONSENTGATE = {
    "POLICY": {"version": "1"},
    "RECORDS": DjangoRecordStore("proof", retention="3 years"),
}
"""


FORM = "application/x-www-form-urlencoded"
ACCEPT = "choice=accept_all"


def decide(request: HttpRequest) -> HttpResponse:
    """Answer with a decision that a form of the site's own took."""
    consent_from(request).grant("statistics")
    return HttpResponse("Thank you")


class TestOnRequests:
    """R26: the record is committed before the consent cookie leaves."""

    @pytest.fixture(autouse=True)
    def _site(self, default: Path) -> Generator[None]:
        """Serve the visitor's pages, and one of the site's own, each in a transaction."""
        described = {**sqlite(default), "ATOMIC_REQUESTS": True}
        urls = (re_path("", decide),)
        with databases(default=described), admin_site(ROOT_URLCONF=urls):
            yield

    def records(self) -> list[str]:
        """Return where each decision was made that is in the database now."""
        found = models.ConsentRecord.objects.order_by("number")
        return list(found.values_list("method", flat=True))

    def test_R26_a_decision_is_recorded(self) -> None:
        """On the visitor's pages, and in a form of the site's own."""
        browser = Client()
        for address in ("/consent/", "/form"):
            answer = browser.post(address, ACCEPT, content_type=FORM)
            assert "eu-consent" in answer.cookies
        assert ["api", "application"] == self.records()
        assert [] == list(conf.database_store().verify())

    def test_R26_a_decision_is_recorded_under_asgi(self) -> None:
        """In Django's own thread, and not in the event loop."""

        async def decide_twice() -> None:
            browser = AsyncClient()
            for address in ("/consent/", "/form"):
                answer = await browser.post(address, ACCEPT, content_type=FORM)
                assert "eu-consent" in answer.cookies

        in_event_loop(decide_twice())
        assert ["api", "application"] == self.records()

    @pytest.mark.parametrize("address", ["/consent/", "/form"])
    @pytest.mark.parametrize("client", [Client, AsyncClient])
    def test_R26_what_cannot_be_recorded_is_not_taken(
        self, default: Path, address: str, client: type[Any]
    ) -> None:
        """Here because somebody has locked the database: 503, no cookie, no record."""
        options = {"POLICY": {"version": "1"}, "RECORDS": DjangoRecordStore(timeout=0.05)}
        with (
            override_settings(CONSENTGATE=options),
            closing(sqlite3.connect(default, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            answer = client().post(address, ACCEPT, content_type=FORM)
            if client is AsyncClient:
                answer = in_event_loop(answer)
            other.execute("ROLLBACK")
        assert (503, []) == (answer.status_code, list(answer.cookies))
        assert [] == self.records()

    def test_R28_details_are_recorded_where_the_site_asks_for_them(self) -> None:
        """And then truncated."""
        options = {**settings.CONSENTGATE, "RECORD_DETAILS": ["ip_address"]}
        with override_settings(CONSENTGATE=options):
            Client(REMOTE_ADDR="192.0.2.77").post("/form")
        assert "192.0.2.0" == models.ConsentRecord.objects.get().ip_address


def in_event_loop(work: Any) -> Any:
    """Await ``work``, and let the thread of Django's databases keep nothing of this test."""

    async def run() -> Any:
        try:
            return await work
        finally:
            await sync_to_async(_forget_connections)(["default"])

    return asyncio.run(run())


@pytest.mark.usefixtures("default")
class TestAdmin:
    """The admin shows records and lets nobody change them."""

    @pytest.fixture(autouse=True)
    def _site(self) -> Generator[None]:
        """Serve the admin."""
        cache.clear()
        with admin_site():
            yield

    def browser(self, *permissions: str, client: type[Any] = Client) -> Any:
        """Return a client of somebody who may do this, or everything."""
        user = User.objects.create_user("somebody", is_staff=True, is_superuser=not permissions)
        for codename in permissions:
            user.user_permissions.add(Permission.objects.get(codename=codename))
        browser = client()
        browser.force_login(user)
        return browser

    def listed(self, query: str = "", browser: Any = None) -> list[str]:
        """Return the subjects that the list shows."""
        answer = (browser or self.browser()).get(f"{LIST}?{query}")
        assert 200 == answer.status_code
        links = re.findall(f"{LIST}([0-9a-f-]+)/change/", answer.content.decode())
        subjects = dict(models.ConsentRecord.objects.values_list("record_id", "subject"))
        return [subjects[record_id] for record_id in links]

    def rows(self, answer: Any) -> list[dict[str, str]]:
        """Return what a CSV file says."""
        assert "text/csv; charset=utf-8" == answer["Content-Type"]
        assert "attachment" in answer["Content-Disposition"]
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def test_the_list_says_what_was_decided(self) -> None:
        """When, what, in which language, under which policy, where; the newest first."""
        keep(
            sample_record("old", time=NOW - 1, language="pt-BR", method="preferences"),
            sample_record("new", policy_version="<2026>", jurisdiction="us-ca", event="given"),
        )
        browser = self.browser()
        page = browser.get(LIST).content.decode()
        assert ["new", "old"] == self.listed(browser=browser)
        for text in ("pt-BR", "Preferences page", "&lt;2026&gt;", "us-ca", "Given in part"):
            assert text in page
        assert 'alt="yes"> statistics' in page
        assert 'alt="no"> advertising' in page
        assert "Nov. 21, 2026, 1 a.m." in page  # in Paris

    def test_nobody_may_change_anything(self) -> None:
        """Not even who may do everything else; there is no such permission to be given."""
        keep(sample_record())
        browser = self.browser()
        record = models.ConsentRecord.objects.get()
        for address in (
            f"{LIST}add/",
            f"{LIST}{record.pk}/delete/",
            f"{DOCUMENTS}add/",
            f"{DOCUMENTS}{POLICY.hash}/delete/",
        ):
            assert 403 == browser.get(address).status_code
            assert 403 == browser.post(address, {"post": "yes"}).status_code
        assert 403 == browser.post(f"{LIST}{record.pk}/change/", {"language": "fr"}).status_code
        assert 403 == browser.post(f"{DOCUMENTS}{POLICY.hash}/change/", {"text": ""}).status_code
        browser.post(LIST, {"action": "delete_selected", "_selected_action": [record.pk]})
        assert [] == list(conf.database_store().verify())
        assert 1 == models.ConsentRecord.objects.count()
        ours = Permission.objects.filter(content_type__app_label="consentgate_records")
        assert {"view"} == {each.codename.partition("_")[0] for each in ours}

    def test_who_may_not_see_sees_nothing(self) -> None:
        """Neither the list, nor a record, nor the export."""
        keep(sample_record())
        browser = self.browser("view_consentdocument")
        record = models.ConsentRecord.objects.get()
        for address in (LIST, f"{LIST}{record.pk}/change/", EXPORT):
            assert 403 == browser.get(address).status_code
        assert 200 == browser.get(DOCUMENTS).status_code

    def test_who_may_see_sees_and_exports(self) -> None:
        """With the one permission that there is."""
        keep(sample_record())
        browser = self.browser("view_consentrecord")
        assert ["visitor"] == self.listed(browser=browser)
        assert 1 == len(self.rows(browser.get(EXPORT)))

    @pytest.mark.parametrize(
        ("query", "subjects"),
        [
            ("", "abc"),
            ("event__exact=given", "a"),
            ("method__exact=preferences", "b"),
            ("language=fr", "b"),
            ("policy_version=2", "c"),
            ("policy_version=", ""),
            ("jurisdiction=us-ca", "c"),
            ("q=b", "b"),
            ("q=B", ""),
            ("q=no-one", ""),
            ("decided_from=2026-11-21", "ab"),
            ("decided_until=2026-11-21", "bc"),
            ("decided_from=2026-11-21&decided_until=2026-11-21", "b"),
            ("decided_from=2026-11-22&language=fr", ""),
            ("decided_from=&decided_until=", "abc"),
        ],
    )
    def test_records_are_filtered_and_found(self, query: str, subjects: str) -> None:
        """By what they say; by days that begin where the site is, both of them counted."""
        midnight = NOW - HOUR  # in Paris
        keep(
            sample_record("a", time=midnight + DAY, event="given"),
            sample_record("b", time=midnight, method="preferences", language="fr"),
            sample_record("c", time=midnight - 1, policy_version="2", jurisdiction="us-ca"),
        )
        assert list(subjects) == self.listed(query)

    def test_what_can_be_chosen_is_known_at_once(self) -> None:
        """A language comes with a banner; until then nothing is looked for again."""
        keep(sample_record())
        browser = self.browser()
        assert 200 == browser.get(LIST).status_code
        for language, document, is_known in (
            ("fr", BANNER, False),
            ("de", Document("banner", "<p>Cookies?</p>"), True),
            ("", Document("banner", "<p></p>"), True),
        ):
            record = sample_record(language=language, banner_hash=document.hash)
            keep().append(record, [document])
            page = browser.get(LIST).content.decode()
            link = f'<a href="?language={language}">{language or "none"}</a>'
            assert (link in page) is is_known
        assert '<a href="?language=fr">fr</a>' in page

    def test_a_record_is_found_by_its_id(self) -> None:
        """Whole."""
        keep(sample_record("a"), sample_record("b"))
        record = models.ConsentRecord.objects.get(subject="b")
        assert ["b"] == self.listed(f"q={record.pk}")

    def test_periods_are_one_click_away(self) -> None:
        """They keep the other filters; what was chosen is marked, and the form says it."""
        keep(sample_record(language="fr"))
        browser = self.browser()
        with time_machine.travel(NOW + HOUR, tick=False):
            page = browser.get(f"{LIST}?language=fr&decided_from=2026-11-15").content.decode()
        for link in (
            '<li>\n      <a href="?language=fr">Any date</a>',
            '<li>\n      <a href="?decided_from=2026-11-21&amp;language=fr">Today</a>',
            '<li class="selected">\n      <a href="?decided_from=2026-11-15&amp;language=fr">Past',
            '<a href="?decided_from=2026-11-01&amp;language=fr">This month</a>',
            '<a href="?decided_from=2026-01-01&amp;language=fr">This year</a>',
            '<input type="hidden" name="language" value="fr">',
            'id="consentgate-from" value="2026-11-15"',
            'id="consentgate-until" value=""',
        ):
            assert link in page

    @pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "0001-01-01", "9999-12-31"])
    def test_a_day_that_is_none_filters_nothing(self, day: str) -> None:
        """The list is shown again as it was, also by the export."""
        browser = self.browser()
        for address in (LIST, EXPORT):
            answer = browser.get(f"{address}?decided_until={day}")
            assert 302 == answer.status_code
            assert answer["Location"].startswith(LIST)

    def test_a_record_is_shown_whole(self) -> None:
        """With its texts, where all records of its subject are, and the state of its chain."""
        keep(sample_record(), sample_record(ip_address="192.0.2.0", user_agent="Firefox 145"))
        record = models.ConsentRecord.objects.get(number=2)
        page = self.browser().get(f"{LIST}{record.pk}/change/").content.decode()
        (stored,) = conf.database_store().by_subject("visitor")[1:]
        for text in (
            "Verified: all records of this subject are as they were signed.",
            f'<a href="{LIST}?q=visitor">',
            f"{DOCUMENTS}{POLICY.hash}/change/",
            f"{BANNER.hash}</a> (verified)",
            "2026-11-21T00:00:00+00:00",
            "2027-05-21T00:00:00+00:00",
            "2031-11-20T00:00:00+00:00",
            "192.0.2.0",
            "Firefox 145",
            'alt="no"> gpc',
            stored.hash,
            stored.previous_hash,
            stored.signature,
            record.pk,
        ):
            assert text in page
        assert "/history/" not in page

    def test_a_record_that_was_altered_is_called_so(self) -> None:
        """Whatever stands in its columns now, the page can be seen."""
        keep(sample_record(), sample_record(banner_hash=""))
        models.ConsentRecord.objects.filter(number=2).update(time=10**17, choices="[<b>]")
        models.ConsentDocument.objects.update(text="another")
        record = models.ConsentRecord.objects.get(number=2)
        browser = self.browser()
        page = browser.get(f"{LIST}{record.pk}/change/").content.decode()
        for text in (
            "Altered, record 2: the record is not as signed.",
            "100000000000000000 (100000000000000000)",
            "[&lt;b&gt;]",
            f"{POLICY.hash}</a> (altered)",
        ):
            assert text in page
        assert "100000000000000000" == self.rows(browser.get(EXPORT))[0]["time"]

    def test_a_chain_without_its_ends_is_called_so(self) -> None:
        """And a document that is not there, missing."""
        keep(sample_record())
        models.ConsentChain.objects.all().delete()
        models.ConsentDocument.objects.all().delete()
        record = models.ConsentRecord.objects.get()
        page = self.browser().get(f"{LIST}{record.pk}/change/").content.decode()
        assert "Missing: the ends of the chain are missing." in page
        assert f"{POLICY.hash}</a> (missing)" in page

    def test_documents_are_shown_to_the_letter(self) -> None:
        """Nothing in them is run; whether they are what their hash says is said."""
        script = Document("banner", "<script>alert(1)</script>")
        keep().append(sample_record(), [script, POLICY])
        browser = self.browser()
        listed = browser.get(f"{DOCUMENTS}?kind__exact=banner").content.decode()
        page = browser.get(f"{DOCUMENTS}{script.hash}/change/").content.decode()
        assert f"banner {script.hash[:12]}" in listed
        assert '<td class="field-characters">25</td>' in listed
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert(1)" not in page
        assert 'alt="yes"> Verified' in page
        models.ConsentDocument.objects.filter(kind="banner").update(text="another")
        page = browser.get(f"{DOCUMENTS}{script.hash}/change/").content.decode()
        assert 'alt="no"> Altered' in page

    def test_an_export_says_everything(self) -> None:
        """Each field of a record and of its place in the chain; times as in RFC 3339."""
        (stored,) = keep(sample_record(layer=None)).by_subject("visitor")
        (row,) = self.rows(self.browser().get(EXPORT))
        fields = {*stored.record.as_mapping(), "number", "retention_until", "previous_hash"}
        assert {*fields, "hash", "signature"} == set(row)
        assert ("visitor", "1", "", "partial") == (
            row["subject"],
            row["number"],
            row["layer"],
            row["event"],
        )
        assert "2026-11-21T00:00:00+00:00" == row["time"]
        assert '{"advertising":false,"statistics":true}' == row["choices"]
        assert (stored.hash, stored.signature) == (row["hash"], row["signature"].lstrip("'"))

    def test_what_matches_is_exported(self) -> None:
        """All of it, or what was selected of it, by the link and by the action."""
        keep(*(sample_record(str(number), language="fr") for number in range(60)))
        keep(sample_record("other"))
        browser = self.browser()
        link = f'<a href="{LIST}export/?language=fr">Export all 60 as CSV</a>'
        assert link in browser.get(f"{LIST}?language=fr").content.decode()
        assert 60 == len(self.rows(browser.get(f"{LIST}export/?language=fr")))
        assert 61 == len(self.rows(browser.get(f"{LIST}export/?p=2&o=-1")))
        chosen = models.ConsentRecord.objects.filter(subject__in=["3", "7"])
        action = {
            "action": "export_selected",
            "_selected_action": [record.pk for record in chosen],
        }
        rows = self.rows(browser.post(f"{LIST}?language=fr", action))
        assert ["3", "7"] == sorted(row["subject"] for row in rows)
        everything = {**action, "select_across": "1"}
        assert 60 == len(self.rows(browser.post(f"{LIST}?language=fr", everything)))

    def test_an_export_is_sent_while_it_is_written(self) -> None:
        """Line by line, under ASGI, too."""
        keep(*(sample_record(str(number)) for number in range(5)))
        answer = self.browser().get(EXPORT)
        assert 6 == sum(1 for _ in answer.streaming_content)
        pieces: list[bytes] = []

        async def export() -> None:
            browser = AsyncClient()
            await browser.aforce_login(await User.objects.aget())
            answer = await browser.get(EXPORT)
            assert answer.is_async
            pieces.extend([piece async for piece in answer.streaming_content])

        in_event_loop(export())
        assert 6 == len(pieces)
        assert pieces[0].startswith(b"\xef\xbb\xbfrecord_id,subject,")

    def test_an_export_begins_no_formula(self) -> None:
        """In a cell of ours, or in one that a spreadsheet makes behind a semicolon."""
        for text in ("=1+1", "+1", "-1", "@a", " =1", "\t=1", "\r=1", "\uff1d1", "a;=1", "a| -1"):
            assert re.search(r"'[=+\-@\uff1d]", harmless(text)), text
        assert "'\t" == harmless("\t")
        for text in ("", "visitor", "a-b", "2026-11-21", '{"a":true}', "1", "a; b"):
            assert text == harmless(text)
        keep(sample_record("-a", policy_version="=cmd|' /C calc'!A0"))
        (row,) = self.rows(self.browser().get(EXPORT))
        assert ("'-a", "'=cmd|' /C calc'!A0") == (row["subject"], row["policy_version"])

    def test_records_may_be_in_another_database(self, default: Path, tmp_path: Path) -> None:
        """The admin shows those of the database that the site keeps them in."""
        shutil.copy(default, tmp_path / "proof.sqlite3")
        browser = self.browser()
        with databases(elsewhere=sqlite(tmp_path / "proof.sqlite3")):
            keep(sample_record("there"), using="elsewhere")
            keep(sample_record("here"))
            options = {"POLICY": {"version": "1"}, "RECORDS": "elsewhere"}
            with override_settings(CONSENTGATE=options):
                page = browser.get(LIST).content.decode()
                assert ["there"] == [row["subject"] for row in self.rows(browser.get(EXPORT))]
            with override_settings(CONSENTGATE={"POLICY": {"version": "1"}}):
                assert ["here"] == [row["subject"] for row in self.rows(browser.get(EXPORT))]
        assert "1 consent record\n" in page


LIST = "/admin/consentgate_records/consentrecord/"
EXPORT = f"{LIST}export/"
DOCUMENTS = "/admin/consentgate_records/consentdocument/"


@pytest.mark.usefixtures("default")
class TestCommand:
    """``manage.py consent_records`` is ``consentgate records`` on the site's own database."""

    @pytest.fixture(autouse=True)
    def _site(self) -> Generator[None]:
        """Have a site whose records are in its default database."""
        with admin_site():
            yield

    def manage(self, *arguments: str) -> int:
        """Run the command as ``manage.py`` does, and return its exit code."""
        try:
            ManagementUtility(["manage.py", "consent_records", *arguments]).execute()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    def test_it_verifies(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The exit code says whether all is well, and the output what is not."""
        keep(sample_record(), sample_record())
        assert 0 == self.manage("verify")
        models.ConsentRecord.objects.filter(number=2).update(language="fr")
        assert 1 == self.manage("verify", "visitor")
        printed = capsys.readouterr().out
        assert "No discrepancy in 2 records." in printed
        assert "altered: subject visitor, record 2" in printed

    def test_it_exports_erases_and_purges(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Subjects may begin as options do."""
        keep(sample_record("-a"), sample_record("b"), sample_record("c", time=1, valid_until=2))
        assert 0 == self.manage("export", "--", "-a")
        assert "-a" == json.loads(capsys.readouterr().out)["subject"]
        assert 0 == self.manage("erase", "--yes", "--", "-a")
        assert 0 == self.manage("purge")
        assert ["b"] == list(models.ConsentRecord.objects.values_list("subject", flat=True))
        assert [] == list(conf.database_store().verify())

    def test_it_counts_shows_and_reports(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """What was decided, and the texts that were shown."""
        keep(sample_record())
        assert 0 == self.manage("stats", "--json")
        assert 1 == json.loads(capsys.readouterr().out)["decisions"]
        assert 0 == self.manage("show", POLICY.hash)
        assert {"version": "1"} == json.loads(capsys.readouterr().out)
        assert 0 == self.manage("report", "-o", str(tmp_path / "report.html"))
        assert 0 == self.manage("digest", "-o", str(tmp_path / "digest.txt"))
        assert 0 == self.manage("verify", "--manifest", str(tmp_path / "digest.txt"))
        assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8")

    def test_it_says_who_makes_the_tables(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Nobody but Django's own command."""
        assert 1 == self.manage("migrate")
        assert "run manage.py migrate consentgate_records" in capsys.readouterr().err

    def test_a_database_may_be_named(
        self, capsys: pytest.CaptureFixture[str], default: Path, tmp_path: Path
    ) -> None:
        """Where Django's own options stand, or behind; one without tables, or none, is refused."""
        shutil.copy(default, tmp_path / "proof.sqlite3")
        keep(sample_record())
        described = {
            "copied": sqlite(tmp_path / "proof.sqlite3"),
            "bare": sqlite(tmp_path / "bare.sqlite3"),
            "broken": sqlite(tmp_path / "no" / "such.sqlite3"),
        }
        with databases(**described):
            for arguments in (
                ("--database", "copied", "verify", "--no-color"),
                ("verify", "--database=copied", "-v", "2"),
                ("verify", "--settings=django_site", "--database", "copied"),
            ):
                assert 0 == self.manage(*arguments)
                assert "No discrepancy in 0 records." in capsys.readouterr().out
            for alias, words in (
                ("bare", "run manage.py migrate consentgate_records --database bare"),
                ("broken", "the records cannot be reached: unable to open"),
                ("none", "'none' is none of DATABASES"),
            ):
                assert 1 == self.manage("verify", "--database", alias)
                assert words in capsys.readouterr().err

    def test_records_may_be_beside_django(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """The commands work on what the site uses, unless a database of Django's is named."""
        url = f"sqlite:///{tmp_path}/records.db"
        migrate(url)
        keep(sample_record())
        with override_settings(CONSENTGATE={"POLICY": {"version": "1"}, "RECORDS": url}):
            assert 0 == self.manage("verify")
            assert 0 == self.manage("verify", "--database", "default")
            cast("SQLRecordStore", conf.site_gate().records).close()
        assert ["0", "1"] == re.findall("in ([0-9]+) record", capsys.readouterr().out)

    def test_mistakes_are_one_line(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Unknown commands and subjects, and a question that was answered by no."""
        assert 2 == self.manage("vanish")
        assert 1 == self.manage("export", "nobody")
        keep(sample_record())
        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        assert 1 == self.manage("erase", "visitor")
        said = capsys.readouterr().err.splitlines()
        assert "CommandError: No such command 'vanish'." in said
        assert "CommandError: there is no record of the subject nobody" in said
        assert "CommandError: nothing was done" in said
        assert 1 == models.ConsentRecord.objects.count()

    def test_it_helps(self, capsys: pytest.CaptureFixture[str]) -> None:
        """With and without a word, and where another command calls it."""
        assert 0 == self.manage()
        call_command("consent_records", "verify", "--help")
        printed = capsys.readouterr().out
        assert "Usage: manage.py consent_records [OPTIONS] COMMAND" in printed
        assert "Usage: manage.py consent_records verify [OPTIONS]" in printed
        assert "migrate" not in printed
        assert 0 == self.manage("--help")
        assert "--database ALIAS" in capsys.readouterr().out
