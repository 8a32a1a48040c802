"""Talk with autoconsent's content script, which runs in every frame of a page.

It talks in messages (its docs/api.md): it asks for rules, lets code be evaluated where a page's own
policy would forbid it, and tells what it found and did.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from playwright.sync_api import Error as PlaywrightError

from consentgate.audit.asking import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Frame

    from consentgate.audit.autoconsent import Autoconsent
    from consentgate.audit.profile import Profile

__all__ = ["Conversation", "Inbox", "Task", "evaluated"]

_BINDING: Final = "autoconsentSendMessage"
_DEADLINE: Final = 15.0
"""Seconds within which it must have found and done what it can."""
_ANSWER: Final = 3.0
_FORGET: Final = "delete window.autoconsentReceiveMessage;"
"""The script does nothing where it has run before, as for who waited for a banner."""
_MOST_MESSAGES: Final = 1_000
_OTHER_FRAMES: Final = 2.0
"""Seconds that a frame more is given when one has failed."""

Task = Literal["optOut", "optIn"]


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
            ask(frame, f"() => {{ {_FORGET} {self.package.script}\n }}", timeout=_ANSWER)
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
        """Keep what a frame says, where it is a message."""
        if isinstance(message, dict):
            self._messages.append((source["frame"], cast("dict[str, Any]", message)))
