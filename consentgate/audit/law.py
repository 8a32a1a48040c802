"""What each kind of finding is called, and the rule behind it, for who is to judge it.

The facts are those of the authorities' own publications and of reports about them, as they stood
in November 2026; each bears the date of what it is from. None of this is legal advice, and none of
it is about a particular site.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["RULES", "Rule"]

_CONSENT: Final = (
    "Under article 82 of the French law 78-17 of 6 January 1978, as CNIL reads it (deliberations "
    "2020-091 and 2020-092 of 17 September 2020), nothing but exempt cookies may be stored on a "
    "visitor's device, or read there, before the visitor has consented by a positive act. Among "
    "the exempt are those for the choice itself, for signing in and for a shopping basket, and "
    "under conditions those for audience measurement."
)
_SHEIN: Final = (
    "CNIL fined SHEIN 150 million euros on 1 September 2025 (SAN-2025-005): cookies were stored "
    "on arrival, and after “Reject all” went on being stored and read."
)
_ORANGE: Final = (
    "CNIL fined Orange 50 million euros on 14 November 2024 (SAN-2024-019; the fine was also for "
    "advertisements among e-mails): cookies set earlier went on being read after consent had been "
    "withdrawn. American Express, fined 1.5 million euros on 27 November 2025, is a later case."
)
_THIRTEEN: Final = (
    "For cookies of audience measurement that are exempt from consent, CNIL recommends a lifetime "
    "such as 13 months that new visits do not extend (deliberation 2020-092 of 17 September 2020, "
    "article 5; its page of 4 July 2025). For other cookies this test takes the same measure, "
    "which is no rule of law but what many cookie policies promise."
)
_AS_EASY: Final = (
    "Under article 7(3) of the GDPR consent can be withdrawn at any time, as easily as it is given."
)
_REFUSAL: Final = (
    "Refusing must be as easy as accepting, and at the same level (CNIL, deliberations 2020-091 "
    "and 2020-092 of 17 September 2020). For the vast majority of the authorities in the Cookie "
    "Banner Taskforce of the EDPB (report of January 2023), a layer that can be accepted but not "
    "refused is an infringement."
)
_CLICKS: Final = (
    "At the turn of 2021 to 2022 CNIL fined Google 150 million euros and Facebook 60 million, as "
    "refusing was harder than accepting: five clicks against one."
)
_STORAGE: Final = (
    "Article 5(3) of the ePrivacy directive of 12 July 2002 covers any information, that in web "
    "storage as well as cookies (EDPB guidelines 2/2023, version 2 of October 2024)."
)
_REQUESTS: Final = (
    "A request alone tells its receiver the visitor's network address and often the page. "
    "Whether it needs consent depends on what is stored or read with it: article 5(3) of the "
    "ePrivacy directive also covers pixels and identifiers in addresses (EDPB guidelines "
    "2/2023, version 2 of October 2024)."
)
_ASKED_AGAIN: Final = (
    "Either what was pressed did nothing, or the site does not remember it. For CNIL it "
    "is good practice to keep a choice, refusal included, for six months (deliberation 2020-092 of "
    "17 September 2020)."
)
_TEST: Final = "This is no finding about the site but a limit of this test."
_BY_HAND: Final = (
    "There was something to answer, and this test could not. Nothing is known of what happens then "
    "until somebody has tried it by hand."
)


class Rule(NamedTuple):
    """What is said of one kind of finding."""

    heading: str
    text: str


RULES: Final[dict[str, Rule]] = {
    "stored-before-choice": Rule("Stored before a choice", f"{_CONSENT} {_SHEIN}"),
    "stored-after-refusal": Rule("Stored after refusal", f"{_CONSENT} {_SHEIN}"),
    "stored-after-withdrawal": Rule("Still stored after withdrawal", f"{_AS_EASY} {_ORANGE}"),
    "sent-before-choice": Rule("Read before a choice", f"{_CONSENT} {_SHEIN}"),
    "sent-after-refusal": Rule("Read after refusal", f"{_CONSENT} {_SHEIN}"),
    "sent-after-withdrawal": Rule("Still read after withdrawal", f"{_AS_EASY} {_ORANGE}"),
    "over-13-months": Rule("Kept longer than 13 months", _THIRTEEN),
    "over-policy-limit": Rule(
        "Kept longer than the site's own policy says",
        "Visitors are to be told how long cookies live (Court of Justice of the European Union, "
        "C-673/17, Planet49, paragraph 81). These live longer than they are told.",
    ),
    "extended-by-visit": Rule("Extended by another visit", _THIRTEEN),
    "stored-despite-gpc": Rule(
        "Stored despite Global Privacy Control",
        "California has this signal count as an opt-out of sale and sharing (11 CCR 7025), and so "
        "do other states of the United States. It is made for such laws, and is no means of "
        "consent in the European Union.",
    ),
    "storage-before-choice": Rule("Stored elsewhere before a choice", f"{_STORAGE} {_CONSENT}"),
    "storage-after-refusal": Rule("Stored elsewhere after refusal", f"{_STORAGE} {_CONSENT}"),
    "storage-after-withdrawal": Rule("Stored elsewhere after withdrawal", f"{_AS_EASY} {_STORAGE}"),
    "third-party-before-choice": Rule("Other companies asked before a choice", _REQUESTS),
    "third-party-after-refusal": Rule("Other companies asked after refusal", _REQUESTS),
    "third-party-after-withdrawal": Rule("Other companies asked after withdrawal", _REQUESTS),
    "no-banner": Rule("No banner was found", _CONSENT),
    "no-refusal": Rule("No way to refuse on the first layer", _REFUSAL),
    "refusal-harder": Rule("Refusing takes more than accepting", f"{_REFUSAL} {_CLICKS}"),
    "choice-not-kept": Rule("The banner asks again", _ASKED_AGAIN),
    "choices-not-tested": Rule("Choices were not tested", _TEST),
    "refusal-not-tested": Rule("Refusal could not be tested", _BY_HAND),
    "acceptance-not-tested": Rule("Acceptance could not be tested", _BY_HAND),
    "withdrawal-not-tested": Rule(
        "Withdrawal could not be tested",
        f"{_AS_EASY} {_BY_HAND} That no way was found does not prove that there is none.",
    ),
    "page-failed": Rule("Pages that could not be looked at", _TEST),
    "page-restless": Rule("Pages that never came to rest", _TEST),
    "led-elsewhere": Rule("The address led elsewhere", _TEST),
    "incomplete": Rule("More than was kept", _TEST),
}
"""By the id of a finding."""
