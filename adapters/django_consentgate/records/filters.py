"""Filters of the admin's list of records."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.admin import ListFilter, SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.cache import cache

from django_consentgate.records.models import ConsentDocument
from django_consentgate.records.moments import midnight, today

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.admin import ModelAdmin
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from django_consentgate.records.models import ConsentRecord

_FROM: Final = "decided_from"
_UNTIL: Final = "decided_until"
_A_DAY: Final = timedelta(days=1)
_REMEMBERED: Final = 600
"""Seconds for which the values of a column are not looked up again."""
_FIRST_DAY: Final = date(1970, 1, 1)


class DecidedFilter(ListFilter):
    """From which day until which one it was decided, for times that are seconds since 1970.

    Both days count, and begin and end where the site is.
    """

    title = "date"
    template = "admin/consentgate_records/decided_filter.html"

    def __init__(
        self,
        request: HttpRequest,
        params: dict[Any, Any],
        model: type[ConsentRecord],
        model_admin: ModelAdmin[ConsentRecord],
    ) -> None:
        super().__init__(request, params, model, model_admin)
        said = (params.pop(name, [""])[-1] for name in self.expected_parameters())
        self.first, self.last = map(_day, said)
        self.others: list[tuple[str, str]] = []
        """What the form has to send beside the two days."""

    def expected_parameters(self) -> list[str | None]:
        """Return which parameters of the address are this filter's."""
        return [_FROM, _UNTIL]

    def has_output(self) -> bool:
        """Whether there is anything to choose."""
        return True

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[ConsentRecord],
    ) -> QuerySet[ConsentRecord]:
        """Return the records of those days."""
        if self.first:
            queryset = queryset.filter(time__gte=midnight(self.first))
        if self.last:
            queryset = queryset.filter(time__lt=midnight(self.last + _A_DAY))
        return queryset

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        """Yield the periods that one click chooses."""
        names = [_FROM, _UNTIL]
        self.others = [
            (name, value)
            for name, values in changelist.filter_params.items()
            for value in values
            if name not in names
        ]
        for display, first in _periods(today()):
            chosen = {_FROM: first.isoformat()} if first else {}
            yield {
                "selected": (self.first, self.last) == (first, None),
                "query_string": changelist.get_query_string(chosen, names),
                "display": display,
            }


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise IncorrectLookupParameters from error
    if day and not _FIRST_DAY <= day < date.max:
        raise IncorrectLookupParameters
    return day


def _periods(day: date) -> Iterator[tuple[str, date | None]]:
    yield "Any date", None
    yield "Today", day
    yield "Past 7 days", day - 6 * _A_DAY
    yield "This month", day.replace(day=1)
    yield "This year", day.replace(month=1, day=1)


class ValueFilter(SimpleListFilter):
    """One value of a column that has few; where there are none, the filter is not shown.

    To look for them is to read all records, so they are remembered for a while. Where a language,
    a policy or its preset is new, so is a document: what was remembered counts no more.
    """

    @property
    def _column(self) -> str:
        return self.parameter_name or ""

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        """Return the values, and how they are shown."""
        records = model_admin.get_queryset(request)
        documents = ConsentDocument.objects.using(records.db).count()
        key = f"consentgate.{self._column}.{records.db}.{documents}"
        values: list[str] = cache.get_or_set(key, lambda: self._values(records), _REMEMBERED) or []
        return [(value, value or "none") for value in values]

    def _values(self, records: QuerySet[ConsentRecord]) -> list[str]:
        column = self._column
        return list(records.order_by(column).values_list(column, flat=True).distinct())

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[ConsentRecord],
    ) -> QuerySet[ConsentRecord]:
        """Return the records with the value that was chosen."""
        value = self.value()
        return queryset if value is None else queryset.filter(**{self._column: value})


class LanguageFilter(ValueFilter):
    """The language it was asked in."""

    title = parameter_name = "language"


class PolicyVersionFilter(ValueFilter):
    """The version of the policy."""

    title = "policy version"
    parameter_name = "policy_version"


class JurisdictionFilter(ValueFilter):
    """The preset that the policy builds on."""

    title = parameter_name = "jurisdiction"
