"""The record of a decision made on these pages, and what a visitor can take home of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from consentgate.pages.state import state_of
from consentgate.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.consent import Decision
    from consentgate.page import PageRequest
    from consentgate.pages.choices import Choice
    from consentgate.pages.state import State
    from consentgate.policy import Policy
    from consentgate.record import Event


def record_of(request: PageRequest, choice: Choice, language: str) -> Record:
    """Return the record of what ``choice`` has just made the decision."""
    gate, decision = request.visit.gate, request.consent.decision
    assert decision is not None  # the choice made it  # noqa: S101
    return Record(
        decision.id,
        _event(choice, state_of(request)),
        decision.decided_at,
        decision.expires_at(gate.policy),
        _choices(gate.policy, decision),
        decision.policy_version,
        language,
        gate.policy.preset,
        gate.sends_gpc(request.visit.request),
    )


def _event(choice: Choice, state: State) -> Event:
    if choice.choice == "withdraw":
        return "withdrawn"
    if not state.denied:
        return "given"
    return "partial" if state.granted else "refused"


def _choices(policy: Policy, decision: Decision) -> dict[str, bool]:
    answered = decision.granted | decision.refused
    return {name: name in decision.granted for name in policy.decidable if name in answered}


def exported(request: PageRequest, kept: Iterable[Record]) -> dict[str, Any]:
    """Return everything that is known of a visitor's decisions, in an open format."""
    decision = request.consent.decision
    return {
        "subject": None if decision is None else decision.id,
        "state": state_of(request).as_json(),
        "records": [asdict(record) for record in kept],
    }
