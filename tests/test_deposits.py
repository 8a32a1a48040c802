"""First deposits: what the second cookie carries, and how lives are counted by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from additions import is_deposits_cookie, without_additions
from hypothesis import given
from hypothesis import strategies as st
from test_gate import Asked

from consentgate import Category, CookieRule, Gate, Policy, Route, Verdict
from consentgate.deposits import (
    MAX_TOKEN_LENGTH,
    MOST_DEPOSITS,
    Deposits,
    DepositSerializer,
    deposit_key,
)
from consentgate.duration import DAY, months
from consentgate.testing import NOW, consent_cookie, deposits_cookie
from consentgate.wsgi import ConsentGateMiddleware

if TYPE_CHECKING:
    from collections.abc import Sequence

TODAY = int(NOW) - int(NOW) % DAY
SERIALIZER = DepositSerializer([b"key"])
PUBLIC = [("Cache-Control", "public, max-age=60")]

# A visitor who comes by a link from another site.
BY_LINK: dict[str, Any] = {
    "HTTP_SEC_FETCH_SITE": "cross-site",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_DEST": "document",
}
# What makes of it a request to which browsers add no SameSite=Lax cookies.
WITHOUT_LAX = [
    {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_SEC_FETCH_DEST": "image"},
    {"HTTP_SEC_FETCH_DEST": "iframe"},
    {"HTTP_ORIGIN": "https://bank.example"},
    {"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_SEC_FETCH_STORAGE_ACCESS": "none"},
    {"HTTP_SEC_FETCH_SITE": "", "HTTP_ORIGIN": "https://bank.example"},
]

POLICY: dict[str, Any] = {
    "version": "1",
    "cookies": [
        CookieRule("session", "necessary"),
        CookieRule("login", "necessary", max_age="2 days"),
        CookieRule("test", "necessary", max_age="session"),
        CookieRule("_ga*", "statistics"),
        CookieRule("_pk_ses", "statistics", max_age="30 minutes"),
    ],
}


class Browser:
    """A visitor's requests, each at its own time and with whatever Cookie header is given."""

    def __init__(self, granted: Sequence[str] = ("statistics",), **changes: Any) -> None:
        self.now = NOW
        self.verdicts: list[Verdict] = []
        self.gate = Gate(
            Policy(**{**POLICY, **changes}),
            "key",
            clock=lambda: self.now,
            on_verdict=self.verdicts.append,
        )
        self.consent = "=".join(consent_cookie(self.gate, granted))
        self.saw = ""

    def dates(self, **first_set: float) -> str:
        """Return the deposits cookie of a browser that stored cookies at these times."""
        return "=".join(deposits_cookie(self.gate, first_set))

    def ask(
        self, *lines: str, cookie: str = "", again: tuple[str, ...] = (), **environ: Any
    ) -> Any:
        """Return the Set-Cookie lines of an answer with ``lines``; ``again`` takes their place."""
        sent: list[str] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            sent[:] = [value for name, value in headers if name == "Set-Cookie"]

        def app(environ: Any, start_response: Any) -> list[bytes]:
            self.saw = environ.get("HTTP_COOKIE", "")
            start_response("200 OK", [("Set-Cookie", line) for line in lines])
            if again:
                headers = [("Set-Cookie", line) for line in again]
                start_response("500 Oops", headers, (Exception, Exception(), None))
            return []

        environ = {"PATH_INFO": "/", "HTTP_HOST": "shop.example", **environ}
        environ["HTTP_COOKIE"] = f"{self.consent}; {cookie}"
        ConsentGateMiddleware(app, self.gate)(environ, start_response)
        return sent

    def max_age(self, name: str, *lines: str, **request: Any) -> int | None:
        """Return the Max-Age that ``name`` leaves with."""
        for line in without_additions(self.ask(*lines, **request)):
            pair, *attributes = line.split("; ")
            if pair.startswith(f"{name}="):
                fields = dict(attribute.partition("=")[::2] for attribute in attributes)
                return int(fields["Max-Age"]) if "Max-Age" in fields else None
        return None


