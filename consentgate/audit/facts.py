"""What an audit saw: plain values, in which no cookie's value ever is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from consentgate.audit.domains import registrable_domain

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Action",
    "Area",
    "Audit",
    "BriefCookie",
    "Browser",
    "CookieKey",
    "PageVisit",
    "Parties",
    "SentCookie",
    "Setter",
    "SetterKind",
    "Stage",
    "StageName",
    "StoredCookie",
    "StoredKey",
    "ThirdParty",
]

SetterKind = Literal["header", "script"]
Area = Literal["local storage", "session storage", "IndexedDB", "cache"]
"""Where else than in cookies a page may store things."""


class StageName(StrEnum):
    """The parts of an audit, in their order; the words are stable and stand in the JSON."""

    BEFORE = "before-choice"
    REFUSED = "after-refusal"
    ACCEPTED = "after-acceptance"
    SECOND_VISIT = "second-visit"
    WITHDRAWN = "after-withdrawal"
    GPC = "gpc"


class CookieKey(NamedTuple):
    """What makes a cookie another one (RFC 6265bis 5.7, with the partition key of CHIPS)."""

    name: str
    domain: str
    path: str
    partition: str = ""


@dataclass(frozen=True, slots=True)
class Setter:
    """Who set a cookie, as far as it was seen."""

    kind: SetterKind
    url: str
    """The address of the first response or script that did; without its query."""
    at: float
    """Seconds since 1970: when it was set last."""
    asked_life: int | None = None
    """The lifetime in seconds that was asked for; None for a session cookie."""


@dataclass(frozen=True, slots=True)
class StoredCookie:
    """One cookie in the browser's jar."""

    key: CookieKey
    expires: float | None
    """Seconds since 1970, as the browser will do it; None for a session cookie."""
    length: int
    """Characters of the value, which itself is nowhere."""
    http_only: bool
    secure: bool
    same_site: str
    """``Strict``, ``Lax`` or ``None``; empty where the cookie says nothing."""
    setter: Setter | None = None
    read_at: float = 0.0
    """Seconds since 1970: when the jar was read."""

    @property
    def name(self) -> str:
        """The cookie's name."""
        return self.key.name

    @property
    def host(self) -> str:
        """The host that it belongs to, without the dot of a Domain."""
        return self.key.domain.removeprefix(".")

    @property
    def life(self) -> float | None:
        """Seconds from when it was set last to its end; None for a session cookie."""
        if self.expires is None:
            return None
        return self.expires - (self.setter.at if self.setter else self.read_at)


@dataclass(frozen=True, slots=True)
class BriefCookie:
    """One cookie that was stored, and was gone when the jar was read."""

    name: str
    host: str
    """Of the response or the page that set it."""
    setter: Setter


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One thing that a page stored elsewhere than in a cookie."""

    origin: str
    area: Area
    name: str
    size: int | None
    """Characters; None where the browser does not say."""


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """Another registrable domain that was asked for something."""

    domain: str
    requests: int
    first_url: str
    """Without its query."""


@dataclass(frozen=True, slots=True)
class SentCookie:
    """One cookie that the browser sent with requests."""

    key: CookieKey
    host: str
    """Where to."""
    requests: int
    first_url: str
    """Without its query."""


@dataclass(frozen=True, slots=True)
class PageVisit:
    """One page that was loaded."""

    url: str
    """As it was asked for, without what may be secret."""
    final_url: str = ""
    """Where it led, without what may be secret."""
    status: int | None = None
    problem: str = ""
    """Why it could not be looked at, if so."""
    at_rest: bool = True
    """Whether it had stopped asking for more when it was looked at."""


@dataclass(frozen=True, slots=True)
class Action:
    """The attempt to refuse, to accept or to withdraw."""

    done: bool
    how: str
    """In words: what was pressed, or why nothing could be."""
    clicks: int | None = None
    """How many it took; None where that is not known."""
    is_expected: bool = True
    """Whether the banner, or who named its buttons, lets one expect that it can be done."""
    is_kept: bool = True
    """Whether the pages that came after did not ask again, as far as it was looked for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What was seen in one part of the audit."""

    name: StageName
    pages: tuple[PageVisit, ...] = ()
    action: Action | None = None
    cookies: tuple[StoredCookie, ...] = ()
    brief: tuple[BriefCookie, ...] = ()
    storage: tuple[StoredKey, ...] = ()
    third_parties: tuple[ThirdParty, ...] = ()
    sent: tuple[SentCookie, ...] = ()
    truncated: bool = False
    """Whether there was more of something than is kept."""
    screenshot: bytes = field(default=b"", repr=False)
    """JPEG; empty where none could be made."""

    @property
    def tested(self) -> bool:
        """Whether its pages were looked at in the visitor's state that it is about."""
        return self.action is None or self.action.done


@dataclass(frozen=True, slots=True)
class Browser:
    """What the site was asked with."""

    name: str
    version: str
    user_agent: str
    language: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Who the first party is."""

    site: str
    """The registrable domain of the address that was given."""
    led_to: str = ""
    """That of the address that it led to, where it is another; it is the first party, too."""

    def include(self, host: str) -> bool:
        """Whether ``host`` is of the first party."""
        return registrable_domain(host) in {self.site, self.led_to}


@dataclass(frozen=True, slots=True)
class Audit:
    """All that was seen of one site."""

    url: str
    """As it was asked for, without what may be secret."""
    started_at: float
    """Seconds since 1970."""
    ended_at: float
    browser: Browser
    parties: Parties
    banner: str
    """What asks for consent there, in words; empty where nothing was found."""
    banner_problem: str
    """Why no banner could be looked for, if so."""
    stages: Mapping[StageName, Stage]
    declaration: object = field(default=None, repr=False)
    """What a ConsentGate of the site says of its cookies: somebody's JSON, or None."""

    @property
    def has_accepted(self) -> bool:
        """Whether the visitor who came a second time had accepted before."""
        accepted = self.stages.get(StageName.ACCEPTED)
        return accepted is not None and accepted.tested
