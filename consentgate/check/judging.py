"""From what was seen of an application to what is wrong with it."""

from __future__ import annotations

import difflib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.catalogue import find, matching
from consentgate.check.kinds import KINDS
from consentgate.check.states import STATES
from consentgate.check.summary import by_name
from consentgate.declaration import shown_categories
from consentgate.explain.facts import count
from consentgate.explain.words import in_words
from consentgate.findings import Finding, worst_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from consentgate.check.sightings import Answer, Run, Sighting
    from consentgate.policy import CookieRule, Policy

_LONGEST_NAME: Final = 80
_MOST_TOLD: Final = 3
_ODD: Final = ("not canonical", "Expires alone", "no name", "control character")


def findings(run: Run) -> list[Finding]:
    """Return what is wrong with the application, from the worst down."""
    kept = (_finding("kept-after-withdrawal", _KEPT.format(named(name)), name) for name in run.kept)
    found = [
        *(finding for seen in by_name(run.sightings).values() for finding in _of_cookie(run, seen)),
        *kept,
        *_of_rules(run),
        *_of_categories(run.policy),
        *_of_answers(run.answers),
    ]
    if run.policy.mode == "report":
        found.append(_finding("report-mode", "The policy's mode is report: nothing is enforced."))
    return worst_first(found)


_KEPT: Final = "{} is still in the browser, and is sent, after the visitor has withdrawn."


def named(name: str) -> str:
    """Return a name in quotes, not all of it where it is very long."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}...")


def _finding(
    kind: str, message: str, cookie: str = "", *, states: Iterable[str] = (), place: str = ""
) -> Finding:
    seen = set(states)
    state = ", ".join(state.name for state in STATES if state.name in seen)
    return Finding(kind, KINDS[kind].level, message, cookie, state, place)


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
            yield _finding(fault.kind, message, worst.name, states=states, place=worst.path)


def _is_unregistered(seen: Sighting) -> bool:
    return seen.rule is None and seen.name != ""


def _say_unregistered(seen: Sighting, policy: Policy) -> str:
    return (
        f"{named(seen.name)} has no rule in the policy; add it under [[cookies]]"
        f"{_similar(policy, seen.name)}{_guess(seen.name)}."
    )


def _similar(policy: Policy, name: str) -> str:
    declared = [rule.name for rule in policy.cookies]
    close = difflib.get_close_matches(name[:_LONGEST_NAME], declared, n=1)
    return f" (is it {close[0]!r}?)" if close else ""


def _guess(name: str) -> str:
    entry = find(name)
    if entry is None:
        return ""
    return f"; the catalogue of known cookies takes it for {entry.vendor}, {entry.category}"


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
    return f"{named(seen.name)} left past the gate: something outside of the gate sets it."


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
    name = named(seen.name) if seen.name else "A cookie without a name"
    return f"{name} is set by a line that is odd: {seen.reason}."


_FAULTS: Final = (
    _Fault("unregistered", _is_unregistered, _say_unregistered),
    _Fault("ungated", _is_ungated, _say_ungated),
    _Fault("over-limit", _is_over_limit, _say_over_limit),
    _Fault("forbidden", _is_forbidden, _say_forbidden),
    _Fault("reserved-name", _is_reserved, _say_reserved),
    _Fault("not-canonical", _is_odd, _say_not_canonical),
)


# -- Rules and categories -------------------------------------------------------------------


def _of_rules(run: Run) -> Iterator[Finding]:
    used = {sighting.rule for sighting in run.sightings}
    answered = any(_is_good(answer) for answer in run.answers)
    for position, rule in enumerate(run.policy.cookies):
        place = f"cookies[{position}]"
        yield from _against_catalogue(run.policy, rule, place)
        if answered and rule.name not in used:
            yield _never_seen(rule, place)


def _against_catalogue(policy: Policy, rule: CookieRule, place: str) -> Iterator[Finding]:
    if policy.categories[rule.category].basis != "exempt":
        return
    known = {entry.category: entry for entry in reversed(matching(rule.name))}
    for category, kind in (
        ("advertising", "exempt-advertising"),
        ("social", "exempt-advertising"),
        ("statistics", "exempt-statistics"),
    ):
        entry = known.get(category)
        if entry is not None:
            message = (
                f"{rule.name!r} is exempt, and the catalogue takes {entry.name!r} for "
                f"{entry.vendor}, {entry.category}: {entry.purpose}."
            )
            yield _finding(kind, message, rule.name, place=f"{place}.category")
            return


def _never_seen(rule: CookieRule, place: str) -> Finding:
    known = matching(rule.name)
    if known and not any("server" in entry.set_by for entry in known):
        message = (
            f"{rule.name!r} was not seen; by the catalogue, {known[0].vendor} sets it by script."
        )
        return _finding("set-elsewhere", message, rule.name, place=place)
    message = f"{rule.name!r} is declared, and was never set in any state."
    return _finding("never-seen", message, rule.name, place=place)


def _of_categories(policy: Policy) -> Iterator[Finding]:
    for category in shown_categories(policy):
        if not category.title:
            message = f"{category.id!r} has no title; visitors are shown the bare id."
            place = f"categories.{category.id}.title"
            yield _finding("untitled-category", message, category.id, place=place)


# -- Answers --------------------------------------------------------------------------------


def _of_answers(answers: Sequence[Answer]) -> Iterator[Finding]:
    if answers and not any(map(_is_good, answers)):
        said = ", ".join(dict.fromkeys(_said(answer) for answer in answers[:_MOST_TOLD]))
        yield _finding("nothing-answered", f"No path was answered without an error: {said}.")
    for path, failed in _by_path(answers, _is_failed).items():
        what = f"{path} could not be checked" if path else "The scenario failed"
        kind = "no-answer" if path else "scenario-failed"
        states = [answer.state for answer in failed]
        yield _finding(kind, f"{what}: {_said(failed[0])}.", states=states, place=path)
    yield from _of_statuses("sign-in", answers, (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN))
    yield from _of_statuses("no-page", answers, (HTTPStatus.NOT_FOUND, HTTPStatus.GONE))


def _is_good(answer: Answer) -> bool:
    return answer.status is not None and answer.status < HTTPStatus.BAD_REQUEST


def _is_failed(answer: Answer) -> bool:
    is_broken = answer.status is None or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_broken or answer.error != ""


def _said(answer: Answer) -> str:
    status = "" if answer.status is None else f"status {answer.status}"
    return ", ".join(filter(None, (status, answer.error)))


def _by_path(
    answers: Iterable[Answer], wanted: Callable[[Answer], bool]
) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in filter(wanted, answers):
        found.setdefault(answer.path, []).append(answer)
    return found


def _of_statuses(
    kind: str, answers: Sequence[Answer], statuses: Sequence[HTTPStatus]
) -> Iterator[Finding]:
    """Return what is to be said of all paths that answered so: which they are."""
    paths = list(_by_path(answers, lambda answer: answer.status in statuses))
    if paths:
        told = ", ".join(paths[:_MOST_TOLD])
        more = " ..." if len(paths) > _MOST_TOLD else ""
        codes = " or ".join(str(status.value) for status in statuses)
        message = f"{count(len(paths), 'path')} answered with status {codes}: {told}{more}"
        yield _finding(kind, message, place=paths[0])
