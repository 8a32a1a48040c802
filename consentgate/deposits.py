"""First deposits: when each cookie was stored first, and the signed cookie that remembers it.

CNIL counts a cookie's 13 months from its first deposit and not from the last visit (deliberation
2020-092, article 5), but a browser tells no server when it stored a cookie. So the dates are kept
in a cookie of the gate's own (R13).
"""

from __future__ import annotations

import math
import struct
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Final
from zlib import crc32

from itsdangerous.encoding import base64_encode

from consentgate.duration import CLOCK_TOLERANCE, DAY, months
from consentgate.signing import TokenSigner

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from consentgate.known_cookie import KnownCookie

MOST_DEPOSITS: Final = 127
"""Cookies whose date one browser can keep; with these the token has 1410 octets."""

MAX_TOKEN_LENGTH: Final = 1410
"""Octets of the deposits cookie's value; a longer one was not made here."""

_SALT: Final = b"consentgate.deposits"
_SEPARATOR: Final = "."
_ENTRY = struct.Struct(">II")
_DAY_PRECISION_FROM: Final = 30 * DAY
_RENEWED_AFTER: Final = months(6)


def deposit_key(name: str) -> int:
    """Return the number that stands for a cookie's name in the deposits cookie.

    Two names of four thousand million share one, and then a date.
    """
    return crc32(name.encode("latin-1", "replace"))


_WRITTEN: Final = deposit_key("; written")
"""Stands for the deposits cookie itself; no cookie can have that name."""


class DepositSerializer:
    """Write first deposits as a signed token, and read them back.

    A token is base64 of eight octets for each cookie, `deposit_key` and seconds since 1970, of as
    many for the day it was written, and a signature.
    """

    def __init__(self, secret_keys: Sequence[bytes]) -> None:
        self._signer = TokenSigner(secret_keys, salt=_SALT, separator=_SEPARATOR)

    def dumps(self, deposits: Mapping[int, int], now: float) -> str:
        """Return the token of ``deposits``, written ``now``."""
        entries = {**deposits, _WRITTEN: _start_of_day(now)}
        octets = b"".join(_ENTRY.pack(key, first) for key, first in entries.items())
        return self._signer.sign(base64_encode(octets).decode("ascii"))

    def loads(self, token: str) -> dict[int, int] | None:
        """Return the deposits that ``token`` carries, or None if it is not one of ours."""
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        payload = self._signer.unsign(token)
        if payload is None:
            return None
        # Padding that is too much is ignored.
        return dict(_ENTRY.iter_unpack(urlsafe_b64decode(f"{payload}==")))


