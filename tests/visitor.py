"""A visitor with a browser profile of their own, and who else looks at what they see.

    def test_the_banner_goes(new_visitor):
        visitor = new_visitor(locale="fr")
        page = visitor.open("http://127.0.0.1:8000/")
        page.get_by_role("button", name="Tout refuser").click()

A test that asks for `new_visitor` runs in the thread of Playwright (see `browsers.Chromium`), and
fails when a page had an error or a violation of its CSP that it did not take from `problems`.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browsers import Chromium
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page

NPM = Path(__file__).parent / "npm"

TIMEOUT = 10.0
"""Seconds that a page may take for one thing."""

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 320, "height": 640}

_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

# Started here and not in the page, so that no script of the page can come before them.
_COUNT_SHIFTS = """
window.shifts = 0;
new PerformanceObserver(list => {
    for (const {hadRecentInput, value} of list.getEntries()) {
        if (!hadRecentInput) window.shifts += value;
    }
}).observe({type: "layout-shift", buffered: true});
"""


class Visitor:
    """One person: a jar, a cache and a language of their own, and any number of tabs."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.problems: list[str] = []
        """Errors of scripts, and what the console shows as errors, since the last look."""
        context.set_default_timeout(TIMEOUT * 1000)
        context.add_init_script(_COUNT_SHIFTS)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))

    def _note(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        # Browsers ask for an icon when they like, also when the site is gone.
        if message.type == "error" and not url.endswith("/favicon.ico"):
            self.problems.append(f"{message.text} ({url})")

    def open(self, url: str) -> Page:
        """Open `url` in a new tab, and wait until it has loaded."""
        page = self.context.new_page()
        page.goto(url)
        return page

    def jar(self) -> dict[str, str]:
        """Return the cookies of the jar, by name."""
        return {name: cookie["value"] for name, cookie in self.cookies().items()}

    def cookies(self) -> dict[str, dict[str, Any]]:
        """Return the cookies of the jar, by name, as Playwright describes them."""
        return {cookie["name"]: dict(cookie) for cookie in self.context.cookies()}


class NewVisitor(Protocol):
    """The fixture of this name."""

    def __call__(self, **options: Any) -> Visitor:
        """Make a visitor; the options are those of Playwright's `new_context`."""
        ...


@pytest.fixture
def new_visitor(chromium: Chromium) -> Iterator[NewVisitor]:
    """Give the call that makes a visitor, who is gone after the test."""
    visitors: list[Visitor] = []

    def new(**options: Any) -> Visitor:
        visitors.append(Visitor(chromium.new_context(**{"viewport": DESKTOP, **options})))
        return visitors[-1]

    yield new
    for visitor in visitors:
        chromium.run(visitor.context.close)
    assert [] == [problem for visitor in visitors for problem in visitor.problems]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a test of visitors where Playwright can be used."""
    if "new_visitor" not in pyfuncitem.fixturenames:
        return None
    chromium: Chromium = pyfuncitem.funcargs["chromium"]
    wanted = inspect.signature(pyfuncitem.obj).parameters
    chromium.run(partial(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


# -- those who look over the visitor's shoulder ------------------------------------------------


def from_npm(path: str) -> str:
    """Return a file of an npm package; without it the test is skipped."""
    file = NPM / "node_modules" / path
    if not file.is_file():
        pytest.skip(f"{path} is not installed: apt-get install npm, then make dev")
    return file.read_text(encoding="utf-8")


def layout_shift(page: Page) -> float:
    """Return how much of what is in sight has moved, not counting what an input moves (CLS)."""
    # What was moved is known when the next frame is drawn.
    return page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        ".then(() => window.shifts)"
    )


def axe_violations(page: Page) -> list[str]:
    """Return where the page fails WCAG 2.2 A or AA, as far as axe-core can tell."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(from_npm("axe-core/axe.min.js"))
    options = {"runOnly": {"type": "tag", "values": _WCAG}, "resultTypes": ["violations"]}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {violation['help']}: {' '.join(map(str, node['target']))}:"
        f" {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


_AUTOCONSENT = """([contentScript, rules]) => new Promise(resolve => {
    const received = [];
    const answers = {
        init: () => ({type: "initResp", rules, config: {
            enabled: true,
            autoAction: "optOut",
            enablePrehide: false,
            detectRetries: 1,  // by rule, half a second later by heuristics, and no more
            heuristicMode: "reject",
        }}),
        eval: ({id, code}) => ({type: "evalResp", id, result: Boolean((0, eval)(code))}),
        optOutResult: ({scheduleSelfTest}) => scheduleSelfTest && {type: "selfTest"},
    };
    const ends = message => message.type === "selfTestResult"
        || (message.type === "optOutResult" && !(message.result && message.scheduleSelfTest))
        || (message.type === "report" && message.state.lifecycle === "nothingDetected");
    window.autoconsentSendMessage = async message => {
        received.push(message);
        if (ends(message)) resolve(received);
        await null;  // autoconsent is not ready for the answer while it asks
        const answer = answers[message.type]?.(message);
        if (answer) window.autoconsentReceiveMessage(answer);
    };
    (0, eval)(contentScript);
})"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What DuckDuckGo's extension did with a page."""

    rule: str | None
    """The rule that found a popup; `HEURISTIC-REJECT` where no rule is made for this one."""
    clicked: bool
    """Whether there was a button to refuse with."""
    gone: bool
    """Whether it was out of sight half a second later."""


def autoconsent(page: Page) -> Refusal:
    """Let DuckDuckGo's extension refuse what it finds on the page, as it does by itself."""
    script = from_npm("@duckduckgo/autoconsent/dist/autoconsent.playwright.js")
    messages = page.evaluate(_AUTOCONSENT, [script, _generic_rules()])
    last = {message["type"]: message for message in messages}

    def said(kind: str) -> bool:
        return last.get(kind, {}).get("result") is True

    rule = last.get("popupFound", {}).get("cmp")
    return Refusal(rule, clicked=said("optOutResult"), gone=said("selfTestResult"))


@cache
def _generic_rules() -> dict[str, Any]:
    """Return the rules that are for every site, as the extension selects them."""
    rules = json.loads(from_npm("@duckduckgo/autoconsent/rules/compact-rules.json"))
    index = rules["index"]
    strings = rules["s"][: index["genericStringEnd"]]
    generic = slice(*index["genericRuleRange"])
    return {"autoconsent": [], "compact": {"v": rules["v"], "s": strings, "r": rules["r"][generic]}}
