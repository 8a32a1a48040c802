"""Corner cases of the Cookie header."""

from __future__ import annotations

from consentgate.cookie_header import values


def test_only_blanks_and_tabs_do_not_count() -> None:
    """A no-break space belongs to the name (RFC 6265bis 5.6)."""
    assert ["2"] == values("\xa0a=1; \ta =2", "a")
