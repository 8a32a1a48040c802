"""Why an assertion failed, and what to do about it; names and lives, never a cookie's value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consentgate.lifetime import in_words
from consentgate.printable import printable
from consentgate.set_cookie import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from consentgate.assertions.answers import Asked
    from consentgate.assertions.judging import Complaint, Examination
    from consentgate.known_cookie import Reason
    from consentgate.set_cookie import SetCookie

__all__ = ["cookie_missing", "cookies_there", "life", "not_gated", "refused", "wrong_life"]

_LONGEST: Final = 80
"""Characters of a name or path that are shown."""
_LEAST_ERROR: Final = 400
"""The first status that is an error (RFC 9110 15)."""

_REASONS: Final[Mapping[Reason, str]] = {
    "undecided": "the visitor has not chosen yet (R6)",
    "refused": "the visitor has refused it, or a signal has (R6, R22)",
    "forbidden": "the policy forbids its category (R6)",
    "unregistered": "no rule of the policy has its name (R6)",
    "cookie-free route": "nothing may be stored on this path (R11)",
    "reserved name": "only the gate sets its own cookies (R10)",
    "no name": "it has no name that all browsers agree on (R3)",
    "control character": "it has a control character (R3)",
    "lifetime": "its life would be longer than its limit (R12)",
    "session": "its rule makes a session cookie of it (R14)",
    "not canonical": "browsers would read it in more than one way (R3)",
    "Expires alone": "browsers shift Expires by the response's Date, Max-Age not (R3)",
}

_AFTER_THE_GATE: Final = (
    "the gate judged this request, so this was done outside of it: put the gate outside every "
    "other middleware"
)
_NO_GATE_AT_ALL: Final = "no gate judged this request: put one around the application"
_SOMEWHERE: Final = (
    "put the gate around the application, outside every other middleware; if it is there, the "
    "gate of this test has another policy, or other keys, than that of the site"
)
_REGISTER: Final = "if the site needs {names}, declare it under [[cookies]] in the policy"


def not_gated(complaints: Sequence[Complaint], examination: Examination, asked: Asked) -> str:
    """Return why a response is not what the gate lets out."""
    number = "1 cookie" if len(complaints) == 1 else f"{len(complaints)} cookies"
    circumstances = (
        f"visitor: {_visitor(examination)}",
        f"path: {_cut(asked.request.path())}",
        f"to do: {'; '.join(_remedies(complaints, asked))}",
    )
    blocks = (
        f"{number} reached the client that the gate would not have let out so.",
        *(_complaint(complaint, examination) for complaint in complaints),
        "\n".join(circumstances),
    )
    return "\n\n".join(blocks)


def _complaint(complaint: Complaint, examination: Examination) -> str:
    verdict = complaint.verdict
    if verdict is None:
        name = _named(read(complaint.line))
        return f"{name}, one of the gate's own\n  not signed by this gate, and not current (R19)"
    rule = examination.policy.rule_for(verdict.name)
    governed = f"{rule.category}, rule {_cut(rule.name)!r}" if rule else "unregistered"
    name = _cut(verdict.name) if verdict.name else "a cookie without a name"
    return (
        f"{name} ({governed})\n"
        f"  verdict: {verdict.action}, because {_REASONS[verdict.reason]}\n"
        f"  {_difference(complaint, int(examination.now))}"
    )


def _difference(complaint: Complaint, now: int) -> str:
    if complaint.sent is None:
        return "it must not leave, and it did"
    left, may = (
        life(read(line).attributes.lifetime(now)) for line in (complaint.line, complaint.sent)
    )
    if left == may:
        return "it must leave with one Max-Age that all browsers read alike"
    return f"it may live {may}, and lives {left}"


def _visitor(examination: Examination) -> str:
    decision = examination.decision
    signals = "".join(f", sends {_SIGNALS[signal]}" for signal in examination.signals)
    if decision is None:
        return f"undecided{signals}"
    answers = (("granted", decision.granted), ("refused", decision.refused))
    told = [f"{word} {', '.join(sorted(names))}" for word, names in answers if names]
    return f"{'; '.join(told) or 'decided about nothing'}{signals}"


_SIGNALS: Final = {"gpc": "Sec-GPC: 1", "dnt": "DNT: 1"}


def _remedies(complaints: Iterable[Complaint], asked: Asked) -> Iterator[str]:
    names = [
        _cut(complaint.verdict.name)
        for complaint in complaints
        if complaint.verdict is not None and complaint.verdict.reason == "unregistered"
    ]
    if asked.shows_visit:
        yield _NO_GATE_AT_ALL if asked.visit is None else _AFTER_THE_GATE
    else:
        yield _SOMEWHERE
    if names:
        yield _REGISTER.format(names=" and ".join(dict.fromkeys(names)))


def cookies_there(stored: Sequence[SetCookie], expected: Sequence[str]) -> str:
    """Return why a response is not without cookies."""
    number = "1 cookie" if len(stored) == 1 else f"{len(stored)} cookies"
    but = f" but {', '.join(map(_cut, expected))}" if expected else ""
    listed = "\n".join(f"  {_named(cookie)}" for cookie in stored)
    names = ", ".join(repr(_cut(cookie.name)) for cookie in stored if cookie.name)
    remedy = f"\n\nto do: if it may be there, name it: but=[{names}]" if names else ""
    return f"{number} stored where there should be none{but}:\n\n{listed}{remedy}"


def cookie_missing(name: str, others: Sequence[SetCookie], status: int, *, is_deleted: bool) -> str:
    """Return why there is no life to compare: ``others`` are all cookies of the response."""
    response = f"The response (status {status})" if status >= _LEAST_ERROR else "The response"
    if is_deleted:
        return f"{response} deletes {_cut(name)} and does not set it."
    names = ", ".join(dict.fromkeys(_named(cookie) for cookie in others))
    return (
        f"{response} does not set {_cut(name)}; it sets {names or 'no cookie'}.\n\n"
        "to do: where a gate stripped it, let the visitor grant its category first, as the fixture "
        "consent_granted does"
    )


def refused(cookie: SetCookie, reason: str) -> str:
    """Return that no browser stores what the response sets."""
    return f"The response sets {_named(cookie)}, and every browser refuses it: {reason}."


def wrong_life(cookie: SetCookie, seconds: int | None, word: str, bound: int | None) -> str:
    """Return why a life of ``seconds`` is not as it should be: ``at most`` that of ``bound``."""
    source = "Expires" if cookie.attributes.max_age is None else "Max-Age"
    by = f"lives {life(seconds)} by its {source}"
    if seconds is None:
        by = "ends with the browser's session, for it has no Max-Age or Expires that is valid"
    wanted = "a cookie that ends with the session" if bound is None else f"{word} {life(bound)}"
    return f"{_named(cookie)} {by}; expected {wanted}."


def life(seconds: int | None) -> str:
    """Return a lifetime in words: its two largest units, and seconds."""
    return "until the browser's session ends" if seconds is None else in_words(seconds)


def _named(cookie: SetCookie) -> str:
    return _cut(cookie.name) if cookie.name else "a cookie without a name"


def _cut(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