class TestToken:
    """The value of the deposits cookie."""

    @given(st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), max_size=127))
    def test_R13_what_is_written_is_read(self, deposits: dict[int, int]) -> None:
        """Every date comes back, and the day it was written."""
        known = SERIALIZER.loads(SERIALIZER.dumps(deposits, NOW + 9)) or {}
        assert deposits.items() <= known.items()
        assert {TODAY} == {known[key] for key in known.keys() - deposits.keys()}

    def test_R13_browsers_keep_tokens_of_earlier_releases(self) -> None:
        """A token is the same to the octet in all releases, or all lives would begin anew."""
        token = SERIALIZER.dumps({1: 2, 2**32 - 1: 1_795_219_200}, 1_795_219_200)
        assert token == (
            "AAAAAQAAAAL_____awDfAE05W15rAN8A.rxXGf0RCPfd-0dOYWyU8jpvUmuO2c7yYqjlvhuugONw"
        )

    def test_R13_a_hundred_cookies_take_less_than_one_and_a_half_kilobytes(self) -> None:
        """The whole line does, and so does that of as many as are kept."""
        browser = Browser(cookie_domain="shop.example")
        for count, most in ((100, 1300), (MOST_DEPOSITS, 1536)):
            deposits = {deposit_key(f"_ga_{number}"): TODAY for number in range(count)}
            line = browser.gate.deposits_cookie(deposits, now=NOW, secure=True)
            assert most > len(line)
        assert MAX_TOKEN_LENGTH == len(SERIALIZER.dumps(deposits, NOW))

    @given(st.data())
    def test_R13_a_changed_token_is_none_of_ours(self, data: st.DataObject) -> None:
        """Not a character can change, be lost or be added."""
        token = SERIALIZER.dumps({1: 2, 3: 4}, NOW)
        position = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(st.characters(max_codepoint=0xFF))
        for changed in (
            token[:position] + other + token[position + 1 :],
            token[:position] + token[position + 1 :],
            token[:position] + other + token[position:],
        ):
            assert changed == token or SERIALIZER.loads(changed) is None

    def test_R13_a_consent_token_is_no_deposits_token(self) -> None:
        """Each kind has a signature of its own, and a token too long is not even looked at."""
        browser = Browser()
        value = browser.consent.partition("=")[2]
        assert {} == browser.gate.first_deposits(f"eu-consent-deposits={value}", NOW)
        assert SERIALIZER.loads(f"{'A' * MAX_TOKEN_LENGTH}.") is None

    def test_R13_a_consent_signature_signs_no_dates(self) -> None:
        """Even in the other token's clothes."""
        value = Browser().consent.partition("=")[2]
        assert SERIALIZER.loads(value.replace("&signature=", ".")) is None

    def test_R13_old_keys_verify(self) -> None:
        """A key can be rotated without all lives beginning anew."""
        token = SERIALIZER.dumps({1: 2}, NOW)
        known = DepositSerializer([b"new", b"key"]).loads(token) or {}
        assert 2 == known[1]
        assert DepositSerializer([b"new"]).loads(token) is None

    def test_R13_the_longest_token_is_read(self) -> None:
        """With as many dates as are kept."""
        deposits = {deposit_key(f"_ga_{number}"): TODAY for number in range(MOST_DEPOSITS)}
        assert deposits.items() <= (SERIALIZER.loads(SERIALIZER.dumps(deposits, NOW)) or {}).items()

    def test_R13_names_that_differ_in_case_have_dates_of_their_own(self) -> None:
        """Names of cookies are case-sensitive (R8)."""
        assert deposit_key("SID") != deposit_key("sid")


