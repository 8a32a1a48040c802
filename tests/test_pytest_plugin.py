"""The pytest plugin, as users run it: fixtures for each state of consent, and the report."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import flask
import httpx
import httpx2
import pytest
import pytest_consentgate
import requests
import werkzeug.test
from client_sites import asgi_site, by_httpx, fastapi_site, flask_site, starlette_site, wsgi_site
from django.conf import settings
from django.test.utils import override_settings
from pytest_consentgate.clients import browser_of
from pytest_consentgate.report import CookieReport
from pytest_consentgate.search import gate_of_test, gate_within
from pytest_consentgate.states import GPC, ConsentState, GrantedState, declared, offered
from starlette.testclient import TestClient

from consentgate import Category, CookieRule, Gate, Policy, UnknownCategory
from consentgate.assertions import assert_gated, set_cookie_lines
from consentgate.assertions.report import report_lines
from consentgate.assertions.tally import Tally
from consentgate.catalogue import find
from consentgate.observation import observing
from consentgate.testing import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# The same in every Python environment, whether or not the entry point is installed there.
PLUGIN = ("-p", "no:consentgate", "-p", "pytest_consentgate", "-p", "no:cacheprovider")

RULES = [
    CookieRule("session", "necessary"),
    CookieRule("_ga*", "statistics", max_age="13 months"),
    CookieRule("_fbp", "advertising"),
    CookieRule("theme", "functional"),
]

SHOP = """
from consentgate import CookieRule, Gate, Policy

RULES = [
    CookieRule("session", "necessary"),
    CookieRule("_ga*", "statistics", max_age="13 months"),
    CookieRule("_fbp", "advertising"),
    CookieRule("theme", "functional"),
]
gate = Gate(Policy("1", cookies=RULES), "a key")
LINES = ["session=1; Path=/", "_ga=1; Max-Age=99999999; Path=/", "_fbp=1; Max-Age=60; Path=/"]
"""

FLASK = f"""{SHOP}
import flask
import pytest
from flask_consentgate import ConsentGate

@pytest.fixture
def app():
    app = flask.Flask("shop")
    ConsentGate(app, gate=gate)

    @app.get("/")
    def home():
        answer = flask.Response("Hello")
        for line in LINES:
            answer.headers.add("Set-Cookie", line)
        return answer

    return app

@pytest.fixture
def client(app):
    return app.test_client()
"""

STATES = """
from consentgate.assertions import assert_gated, assert_max_age, assert_no_cookies
from consentgate.assertions import set_cookie_lines

def names(response):
    lines = [line for line in set_cookie_lines(response) if "Max-Age=0" not in line]
    return [line.partition("=")[0] for line in lines if not line.startswith("eu-consent")]

def test_undecided(client, consent_undecided):
    response = consent_undecided(client).get("/")
    assert_gated(response)
    assert_no_cookies(response, but="session")

def test_refused(client, consent_refused):
    response = consent_refused(client).get("/")
    assert_gated(response)
    assert names(response) == ["session"]

def test_granted(client, consent_granted):
    response = consent_granted(client).get("/")
    assert_gated(response)
    assert_max_age(response, "_ga", at_most="13 months")
    assert names(response) == ["session", "_ga", "_fbp"]

def test_some(client, consent_granted):
    response = consent_granted.only("statistics")(client).get("/")
    assert_gated(response)
    assert names(response) == ["session", "_ga"]

def test_withdrawn(client, consent_withdrawn):
    response = consent_withdrawn(client).get("/")
    assert_gated(response)
    assert names(response) == ["session"]
    assert any(line.startswith("theme=; ") for line in set_cookie_lines(response))

def test_gpc(client, consent_gpc):
    response = consent_gpc(client).get("/")
    assert_gated(response)
    assert names(response) == ["session"]
"""


def make_gate(**policy: Any) -> Gate:
    """Return the gate of the shop."""
    return Gate(Policy("1", cookies=RULES, **policy), "a key")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest with the plugin in this process."""
    return pytester.runpytest_inprocess(*PLUGIN, *arguments)


