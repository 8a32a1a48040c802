"""What is remembered of what a browser tells, which a page may have had a say in."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from audit_facts import NOW, PARTIES
from hypothesis import given
from hypothesis import strategies as st

from consentgate.audit import recording, setters, storage, traffic
from consentgate.audit.asking import read_answer
from consentgate.audit.conversation import Inbox
from consentgate.audit.facts import CookieKey, Setter, StoredKey
from consentgate.audit.recording import Recorder, key_of
from consentgate.audit.storage import Storage, stored_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

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


def report(
    name: str = "_ga", attributes: str = "max-age=60", *, kept: bool = True
) -> dict[str, Any]:
    """Make what the probe reports."""
    return {
        "name": name,
        "attributes": attributes,
        "script": "https://cdn.example/a.js?x=1",
        "kept": kept,
    }


def test_a_response_sets_a_cookie(recorder: Recorder, clock: Clock) -> None:
    """First where, and last when and for how long."""
    recorder.request(request(f"{URL}?secret"))
    recorder.response_headers(response("_ga=1; Max-Age=60; Domain=shop.example", "other=1"))
    clock.now += 5
    recorder.request(request(f"{URL}next", "2"))
    recorder.response_headers(response("_ga=2; Max-Age=90", request_id="2"))

    assert Setter("header", URL, NOW + 5, 90) == recorder.setters.setter(KEY)
    assert recorder.setters.setter(KEY._replace(name="nobody")) is None
    assert recorder.setters.setter(KEY._replace(domain="other.example")) is None


def test_each_hop_of_a_redirect_is_its_own(recorder: Recorder) -> None:
    """They share an id, and their headers may be told before they are."""
    recorder.response_headers(response("first=1"))
    recorder.request(request("https://one.example/"))
    recorder.request(request("https://two.example/"))
    recorder.response_headers(response("second=1"))
    recorder.response_headers(response("third=1"))

    def origin(name: str, host: str) -> str:
        setter = recorder.setters.setter(CookieKey(name, host, "/"))
        return setter.url if setter else ""

    assert "https://one.example/" == origin("first", "one.example")
    assert "https://two.example/" == origin("second", "two.example")
    assert "https://two.example/" == origin("third", "two.example")


def test_a_refused_line_sets_nothing(recorder: Recorder) -> None:
    """The browser says which it did not take."""
    recorder.request(request())
    recorder.response_headers(response("_ga=1", refused="_ga=1"))
    assert recorder.setters.setter(KEY) is None


def test_a_response_nobody_asked_for_belongs_to_nobody(recorder: Recorder) -> None:
    """Without an address a line cannot be attributed."""
    recorder.response_headers(response("_ga=1"))
    assert recorder.setters.setter(KEY) is None


@pytest.mark.parametrize(
    ("written", "kept"),
    [("spr\xe5k", "sprk"), ("spr\xc3\xa5k", "spr\xe5k"), ("\u043a\u043b\u044e\u0447", "")],
)
def test_a_name_beyond_ascii_is_the_same_wherever_it_is_told(
    recorder: Recorder, written: str, kept: str
) -> None:
    """A browser gives the octets of a header in one way, its jar in another."""
    recorder.request(request())
    recorder.response_headers(response(f"{written}=1; Path=/"))
    key = CookieKey(kept, "www.shop.example", "/")
    setter = recorder.setters.setter(key)
    assert setter is not None
    assert "header" == setter.kind
    assert () == recorder.setters.brief([key])
    (gone,) = recorder.setters.brief([])
    assert written == gone.name


def test_a_script_sets_a_cookie(recorder: Recorder) -> None:
    """It is named without its query; in a frame without an address the page's counts."""
    recorder.probed(told("about:blank"), report())
    assert Setter("script", "https://cdn.example/a.js", NOW, 60) == recorder.setters.setter(KEY)
    recorder.request(request())
    recorder.response_headers(response("_ga=1"))
    assert Setter("header", URL, NOW, None) == recorder.setters.setter(KEY)


