"""Cookies that live too long, or longer with each visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.audit.facts import StageName
from consentgate.audit.judging.permission import in_words, level_of
from consentgate.audit.words import life_in_words, seconds_in_words, setter_in_words
from consentgate.duration import DAY, HOUR
from consentgate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consentgate.audit.classify import Classification, Classifier
    from consentgate.audit.facts import Audit, CookieKey, StoredCookie
    from consentgate.findings import Level

__all__ = ["extended", "too_long"]

THIRTEEN_MONTHS: Final = 397 * DAY
"""Seconds; 13 months last 393 to 397 days, and only what is beyond the longest is surely more."""
_CLOCKS: Final = DAY
"""Seconds by which a lifetime may be read wrong, as browsers shift Expires by the server's Date."""
_TENTH: Final = 10
"""Of a limit no more than this part is tolerated, else those of hours would be none."""
_LATER: Final = 0.9
"""Seconds by which an expiry must have moved; the second visit is more than one later."""
_SHORT: Final = DAY
"""Seconds; what lives no longer than that is meant to be renewed while somebody is there."""


class _Life(NamedTuple):
    """The longest life that one cookie had, and where."""

    seconds: float
    cookie: StoredCookie
    stage: StageName


def too_long(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what lives longer than its policy allows, or than France lets it."""
    for life in _longest(audit).values():
        known = classifier.classify(life.cookie.key)
        if known.limit is not None and life.seconds > _tolerated(known.limit):
            yield _over_limit(life, known.limit)
        elif life.seconds > THIRTEEN_MONTHS and not known.is_exempt:
            yield _over_thirteen_months(life, known)


def _tolerated(limit: int) -> float:
    return limit + min(_CLOCKS, limit / _TENTH)


def _longest(audit: Audit) -> dict[CookieKey, _Life]:
    """Return the longest life of each cookie over all stages; those of a session have none."""
    lives = [
        _Life(cookie.life, cookie, stage.name)
        for stage in audit.stages.values()
        for cookie in stage.cookies
        if cookie.life is not None
    ]
    # In whole hours: each visit differs by a moment, and the first of equally long ones is told.
    lives.sort(key=lambda life: -round(life.seconds / HOUR))
    longest: dict[CookieKey, _Life] = {}
    for life in lives:
        longest.setdefault(life.cookie.key, life)
    return longest


def _over_limit(life: _Life, limit: int) -> Finding:
    allowed = seconds_in_words(limit) if limit else "the browser session"
    return Finding(
        "over-policy-limit",
        "error",
        f"{life.cookie.name} lives longer ({life_in_words(life.cookie)}) than the site's policy "
        f"allows ({allowed}).",
        life.cookie.name,
        life.stage,
        life.cookie.host,
    )


def _over_thirteen_months(life: _Life, known: Classification) -> Finding:
    return Finding(
        "over-13-months",
        _level_of_excess(known),
        f"{life.cookie.name} lives longer than 13 months ({life_in_words(life.cookie)}): "
        f"{in_words(known)}, set by {setter_in_words(life.cookie.setter)}.",
        life.cookie.name,
        life.stage,
        life.cookie.host,
    )


def _level_of_excess(known: Classification) -> Level:
    """Return how bad it is; what a policy allows is the law's business in some countries alone."""
    if known.limit is None or known.is_disputed_exemption:
        return level_of(known)
    if known.is_own_word:
        return "warning" if known.basis == "opt-out" else level_of(known)
    return "note"


def extended(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what lives longer after another visit ("not extended on new visits", CNIL)."""
    second = audit.stages.get(StageName.SECOND_VISIT)
    first = audit.stages.get(StageName.ACCEPTED if audit.has_accepted else StageName.BEFORE)
    if first is None or second is None:
        return
    ends = {cookie.key: cookie.expires for cookie in first.cookies}
    for cookie in second.cookies:
        before = ends.get(cookie.key)
        known = classifier.classify(cookie.key)
        if known.is_exempt or before is None or cookie.expires is None:
            continue
        if cookie.expires - before >= _LATER:
            yield _extension(cookie, known)


def _extension(cookie: StoredCookie, known: Classification) -> Finding:
    life = cookie.life or 0.0
    return Finding(
        "extended-by-visit",
        "note" if life <= _SHORT else level_of(known),
        f"{cookie.name} got a new life of {seconds_in_words(life)} on the second visit, so that it "
        f"need never end: {in_words(known)}, set by {setter_in_words(cookie.setter)}.",
        cookie.name,
        StageName.SECOND_VISIT,
        cookie.host,
    )
