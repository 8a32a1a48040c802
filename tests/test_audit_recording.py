"""What is remembered of what a browser tells, which a page may have had a say in."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from audit_facts import NOW
from hypothesis import given
from hypothesis import strategies as st

from consentgate.audit import recording
from consentgate.audit.asking import read_answer
from consentgate.audit.autoconsent import Inbox
from consentgate.audit.facts import CookieKey, Setter, StoredKey
from consentgate.audit.profile import stored_keys
from consentgate.audit.recording import Recorder, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://www.shop.example/"
KEY = CookieKey("_ga", ".shop.example", "/")
COOKIE = {"name": "_ga", "domain": ".shop.example", "path": "/", "value": "secret"}


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give the recorder's time."""
    return Clock()


@pytest.fixture
def recorder(clock: Clock) -> Recorder:
    """Give a recorder."""
    return Recorder(clock, clock)


def request(url: str = URL, request_id: str = "1") -> dict[str, Any]:
    """Make what the browser says of a request."""
    return {"requestId": request_id, "request": {"url": url}}


def response(*lines: str, request_id: str = "1", refused: str = "") -> dict[str, Any]:
    """Make what the browser says of a response that sets cookies."""
    return {
        "requestId": request_id,
        "headers": {"Content-Type": "text/html", "Set-Cookie": "\n".join(lines)},
        "blockedCookies": [{"cookieLine": refused}],
    }


def told(url: str = URL) -> dict[str, Any]:
    """Make the frame and page in which a script wrote."""
    return {"frame": SimpleNamespace(url=url), "page": SimpleNamespace(url=URL)}


def report(name: str = "_ga", attributes: str = "max-age=60") -> dict[str, str]:
    """Make what the probe reports."""
    return {"name": name, "attributes": attributes, "script": "https://cdn.example/a.js?x=1"}


def test_a_response_sets_a_cookie(recorder: Recorder, clock: Clock) -> None:
    """First where, and last when and for how long."""
    recorder.request(request(f"{URL}?secret"))
    recorder.response_headers(response("_ga=1; Max-Age=60; Domain=shop.example", "other=1"))
    clock.now += 5
    recorder.request(request(f"{URL}next", "2"))
    recorder.response_headers(response("_ga=2; Max-Age=90", request_id="2"))

    assert Setter("header", URL, NOW + 5, 90) == recorder.setter(KEY)
    assert recorder.setter(KEY._replace(name="nobody")) is None
    assert recorder.setter(KEY._replace(domain="other.example")) is None


def test_each_hop_of_a_redirect_is_its_own(recorder: Recorder) -> None:
    """They share an id, and their headers may be told before they are."""
    recorder.response_headers(response("first=1"))
    recorder.request(request("https://one.example/"))
    recorder.request(request("https://two.example/"))
    recorder.response_headers(response("second=1"))
    recorder.response_headers(response("third=1"))

    def origin(name: str, host: str) -> str:
        setter = recorder.setter(CookieKey(name, host, "/"))
        return setter.url if setter else ""

    assert "https://one.example/" == origin("first", "one.example")
    assert "https://two.example/" == origin("second", "two.example")
    assert "https://two.example/" == origin("third", "two.example")


def test_a_refused_line_sets_nothing(recorder: Recorder) -> None:
    """The browser says which it did not take."""
    recorder.request(request())
    recorder.response_headers(response("_ga=1", refused="_ga=1"))
    assert recorder.setter(KEY) is None


def test_a_response_nobody_asked_for_belongs_to_nobody(recorder: Recorder) -> None:
    """Without an address a line cannot be attributed."""
    recorder.response_headers(response("_ga=1"))
    assert recorder.setter(KEY) is None


def test_a_script_sets_a_cookie(recorder: Recorder) -> None:
    """It is named without its query; in a frame without an address the page's counts."""
    recorder.probed(told("about:blank"), report())
    assert Setter("script", "https://cdn.example/a.js", NOW, 60) == recorder.setter(KEY)
    recorder.request(request())
    recorder.response_headers(response("_ga=1"))
    assert Setter("header", URL, NOW, None) == recorder.setter(KEY)


@pytest.mark.parametrize("junk", [None, 1, [], {}, {"name": "_ga"}, {**report(), "script": 5}])
def test_a_page_may_pretend_to_be_the_probe(recorder: Recorder, junk: object) -> None:
    """What is no report is ignored."""
    recorder.probed(told(), junk)
    assert recorder.setter(KEY) is None


def test_requests_are_counted_by_domain(recorder: Recorder) -> None:
    """Without the site's own, and without what is no request."""
    recorder.request(request())
    recorder.request(request("https://px.ads.example/a?visitor=1", "2"))
    recorder.request(request("https://ads.example/b", "3"))
    recorder.request(request("data:,x", "4"))
    (party,) = recorder.third_parties("shop.example")
    assert ("ads.example", 2, "https://px.ads.example/a") == (
        party.domain,
        party.requests,
        party.first_url,
    )

    recorder.begin()
    assert () == recorder.third_parties("shop.example")


