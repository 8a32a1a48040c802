"""Corner cases of first deposits."""

from __future__ import annotations

from typing import Any

import pytest
from additions import is_deposits_cookie
from test_deposits import SERIALIZER, TODAY, Browser
from test_gate import Asked

from consentgate import Category, CookieRule
from consentgate.deposits import MOST_DEPOSITS, Deposits, deposit_key
from consentgate.duration import DAY, months
from consentgate.testing import NOW

PUBLIC = [("Cache-Control", "public, max-age=60")]


def test_R13_a_cookie_granted_in_this_answer_keeps_its_date() -> None:
    """The application could not read it, yet the browser has held it since its date."""
    browser = Browser()
    dates = browser.dates(_ga=NOW - 100 * DAY)
    visit = browser.gate.visit(Asked(), f"_ga=1; {dates}")
    visit.readable(visit.cookie)
    visit.consent.grant("statistics")
    left = months(13) - 100 * DAY
    assert f"_ga=1; Max-Age={left}" == visit.judge(f"_ga=1; Max-Age={months(13)}")


def test_R16_the_decision_of_this_answer_is_the_one_to_end_with() -> None:
    """Who agrees now has no older decision."""
    visit = Browser(expire_with_consent=True).gate.visit(Asked())
    visit.consent.grant("statistics")
    assert f"_ga=1; Max-Age={months(6)}" == visit.judge(f"_ga=1; Max-Age={months(13)}")


def test_R16_an_unregistered_cookie_does_not_end_with_the_decision() -> None:
    """It passes whatever was decided."""
    browser = Browser(unregistered="allow", expire_with_consent=True)
    lines = [f"{name}=1; Max-Age={months(13)}" for name in ("_ga", "x")]
    assert lines[1] == browser.ask(*lines)[1]


def test_R13_a_clock_that_is_ahead_makes_no_life_longer() -> None:
    """A date within the tolerance counts, and the limit all the same."""
    browser = Browser()
    dates = browser.dates(login=NOW + 200)
    line = f"login=1; Max-Age={2 * DAY + 100}"
    assert 2 * DAY == browser.max_age("login", line, cookie=f"login=1; {dates}")


@pytest.mark.parametrize("again", ["session=1; Path=/", f"session=1; Path=/; Max-Age={DAY}"])
def test_R13_what_is_deleted_and_set_again_keeps_its_date(again: str) -> None:
    """As who renews a session does; the other way round it is gone."""
    browser = Browser()
    dates = browser.dates(session=NOW - 100 * DAY)
    deletion = "session=; Max-Age=0; Path=/"
    assert [deletion, again] == browser.ask(deletion, again, cookie=f"session=1; {dates}")
    *_, last = browser.ask(again, deletion, cookie=f"session=1; {dates}")
    assert last.startswith("eu-consent-deposits=; Path=/; Max-Age=0")


def test_R7_in_report_mode_a_logout_forgets_no_date() -> None:
    """Nothing is written, for nothing changes on the wire."""
    for changes in ({"mode": "report"}, {"categories": [Category("necessary", mode="report")]}):
        browser = Browser(**changes)
        cookie = f"session=1; {browser.dates(session=NOW)}"
        assert ["session=; Max-Age=0; Path=/"] == browser.ask(
            "session=; Max-Age=0; Path=/", cookie=cookie
        )


def test_R13_a_logout_of_an_unregistered_cookie_counts_too() -> None:
    """What has no rule has the root for a path."""
    browser = Browser(unregistered="allow")
    answer = browser.ask("x=; Max-Age=0; Path=/", cookie=f"x=1; {browser.dates(x=NOW)}")
    assert answer[-1].startswith("eu-consent-deposits=; Path=/; Max-Age=0")


def test_R13_a_strict_cookie_that_its_own_site_does_not_get_is_gone() -> None:
    """Only a request from another site comes without it."""
    browser = Browser()
    dates = browser.dates(session=NOW - 100 * DAY)
    line = f"session=1; Max-Age={months(13)}; SameSite=Strict"
    for site in ("same-origin", "same-site", "none", ""):
        left = browser.max_age("session", line, cookie=dates, HTTP_SEC_FETCH_SITE=site)
        assert months(13) == left


def test_R13_what_has_a_date_is_not_looked_at_again() -> None:
    """A page that nothing is to be done for costs no additions."""
    browser = Browser()
    cookie = f"{browser.consent}; _ga=1; {browser.dates(_ga=NOW)}"
    visit = browser.gate.visit(Asked(), cookie)
    assert visit.readable(cookie) is cookie
    assert not visit.adds


