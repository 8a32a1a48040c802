# ruff: noqa: INP001 - a module of scripts
"""What each kind of request costs: the rows of the design's section on speed."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

from harness import Row
from sites import (
    BRIEF,
    TWENTY_COOKIES,
    VERBOSE,
    EmptyASGI,
    accept,
    asgi_row,
    asgi_site,
    asgi_subject,
    changing,
    come_back,
    dated_site,
    inventive_site,
    make_gate,
    strangers,
    wsgi_row,
    wsgi_site,
)

from consentgate import asgi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from harness import Result

TITLE: Final = "total time as a ratio to the empty wrapper"


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
    yield asgi_row("the same, and another cookie changes", None, asgi_site(BRIEF), changing(known))
    yield asgi_row("3 with Expires and Max-Age, token seen", 6, asgi_site(VERBOSE), verbose)
    yield asgi_row("the same, and dates change", None, dated_site(), verbose)
    yield asgi_row("3 Set-Cookie, consent, first deposit", None, asgi_site(BRIEF), new)
    yield asgi_row("3 Set-Cookie, token never seen", 9, asgi_site(BRIEF), strangers(gate, BRIEF))
    yield asgi_row("20 request cookies, 11 removed and expired", 9, asgi_site(()), TWENTY_COOKIES)
    yield asgi_row("50 body chunks", 1, asgi_site((), chunks=50))
    yield rules_row("10 000 rules against 10", 1.03, asgi_site(BRIEF))
    yield rules_row("10 000 rules against 10, names never seen", None, inventive_site())
    yield wsgi_row("WSGI: no Set-Cookie", 1.6, wsgi_site(()))
    yield wsgi_row("WSGI: 3 Set-Cookie, consent, token seen", 7, wsgi_site(BRIEF), known)


def results() -> Iterator[Result]:
    """Measure everything here, a row at a time."""
    for row in rows():
        yield from row.measure()
