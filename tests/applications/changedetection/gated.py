"""The site with ConsentGate, and its banner on each page."""

from __future__ import annotations

from pathlib import Path

from flask_consentgate import ConsentGate
from watching import show_banner, watching

app = watching()
app.after_request(show_banner)
app.config["CONSENTGATE_POLICY"] = Path(__file__).with_name("consent.toml")
ConsentGate(app)
