"""Makes facts for the tests of what an audit concludes; what is not said is as usual."""

from __future__ import annotations

from typing import Any

from consentgate.audit.classify import Classifier
from consentgate.audit.facts import (
    Action,
    Audit,
    Browser,
    CookieKey,
    PageVisit,
    Parties,
    SentCookie,
    Setter,
    Stage,
    StageName,
    StoredCookie,
    StoredKey,
    ThirdParty,
)
from consentgate.duration import DAY
from consentgate.policy import Policy

NOW = 1_795_000_000.0
SITE = "shop.example"
HOST = f"www.{SITE}"
URL = f"https://{HOST}/"
DONE = Action(done=True, how="pressed “No”", clicks=1)
FAILED = Action(done=False, how="there was no button")

PARTIES = Parties(SITE)
GUESSES = Classifier(None, PARTIES)
POLICY = Policy.from_mapping(
    {
        "version": "1",
        "preset": "fr",
        "categories": {
            "statistics": {"basis": "opt-out"},
            "advertising": {"basis": "opt-in", "gpc": True},
        },
        "cookies": [
            {"name": "visitor", "category": "statistics", "max_age": "30 days"},
            {
                "name": "advert",
                "category": "advertising",
                "max_age": "session",
                "purpose": {"fr": "Vendre", "de": "Verkaufen"},
            },
            {"name": "basket", "category": "necessary"},
            {"name": "_ga", "category": "necessary", "vendor": "Us", "purpose": {"en": "Ours"}},
        ],
    }
)
DECLARED = Classifier(POLICY, PARTIES, "the policy file consent.toml", "fr-FR")


def cookie(name: str, life: float | None = DAY, **changes: Any) -> StoredCookie:
    """Make a cookie that the server of the site set just now."""
    domain = changes.pop("domain", HOST)
    facts: dict[str, Any] = {
        "expires": None if life is None else NOW + life,
        "length": 9,
        "http_only": False,
        "secure": True,
        "same_site": "Lax",
        "setter": Setter("header", URL, NOW, None if life is None else round(life)),
        "read_at": NOW,
        **changes,
    }
    return StoredCookie(CookieKey(name, domain, "/"), **facts)


def key(name: str, host: str = HOST) -> CookieKey:
    """Make what a cookie is known by."""
    return CookieKey(name, host, "/")


def sent(name: str, host: str = HOST, domain: str = HOST) -> SentCookie:
    """Make a cookie that was sent."""
    return SentCookie(CookieKey(name, domain, "/"), host, 2, host)


def stage(name: StageName, *cookies: StoredCookie, **changes: Any) -> Stage:
    """Make a stage in which these cookies were stored."""
    pages = (PageVisit(URL, URL, 200),)
    return Stage(name, **{"pages": pages, "cookies": cookies, **changes})


def audit(*stages: Stage, **changes: Any) -> Audit:
    """Make an audit of these stages."""
    facts: dict[str, Any] = {
        "url": URL,
        "started_at": NOW,
        "ended_at": NOW + 20,
        "browser": Browser("Chromium", "156.0", "Mozilla/5.0", "en"),
        "parties": PARTIES,
        "banner": "ConsentGate",
        "banner_problem": "",
        "stages": {each.name: each for each in stages},
        **changes,
    }
    return Audit(**facts)


__all__ = [
    "DECLARED",
    "DONE",
    "FAILED",
    "GUESSES",
    "HOST",
    "NOW",
    "PARTIES",
    "POLICY",
    "SITE",
    "URL",
    "StoredKey",
    "ThirdParty",
    "audit",
    "cookie",
    "key",
    "sent",
    "stage",
]
