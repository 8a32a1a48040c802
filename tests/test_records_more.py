"""What else records promise: within which time, at what moment, and to whom it is said."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from page_requests import Memory, gate, token
from recording import OVERRIDE, Failing, Server, answering, ask_asgi, ask_wsgi
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from consentgate import Gate, Policy, wsgi
from consentgate.duration import DAY, months
from consentgate.pages import ConsentPages
from consentgate.records import SQLRecordStore
from consentgate.records.chained import Conflict
from consentgate.records.manifest import NotAManifest, compare, manifest
from consentgate.records.schema import migrate
from consentgate.records.testing import BANNER, KEYS, NOW, POLICY, sample_record
from consentgate.records.waiting import MOST_AT_ONCE, Waiting
from consentgate.testing import consent_cookie
from consentgate.timestamp import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from consentgate.record import StoredRecord
    from consentgate.records.chained import Session

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for another thread."""


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file that has its tables, to be copied."""
    file = tmp_path_factory.mktemp("records") / "empty.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def url(empty_file: Path, tmp_path: Path) -> str:
    """Give the URL of a SQLite file that has its tables."""
    return f"sqlite:///{shutil.copy(empty_file, tmp_path / 'records.db')}"


@contextmanager
def opened(url: str, **options: Any) -> Iterator[SQLRecordStore]:
    """Open a store, and leave no connection behind."""
    options = {"clock": lambda: NOW, **options}
    with closing(SQLRecordStore(url, KEYS, **options)) as store:
        yield store


def run(url: str, sql: str) -> None:
    """Change a database past the store."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text(sql))


# -- waiting -------------------------------------------------------------------------------------


@contextmanager
def crowd(waiting: Waiting) -> Iterator[None]:
    """Let as many wait for a database that hangs as may."""
    go_on = threading.Event()
    for _ in range(MOST_AT_ONCE):
        with pytest.raises(TimeoutError):
            waiting.result(time.monotonic() + 0.01, lambda: go_on.wait(PATIENCE))
    try:
        yield
    finally:
        go_on.set()


WHAT_VISITORS_DO: dict[str, Callable[[SQLRecordStore], object]] = {
    "decide": lambda store: store.append(sample_record()),
    "look": lambda store: store.by_subject("visitor"),
    "erase": lambda store: store.erase("visitor"),
}


@pytest.mark.parametrize("act", WHAT_VISITORS_DO.values(), ids=WHAT_VISITORS_DO)
def test_whatever_visitors_do_has_its_time(
    url: str, act: Callable[[SQLRecordStore], object]
) -> None:
    """Where the database hangs, whoever waits for an answer is told so."""
    with (
        opened(url, timeout=0.2) as store,
        crowd(store._waiting),
        pytest.raises(TimeoutError, match="too many"),
    ):
        act(store)


def test_operators_wait_as_long_as_it_takes(url: str) -> None:
    """A purge or a verification takes no place of a visitor, and needs none."""
    with opened(url, timeout=1.0) as store:
        store.append(sample_record(), [POLICY, BANNER])
        with crowd(store._waiting):
            assert [] == list(store.verify())
            assert 1 == store.purge(NOW + months(60))


