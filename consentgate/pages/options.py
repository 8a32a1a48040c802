"""The options of `ConsentPages`, checked when the site starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from consentgate.exceptions import ConfigurationError
from consentgate.pages.languages import LANGUAGES, check_texts

if TYPE_CHECKING:
    from consentgate.policy import Policy

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")


def checked_languages(value: object, policy: Policy) -> tuple[str, ...]:
    """Return the languages that the pages are offered in, which have texts in each."""
    tags = _texts(value, "languages", "('fr', 'en')")
    for tag in tags:
        spoken = {*LANGUAGES, *(own.lower().partition("-")[0] for own in policy.texts)}
        if not _TAG.fullmatch(tag):
            _refuse("languages", f"{tag!r} is no language tag; write 'en' or 'pt-BR' (BCP 47)")
        if tag.lower().partition("-")[0] not in spoken:
            _refuse("languages", f"there are no texts in {tag!r}; write them into [texts.{tag}]")
    if not tags:
        _refuse("languages", "names none; list one tag or more, as ('fr', 'en')")
    check_texts(policy.texts, tags)
    return tags


def checked_origins(value: object) -> frozenset[str]:
    """Return the origins whose pages may post, as browsers write them (RFC 6454 6.2)."""
    origins = _texts(value, "trusted_origins", "('https://www.example.org',)")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            remedy = "write 'https://www.example.org', in lower case and with no slash at its end"
            _refuse("trusted_origins", f"{origin!r} is no origin; {remedy}")
    return frozenset(origins)


def checked_mapping(value: object) -> Mapping[str, Sequence[str]]:
    """Return signals of Consent Mode by category; `ConsentMode` knows which there are."""
    if not isinstance(value, Mapping):
        _refuse("consent_mode", f"{value!r} is no mapping; write {{'statistics': ('…',)}}")
    mapping = cast("Mapping[str, Any]", value)
    return {name: _texts(signals, "consent_mode", "('…',)") for name, signals in mapping.items()}


def checked_folder(value: Any) -> Path | None:
    """Return the folder of the site's own templates, which must be there."""
    if value is None:
        return None
    folder = Path(value)
    if not folder.is_dir():
        _refuse("template_folder", f"{str(folder)!r} is no folder; give the path of one")
    return folder


def checked_date(value: str | date) -> str:
    """Return a date or time as text (RFC 3339), or an empty text."""
    text = value.isoformat() if isinstance(value, date) else value
    if text != "" and not _is_date(text):
        _refuse("gpc_last_update", f"{value!r} is no date; write '2026-11-21' (RFC 3339)")
    return text


def _is_date(text: str) -> bool:
    try:
        return bool(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return False


def checked_header(value: object) -> str:
    """Return the value of a header in one line."""
    words = " ".join(value.split()) if isinstance(value, str) else ""
    if not words.isascii() or not words.isprintable() or not words:
        _refuse("content_security_policy", f"{value!r} is no header; use printable ASCII")
    return words


def check_routes(policy: Policy, paths: Iterable[str]) -> None:
    """Raise `ConfigurationError` where the pages would be on a path that stores nothing (R11)."""
    for route in policy.routes:
        covered = [path for path in sorted(paths) if route.covers(path)]
        if covered:
            raise ConfigurationError(
                f"nothing may be stored on {route.path!r}, and a choice is stored on "
                f"{covered[0]!r}; change that route or path_prefix in the policy, or have no pages"
            )


def _texts(value: object, key: str, remedy: str) -> tuple[str, ...]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        _refuse(key, f"{value!r} is not a list; write {remedy}")
    listed = tuple(cast("Iterable[object]", value))
    for item in listed:
        if not isinstance(item, str):
            _refuse(key, f"{item!r} is not text; write {remedy}")
    return cast("tuple[str, ...]", listed)


def _refuse(key: str, reason: str) -> NoReturn:
    raise ConfigurationError(f"{key}: {reason}")
