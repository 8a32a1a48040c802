"""One Cookie header: its pairs, and the same header without some of them (R17)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consentgate.cookie_header import BLANKS, pairs, values, without

# Few names, one within another, and all that separates: collisions are likely.
headers = st.lists(st.sampled_from([*'ab=; \t,"', "ab", "; ", "a=1", "; ab=2", "é"])).map("".join)
any_header = headers | st.text()
names = st.sampled_from(["a", "b", "ab", "a,b", "eu-consent"])


def name_of(piece: str) -> str:
    """Return the name in one piece of a header."""
    return piece.partition("=")[0].strip(BLANKS)


class TestPairs:
    """`pairs`."""

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("a=1; b=2", [("a", "1"), ("b", "2")]),
            ("a=1;b=2", [("a", "1"), ("b", "2")]),
            ("a=1; a=2", [("a", "1"), ("a", "2")]),
            (" a\t=\t1 ;", [("a", "1"), ("", "")]),
            ("a=b=c", [("a", "b=c")]),
            ('a="1; b=2"', [("a", '"1'), ("b", '2"')]),
            ("a", [("a", "")]),
            ("=1", [("", "1")]),
            ("a=1, b=2", [("a", "1, b=2")]),
            ("a=\xa01\x0b", [("a", "\xa01\x0b")]),
            ("", [("", "")]),
        ],
    )
    def test_as_servers_read_them(self, header: str, expected: list[tuple[str, str]]) -> None:
        """A name ends at the first ``=``; quotes and commas mean nothing; only blanks are cut."""
        assert list(pairs(header)) == expected


class TestValues:
    """`values`."""

    @given(any_header, names)
    @example("eu-consent=1", "eu-consent")
    @example("a=1; eu-consent=2", "eu-consent")
    @example("a=1;eu-consent=2", "eu-consent")
    @example("a=1;  eu-consent=2", "eu-consent")
    @example("a =1", "a")
    @example("a", "a")
    @example("xa=1", "a")
    @example("a=1; a =2", "a")
    @example("a=a=3", "a")
    @example("b=a=3", "a")
    @example("b; a=3", "a")
    @example("a; a=3", "a")
    @example("a =1; a=3", "a")
    @example("ba; ", "a")
    def test_same_as_the_pairs(self, header: str, name: str) -> None:
        """However fast the usual header is read, the values are those of the pairs."""
        assert values(header, name) == [value for found, value in pairs(header) if found == name]

    def test_of_a_browser(self) -> None:
        """The value ends where the pair ends."""
        assert values("a=1; eu-consent=x=y&z; b=2", "eu-consent") == ["x=y&z"]

    def test_only_blanks_and_tabs_do_not_count(self) -> None:
        """A no-break space belongs to the name (RFC 6265bis 5.6)."""
        assert ["2"] == values("\xa0a=1; \ta =2", "a")


class TestWithout:
    """`without`."""

    @given(any_header, st.sets(names | st.just("")))
    def test_what_stays_stays_byte_for_byte(self, header: str, hidden: set[str]) -> None:
        """The header is its own pieces that are not hidden, in order, cut by the same ``;``."""

        def hides(piece: str) -> bool:
            return name_of(piece) in hidden

        kept = [piece for piece in header.split(";") if not hides(piece)]
        left = without(header, hides)

        # Only what now comes first may lose the blank that followed the `;` before it.
        assert left in (";".join(kept), ";".join(kept).lstrip(BLANKS))
        assert [pair for pair in pairs(left) if pair != ("", "")] == [
            (name, value) for name, value in pairs(header) if name not in hidden and name + value
        ]

    @given(any_header)
    def test_where_all_stays(self, header: str) -> None:
        """The same object comes back: nothing was copied."""
        assert without(header, lambda _: False) is header

    @given(any_header)
    def test_where_nothing_stays(self, header: str) -> None:
        """Nothing is left, not even a ``;``."""
        assert without(header, lambda _: True) == ""

    @given(any_header)
    def test_who_is_asked(self, header: str) -> None:
        """Each whole piece between the semicolons is asked for once, in order."""
        asked: list[str] = []

        without(header, lambda piece: bool(asked.append(piece)))

        assert asked == header.split(";")

    @pytest.mark.parametrize(
        ("header", "left"),
        [
            ("_ga=1; a=2; b=3", "a=2; b=3"),
            ("a=2; _ga=1; b=3", "a=2; b=3"),
            ("a=2; b=3; _ga=1", "a=2; b=3"),
            ("a=2;_ga=1;b=3", "a=2;b=3"),
            ("_ga=1;b=3", "b=3"),
            ("_ga=1; _ga=2", ""),
            ("_ga", ""),
            (" a = 2 ; _ga=1", " a = 2 "),
            ('a={"x":"é"}; _ga=1; b="q', 'a={"x":"é"}; b="q'),
            ("a=_ga=1; _gaa=1", "a=_ga=1; _gaa=1"),
        ],
    )
    def test_examples(self, header: str, left: str) -> None:
        """The first, the middle, the last, the only; odd values and spacing are left alone."""
        assert without(header, lambda piece: name_of(piece) == "_ga") == left
