"""Real browsers, asked what they store.

    with Chromium() as browser:
        browser.load("http://127.0.0.1:8000/")
        browser.cookies()

`Chromium` goes through Playwright, `Firefox` through WebDriver BiDi; both are the Debian packages.
They differ in nothing a test should notice, except:

- `expires` has fractions of a second in Chromium and none in Firefox, whose protocol has no more;
- bytes that are not UTF-8: Chromium keeps them but its list of cookies leaves them out, Firefox
  keeps them in a name (a surrogate escape here) and has U+FFFD for them in a value.

What a browser really holds is in the Cookie header that it sends: see `RawServer.heads`.

Every name below ``.example`` (RFC 2606) is this machine, and any certificate is believed.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from playwright.sync_api import Browser as PlaywrightBrowser
    from playwright.sync_api import BrowserContext
    from websockets.sync.client import ClientConnection

TIMEOUT = 30.0
"""Seconds that a browser may take for one thing."""

_MACHINE = "127.0.0.1"
_FETCH = "url => fetch(url, {cache: 'no-store'}).then(() => true, () => false)"
_POST = """url => {
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", action: url});
    document.body.append(form);
    form.submit();
}"""


@dataclass(frozen=True)
class StoredCookie:
    """One cookie in a browser's jar."""

    name: str
    value: str
    domain: str
    path: str
    expires: float | None
    secure: bool
    http_only: bool
    same_site: str | None
    partitioned: bool = False


class LoadError(Exception):
    """The browser got no response that it accepts."""


class Browser(ABC):
    """A running browser with one page and one jar."""

    package: ClassVar[str]

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._origin = ""

    @classmethod
    def available(cls) -> str | None:
        """Return None when this browser can be used, else how to get it."""
        if shutil.which(cls.package):
            return None
        return f"{cls.__name__} is not installed: apt-get install {cls.package}"

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            self._start(resources)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._resources.close()

    def load(self, url: str) -> None:
        """Navigate to `url`, as a visitor does.

        An answer that is no page, such as a 204, raises LoadError although its cookies are stored.
        """
        self._origin = ""
        self._navigate(url)
        self._origin = _origin(url)

    def fetch(self, url: str) -> None:
        """Fetch `url` from within the page; faster than `load`, and stores the same cookies.

        When the page is of another origin, the browser navigates instead.
        """
        if _origin(url) != self._origin:
            self.load(url)
        elif not self._fetch(url):
            raise LoadError(url)

    def post(self, url: str) -> None:
        """Post an empty form of the page to `url`, and go where it leads."""
        self._origin = ""
        self._evaluate(f"({_POST})({json.dumps(url)})")
        self._wait_for(url)
        self._origin = _origin(url)

    def stored(self, urls: Iterable[str]) -> list[list[StoredCookie] | None]:
        """Return what each of `urls` stores in an empty jar, None where the response is refused."""
        return [self._stored(url) for url in urls]

    def _stored(self, url: str) -> list[StoredCookie] | None:
        self.clear()
        try:
            self.fetch(url)
        except LoadError:
            return None
        return self.cookies()

    def write_cookie(self, line: str) -> None:
        """Let a script of the page write `line` to `document.cookie`."""
        # Reading it back waits until the jar has it.
        self._evaluate(f"document.cookie = {json.dumps(line)}, document.cookie")

    @abstractmethod
    def cookies(self) -> list[StoredCookie]:
        """Return all cookies of the jar."""

    @abstractmethod
    def clear(self) -> None:
        """Empty the jar."""

    @abstractmethod
    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Send `headers`, and none that were added before, with every request from now on."""

    @abstractmethod
    def _start(self, resources: ExitStack) -> None: ...

    @abstractmethod
    def _navigate(self, url: str) -> None: ...

    @abstractmethod
    def _wait_for(self, url: str) -> None: ...

    @abstractmethod
    def _evaluate(self, expression: str) -> Any: ...

    def _fetch(self, url: str) -> bool:
        answered: bool = self._evaluate(f"({_FETCH})({json.dumps(url)})")
        return answered


class Chromium(Browser):
    """Debian's Chromium, driven by Playwright."""

    package = "chromium"

    FLAGS = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--host-resolver-rules=MAP *.example {_MACHINE}",
        "--ignore-certificate-errors",
    )

    def cookies(self) -> list[StoredCookie]:
        """Return all cookies of the jar."""
        # Playwright's own list says "Lax" where the cookie said nothing.
        answer = self.run(lambda: self._devtools.send("Network.getAllCookies"))
        return [_from_devtools(cookie) for cookie in answer["cookies"]]

    def clear(self) -> None:
        """Empty the jar."""
        self.run(lambda: self._devtools.send("Network.clearBrowserCookies"))

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Send `headers`, and none that were added before, with every request from now on."""
        self.run(lambda: self._context.set_extra_http_headers(dict(headers)))

    def new_context(self, **options: Any) -> BrowserContext:
        """Return a profile of its own, where nothing is stored; call it within `run`."""
        return self._chromium.new_context(**options)

    def run(self, call: Callable[[], Any]) -> Any:
        """Run `call` in the thread that Playwright's objects may be used in."""
        return self._thread.submit(call).result()

    def _start(self, resources: ExitStack) -> None:
        # Playwright leaves an event loop running in its thread, where asyncio.run() then fails.
        self._thread = resources.enter_context(ThreadPoolExecutor(max_workers=1))
        playwright = self.run(sync_playwright().start)
        resources.callback(self.run, playwright.stop)
        self.run(lambda: self._launch(playwright))
        resources.callback(self.run, self._chromium.close)

    def _launch(self, playwright: Any) -> None:
        self._chromium: PlaywrightBrowser = playwright.chromium.launch(
            executable_path=shutil.which(self.package), args=list(self.FLAGS)
        )
        self._context = self._chromium.new_context()
        self._open_page()

    def _open_page(self) -> None:
        self._page = self._context.new_page()
        self._page.set_default_timeout(TIMEOUT * 1000)
        self._devtools = self._context.new_cdp_session(self._page)
        # A favicon arrives when it likes, and so would the cookies of its response.
        self._devtools.send("Network.enable")
        self._devtools.send("Network.setBlockedURLs", {"urls": ["*/favicon.ico"]})

    def _navigate(self, url: str) -> None:
        try:
            self.run(lambda: self._page.goto(url))
        except PlaywrightError as error:
            # The error page still to come would interrupt the next navigation.
            self.run(self._page.close)
            self.run(self._open_page)
            raise LoadError(url) from error

    def _wait_for(self, url: str) -> None:
        self.run(lambda: self._page.wait_for_url(url))

    def _evaluate(self, expression: str) -> Any:
        return self.run(lambda: self._page.evaluate(expression))


