"""The visitor's pages, at their edge: a request value in, an answer value out.

What every front does with them is in `consentgate.pages.testing.PagesContract`.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError

from consentgate import (
    Category,
    ConfigurationError,
    CookieRule,
    Gate,
    MiddlewareMissing,
    Policy,
    PolicyError,
    Route,
    asgi,
    wsgi,
)
from consentgate.page import MAX_BODY, PageRequest, PageResponse, mounted_at
from consentgate.pages import ConsentPages
from consentgate.pages.choices import local_path
from consentgate.testing import NOW, consent_cookie

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from consentgate.record import Record

POLICY = Policy(
    "2026-11",
    cookies=[
        CookieRule("_ga*", "statistics", max_age="13 months", vendor="Google"),
        CookieRule("test", "necessary", max_age="session", purpose={"en": "A <test>"}),
        CookieRule("beta", "functional", max_age="90 days"),
    ],
)


class Memory:
    """A record store that forgets everything when the test ends."""

    def __init__(self) -> None:
        self.kept: list[Record] = []
        self.threads: set[int] = set()

    def append(self, record: Record) -> None:
        """Keep ``record``."""
        self.kept.append(record)
        self.threads.add(threading.get_ident())

    def by_subject(self, subject: str) -> Iterable[Record]:
        """Return the records of one visitor."""
        return [record for record in self.kept if record.subject == subject]

    def erase(self, subject: str) -> None:
        """Forget the records of one visitor."""
        self.kept = [record for record in self.kept if record.subject != subject]


class Asked:
    """What the gate knows of a request in these tests."""

    def __init__(self, headers: dict[str, str], path: str) -> None:
        self._headers = headers
        self._path = path

    def header(self, name: str) -> str:
        """Return a header."""
        return self._headers.get(name, "")

    def path(self) -> str:
        """Return the path."""
        return self._path

    def is_secure(self) -> bool:
        """Say that there is no TLS."""
        return False


def gate(policy: Policy = POLICY, records: Memory | None = None) -> Gate:
    """Return a gate whose clock stands still."""
    return Gate(policy, "key", records=records, clock=lambda: NOW)


def asked(
    pages: ConsentPages,
    path: str = "/consent/",
    method: str = "GET",
    *,
    cookie: str = "",
    root: str = "",
    body: bytes | None = b"",
    **headers: str,
) -> PageRequest:
    """Return a request; ``headers`` have underscores in the place of hyphens."""
    path, _, query = path.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    visit = pages.gate.visit(Asked(named, root + path), cookie)
    visit.root = root
    return PageRequest(visit, method, path, query, body)


def answer(pages: ConsentPages, *request: Any, **more: Any) -> PageResponse:
    """Return what ``pages`` answer."""
    return pages.answer(asked(pages, *request, **more))


def page(pages: ConsentPages, *request: Any, **more: Any) -> str:
    """Return the body of a page that is there."""
    response = answer(pages, *request, **more)
    assert 200 == response.status
    return response.body.decode()


def token(pages: ConsentPages, *granted: str) -> str:
    """Return the Cookie header of who accepted these categories."""
    return "=".join(consent_cookie(pages.gate, granted))


def form(pages: ConsentPages, fields: str, **more: Any) -> PageResponse:
    """Return the answer to a form."""
    kind = "application/x-www-form-urlencoded"
    more = {"content_type": kind, "path": "/consent/", **more}
    return answer(pages, more.pop("path"), "POST", body=fields.encode(), **more)


def header(response: PageResponse, name: str) -> str:
    """Return a header of the answer."""
    return dict(response.headers)[name]


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


def vary(request: PageRequest) -> str:
    """Return the Vary header that the gate adds to the answer."""
    return dict(request.visit.additions().headers).get("Vary", "")


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


def signals(script: str) -> dict[str, str]:
    """Return the state in a script."""
    found = re.search(r"\{\"[^}]*\}", script)
    assert found
    state: dict[str, str] = json.loads(found[0])
    return state


class TestRecords:
    """What is kept of a choice."""

    def test_a_choice_is_kept_before_it_holds(self) -> None:
        """With what was asked, in which language, under which version and law."""
        records = Memory()
        pages = ConsentPages(gate(records=records))
        form(pages, "choice=save&category=statistics&lang=fr", sec_gpc="1")
        (record,) = records.kept
        assert "partial" == record.event
        assert {"statistics"} == {name for name, granted in record.choices.items() if granted}
        assert ("2026-11", "fr", "strict", True) == (
            record.policy_version,
            record.language,
            record.jurisdiction,
            record.gpc,
        )
        assert (int(NOW), 181) == (record.time, (record.valid_until - record.time) // 86400)

    @pytest.mark.parametrize(
        ("choice", "granted", "event"),
        [
            ("accept_all", None, "given"),
            ("save&category=statistics", None, "partial"),
            ("reject_all", None, "refused"),
            ("withdraw", None, "refused"),
            ("withdraw", [], "refused"),
            ("withdraw", ["statistics"], "withdrawn"),
        ],
    )
    def test_each_choice_is_an_event(
        self, choice: str, granted: list[str] | None, event: str
    ) -> None:
        """As ISO/IEC TS 27560 has them; only what was given can be withdrawn."""
        records = Memory()
        pages = ConsentPages(gate(records=records))
        cookie = "" if granted is None else token(pages, *granted)
        form(pages, f"choice={choice}", cookie=cookie)
        assert [event] == [record.event for record in records.kept]

    def test_a_record_is_about_what_was_asked(self) -> None:
        """Not about purposes of a preset that the site never showed."""
        records = Memory()
        form(ConsentPages(gate(records=records)), "choice=accept_all")
        assert {"functional": True, "statistics": True} == records.kept[0].choices

    def test_a_record_is_what_the_visitor_decided(self) -> None:
        """Whatever a signal makes of it, and whether or not the policy heeds that."""
        for setting in ("override", "ignore"):
            records = Memory()
            policy = Policy("1", categories=[Category("advertising")], gpc=setting)
            form(ConsentPages(gate(policy, records)), "choice=accept_all", sec_gpc="1")
            (record,) = records.kept
            assert ("given", {"advertising": True}, True) == (
                record.event,
                record.choices,
                record.gpc,
            )

    def test_a_visitor_keeps_one_name(self) -> None:
        """Decisions that count no more still lead to the records, which can be erased."""
        records = Memory()
        old = ConsentPages(gate(records=records))
        form(old, "choice=accept_all")
        (first,) = records.kept
        cookie = sent_back(form_headers(old, records, "choice=accept_all"))
        subject = records.kept[-1].subject
        renewed = ConsentPages(gate(replace_version(POLICY), records))
        assert subject == json.loads(page(renewed, "/consent/record", cookie=cookie))["subject"]
        form(renewed, "choice=reject_all", cookie=cookie)
        assert subject == records.kept[-1].subject
        assert subject != first.subject
        form(renewed, "", path="/consent/record/erase", cookie=cookie)
        assert [first.subject] == [record.subject for record in records.kept]

    def test_a_failing_store_does_not_change_the_visitors_name(self) -> None:
        """An erasure that failed can be tried again."""

        class Locked(Memory):
            def erase(self, subject: str) -> None:
                raise OSError("locked")

        pages = ConsentPages(gate(records=Locked()))
        request = asked(
            pages,
            "/consent/record/erase",
            "POST",
            cookie=token(pages),
            content_type="application/x-www-form-urlencoded",
        )
        subject = request.consent.subject
        assert 503 == pages.answer(request).status
        assert subject == request.consent.subject
        assert not request.consent.changed

    def test_visitors_see_and_erase_their_records(self) -> None:
        """Theirs alone, by the id in their cookie."""
        records = Memory()
        pages = ConsentPages(gate(records=records))
        form(pages, "choice=accept_all")
        cookie = token(pages)
        (mine,) = form_and_record(pages, records, cookie)
        exported = json.loads(page(pages, "/consent/record", cookie=cookie))
        assert [mine.subject] == [record["subject"] for record in exported["records"]]
        form(pages, "", path="/consent/record/erase", cookie=cookie)
        assert mine.subject not in {record.subject for record in records.kept}
        assert 1 == len(records.kept)

    def test_who_has_no_decision_erases_nothing(self) -> None:
        """And is told nothing about others."""
        records = Memory()
        pages = ConsentPages(gate(records=records))
        form(pages, "choice=accept_all")
        assert 303 == form(pages, "", path="/consent/record/erase").status
        assert 1 == len(records.kept)

    def test_a_failure_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """The operator learns why visitors get 503."""

        class Full(Memory):
            def append(self, record: Record) -> None:
                raise OSError("disk full")

        pages = ConsentPages(gate(records=Full()))
        with caplog.at_level(logging.ERROR):
            response = form(pages, "choice=accept_all")
        assert 503 == response.status
        assert "disk full" in caplog.text

    def test_an_event_loop_does_not_wait_for_the_store(self) -> None:
        """ASGI asks it in another thread."""
        records = Memory()
        site = gate(records=records)
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        sent = asyncio.run(posted(app, [b"choice=accept_all"]))
        assert 303 == sent[0]["status"]
        assert threading.get_ident() not in records.threads


def replace_version(policy: Policy) -> Policy:
    """Return the same policy, under a version that asks everybody again."""
    return Policy("next", cookies=policy.cookies)


def form_headers(pages: ConsentPages, records: Memory, fields: str) -> str:
    """Send a form, and return the consent cookie that the gate stores for it."""
    kind = "application/x-www-form-urlencoded"
    request = asked(pages, "/consent/", "POST", body=fields.encode(), content_type=kind)
    pages.answer(request)
    assert records.kept
    added = request.visit.additions().headers
    return next(value for name, value in added if name == "Set-Cookie")


def sent_back(line: str) -> str:
    """Return the Cookie header of a browser that got a Set-Cookie line."""
    return line.partition(";")[0]


def form_and_record(pages: ConsentPages, records: Memory, cookie: str) -> Iterable[Record]:
    """Send a form as the visitor of ``cookie``, and return that visitor's records."""
    form(pages, "choice=accept_all", cookie=cookie)
    return list(records.by_subject(records.kept[-1].subject))


