"""What goes over the wire and through ``document.cookie``, remembered without any value."""

from __future__ import annotations

import time
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from consentgate.audit.asking import tell_devtools
from consentgate.audit.domains import domain_matches, host_of, registrable_domain, without_query
from consentgate.audit.facts import CookieKey, SentCookie, Setter, ThirdParty
from consentgate.set_cookie import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from playwright.sync_api import CDPSession

    from consentgate.audit.facts import SetterKind

__all__ = ["BINDING", "PROBE", "Recorder"]

BINDING: Final = "__consentgateProbe"
"""The name by which the probe reports; it removes it before the page can see it."""
PROBE: Final = (files("consentgate.audit") / "probe.js").read_text(encoding="utf-8")

_MOST_SETTERS: Final = 5_000
_MOST_REQUESTS: Final = 20_000
_MOST_SENT: Final = 5_000
_MOST_DOMAINS: Final = 500
_SCHEMES: Final = ("http:", "https:", "ws:", "wss:")


class _Hop(NamedTuple):
    """One request of a chain of redirects, which all have the same id."""

    request: str
    place: int


class _Line(NamedTuple):
    """One Set-Cookie line, or its like in a script."""

    name: str
    asked_life: int | None
    at: float


class _Count:
    """How often something was seen, and where first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.times = 0


class Recorder:
    """Remembers the requests of one browser profile, and who set its cookies.

    Args:
        clock: seconds since 1970.
        stopwatch: seconds that never go back.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.truncated = False
        self._clock = clock
        self._stopwatch = stopwatch
        self._active_at = stopwatch()
        self._open: set[str] = set()
        self._urls: dict[str, list[str]] = defaultdict(list)
        self._responses: dict[str, int] = defaultdict(int)
        self._set_by_header: list[tuple[_Hop, _Line]] = []
        self._set_by_script: list[tuple[str, str, _Line]] = []
        self._domains: dict[str, _Count] = {}
        self._sent: dict[tuple[CookieKey, str], _Count] = {}

    def listen(self, session: CDPSession) -> None:
        """Record what ``session`` tells of its page from now on."""
        session.on("Network.requestWillBeSent", self.request)
        session.on("Network.requestWillBeSentExtraInfo", self.request_headers)
        session.on("Network.responseReceivedExtraInfo", self.response_headers)
        session.on("Network.loadingFinished", self.ended)
        session.on("Network.loadingFailed", self.ended)
        tell_devtools(session, "Network.enable")

    def begin(self) -> None:
        """Forget the requests so far; who set which cookie is kept."""
        self._domains.clear()
        self._sent.clear()
        self.truncated = False

    def quiet_for(self) -> float:
        """Return for how many seconds nothing was under way."""
        return 0.0 if self._open else self._stopwatch() - self._active_at

    def abandon(self) -> None:
        """Forget what is under way: its page is gone."""
        self._open.clear()

    # -- what the browser tells ----------------------------------------------------------------

    def request(self, event: Mapping[str, Any]) -> None:
        """Take note of a request (CDP ``Network.requestWillBeSent``)."""
        url = str(event["request"]["url"])
        if not url.startswith(_SCHEMES):
            return
        self._active(event, begins=True)
        if len(self._urls) >= _MOST_REQUESTS:
            self.truncated = True
            return
        self._urls[event["requestId"]].append(without_query(url))
        self._count(registrable_domain(host_of(url)), url)

    def request_headers(self, event: Mapping[str, Any]) -> None:
        """Take note of the cookies that went with it (``requestWillBeSentExtraInfo``)."""
        host = _sent_to(event["headers"]) or host_of(self._url(event["requestId"], -1))
        for associated in event["associatedCookies"]:
            if not associated["blockedReasons"]:
                self._cookie_sent(key_of(associated["cookie"]), host)

    def response_headers(self, event: Mapping[str, Any]) -> None:
        """Take note of the lines that set cookies (``responseReceivedExtraInfo``)."""
        self._active(event)
        hop = _Hop(event["requestId"], self._responses[event["requestId"]])
        self._responses[hop.request] += 1
        refused = {blocked["cookieLine"] for blocked in event["blockedCookies"]}
        for line in _set_cookie_lines(event["headers"]):
            if line not in refused and self._room(self._set_by_header):
                self._set_by_header.append((hop, self._read(line)))

    def ended(self, event: Mapping[str, Any]) -> None:
        """Take note that a request is over (``loadingFinished``, ``loadingFailed``)."""
        self._open.discard(event["requestId"])
        self._active_at = self._stopwatch()

    def probed(self, source: Mapping[str, Any], report: object) -> None:
        """Take note of what a script wrote, as ``probe.js`` reports it; a page may pretend to."""
        parts = _texts(report, "name", "attributes", "script")
        if parts is None or not self._room(self._set_by_script):
            return
        name, attributes, script = parts
        host = host_of(source["frame"].url) or host_of(source["page"].url)
        self._set_by_script.append(
            (host, without_query(script), self._read(f"{name}=;{attributes}"))
        )

    # -- what became of it ---------------------------------------------------------------------

    def setter(self, key: CookieKey) -> Setter | None:
        """Return who set this cookie, a response before a script; None if nobody was seen.

        The address is that of who did it first; time and lifetime are those of the last time.
        """
        ways: tuple[tuple[SetterKind, Iterable[tuple[str, str, _Line]]], ...] = (
            ("header", self._by_header()),
            ("script", self._set_by_script),
        )
        for kind, written in ways:
            found = [
                (url, line)
                for host, url, line in written
                if line.name == key.name and domain_matches(host, key.domain)
            ]
            if found:
                last = found[-1][1]
                return Setter(kind, found[0][0], last.at, last.asked_life)
        return None

    def _by_header(self) -> Iterator[tuple[str, str, _Line]]:
        for hop, line in self._set_by_header:
            url = self._url(*hop)
            yield host_of(url), url, line

    def third_parties(self, site: str) -> tuple[ThirdParty, ...]:
        """Return the registrable domains but ``site`` that were asked for something, by name."""
        return tuple(
            ThirdParty(domain, count.times, count.url)
            for domain, count in sorted(self._domains.items())
            if domain != site
        )

    def sent(self) -> tuple[SentCookie, ...]:
        """Return the cookies that were sent, and where to."""
        return tuple(
            SentCookie(key, host, count.times, count.url)
            for (key, host), count in sorted(self._sent.items(), key=lambda item: item[0])
        )

    # -- the details ---------------------------------------------------------------------------

    def _active(self, event: Mapping[str, Any], *, begins: bool = False) -> None:
        self._active_at = self._stopwatch()
        if begins:
            self._open.add(event["requestId"])

    def _count(self, domain: str, url: str) -> None:
        if domain not in self._domains and len(self._domains) >= _MOST_DOMAINS:
            self.truncated = True
            return
        self._domains.setdefault(domain, _Count(without_query(url))).times += 1

    def _cookie_sent(self, key: CookieKey, host: str) -> None:
        if (key, host) not in self._sent and len(self._sent) >= _MOST_SENT:
            self.truncated = True
            return
        self._sent.setdefault((key, host), _Count(host)).times += 1

    def _room(self, kept: list[Any]) -> bool:
        self.truncated = self.truncated or len(kept) >= _MOST_SETTERS
        return len(kept) < _MOST_SETTERS

    def _read(self, line: str) -> _Line:
        now = self._clock()
        cookie = read(line)
        return _Line(cookie.name, cookie.attributes.lifetime(int(now)), now)

    def _url(self, request: str, place: int) -> str:
        """Return the address of one hop, or the nearest known one before it."""
        urls = self._urls.get(request, [""])
        return urls[min(place, len(urls) - 1)]


def key_of(cookie: Mapping[str, Any]) -> CookieKey:
    """Return what tells a cookie of the DevTools protocol from others."""
    match cookie.get("partitionKey"):
        case {"topLevelSite": str(site)}:
            pass
        case str(site):  # as the protocol had it before Chromium 127
            pass
        case _:
            site = ""
    return CookieKey(cookie["name"], cookie["domain"], cookie["path"], site)


def _sent_to(headers: Mapping[str, str]) -> str:
    for name in (":authority", "Host", "host"):
        if name in headers:
            return host_of(f"//{headers[name]}")
    return ""


def _set_cookie_lines(headers: Mapping[str, str]) -> list[str]:
    """Return the lines of a response, which the protocol joins with line feeds."""
    return [
        line
        for name, value in headers.items()
        if name.lower() == "set-cookie"
        for line in value.split("\n")
    ]


def _texts(report: object, *names: str) -> list[str] | None:
    if not isinstance(report, dict):
        return None
    found = [cast("dict[str, object]", report).get(name) for name in names]
    texts = [each[:4096] for each in found if isinstance(each, str)]
    return texts if len(texts) == len(names) else None