class TestFixtures:
    """The fixtures find the site's gate and put each state into a client."""

    def test_flask(self, pytester: pytest.Pytester) -> None:
        """By the extension, in the fixture `app` that pytest-flask wants, too."""
        pytester.makeconftest(FLASK)
        pytester.makepyfile(STATES)
        run(pytester).assert_outcomes(passed=6)

    @pytest.mark.parametrize("framework", ["starlette", "fastapi"])
    def test_starlette(self, pytester: pytest.Pytester, framework: str) -> None:
        """By the application of the fixture `client`."""
        pytester.makeconftest(f"""{SHOP}
import client_sites
import pytest
from starlette.testclient import TestClient

@pytest.fixture
def client():
    return TestClient(client_sites.{framework}_site(gate, LINES))
""")
        pytester.makepyfile(STATES)
        run(pytester).assert_outcomes(passed=6)

    def test_any_other_site_says_which_gate_it_has(self, pytester: pytest.Pytester) -> None:
        """In conftest.py; an assertion finds it without the test asking for it."""
        pytester.makeconftest(f"""{SHOP}
import client_sites
import httpx
import pytest

@pytest.fixture
def client():
    transport = httpx.WSGITransport(client_sites.wsgi_site(gate, LINES, ()))
    return httpx.Client(transport=transport, base_url="http://shop.example")

@pytest.fixture
def consent_gate():
    return gate
""")
        pytester.makepyfile(f"""{STATES}
def test_without_a_fixture_of_ours(client):
    assert_gated(client.get("/"))
""")
        run(pytester).assert_outcomes(passed=7)

    def test_django_in_this_process(self, pytester: pytest.Pytester) -> None:
        """By the settings."""
        pytester.makepyfile("""
            from django_consentgate.conf import site_gate

            def test_home(consent_gate):
                assert consent_gate is site_gate()
        """)
        run(pytester).assert_outcomes(passed=1)

    def test_django_as_a_site_of_its_own(self, pytester: pytest.Pytester) -> None:
        """With unittest's classes as well, and without pytest-django."""
        pytester.makepyfile(
            shop="""
            from django.http import HttpResponse
            from django.urls import path

            def home(request):
                answer = HttpResponse("Hello")
                answer.set_cookie("_ga", "1", max_age=99999999)
                answer.set_cookie("_fbp", "1")
                return answer

            urlpatterns = [path("", home)]
            """,
            conftest="""
            import django
            from django.conf import settings

            RULES = [
                {"name": "_ga", "category": "statistics", "max_age": "13 months"},
                {"name": "_fbp", "category": "advertising"},
            ]
            settings.configure(
                SECRET_KEY="a key",
                ALLOWED_HOSTS=["*"],
                ROOT_URLCONF="shop",
                INSTALLED_APPS=["django_consentgate"],
                MIDDLEWARE=["django_consentgate.middleware.ConsentGateMiddleware"],
                CONSENTGATE={"POLICY": {"version": "1", "cookies": RULES}},
            )
            django.setup()
            """,
            test_shop="""
            import asyncio
            from django.test import AsyncClient, Client, SimpleTestCase
            from consentgate.assertions import assert_gated, assert_max_age, assert_no_cookies

            def test_some(consent_granted):
                response = consent_granted.only("statistics")(Client()).get("/")
                assert_gated(response)
                assert_max_age(response, "_ga", exactly="13 months")
                assert_no_cookies(response, but="_ga")

            def test_async(consent_granted):
                response = asyncio.run(consent_granted(AsyncClient()).get("/"))
                assert_gated(response)
                assert_max_age(response, "_fbp", exactly="session")

            class ShopTest(SimpleTestCase):
                def test_home(self):
                    response = self.client.get("/")
                    assert_gated(response)
                    assert_no_cookies(response)
            """,
        )
        result = pytester.runpytest_subprocess(*PLUGIN, "-W", "error")
        result.assert_outcomes(passed=3)

    def test_a_client_may_be_made_of_a_state(self, pytester: pytest.Pytester) -> None:
        """Then the application has to be a fixture of its own."""
        pytester.makeconftest(f"""{FLASK}
@pytest.fixture
def client(app, consent_refused):
    return consent_refused(app.test_client())
""")
        pytester.makepyfile("""
            from consentgate.assertions import assert_gated

            def test_home(client):
                assert_gated(client.get("/"))
        """)
        run(pytester).assert_outcomes(passed=1)

    def test_without_a_gate_it_says_what_to_write(self, pytester: pytest.Pytester) -> None:
        """In the fixture and, shorter, in the assertion."""
        pytester.makepyfile("""
            import httpx
            import pytest
            from consentgate.assertions import assert_gated

            @pytest.fixture
            def client(consent_refused):
                return consent_refused

            @pytest.fixture
            def app():
                return object()

            def test_fixture(app, client): ...

            def test_assertion():
                assert_gated(httpx.Response(200, request=httpx.Request("GET", "http://shop/")))
        """)
        with override_settings():
            del settings.CONSENTGATE
            result = run(pytester)
        result.assert_outcomes(errors=1, failed=1)
        text = result.stdout.str()
        assert "consent_gate found no gate. Write in conftest.py:" in text
        assert "    def consent_gate():" in text
        assert "where the fixture consent_gate is defined in conftest.py" in text

    def test_a_failure_shows_the_users_line_and_the_message(
        self, pytester: pytest.Pytester
    ) -> None:
        """No frame of ours comes between."""
        pytester.makeconftest(FLASK)
        pytester.makepyfile("""
            from consentgate.assertions import assert_no_cookies

            def test_home(client):
                assert_no_cookies(client.get("/"))
        """)
        result = run(pytester)
        result.stdout.fnmatch_lines(
            [
                '>*assert_no_cookies(client.get("/"))',
                "E*AssertionError: 1 cookie stored where there should be none:",
                "E*  session",
                "E*to do: if it may be there, name it: but=*",
            ]
        )
        result.stdout.no_fnmatch_line("*functions.py*")

    def test_nothing_is_imported_for_who_does_not_use_it(self, pytester: pytest.Pytester) -> None:
        """Users' coverage begins after plugins are loaded."""
        pytester.makepyfile("""
            import sys

            def test_nothing():
                assert not [name for name in sys.modules if name.split(".")[0] == "consentgate"]
        """)
        result = pytester.runpytest_subprocess(*PLUGIN)
        result.assert_outcomes(passed=1)

    def test_a_test_that_asserts_nothing_asks_for_no_gate(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was never imported is not imported for it."""
        for name in ("consentgate", "consentgate.assertions"):
            monkeypatch.delitem(sys.modules, name)
        pytester.makepyfile("""
            import sys

            def test_nothing():
                assert "consentgate.assertions" not in sys.modules
        """)
        run(pytester).assert_outcomes(passed=1)

    def test_assertions_may_be_imported_by_the_test_itself(self, pytester: pytest.Pytester) -> None:
        """Also where no test before it has imported them."""
        pytester.makeconftest(FLASK)
        pytester.makepyfile("""
            import sys

            def test_home(client):
                from consentgate.assertions import assert_gated

                assert_gated(client.get("/"))
        """)
        pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)

    @pytest.mark.parametrize(
        "hook", [pytest_consentgate.pytest_runtest_call, CookieReport.pytest_runtest_protocol]
    )
    def test_pytest_7_knows_each_kind_of_hook(self, hook: Any) -> None:
        """With pluggy 1.0 another kind would end every run of who has the package installed."""
        assert {"wrapper": False, "hookwrapper": True}.items() <= hook.pytest_impl.items()

    def test_the_plugin_costs_its_own_modules(self) -> None:
        """Beside pytest it loads two modules of its own, and nothing of anybody else."""
        program = """if True:
            import sys, pytest
            before = set(sys.modules)
            import pytest_consentgate
            print(*sorted(set(sys.modules) - before))"""
        loaded = subprocess.run(  # noqa: S603 - this very Python
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        assert ["pytest_consentgate", "pytest_consentgate.options"] == loaded


class TestGateWithin:
    """An application is searched from the outside in."""

    def test_each_framework(self) -> None:
        """Around it, in its extensions, among its middleware."""
        gate = make_gate()
        applications: list[Any] = [
            flask_site(gate, [], []),
            flask_site(gate, [], []).test_client(),
            starlette_site(gate, []),
            fastapi_site(gate, []),
            asgi_site(gate, [], []),
            TestClient(starlette_site(gate, [])),
            httpx.AsyncClient(transport=httpx.ASGITransport(asgi_site(gate, [], []))),
        ]
        for application in applications:
            assert gate_within(application) is gate

    def test_middleware_of_starlette_is_made_once(self) -> None:
        """As at the first request."""
        application = starlette_site(make_gate(), [])
        gate_within(application)
        stack = application.middleware_stack
        gate_within(application)
        assert stack is application.middleware_stack

    def test_who_has_none_is_searched_to_its_end(self) -> None:
        """Also one that is inside itself, and one whose gate is none of ours."""

        def loop() -> None:
            """Be around itself."""

        loop.app = loop  # type: ignore[attr-defined]
        for application in (
            loop,
            None,
            SimpleNamespace(gate="garden", extensions={}),
            httpx.Client(),
        ):
            assert gate_within(application) is None

    def test_what_raises_at_each_touch_has_no_gate(self) -> None:
        """Such as a proxy that is bound to nothing."""
        assert gate_within(flask.current_app) is None

    def test_an_item_that_has_no_fixtures_has_no_gate(self) -> None:
        """Such as those of other plugins."""
        assert gate_of_test(SimpleNamespace()) is None  # type: ignore[arg-type]

    def test_a_fixture_may_be_anything(self, pytester: pytest.Pytester) -> None:
        """What is no gate is none."""
        pytester.makepyfile("""
            import httpx
            import pytest
            from consentgate import ConfigurationError
            from consentgate.assertions import assert_gated

            @pytest.fixture
            def consent_gate():
                return "garden"

            def test_home():
                with pytest.raises(ConfigurationError):
                    assert_gated(httpx.Response(200, request=httpx.Request("GET", "http://a/")))
        """)
        run(pytester).assert_outcomes(passed=1)

    def test_a_gate_of_django_that_cannot_be_made_is_told(self, pytester: pytest.Pytester) -> None:
        """And not taken for none."""
        pytester.makepyfile("""
            import httpx
            from consentgate.assertions import assert_gated

            def test_home():
                assert_gated(httpx.Response(200, request=httpx.Request("GET", "http://a/")))
        """)
        with override_settings(CONSENTGATE={"POLICY": "nowhere.toml"}):
            result = run(pytester)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E *nowhere.toml*"])

    def test_without_django_nothing_of_it_is_asked(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is not even imported."""
        monkeypatch.delitem(sys.modules, "django.conf")
        pytester.makepyfile("def test_home(consent_gate): ...")
        run(pytester).assert_outcomes(errors=1)


class TestStates:
    """A state is a few cookies and headers."""

    def test_they_can_be_put_into_any_client_by_hand(self) -> None:
        """Both are dicts."""
        gate = make_gate()
        state = GrantedState(gate, granted=offered(gate))
        assert ["eu-consent"] == list(state.cookies)
        assert {} == state.headers
        assert {"Sec-GPC": "1"} == ConsentState(gate, headers=GPC).headers

    def test_what_is_offered_is_what_the_site_asks_about(self) -> None:
        """Or all, where it uses nothing that needs consent."""
        assert ("functional", "statistics", "advertising") == tuple(
            sorted(offered(make_gate()), key=["functional", "statistics", "advertising"].index)
        )
        assert set(Policy("1").decidable) == set(offered(Gate(Policy("1"), "key")))

    def test_what_is_left_over_has_a_name(self) -> None:
        """A pattern has none, and what is exempt was never refused."""
        assert ["_fbp", "theme"] == declared(make_gate())

    def test_an_unknown_category_is_told(self) -> None:
        """As everywhere."""
        with pytest.raises(UnknownCategory):
            GrantedState(make_gate()).only("statistic")

    def test_a_newer_decision_of_the_test_counts(self) -> None:
        """A test may decide as a visitor does, in the same second."""
        gate = make_gate()
        with by_httpx(gate, ["_ga=1; Max-Age=60"]) as (client, get):
            ConsentState(gate, granted=())(client)
            get("/accept")
            assert any(line.startswith("_ga=1") for line in set_cookie_lines(get("/")))
            assert 1 == [cookie.name for cookie in client.cookies.jar].count("eu-consent")


class TestClients:
    """Each client keeps cookies and headers in its own way."""

    def test_an_unknown_client_is_told_so(self) -> None:
        """With what to do."""
        state = ConsentState(make_gate())
        with pytest.raises(TypeError, match=r"object is no client that .* \.cookies and the \.hea"):
            state(object())

    def test_werkzeugs_own_client_has_no_headers(self) -> None:
        """Cookies it has."""
        gate = make_gate()
        client = werkzeug.test.Client(wsgi_site(gate, ["_ga=1; Max-Age=60"], ()))
        GrantedState(gate, granted=["statistics"])(client)
        answer = client.get("/")
        assert "_ga=1; Max-Age=60" in set_cookie_lines(answer)
        assert_gated(answer, gate)
        with pytest.raises(TypeError, match=r"headers=state\.headers"):
            ConsentState(gate, headers=GPC)(client)

    def test_flasks_client_asks_the_host_that_is_configured(self) -> None:
        """Without its port; another can be named."""
        gate = make_gate()
        application = flask_site(gate, ["_ga=1; Max-Age=60"], ())
        application.config["SERVER_NAME"] = "shop.example:8000"
        client = GrantedState(gate, granted=["statistics"])(application.test_client())
        assert "_ga=1; Max-Age=60" in set_cookie_lines(client.get("/"))
        client = GrantedState(gate, granted=["statistics"])(
            application.test_client(), domain="other.example"
        )
        assert client.get_cookie("eu-consent", domain="other.example") is not None

    def test_an_older_consent_is_removed_with_its_domain(self) -> None:
        """The newest would count."""
        gate = make_gate(cookie_domain="shop.example")
        client = flask_site(gate, [], ()).test_client()
        client.set_cookie("eu-consent", "old", domain="shop.example")
        ConsentState(gate)(client)
        assert client.get_cookie("eu-consent", domain="shop.example") is None

    @pytest.mark.parametrize(
        ("client", "domain", "expected"),
        [
            (httpx.Client(base_url="http://shop.example"), None, "shop.example"),
            (httpx.Client(base_url="http://shop"), None, "shop.local"),
            (httpx.Client(base_url="http://127.0.0.1:8000"), None, "127.0.0.1"),
            (httpx.Client(), None, ""),
            (httpx.Client(), "other.example", "other.example"),
            (httpx.Client(base_url="http://[::1]:8000"), None, "[::1].local"),
            (requests.Session(), "[::1]", "[::1].local"),
            (requests.Session(), None, ""),
            (requests.Session(), "shop", "shop.local"),
        ],
    )
    def test_a_jar_has_the_cookie_under_the_clients_host(
        self, client: Any, domain: str | None, expected: str
    ) -> None:
        """So that the site's own takes its place."""
        browser_of(client, domain).set_cookie("eu-consent", "1")
        cookies = getattr(client.cookies, "jar", client.cookies)
        assert [expected] == [cookie.domain for cookie in cookies]
        client.close()

    @pytest.mark.parametrize("host", ["shop", "shop.example", "127.0.0.1", "[::1]"])
    def test_a_state_reaches_each_kind_of_host(self, host: str) -> None:
        """As the jar of the client sees it."""
        gate = make_gate()
        transport = httpx.WSGITransport(wsgi_site(gate, ["_ga=1; Max-Age=60"], ()))
        with httpx.Client(transport=transport, base_url=f"http://{host}:8000") as client:
            GrantedState(gate, granted=["statistics"])(client)
            assert "_ga=1; Max-Age=60" in set_cookie_lines(client.get("/"))

    @pytest.mark.parametrize("host", ["http://shop.example", "https://[::1]"])
    def test_httpx2_is_known_as_httpx_is(self, host: str) -> None:
        """Both of its clients."""
        gate, lines = make_gate(), ["session=1; Path=/", "_ga=1; Max-Age=60"]
        state = GrantedState(gate, granted=["statistics"])
        transport = httpx2.WSGITransport(wsgi_site(gate, lines, ()))
        with httpx2.Client(transport=transport, base_url=host) as client:
            _is_granted(state(client).get("/"), gate)
        application = asgi_site(gate, lines, ())
        asynchronous = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application), base_url=host
        )
        assert gate_within(asynchronous) is gate
        _is_granted(asyncio.run(state(asynchronous).get("/")), gate)
        asyncio.run(asynchronous.aclose())


