"""The site's gate, as ``settings.CONSENTGATE`` describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.module_loading import import_string

from consentgate import ConfigurationError, Gate, Policy, PolicyError
from consentgate.pages import LANGUAGES, ConsentPages
from consentgate.records import open_store
from django_consentgate.records.store import DjangoRecordStore

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from consentgate import Verdict
    from consentgate.policy import PolicySource
    from consentgate.recorder import Detail
    from consentgate.records import RecordStore

KEYS: Final = ("POLICY", "SECRET_KEYS", "ON_VERDICT", "PAGES", "RECORDS", "RECORD_DETAILS")

RECORDS_APP: Final = "django_consentgate.records"

# The default name of each cookie that Django's settings can rename, and that setting.
_COOKIE_NAME_SETTINGS: Final = {
    "sessionid": "SESSION_COOKIE_NAME",
    "csrftoken": "CSRF_COOKIE_NAME",
    "django_language": "LANGUAGE_COOKIE_NAME",
}

_SETTINGS: Final = frozenset(
    {
        "CONSENTGATE",
        "DATABASES",
        "INSTALLED_APPS",
        "LANGUAGE_CODE",
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
    }
)


@cache
def site_gate() -> Gate:
    """Return the gate of this site, made once.

    Raises `ConfigurationError`.
    """
    check_keys()
    return Gate(
        site_policy(),
        secret_keys(),
        on_verdict=on_verdict(),
        records=record_store(),
        record_details=record_details(),
    )


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
    source = cast("PolicySource", _options().get("POLICY"))
    try:
        return Policy.load(source).with_framework("django", cookie_names())
    except PolicyError as error:
        raise error.inside(error.file or "CONSENTGATE['POLICY']") from None


def cookie_names() -> dict[str, str]:
    """Return, for default names of Django's own cookies, those that they have here."""
    return {name: getattr(settings, key) for name, key in _COOKIE_NAME_SETTINGS.items()}


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


def record_store() -> RecordStore | None:
    """Return where ``CONSENTGATE["RECORDS"]`` says that records are kept; None where they are not.

    It may be one of DATABASES, a URL for `SQLRecordStore`, a store, or the dotted path of one.
    Raises `ConfigurationError`.
    """
    source: object = _options().get("RECORDS")
    store = _named_store(source) if isinstance(source, str) else source
    if store is not None and (isinstance(store, type) or not hasattr(store, "use_keys")):
        raise ConfigurationError(f"CONSENTGATE['RECORDS'] is {source!r}, which keeps no records")
    if isinstance(store, DjangoRecordStore):
        check_database(store.using)
    return cast("RecordStore | None", store)


def record_details() -> Collection[Detail]:
    """Return which of ``ip_address`` and ``user_agent`` records have to have; usually neither."""
    return cast("Collection[Detail]", _options().get("RECORD_DETAILS", ()))


def _named_store(name: str) -> object:
    if name in connections.settings:
        return DjangoRecordStore(name)
    try:
        return open_store(name) if "://" in name else import_string(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"CONSENTGATE['RECORDS']: {error}") from error
    except ImportError as error:
        raise ConfigurationError(
            f"CONSENTGATE['RECORDS']: {name!r} is no URL, none of DATABASES ({_aliases()}), and "
            f"cannot be imported: {error}"
        ) from error


def database_store(alias: str | None = None) -> DjangoRecordStore:
    """Return the store in a database of the site, with the site's keys.

    It is the one of ``CONSENTGATE["RECORDS"]``, or else the default database, unless an alias says
    another. Raises `ConfigurationError`.
    """
    store = site_gate().records
    if isinstance(store, DjangoRecordStore) and alias in (None, store.using):
        return store
    alias = alias or DEFAULT_DB_ALIAS
    check_database(alias)
    return DjangoRecordStore(alias, secret_keys())


def store_elsewhere() -> RecordStore | None:
    """Return the store of the site if it is in none of DATABASES.

    Raises `ConfigurationError`.
    """
    store = site_gate().records
    return None if isinstance(store, DjangoRecordStore) else store


def check_database(alias: str) -> None:
    """Raise `ConfigurationError` where no records can be kept in that one of DATABASES."""
    if alias not in connections.settings:
        raise ConfigurationError(f"records: {alias!r} is none of DATABASES ({_aliases()})")
    database = connections.settings[alias]
    if database["ENGINE"] == "django.db.backends.dummy":
        raise ConfigurationError(f"records: DATABASES[{alias!r}] has no ENGINE")
    if not database["AUTOCOMMIT"]:  # Django would leave each commit to somebody else
        raise ConfigurationError(f"records: DATABASES[{alias!r}] must not have AUTOCOMMIT off")
    if not apps.is_installed(RECORDS_APP):
        raise ConfigurationError(f"records: add {RECORDS_APP!r} to INSTALLED_APPS")


def _aliases() -> str:
    return ", ".join(connections.settings)


def _options() -> Mapping[str, Any]:
    options: object = getattr(settings, "CONSENTGATE", {})
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"CONSENTGATE is {options!r}; make it a dict")
    return cast("Mapping[str, Any]", options)


def _forget_gate(*, setting: str, **_: object) -> None:
    """Let the next request make a new gate: a test has changed a setting."""
    if setting in _SETTINGS.union(_COOKIE_NAME_SETTINGS.values()):
        site_gate.cache_clear()
        site_pages.cache_clear()


setting_changed.connect(_forget_gate)
