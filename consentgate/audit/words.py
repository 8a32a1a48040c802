"""Facts in plain English, for the terminal and for the report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from consentgate.audit.facts import StageName
from consentgate.duration import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consentgate.audit.facts import Setter, StoredCookie
    from consentgate.findings import Level

__all__ = [
    "STAGES",
    "instant_in_words",
    "life_in_words",
    "printable",
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
_UNITS: Final = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))
_DAYS_OF_MONTH: Final = 30.44
_MANY_DAYS: Final = 60
_NEARLY: Final = 0.99
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Return ``text``, which can be any, without what no page and no terminal should be given."""
    return "".join(each if each.isprintable() else _REPLACEMENT for each in text)


def seconds_in_words(seconds: float) -> str:
    """Return a time in the largest unit of which there are two, days with their months."""
    whole = max(round(seconds), 0)
    size, unit = next((each for each in _UNITS if _fits(whole, each[0])), _UNITS[-1])
    count = round(whole / size)
    text = f"{count} {unit}{'' if count == 1 else 's'}"
    if unit == "day" and count >= _MANY_DAYS:
        return f"{text} ({count / _DAYS_OF_MONTH:.1f} months)".replace(".0 months", " months")
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


def instant_in_words(seconds: float) -> str:
    """Return a date and time as English has it, in UTC."""
    when = datetime.fromtimestamp(seconds, UTC)
    month = _MONTHS[when.month - 1]
    return f"{when.day} {month} {when.year}, {when.hour:02d}:{when.minute:02d} UTC"


def verdict_in_words(counts: Mapping[Level, int]) -> str:
    """Return the result of an audit in one sentence."""
    errors, warnings = counts.get("error", 0), counts.get("warning", 0)
    review = f"{warnings} {_plural('thing', warnings)} to review" if warnings else ""
    if errors:
        and_more = f", and {review}" if review else ""
        was = "was" if errors == 1 else "were"
        return f"{errors} {_plural('problem', errors)} {was} found{and_more}."
    if review:
        return f"No certain problem was found, but {review}."
    return "No problem was found."


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
