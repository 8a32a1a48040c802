"""What may be stored without consent, how bad it is where it may not, and the words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consentgate.audit.classify import Classification
    from consentgate.findings import Level
    from consentgate.policy import Basis

__all__ = ["in_words", "is_permitted", "level_of", "to_review"]

_ADJECTIVES: Final = {"necessary", "functional", "social"}
_CLAIMS: Final[Mapping[Basis | None, str]] = {
    "exempt": "needs no consent",
    "opt-out": "may be stored until it is refused",
}


def is_permitted(known: Classification, *, has_chosen: bool) -> bool:
    """Whether it may be stored by who has not chosen, or has refused."""
    match known.basis:
        case "exempt":
            return known.is_exempt
        case "opt-out":
            return not has_chosen and not _is_mere_word(known)
        case _:
            return False


def level_of(known: Classification, *, has_chosen: bool = True) -> Level:
    """Return how bad it is; what is not known, or may well be exempt, is to be reviewed.

    That a site declares to be necessary what the catalogue finds serious excuses nothing; who
    hands in a policy may know better. To let refuse what is not asked for is the law of some
    countries.
    """
    if known.is_guess:
        return "error" if known.is_serious else "warning"
    if known.is_disputed_exemption:
        return "error" if known.is_own_word else "warning"
    if known.basis == "opt-out" and not has_chosen:
        return "warning"
    return "error"


def _is_mere_word(known: Classification) -> bool:
    return known.is_own_word and bool(known.disputed)


def in_words(known: Classification, thing: str = "cookie") -> str:
    """Return what it is, for the middle of a sentence."""
    if not known.is_known:
        return f"an unknown {thing}"
    vendor = f" of {known.vendor}" if known.vendor else ""
    guess = ", as the catalogue guesses" if known.is_guess else ""
    kind = (
        f"{known.category} {thing}"
        if known.category in _ADJECTIVES
        else f"{thing} for {known.category}"
    )
    purpose = f"a {kind}{vendor}{guess}"
    if not known.disputed:
        return purpose
    whose = "the site itself declares" if known.is_own_word else "the policy has it"
    if known.disputed.startswith(f"{known.category} "):  # what it is for is not what is disputed
        return f"{purpose}, which {_CLAIMS[known.basis]}, as {whose}"
    return f"{purpose}, as {whose}, but for {known.disputed}, as the catalogue guesses"


def to_review(known: Classification, *, has_chosen: bool = True) -> str:
    """Return what there is to look at, as a sentence of its own; empty where nothing is."""
    if not known.is_known:
        return " Review it: it may be strictly necessary, or remember the choice itself."
    if known.is_disputed_exemption:
        if known.disputed.startswith("statistics "):
            return " Review it: measurement of the audience is exempt under conditions alone."
        return " Review it: one of both is wrong."
    if level_of(known, has_chosen=has_chosen) != "warning":
        return ""
    if known.basis == "opt-out":
        return " Review it: not every law lets this be stored until it is refused."
    return " Review it: it may be exempt."
