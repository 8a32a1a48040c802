"""What becomes of decisions when processes die, and when the database stands still or is full.

A visitor who got the consent cookie has a record, whatever happened meanwhile; one who has no
record got no cookie.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import postgresql
import pytest
import raw_client
import sites
from servers import SERVERS, Server, running

from consentgate.cookie_header import values
from consentgate.records import SQLRecordStore
from consentgate.records.schema import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from postgresql import PostgreSQL
    from raw_client import Address, Headers, RawResponse

    from consentgate.record import StoredRecord

pytestmark = pytest.mark.server

POSTED = 10_000
VISITORS = 8
"""Threads that post decisions at the same time."""
PATIENCE = 30.0
"""Seconds within which a visitor who tries again and again gets an answer."""

TIMEOUT = 1.0
"""Seconds that a visitor waits for the database where it is about that."""
WITHIN = TIMEOUT + 1.5
"""Seconds within which the refusal has come, on a machine with other things to do."""
QUEUE = 5.0
"""Seconds that a visitor waits for a thread of an event loop, where many wait for the database."""
MANY = 80
"""So many that they would wait longer than that, each for those before."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """Give a PostgreSQL server of this module's own, for it is stopped, paused and crashed."""
    with postgresql.started() as server:
        yield server


@pytest.fixture
def in_postgresql(server: PostgreSQL) -> str:
    """Give the URL of a new database in PostgreSQL that has its tables."""
    url = server.new_database()
    migrate(url)
    return url


