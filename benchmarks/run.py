# ruff: noqa: INP001, T201 - a script, which prints
"""What the gate costs a request, as a ratio to a middleware that does nothing.

Run it with ``make bench``; README.md beside this file tells how to read the table.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import time
import tracemalloc
from collections import deque
from dataclasses import asdict, dataclass
from email.utils import formatdate
from itertools import count, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from consentgate import CookieRule, Gate, Policy, asgi, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BATCH: Final = 100
"""Requests that are timed together; one alone is too short for the clock."""
ROUNDS: Final = 200
TOKENS: Final = 5_000

DECLARED: Final = {
    "statistics": ("_ga", "_gid", "_ga_*", "_hjid", "_pk_id*", "_clck", "_clsk"),
    "advertising": ("_gcl_au", "_fbp", "_uetsid", "_uetvid"),
}
VARIANTS: Final = ("", "on_verdict")

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
# As Django's `set_cookie` and Werkzeug's `dump_cookie` spell and order the attributes.
VERBOSE: Final = tuple(
    template.format(formatdate(time.time() + YEAR, usegmt=True))
    for template in (
        f"sessionid=8h2kx0vq6c3m5t1z; expires={{}}; HttpOnly; Max-Age={YEAR}; Path=/; SameSite=Lax",
        f"_ga=GA1.1.1234567890.1795219200; expires={{}}; Max-Age={YEAR}; Path=/; SameSite=Lax",
        f"_gcl_au=1.1.987654321; Expires={{}}; Max-Age={YEAR}; Path=/; SameSite=Lax",
    )
)
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


@dataclass(frozen=True)
class Subject:
    """Something to be timed: it answers a list of requests and uses it up."""

    answer: Callable[[list[Any]], None]
    requests: Iterator[Any]

    def seconds(self) -> float:
        """Return the processor time it takes for one batch."""
        batch = list(islice(self.requests, BATCH))
        gc.collect(0)
        start = time.thread_time()
        self.answer(batch)
        return time.thread_time() - start


@dataclass(frozen=True)
class Row:
    """One line of the table: ``subjects`` in proportion to ``floor``."""

    name: str
    budget: float | None
    floor: Subject
    subjects: Sequence[Subject]

    def measure(self) -> list[Result]:
        """Time floor and subjects in turn, each first as often, and return one result a subject."""
        everyone = deque([self.floor, *self.subjects])
        ratios: list[list[float]] = [[] for _ in self.subjects]
        for _ in range(ROUNDS):
            everyone.rotate()
            seconds = {id(subject): subject.seconds() for subject in everyone}
            for subject, own in zip(self.subjects, ratios, strict=True):
                own.append(seconds[id(subject)] / seconds[id(self.floor)])
        return [
            Result(self.name, variant, self.budget, statistics.quantiles(own, n=4))
            for variant, own in zip(VARIANTS, ratios, strict=False)
        ]


@dataclass(frozen=True)
class Result:
    """What was measured for one subject of a row."""

    row: str
    variant: str
    budget: float | None
    quartiles: Sequence[float]

    @property
    def standing(self) -> str:
        """Whether the median, as it is shown, is within the budget."""
        if self.budget is None:
            return ""
        return "ok" if round(self.quartiles[1], 2) <= self.budget else "over"

    def __str__(self) -> str:
        low, median, high = (f"{quartile:.2f}" for quartile in self.quartiles)
        budget = "" if self.budget is None else f"{self.budget:g}"
        return (
            f"{self.row:46}{self.variant:12}{median:>7} {f'[{low} {high}]':16}"
            f"{budget:>6} {self.standing}"
        )


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


def rules_row(name: str, budget: float | None, site: Any) -> Row:
    """Return a row of 10 000 rules against 10."""
    few, many = (
        asgi_subject(asgi.ConsentGateMiddleware(site, make_gate(rules)), repeat(""))
        for rules in (0, 10_000)
    )
    return Row(name, budget, few, [many])


def noise_row() -> Row:
    """Return a row of the floor against itself."""
    floor, same = (asgi_subject(EmptyASGI(asgi_site(())), repeat("")) for _ in range(2))
    return Row("noise: the empty wrapper against itself", None, floor, [same])


def bytes_per_token() -> Result:
    """Return what a gate keeps of a token it has verified."""
    gate = make_gate()
    visitors = islice(strangers(make_gate(), BRIEF), TOKENS)
    requests = asgi_subject(asgi.ConsentGateMiddleware(asgi_site(BRIEF), gate), visitors)
    scopes = list(requests.requests)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    requests.answer(scopes)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Result("bytes per cached token", "", 256, [(after - before) / TOKENS] * 3)


def rows() -> Iterator[Row]:
    """Yield the rows of the table in the design's section on speed."""
    gate = make_gate()
    new, known, verbose = accept(gate), come_back(gate, BRIEF), come_back(gate, VERBOSE)
    yield noise_row()
    yield asgi_row("no Set-Cookie", 1.3, asgi_site(()))
    yield asgi_row("no Set-Cookie; 3 cookies, consent, dates sent", None, asgi_site(()), known)
    yield asgi_row("1 exempt Set-Cookie", 1.6, asgi_site(BRIEF[:1]))
    yield asgi_row("3 Set-Cookie, no consent, 2 stripped", 3.5, asgi_site(BRIEF))
    yield asgi_row("3 Set-Cookie, consent, token seen", 4.5, asgi_site(BRIEF), known)
    yield asgi_row("3 with Expires and Max-Age, token seen", 6, asgi_site(VERBOSE), verbose)
    yield asgi_row("3 Set-Cookie, consent, first deposit", None, asgi_site(BRIEF), new)
    yield asgi_row("3 Set-Cookie, token never seen", 9, asgi_site(BRIEF), strangers(gate, BRIEF))
    yield asgi_row("20 request cookies, 11 removed and expired", 9, asgi_site(()), TWENTY_COOKIES)
    yield asgi_row("50 body chunks", 1, asgi_site((), chunks=50))
    yield rules_row("10 000 rules against 10", 1.03, asgi_site(BRIEF))
    yield rules_row("10 000 rules against 10, names never seen", None, inventive_site())
    yield wsgi_row("WSGI: no Set-Cookie", 1.6, wsgi_site(()))
    yield wsgi_row("WSGI: 3 Set-Cookie, consent, token seen", 7, wsgi_site(BRIEF), known)


def main() -> None:
    """Print the table, and write it to a file where one is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE too")
    parser.add_argument("--gc", action="store_true", help="leave the garbage collector on")
    options = parser.parse_args()
    gc.freeze()
    if not options.gc:
        gc.disable()
    print(f"{'total time as a ratio to the empty wrapper':58} median [quartiles]     budget")
    results: list[Result] = []
    for row in rows():
        results.extend(row.measure())
        print(*results[-len(row.subjects) :], sep="\n", flush=True)
    results.append(bytes_per_token())
    print(results[-1])
    if options.json:
        report = {"python": platform.python_version(), "results": [asdict(r) for r in results]}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
