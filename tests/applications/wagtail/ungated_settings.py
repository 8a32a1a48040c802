"""The settings of `wagtail start`, with trackers."""

from __future__ import annotations

from shopcms.settings.dev import *  # noqa: F403
from shopcms.settings.dev import MIDDLEWARE as OF_THE_SITE

MIDDLEWARE = [*OF_THE_SITE, "tracked.tracked"]
