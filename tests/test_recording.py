"""What a record says of a decision, and the texts that it refers to."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_thread import HOST, under_werkzeug
from page_requests import POLICY, Asked, Memory, answer, asked, form, gate, page, token
from recording import CRASH, accept, answering, ask_wsgi

from consentgate import ConfigurationError, Gate, Policy, Route, asgi, wsgi
from consentgate.pages import ConsentPages
from consentgate.pages.shown import _Anybody
from consentgate.record import canonical_json
from consentgate.recorder import Recorder, network_of
from consentgate.records import SQLRecordStore
from consentgate.records.schema import migrate
from consentgate.testing import NOW, consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from playwright.sync_api import Page
    from visitor import NewVisitor

    from consentgate import Consent
    from consentgate.record import Document, Record

TESTS = Path(__file__).parent


def recorded(decide: Callable[[Consent], object], cookie: str = "", **headers: str) -> Record:
    """Return the record of what an application decides."""
    store = Memory()
    site = gate(records=store)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    visit = site.visit(Asked(named, "/"), cookie)
    decide(visit.consent)
    assert visit.needs_record(list)
    visit.settle()
    assert not visit.needs_record(list)
    (record,) = store.kept
    return record


def documents(*forms: str, site: Gate | None = None, **more: Any) -> dict[str, Document]:
    """Return the documents that are kept with what these forms choose, by their kinds."""
    store = Memory()
    site = site or gate(records=store)
    assert site.recorder is not None
    site.recorder.store = store
    pages = ConsentPages(site, **more)
    for fields in forms:
        assert 303 == form(pages, f"choice=accept_all&{fields}").status
    kinds = [document.kind for document in store.documents.values()]
    assert len(kinds) == len(set(kinds))
    return {document.kind: document for document in store.documents.values()}


class TestRecord:
    """What a record says of the decision."""

    @pytest.mark.parametrize(
        ("layer", "method", "number", "shown"),
        [
            ("1", "banner", 1, "banner"),
            ("2", "banner", 2, "banner"),
            ("preferences", "preferences", 2, "preferences"),
            ("0", "placeholder", None, "banner"),
            ("", "api", None, None),
            ("3", "api", None, None),
            ("signal", "api", None, None),
        ],
    )
    def test_R26_where_it_was_made(
        self, layer: str, method: str, number: int | None, shown: str | None
    ) -> None:
        """As our own forms and scripts say; all else is who posts without a page of ours."""
        spelt = {f'"{layer}"', layer if layer.isdecimal() else f'"{layer}"'}
        posts = [(f"choice=reject_all&layer={layer}", "application/x-www-form-urlencoded")] + [
            (f'{{"choice": "reject_all", "layer": {each}}}', "application/json") for each in spelt
        ]
        for body, kind in posts:
            store = Memory()
            pages = ConsentPages(gate(records=store))
            answer(pages, "/consent/", "POST", body=body.encode(), content_type=kind)
            (record,) = store.kept
            assert (method, number, "reject_all") == (record.method, record.layer, record.control)
            found = store.documents.get(record.banner_hash)
            assert shown == (found and found.kind)
            assert "policy" == store.documents[record.policy_hash].kind

    def test_R26_a_form_says_where_it_stands(self) -> None:
        """The banner and the preferences page, without any script."""
        pages = ConsentPages(gate())
        hidden = '<input type="hidden" name="layer" value="{}">'
        assert 1 == pages.banner(asked(pages, "/")).count(hidden.format("1"))
        assert 1 == page(pages).count(hidden.format("preferences"))

    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
    def test_R24_a_layer_may_be_anything(self, layer: Any) -> None:
        """What is none of ours is nobody's, and no error."""
        store = Memory()
        pages = ConsentPages(gate(records=store))
        body = json.dumps({"choice": "accept_all", "layer": layer}).encode()
        kind = "application/json"
        assert 200 == answer(pages, "/consent/", "POST", body=body, content_type=kind).status
        assert ["accept_all"] == [record.control for record in store.kept]

    @pytest.mark.parametrize("control", ["accept_all", "reject_all", "save", "withdraw"])
    def test_R26_which_button_was_pressed(self, control: str) -> None:
        """All four of them."""
        store = Memory()
        form(ConsentPages(gate(records=store)), f"choice={control}&layer=preferences")
        assert [control] == [record.control for record in store.kept]

    @pytest.mark.parametrize(
        ("granted", "decide", "event"),
        [
            (None, lambda consent: consent.choose("functional", "statistics"), "given"),
            (None, lambda consent: consent.grant("statistics"), "partial"),
            (None, lambda consent: consent.choose(), "refused"),
            (None, lambda consent: consent.withdraw(), "refused"),
            ([], lambda consent: consent.withdraw(), "refused"),
            (["statistics"], lambda consent: consent.withdraw(), "withdrawn"),
            (["statistics"], lambda consent: consent.choose(), "withdrawn"),
            (["statistics"], lambda consent: consent.grant("functional"), "given"),
            (["statistics", "functional"], lambda c: c.withdraw("functional"), "partial"),
        ],
    )
    def test_R26_what_an_application_decides_is_an_event(
        self, granted: list[str] | None, decide: Callable[[Consent], None], event: str
    ) -> None:
        """Whatever it calls, as on the pages; nothing of ours was shown."""
        pages = ConsentPages(gate())
        record = recorded(decide, "" if granted is None else token(pages, *granted))
        assert event == record.event
        assert ("application", None, "", "", "") == (
            record.method,
            record.layer,
            record.control,
            record.language,
            record.banner_hash,
        )

    def test_R26_what_is_recorded_is_what_is_stored(self) -> None:
        """The same visitor, the same moment, the same answers, until the same day."""
        store = Memory()
        for decide, life in (
            (accept, POLICY.consent_valid_for),
            (lambda consent: consent.withdraw(), POLICY.ask_again_after),
        ):
            stored = ask_wsgi(answering(decide=decide), gate(records=store)).consent
            decision = gate().decision(stored, NOW)
            record = store.kept[-1]
            assert decision is not None
            assert (decision.id, decision.decided_at) == (record.subject, record.time)
            assert decision.granted == {name for name, given in record.choices.items() if given}
            assert record.valid_until == record.time + life

    def test_R26_a_purpose_that_is_not_offered_is_recorded_where_it_is_accepted(self) -> None:
        """An application may accept what no page of ours asks about."""
        record = recorded(lambda consent: consent.grant("social"))
        assert {"functional": False, "statistics": False, "social": True} == record.choices
        assert "partial" == record.event

    def test_R26_who_asked(self) -> None:
        """The version of the package, the site's policy, the law it names, the signals."""
        record = recorded(accept, sec_gpc="1", dnt="1")
        assert (version("consentgate"), "2026-11", "strict", {"gpc": True, "dnt": True}) == (
            record.package_version,
            record.policy_version,
            record.jurisdiction,
            record.signals,
        )

    @pytest.mark.parametrize(
        ("fields", "wished", "language"),
        [
            ("&lang=fr", "", "fr"),
            ("&lang=fr", "de", "fr"),
            ("", "de, en;q=0.5", "de"),
            ("&lang=xx", "de", "en"),
            ("", "", "en"),
        ],
    )
    def test_R26_the_language_it_was_asked_in(
        self, fields: str, wished: str, language: str
    ) -> None:
        """That of the form, or what the visitor likes best; never one that is not offered."""
        store = Memory()
        pages = ConsentPages(gate(records=store))
        form(pages, f"choice=accept_all&layer=1{fields}", accept_language=wished)
        (record,) = store.kept
        assert language == record.language
        assert f'<html lang="{language}">' in store.documents[record.banner_hash].text

    def test_R26_one_decision_is_recorded_once(self) -> None:
        """However often the headers start; the last decision before they leave is the one."""
        store = Memory()

        def twice(consent: Consent) -> None:
            consent.grant("statistics")
            consent.withdraw()
            consent.grant("functional")

        def app(environ: Any, start_response: Any) -> list[bytes]:
            twice(wsgi.consent_from(environ))
            start_response("200 OK", [])
            start_response("500 Sorry", [], CRASH)
            return []

        answer = ask_wsgi(app, gate(records=store))
        (record,) = store.kept
        assert "500 Sorry" == answer.status
        assert f"&id={record.subject}&functional=true&" in answer.consent
        assert {"functional": True, "statistics": False} == record.choices

    def test_R26_to_be_forgotten_is_no_decision(self) -> None:
        """Nothing is left of the visitor that could be recorded."""
        store = Memory()
        site = gate(records=store)
        cookie = token(ConsentPages(site), "statistics")

        def change_mind(consent: Consent) -> None:
            consent.grant("functional")
            consent.forget()

        answer = ask_wsgi(answering(decide=change_mind), site, HTTP_COOKIE=cookie)
        assert ([], []) == (answer.cookies, store.kept)

    def test_R26_where_nothing_was_decided_there_is_nothing_to_settle(self) -> None:
        """An integration may ask all the same."""
        store = Memory()
        visit = gate(records=store).visit(Asked({"sec-gpc": "1"}, "/"))
        visit.settle()
        assert not visit.consent.decided
        visit.settle()
        assert [] == store.kept

    def test_R26_without_a_store_there_is_nothing_to_settle(self) -> None:
        """Nor to wait for: the decision holds."""
        visit = gate().visit(Asked({}, "/"))
        visit.consent.grant("statistics")
        assert not visit.needs_record(list)
        visit.settle()
        assert visit.consent.changed


