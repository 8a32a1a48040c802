"""Statistics of records, and the report that shows them: the numbers, the text, the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from visitor import PHONE, axe_violations

from consentgate.duration import DAY
from consentgate.record import DecisionCount
from consentgate.records.report import (
    EVENTS,
    chart,
    columns,
    percentage,
    printable,
    report_html,
    ticks,
)
from consentgate.records.statistics import (
    DECISIONS,
    Rate,
    as_date,
    as_json,
    by_unit,
    day_of,
    statistics,
    together,
    unit_for,
)
from consentgate.testing import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from visitor import NewVisitor

TODAY = int(NOW) // DAY
EVIL = "<script>alert(1)</script>\"'&\x1b[31m\x00\u202e"


def counted(
    event: Any = "given",
    records: int = 1,
    *,
    day: int = TODAY,
    language: str = "en",
    version: str = "1",
    **choices: bool,
) -> DecisionCount:
    """Return the count of one kind of record."""
    return DecisionCount(
        day, event, choices or {"statistics": event == "given"}, language, version, records
    )


COUNTS = [
    counted("given", 6, language="fr", advertising=True, statistics=True),
    counted("partial", 3, language="fr", advertising=False, statistics=True),
    counted("refused", 4, day=TODAY + 2, advertising=False, statistics=False),
    counted("withdrawn", 1, day=TODAY + 2, version="2", statistics=False),
    counted("signal", 5, day=TODAY + 3, version="2", advertising=False, statistics=True),
]


class TestStatistics:
    """What is counted, and by what."""

    def test_decisions_per_day(self) -> None:
        """Each day of the period is there, by event, also one without a record."""
        days = statistics(COUNTS).days
        assert [TODAY, TODAY + 1, TODAY + 2, TODAY + 3] == [day.first for day in days]
        assert [9, 0, 5, 0] == [day.decisions for day in days]
        assert {"given": 6, "partial": 3, "refused": 0, "withdrawn": 0} == days[0].events
        assert dict.fromkeys(DECISIONS, 0) == days[1].events

    def test_a_signal_is_no_decision(self) -> None:
        """Records of signals are counted by themselves, and enter neither decisions nor rates."""
        found = statistics(COUNTS)
        assert 5 == found.signals
        assert [0, 0, 0, 5] == [day.signals for day in found.days]
        assert found.total is not None
        assert 14 == found.total.decisions

    def test_the_rate_of_consent(self) -> None:
        """It is accepted by asked, among the decisions that name the category."""
        found = statistics(COUNTS)
        assert found.total is not None
        assert {"advertising": Rate(6, 13), "statistics": Rate(9, 14)} == found.total.rates
        assert 9 / 14 == found.total.rates["statistics"].share

    def test_languages_come_by_frequency(self) -> None:
        """The rates are known for each language, the most frequent first."""
        french, english = statistics(COUNTS).languages
        assert ("fr", 9, Rate(9, 9)) == (
            french.name,
            french.decisions,
            french.rates["statistics"],
        )
        assert ("en", 5, Rate(0, 5)) == (
            english.name,
            english.decisions,
            english.rates["statistics"],
        )

    def test_policy_versions_come_in_their_order(self) -> None:
        """The rates are known for each policy version, with the days of its decisions."""
        first, second = statistics(COUNTS).policy_versions
        assert ("1", TODAY, TODAY + 2) == (first.name, first.first, first.last)
        assert ("2", TODAY + 2, TODAY + 2) == (second.name, second.first, second.last)
        assert {"statistics": Rate(0, 1)} == second.rates

    def test_nothing(self) -> None:
        """Without records there is no day, no total and no group."""
        for counts in ([], [counted(records=0)]):
            found = statistics(counts)
            assert ((), None, (), ()) == (
                found.days,
                found.total,
                found.languages,
                found.policy_versions,
            )

    def test_signals_alone(self) -> None:
        """Where nobody decided there are days, and no rate."""
        found = statistics([counted("signal", 2)])
        assert (None, 2, 1) == (found.total, found.signals, len(found.days))

    def test_the_period_that_was_asked_for(self) -> None:
        """Its days are all there; a record outside of it is not lost either."""
        days = statistics(COUNTS, TODAY - 2, TODAY + 6).days
        assert (TODAY - 2, TODAY + 5) == (days[0].first, days[-1].last)
        days = statistics(COUNTS, TODAY + 1, TODAY + 1).days
        assert (TODAY, TODAY + 3) == (days[0].first, days[-1].last)

    @given(
        st.lists(
            st.builds(
                counted,
                st.sampled_from([*DECISIONS, "signal"]),
                st.integers(0, 9),
                day=st.integers(TODAY, TODAY + 900),
                language=st.sampled_from("abc"),
                version=st.sampled_from("12"),
                statistics=st.booleans(),
            )
        ),
        st.sampled_from(["day", "week", "month", "year"]),
    )
    def test_every_record_is_counted_once(self, counts: list[DecisionCount], unit: Any) -> None:
        """Days, units, languages and versions each add up to all decisions."""
        found = statistics(counts)
        decided = sum(each.records for each in counts if each.event != "signal")
        signals = sum(each.records for each in counts if each.event == "signal")
        spans = by_unit(found.days, unit)
        assert decided == sum(span.decisions for span in spans)
        assert signals == sum(span.signals for span in spans) == found.signals
        assert decided == sum(group.decisions for group in found.languages)
        assert decided == sum(group.decisions for group in found.policy_versions)
        assert decided == (found.total.rates["statistics"].asked if found.total else 0)
        assert [span.first for span in spans[1:]] == [span.last + 1 for span in spans[:-1]]

    def test_as_json(self) -> None:
        """The same numbers for other programs, with dates."""
        values = as_json(statistics(COUNTS))
        assert (14, 5) == (values["decisions"], values["signals"])
        assert {"given": 6, "partial": 3, "refused": 4, "withdrawn": 1} == values["events"]
        assert "2026-11-21" == values["days"][0]["day"]
        assert {"accepted": 6, "asked": 13, "rate": 0.4615} == values["categories"]["advertising"]
        assert ["fr", "en"] == [group["language"] for group in values["languages"]]
        assert "2026-11-23" == values["policy_versions"][1]["first_day"]

    def test_nothing_as_json(self) -> None:
        """The same keys are there where nothing else is."""
        values = as_json(statistics([]))
        assert as_json(statistics(COUNTS)).keys() == values.keys()
        assert dict.fromkeys(DECISIONS, 0) == values["events"]


class TestUnits:
    """Long periods are put together."""

    @pytest.mark.parametrize(
        ("days", "unit", "most"),
        [
            (1, "day", 1),
            (92, "day", 92),
            (93, "week", 15),
            (732, "week", 106),
            (733, "month", 26),
            (3660, "month", 122),
            (3661, "year", 12),
        ],
    )
    def test_a_chart_stays_readable(self, days: int, unit: str, most: int) -> None:
        """However long the period is, the unit grows, and the bars are few enough."""
        found = statistics([counted()], TODAY, TODAY + days).days
        assert unit == unit_for(found)
        assert len(chart(found).bars) <= most

    def test_a_week_is_one_of_iso(self) -> None:
        """It begins on Monday, also across the end of a year."""
        days = statistics([counted()], TODAY, TODAY + 60).days
        weeks = by_unit(days, "week")
        assert {0} == {as_date(week.first).weekday() for week in weeks[1:]}
        assert {7} == {week.last - week.first + 1 for week in weeks[1:-1]}

    def test_dates_and_days(self) -> None:
        """A day's number and its date are one another's inverse."""
        assert "1970-01-01" == as_date(0).isoformat()
        assert TODAY == day_of(as_date(TODAY))

    def test_together(self) -> None:
        """Some days are one span."""
        assert 14 == together(statistics(COUNTS).days).decisions


class TestChart:
    """What is drawn."""

    def test_a_bar_is_as_high_as_its_decisions(self) -> None:
        """The parts of a bar stand on each other, from the ground up, without a gap."""
        [first, empty, *_] = chart(statistics(COUNTS).days).bars
        assert ["given", "partial"] == [segment.event for segment in first.segments]
        below, above = first.segments
        assert pytest.approx(240) == below.y + below.height
        assert pytest.approx(below.y) == above.y + above.height
        assert pytest.approx(2) == below.height / above.height
        assert () == empty.segments

    @given(st.integers(0, 10**9))
    def test_ticks(self, most: int) -> None:
        """An axis has a few round numbers, from 0 to the highest bar or a little above."""
        found = ticks(most)
        assert 0 == found[0]
        assert most <= found[-1] <= max(2 * most, 1)
        assert 2 <= len(found) <= 6
        assert re.fullmatch("[125]0*", str(found[1]))

    @pytest.mark.parametrize("days", [*range(1, 9), 30, 92, 93, 732, 733, 3660, 3661, 20_000])
    def test_nothing_leaves_the_plot(self, days: int) -> None:
        """Bars and labels are within the plot, in their order, and no two bars touch."""
        drawn = chart(statistics([counted()], TODAY - 20_000, TODAY - 20_000 + days).days)
        for one, other in zip(drawn.bars, drawn.bars[1:], strict=False):
            assert one.x + one.width < other.x
        assert 0 <= drawn.bars[0].x
        assert drawn.bars[-1].x + drawn.bars[-1].width <= 100
        assert 1 <= len(drawn.labels) <= 5
        assert [label.x for label in drawn.labels] == sorted(label.x for label in drawn.labels)

    def test_a_tooltip_says_the_numbers(self) -> None:
        """Each bar has a text of its own."""
        assert "21 November 2026\nAccepted everything: 6\nAccepted a part: 3\n" in (
            chart(statistics(COUNTS).days).bars[0].text
        )

    def test_nothing_to_draw(self) -> None:
        """Without days there is an axis, and nothing on it."""
        drawn = chart(())
        assert ((), (), 2) == (drawn.bars, drawn.labels, len(drawn.ticks))


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 3, "0 %"),
        (3, 3, "100 %"),
        (1, 3, "33.3 %"),
        (1, 2, "50.0 %"),
        (1, 10_000, "< 0.1 %"),
        (9_999, 10_000, "> 99.9 %"),
    ],
)
def test_percentages_do_not_round_to_all_or_none(part: int, whole: int, words: str) -> None:
    """One refusal among ten thousand is not rounded away."""
    assert words == percentage(part, whole)


def test_columns() -> None:
    """Categories are shown six at most side by side, in about equal parts."""
    assert [["a"]] == columns(["a"])
    assert [list("abcdef")] == columns(list("abcdef"))
    assert [list("abcd"), list("efg")] == columns(list("abcdefg"))
    assert [] == columns([])


def test_printable() -> None:
    """What a page or a terminal could take for a command is replaced."""
    assert "a é\ufffd[31m\ufffd\ufffd" == printable("a é\x1b[31m\n\u202e")


# -- the page ------------------------------------------------------------------------------------

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """The elements, texts and tables of a page; it must close what it opens."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert [] == self.open
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Expect the end of what was opened last."""
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if "style" in self.open:
            return
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """All text, with single blanks."""
        return " ".join(" ".join(self.texts).split())

    def row(self, head: str) -> list[str]:
        """Return the cells of the row that begins with ``head``."""
        found = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        return next(row for row in found if row and row[0] == head)


def page_of(*counts: DecisionCount, title: str = "Consent", **period: Any) -> Page:
    """Return the report on ``counts``."""
    return Page(report_html(counts, title=title, made_at=NOW, **period))


class TestReport:
    """The HTML file."""

    def test_the_numbers_are_in_tables(self) -> None:
        """Decisions and rates stand in cells, by category, language, policy version and day."""
        page = page_of(*COUNTS)
        assert ["advertising", "46.2 %", "6 of 13"] == page.row("advertising")
        assert ["statistics", "64.3 %", "9 of 14"] == page.row("statistics")
        assert ["fr", "9", "66.7 % 6 of 9", "100 % 9 of 9"] == page.row("fr")
        assert ["1 21 November 2026 to 23 November 2026", "13"] == page.row(
            "1 21 November 2026 to 23 November 2026"
        )[:2]
        assert ["2 23 November 2026", "1", "not asked", "0 % 0 of 1"] == page.row(
            "2 23 November 2026"
        )
        assert ["21 Nov 2026", "6", "3", "0", "0", "9", "0"] == page.row("21 Nov 2026")
        assert ["22 Nov 2026", "0", "0", "0", "0", "0", "0"] == page.row("22 Nov 2026")

    def test_it_says_what_it_is(self) -> None:
        """Title, period, totals, unit, and when it was made."""
        page = page_of(*COUNTS, title="Shop & Co")
        assert page.text.startswith("Shop & Co Shop & Co 21 November 2026 to 24 November 2026 ")
        assert "Accepted everything 6 42.9 %" in page.text
        assert "there are 5 records of privacy signals, which are no decisions" in page.text
        assert "Decisions per day" in page.text
        assert "How it was counted" in page.text
        assert "Made on 21 November 2026 at " in page.text

    def test_long_periods_have_larger_units(self) -> None:
        """The unit is said, and that its first and last may be cut."""
        page = page_of(*COUNTS, since=TODAY - 400)
        assert "Decisions per week" in page.text
        assert "may stand for a part of their week only" in page.text

    @pytest.mark.parametrize("place", ["title", "language", "version", "category"])
    def test_any_text_stays_text(self, place: str) -> None:
        """Markup in what a site or a visitor wrote is shown, not obeyed, wherever it stands."""
        evil: dict[str, Any] = {
            "title": {},
            "language": {"language": EVIL},
            "version": {"version": EVIL},
            "category": {EVIL: True},
        }
        page = page_of(counted(**evil[place]), title=EVIL if place == "title" else "Consent")
        assert printable(EVIL) in page.text
        assert "script" not in {tag for tag, _, _ in page.attributes}
        assert "\x1b" not in page.text
        assert "\x00" not in page.text

    def test_it_is_well_formed(self) -> None:
        """What stands between the doctype and the end is XML too, but for its void elements."""
        html = report_html(COUNTS, title="Shop & Co", made_at=NOW)
        closed = re.sub(r"<(meta [^>]*)>", r"<\1/>", html.removeprefix("<!doctype html>"))
        root = ET.fromstring(closed)  # noqa: S314 - our own page
        assert 4 == len(root.findall(".//table"))
        bars = root.findall(".//svg/g/rect")
        assert {"given", "partial", "refused", "withdrawn"} == {bar.get("class") for bar in bars}

    def test_it_needs_nothing_from_elsewhere(self) -> None:
        """There is no script, no address but its own anchors, and no handler."""
        html = report_html(COUNTS, title="Consent", made_at=NOW)
        page = Page(html)
        links = {value for _, name, value in page.attributes if name in ("href", "src", "srcset")}
        assert {"#numbers"} == links
        assert "numbers" in page.ids
        assert {"url(#partial)"} == set(re.findall(r"url\([^)]*\)", html))
        assert [] == [name for _, name, _ in page.attributes if name.startswith("on")]
        assert "@import" not in html
        assert "http" not in html.replace("http-equiv", "")

    def test_what_labels_is_there(self) -> None:
        """Each id that an element is labelled by exists, and the chart has a text of its own."""
        page = page_of(*COUNTS)
        labels = {value for _, name, value in page.attributes if name == "aria-labelledby"}
        assert labels <= set(page.ids)
        [text] = [
            value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")
        ]
        assert "Stacked bars: decisions per day, 21 November 2026 to 24 November 2026." in text

    @pytest.mark.parametrize(
        ("period", "words"),
        [
            ({}, "There is no record of a decision, so"),
            ({"since": TODAY}, "from 21 November 2026 on"),
            ({"until": TODAY}, "before 21 November 2026"),
            ({"since": TODAY, "until": TODAY + 2}, "21 November 2026 to 22 November 2026"),
            (
                {"since": TODAY, "until": TODAY + 1},
                "There is no record of a decision in this period",
            ),
        ],
    )
    def test_an_empty_database(self, period: dict[str, int], words: str) -> None:
        """A page says that there is nothing, and of what period."""
        page = page_of(**period)
        assert words in page.text
        assert [] == page.rows

    def test_signals_alone(self) -> None:
        """Where nobody decided there is neither chart nor rate, and the signals are told."""
        page = page_of(counted("signal", 1))
        assert "there is 1 record of a privacy signal, which is no decision" in page.text
        assert "Rate of consent per" not in page.text
        assert ["21 Nov 2026", "0", "0", "0", "0", "0", "1"] == page.row("21 Nov 2026")

    def test_no_signals(self) -> None:
        """That no signal came is said too."""
        assert "there is no record of a privacy signal" in page_of(counted()).text

    def test_without_a_language(self) -> None:
        """A form of the site's own has none, and a version can be empty."""
        page = page_of(counted(language="", version=""))
        assert (
            "not known: a form of the site\N{RIGHT SINGLE QUOTATION MARK}s own asked" in page.text
        )
        assert "without a name" in page.text

    def test_many_categories_are_divided(self) -> None:
        """More of them than a page is wide stand in more than one table."""
        page = page_of(counted(**{f"c{number}": True for number in range(8)}))
        heads = [row for row in page.rows if row[:1] == ["Language"]]
        assert [["c0", "c1", "c2", "c3"], ["c4", "c5", "c6", "c7"]] == [row[2:] for row in heads]

    def test_every_event_has_words_and_a_colour(self) -> None:
        """No kind of decision is forgotten in the chart."""
        assert set(DECISIONS) == set(EVENTS)
        html = report_html(COUNTS, title="Consent", made_at=NOW)
        assert all(html.count(f"--{event}: #") == 2 for event in EVENTS)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE])
def test_browsers_show_it_to_everybody(
    new_visitor: NewVisitor, tmp_path: Path, scheme: str, viewport: dict[str, int]
) -> None:
    """Axe finds nothing in either scheme, nothing is wider than the window, nothing is loaded."""
    counts = [
        counted(
            event, 40 - place, day=TODAY + place, **{f"category_number_{n}": True for n in "123456"}
        )
        for place, event in enumerate([*DECISIONS, "signal"])
    ]
    file = tmp_path / "report.html"
    file.write_text(report_html(counts, title="Consent report", made_at=NOW), encoding="utf-8")
    page = new_visitor(color_scheme=scheme, viewport=viewport).open(file.as_uri())
    assert [] == axe_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [] == page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")


def test_a_wrong_clock_makes_no_endless_series() -> None:
    """Of thousands of years only the days with records are shown."""
    years_apart = [counted(day=day) for day in (20_000, 2_900_000, 3_000_000, -1)]
    assert [20_000, 2_900_000] == [span.first for span in statistics(years_apart).days]
