"""What the pages say in each language, and which one a visitor gets."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import resources
from string import Formatter
from typing import TYPE_CHECKING

import pytest
from babel.localedata import locale_identifiers
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import example, given
from hypothesis import strategies as st

from consentgate import Policy, PolicyError
from consentgate.duration import DAY, HOUR, MINUTE, months
from consentgate.pages.languages import LANGUAGES, Language, check_texts, negotiate
from consentgate.pages.texts import TEXTS
from consentgate.policy_file import load_preset, preset_names

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

PAGES = resources.files("consentgate.pages")
TRANSLATED = [tag for tag in LANGUAGES if tag != "en"]

# Programs that refuse for their users (DuckDuckGo's autoconsent) know a banner by such words.
WORDS_OF_A_BANNER = {
    "en": ("We use cookies", "Reject all", "Accept all"),
    "fr": ("Nous utilisons des cookies", "Tout refuser", "Tout accepter"),
    "de": ("Wir verwenden Cookies", "Alle ablehnen", "Alle akzeptieren"),
    "es": ("Utilizamos cookies", "Rechazar todo", "Aceptar todo"),
    "it": ("Usiamo cookie", "Rifiuta tutto", "Accetta tutto"),
    "nl": ("We gebruiken cookies", "Alles weigeren", "Alles accepteren"),
}


def catalog(tag: str) -> Catalog:
    """Read the catalogue of a language as it stands."""
    with (PAGES / "locale" / tag / "LC_MESSAGES" / "consentgate.po").open("rb") as file:
        return read_po(file, locale=tag, abort_invalid=True)


def extracted() -> dict[str, list[str]]:
    """Extract what translators are asked for, with the comments for them."""
    found: dict[str, list[str]] = {}
    for _, _, message, comments, _ in extract_from_dir(str(PAGES), comment_tags=("Translators:",)):
        found.setdefault(str(message), []).extend(comments)
    return found


def placeholders(text: str) -> set[str]:
    """Return the names in braces."""
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


def spaced(text: str) -> str:
    """Return ``text`` with plain spaces: where the others stand varies with CLDR's version."""
    return re.sub(r"\s", " ", text)


class TestOriginals:
    """`texts.py`."""

    def test_extraction_finds_exactly_the_texts(self) -> None:
        """Translators are asked for each text, and for nothing else."""
        assert set(TEXTS.values()) == set(extracted())

    def test_translators_are_told_what_a_placeholder_stands_for(self) -> None:
        """No text with placeholders goes without a comment."""
        comments = extracted()

        assert all(comments[text] for text in TEXTS.values() if placeholders(text))

    @pytest.mark.parametrize("tag", LANGUAGES)
    def test_no_text_names_a_brand_or_a_price(self, tag: str) -> None:
        """A site speaks here, not a product; a word of payment would keep refusing tools away."""
        texts = " ".join(Language(tag).texts._texts.values())

        assert re.findall(r"(?i)consentgate|\bpay|subscri|abonn|abbon|suscri|pagar", texts) == []


@pytest.mark.parametrize("tag", TRANSLATED)
class TestCatalogues:
    """`locale/<tag>/LC_MESSAGES/consentgate.po`."""

    def test_complete(self, tag: str) -> None:
        """Each original is translated, none twice, and no translation outlived its original."""
        messages = {str(message.id): message.string for message in catalog(tag) if message.id}

        assert set(TEXTS.values()) == set(messages)
        assert all(messages.values())
        assert not catalog(tag).obsolete

    def test_nothing_is_fuzzy(self, tag: str) -> None:
        """No translation waits for someone to look at it."""
        assert [message.id for message in catalog(tag) if message.id and message.fuzzy] == []

    def test_placeholders(self, tag: str) -> None:
        """A translation says what its original says: the same dates, hosts and purposes."""
        for message in catalog(tag):
            assert placeholders(str(message.id)) == placeholders(str(message.string))

    def test_translated(self, tag: str) -> None:
        """No text was left in English; the word cookie is the same everywhere."""
        language = Language(tag)

        assert [name for name, text in TEXTS.items() if language.texts._texts[name] == text] == [
            "cookie"
        ]

    def test_comments_for_translators(self, tag: str) -> None:
        """They are those of the originals."""
        assert extracted() == {
            str(message.id): message.auto_comments for message in catalog(tag) if message.id
        }


