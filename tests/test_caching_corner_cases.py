"""Corner cases of what a shared cache may store."""

from __future__ import annotations

import pytest

from consentgate.caching import may_be_shared, private_cache_control
from consentgate.set_cookie import imf_fixdate
from consentgate.testing import NOW


@pytest.mark.parametrize(
    ("headers", "shared"),
    [
        ([("cache-control", "immutable")], True),
        ([("cache-control", "max-age=060")], True),
        ([("cache-control", "max-age=00")], False),
        ([("cache-control", " "), ("etag", '"1"')], False),
        ([("expires", imf_fixdate(int(NOW)))], False),
        ([("expires", imf_fixdate(int(NOW) + 1))], True),
        ([("cdn-cache-control", "max-age=0")], False),
        ([("cdn-cache-control", "no-cache")], False),
    ],
)
def test_R18_more_rows(headers: list[tuple[str, str]], shared: bool) -> None:
    """To be added to the rows of test_R18_whether_a_response_may_be_shared."""
    assert shared == may_be_shared(headers, NOW, not_modified=False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([" "], "private"), (["proxy-revalidate, max-age=9"], "max-age=9, private")],
)
def test_R23_more_rows(values: list[str], expected: str) -> None:
    """To be added to the rows of test_R23_what_is_made_private."""
    assert expected == private_cache_control([("cache-control", value) for value in values])