def test_R4_what_another_answer_deleted_is_not_forgotten() -> None:
    """The deletion never left, so the cookie is still there and its date stands."""
    browser = Browser()
    dates = browser.dates(session=NOW - 100 * DAY)
    deletion = "session=; Max-Age=0; Path=/"
    assert ["login=1"] == browser.ask(deletion, cookie=f"session=1; {dates}", again=("login=1",))


def test_R7_in_report_mode_a_life_that_is_over_keeps_its_date() -> None:
    """What is deleted beside it loses its own."""
    browser = Browser(categories=[Category("necessary", mode="report")])
    dates = browser.dates(session=NOW - months(13), _ga=NOW - months(13))
    *_, last = browser.ask(cookie=f"session=1; _ga=1; {dates}")
    kept = browser.gate.first_deposits(last.partition(";")[0], NOW)
    assert deposit_key("session") in kept
    assert deposit_key("_ga") not in kept


def test_R13_a_spelling_that_is_sent_keeps_the_date_of_its_name() -> None:
    """However old it is, and however long the cookie cannot be deleted."""
    browser = Browser()
    name = f"_ga_{'x' * 4000}"
    dates = browser.dates(**{name: NOW - months(13)})
    *_, last = browser.ask("session=1; Max-Age=60", cookie=f'"{name}"=1; {dates}')
    assert deposit_key(name) in browser.gate.first_deposits(last.partition(";")[0], NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_SEC_FETCH_DEST": "image"},
        {"HTTP_SEC_FETCH_DEST": "iframe"},
        {"HTTP_ORIGIN": "https://bank.example"},
        {"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_SEC_FETCH_STORAGE_ACCESS": "none"},
        {"HTTP_SEC_FETCH_SITE": "", "HTTP_ORIGIN": "https://bank.example"},
    ],
)
def test_R18_dates_that_did_not_come_are_not_overwritten(changes: dict[str, str]) -> None:
    """Not even where nothing is to be deleted."""
    environ = {
        "HTTP_SEC_FETCH_SITE": "cross-site",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_DEST": "document",
        **changes,
    }
    assert ["session=1; Max-Age=60"] == Browser().ask("session=1; Max-Age=60", **environ)


def test_R13_a_consent_signature_signs_no_dates() -> None:
    """Even in the other token's clothes."""
    value = Browser().consent.partition("=")[2]
    assert SERIALIZER.loads(value.replace("&signature=", ".")) is None


def test_R24_a_name_that_latin_1_does_not_have_is_hidden_too() -> None:
    """It comes as UTF-8, behind a blank that some frameworks strip."""
    browser = Browser()
    browser.consent = ""
    browser.ask(cookie="\xe2\x80\x83_ga\xe2\x82\xac=1")
    assert "_ga" not in browser.saw


def test_R13_names_that_differ_in_case_have_dates_of_their_own() -> None:
    """Names of cookies are case-sensitive (R8)."""
    assert deposit_key("SID") != deposit_key("sid")


def test_R13_the_longest_token_is_read() -> None:
    """With as many dates as are kept."""
    deposits = {deposit_key(f"_ga_{number}"): TODAY for number in range(MOST_DEPOSITS)}
    assert deposits.items() <= (SERIALIZER.loads(SERIALIZER.dumps(deposits, NOW)) or {}).items()


def test_R13_of_thirty_days_the_day_is_kept() -> None:
    """And of one second less the second."""
    deposits = Deposits({}, NOW + 3600)
    deposits.record(1, 30 * DAY)
    deposits.record(2, 30 * DAY - 1)
    assert [TODAY, TODAY + 3600] == [deposits.first(1), deposits.first(2)]


def test_R13_a_script_cookie_with_a_date_of_a_wrong_clock_is_dated_anew() -> None:
    """Else it would have no end for years."""
    browser = Browser()
    (dates,) = browser.ask(cookie=f"_ga=1; {browser.dates(_ga=NOW + 1000 * DAY)}")
    kept = browser.gate.first_deposits(dates.partition(";")[0], NOW)
    assert TODAY == kept[deposit_key("_ga")]


def test_R13_a_decision_renews_no_dates() -> None:
    """They have not changed."""
    browser = Browser()
    visit = browser.gate.visit(Asked(), f"{browser.consent}; _ga=1; {browser.dates(_ga=NOW)}")
    visit.consent.grant("advertising")
    names = [
        value.partition("=")[0] for name, value in visit.additions().headers if name == "Set-Cookie"
    ]
    assert ["eu-consent"] == names


