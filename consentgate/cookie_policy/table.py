"""The cookie table: what a policy says, in one language, ready to be published."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from consentgate.declaration import (
    declaration,
    declared_cookies,
    longest_life,
    shown_categories,
)
from consentgate.pages.languages import LANGUAGES, Language
from consentgate.pages.options import checked_languages
from consentgate.policy_file import load_preset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from consentgate.pages.languages import Texts
    from consentgate.policy import Basis, Category, CookieRule, Policy

__all__ = [
    "CategoryRows",
    "CookieRow",
    "CookieTable",
    "cookie_table",
    "languages_for",
    "told_in",
    "written_languages",
]

_BLANKS: Final = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029 ]+")
# What is left of C0 and C1 when these are gone: no format has a use for them, terminals obey them.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

_BASES: Final[Mapping[Basis, str]] = {
    "exempt": "always_active",
    "opt-in": "with_consent",
    "opt-out": "unless_refused",
    "forbidden": "never_used",
}


@dataclass(frozen=True, slots=True)
class CookieRow:
    """One cookie, in words; every text is one line without control characters."""

    name: str
    vendor: str
    purpose: str
    life: str
    """How long it lives at most, such as ``"13 months"``."""
    seconds: int | None
    """The same; None where it ends with the browser session."""
    sent_to: str
    """The domain it is sent to with its subdomains, or the words for this site alone."""
    path: str


@dataclass(frozen=True, slots=True)
class CategoryRows:
    """One category and its cookies, in words."""

    id: str
    title: str
    description: str
    basis: str
    """When its cookies are stored, such as ``"Only with your consent"``."""
    is_forbidden: bool
    cookies: tuple[CookieRow, ...]


@dataclass(frozen=True, slots=True)
class CookieTable:
    """All that a policy says of cookies, in one language."""

    language: str
    """Its tag (BCP 47)."""
    version: str
    text: Texts
    """The headings, by name (`consentgate.pages.texts`)."""
    categories: tuple[CategoryRows, ...]

    def words(self, name: str, /, **values: object) -> str:
        """Return the text called ``name`` as one line; a site may have written it itself."""
        return one_line(self.text(name, **values))


def cookie_table(policy: Policy, language: str) -> CookieTable:
    """Return the table of ``policy`` in the language with this tag; see `languages_for`."""
    speaker = Language(language, policy.texts)
    return CookieTable(
        language,
        one_line(policy.version),
        speaker.texts,
        tuple(_category(policy, category, speaker) for category in shown_categories(policy)),
    )


def _category(policy: Policy, category: Category, language: Language) -> CategoryRows:
    return CategoryRows(
        category.id,
        one_line(language.of(category.title)) or category.id,
        one_line(language.of(category.description)),
        one_line(language.text(_BASES[category.basis])),
        category.basis == "forbidden",
        tuple(_row(policy, rule, language) for rule in declared_cookies(policy, category.id)),
    )


def _row(policy: Policy, rule: CookieRule, language: Language) -> CookieRow:
    life = longest_life(policy, rule)
    here = language.text("this_site")
    return CookieRow(
        rule.name,
        one_line(rule.vendor or here),
        one_line(language.of(rule.purpose)),
        one_line(language.text("until_closed") if life is None else language.duration(life)),
        life,
        one_line((rule.domain or here).lstrip(".")),
        rule.path,
    )


def one_line(text: str) -> str:
    """Return ``text``, which can be any, as one line that no terminal obeys."""
    return _CONTROLS.sub(_REPLACEMENT, _BLANKS.sub(" ", text)).strip(" ")


def languages_for(policy: Policy, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the languages to tell ``policy`` in: those wanted, or those it is written in.

    Of the latter, one that there are no headings in is left out, and what is written in none is
    told in English. Raises `ConfigurationError` for a wanted language without headings, and for
    texts of the policy that the pages would not start with.
    """
    spoken = {*LANGUAGES, *(tag.lower().partition("-")[0] for tag in policy.texts)}
    written = [tag for tag in written_languages(policy) if tag.lower().partition("-")[0] in spoken]
    tags = tuple(dict.fromkeys(wanted or written or ("en",)))
    # A text in a language that is not told now is still read, so that a mistake in it is found.
    return checked_languages((*tags, *policy.texts), policy)[: len(tags)]


def written_languages(policy: Policy) -> list[str]:
    """Return the tags of the languages that the site itself wrote its policy in.

    The titles and purposes of presets do not count: they are there in all of ours.
    """
    own = load_preset(policy.preset)["categories"]
    texts = [rule.purpose for rule in policy.cookies]
    for category in policy.categories.values():
        preset = own.get(category.id, {})
        texts.append(_beyond(category.title, preset.get("title", {})))
        texts.append(_beyond(category.description, preset.get("description", {})))
    return _in_our_order({tag for translations in texts for tag in translations})


def _beyond(own: Mapping[str, str], preset: Mapping[str, str]) -> dict[str, str]:
    return {tag: words for tag, words in own.items() if preset.get(tag) != words}


def _in_our_order(tags: Iterable[str]) -> list[str]:
    rank = {tag: position for position, tag in enumerate(LANGUAGES)}
    return sorted(tags, key=lambda tag: (rank.get(tag, len(rank)), tag))


def told_in(policy: Policy, languages: Sequence[str]) -> dict[str, Any]:
    """Return the declaration with its texts in these languages alone.

    What has no text in one of them is told in the nearest there is, as on the pages.
    """
    told = declaration(policy)
    for table in _with_texts(told):
        for key in {"title", "description", "purpose"}.intersection(table):
            table[key] = _only(table[key], languages)
    return told


def _with_texts(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for category in told["categories"]:
        yield category
        yield from category["cookies"]


def _only(translations: Mapping[str, str], languages: Sequence[str]) -> dict[str, str]:
    return {tag: Language(tag).of(translations) for tag in languages if translations}
