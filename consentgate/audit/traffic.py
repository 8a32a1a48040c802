"""Who was asked for something, and which cookies went along: counted, without any value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consentgate.audit.domains import domain_matches, host_of, registrable_domain, without_query
from consentgate.audit.facts import CookieKey, SentCookie, ThirdParty

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consentgate.audit.facts import Parties

__all__ = ["Traffic", "names_in"]

_MOST_SENT: Final = 5_000
_MOST_DOMAINS: Final = 500


class _Count:
    """How often something was seen, and where first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.times = 0


class Traffic:
    """Counts the requests of one stage."""

    def __init__(self) -> None:
        self.truncated = False
        self._domains: dict[str, _Count] = {}
        self._sent: dict[tuple[CookieKey, str], _Count] = {}
        self._named: dict[tuple[str, str], _Count] = {}

    def asked(self, url: str) -> None:
        """Count a request for ``url``."""
        domain = registrable_domain(host_of(url))
        if domain in self._domains or self._has_room(self._domains, _MOST_DOMAINS):
            self._domains.setdefault(domain, _Count(without_query(url))).times += 1

    def sent_cookie(self, key: CookieKey, host: str) -> None:
        """Count a cookie that went to ``host``."""
        sent = (key, host)
        if sent in self._sent or self._has_room(self._sent, _MOST_SENT):
            self._sent.setdefault(sent, _Count(host)).times += 1

    def sent_name(self, name: str, host: str) -> None:
        """Count a cookie of which a header told no more than its name."""
        sent = (name, host)
        if sent in self._named or self._has_room(self._named, _MOST_SENT):
            self._named.setdefault(sent, _Count(host)).times += 1

    def third_parties(self, parties: Parties, more: Iterable[str]) -> tuple[ThirdParty, ...]:
        """Return the registrable domains of third parties that were asked, by name.

        ``more`` are addresses of requests that were noticed late.
        """
        domains = {domain: (it.times, it.url) for domain, it in self._domains.items()}
        for url in more:
            domain = registrable_domain(host_of(url))
            times, first = domains.get(domain, (0, without_query(url)))
            domains[domain] = (times + 1, first)
        return tuple(
            ThirdParty(domain, times, first)
            for domain, (times, first) in sorted(domains.items())
            if not parties.include(domain)
        )

    def sent(self, jar: Iterable[CookieKey]) -> tuple[SentCookie, ...]:
        """Return the cookies that were sent, and where to; ``jar`` tells whose a mere name is."""
        counts = {sent: it.times for sent, it in self._sent.items()}
        known = tuple(jar)
        for (name, host), it in self._named.items():
            sent = (_key_of(name, host, known), host)
            counts[sent] = counts.get(sent, 0) + it.times
        return tuple(
            SentCookie(key, host, times, host) for (key, host), times in sorted(counts.items())
        )

    def _has_room(self, kept: Mapping[Any, _Count], most: int) -> bool:
        self.truncated = self.truncated or len(kept) >= most
        return len(kept) < most


def _key_of(name: str, host: str, jar: Iterable[CookieKey]) -> CookieKey:
    fitting = (key for key in jar if key.name == name and domain_matches(host, key.domain))
    return next(fitting, CookieKey(name, host, "/"))


def names_in(header: str) -> list[str]:
    """Return the names of a Cookie header; a pair without a name has none to tell."""
    pairs = (pair.partition("=") for pair in header.split(";"))
    return [name.strip() for name, equals, _ in pairs if equals]
