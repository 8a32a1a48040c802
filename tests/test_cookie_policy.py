"""``consentgate policy``: the cookie table in each format and language, whatever a site writes."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import policy_documents
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consentgate import Category, CookieRule, Policy
from consentgate.cli import main
from consentgate.cookie_policy.formats import CSV_COLUMNS, HEADINGS, as_csv, as_html, as_markdown
from consentgate.cookie_policy.table import (
    cookie_table,
    languages_for,
    one_line,
    told_in,
    written_languages,
)
from consentgate.declaration import declaration, declared_cookies, shown_categories
from consentgate.exceptions import ConfigurationError
from consentgate.pages.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.testing import Result

    from consentgate.cookie_policy.table import CookieTable

EXAMPLES = Path(__file__).parent.parent / "examples"
POLICY_FILES = sorted([*(EXAMPLES / "policies").glob("*.toml"), EXAMPLES / "shop.toml"])
SHOP = str(EXAMPLES / "shop.toml")
FORMATS = ("html", "markdown", "json", "csv")

ODD = "1. <b>x</b> | a\\|b `c` **d** _e_ $f$ ~~g~~ [h](i) &amp; # \r\n| j |\x1b[31m\x9b\u2028- k"

POLICY = Policy(
    "7",
    preset="fr",
    categories=[
        Category("statistics", basis="opt-out", max_age="90 days"),
        Category("functional", basis="opt-in"),
        Category("social", basis="forbidden"),
        Category("maps", title={"en": "Maps"}),
    ],
    cookies=[
        CookieRule("_ga*", "statistics", max_age="2 years", vendor="Google"),
        CookieRule("step", "necessary", max_age="session", purpose={"fr": "Étape", "en": "Step"}),
        CookieRule("tile", "maps", vendor="OSM", domain=".example.org", path="/map"),
    ],
)


def run(*arguments: str) -> Result:
    """Run ``consentgate policy``."""
    return CliRunner().invoke(main, ["policy", *arguments])


def write(folder: Path, text: str) -> str:
    """Write a policy file; return its path."""
    path = folder / "consent.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def markdown_tables(text: str) -> list[list[list[str]]]:
    """Read the tables of a Markdown document as a reader that knows only ``|`` would."""
    tables: list[list[list[str]]] = []
    inside = False
    for line in text.split("\n"):
        if line.startswith("|"):
            cells = [_meant(cell.strip(" ")) for cell in line.strip("|").split("|")]
            tables[-1].append(cells) if inside else tables.append([cells])
        inside = line.startswith("|")
    return tables


def _meant(cell: str) -> str:
    code = re.fullmatch("`([^`]*)`", cell)
    return code[1] if code else html.unescape(re.sub(r"\\(\W|_)", r"\1", cell))


def rows_of(table: CookieTable) -> list[list[list[str]]]:
    """Return what a reader should see of each category that has cookies."""
    headings = [table.words(name) for name in HEADINGS]
    return [
        [
            headings,
            ["---"] * len(HEADINGS),
            *([c.name, c.vendor, c.purpose, c.life, c.sent_to] for c in category.cookies),
        ]
        for category in table.categories
        if category.cookies
    ]


class Outline(HTMLParser):
    """What an HTML document is made of."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Take note of a text."""
        if data.strip():
            self.texts.append(data.strip(" \n"))

    def count(self, tag: str) -> int:
        """Return how many elements there are of a kind."""
        return sum(name == tag for name, _ in self.tags)

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


