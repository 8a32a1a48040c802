# ruff: noqa: INP001 - a module of scripts
"""What is timed: requests as browsers send them, sites, the gate around them and the floor."""

from __future__ import annotations

import time
from email.utils import formatdate
from itertools import count, cycle, repeat
from typing import TYPE_CHECKING, Any, Final

from harness import Row, Subject

from consentgate import CookieRule, Gate, Policy, asgi, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DECLARED: Final = {
    "statistics": ("_ga", "_gid", "_ga_*", "_hjid", "_pk_id*", "_clck", "_clsk"),
    "advertising": ("_gcl_au", "_fbp", "_uetsid", "_uetvid"),
}

# A browser's request for a page.
REQUEST_HEADERS: Final = (
    ("host", "shop.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "fr,en;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://shop.example/"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
)
RESPONSE_HEADERS: Final = [
    ("content-type", "text/html; charset=utf-8"),
    ("content-length", "5120"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
]
YEAR: Final = 365 * 86_400
BRIEF: Final = (
    "sessionid=8h2kx0vq6c3m5t1z; HttpOnly; Path=/; SameSite=Lax",
    f"_ga=GA1.1.1234567890.1795219200; Max-Age={YEAR}; Path=/; SameSite=Lax",
    f"_gcl_au=1.1.987654321.1795219200; Max-Age={YEAR // 4}; Path=/; Secure",
)


def with_dates(instant: float) -> list[str]:
    """Return lines as Django's `set_cookie` and Werkzeug's `dump_cookie` write them then."""
    date = formatdate(instant + YEAR, usegmt=True)
    return [
        f"sessionid=8h2kx0vq6c3m5t1z; expires={date}; HttpOnly; Max-Age={YEAR}; Path=/",
        f"_ga=GA1.1.1234567890.1795219200; expires={date}; Max-Age={YEAR}; Path=/; SameSite=Lax",
        f"_gcl_au=1.1.987654321; Expires={date}; Max-Age={YEAR}; Path=/; SameSite=Lax",
    ]


VERBOSE: Final = tuple(with_dates(time.time()))
GOVERNED: Final = tuple(name.replace("*", "X1") for names in DECLARED.values() for name in names)
TWENTY_COOKIES: Final = "; ".join(
    f"{name}=1.2.1234567890"
    for name in ("sessionid", *GOVERNED[:6], "csrftoken", *GOVERNED[6:], *"ABCDEFG")
)


def make_gate(rules: int = 0, on_verdict: Callable[[object], object] | None = None) -> Gate:
    """Return the gate of a Django shop that declares `DECLARED` and ``rules`` more cookies."""
    names = [(name, category) for category, names in DECLARED.items() for name in names]
    shapes = ("{}_exact", "{}_prefix*", "{:05}*_glob")
    names += [(shapes[n % 3].format(n), "statistics") for n in range(rules)]
    cookies = [CookieRule(name, category, max_age="13 months") for name, category in names]
    policy = Policy("2026-11", frameworks=["django"], cookies=cookies)
    return Gate(policy, "a benchmark's key", on_verdict=on_verdict)


def both_gates() -> list[Gate]:
    """Return a gate for each of `VARIANTS`."""
    return [make_gate(), make_gate(on_verdict=lambda _: None)]


def accept(gate: Gate) -> str:
    """Return the Cookie header of a visitor who has just accepted everything in `DECLARED`."""
    visit = gate.visit(a_request())
    visit.consent.grant(*DECLARED)
    _, line = visit.additions().headers[-1]
    return "sessionid=8h2kx0vq6c3m5t1z; " + line.partition(";")[0]


def a_request() -> asgi.ScopeRequest:
    """Return a request that says nothing."""
    return asgi.ScopeRequest({"type": "http", "path": "/", "headers": []})


def come_back(gate: Gate, lines: Sequence[str]) -> str:
    """Return the Cookie header of a visitor who accepted, and got ``lines`` on the last visit."""
    cookie = accept(gate)
    visit = gate.visit(a_request(), cookie)
    stored = [line for line in lines if visit.judge(line)]
    stored += [line for _, line in visit.additions().headers]
    pairs = [line.partition(";")[0] for line in stored if not line.startswith("sessionid")]
    return "; ".join([cookie, *pairs])


def strangers(gate: Gate, lines: Sequence[str]) -> Iterator[str]:
    """Yield Cookie headers of visitors who came back, each with a consent token never seen."""
    while True:
        yield come_back(gate, lines)


def changing(cookie: str) -> Iterator[str]:
    """Yield Cookie headers of one visitor, one of whose other cookies is new each time."""
    return (f"{cookie}; visits={number:09}" for number in count())


class EmptyASGI:
    """The floor: nothing but an async closure around ``send``."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""

        async def forward(message: Any) -> None:
            await send(message)

        await self.app(scope, receive, forward)


class EmptyWSGI:
    """The floor: nothing but a closure around ``start_response``."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer one request."""

        def forward(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, headers, exc_info)

        return self.app(environ, forward)


def asgi_subject(app: Any, cookies: Iterator[str]) -> Subject:
    """Drive ``app`` without an event loop; its requests carry one of ``cookies`` each."""

    async def receive() -> Any: ...

    async def send(message: Any) -> None: ...

    def answer(scopes: list[Any]) -> None:
        while scopes:
            next(app(scopes.pop(), receive, send).__await__(), None)

    common = {"type": "http", "method": "GET", "path": "/", "root_path": "", "scheme": "https"}
    headers = [(name.encode(), value.encode()) for name, value in REQUEST_HEADERS]
    return Subject(
        answer,
        (
            {**common, "headers": [*headers, (b"cookie", cookie.encode())] if cookie else headers}
            for cookie in cookies
        ),
    )


def wsgi_subject(app: Any, cookies: Iterator[str]) -> Subject:
    """Drive ``app``; its requests carry one of ``cookies`` each."""

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any: ...

    def answer(environs: list[Any]) -> None:
        while environs:
            app(environs.pop(), start_response)

    common = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/"}
    common |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in REQUEST_HEADERS}
    return Subject(
        answer,
        ({**common, "HTTP_COOKIE": cookie} if cookie else dict(common) for cookie in cookies),
    )


def asgi_site(lines: Sequence[str], chunks: int = 1) -> Any:
    """Return an application that sets the cookies ``lines``."""
    headers = [*RESPONSE_HEADERS, *(("set-cookie", line) for line in lines)]
    wire = [(name.encode(), value.encode()) for name, value in headers]
    start = {"type": "http.response.start", "status": 200, "headers": wire}
    bodies = [{"type": "http.response.body", "body": b"", "more_body": True}] * chunks

    async def site(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - as called
        await send(start)
        for body in bodies:
            await send(body)

    return site


def dated_site() -> Any:
    """Return an application that writes other dates into its cookies with each response."""
    now = time.time()
    answers = cycle([asgi_site(with_dates(now + second)) for second in range(1000)])

    async def site(scope: Any, receive: Any, send: Any) -> None:
        await next(answers)(scope, receive, send)

    return site


def inventive_site() -> Any:
    """Return an application that sets cookies under names it never used before."""
    numbers = count()

    async def site(scope: Any, receive: Any, send: Any) -> None:
        lines = [f"_ga_{next(numbers):07}{line}" for line in BRIEF]
        await asgi_site(lines)(scope, receive, send)

    return site


def wsgi_site(lines: Sequence[str]) -> Any:
    """Return an application that sets the cookies ``lines``."""
    headers = [*RESPONSE_HEADERS, *(("Set-Cookie", line) for line in lines)]

    def site(environ: Any, start_response: Any) -> Sequence[bytes]:  # noqa: ARG001 - as called
        start_response("200 OK", headers)
        return (b"",)

    return site


def asgi_row(name: str, budget: float | None, site: Any, cookies: Iterator[str] | str = "") -> Row:
    """Return a row of the gate around the ASGI application ``site``."""
    sent = repeat(cookies) if isinstance(cookies, str) else cookies
    gated = [asgi.ConsentGateMiddleware(site, gate) for gate in both_gates()]
    subjects = [asgi_subject(app, sent) for app in gated]
    return Row(name, budget, asgi_subject(EmptyASGI(site), sent), subjects)


def wsgi_row(name: str, budget: float | None, site: Any, cookie: str = "") -> Row:
    """Return a row of the gate around the WSGI application ``site``."""
    gated = [wsgi.ConsentGateMiddleware(site, gate) for gate in both_gates()]
    subjects = [wsgi_subject(app, repeat(cookie)) for app in gated]
    return Row(name, budget, wsgi_subject(EmptyWSGI(site), repeat(cookie)), subjects)
