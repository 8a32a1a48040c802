"""The banner: whether there is one, whether it can be refused, and what could not be tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consentgate.audit.facts import Action, StageName
from consentgate.audit.judging.cookies import gone, sent, stored
from consentgate.audit.judging.elsewhere import storage
from consentgate.audit.words import STAGES
from consentgate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit
    from consentgate.findings import Level

__all__ = ["banner", "clicks", "unkept", "untested"]

_NOT_TESTED: Final[Mapping[StageName, str]] = {
    StageName.REFUSED: "refusal-not-tested",
    StageName.ACCEPTED: "acceptance-not-tested",
    StageName.WITHDRAWN: "withdrawal-not-tested",
}
_NONE: Final = Action(done=False, how="it was not tried")


def banner(audit: Audit, classifier: Classifier) -> Iterator[Finding]:
    """Tell once that there was nothing to answer, whatever could not be tested for it."""
    if audit.banner:
        return
    needed = _may_need_consent(audit, classifier)
    level: Level = "warning"
    if audit.banner_problem:  # there may be one, and nobody knows what its answer does
        kind, message = "choices-not-tested", f"No choice could be tested: {audit.banner_problem}."
        reassurance = " Nothing that needs consent was seen before a choice."
    else:
        kind, level = "no-banner", "warning" if needed else "note"
        message = "No banner was found, so nothing but the time before a choice could be tested."
        reassurance = " None is needed where nothing needs consent."
    yield Finding(
        kind,
        level,
        message + ("" if needed else reassurance),
        state=StageName.BEFORE,
        place=audit.url,
    )


def _may_need_consent(audit: Audit, classifier: Classifier) -> bool:
    """Whether something was stored or read before a choice that is not known to be exempt."""
    judges = (stored, gone, sent, storage)
    return any(finding.level != "note" for each in judges for finding in each(audit, classifier))


def clicks(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Find out whether refusing is harder (CNIL: Google and Facebook, December 2021)."""
    refusal, acceptance = _action(audit, StageName.REFUSED), _action(audit, StageName.ACCEPTED)
    if not acceptance.done:
        return
    if _can_only_be_accepted(refusal, acceptance):
        yield Finding(
            "no-refusal",
            "error",
            "A banner was found that can be accepted, but no way to refuse on its first layer, so "
            f"that what happens after refusal could not be tested: {refusal.how}.",
            state=StageName.REFUSED,
            place=audit.url,
        )
    elif (refusal.clicks or 0) > (acceptance.clicks or refusal.clicks or 0):
        yield Finding(
            "refusal-harder",
            "warning",
            f"Refusing took {refusal.clicks} clicks, accepting {acceptance.clicks}.",
            state=StageName.REFUSED,
            place=audit.url,
        )


def _action(audit: Audit, name: StageName) -> Action:
    stage = audit.stages.get(name)
    return (stage.action if stage else None) or _NONE


def _can_only_be_accepted(refusal: Action, acceptance: Action) -> bool:
    tried = refusal is not _NONE and refusal.is_expected
    return acceptance.done and tried and not refusal.done


def unkept(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Find out whether the banner goes on asking: then what was pressed may have done nothing."""
    for name in (StageName.REFUSED, StageName.ACCEPTED):
        if not _action(audit, name).is_kept:
            yield Finding(
                "choice-not-kept",
                "warning",
                f"The banner still shows {STAGES[name].lower()}: look whether the choice was kept, "
                "as this part of the test would otherwise be about a visitor who has made none.",
                state=name,
                place=audit.url,
            )


def untested(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Tell what could not be tested although there is something to test: else it would be green.

    What nobody named a button for is a limit to be aware of.
    """
    if not audit.banner:
        return
    refusal, acceptance = _action(audit, StageName.REFUSED), _action(audit, StageName.ACCEPTED)
    for name, kind in _NOT_TESTED.items():
        action = _action(audit, name)
        if name is StageName.REFUSED and _can_only_be_accepted(refusal, acceptance):
            continue  # that is a finding about the banner
        if action is not _NONE and not action.done:
            yield Finding(
                kind,
                "error" if action.is_expected else "warning",
                f"What happens {STAGES[name].lower()} could not be tested: {action.how}.",
                state=name,
                place=audit.url,
            )
