"""The visitor's pages, at their edge: a request value in, an answer value out.

What every front does with them is in `consentgate.pages.testing.PagesContract`.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError, UndefinedError
from page_requests import Asked, answer, asked, form, gate, header, page, token, vary

from consentgate import (
    Category,
    ConfigurationError,
    CookieRule,
    Policy,
    PolicyError,
    Route,
    asgi,
    wsgi,
)
from consentgate.page import PageRequest, PageResponse
from consentgate.pages import ConsentPages
from consentgate.testing import NOW, consent_cookie

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class TestPreferences:
    """The page with everything on it."""

    def test_it_lists_every_cookie_with_the_life_it_gets(self) -> None:
        """Ours and the site's, clamped, in words; what vendors and policies say is escaped."""
        text = page(ConsentPages(gate()))
        for words in ("_ga*", "Google", "13 months", "90 days", "eu-consent", "A &lt;test&gt;"):
            assert words in text

    def test_it_ticks_what_holds(self) -> None:
        """Nothing before a choice, and afterwards what was chosen."""
        pages = ConsentPages(gate())
        assert [] == ticked(page(pages))
        assert ["statistics"] == ticked(page(pages, cookie=token(pages, "statistics")))

    def test_what_is_opt_out_is_ticked_until_refused(self) -> None:
        """The page tells the truth about what happens now."""
        categories = [Category("advertising", basis="opt-out")]
        pages = ConsentPages(gate(Policy("1", categories=categories)))
        assert ["advertising"] == ticked(page(pages))

    def test_it_asks_only_about_what_the_site_uses(self) -> None:
        """A preset has more purposes than a site: those it has a cookie in, or names itself."""
        policy = Policy(
            "1", cookies=[CookieRule("_ga", "statistics")], categories=[Category("social")]
        )
        pages = ConsentPages(gate(policy))
        offered = re.findall(r'data-cg-category="(\w+)"', page(pages))
        assert ["statistics", "social"] == offered
        state = json.loads(
            page(pages, "/consent/state", cookie=token(pages, "statistics", "social"))
        )
        assert ("accepted", offered, []) == (state["status"], state["granted"], state["denied"])

    def test_it_says_when_the_choice_was_made_and_ends(self) -> None:
        """As dates in the visitor's language."""
        pages = ConsentPages(gate())
        text = page(pages, cookie=token(pages, "statistics"), accept_language="fr")
        assert "21 novembre 2026" in text
        assert "21 mai 2027" in text

    def test_it_says_that_it_was_saved_only_if_it_was(self) -> None:
        """Anybody can write ``?saved`` into a link."""
        pages = ConsentPages(gate())
        saved = "Your choice has been saved"
        assert saved not in page(pages, "/consent/?saved=1")
        assert saved in page(pages, "/consent/?saved=1", cookie=token(pages))

    def test_its_form_leads_back_to_it(self) -> None:
        """With the way home still known, so that the visitor sees what was saved."""
        text = page(ConsentPages(gate()), "/consent/?next=/tea%3Fcup%3D2&lang=de")
        assert 'value="/consent/?saved=1&amp;lang=de&amp;next=%2Ftea%3Fcup%3D2"' in text
        assert 'href="/tea?cup=2"' in text

    def test_it_may_not_be_framed(self) -> None:
        """Nobody lays a page of their own over its buttons."""
        response = answer(ConsentPages(gate()))
        assert "frame-ancestors 'none'" in header(response, "Content-Security-Policy")

    def test_the_policy_of_its_content_is_the_sites_to_say(self) -> None:
        """For a template with a font of elsewhere."""
        response = answer(ConsentPages(gate(), content_security_policy="default-src *"))
        assert "default-src *" == header(response, "Content-Security-Policy")

    def test_a_mounted_site_keeps_to_its_prefix(self) -> None:
        """Each address in page and banner begins where the application is mounted."""
        pages = ConsentPages(gate())
        text = page(pages, root="/tea shop", cookie=token(pages))
        addresses = re.findall(r' (?:href|action|src)="([^"]+)"', text)
        assert addresses
        assert all(address.startswith("/tea%20shop/") for address in addresses)

    def test_global_privacy_control_is_acknowledged_where_it_decides(self) -> None:
        """Not to who accepted advertising nevertheless, and not to who sends none."""
        pages = ConsentPages(gate())
        words = "Global Privacy Control"
        assert words in page(pages, sec_gpc="1")
        assert words not in page(pages)
        assert words not in page(pages, sec_gpc="1", cookie=token(pages, "advertising"))

    def test_a_policy_without_such_a_category_acknowledges_nothing(self) -> None:
        """What refuses nothing is not honoured."""
        unmarked = [Category(name, gpc=False) for name in ("advertising", "social")]
        pages = ConsentPages(gate(Policy("1", categories=unmarked)))
        assert "Global Privacy Control" not in page(pages, sec_gpc="1")

    def test_a_template_of_the_site_takes_the_place_of_ours(self, tmp_path: Path) -> None:
        """By its name, and the others stay."""
        (tmp_path / "preferences.html").write_text("{{ text.accept_all }} & {{ site_name }}")
        pages = ConsentPages(gate(), template_folder=tmp_path, site_name="Tea")
        assert "Accept all & Tea" == page(pages)
        assert 'id="consentgate"' in page(pages, "/consent/banner")

    @given(st.text(), st.text())
    @example("%00", "a" * 600)
    def test_no_query_breaks_it(self, query: str, languages: str) -> None:
        """R24: whatever an address holds, the answer is a page or a refusal."""
        pages = ConsentPages(gate())
        latin = languages.encode("latin-1", "replace").decode("latin-1")
        response = answer(
            pages, f"/consent/?next={quote(query)}&lang={query}", accept_language=latin
        )
        assert response.status in {200, 400}

    def test_a_query_of_a_thousand_fields_is_refused(self) -> None:
        """R24: reading it costs bounded time."""
        assert 400 == answer(ConsentPages(gate()), "/consent/?" + "a&" * 1000).status

    def test_it_leads_to_no_other_site(self) -> None:
        """Whatever its address says; nor does the banner."""
        pages = ConsentPages(gate())
        for path in ("/consent/", "/consent/banner"):
            assert "evil.example" not in page(pages, f"{path}?next=//evil.example")

    def test_it_needs_no_more_than_its_style_sheet(self) -> None:
        """No script runs on it, and its forms lead to this site alone."""
        assert header(answer(ConsentPages(gate())), "Content-Security-Policy") == (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )

    def test_a_category_without_a_title_has_its_name(self) -> None:
        """And a cookie that ends with the session says so."""
        video = [Category("video", basis="opt-in")]
        cookies = [CookieRule("play", "video", max_age="session")]
        text = page(ConsentPages(gate(Policy("2026-11", categories=video, cookies=cookies))))
        assert '<span id="video-title">video</span>' in text
        assert "Until the browser is closed" in text
        assert "2026-11" in text

    def test_it_describes_its_categories(self) -> None:
        """In the visitor's language."""
        site = gate()
        described = site.policy.categories["statistics"].description["fr"]
        assert described.replace("'", "&#39;") in page(ConsentPages(site), accept_language="fr")

    def test_a_rule_of_the_site_takes_the_place_of_a_presets(self) -> None:
        """A cookie is listed once, as the gate treats it."""
        own = Policy("1", cookies=[CookieRule("session", "necessary", vendor="Tea")])
        pages = ConsentPages(gate(own.with_framework("flask", {})))
        assert 1 == page(pages).count("<code>session</code>")

    def test_it_hands_out_a_record_to_who_has_one(self) -> None:
        """Others have nothing to take home or erase."""
        pages = ConsentPages(gate())
        link = 'href="/consent/record"'
        assert link in page(pages, cookie=token(pages))
        assert link not in page(pages)

    def test_without_a_page_to_go_back_to(self) -> None:
        """The form leads back to the page, which leads to the site's home below its mount."""
        text = page(ConsentPages(gate()), root="/shop")
        assert 'name="next" value="/shop/consent/?saved=1&amp;lang=en"' in text
        assert 'href="/shop/"' in text

    def test_a_misspelt_name_in_a_template_is_an_error(self, tmp_path: Path) -> None:
        """Whoever tries the page sees it, where nothing would be shown otherwise."""
        (tmp_path / "preferences.html").write_text("{{ sitename }}")
        with pytest.raises(UndefinedError, match="sitename"):
            answer(ConsentPages(gate(), template_folder=tmp_path))

    def test_of_two_fields_the_last_counts(self) -> None:
        """In an address as in a form."""
        pages = ConsentPages(gate())
        assert 'lang="de"' in page(pages, "/consent/?lang=fr&lang=de")
        assert 303 == form(pages, "choice=perhaps&choice=reject_all").status

    def test_a_field_may_be_empty(self) -> None:
        """A flag in an address needs no value."""
        pages = ConsentPages(gate())
        saved = page(pages, "/consent/?saved", cookie=token(pages))
        assert "Your choice has been saved" in saved

    def test_a_template_for_errors_knows_what_happened(self, tmp_path: Path) -> None:
        """The status, the words and the site."""
        (tmp_path / "error.html").write_text("{{ status }} {{ site_name }} {{ message }}")
        pages = ConsentPages(gate(), template_folder=tmp_path, site_name="Tea")
        response = form(pages, "choice=perhaps")
        assert response.body.startswith(b"422 Tea ")

    def test_a_changed_template_is_read_again(self, tmp_path: Path) -> None:
        """Who writes one need not start the site anew."""
        template = tmp_path / "preferences.html"
        template.write_text("Tea")
        pages = ConsentPages(gate(), template_folder=tmp_path)
        assert "Tea" == page(pages)
        template.write_text("Coffee")
        os.utime(template, (0, 0))
        assert "Coffee" == page(pages)

    def test_a_life_is_the_one_that_the_gate_gives(self) -> None:
        """What a rule leaves open, or asks too much for, ends where the policy says."""
        rules = [CookieRule("a", "statistics"), CookieRule("b", "statistics", max_age="9 years")]
        site = gate(Policy("1", cookies=rules))
        told = json.loads(page(ConsentPages(site), "/consent/policy.json"))
        lives = {
            cookie["name"]: cookie["max_age"]
            for category in told["categories"]
            for cookie in category["cookies"]
        }
        assert [site.policy.limit(rule) for rule in rules] == [lives["a"], lives["b"]]


