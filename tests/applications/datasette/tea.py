"""A database of teas, published with Datasette."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from datasette.app import Datasette

DATABASE = Path("tea.db")


def published(scripts: tuple[str, ...] = ()) -> Datasette:
    """Return Datasette with the database, which it makes, and with `scripts` on each page."""
    DATABASE.unlink(missing_ok=True)
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute("CREATE TABLE teas (id INTEGER PRIMARY KEY, name TEXT, colour TEXT)")
        teas = [("Assam", "black"), ("Sencha", "green"), ("Baihao", "white")]
        connection.executemany("INSERT INTO teas (name, colour) VALUES (?, ?)", teas)
        connection.commit()
    return Datasette([str(DATABASE)], metadata={"extra_js_urls": list(scripts)})