def _is_granted(answer: Any, gate: Gate) -> None:
    """Assert that statistics were granted."""
    assert_gated(answer, gate)
    assert ["session=1; Path=/", "_ga=1; Max-Age=60"] == set_cookie_lines(answer)[:2]


SHOP_TESTS = """
def test_refused(client, consent_refused):
    assert_gated(consent_refused(client).get("/"))

def test_granted(client, consent_granted):
    assert_gated(consent_granted(client).get("/"))

def test_unregistered(app, client):
    LINES.append("_hjid=1; Path=/")
    try:
        client.get("/")
    finally:
        LINES.pop()
"""

HOTJAR = getattr(find("_hjid"), "vendor", "")

REPORT = f"""\
advertising
  _fbp: stored 1x
    strip: refused (1x)
    strip: undecided (1x)
    longest life asked for: 1 minute (60 s)
    set by test_shop.py::test_refused
    set by test_shop.py::test_granted
    set by test_shop.py::test_unregistered
necessary
  eu-consent-deposits: stored 1x
    longest life asked for: 393 days (33955200 s)
    set by test_shop.py::test_granted
  session: stored 3x
    longest life asked for: until the browser's session ends
    set by test_shop.py::test_refused
    set by test_shop.py::test_granted
    set by test_shop.py::test_unregistered
statistics
  _ga*: stored 1x
    clamp: lifetime (1x)
    strip: refused (1x)
    strip: undecided (1x)
    longest life asked for: 1157 days 9 hours (99999999 s)
    set by test_shop.py::test_refused
    set by test_shop.py::test_granted
    set by test_shop.py::test_unregistered
unregistered: no rule has their name
  _hjid: never stored
    strip: unregistered (1x)
    longest life asked for: until the browser's session ends
    the catalogue takes it for {HOTJAR}, statistics: review that
    set by test_shop.py::test_unregistered
declared, and set in no test (a script of the browser may set them)
  theme (functional)
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Return what runs the tests of a small shop."""
    pytester.makeconftest(FLASK)
    head = "from conftest import LINES\nfrom consentgate.assertions import assert_gated\n"
    pytester.makepyfile(test_shop=f"{head}{SHOP_TESTS}")

    def runs(*arguments: str) -> pytest.RunResult:
        return run(pytester, *arguments)

    return runs


