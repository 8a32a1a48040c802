"""ConsentGate as a Django app."""

from django.apps import AppConfig
from django.core.checks import register

from django_consentgate.checks import check_middleware, check_settings


class ConsentGateConfig(AppConfig):
    """Bring the template tags and the system checks."""

    name = "django_consentgate"
    verbose_name = "ConsentGate"

    def ready(self) -> None:
        """Register the system checks."""
        register(check_settings, "consentgate")
        register(check_middleware, "consentgate")
