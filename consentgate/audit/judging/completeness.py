"""What the test could not look at, or not in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consentgate.audit.facts import StageName
from consentgate.audit.words import STAGES
from consentgate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consentgate.audit.classify import Classifier
    from consentgate.audit.facts import Audit, PageVisit, Stage

__all__ = ["address", "pages"]

_FAILED: Final = 400
"""The least status of HTTP that says so."""


def address(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Tell that the address led to another site."""
    if audit.parties.led_to:
        yield Finding(
            "led-elsewhere",
            "note",
            f"The address led to {audit.parties.led_to}; that and {audit.parties.site} are both "
            "taken to be the first party.",
            state=StageName.BEFORE,
            place=audit.url,
        )


def pages(audit: Audit, _classifier: Classifier) -> Iterator[Finding]:
    """Tell which pages failed, and where more was there than was looked at."""
    for stage in audit.stages.values():
        for page in stage.pages:
            yield from _page(stage, page)
        if stage.truncated:
            yield Finding(
                "incomplete",
                "warning",
                f"There was more than is kept {STAGES[stage.name].lower()}: some is left out.",
                state=stage.name,
                place=audit.url,
            )


def _page(stage: Stage, page: PageVisit) -> Iterator[Finding]:
    if page.problem:
        is_all = not any(map(_was_seen, stage.pages))
        yield Finding(
            "page-failed",
            "error" if is_all else "warning",
            f"{page.url} could not be looked at as it should {STAGES[stage.name].lower()}: "
            f"{page.problem}.",
            state=stage.name,
            place=page.url,
        )
    elif not page.at_rest:
        yield Finding(
            "page-restless",
            "note",
            f"{page.url} never came to rest {STAGES[stage.name].lower()}; what it did after a few "
            "seconds is not in here.",
            state=stage.name,
            place=page.url,
        )


def _was_seen(page: PageVisit) -> bool:
    """Whether at least half of it was; what stands there for a refused visitor is another page."""
    return bool(page.final_url) and (page.status or 0) < _FAILED
