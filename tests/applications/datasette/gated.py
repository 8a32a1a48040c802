"""The site with ConsentGate around it, and its banner on each page."""

from __future__ import annotations

from pathlib import Path

from tea import published
from tracked_asgi import tracked

from consentgate import Gate, Policy
from consentgate.asgi import ConsentGateMiddleware
from consentgate.pages import ConsentPages

policy = Policy.from_file(Path(__file__).with_name("consent.toml"))
gate = Gate(policy, secret_keys=["only for trying it out"])
datasette = published(scripts=("/consent/banner.js",))
app = ConsentGateMiddleware(tracked(datasette.app()), gate, pages=ConsentPages(gate))
