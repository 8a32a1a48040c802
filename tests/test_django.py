"""The Django adapter: settings, checks, the middleware both ways, templates."""

from __future__ import annotations

import asyncio
import copy
import gc
import io
import pickle
import threading
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest
from additions import is_deposits_cookie, without_additions
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib import messages
from django.core import checks
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseServerError,
    StreamingHttpResponse,
)
from django.middleware.csrf import get_token
from django.template import TemplateSyntaxError, engines
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import override_settings
from django.urls import re_path
from django.utils import translation
from django.utils.translation import get_language
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers
from django_consentgate import conf, consent_from
from django_consentgate.middleware import ConsentGateMiddleware
from django_consentgate.response import LineMorsel, as_line
from django_site import (
    GATE,
    POLICY,
    asgi_headers,
    serving,
    set_cookies,
    setting,
    site,
    wsgi_headers,
)
from page_requests import Memory
from recording import SORRY, Failing, Noting

import consentgate.asgi
import consentgate.wsgi
from consentgate import (
    ConfigurationError,
    CookieBlocked,
    DecisionNotStored,
    Gate,
    MiddlewareMissing,
    Policy,
    UnknownCategory,
    Verdict,
)
from consentgate.duration import DAY, months
from consentgate.page import MAX_BODY, PageResponse
from consentgate.pages import ConsentPages
from consentgate.testing import NOW, View, consent_cookie, deposits_cookie

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from consentgate.page import PageRequest

ANALYTICS = "_ga=GA1.7; Max-Age=3600; Path=/; Priority=High; Partitioned; Secure"
LONG_LAYOUT = "layout=wide; Path=/; Max-Age=999999"


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Begin every test without cached pages."""
    cache.clear()


def visitor(*granted: str, client: type[Any] = Client, **options: Any) -> Any:
    """Return a client whose visitor accepted only these categories."""
    browser = client(**options)
    browser.cookies.load("=".join(consent_cookie(conf.site_gate(), granted)))
    return browser


def granting(request: HttpRequest) -> HttpResponse:
    """Answer with a cookie, after granting what it needs."""
    consent_from(request).grant("statistics")
    return setting(ANALYTICS)


def plain(_request: HttpRequest) -> HttpResponse:
    """Answer without a cookie."""
    return HttpResponse("Hello")


class TestSettings:
    """``settings.CONSENTGATE`` is one gate."""

    def test_a_policy_may_be_a_path_a_mapping_or_a_policy(self, tmp_path: Path) -> None:
        """All three give equal policies."""
        file = tmp_path / "consent.toml"
        file.write_text('version = "1"\n', encoding="utf-8")
        policies = []
        for source in (file, str(file), {"version": "1"}, Policy("1")):
            with override_settings(CONSENTGATE={"POLICY": source}):
                policies.append(conf.site_policy())
        assert policies[:1] * 4 == policies

    @pytest.mark.parametrize("frameworks", [[], ["django"]])
    def test_django_cookies_are_exempt_under_their_names(self, frameworks: list[str]) -> None:
        """The settings name them, whether or not the policy names the framework."""
        with override_settings(CONSENTGATE={"POLICY": {**POLICY, "frameworks": frameworks}}):
            policy = conf.site_policy()
        for name in ("shop_session", "shop_csrf", "shop_language", "messages"):
            rule = policy.rule_for(name)
            assert (name, "necessary") == (rule and rule.name, rule and rule.category)
        for name in ("sessionid", "csrftoken", "django_language"):
            assert policy.rule_for(name) is None

    def test_R8_the_sites_own_rule_beats_djangos(self) -> None:
        """A site may declare its language cookie anything else than exempt."""
        own = {"name": "shop_language", "category": "functional"}
        with override_settings(CONSENTGATE={"POLICY": {"version": "1", "cookies": [own]}}):
            rule = conf.site_policy().rule_for("shop_language")
        assert "functional" == (rule and rule.category)

    def test_R19_decisions_are_signed_with_djangos_keys(self) -> None:
        """Rotating SECRET_KEY asks nobody again."""
        with override_settings(SECRET_KEY="an older key", SECRET_KEY_FALLBACKS=[]):
            browser = visitor("statistics")
        with site(lambda _: setting(ANALYTICS)):
            assert {"line 0", "eu-consent-deposits"} == set(browser.get("/").cookies)
            with override_settings(SECRET_KEY_FALLBACKS=[]):
                assert set() == set(browser.get("/").cookies)

    def test_R19_consent_may_have_keys_of_its_own(self) -> None:
        """SECRET_KEYS stands in the place of Django's."""
        own = {"POLICY": POLICY, "SECRET_KEYS": ["consent only"]}
        with override_settings(CONSENTGATE=own):
            browser = visitor("statistics")
            with site(lambda _: setting(ANALYTICS)):
                assert {"line 0", "eu-consent-deposits"} == set(browser.get("/").cookies)
        with site(lambda _: setting(ANALYTICS)):
            assert set() == set(browser.get("/").cookies)

    @pytest.mark.parametrize("dotted", [False, True])
    def test_R25_verdicts_reach_on_verdict(self, dotted: bool) -> None:
        """It may be a callable or the dotted path of one."""
        heard.clear()
        listener = f"{__name__}.hear" if dotted else hear
        with (
            override_settings(CONSENTGATE={"POLICY": POLICY, "ON_VERDICT": listener}),
            site(lambda _: setting(ANALYTICS)),
        ):
            Client().get("/")
        assert [Verdict("_ga", "statistics", "strip", "undecided", enforced=True)] == heard

    def test_a_changed_setting_governs_the_next_request(self) -> None:
        """Tests may override settings around a client that lives on."""
        browser = Client()
        with site(lambda _: setting(ANALYTICS)):
            assert set() == set(browser.get("/").cookies)
            with override_settings(CONSENTGATE={"POLICY": {**POLICY, "mode": "report"}}):
                assert {"line 0"} == set(browser.get("/").cookies)
            with override_settings(USE_TZ=True):
                gate = conf.site_gate()
            assert gate is conf.site_gate()

    @pytest.mark.parametrize("is_async", [False, True])
    def test_a_mistake_stops_the_start(self, is_async: bool) -> None:
        """The middleware does not wait for the first visitor."""

        async def inside(_request: HttpRequest) -> HttpResponse:
            return HttpResponse()

        with (
            override_settings(CONSENTGATE={"POLICY": POLICY, "POLICIES": 1}),
            pytest.raises(ConfigurationError, match="'POLICIES'"),
        ):
            ConsentGateMiddleware(inside if is_async else plain)


heard: list[Verdict] = []


def hear(verdict: Verdict) -> None:
    """Note ``verdict``."""
    heard.append(verdict)


def found() -> list[tuple[str | None, str]]:
    """Return id and message of what the system checks say, every one with a hint."""
    said = checks.run_checks(tags=["consentgate"])
    assert all(message.hint for message in said)
    return [(message.id, message.msg) for message in said]


