"""The gate as Starlette's middleware, and the consent of a request or websocket."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.requests import HTTPConnection  # noqa: TC002 - FastAPI reads the annotation

from consentgate import ConfigurationError, Consent, Gate, Policy, asgi
from consentgate.pages import ConsentPages
from starlette_consentgate.layers import session_cookie_name
from starlette_consentgate.server_errors import gate_error_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from consentgate import Verdict
    from consentgate.pages import PagesSource
    from consentgate.policy import PolicySource

    SecretKeys = str | bytes | Sequence[str | bytes]


_NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})


class ConsentGateMiddleware(asgi.ConsentGateMiddleware):
    """Keep the cookies of a Starlette or FastAPI application within a policy.

    Add it last, so that it stands outside every other middleware, or wrap the application in it.

    Args:
        app: what is inside; the session cookie of its `SessionMiddleware` is exempt under the
            name it has there. Give mounted applications' session cookies a rule.
        gate: a gate, instead of the three below; its policy must name the session cookie.
        policy: a `Policy`, a mapping in the shape of the policy file, or that file's path.
        secret_keys: newest first.
        on_verdict: called with every `Verdict` (R25).
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
        pages: PagesSource = _NO_OPTIONS,
    ) -> None:
        if gate is None:
            gate = _make_gate(app, policy, secret_keys, on_verdict)
        elif any(given is not None for given in (policy, secret_keys, on_verdict)):
            raise ConfigurationError("a gate has its own policy, secret_keys and on_verdict")
        super().__init__(app, gate, pages=ConsentPages.load(gate, pages))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        application = scope.get("app")  # a mounted application will put itself there
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            gate_error_handler(application, self.gate)
            raise


def _make_gate(
    app: ASGIApp,
    source: PolicySource | None,
    secret_keys: SecretKeys | None,
    on_verdict: Callable[[Verdict], object] | None,
) -> Gate:
    if source is None:
        raise ConfigurationError("no policy; give policy= (or a gate=)")
    if secret_keys is None:
        raise ConfigurationError("no secret key; give secret_keys= (or a gate=)")
    names = {"session": session_cookie_name(app)}
    policy = Policy.load(source).with_framework("starlette", names)
    return Gate(policy, secret_keys, on_verdict=on_verdict)


def consent_from(request: HTTPConnection) -> Consent:
    """Return the consent of the visitor who made ``request`` or opened a `WebSocket`.

    In FastAPI it is a dependency: ``consent: Annotated[Consent, Depends(consent_from)]``. Raises
    `MiddlewareMissing` where ``request`` did not pass through the gate.
    """
    return asgi.consent_from(request.scope)