def test_what_deletes_sets_nothing(recorder: Recorder) -> None:
    """A response may delete what a script sets later: that is who set it."""
    recorder.request(request())
    recorder.response_headers(response("_ga=; Max-Age=0", "_ga=; Expires=Thu, 01 Jan 1970 0:0:0"))
    recorder.probed(told(), report())
    setter = recorder.setters.setter(KEY)
    assert setter is not None
    assert "script" == setter.kind


def test_what_was_set_and_is_gone_is_remembered(recorder: Recorder, clock: Clock) -> None:
    """Unless the browser did not take it, nobody knows for whom it was, or it was long ago."""
    recorder.request(request())
    recorder.response_headers(response("_ga=1; Max-Age=60", "kept=1"))
    recorder.response_headers(response("nobody=1", request_id="unknown"))
    recorder.probed(told(), report("scripted"))
    recorder.probed(told(), report("refused", kept=False))
    host = "www.shop.example"
    jar = [CookieKey("kept", ".shop.example", "/"), CookieKey("_ga", "other.example", "/")]
    expected = [("_ga", host, "header"), ("scripted", host, "script")]
    gone = recorder.setters.brief(jar)
    assert expected == [(each.name, each.host, each.setter.kind) for each in gone]

    clock.now += 1
    recorder.begin()
    assert () == recorder.setters.brief([])


