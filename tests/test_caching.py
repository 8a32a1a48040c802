"""Whether a shared cache may store a response."""

from __future__ import annotations

import pytest

from consentgate.caching import is_private, may_be_shared, private_cache_control
from consentgate.set_cookie import imf_fixdate
from consentgate.testing import NOW


@pytest.mark.parametrize(
    ("headers", "shared"),
    [
        ([], False),
        ([("content-type", "text/html"), ("etag", '"1"')], False),
        ([("cache-control", "")], False),
        ([("cache-control", " "), ("etag", '"1"')], False),
        ([("cache-control", "public")], True),
        ([("cache-control", "max-age=60")], True),
        ([("cache-control", "max-age=060")], True),
        ([("cache-control", "max-age=00")], False),
        ([("cache-control", "immutable")], True),
        ([("cache-control", 'S-MaxAge="60"')], True),
        ([("cache-control", "no-transform")], False),
        ([("cache-control", "max-age=0, must-revalidate")], False),
        ([("cache-control", "max-age=0"), ("etag", '"1"')], True),
        ([("cache-control", "no-cache")], False),
        ([("cache-control", "no-cache"), ("etag", '"1"')], True),
        ([("cache-control", "no-cache"), ("last-modified", "x")], True),
        ([("cache-control", "public, Private")], False),
        ([("cache-control", "public"), ("cache-control", "no-store")], False),
        ([("cache-control", 'private="x", max-age=60')], True),
        ([("expires", "0")], False),
        ([("expires", "Thu, 01 Jan 1970 00:00:00 GMT")], False),
        ([("expires", "Sun, 18 Nov 2029 00:00:00 GMT")], True),
        ([("expires", imf_fixdate(int(NOW)))], False),
        ([("expires", imf_fixdate(int(NOW) + 1))], True),
        ([("last-modified", "Sun, 18 Nov 2018 00:00:00 GMT")], True),
        ([("last-modified", "x"), ("cache-control", "private")], False),
        ([("cache-control", "private"), ("cdn-cache-control", "max-age=60")], True),
        ([("cdn-cache-control", "max-age=0")], False),
        ([("cdn-cache-control", "no-cache")], False),
        ([("surrogate-control", "no-store")], False),
        ([("x-accel-expires", "60")], True),
        ([("x-accel-expires", "0")], False),
        ([("edge-control", "cache-maxage=60m")], True),
        ([("cache-control", "no-store"), ("vercel-cdn-cache-control", "max-age=60")], True),
    ],
)
def test_R18_whether_a_response_may_be_shared(headers: list[tuple[str, str]], shared: bool) -> None:
    """Where a header speaks of caching and none forbids it (RFC 9111 3)."""
    assert shared == may_be_shared(headers, NOW, not_modified=False)


@pytest.mark.parametrize(
    ("headers", "shared"),
    [
        ([], True),
        ([("cache-control", "no-cache")], True),
        ([("etag", '"1"')], True),
        ([("cache-control", "private, max-age=1")], False),
    ],
)
def test_R18_a_304_renews_what_is_stored(headers: list[tuple[str, str]], shared: bool) -> None:
    """So it counts as shared unless it says otherwise (RFC 9111 4.3.4)."""
    assert shared == may_be_shared(headers, NOW, not_modified=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "private"),
        ([""], "private"),
        ([" "], "private"),
        (["public, max-age=60"], "max-age=60, private"),
        (["Public", "S-MaxAge=60, must-revalidate"], "must-revalidate, private"),
        (["private, max-age=60"], "private, max-age=60"),
        (["proxy-revalidate, max-age=9"], "max-age=9, private"),
        (["No-Store", "max-age=0"], "No-Store, max-age=0"),
        (['no-cache="a, b"'], 'no-cache="a, b", private'),
    ],
)
def test_R23_what_is_made_private(values: list[str], expected: str) -> None:
    """All is kept but what speaks to shared caches."""
    headers = [("cache-control", value) for value in values]
    said = private_cache_control(headers)
    assert expected == said
    assert is_private([("cache-control", said)])
