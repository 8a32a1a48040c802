"""What a cookie is for: as the policy says, else as the catalogue of known cookies guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from consentgate.audit.words import cut
from consentgate.catalogue import find
from consentgate.exceptions import PolicyError
from consentgate.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consentgate.audit.facts import CookieKey, Parties
    from consentgate.catalogue import CatalogueEntry
    from consentgate.policy import Basis, CookieRule

__all__ = ["Classification", "Classifier", "policy_from_declaration"]

Origin = Literal["policy", "catalogue", "nothing"]

SERIOUS: Final = frozenset({"statistics", "advertising", "social"})
"""Categories that need consent also where only a guess says that a cookie is in them."""

_OTHERS: Final = frozenset({"third-party server"})
_LONGEST_VENDOR: Final = 100
_LONGEST_PURPOSE: Final = 500
_BASIS_OF_GUESS: Final[dict[str, Basis]] = {"necessary": "exempt"}


@dataclass(frozen=True, slots=True)
class Classification:
    """What is known of one cookie."""

    origin: Origin
    category: str = ""
    """The category's id; empty where nothing is known."""
    basis: Basis | None = None
    """Why it may be stored; None where nothing is known."""
    vendor: str = ""
    purpose: str = ""
    source: str = ""
    """Where that is from, in words."""
    limit: int | None = None
    """Seconds that the policy lets it live; 0 for the session, None where no policy says."""
    refused_by_gpc: bool = False
    """Whether the policy, or the guess, makes Global Privacy Control refuse it."""
    is_own_word: bool = False
    """Whether nobody but the site itself says so, and over the network."""
    disputed: str = ""
    """What the catalogue takes it for, where a policy permits what that finds serious."""

    @property
    def is_guess(self) -> bool:
        """Whether somebody must still look whether it is true."""
        return self.origin != "policy"

    @property
    def is_known(self) -> bool:
        """Whether anything is known at all."""
        return self.basis is not None

    @property
    def is_exempt(self) -> bool:
        """Whether it needs no consent, and nothing speaks against that."""
        return self.basis == "exempt" and not self.disputed

    @property
    def is_disputed_exemption(self) -> bool:
        """Whether it is said to need no consent, and the catalogue says otherwise."""
        return self.basis == "exempt" and bool(self.disputed)

    @property
    def is_serious(self) -> bool:
        """Whether it is taken for statistics, advertising or social."""
        return self.category in SERIOUS


UNKNOWN: Final = Classification("nothing", source="neither a policy nor the catalogue knows it")


class Classifier:
    """Says what cookies are for.

    Args:
        policy: the site's; None leaves the catalogue alone.
        parties: who the first party is.
        source: what to call the policy, in words.
        language: of the purposes, where the policy has them in it.
        is_own_word: whether the policy is what the audited site declares, which excuses nothing
            that the catalogue finds serious.
    """

    def __init__(
        self,
        policy: Policy | None,
        parties: Parties,
        source: str = "",
        language: str = "en",
        *,
        is_own_word: bool = False,
    ) -> None:
        self.policy = policy
        self.source = source
        self._parties = parties
        self._language = language.partition("-")[0]
        self.is_own_word = is_own_word

    def classify(self, key: CookieKey) -> Classification:
        """Return what is known of a cookie."""
        guess = self.guess(key.name, key.domain)
        rule = self.policy.rule_for(key.name) if self.policy else None
        if self.policy and rule:
            return self._declared(self.policy, rule, guess)
        return guess

    def guess(self, name: str, host: str) -> Classification:
        """Return what the catalogue knows of what is stored under ``name`` for ``host``."""
        entry = find(name)
        if entry is None:
            return UNKNOWN
        if not _fits(entry, is_first_party=self._parties.include(host)):
            return Classification("nothing", source=_unfit(entry))
        return Classification(
            "catalogue",
            entry.category,
            _BASIS_OF_GUESS.get(entry.category, "opt-in"),
            entry.vendor,
            entry.purpose,
            f"guessed from its name by ConsentGate's catalogue ({entry.source})",
            None,
            entry.category in {"advertising", "social"},
        )

    def _declared(self, policy: Policy, rule: CookieRule, guess: Classification) -> Classification:
        category = policy.categories[rule.category]
        permits = category.basis in {"exempt", "opt-out"}
        return Classification(
            "policy",
            rule.category,
            category.basis,
            cut(rule.vendor, _LONGEST_VENDOR),
            cut(_in_language(rule.purpose, self._language), _LONGEST_PURPOSE),
            self.source,
            0 if rule.max_age == "session" else policy.limit(rule),
            category.gpc,
            self.is_own_word,
            f"{guess.category} of {guess.vendor}" if permits and guess.is_serious else "",
        )


def _fits(entry: CatalogueEntry, *, is_first_party: bool) -> bool:
    """Whether a cookie of this party can be the one that the catalogue knows.

    What others' servers alone set is not of the first party. Whether a script or the first party's
    server set it tells nothing: measurement by the server uses the names of that by scripts. To be
    necessary for a site that does not set it, a cookie needs more than a name.
    """
    if is_first_party:
        return entry.set_by != _OTHERS
    return entry.category in SERIOUS or bool(entry.set_by & _OTHERS)


def _unfit(entry: CatalogueEntry) -> str:
    whose = "third parties" if entry.set_by == _OTHERS else "the first party"
    return f"the catalogue knows this name of {entry.vendor}, but as a cookie of {whose}"


def _in_language(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "")


def policy_from_declaration(declaration: object) -> Policy:
    """Return the policy that a site's ``policy.json`` tells.

    It is somebody's word from the network: what is no such declaration raises `PolicyError`.
    """
    try:
        return Policy.from_mapping(_mapping_of(cast("Mapping[str, Any]", declaration)))
    except (AttributeError, KeyError, TypeError) as error:
        raise PolicyError(f"is no declaration of ConsentGate: {error!r}") from None


def _mapping_of(declaration: Mapping[str, Any]) -> dict[str, Any]:
    categories = {each["id"]: _category(each) for each in declaration["categories"]}
    own_name = str(declaration["consent_cookie"])
    rules = [
        rule
        for each in declaration["categories"]
        for rule in _rules(each)
        if not rule["name"].startswith(own_name)
    ]
    return {
        "version": declaration["version"],
        "preset": declaration["preset"],
        "cookie_name": own_name,
        "gpc": declaration["gpc"],
        "categories": categories,
        "cookies": rules,
    }


def _category(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {"basis": declared["basis"], "gpc": declared["gpc"]}


def _rules(declared: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for cookie in declared["cookies"]:
        yield {
            "name": str(cookie["name"]),
            "category": declared["id"],
            "max_age": cookie["max_age"],
            "vendor": cookie["vendor"],
            "purpose": cookie["purpose"],
        }
