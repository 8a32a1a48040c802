"""changedetection.io as its own program starts it, without the threads that fetch pages."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from changedetectionio import store
from changedetectionio.flask_app import changedetection_app, init_app_secret
from trackers import BANNER, COOKIES

if TYPE_CHECKING:
    from flask import Flask, Response

DATA = os.path.abspath("data")  # noqa: PTH100 - changedetection.io wants a str


def watching() -> Flask:
    """Return the application with no page to watch and no password."""
    shutil.rmtree(DATA, ignore_errors=True)
    os.mkdir(DATA)  # noqa: PTH102
    datastore = store.ChangeDetectionStore(datastore_path=DATA, include_default_watches=False)
    app = changedetection_app({"datastore_path": DATA, "batch_mode": True}, datastore)
    app.secret_key = init_app_secret(DATA)
    app.after_request(_set_cookies_of_trackers)
    return app


def show_banner(response: Response) -> Response:
    """Add the line that shows the banner, as one would to the base template."""
    if response.mimetype == "text/html" and not response.direct_passthrough:
        response.set_data(response.get_data(as_text=True).replace("</body>", f"{BANNER}</body>"))
    return response


def _set_cookies_of_trackers(response: Response) -> Response:
    if response.mimetype == "text/html":
        for name, value, max_age in COOKIES:
            response.set_cookie(name, value, max_age=max_age, samesite="Lax")
    return response
