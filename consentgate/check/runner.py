"""One check under way: the visitors who ask, one for each state, and what is noted of it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from consentgate.check.gates import Gates
from consentgate.check.redirects import Label, leads_to
from consentgate.check.sightings import Answer, Sighting, sighting
from consentgate.check.site import brief
from consentgate.check.states import granted_by
from consentgate.client.jar import Jar
from consentgate.client.left_alone import is_left_alone
from consentgate.client.transports import JarTransport, new_client, set_cookie_lines
from consentgate.observation import ObservedLine, observing
from consentgate.set_cookie import read
from consentgate.testing import consent_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    import httpx

    from consentgate.check.site import Site
    from consentgate.check.states import State
    from consentgate.client.jar import Refusal
    from consentgate.gate import Gate

    Scenario = Callable[[httpx.Client], object]

_MOST_REDIRECTS: Final = 5
_MOST_IN_VAIN: Final = 3
"""How often a visitor comes back after a withdrawal and nothing goes, until it counts as kept."""
_SERVER_ERROR: Final = 500


class _Lines(Gates):
    """Keeps the lines of a request until its response is there, and each gate."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[ObservedLine] = []

    def line(self, seen: ObservedLine) -> None:
        self._lines.append(seen)

    def taken(self) -> list[ObservedLine]:
        """Return the lines since the last call."""
        taken, self._lines = self._lines, []
        return taken


class Runner:
    """Asks ``site`` for ``paths``; see `check_site` for the rest."""

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
        self._lines = _Lines()
        self._urls: dict[str, None] = {}  # that the visitor may be asked to come back to
        self.sightings: list[Sighting] = []
        self.answers: list[Answer] = []
        self.kept: tuple[str, ...] = ()
        self.refused: dict[Refusal, None] = {}
        self.requests: set[tuple[str, str]] = set()
        """The method and the percent-decoded path of each request."""

    @property
    def gates(self) -> Sequence[Gate]:
        """All gates that requests passed through."""
        return self._lines.found

    def visit(self, state: State) -> None:
        """Ask for everything as a visitor in ``state``, with a jar of their own."""
        jar = Jar(self._gate.clock)
        self._urls.clear()
        if state.before == "none":
            self._decide(jar, state.choice)
            self._pass(state, jar, self._scenario)
        else:
            self._change_mind(state, jar)
        self.refused.update(dict.fromkeys(jar.refused))

    def _change_mind(self, state: State, jar: Jar) -> None:
        with self._unnoted():
            self._decide(jar, state.before)
            self._pass(state, jar, self._scenario)
        self._decide(jar, state.choice)
        self._pass(state, jar)
        self.kept = self._kept(state, jar)

    @contextmanager
    def _unnoted(self) -> Generator[None]:
        """Note no cookie meanwhile, and no answer, but where the scenario failed."""
        sightings, self.sightings = self.sightings, []
        answers, self.answers = self.answers, []
        yield
        failures = [answer for answer in self.answers if answer.path == ""]
        self.sightings, self.answers = sightings, [*answers, *failures]

    def _decide(self, jar: Jar, choice: str) -> None:
        granted = granted_by(choice, self._gate.policy)
        if granted is not None:
            jar.remove(self._gate.policy.cookie_name)
            jar.put(self._site.url, *consent_cookie(self._gate, granted))

    # -- What stays after a withdrawal ------------------------------------------------------

    def _kept(self, state: State, jar: Jar) -> tuple[str, ...]:
        """Return what is sent although it may not stay, however often the visitor comes back.

        One response has room for some deletions alone; the rest leaves with the next ones (R18).
        """
        kept, in_vain = self._unwanted(jar), 0
        while kept and in_vain < _MOST_IN_VAIN:
            self._come_back(state, jar)
            before, kept = kept, self._unwanted(jar)
            in_vain = 0 if len(kept) < len(before) else in_vain + 1
        return kept

    def _unwanted(self, jar: Jar) -> tuple[str, ...]:
        """Return the names of what is sent to any page of the visit and may not stay."""
        sent = set[str]().union(*(_names(jar.header(url)) for url in self._urls))
        return tuple(name for name in jar.names() if name in sent and self._may_not_stay(name))

    def _may_not_stay(self, name: str) -> bool:
        known = self._gate.cookies[name]
        return known.rule is not None and not known.exempt and known.enforced

    def _come_back(self, state: State, jar: Jar) -> None:
        """Ask once more for each page of the visit that something unwanted is sent to."""
        with self._unnoted(), observing(self._lines), self._client(state, jar) as client:
            for url in list(self._urls):
                if any(map(self._may_not_stay, _names(jar.header(url)))):
                    with suppress(Exception, SystemExit):  # which was told when it came first
                        client.get(url)

    # -- Requests ---------------------------------------------------------------------------

    def _pass(self, state: State, jar: Jar, scenario: Scenario | None = None) -> None:
        with observing(self._lines), self._client(state, jar) as client:
            self._ask_all(client, state)
            if scenario is not None:
                self._play(scenario, client, state)
                self._ask_all(client, state)

    def _client(self, state: State, jar: Jar) -> httpx.Client:
        label = Label()

        def hear(request: httpx.Request, response: httpx.Response) -> None:
            self._remember(request)
            path = label.of(request, response)
            self._note(state, path, self._lines.taken(), set_cookie_lines(response))

        transport = JarTransport(self._site.transport, jar, hear)
        return new_client(transport, self._site.url, headers=state.headers)

    def _remember(self, request: httpx.Request) -> None:
        self.requests.add((request.method, request.url.path))
        path = request.url.raw_path.decode("ascii")
        if request.method == "GET" and (path in self._paths or not is_left_alone(path)):
            self._urls[str(request.url)] = None

    def _ask_all(self, client: httpx.Client, state: State) -> None:
        for path in self._paths:
            try:
                self.answers.append(self._answer(client, state, path))
            except (Exception, SystemExit) as error:
                self._note(state, path.partition("?")[0], self._lines.taken(), [])
                self.answers.append(Answer(state.name, path, None, brief(error)))
            self._progress()

    def _answer(self, client: httpx.Client, state: State, path: str) -> Answer:
        self._site.taken_error()
        response = client.get(path)
        targets: list[httpx.URL] = []
        while following := response.next_request:
            targets.append(following.url)
            if following.url.raw_host != client.base_url.raw_host or len(targets) > _MOST_REDIRECTS:
                break
            response = client.send(following)
        error = self._site.taken_error()
        told = brief(error) if error and response.status_code >= _SERVER_ERROR else ""
        if len(targets) > _MOST_REDIRECTS:
            told = f"more than {_MOST_REDIRECTS} redirects"
        where = leads_to(path, targets, client.base_url)
        return Answer(state.name, path, response.status_code, told, where)

    def _play(self, scenario: Scenario, client: httpx.Client, state: State) -> None:
        try:
            scenario(client)
        except (Exception, SystemExit) as error:
            self._note(state, "", self._lines.taken(), [])
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


def _names(header: str) -> set[str]:
    """Return the names in a Cookie header; ``""`` for a cookie without one."""
    return {pair.partition("=")[0] if "=" in pair else "" for pair in header.split("; ")}


def _identity(line: str, now: float) -> tuple[str, int | None]:
    """Return what a line must not differ in from one that a gate let go; the rest may be added to.

    Middleware outside the gate may well add SameSite to what passes.
    """
    cookie = read(line)
    return cookie.name, cookie.attributes.lifetime(int(now))
