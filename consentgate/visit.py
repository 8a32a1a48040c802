"""Every decision: what may leave, for how long, and what the application may read.

The protocol glue makes a `Visit` for each request, says where headers are and carries them;
nothing outside this module decides about a cookie.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from consentgate import caching, cookie_header, deposits
from consentgate.consent import Consent, new_subject
from consentgate.cookie_header import BLANKS
from consentgate.deletions import deletions, field_octets
from consentgate.deposits import Deposits
from consentgate.exceptions import CookieBlocked, RecordStoreUnavailable
from consentgate.known_cookie import KnownCookie, Verdict
from consentgate.origin import is_of_host
from consentgate.recorder import Circumstances, RecordedSignal
from consentgate.set_cookie import (
    Attributes,
    SetCookie,
    has_control_character,
    path_matches,
    read,
    with_lifetime,
)
from consentgate.signal_note import SignalNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from consentgate.consent import Choices, Decision
    from consentgate.gate import Gate
    from consentgate.known_cookie import Action, Reason
    from consentgate.page import PageResponse, Pages
    from consentgate.policy import Signal
    from consentgate.recorder import Recorder

    Header = tuple[str, str]

logger = logging.getLogger("consentgate")

_MOST_OWN_OCTETS: Final = 3072
"""What the gate adds must pass a proxy beside the rest; nginx has 4096 octets by default."""
_NOTHING: Final[frozenset[str]] = frozenset()
_MOST_ENDS: Final = 16
"""Dates of one browser that are remembered; more are many octets."""
_SEVERAL: Final = ";"
"""Stands for the values of a cookie of the gate's own that is sent more than once."""
_BY_APPLICATION: Final = Circumstances()
_PAGES: Final = ("", "document")
"""What Sec-Fetch-Dest (Fetch Metadata) says of a page in a window, where a browser says it."""


class Request(Protocol):
    """What the gate may want to know of a request; made and asked only when it matters."""

    def header(self, name: str) -> str:
        """Return the request header called ``name`` (lower case), repetitions joined by commas."""
        ...

    def path(self) -> str:
        """Return the path as the visitor sees it, percent-decoded."""
        ...

    def is_secure(self) -> bool:
        """Whether the request came over TLS."""
        ...

    def address(self) -> str:
        """Return the IP address of the visitor, as far as the server knows it."""
        ...


class Additions(NamedTuple):
    """What the gate does to a response besides judging its cookies."""

    headers: list[Header]
    """Headers to add."""
    superseded: frozenset[str]
    """Names, in lower case, of the headers that these take the place of."""


class InOrder(NamedTuple):
    """What is found of a Cookie header in which there is nothing to hide, to delete or to date.

    Many visitors share one.
    """

    ends: Mapping[int, int] | None
    """When the life of each cookie that has a date ends, in seconds since 1970, by its
    `deposit_key`: 0 where that is not certain. None where it is not all that limits lives."""
    choices: Choices | None = None
    """What the visitor chose; None where no cookie with a rule was sent that depends on it."""
    is_decided: bool = False


_NO_ENDS: Final[Mapping[int, int]] = {}
_UNDECLARED: Final = InOrder(_NO_ENDS)
_UNDATED: Final = InOrder(None)