class TestReport:
    """`--consent-report` lists every cookie that the gates of the whole run saw."""

    def test_it_is_shown_in_the_terminal(self, shop: Callable[..., pytest.RunResult]) -> None:
        """Word for word; what `assert_gated` judges again does not count."""
        result = shop("--consent-report")
        result.assert_outcomes(passed=3)
        assert REPORT in result.stdout.str()
        assert " cookies " in result.stdout.str()

    def test_it_is_written_as_text(
        self, shop: Callable[..., pytest.RunResult], pytester: pytest.Pytester
    ) -> None:
        """From where pytest was called, in folders that are made."""
        result = shop("--consent-report=out/cookies.txt")
        result.stdout.fnmatch_lines(["consent report: *cookies.txt"])
        assert REPORT == (pytester.path / "out/cookies.txt").read_text(encoding="utf-8")

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_it_is_written_as_json(
        self,
        shop: Callable[..., pytest.RunResult],
        pytester: pytest.Pytester,
        workers: tuple[str, ...],
    ) -> None:
        """The same where several processes run the tests."""
        shop("--consent-report=cookies.json", *workers).assert_outcomes(passed=3)
        report = json.loads((pytester.path / "cookies.json").read_text(encoding="utf-8"))
        assert ["advertising", "necessary", "statistics"] == sorted(report["categories"])
        (pixel,) = report["categories"]["advertising"]
        assert {
            "test_shop.py::test_refused",
            "test_shop.py::test_granted",
            "test_shop.py::test_unregistered",
        } == set(pixel.pop("tests"))
        assert {
            "name": "_fbp",
            "stored": 1,
            "deleted": 0,
            "verdicts": {"strip: refused": 1, "strip: undecided": 1},
            "longest_seconds": 60,
        } == pixel
        (unknown,) = report["unregistered"]
        assert {"category": "statistics", "vendor": HOTJAR} == unknown["guess"]
        assert [{"category": "functional", "name": "theme"}] == report["never_set"]
        assert (True, 0) == (report["gates_seen"], report["lost_processes"])

    def test_a_run_without_a_gate_says_so(self, pytester: pytest.Pytester) -> None:
        """Most likely the middleware is missing."""
        pytester.makepyfile("def test_nothing(): ...")
        run(pytester, "--consent-report").stdout.fnmatch_lines(
            ["No gate saw a request in this run*"]
        )

    def test_a_path_of_tests_is_no_report(
        self, shop: Callable[..., pytest.RunResult], pytester: pytest.Pytester
    ) -> None:
        """Nobody's tests are overwritten."""
        before = (pytester.path / "test_shop.py").read_text(encoding="utf-8")
        result = shop("--consent-report", "test_shop.py")
        assert pytest.ExitCode.USAGE_ERROR == result.ret
        result.stderr.fnmatch_lines(
            ["ERROR: --consent-report test_shop.py: a report ends in .json*"]
        )
        assert before == (pytester.path / "test_shop.py").read_text(encoding="utf-8")

    def test_a_file_that_cannot_be_written_is_told(
        self, shop: Callable[..., pytest.RunResult]
    ) -> None:
        """In one line, and by the exit code."""
        result = shop("--consent-report=test_shop.py/cookies.json")
        result.assert_outcomes(passed=3)
        result.stdout.fnmatch_lines(["consent report: *cookies.json: *xists"])
        assert pytest.ExitCode.INTERNAL_ERROR == result.ret

    def test_tests_that_fail_are_what_the_exit_code_says_first(
        self, pytester: pytest.Pytester
    ) -> None:
        """Also where the report cannot be written."""
        pytester.makepyfile("def test_nothing(): assert 0")
        result = run(pytester, "--consent-report=/dev/null/cookies.txt")
        assert pytest.ExitCode.TESTS_FAILED == result.ret

    def test_the_terminal_has_a_name_of_its_own(
        self, shop: Callable[..., pytest.RunResult]
    ) -> None:
        """So that the option may stand before paths of tests, as in addopts."""
        assert REPORT in shop("--consent-report=-", "test_shop.py").stdout.str()

    def test_a_name_may_be_no_more_than_a_suffix(
        self, shop: Callable[..., pytest.RunResult], pytester: pytest.Pytester
    ) -> None:
        """The suffix says what is written."""
        shop("--consent-report=.json")
        assert json.loads((pytester.path / ".json").read_text(encoding="utf-8"))["gates_seen"]

    def test_a_worker_hands_over_what_it_counted(self, tmp_path: Path) -> None:
        """And one that crashed is told of."""
        worker = CookieReport(SimpleNamespace(workeroutput={}), None)  # type: ignore[arg-type]
        worker.pytest_sessionstart()
        with by_httpx(make_gate(), ["_fbp=1"]) as (_, get):
            get("/")
        session: Any = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
        worker.pytest_sessionfinish(session)
        worker.pytest_unconfigure()
        controller = CookieReport(SimpleNamespace(), tmp_path / "cookies.txt")  # type: ignore[arg-type]
        controller.pytest_sessionfinish(session)
        controller.pytest_testnodedown(worker._config)
        controller.pytest_testnodedown(SimpleNamespace())
        lines = list(report_lines(controller._tally))
        assert "advertising" == lines[0]
        assert "The counts of 1 crashed worker(s) are missing." == lines[-1]


