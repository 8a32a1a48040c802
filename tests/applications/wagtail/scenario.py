"""What editors of a Wagtail site do besides looking."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def sign_in(client: httpx.Client) -> None:
    """Sign in, unless they are, and look at what editors see first."""
    page = client.get("/admin/login/")
    if page.is_redirect:
        return
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    form = {"csrfmiddlewaretoken": token, "username": "admin", "password": "admin"}
    answer = client.post("/admin/login/", data=form, headers={"Referer": str(page.url)})
    if not answer.is_redirect:
        raise RuntimeError("signing in failed")
    client.get("/admin/")
