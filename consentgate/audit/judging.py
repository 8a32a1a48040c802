"""What is wrong with what was seen: facts in, findings out, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consentgate.audit.domains import registrable_domain
from consentgate.audit.facts import StageName
from consentgate.audit.words import STAGES, life_in_words, seconds_in_words, setter_in_words
from consentgate.duration import DAY
from consentgate.findings import LEVELS, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consentgate.audit.classify import Classification, Classifier
    from consentgate.audit.facts import Audit, CookieKey, Stage, StoredCookie
    from consentgate.findings import Level

__all__ = ["IDS", "count", "judge"]

THIRTEEN_MONTHS: Final = 397 * DAY
"""Seconds; 13 months last 393 to 397 days, and only what is beyond the longest is surely more."""
_CLOCKS: Final = DAY
"""Seconds by which a lifetime may be read wrong, as browsers shift Expires by the server's Date."""
_LATER: Final = 0.9
"""Seconds by which an expiry must have moved; the second visit is more than one later."""
_SHORT: Final = DAY
"""Seconds; what lives no longer than that is meant to be renewed while somebody is there."""

_STORED: Final[Mapping[StageName, str]] = {
    StageName.BEFORE: "stored-before-choice",
    StageName.REFUSED: "stored-after-refusal",
    StageName.WITHDRAWN: "stored-after-withdrawal",
}
_SENT: Final[Mapping[StageName, str]] = {
    StageName.REFUSED: "sent-after-refusal",
    StageName.WITHDRAWN: "sent-after-withdrawal",
}
_NOT_TESTED: Final[Mapping[StageName, str]] = {
    StageName.REFUSED: "refusal-not-tested",
    StageName.ACCEPTED: "acceptance-not-tested",
    StageName.WITHDRAWN: "withdrawal-not-tested",
}
IDS: Final[tuple[str, ...]] = (
    *_STORED.values(),
    *_SENT.values(),
    "over-13-months",
    "over-policy-limit",
    "extended-by-visit",
    "stored-despite-gpc",
    "storage-before-choice",
    "third-party-before-choice",
    "no-banner",
    "no-refusal",
    "refusal-harder",
    *_NOT_TESTED.values(),
    "page-failed",
    "incomplete",
)
"""What kinds of findings there are."""

_WHEN: Final[Mapping[StageName, str]] = {
    StageName.BEFORE: "before the visitor made a choice",
    StageName.REFUSED: "after the visitor had refused",
    StageName.WITHDRAWN: "after the visitor had withdrawn consent",
}
_MATTERS: Final = {"statistics", "advertising", "social"}
"""Categories that need consent also where only a guess says that a cookie is in them."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One cookie, with what is known of it."""

    cookie: StoredCookie
    known: Classification

    @property
    def name(self) -> str:
        return self.cookie.name

    def what(self) -> str:
        """Return what it is, for the middle of a sentence."""
        return _what(self.known)


def judge(audit: Audit, classifier: Classifier) -> tuple[Finding, ...]:
    """Return what is wrong, the worst first, each thing once."""
    judges = (
        _stored,
        _sent,
        _too_long,
        _extended,
        _despite_gpc,
        _storage,
        _third_parties,
        _banner,
        _clicks,
        _not_tested,
        _pages,
    )
    found = (finding for each in judges for finding in each(audit, classifier))
    once = dict.fromkeys(found)
    return tuple(sorted(once, key=lambda finding: LEVELS.index(finding.level)))


def count(findings: Iterable[Finding]) -> dict[Level, int]:
    """Return how many findings there are of each level."""
    counted = Counter(finding.level for finding in findings)
    return {level: counted[level] for level in LEVELS}


# -- cookies -----------------------------------------------------------------------------------


