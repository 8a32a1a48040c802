# ruff: noqa: INP001 - a module of scripts
"""A bare ASGI application, and middleware that handles cookies or headers around it."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
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
    asgi_reply,
    asgi_subject,
    gate_cookie,
    is_enforced,
    sets_all,
)
from itsdangerous import TimestampSigner
from sites import RESPONSE_HEADERS, EmptyASGI, make_gate

from consentgate.asgi import ConsentGateMiddleware
from consentgate.pages import ConsentPages

if TYPE_CHECKING:
    from collections.abc import Mapping

GATE: Final = make_gate()
KEY: Final = "a benchmark's key"
ORIGIN: Final = "https://app.shop.example"
FROM_ELSEWHERE: Final = (("origin", ORIGIN),)
"""What a script on another origin sends, without which CORS has nothing to do."""
STORED_SESSION: Final = {"user": "7", "basket": ["kettle", "tea"]}


def site(situation: Situation) -> Any:
    """Return the bare application."""
    lines = [("set-cookie", line) for line in situation.lines]
    headers = [(name.encode(), value.encode()) for name, value in (*RESPONSE_HEADERS, *lines)]

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - as called
        body = json.dumps(_seen(scope)).encode() if situation.spied else b""
        # A list for each answer, for some of the middleware append to it.
        await send({"type": "http.response.start", "status": 200, "headers": headers[:]})
        await send({"type": "http.response.body", "body": body})

    return app


def _seen(scope: Mapping[str, Any]) -> dict[str, Any]:
    cookie = dict(scope["headers"]).get(b"cookie", b"").decode()
    return {"cookie": cookie, "session": scope.get("session")}


def gated(situation: Situation) -> Any:
    """Return the application with the gate, as the README says."""
    return ConsentGateMiddleware(site(situation), GATE, pages=ConsentPages(GATE))


# -- Starlette ---------------------------------------------------------------------------------


def with_sessions(situation: Situation) -> Any:
    """Return the application with Starlette's sessions; it does not look at them either."""
    sessions = import_module("starlette.middleware.sessions")
    return sessions.SessionMiddleware(site(situation), secret_key=KEY, session_cookie="sessionid")


def has_session(situation: Situation, reply: Reply) -> bool:
    """Whether the site had the visitor's session, or an empty one."""
    session = STORED_SESSION if situation.cookie else {}
    return sets_all(situation, reply) and reply.seen["session"] == session


def with_cors(situation: Situation) -> Any:
    """Return the application, which lets one other origin read its answers."""
    cors = import_module("starlette.middleware.cors")
    return cors.CORSMiddleware(site(situation), allow_origins=[ORIGIN], allow_credentials=True)


def allows_origin(situation: Situation, reply: Reply) -> bool:
    """Whether that origin's script may read the answer."""
    allowed = reply.headers.get("access-control-allow-origin") == ORIGIN
    return sets_all(situation, reply) and allowed


# -- asgi-csrf ---------------------------------------------------------------------------------


def with_csrf(situation: Situation) -> Any:
    """Return the application with a token for everybody, since it does not ask for one."""
    asgi_csrf = import_module("asgi_csrf").asgi_csrf
    return asgi_csrf(site(situation), signing_secret=KEY, always_set_cookie=True)


def csrf_cookie(situation: Situation) -> str:
    """Return the Cookie header of a visitor who got a token with the session."""
    if not situation.cookie:
        return ""
    (line,) = asgi_reply(with_csrf(NO_COOKIES), NO_COOKIES, "").lines
    return f"{situation.cookie}; {line.partition(';')[0]}"


def gives_token(situation: Situation, reply: Reply) -> bool:
    """Whether a visitor without a valid token gets one."""
    expected = {line.partition("=")[0] for line in situation.lines}
    return reply.stored == expected | (set() if situation.cookie else {"csrftoken"})


def signed_in(situation: Situation) -> Situation:
    """Return the same with a session that Starlette signed."""
    data = TimestampSigner(KEY).sign(b64encode(json.dumps(STORED_SESSION).encode())).decode()
    return replace(situation, cookie=situation.cookie.replace(SESSION, f"sessionid={data}"))


STACK: Final = Stack(
    name="ASGI",
    bare=Form("bare application", site, sets_all),
    gates=[Form("ConsentGate", gated, is_enforced, partial(gate_cookie, GATE))],
    peers=[
        Form(
            "SessionMiddleware",
            with_sessions,
            has_session,
            package="Starlette",
            budget=lambda situation: 1 / 4 if situation.cookie else 1 / 10,
        ),
        Form("CORSMiddleware", with_cors, allows_origin, package="Starlette"),
        Form("asgi-csrf", with_csrf, gives_token, csrf_cookie, package="asgi-csrf"),
    ],
    situations=[signed_in(each) for each in (NO_COOKIES, HAS_SESSION, UNDECIDED, CONSENTED)],
    subject=partial(asgi_subject, extra=FROM_ELSEWHERE),
    reply=partial(asgi_reply, extra=FROM_ELSEWHERE),
    wrapper=Form("empty wrapper", lambda situation: EmptyASGI(site(situation)), sets_all),
)