def ticked(text: str) -> list[str]:
    """Return the categories whose checkbox is ticked."""
    boxes = re.findall(r"<input type=\"checkbox\"[^>]*>", text)
    values = {re.search(r'value="(\w+)"', box): box for box in boxes}
    return [found[1] for found, box in values.items() if found and "checked" in box]


class TestLanguages:
    """In which language a visitor reads."""

    def test_the_visitor_chooses(self) -> None:
        """By Accept-Language, and then the answer varies on it."""
        pages = ConsentPages(gate())
        request = asked(pages, accept_language="pl, nl;q=0.8")
        assert 'lang="nl"' in pages.answer(request).body.decode()
        assert "Accept-Language" in vary(request)

    def test_the_page_chooses(self) -> None:
        """A banner speaks as the page around it does, and does not vary."""
        pages = ConsentPages(gate())
        request = asked(pages, "/tea", accept_language="nl")
        assert 'lang="it"' in pages.banner(request, language="it-CH")
        assert "Accept-Language" not in vary(request)

    def test_the_site_chooses(self) -> None:
        """With one language there is nothing to ask."""
        pages = ConsentPages(gate(), languages=["es"])
        request = asked(pages, accept_language="nl")
        assert 'lang="es"' in pages.answer(request).body.decode()
        assert "Accept-Language" not in vary(request)

    def test_the_sites_own_comes_first(self) -> None:
        """Who reads none of the languages gets the site's own."""
        pages = ConsentPages(gate(), languages=["fr", "en"])
        assert 'lang="fr"' in page(pages, accept_language="pl")

    def test_the_site_may_say_it_in_its_own_words(self) -> None:
        """Texts of the policy file replace ours, in the language they are for."""
        texts = {"en": {"accept_all": "Yes to all"}}
        policy = Policy("1", categories=[Category("statistics")], texts=texts)
        pages = ConsentPages(gate(policy))
        assert "Yes to all" in page(pages)
        assert "Tout accepter" in page(pages, accept_language="fr")

    def test_words_for_no_text_are_a_mistake(self) -> None:
        """It is found at start-up and says where."""
        policy = Policy("1", texts={"en": {"acept_all": "Yes"}})
        with pytest.raises(PolicyError, match=r"texts\.en\.acept_all: .*accept_all"):
            ConsentPages(gate(policy))


