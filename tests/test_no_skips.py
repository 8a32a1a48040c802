"""The plugin that turns skips into failures (``no_skips.py``)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SUITE = """
import pytest

@pytest.mark.skip(reason="no browser: by marker")
def test_marker(): pass

def test_call(): pytest.skip("no browser: by call")

@pytest.fixture
def browser(): pytest.skip("no browser: by fixture")

def test_fixture(browser): pass

@pytest.mark.xfail
def test_expected(): assert False

def test_sound(): pass
"""


def run_pytest(directory: Path, test_all: str) -> str:
    """Return what pytest prints about the tests in ``directory``, with the plugin."""
    environment = os.environ | {
        "CONSENTGATE_TEST_ALL": test_all,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = [sys.executable, "-m", "pytest", "-p", "no_skips", "-p", "no:cacheprovider", "-ra"]
    return subprocess.run(  # noqa: S603
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    ).stdout


def test_every_way_to_skip_fails_and_says_why(tmp_path: Path) -> None:
    """A skip by marker, call or fixture fails with its reason; an expected failure does not."""
    (tmp_path / "test_suite.py").write_text(SUITE)

    output = run_pytest(tmp_path, test_all="1")

    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in output
    for way in ("marker", "call", "fixture"):
        assert f"forbids skipping, and this was: Skipped: no browser: by {way}" in output


def test_a_module_that_skips_itself_fails(tmp_path: Path) -> None:
    """A skip while a module is imported is an error of the collection."""
    (tmp_path / "test_suite.py").write_text("import pytest\npytest.importorskip('no_such_module')")

    output = run_pytest(tmp_path, test_all="1")

    assert "1 error" in output
    assert "could not import 'no_such_module'" in output


def test_skips_are_skips_elsewhere(tmp_path: Path) -> None:
    """Without CONSENTGATE_TEST_ALL=1 the plugin changes nothing."""
    (tmp_path / "test_suite.py").write_text(SUITE)

    assert "1 passed, 3 skipped, 1 xfailed" in run_pytest(tmp_path, test_all="")


def test_the_suite_loads_the_plugin(pytestconfig: pytest.Config) -> None:
    """The plugin is at work in this very run."""
    assert pytestconfig.pluginmanager.has_plugin("no_skips")
