"""How visitors decide: how many decisions on each day, and how many of them accepted what.

A decision is a record of what a visitor chose. The record of a privacy signal is none: it is
counted by itself and enters no rate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from consentgate.record import DecisionCount, Event

Unit = Literal["day", "week", "month", "year"]
Key = TypeVar("Key", str, int)

DECISIONS: Final[tuple[Event, ...]] = ("given", "partial", "refused", "withdrawn")
"""The events that are decisions, in the order they are shown in."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_UNITS: Final[tuple[tuple[Unit, int], ...]] = (("day", 92), ("week", 2 * 366), ("month", 10 * 366))
"""Each unit, and how many days it is right for: no more than some hundred and twenty bars."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the decisions about a category accepted it."""

    accepted: int
    asked: int
    """More than none."""

    @property
    def share(self) -> float:
        """The rate of consent, from 0 to 1."""
        return self.accepted / self.asked


@dataclass(frozen=True, slots=True)
class Span:
    """The records of one day, or of some days in a row."""

    first: int
    """Its first day, in days since 1970."""
    last: int
    """Its last day."""
    events: Mapping[Event, int]
    """How many decisions there are of each kind."""
    signals: int

    @property
    def decisions(self) -> int:
        """How many decisions there are."""
        return sum(self.events.values())


