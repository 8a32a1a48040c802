"""What the policy says, told to visitors: categories and cookies, their vendors and lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consentgate.policy import Category, CookieRule, Policy


def shown_categories(policy: Policy) -> list[Category]:
    """Return the categories that mean something to a visitor: without those never asked about."""
    offered = policy.offered
    return [
        category
        for category in policy.categories.values()
        if category.id in offered or not category.decidable
    ]


def declared_cookies(policy: Policy, category: str) -> Iterator[CookieRule]:
    """Return the rules of a category: the site's own, and those of presets they leave standing."""
    own = {rule.name for rule in policy.cookies}
    presets = (rule for rule in policy.preset_cookies if rule.name not in own)
    return (rule for rule in (*policy.cookies, *presets) if rule.category == category)


def longest_life(policy: Policy, rule: CookieRule) -> int | None:
    """Return the seconds that the gate lets a cookie live; None where it ends with the session."""
    return None if rule.max_age == "session" else policy.limit(rule)


def declaration(policy: Policy) -> dict[str, Any]:
    """Return the whole policy as JSON has it, in all its languages; lives are in seconds."""
    return {
        "version": policy.version,
        "preset": policy.preset,
        "consent_valid_for": policy.consent_valid_for,
        "ask_again_after": policy.ask_again_after,
        "gpc": policy.gpc,
        "dnt": policy.dnt,
        "consent_cookie": policy.cookie_name,
        "categories": [_category(policy, category) for category in shown_categories(policy)],
    }


def _category(policy: Policy, category: Category) -> dict[str, Any]:
    return {
        "id": category.id,
        "basis": category.basis,
        "gpc": category.gpc,
        "title": category.title,
        "description": category.description,
        "cookies": [_cookie(policy, rule) for rule in declared_cookies(policy, category.id)],
    }


def _cookie(policy: Policy, rule: CookieRule) -> dict[str, Any]:
    life = longest_life(policy, rule)
    return {
        "name": rule.name,
        "vendor": rule.vendor,
        "purpose": rule.purpose,
        "max_age": "session" if life is None else life,
        "domain": rule.domain,
        "path": rule.path,
        "partitioned": rule.partitioned,
    }
