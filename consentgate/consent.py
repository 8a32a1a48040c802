"""One visitor's decision, the signed cookie that carries it, and the request's view of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlencode

from consentgate.exceptions import DecisionNotStored, PolicyError, UnknownCategory
from consentgate.signing import TokenSigner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consentgate.policy import Policy, Signal

MAX_TOKEN_LENGTH: Final = 1024
"""Octets of the consent cookie's value; a longer one was not made here (R19)."""

_SALT: Final = b"consentgate.consent"
_SEPARATOR: Final = "&signature="
_ID_OCTETS: Final = 16


def new_subject() -> str:
    """Return a random name for the decisions of a visitor who has none."""
    return secrets.token_urlsafe(_ID_OCTETS)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one visitor decided: the content of the consent cookie."""

    granted: frozenset[str]
    refused: frozenset[str]
    decided_at: int
    """Seconds since 1970."""
    policy_version: str
    id: str
    """A random name for this visitor's decisions; it says nothing else about the visitor."""

    def expires_at(self, policy: Policy) -> int:
        """Return when the visitor is asked again, in seconds since 1970 (R21)."""
        valid_for = policy.consent_valid_for if self.granted else policy.ask_again_after
        return self.decided_at + valid_for


class Choices(NamedTuple):
    """What visitors chose who chose alike, and what follows from it."""

    granted: frozenset[str]
    refused: frozenset[str]
    allowed: frozenset[str]
    """The categories that may be stored and read, where no privacy signal says otherwise."""


class Standing(NamedTuple):
    """What is remembered of a consent cookie whose signature is good; little, for many come."""

    decided_at: int
    """Seconds since 1970."""
    counts_until: int
    """Seconds since 1970."""
    choices: Choices


class DecisionSerializer:
    """Write decisions as signed tokens that anybody can read, and read them back.

    A token is a query string, so that a script or a detector reads it without the key:
    ``policy=2026-11&time=1795219200&id=…&statistics=true&advertising=false&signature=…``, one
    boolean for each purpose as CNIL recommends (deliberation 2020-092, article 6). It is signed
    with HMAC-SHA256; the newest key signs, all verify (R19).
    """

    def __init__(self, policy: Policy, secret_keys: Sequence[bytes]) -> None:
        self._signer = TokenSigner(secret_keys, salt=_SALT, separator=_SEPARATOR)
        self._check_length(policy)

    def _check_length(self, policy: Policy) -> None:
        longest = Decision(
            frozenset(),
            frozenset(policy.decidable),
            10**10,
            policy.version,
            new_subject(),
        )
        if len(self.dumps(longest)) > MAX_TOKEN_LENGTH:
            raise PolicyError(
                f"are too many for a consent cookie of {MAX_TOKEN_LENGTH} bytes; "
                "use fewer or shorter names",
                key="categories",
            )

    def dumps(self, decision: Decision) -> str:
        """Return the token of ``decision``."""
        fields = {
            "policy": decision.policy_version,
            "time": str(decision.decided_at),
            "id": decision.id,
            **dict.fromkeys(sorted(decision.granted), "true"),
            **dict.fromkeys(sorted(decision.refused), "false"),
        }
        return self._signer.sign(urlencode(fields))

    def loads(self, token: str) -> Decision | None:
        """Return the decision that ``token`` carries, or None if it is not one of ours.

        Its age is not judged here: it changes while the token does not.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        payload = self._signer.unsign(token)
        return None if payload is None else _decision(payload)

    def read(self, token: str) -> Decision:
        """Return the decision of a token whose signature is known to be ours."""
        payload, _, _ = token.rpartition(_SEPARATOR)
        return _decision(payload)


def _decision(payload: str) -> Decision:
    # A policy of nothing but exempt categories has no answers.
    version, time, id_, answers = f"{payload}&".split("&", 3)
    granted, refused = _answers(answers)
    return Decision(
        granted,
        refused,
        int(time[len("time=") :]),
        _version(version),
        id_[len("id=") :],
    )


@lru_cache(maxsize=256)
def _version(text: str) -> str:
    """Return the policy's version; visitors of one version share the string."""
    return unquote_plus(text.removeprefix("policy="))