class TestChoices:
    """What can be chosen."""

    OPT_OUT = Policy("1", preset="us-ca", cookies=[CookieRule("_fbp", "advertising")])

    def test_accepting_takes_nothing_away(self) -> None:
        """What is opt-out and was not asked about stays as it was."""
        pages = ConsentPages(gate(self.OPT_OUT))
        kind = "application/x-www-form-urlencoded"
        body = b"choice=accept_all"
        request = asked(pages, "/consent/", "POST", body=body, content_type=kind)
        before = request.consent.allowed
        pages.answer(request)
        assert before == request.consent.allowed

    def test_refusing_refuses_everything(self) -> None:
        """Also what was not asked about."""
        pages = ConsentPages(gate(self.OPT_OUT))
        kind = "application/x-www-form-urlencoded"
        body = b"choice=reject_all"
        request = asked(pages, "/consent/", "POST", body=body, content_type=kind)
        pages.answer(request)
        assert {"necessary"} == request.consent.allowed

    @pytest.mark.parametrize(
        "body",
        [
            b'{"choice": "save", "categories": ["\\ud800"]}',
            b'{"choice": "save", "categories": ["\xed\xa0\x80"]}',
            b'{"choice": "save", "categories": ["social"]}',
            b'{"choice": "save", "categories": [1]}',
            b'{"choice": "save", "categories": {}}',
            b'{"choice": 1}',
            b'{"choice": "accept_all", "lang": 1}',
            b"{}",
        ],
    )
    def test_odd_json_is_refused(self, body: bytes) -> None:
        """R24: never a 500, and what is not offered cannot be granted."""
        pages = ConsentPages(gate())
        response = answer(pages, "/consent/", "POST", body=body, content_type="application/json")
        assert 422 == response.status
        assert 422 == json.loads(response.body)["status"]

    def test_a_refusal_speaks_the_forms_language(self) -> None:
        """As its address or its fields say."""
        pages = ConsentPages(gate())
        wrong = form(pages, "choice=perhaps&lang=fr", accept_language="nl")
        other = form(pages, "choice=perhaps", path="/consent/?lang=fr", content_type="text/plain")
        unread = form(pages, "a&" * 1000, accept_language="fr")
        for response in (wrong, other, unread):
            assert b'lang="fr"' in response.body

    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists), st.binary())
    def test_no_body_breaks_it(self, value: Any, body: bytes) -> None:
        """R24: whatever is posted, the answer is a refusal."""
        pages = ConsentPages(gate())
        posted = json.dumps({"choice": "save", "categories": value, "lang": value}).encode()
        for content in (posted, body):
            kind = "application/json"
            response = answer(pages, "/consent/", "POST", body=content, content_type=kind)
            assert response.status in {200, 400, 422}


