"""The gates that an application has, or is given for a check."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.check.site import brief
from consentgate.client.jar import Jar
from consentgate.client.transports import JarTransport, new_client
from consentgate.exceptions import ConfigurationError
from consentgate.gate import Gate
from consentgate.observation import Observer, observing
from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import httpx

    from consentgate.check.site import Site
    from consentgate.policy import Policy

_SERVER_ERROR: Final = 500


class Gates(Observer):
    """Notes each gate that a request passes through, in order, once."""

    def __init__(self) -> None:
        self.found: list[Gate] = []

    def visit(self, gate: Gate) -> None:
        """Note ``gate``."""
        if not any(each is gate for each in self.found):
            self.found.append(gate)


class _Probe(NamedTuple):
    """What asking for paths, until one has a gate, has shown."""

    gate: Gate | None
    """The outermost of the first path that has one."""
    failure: str
    """What became of the first path, where none was answered; else ``""``."""


def own_gate(site: Site, paths: Sequence[str], policy: Policy | None) -> Gate | None:
    """Return the gate of the application itself, None where it has none.

    Raises `ConfigurationError` where it has none and ``policy`` is None.
    """
    probe = _probe(site, paths)
    target = site.application.target
    if probe.gate is None and policy is None:
        if probe.failure:
            raise ConfigurationError(
                f"{target!r} cannot be checked: no path was answered ({probe.failure}), so its "
                "gate, if it has one, was not seen"
            )
        raise ConfigurationError(
            f"{target!r} has no gate; give --policy, and the check puts one "
            "around it (consentgate init writes a first policy)"
        )
    return probe.gate


def _probe(site: Site, paths: Iterable[str]) -> _Probe:
    gates = Gates()
    failures: list[str] = []
    undisturbed = JarTransport(site.transport, Jar(time.time))
    with observing(gates), new_client(undisturbed, site.url) as client:
        for path in paths:
            failures.append(_failure(site, client, path))
            if gates.found:
                return _Probe(gates.found[0], "")
    return _Probe(None, failures[0] if failures and all(failures) else "")


def _failure(site: Site, client: httpx.Client, path: str) -> str:
    """Ask for ``path``, and return why it was not answered; ``""`` where it was."""
    site.taken_error()
    try:
        response = client.get(path)
    except (Exception, SystemExit) as error:
        return brief(error)
    if response.status_code < _SERVER_ERROR:
        return ""
    raised = site.taken_error()
    return brief(raised) if raised else f"status {response.status_code}"


def put_around(site: Site, policy: Policy) -> Gate:
    """Put a gate of ``policy`` around ``site``, and return it."""
    gate = Gate(site.application.with_framework(policy), secrets.token_bytes())
    site.put_around(gate)
    return gate


def others(gate: Gate, found: Iterable[Gate]) -> tuple[str, ...]:
    """Return the policy versions of gates for which a decision made at ``gate`` is none.

    They have another policy, or other keys; what they judge is not seen in all states.
    """
    header = "=".join(consent_cookie(gate))
    unlike = (each for each in found if not _is_like(each, gate, header))
    return tuple(dict.fromkeys(each.policy.version for each in unlike))


def _is_like(other: Gate, gate: Gate, header: str) -> bool:
    return other.policy == gate.policy and other.decision(header, gate.clock()) is not None
