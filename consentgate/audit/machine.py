"""The audit for machines: versioned JSON, with everything but the pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from consentgate.audit.judging import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit, SentCookie, Stage, StoredCookie
    from consentgate.findings import Finding

__all__ = ["SCHEMA", "as_json"]

SCHEMA: Final = 1
"""The version of this JSON; a key that changes its meaning or goes makes it another."""


def as_json(
    audit: Audit,
    findings: Sequence[Finding],
    classifier: Classifier,
    left_out: Sequence[Finding] = (),
) -> str:
    """Return all that was seen and found, times in ISO 8601 and lives in seconds.

    ``left_out`` is what was found, and is not to count.
    """
    return json.dumps(
        {
            "schema": SCHEMA,
            "url": audit.url,
            "started_at": _instant(audit.started_at),
            "ended_at": _instant(audit.ended_at),
            "browser": asdict(audit.browser),
            "site": audit.parties.site,
            "led_to": audit.parties.led_to or None,
            "banner": audit.banner or None,
            "banner_problem": audit.banner_problem or None,
            "policy": classifier.source or None,
            "counts": count(findings),
            "findings": [asdict(finding) for finding in findings],
            "left_out": [asdict(finding) for finding in left_out],
            "stages": [_stage(stage, audit, classifier) for stage in audit.stages.values()],
        },
        indent=2,
    )


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _stage(stage: Stage, audit: Audit, classifier: Classifier) -> dict[str, Any]:
    return {
        "name": stage.name,
        "tested": stage.tested,
        "action": asdict(stage.action) if stage.action else None,
        "pages": [asdict(page) for page in stage.pages],
        "cookies": [_cookie(cookie, audit, classifier) for cookie in stage.cookies],
        "brief": [asdict(cookie) for cookie in stage.brief],
        "storage": [asdict(key) for key in stage.storage],
        "third_parties": [asdict(party) for party in stage.third_parties],
        "sent": [_sent(sent) for sent in stage.sent],
        "truncated": stage.truncated,
    }


def _cookie(cookie: StoredCookie, audit: Audit, classifier: Classifier) -> dict[str, Any]:
    known = classifier.classify(cookie.key)
    return {
        **cookie.key._asdict(),
        "first_party": audit.parties.include(cookie.host),
        "expires": None if cookie.expires is None else _instant(cookie.expires),
        "life": None if cookie.life is None else round(cookie.life),
        "asked_life": cookie.setter.asked_life if cookie.setter else None,
        "length": cookie.length,
        "http_only": cookie.http_only,
        "secure": cookie.secure,
        "same_site": cookie.same_site or None,
        "set_by": cookie.setter.kind if cookie.setter else None,
        "set_by_url": cookie.setter.url if cookie.setter else None,
        "category": known.category or None,
        "basis": known.basis,
        "classified_by": known.origin,
        "disputed": known.disputed or None,
        "vendor": known.vendor or None,
        "purpose": known.purpose or None,
    }


def _sent(sent: SentCookie) -> dict[str, Any]:
    return {**sent.key._asdict(), "host": sent.host, "requests": sent.requests}