class TestOrigin:
    """Whose pages may post."""

    @pytest.mark.parametrize(
        ("origin", "host", "status"),
        [
            ("https://shop.example", "shop.example", 303),
            ("https://shop.example", "Shop.Example:443", 303),
            ("http://shop.example", "shop.example:80", 303),
            ("http://shop.example:8000", "shop.example:8000", 303),
            ("http://[::1]:8000", "[::1]:8000", 303),
            ("https://shop.example", "shop.example:80", 403),
            ("https://shop.example:8443", "shop.example", 403),
            ("https://shop.example", "", 403),
            ("null", "", 403),
            ("http://[", "", 403),
        ],
    )
    def test_an_origin_is_that_of_the_host(self, origin: str, host: str, status: int) -> None:
        """Proxies write default ports; nothing is of a host without a name."""
        response = form(ConsentPages(gate()), "choice=reject_all", origin=origin, host=host)
        assert status == response.status

    def test_an_origin_that_the_site_trusts(self) -> None:
        """Where a proxy hands on another Host, or another host has the form."""
        trusted = ConsentPages(gate(), trusted_origins=["https://www.example.org"])
        other = {"origin": "https://www.example.org", "sec_fetch_site": "same-site"}
        assert 303 == form(trusted, "choice=reject_all", **other).status
        assert 403 == form(ConsentPages(gate()), "choice=reject_all", **other).status

    @pytest.mark.parametrize("origin", ["http://[", "null", "http://shop.example.evil", "a b"])
    def test_an_origin_that_is_none(self, origin: str) -> None:
        """R24: refused, and no error."""
        response = form(
            ConsentPages(gate()), "choice=reject_all", origin=origin, host="shop.example"
        )
        assert 403 == response.status

    def test_the_visitor_who_typed_it(self) -> None:
        """A browser says ``none`` where no page asked."""
        assert 303 == form(ConsentPages(gate()), "choice=reject_all", sec_fetch_site="none").status


