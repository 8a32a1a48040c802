"""What a cookie is for: as the policy says, else as the catalogue of known cookies guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from consentgate.catalogue import find
from consentgate.exceptions import PolicyError
from consentgate.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consentgate.policy import Basis, CookieRule

__all__ = ["Classification", "Classifier", "policy_from_declaration"]

Origin = Literal["policy", "catalogue", "nothing"]

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

    @property
    def is_guess(self) -> bool:
        """Whether somebody must still look whether it is true."""
        return self.origin != "policy"

    @property
    def is_known(self) -> bool:
        """Whether anything is known at all."""
        return self.basis is not None


UNKNOWN: Final = Classification("nothing", source="neither the policy nor the catalogue has it")


class Classifier:
    """Says what cookies are for.

    Args:
        policy: the site's; None leaves the catalogue alone.
        source: what to call the policy, in words.
        language: of the purposes, where the policy has them in it.
    """

    def __init__(self, policy: Policy | None, source: str = "", language: str = "en") -> None:
        self.policy = policy
        self.source = source
        self._language = language.partition("-")[0]

    def classify(self, name: str) -> Classification:
        """Return what is known of the cookie called ``name``."""
        rule = self.policy.rule_for(name) if self.policy else None
        if self.policy and rule:
            return self._declared(self.policy, rule)
        return self._guessed(name)

    def _declared(self, policy: Policy, rule: CookieRule) -> Classification:
        category = policy.categories[rule.category]
        return Classification(
            "policy",
            rule.category,
            category.basis,
            rule.vendor,
            _in_language(rule.purpose, self._language),
            self.source,
            0 if rule.max_age == "session" else policy.limit(rule),
            category.gpc,
        )

    def _guessed(self, name: str) -> Classification:
        entry = find(name)
        if entry is None:
            return UNKNOWN
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
