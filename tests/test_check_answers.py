"""``consentgate check``: what was not checked for want of a good answer, and what was not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from checked_sites import (
    ONE_OF_EACH,
    application,
    check_lines,
    gated,
    kinds,
    only,
    policy,
    run,
    wsgi_app,
)
from hypothesis import given
from hypothesis import strategies as st

from consentgate.check import STATES, check_site, findings, started
from consentgate.check.redirects import leads_to
from consentgate.check.unasked import Unasked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.check import Run

SET = "Set-Cookie"
EVERY_STATE = "undecided, refused, granted, withdrawn, gpc"


def answering(answers: dict[str, tuple[str, list[tuple[str, str]]]]) -> Any:
    """Return a site that answers these paths so, and all others as it should."""
    well = wsgi_app(ONE_OF_EACH)

    def app(environ: Any, start_response: Any) -> Any:
        answer = answers.get(environ["PATH_INFO"])
        if answer is None:
            return well(environ, start_response)
        start_response(*answer)
        return [b""]

    return gated(app, policy())


def to(location: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a redirect."""
    return "302 Found", [("Location", location)]


# -- Answers that are none ------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 405, 406, 409, 415, 418, 422, 451])
def test_what_is_answered_with_an_error_of_the_client_is_told(status: int) -> None:
    """What the path sets otherwise is not known; 405 is but a question of the method."""
    seen = run(answering({"/b": (f"{status} No", [])}), paths=["/", "/b?x=1"])
    (found,) = findings(seen)
    kind = ("note", "not-asked") if status == 405 else ("warning", "client-error")
    assert kind == (found.level, found.id)
    assert (EVERY_STATE, "/b?x=1") == (found.state, found.place)
    assert f"status {status}: /b?x=1" in found.message


def test_a_limit_to_requests_is_an_error() -> None:
    """What it refuses now and then is not checked in every state."""
    asked: list[str] = []
    well = wsgi_app(ONE_OF_EACH)

    def app(environ: Any, start_response: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        if len(asked) > 4:
            start_response("429 Too Many Requests", [])
            return [b""]
        return well(environ, start_response)

    found = only(run(gated(app, policy()), paths=["/", "/b"]), "rate-limited")
    assert ("error", "2 paths answered with status 429: /b, /") == (found.level, found.message)


def test_what_refuses_a_get_is_shown_by_a_scenario() -> None:
    """Then nothing is left to say about it."""

    def app(environ: Any, start_response: Any) -> Any:
        is_form = environ["PATH_INFO"] == "/form"
        is_refused = is_form and environ["REQUEST_METHOD"] == "GET"
        start_response("405 No" if is_refused else "200 OK", [(SET, line) for line in ONE_OF_EACH])
        return [b""]

    site = gated(app, policy())
    paths = ["/", "/form"]
    said = "1 path refused a GET with status 405: /form"
    assert said == only(run(site, paths=paths), "not-asked").message
    assert [] == kinds(run(site, paths=paths, scenario=lambda client: client.post("/form")))


def test_what_is_packed_otherwise_than_it_says_is_checked_all_the_same() -> None:
    """Its cookies came before its body did."""
    app = wsgi_app((*ONE_OF_EACH, "x=1"), headers=[("Content-Encoding", "gzip")])
    assert [("unregistered", "x")] == kinds(run(gated(app, policy())))


def test_a_wsgi_stream_without_end_is_left() -> None:
    """After the time that an answer may take; its cookies are known, for they came first."""

    def app(environ: Any, start_response: Any) -> Any:
        del environ
        start_response("200 OK", [(SET, line) for line in ONE_OF_EACH])
        while True:
            yield b""

    assert [] == kinds(run(gated(app, policy()), timeout=0.01))


# -- Redirects ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "target", "leads"),
    [
        ("/account", "/login", "sign-in"),
        ("/account", "/accounts/login/?next=/account", "sign-in"),
        ("/account", "/users/sign_in", "sign-in"),
        ("/account", "/welcome?return_to=%2Faccount", "sign-in"),
        ("/account", "/gate?next=https://localhost/account", "sign-in"),
        ("/account", "https://id.example/oauth2/authorize", "sign-in"),
        ("/account", "/de/anmelden", "sign-in"),
        ("/account", "/connexion", "sign-in"),
        ("/account", "https://www.example/", "elsewhere"),
        ("/account", "/account/", ""),
        ("/list", "/list?next=2", ""),
        ("/blog", "/blogging-in-style", ""),
        ("/", "/plugins", ""),
        ("/login", "/login/?next=/", ""),
    ],
)
def test_where_a_redirect_leads_to(asked: str, target: str, leads: str) -> None:
    """To where visitors sign in, to another host, or just to another page."""
    site = httpx.URL("https://localhost")
    assert leads == leads_to(asked, [site.join(target)], site)


