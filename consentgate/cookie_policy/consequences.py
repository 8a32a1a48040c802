"""Each kind of change between two policies: whether visitors must be asked again, and why.

A consent covers what was told when it was given: purposes, who stores, how long, and who can read
(GDPR, article 4(11); CJEU, Planet49, C-673/17, paragraphs 74 to 81). What goes beyond needs
another one. What stays within needs none; nor does what no consent is asked for, since asking
could not mend it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONSEQUENCES", "Consequence", "Kind"]

Kind = Literal[
    # What goes beyond the consents there are.
    "category added",
    "choice added",
    "consent needed",
    "refusal needed",
    "cookie moved",
    "vendor",
    "purpose",
    "undescribed",
    "longer life",
    "wider reach",
    "outlives consent",
    "signal weaker",
    "not compared",
    # What does not.
    "choice removed",
    "covered",
    "enforcement",
    "listed elsewhere",
    "name of the consent cookie",
    "narrower",
    "pages",
    "routes",
    "unasked",
    "validity",
    "version",
    "wording",
]


class Consequence(NamedTuple):
    """What follows from a kind of change."""

    asks_again: bool
    """Whether visitors must be asked again."""
    reason: str
    source: str
    """The law, the judgment or the rule of ours (RULES.md) that the reason rests on."""


_SPECIFIC: Final = "GDPR, articles 4(11) and 6(1)(a)"
_INFORMED: Final = "GDPR, article 4(11); CJEU, C-673/17 (Planet49), paragraphs 75 to 81"
_NO_NEED: Final = "GDPR, recital 32; Garante, 10 June 2021 [9677876]"

CONSEQUENCES: Final[Mapping[Kind, Consequence]] = MappingProxyType(
    {
        "category added": Consequence(
            asks_again=True,
            reason="nobody has agreed to this purpose yet: a new purpose needs consent again",
            source=f"{_SPECIFIC}; CNIL, deliberation 2020-092",
        ),
        "choice added": Consequence(
            asks_again=True,
            reason="visitors have a choice that they did not have when they were asked",
            source=_SPECIFIC,
        ),
        "consent needed": Consequence(
            asks_again=True,
            reason="who did not refuse has not agreed: silence is no consent",
            source="GDPR, recital 32",
        ),
        "refusal needed": Consequence(
            asks_again=True,
            reason="less is kept from being stored than visitors were told: what needed their "
            "consent now needs their refusal",
            source="GDPR, articles 5(1)(a) and 13(3)",
        ),
        "cookie moved": Consequence(
            asks_again=True,
            reason="who agreed to the purpose that it is for now did not agree to this cookie",
            source=_SPECIFIC,
        ),
        "vendor": Consequence(
            asks_again=True,
            reason="visitors were not told of whoever stores it now",
            source=_INFORMED,
        ),
        "purpose": Consequence(
            asks_again=True,
            reason="visitors agreed to other words; whether they mean the same is yours to say",
            source=f"{_SPECIFIC}; CNIL, deliberation 2020-092",
        ),
        "undescribed": Consequence(
            asks_again=True,
            reason="neither vendor nor purpose is told of it, so nothing shows that visitors were "
            "told of it before; write them down",
            source=_INFORMED,
        ),
        "longer life": Consequence(
            asks_again=True,
            reason="how long a cookie lives belongs to what visitors agreed to",
            source=_INFORMED,
        ),
        "wider reach": Consequence(
            asks_again=True,
            reason="it reaches hosts or sites that it did not reach when visitors were asked",
            source=_INFORMED,
        ),
        "outlives consent": Consequence(
            asks_again=True,
            reason="cookies that ended with the consent can now live longer than it",
            source=f"{_INFORMED}; R16",
        ),
        "signal weaker": Consequence(
            asks_again=True,
            reason="a browser's privacy signal refuses less than it did, for who relied on it",
            source="11 CCR 7025; GDPR, article 21(5); R22",
        ),
        "not compared": Consequence(
            asks_again=True,
            reason="whether it stays within what visitors agreed to cannot be told; use fewer "
            "patterns with a '*' or '?' before their end",
            source=_SPECIFIC,
        ),
        "choice removed": Consequence(
            asks_again=False,
            reason="asking could change nothing; that no consent is needed is yours to show",
            source="ePrivacy directive, article 5(3); CNIL, deliberation 2020-091, article 5",
        ),
        "covered": Consequence(
            asks_again=False,
            reason="visitors who agreed were told of this purpose and vendor, and of such a life",
            source=_NO_NEED,
        ),
        "enforcement": Consequence(
            asks_again=False,
            reason="no consent covers what is not declared, or what the gate only reports; "
            "asking again could not mend it",
            source="R6, R7",
        ),
        "listed elsewhere": Consequence(
            asks_again=False,
            reason="what follows from it is listed with each category and cookie",
            source="R8, R12, R22",
        ),
        "name of the consent cookie": Consequence(
            asks_again=False,
            reason="nothing more is stored; but no decision is found under the new name",
            source="R20",
        ),
        "narrower": Consequence(
            asks_again=False,
            reason="it stays within what visitors agreed to",
            source=_NO_NEED,
        ),
        "pages": Consequence(
            asks_again=False,
            reason="it changes the pages of the gate, and nothing that is stored",
            source=_NO_NEED,
        ),
        "routes": Consequence(
            asks_again=False,
            reason="a consent is for the whole site; where it stores nothing is no part of it",
            source="R11",
        ),
        "unasked": Consequence(
            asks_again=False,
            reason="no consent is asked for it",
            source="ePrivacy directive, article 5(3); R6",
        ),
        "validity": Consequence(
            asks_again=False,
            reason="decisions there are end when their cookie does, or sooner",
            source="R21",
        ),
        "version": Consequence(
            asks_again=False,
            reason="it says nothing new; but decisions under another version count no more",
            source="R20",
        ),
        "wording": Consequence(
            asks_again=False,
            reason="a translation, or letter case and spaces, say nothing else than before",
            source=_NO_NEED,
        ),
    }
)
