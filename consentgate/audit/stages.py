"""The plan: a visitor who does nothing, one who refuses, and one who accepts and withdraws."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag, urljoin, urlsplit

from playwright.sync_api import Error as PlaywrightError

from consentgate.audit.asking import first_line
from consentgate.audit.autoconsent import INSTALL, Autoconsent, AutoconsentBanner
from consentgate.audit.banners import ConsentGateBanner, SelectorBanner
from consentgate.audit.domains import host_of
from consentgate.audit.facts import Action, Audit, Browser, Parties, Stage, StageName
from consentgate.audit.failures import NotAuditable
from consentgate.audit.profile import Options, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consentgate.audit.banners import Banner
    from consentgate.audit.browser import Launcher

__all__ = ["Auditor", "Plan", "further_pages"]

_BETWEEN_VISITS: Final = 1.2
"""Seconds; browsers count a cookie's life in whole ones, so that less would not be seen."""
_NO_PAGES: Final = (".pdf", ".zip", ".gz", ".jpg", ".jpeg", ".png", ".gif", ".svg", ".webp",
    ".mp3", ".mp4", ".xml", ".rss", ".doc", ".docx", ".xls", ".xlsx", ".csv", ".ics")  # fmt: skip
_NO_PACKAGE: Final = (
    "the banner is not one of ConsentGate's, and the rules to answer others are not installed: "
    f"{INSTALL}, or name its buttons by --refuse, --accept and --withdraw"
)


@dataclass(frozen=True)
class Plan:
    """What is to be audited, and how banners are answered."""

    url: str
    further: tuple[str, ...] = ()
    """Addresses or paths of the site; where there are none, links of the first page."""
    pages: int = 3
    """How many links of the first page are followed."""
    named: SelectorBanner | None = None
    """The banner whose buttons were named, if they were."""
    autoconsent: Autoconsent | None = field(default=None, repr=False)
    gpc: bool = False

    @property
    def steps(self) -> int:
        """How many stages there are at most."""
        return 5 + self.gpc