class Deposits:
    """The first deposits in one browser, while one request is answered.

    Args:
        known: what the browser's deposits cookie says.
        now: seconds since 1970.
    """

    def __init__(self, known: dict[int, int], now: float) -> None:
        self._known = known
        self._current = known
        self._now = int(now)
        self._renewed = False

    @property
    def current(self) -> Mapping[int, int]:
        """What is known now, with what this response records and without what it forgets."""
        return self._current

    @property
    def changed(self) -> bool:
        """Whether anything was recorded, forgotten or renewed."""
        return self._renewed or self._current is not self._known

    def first(self, key: int) -> int | None:
        """Return when the cookie was stored first, in seconds since 1970; None if unknown.

        A date in the future comes from a wrong clock, and would make a life too long.
        """
        first = self._current.get(key)
        return None if first is None or first > self._now + CLOCK_TOLERANCE else first

    def is_new(self, key: int) -> bool:
        """Whether the cookie is stored for the first time by this very response."""
        return self._current.get(key) != self._known.get(key)

    def record(self, key: int, limit: int) -> None:
        """Note that a cookie that may live ``limit`` seconds is stored now for the first time.

        The day is enough, and says less about the visitor; but of a short life it would take too
        much.
        """
        first = _start_of_day(self._now) if limit >= _DAY_PRECISION_FROM else self._now
        self._own_copy()[key] = first

    def forget(self, key: int) -> None:
        """Note that a cookie is gone, so that it may be stored anew."""
        if key in self._current:
            del self._own_copy()[key]

    def _own_copy(self) -> dict[int, int]:
        """Return what may be changed; what is known is shared by all requests of its token."""
        if self._current is self._known:
            self._current = dict(self._known)
        return self._current

    def is_settled(self, key: int) -> bool:
        """Whether the cookie has a date, and the browser will not lose it soon.

        A script may renew its cookie with each visit, and no visit renews the date; so it is
        written again twice a year, or the cookie would outlive it.
        """
        written = self._known.get(_WRITTEN, 0)
        return written + _RENEWED_AFTER > self._now and self.first(key) is not None

    def settle(self, key: int, limit: int) -> None:
        """Give a cookie that a script stored its date, and keep that of one that has it."""
        if self.first(key) is None:
            self.record(key, limit)
        elif not self.is_settled(key):
            self._renewed = True

    def to_keep(self, longest: int, sent: Container[int]) -> Mapping[int, int] | None:
        """Return what the browser has to remember from now on, or None where nothing changed.

        What is older than ``longest`` seconds belongs to no living cookie, nor does the second of a
        short life that is long over, unless it was ``sent`` and is still to be deleted. Where
        there are more than fit, cookies that were not ``sent`` go first, for they may be gone.
        """
        if not self.changed:
            return None
        kept = {
            key: first
            for key, first in self._current.items()
            if key != _WRITTEN and (key in sent or self._may_live(first, longest))
            if self.first(key) is not None
        }
        if len(kept) > MOST_DEPOSITS:
            kept = dict(
                sorted(kept.items(), key=lambda item: _rank(*item, sent=sent))[:MOST_DEPOSITS]
            )
        is_known = all(self._known.get(key) == first for key, first in kept.items())
        unchanged = is_known and len(kept) == len(self._known.keys() - {_WRITTEN})
        return None if unchanged and not self._renewed else kept

    def _may_live(self, first: int, longest: int) -> bool:
        is_short = first % DAY != 0
        return first + (_DAY_PRECISION_FROM if is_short else longest) > self._now


def ends(
    dates: Mapping[int, int], sent: Iterable[KnownCookie], now: int
) -> tuple[float, dict[int, int]]:
    """Return until when nothing has to be done, and when the life of each dated cookie ends.

    Both are seconds since 1970; the lives are by `deposit_key`, and 0 where they are not certain:
    for a cookie that the browser has not ``sent``, or whose rule makes it one of a session.
    Something has to be done where a life is over, a date is missing or in the future, or all have
    to be written again; then it is until 0.
    """
    until = dates[_WRITTEN] + _RENEWED_AFTER if dates else math.inf
    found = dict.fromkeys(dates, 0)
    for cookie in sent:
        first = dates.get(cookie.key)
        if first is not None and first <= now:
            end = first + cookie.limit
            if not cookie.session:
                found[cookie.key] = end
            if end < until:  # noqa: PLR1730 - `min` costs several times as much
                until = end
        elif first is not None or cookie.is_dated_when_seen:
            return 0, found
    return until, found


def is_current(dates: Mapping[int, int], now: float, max_age: int) -> bool:
    """Whether a browser may still have the token of ``dates``, which it keeps for ``max_age``."""
    return -CLOCK_TOLERANCE <= now - dates[_WRITTEN] < max_age + DAY


def newest(tokens: Sequence[dict[int, int]]) -> dict[int, int]:
    """Return the deposits that were written last.

    An older token is what another Domain left behind, or a sibling application planted.
    """
    nothing: dict[int, int] = {}
    return max(tokens, key=lambda each: each[_WRITTEN], default=nothing)


def _start_of_day(now: float) -> int:
    return int(now) - int(now) % DAY


def _rank(key: int, first: int, *, sent: Container[int]) -> tuple[bool, int]:
    """Rank cookies that are there by age, because theirs is the life that would grow."""
    return (False, first) if key in sent else (True, -first)