class TestTable:
    """The table itself."""

    @pytest.mark.parametrize(
        ("category", "basis"),
        [
            ("necessary", "Always active"),
            ("maps", "Only with your consent"),
            ("statistics", "Unless you refuse"),
            ("social", "Never used"),
        ],
    )
    def test_the_basis_is_in_words(self, category: str, basis: str) -> None:
        """Readers learn when the cookies of a category are stored."""
        [found] = [one for one in cookie_table(POLICY, "en").categories if one.id == category]

        assert basis == found.basis

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_it_has_what_the_gate_enforces(self, language: str) -> None:
        """Each category and cookie is there, with its life after all limits."""
        table = cookie_table(POLICY, language)

        assert [one.id for one in shown_categories(POLICY)] == [one.id for one in table.categories]
        for category in table.categories:
            assert [rule.name for rule in declared_cookies(POLICY, category.id)] == [
                cookie.name for cookie in category.cookies
            ]
        lives = {one.name: one.life for part in table.categories for one in part.cookies}
        assert Language(language).duration(90 * 86_400) == lives["_ga*"]
        assert Language(language).text("until_closed") == lives["step"]

    def test_the_gates_own_cookies_are_there(self) -> None:
        """They are exempt, and told all the same."""
        necessary = cookie_table(POLICY, "en").categories[0]

        assert {"eu-consent", "eu-consent-deposits"} <= {one.name for one in necessary.cookies}

    def test_a_domain_is_told(self) -> None:
        """What is sent to other hosts too is not said to stay on this one."""
        table = cookie_table(POLICY, "en")
        sent_to = {one.name: one.sent_to for part in table.categories for one in part.cookies}

        assert ("example.org", "This site") == (sent_to["tile"], sent_to["_ga*"])

    def test_a_category_without_title_goes_by_its_id(self) -> None:
        """Nothing stands there without a name."""
        policy = Policy("1", categories=[Category("chat", title={"en": " \n "})])

        assert "chat" == cookie_table(policy, "en").categories[-1].title

    def test_a_site_has_its_own_words(self) -> None:
        """The texts of the policy file count here as on the pages."""
        policy = Policy("1", texts={"en": {"always_active": "Needed"}})

        assert "Needed" == cookie_table(policy, "en").categories[0].basis

    @given(st.text(st.characters(exclude_categories=[])))
    @example(ODD)
    @example("\ud800\x00\x7f")
    def test_a_text_is_one_line_without_controls(self, text: str) -> None:
        """No terminal obeys it, and no format takes it for two lines."""
        line = one_line(text)

        assert len(f"-{line}-".splitlines()) == 1
        assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", line)

    def test_other_characters_stay(self) -> None:
        """French spaces and Persian joiners are no controls."""
        text = "6\u202fmois\u00a0: \u0646\u06cc\u200c\u0645"

        assert text == one_line(text)


class TestLanguages:
    """Which languages the table is in."""

    def test_those_the_policy_is_written_in(self) -> None:
        """The presets speak all six; what the site wrote itself counts, in our order."""
        policy = Policy(
            "1",
            categories=[Category("maps", title={"it": "Mappe"}, description={"de": "Karten"})],
            cookies=[CookieRule("a", "maps", purpose={"fr": "Un"})],
        )

        assert ("fr", "de", "it") == languages_for(policy, ())

    def test_english_where_it_is_written_in_none(self) -> None:
        """A policy without words of its own has those of the presets."""
        assert ("en",) == languages_for(Policy("1"), ())

    def test_a_preset_title_that_is_repeated_is_none_of_the_sites_own(self) -> None:
        """Only words that are not the preset's tell what the site is written in."""
        category = Category("statistics", title={"fr": "Mesure d'audience", "en": "Counting"})

        assert ["en"] == written_languages(Policy("1", categories=[category]))

    def test_one_without_headings_is_left_out(self) -> None:
        """Portuguese purposes below English headings help nobody."""
        rule = CookieRule("a", "statistics", purpose={"pt-BR": "Um", "fr": "Un"})

        assert ("fr",) == languages_for(Policy("1", cookies=[rule]), ())

    def test_one_that_the_site_has_headings_in_is_there(self) -> None:
        """A site may speak more languages than ConsentGate."""
        rule = CookieRule("a", "statistics", purpose={"pt-BR": "Um"})
        policy = Policy("1", cookies=[rule], texts={"pt": {"life": "Duração"}})

        assert ("pt-BR",) == languages_for(policy, ())
        assert "Duração" == cookie_table(policy, "pt-BR").words("life")

    def test_those_that_are_wanted(self) -> None:
        """In their order, each once."""
        assert ("nl", "en") == languages_for(POLICY, ("nl", "en", "nl"))

    @pytest.mark.parametrize(("tag", "words"), [("sv", "no texts in"), ("e n", "no language tag")])
    def test_one_that_cannot_be_had(self, tag: str, words: str) -> None:
        """The error names it and the remedy."""
        with pytest.raises(ConfigurationError, match=words):
            languages_for(POLICY, (tag,))

    def test_a_mistake_in_the_texts_is_found(self) -> None:
        """Also in a language that is not told now."""
        with pytest.raises(ConfigurationError, match="placeholder"):
            languages_for(Policy("1", texts={"fr": {"life": "{x}"}}), ("en",))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", POLICY_FILES, ids=lambda path: path.stem)
