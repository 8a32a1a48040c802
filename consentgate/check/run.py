"""Ask an application for its paths in every state, and note each cookie that it sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from consentgate.check.gates import others, own_gate, put_around
from consentgate.check.runner import Runner
from consentgate.check.sightings import Run
from consentgate.check.site import started
from consentgate.check.states import STATES
from consentgate.check.unasked import NOTHING_UNASKED
from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consentgate.check.runner import Scenario
    from consentgate.check.site import Site
    from consentgate.check.states import State
    from consentgate.check.unasked import Unasked
    from consentgate.client.application import Application
    from consentgate.policy import Policy


def check_application(
    application: Application,
    paths: Sequence[str],
    *,
    url: str = "https://localhost",
    policy: Policy | None = None,
    states: Sequence[State] = STATES,
    scenario: Scenario | None = None,
    timeout: float = 10.0,
) -> Run:
    """Start ``application``, check it as `check_site` does, and end it.

    One check at a time: meanwhile all gates of the process are looked on at, none of them keeps
    records, and what is printed goes to standard error.

    Args:
        application: what is asked, in this process; it writes what it writes, so give it a
            database for tests.
        paths: see `check_site`, as for the next three.
        url: scheme and host that it is asked under.
        policy: for an application without a gate.
        states: the visitor's.
        scenario: what else visitors do.
        timeout: seconds that an answer may take; what only computes cannot be interrupted.

    Raises `ConfigurationError`.
    """
    with started(application, url, timeout=timeout) as site:
        return check_site(site, paths, policy=policy, states=states, scenario=scenario)


def check_site(
    site: Site,
    paths: Sequence[str],
    *,
    policy: Policy | None = None,
    states: Sequence[State] = STATES,
    scenario: Scenario | None = None,
    progress: Callable[[], object] = lambda: None,
    unless_gated: bool = False,
    unasked: Unasked = NOTHING_UNASKED,
) -> Run:
    """Ask a running site for ``paths`` in each of ``states``, and return what was seen.

    Args:
        site: what is asked.
        paths: what is asked for, with query strings where they have one.
        policy: for an application without a gate, which is then put around it.
        unless_gated: whether ``policy`` is left unused where the application has a gate.
        states: the visitor's, one after the other, each with a jar of its own.
        scenario: called once for each visitor with a client, after the paths: what else visitors
            do, such as signing in. Then the paths are asked for again.
        progress: called after each request for one of ``paths``.
        unasked: what is left out of ``paths``; the run has what the scenario did not ask for.

    Raises `ConfigurationError` where the application has no gate and ``policy`` is None, and where
    it has one and ``policy`` is given.
    """
    own = own_gate(site, paths, policy)
    if own is not None and policy is not None and not unless_gated:
        raise ConfigurationError(
            f"{site.application.target!r} has a gate of its own, whose policy counts; "
            "leave out --policy"
        )
    gate = own or put_around(site, cast("Policy", policy))
    runner = Runner(site, gate, paths, scenario=scenario, progress=progress)
    for state in states:
        runner.visit(state)
    application = site.application
    return Run(
        target=application.target,
        interface=application.interface,
        framework=application.framework.name if application.framework else "",
        policy=gate.policy,
        is_gated=own is not None,
        paths=tuple(paths),
        sightings=tuple(runner.sightings),
        answers=tuple(runner.answers),
        kept=runner.kept,
        refused=tuple(runner.refused),
        host=site.host,
        other_policies=others(gate, runner.gates),
        beyond_get=frozenset(
            path for method, path in runner.requests if method not in ("GET", "HEAD")
        ),
        unasked=unasked.without(runner.requests),
    )