class Visit:
    """One request as the gate sees it.

    It is lazy: a request that holds nothing governed, and whose response sets no cookie, verifies
    no signature and reads no other header.
    """

    asked = False
    """Whether the application asked about consent."""
    refusal: PageResponse | None = None
    """What the visitor is told in the application's place, where a decision cannot be kept."""
    pages: Pages | None = None
    """The visitor's pages of the site, if it serves any."""
    root = ""
    """Where the application that serves them is mounted, percent-decoded, before routers of its
    own move SCRIPT_NAME or ``root_path``."""

    # What nobody asked for stays here, with the class, and costs a request nothing.
    _tokens: Mapping[str, str] | None = None  # the gate's own cookies, by name
    _declared: list[tuple[str, KnownCookie]]  # the others that have a rule
    _allowed: frozenset[str] | None = None
    _choices: Choices | None = None
    _decided = False
    _decided_until: float = math.inf
    _signal: Signal | None = None
    _varying: tuple[str, ...] = ()
    _cookie_free = False
    _told: set[Verdict] | None = None
    _noted: dict[str, tuple[KnownCookie, Reason | None]] | None = None  # with why it is unwanted
    _over: frozenset[str] = _NOTHING  # names that are hidden because their life is over
    _deleted: frozenset[int] = frozenset()  # dates that go, for the application deletes the cookie
    _deposits: Deposits | None = None
    _now = 0.0
    _inner_recorder: Recorder | None = None
    _recorded: Decision | None = None  # what a record was kept of
    _signal_is_examined = False
    _new_note: SignalNote | None = None  # of a privacy signal that has come or gone
    _decision_was_taken_back = False
    _may_note = False  # nothing has to be recorded before that note leaves

    def __init__(self, gate: Gate, carrier: Any) -> None:
        # What each request reads is here, for that is faster than to find it with the class.
        self.gate = gate
        self.carrier = carrier
        """What `request` is read from; the request itself, where no protocol says otherwise."""
        self.cookie = ""
        """The request's Cookie headers, joined by ``; ``."""
        self.adds = False
        """Whether there may be `additions` to the response."""
        self.released = False
        """Whether the response's headers have left."""
        self._consent: Consent | None = None
        self._ends: Mapping[int, int] | None = _NO_ENDS
        """When the lives of cookies end; None where that is not known, or known no more."""
        if gate.examines_requests:  # now, because routers of frameworks rewrite the path
            self.adds = gate.notes_signals
            if gate.is_cookie_free(self.request):
                self._cookie_free = True
                self._ends = None

    @property
    def consent(self) -> Consent:
        """The visitor's consent, for the application; asking makes the answer vary (R23)."""
        if self._consent is None:
            choices = self._look()
            self.asked = self.adds = True
            decision = self.gate.decision(self.cookie, self.now) if self._decided else None
            self._consent = Consent(
                self.gate.policy,
                decision,
                self.signal,
                self.now,
                presumed_refused=_NOTHING if decision else choices.refused,
                subject=None if decision else self.gate.subject(self.cookie),
            )
            self._close_if_too_late(self._consent)
        return self._consent

    @property
    def request(self) -> Request:
        """The request itself."""
        request: Request = self.carrier
        return request

    def vary_on(self, header: str) -> None:
        """Say that the answer depends on one more request header (R23).

        It is said with the others, where the application has asked about consent.
        """
        self._varying = (*self._varying, header)

    @property
    def now(self) -> float:
        """When this request was first looked at closely, in seconds since 1970."""
        if not self._now:
            self._now = self.gate.clock()
        return self._now

    @property
    def allowed(self) -> frozenset[str]:
        """The categories whose cookies may be stored and read now (R9)."""
        if self._consent is not None:
            return self._consent.allowed
        if self._allowed is None:
            choices = self._look()
            self._allowed = choices.allowed
            if self.gate.honours_signals and self.signal != "ignore":
                self._allowed = self.gate.allowed(choices.granted, choices.refused, self.signal)
        return self._allowed

    @property
    def signal(self) -> Signal:
        """What the privacy signals of the request do (R22)."""
        if self._signal is None:
            gate = self.gate
            self._signal = gate.signal(self.request) if gate.honours_signals else "ignore"
        return self._signal

    def _look(self) -> Choices:
        """Read the request's consent cookie, once."""
        if self._choices is None:
            gate = self.gate
            token = self._own_cookie(gate.consent_cookie_name) if self.cookie else None
            if token is None:
                self._choices = gate.undecided
            elif token is _SEVERAL:
                decision = gate.decision(self.cookie, self.now)
                self._decided, self._decided_until = decision is not None, 0
                self._choices = gate.choices_of(decision) if decision else gate.presumed
            else:
                self._choices, self._decided_until = gate.standing(token, self.now)
                self._decided = self._decided_until > 0
        return self._choices

    def _own_cookie(self, name: str) -> str | None:
        """Return the value of a cookie of the gate's own, `_SEVERAL` for many, None for none."""
        if not self.cookie:
            return None
        if self._tokens is None:
            self._read_cookies()
        return self._tokens[name] if self._tokens and name in self._tokens else None

    def covers(self, gate: Gate) -> bool:
        """Whether ``gate``, further in, has nothing left to do: this visit says the same."""
        same = self.gate is gate or self.gate.policy == gate.policy
        return same and not self.released

    def record_for(self, gate: Gate) -> None:
        """Keep records where ``gate`` does, which this visit covers, unless its own keeps them."""
        self._inner_recorder = gate.recorder

    @property
    def deposits(self) -> Deposits:
        """When the cookies of this browser were stored first (R13)."""
        if self._deposits is None:
            self._deposits = Deposits(self._read_dates(self.gate), self.now)
        return self._deposits

    @property
    def _holds_deposits(self) -> bool:
        return self._own_cookie(self.gate.deposits_cookie_name) is not None

    def _read_dates(self, gate: Gate) -> dict[int, int]:
        token = self._own_cookie(gate.deposits_cookie_name)
        if token is None:
            return {}
        if token is _SEVERAL:
            return gate.first_deposits(self.cookie, self.now)
        return gate.dates(token, self.now)

    def needs_look(self) -> bool:
        """Whether a cookie of the request may have to be hidden, deleted or dated.

        None has of the visitor who has consented and comes back. What was found is remembered
        under the header's hash, and not under the header itself: that holds sessions. Should two
        headers ever have one hash, the browser of one would keep what that of the other may;
        whose decision it is, and of which id, is always read from the signed token.
        """
        key = hash(self.cookie)
        found = self.gate.in_order[key]
        if found is not None and self._is_still(*found):
            return False
        found = self._find_order()
        if found is None:
            self._ends = None
            return True
        if found[2]:
            self.gate.in_order.keep(key, found)
        if not self._cookie_free:
            self._ends = found[0].ends
        return False

    def _is_still(self, order: InOrder, since: int, until: float) -> bool:
        """Whether what was found of an earlier request is true of this one, too."""
        ends, choices, is_decided = order
        if choices is not None:
            if self.gate.honours_signals and self.signal != "ignore":
                return False
            self._now = now = self.gate.clock()
            if not since <= now < until:
                return False
            self._choices, self._allowed, self._decided = choices, choices.allowed, is_decided
        if not self._cookie_free:
            self._ends = ends
        return True

    def _find_order(self) -> tuple[InOrder, int, float] | None:
        """Return what to remember of the Cookie header, from when on and until when.

        None where something has to be done; until 0 where it is for this request alone.
        """
        needs_look = self._read_cookies()
        declared = [known for _, known in self._declared]
        if not (declared and needs_look):
            return _UNDATED if self._holds_deposits else _UNDECLARED, 0, math.inf
        allowed = self.allowed
        for known in declared:
            if known.needs not in allowed or known.read_as is not known:
                return None
        gate, dates = self.gate, self._read_dates(self.gate)
        now = int(self.now)
        until, ends = deposits.ends(dates, declared, now)
        if until <= now:
            return None
        token = self._own_cookie(gate.deposits_cookie_name)
        if token is _SEVERAL or (token is not None and not dates) or len(ends) > _MOST_ENDS:
            until = 0  # others may count another time, or these take much memory
        are_all = not gate.policy.expire_with_consent  # the end of consent may come before these
        order = InOrder(ends if are_all else None, self._look(), self._decided)
        until = min(until, self._decided_until)
        return (gate.shared(order) if until else order), now, until

    def _read_cookies(self) -> bool:
        """Note the gate's own cookies and others that have a rule; return if any needs a look."""
        tokens: dict[str, str] = {}
        declared = self._declared = []
        needs_look = False
        cookies = self.gate.cookies
        for piece in self.cookie.split(";"):
            name, _, value = piece.partition("=")
            known = cookies[name]
            if known.is_declared:
                declared.append((piece, known))
            elif known.reserved:
                tokens[known.name] = _SEVERAL if known.name in tokens else value.strip(BLANKS)
            else:
                continue
            needs_look = needs_look or known.needs_look
        self._tokens = tokens
        return needs_look

    def readable(self, header: str) -> str:
        """Return one Cookie header without what the application may not read (R17).

        What stays, stays byte for byte; where all stays, ``header`` itself is returned.
        """
        was_read = header == self.cookie and self._tokens is not None
        declared = self._declared if was_read else self._declared_in(header)
        heard = self.gate.is_heard
        hidden = {piece for piece, known in declared if self._hides(piece, known, is_heard=heard)}
        return cookie_header.without(header, hidden.__contains__) if hidden else header

    def _declared_in(self, header: str) -> list[tuple[str, KnownCookie]]:
        """Return the pieces of ``header`` that are cookies with a rule."""
        cookies = self.gate.cookies
        found = [(piece, cookies[piece.partition("=")[0]]) for piece in header.split(";")]
        return [(piece, known) for piece, known in found if known.is_declared]

    def _hides(self, piece: str, known: KnownCookie, *, is_heard: bool) -> bool:
        known = known.read_as
        reason = self._why_unwanted(known)
        if reason is None:
            if known.is_dated_when_seen and not self.deposits.is_settled(known.key):
                self._note(piece, known, None)
            return False
        if reason == "lifetime":
            self._over |= {known.name}
        self._note(piece, known, reason)
        if is_heard:
            self._tell_once(known, "hide", reason, piece)
        return known.enforced

    def _note(self, piece: str, known: KnownCookie, reason: Reason | None) -> None:
        """Note a cookie of the request that has to be looked at again when the response leaves.

        Its name with the ``=``, or the text of a nameless one, is what a deletion has to name.
        """
        if self._noted is None:
            self._noted = {}
            self.adds = True
        name, equals, _ = piece.partition("=")
        self._noted[f"{name}{equals}".strip(BLANKS)] = known, reason

    def _why_unwanted(self, known: KnownCookie) -> Reason | None:
        """Return why a governed cookie that the browser sends should not be there, if it is so."""
        if not known.exempt and known.needs not in self.allowed:
            return self._why_not(known.needs)
        if not self._holds_deposits:
            return None
        first = self.deposits.first(known.key)
        return "lifetime" if first is not None and first + known.limit <= self.now else None

    def _tell_once(self, known: KnownCookie, action: Action, reason: Reason, cookie: str) -> None:
        """Tell what is done to a ``cookie`` of the request once, however often it is sent."""
        verdict = known.verdict(action, reason)
        if "=" not in cookie:  # what stands there for a nameless cookie is its value
            verdict = verdict._replace(name="")
        if self._told is None:
            self._told = set()
        if verdict not in self._told:
            self._told.add(verdict)
            self.gate.tell(verdict)

    def judge(self, line: str) -> str | None:
        """Return what the browser gets instead of the Set-Cookie ``line``, or None for nothing.

        ``line`` is the header's value as latin-1 text. Where it may leave as it is, ``line``
        itself is returned. Raises `CookieBlocked` in ``block`` mode.
        """
        pair, _, text = line.partition(";")
        name, equals, value = pair.partition("=")
        known = self.gate.cookies[name]
        attributes = self.gate.attributes[text]
        is_plain = value.isascii() and value.isprintable()
        if not (equals and known.token and attributes.canonical and is_plain):
            return self._judge_doubtful(line)
        ends = self._ends
        if ends is not None and (self._consent is None or not self._consent.changed):
            # The visitor has come back and all is in order: what most cookies are set for again.
            end = ends.get(known.key)
            if attributes.is_session:
                if end != 0 and (known.always_allowed or self._may_be_stored(known)):
                    return line
            elif (
                end
                and 0 < (attributes.max_age or 0) <= end - self._now
                and known.needs in (self._allowed or ())  # for two names may have one key
            ):
                return line
        return self._judge_canonical(known, attributes, line, pair)

    def _judge_canonical(
        self, known: KnownCookie, attributes: Attributes, line: str, pair: str
    ) -> str | None:
        """Judge a line that every browser reads alike, whatever is known of the visitor."""
        max_age = attributes.max_age
        if max_age is not None and max_age <= 0:
            if self._holds_deposits:
                self._note_deletion(known, attributes)
            return line
        is_certain = known.always_allowed and not self._cookie_free
        is_deletion = max_age is None and not is_certain and self._is_deletion(attributes)
        if not (is_certain or is_deletion or self._may_be_stored(known)):
            return self._stop(known, line)
        if attributes.is_session:
            if self._holds_deposits:
                self._note_session(known, attributes)
            return line
        life = self._count_life(known, attributes)
        if max_age is not None and max_age <= life and not known.session:
            return line
        return self._limit(known, line, pair, attributes, life)

    def _is_deletion(self, attributes: Attributes) -> bool:
        if attributes.is_session or attributes.max_age:
            return False  # and no need to look at the clock
        seconds = attributes.lifetime(int(self.now))
        return seconds is not None and seconds <= 0

    def _may_be_stored(self, known: KnownCookie) -> bool:
        """Whether consent, routes and names let the cookie be stored (R6, R10, R11)."""
        return known.needs in self.allowed and not known.reserved and not self._cookie_free

    def _refusal(self, known: KnownCookie) -> Reason:
        """Return why the cookie may not be stored."""
        if known.reserved:
            return "reserved name"
        if self._cookie_free:
            return "cookie-free route"
        return "unregistered" if known.category is None else self._why_not(known.category)

    def _why_not(self, category: str) -> Reason:
        declared = self.gate.policy.categories[category]
        if declared.basis == "forbidden":
            return "forbidden"
        decided = self._consent.decided if self._consent else self._decided
        signalled = declared.gpc and self.signal != "ignore"
        # What is opt-out passes until it is refused, or presumed to be.
        return "refused" if decided or signalled or declared.basis == "opt-out" else "undecided"

    def _stop(self, known: KnownCookie, line: str) -> str | None:
        """Keep the cookie from the browser in the way of its mode (R7)."""
        if known.is_stripped and not self.gate.is_heard:
            return None  # and nobody asks why
        verdict = known.verdict(known.action, self._refusal(known))
        self.gate.tell(verdict)
        if not known.enforced:
            return line
        if known.action == "block":
            raise CookieBlocked(verdict)
        return None

    def _count_life(self, known: KnownCookie, attributes: Attributes) -> int:
        """Date a cookie that is new, and return the seconds it may live from now on (R12, R13)."""
        wanted = attributes.lifetime(int(self.now))
        if wanted is None or known.session:
            self._note_session(known, attributes)
            return known.limit
        if wanted <= 0 or not known.enforced:
            if wanted <= 0 and self._holds_deposits:
                self._note_deletion(known, attributes)
            return known.limit
        self._deleted -= {known.key}
        life = min(known.limit, self._consent_left(known))
        first = self.deposits.first(known.key)
        if first is None or not self._is_still_there(known, first, attributes):
            self.deposits.record(known.key, known.limit)
            self._ends = None
            self.adds = True
        elif not self.deposits.is_new(known.key):
            life = min(life, first + known.limit - int(self.now))
        if life <= 0:
            self.deposits.forget(known.key)
            self._ends = None
            self.adds = True
        return life

    def _consent_left(self, known: KnownCookie) -> int:
        """Return the seconds until the visitor's decision ends, where the cookie ends with it.

        R16.
        """
        policy = self.gate.policy
        if not policy.expire_with_consent or known.exempt or known.category is None:
            return known.limit
        decision = self._current_decision()
        return known.limit if decision is None else decision.expires_at(policy) - int(self.now)

    def _current_decision(self) -> Decision | None:
        if self._consent is not None:
            return self._consent.decision
        self._look()
        return self.gate.decision(self.cookie, self.now) if self._decided else None

    def _note_session(self, known: KnownCookie, attributes: Attributes) -> None:
        """Let a session cookie not end on the date of another of its name that is long gone."""
        first = self.deposits.first(known.key) if known.enforced else None
        self._deleted -= {known.key}
        if first is not None and not self._is_still_there(known, first, attributes):
            self.deposits.forget(known.key)
            self._ends = None
            self.adds = True

    def _note_deletion(self, known: KnownCookie, attributes: Attributes) -> None:
        """Let the next set be a new deposit where the application deletes what it declared."""
        rule = known.rule
        declared = rule.path if rule else "/"
        is_there = known.enforced and cookie_header.values(self.cookie, known.name)
        # With a Domain of its own the line may be about another cookie of that name.
        if is_there and attributes.path == declared and not (rule and rule.domain):
            self._deleted |= {known.key}
            self._ends = None
            self.adds = True

    def _is_still_there(self, known: KnownCookie, first: int, attributes: Attributes) -> bool:
        """Whether the browser may still hold the cookie that it stored at ``first`` (R13).

        What the application could not read, because its life was over, is no longer there.
        """
        if cookie_header.values(self.cookie, known.name):
            return known.name not in self._over
        return self.now < first + known.limit and not self._would_be_sent(attributes)

    def _would_be_sent(self, attributes: Attributes) -> bool:
        """Whether a cookie of ``attributes`` would come with this request, were it there."""
        request = self.request
        # Lax cookies are not withheld, or the dates themselves would not have come.
        if attributes.is_strict and request.header("sec-fetch-site") == "cross-site":
            return False
        return path_matches(request.path(), attributes.path)

    def _limit(
        self,
        known: KnownCookie,
        line: str,
        pair: str,
        attributes: Attributes,
        life: int,
        *,
        rewrite: Reason = "Expires alone",
    ) -> str:
        """Return ``line`` with a life of at most ``life`` seconds, read alike by all browsers."""
        now = int(self.now)
        wanted = attributes.lifetime(now)
        seconds = wanted if wanted is None else max(min(wanted, life), 0)
        if known.session and seconds:
            seconds = None
        limited = with_lifetime(pair, attributes, seconds, now)
        if limited == line:
            return line
        self.gate.tell(known.verdict(*_why_rewritten(wanted, seconds, rewrite)))
        return limited if known.enforced else line

    def _judge_doubtful(self, line: str) -> str | None:
        """Judge a line that not every browser reads alike, under all its names (R3)."""
        cookie = read(line)
        if has_control_character(line):
            return self._drop(cookie.name, "control character", line)
        if not cookie.name:
            return self._drop("", "no name", line)
        known, attributes = self._strictest(cookie), cookie.attributes
        if not self._may_be_stored(known) and not self._is_deletion(attributes):
            return self._stop(known, line)
        life = self._count_life(known, attributes)
        return self._limit(known, line, cookie.pair, attributes, life, rewrite="not canonical")

    def _drop(self, name: str, reason: Reason, line: str) -> str | None:
        """Keep a cookie from the browser that is nothing certain, whatever its consent (R3)."""
        known = self.gate.cookies[name]
        enforced = known.enforced if known.category else self.gate.policy.mode != "report"
        self.gate.tell(Verdict(name, known.category, "strip", reason, enforced))
        return None if enforced else line

    def _strictest(self, cookie: SetCookie) -> KnownCookie:
        """Return the name to judge ``cookie`` under: a refused one, else that of shortest life."""
        candidates = [self.gate.cookies[name] for name in sorted(cookie.aliases)]
        return min(
            candidates,
            key=lambda known: (
                not known.enforced,
                self._may_be_stored(known),
                not known.session,
                known.limit,
                known.name != cookie.name,
            ),
        )

    def needs_record(
        self, headers: Callable[[], Iterable[Header]], *, not_modified: bool = False
    ) -> bool:
        """Whether a record has to be kept before the response with ``headers`` leaves.

        It may take long: `settle` is what does it.
        """
        if self.recorder is None:
            return False
        if self._unrecorded is not None:
            return True
        decides = self._consent is not None and self._consent.changed
        if not self._signal_is_examined and self.gate.notes_signals and not decides:
            self._signal_is_examined = True
            self._new_note = self._examine_signal(headers, not_modified=not_modified)
        return self._new_note is not None and not self._may_note

    @property
    def recorder(self) -> Recorder | None:
        """Who keeps the proof of what the visitor decides, if anybody does."""
        return self.gate.recorder or self._inner_recorder

    @property
    def _unrecorded(self) -> Decision | None:
        """The decision that was made while answering, if no record of it is kept yet."""
        if self._consent is None or not self._consent.changed:
            return None
        decision = self._consent.decision
        return None if decision is self._recorded else decision

    def settle(self, circumstances: Circumstances = _BY_APPLICATION) -> None:
        """Keep what has to be recorded, before anything that depends on it leaves.

        Raises `RecordStoreUnavailable` where a decision cannot be recorded, and takes it back:
        without its record, its cookie does not leave.
        """
        recorder, decision = self.recorder, self._unrecorded
        if recorder is None:
            return
        if decision is None:
            self._settle_signal(recorder)
            return
        self._signal_is_examined = True  # the record says it, too
        consent, request = self.consent, self.request
        signals = self.gate.signals(request)
        try:
            recorder.keep_decision(decision, consent.sent, request, signals, circumstances)
        except Exception as error:
            logger.exception("the record store failed; the visitor's decision was not taken")
            self.take_back()
            raise RecordStoreUnavailable("the record of the decision was not kept") from error
        self._recorded = decision

    def take_back(self) -> bool:
        """Take back what no record is kept of, and return whether that was a decision."""
        self._new_note = None
        if self._unrecorded is not None:
            self.consent.revert()
            self._decision_was_taken_back = True
        return self._decision_was_taken_back

    def _examine_signal(
        self, headers: Callable[[], Iterable[Header]], *, not_modified: bool
    ) -> SignalNote | None:
        """Return what to note of Global Privacy Control, if it came or went since the last note.

        It is noted on pages alone, for what a page loads comes many times at once; and never where
        the note could reach another visitor, or none. A browser that sends no cookie of ours is
        given a name first, for many never send one: only who comes back with it has a record.
        """
        request = self.request
        note, subject = self.gate.noted_signal(self.cookie), self.gate.subject(self.cookie)
        sent = self.gate.sends_gpc(request)
        if sent is (note is not None and note.gpc) or self._cookie_free:
            return None
        if request.header("sec-fetch-dest") not in _PAGES or _withholds_lax_cookies(request):
            return None
        listed = [(name.strip().lower(), value) for name, value in headers()]
        if caching.may_be_shared(listed, self.now, not_modified=not_modified):
            return None
        if subject is None:
            self._may_note = True
            return SignalNote(new_subject(), gpc=False)
        return SignalNote(subject, sent)

    def _settle_signal(self, recorder: Recorder) -> None:
        """Keep the record of a signal that has come or gone, so that it may be noted."""
        note, request, now = self._new_note, self.request, int(self.now)
        if note is None or self._may_note:
            return
        allowed, policy = self.allowed, self.gate.policy
        decision = self._current_decision()
        valid_until = decision.expires_at(policy) if decision else now + policy.consent_valid_for
        signal = RecordedSignal(note.subject, now, valid_until, allowed)
        self._may_note = recorder.keep_signal(signal, request, self.gate.signals(request))
        if not self._may_note:
            self._new_note = None

    def start_over(self) -> None:
        """Forget what was noted of a response that another one takes the place of."""
        self._deposits = None
        self._deleted = frozenset()

    def additions(self, headers: Iterable[Header] = (), *, not_modified: bool = False) -> Additions:
        """Return what the gate adds to the response, and end the time for decisions.

        ``headers`` are those of the response as they leave; ``not_modified`` tells a 304.
        """
        self.released = True
        listed = [(name.strip().lower(), value) for name, value in headers]
        added = self._consent_headers(listed)
        added.extend(
            ("Set-Cookie", line) for line in self._signal_lines(listed, not_modified=not_modified)
        )
        for key in self._deleted:
            self.deposits.forget(key)
        is_personal = self._consent is not None and self._consent.changed
        if is_personal or self._noted or (self._deposits is not None and self._deposits.changed):
            room = _MOST_OWN_OCTETS - sum(field_octets(value) for _, value in added)
            is_shared = caching.may_be_shared(listed, self.now, not_modified=not_modified)
            # Beside a cookie of the application's own the dates are no more personal than it.
            dates_only = is_shared and not is_personal
            lines = self._remember_deposits() if dates_only else self._cleaning(room)
            added.extend(("Set-Cookie", line) for line in lines)
        return Additions(added, _superseded(listed) if is_personal else _NOTHING)

    def _consent_headers(self, headers: Sequence[Header]) -> list[Header]:
        """Return Vary where the answer depends on consent, and the consent cookie (R19, R23).

        No shared cache may store the latter and hand it to another visitor.
        """
        if self._consent is None:
            return []
        self._close_if_too_late(self._consent)
        vary = (value for name, value in headers if name == "vary")
        listed = {name.strip().lower() for value in vary for name in value.split(",")}
        varying = dict.fromkeys((*self.gate.varying_headers(), *self._varying))
        missing = [name for name in varying if name.lower() not in listed]
        added = [("Vary", ", ".join(missing))] if missing and "*" not in listed else []
        if self._consent.changed:
            secure = self.request.is_secure()
            line = self.gate.consent_cookie(self._consent.decision, now=self.now, secure=secure)
            added.append(("Cache-Control", caching.private_cache_control(headers)))
            added.append(("Set-Cookie", line))
        return added

    def _signal_lines(self, headers: Sequence[Header], *, not_modified: bool) -> list[str]:
        """Return the line that notes a privacy signal, or forgets it with the visitor's name."""
        if not self.gate.notes_signals:
            return []
        if self._consent is not None and self._consent.changed:
            is_forgotten = self._consent.subject is None and self.gate.noted_signal(self.cookie)
            if not is_forgotten:
                return []
            return [self.gate.signal_cookie(None, secure=self.request.is_secure())]
        if self._new_note is None or not self._may_note:
            return []
        # Asked again, for the response may have taken the place of another.
        if caching.may_be_shared(headers, self.now, not_modified=not_modified):
            return []
        return [self.gate.signal_cookie(self._new_note, secure=self.request.is_secure())]

    def _cleaning(self, room: int) -> list[str]:
        """Return the lines that delete what may not be there, and date what may (R13, R18)."""
        unwanted = self._review()
        if not unwanted:
            return self._remember_deposits()
        request = self.request
        if _withholds_lax_cookies(request):
            return []  # and with them the decision, so nothing is certain
        if self.deposits.current:  # to be written without those that go, and never with more
            dates = self.gate.deposits_cookie(self.deposits.current, now=self.now, secure=True)
            room -= field_octets(dates)
        return self._expire(unwanted, request, room) + self._remember_deposits()

    def _review(self) -> dict[str, tuple[KnownCookie, Reason]]:
        """Return what the browser sent without permission, and date what a script stored."""
        if self._consent is not None and self._consent.changed:
            self._note_all()
        unwanted: dict[str, tuple[KnownCookie, Reason]] = {}
        for cookie, (known, noted) in (self._noted or {}).items():
            # What the response says about dates may have changed that.
            reason = self._why_unwanted(known) if noted in (None, "lifetime") else noted
            if reason is not None:
                unwanted[cookie] = known, reason
            elif known.is_dated_when_seen:
                self.deposits.settle(known.key, known.limit)
        return unwanted

    def _note_all(self) -> None:
        """Note every governed cookie, because the decision about it is a new one."""
        for piece in self.cookie.split(";"):
            known = self.gate.cookies[piece.partition("=")[0]].read_as
            if known.category is not None:
                self._note(piece, known, self._why_unwanted(known))

    def _expire(
        self, unwanted: Mapping[str, tuple[KnownCookie, Reason]], request: Request, room: int
    ) -> list[str]:
        """Return lines that delete ``unwanted`` cookies, as many as have ``room`` in octets."""
        places = {
            cookie: known.place
            for cookie, (known, _) in unwanted.items()
            if known.enforced and known.place
        }
        done = deletions(
            places,
            request.header("host"),
            request.path(),
            own_domain=self.gate.policy.cookie_domain,
            room=room,
            turn=int(self.now),
        )
        # Some spellings of a name share a date, which stands as long as one of them may.
        still_there = {unwanted[cookie][0].key for cookie in done.left}
        is_heard = self.gate.is_heard
        for cookie, (known, reason) in unwanted.items():
            if known.enforced and known.key not in still_there:
                self.deposits.forget(known.key)
            if is_heard and (not known.enforced or cookie in done.named):
                self._tell_once(known, "expire", reason, cookie)
        return done.lines

    def _remember_deposits(self) -> list[str]:
        """Return the line that stores the dates, where they changed and the browser sent all."""
        if self._deposits is None or not self._deposits.changed or self._cookie_free:
            return []
        request = self.request
        names = (name for name, _ in cookie_header.pairs(self.cookie))
        sent = {self.gate.cookies[name].read_as.key for name in names}
        kept = self._deposits.to_keep(self.gate.longest_life, sent)
        if kept is None or _withholds_lax_cookies(request):
            return []
        secure = request.is_secure()
        return [self.gate.deposits_cookie(kept, now=self.now, secure=secure)]

    def _close_if_too_late(self, consent: Consent) -> None:
        if self.released:
            consent.close("the response has begun; decide before its headers are sent")
        elif self._cookie_free:
            consent.close("nothing may be stored on this path; see [[routes]] in the policy (R11)")