@pytest.fixture
def in_sqlite(tmp_path: Path) -> str:
    """Give the URL of a new SQLite file that has its tables."""
    url = f"sqlite:///{tmp_path / 'records.db'}"
    migrate(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a database, of each kind in turn."""
    found: str = request.getfixturevalue(f"in_{request.param}")
    return found


@contextmanager
def opened(url: str) -> Iterator[SQLRecordStore]:
    """Open the store at ``url`` in this process, and leave no connection behind."""
    store = SQLRecordStore(url, sites.SECRET_KEYS)
    try:
        yield store
    finally:
        store._engine.dispose()


# -- visitors who post decisions ---------------------------------------------------------------

FORM: Headers = [(b"Content-Type", b"application/x-www-form-urlencoded")]
JSON: Headers = [(b"Content-Type", b"application/json")]
CHOSEN = (
    ("accept_all", frozenset(sites.gate.policy.offered)),
    ("reject_all", frozenset[str]()),
    ("save", frozenset({"statistics"})),
    ("save", frozenset({"advertising"})),
    ("withdraw", frozenset[str]()),
)
COOKIE = sites.gate.policy.cookie_name


@dataclass(frozen=True, slots=True)
class Kept:
    """What a visitor's cookie and their record have in common."""

    subject: str
    time: int
    granted: frozenset[str]

    @classmethod
    def in_cookie(cls, cookie: str) -> Kept:
        """Read a consent cookie, written as in a Cookie header."""
        decision = sites.gate.decision(cookie, time.time())
        assert decision is not None, cookie
        return cls(decision.id, decision.decided_at, decision.granted)

    @classmethod
    def in_record(cls, stored: StoredRecord) -> Kept:
        """Read a record, in which every category that is offered has its answer."""
        choices = stored.record.choices
        assert set(sites.gate.policy.offered) == set(choices)
        granted = frozenset(name for name, answer in choices.items() if answer)
        return cls(stored.record.subject, stored.record.time, granted)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one decision was taken in the end, and how often it was not before."""

    kept: Kept
    cookie: str
    refused: int
    broken: int


@dataclass
class Visitors:
    """Visitors at once, each of whom tries again until the decision is taken.

    ``disturb`` tells by the number of a decision what happens to the site when that is posted.
    """

    address: Address
    disturb: Mapping[int, Callable[[], object]] = field(default_factory=dict)
    returning: list[str] = field(default_factory=list)
    moment: threading.Event = field(default_factory=threading.Event)

    def decide(self, decisions: int) -> list[Outcome]:
        """Post so many decisions, and return how each was taken."""
        with ThreadPoolExecutor(VISITORS) as pool:
            return list(pool.map(self._decide, range(decisions)))

    def _decide(self, number: int) -> Outcome:
        if number in self.disturb:
            self.disturb[number]()
        cookie = random.choice(self.returning) if number % 2 and self.returning else ""  # noqa: S311
        outcome = self._try_again(number, cookie)
        self.returning.append(outcome.cookie)
        return outcome

    def _try_again(self, number: int, cookie: str) -> Outcome:
        failures = Counter[str]()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if given := self._try(number, cookie, failures):
                kept = Kept.in_cookie(given)
                assert CHOSEN[number % len(CHOSEN)][1] == kept.granted
                assert not cookie or Kept.in_cookie(cookie).subject == kept.subject
                return Outcome(kept, given, failures["refused"], failures["broken"])
            self.moment.wait(0.01)
        raise TimeoutError(f"decision {number} was not taken, {failures}")

    def _try(self, number: int, cookie: str, failures: Counter[str]) -> str:
        """Return the cookie that the answer gives, if there is an answer and it gives one."""
        try:
            answer = post(self.address, number, cookie)
        except TimeoutError:
            raise  # a server that takes no notice is no broken connection
        except (OSError, EOFError):
            failures["broken"] += 1
            return ""
        given = cookie_of(answer)
        if not given:
            failures["refused"] += 1
        return given


def post(address: Address, number: int = 0, cookie: str = "") -> RawResponse:
    """Post one of the decisions, every third as JSON, and check that the answer is one of ours."""
    choice, granted = CHOSEN[number % len(CHOSEN)]
    categories = sorted(granted) if choice == "save" else []
    if number % 3 == 0:
        headers, body = JSON, json.dumps({"choice": choice, "categories": categories})
    else:
        fields = "".join(f"&category={name}" for name in categories)
        headers, body = FORM, f"choice={choice}{fields}"
    sent = [(b"Cookie", cookie.encode())] if cookie else []
    answer = raw_client.request(address, "POST", "/consent/", [*headers, *sent], body.encode())
    assert answer.status in {200 if headers is JSON else 303, 503}, answer
    return answer


def cookie_of(answer: RawResponse) -> str:
    """Return the consent cookie of an answer as it is sent back; empty where it is refused.

    An answer has the cookie if and only if it is no refusal.
    """
    lines = [line.decode().partition(";")[0] for line in answer.values(b"set-cookie")]
    assert (answer.status == 503) == (lines == []), answer
    found = [line for line in lines if values(line, COOKIE)]
    assert lines == found
    return found[0] if found else ""


def assert_kept(url: str, outcomes: list[Outcome]) -> None:
    """Check that each decision that was taken is in the store, and that its chains verify."""
    taken = Counter(outcome.kept for outcome in outcomes)
    # Who was not answered may have a record all the same, but nobody else has.
    unanswered = sum(outcome.refused + outcome.broken for outcome in outcomes)
    with opened(url) as store:
        stored = kept_in(store, {kept.subject for kept in taken})
        assert Counter() == taken - Counter(stored)
        assert [] == list(store.verify())
        assert len(outcomes) <= records_in(store) <= len(outcomes) + unanswered


def kept_in(store: SQLRecordStore, subjects: Iterable[str]) -> list[Kept]:
    """Return what is kept of these subjects."""
    return [Kept.in_record(each) for subject in subjects for each in store.by_subject(subject)]


def records_in(store: SQLRecordStore) -> int:
    """Return how many records there are."""
    return sum(count.records for count in store.count())


# -- processes that die --------------------------------------------------------------------------

WITH_WORKERS = Server(
    name="gunicorn-asgi",
    interface="asgi",
    http=("1.1",),
    command="gunicorn --no-control-socket --preload -k asgi --workers 4 --bind {host}:{port} {app}",
)
WITH_THREADS_TOO = Server(
    name="gunicorn-gthread",
    interface="wsgi",
    http=("1.1",),
    command="gunicorn --no-control-socket --preload --threads 2 --workers 4 "
    "--bind {host}:{port} {app}",
)


def site_on(url: str, server: Server, **settings: object) -> Any:
    """Run the site that keeps its records at ``url``."""
    env = {f"RECORDS_{name.upper()}": str(value) for name, value in settings.items()}
    app = f"recorded_site:{server.interface}_app"
    return running(server, app, {"RECORDS_URL": url, **env})


def kill_a_worker(address: Address) -> Callable[[], None]:
    """Return what kills one of the workers, of which the server starts another."""
    parent = int(raw_client.request(address, "GET", "/parent").body)

    def kill() -> None:
        workers = postgresql.children_of(parent)
        if workers:
            os.kill(random.choice(workers), signal.SIGKILL)  # noqa: S311 - any will do

    return kill


def test_what_was_acknowledged_survives_the_death_of_workers_and_of_postgresql(
    server: PostgreSQL, in_postgresql: str
) -> None:
    """Workers die without notice and PostgreSQL crashes under load: no decision is lost."""
    crashes = POSTED // 4, POSTED // 2, POSTED * 3 // 4
    with site_on(in_postgresql, WITH_WORKERS) as address:
        disturb: dict[int, Callable[[], object]] = {}
        disturb |= dict.fromkeys(range(50, POSTED, 100), kill_a_worker(address))
        disturb |= dict.fromkeys(crashes, lambda: server.restart(immediate=True))
        outcomes = Visitors(address, disturb).decide(POSTED)
    assert_kept(in_postgresql, outcomes)
    assert sum(outcome.refused for outcome in outcomes) > 0
    assert sum(outcome.broken for outcome in outcomes) > 10


def test_what_was_acknowledged_in_sqlite_survives_the_death_of_workers(in_sqlite: str) -> None:
    """The same with a file, whose write-ahead log the next process recovers."""
    with site_on(in_sqlite, WITH_THREADS_TOO) as address:
        disturb = dict.fromkeys(range(50, POSTED, 100), kill_a_worker(address))
        outcomes = Visitors(address, disturb).decide(POSTED)
    assert_kept(in_sqlite, outcomes)
    assert sum(outcome.broken for outcome in outcomes) > 10


def test_workers_share_no_connection_of_the_process_they_were_forked_from(url: str) -> None:
    """Where nothing happens, every decision is taken the first time it is posted."""
    with site_on(url, WITH_WORKERS, used=True) as address:
        outcomes = Visitors(address).decide(200)
    assert_kept(url, outcomes)
    assert {(0, 0)} == {(outcome.refused, outcome.broken) for outcome in outcomes}


@pytest.mark.parametrize(("moment", "records"), [("before", 0), ("after", 1)])
def test_a_worker_that_dies_at_the_commit_gave_no_cookie(
    url: str, moment: str, records: int
) -> None:
    """The answer leaves after the commit, and so not at all where the worker is no more."""
    with visited(url, WSGI, die=moment) as ledger:
        with pytest.raises((EOFError, ConnectionError)):
            post(ledger.address)
        assert records == records_in(ledger.store)
        assert [] == list(ledger.store.verify())


# -- processes that write at once ----------------------------------------------------------------

PROCESSES = 8
EACH = 100


@contextmanager
def writer(url: str, *subjects: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that appends records of these subjects when it is told to."""
    argv = [sys.executable, "-m", "recorded_site", str(EACH), *subjects]
    process = subprocess.Popen(  # noqa: S603 - our own command
        argv,
        cwd=Path(__file__).parent,
        env=os.environ | {"RECORDS_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_eight_processes_write_at_once(url: str) -> None:
    """Each of its own subject and of one that all share: everything is there, in sound chains."""
    with ExitStack() as resources:
        writers = [
            resources.enter_context(writer(url, f"own-{number}", "shared"))
            for number in range(PROCESSES)
        ]
        for process in writers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        ended = [process.communicate() for process in _told(writers)]
        assert [("", "")] * PROCESSES == ended
    with opened(url) as store:
        assert [] == list(store.verify())
        own = [times(store, f"own-{number}") for number in range(PROCESSES)]
        assert [list(range(EACH))] * PROCESSES == own
        assert sorted(list(range(EACH)) * PROCESSES) == sorted(times(store, "shared"))


def _told(writers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """Let all begin before anybody waits for one of them to end."""
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return writers


def times(store: SQLRecordStore, subject: str) -> list[int]:
    """Return by their times which records of a subject are there, in their order."""
    return [stored.record.time - 1_800_000_000 for stored in store.by_subject(subject)]


# -- a database that is down, stands still, is locked or full ------------------------------------

ASGI, WSGI = (
    next(server for server in SERVERS if server.name == name)
    for name in ("uvicorn-h11", "gunicorn-sync")
)
fronts = pytest.mark.parametrize("front", [ASGI, WSGI], ids=str)


class Ledger:
    """A visitor of the site on one database, and what the store must hold afterwards."""

    def __init__(self, address: Address, store: SQLRecordStore) -> None:
        self.address = address
        self.store = store
        self.cookies: list[str] = []

    def taken(self) -> None:
        """Check that a decision is taken now, the first time it is tried."""
        cookie = cookie_of(post(self.address, len(self.cookies)))
        assert cookie
        self.cookies.append(cookie)

    def refused(self, within: float = WITHIN) -> None:
        """Check that no decision is taken now, and that this is said in time."""
        started = time.monotonic()
        assert "" == cookie_of(post(self.address))
        assert time.monotonic() - started < within

    def balanced(self) -> None:
        """Check that the records are those of the decisions that were taken, and no others."""
        kept = [Kept.in_cookie(cookie) for cookie in self.cookies]
        assert kept == kept_in(self.store, (each.subject for each in kept))
        assert len(self.cookies) == records_in(self.store)
        assert [] == list(self.store.verify())


@contextmanager
def visited(url: str, front: Server, **settings: object) -> Iterator[Ledger]:
    """Run the site on a database, with a visitor."""
    settings = {"timeout": TIMEOUT, **settings}
    with site_on(url, front, **settings) as address, opened(url) as store:
        yield Ledger(address, store)


@fronts
def test_without_postgresql_no_decision_is_taken(
    server: PostgreSQL, in_postgresql: str, front: Server
) -> None:
    """It is said at once, and when PostgreSQL is there again decisions are taken again."""
    with visited(in_postgresql, front) as ledger:
        ledger.taken()
        with server.stopped():
            ledger.refused()
            ledger.refused()
        ledger.taken()
        ledger.balanced()


def test_postgresql_may_restart_between_two_decisions(
    server: PostgreSQL, in_postgresql: str
) -> None:
    """Neither costs the connections that it closed a visitor the decision."""
    with visited(in_postgresql, WSGI) as ledger:
        ledger.taken()
        server.restart()
        ledger.taken()
        server.restart(immediate=True)
        ledger.taken()
        ledger.balanced()


def test_a_site_may_start_before_postgresql(server: PostgreSQL, in_postgresql: str) -> None:
    """It answers, refuses decisions, and takes them once PostgreSQL is there."""
    with ExitStack() as resources:
        with server.stopped():
            address = resources.enter_context(site_on(in_postgresql, WSGI, timeout=TIMEOUT))
            assert "" == cookie_of(post(address))
        ledger = Ledger(address, resources.enter_context(opened(in_postgresql)))
        ledger.taken()
        ledger.balanced()


@fronts
@pytest.mark.parametrize("before", [0, 1], ids=["no connection", "a connection"])
def test_postgresql_that_stands_still_is_not_waited_for(
    server: PostgreSQL, in_postgresql: str, front: Server, before: int
) -> None:
    """Whether it has to be connected to or not; what was refused is not written later either."""
    with visited(in_postgresql, front) as ledger:
        for _ in range(before):
            ledger.taken()
        with server.paused():
            ledger.refused()
            ledger.refused()
        ledger.taken()
        wait_until_idle(server, in_postgresql)
        ledger.balanced()


def test_postgresql_that_stands_still_does_not_block_the_event_loop(
    server: PostgreSQL, in_postgresql: str
) -> None:
    """The one worker answers others while a visitor waits for the record to be refused."""
    with visited(in_postgresql, ASGI) as ledger:
        ledger.taken()
        with server.paused(), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ledger.refused)
            meanwhile = answered_meanwhile(ledger.address, waiting.done)
            waiting.result()
        assert meanwhile
        ledger.taken()
        ledger.balanced()


def answered_meanwhile(address: Address, done: Callable[[], bool]) -> bool:
    """Tell whether a request that was sent well after another was answered before it was done."""
    started = time.monotonic()
    answered = False
    while not done():
        sent_after = time.monotonic() - started
        assert 200 == raw_client.request(address, "GET", "/").status
        answered = answered or (sent_after > TIMEOUT / 3 and not done())
    return answered


def test_many_who_wait_for_postgresql_are_all_refused_in_time(
    server: PostgreSQL, in_postgresql: str
) -> None:
    """More than there are connections and threads; who would come too late is refused as well."""
    with visited(in_postgresql, ASGI) as ledger:
        ledger.taken()
        with server.paused(), ThreadPoolExecutor(MANY) as pool:
            for refused in [pool.submit(ledger.refused, QUEUE + WITHIN) for _ in range(MANY)]:
                refused.result()
        ledger.taken()
        wait_until_idle(server, in_postgresql)
        ledger.balanced()


@fronts
def test_a_lock_in_postgresql_is_not_waited_for(
    server: PostgreSQL, in_postgresql: str, front: Server
) -> None:
    """Another transaction is waited for as long as a visitor can, also in the database."""
    with visited(in_postgresql, front) as ledger:
        ledger.taken()
        with server.connect(database_of(in_postgresql)) as other, other.transaction():
            other.execute("LOCK TABLE consent_chains")
            ledger.refused()
            wait_until_idle(server, in_postgresql, besides=other.info.backend_pid)
        ledger.taken()
        ledger.balanced()


SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON consent_records EXECUTE FUNCTION slow();
    CREATE TRIGGER slow BEFORE INSERT ON consent_chains EXECUTE FUNCTION slow();
"""


@fronts
def test_a_slow_postgresql_is_not_waited_for(
    server: PostgreSQL, in_postgresql: str, front: Server
) -> None:
    """Where each statement is in time and all of them are not, nothing is written either."""
    with visited(in_postgresql, front) as ledger:
        with server.connect(database_of(in_postgresql)) as other:
            other.execute(SLOW.format(seconds=TIMEOUT * 0.7))
            ledger.refused()
            wait_until_idle(server, in_postgresql)
            ledger.balanced()
            other.execute("DROP FUNCTION slow CASCADE")
        ledger.taken()
        ledger.balanced()


def database_of(url: str) -> str:
    """Return the database's name in a PostgreSQL URL."""
    return url.rpartition("/")[2]


def wait_until_idle(server: PostgreSQL, url: str, besides: int = 0) -> None:
    """Wait until nobody does anything in a database, besides one of its processes."""
    busy = "SELECT FROM pg_stat_activity WHERE datname = %s AND state <> 'idle' AND pid <> %s"
    deadline = time.monotonic() + PATIENCE
    with server.connect() as connection:
        while connection.execute(busy, [database_of(url), besides]).rowcount:
            assert time.monotonic() < deadline


@fronts
def test_a_locked_file_is_not_waited_for(in_sqlite: str, front: Server) -> None:
    """Another process that holds the file is waited for as long as a visitor can."""
    with visited(in_sqlite, front) as ledger:
        ledger.taken()
        with closing(sqlite3.connect(path_of(in_sqlite), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            ledger.refused()
            other.execute("ROLLBACK")
        ledger.taken()
        ledger.balanced()


def path_of(url: str) -> str:
    """Return the file of a SQLite URL."""
    return url.removeprefix("sqlite:///")


@fronts
def test_on_a_full_disk_no_decision_is_taken(in_sqlite: str, front: Server) -> None:
    """What was taken before stays, and when there is room again decisions are taken again."""
    with visited(in_sqlite, front, pages=30) as ledger:
        while given := cookie_of(post(ledger.address, len(ledger.cookies))):
            ledger.cookies.append(given)
        assert ledger.cookies
        ledger.refused()
        ledger.balanced()
        for cookie in ledger.cookies:
            assert 1 == ledger.store.erase(Kept.in_cookie(cookie).subject)
        ledger.cookies.clear()
        ledger.taken()
        ledger.balanced()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_postgresql_a_record_is_neither_shown_nor_erased(
    server: PostgreSQL, in_postgresql: str, method: str
) -> None:
    """The visitor keeps the cookie, by whose subject the record can be erased later."""
    target = "/consent/record" if method == "GET" else "/consent/record/erase"
    with visited(in_postgresql, WSGI) as ledger:
        ledger.taken()
        headers = [*FORM, (b"Cookie", ledger.cookies[0].encode())]
        with server.stopped():
            answer = raw_client.request(ledger.address, method, target, headers)
        assert (503, []) == (answer.status, answer.values(b"set-cookie"))
        ledger.balanced()
