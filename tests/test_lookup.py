"""``consentgate lookup``: what the catalogue says of a name, for people and for machines."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from consentgate.catalogue import entries
from consentgate.cli import main
from consentgate.lookup import lookup

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

POLICY = """
version = "1"
frameworks = ["django"]

[[cookies]]
name = "_ga*"
category = "necessary"

[[cookies]]
name = "_gid"
category = "statistics"

[[cookies]]
name = "theme"
category = "functional"
"""


@pytest.fixture(name="policy")
def policy_file(tmp_path: Path) -> str:
    """Return the path of a policy file."""
    path = tmp_path / "consent.toml"
    path.write_text(POLICY)
    return str(path)


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(lookup, list(arguments))


def facts(*arguments: str) -> Any:
    """Return what machines are told of the only name."""
    (answer,) = json.loads(run("--json", *arguments).stdout)
    return answer


def test_the_text_says_it_line_by_line() -> None:
    """What it is, who sets it, how long it is said to live, and who says so."""
    result = run("_ga_X1", "FPID")
    assert (
        "_ga_X1\n"
        "  pattern       _ga_*\n"
        "  vendor        Google Analytics 4\n"
        "  category      statistics (a guess to review)\n"
        "  purpose       Per-property session state (suffix is the stream id)\n"
        "  set by        script\n"
        "  lifetime      2 years (claimed by the source)\n"
        "  source        support.google.com/analytics/answer/11397207\n"
        "\n"
        "FPID\n"
        "  pattern       FPID\n"
        "  vendor        Google Analytics (server-side tagging)\n"
        "  category      statistics (a guess to review)\n"
        "  purpose       HttpOnly client id written by a server container on the site's\n"
        "                own domain\n"
        "  set by        server\n"
        "  lifetime      2 years (unconfirmed: no source claims it)\n"
        "  source        name: github.com/jkwakman/Open-Cookie-Database@0ee5a17\n"
        "                (Apache-2.0; secondary); lifetime: memory - NOT CONFIRMED\n"
    ) == result.stdout
    assert (0, "") == (result.exit_code, result.stderr)


def test_the_console_script_has_it() -> None:
    """It is a command of `consentgate`."""
    result = CliRunner().invoke(main, ["lookup", "_ga"])
    assert (0, "_ga\n") == (result.exit_code, result.stdout[:4])


def test_every_entry_fits_the_terminal() -> None:
    """No line is longer than 79 columns."""
    result = run(*(entry.pattern.replace("*", "1").replace("?", "1") for entry in entries()))
    assert 0 == result.exit_code
    assert max(map(len, result.stdout.splitlines())) <= 79


def test_machines_get_the_same_facts() -> None:
    """As one list, with an object for each name."""
    assert {
        "name": "visitor_id7",
        "entry": {
            "pattern": "visitor_id?*",
            "vendor": "Salesforce Pardot",
            "category": "advertising",
            "lifetime": "1 year",
            "set_by": ["script", "server"],
            "purpose": "Visitor id joined to prospects",
            "source": "memory - NOT CONFIRMED",
            "is_confirmed": False,
        },
        "similar": [],
        "policy": None,
    } == facts("visitor_id7")
    assert ["_ga", "_gid"] == [
        each["name"] for each in json.loads(run("--json", "_ga", "_gid").stdout)
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sesionid", "does not know this name; did you mean sessionid or JSESSIONID"),
        ("phpsessid", "does not know this name; did you mean PHPSESSID or sessionid"),
        ("9" * 300, "does not know this name\n"),
    ],
)
def test_what_is_not_known_is_said_to_be(name: str, words: str) -> None:
    """With the names that may have been meant, and a failure for scripts."""
    result = run("_ga", name)
    assert 1 == result.exit_code
    assert words in result.stdout
    assert 1 == run("--json", name).exit_code


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("_ga_X1", "_ga* governs it: necessary, but the catalogue has statistics;"),
        ("_gid", "_gid governs it: statistics, as the catalogue has it\n"),
        ("sessionid", "sessionid governs it: necessary, as the catalogue has it\n"),
        ("theme", "theme governs it: functional\n"),
        ("_fbp", "no rule governs it (unregistered: strip)\n"),
        ("nobody", "no rule governs it (unregistered: strip)\n"),
    ],
)
def test_a_policy_is_compared(policy: str, name: str, words: str) -> None:
    """The rule that governs the name is told, and whether the two have the same category."""
    assert f"  policy        {words}" in run("--policy", policy, name).stdout


@pytest.mark.parametrize(
    ("name", "rule", "category", "agrees"),
    [
        ("_ga_X1", "_ga*", "necessary", False),
        ("_gid", "_gid", "statistics", True),
        ("theme", "theme", "functional", None),
        ("_fbp", None, None, None),
    ],
)
def test_machines_get_the_comparison(
    policy: str, name: str, rule: str | None, category: str | None, agrees: bool | None
) -> None:
    """Rule, category and whether they agree, where both have something to say."""
    expected = {"rule": rule, "category": category, "agrees": agrees, "unregistered": "strip"}
    assert expected == facts("--policy", policy, name)["policy"]


def test_a_disagreement_is_no_failure(policy: str) -> None:
    """It is to be reviewed: the catalogue only guesses."""
    assert 0 == run("--policy", policy, "_ga_X1").exit_code


@pytest.mark.parametrize("text", ["version = 1", "version = '1'\n\"\\u001b[2J\" = 1", "\x00", "["])
def test_a_bad_policy_is_one_line(tmp_path: Path, text: str) -> None:
    """With the file's name, without a traceback or what a terminal would obey; 1 is an answer."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    result = run("--policy", str(path), "_ga")
    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith(f"Error: {path}: ")
    assert result.stderr[:-1].isprintable()


