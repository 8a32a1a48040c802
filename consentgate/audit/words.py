"""Facts in plain English, for the terminal and for the report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from consentgate.audit.facts import StageName
from consentgate.duration import DAY
from consentgate.lifetime import UNITS, count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consentgate.audit.facts import Audit, Setter, StoredCookie
    from consentgate.findings import Finding, Level

__all__ = [
    "STAGES",
    "banner_in_words",
    "cut",
    "instant_in_words",
    "left_out_in_words",
    "legible",
    "life_in_words",
    "seconds_in_words",
    "setter_in_words",
    "verdict_in_words",
]

STAGES: Final = {
    StageName.BEFORE: "Before a choice",
    StageName.REFUSED: "After refusal",
    StageName.ACCEPTED: "After acceptance",
    StageName.SECOND_VISIT: "On a second visit",
    StageName.WITHDRAWN: "After withdrawal",
    StageName.GPC: "With Global Privacy Control",
}
"""Each stage, as a heading."""

_MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December")  # fmt: skip
_DAYS_OF_MONTH: Final = 30.44
_MANY_DAYS: Final = 60
_NEARLY: Final = 0.99
_MOST_LEFT_OUT: Final = 20
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def legible(text: str) -> str:
    """Return ``text``, which can be any, without what no page and no terminal should be given.

    For sentences, whose language may well need more than ASCII; names and addresses of a site are
    shown on a terminal as `consentgate.printable.printable` has them.
    """
    return "".join(each if each.isprintable() else _REPLACEMENT for each in text)


def cut(text: str, longest: int) -> str:
    """Return ``text``, of which no more than ``longest`` characters are told."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def seconds_in_words(seconds: float) -> str:
    """Return a time in the largest unit of which there are two, days with their months."""
    whole = max(round(seconds), 0)
    unit, size = next((each for each in UNITS if _fits(whole, each[1])), UNITS[-1])
    number = round(whole / size)
    text = count(number, unit)
    if unit == "day" and number >= _MANY_DAYS:
        return f"{text} ({number / _DAYS_OF_MONTH:.1f} months)".replace(".0 months", " months")
    return text


def _fits(seconds: int, size: int) -> bool:
    """Whether there are two of a unit, or one day, for which a little less will do."""
    return seconds >= (1 if size == DAY else 2) * size * _NEARLY


def life_in_words(cookie: StoredCookie) -> str:
    """Return how long the browser keeps a cookie, and how long it was asked to."""
    if cookie.life is None:
        return "until the browser is closed"
    kept = seconds_in_words(cookie.life)
    asked = cookie.setter.asked_life if cookie.setter else None
    if asked is None or asked <= cookie.life + DAY:
        return kept
    return f"{kept}; {seconds_in_words(asked)} were asked for"


def setter_in_words(setter: Setter | None) -> str:
    """Return who set a cookie."""
    if setter is None:
        return "somebody who was not seen"
    if setter.kind == "header":
        return f"the server's answer to {setter.url or 'an unknown request'}"
    return f"a script, {setter.url or 'in the page'}"


def banner_in_words(audit: Audit) -> str:
    """Return what asks for consent; what was not looked for may be there nevertheless."""
    if audit.banner_problem:
        return "none of ConsentGate's was found; others were not looked for"
    return audit.banner or "none was found"


def left_out_in_words(findings: Sequence[Finding]) -> str:
    """Return what was found and is left out on request; empty where nothing is."""
    if not findings:
        return ""
    about = dict.fromkeys(cut(f"{each.id}:{each.cookie}".rstrip(":"), 100) for each in findings)
    names = list(about)
    more = f" and {len(names) - _MOST_LEFT_OUT} more" if len(names) > _MOST_LEFT_OUT else ""
    shown = ", ".join(names[:_MOST_LEFT_OUT])
    return f"Left out by --ignore: {count(len(findings), 'finding')} ({shown}{more})."


def instant_in_words(seconds: float) -> str:
    """Return a date and time as English has it, in UTC."""
    when = datetime.fromtimestamp(seconds, UTC)
    month = _MONTHS[when.month - 1]
    return f"{when.day} {month} {when.year}, {when.hour:02d}:{when.minute:02d} UTC"


def verdict_in_words(counts: Mapping[Level, int]) -> str:
    """Return the result of an audit in one sentence."""
    errors, warnings = counts.get("error", 0), counts.get("warning", 0)
    review = f"{count(warnings, 'thing')} to review" if warnings else ""
    if errors:
        and_more = f", and {review}" if review else ""
        was = "was" if errors == 1 else "were"
        return f"{count(errors, 'problem')} {was} found{and_more}."
    if review:
        return f"No certain problem was found, but {review}."
    return "No problem was found."
