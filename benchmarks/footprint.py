# ruff: noqa: INP001, S603 - a module of scripts, which starts interpreters
"""What importing ConsentGate takes at the start of a process, and what a gate keeps in memory.

Each import is timed in a fresh interpreter, by its own clock, once what has to be there anyway is
imported: a framework before the adapter for it. So the start of the interpreter is not in it, and
the files are compiled and in the operating system's memory.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import tracemalloc
from itertools import islice
from typing import TYPE_CHECKING, Final

from harness import Result, expect
from sites import BRIEF, asgi_site, asgi_subject, make_gate, strangers

from consentgate import asgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLE: Final = "import time and memory"

TIMES: Final = 7
TOKENS: Final = 20_000
"""As many visitors as a gate remembers: 10 000 in each of two generations."""
RULES: Final = 10_000

DJANGO: Final = """
import django.conf, django.core.handlers.asgi, django.core.handlers.wsgi
django.conf.settings.configure(SECRET_KEY="key")
django.setup()
"""
IMPORTS: Final = {
    "itsdangerous, which it needs": ("", "itsdangerous"),
    "consentgate, all included": ("", "consentgate"),
    "consentgate, after itsdangerous": ("import itsdangerous", "consentgate"),
    "consentgate.wsgi, after consentgate": ("import consentgate", "consentgate.wsgi"),
    "consentgate.asgi, after consentgate and asyncio": (
        "import asyncio, consentgate",
        "consentgate.asgi",
    ),
    "consentgate.pages, after consentgate": ("import consentgate", "consentgate.pages"),
    "flask_consentgate, after flask": ("import flask", "flask_consentgate"),
    "django_consentgate.middleware, after django": (DJANGO, "django_consentgate.middleware"),
    "starlette_consentgate, after starlette": (
        "import starlette.applications, starlette.middleware.sessions",
        "starlette_consentgate",
    ),
}
SCRIPT: Final = """
{before}
import sys, time
assert "{module}" not in sys.modules
start = time.process_time()
import {module}
print(time.process_time() - start)
"""


def seconds(before: str, module: str) -> float:
    """Return how long a fresh interpreter takes to import ``module``."""
    command = [sys.executable, "-c", SCRIPT.format(before=before, module=module)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def imports() -> Iterator[Result]:
    """Yield how long each import takes, measured in turn."""
    for import_ in IMPORTS.values():
        seconds(*import_)  # which compiles it
    rounds = [[seconds(*import_) for import_ in IMPORTS.values()] for _ in range(TIMES)]
    for variant, own in zip(IMPORTS, zip(*rounds, strict=True), strict=True):
        quartiles = statistics.quantiles([1_000 * each for each in own], n=4)
        yield Result("importing", variant, None, quartiles, "ms")


def octets_kept(make: Callable[[], object]) -> int:
    """Return what is in memory after ``make`` that was not there before."""
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        del made
    finally:
        tracemalloc.stop()
    return kept


def once(row: str, figure: float, unit: str, budget: float | None = None) -> Result:
    """Return what is counted once, for it is the same each time."""
    return Result(row, "", budget, [figure] * 3, unit)


def bytes_per_token() -> Result:
    """Return what a gate keeps of a token it has verified, the token itself included."""
    gate = make_gate()
    visitors = islice(strangers(make_gate(), BRIEF), TOKENS)
    requests = asgi_subject(asgi.ConsentGateMiddleware(asgi_site(BRIEF), gate), visitors)
    scopes = list(requests.requests)
    kept = octets_kept(lambda: requests.answer(scopes))
    expect([], scopes, "each token answered")
    return once("bytes per cached token", kept / TOKENS, "bytes", 256)


def gates() -> Iterator[Result]:
    """Yield what gates take before any request."""
    few, many = octets_kept(make_gate), octets_kept(lambda: make_gate(RULES))
    yield once("a gate with 11 rules, and Django's", few / 1e3, "kB")
    yield once("a gate with 10 000 more", many / 1e6, "MB")
    yield once("bytes per rule", (many - few) / RULES, "bytes")


def results() -> Iterator[Result]:
    """Measure everything here."""
    yield from imports()
    yield bytes_per_token()
    yield from gates()