class TestBanner:
    """The markup that a server renders into its own page."""

    def test_it_has_a_dialog_for_the_undecided_alone(self) -> None:
        """Whoever has decided gets the link to the settings."""
        pages = ConsentPages(gate())
        undecided = pages.banner(asked(pages, "/tea"))
        decided = pages.banner(asked(pages, "/tea", cookie=token(pages)))
        assert 'data-state="shown"' in undecided
        assert 'role="dialog"' in undecided
        assert 'data-state="hidden"' in decided
        assert 'role="dialog"' not in decided
        assert 'href="/consent/?lang=en&amp;next=%2Ftea"' in decided

    def test_a_form_brings_the_visitor_back(self) -> None:
        """To the very page, with its query, below the mount."""
        pages = ConsentPages(gate())
        request = asked(pages, "/tea pot?cup=2&milk=%26", root="/shop")
        assert 'name="next" value="/shop/tea%20pot?cup=2&amp;milk=%26"' in pages.banner(request)

    def test_it_carries_a_nonce(self) -> None:
        """On the script and the style sheet, escaped."""
        pages = ConsentPages(gate())
        banner = pages.banner(asked(pages, "/"), nonce='a"b')
        assert 2 == banner.count('nonce="a&#34;b"')

    def test_a_site_may_have_its_own_link(self) -> None:
        """Ours can be left out."""
        pages = ConsentPages(gate())
        request = asked(pages, "/", cookie=token(pages))
        assert 'data-cg-action="customise"' in pages.banner(request)
        assert 'data-cg-action="customise"' not in pages.banner(request, link=False)

    def test_nothing_to_decide_is_nothing_to_ask(self) -> None:
        """A policy of exempt and forbidden categories shows no banner."""
        names = ("functional", "statistics", "advertising", "social")
        none = [Category(name, basis="forbidden") for name in names]
        pages = ConsentPages(gate(Policy("1", categories=none)))
        banner = pages.banner(asked(pages, "/"))
        assert 'role="dialog"' not in banner
        assert 'data-cg-action="customise"' not in banner

    def test_it_tells_the_script_what_it_was_made_of(self) -> None:
        """The time in the cookie that came, whether or not the decision counts."""
        pages = ConsentPages(gate())
        cases = {
            "": "",
            token(pages): str(int(NOW)),
            token(pages)[:-5]: str(int(NOW)),
            "eu-consent=junk": "",
            "eu-consent=nighttime=7": "",
        }
        for cookie, time in cases.items():
            assert f'data-time="{time}"' in pages.banner(asked(pages, "/", cookie=cookie))

    def test_it_is_no_older_than_a_decision_of_this_answer(self) -> None:
        """The cookie that leaves with it has another time than the one that came."""
        pages = ConsentPages(gate())
        request = asked(pages, "/", cookie="eu-consent=policy=1&time=7&id=a&signature=b")
        request.consent.grant("statistics")
        assert f'data-time="{int(NOW)}"' in pages.banner(request)
        request.consent.forget()
        assert 'data-time=""' in pages.banner(request)

    def test_it_makes_the_page_vary(self) -> None:
        """R23: on the cookie, and on the signal that it acknowledges."""
        policy = Policy("1", categories=[Category("advertising", gpc=True)])
        pages = ConsentPages(gate(policy))
        request = asked(pages, "/")
        pages.banner(request, language="en")
        assert "Cookie, Sec-GPC" == vary(request)

    def test_an_ignored_signal_does_not(self) -> None:
        """Nothing depends on it."""
        pages = ConsentPages(gate(Policy("1", gpc="ignore")))
        request = asked(pages, "/", sec_gpc="1")
        pages.banner(request, language="en")
        assert "Cookie" == vary(request)

    def test_a_script_asks_for_it_in_its_own_way(self) -> None:
        """In a language, with the way back, and with the dialog also after a choice."""
        pages = ConsentPages(gate())
        cookie = token(pages)
        wished = page(pages, "/consent/banner?lang=fr&next=/tea&dialog", cookie=cookie)
        plain = page(pages, "/consent/banner", cookie=cookie)
        assert 'lang="fr"' in wished
        assert 'name="next" value="/tea"' in wished
        assert 'role="dialog"' not in plain
        assert 'data-cg-action="customise"' in plain

    def test_it_tells_the_script_which_cookie_to_read(self) -> None:
        """The policy names it."""
        pages = ConsentPages(gate(Policy("1", cookie_name="choices")))
        assert 'data-cookie="choices"' in pages.banner(asked(pages, "/"))

    def test_it_tells_the_script_which_signals_there_are(self) -> None:
        """Each with the categories that grant it."""
        pages = ConsentPages(gate())
        found = re.search(r"data-signals='([^']*)'", pages.banner(asked(pages, "/")))
        assert found
        assert ["statistics"] == json.loads(found[1])["analytics_storage"]

    def test_a_path_is_quoted_as_it_was_sent(self) -> None:
        """A percent sign or question mark in it is no other address."""
        pages = ConsentPages(gate())
        visit = pages.gate.visit(Asked({}, "/50% off?"), "")
        banner = pages.banner(PageRequest(visit, "GET", "/50% off?", "a=1"))
        assert 'name="next" value="/50%25%20off%3F?a=1"' in banner

    def test_pages_of_another_kind_have_none(self) -> None:
        """The gate may serve others than these."""

        class Other:
            paths = frozenset[str]()

            def __init__(self) -> None:
                self.gate = gate()

            def blocking(self, request: PageRequest) -> bool:
                raise AssertionError(request)

            def answer(self, request: PageRequest) -> PageResponse:
                raise AssertionError(request)

        request = asked(ConsentPages(gate()), "/")
        request.visit.pages = Other()
        with pytest.raises(ConfigurationError, match="has no pages"):
            ConsentPages.of(request)

    def test_a_header_is_named_once(self) -> None:
        """A header is named once, whoever asks for it (R23)."""
        advertising = Category("advertising", basis="opt-out", gpc=True)
        pages = ConsentPages(gate(Policy("1", categories=[advertising])))
        request = asked(pages, "/", sec_gpc="1")
        pages.banner(request)
        pages.banner(request)
        assert "Cookie, Sec-GPC, Accept-Language" == vary(request)


