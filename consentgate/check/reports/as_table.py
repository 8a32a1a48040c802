"""The report for people, on a terminal or in the log of a CI server."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from consentgate.check.kinds import KINDS
from consentgate.check.states import STATES
from consentgate.check.summary import summaries
from consentgate.findings import LEVELS
from consentgate.lifetime import UNITS, count
from consentgate.printable import printable
from consentgate.set_cookie import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from consentgate.check.sightings import Outcome, Run
    from consentgate.check.summary import CookieSummary
    from consentgate.findings import Finding, Level

_COLOURS: Final[dict[Level, str]] = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_STYLES: Final[dict[Outcome, str]] = {
    "passed": "green",
    "rewritten": "green",
    "shortened": "green",
    "not extended": "green",
    "stripped": "dim",
    "deleted": "dim",
    "blocked": "yellow",
    "reported": "bold red",
    "ungated": "bold red",
}
_LONGEST_NAME: Final = 80
_EVERY_STATE: Final = ", ".join(state.name for state in STATES)


def print_table(console: Console, run: Run, findings: Sequence[Finding]) -> None:
    """Print what was seen of each cookie in each state, then what is wrong and what to do.

    Where nobody sits at a terminal, a finding is one line, however long, and so is a remedy.
    """
    console.print(_about(run))
    cookies = summaries(run.sightings)
    if cookies:
        console.print(_table(cookies))
    for line in (*map(_finding, findings), *_remedies(findings)):
        console.print(line, soft_wrap=not console.is_terminal)
    console.print(_conclusion(findings))


def _about(run: Run) -> Text:
    framework = f", {run.framework.capitalize()}" if run.framework else ""
    gate = "its own gate" if run.is_gated else "a gate put around it"
    return Text(
        f"{printable(run.target)} ({run.interface.upper()}{framework}), {gate}, policy "
        f"{printable(run.policy.version)}: {count(len(run.paths), 'path')} in {len(STATES)} states"
    )


def _table(cookies: Iterable[CookieSummary]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("cookie", "category", "asks for", "limit", "becomes"):
        table.add_column(heading, overflow="fold")
    for cookie in cookies:
        table.add_row(
            _name(cookie.name),
            _category(cookie),
            in_short(cookie.lifetime) if cookie.is_set else "",
            in_short(cookie.limit) if cookie.is_set else "",
            _outcomes(cookie),
        )
    return table


def _name(name: str) -> Text:
    shown = printable(name[:_LONGEST_NAME]) or "(no name)"
    return Text(shown if len(name) <= _LONGEST_NAME else f"{shown}...")


def _category(cookie: CookieSummary) -> Text:
    if cookie.category is None:
        guess = f" ({cookie.guess}?)" if cookie.guess else ""
        return Text(f"unregistered{guess}", style="red" if cookie.is_set else "dim")
    is_pattern = cookie.rule not in (None, cookie.name)
    return Text(f"{cookie.category} ({cookie.rule})" if is_pattern else cookie.category)


def _outcomes(cookie: CookieSummary) -> Text:
    """Say what became of a cookie, and in which states unless it was the same in all."""
    states: dict[tuple[Outcome, ...], list[str]] = {}
    for state, outcomes in cookie.outcomes.items():
        states.setdefault(outcomes, []).append(state)
    words = [_in_states(outcomes, where, cookie) for outcomes, where in states.items()]
    return Text("\n").join(words)


def _in_states(outcomes: Iterable[Outcome], states: Sequence[str], cookie: CookieSummary) -> Text:
    text = Text(", ").join(_outcome(outcome, cookie) for outcome in outcomes)
    if len(states) < len(STATES):
        text.append(f": {', '.join(states)}")
    return text


def _outcome(outcome: Outcome, cookie: CookieSummary) -> Text:
    text = Text(outcome, _STYLES[outcome])
    return text.append(f" ({', '.join(cookie.rewritten_for)})") if outcome == "rewritten" else text


def in_short(seconds: int | None) -> str:
    """Return a lifetime in the largest unit that has it whole, or at least 2 of it."""
    if seconds is None:
        return "session"
    if seconds >= FOREVER:
        return "for ever"
    fitting = (each for each in UNITS if seconds >= 2 * each[1] or seconds == each[1])
    unit, length = next(fitting, UNITS[-1])
    return count(seconds // length, unit)


def _finding(finding: Finding) -> Text:
    text = Text().append(f"{finding.level}: ", style=_COLOURS[finding.level])
    text.append(printable(finding.message))
    states = "" if finding.state == _EVERY_STATE else finding.state
    where = "; ".join(filter(None, (finding.id, states, finding.place)))
    text.append(f" [{printable(where)}]", style="dim")
    return text


def _remedies(findings: Iterable[Finding]) -> Iterator[Text]:
    """Return what to do about each kind of finding, which is said once."""
    kinds = dict.fromkeys(finding.id for finding in findings)
    if kinds:
        yield Text("What to do:")
    for kind in kinds:
        yield Text(f"  {kind}: {KINDS[kind].help}")


def _conclusion(findings: Iterable[Finding]) -> Text:
    levels = Counter(finding.level for finding in findings)
    if not levels:
        return Text("Nothing is wrong.", style="green")
    return Text(", ".join(count(levels[level], level) for level in LEVELS if levels[level]) + ".")