class TestDeposits:
    """What one browser has to remember."""

    def test_R13_the_day_is_kept_or_the_second_of_a_short_life(self) -> None:
        """A whole day would take too much of two."""
        deposits = Deposits({}, NOW + 3600.5)
        deposits.record(1, months(13))
        deposits.record(2, 2 * DAY)
        assert [TODAY, int(NOW) + 3600] == [deposits.first(1), deposits.first(2)]

    def test_R13_of_thirty_days_the_day_is_kept(self) -> None:
        """And of one second less the second."""
        deposits = Deposits({}, NOW + 3600)
        deposits.record(1, 30 * DAY)
        deposits.record(2, 30 * DAY - 1)
        assert [TODAY, TODAY + 3600] == [deposits.first(1), deposits.first(2)]

    def test_R13_a_date_in_the_future_is_unknown(self) -> None:
        """Beyond the five minutes that another server's clock may be ahead."""
        deposits = Deposits({1: int(NOW) + 300, 2: int(NOW) + 301}, NOW)
        assert [int(NOW) + 300, None] == [deposits.first(1), deposits.first(2)]

    def test_R13_what_is_dead_is_not_kept(self) -> None:
        """Dates older than any life, and dates of the future, leave with the next change."""
        known = {1: TODAY - 9 * DAY, 2: TODAY - 8 * DAY, 3: int(NOW) + 301}
        deposits = Deposits(known, NOW)
        assert deposits.to_keep(9 * DAY, ()) is None
        deposits.record(4, months(13))
        assert {2: known[2], 4: TODAY} == deposits.to_keep(9 * DAY, ())

    def test_R13_the_second_of_a_short_life_is_not_kept_for_long(self) -> None:
        """Nobody needs it after a month."""
        known = {1: TODAY - 30 * DAY + 1, 2: TODAY - 30 * DAY - 1, 3: TODAY - 31 * DAY}
        deposits = Deposits(known, NOW)
        deposits.record(4, months(13))
        assert {1: known[1], 3: known[3], 4: TODAY} == deposits.to_keep(months(13), ())

    def test_R13_what_is_still_to_be_deleted_keeps_its_date(self) -> None:
        """However old: without it the cookie would get another life."""
        deposits = Deposits({1: TODAY - 9 * DAY, 2: TODAY - 9 * DAY}, NOW)
        deposits.record(3, months(13))
        assert {1: TODAY - 9 * DAY, 3: TODAY} == deposits.to_keep(9 * DAY, {1})

    def test_R13_forgetting_what_is_not_there_changes_nothing(self) -> None:
        """Nor does recording and forgetting again."""
        deposits = Deposits({}, NOW)
        deposits.forget(1)
        assert not deposits.changed
        deposits.record(1, months(13))
        deposits.forget(1)
        assert deposits.to_keep(months(13), ()) is None

    def test_R13_recording_and_forgetting_changes_nothing_beside_others(self) -> None:
        """The day it was written is no cookie's date."""
        deposits = Deposits(SERIALIZER.loads(SERIALIZER.dumps({1: TODAY}, NOW)) or {}, NOW)
        deposits.record(2, months(13))
        deposits.forget(2)
        assert deposits.to_keep(months(13), ()) is None

    def test_R13_where_too_many_are_those_the_browser_sends_stay(self) -> None:
        """Of them the oldest, whose life would grow most; of the others the newest."""
        sent = {number: TODAY - number * DAY for number in range(100)}
        gone = {number: TODAY - number * DAY for number in range(100, 160)}
        deposits = Deposits({**gone, **sent}, NOW)
        deposits.record(0, months(13))
        kept = deposits.to_keep(months(13), sent)
        assert kept == {**sent, **{number: gone[number] for number in range(100, 127)}}
        deposits = Deposits({number: TODAY - number * DAY for number in range(130)}, NOW)
        deposits.record(0, months(13))
        assert set(range(3, 130)) == set(deposits.to_keep(months(13), range(130)) or ())


