"""Fixtures and plugins of the whole suite."""

from browsers import chromium, firefox
from hypothesis import settings

__all__ = ["chromium", "firefox"]

pytest_plugins = ["no_skips", "pytest_consentgate", "pytester", "visitor"]

# A shared machine is slow at times; how long an example takes is no property of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