class TestChecks:
    """``manage.py check`` names the mistake and the remedy."""

    def test_a_sound_site_passes(self) -> None:
        """Nothing is said about it."""
        assert [] == found()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "CONSENTGATE['POLICY']: None is no policy; give a Policy, a mapping"),
            ({"POLICY": 5}, "CONSENTGATE['POLICY']: 5 is no policy; give a Policy, a mapping"),
            ({"POLICY": "/no/such.toml"}, "/no/such.toml: cannot be read: No such file"),
            (
                {"POLICY": {**POLICY, "cookies": [{"name": "a", "category": "odd"}]}},
                "CONSENTGATE['POLICY']: cookies[0].category: 'odd' is no category of this policy",
            ),
            (
                {
                    "POLICY": {
                        "version": "1",
                        "categories": {f"c{n}": {} for n in range(99)},
                    }
                },
                "categories: are too many for a consent cookie",
            ),
        ],
    )
    def test_E001_a_policy_is_missing_or_wrong(self, options: Any, message: str) -> None:
        """The message is that of the PolicyError."""
        with override_settings(CONSENTGATE=options):
            ((identifier, said),) = found()
        assert "consentgate.E001" == identifier
        assert said.startswith(message)

    def test_E001_without_the_setting(self) -> None:
        """An app that was installed and then forgotten is found."""
        with override_settings():
            del settings.CONSENTGATE
            assert ["consentgate.E001"] == [identifier for identifier, _ in found()]

    def test_E001_the_setting_is_no_dict(self) -> None:
        """Whoever wrote the path alone is told what is expected."""
        with override_settings(CONSENTGATE="consent.toml"):
            said = found()
        assert ("consentgate.E001", "CONSENTGATE is 'consent.toml'; make it a dict") in said

    def test_E002_an_unknown_key(self) -> None:
        """The key is named."""
        with override_settings(CONSENTGATE={"POLICY": POLICY, "POLCY": 1}):
            assert [
                (
                    "consentgate.E002",
                    f"CONSENTGATE['POLCY'] is no setting; use {', '.join(conf.KEYS)}",
                )
            ] == found()

    @pytest.mark.parametrize(
        "changes",
        [
            {"CONSENTGATE": {"POLICY": POLICY, "SECRET_KEYS": []}},
            {"SECRET_KEY": "", "SECRET_KEY_FALLBACKS": []},
        ],
    )
    def test_E003_no_secret_key(self, changes: Any) -> None:
        """Neither the gate's own nor Django's."""
        with override_settings(**changes):
            assert ["consentgate.E003"] == [identifier for identifier, _ in found()]

    @pytest.mark.parametrize("listener", ["no.such.function", "nodots", 5])
    def test_E004_on_verdict_cannot_be_called(self, listener: Any) -> None:
        """Neither a callable nor a path that leads to one."""
        with override_settings(CONSENTGATE={"POLICY": POLICY, "ON_VERDICT": listener}):
            ((identifier, message),) = found()
        assert "consentgate.E004" == identifier
        assert message.startswith("CONSENTGATE['ON_VERDICT']")

    def test_W001_the_gate_is_not_outermost(self) -> None:
        """The middleware outside it is named."""
        outer = "django.middleware.common.CommonMiddleware"
        with override_settings(MIDDLEWARE=[outer, GATE]):
            assert [
                ("consentgate.W001", f"The cookies of {outer} do not pass through ConsentGate.")
            ] == found()

    @pytest.mark.parametrize("others", [[], ["django.middleware.common.CommonMiddleware"]])
    def test_W002_the_gate_is_missing(self, others: list[str]) -> None:
        """The app alone enforces nothing."""
        with override_settings(MIDDLEWARE=others):
            assert ["consentgate.W002"] == [identifier for identifier, _ in found()]


class TestDjangosOwnCookies:
    """Session, CSRF, language and messages work for a visitor who accepts nothing."""

    def test_a_session_lasts(self) -> None:
        """A signed-cookie session counts on from visit to visit."""

        def count(request: HttpRequest) -> HttpResponse:
            request.session["visits"] = request.session.get("visits", 0) + 1
            return HttpResponse(str(request.session["visits"]))

        browser = visitor()
        with site(count):
            assert [b"1", b"2", b"3"] == [browser.get("/").content for _ in range(3)]

    def test_a_form_can_be_sent(self) -> None:
        """The CSRF cookie leaves and is read again."""
        browser = Client(enforce_csrf_checks=True)
        with site(lambda request: HttpResponse(get_token(request))):
            assert 403 == browser.post("/").status_code
            token = browser.get("/").content.decode()
            assert 200 == browser.post("/", {"csrfmiddlewaretoken": token}).status_code

    def test_a_language_can_be_chosen(self) -> None:
        """Django's own view sets it, and for no longer than the policy allows (R12)."""
        browser = Client()
        with site(lambda _: HttpResponse(get_language())):
            browser.post("/i18n/setlang/", {"language": "fr"})
            assert b"fr" == browser.get("/").content
        assert months(13) == browser.cookies["shop_language"]["max-age"]

    def test_a_message_arrives_once(self) -> None:
        """The messages cookie leaves, is read and deleted (R5)."""

        def talk(request: HttpRequest) -> HttpResponse:
            if request.method == "POST":
                messages.info(request, "Saved")
                return HttpResponse()
            return HttpResponse(", ".join(str(said) for said in messages.get_messages(request)))

        browser = Client()
        with site(talk):
            browser.post("/")
            assert [b"Saved", b""] == [browser.get("/").content for _ in range(2)]


