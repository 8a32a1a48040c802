"""Which gate a response is measured by."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from consentgate.assertions.answers import Asked
    from consentgate.gate import Gate

__all__ = ["find_gate", "gates_found_by", "known_gate"]

_finders: list[Callable[[], Gate | None]] = []


@contextmanager
def gates_found_by(finder: Callable[[], Gate | None]) -> Generator[None]:
    """Let ``finder`` say which gate the site has, wherever an assertion is not told.

    It is asked in every thread, and where it returns None there is no gate. The pytest plugin
    answers with the fixture ``consent_gate``; another test runner may do likewise.
    """
    _finders.append(finder)
    try:
        yield
    finally:
        _finders.remove(finder)


def known_gate(asked: Asked | None, gate: Gate | None = None) -> Gate | None:
    """Return ``gate``, or the one that saw the request, or that of the site; None for none."""
    if gate is None and asked is not None and asked.visit is not None:
        gate = asked.visit.gate
    if gate is None and _finders:
        gate = _finders[-1]()
    return gate


def find_gate(asked: Asked | None, gate: Gate | None = None) -> Gate:
    """Return what `known_gate` returns.

    Raises `AssertionError` where the client can tell that the request passed through no gate, and
    `ConfigurationError` where nobody knows one.
    """
    __tracebackhide__ = True
    found = known_gate(asked, gate)
    if found is not None:
        return found
    if asked is not None and asked.shows_visit:
        raise AssertionError(
            "The request passed through no gate.\n\n"
            "to do: put django_consentgate.middleware.ConsentGateMiddleware first in MIDDLEWARE"
        )
    raise ConfigurationError(
        "the response does not tell which gate its site has; give it: assert_gated(response, gate)."
        " A test of pytest may leave it out where the fixture consent_gate is defined in "
        "conftest.py; a fixture gives it, too"
    )
