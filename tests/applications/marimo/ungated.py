"""The site before ConsentGate."""

from __future__ import annotations

from published import published

app = published()
