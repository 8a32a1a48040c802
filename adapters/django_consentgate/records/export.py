"""Records as a table for spreadsheets, row by row."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, Final

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse

from django_consentgate.records.moments import for_machines
from django_consentgate.records.session import stored_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from django_consentgate.records.models import ConsentRecord

COLUMNS: Final = (
    "record_id",
    "subject",
    "number",
    "event",
    "time",
    "valid_until",
    "retention_until",
    "choices",
    "method",
    "layer",
    "control",
    "language",
    "jurisdiction",
    "policy_version",
    "policy_hash",
    "banner_hash",
    "package_version",
    "signals",
    "ip_address",
    "user_agent",
    "schema",
    "previous_hash",
    "hash",
    "signature",
)
_TIMES: Final = ("time", "valid_until", "retention_until")
_AT_ONCE: Final = 2000
_BYTE_ORDER_MARK: Final = "\ufeff"
"""What tells Excel that the file is UTF-8."""

# A cell that begins so is a formula (OWASP: CSV injection); some spreadsheets begin a cell behind
# a semicolon or a tab, too. The last four signs are those of East Asian keyboards.
_FORMULA: Final = re.compile(r"(^|[;,|\t\r\n])(\s*)(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")


def csv_response(request: HttpRequest, records: QuerySet[ConsentRecord]) -> StreamingHttpResponse:
    """Return ``records`` as a file that is written while it is sent."""
    lines = _lines_async(records) if isinstance(request, ASGIRequest) else _lines(records)
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="consent-records.csv"'},
    )


def _lines(records: QuerySet[ConsentRecord]) -> Iterator[str]:
    yield _BYTE_ORDER_MARK + _line(COLUMNS)
    for kept in records.iterator(_AT_ONCE):
        yield _line(_cells(kept))


async def _lines_async(records: QuerySet[ConsentRecord]) -> AsyncIterator[str]:
    yield _BYTE_ORDER_MARK + _line(COLUMNS)
    async for kept in records.aiterator(_AT_ONCE):
        yield _line(_cells(kept))


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        """Return ``text``."""
        return text


def _line(cells: Any) -> str:
    written: Any = csv.writer(_Echo()).writerow(cells)  # what `write` returned
    return str(written)


def _cells(kept: ConsentRecord) -> Iterator[object]:
    values: dict[str, Any] = {**vars(kept), "hash": stored_record(kept).hash}
    values.update({name: for_machines(values[name]) for name in _TIMES})
    for name in COLUMNS:
        value = values[name]
        yield harmless(value) if isinstance(value, str) else value


def harmless(text: str) -> str:
    """Return ``text`` with an apostrophe before whatever a spreadsheet takes for a formula."""
    return _FORMULA.sub(r"\1\2'", text)