class TestOnTheWire:
    """What Django's handlers send."""

    @pytest.fixture(params=["wsgi", "asgi"])
    def send(self, request: pytest.FixtureRequest) -> Callable[..., list[tuple[str, str]]]:
        """Return a function that asks the site, and gives the headers of its answer."""
        if request.param == "wsgi":
            return lambda **headers: wsgi_headers(
                **{
                    f"HTTP_{name.upper().replace('-', '_')}": value
                    for name, value in headers.items()
                }
            )
        return lambda **headers: asyncio.run(asgi_headers(list(headers.items())))

    def lines(self, headers: list[tuple[str, str]]) -> list[str]:
        """Return the Set-Cookie lines, without the blank that Django may put before each."""
        return [line.removeprefix(" ") for line in set_cookies(headers)]

    def test_R2_lines_leave_byte_for_byte(self, send: Any) -> None:
        """Two of one name stay two, and the gate's own come last."""
        lines = [ANALYTICS, "_ga=GA1.8; path=/a; secure; priority=low"]

        def answer(request: HttpRequest) -> HttpResponse:
            consent_from(request).grant("statistics")
            return setting(*lines)

        with site(answer):
            sent = self.lines(send())
        assert lines == sent[:2]
        assert sent[2].startswith("eu-consent=policy=1&time=")
        assert "; Path=/; Max-Age=15638400; SameSite=Lax" == sent[2][sent[2].index(";") :]
        assert [True] == [is_deposits_cookie(line) for line in sent[3:]]

    def test_R12_a_rewritten_line_leaves_as_the_gate_wrote_it(self, send: Any) -> None:
        """Unknown attributes survive, which a plain morsel could not hold."""
        line = "layout=wide; Priority=High; Max-Age=999999; Partitioned; path=/"
        limited = f"layout=wide; Priority=High; Partitioned; path=/; Max-Age={DAY}"

        def answer(request: HttpRequest) -> HttpResponse:
            consent_from(request).grant("functional")
            return setting(line)

        with site(answer):
            assert limited == self.lines(send())[0]

    def test_R4_a_header_written_past_the_cookies_is_gated(self, send: Any) -> None:
        """Kept away, limited or left as it is, as any other line, whatever its case."""
        for line, expected in (
            (ANALYTICS, []),
            ("shop_csrf=1", ["shop_csrf=1"]),
            ("shop_csrf=1; Max-Age=60", ["shop_csrf=1; Max-Age=60"]),
            ("shop_csrf=1; Max-Age=99999999", [f"shop_csrf=1; Max-Age={months(13)}"]),
        ):
            for name in ("Set-Cookie", "set-cookie"):
                with site(lambda _, headers={name: line}: HttpResponse(headers=headers)):
                    assert expected == without_additions(self.lines(send()))

    def test_R4_a_blank_around_the_name_hides_no_line(self, send: Any) -> None:
        """Servers strip it, after the gate has judged the line."""
        with site(lambda _: HttpResponse(headers={"Set-Cookie ": ANALYTICS})):
            assert [] == [value for name, value in send() if name.strip().lower() == "set-cookie"]

    def test_R10_a_deleted_consent_cookie_may_be_set_again(self, send: Any) -> None:
        """Two lines of one name both leave, the gate's own last."""

        def answer(request: HttpRequest) -> HttpResponse:
            consent_from(request).withdraw()
            response = HttpResponse()
            response.delete_cookie("eu-consent")
            return response

        with site(answer):
            deletion, decision = self.lines(send())
        assert deletion.startswith('eu-consent=""; expires=Thu, 01 Jan 1970')
        assert "statistics=false" in decision

    def test_R17_the_application_does_not_see_what_it_may_not_read(self, send: Any) -> None:
        """Neither in COOKIES, META and headers, nor in what lies below them."""
        seen: list[Any] = []

        def look(request: Any) -> HttpResponse:
            raw = getattr(request, "environ", None) or dict(request.scope["headers"])
            below = raw.get("HTTP_COOKIE", raw.get(b"cookie", b""))
            seen.append((request.COOKIES, request.META.get("HTTP_COOKIE")))
            seen.append((request.headers.get("cookie"), below in ("a=1; b=2", b"a=1; b=2")))
            return HttpResponse()

        with site(look):
            send(cookie="a=1; _ga=GA1; b=2")
        assert [({"a": "1", "b": "2"}, "a=1; b=2"), ("a=1; b=2", True)] == seen

    def test_R17_no_empty_header_is_left(self, send: Any) -> None:
        """Where nothing may be read there is no Cookie header."""
        seen: list[Any] = []

        def look(request: Any) -> HttpResponse:
            seen.append((request.COOKIES, "HTTP_COOKIE" in request.META))
            return HttpResponse()

        with site(look):
            send(cookie="_ga=GA1")
        assert [({}, False)] == seen

    def test_R18_what_may_not_be_read_is_deleted(self, send: Any) -> None:
        """Wherever it may have been stored, whether or not the application sets cookies."""
        deletions = [
            "_ga=; Path=/; Max-Age=0",
            "_ga=; Path=/; Domain=www.shop.example; Max-Age=0",
            "_ga=; Path=/; Domain=shop.example; Max-Age=0",
        ]
        for own in ([], ["shop_csrf=1; Path=/"]):
            with site(lambda _, own=own: setting(ANALYTICS, *own)):
                assert [*own, *deletions] == self.lines(
                    send(host="www.shop.example", cookie="a=1; _ga=GA1")
                )

    def test_R18_a_host_that_django_refuses_breaks_no_page(self, send: Any) -> None:
        """A view that does not ask for the host answers; so does the gate."""
        with site(plain, MIDDLEWARE=[GATE], ALLOWED_HOSTS=["shop.example"]):
            lines = self.lines(send(host="evil.example", cookie="_ga=1"))
        assert "_ga=; Path=/; Max-Age=0" in lines

    def test_R18_a_proxys_word_for_the_host_is_heard(self, send: Any) -> None:
        """Where the settings trust it: the cookie was stored for what the browser asked."""
        headers = {"host": "upstream:8000", "x-forwarded-host": "shop.example"}
        with site(plain, MIDDLEWARE=[GATE], USE_X_FORWARDED_HOST=True):
            lines = self.lines(send(cookie="_ga=1", **headers))
        assert "_ga=; Path=/; Domain=shop.example; Max-Age=0" in lines

    def test_R13_a_first_deposit_is_remembered(self, send: Any) -> None:
        """Once; while the browser sends the cookie its life is counted from then."""
        gate = conf.site_gate()
        consent = "=".join(consent_cookie(gate, ["functional"]))
        with site(lambda _: setting(f"layout=wide; Max-Age={DAY}; Path=/")):
            line, deposits = self.lines(send(cookie=consent))
            assert f"layout=wide; Max-Age={DAY}; Path=/" == line
            assert is_deposits_cookie(deposits)
            first = {"layout": gate.clock() - DAY / 2}
            dated = f"{consent}; {'='.join(deposits_cookie(gate, first))}; layout=wide"
            (line,) = self.lines(send(cookie=dated))
        assert DAY / 2 - 60 <= int(line.rpartition("Max-Age=")[2]) <= DAY / 2

    @pytest.mark.parametrize(
        ("status", "headers", "deletes"),
        [
            (200, {"Cache-Control": "max-age=60"}, False),
            (200, {"cache-control": "private, max-age=60"}, True),
            (304, {}, False),
            (304, {"Cache-Control": "private"}, True),
        ],
    )
    def test_R18_where_a_cache_may_store_the_answer_nothing_is_added(
        self, send: Any, status: int, headers: dict[str, str], deletes: bool
    ) -> None:
        """Also where Django itself says that nothing was modified."""
        with site(lambda _: HttpResponse(status=status, headers=headers), MIDDLEWARE=[GATE]):
            lines = self.lines(send(host="localhost", cookie="_ga=GA1"))
        assert (["_ga=; Path=/; Max-Age=0"] if deletes else []) == lines

    def test_R23_what_invites_shared_caches_is_taken_back(self, send: Any) -> None:
        """Where a decision leaves; Vary is Django's own, and added to."""

        def answer(request: HttpRequest) -> HttpResponse:
            consent_from(request).withdraw()
            inviting = {"cache-control": "public, max-age=60", "CDN-Cache-Control": "max-age=9"}
            return HttpResponse(headers={**inviting, "Vary": "Accept"})

        with site(answer, MIDDLEWARE=[GATE]):
            sent = {name.lower(): value for name, value in send()}
        assert ("Accept, Cookie", "max-age=60, private") == (sent["vary"], sent["cache-control"])
        assert "cdn-cache-control" not in sent

    def test_R17_a_cookie_header_in_pieces_counts(self) -> None:
        """HTTP/2 may send one cookie a header (RFC 9113 8.2.3)."""
        seen: list[Any] = []

        def look(request: Any) -> HttpResponse:
            seen.append(request.COOKIES)
            return setting(ANALYTICS)

        pieces = [("cookie", "a=1"), ("cookie", "_ga=GA1"), ("cookie", "b=2")]
        with site(look):
            consent = "=".join(consent_cookie(conf.site_gate(), ["statistics"]))
            refused = self.lines(asyncio.run(asgi_headers(pieces)))
            allowed = self.lines(asyncio.run(asgi_headers([*pieces, ("cookie", consent)])))
        deletion = "_ga=; Path=/; Max-Age=0"
        assert [deletion, "_ga=; Path=/; Domain=shop.example; Max-Age=0"] == refused
        assert [ANALYTICS] == without_additions(allowed)
        assert {"a": "1", "b": "2"} == seen[0]
        assert {"a", "_ga", "b", "eu-consent"} == set(seen[1])

    def test_R17_a_cookie_header_in_two_pieces_counts(self) -> None:
        """Django joins them by a comma, and would hide one cookie in the other."""
        seen: list[Any] = []

        def look(request: Any) -> HttpResponse:
            seen.append(request.COOKIES)
            return HttpResponse()

        with site(look):
            asyncio.run(asgi_headers([("cookie", "a=1"), ("cookie", "_ga=GA1")]))
        assert [{"a": "1"}] == seen

    def test_R17_a_comma_in_a_cookie_header_is_part_of_it(self) -> None:
        """Where there is one header, it is in no pieces."""
        seen: list[Any] = []

        def look(request: Any) -> HttpResponse:
            seen.append(request.META["HTTP_COOKIE"])
            return HttpResponse()

        with site(look):
            asyncio.run(asgi_headers([("cookie", "a=1,2; _ga=GA1; b=3")]))
        assert ["a=1,2; b=3"] == seen

    def test_R24_a_cookie_that_is_not_ascii_breaks_no_page(self) -> None:
        """Django's ASGI handler could not name it in a header: it is only hidden."""
        cookie = "_ga\xe9=1; _ga=2"
        with site(plain):
            for headers in (
                wsgi_headers(HTTP_COOKIE=cookie),
                asyncio.run(asgi_headers([("cookie", cookie)])),
            ):
                names = {line.strip().partition("=")[0] for line in set_cookies(headers)}
                assert {"_ga"} == names


class TestTheTestClient:
    """Django's own clients show what a browser would get."""

    def test_a_rewritten_morsel_reads_like_any_other(self) -> None:
        """The jar has its value and its new lifetime."""

        def answer(_request: HttpRequest) -> HttpResponse:
            response = HttpResponse()
            response.set_cookie("layout", 'wide "1"', max_age=999999, samesite="Lax", secure=True)
            return response

        browser = visitor("functional")
        with site(answer):
            browser.get("/")
        morsel = browser.cookies["layout"]
        assert ("layout", 'wide "1"', r'"wide \"1\""') == (
            morsel.key,
            morsel.value,
            morsel.coded_value,
        )
        assert (DAY, "/", "Lax", True) == tuple(
            morsel[name] for name in ("max-age", "path", "samesite", "secure")
        )
        assert str(morsel["expires"]).endswith(" GMT")

    def test_it_sends_a_rewritten_cookie_back(self) -> None:
        """Its value arrives as it was set."""

        def answer(request: HttpRequest) -> HttpResponse:
            response = HttpResponse(request.COOKIES.get("layout", "none"))
            response.set_cookie("layout", "very wide", max_age=999999)
            return response

        browser = visitor("functional")
        with site(answer):
            assert [b"none", b"very wide"] == [browser.get("/").content for _ in range(2)]

    def test_it_keeps_the_consent_cookie(self) -> None:
        """A decision holds on the next visit, whose cookies may then leave."""
        browser = Client()
        with site(granting):
            browser.post("/")
        with site(lambda _: setting(ANALYTICS)):
            assert {"line 0"} == set(browser.get("/").cookies)

    def test_the_async_client_does_the_same(self) -> None:
        """Deciding, storing and reading, all in one event loop."""

        async def view(request: HttpRequest) -> HttpResponse:
            if request.method == "POST":
                consent_from(request).grant("functional")
            response = HttpResponse(request.COOKIES.get("layout", "none"))
            response.set_cookie("layout", "wide", max_age=999999)
            return response

        async def visit() -> list[bytes]:
            browser = AsyncClient()
            answers = [await browser.get("/"), await browser.post("/"), await browser.get("/")]
            assert DAY - 60 <= browser.cookies["layout"]["max-age"] <= DAY  # since it was first set
            return [answer.content for answer in answers]

        with site(view):
            assert [b"none", b"none", b"wide"] == asyncio.run(visit())


