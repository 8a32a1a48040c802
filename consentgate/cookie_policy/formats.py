"""The cookie table as a document: HTML, Markdown or CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

from consentgate.documents import environment_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from consentgate.cookie_policy.table import CategoryRows, CookieRow, CookieTable

__all__ = ["CSV_COLUMNS", "HEADINGS", "as_csv", "as_html", "as_markdown"]

HEADINGS: Final = ("cookie", "vendor", "purpose", "life", "sent_to")
"""The columns of the table for readers: names of texts (`consentgate.pages.texts`)."""

CSV_COLUMNS: Final = (
    "language",
    "category",
    "title",
    "basis",
    "name",
    "vendor",
    "purpose",
    "lifetime",
    "seconds",
    "sent_to",
    "path",
)
"""The columns of the table for programs; they are the same in every language."""


# HTML


def as_html(tables: Sequence[CookieTable], *, page: bool = False) -> str:
    """Return the tables one after another: a fragment to put into a page, or a page of its own.

    The fragment has headings of the second and third level. The page is one file: it loads
    nothing and runs no script.
    """
    environment = environment_for("consentgate.cookie_policy")
    template = environment.get_template("page.html" if page else "fragment.html")
    return template.render(tables=tables, headings=HEADINGS)


# Markdown

# Facts: CommonMark lets any punctuation be escaped with a backslash, Python-Markdown only some.
# GitHub looks for `|` before anything else, and renders what is between two `$` as mathematics.
# A character reference is text, and nothing but text, for all of them.
_REFERENCES: Final[Mapping[str, str]] = {
    character: f"&#{ord(character)};" for character in "&<>|\\$~"
}
_MARKUP: Final = re.compile(r"[&<>|\\$~`*_\[\]#]")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.*?!%'+^/:,@()\[\]{}-]+")


def as_markdown(tables: Sequence[CookieTable]) -> str:
    """Return the tables one after another, as GitHub Flavored Markdown has them.

    No text of a site can become markup, HTML or another cell.
    """
    return "\n\n".join(block for table in tables for block in _blocks(table)) + "\n"


def _blocks(table: CookieTable) -> Iterator[str]:
    # Each begins with markup of ours, so that no "1." or "-" of a site's words can begin a list.
    yield f"## {_plain(table.words('all_cookies'))}"
    for category in table.categories:
        yield f"### {_plain(category.title)}"
        yield _introduction(category)
        if category.cookies:
            yield _markdown_table(table, category)
        elif not category.is_forbidden:
            yield f"*{_plain(table.words('no_cookies'))}*"
    yield f"*{_plain(table.words('policy_version', version=table.version))}*"


def _introduction(category: CategoryRows) -> str:
    basis = f"**{_plain(category.basis)}**"
    return f"{basis}: {_plain(category.description)}" if category.description else basis


def _markdown_table(table: CookieTable, category: CategoryRows) -> str:
    headings = [_plain(table.words(name)) for name in HEADINGS]
    rows = [headings, ["---"] * len(headings), *map(_cells, category.cookies)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _cells(cookie: CookieRow) -> list[str]:
    rest = (cookie.vendor, cookie.purpose, cookie.life, cookie.sent_to)
    return [_name(cookie.name), *map(_plain, rest)]


def _name(name: str) -> str:
    # Between backticks nothing can be escaped, so only what needs no escape goes there.
    return f"`{name}`" if _PLAIN_NAME.fullmatch(name) else _plain(name)


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda match: _REFERENCES.get(match[0], f"\\{match[0]}"), text)


# CSV

_FORMULA: Final = re.compile("[=+\\-@\t\r\n\x00\uff0b\uff0d\uff1d\uff20]")
"""What makes a spreadsheet compute a cell that begins with it (OWASP, CSV Injection)."""


def as_csv(tables: Sequence[CookieTable]) -> str:
    """Return the tables as one, a row for each cookie and language (RFC 4180).

    A text that a spreadsheet would compute has an apostrophe before it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        for category in table.categories:
            for cookie in category.cookies:
                writer.writerow(map(_as_text, _record(table, category, cookie)))
    return text.getvalue()


def _record(table: CookieTable, category: CategoryRows, cookie: CookieRow) -> tuple[str, ...]:
    return (
        table.language,
        category.id,
        category.title,
        category.basis,
        cookie.name,
        cookie.vendor,
        cookie.purpose,
        cookie.life,
        "" if cookie.seconds is None else str(cookie.seconds),
        cookie.sent_to,
        cookie.path,
    )


def _as_text(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell
