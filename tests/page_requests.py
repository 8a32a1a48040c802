"""How tests ask the visitor's pages, and what they read of an answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from consentgate import CookieRule, Gate, Policy
from consentgate.page import PageRequest, PageResponse
from consentgate.record import StoredRecord
from consentgate.testing import NOW, consent_cookie

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consentgate.pages import ConsentPages
    from consentgate.record import Document, Record


POLICY = Policy(
    "2026-11",
    cookies=[
        CookieRule("_ga*", "statistics", max_age="13 months", vendor="Google"),
        CookieRule("test", "necessary", max_age="session", purpose={"en": "A <test>"}),
        CookieRule("beta", "functional", max_age="90 days"),
    ],
)


class Memory:
    """A record store that forgets everything when the test ends."""

    def __init__(self) -> None:
        self.kept: list[Record] = []
        self.documents: dict[str, Document] = {}
        self.threads: set[int] = set()

    def use_keys(self, secret_keys: Sequence[bytes]) -> None:
        """Need no keys, for nothing is signed."""

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Keep ``record``."""
        self.kept.append(record)
        self.documents.update((document.hash, document) for document in documents)
        self.threads.add(threading.get_ident())
        return True

    def by_subject(self, subject: str) -> Sequence[StoredRecord]:
        """Return the records of one visitor."""
        found = (record for record in self.kept if record.subject == subject)
        return [StoredRecord(record, place, 0, "", "") for place, record in enumerate(found, 1)]

    def erase(self, subject: str) -> int:
        """Forget the records of one visitor."""
        before = len(self.kept)
        self.kept = [record for record in self.kept if record.subject != subject]
        return before - len(self.kept)


class Asked:
    """What the gate knows of a request in these tests."""

    def __init__(self, headers: dict[str, str], path: str) -> None:
        self._headers = headers
        self._path = path

    def header(self, name: str) -> str:
        """Return a header."""
        return self._headers.get(name, "")

    def path(self) -> str:
        """Return the path."""
        return self._path

    def is_secure(self) -> bool:
        """Say that there is no TLS."""
        return False

    def address(self) -> str:
        """Return where the visitor is."""
        return "203.0.113.77"


def gate(policy: Policy = POLICY, records: Memory | None = None) -> Gate:
    """Return a gate whose clock stands still."""
    return Gate(policy, "key", records=records, clock=lambda: NOW)


def asked(
    pages: ConsentPages,
    path: str = "/consent/",
    method: str = "GET",
    *,
    cookie: str = "",
    root: str = "",
    body: bytes | None = b"",
    **headers: str,
) -> PageRequest:
    """Return a request; ``headers`` have underscores in the place of hyphens."""
    path, _, query = path.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    visit = pages.gate.visit(Asked(named, root + path), cookie)
    visit.root = root
    return PageRequest(visit, method, path, query, body)


def answer(pages: ConsentPages, *request: Any, **more: Any) -> PageResponse:
    """Return what ``pages`` answer."""
    return pages.answer(asked(pages, *request, **more))


def page(pages: ConsentPages, *request: Any, **more: Any) -> str:
    """Return the body of a page that is there."""
    response = answer(pages, *request, **more)
    assert 200 == response.status
    return response.body.decode()


def token(pages: ConsentPages, *granted: str) -> str:
    """Return the Cookie header of who accepted these categories."""
    return "=".join(consent_cookie(pages.gate, granted))


def form(pages: ConsentPages, fields: str, **more: Any) -> PageResponse:
    """Return the answer to a form."""
    kind = "application/x-www-form-urlencoded"
    more = {"content_type": kind, "path": "/consent/", **more}
    return answer(pages, more.pop("path"), "POST", body=fields.encode(), **more)


def header(response: PageResponse, name: str) -> str:
    """Return a header of the answer."""
    return dict(response.headers)[name]


def vary(request: PageRequest) -> str:
    """Return the Vary header that the gate adds to the answer."""
    return dict(request.visit.additions().headers).get("Vary", "")
