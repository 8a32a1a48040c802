"""From cookies that were seen to a policy file that somebody has to review.

What the catalogue knows becomes a rule, marked as a guess. What nobody knows becomes a comment: the
gate strips it until somebody has said what it is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import tomlkit
from tomlkit.items import AoT

from consentgate.catalogue import CatalogueEntry, find
from consentgate.duration import DAY, months
from consentgate.exceptions import PolicyError
from consentgate.lifetime import UNITS, count
from consentgate.policy import EXEMPT_CATEGORY, CookieRule
from consentgate.printable import printable
from consentgate.rule_index import RuleIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tomlkit import TOMLDocument
    from tomlkit.items import Table

    from consentgate.check.summary import CookieSummary
    from consentgate.policy import Policy

_MOST_TOLD: Final = 3
_MONTHS: Final = {months(13): "13 months", months(6): "6 months"}


@dataclass(frozen=True)
class Draft:
    """A first policy file, and what is to be said about it."""

    text: str
    """The file, in TOML."""
    guessed: tuple[str, ...]
    """Names of rules that are guesses."""
    unknown: tuple[str, ...]
    """Names of cookies that nobody knows; they have no rule yet."""
    known: tuple[str, ...]
    """Names of cookies that the framework's adapter declares itself."""
    impossible: tuple[str, ...]
    """Names of cookies that no rule can be for: the gate's own, and what is no name."""


def draft(cookies: Iterable[CookieSummary], policy: Policy, *, title: str) -> Draft:
    """Return a policy file for ``cookies``, in the shape of ``policy``.

    Args:
        cookies: what was seen, once each; deletions are none.
        policy: has the version and the preset of the file, and the framework's own cookies.
        title: what the file is for, in its first line.
    """
    seen = _sorted_out(cookies, policy)
    families = _families(seen.others, policy)
    guessed = [family for family in families if family.entry is not None]
    unknown = [family for family in families if family.entry is None]
    document = _head(policy, title, seen.known)
    if guessed:
        document.append("cookies", _rules(guessed, policy))
    comments = [*_impossible(seen.impossible, policy)]
    for family in unknown:
        comments += ["", *_rule_to_be(family, policy)]
    return Draft(
        text=tomlkit.dumps(document) + "".join(f"{line}\n" for line in comments),
        guessed=tuple(family.name for family in guessed),
        unknown=tuple(family.name for family in unknown),
        known=tuple(each.name for each in seen.known),
        impossible=tuple(each.name for each in seen.impossible),
    )


class _SortedOut(NamedTuple):
    known: list[CookieSummary]
    impossible: list[CookieSummary]
    others: list[CookieSummary]


def _sorted_out(cookies: Iterable[CookieSummary], policy: Policy) -> _SortedOut:
    found = _SortedOut([], [], [])
    for cookie in cookies:
        if cookie.name in policy.own_cookie_names or not _can_be_declared(cookie.name):
            found.impossible.append(cookie)
        elif policy.rule_for(cookie.name) is not None:
            found.known.append(cookie)
        else:
            found.others.append(cookie)
    return found


def _can_be_declared(name: str) -> bool:
    """Whether a rule can be for this name alone, or a pattern of the catalogue is for it."""
    if find(name) is not None:
        return True
    try:
        CookieRule(name, EXEMPT_CATEGORY)
    except PolicyError:
        return False
    return "*" not in name and "?" not in name


class _Family(NamedTuple):
    """Cookies that one rule is for: all of one pattern of the catalogue, or one alone."""

    name: str
    entry: CatalogueEntry | None
    cookies: list[CookieSummary]

    @property
    def where(self) -> str:
        """Where they were seen, and under which names."""
        paths = list(dict.fromkeys(path for each in self.cookies for path in each.paths))
        names = [each.name for each in self.cookies if each.name != self.name]
        seen_as = f"as {_first_of(names)} " if names else ""
        return printable(f"seen {seen_as}on {_first_of(paths)}")

    @property
    def lifetime(self) -> int | None:
        """The longest life in seconds that any of them asks for."""
        lives = [each.lifetime for each in self.cookies if each.lifetime is not None]
        return max(lives, default=None)


def _first_of(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _MOST_TOLD} more" if len(texts) > _MOST_TOLD else ""
    return ", ".join(texts[:_MOST_TOLD]) + more