class TestExamples:
    """The policies that come with the project."""

    @pytest.mark.parametrize("form", FORMATS)
    def test_each_renders_in_each_language(self, path: Path, language: str, form: str) -> None:
        """Every declared cookie is in every format."""
        result = run(str(path), "--format", form, "--language", language)

        assert 0 == result.exit_code, result.output
        policy = Policy.from_file(path)
        for rule in (*policy.cookies, *policy.preset_cookies):
            assert rule.name in result.output


class TestHtml:
    """HTML, as a part of a page and as a page."""

    def test_a_fragment_is_semantic(self) -> None:
        """Headings below that of a page, tables with captions, headers with a scope."""
        outline = Outline(as_html([cookie_table(POLICY, "fr")]))

        assert [{"class": "cookie-policy", "lang": "fr"}] == outline.attributes("section")
        assert (0, 1, 5) == tuple(outline.count(tag) for tag in ("h1", "h2", "h3"))
        assert outline.count("table") == outline.count("caption") == 3
        scopes = {attributes["scope"] for attributes in outline.attributes("th")}
        assert {"col", "row"} == scopes
        assert "Maps \u2013 Uniquement avec votre consentement" in outline.texts
        assert "Jamais utilisés" in outline.texts
        assert "Version de la politique relative aux cookies\u00a0: 7" in outline.texts

    def test_a_page_needs_nothing_else(self) -> None:
        """It says its language, has one h1, loads nothing and runs no script."""
        tables = [cookie_table(POLICY, tag) for tag in ("de", "fr")]
        document = as_html(tables, page=True)
        outline = Outline(document)

        assert document.startswith("<!doctype html>\n")
        assert [{"lang": "de"}] == outline.attributes("html")
        assert ["de", "fr"] == [part["lang"] for part in outline.attributes("section")]
        assert (1, 2) == (outline.count("h1"), outline.count("h2"))
        assert not re.search(r"(?i)<script|<link|<img|src=|href=|url\(|@import", document)

    def test_a_category_without_cookies_says_so(self) -> None:
        """An empty table would leave readers wondering."""
        outline = Outline(as_html([cookie_table(Policy("1", preset="fr"), "en")]))

        assert (1, 1) == (outline.count("table"), outline.count("h3"))
        functional = Policy("1", categories=[Category("functional")])
        outline = Outline(as_html([cookie_table(functional, "en")]))
        assert {"Only with your consent \u2013 No cookies are declared for this purpose."} <= set(
            outline.texts
        )

    @given(st.text())
    @example(ODD)
    @example('"><script>alert(1)</script>')
    def test_no_text_of_a_site_becomes_markup(self, text: str) -> None:
        """The same elements are there, whatever it says."""
        plain, odd = (
            Outline(as_html([cookie_table(site_that_says(words), "en")], page=True))
            for words in ("plain", f"-{text}")
        )

        assert [name for name, _ in plain.tags] == [name for name, _ in odd.tags]
        assert one_line(f"-{text}") in odd.texts


def site_that_says(text: str) -> Policy:
    """Return a policy with ``text`` wherever a site may write what it wants."""
    texts = {"en": text}
    return Policy(
        "1",
        categories=[
            Category("statistics", title=texts, description=texts),
            Category("social", title=texts, description=texts),
        ],
        cookies=[CookieRule("a", "statistics", vendor=text, purpose=texts)],
    )