def test_an_area_behind_a_sign_in_is_noted() -> None:
    """A sign-in page that is answered well is no answer for what was asked."""
    answers = {path: to(f"/login?next={path}") for path in ("/account", "/orders")}
    seen = run(answering(answers), paths=["/", "/account", "/orders"])
    found = only(seen, "sign-in")
    said = "2 paths redirected to where visitors sign in: /account, /orders"
    assert ("note", said, EVERY_STATE) == (found.level, found.message, found.state)


def with_members(status: str) -> Any:
    """Return a site whose account redirects to a sign-in, or answers members so."""

    def app(environ: Any, start_response: Any) -> Any:
        lines = [(SET, line) for line in (*ONE_OF_EACH, "basket=in")]
        is_member = "basket=in" in environ.get("HTTP_COOKIE", "")
        if environ["PATH_INFO"] != "/account":
            start_response("200 OK", lines if environ["REQUEST_METHOD"] == "POST" else [])
        else:
            start_response(*((status, []) if is_member else to("/login")))
        return [b""]

    return app


def sign_in(client: httpx.Client) -> None:
    """Become a member."""
    client.post("/login")


def test_who_has_signed_in_need_not_be_told() -> None:
    """A scenario gets there, and then the path is asked again."""
    site = gated(with_members("200 OK"), policy())
    assert "sign-in" in {kind for kind, _ in kinds(run(site, paths=["/account"]))}
    assert [] == kinds(run(site, paths=["/account"], scenario=sign_in))


@pytest.mark.parametrize(
    ("status", "kind"), [("403 No", "sign-in"), ("404 No", "no-page"), ("400 No", "client-error")]
)
def test_what_a_sign_in_did_not_help_is_told_once(status: str, kind: str) -> None:
    """The redirect to the sign-in, before, is not what was wrong."""
    seen = run(gated(with_members(status), policy()), paths=["/", "/account"], scenario=sign_in)
    (found,) = findings(seen)
    assert (kind, f"1 path answered with status {status[:3]}: /account") == (
        found.id,
        found.message,
    )


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("https://a:port/", "no-answer"),
        ("x:////[::1p", "no-answer"),
        ("https://xn--a/", "no-answer"),
        ("https://xn--bcher-kva.example/", "elsewhere"),
    ],
)
def test_a_redirect_to_nowhere_is_told(location: str, kind: str) -> None:
    """And its cookies are seen, for they came with it; those too that no gate has judged."""
    status, headers = to(location)
    well = gated(wsgi_app(ONE_OF_EACH), policy())

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/b":
            return well(environ, start_response)
        start_response(status, [*headers, (SET, "new=1")])
        return [b""]

    seen = run(app, paths=["/", "/b"])
    assert [("ungated", "new"), (kind, "")] == kinds(seen)


def _leaking(environ: Any, start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/enter":
        start_response("302 Found", [("Location", "/s/SECRET"), (SET, "one=SECRET")])
    else:
        start_response("200 OK", [(SET, "two=SECRET")])
    return [b""]


def test_a_value_in_a_path_that_was_redirected_to_is_not_kept() -> None:
    """A cookie's value may stand there; what was asked for is named instead."""
    seen = run(gated(_leaking, policy()), paths=["/enter"])
    assert "SECRET" not in repr(seen)
    assert {("/enter", "one"), ("/enter", "two")} == _places(seen)


def test_nor_where_a_scenario_follows_it() -> None:
    """With a client that follows redirects by itself."""

    def play(client: httpx.Client) -> None:
        client.get("/enter?again", follow_redirects=True)
        client.get("/other")

    seen = run(gated(_leaking, policy()), paths=["/well"], scenario=play)
    assert "SECRET" not in repr(seen)
    assert {("/well", "two"), ("/enter", "one"), ("/enter", "two"), ("/other", "two")} == (
        _places(seen)
    )


def _places(seen: Run) -> set[tuple[str, str]]:
    return {(each.path, each.name) for each in seen.sightings}


# -- What no browser takes, and what one keeps ----------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("_ga=1; Domain=shop.example", "Domain"),
        ("__Host-x=1; Domain=localhost; Secure; Path=/", "prefix"),
    ],
)
def test_what_no_browser_takes_is_told(line: str, reason: str) -> None:
    """With the host that was asked; a browser would keep nothing that could be withdrawn."""
    cookies = [{"name": line.partition("=")[0], "category": "statistics"}]
    found = only(check_lines([line], policy(cookies=cookies)), "refused-by-browser")
    assert ("warning", cookies[0]["name"]) == (found.level, found.cookie)
    assert found.message.endswith(f" from localhost, because of its {reason}.")
    if reason == "Domain":
        own = policy(cookies=cookies)
        assert [] == kinds(check_lines([line], own, url="https://www.shop.example"))


def test_what_has_no_name_is_refused_without_one() -> None:
    """Where a gate that only reports lets it leave."""
    lines = [*ONE_OF_EACH, "=1; Domain=shop.example"]
    found = only(check_lines(lines, policy(mode="report")), "refused-by-browser")
    assert "No browser takes a cookie without a name from localhost" in found.message


