"""Two cookies that marketing adds to applications, with no word about consent."""

from __future__ import annotations

DAY = 24 * 60 * 60

COOKIES = (
    ("_ga", "GA1.1.1234567890.1700000000", 2 * 365 * DAY),
    ("_fbp", "fb.1.1700000000000.1234567890", 90 * DAY),
)
"""Name, value and Max-Age in seconds: two years are what Google Analytics asks for."""

BANNER = '<script src="/consent/banner.js" defer></script>'
"""The line by which a page shows ConsentGate's banner."""