@pytest.mark.parametrize(
    "headers", [{":authority": "www.shop.example:443"}, {"Host": "www.shop.example"}, {}]
)
def test_cookies_that_were_sent_are_counted(recorder: Recorder, headers: dict[str, str]) -> None:
    """Where to, by either version of HTTP; what was withheld is not."""
    recorder.request(request())
    withheld = {"blockedReasons": ["SecureOnly"], "cookie": {**COOKIE, "name": "no"}}
    with_it = {"blockedReasons": [], "cookie": COOKIE}
    event = {"requestId": "1", "headers": headers, "associatedCookies": [with_it, withheld]}
    recorder.request_headers(event)
    recorder.request_headers(event)

    (sent,) = recorder.sent()
    assert (KEY, "www.shop.example", 2) == (sent.key, sent.host, sent.requests)
    recorder.begin()
    assert () == recorder.sent()


def test_it_is_quiet_when_all_requests_have_ended(recorder: Recorder, clock: Clock) -> None:
    """Since the last of them did, or its page was given up."""
    clock.now += 1
    assert 1 == recorder.quiet_for()
    recorder.request(request())
    recorder.request(request(request_id="2"))
    clock.now += 1
    assert 0 == recorder.quiet_for()
    recorder.ended({"requestId": "1"})
    assert 0 == recorder.quiet_for()
    recorder.ended({"requestId": "2"})
    clock.now += 2
    assert 2 == recorder.quiet_for()
    recorder.request(request())
    recorder.abandon()
    assert 0 == recorder.quiet_for()


@pytest.mark.parametrize(
    ("limit", "flood"),
    [
        ("_MOST_REQUESTS", lambda it, each: it.request(request(request_id=each))),
        ("_MOST_DOMAINS", lambda it, each: it.request(request(f"https://{each}.{each}/", each))),
        ("_MOST_SETTERS", lambda it, each: it.probed(told(), report(each))),
        ("_MOST_SETTERS", lambda it, each: it.response_headers(response(f"{each}=1"))),
        (
            "_MOST_SENT",
            lambda it, each: it.request_headers(
                {
                    "requestId": each,
                    "headers": {},
                    "associatedCookies": [
                        {"blockedReasons": [], "cookie": {**COOKIE, "name": each}}
                    ],
                }
            ),
        ),
    ],
)
def test_a_flood_is_bounded_and_told(
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    flood: Callable[[Recorder, str], None],
) -> None:
    """Of each thing only so many are kept."""
    monkeypatch.setattr(recording, limit, 3)
    for each in range(3):
        flood(recorder, f"n{each}")
    assert not recorder.truncated
    flood(recorder, "more")
    assert recorder.truncated


@pytest.mark.parametrize(
    ("partition", "expected"),
    [
        (None, ""),
        ("https://top.example", "https://top.example"),
        (
            {"topLevelSite": "https://top.example", "hasCrossSiteAncestor": True},
            "https://top.example",
        ),
    ],
)
def test_partitioned_cookies_are_apart(partition: object, expected: str) -> None:
    """In both shapes that the protocol has had."""
    assert expected == key_of({**COOKIE, "partitionKey": partition}).partition


def test_a_page_may_say_anything_to_autoconsent() -> None:
    """What is no message is not kept, and what is none that we know changes nothing."""
    messages: deque[Any] = deque()
    inbox = Inbox(messages)
    inbox({"frame": "frame"}, "nonsense")
    inbox({"frame": "frame"}, {"type": "nonsense"})
    assert [("frame", {"type": "nonsense"})] == list(messages)


# -- what a page answers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[1]", 1),
        ('[{"a": null}]', {"a": None}),
        ("[]", None),
        ("[1, 2]", None),
        ("{}", None),
        ("nonsense", None),
        ("[" * 100_000, None),
        (7, None),
    ],
)
def test_an_answer_is_read_or_there_is_none(text: object, answer: object) -> None:
    """A page can have altered what makes JSON."""
    assert answer == read_answer(text)


def test_storage_is_listed_as_far_as_it_is_a_list() -> None:
    """Anything else in it is left out."""
    good = ["local storage", "theme", 4]
    kept = [good, ["IndexedDB", "db", "x"], ["attic", "a", 1], ["cache", 1, 1], 5, None, []]
    assert [
        StoredKey("https://a.example", "local storage", "theme", 4),
        StoredKey("https://a.example", "IndexedDB", "db", None),
    ] == list(stored_keys(["https://a.example", kept]))


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.just("cache"),
        lambda inner: st.lists(inner, max_size=4),
    )
)
def test_any_answer_about_storage_is_survived(answer: object) -> None:
    """Whatever it is."""
    assert all(isinstance(key, StoredKey) for key in stored_keys(answer))
