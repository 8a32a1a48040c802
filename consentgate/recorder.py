"""What the gate knows of a decision when it is made, as a `Record` for the store."""

from __future__ import annotations

import ipaddress
import logging
import re
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast, get_args

from consentgate.declaration import declaration
from consentgate.exceptions import ConfigurationError
from consentgate.record import Document, Record, canonical_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from consentgate.consent import Decision
    from consentgate.policy import Policy
    from consentgate.record import Control, Event, Method, RecordStore
    from consentgate.visit import Request

Detail = Literal["ip_address", "user_agent"]

logger = logging.getLogger("consentgate")

_PREFIX: Final = {4: 24, 6: 48}
"""Bits of an address that are kept, as analytics that CNIL exempts keep them."""
_VERSION = re.compile(r"([0-9]+)(?:[._][0-9]+)+")
_LONGEST_USER_AGENT: Final = 160
_PAUSE: Final = 60
"""Seconds for which a store that has failed is not asked to keep signals."""


class Circumstances(NamedTuple):
    """How a visitor decided."""

    method: Method = "application"
    layer: int | None = None
    control: Control = ""
    language: str = ""
    shown: Document | None = None
    """What was asked."""


class RecordedSignal(NamedTuple):
    """A privacy signal that has come or gone."""

    subject: str
    time: int
    """When that was noticed, in seconds since 1970."""
    valid_until: int
    allowed: Collection[str]
    """The categories that may be stored now."""


class _Made(NamedTuple):
    """What was decided, or signalled, by whom and when."""

    subject: str
    event: Event
    time: int
    valid_until: int
    choices: Mapping[str, bool]
    signals: Mapping[str, bool]


class Recorder:
    """Keep the proof of what visitors of one site decide.

    Args:
        policy: the site's policy.
        store: where records are kept.
        secret_keys: of the gate, for a store that has none.
        details: what `check_details` lets pass; both are truncated.

    Raises `ConfigurationError`.
    """

    def __init__(
        self,
        policy: Policy,
        store: RecordStore,
        secret_keys: Sequence[bytes],
        details: Collection[Detail] = (),
    ) -> None:
        if isinstance(store, str):
            raise ConfigurationError(
                "records are a text, which keeps none; give a store, such as SQLRecordStore(url)"
            )
        self.store = store
        self._policy = policy
        self._details = frozenset(details)
        self._package_version = version("consentgate")
        self._paused_until = 0.0
        store.use_keys(secret_keys)

    @cached_property
    def _declared(self) -> Document:
        return Document("policy", canonical_json(declaration(self._policy)))

    def keep_decision(
        self,
        decision: Decision,
        before: Decision | None,
        request: Request,
        signals: Mapping[str, bool],
        circumstances: Circumstances,
    ) -> None:
        """Keep the proof of ``decision`` before returning; raise what the store raises."""
        asked = dict.fromkeys((*self._policy.offered, *sorted(decision.granted)))
        choices = {name: name in decision.granted for name in asked}
        made = _Made(
            decision.id,
            _event(choices, before),
            decision.decided_at,
            decision.expires_at(self._policy),
            choices,
            signals,
        )
        self._append(made, request, circumstances)

    def keep_signal(
        self, signal: RecordedSignal, request: Request, signals: Mapping[str, bool]
    ) -> bool:
        """Keep the proof that a privacy signal has come or gone; return whether it is kept.

        A store that cannot is left alone for a while: the signal is heeded all the same, and no
        more pages than those already begun shall wait for it.
        """
        if signal.time < self._paused_until:
            return False
        choices = {name: name in signal.allowed for name in self._policy.offered}
        made = _Made(signal.subject, "signal", signal.time, signal.valid_until, choices, signals)
        try:
            self._append(made, request, Circumstances(method="signal"))
        except Exception:
            logger.exception("the record store failed; a privacy signal was heeded unrecorded")
            self._paused_until = signal.time + _PAUSE
            return False
        return True

    def _append(self, made: _Made, request: Request, circumstances: Circumstances) -> None:
        shown = circumstances.shown
        record = Record(
            subject=made.subject,
            event=made.event,
            time=made.time,
            valid_until=made.valid_until,
            choices=made.choices,
            method=circumstances.method,
            layer=circumstances.layer,
            control=circumstances.control,
            policy_version=self._policy.version,
            policy_hash=self._declared.hash,
            banner_hash=shown.hash if shown else "",
            package_version=self._package_version,
            language=circumstances.language,
            jurisdiction=self._policy.preset,
            signals=made.signals,
            ip_address=network_of(request.address()) if "ip_address" in self._details else "",
            user_agent=browser_of(request) if "user_agent" in self._details else "",
        )
        self.store.append(record, [self._declared, *([shown] if shown else [])])


def check_details(details: object) -> None:
    """Raise `ConfigurationError` unless ``details`` lists things that a record can have besides."""
    known = get_args(Detail)
    is_list = isinstance(details, (list, tuple, set, frozenset))
    if not is_list or not set(cast("list[object]", details)).issubset(known):
        raise ConfigurationError(f"record_details are {details!r}; list some of {', '.join(known)}")


def _event(choices: Mapping[str, bool], before: Decision | None) -> Event:
    """Return what was decided, whatever a signal makes of it.

    To refuse everything after having accepted something is to withdraw, by whatever button.
    """
    if choices and all(choices.values()):
        return "given"
    if any(choices.values()):
        return "partial"
    return "withdrawn" if before is not None and before.granted else "refused"


def network_of(address: str) -> str:
    """Return the network of an IP address, which tells the place and not the visitor.

    Of IPv4 24 bits are left, of IPv6 48; of what is no address, such as a socket's path, nothing.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):  # some of them hold a whole IPv4 address
        parsed = parsed.ipv4_mapped or parsed.sixtofour or parsed
    network = ipaddress.ip_network((parsed, _PREFIX[parsed.version]), strict=False)
    return str(network.network_address)


def browser_of(request: Request) -> str:
    """Return what the browser calls itself, its versions cut to the major one."""
    name = request.header("user-agent")[: 4 * _LONGEST_USER_AGENT]
    printable = "".join(character for character in name if character.isprintable())
    return _VERSION.sub(r"\1", printable)[:_LONGEST_USER_AGENT]
