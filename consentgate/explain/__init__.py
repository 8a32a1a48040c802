"""``consentgate explain``: why a cookie vanished, or what became of it."""

from consentgate.explain.command import explain

__all__ = ["explain"]
