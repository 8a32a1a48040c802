"""The report: one HTML file with charts, which loads nothing and runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from consentgate.documents import environment_for
from consentgate.records.statistics import (
    DECISIONS,
    Rate,
    Span,
    Statistics,
    Unit,
    as_date,
    by_unit,
    statistics,
    unit_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jinja2 import Environment

    from consentgate.record import DecisionCount, Event

EVENTS: Final[Mapping[Event, str]] = {
    "given": "Accepted everything",
    "partial": "Accepted a part",
    "refused": "Refused everything",
    "withdrawn": "Withdrew",
}
"""Each kind of decision, in words."""

_MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December")  # fmt: skip
"""Those of `calendar` would follow the locale, and the rest of the page would not."""
_PLOT_HEIGHT: Final = 240
_MOST_TICKS: Final = 6
_MOST_LABELS: Final = 5
_LABELS_IN_LITTLE_ROOM: Final = 3
_MOST_COLUMNS: Final = 6
_WIDEST_BAR: Final = 6.0
"""Of the plot's width, in per cent: one bar alone is not to be a wall."""
_GAP: Final = 0.22
"""How much of its slot a bar leaves free."""
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One kind of decision within one bar, in pixels from the top."""

    event: Event
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The decisions of one span; across, everything is in per cent of the plot's width."""

    x: float
    width: float
    segments: tuple[Segment, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Label:
    """What stands below some of the bars."""

    x: float
    text: str
    minor: bool
    """Whether it is left out where there is little room."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the plot."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars, ready to be drawn."""

    unit: Unit
    spans: tuple[Span, ...]
    bars: tuple[Bar, ...]
    labels: tuple[Label, ...]
    ticks: tuple[Tick, ...]
    height: int = _PLOT_HEIGHT


def report_html(
    counts: Iterable[DecisionCount],
    *,
    title: str,
    made_at: float,
    since: int | None = None,
    until: int | None = None,
) -> str:
    """Return the report on ``counts`` as an HTML page.

    ``made_at`` is in seconds since 1970. Where the period was chosen, ``since`` is its first day
    and ``until`` the first day after it, in days since 1970.
    """
    found = statistics(counts, since, until)
    return _environment.get_template("report.html").render(
        EVENTS=EVENTS,
        title=title,
        made_at=datetime.fromtimestamp(made_at, UTC),
        period=_period(found, since, until),
        statistics=found,
        chart=chart(found.days),
    )


def _period(found: Statistics, since: int | None, until: int | None) -> str:
    """Return the period in words; empty where there is none."""
    if found.days:
        return span_in_words(found.days[0].first, found.days[-1].last)
    if since is not None and until is not None:
        return span_in_words(since, until - 1)
    if since is not None:
        return f"from {date_in_words(as_date(since))} on"
    return "" if until is None else f"before {date_in_words(as_date(until))}"


def chart(days: Sequence[Span]) -> Chart:
    """Return the chart of the decisions per day, or per as many days as keep it readable."""
    unit = unit_for(days)
    spans = tuple(by_unit(days, unit))
    scale = ticks(max((span.decisions for span in spans), default=0))
    slot = 100 / max(len(spans), 1)
    return Chart(
        unit,
        spans,
        tuple(_bar(span, place, slot, scale[-1]) for place, span in enumerate(spans)),
        tuple(_labels(spans, unit, slot)),
        tuple(Tick(_height(scale[-1] - value, scale[-1]), number(value)) for value in scale),
    )


def ticks(most: int) -> list[int]:
    """Return the round numbers from 0 on of an axis that reaches at least to ``most``."""
    step = next(step for step in _round_numbers() if step * (_MOST_TICKS - 1) >= most)
    return list(range(0, most + step, step)) if most else [0, 1]


def _round_numbers() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _height(value: int, highest: int) -> float:
    return round(_PLOT_HEIGHT * value / highest, 2)


def _bar(span: Span, place: int, slot: float, highest: int) -> Bar:
    width = min(slot * (1 - _GAP), _WIDEST_BAR)
    x = slot * (place + 0.5) - width / 2
    return Bar(round(x, 3), round(width, 3), tuple(_segments(span, highest)), _told(span))


def _segments(span: Span, highest: int) -> Iterator[Segment]:
    """Yield what is drawn from the ground up."""
    top = highest
    for event in DECISIONS:
        if how_many := span.events[event]:
            top -= how_many
            yield Segment(event, _height(top, highest), _height(how_many, highest))


def _told(span: Span) -> str:
    parts = (f"{EVENTS[event]}: {number(span.events[event])}" for event in DECISIONS)
    return "\n".join([span_in_words(span.first, span.last), *parts])


def _labels(spans: Sequence[Span], unit: Unit, slot: float) -> Iterator[Label]:
    """Yield the names of some spans, from the middle of equal parts of the plot."""
    how_many = min(len(spans), _MOST_LABELS)
    for index in range(how_many):
        place = int((index + 0.5) * len(spans) / how_many)
        minor = index % 2 == 1 and how_many > _LABELS_IN_LITTLE_ROOM
        yield Label(round(slot * (place + 0.5), 3), label(spans[place], unit), minor)


def label(span: Span, unit: Unit) -> str:
    """Return the short name of ``span``; a week is called after its first day."""
    first = as_date(span.first)
    match unit:
        case "year":
            return str(first.year)
        case "month":
            return f"{_MONTHS[first.month - 1][:3]} {first.year}"
        case _:
            return f"{first.day} {_MONTHS[first.month - 1][:3]} {first.year}"


def span_in_words(first: int, last: int) -> str:
    """Return the days from ``first`` to ``last`` in words."""
    one, other = date_in_words(as_date(first)), date_in_words(as_date(last))
    return one if first >= last else f"{one} to {other}"


def date_in_words(day: date) -> str:
    """Return a date as English has it."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def number(value: int) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}"


def percentage(part: int, whole: int) -> str:
    """Return a share in words: only all is 100 %, and only none is 0 %."""
    if part in (0, whole):
        return "100 %" if part else "0 %"
    shown = f"{100 * part / whole:.1f}"
    return {"100.0": "> 99.9 %", "0.0": "< 0.1 %"}.get(shown, f"{shown} %")


def rate_in_words(rate: Rate) -> str:
    """Return a rate of consent in per cent."""
    return percentage(rate.accepted, rate.asked)


def accepted_of_asked(rate: Rate) -> str:
    """Return the two numbers that a rate of consent is made of."""
    return f"{number(rate.accepted)} of {number(rate.asked)}"


def columns(categories: Sequence[str]) -> list[Sequence[str]]:
    """Return ``categories`` in about equal parts, for each of which a page is wide enough."""
    parts = -(-len(categories) // _MOST_COLUMNS)
    size = -(-len(categories) // max(parts, 1))
    return [categories[start : start + size] for start in range(0, len(categories), size or 1)]


def printable(text: str) -> str:
    """Return ``text``, which can be any, without what no page and no terminal should be given."""
    return "".join(each if each.isprintable() else _REPLACEMENT for each in text)


def _make_environment() -> Environment:
    environment = environment_for("consentgate.records")
    words: tuple[Callable[..., Any], ...] = (
        accepted_of_asked,
        columns,
        date_in_words,
        label,
        number,
        percentage,
        printable,
        rate_in_words,
        span_in_words,
    )
    filters: dict[str, Any] = environment.filters
    filters.update({each.__name__: each for each in words})
    return environment


_environment: Final = _make_environment()
