"""Consent records as a Django app of its own: sites without it get no tables."""

from django.apps import AppConfig


class ConsentRecordsConfig(AppConfig):
    """Bring the models, their admin and ``manage.py consent_records``."""

    name = "django_consentgate.records"
    label = "consentgate_records"
    verbose_name = "Consent records"
