"""The site's gate, as ``settings.CONSENTGATE`` describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from consentgate import ConfigurationError, Gate, Policy, PolicyError
from consentgate.pages import LANGUAGES, ConsentPages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate import Verdict
    from consentgate.policy import PolicySource

KEYS: Final = ("POLICY", "SECRET_KEYS", "ON_VERDICT", "PAGES")

# The default name of each cookie that Django's settings can rename, and that setting.
_COOKIE_NAME_SETTINGS: Final = {
    "sessionid": "SESSION_COOKIE_NAME",
    "csrftoken": "CSRF_COOKIE_NAME",
    "django_language": "LANGUAGE_COOKIE_NAME",
}


@cache
def site_gate() -> Gate:
    """Return the gate of this site, made once.

    Raises `ConfigurationError`.
    """
    check_keys()
    return Gate(site_policy(), secret_keys(), on_verdict=on_verdict())


@cache
def site_pages() -> ConsentPages | None:
    """Return the visitor's pages of this site, made once; None where it wants none.

    Raises `ConfigurationError`.
    """
    return make_pages(site_gate())


def make_pages(gate: Gate) -> ConsentPages | None:
    """Return the pages that ``CONSENTGATE["PAGES"]`` describes: their arguments, in upper case.

    Unless it says otherwise they are in the site's own language where nothing else is asked for.
    Raises `ConfigurationError`.
    """
    options = _options().get("PAGES", {})
    if isinstance(options, Mapping):
        given = cast("Mapping[object, Any]", options)
        keywords = {str(name).lower(): value for name, value in given.items()}
        options = {"languages": _languages(), **keywords}
    return ConsentPages.load(gate, options)


def _languages() -> tuple[str, ...]:
    own: str = settings.LANGUAGE_CODE
    language = own.partition("-")[0]
    if language not in LANGUAGES:
        return LANGUAGES
    return (own, *(tag for tag in LANGUAGES if tag != language))


def check_keys() -> None:
    """Raise `ConfigurationError` for a key of ``CONSENTGATE`` that nobody reads."""
    for key in _options():
        if key not in KEYS:
            raise ConfigurationError(f"CONSENTGATE[{key!r}] is no setting; use {', '.join(KEYS)}")


def site_policy() -> Policy:
    """Return the policy, with Django's own cookies exempt under the names they have here.

    Raises `ConfigurationError` without a policy, and `PolicyError` for a wrong one.
    """
    names = {name: getattr(settings, key) for name, key in _COOKIE_NAME_SETTINGS.items()}
    source = cast("PolicySource", _options().get("POLICY"))
    try:
        return Policy.load(source).with_framework("django", names)
    except PolicyError as error:
        raise error.inside(error.file or "CONSENTGATE['POLICY']") from None


def secret_keys() -> Sequence[str | bytes]:
    """Return the keys that sign consent cookies, newest first: Django's own unless given.

    Raises Django's `ImproperlyConfigured` where there are none.
    """
    keys = _options().get("SECRET_KEYS")
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS] if keys is None else keys


def on_verdict() -> Callable[[Verdict], object] | None:
    """Return what wants to hear verdicts, imported where a dotted path names it.

    Raises `ConfigurationError`.
    """
    listener: object = _options().get("ON_VERDICT")
    if isinstance(listener, str):
        try:
            listener = import_string(listener)
        except ImportError as error:
            raise ConfigurationError(f"CONSENTGATE['ON_VERDICT']: {error}") from error
    if listener is not None and not callable(listener):
        raise ConfigurationError(f"CONSENTGATE['ON_VERDICT'] is {listener!r}; it cannot be called")
    return listener


def _options() -> Mapping[str, Any]:
    options: object = getattr(settings, "CONSENTGATE", {})
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"CONSENTGATE is {options!r}; make it a dict")
    return cast("Mapping[str, Any]", options)


def _forget_gate(*, setting: str, **_: object) -> None:
    """Let the next request make a new gate: a test has changed a setting."""
    known = {"CONSENTGATE", "LANGUAGE_CODE", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}
    if setting in known.union(_COOKIE_NAME_SETTINGS.values()):
        site_gate.cache_clear()
        site_pages.cache_clear()


setting_changed.connect(_forget_gate)
