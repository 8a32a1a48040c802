"""``consentgate check``: what an application sets, and what is wrong with it."""

from __future__ import annotations

import asyncio
import re
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import checked_sites
import pytest
from checked_sites import (
    APPS,
    INTERFACES,
    ONE_OF_EACH,
    THIRTEEN_MONTHS,
    application,
    becomes,
    check_lines,
    gated,
    kinds,
    only,
    policy,
    run,
)
from hypothesis import given
from hypothesis import strategies as st

from consentgate import ConfigurationError
from consentgate.check import KINDS, STATES, check_application, findings, started
from consentgate.check.discovery import discover
from consentgate.check.sightings import lifetime_asked
from consentgate.check.unasked import Unasked
from consentgate.client import Application, Route
from consentgate.findings import LEVELS, Finding, fails, is_ignored, worst_first
from consentgate.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

every_interface = pytest.mark.parametrize("interface", INTERFACES)
EVERY_STATE = "undecided, refused, granted, withdrawn, gpc"


# -- What is wrong --------------------------------------------------------------------------


@every_interface
def test_nothing_is_wrong_with_a_site_that_keeps_its_policy(interface: str) -> None:
    """Every rule is used, and within its limit."""
    lines = (f"_ga=1; Max-Age={THIRTEEN_MONTHS}", "basket=1; Max-Age=60", "step=1")
    assert [] == kinds(check_lines(lines, interface=interface))


@every_interface
def test_a_cookie_without_a_rule_is_an_error(interface: str) -> None:
    """In every state; the catalogue's guess and a similar rule are told."""
    found = only(check_lines((*ONE_OF_EACH, "baskett=1"), interface=interface), "unregistered")
    assert ("error", "baskett", EVERY_STATE, "/") == (
        found.level,
        found.cookie,
        found.state,
        found.place,
    )
    assert "(is it 'basket'?)" in found.message
    assert "Meta, advertising" in only(check_lines(["_fbp=1"]), "unregistered").message