def test_what_fails_is_no_place_lost() -> None:
    """However often a database raises an error, the next visitor has a turn."""
    waiting = Waiting()
    for _ in range(2 * MOST_AT_ONCE):
        with pytest.raises(ZeroDivisionError):
            waiting.result(time.monotonic() + PATIENCE, lambda: 1 // 0)
    assert "done" == waiting.result(time.monotonic() + PATIENCE, lambda: "done")


def test_who_waits_in_a_parent_takes_no_place_in_its_child(url: str) -> None:
    """The threads that hold those places are not in the child, and would never give them back."""
    with opened(url) as store, crowd(store._waiting):
        store.start_anew()
        assert store.append(sample_record())


def test_documents_that_come_once_are_kept_at_a_second_try(url: str) -> None:
    """Where another transaction was first, and they are an iterator that is used up by then."""
    with opened(url) as store:
        real, tries = store._append, []

        def second(session: Session, *arguments: Any) -> bool:
            kept = real(session, *arguments)
            tries.append(kept)
            if len(tries) == 1:
                raise Conflict
            return kept

        store._append = second  # type: ignore[method-assign]
        assert store.append(sample_record(), iter([POLICY, BANNER]))
        assert 2 == len(tries)
        assert {POLICY, BANNER} == set(store.documents())
        assert 1 == len(store.by_subject("visitor"))


# -- what operators learn, and do not ------------------------------------------------------------


def test_an_error_does_not_say_whose_record_it_was(url: str) -> None:
    """R25: errors end in logs, which are nobody's proof of consent."""
    with opened(url) as store:
        run(url, "DROP TABLE consent_records")
        with pytest.raises(SQLAlchemyError) as raised:
            store.append(sample_record("who-it-was", user_agent="Firefox-of-whom"))
    assert "consent_records" in str(raised.value)
    assert "who" not in str(raised.value)


def test_what_was_altered_is_logged_when_it_goes_on(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever runs no `verify` learns of it from the next decision, and from the next purge."""
    with opened(url) as store:
        for time_ in (NOW, NOW + DAY):
            store.append(sample_record(time=time_), [POLICY, BANNER])
        assert "" == caplog.text
        run(url, "UPDATE consent_chains SET first_number = 2")
        with caplog.at_level(logging.ERROR, "consentgate"):
            store.append(sample_record())
            assert "records of visitor are not as signed" in caplog.text
            caplog.clear()
            assert 0 == store.purge(NOW + months(60))
            assert "records of visitor are not as signed, and not purged" in caplog.text


def test_nothing_is_missing_of_who_never_decided(url: str) -> None:
    """To verify one visitor's records finds nothing wrong where there are none."""
    with opened(url) as store:
        assert [] == list(store.verify("nobody"))


def test_every_erasure_since_a_manifest_counts(url: str) -> None:
    """Who had many records, came back to few and erased those too, is no difference."""
    with opened(url) as store:
        for _ in range(3):
            store.append(sample_record(), [POLICY, BANNER])
        lines = list(manifest(store, clock=lambda: NOW))
        store.erase("visitor")
        store.append(sample_record())
        store.erase("visitor")
        assert [] == list(compare(store, lines, clock=lambda: NOW))


# -- at the gate ---------------------------------------------------------------------------------


class Watched(Memory):
    """A store that notes in which thread it was read or asked to forget."""

    def by_subject(self, subject: str) -> Sequence[StoredRecord]:
        """Return the records of one visitor."""
        self.threads.add(threading.get_ident())
        return super().by_subject(subject)

    def erase(self, subject: str) -> int:
        """Forget the records of one visitor."""
        self.threads.add(threading.get_ident())
        return super().erase(subject)


ON_RECORDS = {"look": ("GET", "record"), "glance": ("HEAD", "record")}
ON_RECORDS["erase"] = ("POST", "record/erase")


@pytest.mark.parametrize("request_", ON_RECORDS.values(), ids=ON_RECORDS)
def test_looking_and_erasing_do_not_hold_up_the_event_loop(request_: tuple[str, str]) -> None:
    """A store may be as slow to read as it is to write."""
    store = Watched()
    site = gate(records=store)
    pages = ConsentPages(site)
    method, name = request_
    headers = [(b"cookie", token(pages, "statistics").encode())]
    scope = {"method": method, "path": f"/consent/{name}", "headers": headers}
    server = anyio.run(partial(ask_asgi, None, site, pages, **scope))
    assert server.answer.status in ("200", "303")
    assert store.threads
    assert threading.get_ident() not in store.threads


def test_records_of_an_outer_gate_are_seen_and_erased_on_pages_further_in() -> None:
    """Where the outer of two gates of one policy keeps them, those are the visitor's records."""
    store = Memory()
    inner, outer = gate(), gate(records=store)
    pages = ConsentPages(inner)
    within = wsgi.ConsentGateMiddleware(answering(), inner, pages=pages)
    cookie = token(pages, "statistics")
    subject = inner.subject(cookie)
    store.append(sample_record(subject or ""))
    store.append(sample_record("somebody else"))
    found = ask_wsgi(within, outer, PATH_INFO="/consent/record", HTTP_COOKIE=cookie)
    assert [subject] == [each["subject"] for each in json.loads(found.body)["records"]]
    erasing = {"REQUEST_METHOD": "POST", "PATH_INFO": "/consent/record/erase"}
    ask_wsgi(within, outer, HTTP_COOKIE=cookie, **erasing)
    assert ["somebody else"] == [each.subject for each in store.kept]


def test_a_signal_that_cannot_be_kept_holds_up_no_page() -> None:
    """It is heeded, nothing is noted, and the store is asked once."""
    store = Failing()
    site = Gate(OVERRIDE, "key", records=store, clock=lambda: NOW)
    cookie = "=".join(consent_cookie(site, ["advertising"])).encode()

    async def greet(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"Hello"})

    async def main() -> Server:
        with anyio.fail_after(PATIENCE / 3):
            return await ask_asgi(greet, site, headers=[(b"sec-gpc", b"1"), (b"cookie", cookie)])

    answer = anyio.run(main).answer
    assert ("200", [], b"Hello") == (answer.status, answer.cookies, answer.body)
    assert 1 == store.asked


def test_a_page_that_was_not_modified_makes_no_record_of_a_signal() -> None:
    """Over ASGI as over WSGI: the note could not leave with it, and more would follow."""
    store = Memory()
    site = Gate(OVERRIDE, "key", records=store, clock=lambda: NOW)
    cookie = "=".join(consent_cookie(site, ["advertising"])).encode()

    async def unchanged(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 304, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    headers = [(b"sec-gpc", b"1"), (b"cookie", cookie)]
    answer = anyio.run(partial(ask_asgi, unchanged, site, headers=headers)).answer
    assert ("304", [], []) == (answer.status, answer.cookies, store.kept)


def test_nothing_was_given_where_nothing_is_offered() -> None:
    """To decide on a site that asks for nothing is a refusal, not a consent to all of it."""
    store = Memory()
    ask_wsgi(answering(decide=lambda consent: consent.withdraw()), gate(Policy("1"), store))
    assert [("refused", {})] == [(each.event, each.choices) for each in store.kept]


# Tests that fail today (bugs 1-3 of the report); they belong in tests/test_records_more.py.


def test_a_value_that_is_no_number_does_not_stop_a_purge(url: str) -> None:
    """SQLite holds a text in any column; whose it is, is not purged, and all others are."""
    with opened(url) as store:
        for subject in "aab":
            store.append(sample_record(subject), [POLICY, BANNER])
        run(url, "UPDATE consent_records SET retention_until = 'x' WHERE number = 2")
        assert 1 == store.purge(NOW + months(60))
        assert [2, 0] == [len(store.by_subject(each)) for each in "ab"]


@pytest.mark.parametrize(
    "change",
    ["consent_chains SET first_number = 'x'", "consent_erasures SET time = 'x'"],
)
def test_a_value_that_is_no_number_does_not_stop_a_comparison(url: str, change: str) -> None:
    """What was published is compared with whatever is there."""
    with opened(url) as store:
        for subject in "ab":
            store.append(sample_record(subject), [POLICY, BANNER])
        lines = list(manifest(store, clock=lambda: NOW))
        store.erase("b")
        run(url, f"UPDATE {change}")
        list(compare(store, lines, clock=lambda: NOW))


def test_a_number_that_is_too_long_is_of_no_manifest(url: str) -> None:
    """As any other line that is none (int() reads 4300 digits)."""
    with opened(url) as store:
        title = next(manifest(store))
        with pytest.raises(NotAManifest):
            list(compare(store, [title, f"chain a {'9' * 5000} b 1"]))


class Overtaken:
    """A transaction that looked for a chain just before another one committed it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._has_looked = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def chain(self, subject: str) -> Any:
        """Return nothing the first time."""
        has_looked, self._has_looked = self._has_looked, True
        return self._session.chain(subject) if has_looked else None


def test_who_is_overtaken_tries_again(url: str) -> None:
    """A chain that others begin meanwhile is neither torn apart nor taken for an altered one."""
    with opened(url) as store:
        store.append(sample_record(), [POLICY, BANNER])
        record = sample_record()
        for action in (
            lambda session: store._append(Overtaken(session), record, [], []),
            lambda session: store._erase(Overtaken(session), "visitor"),
        ):
            with pytest.raises(Conflict):
                store._run(action, write=True, visitor_waits=False)
        assert [1] == [each.number for each in store.by_subject("visitor")]
        assert [] == list(store.verify())


def test_a_time_without_a_date_is_said_in_seconds() -> None:
    """No clock says it, but somebody may write it into a database."""
    assert "2026-11-21T00:00:00Z" == timestamp(int(NOW))
    assert "300000000000 seconds since 1970" == timestamp(300_000_000_000)