class TestConsentMode:
    """Google Consent Mode v2."""

    def test_the_default_is_what_holds(self) -> None:
        """Inline with a nonce, for pages that a server renders."""
        pages = ConsentPages(gate())
        request = asked(pages, "/", cookie=token(pages, "advertising"))
        script = pages.consent_mode(request, nonce="abc")
        assert script.startswith('<script nonce="abc">window.dataLayer')
        assert signals(script) == {
            "ad_personalization": "granted",
            "ad_storage": "granted",
            "ad_user_data": "granted",
            "analytics_storage": "denied",
            "functionality_storage": "denied",
            "personalization_storage": "denied",
            "security_storage": "granted",
        }

    def test_without_a_nonce_it_is_a_file(self) -> None:
        """For a strict Content-Security-Policy, and for cached pages."""
        pages = ConsentPages(gate())
        request = asked(pages, "/", root="/shop")
        assert '<script src="/shop/consent/consent-mode.js"></script>' == pages.consent_mode(
            request
        )

    def test_a_site_maps_its_own_categories(self) -> None:
        """By signals of the standard, over our own mapping."""
        categories = [Category("video", basis="opt-in")]
        mapping = {"video": ["ad_storage"], "advertising": []}
        pages = ConsentPages(gate(Policy("1", categories=categories)), consent_mode=mapping)
        request = asked(pages, "/", cookie=token(pages, "video"))
        assert "granted" == signals(pages.consent_mode(request, nonce="a"))["ad_storage"]

    @pytest.mark.parametrize("mapping", [{"video": []}, {"statistics": ["analytics"]}])
    def test_a_mistake_in_the_mapping_is_found_at_start_up(self, mapping: Any) -> None:
        """With the names that there are."""
        with pytest.raises(ConfigurationError, match=r"consent_mode: .* use "):
            ConsentPages(gate(), consent_mode=mapping)

    def test_its_nonce_is_escaped(self) -> None:
        """It may come from anywhere."""
        pages = ConsentPages(gate())
        assert '<script nonce="a&#34;b">' in pages.consent_mode(asked(pages, "/"), nonce='a"b')

    def test_it_keeps_what_tags_have_said(self) -> None:
        """A tag before it may have begun the data layer; and the file is a script."""
        response = answer(ConsentPages(gate()), "/consent/consent-mode.js")
        assert response.body.startswith(b"window.dataLayer=window.dataLayer||[];")
        assert "text/javascript; charset=utf-8" == header(response, "Content-Type")

    def test_the_sites_mapping_replaces_ours(self) -> None:
        """What a category grants by default it grants no more."""
        pages = ConsentPages(gate(), consent_mode={"advertising": []})
        cookie = token(pages, "advertising", "functional")
        state = signals(pages.consent_mode(asked(pages, "/", cookie=cookie), nonce="a"))
        granted = {name for name, value in state.items() if value == "granted"}
        assert {"security_storage", "functionality_storage", "personalization_storage"} == granted