def test_what_stays_where_only_a_scenario_goes_is_an_error() -> None:
    """It is sent there, to a path that nobody listed."""
    headers = [("Cache-Control", "public, max-age=60")]
    far = {"/": ONE_OF_EACH[1:], "/far/away": ["_ga=1; Path=/far"]}
    app = gated(wsgi_app(far, headers=headers), policy())
    seen = run(app, scenario=lambda client: client.get("/far/away"))
    assert [("kept-after-withdrawal", "_ga")] == kinds(seen)


def test_what_a_redirect_led_to_is_come_back_to() -> None:
    """What waits to be deleted is sent there alone."""
    asked: list[str] = []
    many = [f"_ga_{number}=1; Path=/deep" for number in range(60)]
    well = wsgi_app({"/deep/in": many, "/": ONE_OF_EACH[1:]})

    def app(environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        asked.append(path)
        if path == "/go":
            start_response(*to("/deep/in"))
            return [b""]
        return well(environ, start_response)

    assert [] == kinds(run(gated(app, policy()), paths=["/go", "/"]))
    assert asked.count("/deep/in") > asked.count("/go")


def test_what_may_end_the_visit_is_not_come_back_to() -> None:
    """A scenario may ask for it, but once is enough; unless it is among the paths."""
    asked: list[str] = []
    well = wsgi_app(ONE_OF_EACH, headers=[("Cache-Control", "public, max-age=60")])

    def app(environ: Any, start_response: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        return well(environ, start_response)

    site = gated(app, policy())
    kept = [("kept-after-withdrawal", "_ga")]
    assert kept == kinds(run(site, scenario=lambda client: client.get("/logout")))
    assert len(STATES) == asked.count("/logout")
    asked.clear()
    assert kept == kinds(run(site, paths=["/logout"]))
    # The probe for a gate, each visitor, once more who withdraws, and then to let it go at last.
    assert 1 + len(STATES) + 1 + 3 == asked.count("/logout")


# -- What was not asked ---------------------------------------------------------------------


def test_what_was_not_asked_is_told() -> None:
    """By reason, and without a word where there is nothing."""
    unasked = Unasked(("/page/<odd>", "POST /login"), ("/logout",), 2)
    seen = _with(unasked)
    assert [
        "Not asked, because no path is known: /page/<odd>",
        "Not asked, because no GET reaches it: POST /login",
        "Not asked, because it may end or delete something: /logout",
        "Not asked, because of --max-paths: 2 more paths",
    ] == [found.message for found in findings(seen) if found.id == "not-asked"]
    assert [] == kinds(_with(Unasked()))


def _with(unasked: Unasked) -> Run:
    target = application(gated(wsgi_app(ONE_OF_EACH), policy()))
    with started(target, "https://localhost", timeout=5) as site:
        return check_site(site, ["/"], unasked=unasked)


@pytest.mark.parametrize(
    ("route", "requests", "is_left"),
    [
        ("POST /login", [("POST", "/login")], False),
        ("POST /login", [("GET", "/login")], True),
        ("DELETE,PUT /x", [("PUT", "/x")], False),
        ("POST /item/<int:id>/buy", [("POST", "/item/7/buy")], False),
        ("POST /item/{id}/buy", [("POST", "/item//buy")], True),
        ("POST /item/{id}/buy", [("POST", "/item/7/8/buy")], True),
        ("POST /item/{id}", [("POST", "/item/7/buy")], True),
        ("POST /{name}.{ending}", [("POST", "/a.b")], False),
        ("/page/<odd>", [("GET", "/page/1")], False),
        ("/page/<odd>", [("POST", "/page/1")], True),
        ("/page/<odd>", [], True),
        ("POST admin|/users", [("POST", "/users")], True),
    ],
)
def test_a_scenario_settles_what_it_asks_for(
    route: str, requests: Sequence[tuple[str, str]], is_left: bool
) -> None:
    """By method and by what stands around the values of a path."""
    assert ((route,) if is_left else ()) == Unasked((route,)).without(requests).routes


def test_what_is_left_alone_and_asked_for_after_all_is_no_gap() -> None:
    """However it is written."""
    unasked = Unasked((), ("/logout?to=%2F", "/d%C3%A9connexion", "/delete"))
    left = unasked.without([("GET", "/logout"), ("GET", "/déconnexion"), ("POST", "/delete")])
    assert ("/delete",) == left.left_alone


@given(st.text("{}<>ab/", max_size=40), st.text("ab/", max_size=40))
def test_no_pattern_takes_long_or_fails(pattern: str, path: str) -> None:
    """Whatever an application calls its routes."""
    long = Unasked((f"POST /{pattern * 50}",)).without([("POST", f"/{path * 50}")])
    assert len(long.routes) <= 1