class TestNext:
    """Where a visitor may be sent."""

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("/", "/"),
            ("/tea?cup=2#top", "/tea?cup=2#top"),
            ("/thé", "/th%C3%A9"),
            ("/a b", "/a%20b"),
            ("/a%20b", "/a%20b"),
            ('/"><script>', "/%22%3E%3Cscript%3E"),
            ("", ""),
            ("tea", ""),
            ("//evil.example", ""),
            ("/\\evil.example", ""),
            ("/\t/evil.example", ""),
            ("/a\r\nSet-Cookie: a=1", ""),
            ("https://evil.example", ""),
            ("javascript:alert(1)", ""),
            ("/" + "a" * 3000, ""),
        ],
    )
    def test_only_paths_of_this_site(self, path: str, expected: str) -> None:
        """What a browser would follow elsewhere is ignored."""
        assert expected == local_path(path)

    def test_a_page_with_too_long_an_address_is_not_come_back_to(self) -> None:
        """The form stays small enough to be taken."""
        pages = ConsentPages(gate())
        assert 'name="next" value=""' in pages.banner(asked(pages, "/?q=" + "%C3%A9" * 2000))

    @given(st.text(st.characters(codec="latin-1")))
    def test_the_mount_never_makes_a_host(self, root: str) -> None:
        """Proxies write the prefix as they like; two slashes would lead elsewhere."""
        pages = ConsentPages(gate())
        text = page(pages, root=mounted_at(root))
        (action,) = re.findall(r'<form method="post" action="([^"]*)" auto', text)
        assert action.startswith("/")
        assert not action.startswith("//")
        assert action.endswith("/consent/")

    @given(st.text())
    def test_it_is_always_safe_in_a_header(self, path: str) -> None:
        """R24: visible ASCII, and never two slashes at its start."""
        safe = local_path(path)
        assert safe == "" or (safe.isascii() and safe.isprintable() and " " not in safe)
        assert not safe.startswith("//")


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
            {"trusted_origins": "https://a.example"},
            {"trusted_origins": ["https://a.example/"]},
            {"trusted_origins": ["a.example"]},
            {"trusted_origins": ["null"]},
            {"trusted_origins": None},
            {"consent_mode": True},
            {"consent_mode": {"statistics": "analytics_storage"}},
            {"template_folder": "/no/such/folder"},
            {"gpc_last_update": "yesterday"},
            {"gpc_last_update": 20261121},
            {"content_security_policy": "default-src 'self' é"},
            {"content_security_policy": ""},
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


