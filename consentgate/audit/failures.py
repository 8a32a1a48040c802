"""When there is nothing to report on."""

from __future__ import annotations

from consentgate.usage_error import Unusable

__all__ = ["NotAuditable"]


class NotAuditable(Unusable):
    """The site could not be audited: it cannot be reached, or there is no browser."""

    exit_code = 3