@pytest.mark.parametrize("tag", LANGUAGES)
class TestEachLanguage:
    """What must be so in each of the six."""

    def test_words_that_refusing_tools_know(self, tag: str) -> None:
        """The banner is found, and refused, by programs that read it."""
        use, reject, accept = WORDS_OF_A_BANNER[tag]
        text = Language(tag).texts

        assert text.banner_text.startswith(f"{use}. ")
        assert (reject, accept) == (text.reject_all, text.accept_all)

    def test_buttons_weigh_the_same(self, tag: str) -> None:
        """Refusing is no longer word than accepting, give or take a few letters."""
        text = Language(tag).texts

        assert abs(len(text.reject_all) - len(text.accept_all)) <= 4
        assert max(map(len, (text.reject_all, text.accept_all, text.customise))) <= 16

    def test_the_banner_names_the_link_that_leads_back(self, tag: str) -> None:
        """Whoever reads where to change the choice finds a link of that name."""
        text = Language(tag).texts

        assert text.settings.lower() in text.banner_text.lower()

    def test_presets(self, tag: str) -> None:
        """Each category and cookie that comes with the gate is explained in this language."""
        for name in preset_names():
            settings = load_preset(name)
            categories = settings.get("categories", {}).values()
            assert all(category["title"][tag].strip() for category in categories)
            assert all(category["description"][tag].strip() for category in categories)
            assert all(cookie["purpose"][tag].strip() for cookie in settings.get("cookies", ()))

    def test_the_gates_own_cookies(self, tag: str) -> None:
        """So are the two that the gate sets itself."""
        assert all(rule.purpose[tag] for rule in Policy("1").preset_cookies)