class TestMarkdown:
    """Markdown, as GitHub and others read it."""

    def test_what_it_looks_like(self) -> None:
        """Headings, when it applies, the table, the version."""
        text = as_markdown([cookie_table(POLICY, "en")])

        assert text.startswith("## List of all cookies\n\n### Strictly necessary\n\n**Always")
        assert (
            "### Audience measurement\n\n"
            "**Unless you refuse**: Tell how many people visit the site and how they use it.\n\n"
            "| Cookie | Provider | Purpose | Lifetime | Sent to |\n"
            "| --- | --- | --- | --- | --- |\n"
            "| `_ga*` | Google |  | 90 days | This site |\n"
        ) in text
        assert "### Maps\n\n**Only with your consent**\n\n| Cookie" in text
        assert "**Only with your consent**: Remember settings that make the site" in text
        assert "\n\n*No cookies are declared for this purpose.*\n\n" in text
        assert text.endswith("recognise you.\n\n### Maps" + text.partition("### Maps")[2])
        assert text.endswith("\n\n*Version of the cookie policy: 7*\n")

    def test_languages_follow_one_another(self) -> None:
        """Each with its own heading."""
        text = as_markdown([cookie_table(POLICY, tag) for tag in ("en", "es")])

        assert ["## List of all cookies", "## Lista de todas las cookies"] == [
            line for line in text.split("\n") if line.startswith("## ")
        ]

    @given(st.text())
    @example(ODD)
    @example("\\")
    @example("a\\|")
    def test_a_table_stays_a_table(self, text: str) -> None:
        """Whatever a site says is in its cell, and reads there as it was written."""
        table = cookie_table(site_that_says(text), "en")

        assert rows_of(table) == markdown_tables(as_markdown([table]))

    @given(st.text())
    @example(ODD)
    def test_the_document_keeps_its_blocks(self, text: str) -> None:
        """No text begins a heading, a list or HTML of its own."""
        plain, odd = (
            as_markdown([cookie_table(site_that_says(words), "en")]).split("\n")
            for words in ("plain", f"-{text}")
        )

        assert [line[:3] for line in plain] == [line[:3] for line in odd]
        assert not any(set("<>$~") & set(line) for line in odd)

    @given(policy_documents.documents())
    @settings(max_examples=50, deadline=None)
    def test_every_policy_has_one(self, document: dict[str, Any]) -> None:
        """Also with the oddest cookie names that a policy takes."""
        table = cookie_table(Policy.from_mapping(document), "en")

        assert rows_of(table) == markdown_tables(as_markdown([table]))