def signals(script: str) -> dict[str, str]:
    """Return the state in a script."""
    found = re.search(r"\{\"[^}]*\}", script)
    assert found
    state: dict[str, str] = json.loads(found[0])
    return state


class TestConfiguration:
    """What cannot be is said at start-up."""

    @pytest.mark.parametrize("languages", [(), "fr"])
    def test_languages_are_a_list(self, languages: Sequence[str]) -> None:
        """A text is not one, though Python would take it apart."""
        with pytest.raises(ConfigurationError, match=r"languages: .*(list|write)"):
            ConsentPages(gate(), languages=languages)

    def test_the_pages_cannot_be_where_nothing_is_stored(self) -> None:
        """R11 and the pages contradict each other."""
        policy = Policy("1", routes=[Route("/consent*")])
        with pytest.raises(
            ConfigurationError, match=r"change that route or path_prefix .*, or have no pages"
        ):
            ConsentPages(gate(policy))

    def test_a_mount_may_make_it_so_nevertheless(self) -> None:
        """R24: then a choice is 503 and not 500."""
        pages = ConsentPages(gate(Policy("1", routes=[Route("/shop/*")])))
        assert 503 == form(pages, "choice=accept_all", root="/shop").status
        assert 503 == form(pages, "", path="/consent/record/erase", root="/shop").status

    def test_options_are_checked(self) -> None:
        """A mapping is read as keywords; a mistake names those that there are."""
        site = gate()
        loaded = ConsentPages.load(site, {"site_name": "Tea"})
        assert loaded is not None
        assert loaded is ConsentPages.load(site, loaded)
        assert ConsentPages.load(site, None) is None
        for wrong in ({"sitename": "Tea"}, {"gate": site}, "Tea"):
            with pytest.raises(ConfigurationError, match=r"site_name|mapping"):
                ConsentPages.load(site, wrong)  # type: ignore[arg-type]  # the mistake itself

    @pytest.mark.parametrize("front", [wsgi, asgi])
    def test_pages_belong_to_one_gate(self, front: Any) -> None:
        """Two policies at one address would be no policy."""
        with pytest.raises(ConfigurationError, match="another gate"):
            front.ConsentGateMiddleware(None, gate(), pages=ConsentPages(gate()))

    @pytest.mark.parametrize(
        "options",
        [
            {"languages": ["english language"]},
            {"languages": [5]},
            {"languages": ["pt"]},
            {"languages": ["fr-FR!"]},
            {"languages": {"fr": "français"}},
            {"trusted_origins": "https://a.example"},
            {"trusted_origins": ["https://a.example/"]},
            {"trusted_origins": ["a.example"]},
            {"trusted_origins": ["null"]},
            {"trusted_origins": None},
            {"consent_mode": True},
            {"consent_mode": ["statistics"]},
            {"consent_mode": {"statistics": None}},
            {"consent_mode": {"statistics": "analytics_storage"}},
            {"template_folder": "/no/such/folder"},
            {"template_folder": __file__},
            {"gpc_last_update": "yesterday"},
            {"gpc_last_update": 20261121},
            {"gpc_last_update": None},
            {"content_security_policy": "default-src 'self' é"},
            {"content_security_policy": "default-src \x7f"},
            {"content_security_policy": ""},
            {"content_security_policy": None},
        ],
    )
    def test_an_option_that_cannot_be(self, options: dict[str, Any]) -> None:
        """The error names the option and the remedy."""
        (name,) = options
        with pytest.raises(ConfigurationError, match=rf"^{name}: .*(write|give|use|list) "):
            ConsentPages(gate(), **options)

    def test_options_may_be_written_in_their_own_ways(self) -> None:
        """A date of TOML, a header over several lines, a language with texts of the site's own."""
        policy = Policy("1", texts={"pt": {"accept_all": "Aceitar tudo"}})
        pages = ConsentPages(
            gate(policy),
            languages=["pt-BR", "en"],
            gpc_last_update=date(2026, 11, 1),
            content_security_policy="""
                default-src 'self';
                style-src 'self'
            """,
        )
        statement = page(pages, "/.well-known/gpc.json")
        assert "2026-11-01" == json.loads(statement)["lastUpdate"]
        security = header(answer(pages), "Content-Security-Policy")
        assert "default-src 'self'; style-src 'self'" == security

    def test_a_template_that_cannot_be_read_stops_the_start(self, tmp_path: Path) -> None:
        """And not the first visitor."""
        (tmp_path / "banner.html").write_text("{% if %}")
        with pytest.raises(TemplateSyntaxError):
            ConsentPages(gate(), template_folder=tmp_path)

    def test_the_statement_about_the_signal_may_be_the_sites_own(self) -> None:
        """Then nobody answers in its place."""
        pages = ConsentPages(gate(), gpc_statement=False)
        assert "/.well-known/gpc.json" not in pages.paths

    def test_the_statement_about_the_signal_has_a_date(self) -> None:
        """Where the site knows one; and a site that ignores the signal says so."""
        dated = ConsentPages(gate(), gpc_last_update="2026-11-01")
        silent = ConsentPages(gate(Policy("1", gpc="ignore")))
        path = "/.well-known/gpc.json"
        assert {"gpc": True, "lastUpdate": "2026-11-01"} == json.loads(page(dated, path))
        assert {"gpc": False} == json.loads(page(silent, path))

    def test_languages_are_written_in_any_case(self) -> None:
        """Tags know none, and a site's own texts may be for one variety of a language."""
        texts = {"PT-br": {"accept_all": "Aceitar tudo"}}
        policy = Policy("1", categories=[Category("statistics")], texts=texts)
        pages = ConsentPages(gate(policy), languages=["FR-ca", "pt-BR"])
        assert "Tout refuser" in page(pages)
        assert "Aceitar tudo" in page(pages, accept_language="pt-BR")


