"""System checks: what ``manage.py check`` says about a site's gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from consentgate import ConfigurationError, Gate, Policy
from django_consentgate import conf

if TYPE_CHECKING:
    from collections.abc import Callable

MIDDLEWARE: Final = "django_consentgate.middleware.ConsentGateMiddleware"


def check_settings(**_: object) -> list[checks.CheckMessage]:
    """Check what ``settings.CONSENTGATE`` says."""
    failures = [
        _failure(
            "consentgate.E001",
            lambda: Gate(conf.site_policy(), "any key"),
            'Write CONSENTGATE = {"POLICY": BASE_DIR / "consent.toml"}, or correct that file.',
        ),
        _failure("consentgate.E002", conf.check_keys, "Correct its name, or remove it."),
        _failure(
            "consentgate.E003",
            lambda: Gate(Policy("any"), conf.secret_keys()),
            'Set SECRET_KEY, or CONSENTGATE["SECRET_KEYS"] with the newest first.',
        ),
        _failure(
            "consentgate.E004",
            conf.on_verdict,
            "Give a function that takes a consentgate.Verdict, or the dotted path of one.",
        ),
        _failure(
            "consentgate.E005",
            _try_pages,
            'Correct CONSENTGATE["PAGES"], or make it None to have no pages.',
        ),
        _failure(
            "consentgate.E006",
            _try_records,
            'Make CONSENTGATE["RECORDS"] the alias of a database, a URL, a record store or the '
            "dotted path of one, or None to keep no records; "
            'RECORD_DETAILS may list "ip_address" and "user_agent".',
        ),
    ]
    return [failure for failure in failures if failure is not None]


def _try_pages() -> None:
    try:
        gate = Gate(conf.site_policy(), "any key")
    except (ConfigurationError, ImproperlyConfigured):
        return  # that is E001
    conf.make_pages(gate)


def _try_records() -> None:
    try:
        Gate(Policy("any"), keys := conf.secret_keys())
    except (ConfigurationError, ImproperlyConfigured):
        return  # that is E003
    records, details = conf.record_store(), conf.record_details()
    Gate(Policy("any"), keys, records=records, record_details=details)


def _failure(identifier: str, attempt: Callable[[], object], hint: str) -> checks.Error | None:
    try:
        attempt()
    except (ConfigurationError, ImproperlyConfigured) as error:
        return checks.Error(str(error), hint=hint, id=identifier)
    return None


def check_middleware(**_: object) -> list[checks.CheckMessage]:
    """Check that the gate stands outside everything that sets cookies."""
    if MIDDLEWARE not in settings.MIDDLEWARE:
        message, identifier = "ConsentGate is installed, but no gate is closed.", "consentgate.W002"
    elif settings.MIDDLEWARE[0] != MIDDLEWARE:
        first = settings.MIDDLEWARE[0]
        message = f"The cookies of {first} do not pass through ConsentGate."
        identifier = "consentgate.W001"
    else:
        return []
    return [checks.Warning(message, hint=f"Put {MIDDLEWARE!r} first in MIDDLEWARE.", id=identifier)]
