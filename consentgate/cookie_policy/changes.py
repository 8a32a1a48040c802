"""What two versions of a policy differ in, and whether visitors must be asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from consentgate.cookie_policy.consequences import CONSEQUENCES
from consentgate.cookie_policy.names import TooManyKinds, representative_names
from consentgate.declaration import declared_cookies, longest_life, shown_categories
from consentgate.pages.languages import Language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from consentgate.cookie_policy.consequences import Kind
    from consentgate.policy import Basis, Category, CookieRule, Policy

__all__ = ["Change", "compare", "must_be_asked", "will_be_asked"]

_ENGLISH: Final = Language("en")
_DECIDABLE: Final = ("opt-in", "opt-out")
_STRENGTH: Final = {"ignore": 0, "default": 1, "override": 2}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the new policy says differently."""

    key: str
    """Where, such as ``cookies._ga*.max_age``, by the names of the new policy."""
    message: str
    """What was, and what is."""
    kind: Kind

    @property
    def asks_again(self) -> bool:
        """Whether visitors must be asked again for it."""
        return CONSEQUENCES[self.kind].asks_again

    @property
    def reason(self) -> str:
        """Why, in one sentence without an end."""
        return CONSEQUENCES[self.kind].reason

    @property
    def source(self) -> str:
        """What the reason rests on."""
        return CONSEQUENCES[self.kind].source


def compare(old: Policy, new: Policy) -> list[Change]:
    """Return what ``new`` says differently, as far as it matters to visitors; no I/O.

    Compared is what holds in the end, with presets and limits worked in: a longer life in a rule
    that another limit cuts is no change.
    """
    return [*_settings(old, new), *_categories(old, new), *_cookies(old, new)]


def must_be_asked(changes: list[Change]) -> bool:
    """Return whether one of these changes goes beyond the consents that visitors gave."""
    return any(change.asks_again for change in changes)


def will_be_asked(old: Policy, new: Policy) -> bool:
    """Return whether the gate will ask everybody again who decided under ``old`` (R20).

    So it does where nobody was asked before, and where no key verifies the old cookies; of keys a
    policy knows nothing. Where there is nothing to ask about it asks nobody.
    """
    undone = (old.version, old.cookie_name) != (new.version, new.cookie_name)
    return bool(new.offered) and (undone or not old.offered)


# Settings of the whole policy


def _settings(old: Policy, new: Policy) -> Iterator[Change]:
    for name, kind in _SETTINGS.items():
        was, is_now = getattr(old, name), getattr(new, name)
        if was != is_now:
            words = _changed(_setting(name, was), _setting(name, is_now))
            yield Change(name, words, kind(old, new) if callable(kind) else kind)
    if old.texts != new.texts:
        yield Change("texts", "they are worded otherwise", "pages")


def _setting(name: str, value: Any) -> str:
    if name in _DURATIONS:
        return _life(value)
    if name == "routes":
        return _shown([route.path for route in value])
    return _shown(value)


def _outlives(old: Policy, new: Policy) -> Kind:
    asked = set(old.offered).intersection(new.offered)
    return "outlives consent" if asked and old.expire_with_consent else "narrower"


def _reach_of_decision(old: Policy, new: Policy) -> Kind:
    return "wider reach" if _is_wider(old.cookie_domain, new.cookie_domain) else "narrower"


_DURATIONS: Final = frozenset({"consent_valid_for", "ask_again_after", "max_age"})
_SETTINGS: Final[Mapping[str, Kind | Callable[[Policy, Policy], Kind]]] = {
    "version": "version",
    "preset": "listed elsewhere",
    "frameworks": "listed elsewhere",
    "mode": "enforcement",
    "unregistered": "enforcement",
    "consent_valid_for": "validity",
    "ask_again_after": "validity",
    "max_age": "listed elsewhere",
    "expire_with_consent": _outlives,
    "gpc": "listed elsewhere",
    "dnt": "listed elsewhere",
    "cookie_name": "name of the consent cookie",
    "cookie_domain": _reach_of_decision,
    "path_prefix": "pages",
    "routes": "routes",
}


# Categories


