"""Ask an application for its paths in every state, and note each cookie that it sets."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from consentgate.check.sightings import Answer, Run, Sighting, sighting
from consentgate.check.site import brief, started
from consentgate.check.states import STATES, granted_by
from consentgate.client.jar import Jar
from consentgate.client.transports import JarTransport, new_client, set_cookie_lines
from consentgate.exceptions import ConfigurationError
from consentgate.gate import Gate
from consentgate.observation import ObservedLine, Observer, observing
from consentgate.set_cookie import read
from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import httpx

    from consentgate.check.site import Site
    from consentgate.check.states import State
    from consentgate.client.application import Application
    from consentgate.policy import Policy

    Scenario = Callable[[httpx.Client], object]

_MOST_REDIRECTS: Final = 5
_MOST_IN_VAIN: Final = 3
"""How often a visitor comes back after a withdrawal and nothing goes, until it counts as kept."""
_SERVER_ERROR: Final = 500


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

    Args:
        application: what is asked, in this process; it writes what it writes, so give it a
            database for tests.
        paths: see `check_site`, as for the next three.
        url: scheme and host that it is asked under.
        policy: for an application without a gate.
        states: the visitor's.
        scenario: what else visitors do.
        timeout: seconds that an ASGI answer may take.

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
) -> Run:
    """Ask a running site for ``paths`` in each of ``states``, and return what was seen.

    Args:
        site: what is asked.
        paths: what is asked for, with query strings where they have one.
        policy: for an application without a gate, which is then put around it.
        states: the visitor's, one after the other, each with a jar of its own.
        scenario: called once for each visitor with a client, after the paths: what else visitors
            do, such as signing in. Then the paths are asked for again.
        progress: called after each request for one of ``paths``.

    Raises `ConfigurationError` where the application has no gate and ``policy`` is None.
    """
    own = _gate_of(site, paths)
    gate = own or _put_gate_around(site, policy)
    runner = _Runner(site, gate, paths, scenario=scenario, progress=progress)
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
    )


def _gate_of(site: Site, paths: Iterable[str]) -> Gate | None:
    """Return the outermost gate that a request passes through, if there is one."""
    found = _Found()
    undisturbed = JarTransport(site.transport, Jar(time.time))
    with observing(found), new_client(undisturbed, site.url) as client:
        for path in paths:
            with suppress(Exception, SystemExit):  # whatever it raises is seen later
                client.get(path)
            if found.gates:
                return found.gates[0]
    return None


class _Found(Observer):
    def __init__(self) -> None:
        self.gates: list[Gate] = []

    def visit(self, gate: Gate) -> None:
        self.gates.append(gate)


def _put_gate_around(site: Site, policy: Policy | None) -> Gate:
    if policy is None:
        raise ConfigurationError(
            f"{site.application.target!r} has no gate; give --policy, and the check puts one "
            "around it (consentgate init writes a first policy)"
        )
    gate = Gate(site.application.with_framework(policy), secrets.token_bytes())
    site.put_around(gate)
    return gate


class _Lines(Observer):
    """Keeps the lines of a request until its response is there."""

    def __init__(self) -> None:
        self._lines: list[ObservedLine] = []

    def line(self, seen: ObservedLine) -> None:
        self._lines.append(seen)

    def taken(self) -> list[ObservedLine]:
        """Return the lines since the last call."""
        taken, self._lines = self._lines, []
        return taken


class _Runner:
    """One check under way."""

    def __init__(
        self,
        site: Site,
        gate: Gate,
        paths: Sequence[str],
        *,
        scenario: Scenario | None,
        progress: Callable[[], object],
    ) -> None:
        self._site = site
        self._gate = gate
        self._paths = paths
        self._scenario = scenario
        self._progress = progress
        self.sightings: list[Sighting] = []
        self.answers: list[Answer] = []
        self.kept: tuple[str, ...] = ()

    def visit(self, state: State) -> None:
        """Ask for everything as a visitor in ``state``, with a jar of their own."""
        jar = Jar(self._gate.clock)
        if state.before == "none":
            self._decide(jar, state.choice)
            self._pass(state, jar, self._scenario)
            return
        self._unnoted(state, jar, state.before, self._scenario)
        self._decide(jar, state.choice)
        self._pass(state, jar)
        self.kept = self._kept(state, jar)

    def _unnoted(
        self, state: State, jar: Jar, choice: str, scenario: Scenario | None = None
    ) -> None:
        """Let the visitor do the same after ``choice``, of which no cookie is noted."""
        sightings, self.sightings = self.sightings, []
        answers, self.answers = self.answers, []
        self._decide(jar, choice)
        self._pass(state, jar, scenario)
        failures = [answer for answer in self.answers if answer.path == ""]
        self.sightings, self.answers = sightings, [*answers, *failures]

    def _decide(self, jar: Jar, choice: str) -> None:
        granted = granted_by(choice, self._gate.policy)
        if granted is not None:
            jar.remove(self._gate.policy.cookie_name)
            jar.put(self._site.url, *consent_cookie(self._gate, granted))

    def _kept(self, state: State, jar: Jar) -> tuple[str, ...]:
        """Return what is sent although it may not stay, however often the visitor comes back.

        One response has room for some deletions alone; the rest leaves with the next ones (R18).
        """
        kept, in_vain = self._unwanted(jar), 0
        while kept and in_vain < _MOST_IN_VAIN:
            self._unnoted(state, jar, state.choice)
            before, kept = kept, self._unwanted(jar)
            in_vain = 0 if len(kept) < len(before) else in_vain + 1
        return kept

    def _unwanted(self, jar: Jar) -> tuple[str, ...]:
        headers = [jar.header(self._site.url + path) for path in self._paths]
        sent = {pair.partition("=")[0] for header in headers for pair in header.split("; ")}
        return tuple(name for name in jar.names() if name in sent and self._may_not_stay(name))

    def _may_not_stay(self, name: str) -> bool:
        known = self._gate.cookies[name]
        return known.rule is not None and not known.exempt and known.enforced

    def _pass(self, state: State, jar: Jar, scenario: Scenario | None = None) -> None:
        lines = _Lines()
        with observing(lines), self._client(state, jar, lines) as client:
            self._ask_all(client, state, lines)
            if scenario is not None:
                self._play(scenario, client, state, lines)
                self._ask_all(client, state, lines)

    def _client(self, state: State, jar: Jar, lines: _Lines) -> httpx.Client:
        def hear(request: httpx.Request, response: httpx.Response) -> None:
            path = request.url.raw_path.partition(b"?")[0].decode("ascii")
            self._note(state, path, lines.taken(), set_cookie_lines(response))

        transport = JarTransport(self._site.transport, jar, hear)
        return new_client(transport, self._site.url, headers=state.headers)

    def _ask_all(self, client: httpx.Client, state: State, lines: _Lines) -> None:
        for path in self._paths:
            try:
                self.answers.append(self._answer(client, state, path))
            except (Exception, SystemExit) as error:
                self._note(state, path.partition("?")[0], lines.taken(), [])
                self.answers.append(Answer(state.name, path, None, brief(error)))
            self._progress()

    def _answer(self, client: httpx.Client, state: State, path: str) -> Answer:
        self._site.taken_error()
        response = client.get(path)
        for _ in range(_MOST_REDIRECTS):
            if not _leads_on(client, response):
                break
            response = client.send(response.next_request)  # type: ignore[arg-type]
        error = self._site.taken_error()
        told = brief(error) if error and response.status_code >= _SERVER_ERROR else ""
        if _leads_on(client, response):
            told = f"more than {_MOST_REDIRECTS} redirects"
        return Answer(state.name, path, response.status_code, told)

    def _play(self, scenario: Scenario, client: httpx.Client, state: State, lines: _Lines) -> None:
        try:
            scenario(client)
        except (Exception, SystemExit) as error:
            self._note(state, "", lines.taken(), [])
            self.answers.append(Answer(state.name, "", None, brief(error)))

    def _note(
        self, state: State, path: str, seen: Iterable[ObservedLine], left: Iterable[str]
    ) -> None:
        sent: set[tuple[str, int | None]] = set()
        now = self._gate.clock()
        for each in seen:
            if each.sent is not None:
                sent.add(_identity(each.sent, now))
            if not each.by_gate:
                self.sightings.append(sighting(state, path, each))
        for line in left:
            if _identity(line, now) not in sent:
                ungated = ObservedLine(self._gate, line, line)
                self.sightings.append(sighting(state, path, ungated, ungated=True))


def _identity(line: str, now: float) -> tuple[str, int | None]:
    """Return what a line must not differ in from one that a gate let go; the rest may be added to.

    Middleware outside the gate may well add SameSite to what passes.
    """
    cookie = read(line)
    return cookie.name, cookie.attributes.lifetime(int(now))


def _leads_on(client: httpx.Client, response: httpx.Response) -> bool:
    following = response.next_request
    return following is not None and following.url.host == client.base_url.host