class TestAssets:
    """Script and style sheets."""

    def test_an_address_with_the_fingerprint_never_changes(self) -> None:
        """It may be kept for good; the bare address for an hour."""
        pages = ConsentPages(gate())
        found = re.search(r'src="([^"]+)"', pages.banner(asked(pages, "/")))
        assert found
        named, bare = answer(pages, found[1]), answer(pages, "/consent/banner.js")
        assert "public, max-age=31536000, immutable" == header(named, "Cache-Control")
        assert "public, max-age=3600" == header(bare, "Cache-Control")
        assert named.body == bare.body

    def test_script_and_style_are_small(self) -> None:
        """Less than 8 kB together, as they are."""
        pages = ConsentPages(gate())
        sizes = [len(answer(pages, f"/consent/banner.{kind}").body) for kind in ("js", "css")]
        assert sum(sizes) < 8000

    def test_what_did_not_change_is_kept_as_long_again(self) -> None:
        """A 304 says what the 200 would have said (RFC 9110 15.4.5)."""
        pages = ConsentPages(gate())
        whole = answer(pages, "/consent/banner.js")
        same = answer(pages, "/consent/banner.js", if_none_match=header(whole, "ETag"))
        for name in ("Cache-Control", "ETag"):
            assert header(whole, name) == header(same, name)

    def test_an_old_fingerprint_is_not_kept_for_good(self) -> None:
        """While a new version is rolled out, its address may reach an old server."""
        response = answer(ConsentPages(gate()), "/consent/banner.js?v=0")
        assert "immutable" not in header(response, "Cache-Control")