class TestNegotiate:
    """Accept-Language against the languages of a site (RFC 9110 12.5.4, RFC 4647 3.4)."""

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("", "en"),
            ("fr", "fr"),
            ("FR", "fr"),
            ("sv", "en"),
            ("sv,de", "de"),
            ("de-AT", "de"),
            ("de-Latn-AT-1996", "de"),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
            ("en;q=0.3,fr;q=0.7,de;q=0.5", "fr"),
            ("fr;q=0.5, de;q=0.5", "fr"),
            ("fr;q=0", "en"),
            ("en;q=0", "fr"),
            ("en;q=0, *", "fr"),
            ("fr;q=0.000, de;q=0.001", "de"),
            ("*", "en"),
            ("en, *;q=0.5", "en"),
            ("sv, *;q=0.5", "en"),
            ("en;q=0.1, *;q=0.5", "fr"),
            ("*;q=0.5, fr;q=0.1, en;q=0.1, de;q=0.1, pt-BR;q=0.1", "fr"),
            ("*, fr;q=0.1, en;q=0.1, de;q=0.1", "pt-BR"),
            ("*;q=0, de;q=0.1", "de"),
            ("fr;Q=0.1, de ; q=0.2", "de"),
            (" \tde\t", "de"),
        ],
    )
    def test_preferences(self, header: str, expected: str) -> None:
        """The best weight wins, then the order; a region gives way to its language."""
        assert expected == negotiate(header, ("en", "fr", "de", "pt-BR"))

    @pytest.mark.parametrize(
        ("header", "offered", "expected"),
        [
            ("fr", ("en", "fr-CA"), "fr-CA"),
            ("fr-FR, en;q=0.5", ("en", "fr-CA"), "fr-CA"),
            ("fr-ca", ("en", "fr", "fr-CA"), "fr-CA"),
            ("fr", ("en", "fr-CA", "fr"), "fr"),
            ("pt-PT", ("en", "pt-BR", "pt-PT"), "pt-PT"),
            ("zh-Hant-TW", ("en", "zh-Hans", "zh-Hant"), "zh-Hant"),
            ("en-GB;q=0, en", ("en-GB", "en-US"), "en-US"),
            ("en;q=0, en-GB", ("fr", "en-US", "en-GB"), "en-GB"),
            ("f", ("en", "fr"), "en"),
            ("fra", ("en", "fr"), "en"),
        ],
    )
    def test_varieties(self, header: str, offered: tuple[str, ...], expected: str) -> None:
        """Another region's variety is better than another language; a prefix is no language."""
        assert expected == negotiate(header, offered)

    @pytest.mark.parametrize(
        "header",
        [
            ",,,",
            ";q=1",
            "fr;q=2",
            "fr;q=1.5",
            "fr;q=-1",
            "fr;q=nan",
            "fr;q=0.1234",
            "fr;level=1",
            "fr;q=1;q=1",
            "fr_FR",
            "fr-",
            "français",
            "fr\x00",
            "fr\n",
            "f r",
            "**",
            "¹;q=¹",
        ],
    )
    def test_what_is_no_range_is_not_read(self, header: str) -> None:
        """The rest of such a header still counts."""
        assert negotiate(header, ("en", "fr")) == "en"
        assert negotiate(f"{header},de", ("en", "fr", "de")) == "de"

    def test_a_long_header_is_read_in_part(self) -> None:
        """Beyond 512 characters nothing counts, nor the half of a range before them."""
        assert negotiate("fr," + "x" * 10_000_000, ("en", "fr")) == "fr"
        assert negotiate("," * 509 + "fr,", ("en", "fr")) == "en"
        assert negotiate(" " * 505 + "fr;q=0.5,en", ("en", "fr")) == "en"
        assert negotiate(" " * 600 + "fr", ("en", "fr")) == "en"

    def test_many_ranges_are_read_in_part(self) -> None:
        """A browser sends fewer than ten; the 33rd does not count."""
        assert negotiate("pt," * 31 + "fr", ("en", "fr")) == "fr"
        assert negotiate("pt," * 32 + "fr", ("en", "fr")) == "en"

    @given(
        st.one_of(
            st.text(max_size=600),
            st.text("fren-*;q=0.1, ", max_size=60),
            st.lists(st.sampled_from(["fr", "de-AT", "*", "en;q=0", "*;q=0.2", "é"])).map(",".join),
        ),
        st.lists(st.sampled_from(["en", "fr", "fr-CA", "de", "zh-Hant"]), min_size=1),
    )
    @example("*;q=0", ["en"])
    @example("en;q=0,fr;q=0", ["fr", "en"])
    def test_any_header_leads_to_an_offered_language(self, header: str, offered: list[str]) -> None:
        """Nothing that a client sends makes it fail or leave the offer."""
        assert negotiate(header, offered) in offered


