"""From what was seen of an application to what is wrong with it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.catalogue import guess
from consentgate.check.answers import of_answers
from consentgate.check.declared import of_categories, of_rules
from consentgate.check.kinds import finding, named
from consentgate.check.summary import by_name
from consentgate.findings import worst_first
from consentgate.lifetime import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consentgate.check.sightings import Run, Sighting
    from consentgate.findings import Finding
    from consentgate.policy import Policy

_LONGEST_COMPARED: Final = 80
# Not "Expires alone": Flask writes its permanent sessions so, and the gate adds the Max-Age (R3).
_ODD: Final = ("not canonical", "no name", "control character")
_NOT_ALLOWED: Final = ("undecided", "refused", "cookie-free route")


def findings(run: Run) -> list[Finding]:
    """Return what is wrong with the application, from the worst down."""
    by_cookie = by_name(run.sightings).values()
    return worst_first(
        [
            *(each for seen in by_cookie for each in _of_cookie(run, seen)),
            *_of_browser(run),
            *_of_gates(run),
            *of_rules(run),
            *of_categories(run.policy),
            *of_answers(run),
        ]
    )


# -- Cookies --------------------------------------------------------------------------------


class _Fault(NamedTuple):
    """What may be wrong with a cookie."""

    kind: str
    has: Callable[[Sighting], bool]
    says: Callable[[Sighting, Policy], str]


def _of_cookie(run: Run, seen: Iterable[Sighting]) -> Iterator[Finding]:
    """Return what is wrong with one cookie, given all that was seen of it; deletions may be."""
    was_set = [each for each in seen if each.outcome != "deleted"]
    for fault in _FAULTS:
        where = [each for each in was_set if fault.has(each)]
        if where:
            worst = max(where, key=lambda each: each.lifetime or 0)
            states = [each.state for each in where]
            message = fault.says(worst, run.policy)
            yield finding(fault.kind, message, worst.name, states=states, place=worst.path)


def _is_unregistered(seen: Sighting) -> bool:
    return seen.rule is None and seen.name != "" and not _is_ungated(seen)


def _say_unregistered(seen: Sighting, policy: Policy) -> str:
    return (
        f"{named(seen.name)} has no rule in the policy; add it under [[cookies]]"
        f"{_similar(policy, seen.name)}{guess(seen.name)}."
    )


def _similar(policy: Policy, name: str) -> str:
    declared = [rule.name for rule in policy.cookies]
    close = difflib.get_close_matches(name[:_LONGEST_COMPARED], declared, n=1)
    return f" (is it {close[0]!r}?)" if close else ""


def _is_over_limit(seen: Sighting) -> bool:
    if seen.rule is None or seen.lifetime is None:
        return False
    return seen.limit is None or seen.lifetime > seen.limit


def _say_over_limit(seen: Sighting, _: Policy) -> str:
    asked = f"{named(seen.name)} asks for {in_words(seen.lifetime or 0)}"
    if seen.limit is None:
        return f"{asked}; its rule makes a session cookie of it."
    return f"{asked}; its limit is {in_words(seen.limit)}."


def _is_ungated(seen: Sighting) -> bool:
    return seen.outcome == "ungated"


def _say_ungated(seen: Sighting, _: Policy) -> str:
    besides = "; it has no rule, either" if seen.rule is None and seen.name else ""
    return (
        f"{_subject(seen)} left past the gate: something outside of the gate sets it"
        f"{besides}{guess(seen.name)}."
    )


def _is_reported(seen: Sighting) -> bool:
    return seen.outcome == "reported" and seen.reason in _NOT_ALLOWED


def _say_reported(seen: Sighting, _: Policy) -> str:
    route = " on a cookie-free route" if seen.reason == "cookie-free route" else ""
    return (
        f"{named(seen.name)} leaves{route} although it may not: the mode of its category, or of "
        "the policy, is report."
    )


def _is_forbidden(seen: Sighting) -> bool:
    return seen.reason == "forbidden"


def _say_forbidden(seen: Sighting, _: Policy) -> str:
    return f"{named(seen.name)} is of {seen.category!r}, which the policy forbids."


def _is_reserved(seen: Sighting) -> bool:
    return seen.reason == "reserved name"


def _say_reserved(seen: Sighting, _: Policy) -> str:
    return f"The application sets {named(seen.name)}, which is the gate's own."


def _is_odd(seen: Sighting) -> bool:
    return seen.reason in _ODD


def _say_not_canonical(seen: Sighting, _: Policy) -> str:
    return f"{_subject(seen)} is set by a line that is odd: {seen.reason}."


def _subject(seen: Sighting) -> str:
    return named(seen.name) if seen.name else "A cookie without a name"


_FAULTS: Final = (
    _Fault("unregistered", _is_unregistered, _say_unregistered),
    _Fault("ungated", _is_ungated, _say_ungated),
    _Fault("not-enforced", _is_reported, _say_reported),
    _Fault("over-limit", _is_over_limit, _say_over_limit),
    _Fault("forbidden", _is_forbidden, _say_forbidden),
    _Fault("reserved-name", _is_reserved, _say_reserved),
    _Fault("not-canonical", _is_odd, _say_not_canonical),
)


# -- Browser and gates ----------------------------------------------------------------------


def _of_browser(run: Run) -> Iterator[Finding]:
    for name in run.kept:
        message = (
            f"{named(name)} is still in the browser, and is sent, after the visitor has withdrawn."
        )
        yield finding("kept-after-withdrawal", message, name)
    for name, reason in run.refused:
        what = named(name) if name else "a cookie without a name"
        message = f"No browser takes {what} from {run.host}, because of its {reason}."
        yield finding("refused-by-browser", message, name)


def _of_gates(run: Run) -> Iterator[Finding]:
    if run.other_policies:
        told = ", ".join(map(named, run.other_policies))
        message = (
            f"Checked was the gate of policy {named(run.policy.version)}; the application has "
            f"more, with other policies or keys: {told}."
        )
        yield finding("several-gates", message)
    if run.policy.mode == "report":
        yield finding("report-mode", "The policy's mode is report: nothing is enforced.")