def _from_devtools(cookie: dict[str, Any]) -> StoredCookie:
    return StoredCookie(
        name=cookie["name"],
        value=cookie["value"],
        domain=cookie["domain"],
        path=cookie["path"],
        expires=None if cookie["session"] else cookie["expires"],
        secure=cookie["secure"],
        http_only=cookie["httpOnly"],
        same_site=cookie["sameSite"].lower() if "sameSite" in cookie else None,
        partitioned="partitionKey" in cookie,
    )


class Firefox(Browser):
    """Debian's Firefox ESR, driven by WebDriver BiDi."""

    package = "firefox-esr"

    # What would otherwise ask the network for something while a test runs.
    PREFERENCES: ClassVar[dict[str, object]] = {
        "app.normandy.enabled": False,
        "app.update.disabledForTesting": True,
        "browser.chrome.site_icons": False,
        "browser.safebrowsing.downloads.enabled": False,
        "browser.safebrowsing.malware.enabled": False,
        "browser.safebrowsing.phishing.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.healthreport.uploadEnabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "dom.push.connection.enabled": False,
        "extensions.getAddons.cache.enabled": False,
        "extensions.update.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.dns.disablePrefetch": True,
        "network.dns.forceResolve": _MACHINE,
        "network.http.speculative-parallel-limit": 0,
        "network.prefetch-next": False,
        "services.settings.server": "data:,",
        "toolkit.telemetry.enabled": False,
    }

    def cookies(self) -> list[StoredCookie]:
        """Return all cookies of the jar."""
        return [_from_bidi(cookie) for cookie in self._bidi.call("storage.getCookies")["cookies"]]

    def clear(self) -> None:
        """Empty the jar."""
        self._bidi.call("storage.deleteCookies")

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Send `headers`, and none that were added before, with every request from now on."""
        listed = [
            {"name": name, "value": {"type": "string", "value": value}}
            for name, value in headers.items()
        ]
        self._bidi.call("network.setExtraHeaders", headers=listed)

    def _start(self, resources: ExitStack) -> None:
        profile = Path(
            resources.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        )
        (profile / "user.js").write_text(
            "".join(
                f'user_pref("{name}", {json.dumps(value)});\n'
                for name, value in self.PREFERENCES.items()
            )
        )
        # No pings: their thread draws on `random`, which Hypothesis wants for itself.
        address = self._launch(profile, resources) + "/session"
        socket = connect(address, max_size=None, ping_interval=None)
        self._bidi = _BiDi(resources.enter_context(socket))
        believing = {"alwaysMatch": {"acceptInsecureCerts": True}}
        self._bidi.call("session.new", capabilities=believing)
        resources.callback(self._bidi.call, "browser.close")
        self._page = self._top()["context"]

    def _launch(self, profile: Path, resources: ExitStack) -> str:
        """Start the browser and return the address it listens on, which it says on stderr."""
        log = profile / "stderr"
        command = [self.package, "--headless", "--remote-debugging-port=0"]
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--profile", str(profile), "about:blank"],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        resources.callback(_end, process)
        return _wait_for_match(r"BiDi listening on (ws://\S+)\n", log)

    def _navigate(self, url: str) -> None:
        page = {"context": self._page, "url": url, "wait": "complete"}
        try:
            self._bidi.call("browsingContext.navigate", **page)
        except BiDiError as error:
            raise LoadError(url) from error

    def _top(self) -> dict[str, Any]:
        contexts: list[dict[str, Any]] = self._bidi.call("browsingContext.getTree")["contexts"]
        return contexts[0]

    def _wait_for(self, url: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while self._top()["url"] != url:
            if time.monotonic() > deadline:
                raise LoadError(url)

    def _evaluate(self, expression: str) -> Any:
        answer = self._bidi.call(
            "script.evaluate",
            expression=expression,
            target={"context": self._page},
            awaitPromise=True,
        )
        return answer["result"].get("value")


class BiDiError(Exception):
    """The browser answered a command with an error."""


class _BiDi:
    """WebDriver BiDi: one JSON message for a command, one for its result."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    def call(self, method: str, **params: object) -> Any:
        command = next(self._ids)
        self._socket.send(json.dumps({"id": command, "method": method, "params": params}))
        answer = self._answer_to(command)
        if answer["type"] == "error":
            raise BiDiError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]

    def _answer_to(self, command: int) -> dict[str, Any]:
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv(timeout=TIMEOUT))
            if answer.get("id") == command:
                return answer