class TestLanguage:
    """One language, as templates see it."""

    def test_texts(self) -> None:
        """A text is an attribute; one with placeholders is called by its name."""
        text = Language("fr").texts

        assert text.reject_all == "Tout refuser"
        assert spaced(text("allow", category="Vidéos")) == "Autoriser « Vidéos »"
        assert text("saved") == Language("fr").text("saved")

    def test_an_unknown_text(self) -> None:
        """A template that misspells a name learns it."""
        with pytest.raises(AttributeError, match="'acept_all'"):
            Language("en").texts.acept_all  # noqa: B018

    def test_own_texts(self) -> None:
        """What the site words itself stands in place of ours, with the same placeholders."""
        own = {
            "en": {"settings": "Cookies"},
            "fr": {"settings": "Vos cookies", "allow": "Voir {{{category}}}"},
            "fr-CA": {"settings": "Témoins"},
        }

        assert Language("fr", own).texts.settings == "Vos cookies"
        assert Language("fr", own).text("allow", category="Vidéos") == "Voir {Vidéos}"
        assert Language("fr", own).texts.save == "Enregistrer mes choix"
        assert Language("de", own).texts.settings == "Cookie-Einstellungen"

    def test_a_region_has_its_languages_texts_under_its_own(self) -> None:
        """Those of ``fr`` hold for ``fr-CA`` too, however the tags are written."""
        own = {"FR": {"settings": "Vos cookies", "back": "Retour"}, "fr-ca": {"back": "Revenir"}}
        text = Language("fr-CA", own).texts

        assert (text.settings, text.back) == ("Vos cookies", "Revenir")
        assert text.save == "Enregistrer mes choix"

    def test_a_language_that_we_do_not_speak(self) -> None:
        """Portuguese has the site's texts, English where there are none, and its own dates."""
        language = Language("pt", {"pt": {"reject_all": "Rejeitar tudo"}})

        assert language.texts.reject_all == "Rejeitar tudo"
        assert language.texts.accept_all == "Accept all"
        assert language.date(0) == "1 de janeiro de 1970"
        assert language.duration(months(13)) == "13 meses"

    @pytest.mark.parametrize("tag", ["tlh", "x-private", "i-klingon", "en-US-x-twain"])
    def test_a_language_without_dates(self, tag: str) -> None:
        """Where Babel knows no such locale, dates are English."""
        assert Language(tag).date(0) == "January 1, 1970"

    @pytest.mark.parametrize(
        ("tag", "translations", "expected"),
        [
            ("fr", {"en": "a", "fr": "b"}, "b"),
            ("fr-CA", {"en": "a", "fr": "b", "fr-CA": "c"}, "c"),
            ("fr-CA", {"en": "a", "fr": "b"}, "b"),
            ("fr-CA", {"en": "a", "fr-CH": "b"}, "b"),
            ("fr", {"en": "a", "fr-CA": "b"}, "b"),
            ("FR", {"en": "a", "fr": "b"}, "b"),
            ("fr", {"de": "c", "en": "a"}, "a"),
            ("fr", {"de": "c", "en-GB": "a"}, "a"),
            ("fr", {"de": "c", "es": "d"}, "c"),
            ("fr", {}, ""),
        ],
    )
    def test_a_policys_translations(
        self, tag: str, translations: dict[str, str], expected: str
    ) -> None:
        """The tag itself, its language, another region, English, the first, nothing."""
        assert expected == Language(tag).of(translations)

    @pytest.mark.parametrize(
        ("tag", "expected"),
        [
            ("en", "November 22, 2026"),
            ("en-GB", "22 November 2026"),
            ("fr", "22 novembre 2026"),
            ("de", "22. November 2026"),
            ("es", "22 de noviembre de 2026"),
            ("it", "22 novembre 2026"),
            ("nl", "22 november 2026"),
        ],
    )
    def test_dates(self, tag: str, expected: str) -> None:
        """A day is written out, and it is the day in UTC."""
        first = datetime(2026, 11, 22, tzinfo=UTC).timestamp()

        assert expected == spaced(Language(tag).date(first))
        assert expected == spaced(Language(tag).date(first + DAY - 1))

    @pytest.mark.parametrize(
        ("tag", "expected"),
        [
            ("en", "13 months, 1 month, 14 days, 1 day, 36 hours, 30 minutes, 61 seconds"),
            ("fr", "13 mois, 1 mois, 14 jours, 1 jour, 36 heures, 30 minutes, 61 secondes"),
            ("de", "13 Monate, 1 Monat, 14 Tage, 1 Tag, 36 Stunden, 30 Minuten, 61 Sekunden"),
            ("es", "13 meses, 1 mes, 14 días, 1 día, 36 horas, 30 minutos, 61 segundos"),
            ("it", "13 mesi, 1 mese, 14 giorni, 1 giorno, 36 ore, 30 minuti, 61 secondi"),
            ("nl", "13 maanden, 1 maand, 14 dagen, 1 dag, 36 uur, 30 minuten, 61 seconden"),
        ],
    )
    def test_durations(self, tag: str, expected: str) -> None:
        """Months where months were meant, else the largest unit that leaves no rest."""
        durations = (months(13), months(1), 14 * DAY, DAY, 36 * HOUR, 30 * MINUTE, 61)

        assert expected == spaced(", ".join(map(Language(tag).duration, durations)))

    @given(st.integers(1, 1200))
    def test_every_number_of_months_is_recognised(self, count: int) -> None:
        """What a policy says in months, the page says in months."""
        words = Language("en").duration(months(count)).replace(",", "")

        assert words.split() == [str(count), "month" if count == 1 else "months"]

    @given(st.integers(1, 100 * 365))
    def test_other_days_stay_days(self, days: int) -> None:
        """400 days are not 13 months."""
        in_months = {months(count) for count in range(1, 1201)}

        assert (days * DAY in in_months) == ("month" in Language("en").duration(days * DAY))

    def test_nothing_is_no_month(self) -> None:
        """A duration of nothing is not an error either."""
        assert Language("en").duration(0) == "0 days"

    def test_units_have_names_in_every_language(self) -> None:
        """No unit's id is shown, though Babel does not find every name at once."""
        for tag in locale_identifiers():
            language = Language(tag.replace("_", "-"))
            for seconds in (months(13), DAY, 36 * HOUR, 30 * MINUTE, 61):
                assert "duration" not in language.duration(seconds)


