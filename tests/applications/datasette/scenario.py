"""What visitors of Datasette do besides looking."""

from __future__ import annotations

import re
import secrets
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def sign_in(client: httpx.Client) -> None:
    """Sign in as the administrator, by the link that `datasette --root` prints; leave a message."""
    token = secrets.token_hex(32)
    site = sys.modules.get("gated") or sys.modules["ungated"]
    site.datasette._root_token = token  # it works once
    client.get("/-/auth-token", params={"token": token})
    form = client.get("/-/messages")
    csrftoken = re.search(r'name="csrftoken" value="([^"]+)"', form.text)[1]
    message = {"csrftoken": csrftoken, "message": "hello", "message_type": "INFO"}
    client.post("/-/messages", data=message)
