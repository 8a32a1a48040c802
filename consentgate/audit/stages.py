"""The plan: a visitor who does nothing, one who refuses, and one who accepts and withdraws."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from playwright.sync_api import Error as PlaywrightError

from consentgate.audit.asking import first_line
from consentgate.audit.autoconsent import INSTALL, AutoconsentBanner
from consentgate.audit.banners import ConsentGateBanner
from consentgate.audit.domains import host_of, registrable_domain, shown_url
from consentgate.audit.facts import Action, Audit, Browser, Parties, Stage, StageName
from consentgate.audit.failures import NotAuditable
from consentgate.audit.plan import further_pages
from consentgate.audit.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consentgate.audit.banners import Banner, ShownBanner
    from consentgate.audit.browser import Launcher
    from consentgate.audit.options import Options
    from consentgate.audit.plan import Plan

__all__ = ["Auditor"]

_BETWEEN_VISITS: Final = 1.2
"""Seconds; browsers count a cookie's life in whole ones, so that less would not be seen."""
_NO_PACKAGE: Final = (
    "no banner of ConsentGate was found, and others were not looked for, as that needs rules: "
    f"{INSTALL}, or name the banner's buttons by --refuse, --accept and --withdraw"
)


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
        self._parties = Parties(registrable_domain(host_of(plan.url)))
        self._banner: Banner | None = None
        self._banner_problem = ""
        self._is_shown = False
        self._way: list[str] = []
        self._declared: object = None

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
        except PlaywrightError as error:
            raise NotAuditable(f"the browser failed: {first_line(error)}") from None
        return Audit(
            url=shown_url(self._plan.url),
            started_at=started_at,
            ended_at=time.time(),
            browser=described,
            parties=self._parties,
            banner=self._banner.description if self._banner else "",
            banner_problem=self._banner_problem,
            declaration=self._declared,
            stages=self._in_order(stages),
        )

    # -- three visitors ------------------------------------------------------------------------

    def _first_profile(self) -> tuple[Browser, list[Stage]]:
        """Let a visitor look around who makes no choice."""
        self._tell(StageName.BEFORE)
        with self._new_profile() as profile:
            self._open_first(profile)
            self._urls += further_pages(self._plan, profile.page.url, profile.links())
            self._note_banner(profile, opened=1)
            for opened, url in enumerate(self._urls[1:], start=2):
                profile.visit(url)
                self._note_banner(profile, opened)
            stages = [profile.stage(StageName.BEFORE, self._parties)]
            if self._banner is None:
                self._find_foreign_banner()
            if self._banner is None:
                stages.append(self._second_visit(profile))
            self._read_declaration(profile)
            return profile.describe(), stages

    def _visitor_who_refuses(self, banner: Banner) -> Iterator[Stage]:
        self._tell(StageName.REFUSED)
        with self._new_profile() as profile:
            self._go_to_banner(profile)
            action = banner.refuse(profile)
            yield self._after(profile, StageName.REFUSED, action)

    def _visitor_who_accepts(self, banner: Banner) -> Iterator[Stage]:
        self._tell(StageName.ACCEPTED)
        with self._new_profile() as profile:
            self._go_to_banner(profile)
            action = banner.accept(profile)
            yield self._after(profile, StageName.ACCEPTED, action)
            if not action.done:
                return
            yield self._second_visit(profile)
            self._tell(StageName.WITHDRAWN)
            profile.visit(self._way[-1])
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
        if self._plan.named:
            self._plan.named.check(profile)
        visited = profile.visit(self._plan.url, lingers=True)
        if not profile.has_loaded:
            raise NotAuditable(f"{visited.url} cannot be opened: {visited.problem}")
        if profile.site() != self._parties.site:
            self._parties = Parties(self._parties.site, profile.site())

    def _note_banner(self, profile: Profile, opened: int) -> None:
        """Take note of a banner on the last of the pages opened so far, preferably a visible one.

        What is told by its buttons or its id is seen without asking the page for anything.
        """
        if self._is_shown or not profile.has_loaded:
            return
        found: ShownBanner | None = self._plan.named or ConsentGateBanner.find(profile)
        if found is None:
            return
        self._is_shown = found.shows(profile)
        is_better = self._is_shown or self._banner is None
        self._banner = found if is_better else self._banner
        self._way = self._urls[:opened] if is_better else self._way

    def _find_foreign_banner(self) -> None:
        """Look for a banner by autoconsent's rules, which ask pages for a lot: as a new visitor."""
        package = self._plan.autoconsent
        if package is None:
            self._banner_problem = _NO_PACKAGE
            return
        with self._new_profile() as profile:
            for opened, url in enumerate(self._urls, start=1):
                profile.visit(url, lingers=opened == 1)
                loaded = profile.has_loaded
                self._banner = AutoconsentBanner.find(package, profile) if loaded else None
                if self._banner:
                    self._way = self._urls[:opened]
                    return

    def _go_to_banner(self, profile: Profile) -> None:
        """Open the pages up to the one with the banner: it may need what those before it left."""
        for url in self._way:
            profile.visit(url)

    def _read_declaration(self, profile: Profile) -> None:
        """Keep what the site's ConsentGate says of its cookies; nothing where it has none."""
        if isinstance(self._banner, ConsentGateBanner):
            address = urljoin(self._banner.preferences, "policy.json")
            self._declared = profile.fetch_json(address)

    def _in_order(self, stages: Iterable[Stage]) -> dict[StageName, Stage]:
        """Return the stages by name; those that were left out are there, as not tested."""
        seen = {stage.name: stage for stage in stages}
        left_out = set(StageName) - set(seen) - {StageName.GPC}
        accepted = seen.get(StageName.ACCEPTED)
        is_expected = not (accepted and accepted.action) or accepted.action.is_expected
        action = Action(done=False, how=self._why_left_out(), is_expected=is_expected)
        seen |= {name: Stage(name, action=action) for name in left_out}
        return {name: seen[name] for name in StageName if name in seen}

    def _why_left_out(self) -> str:
        if self._banner:
            return "nothing had been accepted"
        return "no banner was looked for" if self._banner_problem else "no banner was found"

    def _second_visit(self, profile: Profile) -> Stage:
        """Come again in the same profile, late enough for a renewed expiry to show."""
        self._tell(StageName.SECOND_VISIT)
        profile.wait_since_last_visit(_BETWEEN_VISITS)
        profile.begin()
        return self._look_around(profile, StageName.SECOND_VISIT, self._urls)

    def _after(self, profile: Profile, name: StageName, action: Action) -> Stage:
        """Look at the pages as the visitor's choice has left them."""
        profile.begin()
        seen = self._look_around(profile, name, self._urls if action.done else [], action)
        if self._banner and action.done and self._banner.asks_again(profile, name):
            return replace(seen, action=replace(action, is_kept=False))
        return seen

    def _look_around(
        self, profile: Profile, name: StageName, urls: Iterable[str], action: Action | None = None
    ) -> Stage:
        for place, url in enumerate(urls):
            profile.visit(url, lingers=place == 0)
        return profile.stage(name, self._parties, action)