@lru_cache(maxsize=256)
def _answers(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return what was granted and refused; visitors who answered alike share the sets."""
    answers = dict(parse_qsl(text))
    granted = frozenset(name for name, answer in answers.items() if answer == "true")
    return granted, frozenset(answers) - granted


def allowed_categories(
    policy: Policy, granted: frozenset[str], refused: frozenset[str], signal: Signal
) -> frozenset[str]:
    """Return the categories whose cookies may be stored and read (R6, R22).

    ``granted`` and ``refused`` are those of a valid decision, and empty for an undecided visitor.
    """
    allowed: set[str] = set()
    for category in policy.categories.values():
        answer = category.id in granted
        unanswered = not answer and category.id not in refused
        if category.gpc and (signal == "override" or (signal == "default" and unanswered)):
            answer = unanswered = False
        unless_refused = category.basis == "opt-out" and unanswered
        if category.basis == "exempt" or unless_refused or (category.decidable and answer):
            allowed.add(category.id)
    return frozenset(allowed)


class Consent:
    """The consent of the visitor who made a request, as the application asks for it.

    What is granted or withdrawn here governs the answer to the same request (R9) and leaves with
    it in the consent cookie.
    """

    def __init__(
        self,
        policy: Policy,
        decision: Decision | None,
        signal: Signal,
        now: float,
        *,
        presumed_refused: frozenset[str] = frozenset(),
        subject: str | None = None,
    ) -> None:
        self._policy = policy
        self._decision = self._sent = decision
        self._signal: Signal = signal
        self._presumed_refused = presumed_refused
        self.subject = self._sent_subject = decision.id if decision else subject
        """The random name of this visitor's decisions, also of one that counts no more."""
        self._now = int(now)
        self._changed = False
        self._closed = ""
        self.allowed = self._work_out_allowed()
        """The ids of all categories that may be stored now, exempt ones included."""

    @property
    def granted(self) -> frozenset[str]:
        """The ids of the categories that need a choice and may be stored now."""
        return frozenset(name for name in self._policy.decidable if name in self.allowed)

    @property
    def denied(self) -> frozenset[str]:
        """The ids of the categories that need a choice and may not be stored now."""
        return frozenset(self._policy.decidable) - self.allowed

    @property
    def decided(self) -> bool:
        """Whether the visitor has made a choice that still counts."""
        return self._decision is not None

    @property
    def decided_at(self) -> int | None:
        """When the choice was made, in seconds since 1970; None for an undecided visitor."""
        return self._decision.decided_at if self._decision else None

    @property
    def expires_at(self) -> int | None:
        """When the visitor is asked again, in seconds since 1970; None for an undecided one."""
        return self._decision.expires_at(self._policy) if self._decision else None

    @property
    def decision(self) -> Decision | None:
        """The decision itself, or None for an undecided visitor."""
        return self._decision

    @property
    def sent(self) -> Decision | None:
        """The decision that came with the request, or None for a visitor who was undecided."""
        return self._sent

    @property
    def changed(self) -> bool:
        """Whether a decision was made while answering this request."""
        return self._changed

    @property
    def signal(self) -> Signal:
        """What the privacy signals of this request do: ``ignore``, ``default`` or ``override``."""
        return self._signal

    def allows(self, category: str) -> bool:
        """Return whether cookies of ``category`` may be stored and read now.

        Raises `UnknownCategory` for an id that the policy does not have.
        """
        if category not in self._policy.categories:
            raise UnknownCategory(category, self._policy.categories)
        return category in self.allowed

    def grant(self, category: str, /, *categories: str) -> None:
        """Record that the visitor accepts these categories, besides those accepted before.

        What needs an opt-in and was never accepted counts as refused from now on. Raises
        `UnknownCategory` for an id the policy does not have or nobody can decide about, and
        `DecisionNotStored` where the answer can no longer, or may not, carry a decision.
        """
        accepted = (category, *categories)
        self._check(accepted)
        granted, refused = self._answers()
        self._decide(granted.union(accepted), refused.difference(accepted))

    def withdraw(self, *categories: str) -> None:
        """Record that the visitor refuses ``categories``, or everything where none is named.

        As easy as giving (GDPR, article 7(3)). Raises what `grant` raises.
        """
        self._check(categories)
        granted, refused = self._answers()
        named = categories or self._policy.decidable
        self._decide(granted.difference(named), refused.union(named))

    def choose(self, *categories: str, among: Iterable[str] | None = None) -> None:
        """Record that the visitor accepts exactly ``categories`` and refuses all others.

        It is what a form of one checkbox for each category says. Where the form has not all of
        them, ``among`` tells which; about the rest nothing is said. Raises what `grant` raises.
        """
        self._check(categories)
        asked = frozenset(self._policy.decidable if among is None else among).union(categories)
        granted, refused = self._answers()
        chosen = frozenset(categories)
        self._decide((granted - asked) | chosen, (refused - asked) | (asked - chosen))

    def forget(self) -> None:
        """Delete the visitor's decision, so that they are undecided as in a new browser.

        Raises `DecisionNotStored`.
        """
        self._check(())
        self._become(None)
        self.subject = None

    def revert(self) -> None:
        """Take back what was decided while answering this request, as if it had not been."""
        self._become(self._sent)
        self.subject = self._sent_subject
        self._changed = False

    def close(self, reason: str) -> None:
        """Let later decisions fail with ``reason``."""
        self._closed = reason

    def _check(self, categories: Iterable[str]) -> None:
        if self._closed:
            raise DecisionNotStored(self._closed)
        decidable = self._policy.decidable
        for category in categories:
            if category not in decidable:
                raise UnknownCategory(category, decidable)

    def _answers(self) -> tuple[frozenset[str], frozenset[str]]:
        if self._decision is None:
            return frozenset(), self._presumed_refused
        return self._decision.granted, self._decision.refused

    def _decide(self, granted: frozenset[str], refused: frozenset[str]) -> None:
        needs_grant = {
            name
            for name in self._policy.decidable
            if self._policy.categories[name].basis == "opt-in"
        }
        self._become(
            Decision(
                granted,
                refused | (needs_grant - granted),
                self._now,
                self._policy.version,
                self._name(),
            )
        )

    def _name(self) -> str:
        if self.subject is None:
            self.subject = new_subject()
        return self.subject

    def _become(self, decision: Decision | None) -> None:
        self._decision = decision
        self._changed = True
        self.allowed = self._work_out_allowed()

    def _work_out_allowed(self) -> frozenset[str]:
        return allowed_categories(self._policy, *self._answers(), self._signal)
