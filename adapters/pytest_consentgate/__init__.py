"""ConsentGate for pytest: a fixture for each state of consent, and a report of all cookies.

    def test_home(client, consent_refused):
        response = consent_refused(client).get("/")
        assert_gated(response)

Nothing of ConsentGate is imported before a fixture or an option asks for it, so that coverage that
begins with the tests sees all of it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_consentgate.options import pytest_addoption, pytest_configure

if TYPE_CHECKING:
    from collections.abc import Generator

    from consentgate import Gate
    from pytest_consentgate.states import ConsentState, GrantedState

__all__ = [
    "consent_gate",
    "consent_gpc",
    "consent_granted",
    "consent_refused",
    "consent_undecided",
    "consent_withdrawn",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_call",
]


@pytest.hookimpl(hookwrapper=True)  # pytest 7 may know no other kind of wrapper
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Let assertions that are not told the gate ask for the fixture ``consent_gate``.

    A test may import them only when it runs; by then its site has imported the gate itself.
    """
    if "consentgate" not in sys.modules:
        yield
        return
    from consentgate.assertions import gates_found_by  # noqa: PLC0415 - coverage has begun
    from pytest_consentgate.search import gate_of_test  # noqa: PLC0415 - as above

    with gates_found_by(lambda: gate_of_test(item)):
        yield


@pytest.fixture
def consent_gate(request: pytest.FixtureRequest) -> Gate:
    """Return the gate of the site.

    It is found in what the fixtures ``app`` and ``client`` of the test give, and in Django's
    settings. Where it is somewhere else, override this fixture in conftest.py.
    """
    from pytest_consentgate.search import find_gate  # noqa: PLC0415 - as above

    return find_gate(request)


@pytest.fixture
def consent_undecided(consent_gate: Gate) -> ConsentState:
    """Return the state of a visitor who has not chosen yet."""
    from pytest_consentgate.states import ConsentState  # noqa: PLC0415 - as above

    return ConsentState(consent_gate)


@pytest.fixture
def consent_refused(consent_gate: Gate) -> ConsentState:
    """Return the state of a visitor who has refused everything."""
    from pytest_consentgate.states import ConsentState  # noqa: PLC0415 - as above

    return ConsentState(consent_gate, granted=())


@pytest.fixture
def consent_granted(consent_gate: Gate) -> GrantedState:
    """Return the state of a visitor who has accepted all that the site offers.

    ``consent_granted.only("statistics")`` is one who has accepted some.
    """
    from pytest_consentgate.states import GrantedState, offered  # noqa: PLC0415 - as above

    return GrantedState(consent_gate, granted=offered(consent_gate))


@pytest.fixture
def consent_withdrawn(consent_gate: Gate) -> ConsentState:
    """Return the state of a visitor who accepted everything once and refuses it now.

    The browser still sends what was stored meanwhile: the cookies that the client has, and one of
    each rule of the site's own that needs consent and is no pattern.
    """
    from pytest_consentgate.states import ConsentState, declared  # noqa: PLC0415 - as above

    return ConsentState(consent_gate, granted=(), holds=declared(consent_gate))


@pytest.fixture
def consent_gpc(consent_gate: Gate) -> ConsentState:
    """Return the state of an undecided visitor who sends Global Privacy Control."""
    from pytest_consentgate.states import GPC, ConsentState  # noqa: PLC0415 - as above

    return ConsentState(consent_gate, headers=GPC)
