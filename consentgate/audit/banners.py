"""What asks a visitor for consent, and how it is answered for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

from playwright.sync_api import Error as PlaywrightError

from consentgate.audit.asking import ask
from consentgate.audit.domains import shown_url
from consentgate.audit.facts import Action, StageName
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence

    from playwright.sync_api import Frame, Locator

    from consentgate.audit.profile import Profile

__all__ = [
    "Banner",
    "ConsentGateBanner",
    "SelectorBanner",
    "ShownBanner",
    "press",
    "press_labelled",
]

LITTLE_PATIENCE: Final = 0.3
"""Seconds until something must be there that may as well be elsewhere."""
_LONGEST_SHOWN: Final = 80

_Role = Literal["button", "link"]
_ROLES: Final[tuple[_Role, ...]] = get_args(_Role)


class Banner(Protocol):
    """What asks for consent on one site; the page is open when it is answered."""

    @property
    def description(self) -> str:
        """What it is, in words."""
        ...

    def refuse(self, profile: Profile) -> Action:
        """Refuse everything that can be refused."""
        ...

    def accept(self, profile: Profile) -> Action:
        """Accept everything."""
        ...

    def withdraw(self, profile: Profile) -> Action:
        """Take back what was accepted."""
        ...

    def asks_again(self, profile: Profile, name: StageName) -> bool:
        """Whether the open page goes on asking who has chosen, as far as that shows at once."""
        ...


class ShownBanner(Banner, Protocol):
    """A banner that can be seen without asking the page for more than what it shows."""

    def shows(self, profile: Profile) -> bool:
        """Whether the open page shows it."""
        ...


class ConsentGateBanner:
    """The banner of ConsentGate, whose controls say what they do.

    Args:
        preferences: the address of the visitor's pages of the site, such as its ``/consent/``.
        cookie: the name of the cookie that keeps a choice.
    """

    _DIALOG: Final = "#consentgate [role=dialog]"
    _FIND: Final = """() => {
        const root = document.getElementById("consentgate");
        if (!root?.dataset.cookie) return null;
        const form = root.querySelector("[role=dialog] form")?.getAttribute("action");
        const link = root.querySelector("a[data-cg-action=customise]")?.getAttribute("href");
        const script = document.querySelector("script[src*='/banner'][src*='.js']")?.src;
        const address = form ?? link ?? (script && new URL(".", script).href) ?? "/consent/";
        const preferences = new URL(address.split("?")[0], document.baseURI).href;
        return [preferences, root.dataset.cookie];
    }"""

    def __init__(self, preferences: str, cookie: str) -> None:
        self.preferences = preferences
        self._cookie = cookie

    @classmethod
    def find(cls, profile: Profile) -> ConsentGateBanner | None:
        """Return the banner of the open page, or None."""
        try:
            found = ask(profile.page.main_frame, cls._FIND, timeout=profile.options.patience)
        except PlaywrightError:
            return None
        match found:
            case [str(address), str(cookie)] if address.startswith(("http://", "https://")):
                return cls(address, cookie)
            case _:
                return None

    @property
    def description(self) -> str:
        """What it is, in words."""
        return "ConsentGate"

    def shows(self, profile: Profile) -> bool:
        """Whether the open page asks for a choice, and does not merely link to it."""
        return _shows(profile, [self._DIALOG])

    def refuse(self, profile: Profile) -> Action:
        """Press its button to refuse."""
        return self._choose(profile, "reject")

    def accept(self, profile: Profile) -> Action:
        """Press its button to accept."""
        return self._choose(profile, "accept")

    def withdraw(self, profile: Profile) -> Action:
        """Press the button for it on the preferences page."""
        profile.visit(self.preferences)
        shown = shown_url(self.preferences)
        for action in ("withdraw", "reject"):
            done = press(profile, [f"main [data-cg-action={action}]"])
            if done.done:
                how = f"pressed the button to {action} on {shown}"
                return Action(done=True, how=how, clicks=1)
        return Action(done=False, how=f"{shown} has no button to withdraw consent")

    def asks_again(self, profile: Profile, name: StageName) -> bool:
        """Whether the open page asks for a choice nevertheless."""
        return name is not StageName.WITHDRAWN and self.shows(profile)

    def _choose(self, profile: Profile, action: str) -> Action:
        if not _shows(profile, [self._DIALOG], profile.options.patience):
            page = shown_url(profile.page.url)
            return Action(done=False, how=f"its banner does not show on {page}")
        done = press(profile, [f"{self._DIALOG} [data-cg-action={action}]"])
        if not done.done:
            return Action(done=False, how=f"its banner shows no button to {action}")
        if not profile.comes_to_store(self._cookie):
            how = f"the banner's button to {action} was pressed, but no choice was stored"
            return Action(done=False, how=how)
        return Action(done=True, how=f"pressed the banner's button to {action}", clicks=1)


class SelectorBanner:
    """A banner whose buttons are told by CSS selectors; each is pressed in its turn.

    Args:
        refuse, accept, withdraw: the selectors of one way each; empty where it is not known.
    """

    def __init__(
        self, refuse: Sequence[str], accept: Sequence[str], withdraw: Sequence[str]
    ) -> None:
        self._refuse = refuse
        self._accept = accept
        self._withdraw = withdraw

    @property
    def description(self) -> str:
        """What it is, in words."""
        return "a banner whose buttons were named on the command line"

    def check(self, profile: Profile) -> None:
        """Raise `Unusable` for what is no selector; what it selects is seen later."""
        ways = {"--refuse": self._refuse, "--accept": self._accept, "--withdraw": self._withdraw}
        for option, selector in ((name, each) for name, way in ways.items() for each in way):
            try:
                profile.page.locator(selector).count()
            except PlaywrightError:
                raise Unusable(f"{option} {selector!r} is no CSS selector") from None

    def shows(self, profile: Profile) -> bool:
        """Whether the open page shows what is pressed first to refuse or to accept."""
        return _shows(profile, [way[0] for way in (self._refuse, self._accept) if way])

    def refuse(self, profile: Profile) -> Action:
        """Press what --refuse names."""
        return self._press(profile, self._refuse, "--refuse")

    def accept(self, profile: Profile) -> Action:
        """Press what --accept names."""
        return self._press(profile, self._accept, "--accept")

    def withdraw(self, profile: Profile) -> Action:
        """Press what --withdraw names."""
        return self._press(profile, self._withdraw, "--withdraw")

    def asks_again(self, profile: Profile, name: StageName) -> bool:
        """Whether the open page still shows what was pressed last; what was first may be a link."""
        ways = {StageName.REFUSED: self._refuse, StageName.ACCEPTED: self._accept}
        return _shows(profile, ways.get(name, ())[-1:])

    def _press(self, profile: Profile, selectors: Sequence[str], option: str) -> Action:
        if not selectors:
            return Action(done=False, how=f"no {option} was given", is_expected=False)
        return press(profile, selectors)


def _shows(profile: Profile, selectors: Iterable[str], patience: float = LITTLE_PATIENCE) -> bool:
    places = (frame.locator(each) for each in selectors for frame in profile.frames())
    return any(True for _ in _each_visible(places, patience))


def press(profile: Profile, selectors: Sequence[str], patience: float | None = None) -> Action:
    """Press the first visible match of each CSS selector in turn, in whatever frame it is.

    ``patience`` is in seconds, those of the profile unless given: within them something of the
    outermost frame must show.
    """
    patience = profile.options.patience if patience is None else patience
    for selector in selectors:
        found = (frame.locator(selector) for frame in profile.frames())
        if not _click_one(found, patience, profile.options.patience):
            return Action(done=False, how=f"there is nothing visible to press at {selector}")
        profile.pause(profile.options.quiet)  # until what it asks for has been asked for
        profile.settle()
    shown = ", ".join(selectors)
    return Action(done=True, how=f"pressed {shown}", clicks=len(selectors))


def press_labelled(profile: Profile, label: re.Pattern[str]) -> str:
    """Press a button or link with such a label, in whatever frame; return the label, or ""."""
    for role in _ROLES:
        for frame in profile.frames():
            text = _press_labelled(frame, role, label, profile.options.patience)
            if text:
                profile.settle()
                return text
    return ""


def _press_labelled(frame: Frame, role: _Role, label: re.Pattern[str], patience: float) -> str:
    found = frame.get_by_role(role, name=label).locator("visible=true").first
    try:
        text = found.inner_text(timeout=LITTLE_PATIENCE * 1000).strip()
        found.click(timeout=patience * 1000)
    except PlaywrightError:
        return ""
    return text[:_LONGEST_SHOWN] or "a button without text"


def _click_one(places: Iterable[Locator], to_show: float, to_click: float) -> bool:
    """Click what is visible first; only the first place is given time to show something."""
    for place in _each_visible(places, to_show):
        try:
            place.click(timeout=to_click * 1000)
        except PlaywrightError:
            continue
        return True
    return False


def _each_visible(places: Iterable[Locator], patience: float) -> Iterator[Locator]:
    for place in places:
        shown = place.locator("visible=true").first
        try:
            shown.wait_for(timeout=patience * 1000)
        except PlaywrightError:
            patience = LITTLE_PATIENCE
            continue
        yield shown
