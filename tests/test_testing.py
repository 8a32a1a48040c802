"""The helpers for users' tests: each rule of the contract is failed by some broken front."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest
from additions import is_deposits_cookie, without_additions

import consentgate.wsgi
from consentgate import CookieBlocked, CookieRule, Gate, Policy, UnknownCategory
from consentgate.pages.testing import PagesContract
from consentgate.testing import (
    NOW,
    FrontContract,
    Request,
    Response,
    View,
    consent_cookie,
    deposits_cookie,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Headers = list[tuple[str, str]]


class SoundFront(FrontContract):
    """The WSGI middleware, with a place to break it at each step of the way."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Carry the request in and the answer out."""
        gate, request = self.gate_used(gate), self.arriving(request)
        answered: list[tuple[int, Headers]] = []

        def app(environ: Any, start_response: Any) -> Sequence[bytes]:
            view.see(
                self.seen(request, environ.get("HTTP_COOKIE")),
                lambda: consentgate.wsgi.consent_from(environ),
            )
            lines = [("Set-Cookie", line) for line in view.set_cookies]
            start_response(f"{view.status} -", [*view.headers, *lines])
            return view.body

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
            answered.append((int(status.partition(" ")[0]), headers))

        environ: dict[str, Any] = {
            "PATH_INFO": request.path,
            "HTTP_HOST": "shop.example",
            "wsgi.url_scheme": request.url.partition(":")[0],
            **{f"HTTP_{key.upper().replace('-', '_')}": value for key, value in request.headers},
        }
        body = self.call(consentgate.wsgi.ConsentGateMiddleware(app, gate), environ, start_response)
        (status, headers) = answered[-1]
        response = Response(status, headers, b"".join(body))
        return self.leaving(request, view, response)

    def call(self, app: Any, environ: Any, start_response: Any) -> Any:
        """Run the application."""
        return app(environ, start_response)

    def gate_used(self, gate: Gate) -> Gate:
        """Return the gate that the front really uses."""
        return gate

    def arriving(self, request: Request) -> Request:
        """Return the request as the front passes it on."""
        return request

    def seen(self, request: Request, cookie: str | None) -> str | None:
        """Return the Cookie header that the application finds."""
        return cookie

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Return the response as the front passes it on."""
        return response


class TestSoundFront(SoundFront):
    """Unbroken, it passes the whole contract."""


class TestSoundServer(SoundFront):
    """So does a front whose client sees an error as a response of status 500."""

    raises_what_the_gate_raises = False

    def call(self, app: Any, environ: Any, start_response: Any) -> Any:
        """Answer an error of the application as a server does."""
        try:
            return app(environ, start_response)
        except CookieBlocked:
            start_response("500 Internal Server Error", [])
            return [b"Sorry"]


def replaced(response: Response, lines: Sequence[str]) -> Response:
    """Return ``response`` with other Set-Cookie lines."""
    kept = [(name, value) for name, value in response.headers if name != "Set-Cookie"]
    headers = [*kept, *(("Set-Cookie", line) for line in lines)]
    return Response(response.status, headers, response.body)


def without_header(request: Request, name: str) -> Request:
    """Return ``request`` without the headers called ``name``."""
    headers = [(key, value) for key, value in request.headers if key.lower() != name]
    return Request(request.method, request.path, headers, request.secure)


class DoesNothing(SoundFront):
    """It forgets the gate."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Let everything out."""
        return replaced(response, view.set_cookies)


class DropsEverything(SoundFront):
    """It thinks no cookie is the safest cookie."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Let nothing out."""
        return replaced(response, [])


class Normalises(SoundFront):
    """It writes each line in the way it likes best."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Write attributes in lower case."""
        lines = [line.replace("; Path", "; path") for line in response.set_cookies]
        return replaced(response, lines)


class KeepsADictionary(SoundFront):
    """It thinks that a name has one cookie."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Let the last of each name out."""
        by_name = {line.partition("=")[0]: line for line in response.set_cookies}
        return replaced(response, list(by_name.values()))


class GatesSuccess(SoundFront):
    """It hooks in where errors and redirects do not pass."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Gate what is 200."""
        return response if response.status == 200 else replaced(response, view.set_cookies)


class GatesPages(SoundFront):
    """It hooks in where pages are rendered."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Gate what is GET."""
        return response if request.method == "GET" else replaced(response, view.set_cookies)


class BuffersOnePiece(SoundFront):
    """It knows no streams."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Let the first piece out."""
        return Response(response.status, response.headers, b"".join(view.body[:1]))


class ChangesTheStatus(SoundFront):
    """It answers as it likes."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Say that nothing is there."""
        return Response(404, response.headers, response.body)