class TestCheckTexts:
    """A site's own texts, checked at start-up."""

    def test_right(self) -> None:
        """Ours in other words, without some placeholders or with all, for any offered language."""
        check_texts(
            {
                "fr": {"saved": "C'est noté.", "decided": "Choix du {date}"},
                "pt": {"allow": "{{{category}}}"},
                "fr-CA": {},
            },
            ("fr-CA", "pt"),
        )

    @pytest.mark.parametrize(
        ("name", "words", "reason"),
        [
            ("acept_all", "Oui", "is no text; did you mean 'accept_all'?"),
            ("saved", "Le {date}", "has the placeholder {date}; this text has none"),
            ("decided", "{datum}", "has the placeholder {datum}; there is {date}, {asked_again}"),
            ("allow", "{}", "has the placeholder {}; there is {category}"),
            ("allow", "{0}", "has the placeholder {0}; there is {category}"),
            (
                "allow",
                "{category.__class__}",
                "has the placeholder {category.__class__}; there is {category}",
            ),
            ("allow", "{category[0]}", "has the placeholder {category[0]}; there is {category}"),
            ("allow", "{category!r}", "has the placeholder {category!r}; there is {category}"),
            (
                "allow",
                "{category:>999999999}",
                "has the placeholder {category:>999999999}; there is {category}",
            ),
            ("allow", "{category", "has a brace without its partner; write '{{' or '}}'"),
            ("saved", "Noté }", "has a brace without its partner; write '{{' or '}}'"),
            ("saved", " ", "is empty; leave it out to keep ours"),
        ],
    )
    def test_wrong(self, name: str, words: str, reason: str) -> None:
        """The error names the text and what to do."""
        with pytest.raises(PolicyError) as raised:
            check_texts({"fr": {name: words}}, ("en", "fr"))

        assert raised.value.key == f"texts.fr.{name}"
        assert raised.value.reason == reason

    def test_a_name_like_none(self) -> None:
        """Where nothing is similar, all names are listed."""
        with pytest.raises(PolicyError, match="is no text; there are settings, banner_title,"):
            check_texts({"en": {"zzz": "Z"}}, ("en",))

    def test_a_language_nobody_reads(self) -> None:
        """Texts that no visitor would ever see are a mistake, in the tag or in the offer."""
        with pytest.raises(PolicyError, match="is not offered; there are en, de") as raised:
            check_texts({"fr": {"saved": "C'est noté."}}, ("en", "de"))

        assert raised.value.key == "texts.fr"
