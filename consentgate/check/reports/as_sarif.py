"""The report as SARIF 2.1.0, which code hosts show beside the code."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from consentgate.check.kinds import KINDS
from consentgate.findings import is_ignored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consentgate.check.sightings import Run
    from consentgate.findings import Finding

_VERSION: Final = "2.1.0"
_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def as_sarif(
    run: Run, findings: Iterable[Finding], source: Path, ignored: Collection[str] = ()
) -> str:
    """Return the report; ``source`` is the file that findings are shown at.

    It is named relative to the current folder, which CI has at the root of the repository. What is
    ``ignored`` is in it as suppressed (3.35), so that it is still known.
    """
    uri, lines = _uri(source), _lines(source)
    results = [_result(each, uri, lines, ignored) for each in findings]
    rules = [_rule(kind) for kind in KINDS]
    driver = {"name": "consentgate", "version": version("consentgate"), "rules": rules}
    properties = {"application": run.target, "policyVersion": run.policy.version}
    log = {"tool": {"driver": driver}, "results": results, "properties": properties}
    whole = {"$schema": _SCHEMA, "version": _VERSION, "runs": [log]}
    return json.dumps(whole, indent=2) + "\n"


def _uri(source: Path) -> str:
    """Return a URI reference (RFC 3986, as 3.4.3 wants it); a whole one outside of the folder."""
    file, here = source.absolute(), Path.cwd()
    if not file.is_relative_to(here):
        return file.as_uri()
    return quote(file.relative_to(here).as_posix())


def _lines(source: Path) -> list[str]:
    try:
        return source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _rule(kind_id: str) -> dict[str, Any]:
    kind = KINDS[kind_id]
    return {
        "id": kind.id,
        "shortDescription": {"text": kind.title},
        "help": {"text": kind.help},
        "defaultConfiguration": {"level": kind.level},
    }


def _result(
    finding: Finding, uri: str, lines: list[str], ignored: Collection[str]
) -> dict[str, Any]:
    about = finding.cookie or finding.place
    result = {
        "ruleId": finding.id,
        "ruleIndex": list(KINDS).index(finding.id),
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": [_location(finding, uri, lines)],
        "partialFingerprints": {"cookie/v1": f"{finding.id}:{about}"},
        "properties": {"state": finding.state, "place": finding.place},
    }
    if is_ignored(finding, ignored):
        result["suppressions"] = [{"kind": "external", "justification": "--ignore"}]
    return result


def _location(finding: Finding, uri: str, lines: list[str]) -> dict[str, Any]:
    physical = {
        "artifactLocation": {"uri": uri},
        "region": {"startLine": _line_of(finding.cookie, lines)},
    }
    location: dict[str, Any] = {"physicalLocation": physical}
    if finding.cookie:
        location["logicalLocations"] = [{"name": finding.cookie, "kind": "cookie"}]
    return location


def _line_of(name: str, lines: list[str]) -> int:
    """Return the number of the line that names ``name`` first, or else 1."""
    names_it = re.compile(rf"""["'.]{re.escape(name)}["'\]]""")
    found = (number for number, line in enumerate(lines, 1) if name and names_it.search(line))
    return next(found, 1)
