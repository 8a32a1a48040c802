"""The record of a decision made on these pages, and what a visitor can take home of it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from consentgate.pages.state import state_of, timestamp
from consentgate.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.consent import Decision
    from consentgate.page import PageRequest
    from consentgate.pages.choices import Choice
    from consentgate.record import Event


def record_of(
    request: PageRequest, choice: Choice, before: Decision | None, language: str
) -> Record:
    """Return the record of what ``choice`` has just made of the decision ``before``."""
    gate = request.visit.gate
    decision = cast("Decision", request.consent.decision)
    choices = {name: name in decision.granted for name in gate.policy.offered}
    return Record(
        decision.id,
        _event(choice, before, choices),
        decision.decided_at,
        decision.expires_at(gate.policy),
        choices,
        decision.policy_version,
        language,
        gate.policy.preset,
        gate.sends_gpc(request.visit.request),
    )


def _event(choice: Choice, before: Decision | None, choices: dict[str, bool]) -> Event:
    """Return what was decided, whatever a signal makes of it."""
    if choice.choice == "withdraw" and before is not None and before.granted:
        return "withdrawn"
    if all(choices.values()):
        return "given"
    return "partial" if any(choices.values()) else "refused"


def exported(request: PageRequest, kept: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return everything that is known of a visitor's decisions, in an open format."""
    return {
        "subject": request.consent.subject,
        "state": state_of(request).as_json(),
        "records": list(kept),
    }


def as_json(record: Record) -> dict[str, Any]:
    """Return ``record`` with its times as RFC 3339 has them."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        **values,
        "choices": dict(record.choices),
        "time": timestamp(record.time),
        "valid_until": timestamp(record.valid_until),
    }
