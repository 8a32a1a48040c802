"""The gate as Starlette's middleware, and the consent of a request or websocket."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.requests import HTTPConnection  # noqa: TC002 - FastAPI reads the annotation

from consentgate import ConfigurationError, Consent, Gate, Policy, asgi
from consentgate.pages import ConsentPages
from consentgate.records import open_store
from starlette_consentgate.layers import session_cookie_name
from starlette_consentgate.server_errors import gate_error_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from consentgate import Verdict
    from consentgate.pages import PagesSource
    from consentgate.policy import PolicySource
    from consentgate.recorder import Detail
    from consentgate.records import RecordsSource

    SecretKeys = str | bytes | Sequence[str | bytes]


_NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})


class ConsentGateMiddleware(asgi.ConsentGateMiddleware):
    """Keep the cookies of a Starlette or FastAPI application within a policy.

    Add it last, so that it stands outside every other middleware, or wrap the application in it.

    Args:
        app: what is inside; the session cookie of its `SessionMiddleware` is exempt under the
            name it has there. Give mounted applications' session cookies a rule.
        gate: a gate, instead of the five below; its policy must name the session cookie.
        policy: a `Policy`, a mapping in the shape of the policy file, or that file's path.
        secret_keys: newest first.
        on_verdict: called with every `Verdict` (R25).
        records: where the proof of each decision is kept: a database's URL, such as
            ``"sqlite:///consent-records.db"``, or a `RecordStore`.
        record_details: ``ip_address`` and ``user_agent``, where records have to have them.
        pages: options of the visitor's pages, such as ``{"site_name": "Tea shop"}``, or
            `ConsentPages` of that gate; None for no pages.

    Raises `ConfigurationError`; under ``add_middleware`` that is when the application starts,
    because Starlette makes its middleware then.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gate: Gate | None = None,
        policy: PolicySource | None = None,
        secret_keys: SecretKeys | None = None,
        on_verdict: Callable[[Verdict], object] | None = None,
        records: RecordsSource = None,
        record_details: Collection[Detail] = (),
        pages: PagesSource = _NO_OPTIONS,
    ) -> None:
        if gate is None:
            names = {"session": session_cookie_name(app)}
            gate = Gate(
                _find_policy(policy).with_framework("starlette", names),
                _find_secret_keys(secret_keys),
                on_verdict=on_verdict,
                records=open_store(records),
                record_details=record_details,
            )
        elif any((policy, secret_keys, on_verdict, records, record_details)):
            raise ConfigurationError(
                "a gate has its own policy, secret_keys, on_verdict, records and record_details"
            )
        super().__init__(app, gate, pages=ConsentPages.load(gate, pages))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        application = scope.get("app")  # a mounted application will put itself there
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            gate_error_handler(application, self.gate)
            raise


def _find_policy(source: PolicySource | None) -> Policy:
    if source is None:
        raise ConfigurationError("no policy; give policy= (or a gate=)")
    return Policy.load(source)


def _find_secret_keys(secret_keys: SecretKeys | None) -> SecretKeys:
    if secret_keys is None:
        raise ConfigurationError("no secret key; give secret_keys= (or a gate=)")
    return secret_keys


def consent_from(request: HTTPConnection) -> Consent:
    """Return the consent of the visitor who made ``request`` or opened a `WebSocket`.

    In FastAPI it is a dependency: ``consent: Annotated[Consent, Depends(consent_from)]``. Raises
    `MiddlewareMissing` where ``request`` did not pass through the gate.
    """
    return asgi.consent_from(request.scope)
