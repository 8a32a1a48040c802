"""The cookies in a browser's jar, without their values."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from consentgate.audit.asking import tell_devtools
from consentgate.audit.facts import StoredCookie
from consentgate.audit.recording import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import CDPSession

    from consentgate.audit.recording import Recorder

__all__ = ["cookies_in"]


def cookies_in(session: CDPSession, recorder: Recorder) -> tuple[StoredCookie, ...]:
    """Return all cookies of a profile by domain and name, each with who set it."""
    now = time.time()
    answer = tell_devtools(session, "Network.getAllCookies")
    found = [_stored(cookie, recorder, now) for cookie in answer["cookies"]]
    return tuple(sorted(found, key=lambda cookie: (cookie.host, cookie.name)))


def _stored(cookie: Mapping[str, Any], recorder: Recorder, now: float) -> StoredCookie:
    key = key_of(cookie)
    return StoredCookie(
        key,
        None if cookie["session"] else float(cookie["expires"]),
        len(cookie["value"]),
        http_only=cookie["httpOnly"],
        secure=cookie["secure"],
        same_site=cookie.get("sameSite", ""),
        setter=recorder.setters.setter(key),
        read_at=now,
    )