def test_R13_recording_and_forgetting_changes_nothing_beside_others() -> None:
    """The day it was written is no cookie's date."""
    deposits = Deposits(SERIALIZER.loads(SERIALIZER.dumps({1: TODAY}, NOW)) or {}, NOW)
    deposits.record(2, months(13))
    deposits.forget(2)
    assert deposits.to_keep(months(13), ()) is None


def test_R13_dates_written_by_a_clock_a_little_ahead_count() -> None:
    """At midnight its day is one more."""
    browser = Browser()
    dates = browser.dates(session=NOW - 10 * DAY)
    browser.now = NOW - 60
    left = browser.max_age(
        "session", f"session=1; Max-Age={months(13)}", cookie=f"session=1; {dates}"
    )
    assert months(13) - 10 * DAY + 60 == left


@pytest.mark.parametrize(
    "changes", [{"mode": "report"}, {"categories": [Category("statistics", mode="report")]}]
)
def test_R7_in_report_mode_what_a_script_stored_is_not_dated(changes: dict[str, Any]) -> None:
    """Nothing changes on the wire."""
    assert [] == Browser(**changes).ask(cookie="_ga=1")


def test_R17_what_only_looks_exempt_is_left_alone() -> None:
    """Another name is another cookie, and nobody has counted its life."""
    browser = Browser()
    cookie = f'"session"=1; {browser.dates(session=NOW - months(13))}'
    browser.ask(cookie=cookie)
    assert '"session"=1' in browser.saw


def test_R13_eight_deposits_cookies_count() -> None:
    """More than eight count as none."""
    browser = Browser()
    late = browser.dates(session=NOW - 10 * DAY)
    line = f"session=1; Max-Age={months(13)}"
    for count, left in ((8, months(13) - 10 * DAY), (9, months(13))):
        cookie = "; ".join(["session=1", *[late] * count])
        assert left == browser.max_age("session", line, cookie=cookie)


@pytest.mark.parametrize(("longest", "life"), [("1 month", months(13)), ("2 years", 400 * DAY)])
def test_R13_dates_live_thirteen_months_or_longer(longest: str, life: int) -> None:
    """Whatever the policy gives cookies, and what no cookie can need is not kept."""
    browser = Browser(max_age=longest)
    dates = browser.dates(session=NOW - 401 * DAY)
    *_, last = browser.ask("login=1; Max-Age=60", cookie=dates)
    assert f"Max-Age={life}" in last
    assert deposit_key("session") not in browser.gate.first_deposits(last.partition(";")[0], NOW)


def test_R12_R16_a_limit_stands_beside_the_end_of_a_decision() -> None:
    """The lesser of the two counts."""
    browser = Browser(expire_with_consent=True)
    assert 1800 == browser.max_age("_pk_ses", "_pk_ses=1; Max-Age=9999")


def test_R13_one_answer_makes_one_deposit() -> None:
    """Two lines for one name both have the whole life, also where an older one is gone."""
    browser = Browser()
    browser.now = NOW + 15 * 3600
    lines = [f"session=1; Max-Age={months(13)}; Path={path}" for path in ("/", "/a")]
    for cookie in ("", "session=1", browser.dates(session=NOW - 100 * DAY)):
        *stored, _dates = browser.ask(*lines, cookie=cookie)
        assert lines == stored


def test_R18_a_date_leaves_beside_its_cookie_though_a_cache_may_store_it() -> None:
    """Who stores the one stores the other."""
    visit = Browser().gate.visit(Asked())
    visit.judge("session=1; Max-Age=60")
    ((_, line),) = visit.additions(PUBLIC).headers
    assert is_deposits_cookie(line)


@pytest.mark.parametrize(
    "deletion",
    [
        "admin=; Path=/admin; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "admin=; Path=/admin; Max-Age=0; Max-Age=0",
    ],
)
def test_R13_a_logout_in_any_words_makes_room_for_a_new_life(deletion: str) -> None:
    """Fails at a2d9c6d: what is rewritten to Max-Age=0 is a deletion, too."""
    browser = Browser(cookies=[CookieRule("admin", "necessary", path="/admin")])
    cookie = f"admin=1; {browser.dates(admin=NOW - 100 * DAY)}"
    *_, last = browser.ask(deletion, cookie=cookie, PATH_INFO="/admin")
    assert last.startswith("eu-consent-deposits=; Path=/; Max-Age=0")
