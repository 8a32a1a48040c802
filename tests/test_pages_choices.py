"""What visitors choose on the pages: whose forms count, where they lead, what is kept."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_requests import POLICY, Memory, answer, asked, form, gate, header, page, token

from consentgate import Category, CookieRule, Policy
from consentgate.page import mounted_at
from consentgate.pages import ConsentPages
from consentgate.pages.choices import local_path
from consentgate.testing import NOW, consent_cookie

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.record import Record


class TestChoices:
    """What can be chosen."""

    OPT_OUT = Policy("1", preset="us-ca", cookies=[CookieRule("_fbp", "advertising")])

    @pytest.mark.parametrize("body", [b"choice=accept_all", b"choice=save&category=advertising"])
    def test_accepting_takes_nothing_away(self, body: bytes) -> None:
        """What is opt-out and was not asked about stays as it was."""
        pages = ConsentPages(gate(self.OPT_OUT))
        kind = "application/x-www-form-urlencoded"
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

    @pytest.mark.parametrize(
        "kind",
        ["application/json;charset=utf-8", "application/json ; charset=utf-8", "Application/JSON"],
    )
    def test_a_type_may_be_written_otherwise(self, kind: str) -> None:
        """Types know no case, and may have parameters (RFC 9110 8.3.1)."""
        body = b'{"choice": "reject_all"}'
        response = answer(ConsentPages(gate()), "/consent/", "POST", body=body, content_type=kind)
        assert 200 == response.status

    def test_a_problem_says_what_is_wrong(self) -> None:
        """RFC 9457, in the visitor's language, with no more of a name than one would read."""
        body = json.dumps({"choice": "save", "categories": ["\ud800" + "a" * 1000]}).encode()
        kind = "application/json"
        pages = ConsentPages(gate())
        response = answer(
            pages, "/consent/", "POST", body=body, content_type=kind, accept_language="fr"
        )
        problem = json.loads(response.body)
        assert "application/problem+json" == header(response, "Content-Type")
        assert (HTTPStatus(422).phrase, 422) == (problem["title"], problem["status"])
        assert "\ud800" + "a" * 63 in problem["detail"]
        assert "a" * 64 not in problem["detail"]
        assert "unknown_category" != problem["detail"]

    def test_a_site_may_have_many_categories(self) -> None:
        """A form of 200 fields is read; one of more is not."""
        fields = "choice=reject_all" + "&other=" * 199
        assert 303 == form(ConsentPages(gate()), fields).status
        assert 400 == form(ConsentPages(gate()), f"{fields}&other=").status

    def test_a_form_below_a_mount_leads_to_its_page(self) -> None:
        """Where no other is named."""
        response = form(ConsentPages(gate()), "choice=reject_all", root="/shop")
        assert "/shop/consent/" == header(response, "Location")

    def test_an_error_leads_back_below_the_mount(self) -> None:
        """To the page, and home."""
        text = form(ConsentPages(gate()), "choice=perhaps", root="/shop").body.decode()
        assert 'href="/shop/consent/"' in text
        assert 'href="/shop/"' in text