class TestNested:
    """A gate inside another, each with pages."""

    def test_under_wsgi_the_outer_ones_are_shown(self) -> None:
        """The inner ones still answer at their own addresses."""
        inner, outer = ConsentPages(gate()), ConsentPages(gate())
        shown: list[str] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            request = wsgi.page_request_from(environ)
            shown.append(ConsentPages.of(request).banner(request))
            start_response("200 OK", [])
            return []

        inside = wsgi.ConsentGateMiddleware(app, inner.gate, pages=inner)

        def mount(environ: Any, start_response: Any) -> Any:
            moved = {**environ, "SCRIPT_NAME": "/inner"}
            return inside(moved, start_response)

        around = wsgi.ConsentGateMiddleware(mount, outer.gate, pages=outer)
        around({"REQUEST_METHOD": "GET", "PATH_INFO": "/tea"}, lambda *_: bytes)  # type: ignore[arg-type, return-value]  # as a server does it
        assert 'action="/consent/"' in shown[0]

    def test_under_asgi_the_outer_ones_are_shown(self) -> None:
        """The same with scopes."""
        inner, outer = ConsentPages(gate()), ConsentPages(gate())
        shown: list[str] = []

        async def app(scope: Any, *_: Any) -> None:
            request = asgi.page_request_from(scope)
            shown.append(ConsentPages.of(request).banner(request))

        inside = asgi.ConsentGateMiddleware(app, inner.gate, pages=inner)

        async def mount(scope: Any, receive: Any, send: Any) -> None:
            await inside({**scope, "root_path": "/inner"}, receive, send)

        around = asgi.ConsentGateMiddleware(mount, outer.gate, pages=outer)
        scope = {"type": "http", "method": "GET", "path": "/tea", "headers": []}
        asyncio.run(around(scope, unreached, unreached))  # type: ignore[arg-type]  # nothing is sent
        assert 'action="/consent/"' in shown[0]


# -- The glue ---------------------------------------------------------------------------------


async def unreached(*_: Any) -> None:
    """Be the application that nobody asks."""
    raise AssertionError("the application was asked")


async def posted(app: Any, pieces: Sequence[bytes | None]) -> list[Any]:
    """Send a form to an ASGI application in ``pieces``; None is a visitor who leaves."""
    messages = iter(pieces)
    left = len(pieces)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        piece = next(messages)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": left > 0}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/consent/", "headers": headers}
    await app(scope, receive, send)
    return sent


