"""Banners of others, by the rules of DuckDuckGo's autoconsent, which is installed beside us.

Its content script runs in every frame of the page and talks in messages (its docs/api.md): it asks
for rules, lets code be evaluated where a page's own policy would forbid it, and tells what it found
and did. None of its code or rules is part of this package.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from playwright.sync_api import Error as PlaywrightError

from consentgate.audit.asking import ask
from consentgate.audit.banners import LITTLE_PATIENCE, press, press_labelled
from consentgate.audit.facts import Action
from consentgate.audit.wordings import ACCEPT, REFUSE, REOPEN, REOPENERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Frame

    from consentgate.audit.profile import Profile

__all__ = ["INSTALL", "Autoconsent", "AutoconsentBanner"]

INSTALL: Final = "npm install @duckduckgo/autoconsent"

_IN_NODE_MODULES: Final = Path("node_modules", "@duckduckgo", "autoconsent")
_SCRIPT: Final = Path("dist", "autoconsent.playwright.js")
_RULES: Final = Path("rules", "rules.json")
_BINDING: Final = "autoconsentSendMessage"
_DEADLINE: Final = 15.0
"""Seconds within which it must have found and done what it can."""
_ANSWER: Final = 3.0
_MOST_MESSAGES: Final = 1_000
_OTHER_FRAMES: Final = 2.0
"""Seconds that a frame more is given when one has failed."""

Task = Literal["optOut", "optIn"]


@dataclass(frozen=True)
class Autoconsent:
    """The npm package, as it was found on this machine."""

    script: str = field(repr=False)
    rules: tuple[Mapping[str, Any], ...] = field(repr=False)

    @classmethod
    def find(cls, start: Path) -> Autoconsent | None:
        """Return the package in ``node_modules`` of ``start`` or a folder around it, or None."""
        for folder in (start, *start.parents):
            if (folder / _IN_NODE_MODULES / _RULES).is_file():
                return cls.load(folder / _IN_NODE_MODULES)
        return None

    @classmethod
    def load(cls, folder: Path) -> Autoconsent:
        """Return the package of ``folder``; raises `OSError` or `ValueError`."""
        script = (folder / _SCRIPT).read_text(encoding="utf-8")
        match json.loads((folder / _RULES).read_text(encoding="utf-8")):
            case {"autoconsent": [*rules]}:
                return cls(script, tuple(map(_as_rule, cast("list[object]", rules))))
            case _:
                raise ValueError(f"{folder / _RULES} has no list called 'autoconsent'")

    def rules_for(self, url: str) -> list[Mapping[str, Any]]:
        """Return the rules for every site, and those that are made for ``url``."""
        return [rule for rule in self.rules if _concerns(rule, url)]


def _as_rule(rule: object) -> Mapping[str, Any]:
    if not isinstance(rule, dict):
        raise ValueError(f"{str(rule)[:20]!r} is no rule")  # noqa: TRY004 - a file's mistake
    return cast("dict[str, Any]", rule)


def _concerns(rule: Mapping[str, Any], url: str) -> bool:
    match rule:
        case {"runContext": {"urlPattern": str(pattern)}} if pattern:
            pass
        case _:
            return True
    try:
        return re.search(pattern, url) is not None
    except re.error:  # what only JavaScript can read is left for it to decide
        return True


@dataclass
class Conversation:
    """One run of the content script in all frames of a page, told what to do.

    Args:
        package: script and rules.
        task: what to do with the banner; None to say only whether there is one.
    """

    package: Autoconsent
    profile: Profile
    task: Task | None
    found: str = ""
    """The rule that knows the banner."""
    done: bool = False
    clicks: int | None = None
    _acted: bool = False
    _failed_at: float | None = None
    _loaded_again_at: float | None = None
    _running: set[Frame] = field(default_factory=set["Frame"])
    _settled: set[Frame] = field(default_factory=set["Frame"])

    def hold(self) -> None:
        """Talk until there is nothing more to say."""
        heard = _heard_by(self.profile)
        heard.clear()
        # One queue, so that what a page said stays before the news that it was left.
        heard.extend((frame, None) for frame in self.profile.frames())

        def arrive(frame: Frame) -> None:
            heard.append((frame, None))

        self.profile.page.on("framenavigated", arrive)
        try:
            self._hold(heard)
        finally:
            self.profile.page.remove_listener("framenavigated", arrive)
        # Some managers load the page again when they have their answer, and ask no more.
        self.done = self.done or self._acted or self._loaded_again_at is not None

    def _hold(self, heard: deque[tuple[Frame, Any]]) -> None:
        deadline = time.monotonic() + _DEADLINE
        while not self._ended() and time.monotonic() < deadline:
            if not heard:
                self.profile.pause()
                continue
            frame, message = heard.popleft()
            if message is None:
                self._inject(frame)
            else:
                self.hear(frame, message)

    def _ended(self) -> bool:
        if self.done or (self.found and self.task is None):
            return True
        since = self._loaded_again_at or self._failed_at
        if since is not None:
            return time.monotonic() > since + _OTHER_FRAMES
        return bool(self._running) and self._running <= self._settled

    def _inject(self, frame: Frame) -> None:
        self._settled.discard(frame)
        if self.found and frame == self.profile.page.main_frame:
            self._loaded_again_at = time.monotonic()
        with suppress(PlaywrightError):
            ask(frame, f"() => {{ {self.package.script}\n }}", timeout=_ANSWER)
            self._running.add(frame)

    def hear(self, frame: Frame, message: Mapping[str, Any]) -> None:
        """Answer a message of a frame, or take note of it."""
        match message:
            case {"type": "init"}:
                self._say(frame, {"type": "initResp", **self._instructions(frame)})
            case {"type": "eval", "id": str(each), "code": str(code)}:
                self._say(frame, {"type": "evalResp", "id": each, "result": evaluated(frame, code)})
            case {"type": "popupFound", "cmp": str(rule)}:
                self.found = self.found or rule
                self._loaded_again_at = None
            case {"type": "optOutResult" | "optInResult", "result": result}:
                self._note_result(bool(result))
            case {"type": "autoconsentDone", "totalClicks": clicks}:
                self.done, self.clicks = True, clicks if isinstance(clicks, int) else None
            case {"type": "report", "state": {"lifecycle": "nothingDetected"}}:
                self._settled.add(frame)
            case _:
                pass

    def _note_result(self, result: bool) -> None:  # noqa: FBT001 - the message's own word
        if result:
            self._acted = True  # by an intermediate rule; another frame ends it
        else:
            self._failed_at = time.monotonic()

    def _instructions(self, frame: Frame) -> dict[str, Any]:
        return {
            "rules": {"autoconsent": self.package.rules_for(frame.url)},
            "config": {
                "enabled": True,
                "autoAction": self.task,
                "enablePrehide": False,
                "enableCosmeticRules": False,  # hiding a banner is no answer to it
                # The page is at rest; from the third time on it would wait for it to change.
                "detectRetries": 1,
                # Also finds what offers no refusal, where nothing is pressed.
                "heuristicMode": "reject" if self.task else "tier2",
            },
        }

    @staticmethod
    def _say(frame: Frame, message: Mapping[str, Any]) -> None:
        with suppress(PlaywrightError):
            ask(
                frame, "message => { autoconsentReceiveMessage(message) }", message, timeout=_ANSWER
            )


def evaluated(frame: Frame, code: str) -> bool:
    """Return whether a rule's expression holds; what fails does not."""
    with suppress(PlaywrightError):
        return bool(
            ask(
                frame,
                f"async () => Boolean(await ({code.strip().rstrip(chr(59))}))",
                timeout=_ANSWER,
            )
        )
    return False


