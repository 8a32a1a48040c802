# ruff: noqa: INP001 - a module of scripts
"""A minimal Flask application, with Flask-Consent and with ConsentGate.

No banner is rendered on either side. Who has Flask-Consent asks it before a cookie is set; the
cookies are set all the same, so that the time which a refusal saves is not counted in its favour.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Final

from added_time import (
    CONSENTED,
    HAS_SESSION,
    NO_COOKIES,
    UNDECIDED,
    Form,
    Reply,
    Situation,
    Stack,
    driven_as_wsgi,
    gate_cookie,
    is_enforced,
    sets_all,
)
from flask import Flask, jsonify, make_response, request
from flask_consentgate import ConsentGate
from sites import YEAR, make_gate

GATE: Final = make_gate()


def site(situation: Situation, *, asks: bool = False) -> Flask:
    """Return an application of one page, which may ask Flask-Consent what it may do."""
    app = Flask(__name__)

    @app.get("/")
    def page() -> Any:
        # Flask-Consent puts it there, and Flask's types do not know.
        consent = request.consent["analytics"] if asks else None  # type: ignore[attr-defined]
        seen = {"cookie": request.headers.get("Cookie", ""), "consent": consent}
        response = make_response(jsonify(seen) if situation.spied else "")
        if situation.lines:
            _set_cookies(response)
        return response

    return app


def _set_cookies(response: Any) -> None:
    response.set_cookie("sessionid", "8h2kx0vq6c3m5t1z", httponly=True, samesite="Lax")
    response.set_cookie("_ga", "GA1.1.1234567890.1795219200", max_age=YEAR, samesite="Lax")
    response.set_cookie("_gcl_au", "1.1.987654321.1795219200", max_age=YEAR // 4, secure=True)


def gated(situation: Situation) -> Flask:
    """Return the application with the gate, as the README says."""
    app = site(situation)
    ConsentGate(app, gate=GATE)
    return app


def with_consent(situation: Situation) -> Flask:
    """Return the application with Flask-Consent, as its README says."""
    app = site(situation, asks=True)
    app.config["CONSENT_FULL_TEMPLATE"] = "consent.html"
    app.config["CONSENT_BANNER_TEMPLATE"] = "consent_banner.html"
    consent = import_module("flask_consent").Consent(app)
    consent.add_standard_categories()
    return app


def consent_cookie(situation: Situation) -> str:
    """Return the Cookie header of a visitor who has told Flask-Consent."""
    if not situation.consented:
        return situation.cookie
    answer = with_consent(situation).test_client().post("/consent", json=["required", "analytics"])
    return f"{situation.cookie}; {answer.headers['Set-Cookie'].partition(';')[0]}"


def knows_consent(situation: Situation, reply: Reply) -> bool:
    """Whether the site knew what the visitor agreed to."""
    return sets_all(situation, reply) and reply.seen["consent"] is situation.consented


STACK: Final = Stack(
    name="Flask",
    bare=Form("site", site, sets_all, package="Flask"),
    gates=[Form("ConsentGate", gated, is_enforced, partial(gate_cookie, GATE))],
    peers=[
        Form("Flask-Consent", with_consent, knows_consent, consent_cookie, package="Flask-Consent"),
    ],
    situations=(NO_COOKIES, HAS_SESSION, UNDECIDED, CONSENTED),
    **driven_as_wsgi(batch=60),
)
