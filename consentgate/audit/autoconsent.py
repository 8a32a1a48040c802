"""Banners of others, by the rules of DuckDuckGo's autoconsent, which is installed beside us.

None of its code or rules is part of this package.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from consentgate.audit.banners import LITTLE_PATIENCE, press, press_labelled
from consentgate.audit.conversation import Conversation
from consentgate.audit.facts import Action
from consentgate.audit.wordings import ACCEPT, REFUSE, REOPEN, REOPENERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consentgate.audit.conversation import Task
    from consentgate.audit.facts import StageName
    from consentgate.audit.profile import Profile

__all__ = ["INSTALL", "Autoconsent", "AutoconsentBanner"]

INSTALL: Final = "npm install @duckduckgo/autoconsent"

_IN_NODE_MODULES: Final = Path("node_modules", "@duckduckgo", "autoconsent")
_SCRIPT: Final = Path("dist", "autoconsent.playwright.js")
_RULES: Final = Path("rules", "rules.json")


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
        opened = _reopen(profile) or (_reopen(profile) if profile.linger() else "")
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

    def asks_again(self, profile: Profile, name: StageName) -> bool:  # noqa: ARG002 - as others
        """Whether it does cannot be seen without asking the page for a lot."""
        return False

    @property
    def _by_words(self) -> bool:
        return self._rule.startswith("HEURISTIC")

    def _run(self, profile: Profile, task: Task) -> Action:
        conversation = self._talk(profile, task)
        if not conversation.found:  # it may have come late before, too
            profile.linger()
            conversation = self._talk(profile, task)
        profile.settle()
        if not conversation.done:
            return Action(done=False, how=_why_not(conversation))
        return Action(
            done=True,
            how=f"as autoconsent's rule “{conversation.found}” does it",
            clicks=conversation.clicks,
        )

    def _talk(self, profile: Profile, task: Task) -> Conversation:
        conversation = Conversation(self._package, profile, task)
        conversation.hold()
        return conversation


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