def test_a_stage_begins_at_its_very_moment(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set then is of it; what was too much is not."""
    monkeypatch.setattr(setters, "_MOST_LINES", 1)
    recorder.request(request())
    recorder.response_headers(response("_ga=1", "_gid=1"))
    assert recorder.setters.truncated
    recorder.begin()
    assert not recorder.setters.truncated
    assert ["_ga"] == [each.name for each in recorder.setters.brief([])]


def test_what_is_gone_is_bounded(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """And told to be incomplete."""
    monkeypatch.setattr(setters, "_MOST_BRIEF", 2)
    for each in "abc":
        recorder.probed(told(), report(each))
    assert 2 == len(recorder.setters.brief([]))
    assert recorder.truncated


@pytest.mark.parametrize("junk", [None, 1, [], {}, {"name": "_ga"}, {**report(), "script": 5}])
def test_a_page_may_pretend_to_be_the_probe(recorder: Recorder, junk: object) -> None:
    """What is no report is ignored."""
    recorder.probed(told(), junk)
    assert recorder.setters.setter(KEY) is None


def test_requests_are_counted_by_domain(recorder: Recorder) -> None:
    """Without the site's own, and without what is no request."""
    recorder.request(request())
    recorder.request(request("https://px.ads.example/a?visitor=1", "2"))
    recorder.request(request("https://ads.example/b", "3"))
    recorder.request(request("data:,x", "4"))
    (party,) = recorder.third_parties(PARTIES)
    assert ("ads.example", 2, "https://px.ads.example/a") == (
        party.domain,
        party.requests,
        party.first_url,
    )

    recorder.begin()
    assert () == recorder.third_parties(PARTIES)


def sending(headers: dict[str, str], request_id: str = "1", *names: str) -> dict[str, Any]:
    """Make what the browser says of the headers of a request, and of the cookies in them."""
    cookies = [{"blockedReasons": [], "cookie": {**COOKIE, "name": name}} for name in names]
    return {"requestId": request_id, "headers": headers, "associatedCookies": cookies}


def test_requests_of_workers_count(recorder: Recorder) -> None:
    """Of them no more is told than their headers; nobody waits for their end."""
    recorder.request({**request(f"{URL}worker.js", "1"), "loaderId": ""})
    recorder.request(request(URL, "2"))
    recorder.ended({"requestId": "2"})
    over_tls = {":authority": "work.example:8443", ":scheme": "https"}
    recorder.request_headers(sending(over_tls, "3", "_ga"))
    recorder.request_headers(sending({"Host": "work.example"}, "4"))
    recorder.request_headers(sending({"Host": "www.shop.example"}, "2"))
    recorder.response_headers(response("made=1", request_id="3"))
    recorder.response_headers(response("lost=1", request_id="5"))

    assert not recorder._open
    (party,) = recorder.third_parties(PARTIES)
    assert ("work.example", 2, "https://work.example:8443/") == (
        party.domain,
        party.requests,
        party.first_url,
    )
    (sent,) = recorder.sent([])
    assert "work.example" == sent.host
    setter = recorder.setters.setter(CookieKey("made", "work.example", "/"))
    assert setter is not None
    assert "https://work.example:8443/" == setter.url

    recorder.begin()
    assert () == recorder.third_parties(PARTIES)


def test_websockets_count(recorder: Recorder) -> None:
    """Whom they ask, which names they send, and what their answers set; nobody waits for them."""
    url = "wss://socket.example/talk?id=1"
    recorder.socket({"requestId": "1", "url": url})
    headers = {"Cookie": "_ga=secret; other=1; nameless", "Host": "socket.example"}
    recorder.handshake({"requestId": "1", "request": {"headers": headers}})
    recorder.handshake({"requestId": "1", "request": {"headers": headers}})
    answer = {"Set-Cookie": "made=1"}
    recorder.handshake_answer({"requestId": "1", "response": {"headers": answer}})

    (party,) = recorder.third_parties(PARTIES)
    assert ("socket.example", "wss://socket.example/talk") == (party.domain, party.first_url)
    key = CookieKey("_ga", ".socket.example", "/")
    found = {each.key: each.requests for each in recorder.sent([key, KEY])}
    assert {key: 2, CookieKey("other", "socket.example", "/"): 2} == found
    assert "secret" not in repr(vars(recorder))
    setter = recorder.setters.setter(CookieKey("made", "socket.example", "/"))
    assert setter is not None
    assert "wss://socket.example/talk" == setter.url
    assert not recorder._open


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

    (sent,) = recorder.sent([])
    assert (KEY, "www.shop.example", 2) == (sent.key, sent.host, sent.requests)
    recorder.begin()
    assert () == recorder.sent([])


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
    ("place", "limit", "flood"),
    [
        (recording, "_MOST_REQUESTS", lambda it, each: it.request(request(request_id=each))),
        (
            traffic,
            "_MOST_DOMAINS",
            lambda it, each: it.request(request(f"https://{each}.{each}/", each)),
        ),
        (setters, "_MOST_LINES", lambda it, each: it.probed(told(), report(each))),
        (
            recording,
            "_MOST_REQUESTS",
            lambda it, each: it.request_headers(sending({"Host": each}, each)),
        ),
        (
            traffic,
            "_MOST_SENT",
            lambda it, each: it.handshake(
                {"requestId": "1", "request": {"headers": {"cookie": f"{each}=1"}}}
            ),
        ),
        (setters, "_MOST_LINES", lambda it, each: it.response_headers(response(f"{each}=1"))),
        (
            traffic,
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
    place: ModuleType,
    limit: str,
    flood: Callable[[Recorder, str], None],
) -> None:
    """Of each thing only so many are kept."""
    monkeypatch.setattr(place, limit, 3)
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


def test_storage_that_is_left_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the page itself, which lists only so much, or here."""
    few = ["https://a.example", [["cache", "a", None], ["cache", "b", None]], False]
    kept = Storage()
    kept.add(few)
    kept.add("nonsense")
    assert (2, False) == (len(kept.keys()), kept.truncated)
    kept.add(["https://a.example", [], True])
    assert kept.truncated

    monkeypatch.setattr(storage, "_MOST_KEYS", 1)
    full = Storage()
    full.add(few)
    assert (1, True) == (len(full.keys()), full.truncated)


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
