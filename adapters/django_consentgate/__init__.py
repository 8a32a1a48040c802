"""ConsentGate for Django: an app, a middleware, a template tag and one setting.

::

    INSTALLED_APPS = ["django_consentgate", ...]
    MIDDLEWARE = ["django_consentgate.middleware.ConsentGateMiddleware", ...]
    CONSENTGATE = {"POLICY": BASE_DIR / "consent.toml"}
"""

from django_consentgate.pages import consent_banner, consent_mode
from django_consentgate.request import consent_from

__all__ = ["consent_banner", "consent_from", "consent_mode"]
