"""Consent records in the database of a Django site: models, a migration, a read-only admin.

::

    INSTALLED_APPS = ["django_consentgate", "django_consentgate.records", ...]
    CONSENTGATE = {"POLICY": BASE_DIR / "consent.toml", "RECORDS": "default"}

``"default"`` is one of the site's DATABASES; ``manage.py migrate`` makes the tables there, and
``manage.py consent_records`` verifies, exports, erases, purges and counts. For other limits than
the usual ones write ``"RECORDS": DjangoRecordStore("default", retention="3 years")``.
"""

from django_consentgate.records.store import DjangoRecordStore

__all__ = ["DjangoRecordStore"]
