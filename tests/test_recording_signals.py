"""Global Privacy Control: what is recorded of it, and the cookie that remembers that (R22)."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_requests import Memory
from recording import (
    CRASH,
    OPT_OUT,
    OVERRIDE,
    PATIENCE,
    RULES,
    Answer,
    Browser,
    Failing,
    accept,
    answering,
    ask_wsgi,
)

from consentgate import CookieRule, Gate, Policy, PolicyError, Route, wsgi
from consentgate.duration import DAY
from consentgate.pages import ConsentPages
from consentgate.records import SQLRecordStore
from consentgate.records.schema import migrate
from consentgate.signal_note import MAX_TOKEN_LENGTH, SignalNote, SignalNoteSerializer
from consentgate.testing import NOW, consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from pathlib import Path

    from recording import Headers

PIXEL = "_fbp=fb.1; Path=/"
DEFAULT = Policy("1", cookies=RULES, categories=OPT_OUT)
CALIFORNIA = Policy("1", cookies=RULES, preset="us-ca")
HUNDRED = (*[False] * 10, *[True] * 30, *[False] * 20, *[True] * 40)
SETS_PIXEL = answering(("Set-Cookie", PIXEL))


def decided(
    *granted: str, policy: Policy = OVERRIDE, store: Any = None, at: float = NOW
) -> Browser:
    """Return the browser of a visitor who has decided, and of whose signal nothing is known."""
    browser = Browser(policy, store)
    name, value = consent_cookie(browser.gate, granted, at)
    browser.jar[name] = (value, at + policy.consent_valid_for)
    return browser


class TestRecords:
    """One record for each change, though each request has the signal."""

    @pytest.mark.parametrize("choice", [None, "accept_all", "reject_all"])
    @pytest.mark.parametrize(
        ("policy", "changes"),
        [
            (OVERRIDE, 3),
            (DEFAULT, 3),
            (CALIFORNIA, 3),
            (Policy("1", cookies=RULES, preset="us-other"), 3),
            (Policy("1", cookies=RULES, preset="fr"), 0),
            (Policy("1", cookies=RULES, categories=OPT_OUT, gpc="ignore"), 0),
            (Policy("1", cookies=RULES, preset="fr", gpc="override"), 3),
            (Policy("1", cookies=RULES, preset="us-ca", mode="report"), 0),
        ],
    )
    def test_R22_a_hundred_requests_make_a_record_for_each_change(
        self, policy: Policy, changes: int, choice: str | None
    ) -> None:
        """All of one visitor; and none where the signal changes nothing under the policy."""
        browser = Browser(policy)
        if choice:
            browser.decide(choice)
        for signal in HUNDRED:
            browser.ask(signal)
            browser.clock.now += 60
        kept = [record for record in browser.store.kept if record.event == "signal"]
        assert [True, False, True][:changes] == [record.signals["gpc"] for record in kept]
        assert len({record.subject for record in browser.store.kept}) == bool(changes or choice)
        for record in kept:
            assert ("signal", None, "", "", "") == (
                record.method,
                record.layer,
                record.control,
                record.language,
                record.banner_hash,
            )
            assert "policy" == browser.store.documents[record.policy_hash].kind
        assert bool(changes) == ("eu-consent-signal" in browser.jar)

    @given(st.lists(st.booleans(), max_size=20), st.booleans())
    def test_R22_there_are_as_many_records_as_changes(
        self, signals: list[bool], has_decided: bool
    ) -> None:
        """Whatever comes and goes; who has no name gets one first."""
        browser = decided("advertising") if has_decided else Browser()
        is_known, noted = has_decided, False
        expected: list[bool] = []
        for signal in signals:
            browser.ask(signal)
            if is_known and signal is not noted:
                expected.append(signal)
                noted = signal
            is_known |= signal
        assert expected == [record.signals["gpc"] for record in browser.store.kept]
        assert [not signal for signal in expected] == [
            record.choices["advertising"] for record in browser.store.kept
        ]
        assert len({record.subject for record in browser.store.kept}) <= 1

    def test_R22_who_never_comes_back_has_no_record(self) -> None:
        """Many a program sends the signal and keeps no cookie; each would be a new visitor."""
        site = Gate(OVERRIDE, "key", records=(store := Memory()), clock=lambda: NOW)
        notes = {ask_wsgi(answering(), site, HTTP_SEC_GPC="1").note for _ in range(100)}
        assert 100 == len(notes)
        assert all("&gpc=false&" in note for note in notes)
        assert [] == store.kept

    def test_R22_who_sends_no_signal_gets_no_cookie(self) -> None:
        """There is nothing to remember, decided or not."""
        assert [] == Browser().ask().cookies
        assert [] == decided("advertising").ask().cookies

    @pytest.mark.parametrize("policy", [OVERRIDE, DEFAULT, CALIFORNIA])
    def test_R22_a_record_says_what_holds(self, policy: Policy) -> None:
        """For each purpose, whether it may be stored now; since when and until when."""
        browser = Browser(policy)
        browser.ask(signal=True)
        browser.clock.now += 60.9
        browser.ask(signal=True)
        (record,) = browser.store.kept
        stays = policy is CALIFORNIA
        assert {"advertising": False, "statistics": stays} == record.choices
        then = int(NOW) + 60
        assert (then, then + policy.consent_valid_for) == (record.time, record.valid_until)

    def test_R22_by_default_a_decision_stands_beside_the_signal(self) -> None:
        """And the record says so."""
        browser = decided("advertising", policy=DEFAULT)
        browser.ask(signal=True)
        (record,) = browser.store.kept
        assert ({"advertising": True, "statistics": False}, True) == (
            record.choices,
            record.signals["gpc"],
        )

    def test_R22_other_signals_are_told_beside_it(self) -> None:
        """But make no record of their own."""
        browser = decided()
        browser.ask(HTTP_DNT="1")
        assert [] == browser.store.kept
        browser.ask(signal=True, HTTP_DNT="1")
        assert [{"gpc": True, "dnt": True}] == [each.signals for each in browser.store.kept]

    def test_R22_later_decisions_are_the_same_visitors(self) -> None:
        """Signal, decision, signal and withdrawal are one chain."""
        browser = Browser()
        browser.ask(signal=True)
        browser.ask(signal=True)
        given = browser.decide("accept_all", signal=True)
        assert (True, "given") == (given.signals["gpc"], given.event)
        browser.ask(signal=True)
        browser.ask(signal=False)
        browser.decide("withdraw")
        assert ["signal", "given", "signal", "withdrawn"] == [
            record.event for record in browser.store.kept
        ]
        assert 1 == len({record.subject for record in browser.store.kept})

    def test_R22_a_decision_tells_of_the_signal_itself(self) -> None:
        """Whatever front takes it, one record is enough for both."""
        browser = Browser()
        grants = answering(decide=lambda consent: consent.grant("statistics"))
        answer = browser.ask(signal=True, app=grants)
        assert ("", False) == (answer.note, "gpc" in answer.consent)
        for _ in range(3):
            browser.ask(signal=True)
        (record,) = browser.store.kept
        assert ("application", True) == (record.method, record.signals["gpc"])
        assert "&gpc=true&" in browser.cookie

    def test_R22_without_a_store_nothing_is_noted(self) -> None:
        """And the signal is heeded all the same."""
        site = Gate(OVERRIDE, "key", clock=lambda: NOW)
        answer = ask_wsgi(SETS_PIXEL, site, HTTP_SEC_GPC="1")
        assert [] == answer.cookies


class TestWhere:
    """On which answers it is noted."""

    @pytest.mark.parametrize(
        "environ",
        [
            {"HTTP_SEC_FETCH_DEST": "image"},
            {"HTTP_SEC_FETCH_DEST": "script"},
            {"HTTP_SEC_FETCH_DEST": "style"},
            {"HTTP_SEC_FETCH_DEST": "empty"},
            {"HTTP_SEC_FETCH_DEST": "iframe"},
            {"HTTP_SEC_FETCH_DEST": "serviceworker"},
            {"HTTP_SEC_FETCH_DEST": "document", "HTTP_SEC_FETCH_STORAGE_ACCESS": "none"},
            {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_MODE": "no-cors"},
            {
                "HTTP_SEC_FETCH_SITE": "cross-site",
                "HTTP_SEC_FETCH_MODE": "navigate",
                "HTTP_SEC_FETCH_DEST": "document",
                "HTTP_ORIGIN": "https://other.example",
                "REQUEST_METHOD": "POST",
            },
            {"HTTP_ORIGIN": "https://other.example", "REQUEST_METHOD": "POST"},
            {"PATH_INFO": "/contact"},
            {"HTTP_SEC_GPC": "0"},
            {"HTTP_SEC_GPC": "true"},
            {"HTTP_DNT": "1", "HTTP_SEC_GPC": ""},
        ],
    )
    def test_R22_it_is_noted_on_pages_alone(self, environ: dict[str, str]) -> None:
        """Not where the note would be lost, nor with each part of a page."""
        policy = Policy(
            "1", cookies=RULES, categories=OPT_OUT, gpc="override", routes=[Route("/contact")]
        )
        for browser in (Browser(policy), decided(policy=policy)):
            answer = browser.ask(**{"HTTP_SEC_GPC": "1", **environ})
            assert ([], []) == (browser.store.kept, answer.cookies)

    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"HTTP_SEC_FETCH_DEST": "document", "HTTP_SEC_FETCH_SITE": "none"},
            {"HTTP_SEC_FETCH_DEST": "document", "HTTP_SEC_FETCH_SITE": "same-origin"},
            {
                "HTTP_SEC_FETCH_SITE": "cross-site",
                "HTTP_SEC_FETCH_MODE": "navigate",
                "HTTP_SEC_FETCH_DEST": "document",
            },
            {"HTTP_SEC_GPC": "1, 1"},
            {"PATH_INFO": "/consent/"},
        ],
    )
    def test_R22_it_is_noted_on_every_kind_of_page(self, environ: dict[str, str]) -> None:
        """Typed, followed, linked from elsewhere, our own; also by browsers that say nothing."""
        browser = decided()
        answer = browser.ask(**{"HTTP_SEC_GPC": "1", **environ})
        assert 1 == len(browser.store.kept)
        assert "&gpc=true&" in answer.note
        assert "&gpc=false&" in Browser().ask(**{"HTTP_SEC_GPC": "1", **environ}).note

    @pytest.mark.parametrize(
        "headers",
        [
            [("Cache-Control", "public, max-age=60")],
            [("cache-control", "s-maxage=60"), ("Vary", "Cookie")],
            [(" Cache-Control ", "max-age=60")],
            [("Last-Modified", "Sun, 18 Nov 2018 00:00:00 GMT")],
            [("Expires", "Sun, 18 Nov 2029 00:00:00 GMT")],
            [("ETag", '"1"'), ("Cache-Control", "no-cache")],
            [("Cache-Control", "private"), ("Surrogate-Control", "max-age=60")],
        ],
    )
    def test_R22_it_is_not_noted_where_a_cache_may_keep_it(self, headers: Headers) -> None:
        """Another visitor would get the cookie; the next page that is theirs alone has it."""
        for browser in (Browser(), decided()):
            answer = browser.ask(signal=True, app=answering(*headers))
            assert ([], "") == (browser.store.kept, answer.note)
            private = answering(("Cache-Control", "private, max-age=60"))
            assert "" != browser.ask(signal=True, app=private).note

    def test_R22_nor_on_a_page_that_was_not_modified(self) -> None:
        """R18: a shared cache renews what it has with the headers of a 304."""
        for browser in (Browser(), decided()):
            unmodified = answering(("ETag", '"1"'), status="304 Not Modified")
            answer = browser.ask(signal=True, app=unmodified)
            assert ([], "") == (browser.store.kept, answer.note)
            private = answering(("Cache-Control", "private"), status="304 Not Modified")
            assert "" != browser.ask(signal=True, app=private).note

    @pytest.mark.parametrize("is_known", [True, False])
    def test_R22_nor_on_a_page_that_takes_the_place_of_another(self, is_known: bool) -> None:
        """What was noted on the first is not for everybody who gets the second."""

        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            start_response("500 Sorry", [("Cache-Control", "public, max-age=60")], CRASH)
            return []

        browser = decided() if is_known else Browser()
        assert "" == browser.ask(signal=True, app=app).note

    @pytest.mark.parametrize("is_known", [True, False])
    def test_R22_a_page_that_takes_the_place_of_another_has_the_note(self, is_known: bool) -> None:
        """As every header that the gate adds."""

        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            start_response("500 Sorry", [], CRASH)
            return []

        browser = decided() if is_known else Browser()
        assert "" != browser.ask(signal=True, app=app).note
        assert is_known == len(browser.store.kept)


class TestVisitor:
    """What a signal is not: a decision."""

    @pytest.mark.parametrize("granted", [["advertising"], []])
    def test_R22_R21_who_has_decided_keeps_decision_and_date(self, granted: list[str]) -> None:
        """The consent cookie is not written again, and the record ends with it."""
        browser = decided(*granted, at=NOW - 30 * DAY)
        before = browser.jar["eu-consent"]
        decision = browser.gate.newest(browser.cookie)
        assert decision is not None
        for signal in (True, False):
            browser.clock.now += DAY
            answer = browser.ask(signal)
            assert ("", before) == (answer.consent, browser.jar["eu-consent"])
            record = browser.store.kept[-1]
            assert (decision.id, decision.expires_at(OVERRIDE)) == (
                record.subject,
                record.valid_until,
            )
        state = json.loads(browser.ask(PATH_INFO="/consent/state").body)
        assert "2026-10-22T00:00:00Z" == state["decided_at"]

    def test_R22_who_has_not_decided_is_still_asked(self) -> None:
        """A signal is no answer to the banner; what is not signalled stays as it was."""
        browser = Browser(CALIFORNIA)
        with_banner = banner_of(browser)
        for signal in (True, True, False, False, True):
            shown = browser.ask(signal, app=with_banner).body
            assert b'role="dialog"' in shown
            assert b'data-state="shown"' in shown
            state = json.loads(browser.ask(signal, PATH_INFO="/consent/state").body)
            assert ("undecided", None) == (state["status"], state["decided_at"])
            both = ["statistics"] if signal else ["statistics", "advertising"]
            assert both == state["granted"]

    @pytest.mark.parametrize("why", ["version", "age", "future", "signature"])
    def test_R20_R22_a_lapsed_decision_stays_a_refusal(self, why: str) -> None:
        """Who decided once is not taken for willing when a signal has come and gone."""
        ages = {"age": NOW - OVERRIDE.consent_valid_for, "future": NOW + 600}
        browser = decided("advertising", at=ages.get(why, NOW))
        name, (value, _) = browser.jar.popitem()
        browser.jar[name] = (value[:-1] if why == "signature" else value, NOW + DAY)
        if why == "version":
            renewed = Policy("2", cookies=RULES, categories=OPT_OUT, gpc="override")
            browser.gate = Gate(renewed, "key", records=browser.store, clock=browser.clock)
            browser.pages = ConsentPages(browser.gate)
        for signal in (False, True, True, False, False):
            assert PIXEL not in browser.ask(signal, app=SETS_PIXEL).cookies
        state = json.loads(browser.ask(PATH_INFO="/consent/state").body)
        assert ("undecided", []) == (state["status"], state["granted"])

    def test_R22_visitors_see_and_erase_what_is_recorded_of_it(self) -> None:
        """Though they never decided; nothing is noted beside the deletion of the note."""
        browser = Browser()
        browser.ask(signal=True)
        browser.ask(signal=True)
        (record,) = browser.store.kept
        exported = json.loads(browser.ask(signal=True, PATH_INFO="/consent/record").body)
        assert [record.subject] == [each["subject"] for each in exported["records"]]
        form = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "REQUEST_METHOD": "POST"}
        answer = browser.ask(signal=True, PATH_INFO="/consent/record/erase", **form)
        assert [] == browser.store.kept
        assert [
            "eu-consent=; Path=/; Max-Age=0; SameSite=Lax",
            "eu-consent-signal=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly",
        ] == answer.values("set-cookie")
        browser.ask(signal=True)
        browser.ask(signal=True)
        assert [record.subject] != [each.subject for each in browser.store.kept]

    @pytest.mark.parametrize("path", ["/", "/consent/record/erase"])
    def test_R22_who_is_forgotten_has_no_new_record(self, path: str) -> None:
        """Whose name nobody could ever erase again; and no note is deleted that is not there."""
        browser = decided("advertising")
        forgets = answering(decide=lambda consent: consent.forget())
        form = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "REQUEST_METHOD": "POST"}
        answer = browser.ask(signal=True, app=forgets, PATH_INFO=path, **form)
        assert ["eu-consent=; Path=/; Max-Age=0; SameSite=Lax"] == answer.values("set-cookie")
        assert [] == browser.store.kept

    def test_R22_a_note_ends_when_a_decision_would(self) -> None:
        """Then the same visitor is recorded anew where they have decided, or is another."""
        browser = Browser()
        browser.ask(signal=True)
        browser.ask(signal=True)
        browser.clock.now += OVERRIDE.consent_valid_for - 1
        browser.ask(signal=True)
        assert 1 == len(browser.store.kept)
        browser.clock.now += 1
        browser.ask(signal=True)
        browser.ask(signal=True)
        first, second = browser.store.kept
        assert first.subject != second.subject


class TestStore:
    """What becomes of pages where the store cannot keep a record."""

    def test_R22_a_store_that_is_down_is_left_alone(self) -> None:
        """Pages are served without waiting for it; after a minute it is tried again."""
        browser = decided("advertising", store=Failing())
        for seconds, times in ((0, 1), (1, 1), (58, 1), (1, 2), (59, 2), (1, 3)):
            browser.clock.now += seconds
            answer = browser.ask(signal=True, app=SETS_PIXEL)
            assert ("200 OK", []) == (answer.status, answer.cookies)
            assert times == browser.store.asked
        browser.store.is_down = False
        browser.clock.now += 59
        browser.ask(signal=True)
        assert [] == browser.store.kept
        browser.clock.now += 1
        browser.ask(signal=True)
        browser.ask(signal=True)
        assert 1 == len(browser.store.kept)

    def test_R22_a_store_that_is_down_is_still_asked_for_decisions(self) -> None:
        """Who chooses is told the truth at once, also within that minute."""
        browser = decided(store=Failing())
        browser.ask(signal=True)
        browser.store.is_down = False
        assert "given" == browser.decide("accept_all", signal=True).event

    @pytest.mark.parametrize("is_known", [True, False])
    def test_R22_a_decision_that_fails_leaves_no_note(self, is_known: bool) -> None:
        """The store is not asked a second time for the page that says so."""
        browser = decided(store=Failing()) if is_known else Browser(store=Failing())
        answer = browser.ask(signal=True, app=answering(decide=accept))
        assert ("503", [], 1) == (answer.status[:3], answer.cookies, browser.store.asked)

    def test_R22_the_operator_learns_of_it(self, caplog: pytest.LogCaptureFixture) -> None:
        """Once a minute, and with the reason."""
        browser = decided(store=Failing())
        for _ in range(3):
            browser.ask(signal=True)
        (said,) = caplog.records
        assert "a privacy signal was heeded unrecorded" in said.getMessage()
        assert "no space left on device" in caplog.text

    def test_R22_several_at_once_make_one_record(self, tmp_path: Path) -> None:
        """A browser loads several pages before the first has told it anything."""
        migrate(url := f"sqlite:///{tmp_path / 'records.db'}")
        store = SQLRecordStore(url, "key", timeout=60.0)
        site = Gate(OVERRIDE, "key", records=store, clock=lambda: NOW)
        name = ask_wsgi(answering(), site, HTTP_SEC_GPC="1").note
        for cookie in (name, "=".join(consent_cookie(site, ["advertising"]))):
            answers = at_once(8, site, cookie)
            subject = site.subject(cookie)
            assert subject is not None
            (stored,) = store.by_subject(subject)
            assert ("signal", True) == (stored.record.event, stored.record.signals["gpc"])
            assert 1 == len({answer.note for answer in answers})
            assert f"id={subject}&gpc=true&" in answers[0].note
        assert [] == list(store.verify())
        store._engine.dispose()

    def test_R22_who_has_just_erased_their_records_has_no_new_one(self, tmp_path: Path) -> None:
        """A page that was asked for before knows nothing of it."""
        migrate(url := f"sqlite:///{tmp_path / 'records.db'}")
        store = SQLRecordStore(url, "key")
        browser = decided("advertising", store=store)
        cookie = browser.cookie
        browser.ask(signal=True)
        subject = browser.gate.subject(cookie)
        assert subject is not None
        assert 1 == store.erase(subject)
        ask_wsgi(answering(), browser.gate, HTTP_COOKIE=cookie, HTTP_SEC_GPC="1")
        assert [] == store.by_subject(subject)
        store._engine.dispose()


def at_once(number: int, site: Gate, cookie: str) -> list[Answer]:
    """Load as many pages of one browser at the same time."""
    together = threading.Barrier(number)

    def load(_: int) -> Answer:
        together.wait(PATIENCE)
        return ask_wsgi(answering(), site, HTTP_COOKIE=cookie, HTTP_SEC_GPC="1")

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(load, range(number)))


def banner_of(browser: Browser) -> Any:
    """Return an application whose page is the banner."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        banner = browser.pages.banner(wsgi.page_request_from(environ))
        start_response("200 OK", [])
        return [banner.encode()]

    return app