def _from_bidi(cookie: dict[str, Any]) -> StoredCookie:
    same_site = cookie["sameSite"]
    return StoredCookie(
        name=_bidi_name(cookie["name"]),
        value=cookie["value"]["value"],
        domain=cookie["domain"],
        path=cookie["path"],
        expires=float(cookie["expiry"]) if "expiry" in cookie else None,
        secure=cookie["secure"],
        http_only=cookie["httpOnly"],
        same_site=None if same_site == "default" else same_site,
    )


def _bidi_name(name: str) -> str:
    # Firefox gives the value as text, but the name as one character for each of its bytes.
    return name.encode("latin-1").decode(errors="surrogateescape")


def _wait_for_match(pattern: str, file: Path) -> str:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        text = file.read_text(errors="replace")
        if match := re.search(pattern, text):
            return match[1]
        time.sleep(0.01)
    raise TimeoutError(f"no {pattern!r} in: {text}")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def started(browser: type[Browser]) -> Iterator[Browser]:
    """Yield the running browser; without it skip the test, or fail if all must be tested."""
    if reason := browser.available():
        if os.environ.get("CONSENTGATE_TEST_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with browser() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give one Chromium to the whole session."""
    yield from started(Chromium)


@pytest.fixture(scope="session")
def firefox() -> Iterator[Browser]:
    """Give one Firefox to the whole session."""
    yield from started(Firefox)