class Auditor:
    """Audits one site.

    Args:
        launcher: starts the browser.
        plan: what to look at.
        options: how pages are opened.
        tell: hears the name of each stage that begins.
    """

    def __init__(
        self,
        launcher: Launcher,
        plan: Plan,
        options: Options,
        tell: Callable[[StageName], None] = lambda _: None,
    ) -> None:
        self._launcher = launcher
        self._plan = plan
        self._options = options
        self._tell = tell
        self._urls: list[str] = [plan.url]
        self._site = ""
        self._banner: Banner | None = None
        self._banner_problem = ""

    def run(self) -> Audit:
        """Return what was seen; raises `NotAuditable` where the first page cannot be opened."""
        started_at = time.time()
        stages: list[Stage] = []
        try:
            described, first = self._first_profile()
            stages += first
            if self._banner:
                stages += self._visitor_who_refuses(self._banner)
                stages += self._visitor_who_accepts(self._banner)
            if self._plan.gpc:
                stages.append(self._visitor_with_signal())
            declared = self._declaration()
        except PlaywrightError as error:
            raise NotAuditable(f"the browser failed: {first_line(error)}") from None
        return Audit(
            url=self._plan.url,
            started_at=started_at,
            ended_at=time.time(),
            browser=described,
            parties=Parties(self._site),
            banner=self._banner.description if self._banner else "",
            banner_problem=self._banner_problem,
            declaration=declared,
            stages={stage.name: stage for stage in stages},
        )

    # -- three visitors ------------------------------------------------------------------------

    def _first_profile(self) -> tuple[Browser, list[Stage]]:
        """Let a visitor look around who makes no choice."""
        self._tell(StageName.BEFORE)
        with self._new_profile() as profile:
            self._open_first(profile)
            self._urls += further_pages(self._plan, profile.page.url, profile.links())
            stage = self._look_around(profile, StageName.BEFORE, self._urls[1:])
            # Only now, for the search for a banner asks the page for things.
            profile.visit(self._plan.url)
            self._find_banner(profile)
            stages = [stage] if self._banner else [stage, self._second_visit(profile)]
            return profile.describe(), stages

    def _visitor_who_refuses(self, banner: Banner) -> Iterator[Stage]:
        self._tell(StageName.REFUSED)
        with self._new_profile() as profile:
            profile.visit(self._plan.url)
            action = banner.refuse(profile)
            yield self._after(profile, StageName.REFUSED, action)

    def _visitor_who_accepts(self, banner: Banner) -> Iterator[Stage]:
        self._tell(StageName.ACCEPTED)
        with self._new_profile() as profile:
            profile.visit(self._plan.url)
            action = banner.accept(profile)
            yield self._after(profile, StageName.ACCEPTED, action)
            if not action.done:
                return
            yield self._second_visit(profile)
            self._tell(StageName.WITHDRAWN)
            profile.visit(self._plan.url)
            action = banner.withdraw(profile)
            yield self._after(profile, StageName.WITHDRAWN, action)

    def _visitor_with_signal(self) -> Stage:
        self._tell(StageName.GPC)
        with self._new_profile(gpc=True) as profile:
            return self._look_around(profile, StageName.GPC, self._urls)

    # -- the steps of one ----------------------------------------------------------------------

    def _new_profile(self, *, gpc: bool = False) -> Profile:
        return Profile(self._launcher, self._options, gpc=gpc)

    def _open_first(self, profile: Profile) -> None:
        visited = profile.visit(self._plan.url)
        if not profile.has_loaded:
            raise NotAuditable(f"{self._plan.url} cannot be opened: {visited.problem}")
        self._site = profile.site()

    def _find_banner(self, profile: Profile) -> None:
        package = self._plan.autoconsent
        self._banner = self._plan.named or ConsentGateBanner.find(profile)
        if self._banner is None and package is not None:
            self._banner = AutoconsentBanner.find(package, profile)
        elif self._banner is None:
            self._banner_problem = _NO_PACKAGE

    def _declaration(self) -> object:
        """Return what the site's ConsentGate says of its cookies; None where it has none."""
        if not isinstance(self._banner, ConsentGateBanner):
            return None
        with self._new_profile() as profile:
            return profile.fetch_json(urljoin(self._banner.preferences, "policy.json"))

    def _second_visit(self, profile: Profile) -> Stage:
        """Come again in the same profile, late enough for a renewed expiry to show."""
        self._tell(StageName.SECOND_VISIT)
        profile.wait_since_last_visit(_BETWEEN_VISITS)
        profile.begin()
        return self._look_around(profile, StageName.SECOND_VISIT, self._urls)

    def _after(self, profile: Profile, name: StageName, action: Action) -> Stage:
        """Look at the pages as the visitor's choice has left them."""
        profile.begin()
        return self._look_around(profile, name, self._urls if action.done else [], action)

    def _look_around(
        self, profile: Profile, name: StageName, urls: Iterable[str], action: Action | None = None
    ) -> Stage:
        for url in urls:
            profile.visit(url)
        return profile.stage(name, self._site, action)


def further_pages(plan: Plan, page: str, links: Iterable[str]) -> list[str]:
    """Return the addresses that are visited after the first: those given, else the first links."""
    if plan.further:
        return [urljoin(page, each) for each in plan.further]
    seen = {_bare(plan.url), _bare(page)}
    found: list[str] = []
    for link in links:
        bare = _bare(link)
        if bare not in seen and _is_page(link, page) and len(found) < plan.pages:
            seen.add(bare)
            found.append(urldefrag(link).url)
    return found


def _bare(url: str) -> str:
    return urldefrag(url).url.rstrip("/")


def _is_page(link: str, page: str) -> bool:
    """Whether ``link`` leads to a page of the same host."""
    if not link.startswith(("http://", "https://")) or host_of(link) != host_of(page):
        return False
    path = urlsplit(link).path.lower()
    return not path.endswith(_NO_PAGES) and not {"logout", "signout", "consent"} & set(
        path.split("/")
    )
