"""Google Consent Mode v2: the visitor's state in the words of Google's tags.

The server knows the state when it renders, so the default is the visitor's own choice at once,
and no tag waits for an update.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from consentgate.policy import Policy

SIGNALS: Final = (
    "ad_personalization",
    "ad_storage",
    "ad_user_data",
    "analytics_storage",
    "functionality_storage",
    "personalization_storage",
    "security_storage",
)
"""What a tag may ask for (Google, consent mode reference)."""

DEFAULT_MAPPING: Final[Mapping[str, Sequence[str]]] = {
    "necessary": ("security_storage",),
    "functional": ("functionality_storage", "personalization_storage"),
    "statistics": ("analytics_storage",),
    "advertising": ("ad_storage", "ad_user_data", "ad_personalization"),
}
"""Which signals each category grants; ``social`` grants none."""


class ConsentMode:
    """Which signals the categories of a policy grant.

    ``mapping`` gives signals by category; what it leaves out is as in `DEFAULT_MAPPING`. Raises
    `ConfigurationError` for a category or signal that is not there.
    """

    def __init__(self, policy: Policy, mapping: Mapping[str, Sequence[str]]) -> None:
        for category, signals in mapping.items():
            _check(category, policy.categories, "category of the policy")
            for signal in signals:
                _check(signal, SIGNALS, "signal of Consent Mode")
        merged = {**DEFAULT_MAPPING, **mapping}
        self._signals = {category: merged.get(category, ()) for category in policy.categories}

    def signals(self, category: str) -> Sequence[str]:
        """Return the signals that ``category`` grants."""
        return self._signals[category]

    def script(self, allowed: Collection[str]) -> str:
        """Return the script that sets the default for a visitor who allows these categories."""
        granted = {signal for category in allowed for signal in self.signals(category)}
        state = {name: "granted" if name in granted else "denied" for name in SIGNALS}
        return (
            "window.dataLayer=window.dataLayer||[];"
            "function gtag(){dataLayer.push(arguments)}"
            f'gtag("consent","default",{json.dumps(state, separators=(",", ":"))});'
        )


def _check(name: str, known: Collection[str], what: str) -> None:
    if name not in known:
        raise ConfigurationError(f"consent_mode: {name!r} is no {what}; use {', '.join(known)}")