@pytest.fixture
def tally() -> Iterator[Tally]:
    """Look on while a test runs."""
    tally = Tally()
    with observing(tally):
        yield tally


def texts(tally: Tally) -> str:
    """Return the report as one text."""
    return "\n".join(report_lines(tally))


class TestTally:
    """What is counted."""

    def test_a_deletion_sets_nothing(self, tally: Tally) -> None:
        """The rule is still one that no test set."""
        with by_httpx(make_gate(), ["_fbp=; Max-Age=0"]) as (_, get):
            get("/")
        assert "  _fbp: deleted 1x\n" in texts(tally)
        assert ("advertising", "_fbp") in tally.never_set()

    def test_what_is_only_reported_is_told_so(self, tally: Tally) -> None:
        """It left."""
        with by_httpx(make_gate(mode="report"), ["_fbp=1"]) as (_, get):
            get("/")
        assert "_fbp: stored 1x\n    strip: undecided (only reported) (1x)" in texts(tally)

    def test_no_terminal_obeys_a_name(self, tally: Tally) -> None:
        """And none is endless."""
        gate = make_gate()
        visit = gate.visit(_Nothing())
        for line in ("\x1b[2J=1", "=1", f"{'x' * 5000}=1", "unheard_of=1"):
            visit.judge(line)
        told = texts(tally)
        assert "\x1b" not in told
        assert "\\x1b[2J: never stored" in told
        assert "(without a name): never stored" in told
        assert f"  {'x' * 128}: never stored" in told
        assert "not in the catalogue of known cookies" in told

    def test_names_without_end_take_no_memory_without_end(self, tally: Tally) -> None:
        """A suite may make them up."""
        gate = make_gate()
        visit = gate.visit(_Nothing())
        for number in range(1010):
            visit.judge(f"unknown{number}=1")
        assert 10 == tally.left_out
        assert 1000 == len(tally.by_category()[None])
        assert "  and 10 lines with more names" in texts(tally)

    def test_other_processes_are_added_up(self, tally: Tally) -> None:
        """Within the same bound."""
        visit = make_gate().visit(_Nothing())
        for number in range(1000):
            visit.judge(f"unknown{number}=1")
        dumped = tally.dump()
        together = Tally()
        for _ in range(2):
            together.merge(dumped)
        assert 0 == together.left_out
        assert {"strip: unregistered": 2} == together.by_category()[None][0].verdicts
        dumped["counts"][0][1]["name"] = "one too many"
        together.merge(dumped)
        assert 1 == together.left_out

    def test_only_the_first_tests_are_named(self, tally: Tally) -> None:
        """Three are enough to find it, each once; outside of tests there is none."""
        gate = make_gate()
        visit = gate.visit(_Nothing())
        for test in ("", "a", "a", "b", "c", "d"):
            tally.test = test
            visit.judge("session=1")
        (count,) = tally.by_category()["necessary"]
        assert ["a", "b", "c"] == count.tests

    def test_rules_of_a_category_of_the_sites_own(self, tally: Tally) -> None:
        """The report has whatever the policies have."""
        policy = Policy("1", categories=[Category("chat")], cookies=[CookieRule("talk", "chat")])
        Gate(policy, "key", clock=lambda: NOW).visit(_Nothing()).judge("talk=1")
        assert texts(tally).startswith("chat\n  talk: never stored\n    strip: undecided (1x)")


class _Nothing:
    """A request without a header."""

    def header(self, _name: str) -> str:
        """Return no header."""
        return ""

    def path(self) -> str:
        """Return the path."""
        return "/"

    def is_secure(self) -> bool:
        """Say that there is no TLS."""
        return False

    def address(self) -> str:
        """Return no address."""
        return ""
