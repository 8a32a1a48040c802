"""What goes over the wire and through ``document.cookie``, remembered without any value."""

from __future__ import annotations

import time
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast

from consentgate.audit.asking import tell_devtools
from consentgate.audit.domains import host_of, without_query
from consentgate.audit.facts import CookieKey
from consentgate.audit.setters import Hop, Setters, set_cookie_lines
from consentgate.audit.traffic import Traffic, names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from playwright.sync_api import CDPSession

    from consentgate.audit.facts import Parties, SentCookie, ThirdParty

__all__ = ["BINDING", "PROBE", "Recorder"]

BINDING: Final = "__consentgateProbe"
"""The name by which the probe reports; it removes it before the page can see it."""
PROBE: Final = (files("consentgate.audit") / "probe.js").read_text(encoding="utf-8")

_MOST_REQUESTS: Final = 20_000
_SCHEMES: Final = ("http:", "https:", "ws:", "wss:")


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
        self.setters = Setters(clock, self._url)
        self._traffic = Traffic()
        self._stopwatch = stopwatch
        self._active_at = stopwatch()
        self._is_truncated = False
        self._open: set[str] = set()
        self._urls: dict[str, list[str]] = defaultdict(list)
        self._responses: dict[str, int] = defaultdict(int)
        self._receivers: dict[str, str] = {}
        self._sent_now: set[str] = set()

    def listen(self, session: CDPSession) -> None:
        """Record what ``session`` tells of its page from now on."""
        session.on("Network.requestWillBeSent", self.request)
        session.on("Network.requestWillBeSentExtraInfo", self.request_headers)
        session.on("Network.responseReceivedExtraInfo", self.response_headers)
        session.on("Network.loadingFinished", self.ended)
        session.on("Network.loadingFailed", self.ended)
        session.on("Network.webSocketCreated", self.socket)
        session.on("Network.webSocketWillSendHandshakeRequest", self.handshake)
        session.on("Network.webSocketHandshakeResponseReceived", self.handshake_answer)
        tell_devtools(session, "Network.enable")

    def begin(self) -> None:
        """Forget the requests so far; who set which cookie is kept."""
        self._traffic = Traffic()
        self._sent_now.clear()
        self.setters.begin()
        self._is_truncated = False

    @property
    def truncated(self) -> bool:
        """Whether there was more of something than is kept."""
        return self._is_truncated or self._traffic.truncated or self.setters.truncated

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
        if event.get("loaderId") != "":  # the end of a worker's own script is not told
            self._open.add(event["requestId"])
        self._asked(event, url)

    def request_headers(self, event: Mapping[str, Any]) -> None:
        """Take note of the cookies that went with it (``requestWillBeSentExtraInfo``).

        Of a worker's requests this is all that the page is told.
        """
        origin = _receiver(event["headers"])
        if origin and self._has_room(self._receivers):
            self._receivers[event["requestId"]] = origin
            self._sent_now.add(event["requestId"])
        host = host_of(origin or self._url(Hop(event["requestId"], -1)))
        for associated in event["associatedCookies"]:
            if not associated["blockedReasons"]:
                self._traffic.sent_cookie(key_of(associated["cookie"]), host)

    def response_headers(self, event: Mapping[str, Any]) -> None:
        """Take note of the lines that set cookies (``responseReceivedExtraInfo``)."""
        self._active_at = self._stopwatch()
        hop = Hop(event["requestId"], self._responses[event["requestId"]])
        self._responses[hop.request] += 1
        refused = {blocked["cookieLine"] for blocked in event["blockedCookies"]}
        for line in set_cookie_lines(event["headers"]):
            if line not in refused:
                self.setters.answered(hop, line)

    def ended(self, event: Mapping[str, Any]) -> None:
        """Take note that a request is over (``loadingFinished``, ``loadingFailed``)."""
        self._open.discard(event["requestId"])
        self._active_at = self._stopwatch()

    def socket(self, event: Mapping[str, Any]) -> None:
        """Take note of a WebSocket (``webSocketCreated``), whose end nobody waits for."""
        self._asked(event, str(event["url"]))

    def handshake(self, event: Mapping[str, Any]) -> None:
        """Take note of the names it sends (``webSocketWillSendHandshakeRequest``)."""
        host = host_of(self._url(Hop(event["requestId"], 0)))
        for header, value in event["request"]["headers"].items():
            if header.lower() == "cookie":
                for name in names_in(value):
                    self._traffic.sent_name(name, host)

    def handshake_answer(self, event: Mapping[str, Any]) -> None:
        """Take note of what its answer sets (``webSocketHandshakeResponseReceived``)."""
        for line in set_cookie_lines(event["response"]["headers"]):
            self.setters.answered(Hop(event["requestId"], 0), line)

    def probed(self, source: Mapping[str, Any], report: object) -> None:
        """Take note of what a script wrote, as ``probe.js`` reports it; a page may pretend to."""
        match report:
            case {"name": str(), "attributes": str(), "script": str(), "kept": bool(kept)}:
                pass
            case _:
                return
        texts = cast("dict[str, str]", report)
        name, attributes, script = (texts[key][:4096] for key in ("name", "attributes", "script"))
        host = host_of(source["frame"].url) or host_of(source["page"].url)
        line = f"{name}=;{attributes}"
        self.setters.scripted(host, without_query(script), line, is_kept=kept)

    # -- what became of it ---------------------------------------------------------------------

    def third_parties(self, parties: Parties) -> tuple[ThirdParty, ...]:
        """Return the registrable domains of third parties that were asked, by name."""
        late = [self._receivers[each] for each in sorted(self._sent_now - set(self._urls))]
        return self._traffic.third_parties(parties, late)

    def sent(self, jar: Iterable[CookieKey]) -> tuple[SentCookie, ...]:
        """Return the cookies that were sent, and where to."""
        return self._traffic.sent(jar)

    # -- the details ---------------------------------------------------------------------------

    def _asked(self, event: Mapping[str, Any], url: str) -> None:
        self._active_at = self._stopwatch()
        if self._has_room(self._urls):
            self._urls[event["requestId"]].append(without_query(url))
            self._traffic.asked(url)

    def _has_room(self, kept: Mapping[str, object]) -> bool:
        self._is_truncated = self._is_truncated or len(kept) >= _MOST_REQUESTS
        return len(kept) < _MOST_REQUESTS

    def _url(self, hop: Hop) -> str:
        """Return the address of one hop, or the nearest known one before it."""
        urls = self._urls.get(hop.request) or [self._receivers.get(hop.request, "")]
        return urls[min(hop.place, len(urls) - 1)]


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


def _receiver(headers: Mapping[str, str]) -> str:
    """Return the origin that a request went to; HTTP/1.1 does not tell the scheme."""
    for name in (":authority", "Host", "host"):
        if name in headers:
            return f"{headers.get(':scheme', 'https')}://{headers[name]}/"
    return ""
