"""What visitors of changedetection.io do besides looking."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

PASSWORD = "only for trying it out"
SALT = bytes(32)


def sign_in(client: httpx.Client) -> None:
    """Sort the list, and sign in while there is a password."""
    client.get("/", params={"sort": "last_changed", "order": "asc"})
    with password_required():
        page = client.get("/login")
        if page.is_redirect:  # signed in already
            return
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
        form = {"csrf_token": token, "password": PASSWORD}
        answer = client.post("/login", data=form, headers={"Referer": str(page.url)})
    if "login" in answer.headers.get("Location", "login"):
        raise RuntimeError("signing in failed")


@contextmanager
def password_required() -> Iterator[None]:
    """Protect the application with a password."""
    site = sys.modules.get("gated") or sys.modules["ungated"]
    settings = site.app.config["DATASTORE"].data["settings"]["application"]
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, 100_000)
    settings["password"] = base64.b64encode(SALT + key).decode()
    try:
        yield
    finally:
        settings["password"] = False
