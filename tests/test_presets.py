"""The presets say the numbers of the law they are named after, or stricter ones."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from consentgate import CookieRule, Policy
from consentgate.duration import DAY
from consentgate.policy_file import load_preset, preset_names

SIX_MONTHS = 181
TWELVE_MONTHS = 365
THIRTEEN_MONTHS = 393
TWO_YEARS = 730
BROWSERS_LIMIT = 400

OPTIONAL = ("functional", "statistics", "advertising", "social")


class Numbers(NamedTuple):
    """What a jurisdiction asks for; times in days."""

    basis: str
    consent_valid_for: int
    ask_again_after: int
    max_age: int
    gpc: str = "default"
    unregistered: str = "strip"


EUROPE = Numbers("opt-in", SIX_MONTHS, SIX_MONTHS, THIRTEEN_MONTHS)
AMERICA = Numbers("opt-out", TWELVE_MONTHS, TWELVE_MONTHS, BROWSERS_LIMIT, unregistered="allow")
JURISDICTIONS = {
    # CNIL, deliberations 2020-091 and 2020-092: 6 months for a choice, 13 for a cookie.
    "fr": EUROPE,
    # No duration binds the union, nor the United Kingdom; the shortest of a member is kept.
    "eu": EUROPE,
    "uk": EUROPE,
    "strict": EUROPE,
    # Garante, 10 June 2021: no new question within 6 months of a refusal.
    "it": EUROPE,
    # AEPD guide 3.2.8: 24 months at most for a choice; half of it is taken.
    "es": Numbers("opt-in", TWELVE_MONTHS, TWELVE_MONTHS, TWO_YEARS),
    # The doctrine before 2020: consent, too, was valid for 13 months.
    "fr-2013": Numbers("opt-in", THIRTEEN_MONTHS, THIRTEEN_MONTHS, THIRTEEN_MONTHS),
    "us-other": AMERICA,
    # CCPA regulation 7025: the signal wins over a stored choice; 1798.135: 12 months of peace.
    "us-ca": AMERICA._replace(gpc="override"),
}
LANGUAGES = {"en", "fr", "de", "es", "it", "nl"}
FRAMEWORKS = {
    "django": {"sessionid", "csrftoken", "django_language", "messages"},
    "flask": {"session", "remember_token"},
    "starlette": {"session"},
}


def test_every_preset_is_tested() -> None:
    """There are the presets below, and no others."""
    assert preset_names() == sorted([*JURISDICTIONS, *FRAMEWORKS])


@pytest.mark.parametrize("name", JURISDICTIONS)
class TestJurisdictions:
    """Presets that a policy builds on."""

    def test_numbers(self, name: str) -> None:
        """Basis, durations and signals are those of the table."""
        policy = Policy("1", preset=name)

        (basis,) = {policy.categories[category].basis for category in OPTIONAL}
        assert JURISDICTIONS[name] == Numbers(
            basis,
            policy.consent_valid_for // DAY,
            policy.ask_again_after // DAY,
            policy.max_age // DAY,
            policy.gpc,
            policy.unregistered,
        )

    def test_the_browsers_limit_holds(self, name: str) -> None:
        """However long the law allows, no cookie lives beyond 400 days."""
        policy = Policy("1", preset=name)

        assert policy.limit(None) == min(JURISDICTIONS[name].max_age, BROWSERS_LIMIT) * DAY

    def test_what_is_the_same_everywhere(self, name: str) -> None:
        """Strict mode, no Do Not Track, cookies that may outlive the consent unless one asks."""
        policy = Policy("1", preset=name)

        assert (policy.mode, policy.dnt, policy.expire_with_consent) == ("strip", "ignore", False)

    def test_categories(self, name: str) -> None:
        """One category is exempt; the signal refuses what sells or shares data, and only that."""
        categories = Policy("1", preset=name).categories

        assert tuple(categories) == ("necessary", *OPTIONAL)
        assert categories["necessary"].basis == "exempt"
        assert {id_ for id_, category in categories.items() if category.gpc} == {
            "advertising",
            "social",
        }
        assert all(category.max_age is category.mode is None for category in categories.values())

    def test_words(self, name: str) -> None:
        """Each category is named and explained in six languages."""
        for category in Policy("1", preset=name).categories.values():
            for words in (category.title, category.description):
                assert set(words) == LANGUAGES
                assert all(text.strip() == text != "" for text in words.values())


@pytest.mark.parametrize("name", FRAMEWORKS)
class TestFrameworks:
    """Presets of a framework's own cookies."""

    def test_cookies(self, name: str) -> None:
        """The cookies are those the framework sets, exempt, exact, and explained."""
        rules = {rule.name: rule for rule in Policy("1", frameworks=[name]).preset_cookies}
        assert {"eu-consent", "eu-consent-deposits"} <= rules.keys()
        for own in ("eu-consent", "eu-consent-deposits"):
            rules.pop(own)

        assert set(rules) == FRAMEWORKS[name]
        assert {rule.category for rule in rules.values()} == {"necessary"}
        assert all(set(rule.purpose) == LANGUAGES and rule.vendor for rule in rules.values())

    def test_cookies_as_they_stand(self, name: str) -> None:
        """Each table of the file is a rule, none lost to another of its name."""
        tables = load_preset(name)["cookies"]

        assert {CookieRule(**table).name for table in tables} == FRAMEWORKS[name]
        assert len(tables) == len(FRAMEWORKS[name])


def test_messages_of_django_end_with_the_visit() -> None:
    """The one framework cookie whose life is known: a notice for the next page."""
    rule = Policy("1", frameworks=["django"]).rule_for("messages")

    assert rule is not None
    assert rule.max_age == "session"
