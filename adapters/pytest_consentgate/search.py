"""Where a site's gate is found: in its application, or in Django's settings."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final, cast

import pytest

from consentgate import ConfigurationError, Gate

_FIXTURES: Final = ("app", "client")
_WITHIN: Final = ("app", "application", "wsgi_app", "asgi_app", "_transport")
"""Where middleware and clients keep what they are around, by custom; httpx's in its transport."""
_DEEPEST: Final = 64
"""Layers of middleware."""

_NO_GATE: Final = """consent_gate found no gate. Write in conftest.py:

    import pytest

    @pytest.fixture
    def consent_gate():
        return gate  # the consentgate.Gate that the middleware of your application has

It is found by itself where the test has a fixture `app` or `client` whose application has the gate
around it, and where Django's settings have CONSENTGATE."""


class NoGateFound(ConfigurationError):
    """No gate was found where a site is wont to have it."""


def find_gate(request: pytest.FixtureRequest) -> Gate:
    """Return the gate of the site that the test is about.

    Raises `NoGateFound`, which says what to write, and `ConfigurationError` where Django's
    settings have a gate that cannot be made.
    """
    __tracebackhide__ = True
    for name in _FIXTURES:
        if name in request.fixturenames:
            gate = gate_within(_value(request, name))
            if gate is not None:
                return gate
    gate = _gate_of_django()
    if gate is None:
        raise NoGateFound(_NO_GATE)
    return gate


def _value(request: pytest.FixtureRequest, name: str) -> object:
    try:
        return request.getfixturevalue(name)
    except pytest.FixtureLookupError:  # it is made of a state of consent, which needs the gate
        return None


def gate_within(application: Any) -> Gate | None:
    """Return the gate that an application has around or in it; a client's application counts."""
    for _ in range(_DEEPEST):
        gate = _gate_at(application)
        if gate is not None:
            return gate
        inner = _inner(application)
        if inner is None:
            return None
        application = inner
    return None


def _gate_at(application: Any) -> Gate | None:
    """Return the gate of our own middleware, or of Flask's extension."""
    extensions = _attribute(application, "extensions")
    if isinstance(extensions, dict):
        known = cast("dict[str, object]", extensions).get("consentgate")
    else:
        known = _attribute(application, "gate")
    return known if isinstance(known, Gate) else None


def _inner(application: Any) -> Any:
    if _attribute(application, "build_middleware_stack") is not None:
        return _middleware_of_starlette(application)
    found = (_attribute(application, name) for name in _WITHIN)
    return next((inner for inner in found if inner is not None), None)


def _attribute(thing: object, name: str) -> object:
    """Return an attribute of what may be anything, such as a proxy that is bound to nothing."""
    try:
        return getattr(thing, name, None)
    except Exception:  # whatever it raises, no gate is there
        return None


def _middleware_of_starlette(application: Any) -> Any:
    """Return what Starlette makes of its middleware at the first request, and make it now."""
    if application.middleware_stack is None:
        application.middleware_stack = application.build_middleware_stack()
    return application.middleware_stack


def _gate_of_django() -> Gate | None:
    configuration = sys.modules.get("django.conf")
    settings: Any = getattr(configuration, "settings", None)
    if settings is None or not (settings.configured and hasattr(settings, "CONSENTGATE")):
        return None
    # By its name, for this package stands beside that one, and not above it.
    gate: Gate = import_module("django_consentgate.conf").site_gate()
    return gate


def gate_of_test(item: pytest.Item) -> Gate | None:
    """Return the gate of the running test, or None; the fixture is made if nobody asked for it."""
    request: pytest.FixtureRequest | None = getattr(item, "_request", None)
    if request is None:
        return None
    try:
        gate: object = request.getfixturevalue("consent_gate")
    except (NoGateFound, pytest.FixtureLookupError):
        return None
    return gate if isinstance(gate, Gate) else None
