"""Flask behind the gate: sessions, Flask-Login, templates, blueprints, errors and configuration."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from wsgiref.handlers import SimpleHandler

import flask
import flask_login
import jinja2
import pytest
from additions import is_deposits_cookie, without_additions
from flask import Flask, make_response, render_template_string, session
from flask_consentgate import ConsentGate, consent_banner, consent_from
from page_requests import Memory
from recording import Failing, Noting
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import create_environ

from consentgate import (
    Category,
    ConfigurationError,
    CookieBlocked,
    CookieRule,
    DecisionNotStored,
    Gate,
    MiddlewareMissing,
    Policy,
    PolicyError,
    Verdict,
)
from consentgate.records import SQLRecordStore
from consentgate.records.schema import migrate
from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

POLICY: dict[str, Any] = {
    "version": "1",
    "cookies": [
        {"name": "_ga", "category": "statistics"},
        {"name": "_fbp", "category": "advertising"},
    ],
}
ANALYTICS = "_ga=GA1.1; Max-Age=3600; Path=/; Priority=High"
PIXEL = "_fbp=fb.1; Path=/"


def make_app(**config: Any) -> Flask:
    """Return an application that no gate stands around yet."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="new key", TESTING=True, **config)
    return app


def gated_app(*cookies: str, **options: Any) -> Flask:
    """Return a gated application whose every answer to ``/`` carries the lines ``cookies``."""
    app = make_app()
    ConsentGate(app, **{"policy": POLICY, **options})
    app.add_url_rule("/", "home", lambda: answer(*cookies), methods=["GET", "POST"])
    return app


def answer(*cookies: str, status: int = 200) -> flask.Response:
    """Return a response that carries the lines ``cookies``."""
    response = make_response("Hello", status)
    for line in cookies:
        response.headers.add("Set-Cookie", line)
    return response


def set_cookies(response: TestResponse) -> list[str]:
    """Return the Set-Cookie lines of ``response``, in order."""
    return response.headers.getlist("Set-Cookie")


def own_cookies(response: TestResponse) -> list[str]:
    """Return its lines without the dates and the deletions that the gate adds."""
    return without_additions(set_cookies(response))


def max_age(line: str) -> timedelta:
    """Return the Max-Age of a Set-Cookie line that has one."""
    (seconds,) = re.findall(r"; Max-Age=(\d+)", line)
    return timedelta(seconds=int(seconds))


def accept(client: FlaskClient, *categories: str) -> None:
    """Give ``client`` the consent cookie of a visitor who accepted ``categories``."""
    name, token = consent_cookie(client.application.extensions["consentgate"], categories)
    client.set_cookie(name, token)


def on_the_wire(app: WSGIApplication, path: str = "/") -> bytes:
    """Return the octets that a server of the standard library sends."""
    sent = io.BytesIO()
    server = SimpleHandler(io.BytesIO(), sent, io.StringIO(), create_environ(path))
    server.run(app)
    return sent.getvalue()