class TestLife:
    """What the dates make of a life."""

    def test_R12_a_session_renewed_with_each_answer_ends(self) -> None:
        """Whatever its length, the end does not move."""
        browser = Browser()
        line = f"session=1; Max-Age={31 * DAY}; Path=/"
        dates = browser.ask(line)[-1].partition(";")[0]
        for day in range(1, 393):
            browser.now = NOW + day * DAY
            left = browser.max_age("session", line, cookie=f"session=1; {dates}")
            assert min(31 * DAY, (393 - day) * DAY) == left

    def test_R13_a_life_is_counted_from_the_start_of_its_first_day(self) -> None:
        """The first time it may leave whole, later less than a day too little is left."""
        browser = Browser()
        browser.now = NOW + 15 * 3600
        line = f"session=1; Max-Age={months(13)}; Path=/"
        first, dates = browser.ask(line)
        assert line == first
        browser.now += 10
        cookie = f"session=1; {dates.partition(';')[0]}"
        left = months(13) - 15 * 3600 - 10
        assert left == browser.max_age("session", line, cookie=cookie)

    @pytest.mark.parametrize(
        ("name", "limit"), [("login", 2 * DAY), ("_pk_ses", 1800), ("session", months(13))]
    )
    def test_R13_a_life_ends_and_another_begins(self, name: str, limit: int) -> None:
        """One second before the end there is a second left; then it is deleted, and set anew."""
        browser = Browser()
        line = f"{name}=1; Max-Age={limit}; Path=/"
        dates = browser.ask(line)[-1].partition(";")[0]
        browser.now = NOW + limit - 1
        assert 1 == browser.max_age(name, line, cookie=f"{name}=1; {dates}")
        browser.now = NOW + limit
        answer = browser.ask(cookie=f"{name}=1; {dates}")
        assert f"{name}=; Path=/; Max-Age=0" in answer
        assert "eu-consent-deposits=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly" == answer[-1]
        assert f"{name}=1" not in browser.saw
        assert limit == browser.max_age(name, line)

    def test_R13_one_answer_makes_one_deposit(self) -> None:
        """Two lines for one name both have the whole life, also where an older one is gone."""
        browser = Browser()
        browser.now = NOW + 15 * 3600
        lines = [f"session=1; Max-Age={months(13)}; Path={path}" for path in ("/", "/a")]
        for cookie in ("", "session=1", browser.dates(session=NOW - 100 * DAY)):
            *stored, dates = browser.ask(*lines, cookie=cookie)
            assert lines == stored
            assert is_deposits_cookie(dates)

    def test_R13_another_path_hides_a_cookie_and_proves_nothing(self) -> None:
        """What is stored for /admin does not come to /login; so its date stands until its end."""
        browser = Browser()
        line = f"session=1; Max-Age={months(13)}; Path=/admin"
        dates = browser.dates(session=NOW - 100 * DAY)
        left = months(13) - 100 * DAY
        for path, expected in (
            ("/login", left),
            ("/administration", left),
            ("/admin", months(13)),
            ("/admin/users", months(13)),
        ):
            assert expected == browser.max_age("session", line, cookie=dates, PATH_INFO=path)
        browser.now = NOW + left
        assert months(13) == browser.max_age("session", line, cookie=dates, PATH_INFO="/login")

    def test_R13_another_site_hides_a_strict_cookie_and_proves_nothing(self) -> None:
        """A visitor who comes by a link sends no SameSite=Strict cookie."""
        browser = Browser()
        dates = browser.dates(session=NOW - 100 * DAY)
        for same_site, left in (("Strict", months(13) - 100 * DAY), ("Lax", months(13))):
            line = f"session=1; Max-Age={months(13)}; SameSite={same_site}"
            assert left == browser.max_age("session", line, cookie=dates, **BY_LINK)

    def test_R13_a_strict_cookie_that_its_own_site_does_not_get_is_gone(self) -> None:
        """Only a request from another site comes without it."""
        browser = Browser()
        dates = browser.dates(session=NOW - 100 * DAY)
        line = f"session=1; Max-Age={months(13)}; SameSite=Strict"
        for site in ("same-origin", "same-site", "none", ""):
            left = browser.max_age("session", line, cookie=dates, HTTP_SEC_FETCH_SITE=site)
            assert months(13) == left

    @pytest.mark.parametrize("changes", WITHOUT_LAX)
    def test_R18_where_the_browser_withholds_lax_cookies_nothing_is_certain(
        self, changes: dict[str, str]
    ) -> None:
        """Neither the decision nor the dates came: nothing is deleted, no date is written."""
        browser = Browser()
        browser.consent = ""
        line = "session=1; Max-Age=60"
        assert [line] == browser.ask(line, cookie="_ga=1", **{**BY_LINK, **changes})
        assert "_ga" not in browser.saw
        assert 4 == len(browser.ask(line, cookie="_ga=1", **BY_LINK))

    @pytest.mark.parametrize("changes", WITHOUT_LAX)
    def test_R18_dates_that_did_not_come_are_not_overwritten(self, changes: dict[str, str]) -> None:
        """Not even where nothing is to be deleted."""
        environ = {**BY_LINK, **changes}
        assert ["session=1; Max-Age=60"] == Browser().ask("session=1; Max-Age=60", **environ)

    def test_R13_a_session_cookie_does_not_end_on_an_old_date(self) -> None:
        """The date was that of a cookie that is gone; where it is still there the date stands."""
        browser = Browser()
        dates = browser.dates(session=NOW - 100 * DAY)
        lines = browser.ask("session=1; Path=/", cookie=dates)
        assert ["session=1; Path=/", "eu-consent-deposits=; Path=/; Max-Age=0"] == [
            "; ".join(line.split("; ")[:3]) for line in lines
        ]
        assert ["session=1"] == browser.ask("session=1", cookie=f"session=1; {dates}")

    def test_R13_dates_outlive_what_a_script_renews(self) -> None:
        """A script may renew its cookie with each visit: so are the dates, twice a year."""
        browser = Browser(consent_valid_for="13 months")
        browser.consent = "=".join(consent_cookie(browser.gate, ["statistics"]))
        (dates,) = browser.ask(cookie="_ga=1; session=1")
        cookie = f"_ga=1; session=1; {dates.partition(';')[0]}"
        browser.now = NOW + months(6) - 1
        assert [] == browser.ask(cookie=cookie)
        browser.now = NOW + months(6)
        assert [] == browser.ask(cookie=cookie.removeprefix("_ga=1; "))
        (renewed,) = browser.ask(cookie=cookie)
        assert f"Max-Age={months(13)}" in renewed
        cookie = f"_ga=1; {renewed.partition(';')[0]}"
        assert [] == browser.ask(cookie=cookie)
        browser.now = NOW + months(13) - 1
        browser.consent = "=".join(consent_cookie(browser.gate, ["statistics"]))
        browser.ask(cookie=cookie)
        assert "_ga=1" in browser.saw
        browser.now += 1
        assert "_ga=; Path=/; Max-Age=0" in browser.ask(cookie=cookie)
        assert "_ga=1" not in browser.saw

    @pytest.mark.parametrize(("longest", "life"), [("1 month", months(13)), ("2 years", 400 * DAY)])
    def test_R13_dates_live_thirteen_months_or_longer(self, longest: str, life: int) -> None:
        """Whatever the policy gives cookies, and what no cookie can need is not kept."""
        browser = Browser(max_age=longest)
        dates = browser.dates(session=NOW - 401 * DAY)
        *_, last = browser.ask("login=1; Max-Age=60", cookie=dates)
        assert f"Max-Age={life}" in last
        assert deposit_key("session") not in browser.gate.first_deposits(
            last.partition(";")[0], NOW
        )

    def test_R13_a_decision_renews_no_dates(self) -> None:
        """They have not changed."""
        browser = Browser()
        visit = browser.gate.visit(Asked(), f"{browser.consent}; _ga=1; {browser.dates(_ga=NOW)}")
        visit.consent.grant("advertising")
        names = [
            value.partition("=")[0]
            for name, value in visit.additions().headers
            if name == "Set-Cookie"
        ]
        assert ["eu-consent"] == names

    def test_R13_a_spelling_that_is_sent_keeps_the_date_of_its_name(self) -> None:
        """However old it is, and however long the cookie cannot be deleted."""
        browser = Browser()
        name = f"_ga_{'x' * 4000}"
        dates = browser.dates(**{name: NOW - months(13)})
        *_, last = browser.ask("session=1; Max-Age=60", cookie=f'"{name}"=1; {dates}')
        assert deposit_key(name) in browser.gate.first_deposits(last.partition(";")[0], NOW)

    def test_R18_a_date_leaves_beside_its_cookie_though_a_cache_may_store_it(self) -> None:
        """Who stores the one stores the other."""
        visit = Browser().gate.visit(Asked())
        visit.judge("session=1; Max-Age=60")
        ((_, line),) = visit.additions(PUBLIC).headers
        assert is_deposits_cookie(line)

    def test_R13_a_logout_makes_room_for_a_new_life(self) -> None:
        """Where the application deletes what it declared, even if the next request cannot tell."""
        browser = Browser(cookies=[CookieRule("admin", "necessary", path="/admin")])
        dates = browser.dates(admin=NOW - 100 * DAY)
        line = f"admin=1; Max-Age={months(13)}; Path=/admin"
        deletion = "admin=; Max-Age=0; Path=/admin"
        cookie = f"admin=1; {dates}"
        for said, forgotten in ((deletion, True), ("admin=; Max-Age=0; Path=/", False)):
            answer = browser.ask(said, cookie=cookie, PATH_INFO="/admin")
            assert said == answer[0]
            assert forgotten == answer[-1].startswith("eu-consent-deposits=; Path=/; Max-Age=0")
        for lines in ((deletion, line), (line, deletion)):
            left = browser.max_age("admin", lines[-1], lines[0], cookie=cookie, PATH_INFO="/admin")
            assert left in (months(13) - 100 * DAY, 0)
        assert ["admin=; Max-Age=0; Path=/admin"] == Browser().ask(deletion, cookie="admin=1")

    @pytest.mark.parametrize(
        "deletion",
        [
            "admin=; Path=/admin; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "admin=; Path=/admin; Max-Age=0; Max-Age=0",
        ],
    )
    def test_R13_a_logout_in_any_words_makes_room_for_a_new_life(self, deletion: str) -> None:
        """What is rewritten to Max-Age=0 is a deletion, too."""
        browser = Browser(cookies=[CookieRule("admin", "necessary", path="/admin")])
        cookie = f"admin=1; {browser.dates(admin=NOW - 100 * DAY)}"
        *_, last = browser.ask(deletion, cookie=cookie, PATH_INFO="/admin")
        assert last.startswith("eu-consent-deposits=; Path=/; Max-Age=0")

    def test_R13_a_logout_of_an_unregistered_cookie_counts_too(self) -> None:
        """What has no rule has the root for a path."""
        browser = Browser(unregistered="allow")
        answer = browser.ask("x=; Max-Age=0; Path=/", cookie=f"x=1; {browser.dates(x=NOW)}")
        assert answer[-1].startswith("eu-consent-deposits=; Path=/; Max-Age=0")

    @pytest.mark.parametrize("again", ["session=1; Path=/", f"session=1; Path=/; Max-Age={DAY}"])
    def test_R13_what_is_deleted_and_set_again_keeps_its_date(self, again: str) -> None:
        """As who renews a session does; the other way round it is gone."""
        browser = Browser()
        dates = browser.dates(session=NOW - 100 * DAY)
        deletion = "session=; Max-Age=0; Path=/"
        assert [deletion, again] == browser.ask(deletion, again, cookie=f"session=1; {dates}")
        *_, last = browser.ask(again, deletion, cookie=f"session=1; {dates}")
        assert last.startswith("eu-consent-deposits=; Path=/; Max-Age=0")

    def test_R4_what_another_answer_deleted_is_not_forgotten(self) -> None:
        """The deletion never left, so the cookie is still there and its date stands."""
        browser = Browser()
        dates = browser.dates(session=NOW - 100 * DAY)
        deletion = "session=; Max-Age=0; Path=/"
        assert ["login=1"] == browser.ask(
            deletion, cookie=f"session=1; {dates}", again=("login=1",)
        )

    def test_R13_what_is_exempt_but_not_necessary_is_dated_when_seen(self) -> None:
        """Such as audience measurement that CNIL exempts, for which 13 months is a condition."""
        browser = Browser(
            granted=(),
            categories=[Category("statistics", basis="exempt")],
            cookies=[
                CookieRule("_pk_id*", "statistics"),
                CookieRule("layout", "necessary", max_age="1 year"),
                CookieRule("step", "necessary", max_age="session"),
                CookieRule("session", "necessary"),
            ],
        )
        browser.consent = ""
        for name, dated in (("_pk_id.1", True), ("layout", True), ("step", False)):
            lines = browser.ask(cookie=f"{name}=1; session=1")
            assert dated == bool(lines)
        dates = browser.dates(layout=NOW - months(12), session=NOW)
        assert "layout=; Path=/; Max-Age=0" in browser.ask(cookie=f"layout=1; {dates}")

    def test_R7_in_report_mode_no_date_is_forgotten(self) -> None:
        """Whatever the application sets or deletes, nothing is written."""
        for changes in ({"mode": "report"}, {"categories": [Category("necessary", mode="report")]}):
            browser = Browser(**changes)
            dates = browser.dates(session=NOW - 100 * DAY, test=NOW)
            lines = ["session=1", "session=; Max-Age=0; Path=/", "test=1; Max-Age=60"]
            assert lines == browser.ask(*lines, cookie=dates)

    def test_R7_in_report_mode_a_logout_forgets_no_date(self) -> None:
        """Nothing is written, for nothing changes on the wire."""
        for changes in ({"mode": "report"}, {"categories": [Category("necessary", mode="report")]}):
            browser = Browser(**changes)
            cookie = f"session=1; {browser.dates(session=NOW)}"
            assert ["session=; Max-Age=0; Path=/"] == browser.ask(
                "session=; Max-Age=0; Path=/", cookie=cookie
            )

    def test_R14_what_a_rule_makes_a_session_cookie_does_not_end_on_an_old_date(self) -> None:
        """Its rule may have given it a life before."""
        browser = Browser()
        dates = browser.dates(test=NOW - months(13))
        for line in ("test=1", "test=1; Max-Age=60"):
            lines = browser.ask(line, cookie=f"test=1; {dates}")
            assert "test=1" == lines[0]
            assert not [line for line in lines if line.startswith("test=;")]

    def test_R13_of_several_deposits_cookies_that_written_last_counts(self) -> None:
        """Another is what an earlier Domain left, or a sibling planted; above eight none counts."""
        browser = Browser()
        line = f"session=1; Max-Age={months(13)}"
        late = browser.dates(session=NOW - 10 * DAY)
        browser.now = NOW - DAY
        early = browser.dates(session=NOW - 100 * DAY)
        browser.now = NOW
        for cookie in (f"{late}; {early}", f"{early}; {late}", f"{late}; eu-consent-deposits=x"):
            left = browser.max_age("session", line, cookie=f"session=1; {cookie}")
            assert months(13) - 10 * DAY == left
        many = "; ".join([late] * 9)
        assert months(13) == browser.max_age("session", line, cookie=f"session=1; {many}")

    def test_R13_eight_deposits_cookies_count(self) -> None:
        """More than eight count as none."""
        browser = Browser()
        late = browser.dates(session=NOW - 10 * DAY)
        line = f"session=1; Max-Age={months(13)}"
        for count, left in ((8, months(13) - 10 * DAY), (9, months(13))):
            cookie = "; ".join(["session=1", *[late] * count])
            assert left == browser.max_age("session", line, cookie=cookie)

    def test_R13_an_old_deposits_cookie_counts_no_more(self) -> None:
        """A browser would have dropped it; one from the future has been tampered with."""
        browser = Browser()
        line = f"session=1; Max-Age={months(13)}"
        for age, left in ((months(13), 1), (months(13) + DAY, months(13)), (-DAY, months(13))):
            browser.now = NOW - age
            dates = browser.dates(session=NOW - months(13) + 1)
            browser.now = NOW
            assert left == browser.max_age("session", line, cookie=f"session=1; {dates}")

    def test_R13_dates_written_by_a_clock_a_little_ahead_count(self) -> None:
        """At midnight its day is one more."""
        browser = Browser()
        dates = browser.dates(session=NOW - 10 * DAY)
        browser.now = NOW - 60
        left = browser.max_age(
            "session", f"session=1; Max-Age={months(13)}", cookie=f"session=1; {dates}"
        )
        assert months(13) - 10 * DAY + 60 == left

    def test_R13_a_date_of_a_wrong_clock_is_taken_for_none(self) -> None:
        """It would make every later life end years too late."""
        browser = Browser()
        dates = browser.dates(session=NOW + 1000 * DAY)
        line = f"session=1; Max-Age={months(13)}"
        first, new_dates = browser.ask(line, cookie=f"session=1; {dates}")
        assert line == first
        browser.now = NOW + 10 * DAY
        cookie = f"session=1; {new_dates.partition(';')[0]}"
        assert months(13) - 10 * DAY == browser.max_age("session", line, cookie=cookie)

    def test_R13_a_script_cookie_with_a_date_of_a_wrong_clock_is_dated_anew(self) -> None:
        """Else it would have no end for years."""
        browser = Browser()
        (dates,) = browser.ask(cookie=f"_ga=1; {browser.dates(_ga=NOW + 1000 * DAY)}")
        kept = browser.gate.first_deposits(dates.partition(";")[0], NOW)
        assert TODAY == kept[deposit_key("_ga")]

    def test_R13_a_clock_that_is_ahead_makes_no_life_longer(self) -> None:
        """A date within the tolerance counts, and the limit all the same."""
        browser = Browser()
        dates = browser.dates(login=NOW + 200)
        line = f"login=1; Max-Age={2 * DAY + 100}"
        assert 2 * DAY == browser.max_age("login", line, cookie=f"login=1; {dates}")

    def test_R12_an_unregistered_cookie_that_is_allowed_is_dated_too(self) -> None:
        """It is left to the application, so it is deleted when it is set after its end."""
        browser = Browser(unregistered="allow")
        line = "x=1; Max-Age=999999999; Path=/"
        first, dates = browser.ask(line)
        assert f"x=1; Path=/; Max-Age={months(13)}" == first
        cookie = f"x=1; {dates.partition(';')[0]}"
        browser.now = NOW + months(13)
        assert ["x=1; Path=/; Max-Age=0", "eu-consent-deposits=; Path=/; Max-Age=0"] == [
            "; ".join(line.split("; ")[:3]) for line in browser.ask(line, cookie=cookie)
        ]
        assert browser.saw.endswith(cookie)

    def test_R7_in_report_mode_nothing_is_dated(self) -> None:
        """Nothing changes on the wire; what is over is only told."""
        browser = Browser(mode="report")
        line = "session=1; Max-Age=999999999"
        dates = browser.dates(session=NOW - months(13))
        assert [line] == browser.ask(line, cookie="session=1")
        browser.verdicts.clear()
        assert [] == browser.ask(cookie=f"session=1; {dates}")
        assert "session=1" in browser.saw
        assert {("hide", "lifetime", False), ("expire", "lifetime", False)} == {
            (verdict.action, verdict.reason, verdict.enforced) for verdict in browser.verdicts
        }

    @pytest.mark.parametrize(
        "changes", [{"mode": "report"}, {"categories": [Category("statistics", mode="report")]}]
    )
    def test_R7_in_report_mode_what_a_script_stored_is_not_dated(
        self, changes: dict[str, Any]
    ) -> None:
        """Nothing changes on the wire."""
        assert [] == Browser(**changes).ask(cookie="_ga=1")

    def test_R7_in_report_mode_a_life_that_is_over_keeps_its_date(self) -> None:
        """What is deleted beside it loses its own."""
        browser = Browser(categories=[Category("necessary", mode="report")])
        dates = browser.dates(session=NOW - months(13), _ga=NOW - months(13))
        *_, last = browser.ask(cookie=f"session=1; _ga=1; {dates}")
        kept = browser.gate.first_deposits(last.partition(";")[0], NOW)
        assert deposit_key("session") in kept
        assert deposit_key("_ga") not in kept

    def test_R11_nothing_is_dated_where_nothing_may_be_stored(self) -> None:
        """A deletion stores nothing, so it leaves there too."""
        browser = Browser(routes=[Route("/contact")])
        assert [] == browser.ask(cookie="_ga=1", PATH_INFO="/contact")
        browser.consent = ""
        assert "_ga=; Path=/; Max-Age=0" in browser.ask(cookie="_ga=1", PATH_INFO="/contact")

    def test_R14_what_a_rule_makes_a_session_cookie_has_no_date(self) -> None:
        """Its life ends with the browser's."""
        assert ["test=1"] == Browser().ask("test=1; Max-Age=60")

    def test_R4_an_answer_that_takes_the_place_of_another_starts_over(self) -> None:
        """What is over is deleted by the answer that leaves, although another was judged first."""
        browser = Browser()
        dates = browser.dates(session=NOW - months(13))
        lines = browser.ask("_ga=1; Max-Age=60", cookie=f"session=1; {dates}", again=("login=1",))
        assert "session=; Path=/; Max-Age=0" in lines
        assert "login=1" == lines[0]
        assert lines[-1].startswith("eu-consent-deposits=; Path=/; Max-Age=0")

    @pytest.mark.parametrize("basis", ["opt-in", "opt-out"])
    def test_R16_without_a_decision_there_is_no_end_to_share(self, basis: Any) -> None:
        """What passes undecided has its own limit, and a new decision counts at once."""
        browser = Browser(
            expire_with_consent=True, categories=[Category("statistics", basis=basis)]
        )
        line = f"_ga=1; Max-Age={months(13)}"
        assert months(6) == browser.max_age("_ga", line)
        browser.consent = ""
        expected = months(13) if basis == "opt-out" else None
        assert expected == browser.max_age("_ga", line)

    def test_R16_the_decision_of_this_answer_is_the_one_to_end_with(self) -> None:
        """Who agrees now has no older decision."""
        visit = Browser(expire_with_consent=True).gate.visit(Asked())
        visit.consent.grant("statistics")
        assert f"_ga=1; Max-Age={months(6)}" == visit.judge(f"_ga=1; Max-Age={months(13)}")

    def test_R16_an_unregistered_cookie_does_not_end_with_the_decision(self) -> None:
        """It passes whatever was decided."""
        browser = Browser(unregistered="allow", expire_with_consent=True)
        lines = [f"{name}=1; Max-Age={months(13)}" for name in ("_ga", "x")]
        assert lines[1] == browser.ask(*lines)[1]

    def test_R12_R16_a_limit_stands_beside_the_end_of_a_decision(self) -> None:
        """The lesser of the two counts."""
        browser = Browser(expire_with_consent=True)
        assert 1800 == browser.max_age("_pk_ses", "_pk_ses=1; Max-Age=9999")

    def test_R13_a_cookie_granted_in_this_answer_keeps_its_date(self) -> None:
        """The application could not read it, yet the browser has held it since its date."""
        browser = Browser()
        dates = browser.dates(_ga=NOW - 100 * DAY)
        visit = browser.gate.visit(Asked(), f"_ga=1; {dates}")
        visit.readable(visit.cookie)
        visit.consent.grant("statistics")
        left = months(13) - 100 * DAY
        assert f"_ga=1; Max-Age={left}" == visit.judge(f"_ga=1; Max-Age={months(13)}")

    def test_R25_what_is_shortened_is_told(self) -> None:
        """As a clamp for its lifetime."""
        browser = Browser()
        dates = browser.dates(session=NOW - 100 * DAY)
        browser.ask(f"session=1; Max-Age={months(13)}", cookie=f"session=1; {dates}")
        assert [Verdict("session", "necessary", "clamp", "lifetime", enforced=True)] == (
            browser.verdicts
        )


