"""The small site of `sites`, whose decisions are recorded where the environment says.

- ``RECORDS_URL``: the database; ``RECORDS_TIMEOUT``: for how many seconds a visitor waits for it
- ``RECORDS_PAGES``: of how many pages a SQLite file may be, as on a disk that is full
- ``RECORDS_DIE``: ``before`` or ``after`` its first commit the process dies
- ``RECORDS_USED``: anything, to use the store before a server forks its workers

Run as a module it is one of several writers, which begins when it reads a line:

    python -m recorded_site COUNT SUBJECT...
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import sites
from sqlalchemy import Engine, event

from consentgate import Gate, Policy, asgi, wsgi
from consentgate.pages import ConsentPages
from consentgate.record import Document, Record
from consentgate.records import SQLRecordStore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from sqlalchemy import Connection

URL = os.environ["RECORDS_URL"]
TIMEOUT = float(os.environ.get("RECORDS_TIMEOUT", "10"))
PAGES = int(os.environ.get("RECORDS_PAGES", "0"))
DIE = os.environ.get("RECORDS_DIE")
USED = "RECORDS_USED" in os.environ


@event.listens_for(Engine, "connect")
def limit_pages(connection: Any, _record: object) -> None:
    """Let a SQLite file not grow beyond its limit; the limit is not kept in the file."""
    if PAGES and isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA max_page_count = {PAGES}")


@event.listens_for(Engine, "commit")
def die(connection: Connection) -> None:
    """Die without notice, having asked for a commit or just before."""
    if DIE == "after":
        connection.connection.commit()
    if DIE:
        os.kill(os.getpid(), signal.SIGKILL)


def started_by(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the process that started this one, or as the small site does."""
    if environ["PATH_INFO"] != "/parent":
        return sites.wsgi_app(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getppid()]


async def asgi_started_by(scope: sites.Message, receive: sites.Receive, send: sites.Send) -> None:
    """Answer the same over ASGI."""
    if scope["type"] != "http" or scope["path"] != "/parent":
        await sites.asgi_app(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % os.getppid()})


store = SQLRecordStore(URL, sites.SECRET_KEYS, timeout=TIMEOUT)
if USED:
    store.by_subject("nobody")
gate = Gate(Policy.from_mapping(sites.POLICY), sites.SECRET_KEYS, records=store)
pages = ConsentPages(gate)
wsgi_app = wsgi.ConsentGateMiddleware(started_by, gate, pages=pages)
asgi_app = asgi.ConsentGateMiddleware(asgi_started_by, gate, pages=pages)


DECLARED = Document("policy", "What the site declares")


def record(subject: str, number: int) -> Record:
    """Return one of many records of a subject."""
    return Record(
        subject=subject,
        event="partial",
        time=1_800_000_000 + number,
        valid_until=1_810_000_000,
        choices={"statistics": number % 2 == 0, "advertising": False},
        method="api",
        policy_version="2026-11",
        policy_hash=DECLARED.hash,
        package_version="0",
        language="en",
        jurisdiction="",
        signals={},
    )


def write(count: int, subjects: list[str]) -> None:
    """Append records of each subject in turn, once somebody says so."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(count):
        for subject in subjects:
            store.append(record(subject, number), [DECLARED])


if __name__ == "__main__":
    write(int(sys.argv[1]), sys.argv[2:])
