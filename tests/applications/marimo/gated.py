"""The site with ConsentGate, and its banner on each page."""

from __future__ import annotations

from pathlib import Path

from published import published
from starlette_consentgate import ConsentGateMiddleware
from trackers import BANNER

POLICY = Path(__file__).with_name("consent.toml")

app = published(head=BANNER)
app.add_middleware(ConsentGateMiddleware, policy=POLICY, secret_keys=["only for trying it out"])
