"""What the shop tried, and what became of it: one watcher on each side of the gate."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from consentgate import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from consentgate import Policy

    Show = Callable[[Sequence["Observation"]], object]

Tone = Literal["pass", "stop", "limit", "hide", "gate"]

_KEPT: Final = 6
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

_TONES: Final[dict[str, Tone]] = {
    "clamp": "limit",
    "rewrite": "limit",
    "hide": "hide",
    "expire": "gate",
}
_DONE: Final = {
    "strip": "stopped",
    "block": "stopped",
    "clamp": "shortened",
    "rewrite": "rewritten",
    "hide": "hidden",
    "expire": "deleted",
}
_WHY: Final = {
    "undecided": "no choice yet",
    "unregistered": "not in the policy",
    "lifetime": "too long",
    "Expires alone": "a date is not trusted",
}


class Row(NamedTuple):
    """What happened to one cookie, in words."""

    name: str
    category: str
    wanted: str
    got: str
    verdict: str
    tone: Tone


@dataclass
class Observation:
    """One request and its response, as seen from both sides of the gate."""

    number: int
    request: str
    sent: str
    """The Cookie header of the browser."""
    status: int = 0
    seen: str | None = None
    """The Cookie header that reached the shop; None where ConsentGate answered in its place."""
    wanted: list[str] = field(default_factory=list[str])
    """The Set-Cookie lines of the shop."""
    got: list[str] = field(default_factory=list[str])
    """The Set-Cookie lines that left."""
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    rows: list[Row] = field(default_factory=list[Row])

    def carried(self) -> list[tuple[str, bool]]:
        """Return the names of the browser's cookies, each with whether it reached the shop."""
        seen = (self.sent if self.seen is None else self.seen).split("; ")
        return [(name_of(pair), pair in seen) for pair in self.sent.split("; ") if pair]


_CURRENT: ContextVar[Observation] = ContextVar("observation")


class Recorder:
    """Collects observations; ``show`` is called with the latest, newest first."""

    def __init__(self, policy: Policy, show: Show) -> None:
        self.policy = policy
        self.latest: deque[Observation] = deque(maxlen=_KEPT)
        self._show = show
        self._count = 0

    def shows(self, path: str) -> bool:
        """Whether a request for ``path`` is shown; the banner's files would crowd the table."""
        prefix = self.policy.path_prefix
        return path == prefix or not path.startswith(prefix)

    def begin(self, scope: Scope) -> Observation:
        """Start the observation of a request; whatever answers it finds it in its context."""
        self._count += 1
        request = f"{scope.get('method', 'GET')} {scope['path']}"  # a websocket begins by GET
        observation = Observation(self._count, request, cookie_header(scope))
        _CURRENT.set(observation)
        return observation

    def finish(self, observation: Observation) -> None:
        """Show an observation whose response leaves now."""
        observation.rows = list(rows(observation, self.policy))
        self.latest.appendleft(observation)
        self._show(self.latest)

    @staticmethod
    def note(verdict: Verdict) -> None:
        """Keep a verdict with the request that it belongs to; it is the gate's ``on_verdict``."""
        _CURRENT.get().verdicts.append(verdict)


class Outside:
    """Stands outside the gate and watches what leaves."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self.app = app
        self.recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        observation = self.recorder.begin(scope)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and self.recorder.shows(scope["path"]):
                observation.status = message["status"]
                observation.got = set_cookie_lines(message)
                self.recorder.finish(observation)
            await send(message)

        await self.app(scope, receive, watched)


class Inside:
    """Stands inside the gate and watches what the shop sees and tries."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        observation = _CURRENT.get()
        observation.seen = cookie_header(scope)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                observation.wanted = set_cookie_lines(message)
            await send(message)

        await self.app(scope, receive, watched)


def cookie_header(scope: Scope) -> str:
    """Return the Cookie header of a request."""
    return "; ".join(value.decode("latin-1") for key, value in scope["headers"] if key == b"cookie")


def set_cookie_lines(message: Message) -> list[str]:
    """Return the Set-Cookie lines of a response."""
    headers = message["headers"]
    return [value.decode("latin-1") for name, value in headers if name.lower() == b"set-cookie"]


def rows(observation: Observation, policy: Policy) -> Iterator[Row]:
    """Put both sides together: hidden cookies, then those of the shop, then the gate's own."""
    yield from _rows_of_request(observation, "hide", "to read it", "—")
    judged = {
        verdict.name: verdict
        for verdict in observation.verdicts
        if verdict.action not in ("hide", "expire")
    }
    got = {name_of(line): line for line in observation.got}
    for line in observation.wanted:
        yield _row_of_shop(line, judged.get(name_of(line)), got, policy)
    yield from _rows_of_request(observation, "expire", "—", "deletion")
    yield from _rows_of_gate(observation, policy)


def _rows_of_request(observation: Observation, action: str, wanted: str, got: str) -> Iterator[Row]:
    for verdict in observation.verdicts:
        if verdict.action == action:
            yield Row(verdict.name, verdict.category or "", wanted, got, *_words(verdict))


def _row_of_shop(line: str, verdict: Verdict | None, got: dict[str, str], policy: Policy) -> Row:
    name = name_of(line)
    # What is stopped may be there nevertheless, as a deletion of the gate's.
    stopped = verdict is not None and verdict.action in ("strip", "block")
    left = "nothing" if stopped or name not in got else life(got[name])
    return Row(name, _category(name, policy), life(line), left, *_outcome(line, verdict, policy))


def _rows_of_gate(observation: Observation, policy: Policy) -> Iterator[Row]:
    told = {name_of(line) for line in observation.wanted}
    told.update(verdict.name for verdict in observation.verdicts if verdict.action == "expire")
    for line in observation.got:
        name = name_of(line)
        if name not in told:
            done = "deleted by the gate" if life(line) == "deletion" else "stored by the gate"
            yield Row(name, _category(name, policy), "—", life(line), done, "gate")


def _outcome(line: str, verdict: Verdict | None, policy: Policy) -> tuple[str, Tone]:
    if verdict is not None:
        return _words(verdict)
    if life(line) == "deletion":
        return "passed: a deletion", "pass"
    exempt = policy.categories[_category(name_of(line), policy)].basis == "exempt"
    return f"passed: {'needs no consent' if exempt else 'accepted'}", "pass"


def _words(verdict: Verdict) -> tuple[str, Tone]:
    why = _WHY.get(verdict.reason, verdict.reason)
    return f"{_DONE[verdict.action]}: {why}", _TONES.get(verdict.action, "stop")


def _category(name: str, policy: Policy) -> str:
    rule = policy.rule_for(name)
    return rule.category if rule else "—"


def name_of(line: str) -> str:
    """Return the name of the cookie that a line of the shop's or the gate's sets."""
    return line.partition("=")[0]


def life(line: str) -> str:
    """Say how long a cookie of such a line lives."""
    parts = (part.strip().lower().partition("=") for part in line.split(";")[1:])
    attributes = {name: value for name, _, value in parts}
    if "max-age" in attributes:
        return in_words(int(attributes["max-age"]))
    return "until a date" if "expires" in attributes else "this session"


def in_words(seconds: int) -> str:
    """Say a time in its largest whole unit."""
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second")):
        if seconds >= unit:
            count = seconds // unit
            return f"{count} {word}" if count == 1 else f"{count} {word}s"
    return "deletion"