class TestASGI:
    """How a form is read under ASGI."""

    @pytest.mark.parametrize(
        ("pieces", "status"),
        [
            ([b"choice=acc", b"", b"ept_all"], 303),
            ([b"choice=accept_all&next=/", b"a" * MAX_BODY], 413),
            ([b"a" * MAX_BODY, b"a" * MAX_BODY, b"never read"], 413),
            ([b"choice=accept_all", None], 413),
        ],
    )
    def test_a_body_in_pieces(self, pieces: Sequence[bytes | None], status: int) -> None:
        """It is read to its end or its limit; what breaks off is no choice."""
        site = gate()
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        assert status == asyncio.run(posted(app, pieces))[0]["status"]

    def test_an_application_starts_below_a_root_path(self) -> None:
        """FastAPI tells it to the lifespan too, where there is no path."""
        seen: list[str] = []

        async def app(scope: Any, *_: Any) -> None:
            seen.append(scope["type"])

        site = gate()
        gated = asgi.ConsentGateMiddleware(app, site, pages=ConsentPages(site))
        asyncio.run(gated({"type": "lifespan", "root_path": "/api"}, unreached, unreached))
        assert ["lifespan"] == seen

    def test_trio_may_run_it(self) -> None:
        """With a record store, which is asked in one of trio's threads."""
        records = Memory()
        site = gate(records=records)
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        sent = trio.run(posted, app, [b"choice=accept_all"])
        assert 303 == sent[0]["status"]
        assert threading.get_ident() not in records.threads

    def test_a_slow_store_delays_no_style_sheet(self) -> None:
        """Only what is about records is asked in a thread."""
        pages = ConsentPages(gate(records=Memory()))
        waits = {path: pages.blocking(asked(pages, path)) for path in sorted(pages.paths)}
        assert {"/consent/record"} == {path for path, wait in waits.items() if wait}
        assert pages.blocking(asked(pages, "/consent/", "POST"))

    def test_a_server_may_leave_the_root_out_of_the_path(self) -> None:
        """Against the specification, and some do."""
        site = gate()
        app = asgi.ConsentGateMiddleware(unreached, site, pages=ConsentPages(site))
        for root, path in (
            ("/shop", "/shop/consent/state"),
            ("/shop", "/consent/state"),
            ("/shop/", "/shop//consent/state"),
            ("/shop/", "/shop/consent/state"),
        ):
            sent: list[Any] = []

            async def send(message: Any, sent: list[Any] = sent) -> None:
                sent.append(message)

            scope = {"type": "http", "method": "GET", "path": path, "root_path": root}
            asyncio.run(app({**scope, "headers": []}, unreached, send))
            assert 200 == sent[0]["status"]

    def test_a_banner_needs_the_middleware(self) -> None:
        """The error says what is missing."""
        with pytest.raises(MiddlewareMissing):
            asgi.page_request_from({"type": "http", "path": "/", "headers": []})


class TestWSGI:
    """How a form is read under WSGI."""

    @pytest.mark.parametrize(
        ("environ", "status"),
        [
            ({"CONTENT_LENGTH": "17"}, "303"),
            ({"CONTENT_LENGTH": "", "wsgi.input_terminated": True}, "303"),
            ({"CONTENT_LENGTH": ""}, "422"),
            ({"CONTENT_LENGTH": "18"}, "413"),
            ({"CONTENT_LENGTH": "-1"}, "413"),
            ({"CONTENT_LENGTH": "9" * 5000}, "413"),
            ({"CONTENT_LENGTH": str(MAX_BODY + 1)}, "413"),
        ],
    )
    def test_a_body_of_such_a_length(self, environ: dict[str, Any], status: str) -> None:
        """It is read to its end or not at all, chunked where the server says so."""
        assert status == self.status_of(b"choice=accept_all", environ)

    def test_a_body_that_breaks_off_is_no_choice(self) -> None:
        """Some servers raise what the socket raised."""

        class Broken(io.BytesIO):
            def read(self, *_: Any) -> bytes:
                raise OSError("gone")

        environ = {"CONTENT_LENGTH": "5", "wsgi.input": Broken()}
        assert "413" == self.status_of(b"", environ)

    def test_a_chunked_body_may_be_too_long(self) -> None:
        """It is read to the limit and no further."""
        terminated = {"wsgi.input_terminated": True}
        assert "413" == self.status_of(b"choice=" + b"a" * MAX_BODY, terminated)

    def status_of(self, body: bytes, environ: dict[str, Any]) -> str:
        """Return the status of the answer to a form."""
        site = gate()
        statuses: list[str] = []
        app = wsgi.ConsentGateMiddleware(lambda *_: [], site, pages=ConsentPages(site))
        request: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/consent/",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "wsgi.input": io.BytesIO(body),
            **environ,
        }
        list(app(request, lambda status, *_: statuses.append(status) or bytes))  # type: ignore[func-returns-value, return-value]  # as a server does it
        return statuses[0][:3]

    def test_a_banner_needs_the_middleware(self) -> None:
        """The error says what is missing."""
        with pytest.raises(MiddlewareMissing):
            wsgi.page_request_from({"PATH_INFO": "/", "REQUEST_METHOD": "GET"})


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
