"""One browser profile: pages are opened in it, and what is stored there is listed."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from consentgate.audit.asking import ask, first_line, tell_devtools
from consentgate.audit.domains import host_of, registrable_domain, shown_url
from consentgate.audit.facts import Action, Browser, PageVisit, Parties, Stage, StageName
from consentgate.audit.jar import cookies_in
from consentgate.audit.leaving import leave
from consentgate.audit.network_errors import in_words
from consentgate.audit.reading import json_of, links_of, picture_of
from consentgate.audit.recording import BINDING, PROBE, Recorder
from consentgate.audit.storage import Storage

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping
    from typing import Self

    from playwright.sync_api import Frame, Page, Response

    from consentgate.audit.browser import Launcher
    from consentgate.audit.options import Options

__all__ = ["Profile"]

_VIEWPORT: Final = {"width": 1280, "height": 800}
_PAUSE: Final = 50
"""Milliseconds between two looks."""
_ANSWER: Final = 3.0
"""Seconds that a page may take to say what it stores."""
_MOST_FRAMES: Final = 20
_MOST_COOKIES: Final = 4_000
"""More than Chromium keeps of all sites together."""
_FAILED: Final = 400
_BUSY: Final = "the page is too busy to answer"

_GPC: Final = """Object.defineProperty(Navigator.prototype, "globalPrivacyControl",
    {get: () => true, configurable: true, enumerable: true});"""


class Profile:
    """A profile in which nothing was stored when it began.

    Args:
        launcher: starts the browser.
        options: how pages are opened.
        gpc: whether the browser sends Global Privacy Control.
    """

    def __init__(self, launcher: Launcher, options: Options, *, gpc: bool = False) -> None:
        self.options = options
        self.recorder = Recorder()
        self.messages: deque[tuple[Frame, Any]] | None = None
        """What the frames say to who talks with them, if anybody does."""
        self._resources = ExitStack()
        browser = launcher.new_profile(
            viewport=_VIEWPORT,
            accept_downloads=False,
            # A worker's requests are not seen with those of the page.
            service_workers="block",
            ignore_https_errors=options.insecure,
            locale=options.language,
            user_agent=options.user_agent or launcher.user_agent(),
            extra_http_headers={"Sec-GPC": "1"} if gpc else None,
        )
        self.context = self._resources.enter_context(browser)
        self.context.set_default_timeout(options.timeout * 1000)
        self.bind(BINDING, self.recorder.probed)
        self.context.add_init_script(PROBE)
        if gpc:
            self.context.add_init_script(_GPC)
        # What needs no page of the site is asked of this one, which always answers.
        self._own_page = self.context.pages[0]
        self._own_session = self.context.new_cdp_session(self._own_page)
        self._lost = ""
        self._opened_at = self._loaded_at = time.monotonic()
        self._pages: list[PageVisit] = []
        self._storage = Storage()
        self._screenshot = b""
        self.page = self._new_page()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._resources.close()

    def bind(self, name: str, call: Callable[[Mapping[str, Any], object], None]) -> None:
        """Let the pages call ``call`` under ``name``; it hears who calls, and with what."""
        expose = cast("Callable[..., object]", self.context.expose_binding)  # pyright: ignore[reportUnknownMemberType]
        expose(name, call)

    # -- going somewhere -----------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a new stage: forget its pages and requests, but not what is stored."""
        self.recorder.begin()
        self._pages.clear()
        self._storage = Storage()
        self._screenshot = b""

    def visit(self, url: str, *, lingers: bool = False) -> PageVisit:
        """Open ``url``, wait until the page has come to rest, and list what it stores.

        Who lingers waits for what comes late, too.
        """
        response, problem = self._go(url)
        self._opened_at = time.monotonic()
        if lingers and not problem:
            self.linger()
        visited = self.look(url, response, problem)
        self._pages.append(visited)
        return visited

    def look(self, url: str, response: Response | None, problem: str) -> PageVisit:
        """Wait until the page has come to rest, and list what it stores."""
        at_rest = self.settle()
        self._loaded_at = time.monotonic()
        if not self._lost:
            self._gather()
        if self._lost:
            return PageVisit(shown_url(url), problem=self._lost)
        self._screenshot = self._screenshot or picture_of(self.page, _ANSWER)
        status = response.status if response else None
        if not problem and status is not None and status >= _FAILED:
            problem = f"the server answered with status {status}"
        return PageVisit(shown_url(url), shown_url(self.page.url), status, problem, at_rest)

    def settle(self) -> bool:
        """Wait until nothing was requested for a while; return whether that came to be in time."""
        deadline = time.monotonic() + self.options.restless
        while self.recorder.quiet_for() < self.options.quiet and time.monotonic() < deadline:
            self.pause()
        for popup in self.context.pages:
            if popup not in (self.page, self._own_page):
                popup.close()
        return self.recorder.quiet_for() >= self.options.quiet

    def linger(self) -> bool:
        """Wait until what comes late has come; return whether it had to be waited for."""
        missing = self._opened_at + self.options.linger - time.monotonic()
        if self._lost or missing <= 0:
            return False
        self.pause(missing)
        return True

    def pause(self, seconds: float = _PAUSE / 1000) -> None:
        """Let the browser go on for a moment."""
        self._own_page.wait_for_timeout(seconds * 1000)

    def wait_since_last_visit(self, seconds: float) -> None:
        """Wait until the last page was loaded that long ago."""
        missing = self._loaded_at + seconds - time.monotonic()
        self.pause(max(missing, 0.0))

    def links(self) -> list[str]:
        """Return the addresses that the page links to, in its order."""
        return links_of(self.page.main_frame, _ANSWER)

    def fetch_json(self, url: str) -> object:
        """Return the JSON at ``url``; None where there is none, or too much."""
        response, _ = self._go(url)
        return json_of(response) if response else None

    def frames(self) -> list[Frame]:
        """Return the frames of the page, the outermost first, and no more than a few."""
        return self.page.frames[:_MOST_FRAMES]

    # -- what there is -------------------------------------------------------------------------

    @property
    def has_loaded(self) -> bool:
        """Whether the page that was visited last showed something."""
        return bool(self._pages) and self._pages[-1].final_url.startswith(("http:", "https:"))

    def site(self) -> str:
        """Return the registrable domain of the page."""
        return registrable_domain(host_of(self.page.url))

    def stage(self, name: StageName, parties: Parties, action: Action | None = None) -> Stage:
        """Return what was seen since the stage began; the page is left, as far as it can tell."""
        self._leave()
        cookies = cookies_in(self._own_session, self.recorder)
        jar = [cookie.key for cookie in cookies]
        brief = self.recorder.setters.brief(jar)
        truncated = self.recorder.truncated or self._storage.truncated
        return Stage(
            name,
            pages=tuple(self._pages),
            action=action,
            cookies=cookies[:_MOST_COOKIES],
            brief=brief,
            storage=self._storage.keys(),
            third_parties=self.recorder.third_parties(parties),
            sent=self.recorder.sent(jar),
            truncated=truncated or len(cookies) > _MOST_COOKIES,
            screenshot=self._screenshot,
        )

    def comes_to_store(self, name: str) -> bool:
        """Whether a cookie of that name is stored, or comes to be before patience ends."""
        deadline = time.monotonic() + self.options.patience
        while name not in (each.name for each in cookies_in(self._own_session, self.recorder)):
            if time.monotonic() > deadline:
                return False
            self.pause()
        return True

    def describe(self) -> Browser:
        """Return what the site was asked with."""
        agent = ask(self._own_page.main_frame, "() => navigator.userAgent", timeout=_ANSWER)
        version = tell_devtools(self._own_session, "Browser.getVersion")["product"].partition("/")[
            2
        ]
        return Browser("Chromium", version, str(agent), self.options.language)

    # -- the details ---------------------------------------------------------------------------

    def _new_page(self) -> Page:
        page = self.context.new_page()
        page.on("crash", self._note_crash)
        self.recorder.listen(self.context.new_cdp_session(page))
        self._lost = ""
        return page

    def _note_crash(self, page: Page) -> None:
        if page == self.page:
            self._lost = "the page crashed"
            self.recorder.abandon()

    def _replace_page(self) -> None:
        with suppress(PlaywrightError):
            self.page.close()
        self.recorder.abandon()
        self.page = self._new_page()

    def _go(self, url: str) -> tuple[Response | None, str]:
        """Return the response, and what went wrong; after a timeout there may be half a page."""
        self._leave()
        if self._lost:
            self._replace_page()
        self.recorder.abandon()
        try:
            return self.page.goto(url), ""
        except PlaywrightTimeout:
            if self.page.url == "about:blank":
                self._replace_page()
            return None, f"the page had not loaded after {self.options.timeout:g} seconds"
        except PlaywrightError as error:
            self._replace_page()
            return None, in_words(first_line(error))

    def _leave(self) -> None:
        """Let the page do what it does when it is left, while its requests can still be seen."""
        if self._lost or not self.page.url.startswith(("http:", "https:")):
            return
        try:
            leave(self.page.main_frame, _ANSWER)
        except PlaywrightTimeout:
            self._lost = _BUSY
            self._pages[-1:] = [replace(page, problem=_BUSY) for page in self._pages[-1:]]
        except PlaywrightError:
            return
        else:
            self.pause()
            self.settle()

    def _gather(self) -> None:
        """List what the frames of the page store elsewhere than in cookies."""
        for frame in self.frames():
            try:
                self._storage.gather(frame, _ANSWER)
            except PlaywrightTimeout:
                # Frames share a process: no other would answer, nor would the next page load.
                self._lost = _BUSY
                return
            except PlaywrightError:
                continue
