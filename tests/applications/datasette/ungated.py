"""The site before ConsentGate."""

from __future__ import annotations

from tea import published
from tracked_asgi import tracked

datasette = published()
app = tracked(datasette.app())