class TestDocuments:
    """The texts that records refer to."""

    ALL = ("layer=1", "layer=preferences")

    def test_R27_each_is_kept_once(self, tmp_path: Path) -> None:
        """Under the SHA-256 of its text, however many records refer to it."""
        url = f"sqlite:///{tmp_path / 'records.db'}"
        migrate(url)
        store = SQLRecordStore(url, "key")
        pages = ConsentPages(gate(records=store))  # type: ignore[arg-type]  # any store will do
        for fields in (*self.ALL, "layer=1", "layer=2", "layer=0", "layer=3"):
            form(pages, f"choice=accept_all&{fields}")
        kept = store.documents()
        assert ["banner", "policy", "preferences"] == sorted(each.kind for each in kept)
        for each in kept:
            assert hashlib.sha256(each.text.encode()).hexdigest() == each.hash
            assert each == store.document(each.hash)
        store._engine.dispose()

    def test_R27_the_policy_is_what_the_site_declares(self) -> None:
        """As machines get it, in the one spelling that JSON has for it."""
        declared = documents("layer=3")["policy"].text
        pages = ConsentPages(gate())
        assert json.loads(page(pages, "/consent/policy.json")) == json.loads(declared)
        assert canonical_json(json.loads(declared)) == declared

    def test_R28_nothing_of_a_visitor_is_in_them(self) -> None:
        """Who is asked in one language is asked alike, whatever else they say of themselves."""
        store = Memory()
        clock = iter(range(int(NOW), int(NOW) + 10**6, 40_000))
        site = Gate(POLICY, "key", records=store, clock=lambda: next(clock))
        pages = ConsentPages(site)
        signed = "=".join(consent_cookie(site, ["statistics"]))
        visitors: list[dict[str, Any]] = [
            {},
            {"cookie": signed, "sec_gpc": "1", "dnt": "1"},
            {"cookie": f"_ga=GA1; {signed}", "root": "/secret", "host": "tea.secret.example"},
            {"user_agent": "Secret/1", "referer": "https://secret.example/", "origin": ""},
            {"path": "/consent/?next=/secret&lang=en"},
        ]
        for visitor in visitors:
            for fields in self.ALL:
                form(pages, f"choice=accept_all&next=/secret&lang=en&{fields}", **visitor)
        assert 2 * len(visitors) == len(store.kept)
        assert ["banner", "policy", "preferences"] == sorted(
            each.kind for each in store.documents.values()
        )
        told = {record.subject for record in store.kept} | {
            str(record.time) for record in store.kept
        }
        for each in store.documents.values():
            assert "secret" not in each.text.lower()
            assert not any(word in each.text for word in told)

    def test_R28_who_is_shown_them_for_the_record_is_nobody(self) -> None:
        """Who says nothing of themselves, to whichever policy asks."""
        asked_by = Policy("1", cookies=POLICY.cookies, routes=[Route("/contact")])
        assert "policy" in documents(*self.ALL, site=gate(asked_by, Memory()))
        nobody = _Anybody()
        assert ("", "/", "", True) == (
            nobody.header("cookie"),
            nobody.path(),
            nobody.address(),
            nobody.is_secure(),
        )

    def test_R27_they_are_the_same_in_every_process(self) -> None:
        """So the processes of a site, and its next start, add no text of their own."""
        code = (
            "from test_recording import TestDocuments, documents\n"
            "kept = documents(*TestDocuments.ALL)\n"
            "print({kind: each.hash for kind, each in sorted(kept.items())})"
        )
        here = {kind: each.hash for kind, each in sorted(documents(*self.ALL).items())}
        for seed in ("1", "2"):
            printed = subprocess.run(  # noqa: S603 - our own code
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(TESTS)},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            assert f"{here}\n" == printed

    def test_R27_what_changes_is_another_text(self, tmp_path: Path) -> None:
        """A new policy, other words, another template, another language."""
        (tmp_path / "banner.html").write_text("<p>{{ text.banner_title }}</p>")
        (tmp_path / "preferences.html").write_text("<p>{{ text.preferences_title }}</p>")
        renewed = Policy("next", cookies=POLICY.cookies)
        reworded = Policy(
            "2026-11",
            cookies=POLICY.cookies,
            texts={"en": {"banner_title": "Tea?", "preferences_title": "Tea"}},
        )
        first = documents(*self.ALL)
        for changed, kinds in (
            (documents(*self.ALL), set[str]()),
            (
                documents(*self.ALL, site=gate(renewed, Memory())),
                {"policy", "banner", "preferences"},
            ),
            (documents(*self.ALL, site=gate(reworded, Memory())), {"banner", "preferences"}),
            (documents(*self.ALL, template_folder=tmp_path), {"banner", "preferences"}),
            (documents("layer=1&lang=fr", "layer=preferences&lang=fr"), {"banner", "preferences"}),
            (documents(*self.ALL, site_name="Tea"), {"preferences"}),
        ):
            assert first.keys() == changed.keys()
            assert kinds == {kind for kind in first if first[kind] != changed[kind]}

    @pytest.mark.browser
    def test_R27_they_can_be_looked_at_again(self, new_visitor: NewVisitor, tmp_path: Path) -> None:
        """To the pixel what a visitor without scripts saw, who has no site to ask."""
        kept = documents(*self.ALL)
        with shop() as site:
            live = new_visitor(java_script_enabled=False)
            for kind, path, part in (
                ("banner", "/", "[role=dialog]"),
                ("preferences", "/consent/", "html"),
            ):
                file = tmp_path / f"{kind}.html"
                file.write_text(kept[kind].text, encoding="utf-8")
                archive = new_visitor()
                stored, shown = archive.open(file.as_uri()), live.open(site.url + path)
                archive.problems.clear()  # the files it leads to are not there
                assert shown.locator(part).inner_text() == stored.locator(part).inner_text()
                assert shown.locator(part).screenshot() == stored.locator(part).screenshot()

    @pytest.mark.browser
    def test_R27_they_run_no_script(self, new_visitor: NewVisitor) -> None:
        """Not even where they are shown at the address of the site whose scripts they name."""
        with shop() as site:
            stored = new_visitor().open(f"{site.url}/banner.html")
            stored.wait_for_load_state("networkidle")
            assert not stored.locator('[data-cg-action="close"]').is_visible()
            assert "/consent/banner.js" not in site.paths