def read_csv(text: str) -> list[dict[str, str]]:
    """Read CSV back."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


class TestCsv:
    """CSV, for spreadsheets and programs."""

    def test_a_row_for_each_cookie_and_language(self) -> None:
        """The columns are the same in every language."""
        text = as_csv([cookie_table(POLICY, tag) for tag in ("en", "fr")])
        rows = read_csv(text)

        assert text.startswith(",".join(CSV_COLUMNS) + "\r\n")
        assert ["en"] * 5 + ["fr"] * 5 == [row["language"] for row in rows]
        assert {
            "language": "fr",
            "category": "maps",
            "title": "Maps",
            "basis": "Uniquement avec votre consentement",
            "name": "tile",
            "vendor": "OSM",
            "purpose": "",
            "lifetime": "13\u00a0mois",
            "seconds": str(393 * 86_400),
            "sent_to": "example.org",
            "path": "/map",
        } == rows[-1]
        assert ("Étape", "") == (rows[5]["purpose"], rows[5]["seconds"])

    @pytest.mark.parametrize("first", [*"=+-@", *"＝＋－＠"])  # noqa: RUF001 - what spreadsheets take for the former
    def test_no_text_becomes_a_formula(self, first: str) -> None:
        """A spreadsheet shows it instead of computing it."""
        table = cookie_table(site_that_says(f"{first}1+1"), "en")
        row = read_csv(as_csv([table]))[-1]

        assert f"'{first}1+1" == row["title"] == row["vendor"] == row["purpose"]

    @given(st.text())
    @example("\t=1")
    @example('\r\n"=1",')
    def test_what_is_read_back_is_what_was_said(self, text: str) -> None:
        """But for the apostrophe before what would be a formula."""
        row = read_csv(as_csv([cookie_table(site_that_says(text), "en")]))[-1]

        assert row["purpose"].removeprefix("'") == one_line(text).removeprefix("'")
        assert not row["purpose"].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


class TestJson:
    """The declaration."""

    def test_it_is_the_declaration(self) -> None:
        """All languages, as the pages give it."""
        result = run(SHOP, "--format", "json")

        assert declaration(Policy.from_file(SHOP)) == json.loads(result.output)

    def test_in_some_languages(self) -> None:
        """The same shape, with fewer texts; what is missing is told as on the pages."""
        told = told_in(POLICY, ("fr", "nl"))
        by_id = {category["id"]: category for category in told["categories"]}

        assert {"fr": "Mesure d'audience", "nl": "Bezoekersstatistieken"} == by_id["statistics"][
            "title"
        ]
        assert {"fr": "Étape", "nl": "Step"} == by_id["necessary"]["cookies"][0]["purpose"]
        assert {} == by_id["maps"]["description"]
        assert declaration(POLICY).keys() == told.keys()
        assert "Étape" == POLICY.cookies[1].purpose["fr"]


class TestCommand:
    """The command line."""

    def test_a_file_alone_is_a_table(self) -> None:
        """`policy FILE` is short for `policy table FILE`; HTML in the policy's languages."""
        short, full = run(SHOP), run("table", SHOP)

        assert (0, full.output) == (short.exit_code, short.output)
        assert ["en", "fr"] == [
            part["lang"] for part in Outline(short.output).attributes("section")
        ]

    def test_options_may_come_first(self) -> None:
        """So they may in every other command."""
        assert run(SHOP, "--format", "csv").output == run("--format", "csv", SHOP).output

    @pytest.mark.parametrize("arguments", [(), ("--help",)])
    def test_help_names_both_commands(self, arguments: Sequence[str]) -> None:
        """Whoever asks nothing is told what there is to ask."""
        output = run(*arguments).output

        assert re.search(r"^  diff ", output, re.MULTILINE)
        assert re.search(r"^  table ", output, re.MULTILINE)

    def test_a_framework_is_added(self) -> None:
        """As the adapters do when they start."""
        assert "sessionid" in run(SHOP, "--framework", "django", "--format", "csv").output
        assert "sessionid" not in run(SHOP, "--format", "csv").output

    def test_a_page_into_a_file(self, tmp_path: Path) -> None:
        """UTF-8, whatever the terminal speaks."""
        path = tmp_path / "cookies.html"

        result = run(SHOP, "--page", "--language", "fr", "--output", str(path))

        assert (0, "") == (result.exit_code, result.output)
        assert '<html lang="fr">' in path.read_text(encoding="utf-8")
        assert "Réseaux" not in path.read_text(encoding="utf-8")
        assert "Publicité" in path.read_text(encoding="utf-8")

    def test_standard_output_is_utf_8(self) -> None:
        """Also where the terminal has another encoding: it may be a pipe into a file."""
        runner = CliRunner(charset="latin-1")
        result = runner.invoke(main, ["policy", SHOP, "--language", "fr", "--format", "csv"])

        assert "Strictement nécessaires" in result.stdout_bytes.decode("utf-8")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("no-such-file.toml",), "no-such-file.toml: cannot be read"),
            ((SHOP, "--language", "sv"), "no texts in 'sv'"),
            ((SHOP, "--framework", "rails"), "'rails' is no preset"),
            ((SHOP, "--format", "pdf"), "'pdf' is not one of"),
            ((SHOP, "--page", "--format", "csv"), "leave out --format csv"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, arguments: Sequence[str], words: str) -> None:
        """In words and with exit code 2, never with a traceback."""
        result = run(*arguments)

        assert 2 == result.exit_code
        assert words in result.output
        assert "Traceback" not in result.output

    def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        """The error names it."""
        result = run(SHOP, "--output", str(tmp_path / "no" / "folder.html"))

        assert 1 == result.exit_code
        assert "folder.html" in result.output

    @pytest.mark.parametrize(
        "text",
        [
            '"\\u001b]0;x\\u0007" = 1\n',
            'preset = "\\u001b]0;x\\u0007"\n',
            '[texts.fr]\n"\\u001b" = 1',
        ],
    )
    def test_no_mistake_controls_the_terminal(self, tmp_path: Path, text: str) -> None:
        """Whatever the error quotes of the file is one line of letters."""
        result = run(write(tmp_path, f'version = "1"\n{text}'))

        assert 2 == result.exit_code
        assert result.stderr[:-1].isprintable()
        assert "\\x1b" in result.stderr

    def test_a_mistake_in_the_policy(self, tmp_path: Path) -> None:
        """The error names file, key and reason."""
        path = write(tmp_path, 'version = "1"\n[texts.fr]\nlife = "{"\n')

        result = run(path)

        assert (2, True) == (result.exit_code, "texts.fr.life" in result.output)
