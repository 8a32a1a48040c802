"""Fixtures and plugins of the whole suite."""

from browsers import chromium, firefox

__all__ = ["chromium", "firefox"]

pytest_plugins = ["no_skips"]