def _categories(old: Policy, new: Policy) -> Iterator[Change]:
    before = {category.id: category for category in shown_categories(old)}
    after = {category.id: category for category in shown_categories(new)}
    for name in {**before, **after}:
        was, is_now = before.get(name), after.get(name)
        yield from _basis(f"categories.{name}", was, is_now)
        if was is not None and is_now is not None:
            yield from _wording(f"categories.{name}", was, is_now)
            yield from _mode(f"categories.{name}.mode", was, is_now)
            yield from _signals(f"categories.{name}.gpc", _Told(old, was), _Told(new, is_now))


def _basis(key: str, was: Category | None, is_now: Category | None) -> Iterator[Change]:
    before = was.basis if was else None
    after = is_now.basis if is_now else None
    if before == after:
        return
    kind = _kind_of_basis(before, after)
    if before is None:
        yield Change(key, f"it is new, and {after}", kind)
    elif after is None:
        yield Change(key, f"it was {before} and is no longer used", kind)
    else:
        yield Change(f"{key}.basis", _changed(before, after), kind)


def _kind_of_basis(before: Basis | None, after: Basis | None) -> Kind:
    if after in _DECIDABLE:
        return _ASKED_NOW[before]
    if after == "exempt":
        return "choice removed" if before in _DECIDABLE else "unasked"
    return "narrower"


_ASKED_NOW: Final[Mapping[Basis | None, Kind]] = {
    None: "category added",
    "exempt": "choice added",
    "forbidden": "choice added",
    "opt-out": "consent needed",
    "opt-in": "refusal needed",
}


def _wording(key: str, was: Category, is_now: Category) -> Iterator[Change]:
    asked = was.decidable and is_now.decidable
    for field, before, after in (
        ("title", was.title, is_now.title),
        ("description", was.description, is_now.description),
    ):
        kind = _kind_of_wording(before, after)
        if kind is not None:
            yield Change(f"{key}.{field}", _reworded(before, after), kind if asked else "unasked")


def _kind_of_wording(before: Mapping[str, str], after: Mapping[str, str]) -> Kind | None:
    """Return what kind of change it is when these texts by language become those."""
    if before == after:
        return None
    was, is_now = _told(before), _told(after)
    shared = was.keys() & is_now.keys()
    if any(was[tag] != is_now[tag] for tag in shared):
        return "purpose"
    # Who agreed to a narrow purpose did not agree to all that may go without words.
    return "wording" if shared or was == is_now else "purpose"


def _told(texts: Mapping[str, str]) -> dict[str, str]:
    return {tag: _alike(text) for tag, text in texts.items() if _alike(text)}


def _alike(text: str) -> str:
    return " ".join(text.casefold().split())


def _mode(key: str, was: Category, is_now: Category) -> Iterator[Change]:
    if was.mode != is_now.mode:
        yield Change(key, _changed(_shown(was.mode), _shown(is_now.mode)), "enforcement")


class _Told(NamedTuple):
    """A category, with the policy that it is of."""

    policy: Policy
    category: Category

    def strength(self, signal: str) -> int:
        """Return how much the signal does to this category (R22)."""
        strength = _STRENGTH[getattr(self.policy, signal)] if self.category.gpc else 0
        # Of a purpose that is opt-in it refuses nothing that was not refused anyway.
        return 0 if self.category.basis == "opt-in" and strength == 1 else strength


def _signals(key: str, was: _Told, is_now: _Told) -> Iterator[Change]:
    if not (was.category.decidable and is_now.category.decidable):
        return
    for signal, name in (("gpc", "Global Privacy Control"), ("dnt", "Do Not Track")):
        before, after = was.strength(signal), is_now.strength(signal)
        if before != after:
            weaker = after < before
            words = f"{name} refuses {'less' if weaker else 'more'} of it than before"
            yield Change(key, words, "signal weaker" if weaker else "narrower")


# Cookies


