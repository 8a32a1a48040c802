"""Which language a visitor reads, and what the pages say in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from string import Formatter
from typing import Final, NamedTuple

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.messages.pofile import read_po
from babel.units import format_unit

from consentgate.duration import DAY, HOUR, MINUTE, months
from consentgate.exceptions import PolicyError
from consentgate.pages.texts import TEXTS
from consentgate.values import ReadOnlyDict

LANGUAGES: Final = ("en", "fr", "de", "es", "it", "nl")
"""The languages that ConsentGate itself speaks."""

OwnTexts = Mapping[str, Mapping[str, str]]
"""A site's own words: by language tag, by the name of the text that they replace."""

_LOCALE: Final = resources.files("consentgate.pages") / "locale"
_NO_TEXTS: Final[OwnTexts] = ReadOnlyDict()

# RFC 9110 12.5.4, with the optional white space and the weight of 12.4.2. Browsers send fewer than
# ten ranges; what comes beyond the limits is not read.
_LONGEST_HEADER: Final = 512
_MOST_RANGES: Final = 32
_RANGE = re.compile(
    r"[ \t]*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*[Qq]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)

_UNITS: Final = (("duration-day", DAY), ("duration-hour", HOUR), ("duration-minute", MINUTE))
_YEAR: Final = months(12)


class _Range(NamedTuple):
    """One language range of an Accept-Language header."""

    name: str
    quality: float

    def covers(self, tag: str) -> bool:
        """Whether ``tag`` is this language, or a variety of it (RFC 4647 3.3.1)."""
        return f"{tag.lower()}-".startswith(f"{self.name}-")


def negotiate(accept_language: str, offered: Sequence[str]) -> str:
    """Return the tag among ``offered`` that a visitor with this Accept-Language reads best.

    A language is looked up as in RFC 4647 3.4, ``de-AT`` then ``de``; another variety of it is
    better than another language. Without a match it is the first tag that is not refused.
    """
    ranges = _ranges(accept_language)
    named = [item for item in ranges if item.name != "*"]
    acceptable = [tag for tag in offered if _quality(tag, named) != 0]
    others = [tag for tag in acceptable if _quality(tag, named) is None]
    for item in sorted(ranges, key=lambda item: -item.quality):
        if item.quality > 0:
            found = others[:1] if item.name == "*" else _lookup(item.name, acceptable)
            if found:
                return found[0]
    return (acceptable or offered)[0]


def _ranges(header: str) -> list[_Range]:
    if len(header) > _LONGEST_HEADER:
        header = header[:_LONGEST_HEADER].rpartition(",")[0]  # half a range says something else
    matches = map(_RANGE.fullmatch, header.split(",")[:_MOST_RANGES])
    return [_Range(match[1].lower(), float(match[2] or 1)) for match in matches if match]


def _quality(tag: str, ranges: Sequence[_Range]) -> float | None:
    """Return the weight that the most specific of ``ranges`` gives ``tag``."""
    covering = [item for item in ranges if item.covers(tag)]
    return max(covering, key=lambda item: len(item.name)).quality if covering else None


def _lookup(wanted: str, tags: Sequence[str]) -> list[str]:
    """Return the one of ``tags`` nearest to ``wanted``; none if they are other languages."""
    names = [tag.lower() for tag in tags]
    for name in _fallbacks(wanted.lower()):
        if name in names:
            return [tags[names.index(name)]]
    language = wanted.lower().partition("-")[0]
    return [tag for tag in tags if tag.lower().partition("-")[0] == language][:1]


def _fallbacks(tag: str) -> Iterator[str]:
    """Yield ``zh-hant-tw``, ``zh-hant``, ``zh``."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


class Texts:
    """The texts of one language, for templates: ``text.saved``, ``text("decided", date=...)``."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getattr__(self, name: str) -> str:
        if name not in TEXTS:
            raise AttributeError(f"no text is named {name!r}")
        return self(name)

    def __call__(self, name: str, /, **values: object) -> str:
        """Return the text called ``name``, with ``values`` in its placeholders."""
        return self._texts[name].format(**values)


class Language:
    """How the pages speak to a visitor.

    Args:
        tag: of the language (BCP 47). One that ConsentGate does not speak has English texts, where
            ``texts`` has none.
        texts: the site's own texts by language and name; see `check_texts`. Those of ``fr`` hold
            for ``fr-CA`` too.
    """

    def __init__(self, tag: str, texts: OwnTexts = _NO_TEXTS) -> None:
        self.tag = tag
        self.texts = Texts(_texts_of(tag, texts))
        self._locale = _locale(tag)

    def text(self, name: str, /, **values: object) -> str:
        """Return the text called ``name``, with ``values`` in its placeholders."""
        return self.texts(name, **values)

    def of(self, translations: Mapping[str, str]) -> str:
        """Return the best of ``translations`` for this language; empty if there are none."""
        tags = list(translations)
        nearest = _lookup(self.tag, tags) or _lookup("en", tags) or tags[:1]
        return translations[nearest[0]] if nearest else ""

    def date(self, seconds: float) -> str:
        """Return the day, in UTC, of a time in seconds since 1970."""
        return format_date(datetime.fromtimestamp(seconds, UTC), "long", locale=self._locale)

    def duration(self, seconds: int) -> str:
        """Return a duration in months if that is how it was meant, else in its largest unit."""
        count, unit = _in_units(seconds)
        words = format_unit(count, unit, "long", locale=self._locale)
        # Where CLDR has one form for both lengths, Babel 2.18 finds it under `short` alone (its
        # issue 1217) and writes the unit's id instead.
        return format_unit(count, unit, "short", locale=self._locale) if unit in words else words


def _in_units(seconds: int) -> tuple[int, str]:
    # A span of months is never longer than as many twelfths of a year, and at most 3 days shorter.
    twelfths = -(-seconds * 12 // _YEAR)
    if seconds > 0 and months(twelfths) == seconds:
        return twelfths, "duration-month"
    for unit, length in _UNITS:
        if seconds % length == 0:
            return seconds // length, unit
    return seconds, "duration-second"


def _texts_of(tag: str, own: OwnTexts) -> dict[str, str]:
    texts = dict(_translated(tag.lower().partition("-")[0]))
    by_name = {name.lower(): table for name, table in own.items()}
    for name in reversed(list(_fallbacks(tag.lower()))):
        texts.update(by_name.get(name, {}))
    return texts


@cache
def _translated(language: str) -> Mapping[str, str]:
    if language not in LANGUAGES or language == "en":
        return TEXTS
    with (_LOCALE / language / "LC_MESSAGES" / "consentgate.po").open("rb") as file:
        catalog = read_po(file, locale=language, abort_invalid=True)
    translations = {message.id: message.string for message in catalog}
    return ReadOnlyDict({name: str(translations[text]) for name, text in TEXTS.items()})


def _locale(tag: str) -> Locale:
    for name in _fallbacks(tag):
        try:
            return Locale.parse(name, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def check_texts(texts: OwnTexts, offered: Sequence[str]) -> None:
    """Check a site's own texts at start-up, for a site that offers these languages.

    Raises `PolicyError` for a language that no visitor would read, a text that does not exist, and
    one that cannot be filled in.
    """
    for tag, table in texts.items():
        if not any(_Range(tag.lower(), 1).covers(language) for language in offered):
            raise PolicyError(
                f"is a language that is not offered; there are {', '.join(offered)}",
                key=f"texts.{tag}",
            )
        for name, words in table.items():
            _check_name(name, f"texts.{tag}.{name}")
            _check_words(words, TEXTS[name], f"texts.{tag}.{name}")


def _check_name(name: str, key: str) -> None:
    if name not in TEXTS:
        close = difflib.get_close_matches(name, TEXTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(TEXTS)}"
        raise PolicyError(f"is no text; {hint}", key=key)


def _check_words(words: str, original: str, key: str) -> None:
    if not words.strip():
        raise PolicyError("is empty; leave it out to keep ours", key=key)
    known = _placeholders(original)
    try:
        unknown = [field for field in _placeholders(words) if field not in known]
    except ValueError:
        raise PolicyError("has a brace without its partner; write '{{' or '}}'", key=key) from None
    if unknown:
        there = f"there is {', '.join(known)}" if known else "this text has none"
        raise PolicyError(f"has the placeholder {unknown[0]}; {there}", key=key)


def _placeholders(words: str) -> list[str]:
    """Return the fields of a format string as they stand in it, ``{date}`` or ``{date:>10}``."""
    return [
        "{" + field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
        for _, field, spec, conversion in Formatter().parse(words)
        if field is not None
    ]
