"""What users write must type-check; mypy and pyright read this file, nobody runs it."""

from collections.abc import Mapping
from typing import Annotated, Any, assert_type

import flask_consentgate
from django.http import HttpRequest
from django_consentgate import consent_from as django_consent_from
from fastapi import Depends, FastAPI
from flask import Flask, request
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette_consentgate import ConsentGateMiddleware, consent_banner, consent_from

from consentgate import Category, Consent, CookieRule, Gate, Policy, PolicyError, Route, Verdict
from consentgate import asgi as gate_asgi
from consentgate import wsgi as gate_wsgi
from consentgate.pages import ConsentPages
from consentgate.pages.testing import PagesContract
from consentgate.testing import FrontContract, Response, View, consent_cookie
from consentgate.testing import Request as ContractRequest

policy = Policy(
    "2026-11",
    preset="fr",
    frameworks=["flask"],
    categories=[Category("statistics", basis="opt-out", max_age="6 months", title={"en": "S"})],
    cookies=[CookieRule("_ga*", "statistics", max_age="13 months", purpose={"en": "P"})],
    routes=[Route("/contact")],
    mode="report",
    max_age=3600,
)
assert_type(policy.max_age, int)
assert_type(policy.categories, Mapping[str, Category])
assert_type(Policy.from_file("consent.toml"), Policy)
assert_type(Policy.load({"version": "1"}), Policy)
assert_type(PolicyError("reason").key, str)


def listen(verdict: Verdict) -> None:
    """Hear of every change."""
    assert_type(verdict.name, str)
    assert_type(verdict.category, str | None)


gate = Gate(policy, ["new", b"old"], on_verdict=listen)
assert_type(consent_cookie(gate, granted=["statistics"]), tuple[str, str])

flask_app = Flask(__name__)
flask_consentgate.ConsentGate(flask_app, policy=policy, secret_keys="key")
flask_app.wsgi_app = gate_wsgi.ConsentGateMiddleware(flask_app.wsgi_app, gate)  # type: ignore[method-assign]
assert_type(flask_consentgate.consent_from(request), Consent)

starlette_app = Starlette()
starlette_app.add_middleware(ConsentGateMiddleware, gate=gate)
fastapi_app = FastAPI()
pages = ConsentPages(gate, languages=["fr"], consent_mode={"statistics": ["analytics_storage"]})
wrapped = gate_asgi.ConsentGateMiddleware(fastapi_app, gate, pages=pages)
starlette_app.add_middleware(ConsentGateMiddleware, gate=gate, pages={"site_name": "Tea"})
flask_consentgate.ConsentGate(flask_app, gate=gate, pages=None)


@fastapi_app.get("/")
def view(consent: Annotated[Consent, Depends(consent_from)]) -> bool:
    """Ask about consent."""
    return consent.allows("statistics")


def starlette_view(incoming: Request) -> int | None:
    """Ask when the visitor decided."""
    return consent_from(incoming).decided_at


def banner(incoming: Request, environ: dict[str, Any]) -> None:
    """Show the banner."""
    assert_type(consent_banner(incoming, language="fr"), Markup)
    assert_type(pages.banner(gate_wsgi.page_request_from(environ), nonce="a"), Markup)


def django_view(incoming: HttpRequest) -> frozenset[str]:
    """Ask what was granted."""
    return django_consent_from(incoming).granted


class TestTheirs(FrontContract):
    """A front of somebody else's."""

    def respond(self, gate: Gate, request: ContractRequest, view: View) -> Response:
        """Answer nothing."""
        headers: list[tuple[str, Any]] = []
        return Response(200, headers)


class TestTheirPages(PagesContract, TestTheirs):
    """The same front with the visitor's pages."""
