"""Compare what the commands found in an application with what is expected: compare.py FILE.

It reads the reports in the current folder. With --update, FILE is written anew. Without Chromium
there are no audits, and what FILE has about them is left as it is.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
from pathlib import Path
from typing import Any

DAY = 24 * 60 * 60
A_MINUTE = 60
"""Less than it takes to look at a site."""
OF_ANY_STAGE = ("over-13-months", "over-policy-limit")
"""Findings about the longest life that was seen: a second decides at which stage that was."""


def found() -> dict[str, Any]:
    """Return what the reports say, without what differs from run to run."""
    results = {
        "init": {"exit_code": _exit_code("init"), "rules": _rules(Path("consent.toml"))},
        "check of the ungated site": _of_check("check-ungated"),
        "check of the gated site": _of_check("check-gated"),
    }
    if not is_without_chromium():
        results["audit of the ungated site"] = _of_audit("audit-ungated")
        results["audit of the gated site"] = _of_audit("audit-gated")
    return results


def is_without_chromium() -> bool:
    """Whether that is why there are no audits."""
    return "no Chromium was found" in Path("audit-ungated.log").read_text(encoding="utf-8")


def _exit_code(step: str) -> int:
    return int(Path(f"{step}.exit-code").read_text())


def _rules(draft: Path) -> list[str]:
    """Return the drafted rules' names, those in comments with their `#`, and what is known."""
    if not draft.exists():
        raise SystemExit(f"\ninit wrote no policy; see {Path.cwd() / 'init.log'}")
    lines = draft.read_text(encoding="utf-8").splitlines()
    wanted = ("name = ", "#name = ", "# Known to ConsentGate")
    return [line.rpartition(" # seen")[0] or line for line in lines if line.startswith(wanted)]


def _report(step: str) -> dict[str, Any]:
    report = Path(f"{step}.json")
    if not report.exists():
        raise SystemExit(f"\n{step} wrote no report; see {Path.cwd() / f'{step}.log'}")
    return json.loads(report.read_text(encoding="utf-8"))


def _of_check(step: str) -> dict[str, Any]:
    report = _report(step)
    cookies = {
        cookie["name"]: {"category": cookie["category"], **_by_outcome(cookie["outcomes"])}
        for cookie in report["cookies"]
    }
    return {
        "exit_code": _exit_code(step),
        "paths": len(report["paths"]),
        "findings": _findings(report),
        "cookies": cookies,
    }


def _by_outcome(outcomes: dict[str, list[str]]) -> dict[str, str]:
    told: dict[str, list[str]] = {}
    for state, happened in outcomes.items():
        told.setdefault(", ".join(happened), []).append(state)
    return {outcome: ", ".join(states) for outcome, states in told.items()}


def _of_audit(step: str) -> dict[str, Any]:
    report = _report(step)
    stages = {
        stage["name"]: {
            "pages": " ".join(str(page["status"]) for page in stage["pages"]),
            "cookies": {cookie["name"]: _cookie(cookie) for cookie in stage["cookies"]},
            "storage": sorted(f"{key['area']}: {key['name']}" for key in stage["storage"]),
            "third parties": sorted(party["domain"] for party in stage["third_parties"]),
        }
        for stage in report["stages"]
        if stage["tested"]
    }
    return {"exit_code": _exit_code(step), "findings": _findings(report), "stages": stages}


def _cookie(cookie: dict[str, Any]) -> str:
    return f"{cookie['category'] or 'unknown'}, set by {cookie['set_by']}, {_life(cookie['life'])}"


def _life(seconds: int | None) -> str:
    """Return a life in days, rounded up: the gate counts it from the start of the first day."""
    return "session" if seconds is None else f"{math.ceil((seconds - A_MINUTE) / DAY)} days"


def _findings(report: dict[str, Any]) -> list[str]:
    return sorted({_finding(**each) for each in report["findings"]})


def _finding(id: str, level: str, cookie: str, state: str, **_: str) -> str:  # noqa: A002
    told = " ".join(filter(None, (level, id, cookie)))
    return f"{told} ({state})" if state and id not in OF_ANY_STAGE else told


def main(file: Path, *options: str) -> int:
    """Return 0 where all is as expected."""
    expected = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    now = expected | found()
    is_update = "--update" in options
    if is_update:
        file.write_text(f"{_text(now)}\n", encoding="utf-8")
    lines = (_text(expected).splitlines(), _text(now).splitlines())
    differences = "\n".join(difflib.unified_diff(*lines, "expected", "found", lineterm=""))
    print(f"\n{differences or 'All as expected.'}")  # noqa: T201 - a program
    if is_without_chromium():
        print("The audits were left out: there is no Chromium here.")  # noqa: T201
    return int(bool(differences) and not is_update)


def _text(results: dict[str, Any]) -> str:
    return json.dumps(results, indent=2, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
