"""What readers of a notebook do besides looking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from published import PASSWORD

if TYPE_CHECKING:
    import httpx


def sign_in(client: httpx.Client) -> None:
    """Sign in by the link that `marimo run` prints, and see the notebook."""
    client.get("/", params={"access_token": PASSWORD})
    if client.get("/").status_code != 200:
        raise RuntimeError("signing in failed")