class _Cookies:
    """The cookies that a policy declares, without those of the gate itself."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.by_name = {
            rule.name: rule
            for category in shown_categories(policy)
            for rule in declared_cookies(policy, category.id)
            if rule.name not in policy.own_cookie_names
        }

    def governing(self, name: str) -> CookieRule | None:
        """Return the rule for the cookie called ``name``, or None if none is declared."""
        rule = self.policy.rule_for(name)
        return rule and self.by_name.get(rule.name)

    def patterns(self) -> list[str]:
        """Return the names of all rules, also of those that visitors are not told of."""
        return [rule.name for rule in (*self.policy.cookies, *self.policy.preset_cookies)]

    def places(self) -> dict[str, int]:
        """Return the place of each rule by its name; that of no rule, "", is behind them all."""
        return {name: place for place, name in enumerate([*self.by_name, ""])}

    def are_those_of(self, other: _Cookies) -> bool:
        """Return whether both policies have the same rules, in the same order."""
        mine, others = self.policy, other.policy
        return (mine.cookies, mine.preset_cookies) == (others.cookies, others.preset_cookies)

    def of(self, category: str) -> list[CookieRule]:
        """Return those of a category."""
        return [rule for rule in self.by_name.values() if rule.category == category]

    def are_asked_about(self, rule: CookieRule) -> bool:
        """Return whether visitors decide about the cookie of ``rule``."""
        return self.policy.categories[rule.category].decidable

    def life(self, rule: CookieRule) -> int:
        """Return the seconds it lives at most; 0 where it ends with the browser session."""
        return longest_life(self.policy, rule) or 0


_Succession: TypeAlias = "tuple[CookieRule | None, CookieRule | None]"
"""Which rule some cookie had, and which it has."""


def _cookies(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = _Cookies(old), _Cookies(new)
    try:
        successions = _successions(before, after)
    except TooManyKinds:
        successions = _namesakes(before, after)
        if not before.are_those_of(after):
            words = "their patterns overlap in too many ways to compare them all"
            yield Change("cookies", words, "not compared")
    for was, rule in ((was, is_now) for was, is_now in successions if is_now):
        yield from _became(before, was, after, rule)
    for gone in (was for was, is_now in successions if was and not is_now):
        yield Change(f"cookies.{gone.name}", "it is no longer declared", "narrower")


def _successions(before: _Cookies, after: _Cookies) -> list[_Succession]:
    """Return every pair of rules that some cookie was, and is now, governed by.

    Not of the rules' names alone: where a pattern goes or shrinks, another takes over.
    """
    gate = before.policy.own_cookie_names | after.policy.own_cookie_names
    names = representative_names([*before.patterns(), *after.patterns(), *gate])
    pairs = ((before.governing(name), after.governing(name)) for name in names if name not in gate)
    found = {tuple(rule.name if rule else "" for rule in pair): pair for pair in pairs}
    was, is_now = before.places(), after.places()
    return [found[names] for names in sorted(found, key=lambda it: (is_now[it[1]], was[it[0]]))]


def _namesakes(before: _Cookies, after: _Cookies) -> list[_Succession]:
    names = {**before.by_name, **after.by_name}
    return [(before.by_name.get(name), after.by_name.get(name)) for name in names]


def _became(
    before: _Cookies, was: CookieRule | None, after: _Cookies, rule: CookieRule
) -> Iterator[Change]:
    if was is None:
        yield _added(before, after, rule)
    else:
        yield from _changes_of(before, was, after, rule)


def _added(before: _Cookies, after: _Cookies, rule: CookieRule) -> Change:
    words = f"it is new in {rule.category}, stored by {_who(rule.vendor)}"
    return Change(f"cookies.{rule.name}", words, _kind_of_addition(before, after, rule))


def _kind_of_addition(before: _Cookies, after: _Cookies, rule: CookieRule) -> Kind:
    if not after.are_asked_about(rule):
        return "unasked"
    if not (_alike(rule.vendor) or _told(rule.purpose)):
        return "undescribed"
    known = [one for one in before.of(rule.category) if _alike(one.vendor) == _alike(rule.vendor)]
    if not known:
        return "vendor"
    known = [one for one in known if _kind_of_wording(one.purpose, rule.purpose) != "purpose"]
    if not known:
        return "purpose"
    if all(before.life(one) < after.life(rule) for one in known):
        return "longer life"
    return "wider reach" if all(_reaches_further(one, rule) for one in known) else "covered"


def _changes_of(
    before: _Cookies, was: CookieRule, after: _Cookies, rule: CookieRule
) -> Iterator[Change]:
    """Yield the differences between two rules of which one governs the cookies of the other."""
    key, of_it = f"cookies.{rule.name}", ""
    if was.name != rule.name:
        of_it = f", for cookies of {was.name!r}"
        yield Change(f"{key}.name", f"it governs cookies of {was.name!r} now", "narrower")
    if was.category != rule.category:
        kind = _kind_of_move(before, was, after, rule)
        yield Change(f"{key}.category", _changed(was.category, rule.category) + of_it, kind)
    known = _known_of_it(before, was, after, rule)
    for field, words, kind in _details(before, was, after, rule):
        yield Change(f"{key}.{field}", words + of_it, known or kind)


def _known_of_it(
    before: _Cookies, was: CookieRule, after: _Cookies, rule: CookieRule
) -> Kind | None:
    """Return why no detail of ``rule`` matters, or None where each must be looked at."""
    if not after.are_asked_about(rule):
        return "unasked"
    taken_over = was.name != rule.name and was.category == rule.category
    # What would be no news as another cookie of the category is none as one of its cookies.
    is_covered = taken_over and _kind_of_addition(before, after, rule) == "covered"
    return "covered" if is_covered else None


def _kind_of_move(before: _Cookies, was: CookieRule, after: _Cookies, rule: CookieRule) -> Kind:
    if after.are_asked_about(rule):
        return "cookie moved"
    basis = after.policy.categories[rule.category].basis
    return "choice removed" if basis == "exempt" and before.are_asked_about(was) else "unasked"


def _details(
    before: _Cookies, was: CookieRule, after: _Cookies, rule: CookieRule
) -> Iterator[tuple[str, str, Kind]]:
    if was.vendor != rule.vendor:
        same = _alike(was.vendor) == _alike(rule.vendor)
        words = _changed(_who(was.vendor), _who(rule.vendor))
        yield "vendor", words, "wording" if same else "vendor"
    purpose = _kind_of_wording(was.purpose, rule.purpose)
    if purpose is not None:
        yield "purpose", _reworded(was.purpose, rule.purpose), purpose
    life, lived = after.life(rule), before.life(was)
    if life != lived:
        kind: Kind = "longer life" if life > lived else "narrower"
        yield "max_age", _changed(_life(lived), _life(life)), kind
    yield from _reach(was, rule)


def _reach(was: CookieRule, rule: CookieRule) -> Iterator[tuple[str, str, Kind]]:
    if was.domain != rule.domain:
        wider = _is_wider(was.domain, rule.domain)
        words = _changed(_shown(was.domain), _shown(rule.domain))
        yield "domain", words, "wider reach" if wider else "narrower"
    if was.partitioned != rule.partitioned:
        words = _changed(_shown(was.partitioned), _shown(rule.partitioned))
        yield "partitioned", words, "wider reach" if was.partitioned else "narrower"


def _reaches_further(was: CookieRule, rule: CookieRule) -> bool:
    return any(kind == "wider reach" for _, _, kind in _reach(was, rule))


def _is_wider(before: str | None, after: str | None) -> bool:
    """Return whether a cookie of the second Domain is sent to hosts that the first leaves out."""
    if after is None:
        return False
    if before is None:
        return True
    return not f".{after.lstrip('.').lower()}".endswith(f".{before.lstrip('.').lower()}")


# Words, in which `repr` leaves nothing that a terminal would obey


def _changed(before: str, after: str) -> str:
    return f"it was {before} and is {after}"


def _reworded(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return what texts by language were and are, in the languages where that differs."""
    tags = [tag for tag in {**before, **after} if before.get(tag) != after.get(tag)]
    words = (
        f"in {tag} {_changed(_shown(before.get(tag)), _shown(after.get(tag)))}" for tag in tags
    )
    return "; ".join(words)


def _who(vendor: str) -> str:
    """Return who stores a cookie: without a vendor the cookie table, too, says this site."""
    return repr(vendor) if vendor else "this site"


def _shown(value: object) -> str:
    if value in (None, "", (), []):
        return "not set"
    if isinstance(value, list | tuple):
        return ", ".join(map(repr, cast("Iterable[object]", value)))
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _life(seconds: int) -> str:
    return _ENGLISH.duration(seconds) if seconds else "the browser session"
