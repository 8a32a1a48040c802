"""The errors ConsentGate raises, in one tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.known_cookie import Verdict


class ConsentGateError(Exception):
    """Base of every error that ConsentGate raises itself."""


class ConfigurationError(ConsentGateError, ValueError):
    """The gate or an adapter was set up wrongly; raised at start-up."""


class PolicyError(ConfigurationError):
    """A policy says something that cannot be; raised at start-up.

    ``reason`` tells what is wrong and the remedy, ``key`` where in the policy
    (``"cookies[2].max_age"``), ``file`` in which file; the last two are empty where unknown.
    """

    def __init__(self, reason: str, *, key: str = "", file: str = "") -> None:
        self.reason = reason
        self.key = key
        self.file = file
        super().__init__(": ".join(part for part in (file, key, reason) if part))

    def below(self, parent: str) -> PolicyError:
        """Return the same error with its key placed below ``parent``."""
        key = f"{parent}.{self.key}" if self.key else parent
        return PolicyError(self.reason, key=key, file=self.file)

    def inside(self, file: str) -> PolicyError:
        """Return the same error as found in ``file``."""
        return PolicyError(self.reason, key=self.key, file=file)


class CookieBlocked(ConsentGateError):
    """The application set a cookie that may not leave, and the policy's mode is ``block``.

    Raised before any header is sent; ``verdict`` says which cookie and why.
    """

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(f"cookie {verdict.name!r} may not be set: {verdict.reason}")


class UnknownCategory(ConsentGateError, LookupError):
    """A category was named that the policy does not have, or that nobody can decide about."""

    def __init__(self, category: str, known: Iterable[str]) -> None:
        self.category = category
        self.known = tuple(known)
        super().__init__(f"{category!r} is none of the categories {', '.join(self.known)}")


class DecisionNotStored(ConsentGateError, RuntimeError):
    """A grant or withdrawal came where it can no longer, or may not, be stored."""


class RecordStoreUnavailable(DecisionNotStored):
    """The proof of a decision cannot be kept just now, so the decision was not taken."""


class MiddlewareMissing(ConsentGateError, RuntimeError):
    """The request did not pass through ConsentGate's middleware."""

    def __init__(self) -> None:
        super().__init__(
            "this request did not pass through ConsentGateMiddleware; "
            "add it around the application, outside every other middleware"
        )
