"""A notebook that marimo serves to who has a password, with the cookies of trackers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import marimo
from tracked_asgi import tracked

if TYPE_CHECKING:
    from starlette.applications import Starlette

PASSWORD = "only for trying it out"
NOTEBOOK = Path(__file__).with_name("notebook.py")


def published(head: str | None = None) -> Starlette:
    """Return the application, with `head` in the head of its pages."""
    server = marimo.create_asgi_app(token=PASSWORD, html_head=head)
    app = cast("Starlette", server.with_app(path="", root=str(NOTEBOOK)).build())
    app.add_middleware(tracked)
    return app