def test_a_deletion_needs_no_rule() -> None:
    """Sites tidy up cookies of long ago."""
    gone = ("old=; Max-Age=0", "older=; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    seen = check_lines((*ONE_OF_EACH, *gone))
    assert [] == kinds(seen)
    assert {state.name: ["deleted"] for state in STATES} == becomes(seen, "older")


@every_interface
def test_a_life_over_its_limit_is_an_error(interface: str) -> None:
    """By one second, although the gate shortens it."""
    lines = (*ONE_OF_EACH[1:], f"_ga_X1=1; Max-Age={THIRTEEN_MONTHS + 1}")
    found = only(check_lines(lines, interface=interface), "over-limit")
    assert "_ga_X1" == found.cookie
    assert "its limit is 393 days (33955200 s)" in found.message
    assert "shortened" in becomes(check_lines(lines, interface=interface), "_ga_X1")["granted"]


def test_a_life_where_the_rule_has_none_is_an_error() -> None:
    """R14: the gate makes a session cookie of it."""
    found = only(check_lines((*ONE_OF_EACH, "step=1; Max-Age=60")), "over-limit")
    assert "'step' asks for 1 minute (60 s); its rule makes a session cookie of it." == (
        found.message
    )


def test_a_life_by_expires_may_be_off_by_a_second() -> None:
    """The application took the time before, and may round up; exactly the limit is no error."""
    for odd_seconds in (-2, 0, 1, 3):
        expires = formatdate(time.time() + THIRTEEN_MONTHS + odd_seconds, usegmt=True)
        seen = check_lines((*ONE_OF_EACH[1:], f"_ga=1; Expires={expires}"))
        assert ("over-limit", "_ga") not in kinds(seen)
        assert {THIRTEEN_MONTHS} == {each.lifetime for each in seen.sightings if each.name == "_ga"}


def test_a_day_too_long_by_expires_is_an_error() -> None:
    """The tolerance is for clocks, not for policies."""
    expires = formatdate(time.time() + THIRTEEN_MONTHS + 86_400, usegmt=True)
    assert ("over-limit", "_ga") in kinds(check_lines([f"_ga=1; Expires={expires}"]))


NOW = 1_790_000_000


@pytest.mark.parametrize(
    ("attributes", "limit", "asked"),
    [
        ("", 90, None),
        ("; Max-Age=91", 90, 91),
        ("; Max-Age=0", 90, 0),
        (f"; Expires={formatdate(NOW + 91, usegmt=True)}", 90, 90),
        (f"; Expires={formatdate(NOW + 599, usegmt=True)}", None, 600),
        (f"; Expires={formatdate(NOW + 590, usegmt=True)}", None, 590),
        (f"; Expires={formatdate(NOW + 2, usegmt=True)}", 90, 2),
        (f"; Expires={formatdate(NOW - 1, usegmt=True)}", 3, -1),
    ],
)
def test_the_life_that_is_asked_for(attributes: str, limit: int | None, asked: int | None) -> None:
    """Max-Age says it to the second, Expires about."""
    assert asked == lifetime_asked(f"a=1{attributes}", NOW, limit)


def test_what_is_left_of_the_first_deposit_is_no_limit() -> None:
    """R12: a cookie that is set again is not extended, which is nobody's fault."""
    lines = (*ONE_OF_EACH[1:], f"_ga=1; Max-Age={THIRTEEN_MONTHS}")
    seen = check_lines(lines, paths=["/", "/again", "/and/again"])
    assert [] == kinds(seen)
    assert ["passed", "not extended", "not extended"] == becomes(seen, "_ga")["granted"]


def test_what_the_end_of_the_decision_cuts_off_is_shortened() -> None:
    """R16 is the policy's own, and no limit of the rule either."""
    lines = (*ONE_OF_EACH[1:], f"_ga=1; Max-Age={THIRTEEN_MONTHS}")
    seen = check_lines(lines, policy(expire_with_consent=True))
    assert ["shortened"] == becomes(seen, "_ga")["granted"]
    assert [] == kinds(seen)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("_fbp", "exempt-advertising"),
        ("bcookie", "exempt-advertising"),
        ("_gcl_*", "exempt-advertising"),
        ("_ga", "exempt-statistics"),
        ("theme", None),
    ],
)
def test_an_exempt_rule_is_held_against_the_catalogue(name: str, kind: str | None) -> None:
    """What the catalogue calls advertising or social is an error, statistics a warning."""
    own = policy(cookies=[{"name": name, "category": "necessary"}])
    found = [each for each in findings(check_lines([], own)) if each.id.startswith("exempt")]
    assert [kind] * (kind is not None) == [each.id for each in found]
    assert all("cookies[0].category" == each.place for each in found)


@every_interface
def test_a_declared_cookie_that_is_never_set_is_an_error(interface: str) -> None:
    """Unless the catalogue says that scripts set it."""
    cookies = [
        {"name": "basket", "category": "necessary"},
        {"name": "_fbp", "category": "advertising"},
    ]
    seen = check_lines([], policy(cookies=cookies), interface)
    assert [("never-seen", "basket"), ("set-elsewhere", "_fbp")] == kinds(seen)
    assert "cookies[0]" == only(seen, "never-seen").place


def test_a_pattern_is_used_by_any_name_that_it_governs() -> None:
    """Where the cookie was stripped, too; an exact rule takes its name away from the pattern."""
    assert [] == kinds(check_lines(("_gaffe=1", "basket=1", "step=1")))
    cookies = [{"name": name, "category": "statistics"} for name in ("xy", "xy*")]
    seen = check_lines(["xy=1"], policy(cookies=cookies))
    assert [("never-seen", "xy*")] == kinds(seen)


def test_a_category_without_a_title_is_an_error() -> None:
    """Where visitors are asked about it."""
    seen = check_lines(ONE_OF_EACH, policy(categories={"measuring": {}}))
    assert [("untitled-category", "measuring")] == kinds(seen)
    assert "categories.measuring.title" == only(seen, "untitled-category").place


