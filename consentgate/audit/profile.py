"""One browser profile: pages are opened in it, and what is stored there is listed."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from consentgate.audit.asking import ask, first_line, tell_devtools
from consentgate.audit.domains import host_of, registrable_domain
from consentgate.audit.facts import (
    Action,
    Area,
    Browser,
    PageVisit,
    Stage,
    StageName,
    StoredCookie,
    StoredKey,
)
from consentgate.audit.recording import BINDING, PROBE, Recorder, key_of

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Self

    from playwright.sync_api import Frame, Page, Response

    from consentgate.audit.browser import Launcher

__all__ = ["Options", "Profile"]

_VIEWPORT: Final = {"width": 1280, "height": 800}
_QUIET: Final = 0.5
"""Seconds without a request after which a page is taken to be done."""
_NOT_QUIET: Final = 5.0
"""Seconds after which it is looked at although it is not."""
_PAUSE: Final = 50
"""Milliseconds between two looks."""
_ANSWER: Final = 3.0
"""Seconds that a page may take to say what it stores."""
_MOST_FRAMES: Final = 20
_MOST_COOKIES: Final = 2_000
_MOST_KEYS: Final = 2_000
_MOST_OF_A_FRAME: Final = 800
_MOST_JSON: Final = 1_000_000
"""Bytes."""
_FAILED: Final = 400

_GPC: Final = """Object.defineProperty(Navigator.prototype, "globalPrivacyControl",
    {get: () => true, configurable: true, enumerable: true});"""

_STORAGE: Final = """async () => {
    const MOST = 200;
    const kept = [];
    const keep = (area, name, size) => kept.push([area, String(name).slice(0, 500), size]);
    const all = (area, storage) => {
        for (let each = 0; each < Math.min(storage.length, MOST); each++) {
            const name = storage.key(each);
            keep(area, name, storage.getItem(name)?.length ?? null);
        }
    };
    const attempts = [
        () => all("local storage", localStorage),
        () => all("session storage", sessionStorage),
        async () => (await indexedDB.databases()).slice(0, MOST)
            .forEach(({name}) => keep("IndexedDB", name, null)),
        async () => (await caches.keys()).slice(0, MOST)
            .forEach(name => keep("cache", name, null)),
    ];
    for (const attempt of attempts) try { await attempt(); } catch {}
    return [origin, kept];
}"""

_LINKS: Final = "() => [...document.links].slice(0, 1000).map(link => String(link.href))"


@dataclass(frozen=True, slots=True)
class Options:
    """How pages are opened."""

    timeout: float = 30.0
    """Seconds that a page may take to load."""
    language: str = "en"
    """The browser's language."""
    user_agent: str | None = None
    """What the browser calls itself; its own name unless given."""
    insecure: bool = False
    """Whether any certificate is believed."""


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
            user_agent=options.user_agent,
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
        self._loaded_at = time.monotonic()
        self._pages: list[PageVisit] = []
        self._storage: dict[tuple[str, Area, str], StoredKey] = {}
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
        self._storage.clear()
        self._screenshot = b""

    def visit(self, url: str) -> PageVisit:
        """Open ``url``, wait until the page has come to rest, and list what it stores."""
        if self._lost:
            self._replace_page()
        response, problem = self._go(url)
        visited = self.look(url, response, problem)
        self._pages.append(visited)
        return visited

    def look(self, url: str, response: Response | None, problem: str) -> PageVisit:
        """Wait until the page has come to rest, and list what it stores."""
        self.settle()
        self._loaded_at = time.monotonic()
        if not self._lost:
            self._gather()
        if self._lost:
            return PageVisit(url, problem=self._lost)
        if not self._screenshot:
            self._screenshot = self._picture()
        status = response.status if response else None
        if not problem and status is not None and status >= _FAILED:
            problem = f"the server answered with status {status}"
        return PageVisit(url, self.page.url, status, problem)

    def settle(self) -> None:
        """Wait until nothing was requested for a while, or for as long as is bearable."""
        deadline = time.monotonic() + _NOT_QUIET
        while self.recorder.quiet_for() < _QUIET and time.monotonic() < deadline:
            self.pause()
        for popup in self.context.pages:
            if popup not in (self.page, self._own_page):
                popup.close()

    def pause(self, seconds: float = _PAUSE / 1000) -> None:
        """Let the browser go on for a moment."""
        self._own_page.wait_for_timeout(seconds * 1000)

    def wait_since_last_visit(self, seconds: float) -> None:
        """Wait until the last page was loaded that long ago."""
        missing = self._loaded_at + seconds - time.monotonic()
        if missing > 0:
            self.pause(missing)

    def links(self) -> list[str]:
        """Return the addresses that the page links to, in its order."""
        answer: object = None
        with suppress(PlaywrightError):
            answer = ask(self.page.main_frame, _LINKS, timeout=_ANSWER)
        return [link for link in _items(answer) if isinstance(link, str)]

    def fetch_json(self, url: str) -> object:
        """Return the JSON at ``url``; None where there is none, or too much."""
        response, _ = self._go(url)
        with suppress(PlaywrightError, ValueError, RecursionError):
            body = response.body() if response else b""
            return json.loads(body) if len(body) <= _MOST_JSON else None
        return None

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

    def stage(self, name: StageName, site: str, action: Action | None = None) -> Stage:
        """Return what was seen since the stage began."""
        cookies = tuple(self._cookies())
        return Stage(
            name,
            pages=tuple(self._pages),
            action=action,
            cookies=cookies[:_MOST_COOKIES],
            storage=tuple(self._storage.values()),
            third_parties=self.recorder.third_parties(site),
            sent=self.recorder.sent(),
            truncated=self.recorder.truncated or len(cookies) > _MOST_COOKIES,
            screenshot=self._screenshot,
        )

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
        self.recorder.abandon()
        try:
            return self.page.goto(url), ""
        except PlaywrightTimeout:
            if self.page.url == "about:blank":
                self._replace_page()
            return None, f"the page had not loaded after {self.options.timeout:g} seconds"
        except PlaywrightError as error:
            problem = first_line(error).removeprefix("Page.goto: ")
            self._replace_page()
            return None, problem.partition(" at http")[0]

    def _picture(self) -> bytes:
        with suppress(PlaywrightError):
            return self.page.screenshot(
                type="jpeg", quality=60, animations="disabled", timeout=_ANSWER * 1000
            )
        return b""

    def _gather(self) -> None:
        """List what the frames of the page store elsewhere than in cookies."""
        for frame in self.frames():
            try:
                answer = ask(frame, _STORAGE, timeout=_ANSWER)
            except PlaywrightTimeout:
                # Frames share a process: no other would answer, nor would the next page load.
                self._lost = "the page is too busy to answer"
                return
            except PlaywrightError:
                continue
            for key in stored_keys(answer):
                self._keep(key)

    def _keep(self, key: StoredKey) -> None:
        if len(self._storage) < _MOST_KEYS:
            self._storage[key.origin, key.area, key.name] = key
        else:
            self.recorder.truncated = True

    def _cookies(self) -> Iterator[StoredCookie]:
        now = time.time()
        found = tell_devtools(self._own_session, "Network.getAllCookies")
        for cookie in _sorted(found["cookies"]):
            key = key_of(cookie)
            yield StoredCookie(
                key,
                None if cookie["session"] else float(cookie["expires"]),
                len(cookie["value"]),
                http_only=cookie["httpOnly"],
                secure=cookie["secure"],
                same_site=cookie.get("sameSite", ""),
                setter=self.recorder.setter(key),
                read_at=now,
            )


def _sorted(cookies: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(cookies, key=lambda cookie: (cookie["domain"].lstrip("."), cookie["name"]))


def stored_keys(answer: object) -> Iterator[StoredKey]:
    """Yield what a frame says it stores; what is no such list says nothing."""
    match _items(answer):
        case [str(origin), kept]:
            for each in _items(kept)[:_MOST_OF_A_FRAME]:
                yield from _stored_key(origin, each)
        case _:
            return


def _stored_key(origin: str, answer: object) -> Iterator[StoredKey]:
    match _items(answer):
        case [str(area), str(name), size] if area in get_args(Area):
            count = size if isinstance(size, int) else None
            yield StoredKey(origin, cast("Area", area), name, count)
        case _:
            return


def _items(answer: object) -> list[object]:
    return cast("list[object]", answer) if isinstance(answer, list) else []