@dataclass(frozen=True, slots=True)
class Group:
    """The decisions that have something in common, such as their language."""

    name: str
    first: int
    """The day of its first decision, in days since 1970."""
    last: int
    """The day of its last decision."""
    events: Mapping[Event, int]
    rates: Mapping[str, Rate]
    """By category, in alphabetical order."""

    @property
    def decisions(self) -> int:
        """How many decisions there are."""
        return sum(self.events.values())


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the records of a period say."""

    days: tuple[Span, ...]
    """Every day of the period, also those without a record; empty where there is no record."""
    total: Group | None
    """All decisions; None where there is none."""
    languages: tuple[Group, ...]
    """The decisions by language, the most frequent first."""
    policy_versions: tuple[Group, ...]
    """The decisions by policy version, the first used first."""

    @property
    def signals(self) -> int:
        """How many records of privacy signals there are."""
        return sum(day.signals for day in self.days)


_LAST_DAY: Final = date.max.toordinal() - _EPOCH
"""What is later has no date; `verify` tells of a record that somebody has dated so."""
_LONGEST_SERIES: Final = 36_525
"""Days, a hundred years; where a wrong clock makes more of them, empty ones are left out."""


def statistics(
    counts: Iterable[DecisionCount], since: int | None = None, until: int | None = None
) -> Statistics:
    """Return what ``counts`` say.

    The period is that of the records, but where it is known what was asked for: ``since`` is its
    first day and ``until`` the first day after it, in days since 1970.
    """
    found = [count for count in counts if count.records and 0 <= count.day <= _LAST_DAY]
    decided = [count for count in found if count.event != "signal"]
    return Statistics(
        days=tuple(_days(found, since, until)),
        total=_group("", decided) if decided else None,
        languages=tuple(sorted(_groups(decided, lambda count: count.language), key=_by_frequency)),
        policy_versions=tuple(
            sorted(_groups(decided, lambda count: count.policy_version), key=_by_first_use)
        ),
    )


def _days(found: Sequence[DecisionCount], since: int | None, until: int | None) -> Iterator[Span]:
    if not found:
        return
    by_day = _sorted_out(found, lambda count: count.day)
    first = min(by_day) if since is None else min(since, *by_day)
    last = max(by_day) if until is None else max(until - 1, *by_day)
    days = range(first, last + 1)
    for day in days if len(days) <= _LONGEST_SERIES else sorted(by_day):
        events = _events(by_day.get(day, ()))
        signals = events.pop("signal", 0)
        yield Span(day, day, events, signals)


def _groups(
    decided: Iterable[DecisionCount], name_of: Callable[[DecisionCount], str]
) -> Iterator[Group]:
    return (_group(name, counts) for name, counts in _sorted_out(decided, name_of).items())


def _sorted_out(
    counts: Iterable[DecisionCount], key_of: Callable[[DecisionCount], Key]
) -> dict[Key, list[DecisionCount]]:
    found: defaultdict[Key, list[DecisionCount]] = defaultdict(list)
    for count in counts:
        found[key_of(count)].append(count)
    return found


def _group(name: str, decided: Sequence[DecisionCount]) -> Group:
    days = [count.day for count in decided]
    return Group(name, min(days), max(days), _events(decided), _rates(decided))


def _events(counts: Iterable[DecisionCount]) -> dict[Event, int]:
    """Return how many records there are of each event; of a decision also that there is none."""
    found: Counter[Event] = Counter(dict.fromkeys(DECISIONS, 0))
    for count in counts:
        found[count.event] += count.records
    return dict(found)


def _rates(decided: Iterable[DecisionCount]) -> dict[str, Rate]:
    accepted: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for count in decided:
        for category, choice in count.choices.items():
            asked[category] += count.records
            accepted[category] += count.records if choice else 0
    return {category: Rate(accepted[category], asked[category]) for category in sorted(asked)}


def _by_frequency(group: Group) -> tuple[int, str]:
    return -group.decisions, group.name


def _by_first_use(group: Group) -> tuple[int, int, str]:
    return group.first, group.last, group.name


def unit_for(days: Sequence[Span]) -> Unit:
    """Return the unit in which a chart of ``days`` stays readable."""
    for unit, longest in _UNITS:
        if len(days) <= longest:
            return unit
    return "year"


def by_unit(days: Iterable[Span], unit: Unit) -> list[Span]:
    """Return ``days`` put together by day, by ISO week (from Monday on), by month or by year."""
    groups = groupby(days, lambda day: _of_calendar(as_date(day.first), unit))
    return [together(tuple(group)) for _, group in groups]


def _of_calendar(day: date, unit: Unit) -> tuple[int, ...]:
    match unit:
        case "day":
            return (day.toordinal(),)
        case "week":
            return tuple(day.isocalendar()[:2])
        case "month":
            return (day.year, day.month)
        case _:
            return (day.year,)


def together(days: Sequence[Span]) -> Span:
    """Return ``days``, which follow one another, as one span."""
    events: dict[Event, int] = {
        event: sum(day.events[event] for day in days) for event in DECISIONS
    }
    return Span(days[0].first, days[-1].last, events, sum(day.signals for day in days))


def as_date(day: int) -> date:
    """Return the date of a day counted from 1970."""
    return date.fromordinal(_EPOCH + day)


def day_of(moment: date) -> int:
    """Return the number of a date, counted in days from 1970."""
    return moment.toordinal() - _EPOCH


def as_json(statistics: Statistics) -> dict[str, Any]:
    """Return ``statistics`` as JSON values."""
    total = statistics.total
    return {
        "decisions": total.decisions if total else 0,
        "events": dict(total.events) if total else dict.fromkeys(DECISIONS, 0),
        "signals": statistics.signals,
        "days": [_day_as_json(day) for day in statistics.days],
        "categories": _rates_as_json(total.rates if total else {}),
        "languages": [
            {"language": group.name, **_group_as_json(group)} for group in statistics.languages
        ],
        "policy_versions": [
            {"policy_version": group.name, **_group_as_json(group)}
            for group in statistics.policy_versions
        ],
    }


def _day_as_json(day: Span) -> dict[str, Any]:
    return {
        "day": as_date(day.first).isoformat(),
        "decisions": day.decisions,
        "events": dict(day.events),
        "signals": day.signals,
    }


def _group_as_json(group: Group) -> dict[str, Any]:
    return {
        "first_day": as_date(group.first).isoformat(),
        "last_day": as_date(group.last).isoformat(),
        "decisions": group.decisions,
        "events": dict(group.events),
        "categories": _rates_as_json(group.rates),
    }


def _rates_as_json(rates: Mapping[str, Rate]) -> dict[str, Any]:
    return {
        category: {"accepted": rate.accepted, "asked": rate.asked, "rate": round(rate.share, 4)}
        for category, rate in rates.items()
    }