# -- a shop for browsers ------------------------------------------------------------------------


class Shop:
    """A page with the banner and content that waits, and what is kept of its visitors."""

    def __init__(self) -> None:
        self.store = Memory()
        self.paths: list[str] = []
        self.url = ""
        self.gate = Gate(POLICY, "key", records=self.store)
        self.pages = ConsentPages(self.gate)
        self.app = wsgi.ConsentGateMiddleware(self.answer, self.gate, pages=self.pages)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Note what is asked for."""
        self.paths.append(environ["PATH_INFO"])
        return self.app(environ, start_response)

    def answer(self, environ: Any, start_response: Any) -> list[bytes]:
        """Answer with the page, or with the banner as it is kept."""
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        if environ["PATH_INFO"] == "/banner.html":
            return [documents("layer=1")["banner"].text.encode()]
        frame = '<iframe data-consent="statistics" data-src="/film" title="A film"></iframe>'
        banner = self.pages.banner(wsgi.page_request_from(environ))
        return [f"<!doctype html><html lang=en><title>Tea</title>{frame}{banner}".encode()]


@contextmanager
def shop() -> Iterator[Shop]:
    """Serve a new shop beside the block."""
    site = Shop()
    with under_werkzeug(site) as port:
        site.url = f"http://{HOST}:{port}"
        yield site


def accept_at_once(visitor: Page) -> None:
    """Press the first button."""
    visitor.locator('[data-cg-action="accept"]').click()


def customise(visitor: Page) -> None:
    """Open what lies behind the first layer, and save it."""
    visitor.locator('[role=dialog] [data-cg-action="customise"]').click()
    visitor.locator('input[value="statistics"]').check()
    visitor.locator('[data-cg-action="save"]').click()


def refuse_behind(visitor: Page) -> None:
    """Open what lies behind the first layer, and refuse there."""
    visitor.locator('[role=dialog] [data-cg-action="customise"]').click()
    visitor.locator('[data-cg-action="reject"]').click()


def on_the_page(visitor: Page) -> None:
    """Go to the preferences page, and accept there."""
    visitor.locator("[role=dialog] a").click()
    visitor.locator('[data-cg-action="accept"]').click()


def in_place(visitor: Page) -> None:
    """Allow the content where it waits."""
    visitor.locator('[data-cg-action="close"]').click()
    visitor.locator('[data-cg-action="allow"]').click()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("press", "scripts", "expected"),
    [
        (accept_at_once, True, ("banner", 1, "accept_all", "given")),
        (accept_at_once, False, ("banner", 1, "accept_all", "given")),
        (customise, True, ("banner", 2, "save", "partial")),
        (refuse_behind, True, ("banner", 2, "reject_all", "refused")),
        (on_the_page, True, ("preferences", 2, "accept_all", "given")),
        (on_the_page, False, ("preferences", 2, "accept_all", "given")),
        (in_place, True, ("placeholder", None, "save", "partial")),
    ],
)
def test_R26_what_a_visitor_pressed_is_what_is_recorded(
    new_visitor: NewVisitor, press: Callable[[Page], None], scripts: bool, expected: Any
) -> None:
    """In a browser, on each surface that a choice can be made on, in the browser's language."""
    with shop() as site:
        visitor = new_visitor(java_script_enabled=scripts, locale="fr")
        opened = visitor.open(site.url)
        with opened.expect_response(lambda answer: answer.request.method == "POST"):
            press(opened)
        (record,) = site.store.kept
    assert expected == (record.method, record.layer, record.control, record.event)
    assert "fr" == record.language