class SwallowsErrors(SoundFront):
    """It keeps serving, come what may."""

    def call(self, app: Any, environ: Any, start_response: Any) -> Any:
        """Answer an error as if nothing were wrong."""
        try:
            return app(environ, start_response)
        except CookieBlocked:
            start_response("200 OK", [])
            return []


class SwallowsErrorsQuietly(SwallowsErrors):
    """It keeps serving where a server should say 500."""

    raises_what_the_gate_raises = False


class HidesNothing(SoundFront):
    """It looks at responses only."""

    def seen(self, request: Request, cookie: str | None) -> str | None:
        """Show what the browser sent."""
        return "; ".join(value for name, value in request.headers if name == "Cookie") or None


class HidesEverything(SoundFront):
    """It thinks that the application needs no cookies."""

    def seen(self, request: Request, cookie: str | None) -> str | None:
        """Show nothing."""
        return None


class LosesDecisions(SoundFront):
    """It forgets that the gate has headers of its own."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Let the application's headers out."""
        kept = [line for line in response.set_cookies if not line.startswith("eu-consent=p")]
        own = [(name, value) for name, value in response.headers if (name, value) in view.headers]
        return replaced(Response(response.status, own, response.body), kept)


class DecidesTooLate(SoundFront):
    """It judges by the consent that the request came with."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Judge again, as if nothing had been decided since."""
        own = [line for line in response.set_cookies if line.startswith("eu-consent=p")]
        if not own:
            return response
        granted = any("statistics=true" in value for _, value in request.headers)
        lines = [line for line in view.set_cookies if granted and line.startswith("_ga")]
        return replaced(response, [*lines, *own])


class IsNeverSecure(SoundFront):
    """It forgets TLS."""

    def arriving(self, request: Request) -> Request:
        """Pass every request on as plain HTTP."""
        return Request(request.method, request.path, request.headers)


class BelievesTheVisitor(SoundFront):
    """It reads the consent cookie and checks no signature, no age and no version."""

    def gate_used(self, gate: Gate) -> Gate:
        """Keep the gate to sign with."""
        self.signing = gate
        return gate

    def arriving(self, request: Request) -> Request:
        """Sign whatever the visitor claims."""
        text = " ".join(value for _, value in request.headers)
        claims = set(re.findall(r"(statistics|advertising)=true", text))
        if not claims:
            return request
        cookie = "=".join(consent_cookie(self.signing, claims))
        headers = [*without_header(request, "cookie").headers, ("Cookie", cookie)]
        return Request(request.method, request.path, headers, request.secure)


class KnowsOneKey(SoundFront):
    """It makes a gate of its own, with the newest key alone."""

    def gate_used(self, gate: Gate) -> Gate:
        """Forget the other keys, and whoever hears the verdicts."""
        return Gate(gate.policy, "new key", clock=gate.clock)


class HasNoSignals(SoundFront):
    """It does not pass Sec-GPC on."""

    def arriving(self, request: Request) -> Request:
        """Drop the signal."""
        return without_header(request, "sec-gpc")


class HasNoPaths(SoundFront):
    """It does not know where the visitor is."""

    def arriving(self, request: Request) -> Request:
        """Pass every request on as one to the root."""
        return Request(request.method, "/", request.headers, request.secure)


class AlwaysVaries(SoundFront):
    """It asks about consent on every request."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Add a Vary header, whatever there is."""
        headers = [*response.headers, ("Vary", "Cookie")]
        return Response(response.status, headers, response.body)


class FearsOddRequests(SoundFront):
    """It fails where a request is not as it should be."""

    def arriving(self, request: Request) -> Request:
        """Refuse a long header."""
        assert all(len(value) < 500 for _, value in request.headers)
        return request


class IgnoresExpires(SoundFront):
    """It repairs deletions."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Let no deletion out."""
        lines = [line for line in response.set_cookies if "Max-Age=0" not in line]
        return replaced(response, lines)


class AddsNothing(SoundFront):
    """It carries out what the application sent, and that alone."""

    def leaving(self, request: Request, view: View, response: Response) -> Response:
        """Let no date and no deletion of the gate's out."""
        return replaced(response, without_additions(response.set_cookies))


class DatesTwice(SoundFront):
    """It keeps the dates of first deposits from the gate, which so records them anew."""

    def arriving(self, request: Request) -> Request:
        """Let no date in."""
        headers = [
            (name, re.sub(r"; eu-consent-deposits=[^;]*", "", value))
            for name, value in request.headers
        ]
        return Request(request.method, request.path, headers, request.secure)


