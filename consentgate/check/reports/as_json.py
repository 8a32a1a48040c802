"""The report as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from consentgate.check.states import STATES
from consentgate.check.summary import summaries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.check.sightings import Run
    from consentgate.findings import Finding

_SCHEMA: Final = 1
"""Goes up when a reader of the last one would misread this one."""


def as_json(run: Run, findings: Iterable[Finding]) -> str:
    """Return all that was seen and found; lives are in seconds, and cookies have no values.

    Its keys, in this order:

    - ``schema``: 1; more is added without a new number.
    - ``application``, ``interface`` (``wsgi`` or ``asgi``), ``framework`` (or ``""``),
      ``policy_version``, and ``gated``: whether the application has its own gate.
    - ``states``: the visitor's, and ``paths``: what was asked for, both in order.
    - ``unasked``: what was not, the fields of `Unasked`.
    - ``answers``: for each request, in order, the fields of `Answer`.
    - ``cookies``: for each cookie, by category and name, the fields of `CookieSummary`.
    - ``lines``: for each Set-Cookie line, in order, the fields of `Sighting`.
    - ``findings``: from the worst down, the fields of `Finding`.
    """
    report = {
        "schema": _SCHEMA,
        "application": run.target,
        "interface": run.interface,
        "framework": run.framework,
        "policy_version": run.policy.version,
        "gated": run.is_gated,
        "states": [state.name for state in STATES],
        "paths": run.paths,
        "unasked": run.unasked._asdict(),
        "answers": [asdict(answer) for answer in run.answers],
        "cookies": [asdict(cookie) for cookie in summaries(run.sightings)],
        "lines": [asdict(sighting) for sighting in run.sightings],
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=2) + "\n"