class Inside:
    """Middleware inside the gate that notes what the application sent."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.lines: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass everything on, and note the Set-Cookie lines."""

        def noting(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            self.lines = [value for name, value in headers if name == "Set-Cookie"]
            return start_response(status, headers, exc_info)

        return self.app(environ, noting)


def signing_in_app(**config: Any) -> tuple[Flask, Inside]:
    """Return an application that people sign in to, and what it sends before the gate."""
    app = make_app(PERMANENT_SESSION_LIFETIME=timedelta(days=31), **config)
    app.wsgi_app = inside = Inside(app.wsgi_app)  # type: ignore[method-assign]
    ConsentGate(app, policy=POLICY)

    @app.post("/login")
    def login() -> str:
        session.permanent = True
        session["user"] = "Ada"
        return "welcome"

    @app.post("/logout")
    def logout() -> str:
        session.clear()
        return "bye"

    @app.get("/me")
    def me() -> str:
        return str(session.get("user", "nobody"))

    return app, inside


class TestSessions:
    """Flask's own session."""

    def test_R3_a_sliding_session_keeps_its_life_and_all_else(self) -> None:
        """Flask writes it with every answer, with Expires alone; that instant stays as it was."""
        app, inside = signing_in_app()
        client = app.test_client()
        for method, path in (("POST", "/login"), ("GET", "/me"), ("GET", "/me")):
            line, *added = set_cookies(client.open(path, method=method))
            dated = [True] if path == "/login" else []
            assert dated == [is_deposits_cookie(one) for one in added]
            (written,) = inside.lines
            assert line.startswith("session=")
            assert sorted(written.split("; ")) == [
                part for part in sorted(line.split("; ")) if not part.startswith("Max-Age")
            ]
            assert timedelta(days=31) - max_age(line) <= timedelta(seconds=60)
        assert "Ada" == client.get("/me").text

    def test_R5_signing_out_deletes_the_session(self) -> None:
        """The browser loses the cookie and the visitor is nobody again."""
        client = signing_in_app()[0].test_client()
        client.post("/login")
        line, dates = set_cookies(client.post("/logout"))
        assert line.startswith("session=;")
        assert dates.startswith("eu-consent-deposits=; Path=/; Max-Age=0")  # nothing is left
        assert "Max-Age=0" in line
        assert client.get_cookie("session") is None
        assert "nobody" == client.get("/me").text

    def test_R6_the_session_is_exempt_under_the_name_the_settings_give_it(self) -> None:
        """SESSION_COOKIE_NAME is what counts, and the default name is then nobody's."""
        app, _ = signing_in_app(SESSION_COOKIE_NAME="sid")
        app.add_url_rule("/", "home", lambda: answer("session=1; Path=/"))
        client = app.test_client()
        (line,) = own_cookies(client.post("/login"))
        assert line.startswith("sid=")
        assert "Ada" == client.get("/me").text
        assert not any(line.startswith("session=") for line in set_cookies(client.get("/")))

    def test_R8_the_sites_own_rule_beats_the_frameworks(self) -> None:
        """A site may put its session into a category that needs consent."""
        policy = Policy("1", cookies=[CookieRule("session", "functional")])
        client = gated_app("session=1; Path=/", policy=policy).test_client()
        assert [] == set_cookies(client.get("/"))
        accept(client, "functional")
        assert ["session=1; Path=/"] == set_cookies(client.get("/"))


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
class TestFlaskLogin:
    """Flask-Login's remember-me cookie."""

    def client(self, **config: Any) -> FlaskClient:
        """Return the client of an application where Ada signs in and is remembered."""
        app = make_app(**config)
        manager = flask_login.LoginManager(app)
        ConsentGate(app, policy=POLICY)

        class User(flask_login.UserMixin):
            id = "Ada"

        manager.user_loader(lambda _: User())

        @app.post("/login")
        def login() -> str:
            flask_login.login_user(User(), remember=True)
            return "welcome"

        @app.post("/logout")
        def logout() -> str:
            flask_login.logout_user()
            return "bye"

        @app.get("/me")
        @flask_login.login_required
        def me() -> str:
            return str(flask_login.current_user.get_id())

        return app.test_client()

    @pytest.mark.parametrize("name", ["remember_token", "remember_me"])
    def test_R6_it_is_exempt_under_the_name_the_settings_give_it(self, name: str) -> None:
        """Whoever comes back without a session is still signed in."""
        client = self.client(REMEMBER_COOKIE_NAME=name)
        session_line, token_line = sorted(own_cookies(client.post("/login")), reverse=True)
        assert session_line.startswith("session=")
        assert token_line.startswith(f"{name}=Ada|")
        assert timedelta(days=365) - max_age(token_line) <= timedelta(seconds=60)
        client.delete_cookie("session")
        assert "Ada" == client.get("/me").text

    def test_R5_signing_out_deletes_it(self) -> None:
        """Nobody is remembered afterwards."""
        client = self.client()
        client.post("/login")
        lines = set_cookies(client.post("/logout"))
        assert any(line.startswith("remember_token=;") for line in lines)
        assert client.get_cookie("remember_token") is None
        assert 401 == client.get("/me").status_code


class TestAnswers:
    """What leaves a Flask application."""

    def test_R6_nothing_but_exempt_cookies_before_a_choice(self) -> None:
        """An undecided visitor's answer holds the session alone."""
        client = gated_app(ANALYTICS, "session=1; Path=/", PIXEL).test_client()
        assert ["session=1; Path=/"] == set_cookies(client.get("/"))

    def test_R2_two_lines_of_one_name_leave_as_they_are(self) -> None:
        """Order and multiplicity survive on the wire."""
        lines = ["session=1; Path=/", "session=2; Path=/a"]
        head = on_the_wire(gated_app(*lines)).partition(b"\r\n\r\n")[0]
        assert [b"Set-Cookie: " + line.encode() for line in lines] == [
            line for line in head.split(b"\r\n") if line.startswith(b"Set-Cookie")
        ]

    def test_R7_blocking_raises_in_the_test_client(self) -> None:
        """The developer sees which cookie broke the policy."""
        client = gated_app(ANALYTICS, policy={**POLICY, "mode": "block"}).test_client()
        with pytest.raises(CookieBlocked, match=r"'_ga' may not be set: undecided"):
            client.get("/")

    def test_R7_blocking_makes_a_server_answer_500(self) -> None:
        """Nothing of the answer was sent before."""
        sent = on_the_wire(gated_app(ANALYTICS, policy={**POLICY, "mode": "block"}))
        assert sent.startswith(b"HTTP/1.0 500 Internal Server Error\r\n")
        assert b"Set-Cookie" not in sent
        assert b"Hello" not in sent

    @pytest.mark.parametrize("path", ["/shop/", "/shop/missing", "/shop/broken", "/missing"])
    def test_R4_blueprints_and_error_handlers_are_no_way_round(self, path: str) -> None:
        """Whoever writes the answer, it passes the gate."""
        app = make_app(PROPAGATE_EXCEPTIONS=False)
        ConsentGate(app, policy=POLICY)
        shop = flask.Blueprint("shop", __name__, url_prefix="/shop")
        shop.add_url_rule("/", "home", lambda: answer(ANALYTICS, PIXEL))
        shop.add_url_rule("/missing", "missing", lambda: flask.abort(404))
        shop.add_url_rule("/broken", "broken", lambda: 1 // 0)
        shop.register_error_handler(404, lambda _: answer(ANALYTICS, PIXEL, status=404))
        app.register_error_handler(Exception, lambda _: answer(ANALYTICS, PIXEL, status=500))
        app.register_blueprint(shop)
        client = app.test_client()
        accept(client, "advertising")
        assert [PIXEL] == set_cookies(client.get(path))

    def test_R4_what_after_request_adds_is_gated(self) -> None:
        """The gate stands outside everything that Flask runs."""
        app = gated_app()

        @app.after_request
        def track(response: flask.Response) -> flask.Response:
            response.set_cookie("_ga", "GA1.1")
            return response

        assert [] == set_cookies(app.test_client().get("/"))

    def test_R25_on_verdict_hears_of_it(self) -> None:
        """The argument is handed to the gate."""
        heard: list[Verdict] = []
        gated_app(PIXEL, on_verdict=heard.append).test_client().get("/")
        assert [Verdict("_fbp", "advertising", "strip", "undecided", enforced=True)] == heard

    def test_R17_the_application_does_not_read_what_it_may_not(self) -> None:
        """``request.cookies`` holds what was accepted and what no rule governs."""
        app = gated_app()
        app.add_url_rule("/read", "read", lambda: flask.jsonify(sorted(flask.request.cookies)))
        client = app.test_client()
        for name in ("_ga", "_fbp", "other"):
            client.set_cookie(name, "1")
        assert ["other"] == client.get("/read").json
        accept(client, "statistics")
        client.set_cookie("_ga", "1")  # again, for the gate had it deleted
        client.set_cookie("_fbp", "1")
        assert ["_ga", "eu-consent", "other"] == client.get("/read").json

    def test_R18_what_it_may_not_read_is_deleted(self) -> None:
        """The client's jar loses it as a browser's would, and nothing else."""
        client = gated_app(ANALYTICS).test_client()
        for name in ("_ga", "_fbp", "other"):
            client.set_cookie(name, "1")
        assert {"_ga=; Path=/; Max-Age=0", "_fbp=; Path=/; Max-Age=0"} == set(
            set_cookies(client.get("/"))
        )
        assert [None, None] == [client.get_cookie(name) for name in ("_ga", "_fbp")]
        assert client.get_cookie("other") is not None
        assert [] == set_cookies(client.get("/"))

    def test_R13_a_first_deposit_is_remembered(self) -> None:
        """Where a cookie comes back its life is counted from then, and nothing is written anew."""
        client = gated_app(ANALYTICS).test_client()
        accept(client, "statistics")
        line, deposits = set_cookies(client.get("/"))
        assert (ANALYTICS, True) == (line, is_deposits_cookie(deposits))
        assert [ANALYTICS] == set_cookies(client.get("/"))


class TestConsent:
    """What the application asks and decides."""

    def deciding(self, decide: Callable[[Any], object]) -> FlaskClient:
        """Return the client of an application that decides and then sets a cookie."""
        app = gated_app()

        @app.post("/choice")
        def choice() -> flask.Response:
            decide(consent_from(flask.request))
            return answer(ANALYTICS)

        return app.test_client()

    def test_R9_a_grant_governs_the_same_answer(self) -> None:
        """The cookie leaves at once, and the next request knows of it."""
        client = self.deciding(lambda consent: consent.grant("statistics"))
        analytics, consent, deposits = set_cookies(client.post("/choice"))
        assert (ANALYTICS, True) == (analytics, is_deposits_cookie(deposits))
        assert re.match(
            r"eu-consent=policy=1&time=\d+&id=[\w-]{22}&statistics=true&.+; SameSite=Lax$", consent
        )
        client.set_cookie("_ga", "1")
        assert [] == set_cookies(client.get("/"))

    def test_R9_a_withdrawal_governs_the_same_answer(self) -> None:
        """The cookie stays inside, and the next request knows of it."""
        client = self.deciding(lambda consent: consent.withdraw())
        accept(client, "statistics")
        (consent,) = set_cookies(client.post("/choice"))
        assert "&statistics=false&" in consent

    def test_R9_a_stream_decides_too_late(self) -> None:
        """Its headers have gone when its first piece is made; it may still ask."""
        app = gated_app()

        @app.post("/stream")
        def stream() -> Iterator[str]:
            @flask.stream_with_context
            def pieces() -> Iterator[str]:
                consent = consent_from(flask.request)
                with pytest.raises(DecisionNotStored):
                    consent.grant("statistics")
                yield f"Hello {consent.decided}"

            return pieces()

        response = app.test_client().post("/stream")
        assert "Hello False" == response.text
        assert [] == set_cookies(response)

    def test_a_request_without_a_gate_says_so(self) -> None:
        """The error names what is missing."""
        with make_app().test_request_context(), pytest.raises(MiddlewareMissing):
            consent_from(flask.request)


class TestTemplates:
    """``consent`` in Jinja templates."""

    def client(self, template: str) -> FlaskClient:
        """Return the client of an application that renders ``template``."""
        app = gated_app()
        app.add_url_rule("/page", "page", lambda: render_template_string(template))
        return app.test_client()

    def test_R23_a_template_that_asks_varies(self) -> None:
        """It shows each visitor what is theirs, and caches are told."""
        client = self.client('{% if consent.allows("statistics") %}script{% else %}-{% endif %}')
        response = client.get("/page")
        assert ("-", "Cookie") == (response.text, response.headers["Vary"])
        accept(client, "statistics")
        assert "script" == client.get("/page").text

    def test_R23_a_template_that_does_not_ask_does_not_vary(self) -> None:
        """To have ``consent`` at hand is not to ask."""
        response = self.client("{{ request.path }}").get("/page")
        assert ("/page", []) == (response.text, response.headers.getlist("Vary"))

    def test_R23_flasks_own_vary_is_kept(self) -> None:
        """Flask varies by Cookie where the session was read; it is not said twice."""
        response = self.client("{{ session.user }}{{ consent.decided }}").get("/page")
        assert ["Cookie"] == response.headers.getlist("Vary")

    def test_an_imported_macro_may_ask(self) -> None:
        """``consent`` is a global, as ``request`` is, and not only in the page's context."""
        app = gated_app()
        macro = "{% macro tag() %}{{ consent.allows('statistics') }}{% endmacro %}"
        app.jinja_env.loader = jinja2.DictLoader({"tags": macro})
        page = '{% import "tags" as tags %}{{ tags.tag() }}'
        app.add_url_rule("/page", "page", lambda: render_template_string(page))
        assert "False" == app.test_client().get("/page").text


class TestConfiguration:
    """Where policy and keys come from, and what is said where they are missing."""

    def test_the_policy_may_come_from_the_configuration(self) -> None:
        """An application factory configures first and then calls ``init_app``."""
        app = make_app(CONSENTGATE_POLICY=POLICY)
        ConsentGate().init_app(app)
        assert "_ga" in {rule.name for rule in app.extensions["consentgate"].policy.cookies}

    def test_the_argument_beats_the_configuration(self) -> None:
        """What is said in code is meant."""
        app = make_app(CONSENTGATE_POLICY=POLICY)
        ConsentGate(app, policy=Policy("2"))
        assert "2" == app.extensions["consentgate"].policy.version

    def test_a_relative_path_starts_at_the_application(self, tmp_path: Path) -> None:
        """The working directory does not matter; an absolute path is taken as it is."""
        file = tmp_path / "consent.toml"
        file.write_text('version = "from the file"\n')
        for path in ("consent.toml", file, str(file)):
            app = Flask(__name__, root_path=str(tmp_path))
            ConsentGate(app, policy=path, secret_keys="key")
            assert "from the file" == app.extensions["consentgate"].policy.version

    def test_a_mistake_in_the_policy_stops_the_start(self) -> None:
        """It is found by ``init_app``, before the first visitor."""
        policy = {"version": "1", "cookies": [{"name": "_ga", "category": "statistic"}]}
        with pytest.raises(PolicyError, match=r"cookies\[0\].category: 'statistic' is no category"):
            ConsentGate(make_app(), policy=policy)

    @pytest.mark.parametrize("config", [{}, {"CONSENTGATE_POLICY": None}])
    def test_a_missing_policy_stops_the_start(self, config: dict[str, Any]) -> None:
        """The error says where to put it."""
        with pytest.raises(ConfigurationError, match="CONSENTGATE_POLICY"):
            ConsentGate(make_app(**config))

    @pytest.mark.parametrize("key", [None, ""])
    def test_a_missing_key_stops_the_start(self, key: str | None) -> None:
        """A fallback alone does not sign; the error says where to put the key."""
        app = make_app(SECRET_KEY_FALLBACKS=["old key"])
        app.secret_key = key
        with pytest.raises(ConfigurationError, match="SECRET_KEY"):
            ConsentGate(app, policy=POLICY)

    @pytest.mark.parametrize(
        "options",
        [
            {"policy": POLICY},
            {"secret_keys": "key"},
            {"on_verdict": print},
            {"records": Memory()},
            {"records": "sqlite:///consent-records.db"},
        ],
    )
    def test_a_gate_goes_with_nothing_else(self, options: dict[str, Any]) -> None:
        """It has a policy, keys, a listener and records already."""
        with pytest.raises(ConfigurationError, match="a gate has its own"):
            ConsentGate(gate=Gate(Policy("1"), "key"), **options)

    def test_a_gate_is_taken_as_it_is(self) -> None:
        """It may be shared with other applications of the site."""
        gate = Gate(Policy.from_mapping(POLICY), "another key")
        client = gated_app(ANALYTICS, policy=None, gate=gate).test_client()
        assert gate is client.application.extensions["consentgate"]
        accept(client, "statistics")
        assert [ANALYTICS] == own_cookies(client.get("/"))

    def test_one_application_has_one_gate(self) -> None:
        """Two would strip each other's consent cookie."""
        extension = ConsentGate(app := make_app(), policy=POLICY)
        with pytest.raises(ConfigurationError, match="init_app once"):
            extension.init_app(app)

    def test_one_extension_serves_several_applications(self) -> None:
        """Each has a gate of its own keys and its own session's name."""
        extension = ConsentGate(policy=Policy("1", categories=[Category("maps")]))
        for name in ("a", "b"):
            app = make_app(SESSION_COOKIE_NAME=name)
            extension.init_app(app)
            gate = app.extensions["consentgate"]
            rules = {rule.name for rule in gate.policy.preset_cookies}
            assert {name, "remember_token", "eu-consent", "eu-consent-deposits"} == rules

    @pytest.mark.parametrize(
        ("fallbacks", "expected"), [(["old key"], [ANALYTICS]), ([], []), (None, [])]
    )
    def test_R19_rotated_keys_verify(
        self, fallbacks: list[str] | None, expected: list[str]
    ) -> None:
        """SECRET_KEY signs, and SECRET_KEY_FALLBACKS still verify."""
        app = make_app(SECRET_KEY_FALLBACKS=fallbacks)
        ConsentGate(app, policy=POLICY)
        policy = app.extensions["consentgate"].policy
        app.add_url_rule("/", "home", lambda: answer(ANALYTICS))
        client = app.test_client()
        client.set_cookie(*consent_cookie(Gate(policy, "old key"), ["statistics"]))
        assert expected == own_cookies(client.get("/"))
        client.set_cookie(*consent_cookie(Gate(policy, "new key"), ["statistics"]))
        assert [ANALYTICS] == own_cookies(client.get("/"))

    def test_R19_given_keys_beat_the_applications(self) -> None:
        """The consent cookie may have keys of its own."""
        client = gated_app(ANALYTICS, secret_keys=["own key"]).test_client()
        policy = client.application.extensions["consentgate"].policy
        client.set_cookie(*consent_cookie(Gate(policy, "own key"), ["statistics"]))
        assert [ANALYTICS] == own_cookies(client.get("/"))


class TestPages:
    """The visitor's side, as Flask gives it."""

    def app(self, source: str, **options: Any) -> Flask:
        """Return an application whose one page is the template ``source``."""
        app = gated_app(**options)
        app.add_url_rule("/tea", "tea", lambda: render_template_string(source, title="Tea"))
        return app

    def test_they_are_there_unless_told_otherwise(self) -> None:
        """By default, and not with ``pages=None``."""
        assert 200 == gated_app().test_client().get("/consent/").status_code
        assert 404 == gated_app(pages=None).test_client().get("/consent/").status_code

    def test_a_template_shows_the_banner(self) -> None:
        """In the page's language, with its nonce, and back to its own address."""
        app = self.app("{{ consent_banner(language='fr', nonce='abc') }}")
        text = app.test_client().get("/tea?cup=2").text
        assert "Tout refuser" in text
        assert 'nonce="abc"' in text
        assert 'value="/tea?cup=2"' in text

    def test_R23_a_page_with_a_banner_varies(self) -> None:
        """On the cookie; without one nothing is added."""
        for source, expected in (("{{ consent_banner() }}", True), ("Tea", False)):
            answered = self.app(source).test_client().get("/tea")
            assert expected is ("Cookie" in answered.headers.get("Vary", ""))

    def test_a_template_sets_consent_mode(self) -> None:
        """Before the tags that it puts next."""
        text = self.app("{{ consent_mode(nonce='abc') }}").test_client().get("/tea").text
        assert '<script nonce="abc">' in text
        assert '"analytics_storage":"denied"' in text

    def test_their_options_may_be_configured(self) -> None:
        """As an argument, or in the application's configuration."""
        by_argument = gated_app(pages={"languages": ["de"]})
        by_configuration = make_app(CONSENTGATE_PAGES={"languages": ["de"]})
        ConsentGate(by_configuration, policy=POLICY)
        for app in (by_argument, by_configuration):
            assert 'lang="de"' in app.test_client().get("/consent/").text

    def test_a_mistake_in_them_stops_the_start(self) -> None:
        """The message names the options that there are."""
        with pytest.raises(ConfigurationError, match=r"'site'.*site_name"):
            gated_app(pages={"site": "Tea"})

    def test_a_banner_needs_pages(self) -> None:
        """The error says what was switched off."""
        client = self.app("{{ consent_banner() }}", pages=None).test_client()
        with pytest.raises(ConfigurationError, match="has no pages"):
            client.get("/tea")

    def test_proxy_fix_stays_outside(self) -> None:
        """The gate must know the host, the scheme and the prefix that visitors see."""
        app = make_app()
        app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1, x_host=1)  # type: ignore[method-assign]  # as Flask's documentation does
        ConsentGate(app, policy=POLICY)
        forwarded = {
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "shop.example",
            "X-Forwarded-Prefix": "/shop/",
            "Origin": "https://shop.example",
        }
        answered = app.test_client().post(
            "/consent/", data={"choice": "accept_all"}, headers=forwarded
        )
        assert (303, "/shop/consent/") == (answered.status_code, answered.headers["Location"])
        assert "; Secure" in set_cookies(answered)[0]

    def test_another_application_inside_has_the_same_pages(self) -> None:
        """A dispatcher moves SCRIPT_NAME, and the pages stay where the gate is."""
        inner = Flask("inner")

        @inner.get("/")
        def hello() -> str:
            return consent_banner(flask.request)

        app = make_app()
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/admin": inner})  # type: ignore[method-assign]  # as above
        ConsentGate(app, policy=POLICY)
        text = app.test_client().get("/admin/").text
        assert 'action="/consent/"' in text
        assert 'name="next" value="/admin/"' in text

    def test_a_blueprint_below_a_prefix_does_not_move_them(self) -> None:
        """A mounted application does: SCRIPT_NAME is part of each address."""
        client = self.app("{{ consent_banner() }}").test_client()
        text = client.get("/tea", base_url="http://localhost/shop").text
        assert 'action="/shop/consent/"' in text

    def test_a_site_may_have_its_own_link(self) -> None:
        """Ours can be left out; the dialog keeps its button."""
        texts = [
            self.app(f"{{{{ consent_banner(link={link}) }}}}").test_client().get("/tea").text
            for link in (True, False)
        ]
        assert [2, 1] == [text.count('data-cg-action="customise"') for text in texts]


class TestRecords:
    """The proof of consent, as Flask has it."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """Give the URL of a database that has its tables."""
        migrate(url := f"sqlite:///{tmp_path / 'records.db'}")
        return url

    def granting(self, **options: Any) -> Flask:
        """Return an application that lets visitors accept statistics."""
        app = options.pop("app", None) or make_app()
        ConsentGate(app, **{"policy": POLICY, **options})

        @app.post("/grant")
        def grant() -> flask.Response:
            consent_from(flask.request).grant("statistics")
            return answer(ANALYTICS)

        return app

    def test_there_are_none_unless_told_otherwise(self) -> None:
        """And decisions are taken all the same."""
        app = self.granting()
        assert app.extensions["consentgate"].records is None
        assert "eu-consent=" in set_cookies(app.test_client().post("/grant"))[-2]

    @pytest.mark.parametrize("is_configured", [False, True])
    def test_R26_they_may_be_in_a_database(self, url: str, is_configured: bool) -> None:
        """By its URL, as an argument or in the configuration, with the application's keys."""
        if is_configured:
            app = self.granting(app=make_app(CONSENTGATE_RECORDS=url))
        else:
            app = self.granting(records=url)
        client = app.test_client()
        assert 200 == client.post("/grant").status_code
        store = app.extensions["consentgate"].records
        assert isinstance(store, SQLRecordStore)
        (cookie,) = (one.value for one in [client.get_cookie("eu-consent")] if one)
        subject = cookie.partition("&id=")[2].partition("&")[0]
        assert ["partial"] == [stored.record.event for stored in store.by_subject(subject)]
        assert [] == list(store.verify())
        store._engine.dispose()
        reader = SQLRecordStore(url, "new key")
        assert [] == list(reader.verify())
        reader._engine.dispose()

    def test_R26_they_may_be_in_a_store_of_ones_own(self) -> None:
        """Which as an argument beats the configuration."""
        store, other = Memory(), Memory()
        app = self.granting(app=make_app(CONSENTGATE_RECORDS=other), records=store)
        app.test_client().post("/grant")
        assert (1, 0) == (len(store.kept), len(other.kept))
        assert ("", "") == (store.kept[0].ip_address, store.kept[0].user_agent)

    def test_R28_details_may_be_configured(self) -> None:
        """The network of REMOTE_ADDR, and the browser's major version."""
        details = ["ip_address", "user_agent"]
        store = Memory()
        app = self.granting(app=make_app(CONSENTGATE_RECORD_DETAILS=details), records=store)
        remote = {"REMOTE_ADDR": "203.0.113.77", "HTTP_USER_AGENT": "Firefox/128.0.1"}
        app.test_client().post("/grant", environ_base=remote)
        assert ("203.0.113.0", "Firefox/128") == (
            store.kept[0].ip_address,
            store.kept[0].user_agent,
        )

    @pytest.mark.parametrize("details", ["ip_address", ["referer"], None])
    def test_R28_a_mistake_in_the_details_stops_the_start(self, details: Any) -> None:
        """It is found by ``init_app``, before the first visitor."""
        app = make_app(CONSENTGATE_RECORD_DETAILS=details)
        with pytest.raises(ConfigurationError):
            self.granting(app=app, records=Memory())

    @pytest.mark.parametrize("records", ["sqlite:///{}/none.db", "mysql://localhost/a", "a"])
    def test_a_database_without_tables_stops_the_start(self, records: str, tmp_path: Path) -> None:
        """As does one that cannot be; a request never makes a table."""
        with pytest.raises(ConfigurationError, match="records"):
            self.granting(records=records.format(tmp_path))
        assert [] == list(tmp_path.iterdir())

    def test_a_gates_records_beat_the_configuration(self) -> None:
        """They are the gate's own."""
        store = Memory()
        policy = Policy.from_mapping(POLICY).with_framework("flask")
        app = make_app(CONSENTGATE_RECORDS=Memory(), CONSENTGATE_POLICY=POLICY)
        self.granting(app=app, policy=None, gate=Gate(policy, "key", records=store))
        app.test_client().post("/grant")
        assert 1 == len(store.kept)

    def test_R26_a_stream_waits_for_the_record(self) -> None:
        """Its first piece is asked for afterwards."""
        happened: list[str] = []
        app = self.granting(records=Noting(happened))

        @app.post("/stream")
        def stream() -> flask.Response:
            consent_from(flask.request).grant("statistics")
            return flask.Response(happened.append(piece) or piece for piece in ("a", "b"))

        assert "ab" == app.test_client().post("/stream").text
        assert ["recorded", "a", "b"] == happened

    def test_R26_what_cannot_be_recorded_is_not_taken(self) -> None:
        """503 on a page of the site's; the application's own handlers are not asked."""
        app = self.granting(records=Failing())
        app.register_error_handler(Exception, lambda _: ("mine", 500))
        answered = app.test_client().post("/grant", headers={"Accept-Language": "fr"})
        assert (503, []) == (answered.status_code, set_cookies(answered))
        assert '<html lang="fr">' in answered.text

    def test_R26_what_is_not_sent_is_closed(self) -> None:
        """Once, as if it had been sent."""
        app = self.granting(records=Failing())
        closed: list[str] = []

        @app.post("/stream")
        def stream() -> flask.Response:
            consent_from(flask.request).grant("statistics")
            sent = flask.Response(iter(["Tea"]))
            sent.call_on_close(lambda: closed.append("closed"))
            return sent

        assert 503 == app.test_client().post("/stream", buffered=True).status_code
        assert ["closed"] == closed