# -- what a site may ask for besides --------------------------------------------------------------


CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.6478.122 Mobile Safari/537.36"
)


class Connected(Asked):
    """A request that comes from somewhere."""

    def __init__(self, address: str, user_agent: str = "") -> None:
        super().__init__({"user-agent": user_agent}, "/")
        self._address = address

    def address(self) -> str:
        """Return where from."""
        return self._address


def details(address: str, user_agent: str = "", *wanted: Any) -> tuple[str, str]:
    """Return what a record holds of an address and a browser, where these details are wanted."""
    store = Memory()
    site = Gate(POLICY, "key", records=store, record_details=wanted, clock=lambda: NOW)
    visit = site.visit(Connected(address, user_agent))
    visit.consent.grant("statistics")
    visit.settle()
    return store.kept[0].ip_address, store.kept[0].user_agent


class TestDetails:
    """Address and browser, which nobody needs to prove consent."""

    def test_R28_there_are_none_unless_asked_for(self) -> None:
        """Neither by the application's forms nor by our own."""
        assert ("", "") == details("203.0.113.77", CHROME)
        store = Memory()
        pages = ConsentPages(gate(records=store))
        form(pages, "choice=accept_all", user_agent=CHROME)
        assert ("", "") == (store.kept[0].ip_address, store.kept[0].user_agent)

    def test_R28_each_is_asked_for_by_itself(self) -> None:
        """And truncated."""
        browser = (
            "Mozilla/5 (Linux; Android 10; K) AppleWebKit/537 (KHTML, like Gecko) "
            "Chrome/126 Mobile Safari/537"
        )
        assert ("203.0.113.0", "") == details("203.0.113.77", CHROME, "ip_address")
        assert ("", browser) == details("203.0.113.77", CHROME, "user_agent")
        both = details("203.0.113.77", CHROME, "user_agent", "ip_address")
        assert ("203.0.113.0", browser) == both

    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("203.0.113.77", "203.0.113.0"),
            ("127.0.0.1", "127.0.0.0"),
            ("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234::"),
            ("2001:DB8::1", "2001:db8::"),
            ("::1", "::"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("::ffff:cb00:714d", "203.0.113.0"),
            ("::ffff:203.0.113.77%eth0", "203.0.113.0"),
            ("fe80::1%eth0", "fe80::"),
            ("fe80::1234:5678%25en1", "fe80::"),
            ("/run/gunicorn.sock", ""),
            ("", ""),
            ("%", ""),
            ("unix:", ""),
            ("testclient", ""),
            ("203.0.113.77:4711", ""),
            ("[2001:db8::1]", ""),
            ("203.0.113.77, 10.0.0.1", ""),
            ("203.0.113.077", ""),
            ("203.0.113.77\n", ""),
            ("3405803853", ""),
        ],
    )
    def test_R28_of_an_address_its_network_is_left(self, address: str, network: str) -> None:
        """24 bits of IPv4, 48 of IPv6, and nothing of what is no address."""
        assert network == details(address, "", "ip_address")[0]

    @given(st.ip_addresses())
    def test_R28_an_address_is_never_whole(self, address: Any) -> None:
        """Whoever shares the network has the same."""
        kept = network_of(str(address))
        last = 8 if address.version == 4 or address.ipv4_mapped else 80
        neighbour = type(address)(int(address) ^ (2**last - 1))
        assert kept == network_of(str(neighbour))

    def test_R28_an_address_within_an_address_is_not_whole_either(self) -> None:
        """6to4 writes the 32 bits of IPv4 into the first 48 (RFC 3056)."""
        one, other = (network_of(f"2002:cb00:71{last}::1") for last in ("4d", "07"))
        assert one == other

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("", ""),
            ("curl/8.5.0", "curl/8"),
            ("iPhone OS 17_5_1 like", "iPhone OS 17 like"),
            ("Firefox/128.0", "Firefox/128"),
            ("a" * 500, "a" * 160),
            ("1." * 5000 + "9", "1."),
            ("tab\there\r\nand\x7f\x00there", "tabhereandthere"),
            ("th\xe9/1.0", "th\xe9/1"),
            ("9" * 5000, "9" * 160),
        ],
    )
    def test_R28_of_a_browser_its_major_version_is_left(self, name: str, kept: str) -> None:
        """In so many characters; what cannot be printed is left out."""
        assert kept == details("", name, "user_agent")[1]

    @given(st.text())
    def test_R24_a_browser_may_call_itself_anything(self, name: str) -> None:
        """It is text that can be kept and shown."""
        kept = details("", name, "user_agent")[1]
        assert kept.isprintable()
        assert len(kept) <= 160

    @pytest.mark.parametrize(
        "wrong", [["referer"], ["ip_address", "cookie"], "ip_address", "user_agent", [1], [None]]
    )
    def test_R28_other_details_there_are_not(self, wrong: Any) -> None:
        """The message names those that there are."""
        with pytest.raises(ConfigurationError, match="list some of ip_address, user_agent"):
            Gate(POLICY, "key", records=Memory(), record_details=wrong)

    @pytest.mark.parametrize("wrong", [None, 1])
    def test_R28_details_are_a_list(self, wrong: Any) -> None:
        """A mistake in the configuration is told as one."""
        with pytest.raises(ConfigurationError):
            Gate(POLICY, "key", records=Memory(), record_details=wrong)

    def test_a_url_is_no_store(self) -> None:
        """Adapters take it; a gate that is given one says what it wants."""
        with pytest.raises(ConfigurationError):
            Gate(POLICY, "key", records="sqlite:///consent-records.db")  # type: ignore[arg-type]  # that is the mistake

    def test_R28_wsgi_and_asgi_know_the_address(self) -> None:
        """As the server tells it; there may be none."""
        assert "203.0.113.77" == wsgi.EnvironRequest({"REMOTE_ADDR": "203.0.113.77"}).address()
        assert "" == wsgi.EnvironRequest({}).address()
        told: list[tuple[Any, str]] = [(("::1", 80), "::1"), (None, ""), (["/run/a"], "/run/a")]
        for client, address in told:
            assert address == asgi.ScopeRequest({"client": client}).address()
        assert "" == asgi.ScopeRequest({}).address()


def test_R26_a_recorder_takes_the_gates_keys() -> None:
    """For a store that has none, before anything is kept; the newest first."""

    class Keyed(Memory):
        keys: Sequence[bytes] = ()

        def use_keys(self, secret_keys: Sequence[bytes]) -> None:
            self.keys = secret_keys

    store = Keyed()
    site = Gate(POLICY, ["new", b"old"], records=store)
    assert [b"new", b"old"] == store.keys
    assert site.records is store
    assert isinstance(site.recorder, Recorder)
    assert Gate(POLICY, "key").records is None