@every_interface
def test_what_is_set_outside_of_the_gate_is_an_error(interface: str) -> None:
    """Even under a name that the gate has stripped; once, also for one without a rule."""
    inside = gated(APPS[interface](ONE_OF_EACH), policy(), interface)
    seen = run(_around(inside, interface, ["_ga=2; Path=/", "outer=1"]), interface)
    assert [
        ("kept-after-withdrawal", "_ga"),
        ("ungated", "_ga"),
        ("ungated", "outer"),
    ] == kinds(seen)
    assert "it has no rule, either" in only_about(seen, "ungated", "outer").message
    assert EVERY_STATE.replace("granted, ", "") == only_about(seen, "ungated", "_ga").state
    assert ["ungated"] == becomes(seen, "outer")["refused"]


def only_about(seen: Any, kind: str, cookie: str) -> Finding:
    """Return the only finding of one kind about one cookie."""
    (found,) = [each for each in findings(seen) if (each.id, each.cookie) == (kind, cookie)]
    return found


def _around(app: Any, interface: str, lines: Sequence[str]) -> Any:
    if interface == "wsgi":

        def outer(environ: Any, start_response: Any) -> Any:
            def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                return start_response(status, [*headers, *((SET, line) for line in lines)], *rest)

            return app(environ, start)

        return outer

    async def outer_asgi(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                more = [(b"set-cookie", line.encode()) for line in lines]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await app(scope, receive, sending)

    return outer_asgi


SET = "Set-Cookie"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_django_site_is_checked_so_too(is_async: bool) -> None:
    """Its gate is found, and what middleware outside of it sets."""
    lines = (*ONE_OF_EACH, "visits=1")
    with checked_sites.django_application(
        lines, further_out=["outer=1"], is_async=is_async
    ) as site:
        seen = check_application(site, ["/"])
    assert seen.is_gated
    assert [
        ("ungated", "outer"),
        ("unregistered", "visits"),
    ] == kinds(seen)


@every_interface
def test_a_deletion_outside_of_the_gate_is_nothing_wrong(interface: str) -> None:
    """R5: deletions always pass, wherever they come from."""
    inside = gated(APPS[interface](ONE_OF_EACH), policy(), interface)
    seen = run(_around(inside, interface, ["old=; Max-Age=0"]), interface)
    assert [] == kinds(seen)
    assert {"deleted"} == {each.outcome for each in seen.sightings if each.name == "old"}


def test_middleware_outside_of_the_gate_may_add_attributes() -> None:
    """What it leaves alone is the name and the life of a line that passed."""

    def outer(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            changed = [(name, f"{value}; SameSite=None") for name, value in headers if name == SET]
            return start_response(status, changed, *rest)

        return inside(environ, start)

    inside = gated(APPS["wsgi"](ONE_OF_EACH), policy())
    assert [] == kinds(run(outer))


def test_a_forbidden_cookie_is_an_error() -> None:
    """The policy promises that there are none."""
    own = policy(categories={"statistics": {"basis": "forbidden"}})
    assert [("forbidden", "_ga")] == kinds(check_lines(ONE_OF_EACH, own))


def test_a_reserved_name_is_an_error() -> None:
    """R10: only the gate writes its own cookies."""
    assert [("reserved-name", "eu-consent")] == kinds(check_lines((*ONE_OF_EACH, "eu-consent=1")))


@pytest.mark.parametrize("line", ["=1", "_ga=1; Max-Age=x", "_ga=\x01"])
def test_an_odd_line_is_a_warning(line: str) -> None:
    """R3: the gate rewrites or drops it."""
    found = only(check_lines((*ONE_OF_EACH, line)), "not-canonical")
    assert "warning" == found.level
    assert "is set by a line that is odd" in found.message


def test_a_line_that_frameworks_write_is_none() -> None:
    """Flask gives a permanent session an Expires without a Max-Age; who sets it cannot mend it."""
    line = f"basket=1; Expires={formatdate(time.time() + 3600, usegmt=True)}"
    assert [] == kinds(check_lines(("_ga=1", line, "step=1")))


def test_report_mode_is_noted() -> None:
    """Nothing is enforced then, which each cookie that should not leave is named for."""
    seen = check_lines((*ONE_OF_EACH, "other=1"), policy(mode="report"))
    assert [("unregistered", "other"), ("not-enforced", "_ga"), ("report-mode", "")] == kinds(seen)
    assert {"basket": {"passed"}, "_ga": {"passed", "reported"}, "other": {"reported"}} == {
        name: {outcome for each in becomes(seen, name).values() for outcome in each}
        for name in ("basket", "_ga", "other")
    }


def test_a_category_in_report_mode_is_told_by_cookie() -> None:
    """What leaves without permission is no secret, although the policy has another mode."""
    own = policy(categories={"statistics": {"mode": "report"}})
    found = only(check_lines(ONE_OF_EACH, own), "not-enforced")
    assert ("warning", "_ga") == (found.level, found.cookie)
    assert EVERY_STATE.replace("granted, ", "") == found.state
    assert "'_ga' leaves although it may not" in found.message


def test_what_leaves_a_cookie_free_route_is_said_so() -> None:
    """Permission has nothing to do with it there."""
    cookies = [{"name": "basket", "category": "necessary"}]
    own = policy(mode="report", cookies=cookies, routes=[{"path": "/plain*"}])
    found = only(check_lines(["basket=1"], own, paths=["/plain"]), "not-enforced")
    assert ("basket", EVERY_STATE) == (found.cookie, found.state)
    assert "leaves on a cookie-free route although" in found.message


def test_block_mode_is_told_by_path_and_state() -> None:
    """The application gets CookieBlocked, and the visitor what it makes of that."""
    seen = check_lines(ONE_OF_EACH, policy(mode="block"))
    assert ["blocked"] == becomes(seen, "_ga")["refused"]
    found = only(seen, "no-answer")
    assert "undecided, refused, withdrawn, gpc" == found.state
    assert found.message.startswith("/ could not be checked: CookieBlocked: cookie '_ga' may not ")


# -- The states -----------------------------------------------------------------------------


def test_opt_in_is_stripped_in_all_states_but_granted() -> None:
    """Granted is everything that the policy offers."""
    seen = check_lines([*ONE_OF_EACH[1:], "_ga=1; Max-Age=60"])
    assert {
        "undecided": ["stripped"],
        "refused": ["stripped"],
        "granted": ["passed"],
        "withdrawn": ["stripped"],
        "gpc": ["stripped"],
    } == becomes(seen, "_ga")


def test_opt_out_is_refused_by_global_privacy_control() -> None:
    """R22, in California; who has not decided may be measured there."""
    cookies = [{"name": "_fbp", "category": "advertising"}]
    own = policy(preset="us-ca", cookies=cookies)
    assert {
        "undecided": ["passed"],
        "refused": ["stripped"],
        "granted": ["passed"],
        "withdrawn": ["stripped"],
        "gpc": ["stripped"],
    } == becomes(check_lines(["_fbp=1"], own), "_fbp")


@every_interface
def test_what_was_withdrawn_leaves_the_browser(interface: str) -> None:
    """On a host of several labels, with a Domain, and more cookies than one response deletes."""
    many = [f"_ga_{number}=1; Domain=shop.example; Max-Age=60" for number in range(60)]
    seen = check_lines(
        (*many, *ONE_OF_EACH[1:]), interface=interface, url="https://www.shop.example"
    )
    assert () == seen.kept
    assert [] == kinds(seen)


def test_what_stays_after_a_withdrawal_is_an_error() -> None:
    """Where the gate cannot delete it: a shared cache may store the response."""
    headers = [("Cache-Control", "public, max-age=60")]
    app = gated(checked_sites.wsgi_app(ONE_OF_EACH, headers=headers), policy())
    seen = run(app)
    assert ("_ga",) == seen.kept
    assert [("kept-after-withdrawal", "_ga")] == kinds(seen)


def test_what_is_not_sent_waits_to_be_deleted() -> None:
    """A cookie of a path that nobody asks for is deleted there, and was not read meanwhile."""
    far = {"/": (*ONE_OF_EACH[1:], "_ga=1; Path=/far"), "/near": ()}
    assert [] == kinds(check_lines(far, paths=["/", "/near"]))
    assert [] == kinds(check_lines(far, paths=["/", "/far"]))


# -- Gates ----------------------------------------------------------------------------------


@every_interface
def test_a_gate_is_put_around_an_application_without_one(interface: str) -> None:
    """With the policy that is given; the application is started once."""
    seen = run(APPS[interface](ONE_OF_EACH), interface, policy=policy())
    assert not seen.is_gated
    assert ["stripped"] == becomes(seen, "_ga")["undecided"]
    assert [] == kinds(seen)


def test_an_application_without_a_gate_needs_a_policy() -> None:
    """One line says how to get one."""
    with pytest.raises(ConfigurationError, match=r"'shop:app' has no gate; give --policy.*init"):
        run(APPS["wsgi"]([]))


def test_a_gate_that_only_some_paths_have_is_found() -> None:
    """What the others set is past it."""
    inside = gated(APPS["wsgi"](ONE_OF_EACH), policy())
    plain = APPS["wsgi"](["outer=1"])

    def app(environ: Any, start_response: Any) -> Any:
        chosen = inside if environ["PATH_INFO"] == "/shop" else plain
        return chosen(environ, start_response)

    seen = run(app, paths=["/", "/shop"])
    assert seen.is_gated
    assert [("ungated", "outer")] == kinds(seen)


def test_an_application_is_started_once() -> None:
    """Whatever is asked of it: connections of its own belong to one event loop."""
    events: list[str] = []
    inner = APPS["asgi"](ONE_OF_EACH)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await inner(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            events.append(step)
            await send({"type": f"lifespan.{step}.complete"})

    with started(application(app, "asgi"), "https://localhost", timeout=5) as site:
        assert ("/",) == discover(site, limit=9).paths
        assert site.transport is not None
    assert ["startup", "shutdown"] == events


def test_an_application_that_does_not_start_says_why() -> None:
    """In one line."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("no database" if scope["type"] == "http" else "no such host\nat all")

    async def says_so(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(ConfigurationError, match=r"'shop:app' does not start: .*no database"):
        run(says_so, "asgi")
    assert "no-answer" in {kind for kind, _ in kinds(run(app, "asgi", policy=policy()))}


# -- Answers --------------------------------------------------------------------------------


def failing(error: BaseException, at: str = "/") -> Any:
    """Return a WSGI application that raises ``error`` on one path."""
    inner = APPS["wsgi"](ONE_OF_EACH)

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == at:
            raise error
        return inner(environ, start_response)

    return gated(app, policy())


@pytest.mark.parametrize("error", [ValueError("_ga=SECRET"), SystemExit(0), SystemExit("bye")])
def test_what_the_application_raises_is_told_by_kind_and_place(error: BaseException) -> None:
    """Not by what it says, which may have a cookie's value in it."""
    seen = run(failing(error), paths=["/?a=1", "/well"])
    found = only(seen, "no-answer")
    assert ("warning", EVERY_STATE, "/?a=1") == (found.level, found.state, found.place)
    place = rf"{type(error).__name__} \(tests/test_check.py, line \d+\)"
    assert found.message.startswith("/?a=1 could not be checked: ")
    assert re.search(place, found.message)
    assert "SECRET" not in found.message


def test_an_error_from_elsewhere_has_no_place() -> None:
    """Where no file of the application is in the traceback."""
    seen = run(divmod, policy=policy())
    assert "TypeError" == seen.answers[0].error
    silent = run(lambda environ, start_response: [b""], policy=policy())
    said = "RuntimeError: the application answered without start_response"
    assert said == silent.answers[0].error
    assert ["nothing-answered", "no-answer"] == [kind for kind, _ in kinds(seen)]


def test_what_an_asgi_application_raises_is_told_too() -> None:
    """Although its server answers 500 in its place."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("SECRET")

    seen = run(app, "asgi", policy=policy())
    answer = seen.answers[0]
    assert 500 == answer.status
    assert answer.error.startswith("KeyError (tests/test_check.py, line ")
    assert [("nothing-answered", ""), ("no-answer", "")] == kinds(seen)
    assert "status 500, KeyError (tests" in only(seen, "no-answer").message


def test_an_asgi_application_that_ends_the_program_does_not_end_the_check() -> None:
    """With an exit code of 0 it would look as if nothing were wrong."""
    inner = APPS["asgi"](ONE_OF_EACH)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/exit":
            raise SystemExit(0)
        await inner(scope, receive, send)

    seen = run(app, "asgi", ["/exit", "/"], policy=policy())
    assert [("no-answer", "")] == kinds(seen)
    assert "SystemExit (tests/" in only(seen, "no-answer").message


def test_an_answer_that_does_not_come_is_told() -> None:
    """After the time that it was given."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.Event().wait()

    seen = run(app, "asgi", policy=policy(), timeout=0.01)
    assert "no answer in time" in only(seen, "no-answer").message


def test_a_stream_without_end_is_left() -> None:
    """Its cookies are known, for they came first."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        lines = [(b"set-cookie", line.encode()) for line in ONE_OF_EACH]
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})

    assert [] == kinds(run(app, "asgi", policy=policy()))


def test_redirects_are_followed_within_the_site() -> None:
    """What each answer on the way sets is seen, as what was asked for; not that of other hosts."""
    targets = {"/": "/a?token=1", "/a": "https://elsewhere.example/"}

    def app(environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        name = {"/": "_ga", "/a": "basket"}[path]
        start_response("302 Found", [("Location", targets[path]), (SET, f"{name}=1")])
        return []

    seen = run(gated(app, policy()))
    assert {("/", "_ga"), ("/", "basket")} == {(each.path, each.name) for each in seen.sightings}
    assert [("nothing-answered", ""), ("elsewhere", "")] == kinds(seen)
    assert {(302, "elsewhere")} == {(each.status, each.leads_to) for each in seen.answers}


def test_redirects_in_circles_are_left() -> None:
    """And said."""
    app = gated(
        checked_sites.wsgi_app(ONE_OF_EACH, status="302 Found", headers=[("Location", "/")]),
        policy(),
    )
    found = only(run(app), "no-answer")
    assert "/ could not be checked: status 302, more than 5 redirects." == found.message


@pytest.mark.parametrize(
    ("status", "kind"), [("401 No", "sign-in"), ("403 No", "sign-in"), ("404 No", "no-page")]
)
def test_paths_that_are_not_there_for_everybody_are_noted(status: str, kind: str) -> None:
    """All in one, and as an error where there is nothing else."""
    app = gated(checked_sites.wsgi_app(ONE_OF_EACH, status=status), policy())
    seen = run(app, paths=["/", "/1", "/2", "/3"])
    assert [("nothing-answered", ""), (kind, "")] == kinds(seen)
    assert only(seen, kind).message.startswith("4 paths answered with status 40")
    assert only(seen, kind).message.endswith(": /, /1, /2 ...")
    assert f"an error: status {status[:3]}." in only(seen, "nothing-answered").message


def test_what_was_not_answered_was_not_checked() -> None:
    """No rule is called unused then."""
    app = gated(checked_sites.wsgi_app([], status="500 No"), policy())
    assert {"nothing-answered", "no-answer"} == {kind for kind, _ in kinds(run(app))}


# -- Scenarios ------------------------------------------------------------------------------


def test_a_scenario_signs_in_and_the_paths_are_asked_again() -> None:
    """Its own requests are seen, and what the paths set afterwards."""

    def app(environ: Any, start_response: Any) -> Any:
        lines = ["basket=1"]
        if environ["REQUEST_METHOD"] == "POST":
            lines = ["step=1"]
        elif "step=1" in environ.get("HTTP_COOKIE", ""):
            lines = ["_ga=1"]
        start_response("200 OK", [(SET, line) for line in lines])
        return []

    inside = gated(app, policy())
    assert [("never-seen", "step"), ("set-elsewhere", "_ga*")] == kinds(run(inside))
    seen = run(inside, scenario=lambda client: client.post("/login"))
    assert [] == kinds(seen)
    assert {"/", "/login"} == {each.path for each in seen.sightings}
    # Who withdraws has signed in before.
    assert 2 * len(STATES) - 1 == len(seen.answers)


def test_a_scenario_is_played_once_for_each_visitor() -> None:
    """Who withdraws, too, is one visitor, and cannot sign in twice."""
    visitors: list[Any] = []
    check_lines(ONE_OF_EACH, scenario=visitors.append)
    assert len(STATES) == len(visitors)


def test_a_scenario_that_fails_is_told() -> None:
    """As an error, for nobody knows what is behind it; its cookies until then are seen."""

    def fail(client: Any) -> None:
        client.get("/")
        raise AssertionError("SECRET")

    seen = check_lines(ONE_OF_EACH, scenario=fail)
    found = only(seen, "scenario-failed")
    assert found.message.startswith("The scenario failed: AssertionError (tests/")
    assert ("error", "") == (found.level, found.place)
    assert {state.name for state in STATES} == set(found.state.split(", "))


# -- What is asked for ----------------------------------------------------------------------


class Mapped:
    """A framework with a map of URLs."""

    name = "mapped"

    def __init__(self, *routes: Route, error: Exception | None = None) -> None:
        self.known = routes
        self.error = error

    def routes(self, app: object) -> tuple[Route, ...]:
        """Return the map."""
        if self.error:
            raise self.error
        return self.known


def pages(found: dict[str, bytes]) -> Any:
    """Return a WSGI application that has these pages."""

    def app(environ: Any, start_response: Any) -> Any:
        body = found.get(environ["PATH_INFO"])
        start_response("404 Not Found" if body is None else "200 OK", [])
        return [body or b""]

    return app


def discovered(app: Any, *routes: Route, limit: int = 99, **options: Any) -> Any:
    """Return what is found of an application with this map of URLs."""
    framework: Any = Mapped(*routes)
    target = Application("shop:app", app, "wsgi", framework, app)
    with started(target, "https://localhost", timeout=5) as site:
        return discover(site, limit=limit, **options)


SITEMAP = b"<urlset><url><loc>https://shop.example/from-map</loc></url></urlset>"
OPENAPI = b'{"openapi": "3.0.0", "paths": {"/from-api": {"get": {}}}}'
HOME = b'<a href="/linked">x</a><a href="/linked-too">x</a><![ >'
LINKED = b'<a href="/deep">x</a><a href="/">x</a>'


def test_paths_are_of_the_map_the_sitemap_and_the_openapi_document() -> None:
    """In that order, the first page first, but for what ends a visit."""
    found = discovered(
        pages({"/sitemap.xml": SITEMAP, "/openapi.json": OPENAPI, "/": HOME}),
        Route("/logout", "/logout", is_sample=False),
        Route("/tea", "/tea", is_sample=False),
        Route("/<odd>", None, is_sample=False),
    )
    assert ("/", "/tea", "/from-api", "/from-map") == found.paths
    assert Unasked(("/<odd>",), ("/logout",), 0) == found.unasked


def test_a_route_that_two_know_is_asked_once() -> None:
    """As its OpenAPI document says, which has examples and required queries."""
    document = b"""{"openapi": "3.0.0", "paths": {"/items/{item_id}": {"get": {"parameters": [
        {"name": "item_id", "in": "path", "required": true, "example": "tea"},
        {"name": "q", "in": "query", "required": true, "example": "green"}]}}}}"""
    found = discovered(
        pages({"/openapi.json": document}),
        Route("/items/{id}", "/items/example", is_sample=True),
    )
    assert ("/", "/items/tea?q=green") == found.paths


def test_an_openapi_document_of_this_host_has_a_base_path() -> None:
    """Which its servers name with the host that is asked, or another."""
    document = (
        b'{"openapi": "3.0.0", "servers": [{"url": "https://%s/api"}], "paths": '
        b'{"/users": {"get": {}}}}'
    )
    assert ("/", "/api/users") == discovered(
        pages({"/openapi.json": document % b"localhost"})
    ).paths


def test_links_are_followed_where_nothing_else_tells_of_paths() -> None:
    """To the pages that they lead to, and on."""
    site = pages({"/": LINKED, "/deep": b'<a href="/deeper">x</a>'})
    assert ("/", "/deep", "/deeper") == discovered(site).paths
    assert ("/",) == discovered(site, links=False).paths
    tea = Route("/tea", "/tea", is_sample=False)
    assert ("/", "/tea") == discovered(site, tea).paths
    assert ("/", "/tea", "/deep", "/deeper") == discovered(site, tea, links=True).paths
    assert ("/", "/deep") == discovered(site, limit=2).paths


def test_a_page_that_is_hardly_html_has_no_links() -> None:
    """Python 3.11's parser gives up on it."""
    assert "/" == discovered(pages({"/": HOME})).paths[0]


def test_what_is_too_much_is_counted() -> None:
    """So that it can be said."""
    routes = [Route(f"/{number}", f"/{number}", is_sample=False) for number in range(5)]
    found = discovered(pages({}), *routes, limit=3)
    assert (("/", "/0", "/1"), 3) == (found.paths, found.unasked.left_out)


@pytest.mark.parametrize("error", [ValueError(), SystemExit()])
def test_an_application_that_fails_has_no_pages_to_learn_from(error: BaseException) -> None:
    """What it raises is seen when it is asked in earnest."""
    assert ("/",) == discovered(failing(error, "/openapi.json")).paths


def test_a_map_of_urls_with_a_fault_is_said() -> None:
    """Django imports it now; one line says what is wrong."""
    framework: Any = Mapped(error=ImportError("no module 'shop.urls'"))
    target = Application("shop:app", pages({}), "wsgi", framework)
    said = "the map of URLs of 'shop:app' has a fault: ImportError: no module 'shop.urls'"
    with (
        started(target, "https://localhost", timeout=5) as site,
        pytest.raises(ConfigurationError, match=said),
    ):
        discover(site, limit=9)


# -- Findings, and text ---------------------------------------------------------------------


def test_every_kind_says_what_to_do() -> None:
    """Under its own id."""
    assert all(kind.help and kind.title and kind.level in LEVELS for kind in KINDS.values())
    assert list(KINDS) == [kind.id for kind in KINDS.values()]


def test_what_a_policy_does_not_allow_fails_a_check() -> None:
    """Unless the site says that it lives with it."""
    errors = {kind.id for kind in KINDS.values() if kind.level == "error"}
    assert {
        "unregistered",
        "ungated",
        "over-limit",
        "forbidden",
        "reserved-name",
        "kept-after-withdrawal",
        "exempt-advertising",
        "never-seen",
        "untitled-category",
        "several-gates",
        "nothing-answered",
        "scenario-failed",
        "rate-limited",
    } == errors


FOUND = [
    Finding("never-seen", "error", "", "b"),
    Finding("no-answer", "warning", "", ""),
    Finding("never-seen", "error", "", "a"),
    Finding("report-mode", "note", "", ""),
]


@pytest.mark.parametrize(
    ("found", "fail_on", "does_fail"),
    [
        (FOUND, "error", True),
        (FOUND[1:2], "error", False),
        (FOUND[1:2], "warning", True),
        (FOUND[3:], "warning", False),
        (FOUND[3:], "note", True),
        ([], "note", False),
        (FOUND, "never", False),
    ],
)
def test_what_fails(found: list[Finding], fail_on: Any, does_fail: bool) -> None:
    """Findings at least as bad as asked for."""
    assert does_fail == fails(found, fail_on)


def test_findings_are_ignored_by_kind_or_by_kind_and_cookie() -> None:
    """An id alone, or with a cookie's name behind."""
    ignored = [is_ignored(each, ["never-seen:a", "report-mode"]) for each in FOUND]
    assert [False, False, True, True] == ignored


def test_the_worst_comes_first() -> None:
    """Then by kind and cookie."""
    assert [FOUND[2], FOUND[0], FOUND[1], FOUND[3]] == worst_first(FOUND)


@given(st.text())
def test_no_terminal_obeys_what_is_printable(text: str) -> None:
    """It is ASCII that prints, and plain text stays as it is."""
    shown = printable(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert r"C:\new" == printable(r"C:\new")


def test_a_long_name_is_cut_short() -> None:
    """A finding stays readable."""
    found = only(check_lines((*ONE_OF_EACH, f"{'n' * 5000}=1")), "unregistered")
    assert len(found.message) < 200
    assert "n" * 5000 == found.cookie