def _superseded(headers: Iterable[Header]) -> frozenset[str]:
    """Return the names of the headers that a private Cache-Control takes the place of."""
    targeted = (name for name, _ in headers if caching.is_targeted(name))
    return frozenset({caching.CACHE_CONTROL, *targeted})


def _why_rewritten(
    wanted: int | None, seconds: int | None, rewrite: Reason
) -> tuple[Action, Reason]:
    if wanted is None or seconds == max(wanted, 0):
        return "rewrite", rewrite
    return ("clamp", "session") if seconds is None else ("clamp", "lifetime")


def _withholds_lax_cookies(request: Request) -> bool:
    """Whether the browser sends no SameSite=Lax cookie with ``request``, the gate's own included.

    RFC 6265bis 5.2: from another site it sends them with top-level navigations by safe methods
    alone; others than GET and HEAD have an Origin (Fetch standard). Within a frame of another site
    it sends none at all, and where it says so is Sec-Fetch-Storage-Access (Storage Access API).
    """
    if request.header("sec-fetch-storage-access"):
        return True
    site = request.header("sec-fetch-site")
    if not site:  # without TLS browsers do not say
        origin = request.header("origin")
        return origin != "" and not is_of_host(origin, request.header("host"))
    page = ("navigate", "document", "")
    asked = tuple(map(request.header, ("sec-fetch-mode", "sec-fetch-dest", "origin")))
    return site == "cross-site" and asked != page
