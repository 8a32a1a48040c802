"""The site before ConsentGate."""

from __future__ import annotations

from watching import watching

app = watching()
