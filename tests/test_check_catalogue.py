"""``consentgate check``: what is exempt, and what the catalogue of known cookies says of that."""

from __future__ import annotations

from typing import Any

import pytest
from checked_sites import check_lines, gated, only, policy, run, wsgi_app

from consentgate.check import findings

EXEMPTIONS = ("exempt-advertising", "exempt-statistics", "broad-exemption")


def exemptions(*names: str, lines: Any = (), **changes: Any) -> list[tuple[str, str, str]]:
    """Return what is said of these exempt rules: kind, cookie and place."""
    cookies = [{"name": name, "category": "necessary"} for name in names]
    found = findings(check_lines(lines, policy(cookies=cookies, **changes)))
    return [(each.id, each.cookie, each.place) for each in found if each.id in EXEMPTIONS]


@pytest.mark.parametrize("pattern", ["*", "?fbp", "*bp"])
def test_a_pattern_that_begins_with_a_wildcard_hides_nothing(pattern: str) -> None:
    """Whatever it governs is looked up by the name that was seen."""
    found = [("exempt-advertising", "_fbp", "cookies[0].category")]
    assert found == exemptions(pattern, lines=["_fbp=1", "theme=1"])
    assert [] == exemptions(pattern, lines=["theme=1", "_fbp=; Max-Age=0"])


def test_statistics_that_a_pattern_exempts_are_a_warning() -> None:
    """There are conditions under which that is right."""
    assert [("exempt-statistics", "_ga_X1", "cookies[0].category")] == exemptions(
        "*", lines=["_ga_X1=1"]
    )


@pytest.mark.parametrize("pattern", ["__Secure-*", "u*", "s*"])
def test_a_pattern_that_serious_cookies_would_fit_too_is_noted(pattern: str) -> None:
    """The application sets none of them, so that is no error."""
    assert [("broad-exemption", pattern, "cookies[0].name")] == exemptions(pattern)
    seen = [f"{pattern[:-1]}_of_ours=1"]
    assert [("broad-exemption", pattern, "cookies[0].name")] == exemptions(pattern, lines=seen)


def test_a_broad_exemption_says_what_would_fit() -> None:
    """And of whom that is."""
    own = policy(cookies=[{"name": "u*", "category": "necessary"}])
    found = only(check_lines([], own), "broad-exemption")
    assert "note" == found.level
    assert "'u*' is exempt, and would be 'uuid2', too, which the catalogue" in found.message


def test_what_a_broad_exemption_lets_pass_is_an_error_where_it_was_seen() -> None:
    """That says it all."""
    assert [("exempt-advertising", "uuid2", "cookies[0].category")] == exemptions(
        "u*", lines=["uuid2=1"]
    )


def test_a_pattern_that_fits_nothing_but_serious_cookies_is_an_error() -> None:
    """Seen or not; it is said once."""
    assert [("exempt-advertising", "_fb*", "cookies[0].category")] == exemptions(
        "_fb*", lines=["_fbp=1", "_fbc=1"]
    )
    assert ["exempt-statistics"] == [kind for kind, *_ in exemptions("_g*")]


def test_what_the_catalogue_does_not_know_may_be_exempt() -> None:
    """As may what it takes for necessary."""
    assert [] == exemptions("theme", "PHPSESSID", "our_*", lines=["PHPSESSID=1", "our_x=1"])


def test_a_cookie_of_the_framework_is_looked_up_too() -> None:
    """Its rule is not in the policy file, so the path is told."""
    own = policy(cookies=[]).with_framework("flask", {"session": "_fbp"})
    found = only(run(gated(wsgi_app(["_fbp=1"]), own)), "exempt-advertising")
    assert ("_fbp", "/") == (found.cookie, found.place)
