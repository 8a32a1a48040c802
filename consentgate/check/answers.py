"""What is wrong with the answers of an application: what was not checked for want of a good one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from consentgate.check.kinds import finding
from consentgate.check.unasked import plain
from consentgate.lifetime import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from consentgate.check.sightings import Answer, Run
    from consentgate.check.unasked import Unasked
    from consentgate.findings import Finding

_MOST_TOLD: Final = 3
_SIGN_IN: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_NO_PAGE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


def of_answers(run: Run) -> Iterator[Finding]:
    """Return what is wrong with the answers, and what was not even asked for."""
    answers = run.answers
    if answers and not any(map(is_good, answers)):
        said = ", ".join(dict.fromkeys(_said(answer) for answer in answers[:_MOST_TOLD]))
        yield finding("nothing-answered", f"No path was answered without an error: {said}.")
    for path, failed in _by_path(answers, _is_failed).items():
        what = f"{path} could not be checked" if path else "The scenario failed"
        kind = "no-answer" if path else "scenario-failed"
        states = [answer.state for answer in failed]
        yield finding(kind, f"{what}: {_said(failed[0])}.", states=states, place=path)
    unsettled = [answer for answer in answers if not _was_asked_otherwise(answer, run)]
    for group in _GROUPS:
        yield from _of_group(group, unsettled)
    yield from _of_unasked(run.unasked)


def is_good(answer: Answer) -> bool:
    """Whether the application answered for itself, and without an error."""
    is_own = answer.status is not None and answer.leads_to != "elsewhere"
    return is_own and (answer.status or 0) < HTTPStatus.BAD_REQUEST


def is_page(answer: Answer) -> bool:
    """Whether the path was answered well, and by the page itself."""
    return is_good(answer) and not answer.leads_to


def _was_asked_otherwise(answer: Answer, run: Run) -> bool:
    """Whether a path refused a GET, and the scenario showed what it is for."""
    return _refuses_get(answer) and plain(answer.path) in run.beyond_get


def _is_failed(answer: Answer) -> bool:
    is_broken = answer.status is None or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_broken or answer.error != ""


def _said(answer: Answer) -> str:
    status = "" if answer.status is None else f"status {answer.status}"
    where = "to another host" if answer.leads_to == "elsewhere" else ""
    return ", ".join(filter(None, (status, where, answer.error)))


def _by_path(
    answers: Iterable[Answer], wanted: Callable[[Answer], bool]
) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in filter(wanted, answers):
        found.setdefault(answer.path, []).append(answer)
    return found


# -- Alike answers, which are told in one ---------------------------------------------------


class _Group(NamedTuple):
    """Answers of which one finding names all paths."""

    kind: str
    has: Callable[[Answer], bool]
    what: str = ""
    """What became of the paths; their statuses where it is empty."""
    is_settled: Callable[[Answer], bool] = is_page
    """Whether another answer makes up for it, such as one after signing in."""


def _of_group(group: _Group, answers: Sequence[Answer]) -> Iterator[Finding]:
    """Return what is to be said of all answers of ``group``: which paths they are of."""
    settled = {answer.path for answer in answers if group.is_settled(answer)}
    found = _by_path(answers, lambda answer: group.has(answer) and answer.path not in settled)
    if not found:
        return
    states = [answer.state for each in found.values() for answer in each]
    statuses = sorted({str(answer.status) for each in found.values() for answer in each})
    what = group.what or f"answered with status {' or '.join(statuses)}"
    message = f"{count(len(found), 'path')} {what}: {_first_of(list(found))}"
    yield finding(group.kind, message, states=states, place=next(iter(found)))


def _first_of(names: Sequence[str]) -> str:
    more = " ..." if len(names) > _MOST_TOLD else ""
    return ", ".join(names[:_MOST_TOLD]) + more


def _is_other_client_error(answer: Answer) -> bool:
    told = (*_SIGN_IN, *_NO_PAGE, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS)
    status = answer.status or 0
    return 400 <= status < 500 and status not in told  # noqa: PLR2004 - RFC 9110, 15.5


def _refuses_get(answer: Answer) -> bool:
    return answer.status == HTTPStatus.METHOD_NOT_ALLOWED


def _is_for_members(answer: Answer) -> bool:
    return answer.status in _SIGN_IN


def _leads_to_sign_in(answer: Answer) -> bool:
    return answer.leads_to == "sign-in" and is_good(answer)


def _leads_nowhere(answer: Answer) -> bool:
    return not answer.leads_to


def _leads_elsewhere(answer: Answer) -> bool:
    return answer.leads_to == "elsewhere"


def _is_no_page(answer: Answer) -> bool:
    return answer.status in _NO_PAGE


def _is_one_too_many(answer: Answer) -> bool:
    return answer.status == HTTPStatus.TOO_MANY_REQUESTS


def _never(_: Answer) -> bool:
    return False


_GROUPS: Final = (
    _Group("sign-in", _is_for_members),
    _Group("sign-in", _leads_to_sign_in, "redirected to where visitors sign in", _leads_nowhere),
    _Group("elsewhere", _leads_elsewhere, "redirected to another host", _leads_nowhere),
    _Group("no-page", _is_no_page),
    _Group("not-asked", _refuses_get, "refused a GET with status 405"),
    _Group("client-error", _is_other_client_error, is_settled=_never),
    _Group("rate-limited", _is_one_too_many, is_settled=_never),
)


# -- What was not asked for -----------------------------------------------------------------


def _of_unasked(unasked: Unasked) -> Iterator[Finding]:
    for names, why in (
        (unasked.for_paths, "because no path is known"),
        (unasked.for_scenarios, "because no GET reaches it"),
        (unasked.left_alone, "because it may end or delete something"),
    ):
        if names:
            message = f"Not asked, {why}: {_first_of(names)}"
            yield finding("not-asked", message, place=names[0])
    if unasked.left_out:
        message = f"Not asked, because of --max-paths: {count(unasked.left_out, 'more path')}"
        yield finding("not-asked", message)