class TestAnswers:
    """What every answer has."""

    def test_what_has_no_body_has_no_length(self) -> None:
        """Of 204 none may have one, and 304 would tell a wrong one (RFC 9110 8.6)."""
        pages = ConsentPages(gate())
        options = answer(pages, "/consent/", "OPTIONS")
        etag = header(answer(pages, "/consent/banner.js"), "ETag")
        same = answer(pages, "/consent/banner.js", if_none_match=f'"other", W/{etag}')
        assert (204, 304) == (options.status, same.status)
        for response in (options, same):
            assert "Content-Length" not in dict(response.headers)

    def test_browsers_take_everything_for_what_it_is(self) -> None:
        """Each answer has its type, and is not taken for another."""
        pages = ConsentPages(gate())
        kinds = {
            "banner": "text/html; charset=utf-8",
            "banner.css": "text/css; charset=utf-8",
            "banner.js": "text/javascript; charset=utf-8",
            "consent-mode.js": "text/javascript; charset=utf-8",
            "policy.json": "application/json",
            "state": "application/json",
        }
        for name, kind in kinds.items():
            response = answer(pages, f"/consent/{name}")
            assert kind == header(response, "Content-Type")
            assert "nosniff" == header(response, "X-Content-Type-Options")

    def test_what_only_takes_forms_has_no_head(self) -> None:
        """405 tells the methods that there are."""
        response = answer(ConsentPages(gate()), "/consent/record/erase")
        assert (405, "OPTIONS, POST") == (response.status, header(response, "Allow"))

    def test_the_policy_is_told_whole(self) -> None:
        """With every field that a cookie can be known by."""
        rule = CookieRule("a", "video", max_age="1 day", purpose={"en": "Tea"}, domain="a.example")
        video = Category("video", basis="opt-in", gpc=True, title={"en": "Films"})
        policy = Policy(
            "1",
            dnt="ignore",
            consent_valid_for="90 days",
            ask_again_after="30 days",
            categories=[video],
            cookies=[rule],
        )
        told = json.loads(page(ConsentPages(gate(policy)), "/consent/policy.json"))
        (category,) = [item for item in told.pop("categories") if item["id"] == "video"]
        assert told == {
            "version": "1",
            "preset": policy.preset,
            "consent_valid_for": policy.consent_valid_for,
            "ask_again_after": policy.ask_again_after,
            "gpc": policy.gpc,
            "dnt": "ignore",
            "consent_cookie": policy.cookie_name,
        }
        assert category == {
            "id": "video",
            "basis": "opt-in",
            "gpc": True,
            "title": {"en": "Films"},
            "description": {},
            "cookies": [
                {
                    "name": "a",
                    "vendor": "",
                    "purpose": {"en": "Tea"},
                    "max_age": 86400,
                    "domain": "a.example",
                    "path": rule.path,
                    "partitioned": False,
                }
            ],
        }


def test_the_state_is_the_same_whoever_asks() -> None:
    """A decision of yesterday is told with yesterday's time, and ends half a year later."""
    pages = ConsentPages(gate())
    name, value = consent_cookie(pages.gate, ["statistics"], decided_at=NOW - 86400)
    state = json.loads(page(pages, "/consent/state", cookie=f"{name}={value}"))
    decided = datetime.fromisoformat(state["decided_at"])
    assert datetime(2026, 11, 20, tzinfo=UTC) == decided
    assert 181 == (datetime.fromisoformat(state["expires_at"]) - decided).days


def test_a_request_value_is_only_a_value() -> None:
    """Asking twice answers twice, for nothing is kept between requests."""
    pages = ConsentPages(gate())
    request = asked(pages)
    assert pages.answer(request) == pages.answer(replace(request))