def _stored(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what is stored without permission (article 82; ePrivacy directive, article 5(3))."""
    for stage, seen in _unpermitted(audit, classifier, _STORED):
        foreign = registrable_domain(seen.cookie.host) != audit.parties.site
        level = _level(seen.known)
        if foreign and stage.name is StageName.WITHDRAWN:
            level = "warning"  # only who set it can delete it; that it is sent is another finding
        yield Finding(
            _STORED[stage.name],
            level,
            f"{seen.name} was stored {_WHEN[stage.name]}: {seen.what()}, "
            f"set by {setter_in_words(seen.cookie.setter)}.{_review(seen.known)}",
            cookie=seen.name,
            state=stage.name,
            place=seen.cookie.host,
        )


def _unpermitted(
    audit: Audit, classifier: Classifier, stages: Iterable[StageName]
) -> Iterator[tuple[Stage, _Seen]]:
    for name in stages:
        stage = audit.stages.get(name)
        if stage is None or not stage.tested:
            continue
        for cookie in stage.cookies:
            known = classifier.classify(cookie.name)
            if not _permitted(known, name):
                yield stage, _Seen(cookie, known)


def _sent(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what went on being read; that was what CNIL fined Orange for (SAN-2024-019)."""
    for name, finding in _SENT.items():
        stage = audit.stages.get(name)
        if stage is None or not stage.tested:
            continue
        for key, hosts in _receivers(stage).items():
            known = classifier.classify(key.name)
            if not _permitted(known, name):
                yield Finding(
                    finding,
                    _level(known),
                    f"{key.name} was still sent to {_listed(hosts)} {_WHEN[name]}: "
                    f"{_what(known)}.{_review(known)}",
                    cookie=key.name,
                    state=name,
                    place=key.domain.removeprefix("."),
                )


def _receivers(stage: Stage) -> dict[CookieKey, list[str]]:
    receivers: dict[CookieKey, list[str]] = {}
    for sent in stage.sent:
        receivers.setdefault(sent.key, []).append(sent.host)
    return receivers


def _too_long(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what lives longer than its policy allows, or than France lets it."""
    for stage, seen in _all_seen(audit, classifier):
        life = seen.cookie.life
        if life is None:
            continue
        place = seen.cookie.host
        limit = seen.known.limit
        if limit is not None and life > limit + _CLOCKS:
            yield Finding(
                "over-policy-limit",
                "error",
                f"{seen.name} lives longer ({life_in_words(seen.cookie)}) than the site's policy "
                f"allows ({seconds_in_words(limit) if limit else 'the browser session'}).",
                seen.name,
                stage.name,
                place,
            )
        elif life > THIRTEEN_MONTHS and seen.known.basis != "exempt":
            yield Finding(
                "over-13-months",
                _level(seen.known),
                f"{seen.name} lives longer than 13 months ({life_in_words(seen.cookie)}): "
                f"{seen.what()}, set by {setter_in_words(seen.cookie.setter)}.",
                seen.name,
                stage.name,
                place,
            )


def _all_seen(audit: Audit, classifier: Classifier) -> Iterator[tuple[Stage, _Seen]]:
    """Yield each cookie once, from the stage in which it was first seen."""
    done: set[CookieKey] = set()
    for stage in audit.stages.values():
        for cookie in stage.cookies:
            if cookie.key not in done:
                done.add(cookie.key)
                yield stage, _Seen(cookie, classifier.classify(cookie.name))


def _extended(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what lives longer after another visit ("not extended on new visits", CNIL)."""
    second = audit.stages.get(StageName.SECOND_VISIT)
    first = audit.stages.get(StageName.ACCEPTED)
    if first is None or not first.tested:
        first = audit.stages.get(StageName.BEFORE)
    if first is None or second is None:
        return
    ends = {cookie.key: cookie.expires for cookie in first.cookies}
    for cookie in second.cookies:
        known = classifier.classify(cookie.name)
        before = ends.get(cookie.key)
        if known.basis == "exempt" or before is None or cookie.expires is None:
            continue
        if cookie.expires - before >= _LATER:
            yield _extension(_Seen(cookie, known))


def _extension(seen: _Seen) -> Finding:
    life = seen.cookie.life or 0.0
    level = "note" if life <= _SHORT else _level(seen.known)
    return Finding(
        "extended-by-visit",
        level,
        f"{seen.name} got a new life of {seconds_in_words(life)} on the second visit, so that it "
        f"need never end: {seen.what()}, set by {setter_in_words(seen.cookie.setter)}.",
        seen.name,
        StageName.SECOND_VISIT,
        seen.cookie.host,
    )


def _despite_gpc(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Find what Global Privacy Control should have refused."""
    stage = audit.stages.get(StageName.GPC)
    for cookie in stage.cookies if stage else ():
        known = classifier.classify(cookie.name)
        if known.refused_by_gpc and known.basis != "exempt":
            yield Finding(
                "stored-despite-gpc",
                "warning" if known.is_guess else "error",
                f"{cookie.name} was stored although the browser sent Global Privacy Control: "
                f"{_what(known)}, set by {setter_in_words(cookie.setter)}.",
                cookie.name,
                StageName.GPC,
                cookie.host,
            )


# -- other things ------------------------------------------------------------------------------


def _storage(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Find what is stored elsewhere; the same law governs it (EDPB guidelines 2/2023)."""
    stage = audit.stages.get(StageName.BEFORE)
    for key in stage.storage if stage else ():
        yield Finding(
            "storage-before-choice",
            "warning",
            f"“{key.name}” was stored in the {key.area} of {key.origin} before the visitor made a "
            "choice; look whether it is strictly necessary.",
            key.name,
            StageName.BEFORE,
            key.origin,
        )


def _third_parties(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    stage = audit.stages.get(StageName.BEFORE)
    for party in stage.third_parties if stage else ():
        times = {1: "once", 2: "twice"}.get(party.requests, f"{party.requests} times")
        yield Finding(
            "third-party-before-choice",
            "warning",
            f"{party.domain} was asked {times} before the visitor made a choice, "
            f"first for {party.first_url}; it learns the visitor's address and what they look at.",
            party.domain,
            StageName.BEFORE,
            party.first_url,
        )


def _banner(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    if audit.banner or audit.banner_problem:
        return
    needed = any(True for _ in _unpermitted(audit, classifier, [StageName.BEFORE]))
    yield Finding(
        "no-banner",
        "warning" if needed else "note",
        "No banner was found, so nothing but the time before a choice could be tested."
        + ("" if needed else " None is needed where nothing needs consent."),
        state=StageName.BEFORE,
        place=audit.url,
    )


def _clicks(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Find out whether refusing is harder (CNIL: Google and Facebook, December 2021)."""
    refused = audit.stages.get(StageName.REFUSED)
    accepted = audit.stages.get(StageName.ACCEPTED)
    if refused is None or accepted is None or not accepted.tested or accepted.action is None:
        return
    if not refused.tested:
        yield Finding(
            "no-refusal",
            "warning",
            "A banner was found that can be accepted, but no way to refuse on its first layer, so "
            "that what happens after refusal could not be tested: "
            f"{refused.action.how if refused.action else ''}.",
            state=StageName.REFUSED,
            place=audit.url,
        )
        return
    more, fewer = refused.action and refused.action.clicks, accepted.action.clicks
    if more and fewer and more > fewer:
        yield Finding(
            "refusal-harder",
            "warning",
            f"Refusing took {more} clicks, accepting {fewer}.",
            state=StageName.REFUSED,
            place=audit.url,
        )


def _not_tested(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    if audit.banner_problem:
        for name, finding in _NOT_TESTED.items():
            yield _untested(finding, name, audit.banner_problem, audit.url)
    accepted = audit.stages.get(StageName.ACCEPTED)
    for name, finding in _NOT_TESTED.items():
        stage = audit.stages.get(name)
        if name is StageName.REFUSED and accepted and accepted.tested:
            continue  # that is a finding about the banner
        if stage and stage.action and not stage.tested:
            yield _untested(finding, name, stage.action.how, audit.url)


def _untested(finding: str, name: StageName, why: str, url: str) -> Finding:
    words = STAGES[name].lower()
    return Finding(
        finding,
        "warning",
        f"What happens {words} could not be tested: {why}.",
        state=name,
        place=url,
    )


def _pages(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    for stage in audit.stages.values():
        for page in stage.pages:
            if page.problem:
                yield Finding(
                    "page-failed",
                    "warning",
                    f"{page.url} could not be looked at as it should: {page.problem}.",
                    state=stage.name,
                    place=page.url,
                )
        if stage.truncated:
            yield Finding(
                "incomplete",
                "warning",
                f"There was more than is kept {STAGES[stage.name].lower()}: some is left out.",
                state=stage.name,
                place=audit.url,
            )


# -- what is permitted -------------------------------------------------------------------------


def _permitted(known: Classification, stage: StageName) -> bool:
    match known.basis:
        case "exempt":
            return True
        case "opt-out":
            return stage is StageName.BEFORE
        case _:
            return False


def _level(known: Classification) -> Level:
    """Return how bad it is; what is not known, or may well be exempt, is to be reviewed."""
    return "error" if not known.is_guess or known.category in _MATTERS else "warning"


def _what(known: Classification) -> str:
    if not known.is_known:
        return "an unknown cookie"
    vendor = f" of {known.vendor}" if known.vendor else ""
    guess = ", as the catalogue guesses" if known.is_guess else ""
    return f"a cookie for {known.category}{vendor}{guess}"


def _review(known: Classification) -> str:
    if not known.is_known:
        return " Review it: it may be strictly necessary, or remember the choice itself."
    return " Review it: it may be exempt." if _level(known) == "warning" else ""


def _listed(hosts: list[str]) -> str:
    shown = sorted(set(hosts))[:5]
    return ", ".join(shown)
