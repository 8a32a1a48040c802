"""What each kind of finding is called, and the rule behind it, for who is to judge it.

The facts are those of the authorities' own publications and of the texts themselves, as they stood
in November 2026. None of this is legal advice, and none of it is about a particular site.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["RULES", "Rule"]

_CONSENT: Final = (
    "Article 82 of the French law 78-17, which transposes article 5(3) of the ePrivacy directive "
    "2002/58/EC, makes storing information on a visitor's device, or reading it there, depend on "
    "consent given beforehand, unless that is strictly necessary for a service that the visitor "
    "expressly asked for, or serves only to transmit a communication."
)
_SHEIN: Final = (
    "CNIL fined SHEIN 150 million euros on 1 September 2025 (SAN-2025-005), among other reasons "
    "because cookies were stored on arrival, and went on being stored and read after “Reject all”."
)
_ORANGE: Final = (
    "CNIL fined Orange 50 million euros on 14 November 2024 (SAN-2024-019; part of it was for "
    "advertisements among e-mails), as cookies stored before went on being read after consent had "
    "been withdrawn. American Express, fined 1.5 million euros on 27 November 2025, is a later "
    "case."
)
_THIRTEEN: Final = (
    "For audience measurement without consent, CNIL recommends a lifetime such as 13 months that "
    "new visits do not extend (deliberation 2020-092, article 5, and its sheet of 4 July 2025). "
    "For other cookies this is no rule of law but what many cookie policies promise."
)
_AS_EASY: Final = (
    "Under article 7(3) of the GDPR withdrawing consent must be as easy as giving it, and it can "
    "be done at any time."
)
_REFUSAL: Final = (
    "Refusing must be as easy as accepting (CNIL, deliberations 2020-091 and 2020-092). In January "
    "2023 the vast majority of the authorities in the EDPB's Cookie Banner Taskforce held a layer "
    "that can be accepted but not refused to be an infringement."
)
_STORAGE: Final = (
    "Article 5(3) of the ePrivacy directive covers any information that is stored on the device, "
    "not cookies alone (EDPB guidelines 2/2023)."
)
_TEST: Final = "This is no finding about the site but a limit of this test."


class Rule(NamedTuple):
    """What is said of one kind of finding."""

    heading: str
    text: str


RULES: Final[dict[str, Rule]] = {
    "stored-before-choice": Rule("Stored before a choice", f"{_CONSENT} {_SHEIN}"),
    "stored-after-refusal": Rule("Stored after refusal", f"{_CONSENT} {_SHEIN}"),
    "stored-after-withdrawal": Rule("Still stored after withdrawal", f"{_AS_EASY} {_ORANGE}"),
    "sent-after-refusal": Rule("Read after refusal", f"{_CONSENT} {_SHEIN}"),
    "sent-after-withdrawal": Rule("Still read after withdrawal", f"{_AS_EASY} {_ORANGE}"),
    "over-13-months": Rule("Kept longer than 13 months", _THIRTEEN),
    "over-policy-limit": Rule(
        "Kept longer than the site's own policy says",
        "Visitors must be told how long cookies live (CJEU, Planet49, C-673/17, paragraph 81); "
        "what they are told has to be true.",
    ),
    "extended-by-visit": Rule("Extended by another visit", _THIRTEEN),
    "stored-despite-gpc": Rule(
        "Stored despite Global Privacy Control",
        "Some laws of the United States make this signal an opt-out of sale and sharing (such as "
        "California's, 11 CCR 7025). In the European Union it is no substitute for consent.",
    ),
    "storage-before-choice": Rule("Stored elsewhere before a choice", f"{_STORAGE} {_CONSENT}"),
    "third-party-before-choice": Rule(
        "Other companies asked before a choice",
        "A request alone tells its receiver the visitor's network address and often the page. "
        "Whether it needs consent depends on what is stored or read with it (EDPB guidelines "
        "2/2023, on pixels and identifiers in addresses); that it happens has to be told.",
    ),
    "no-banner": Rule("No banner was found", _CONSENT),
    "no-refusal": Rule("No way to refuse on the first layer", _REFUSAL),
    "refusal-harder": Rule("Refusing takes more than accepting", _REFUSAL),
    "refusal-not-tested": Rule("Refusal was not tested", _TEST),
    "acceptance-not-tested": Rule("Acceptance was not tested", _TEST),
    "withdrawal-not-tested": Rule(
        "Withdrawal could not be tested",
        f"{_AS_EASY} That no way was found by this test does not prove that there is none.",
    ),
    "page-failed": Rule("Pages that could not be looked at", _TEST),
    "incomplete": Rule("More than was kept", _TEST),
}
"""By the id of a finding."""
