"""Every kind of finding that a check has, with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consentgate.check.states import STATES
from consentgate.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS: Final = {
    kind.id: kind
    for kind in (
        Kind(
            "unregistered",
            "error",
            "A cookie that no rule declares",
            "Declare it under [[cookies]] of the policy file, or set it no more (rule R6).",
        ),
        Kind(
            "ungated",
            "error",
            "A cookie that left past the gate",
            "Put the gate outside every other middleware: what is set further out, nobody judges "
            "(rule R4).",
        ),
        Kind(
            "not-enforced",
            "warning",
            "A cookie that leaves without permission, for that is only reported",
            'Set mode = "strip", in the policy or for the category: as it is, visitors get what '
            "they did not agree to (rule R7).",
        ),
        Kind(
            "over-limit",
            "error",
            "A cookie that asks for a longer life than its limit",
            "Let the application ask for less, or the policy declare more where the law allows it "
            "(rule R12; CNIL, deliberation 2020-092: 13 months for audience measurement).",
        ),
        Kind(
            "forbidden",
            "error",
            "A cookie of a category that the policy forbids",
            "The policy promises that the site has no such cookies; remove it (rule R6).",
        ),
        Kind(
            "reserved-name",
            "error",
            "A cookie with the name of one of the gate's own",
            "Rename it, or set cookie_name in the policy (rule R10).",
        ),
        Kind(
            "kept-after-withdrawal",
            "error",
            "A cookie that is still sent after consent was withdrawn",
            "Declare the Domain and Path that it is set with, so that the gate can delete it "
            "(rule R18). Reading it on is what CNIL fined Orange for (SAN-2024-019).",
        ),
        Kind(
            "exempt-advertising",
            "error",
            "An exempt rule for what the catalogue of known cookies calls advertising",
            "No consent is asked for an exempt cookie. Move the rule to a category that asks.",
        ),
        Kind(
            "exempt-statistics",
            "warning",
            "An exempt rule for what the catalogue of known cookies calls statistics",
            "Audience measurement is exempt under conditions alone (CNIL, deliberation 2020-092, "
            "article 5). Make sure that it meets them, or move the rule.",
        ),
        Kind(
            "broad-exemption",
            "note",
            "An exempt pattern that cookies for advertising would fit, too",
            "No consent is asked for what it governs. Say the names, or a longer beginning.",
        ),
        Kind(
            "never-seen",
            "error",
            "A declared cookie that the application never set",
            "Remove its rule, or show the check where it is set: --also, --scenario. Where a "
            "script sets it: --ignore never-seen:NAME.",
        ),
        Kind(
            "set-elsewhere",
            "note",
            "A declared cookie that by the catalogue no server sets",
            "Scripts set it; `consentgate audit` sees them.",
        ),
        Kind(
            "untitled-category",
            "error",
            "A category without a title",
            "Visitors are asked about it: give it title = { en = … } (CNIL, deliberation 2020-092: "
            "each purpose has a short title and description).",
        ),
        Kind(
            "not-canonical",
            "warning",
            "A line that browsers read in more than one way",
            "The gate says it in its own words (rule R3); `consentgate explain` says what is odd.",
        ),
        Kind(
            "refused-by-browser",
            "warning",
            "A cookie that no browser takes from the host that was asked",
            "Where its Domain is another, ask under the host that it is for: --url; else mend its "
            "line (RFC 6265bis, 5.7). Whether it goes after a withdrawal was not checked.",
        ),
        Kind(
            "several-gates",
            "error",
            "Gates with other policies or keys than the one that was checked",
            "A decision made at one is none at another. Give all of them one policy and one key, "
            "or check each by itself: --path.",
        ),
        Kind(
            "report-mode",
            "note",
            "The policy is in report mode",
            'Nothing is kept from the browser: mode = "strip" enforces it (rule R7).',
        ),
        Kind(
            "no-answer",
            "warning",
            "A path that could not be checked",
            "See what the application logged; its cookies on this path are not known.",
        ),
        Kind(
            "scenario-failed",
            "error",
            "The scenario did not come to its end",
            "What lies behind it was not checked; mend it. It is called once for each visitor.",
        ),
        Kind(
            "sign-in",
            "note",
            "A path that is not for everybody",
            "Show the check how to sign in: --scenario. Its cookies are not known otherwise.",
        ),
        Kind(
            "elsewhere",
            "note",
            "A path that leads to another host",
            "Where that is the site's own name, say it: --url. Where visitors sign in there, show "
            "the check another way in: --scenario.",
        ),
        Kind(
            "no-page",
            "note",
            "A path that the application does not have",
            "Values of a path were made up: name one that is there with --also.",
        ),
        Kind(
            "client-error",
            "warning",
            "A path that was answered with another error of the client's (4xx)",
            "What it sets otherwise is not known. Where values of the path or the query were made "
            "up, name some that are there: --path, --also.",
        ),
        Kind(
            "rate-limited",
            "error",
            "A path that was refused because so many were asked for",
            "Turn the limit off where the check is run: what it refused was not checked.",
        ),
        Kind(
            "not-asked",
            "note",
            "What is known of the application and was not asked for",
            "Say a path with --also; show the check with --scenario what needs more than a GET.",
        ),
        Kind(
            "nothing-answered",
            "error",
            "No path could be checked",
            "See what the application logged, and whether it answers to this host: --url.",
        ),
    )
}
"""Every kind of finding, by its id."""


_LONGEST_NAME: Final = 80


def finding(
    kind: str, message: str, cookie: str = "", *, states: Iterable[str] = (), place: str = ""
) -> Finding:
    """Return a finding of ``kind``, at its level; ``states`` in any order."""
    seen = set(states)
    state = ", ".join(state.name for state in STATES if state.name in seen)
    return Finding(kind, KINDS[kind].level, message, cookie, state, place)


def named(name: str) -> str:
    """Return a name in quotes, not all of it where it is very long."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}...")
