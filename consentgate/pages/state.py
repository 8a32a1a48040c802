"""The visitor's state as scripts and tests read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from consentgate.timestamp import timestamp

if TYPE_CHECKING:
    from consentgate.page import PageRequest

Status = Literal["undecided", "accepted", "refused", "partial"]


@dataclass(frozen=True, slots=True)
class State:
    """What holds for one visitor."""

    status: Status
    granted: list[str]
    """The categories that a visitor is asked about and that may be stored now."""
    denied: list[str]
    """The others that a visitor is asked about."""
    decided_at: int | None
    expires_at: int | None
    policy_version: str
    gpc: bool
    """Whether the browser sends Global Privacy Control, and what it refuses is refused (R22)."""

    def as_json(self) -> dict[str, Any]:
        """Return it with its times as RFC 3339 has them."""
        times = {
            "decided_at": _timestamp(self.decided_at),
            "expires_at": _timestamp(self.expires_at),
        }
        return {**asdict(self), **times}


def state_of(request: PageRequest) -> State:
    """Return the state of the visitor who made ``request``."""
    consent, gate = request.consent, request.visit.gate
    granted = [name for name in gate.policy.offered if name in consent.allowed]
    denied = [name for name in gate.policy.offered if name not in consent.allowed]
    return State(
        _status(granted, denied) if consent.decided else "undecided",
        granted,
        denied,
        consent.decided_at,
        consent.expires_at,
        gate.policy.version,
        _holds_gpc(request),
    )


def _holds_gpc(request: PageRequest) -> bool:
    gate = request.visit.gate
    refused = {category.id for category in gate.policy.categories.values() if category.gpc}
    if gate.policy.gpc == "ignore" or not refused:
        return False
    request.visit.vary_on("Sec-GPC")
    holds = refused.isdisjoint(request.consent.allowed)
    return holds and gate.sends_gpc(request.request)


def _timestamp(seconds: int | None) -> str | None:
    return None if seconds is None else timestamp(seconds)


def _status(granted: list[str], denied: list[str]) -> Status:
    if not denied:
        return "accepted"
    return "partial" if granted else "refused"
