"""What README.md says of adopting the gate, and of testing with it, is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest_consentgate
from click import Context, Group
from test_readme import README, ROOT, blocks

from consentgate import testing
from consentgate.catalogue import entries
from consentgate.cli import main

if TYPE_CHECKING:
    import pytest

_, _, SECTIONS = README.partition("## Adopt it, and keep it true")
ADOPTING, _, TESTING = SECTIONS.partition("## What it cannot do")[0].partition("## Test your app")

COMMAND = "from consentgate.cli import main; main()"

SHOP = """
import flask
import pytest
from flask_consentgate import ConsentGate

POLICY = {
    "version": "1",
    "frameworks": ["flask"],
    "cookies": [{"name": "_ga*", "category": "statistics", "max_age": "13 months"}],
}

@pytest.fixture
def app():
    app = flask.Flask("shop")
    app.config.update(SECRET_KEY="a key", CONSENTGATE_POLICY=POLICY)
    ConsentGate(app)

    @app.get("/")
    def home():
        flask.session["seen"] = True
        answer = flask.Response("Hello")
        answer.set_cookie("_ga", "1", max_age=99999999)
        return answer

    return app

@pytest.fixture
def client(app):
    return app.test_client()

@pytest.fixture
def gate(app):
    return app.extensions["consentgate"]
"""


def test_what_check_says_of_the_shop() -> None:
    """Each line that is shown, in this order; some are left out."""
    (block,) = (block for block in blocks("console") if "consentgate check flask_shop" in block)
    command, *shown = block.splitlines()
    ran = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", COMMAND, *command.removeprefix("$ consentgate ").split()],
        cwd=ROOT / "examples",
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert 1 == ran.returncode
    printed = iter([line.rstrip() for line in ran.stdout.splitlines()])  # each is met once
    assert [] == [line for line in shown if line != "…" and line not in printed]


def test_tests_as_shown(pytester: pytest.Pytester) -> None:
    """They pass with a shop that is as they say."""
    (block,) = (block for block in blocks("python") if "consent_granted.only" in block)
    pytester.makeconftest(SHOP)
    pytester.makepyfile(block)
    result = pytester.runpytest_inprocess("-p", "no:consentgate", "-p", "pytest_consentgate")
    result.assert_outcomes(passed=2)


def test_cookies_by_hand_as_shown(pytester: pytest.Pytester) -> None:
    """For any client."""
    (block,) = (block for block in blocks("python") if "a_year_ago" in block)
    body = "".join(
        f"    {line}\n" for line in block.splitlines() if "client.cookies.load" not in line
    )
    pytester.makeconftest(SHOP)
    pytester.makepyfile(f"""
import time
a_year_ago = time.time() - 365 * 86400

def test_home(gate, client):
{body}
    client.set_cookie(name, value)
    client.set_cookie("_ga", "1")
    assert_max_age(client.get("/"), "_ga", at_most="28 days", at_least="27 days", gate=gate)

from consentgate.testing import assert_max_age
""")
    result = pytester.runpytest_inprocess("-p", "no:consentgate", "-p", "pytest_consentgate")
    result.assert_outcomes(passed=1)


def test_commands_and_their_options_are_there() -> None:
    """Those of each command that is shown, and what the text names of `check`."""
    shown = re.findall(r"(?:\$ |`)consentgate ([^`#\n]+)", ADOPTING)
    assert {"audit", "check", "init", "lookup", "policy"} == {text.split()[0] for text in shown}
    for words in (text.split() for text in shown):
        assert {word for word in words if word.startswith("--")} <= _options(words), words
    options = set(re.findall(r"`(--[a-z-]+)", ADOPTING)) - {"--help"}
    assert "--scenario" in options
    assert options <= _options(["check"])


def _options(words: list[str]) -> set[str]:
    """Return the options of the command that ``words`` begin with; `table` is the default."""
    command = main.get_command(Context(main), words[0])
    assert command is not None, words
    if isinstance(command, Group):
        named = next(word for word in (*words, "table") if word in command.commands)
        command = command.commands[named]
    return {name for parameter in command.params for name in parameter.opts}


def test_extras_are_those_of_the_package() -> None:
    """By the same names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(re.findall(r"\[([a-z,]+)\]['`]", SECTIONS))
    assert {"cli", "check", "init", "policy", "audit"} <= named
    assert {extra for names in named for extra in names.split(",")} <= {
        *project["optional-dependencies"]
    }


def test_fixtures_and_assertions_are_there() -> None:
    """All of both, and no other."""
    fixtures = {name for name in pytest_consentgate.__all__ if name.startswith("consent_")}
    assert fixtures == set(re.findall(r"`(consent_[a-z]+)`", TESTING))
    assertions = {name for name in testing.__all__ if name.startswith("assert_")}
    assert assertions == set(re.findall(r"`(assert_[a-z_]+)\(", TESTING))


def test_the_catalogue_is_as_large_as_it_says() -> None:
    """By its entries."""
    (number,) = re.findall(r"catalogue of (\d+) known cookies", ADOPTING)
    assert int(number) == len(entries())
