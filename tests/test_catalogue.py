"""The catalogue of known cookies: what it has, and what it says of a name."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from collections import Counter
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate import CookieRule, Gate, Policy
from consentgate.catalogue import CatalogueEntry, entries, find, matching
from consentgate.duration import parse_duration
from consentgate.wsgi import ConsentGateMiddleware

NAMES = st.text() | st.text(st.characters(codec="ascii")) | st.from_regex(r"_?[a-zA-Z_*?.-]{1,9}")


def example_of(pattern: str) -> str:
    """Return a name that has the form of ``pattern``."""
    return re.sub(r"[*?]", "1", pattern)


def patterns(found: tuple[CatalogueEntry, ...]) -> list[str]:
    """Return what the entries are called."""
    return [entry.pattern for entry in found]


class TestEveryEntry:
    """What holds for each row of the file."""

    @pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.pattern)
    def test_it_is_found_by_a_name_of_its_form(self, entry: CatalogueEntry) -> None:
        """No other entry hides it."""
        assert entry is find(example_of(entry.pattern))

    @pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.pattern)
    def test_it_can_become_a_rule(self, entry: CatalogueEntry) -> None:
        """A policy takes its pattern, and its lifetime is a duration or the session."""
        rule = CookieRule(entry.pattern, entry.category, max_age=entry.lifetime)
        expected = "session" if entry.lifetime == "session" else parse_duration(entry.lifetime)
        assert expected == rule.max_age

    def test_it_says_all_there_is_to_say(self) -> None:
        """Vendor, purpose and source are never empty, and stay on one line of visible text."""
        texts = [text for each in entries() for text in (each.vendor, each.purpose, each.source)]
        assert [] == [text for text in texts if not text.strip() or not text.isprintable()]

    def test_it_is_set_by_somebody(self) -> None:
        """By the server, a script or a third party's server, or by more than one of them."""
        assert {"server", "script", "third-party server"} == frozenset[str]().union(
            *(entry.set_by for entry in entries())
        )
        assert all(entry.set_by for entry in entries())
        assert frozenset({"server", "script"}) == found("visitor_id1").set_by

    def test_what_is_from_memory_is_unconfirmed(self) -> None:
        """Exactly the rows whose source says so."""
        unconfirmed = {entry.source for entry in entries() if not entry.is_confirmed}
        confirmed = {entry.source for entry in entries() if entry.is_confirmed}
        assert all("memory - NOT CONFIRMED" in source for source in unconfirmed)
        assert not any("NOT CONFIRMED" in source for source in confirmed)
        assert not found("FPID").is_confirmed
        assert found("_ga").is_confirmed

    def test_there_are_so_many_of_each_category(self) -> None:
        """Three hundred and eight, and no category but these five."""
        assert {
            "necessary": 113,
            "statistics": 92,
            "advertising": 66,
            "functional": 22,
            "social": 15,
        } == Counter(entry.category for entry in entries())

    def test_the_file_is_read_once(self) -> None:
        """On first use; then the same values are given out."""
        assert entries() is entries()
        assert find("_ga") is find("_ga")


def found(name: str) -> CatalogueEntry:
    """Return the entry for a name that the catalogue knows."""
    entry = find(name)
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("_ga", "_ga"),
        ("_ga_X1", "_ga_*"),
        ("_gat", "_gat"),
        ("_gat_shop", "_gat_*"),
        ("AMP_TOKEN", "AMP_TOKEN"),
        ("AMP_0123456789", "AMP_*"),
        ("AMP_MKTG_0123456789", "AMP_MKTG_*"),
        ("wp-settings-1", "wp-settings-*"),
        ("wp-settings-time-1", "wp-settings-time-*"),
        ("ph_phc_abc_posthog", "ph_*_posthog"),
        (f"SESS{'0a' * 16}", f"SESS{'?' * 32}"),
        (f"SSESS{'0a' * 16}", f"SSESS{'?' * 32}"),
        ("visitor_id12345-hash", "visitor_id?*"),
    ],
)
def test_the_closest_pattern_is_found(name: str, pattern: str) -> None:
    """An exact name beats the longest prefix, and that a glob."""
    assert pattern == found(name).pattern == found(name).name


