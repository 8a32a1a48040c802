"""What a visitor's browser sends in each state of consent."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from consentgate.testing import consent_cookie
from pytest_consentgate.clients import browser_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consentgate import Gate

C = TypeVar("C")

GPC: Final[Mapping[str, str]] = MappingProxyType({"Sec-GPC": "1"})
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_SINCE: Final = 60
"""Seconds since the decision, so that one that a test takes is newer and counts (R20)."""
_LEFT_OVER: Final = "left-over"


class ConsentState:
    """One state of consent, to be put into a client.

    Args:
        gate: the site's.
        granted: the categories that the visitor accepted, of all; None for an undecided one.
        headers: request headers that belong to it.
        holds: names of cookies that the browser has as well.

    Raises `UnknownCategory`.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        granted: Iterable[str] | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        holds: Iterable[str] = (),
    ) -> None:
        self._gate = gate
        self.headers: dict[str, str] = dict(headers)
        """The request headers of this state, for clients that are not known here."""
        self.cookies: dict[str, str] = dict.fromkeys(holds, _LEFT_OVER)
        """The cookies of this state, for clients that are not known here."""
        if granted is not None:
            name, value = consent_cookie(gate, granted, gate.clock() - _SINCE)
            self.cookies[name] = value

    def __call__(self, client: C, *, domain: str | None = None) -> C:
        """Put this state into ``client``, in the place of any other, and return the client.

        Its other cookies stay. ``domain`` is the host that is asked, where it is not the one that
        the client asks by default; requests has none. Raises `TypeError` for a client that is not
        known here.
        """
        browser = browser_of(client, domain)
        policy = self._gate.policy
        browser.remove_cookie(policy.cookie_name, policy.cookie_domain)
        for name, value in self.cookies.items():
            browser.set_cookie(name, value)
        for name in GPC:
            browser.set_header(name, self.headers.get(name))
        return client

    def apply(self, client: C, *, domain: str | None = None) -> C:
        """Do what calling this state does, and say so."""
        return self(client, domain=domain)


class GrantedState(ConsentState):
    """The state of who has accepted something."""

    def only(self, category: str, /, *categories: str) -> ConsentState:
        """Return the state of who accepted these categories and refused all others.

        Raises `UnknownCategory`.
        """
        return ConsentState(self._gate, granted=(category, *categories))


def offered(gate: Gate) -> tuple[str, ...]:
    """Return the categories that the site asks about; all where it uses none."""
    return gate.policy.offered or gate.policy.decidable


def declared(gate: Gate) -> list[str]:
    """Return the names of the site's own cookies that need consent; patterns name none."""
    decidable = gate.policy.decidable
    return [
        rule.name
        for rule in gate.policy.cookies
        if rule.category in decidable and not {"*", "?"}.intersection(rule.name)
    ]
