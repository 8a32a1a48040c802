# ruff: noqa: INP001 - a module of scripts
"""A bare WSGI application, and middleware that handles cookies or headers around it."""

from __future__ import annotations

import json
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from added_time import (
    CONSENTED,
    HAS_SESSION,
    NO_COOKIES,
    SESSION,
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
from harness import BATCH
from sites import RESPONSE_HEADERS, EmptyWSGI, make_gate

from consentgate.pages import ConsentPages
from consentgate.wsgi import ConsentGateMiddleware

if TYPE_CHECKING:
    from collections.abc import Sequence

GATE: Final = make_gate()
FALLBACK: Final = "sessionid-legacy"


def site(situation: Situation) -> Any:
    """Return the bare application."""
    headers = [*RESPONSE_HEADERS, *(("Set-Cookie", line) for line in situation.lines)]

    def app(environ: Any, start_response: Any) -> Sequence[bytes]:
        body = json.dumps(_seen(environ)).encode() if situation.spied else b""
        start_response("200 OK", headers[:])
        return (body,)

    return app


def _seen(environ: Any) -> dict[str, Any]:
    return {"cookie": environ.get("HTTP_COOKIE", ""), "address": environ["REMOTE_ADDR"]}


def gated(situation: Situation) -> Any:
    """Return the application with the gate, as the README says."""
    return ConsentGateMiddleware(site(situation), GATE, pages=ConsentPages(GATE))


def with_proxy_fix(situation: Situation) -> Any:
    """Return the application behind one proxy."""
    fix = import_module("werkzeug.middleware.proxy_fix")
    return fix.ProxyFix(site(situation), x_for=1, x_proto=1, x_host=1, x_prefix=1)


def knows_visitor(situation: Situation, reply: Reply) -> bool:
    """Whether the site knew where the visitor really was."""
    return sets_all(situation, reply) and reply.seen["address"] == "203.0.113.9"


def with_fallback(situation: Situation) -> Any:
    """Return the application with a second session cookie for browsers that mistake SameSite."""
    compat = import_module("cookies_samesite_compat")
    config = {"cookies_samesite_compat": [("sessionid", FALLBACK)]}
    return compat.CookiesSameSiteCompatMiddleware(site(situation), config)


def fallback_cookie(situation: Situation) -> str:
    """Return the Cookie header of a visitor whose browser has stored both."""
    both = f"{SESSION}; {SESSION.replace('sessionid', FALLBACK)}"
    return situation.cookie.replace(SESSION, both)


def doubles_session(situation: Situation, reply: Reply) -> bool:
    """Whether the session's cookie was set once more, without SameSite."""
    copies = [line for line in reply.lines if line.startswith(FALLBACK)]
    return len(copies) == bool(situation.lines) and "SameSite" not in "".join(copies)


STACK: Final = Stack(
    name="WSGI",
    bare=Form("bare application", site, sets_all),
    gates=[Form("ConsentGate", gated, is_enforced, partial(gate_cookie, GATE))],
    peers=[
        Form("ProxyFix", with_proxy_fix, knows_visitor, package="Werkzeug"),
        Form(
            "cookies-samesite-compat",
            with_fallback,
            doubles_session,
            fallback_cookie,
            package="cookies-samesite-compat",
        ),
    ],
    situations=(NO_COOKIES, HAS_SESSION, UNDECIDED, CONSENTED),
    wrapper=Form("empty wrapper", lambda situation: EmptyWSGI(site(situation)), sets_all),
    **driven_as_wsgi(BATCH),
)