@pytest.mark.parametrize("name", ["", "_GA", "_gaX", " _ga", "_ga ", "visitor_id", "SESS1", "x"])
def test_what_is_not_known_is_not_guessed(name: str) -> None:
    """Names are case-sensitive, and a name that begins like another is another."""
    assert None is find(name)


@given(NAMES)
def test_any_text_may_be_looked_up(name: str) -> None:
    """No text raises, and what is found has the form of the pattern."""
    entry = find(name)
    assert entry is None or name.startswith(re.split(r"[*?]", entry.pattern)[0])


@pytest.mark.parametrize("name", ["ph_" + "_posthog" * 500, "_ga_" * 1000])
def test_a_long_name_costs_little(name: str) -> None:
    """Up to the length that a browser stores it is looked up, and that is fast."""
    began = time.perf_counter()
    assert None is not find(name)
    assert time.perf_counter() - began < 0.1


def test_a_name_that_no_browser_stores_is_not_known() -> None:
    """Its length does not matter any more."""
    assert None is not find("_ga_" + "x" * 4092)
    assert None is find("_ga_" + "x" * 4093)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("_ga", ["_ga"]),
        ("_ga_X1", ["_ga_*"]),
        ("nobody", []),
        ("_ga*", ["_ga", "_ga_*", "_gat", "_gat_*", "_gali", "_gac_*"]),
        ("_ga_*", ["_ga_*"]),
        ("_ga_X*", ["_ga_*"]),
        ("_fb?", ["_fbp", "_fbc"]),
        ("AMP_*", ["AMP_TOKEN", "AMP_*", "AMP_MKTG_*"]),
        ("AMP_MKTG_1*", ["AMP_MKTG_*"]),
        ("wp-settings-time-*", ["wp-settings-time-*"]),
        ("ph_phc*", ["ph_*_posthog"]),
        ("ph_*hog", ["ph_*_posthog"]),
        ("ph_*_other", []),
        ("nobody*", []),
        ("*", []),
        ("*_posthog", []),
        ("?ga", []),
        ("a" * 5000 + "*", []),
    ],
)
def test_what_a_rule_could_govern(rule: str, expected: list[str]) -> None:
    """Entries that have a name in common with it; of those around it the closest one."""
    assert expected == patterns(matching(rule))


@given(NAMES)
def test_any_text_may_be_a_rule(name: str) -> None:
    """No text raises, and without a wildcard it is as `find` finds it."""
    may_govern = matching(name)
    if not re.search(r"[*?]", name):
        assert [each for each in [find(name)] if each] == list(may_govern)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.pattern)
def test_a_rule_like_an_entry_governs_it(entry: CatalogueEntry) -> None:
    """Whoever copies a pattern into a policy is told of that entry."""
    assert entry in matching(entry.pattern)


def warnings_about(name: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what a gate without rules logs when an application sets a cookie called so, twice."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Set-Cookie", f"{name}=1; Path=/")] * 2)
        return []

    gated = ConsentGateMiddleware(app, Gate(Policy(version="1"), "key"))
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    with caplog.at_level(logging.WARNING, "consentgate"):
        assert [] == list(gated(environ, lambda *_: lambda _: None))
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("_ga_X1", "; the catalogue of known cookies takes it for Google Analytics 4, statistics"),
        ("nobody", ""),
    ],
)
def test_R25_the_warning_has_the_guess(
    name: str, guess: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has to write a rule is told what the cookie may be, once for each name."""
    beginning = f"cookie {name!r} has no rule in the policy and is stripped; add it under "
    assert [f"{beginning}[[cookies]]{guess}"] == warnings_about(name, caplog)


def test_R25_the_guess_is_for_the_whole_name(caplog: pytest.LogCaptureFixture) -> None:
    """Also where the warning has the beginning of the name only."""
    (warning,) = warnings_about(f"ph_{'x' * 200}_posthog", caplog)
    assert "_posthog'" not in warning
    assert warning.endswith("takes it for PostHog, statistics")


def test_a_gate_that_warns_of_nothing_loads_no_catalogue() -> None:
    """Nobody pays for it at import."""
    program = "import sys, consentgate; print('consentgate.catalogue' in sys.modules)"
    shown = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "False\n" == shown
