"""Fixtures and plugins of the whole suite."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from browsers import chromium, firefox
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["chromium", "firefox"]

pytest_plugins = ["no_skips", "pytest_consentgate", "pytester", "visitor"]

# A shared machine is slow at times; how long an example takes is no property of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

EXAMPLES: Final = Path(__file__).parent.parent / "examples"


@pytest.fixture
def in_examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand where the examples are started, and forget them afterwards."""
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    names = [file.stem for file in EXAMPLES.glob("*.py")]
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    yield
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(before)
