"""An explanation for people, readable at 80 columns and on any terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from consentgate.explain.facts import REASONS
from consentgate.lifetime import in_words
from consentgate.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consentgate.explain.facts import Explanation, Limit, Outcome, Reading

_WIDTH: Final = 79
_INDENT: Final = " " * 16


def as_text(explanation: Explanation) -> str:
    """Return the explanation for people: the line, what the browser gets, and why."""
    rows = [_row(label, text) for label, text in _rows(explanation)]
    if explanation.outcome == "rewritten" and explanation.sent is not None:
        rows.insert(1, _INDENT + printable(explanation.sent))
    return "\n".join([printable(explanation.line), *rows])


def _row(label: str, text: str) -> str:
    return textwrap.fill(
        printable(text),
        _WIDTH,
        initial_indent=f"  {label:<14}",
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )


def _rows(explanation: Explanation) -> Iterator[tuple[str, str]]:
    yield "browser gets", _result_in_words(explanation)
    yield "name", _names_in_words(explanation)
    yield "lifetime", _lifetime_in_words(explanation.reading)
    yield "form", _form_in_words(explanation.reading)
    if explanation.judged_as:
        yield "rule", _rule_in_words(explanation)
    yield "mode", explanation.mode
    if explanation.limit is not None:
        yield "limit", _limit_in_words(explanation.limit)
    if explanation.permission is not None:
        permission = explanation.permission
        yield "permission", f"{permission.state}: {permission.why} ({', '.join(permission.rules)})"
    before = _stored_before(explanation)
    if before:
        yield "stored before", before


_RESULTS: Final[Mapping[Outcome, str]] = {
    "unchanged": "the line as it is",
    "rewritten": "this line instead",
    "nothing": "nothing",
    "blocked": "nothing, and the application gets CookieBlocked",
}


def _result_in_words(explanation: Explanation) -> str:
    result = _RESULTS[explanation.outcome]
    if not explanation.enforced:
        result += " (the mode is report), although"
    else:
        result += ":"
    return f"{result} {explanation.why} ({', '.join(explanation.rules)})"


def _names_in_words(explanation: Explanation) -> str:
    names = explanation.reading.names
    if not names:
        return "none"
    if len(names) == 1:
        return names[0]
    others = ", ".join(repr(name) for name in names[1:])
    return f"{names[0]!r}, or in some browser {others}; judged as {explanation.judged_as!r} (R3)"


def _lifetime_in_words(reading: Reading) -> str:
    if reading.lifetime is None:
        return "none: it ends with the browser session"
    if reading.lifetime <= 0:
        return f"over, by {reading.lifetime_from}: this deletes the cookie"
    return f"{in_words(reading.lifetime)}, by {reading.lifetime_from}"


def _form_in_words(reading: Reading) -> str:
    if not reading.oddities:
        return "canonical: all browsers read it alike (R1)"
    return f"not canonical (R1): {'; '.join(reading.oddities)}"


def _rule_in_words(explanation: Explanation) -> str:
    rule = explanation.rule
    if rule is None:
        similar = " or ".join(repr(name) for name in explanation.similar)
        hint = f"did you mean {similar}?" if similar else "add one under [[cookies]]"
        return f"none has this name; {hint}"
    origin = _origin_in_words(rule.origin)
    return f"{rule.name} ({rule.match}, R8), {origin}: {rule.category}, {rule.basis}"


def _origin_in_words(origin: str) -> str:
    if origin == "gate":
        return "the gate's own cookie"
    kind, _, framework = origin.partition(" ")
    return f"of the {framework} preset" if framework else f"{kind} of the policy"


def _limit_in_words(limit: Limit) -> str:
    if limit.seconds is None:
        return "the browser session, by its rule (R14)"
    words = f"{in_words(limit.seconds)}, by the {' and the '.join(limit.set_by)} (R12)"
    if limit.left is None:
        return words
    number = "R16" if limit.left_by == "consent" else "R13"
    return f"{words}; {in_words(limit.left)} are left, by the {limit.left_by} ({number})"


def _stored_before(explanation: Explanation) -> str:
    """Say what becomes of the cookie that the browser sent."""
    told = {verdict["action"]: verdict["reason"] for verdict in explanation.verdicts}
    done: list[str] = []
    if "hide" in told:
        done.append("hidden from the application (R17)")
    if "expire" in told:
        done.append("deleted by this answer (R18)")
    if not done:
        return ""
    reason = told.get("hide") or told["expire"]
    why = "its life is over" if reason == "lifetime" else REASONS[reason][0]
    return f"{' and '.join(done)}: {why}"
