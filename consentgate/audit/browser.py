"""Start Chromium: whichever there is, with a new profile, and so that all of a page is seen."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from consentgate.audit.asking import first_line, tell_devtools
from consentgate.audit.failures import NotAuditable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from playwright.sync_api import BrowserContext, BrowserType

__all__ = ["Launcher", "executable", "started"]

_ON_PATH: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
_REMEDY: Final = "playwright install chromium, or apt-get install chromium"
_PREFIX: Final = "consentgate-audit-"
_VERSION: Final = "Browser.getVersion"
_ARGUMENTS: Final = (
    # Frames of other sites stay in the page's process, else their requests are not seen with it.
    "--disable-site-isolation-trials",
    # What the browser asks the network for on its own account is not the site's doing.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_PREFERENCES: Final = {
    # Some builds block third-party cookies unless told otherwise; what a site tries is to be seen.
    "profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False},
}


def executable(wanted: str | None, own: str) -> str:
    """Return the path of the browser: the wanted one, else Playwright's own, else one on PATH.

    Raises `NotAuditable` where there is none.
    """
    if wanted is not None:
        found = shutil.which(wanted)
        if found is None:
            raise NotAuditable(f"{wanted} is no program that can be started")
        return found
    for candidate in (own, *map(shutil.which, _ON_PATH)):
        if candidate and Path(candidate).is_file():
            return candidate
    raise NotAuditable(f"no Chromium was found: {_REMEDY}")


class Launcher:
    """Starts Chromium without a window, once for each profile.

    Args:
        chromium: Playwright's.
        path: the program.
        arguments: more of its command line.
        folder: where the profiles are.
    """

    def __init__(
        self, chromium: BrowserType, path: str, arguments: Sequence[str], folder: str
    ) -> None:
        self._chromium = chromium
        self._path = path
        self._arguments = arguments
        self._folder = folder
        self._user_agent = ""

    def user_agent(self) -> str:
        """Return what the browser calls itself when people use it.

        Without a window it says so in its name, and what takes it for a robot stores nothing. Its
        client hints are the same either way. Raises `NotAuditable` where it does not start.
        """
        if not self._user_agent:
            own = self._ask_user_agent()
            self._user_agent = own.replace("HeadlessChrome", "Chrome")
        return self._user_agent

    @contextmanager
    def new_profile(self, **options: Any) -> Generator[BrowserContext]:
        """Run the browser with a profile in which nothing is; the options are Playwright's.

        Not one of Playwright's own contexts: those are taken for private windows, where cookies of
        third parties are blocked. Raises `NotAuditable` where it does not start.
        """
        folder = tempfile.mkdtemp(dir=self._folder)
        preferences = Path(folder, "Default", "Preferences")
        preferences.parent.mkdir()
        preferences.write_text(json.dumps(_PREFERENCES), encoding="utf-8")
        context = self._launch(folder, options)
        try:
            yield context
        finally:
            # It may be gone already, as after Ctrl-C, which ends it as well as us.
            with suppress(PlaywrightError):
                context.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _launch(self, folder: str, options: dict[str, Any]) -> BrowserContext:
        with self._starting():
            return self._chromium.launch_persistent_context(
                folder,
                ignore_default_args=["--disable-popup-blocking"],  # people's browsers block them
                **self._how(),
                **options,
            )

    def _ask_user_agent(self) -> str:
        with self._starting():
            browser = self._chromium.launch(**self._how())
        try:
            return str(tell_devtools(browser.new_browser_cdp_session(), _VERSION)["userAgent"])
        finally:
            browser.close()

    def _how(self) -> dict[str, Any]:
        return {
            "executable_path": self._path,
            "args": [*_ARGUMENTS, *self._arguments],
            # Chromium refuses to start its sandbox for root.
            "chromium_sandbox": sys.platform == "win32" or os.geteuid() != 0,
        }

    @contextmanager
    def _starting(self) -> Generator[None]:
        try:
            yield
        except PlaywrightError as error:
            raise NotAuditable(f"{self._path} did not start: {first_line(error)}") from None


@contextmanager
def started(wanted: str | None, arguments: Sequence[str] = ()) -> Generator[Launcher]:
    """Return what starts Chromium; raises `NotAuditable` where there is none."""
    with ExitStack() as stack:
        # The folder goes last, when no browser is left that could still write to it.
        folders = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        folder = stack.enter_context(folders)
        yield _launcher(stack.enter_context(sync_playwright()).chromium, wanted, arguments, folder)


def _launcher(
    chromium: BrowserType, wanted: str | None, arguments: Sequence[str], folder: str
) -> Launcher:
    return Launcher(chromium, executable(wanted, chromium.executable_path), arguments, folder)