class TestMorsel:
    """A line of the gate's as a morsel."""

    line = f"_ga=1; Max-Age={DAY}; Path=/; Priority=High; Secure"

    def test_it_is_written_byte_for_byte(self) -> None:
        """Whichever way Django or somebody else writes it."""
        morsel = LineMorsel(self.line)
        assert self.line == morsel.OutputString()
        assert f" {self.line}" == morsel.output(header="")
        assert f"Set-Cookie: {self.line}" == str(morsel)

    def test_a_copy_is_the_same(self) -> None:
        """Responses are copied and pickled, by caches above all."""
        morsel = LineMorsel(self.line)
        pickled = pickle.loads(pickle.dumps(morsel))  # noqa: S301 - our own bytes
        for twin in (morsel.copy(), copy.copy(morsel), pickled):
            assert (morsel, self.line) == (twin, twin.OutputString())

    def test_what_is_changed_later_is_not_lost(self) -> None:
        """Middleware outside the gate may change a morsel as it may any other."""
        morsel = LineMorsel(self.line)
        morsel["httponly"] = True
        assert f"_ga=1; HttpOnly; Max-Age={DAY}; Path=/; Secure" == morsel.OutputString()
        morsel.set("_ga", "2", "2")
        assert f"_ga=2; HttpOnly; Max-Age={DAY}; Path=/; Secure" == morsel.copy().OutputString()

    def test_a_name_that_morsels_refuse_is_no_error(self) -> None:
        """Browsers take cookies called ``path``, and names that are no tokens."""
        for name in ("path", "a[b]"):
            assert name == LineMorsel(f"{name}=1; Max-Age=5").key


def odd_morsel(name: str, *, gone: str = "", **attributes: Any) -> Morsel[str]:
    """Return a morsel with attributes that Django would not write, or without one of its own."""
    morsel = Morsel[str]()
    morsel.set(name, "a b", '"a b"')
    if gone:
        del morsel[gone]
    morsel.update(attributes)
    return morsel


def usual_cookies(**attributes: Any) -> list[Morsel[str]]:
    """Return what ``set_cookie`` makes of one cookie, twice: the second may be remembered."""
    response = HttpResponse()
    for name in ("a", "b"):
        response.set_cookie(name, "1", **attributes)
    return list(response.cookies.values())


class TestLines:
    """What is judged is what Django will write, though found in another way."""

    @pytest.mark.parametrize(
        "attributes",
        [
            {},
            {"max_age": 60, "path": "/a; expires=never", "domain": "shop.example"},
            {"max_age": 0, "secure": True, "httponly": True, "samesite": "None"},
            {"expires": "Thu, 01 Jan 2099 00:00:00 GMT", "path": None},
        ],
    )
    def test_R2_the_usual_cookies(self, attributes: Any) -> None:
        """Whether or not their attributes were seen before."""
        for morsel in usual_cookies(**attributes):
            assert morsel.OutputString() == as_line(morsel)

    def test_R2_each_of_two_dates_is_its_own(self) -> None:
        """A date is not remembered with what stands around it."""
        dates = [f"Thu, 01 Jan {year} 00:00:00 GMT" for year in (2098, 2099)]
        lines = [as_line(usual_cookies(expires=date)[0]) for date in dates]
        assert [f"a=1; expires={date}; Path=/" for date in dates] == lines

    @pytest.mark.parametrize(
        "attributes",
        [
            {"comment": "a, b", "version": "1"},
            {"expires": -1},
            {"path": 1},
            {"path": True},
            {"path": 1.0},
            {"max-age": 1.0},
            {"max-age": True},
            {"path": ["/"]},
            {"gone": "path"},
            {"gone": "path", "path": "/a"},
            {"gone": "expires"},
        ],
    )
    def test_R2_what_was_written_past_set_cookie(self, attributes: Any) -> None:
        """Values that are equal and yet written differently are not taken for each other."""
        morsel = odd_morsel("a", **attributes)
        assert morsel.OutputString() == as_line(morsel)

    def test_R2_an_attribute_in_the_place_of_another(self) -> None:
        """Somebody may even write past the morsel."""
        morsel = odd_morsel("a", gone="path")
        dict.__setitem__(morsel, "odd", "1")
        assert morsel.OutputString() == as_line(morsel)