def test_a_missing_policy_is_one_line() -> None:
    """It is named."""
    result = run("--policy", "nowhere.toml", "_ga")
    assert result.stderr.startswith("Error: nowhere.toml: cannot be read")
    assert 2 == result.exit_code


def test_a_value_is_not_shown() -> None:
    """Whoever pastes a whole cookie is answered about its name."""
    result = run("_ga=GA1.1.7", " theme = dark")
    assert result.stdout.startswith("_ga\n  pattern       _ga\n")
    assert "\n\ntheme\n" in result.stdout
    assert "GA1" not in result.stdout
    assert "dark" not in result.stdout


def test_no_name_is_a_mistake_of_usage() -> None:
    """At least one is needed; an empty one is not known."""
    assert 2 == run().exit_code
    result = run("")
    assert "(no name)\n  catalogue     does not know this name\n" == result.stdout
    assert 1 == result.exit_code


def test_a_long_name_is_cut() -> None:
    """A screen is not filled with it."""
    heading = run("x" * 100_000).stdout.partition("  catalogue")[0]
    assert "x" * 256 + "..." == heading.replace("\n", "")


@pytest.mark.parametrize("options", [(), ("--json",)])
@settings(max_examples=50)
@given(name=st.text(st.characters(), max_size=300))
def test_no_name_controls_the_terminal(options: tuple[str, ...], name: str) -> None:
    """What is shown of it is visible ASCII, whatever it has: no traceback either."""
    result = run(*options, "--", name, "\x1b]0;x\a", "\udcff\u202e\x9b")
    assert 1 == result.exit_code
    assert "" == result.stderr
    shown = result.stdout.replace("\n", "").replace("\x7f", "")  # JSON keeps DEL: it does nothing
    assert shown.isprintable()
    assert shown.isascii() or name.strip() == "eu-consent"  # whose source has an accent


def test_an_accent_needs_no_encoding_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that the terminal cannot spell is shown with escapes."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    with pytest.raises(SystemExit) as exit_:
        lookup(["eu-consent"])
    sys.stdout.flush()
    assert 0 == exit_.value.code
    assert b"CNIL d\\xe9lib\\xe9ration" in written.getvalue()
