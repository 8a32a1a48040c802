"""ConsentGate for Starlette and FastAPI: ``app.add_middleware(ConsentGateMiddleware, ...)``."""

from starlette_consentgate.middleware import ConsentGateMiddleware, consent_from
from starlette_consentgate.templates import consent_banner, consent_context, consent_mode

__all__ = [
    "ConsentGateMiddleware",
    "consent_banner",
    "consent_context",
    "consent_from",
    "consent_mode",
]
