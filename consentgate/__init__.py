"""Middleware that enforces cookie consent on the server.

``Policy`` says what a site may store, ``Gate`` decides, and ``ConsentGateMiddleware`` of
`consentgate.wsgi` and `consentgate.asgi` carries the decisions into an application.
"""

from consentgate.consent import Consent
from consentgate.exceptions import (
    ConfigurationError,
    ConsentGateError,
    CookieBlocked,
    DecisionNotStored,
    MiddlewareMissing,
    PolicyError,
    RecordStoreUnavailable,
    UnknownCategory,
)
from consentgate.gate import Gate
from consentgate.known_cookie import Verdict
from consentgate.policy import Category, CookieRule, Policy, Route

__all__ = [
    "Category",
    "ConfigurationError",
    "Consent",
    "ConsentGateError",
    "CookieBlocked",
    "CookieRule",
    "DecisionNotStored",
    "Gate",
    "MiddlewareMissing",
    "Policy",
    "PolicyError",
    "RecordStoreUnavailable",
    "Route",
    "UnknownCategory",
    "Verdict",
]