class TestResponses:
    """What passes through the middleware, and how."""

    def test_R2_an_unchanged_morsel_stays_the_same_object(self) -> None:
        """Nothing is copied that need not be."""
        given = setting("shop_csrf=1; Path=/", ANALYTICS, LONG_LAYOUT)
        before = dict(given.cookies)
        with site(lambda _: given):
            after = visitor("functional").get("/").cookies
        assert before["line 0"] is after["line 0"]
        assert {"line 0", "line 2", "eu-consent-deposits"} == set(after)
        assert isinstance(after["line 2"], Morsel)
        assert f"layout=wide; Path=/; Max-Age={DAY}" == after["line 2"].OutputString()

    def test_R4_errors_inside_are_gated(self) -> None:
        """A page for an exception is a response like any other."""
        with site(bad_view, ROOT_URLCONF=failing_urls()):
            response = Client(raise_request_exception=False).get("/")
        assert (500, set()) == (response.status_code, set(response.cookies))

    @pytest.mark.parametrize("is_async", [False, True])
    def test_the_middleware_is_as_async_as_what_is_inside(self, is_async: bool) -> None:
        """Django asks each middleware before it decides how to call it."""

        async def inside(_request: HttpRequest) -> HttpResponse:
            return HttpResponse()

        middleware = ConsentGateMiddleware(inside if is_async else plain)
        assert is_async == iscoroutinefunction(middleware)

    @pytest.mark.parametrize("is_async", [False, True])
    def test_R7_a_blocked_cookie_raises(self, is_async: bool) -> None:
        """Django reports it as any exception of an application."""
        with (
            override_settings(CONSENTGATE={"POLICY": {**POLICY, "mode": "block"}}),
            site(lambda _: setting(ANALYTICS)),
            pytest.raises(CookieBlocked, match="'_ga' may not be set: undecided"),
        ):
            get("/", is_async=is_async)

    @pytest.mark.parametrize("is_async", [False, True])
    def test_R7_the_page_for_a_blocked_cookie_has_none(self, is_async: bool) -> None:
        """A handler500 that sets cookies is no way past the gate."""
        with (
            override_settings(CONSENTGATE={"POLICY": {**POLICY, "mode": "block"}}),
            site(plain, ROOT_URLCONF=failing_urls(lambda _: setting(ANALYTICS))),
        ):
            response = get("/", is_async=is_async, raise_request_exception=False)
        assert (500, b"Sorry") == (response.status_code, response.content)
        assert (set(), False) == (set(response.cookies), response.has_header("Set-Cookie"))

    def test_R9_a_grant_and_a_withdrawal_govern_the_same_answer(self) -> None:
        """Both from a view."""

        def withdrawing(request: HttpRequest) -> HttpResponse:
            consent_from(request).withdraw("statistics")
            return setting(ANALYTICS)

        browser = Client()
        with site(granting):
            added = ["eu-consent", "eu-consent-deposits"]
            assert ["line 0", *added] == list(browser.post("/").cookies)
        with site(withdrawing):
            assert ["eu-consent"] == list(browser.post("/").cookies)

    def test_R11_a_cookie_free_route_is_the_path_the_visitor_sees(self) -> None:
        """That is below the prefix the site is mounted at."""
        with site(lambda _: setting("shop_csrf=1")):
            mounted = Client().get("/contact", SCRIPT_NAME="/shop")
            assert set() == set(mounted.cookies)
            assert {"line 0"} == set(Client().get("/contact").cookies)

    def test_R19_the_consent_cookie_is_secure_where_the_request_was(self) -> None:
        """Also where a proxy that the settings trust says so."""
        with site(granting):
            for headers, expected in (({}, ""), ({"X-Forwarded-Proto": "https"}, True)):
                cookies = Client().post("/", headers=headers).cookies
                assert expected == cookies["eu-consent"]["secure"]

    def test_R22_privacy_signals_are_heard(self) -> None:
        """Sec-GPC refuses what the policy marks, for an undecided visitor."""
        advertising = {"advertising": {"basis": "opt-out"}}
        with (
            override_settings(CONSENTGATE={"POLICY": {"version": "1", "categories": advertising}}),
            site(lambda request: HttpResponse(str(consent_from(request).allows("advertising")))),
        ):
            answers = [Client(headers={"Sec-GPC": value}).get("/").content for value in ("1", "0")]
        assert [b"False", b"True"] == answers

    def test_R4_streams_and_files_are_untouched(self) -> None:
        """Body and class of a response stay, its cookies are gated."""
        path = __file__
        for make in (
            lambda: StreamingHttpResponse(iter([b"a", b"b"])),
            lambda: FileResponse(open(path, "rb")),  # noqa: PTH123, SIM115 - closed by the response
        ):

            def answer(_request: HttpRequest, make: Any = make) -> Any:
                response = make()
                response.set_cookie("_ga", "1")
                return response

            with site(answer):
                response = Client().get("/")
                body = b"".join(response.streaming_content)
                response.close()
            assert set() == set(response.cookies)
            assert body.startswith((b"ab", b'"""The Django adapter'))

    def test_R4_an_async_stream_is_untouched(self) -> None:
        """Nothing of it is read early."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"
            yield b"b"

        async def answer(_request: HttpRequest) -> StreamingHttpResponse:
            response = StreamingHttpResponse(pieces())
            response.set_cookie("_ga", "1")
            return response

        async def visit() -> tuple[bytes, set[str]]:
            response: Any = await AsyncClient().get("/")
            return b"".join([piece async for piece in response.streaming_content]), set(
                response.cookies
            )

        with site(answer):
            assert (b"ab", set()) == asyncio.run(visit())

    def test_R17_what_an_outer_middleware_computed_is_refreshed(self) -> None:
        """COOKIES and headers are computed once; what was hidden since is not in them."""
        seen: list[Any] = []

        def look(request: HttpRequest) -> HttpResponse:
            seen.append((request.COOKIES, request.headers.get("Cookie")))
            return HttpResponse()

        with site(look, MIDDLEWARE=[f"{__name__}.curious", GATE]):
            Client(headers={"Cookie": "a=1; _ga=2"}).get("/")
        assert [({"a": "1"}, "a=1")] == seen


def curious(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Make a middleware that looks at the cookies before the gate does."""

    def middleware(request: HttpRequest) -> HttpResponse:
        assert {"a": "1", "_ga": "2"} == request.COOKIES
        assert "a=1; _ga=2" == request.headers["Cookie"]
        return get_response(request)

    return middleware