def _families(cookies: Iterable[CookieSummary], policy: Policy) -> list[_Family]:
    families: dict[str, _Family] = {}
    for cookie in cookies:
        entry = find(cookie.name)
        name = entry.pattern if entry and not _shadows(entry, policy) else cookie.name
        families.setdefault(name, _Family(name, entry, [])).cookies.append(cookie)
    return list(families.values())


def _shadows(entry: CatalogueEntry, policy: Policy) -> bool:
    """Whether a rule called so would beat one of the framework, for the site's own come first."""
    rule = RuleIndex((entry,))
    return any(rule.find(each.name) is not None for each in policy.preset_cookies)


# -- The file -------------------------------------------------------------------------------


def _head(policy: Policy, title: str, known: Sequence[CookieSummary]) -> TOMLDocument:
    document = tomlkit.document()
    for line in (
        title,
        "Written by `consentgate init`: a first draft. Look at every line marked `review:`, for",
        "categories are guesses, and only you know what your cookies are for.",
    ):
        document.add(tomlkit.comment(printable(line)))
    _put(document, "version", policy.version, "a new version asks every visitor again")
    _put(document, "preset", policy.preset, "review: the law that your visitors are under")
    _put(document, "unregistered", "strip", "a cookie without a rule never leaves")
    if known:
        names = ", ".join(printable(each.name) for each in known)
        document.add(tomlkit.nl())
        document.add(tomlkit.comment(f"Known to ConsentGate, and exempt: {names}."))
    return document


def _put(table: TOMLDocument | Table, key: str, value: str, comment: str = "") -> None:
    table.add(key, tomlkit.string(value))
    if comment:
        table[key].comment(comment)


def _rules(families: Iterable[_Family], policy: Policy) -> AoT:
    return AoT([_rule(each, cast("CatalogueEntry", each.entry), policy) for each in families])


def _rule(family: _Family, entry: CatalogueEntry, policy: Policy) -> Table:
    rule = tomlkit.table()
    _put(rule, "name", family.name, family.where)
    _put(rule, "category", entry.category, _doubt(entry))
    limit = policy.limit(CookieRule(family.name, entry.category))
    _put(rule, "max_age", *_max_age(family.lifetime, limit))
    _put(rule, "vendor", entry.vendor)
    rule.add(tomlkit.comment(f"review: the catalogue's words, from {printable(entry.source)}"))
    rule.add(tomlkit.key(["purpose", "en"]), tomlkit.string(entry.purpose))
    return rule


def _doubt(entry: CatalogueEntry) -> str:
    if entry.category == EXEMPT_CATEGORY:
        return "review: a guess; exempt only where visitors ask for what it does"
    return "review: a guess of the catalogue of known cookies"


def _max_age(lifetime: int | None, limit: int) -> tuple[str, str]:
    """Return how long a cookie may live, in words, and what is to be said about it."""
    if lifetime is None:
        return "session", "it has no lifetime now"
    if lifetime > limit:
        return in_duration(limit), f"review: its limit; it asks for {in_duration(lifetime)}"
    if lifetime <= DAY:  # R12 ends it then, however often the application sets it again
        return in_duration(lifetime), "review: from its first deposit on; more if it is to slide"
    return in_duration(lifetime), "as long as it asks for"


def in_duration(seconds: int) -> str:
    """Return the words that a policy file has for ``seconds``, to the second."""
    if seconds in _MONTHS:
        return _MONTHS[seconds]
    unit, length = next(each for each in UNITS if seconds % each[1] == 0)
    return count(seconds // length, unit)


# -- Its comments, which wait to be rules ---------------------------------------------------


def _impossible(cookies: Iterable[CookieSummary], policy: Policy) -> Iterator[str]:
    for cookie in cookies:
        name = printable(cookie.name)
        yield ""
        if cookie.name in policy.own_cookie_names:
            yield f"# review: {name} is what the gate calls a cookie of its own."
            yield "# Set cookie_name above, or rename this one; it never leaves otherwise."
        else:
            yield f"# review: no rule can be for {name}. Rename it; it never leaves otherwise."


def _rule_to_be(family: _Family, policy: Policy) -> Iterator[str]:
    """Return what is a rule as soon as its ``#`` are gone and somebody has said what it is for."""
    max_age, why = _max_age(family.lifetime, policy.limit(None))
    yield "# review: nobody knows what this one is for. The gate strips it until it is declared."
    yield "#[[cookies]]"
    yield f"#name = {tomlkit.string(family.name).as_string()} # {family.where}"
    yield f'#category = "" # one of {", ".join(policy.categories)}'
    yield f'#max_age = "{max_age}" # {why}'
    yield '#purpose.en = ""'
