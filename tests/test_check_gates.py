"""``consentgate check``: which gates an application has, and what a check does to them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from checked_sites import (
    APPS,
    INTERFACES,
    ONE_OF_EACH,
    application,
    gated,
    kinds,
    only,
    policy,
    run,
    wsgi_app,
)

from consentgate import ConfigurationError, Gate
from consentgate.check import STATES, started
from consentgate.wsgi import ConsentGateMiddleware, consent_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.record import Document, Record


def by_path(apps: dict[str, Any]) -> Any:
    """Return an application of several, each mounted at its path."""

    def app(environ: Any, start_response: Any) -> Any:
        return apps[environ["PATH_INFO"]](environ, start_response)

    return app


def test_gates_beside_each_other_with_other_policies_are_an_error() -> None:
    """What the second judges was seen by a visitor who has never decided there."""
    first = gated(wsgi_app(ONE_OF_EACH), policy(version="first"))
    second = gated(wsgi_app(ONE_OF_EACH), policy(version="second"))
    seen = run(by_path({"/": first, "/b": second}), paths=["/", "/b"])
    assert ("first", ("second",)) == (seen.policy.version, seen.other_policies)
    found = only(seen, "several-gates")
    assert ("error", "") == (found.level, found.cookie)
    assert "the gate of policy 'first'; the application has more" in found.message
    assert found.message.endswith("with other policies or keys: 'second'.")
    assert [] == kinds(run(by_path({"/b": second}), paths=["/b"]))


def test_a_gate_that_a_scenario_meets_counts_too() -> None:
    """No path may lead to it."""
    first = gated(wsgi_app(ONE_OF_EACH), policy(version="first"))
    second = gated(wsgi_app([]), policy(version="second"))
    site = by_path({"/": first, "/b": second})
    seen = run(site, scenario=lambda client: client.get("/b"))
    assert [("several-gates", "")] == kinds(seen)


def test_gates_of_one_policy_and_one_key_are_as_one() -> None:
    """Whichever judges, it knows the visitor's decision."""
    site = by_path({path: gated(wsgi_app(ONE_OF_EACH), policy()) for path in ("/", "/b")})
    assert [] == kinds(run(site, paths=["/", "/b"]))


def test_gates_of_one_policy_and_other_keys_are_an_error() -> None:
    """To each, what was decided at the other is a forgery."""
    site = by_path(
        {
            path: ConsentGateMiddleware(wsgi_app(ONE_OF_EACH), Gate(policy(), f"key {path}"))
            for path in ("/", "/b")
        }
    )
    assert ("7",) == run(site, paths=["/", "/b"]).other_policies


def test_of_gates_in_one_another_the_outer_one_counts() -> None:
    """And each line that either has judged."""
    inner = gated(wsgi_app(ONE_OF_EACH), policy())
    assert [] == kinds(run(gated(inner, policy())))
    seen = run(gated(inner, policy(version="outer")))
    assert ("outer", ("7",)) == (seen.policy.version, seen.other_policies)
    assert [("several-gates", "")] == kinds(seen)


def test_a_policy_for_an_application_with_a_gate_is_a_mistake() -> None:
    """It would not be what counts there."""
    with pytest.raises(ConfigurationError, match=r"'shop:app' has a gate of its own.*--policy"):
        run(gated(wsgi_app(ONE_OF_EACH), policy()), policy=policy())


@pytest.mark.parametrize("interface", INTERFACES)
def test_where_nothing_is_answered_no_gate_can_be_seen(interface: str) -> None:
    """To ask for a policy then would be wrong; why nothing was answered is said."""
    with pytest.raises(ConfigurationError) as raised:
        run(APPS[interface]([], status="503 No"), interface)
    said = "no path was answered (status 503), so its gate, if it has one, was not seen"
    assert f"'shop:app' cannot be checked: {said}" == str(raised.value)


def test_why_nothing_is_answered_is_said_by_kind_and_place() -> None:
    """Of the first path, for WSGI and for ASGI, whose server answers in its place."""

    def app(environ: Any, start_response: Any) -> Any:
        raise KeyError("SECRET")

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("SECRET")

    for call, interface in ((app, "wsgi"), (asgi_app, "asgi")):
        said = r"no path was answered \(KeyError \(tests/test_check_gates.py, line \d+\)\)"
        with pytest.raises(ConfigurationError, match=said):
            run(call, interface)


# -- What a check leaves as it was ----------------------------------------------------------


class _Store:
    """A record store of production, which nothing may be written to."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def use_keys(self, secret_keys: Sequence[bytes]) -> None:
        """Be given the gate's keys."""

    def append(self, record: Record, documents: Sequence[Document]) -> None:
        """Keep a record, or fail to."""
        del documents
        self.records.append(record)
        raise OSError("the disk is full")


CALIFORNIA: Any = {"preset": "us-ca", "cookies": [{"name": "_fbp", "category": "advertising"}]}


def _deciding(environ: Any, start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/accept":
        consent_from(environ).grant("advertising")
    start_response("200 OK", [("Set-Cookie", "_fbp=1")])
    return [b""]


def test_no_record_is_kept_of_a_check(caplog: pytest.LogCaptureFixture) -> None:
    """Not of a privacy signal, and not of what a scenario decides; a full disk is no matter."""
    store: Any = _Store()
    app = ConsentGateMiddleware(_deciding, Gate(policy(**CALIFORNIA), "a key", records=store))
    statuses: list[int] = []

    def accept(client: httpx.Client) -> None:
        statuses.append(client.get("/accept").status_code)

    with caplog.at_level(logging.ERROR):
        assert [] == kinds(run(app, paths=["/", "/b"], scenario=accept))
    assert ([], []) == (store.records, caplog.messages)
    assert [200] * len(STATES) == statuses
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="https://localhost") as client:
        assert 503 == client.get("/accept").status_code
    assert 1 == len(store.records)


def test_a_check_within_an_event_loop_is_a_mistake() -> None:
    """An ASGI application needs a loop of its own; a thread has none yet."""

    async def check() -> None:
        run(APPS["asgi"](ONE_OF_EACH), "asgi", policy=policy())

    with pytest.raises(ConfigurationError, match=r"an event loop is running.*asyncio.to_thread"):
        asyncio.run(check())

    async def check_in_a_thread() -> Any:
        app = gated(APPS["asgi"](ONE_OF_EACH), policy(), "asgi")
        return await asyncio.to_thread(run, app, "asgi")

    assert [] == kinds(asyncio.run(check_in_a_thread()))


def test_a_wsgi_check_within_an_event_loop_is_fine() -> None:
    """It needs none."""

    async def check() -> Any:
        with started(application(wsgi_app([])), "https://localhost", timeout=5) as site:
            return site.host

    assert "localhost" == asyncio.run(check())