class TestOrigin:
    """Whose pages may post."""

    @pytest.mark.parametrize(
        ("origin", "host", "status"),
        [
            ("https://shop.example", "shop.example", 303),
            ("https://shop.example", "Shop.Example:443", 303),
            ("https://Shop.Example:443", "shop.example", 303),
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

    def test_no_other_page_erases_records(self) -> None:
        """It is a form as any other."""
        pages = ConsentPages(gate())
        response = form(pages, "", path="/consent/record/erase", sec_fetch_site="cross-site")
        assert 403 == response.status

    @pytest.mark.parametrize("origin", ["https://shop.example:8443", "http://[::1]:8000"])
    def test_a_trusted_origin_may_have_a_port(self, origin: str) -> None:
        """Or an address in the place of a name."""
        pages = ConsentPages(gate(), trusted_origins=[origin])
        assert 303 == form(pages, "choice=reject_all", origin=origin, host="tea.example").status


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
            ("/" + "a" * 2047, "/" + "a" * 2047),
            ("/" + "a" * 2048, ""),
            ("/" + "é" * 1000, ""),
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

    def test_the_mount_is_quoted(self) -> None:
        """As far as a path needs it (RFC 3986 3.3)."""
        text = page(ConsentPages(gate()), root="/50% off?#;v=(1)")
        assert 'action="/50%25%20off%3F%23;v=(1)/consent/"' in text

    def test_the_mount_has_no_slash_at_its_end(self) -> None:
        """The addresses below begin with one."""
        assert ["", "", "/shop", "/shop/tea"] == [
            mounted_at(root) for root in ("", "//", "/shop/", "//shop/tea//")
        ]


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
            record.signals["gpc"],
        )
        assert (int(NOW), 181) == (record.time, (record.valid_until - record.time) // 86400)

    @pytest.mark.parametrize(
        ("choice", "granted", "event"),
        [
            ("accept_all", None, "given"),
            ("save&category=statistics", None, "partial"),
            ("reject_all", None, "refused"),
            ("reject_all", [], "refused"),
            ("reject_all", ["statistics"], "withdrawn"),
            ("save", ["statistics"], "withdrawn"),
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
                record.signals["gpc"],
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
            def erase(self, subject: str) -> int:
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
        mine = form_and_record(pages, records, cookie)[0].record
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
            def append(self, record: Record, documents: Any = ()) -> bool:
                raise OSError("disk full")

        pages = ConsentPages(gate(records=Full()))
        with caplog.at_level(logging.ERROR):
            response = form(pages, "choice=accept_all")
        assert 503 == response.status
        assert "disk full" in caplog.text

    def test_a_store_is_not_asked_about_nobody(self) -> None:
        """Who never decided has no records, even while the store is out of order."""

        class Closed(Memory):
            def by_subject(self, subject: str) -> Any:
                raise OSError(subject)

            def erase(self, subject: str) -> int:
                raise OSError(subject)

        pages = ConsentPages(gate(records=Closed()))
        assert 200 == answer(pages, "/consent/record").status
        assert 303 == form(pages, "", path="/consent/record/erase").status

    def test_whatever_a_store_raises(self) -> None:
        """Its library has errors of its own."""

        class Strange(Memory):
            def append(self, record: Any, documents: Any = ()) -> bool:
                raise LookupError(record.event)

        pages = ConsentPages(gate(records=Strange()))
        assert 503 == form(pages, "choice=accept_all").status

    def test_records_go_home_as_JSON_has_them(self) -> None:
        """With times of RFC 3339, whatever mapping a store keeps the choices in."""

        class Frozen(Memory):
            def append(self, record: Any, documents: Any = ()) -> bool:
                return super().append(replace(record, choices=MappingProxyType(record.choices)))

        records = Frozen()
        pages = ConsentPages(gate(records=records))
        cookie = token(pages)
        form(pages, "choice=accept_all", cookie=cookie)
        (record,) = json.loads(page(pages, "/consent/record", cookie=cookie))["records"]
        assert ("2026-11-21T00:00:00Z", "2027-05-21T00:00:00Z") == (
            record["time"],
            record["valid_until"],
        )
        assert {"functional": True, "statistics": True} == record["choices"]

    def test_a_script_says_in_which_language_it_asked(self) -> None:
        """As a form does."""
        records = Memory()
        body = b'{"choice": "accept_all", "lang": "it"}'
        kind = "application/json"
        pages = ConsentPages(gate(records=records))
        answer(pages, "/consent/", "POST", body=body, content_type=kind)
        assert ["it"] == [record.language for record in records.kept]

    def test_the_newest_name_counts(self) -> None:
        """R20: a browser may have a cookie for each of two paths, of which none counts any more."""
        site = gate()
        old, new = (consent_cookie(site, [], decided_at=NOW - age) for age in (900, 800))
        renewed = gate(Policy("next"))
        wanted = renewed.newest("=".join(new))
        assert wanted is not None
        for pair in ((old, new), (new, old)):
            assert wanted == renewed.newest("; ".join(map("=".join, pair)))

    def test_no_more_names_are_looked_at_than_decisions(self) -> None:
        """R24: a header full of cookies costs bounded time."""
        site = gate()
        junk = "; ".join(["eu-consent=junk"] * 200)
        assert site.newest(f"{junk}; {token(ConsentPages(site))}") is None

    def test_a_decision_is_deleted_as_it_is_stored(self) -> None:
        """Over TLS its cookie has Secure, which a deletion without it would not reach."""
        line = gate().consent_cookie(None, now=NOW, secure=True)
        assert "eu-consent=; Path=/; Max-Age=0; SameSite=Lax; Secure" == line


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