class InvitesCaches(SoundFront):
    """It sets the application's headers when the gate has seen all the others."""

    def respond(self, gate: Gate, request: Request, view: View) -> Response:
        """Keep them from the gate."""
        response = super().respond(gate, request, dataclasses.replace(view, headers=[]))
        return Response(response.status, [*response.headers, *view.headers], response.body)


BROKEN = [
    front
    for front in list(globals().values())
    if isinstance(front, type)
    and issubclass(front, FrontContract)
    and not front.__name__.startswith("Test")
    and front not in (FrontContract, PagesContract, SoundFront)
]
RULES = [name for name in dir(FrontContract) if name.startswith("test_")]


def fails(front: type[FrontContract], rule: str) -> bool:
    """Whether ``front`` fails a test of the contract."""
    test: Callable[[], None] = getattr(front(), rule)
    try:
        test()
    except (AssertionError, IndexError, ValueError):
        return True
    return False


@pytest.mark.parametrize("rule", RULES)
def test_the_contract_notices(rule: str) -> None:
    """Each rule is failed by at least one broken front, so none is there in vain."""
    assert [front.__name__ for front in BROKEN if fails(front, rule)]


@pytest.mark.parametrize("front", BROKEN)
def test_the_contract_lets_no_broken_front_pass(front: type[FrontContract]) -> None:
    """Each way to break a front is noticed by at least one rule."""
    assert [rule for rule in RULES if fails(front, rule)]


class WithoutPages(SoundFront, PagesContract):
    """A front that was told to serve the visitor's pages, and does not."""


def test_the_contract_of_the_pages_notices() -> None:
    """Every rule of theirs is failed where they are not served, but that on other paths."""
    rules = {name for name in dir(PagesContract) if name.startswith("test_")} - set(RULES)
    failed = {rule for rule in rules if fails(WithoutPages, rule)}
    assert {"test_other_paths_are_the_applications"} == rules - failed


def test_a_front_must_say_how_it_responds() -> None:
    """The contract alone carries nothing."""
    with pytest.raises(NotImplementedError):
        FrontContract().test_R2_an_allowed_line_leaves_byte_for_byte()


@pytest.mark.parametrize(("decided_at", "expected"), [(None, NOW), (NOW - 60.5, NOW - 61), (0, 0)])
def test_a_consent_cookie_says_when_and_what(decided_at: float | None, expected: float) -> None:
    """By the gate's clock, or when it is told; nothing granted is a refusal."""
    gate = Gate(Policy("1", cookie_name="c"), "key", clock=lambda: NOW)
    name, token = consent_cookie(gate, decided_at=decided_at)
    assert "c" == name
    assert f"&time={expected:.0f}&" in token
    assert "=true" not in token


def test_a_deposits_cookie_says_since_when() -> None:
    """Sent along with the cookies it dates it ends their lives in time, each its own."""
    gate = Gate(Policy("1", cookie_name="c", unregistered="allow"), "key", clock=lambda: NOW)
    name, value = deposits_cookie(gate, {"a": NOW - 60.5, "b": NOW - 10**9})
    assert "c-deposits" == name
    request = Request(headers=[("Cookie", f"a=1; b=1; {name}={value}")])
    limit = gate.policy.limit(None)
    view = View([f"{each}=1; Max-Age={limit}" for each in "abd"])
    *lines, dates = SoundFront().respond(gate, request, view).set_cookies
    assert [f"a=1; Max-Age={limit - 61}", "b=1; Max-Age=0", view.set_cookies[2]] == lines
    assert is_deposits_cookie(dates)


def test_an_answer_is_told_from_what_the_gate_adds() -> None:
    """``application_cookies`` has neither dates nor deletions, ``set_cookies`` has all."""
    rules = [CookieRule("_ga", "statistics"), CookieRule("session", "necessary")]
    gate = Gate(Policy("1", cookies=rules), "key", clock=lambda: NOW)
    view = View(["session=1; Max-Age=60; Path=/", "eu-consent=; Max-Age=0; Path=/"])
    response = SoundFront().respond(gate, Request(headers=[("Cookie", "_ga=1")]), view)
    assert view.set_cookies == response.application_cookies
    added = [line for line in response.set_cookies if line not in view.set_cookies]
    assert 3 == len(added)
    assert [] == without_additions(added)


@pytest.mark.parametrize("category", ["stats", "necessary"])
def test_a_consent_cookie_for_nothing_is_an_error(category: str) -> None:
    """A category that nobody can accept is a mistake of the test."""
    with pytest.raises(UnknownCategory):
        consent_cookie(Gate(Policy("1"), "key"), [category])