class TestNote:
    """The cookie that says what was recorded."""

    SERIALIZER = SignalNoteSerializer([b"key"])

    @pytest.mark.parametrize(("scheme", "ending"), [("http", ""), ("https", "; Secure")])
    def test_R22_it_is_signed_and_out_of_the_reach_of_scripts(
        self, scheme: str, ending: str
    ) -> None:
        """It is readable, first-party, and lives no longer than a decision."""
        answer = decided().ask(signal=True, **{"wsgi.url_scheme": scheme})
        (line,) = answer.cookies
        assert re.fullmatch(
            r"eu-consent-signal=id=[\w-]{22}&gpc=true&signature=[\w-]{43}; Path=/"
            rf"; Max-Age={OVERRIDE.consent_valid_for}; SameSite=Lax{ending}; HttpOnly",
            line,
        )

    @given(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=40), st.booleans())
    def test_R22_it_comes_back_as_it_was(self, subject: str, gpc: bool) -> None:
        """Whoever it names."""
        note = SignalNote(subject, gpc)
        assert note == self.SERIALIZER.loads(self.SERIALIZER.dumps(note))

    @pytest.mark.parametrize("gpc", [True, False])
    def test_R19_with_any_bit_flipped_it_says_nothing(self, gpc: bool) -> None:
        """In every place; and neither does what is too long, nor another cookie of ours."""
        value = self.SERIALIZER.dumps(SignalNote("subject", gpc)).encode()
        for place in range(len(value)):
            for bit in range(8):
                flipped = bytearray(value)
                flipped[place] ^= 1 << bit
                assert self.SERIALIZER.loads(flipped.decode("latin-1")) is None
        long = SignalNote("a" * MAX_TOKEN_LENGTH, gpc)
        for other in (self.SERIALIZER.dumps(long), "", consent_cookie(Browser().gate)[1]):
            assert self.SERIALIZER.loads(other) is None

    def test_R22_a_forged_note_records_nothing_for_anybody_else(self) -> None:
        """Its visitor is a new one."""
        browser = Browser()
        browser.jar["eu-consent-signal"] = ("id=somebody&gpc=false&signature=x", NOW + DAY)
        browser.ask(signal=True)
        browser.ask(signal=True)
        assert "somebody" not in {record.subject for record in browser.store.kept}
        assert 1 == len(browser.store.kept)

    def test_R19_old_keys_verify(self) -> None:
        """The newest signs."""
        note = SignalNote("subject", gpc=True)
        both = SignalNoteSerializer([b"new", b"key"])
        assert note == both.loads(self.SERIALIZER.dumps(note))
        assert self.SERIALIZER.loads(both.dumps(note)) is None

    def test_R24_among_many_the_first_that_is_ours_counts(self) -> None:
        """And no more are looked at than of decisions."""
        site = Browser().gate
        ours = f"eu-consent-signal={self.SERIALIZER.dumps(SignalNote('subject', gpc=True))}"
        junk = "eu-consent-signal=junk; "
        assert ("subject", True) == site.noted_signal(junk * 7 + ours)
        assert site.noted_signal(junk * 8 + ours) is None
        assert site.noted_signal("") is None

    def test_R10_the_application_cannot_write_it(self) -> None:
        """Deleting it it may; and it is no cookie to hide, to date or to delete."""
        browser = decided()
        browser.ask(signal=True)
        seen: list[str] = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            seen.append(environ["HTTP_COOKIE"])
            forged = ("Set-Cookie", "eu-consent-signal=id=a&gpc=false; Path=/")
            deletion = ("Set-Cookie", "eu-consent-signal=; Max-Age=0; Path=/")
            start_response("200 OK", [forged, deletion])
            return []

        sent = browser.cookie
        answer = browser.ask(signal=True, app=app)
        assert [sent] == seen
        assert ["eu-consent-signal=; Max-Age=0; Path=/"] == answer.values("set-cookie")

    def test_R13_the_dates_do_not_count_it(self) -> None:
        """It is the gate's own."""
        browser = decided("advertising")
        dates = deposits_cookie(browser.gate, {"_fbp": NOW - DAY})
        browser.jar[dates[0]] = (dates[1], NOW + DAY)
        browser.ask(signal=True)
        assert [] == browser.ask(signal=True).cookies

    def test_R10_it_is_declared_where_there_is_one(self) -> None:
        """To visitors and machines; where no signal is heeded its name is free."""
        free = [CookieRule("eu-consent-signal", "statistics")]
        with pytest.raises(PolicyError, match="the gate's own cookie"):
            Policy("1", cookies=free, categories=OPT_OUT)
        own = {"eu-consent", "eu-consent-deposits"}
        assert own == Policy("1", cookies=free).own_cookie_names
        assert own | {"eu-consent-signal"} == OVERRIDE.own_cookie_names
        declared = json.loads(Browser().ask(PATH_INFO="/consent/policy.json").body)
        (life,) = (
            cookie["max_age"]
            for category in declared["categories"]
            for cookie in category["cookies"]
            if cookie["name"] == "eu-consent-signal"
        )
        assert OVERRIDE.consent_valid_for == life
