"""ConsentGate for Starlette and FastAPI: ``app.add_middleware(ConsentGateMiddleware, ...)``."""

from starlette_consentgate.middleware import ConsentGateMiddleware, consent_from

__all__ = ["ConsentGateMiddleware", "consent_from"]
