"""What is wrong with what the policy declares, given what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consentgate.catalogue import find, matching
from consentgate.check.answers import is_good
from consentgate.check.kinds import finding, named
from consentgate.declaration import shown_categories

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consentgate.catalogue import CatalogueEntry
    from consentgate.check.sightings import Run, Sighting
    from consentgate.findings import Finding
    from consentgate.policy import CookieRule, Policy

_NOT_EXEMPT: Final = {
    "advertising": "exempt-advertising",
    "social": "exempt-advertising",
    "statistics": "exempt-statistics",
}
"""Kinds of findings, by the catalogue's category."""


def of_rules(run: Run) -> Iterator[Finding]:
    """Return what is wrong with the policy's rules."""
    used = {sighting.rule for sighting in run.sightings}
    answered = any(map(is_good, run.answers))
    places = {rule.name: f"cookies[{number}]" for number, rule in enumerate(run.policy.cookies)}
    for rule in run.policy.cookies:
        if answered and rule.name not in used:
            yield _never_seen(rule, places[rule.name])
    yield from _of_exempt(run, places)


def _never_seen(rule: CookieRule, place: str) -> Finding:
    known = matching(rule.name)
    if known and not any("server" in entry.set_by for entry in known):
        message = (
            f"{rule.name!r} was not seen; by the catalogue, {known[0].vendor} sets it by script."
        )
        return finding("set-elsewhere", message, rule.name, place=place)
    message = f"{rule.name!r} is declared, and was never set in any state."
    return finding("never-seen", message, rule.name, place=place)


# -- Against the catalogue ------------------------------------------------------------------


def _of_exempt(run: Run, places: dict[str, str]) -> Iterator[Finding]:
    """Return what is exempt and the catalogue takes for something else.

    By the names of rules, and by the names that were seen, of the framework's cookies too: an
    exempt pattern has names in common with much that no visitor ever gets.
    """
    exempt = [rule.name for rule in run.policy.cookies if _is_exempt(run.policy, rule.category)]
    known = {name: entry for name in exempt if (entry := _serious(name) or _all_serious(name))}
    for name, entry in known.items():
        yield _exempt_finding(name, entry, f"{places[name]}.category")
    told = set(known)
    for seen in _seen_exempt(run):
        rule = seen.rule or ""
        serious = None if rule in known else _serious(seen.name)
        if serious:
            place = f"{places[rule]}.category" if rule in places else seen.path
            yield _exempt_finding(seen.name, serious, place)
            told.add(rule)
    for name in (name for name in exempt if name not in told):
        yield from _broad_exemption(name, f"{places[name]}.name")


def _is_exempt(policy: Policy, category: str | None) -> bool:
    found = policy.categories.get(category or "")
    return found is not None and found.basis == "exempt"


def _serious(name: str) -> CatalogueEntry | None:
    """Return what the catalogue knows of ``name``, where it is nothing that may be exempt.

    A pattern read as a name is known where the catalogue's pattern includes all of it.
    """
    entry = find(name)
    return entry if entry and entry.category in _NOT_EXEMPT else None


def _all_serious(pattern: str) -> CatalogueEntry | None:
    """Return what the catalogue knows of a pattern that fits several entries, all of them serious.

    One may fit by chance. Of statistics and advertising the milder is said.
    """
    fitting = matching(pattern)
    serious = [entry for entry in fitting if entry.category in _NOT_EXEMPT]
    if len(fitting) <= 1 or len(serious) < len(fitting):
        return None
    return max(serious, key=lambda entry: entry.category == "statistics")


def _seen_exempt(run: Run) -> Sequence[Sighting]:
    """Return one sighting of each exempt cookie that was set, in order."""
    first: dict[str, Sighting] = {}
    for seen in run.sightings:
        if seen.outcome != "deleted" and _is_exempt(run.policy, seen.category):
            first.setdefault(seen.name, seen)
    return list(first.values())


def _exempt_finding(name: str, entry: CatalogueEntry, place: str) -> Finding:
    message = (
        f"{named(name)} is exempt, and the catalogue takes {entry.name!r} for "
        f"{entry.vendor}, {entry.category}: {entry.purpose}."
    )
    return finding(_NOT_EXEMPT[entry.category], message, name, place=place)


def _broad_exemption(pattern: str, place: str) -> Iterator[Finding]:
    entries = (entry for entry in matching(pattern) if entry.category in _NOT_EXEMPT)
    entry = next(entries, None)
    if entry:
        message = (
            f"{pattern!r} is exempt, and would be {entry.name!r}, too, which the catalogue takes "
            f"for {entry.vendor}, {entry.category}."
        )
        yield finding("broad-exemption", message, pattern, place=place)


# -- Categories -----------------------------------------------------------------------------


def of_categories(policy: Policy) -> Iterator[Finding]:
    """Return what is wrong with the policy's categories."""
    for category in shown_categories(policy):
        if not category.title:
            message = f"{category.id!r} has no title; visitors are shown the bare id."
            place = f"categories.{category.id}.title"
            yield finding("untitled-category", message, category.id, place=place)
