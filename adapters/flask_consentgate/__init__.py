"""ConsentGate for Flask: ``ConsentGate(app)``, or ``init_app`` in an application factory."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from flask import request
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix

from consentgate import ConfigurationError, Consent, Gate, Policy, wsgi
from consentgate.pages import ConsentPages
from consentgate.records import open_store
from flask_consentgate.settings import cookie_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Flask
    from markupsafe import Markup
    from werkzeug.wrappers import Request

    from consentgate import Verdict
    from consentgate.page import Pages
    from consentgate.pages import PagesSource
    from consentgate.policy import PolicySource
    from consentgate.records import RecordsSource, RecordStore

    SecretKeys = str | bytes | Sequence[str | bytes]

__all__ = ["ConsentGate", "consent_banner", "consent_from", "consent_mode"]

_AS_CONFIGURED: Final[Mapping[str, Any]] = MappingProxyType({})


class ConsentGate:
    """Keep the cookies of Flask applications within a policy.

    Args:
        app: passed on to `init_app`.
        policy: a `Policy`, a mapping in the shape of the policy file, or that file's path, from
            ``app.root_path`` where it is relative; unless given, the application's configuration
            has it as ``CONSENTGATE_POLICY``.
        secret_keys: newest first; unless given, ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``.
        on_verdict: called with every `Verdict` (R25).
        records: where the proof of each decision is kept: a database's URL, such as
            ``"sqlite:///consent-records.db"``, or a `RecordStore`. Unless given,
            ``CONSENTGATE_RECORDS``, and ``CONSENTGATE_RECORD_DETAILS`` has what `Gate` calls
            ``record_details``.
        gate: a gate, instead of the four above; its policy must name the cookies of Flask.
        pages: options of the visitor's pages, such as ``{"site_name": "Tea shop"}``, or
            `ConsentPages` of that gate; None for no pages. Unless given, ``CONSENTGATE_PAGES``.

    One extension object may serve several applications. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        policy: PolicySource | None = None,
        secret_keys: SecretKeys | None = None,
        on_verdict: Callable[[Verdict], object] | None = None,
        records: RecordsSource = None,
        gate: Gate | None = None,
        pages: PagesSource = _AS_CONFIGURED,
    ) -> None:
        if gate and any(given is not None for given in (policy, secret_keys, on_verdict, records)):
            raise ConfigurationError(
                "a gate has its own policy, secret_keys, on_verdict and records"
            )
        self._policy = policy
        self._secret_keys = secret_keys
        self._on_verdict = on_verdict
        self._records = records
        self._gate = gate
        self._pages = pages
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Put the gate around ``app``, and ``consent`` and ``consent_banner`` into its templates.

        The configuration is read now and not at the first request, because a mistake in it must
        stop the start and not the first visitor: configure ``app`` before. WSGI middleware that
        sets cookies of its own belongs inside: add it before, too.
        """
        if "consentgate" in app.extensions:
            raise ConfigurationError(f"{app} has a gate already; call init_app once")
        gate = self._gate or self._make_gate(app)
        _wrap(app, gate, self._find_pages(app, gate))
        app.extensions["consentgate"] = gate
        # A proxy, because to look at the consent is to ask for it, and that adds Vary (R23).
        consent = LocalProxy(lambda: consent_from(request))
        app.add_template_global(cast("Callable[..., Any]", consent), "consent")
        app.add_template_global(partial(consent_banner, request), "consent_banner")
        app.add_template_global(partial(consent_mode, request), "consent_mode")

    def _make_gate(self, app: Flask) -> Gate:
        names = cookie_names(_config(app))
        policy = self._find_policy(app).with_framework("flask", names)
        return Gate(
            policy,
            self._find_secret_keys(app),
            on_verdict=self._on_verdict,
            records=self._find_records(app),
            record_details=_config(app).get("CONSENTGATE_RECORD_DETAILS", ()),
        )

    def _find_policy(self, app: Flask) -> Policy:
        source = self._policy
        if source is None:
            source = cast("PolicySource | None", _config(app).get("CONSENTGATE_POLICY"))
        if source is None:
            raise ConfigurationError(
                'no policy; give policy=, or set app.config["CONSENTGATE_POLICY"] before init_app'
            )
        return Policy.load(source, folder=app.root_path)

    def _find_records(self, app: Flask) -> RecordStore | None:
        source = self._records
        if source is None:
            source = cast("RecordsSource", _config(app).get("CONSENTGATE_RECORDS"))
        return open_store(source)

    def _find_pages(self, app: Flask, gate: Gate) -> ConsentPages | None:
        pages = self._pages
        if pages is _AS_CONFIGURED:
            pages = cast("PagesSource", _config(app).get("CONSENTGATE_PAGES", {}))
        return ConsentPages.load(gate, pages)

    def _find_secret_keys(self, app: Flask) -> SecretKeys:
        if self._secret_keys is not None:
            return self._secret_keys
        if not app.secret_key:
            raise ConfigurationError(
                'no secret key; give secret_keys=, or set app.config["SECRET_KEY"] before init_app'
            )
        return [app.secret_key, *(_config(app).get("SECRET_KEY_FALLBACKS") or ())]


def _wrap(app: Flask, gate: Gate, pages: Pages | None) -> None:
    """Put the gate around ``app``, but inside `ProxyFix`, which says where visitors really are."""
    outermost: Any = app.wsgi_app
    if isinstance(outermost, ProxyFix):
        outermost.app = wsgi.ConsentGateMiddleware(outermost.app, gate, pages=pages)
        return
    gated = wsgi.ConsentGateMiddleware(outermost, gate, pages=pages)
    app.wsgi_app = gated  # type: ignore[method-assign]  # Flask documents that it is replaced so


def consent_banner(
    request: Request, *, language: str | None = None, nonce: str = "", link: bool = True
) -> Markup:
    """Return the banner for a page that answers ``request``; see `ConsentPages.banner`."""
    page_request = wsgi.page_request_from(request.environ)
    pages = ConsentPages.of(page_request)
    return pages.banner(page_request, language=language, nonce=nonce, link=link)


def consent_mode(request: Request, *, nonce: str = "") -> Markup:
    """Return the script that sets Google Consent Mode; see `ConsentPages.consent_mode`."""
    page_request = wsgi.page_request_from(request.environ)
    return ConsentPages.of(page_request).consent_mode(page_request, nonce=nonce)


def _config(app: Flask) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", app.config)


def consent_from(request: Request) -> Consent:
    """Return the consent of the visitor who made ``request``.

    Raises `MiddlewareMissing` where it did not pass through the gate.
    """
    return wsgi.consent_from(request.environ)