def _heard_by(profile: Profile) -> deque[tuple[Frame, Any]]:
    """Return where the messages of the profile's pages arrive; asked for once, made once."""
    if profile.messages is None:
        profile.messages = deque(maxlen=_MOST_MESSAGES)
        profile.bind(_BINDING, Inbox(profile.messages))
    return profile.messages


class Inbox:
    """Puts what frames say into a queue, so that it is answered outside of Playwright's call."""

    def __init__(self, messages: deque[tuple[Frame, Any]]) -> None:
        self._messages = messages

    def __call__(self, source: Mapping[str, Any], message: object) -> None:
        if isinstance(message, dict):
            self._messages.append((source["frame"], cast("dict[str, Any]", message)))


class AutoconsentBanner:
    """A banner that autoconsent knows how to answer.

    Args:
        package: script and rules.
        rule: the rule that found it; ``HEURISTIC-...`` where it was known by its words alone.
    """

    def __init__(self, package: Autoconsent, rule: str) -> None:
        self._package = package
        self._rule = rule

    @classmethod
    def find(cls, package: Autoconsent, profile: Profile) -> AutoconsentBanner | None:
        """Return the banner of the open page, or None."""
        conversation = Conversation(package, profile, None)
        conversation.hold()
        return cls(package, conversation.found) if conversation.found else None

    @property
    def description(self) -> str:
        """What it is, in words."""
        if self._by_words:
            return "a banner that was known by its words"
        return f"a banner that autoconsent's rule “{self._rule}” knows"

    def refuse(self, profile: Profile) -> Action:
        """Refuse as the rule does it."""
        return self._run(profile, "optOut")

    def accept(self, profile: Profile) -> Action:
        """Accept as the rule does it, or by the words of the buttons."""
        if self._by_words:
            return _labelled(profile, ACCEPT, "accept")
        return self._run(profile, "optIn")

    def withdraw(self, profile: Profile) -> Action:
        """Open the banner again, and refuse."""
        opened = _reopen(profile)
        if not opened:
            return Action(
                done=False, how="no link or button was found that opens the choices again"
            )
        for refuse in _ways_to_refuse(self, profile):
            if refuse.done:
                return Action(done=True, how=f"opened by “{opened}”, then {refuse.how}")
        return Action(
            done=False, how=f"“{opened}” was pressed, but nothing to refuse with was found"
        )

    @property
    def _by_words(self) -> bool:
        return self._rule.startswith("HEURISTIC")

    def _run(self, profile: Profile, task: Task) -> Action:
        conversation = Conversation(self._package, profile, task)
        conversation.hold()
        profile.settle()
        if not conversation.done:
            return Action(done=False, how=_why_not(conversation))
        return Action(
            done=True,
            how=f"as autoconsent's rule “{conversation.found}” does it",
            clicks=conversation.clicks,
        )


def _why_not(conversation: Conversation) -> str:
    if not conversation.found:
        return "no button was found that does this"
    return f"autoconsent's rule “{conversation.found}” could not do it"


def _ways_to_refuse(banner: AutoconsentBanner, profile: Profile) -> Iterator[Action]:
    # Words first: what opens again is seldom the layer that the rules know.
    yield _labelled(profile, REFUSE, "refuse")
    yield banner.refuse(profile)


def _labelled(profile: Profile, label: re.Pattern[str], purpose: str) -> Action:
    pressed = press_labelled(profile, label)
    if not pressed:
        return Action(done=False, how=f"no button was found whose words say {purpose}")
    return Action(done=True, how=f"pressed “{pressed}”", clicks=1)


def _reopen(profile: Profile) -> str:
    pressed = press_labelled(profile, REOPEN)
    if pressed:
        return pressed
    known = press(profile, [", ".join(REOPENERS)], LITTLE_PATIENCE)
    return "the manager's own button" if known.done else ""