def bad_view(_request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise LookupError("an application's own error")


def sorry(_request: HttpRequest) -> HttpResponse:
    """Answer an exception, with cookies."""
    response = HttpResponseServerError("Sorry", headers={"set-cookie": "_ga=1"})
    response.set_cookie("_ga", "2")
    return response


def failing_urls(view: Callable[..., Any] = bad_view) -> type:
    """Return the addresses of a site whose pages for exceptions set cookies."""
    return type("Urls", (), {"urlpatterns": [re_path("", view)], "handler500": staticmethod(sorry)})


def get(path: str, *, is_async: bool, **options: Any) -> Any:
    """Ask the site with Django's client or its async one."""
    if is_async:

        async def ask() -> Any:
            return await AsyncClient(**options).get(path)

        return asyncio.run(ask())
    return Client(**options).get(path)


class TestAsking:
    """`request.consent` and `consent_from`."""

    def test_both_are_the_same_consent(self) -> None:
        """What is granted on one is granted on the other."""

        def answer(request: Any) -> HttpResponse:
            request.consent.grant("statistics")
            return HttpResponse(str(sorted(consent_from(request).granted)))

        with site(answer):
            assert b"['statistics']" == Client().post("/").content

    def test_a_copy_of_a_request_asks_for_the_request(self) -> None:
        """Django's page cache, further out than the copy, must not keep what was asked with it."""
        request: Any = gated_request()
        assert not copy.copy(request).consent.decided
        assert request._cache_update_cache is False  # how Django's cache is told

    def test_it_outlives_its_request(self) -> None:
        """As in a site's own tests, which may keep it and drop the answer."""
        policy = {"version": "1", "categories": {"advertising": {"basis": "opt-out"}}}
        with override_settings(CONSENTGATE={"POLICY": policy}):
            refusing, silent = (
                gated_request(headers=headers).consent  # type: ignore[attr-defined]  # it is set
                for headers in ({"Sec-GPC": "1"}, {})
            )
        assert [False, True] == [each.allows("advertising") for each in (refusing, silent)]

    @pytest.mark.parametrize("is_async", [False, True])
    @pytest.mark.parametrize("cookie", ["", "_ga=1; a=2"])
    def test_nothing_is_left_to_the_garbage_collector(self, is_async: bool, cookie: str) -> None:
        """Request and consent go with the answer, whether or not somebody looked."""
        for view in (plain, looking, granting, lambda _: setting(ANALYTICS, LONG_LAYOUT)):
            middleware: Any = ConsentGateMiddleware(as_async(view) if is_async else view)

            def ask(middleware: Any = middleware) -> None:
                answer(middleware, RequestFactory().get("/", headers={"Cookie": cookie}))

            assert 0 == left_in_cycles(ask)

    def test_R23_having_it_is_not_asking(self) -> None:
        """Caching headers stay untouched until somebody looks."""
        had: list[Any] = []

        def answer(request: Any) -> HttpResponse:
            had.append(request.consent)
            return HttpResponse()

        with site(answer, MIDDLEWARE=[GATE]):
            assert not Client().get("/").has_header("Vary")

    def test_R23_asking_adds_to_djangos_vary(self) -> None:
        """Each name once, and a Vary of everything stays as it is."""
        for own, expected in (
            (["Accept"], "Accept, Cookie"),
            (["Accept", "cookie"], "Accept, cookie"),
            (["*"], "*"),
        ):

            @vary_on_headers(*own)
            def answer(request: Any) -> HttpResponse:
                return HttpResponse(str(request.consent.decided))

            with site(answer, MIDDLEWARE=[GATE]):
                assert expected == Client().get("/")["Vary"]

    def test_R23_djangos_own_cache_keeps_no_answer_that_asked(self) -> None:
        """It stands inside the gate and would show one visitor's page to another."""

        def allowed(request: HttpRequest) -> HttpResponse:
            return HttpResponse(str(consent_from(request).allows("statistics")))

        cached = [
            GATE,
            "django.middleware.cache.UpdateCacheMiddleware",
            "django.middleware.cache.FetchFromCacheMiddleware",
        ]
        for view, middleware in ((allowed, cached), (cache_page(60)(allowed), [GATE])):
            with site(view, MIDDLEWARE=middleware):
                assert b"True" == visitor("statistics").get("/").content
                assert b"False" == Client().get("/").content

    def test_a_page_that_did_not_ask_is_cached(self) -> None:
        """And its cookies are judged for each visitor it is shown to (R4)."""
        asked: list[str] = []

        @cache_page(60)
        def answer(request: HttpRequest) -> HttpResponse:
            asked.append(request.path)
            response = HttpResponse()
            response.set_cookie("_ga", "1")
            return response

        with site(answer, MIDDLEWARE=[GATE]):
            assert {"_ga"} == set(visitor("statistics").get("/").cookies)
            assert set() == set(Client().get("/").cookies)
        assert ["/"] == asked

    def test_R9_a_decision_while_streaming_comes_too_late(self) -> None:
        """The headers are gone, and saying so beats losing it."""

        def answer(request: HttpRequest) -> StreamingHttpResponse:
            def pieces() -> Iterator[bytes]:
                consent_from(request).grant("statistics")
                yield b"late"

            return StreamingHttpResponse(pieces())

        with site(answer), pytest.raises(DecisionNotStored, match="has begun"):
            Client().get("/").getvalue()

    def test_without_the_middleware_nobody_answers(self) -> None:
        """Neither under WSGI nor under ASGI."""
        with site(lambda request: HttpResponse(str(consent_from(request))), MIDDLEWARE=[]):
            for is_async in (False, True):
                with pytest.raises(MiddlewareMissing):
                    get("/", is_async=is_async)


def looking(request: Any) -> HttpResponse:
    """Answer what is found of the visitor's consent."""
    return HttpResponse(str(request.consent.decided))


def gated_request(**options: Any) -> HttpRequest:
    """Return a request that has been answered."""
    request = RequestFactory().get("/", **options)
    ConsentGateMiddleware(plain)(request)
    return request


def as_async(view: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Return ``view`` as a coroutine function."""

    async def view_async(request: HttpRequest) -> HttpResponse:
        return view(request)

    return view_async


def answer(middleware: Any, request: HttpRequest) -> None:
    """Let ``middleware`` answer; without an event loop, which has cycles of its own."""
    answered = middleware(request)
    if asyncio.iscoroutine(answered):
        with pytest.raises(StopIteration):
            answered.send(None)


def left_in_cycles(action: Callable[[], None]) -> int:
    """Return how many objects ``action`` leaves for the garbage collector to find."""
    action()  # once, for what is made only then and kept
    gc.collect()
    gc.disable()
    try:
        action()
        return gc.collect()
    finally:
        gc.enable()


class TestAGateAroundDjango:
    """Both middlewares at once are one gate: the outer one judges."""

    def test_wsgi(self) -> None:
        """A grant inside Django is stored by the gate outside, once."""
        with site(granting):
            line, consent, deposits = through_wsgi_gate()
        assert [ANALYTICS, "eu-consent"] == [line.strip(), consent.partition("=")[0]]
        assert is_deposits_cookie(deposits)

    def test_asgi(self) -> None:
        """The same for ASGI."""
        with site(granting):
            line, consent, deposits = through_asgi_gate()
        assert [ANALYTICS, "eu-consent"] == [line.strip(), consent.partition("=")[0]]
        assert is_deposits_cookie(deposits)

    def test_without_the_middleware_inside(self) -> None:
        """The gate around Django is enough to ask about consent."""
        with site(granting, MIDDLEWARE=[]):
            assert 3 == len(through_wsgi_gate()) == len(through_asgi_gate())


def through_wsgi_gate() -> list[str]:
    """Ask Django behind the plain WSGI middleware, for the lines that leave."""
    return set_cookies(
        wsgi_headers(consentgate.wsgi.ConsentGateMiddleware(WSGIHandler(), conf.site_gate()))
    )


def through_asgi_gate() -> list[str]:
    """Ask Django behind the plain ASGI middleware, for the lines that leave."""
    handler: Any = ASGIHandler()  # typed for scopes that are dicts
    app = consentgate.asgi.ConsentGateMiddleware(handler, conf.site_gate())
    return set_cookies(asyncio.run(asgi_headers([], app)))


class TestTemplates:
    """Asking in a template."""

    def test_the_tag_shows_one_of_two_parts(self) -> None:
        """Its category may be a variable."""
        source = "{% if_consent category %}counted{% else %}not counted{% end_if_consent %}"
        assert "not counted" == rendered(source, Client())
        assert "counted" == rendered(source, visitor("statistics"))

    def test_the_tag_needs_no_else(self) -> None:
        """Then nothing is shown."""
        source = "<{% if_consent 'statistics' %}counted{% end_if_consent %}>"
        assert "<>" == rendered(source, Client())
        assert "<counted>" == rendered(source, visitor("statistics"))

    @pytest.mark.parametrize("name", ["consent", "request.consent"])
    def test_the_filter_asks_inside_if(self, name: str) -> None:
        """With the context processor, and with the request alone."""
        source = f"{{% if {name}|allows:'statistics' %}}yes{{% else %}}no{{% endif %}}"
        assert "no" == rendered(source, Client())
        assert "yes" == rendered(source, visitor("statistics"))

    def test_R23_a_template_that_does_not_ask_adds_no_vary(self) -> None:
        """The context processor alone changes nothing."""
        with site(lambda request: page(request, "Hello"), MIDDLEWARE=[GATE]):
            assert not Client().get("/").has_header("Vary")
        with site(lambda request: page(request, "{{ consent.decided }}"), MIDDLEWARE=[GATE]):
            assert "Cookie" == Client().get("/")["Vary"]

    def test_an_unknown_category_is_an_error(self) -> None:
        """A slip of the pen must not silently mean no."""
        with pytest.raises(UnknownCategory, match="'statistcs'"):
            rendered("{% if_consent 'statistcs' %}{% end_if_consent %}", Client())

    def test_nobody_consents_where_there_is_no_request(self) -> None:
        """A template for a mail or for an error page is still rendered."""
        template = compiled("{% if_consent 'statistics' %}a{% else %}b{% end_if_consent %}")
        assert "b" == template.render()

    def test_a_wrong_tag_is_told_at_once(self) -> None:
        """It takes exactly one category."""
        for tag in ("if_consent", "if_consent 'a' 'b'"):
            with pytest.raises(TemplateSyntaxError, match="takes one category"):
                compiled(f"{{% {tag} %}}{{% end_if_consent %}}")


class TestPages:
    """The visitor's side, as Django gives it."""

    def settings(self, **options: Any) -> Any:
        """Return the settings of a site with these options."""
        return override_settings(CONSENTGATE={"POLICY": POLICY, **options})

    def test_they_are_there_unless_told_otherwise(self) -> None:
        """By default, and not with ``PAGES: None``."""
        with site(plain):
            assert b"<h1" in Client().get("/consent/").content
            with self.settings(PAGES=None):
                assert b"Hello" == Client().get("/consent/").content

    def test_a_template_shows_the_banner(self) -> None:
        """In the language that is active, with a nonce, and back to its own address."""
        source = "{% consent_banner nonce='abc' %}"
        with site(lambda request: page(request, source)):
            text = Client(headers={"accept-language": "fr"}).get("/tea?cup=2").content.decode()
        assert "Tout refuser" in text
        assert 'nonce="abc"' in text
        assert 'value="/tea?cup=2"' in text

    def test_a_banner_may_be_in_another_language(self) -> None:
        """And without its link."""
        text = rendered("{% consent_banner language='de' link=False %}", visitor("statistics"))
        assert 'lang="de"' in text
        assert 'data-cg-action="customise"' not in text

    def test_a_template_sets_consent_mode(self) -> None:
        """Before the tags that it puts next."""
        text = rendered("{% consent_mode nonce='abc' %}", visitor("statistics"))
        assert '"analytics_storage":"granted"' in text

    def test_the_sites_own_language_comes_first(self) -> None:
        """Who reads none that is offered gets it."""
        for own, expected in (("fr-ca", "fr-ca"), ("de", "de"), ("pl", "en")):
            with override_settings(LANGUAGE_CODE=own), site(plain):
                text = Client(headers={"accept-language": "xx"}).get("/consent/").content.decode()
            assert f'lang="{expected}"' in text

    def test_their_options_may_be_set(self) -> None:
        """In upper case, as settings are."""
        with self.settings(PAGES={"LANGUAGES": ["it"], "SITE_NAME": "Tea & more"}), site(plain):
            text = Client().get("/consent/").content.decode()
        assert 'lang="it"' in text
        assert "Tea &amp; more" in text

    def test_E005_a_mistake_in_them(self) -> None:
        """The message names the options that there are."""
        with self.settings(PAGES={"SITE": "Tea"}):
            ((identifier, said),) = found()
        assert "consentgate.E005" == identifier
        assert "no option 'site'" in said

    def test_E005_waits_for_a_sound_policy(self) -> None:
        """One mistake is told once."""
        with self.settings(POLICY={"version": ""}, PAGES={"SITE": "Tea"}):
            assert ["consentgate.E001"] == [identifier for identifier, _ in found()]

    def test_a_banner_needs_a_visitor_and_pages(self) -> None:
        """Both errors say what to do."""
        with pytest.raises(ImproperlyConfigured, match="with its request"):
            compiled("{% consent_banner %}").render()
        with (
            self.settings(PAGES=None),
            pytest.raises(ConfigurationError, match="has no pages"),
        ):
            rendered("{% consent_banner %}", Client())

    def test_R23_a_page_with_a_banner_is_in_no_page_cache(self) -> None:
        """Django's cache stands inside the gate, and sees no Vary of the gate's."""
        cached = cache_page(60)(lambda request: page(request, "{% consent_banner %}"))
        with site(cached, MIDDLEWARE=[GATE]):
            first = Client().get("/").content
            second = visitor().get("/").content
        assert b'role="dialog"' in first
        assert b'role="dialog"' not in second

    @pytest.mark.parametrize("is_async", [False, True])
    def test_a_form_that_breaks_off_is_no_choice(self, is_async: bool) -> None:
        """The visitor left while sending it."""

        class Broken(io.BytesIO):
            def read(self, *_: Any) -> bytes:
                raise OSError("gone")

        request = RequestFactory().post("/consent/", "choice=accept_all", content_type="text/plain")
        request._stream = Broken()
        request._read_started = False
        with site(plain):
            middleware = ConsentGateMiddleware(async_plain if is_async else plain)
            response = middleware(request)
            answered = asyncio.run(response) if is_async else response  # type: ignore[arg-type]  # as the front is
        assert 413 == answered.status_code

    def test_a_form_that_is_cut_short_is_no_choice(self) -> None:
        """Its length says that more was to come."""
        kind = "application/x-www-form-urlencoded"
        request = RequestFactory().post("/consent/", "choice=accept_all", content_type=kind)
        request.META["CONTENT_LENGTH"] = "500"
        answered = ConsentGateMiddleware(plain)(request)
        assert 413 == answered.status_code  # type: ignore[union-attr]  # it is no coroutine

    def test_the_host_must_be_allowed(self) -> None:
        """As for any other page of Django's."""
        with override_settings(ALLOWED_HOSTS=["shop.example"]), site(plain):
            assert 400 == Client().get("/consent/").status_code

    def test_what_has_no_body_has_no_type(self) -> None:
        """Caches take over what a 304 says."""
        with site(plain):
            etag = Client().get("/consent/banner.js")["ETag"]
            answered = Client().get("/consent/banner.js", headers={"If-None-Match": etag})
        assert 304 == answered.status_code
        assert not answered.has_header("Content-Type")

    def test_a_nonce_that_is_not_there_is_none(self) -> None:
        """A template variable may be None."""
        assert "nonce" not in rendered("{% consent_banner nonce=None %}", Client())

    def test_a_tag_shows_the_pages_that_answer(self) -> None:
        """Also where a middleware factory has a gate and pages of its own."""
        gate = Gate(Policy("1", path_prefix="/privacy/"), "key")
        pages = ConsentPages(gate, languages=["it"])
        template = "{% consent_banner %}"
        middleware = ConsentGateMiddleware(lambda request: page(request, template), gate, pages)
        text = middleware(RequestFactory().get("/")).content.decode()  # type: ignore[union-attr]  # it is no coroutine
        assert 'lang="it"' in text
        assert "/privacy/banner.js" in text

    def test_pages_need_their_gate(self) -> None:
        """Those of the settings would be another's."""
        pages = ConsentPages(Gate(Policy("1"), "key"))
        with pytest.raises(ConfigurationError, match="give gate="):
            ConsentGateMiddleware(plain, pages=pages)

    def test_a_store_is_asked_in_djangos_own_thread(self) -> None:
        """Where its database connections are, while the event loop goes on."""

        class Slow:
            paths = frozenset({"/consent/"})
            thread = 0

            def __init__(self, gate: Gate) -> None:
                self.gate = gate

            def blocking(self, _request: PageRequest) -> bool:
                return True

            def answer(self, _request: PageRequest) -> PageResponse:
                self.thread = threading.get_ident()
                return PageResponse(200, [])

        async def ask() -> int:
            request = RequestFactory().get("/consent/")
            await middleware(request)  # type: ignore[misc]  # it is a coroutine
            return await sync_to_async(threading.get_ident)()

        gate = conf.site_gate()
        pages = Slow(gate)
        middleware = ConsentGateMiddleware(async_plain, gate, pages)
        assert asyncio.run(ask()) == pages.thread
        assert threading.get_ident() != pages.thread

    def test_a_gate_around_django_may_leave_the_pages_to_it(self) -> None:
        """What judges the cookies need not answer for the visitor's side."""
        around = consentgate.wsgi.ConsentGateMiddleware(WSGIHandler(), conf.site_gate())
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        with site(plain):
            body = around({**environ, "PATH_INFO": "/consent/state"}, lambda *_: lambda _: None)
        assert b'"undecided"' in b"".join(body)

    @pytest.mark.parametrize("is_shared", [False, True])
    def test_the_pages_of_a_gate_around_django_are_shown(self, is_shared: bool) -> None:
        """Theirs are the addresses that visitors reach first, also where both share a gate."""
        gate = conf.site_gate() if is_shared else Gate(conf.site_policy(), "key")
        around = consentgate.wsgi.ConsentGateMiddleware(
            WSGIHandler(), gate, pages=ConsentPages(gate, languages=["nl"])
        )
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        with site(lambda request: page(request, "{% consent_banner %}")):
            body = b"".join(around(environ, lambda *_: lambda _: None))
        assert b'lang="nl"' in body

    @pytest.mark.parametrize("prefix", ["/shop", "/shop/", "//shop"])
    def test_a_mounted_site_keeps_to_its_prefix(self, prefix: str) -> None:
        """SCRIPT_NAME is part of each address, however a server writes it."""
        kind = "application/x-www-form-urlencoded"
        with site(lambda request: page(request, "{% consent_banner %}")):
            banner = Client().get("/tea", SCRIPT_NAME=prefix).content.decode()
            saved = Client().post("/consent/", "choice=accept_all", kind, SCRIPT_NAME=prefix)
        assert 'action="/shop/consent/"' in banner
        assert (303, "/shop/consent/") == (saved.status_code, saved["Location"])

    def test_a_variety_of_a_language_stands_for_it(self) -> None:
        """Who reads French gets the French of the site."""
        with override_settings(LANGUAGE_CODE="fr-ca"), site(plain):
            text = Client(headers={"accept-language": "fr"}).get("/consent/").content.decode()
        assert 'lang="fr-ca"' in text

    def test_a_banner_speaks_the_active_language(self) -> None:
        """Whatever the visitor's browser likes best."""

        def german(request: HttpRequest) -> HttpResponse:
            with translation.override("de"):
                return page(request, "{% consent_banner %}")

        with site(german):
            text = Client(headers={"accept-language": "fr"}).get("/").content.decode()
        assert 'lang="de"' in text

    def test_a_nonce_may_be_lazy(self) -> None:
        """It is false until somebody has used it, as Django's own."""

        class Lazy:
            def __bool__(self) -> bool:
                return False

            def __str__(self) -> str:
                return "abc"

        def tea(request: HttpRequest) -> HttpResponse:
            template = compiled("{% consent_banner nonce=nonce %}")
            return HttpResponse(template.render({"nonce": Lazy()}, request))

        with site(tea):
            assert b'nonce="abc"' in Client().get("/").content

    @pytest.mark.parametrize(("length", "status"), [(MAX_BODY, 422), (MAX_BODY + 1, 413)])
    @pytest.mark.parametrize("is_told", [False, True])
    def test_a_form_is_read_to_its_limit(self, length: int, status: int, is_told: bool) -> None:
        """Also where nobody says how long it is."""
        kind = "application/x-www-form-urlencoded"
        request = RequestFactory().post("/consent/", b"a" * length, content_type=kind)
        if not is_told:
            del request.META["CONTENT_LENGTH"]
        answered = ConsentGateMiddleware(plain)(request)
        assert status == answered.status_code  # type: ignore[union-attr]  # it is no coroutine

    def test_a_gate_may_have_no_pages(self) -> None:
        """Those of the settings are not for a gate of a middleware factory."""
        middleware = ConsentGateMiddleware(plain, Gate(Policy("1"), "key"))
        answered = middleware(RequestFactory().get("/consent/"))
        assert b"Hello" == answered.content  # type: ignore[union-attr]  # it is no coroutine

    def test_a_decision_below_a_gate_around_django_is_stored_once(self) -> None:
        """The outer gate alone writes it."""
        around = consentgate.wsgi.ConsentGateMiddleware(WSGIHandler(), conf.site_gate())
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        headers: list[tuple[str, str]] = []

        def start_response(_status: str, lines: Any, *_: Any) -> Any:
            headers.extend(lines)
            return lambda _: None

        with site(granting):
            around(environ, start_response)
        values = [value for name, value in headers if name == "Set-Cookie"]
        assert 1 == sum(value.startswith("eu-consent=") for value in values)


class TestRecords:
    """The proof of consent, before any header of Django's leaves."""

    @pytest.fixture(params=[False, True], ids=["sync", "async"])
    def is_async(self, request: pytest.FixtureRequest) -> bool:
        """Give both ways in turn."""
        return bool(request.param)

    def ask(
        self, view: Any, store: Any, *, is_async: bool, pages: Any = None, **headers: str
    ) -> Any:
        """Let the gate of ``store`` answer for a view."""
        policy = Policy.from_mapping(POLICY).with_framework("django")
        gate = Gate(policy, "key", records=store, clock=lambda: NOW)
        found = pages and pages(gate)
        request = RequestFactory().post("/", headers=headers)
        if not is_async:
            return ConsentGateMiddleware(view, gate, found)(request)

        async def view_async(request: HttpRequest) -> HttpResponse:
            answered: HttpResponse = view(request)
            return answered

        return asyncio.run(ConsentGateMiddleware(view_async, gate, found)(request))  # type: ignore[arg-type]  # it is a coroutine

    def test_R26_the_record_is_kept_before_the_answer_is_there(self, is_async: bool) -> None:
        """In Django's own thread, where its database is."""
        store = Memory()
        answered = self.ask(granting, store, is_async=is_async)
        assert 200 == answered.status_code
        (record,) = store.kept
        assert f"&id={record.subject}&" in answered.cookies["eu-consent"].OutputString()
        assert is_async == (threading.get_ident() not in store.threads)

    def test_R26_a_stream_waits_for_the_record(self, is_async: bool) -> None:
        """Its first piece is asked for afterwards."""
        happened: list[str] = []

        def stream(request: HttpRequest) -> StreamingHttpResponse:
            consent_from(request).grant("statistics")
            return StreamingHttpResponse(happened.append(piece) or piece for piece in ("a", "b"))

        answered = self.ask(stream, Noting(happened), is_async=is_async)
        assert ["recorded"] == happened
        assert b"ab" == b"".join(answered.streaming_content)

    def test_R26_the_record_is_kept_before_the_headers_leave(self, is_async: bool) -> None:
        """As a server sees it."""
        happened: list[str] = []
        policy = Policy.from_mapping(POLICY).with_framework("django")
        gate = Gate(policy, "key", records=Noting(happened))
        view = View(decide=lambda consent: consent.grant("statistics"))
        with serving(gate, None, view, consent_from, is_async=is_async):
            if is_async:
                sent = asyncio.run(asgi_headers([], noting_sends(happened)))
            else:
                sent = wsgi_headers(noting_start(happened))
        assert ["recorded", "headers"] == happened
        assert any(line.strip().startswith("eu-consent=") for line in set_cookies(sent))

    @pytest.mark.parametrize("has_pages", [False, True])
    def test_R26_what_cannot_be_recorded_is_not_taken(
        self, is_async: bool, has_pages: bool
    ) -> None:
        """503, in the visitor's language where there are pages, and no cookie."""
        pages = ConsentPages if has_pages else None
        language = {"accept_language": "fr"}
        answered = self.ask(granting, Failing(), is_async=is_async, pages=pages, **language)
        assert (503, {}) == (answered.status_code, answered.cookies)
        assert has_pages == (b'<html lang="fr">' in answered.content)
        assert has_pages != (answered.content == SORRY)
        assert "no-store" in answered["Cache-Control"]

    def test_R26_a_file_that_is_not_sent_is_closed(self, is_async: bool) -> None:
        """What the view answered is put away as if it had been sent."""
        file = io.BytesIO(b"Tea")

        def send(request: HttpRequest) -> FileResponse:
            consent_from(request).grant("statistics")
            return FileResponse(file)

        assert 503 == self.ask(send, Failing(), is_async=is_async).status_code
        assert file.closed

    def test_R22_a_signal_is_recorded_once(self, is_async: bool) -> None:
        """And noted in the consent cookie; a store that fails keeps no page from anybody."""
        category = {"advertising": {"basis": "opt-out", "gpc": True}}
        policy = {**POLICY, "categories": category, "gpc": "override"}
        for store, noted in ((Memory(), True), (Failing(), False)):
            gate = Gate(Policy.from_mapping(policy), "key", records=store, clock=lambda: NOW)
            cookie = "=".join(consent_cookie(gate, ["advertising"]))
            request = RequestFactory().get("/", headers={"sec_gpc": "1", "cookie": cookie})
            view = async_plain if is_async else plain
            answered: Any = ConsentGateMiddleware(view, gate)(request)
            answered = asyncio.run(answered) if is_async else answered
            assert (200, b"Hello") == (answered.status_code, answered.content)
            assert noted == ("eu-consent-signal" in answered.cookies) == bool(store.kept)

    @pytest.mark.parametrize(
        ("address", "kept"), [("203.0.113.77", "203.0.113.0"), ("", ""), (None, "")]
    )
    def test_R28_details_are_kept_where_they_are_asked_for(
        self, address: str | None, kept: str
    ) -> None:
        """The network of REMOTE_ADDR, where a server tells it, and the major version."""
        store = Memory()
        details: list[Any] = ["ip_address", "user_agent"]
        gate = Gate(conf.site_policy(), "key", records=store, record_details=details)
        request = RequestFactory().post("/", headers={"user-agent": "Firefox/128.0.1"})
        request.META["REMOTE_ADDR"] = address
        ConsentGateMiddleware(granting, gate)(request)
        assert (kept, "Firefox/128") == (store.kept[0].ip_address, store.kept[0].user_agent)

    def test_R26_a_gate_around_django_records_what_django_decides(self) -> None:
        """In its own place, with the cookie."""
        store = Memory()
        gate = Gate(conf.site_policy(), "key", records=store)
        around = consentgate.wsgi.ConsentGateMiddleware(WSGIHandler(), gate)
        with site(granting):
            sent = wsgi_headers(around)
        assert 1 == len(store.kept)
        assert f"&id={store.kept[0].subject}&" in "".join(set_cookies(sent))

    def test_R26_the_sites_records_are_kept_below_a_gate_around_django(self) -> None:
        """Where the outer gate, of the same policy, keeps none."""
        store = Memory()
        with site(granting, CONSENTGATE={"POLICY": POLICY, "RECORDS": store}):
            gate = Gate(conf.site_policy(), "key")
            sent = wsgi_headers(consentgate.wsgi.ConsentGateMiddleware(WSGIHandler(), gate))
        assert any("&statistics=true&" in line for line in set_cookies(sent))
        assert 1 == len(store.kept)


def noting_start(happened: list[str]) -> Any:
    """Return Django's WSGI application, noting when its headers leave."""

    def app(environ: Any, start_response: Any) -> Any:
        def noting(*started: Any) -> Any:
            happened.append("headers")
            return start_response(*started)

        return WSGIHandler()(environ, noting)

    return app


def noting_sends(happened: list[str]) -> Any:
    """Return Django's ASGI application, noting when its headers leave."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                happened.append("headers")
            await send(message)

        await ASGIHandler()(scope, receive, noting)

    return app


async def async_plain(_request: HttpRequest) -> HttpResponse:
    """Answer without a cookie, in an event loop."""
    return HttpResponse("Hello")


def compiled(source: str) -> Any:
    """Compile ``source`` with our tags loaded."""
    return engines["django"].from_string("{% load consentgate %}" + source)


def page(request: HttpRequest, source: str) -> HttpResponse:
    """Answer with ``source`` as a template."""
    return HttpResponse(compiled(source).render({"category": "statistics"}, request))


def rendered(source: str, browser: Client) -> str:
    """Return what the visitor of ``browser`` sees of the template ``source``."""
    with site(lambda request: page(request, source)):
        return browser.get("/").content.decode()
