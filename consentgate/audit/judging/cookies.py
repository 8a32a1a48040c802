"""Cookies that are stored or read without permission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consentgate.audit.facts import CookieKey, StageName
from consentgate.audit.judging.permission import in_words, is_permitted, level_of, to_review
from consentgate.audit.judging.situations import each_once, without_consent
from consentgate.audit.words import setter_in_words
from consentgate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consentgate.audit.classify import Classification, Classifier
    from consentgate.audit.facts import Audit, Stage
    from consentgate.audit.judging.situations import Situation
    from consentgate.findings import Level

__all__ = ["despite_gpc", "gone", "sent", "stored"]

_MOST_HOSTS = 5


def stored(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what is stored without permission (article 82; ePrivacy directive, article 5(3))."""
    yield from each_once(_stored(audit, classifier))


def _stored(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    for stage, situation in without_consent(audit):
        for cookie in stage.cookies:
            known = classifier.classify(cookie.key)
            if not is_permitted(known, has_chosen=situation.has_chosen):
                level = _level(audit, stage, situation, cookie.host, known)
                review = to_review(known, has_chosen=situation.has_chosen)
                yield Finding(
                    f"stored-{situation.suffix}",
                    level,
                    f"{cookie.name} was stored {situation.when}: {in_words(known)}, "
                    f"set by {setter_in_words(cookie.setter)}.{review}",
                    cookie.name,
                    stage.name,
                    cookie.host,
                )


def _level(
    audit: Audit, stage: Stage, situation: Situation, host: str, known: Classification
) -> Level:
    if stage.name is StageName.WITHDRAWN and not audit.parties.include(host):
        return "warning"  # only who set it can delete it; that it is sent is another finding
    return level_of(known, has_chosen=situation.has_chosen)


def gone(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what was stored without permission, if only for a moment."""
    yield from each_once(_gone(audit, classifier))


def _gone(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    for stage, situation in without_consent(audit):
        for cookie in stage.brief:
            known = classifier.classify(CookieKey(cookie.name, cookie.host, "/"))
            if not is_permitted(known, has_chosen=situation.has_chosen):
                level = level_of(known, has_chosen=situation.has_chosen)
                yield Finding(
                    f"stored-{situation.suffix}",
                    # Many scripts try whether cookies work at all by one that they delete.
                    level if known.is_known else "note",
                    f"{cookie.name} was stored for a moment {situation.when}: {in_words(known)}, "
                    f"set by {setter_in_words(cookie.setter)}, and gone at the end.",
                    cookie.name,
                    stage.name,
                    cookie.host,
                )


def sent(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what went on being read; that was what CNIL fined Orange for (SAN-2024-019)."""
    yield from each_once(_sent(audit, classifier))


def _sent(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    for stage, situation in without_consent(audit):
        for key, hosts in _receivers(stage, situation).items():
            known = classifier.classify(key)
            if not is_permitted(known, has_chosen=situation.has_chosen):
                review = to_review(known, has_chosen=situation.has_chosen)
                yield Finding(
                    f"sent-{situation.suffix}",
                    level_of(known, has_chosen=situation.has_chosen),
                    f"{key.name} was sent to {_listed(hosts)} {situation.when}: "
                    f"{in_words(known)}.{review}",
                    cookie=key.name,
                    state=stage.name,
                    place=key.domain.removeprefix("."),
                )


def _receivers(stage: Stage, situation: Situation) -> dict[CookieKey, list[str]]:
    """Return where cookies went; before a choice that they are stored says it for the others."""
    stored = set[CookieKey]()
    if not situation.has_chosen:
        stored.update(cookie.key for cookie in stage.cookies)
    receivers: dict[CookieKey, list[str]] = {}
    for each in stage.sent:
        if each.key not in stored:
            receivers.setdefault(each.key, []).append(each.host)
    return receivers


def despite_gpc(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what Global Privacy Control should have refused."""
    stage = audit.stages.get(StageName.GPC)
    for cookie in stage.cookies if stage else ():
        known = classifier.classify(cookie.key)
        if known.refused_by_gpc and not known.is_exempt:
            yield Finding(
                "stored-despite-gpc",
                "warning" if known.is_guess else "error",
                f"{cookie.name} was stored although the browser sent Global Privacy Control: "
                f"{in_words(known)}, set by {setter_in_words(cookie.setter)}.",
                cookie.name,
                StageName.GPC,
                cookie.host,
            )


def _listed(hosts: list[str]) -> str:
    different = sorted(set(hosts))
    more = len(different) - _MOST_HOSTS
    return ", ".join(different[:_MOST_HOSTS]) + (f" and {more} more" if more > 0 else "")