class TestReading:
    """What the application may read."""

    def test_R17_what_only_looks_exempt_is_left_alone(self) -> None:
        """Another name is another cookie, and nobody has counted its life."""
        browser = Browser()
        cookie = f'"session"=1; {browser.dates(session=NOW - months(13))}'
        browser.ask(cookie=cookie)
        assert '"session"=1' in browser.saw

    def test_R24_a_name_that_latin_1_does_not_have_is_hidden_too(self) -> None:
        """It comes as UTF-8, behind a blank that some frameworks strip."""
        browser = Browser()
        browser.consent = ""
        browser.ask(cookie="\xe2\x80\x83_ga\xe2\x82\xac=1")
        assert "_ga" not in browser.saw

    def test_R13_what_has_a_date_is_not_looked_at_again(self) -> None:
        """A page that nothing is to be done for costs no additions."""
        browser = Browser()
        cookie = f"{browser.consent}; _ga=1; {browser.dates(_ga=NOW)}"
        visit = browser.gate.visit(Asked(), cookie)
        assert visit.readable(cookie) is cookie
        assert not visit.adds


@given(st.lists(st.sampled_from(["session", "login", "_ga", "_ga_1", "_pk_ses", "test"])))
def test_R13_whatever_is_set_it_is_dated_once(names: list[str]) -> None:
    """One deposits cookie, and none for the same cookies again."""
    browser = Browser()
    lines = [f"{name}=1; Max-Age=60" for name in names]
    written = [line for line in browser.ask(*lines) if is_deposits_cookie(line)]
    assert bool(set(names) - {"test"}) == bool(written)
    cookie = "; ".join(
        [*(f"{name}=1" for name in names), *(each.partition(";")[0] for each in written)]
    )
    assert [] == [line for line in browser.ask(*lines, cookie=cookie) if is_deposits_cookie(line)]
