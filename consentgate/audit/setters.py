"""Who set which cookie: the lines of responses and scripts, remembered without any value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consentgate.audit.domains import domain_matches, host_of
from consentgate.audit.facts import BriefCookie, Setter
from consentgate.set_cookie import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from consentgate.audit.facts import CookieKey, SetterKind

__all__ = ["Hop", "Setters", "set_cookie_lines"]

_MOST_LINES: Final = 5_000
_MOST_BRIEF: Final = 200


class Hop(NamedTuple):
    """One request of a chain of redirects, which all have the same id."""

    request: str
    place: int


class _Line(NamedTuple):
    """One Set-Cookie line, or its like in a script."""

    name: str
    asked_life: int | None
    at: float
    is_kept: bool
    """Whether the browser is known to have stored it."""


class _Written(NamedTuple):
    """One line, with who wrote it for which host."""

    kind: SetterKind
    host: str
    url: str
    line: _Line

    @property
    def setter(self) -> Setter:
        """It, as a fact."""
        return Setter(self.kind, self.url, self.line.at, self.line.asked_life)


class Setters:
    """Remembers what set cookies.

    Args:
        clock: seconds since 1970.
        url: gives the address of a hop, which may be told later than its answer.
    """

    def __init__(self, clock: Callable[[], float], url: Callable[[Hop], str]) -> None:
        self.truncated = False
        self._clock = clock
        self._url = url
        self._by_header: list[tuple[Hop, _Line]] = []
        self._by_script: list[_Written] = []
        self._begun_at = 0.0

    def begin(self) -> None:
        """Begin a new stage; who set which cookie is kept."""
        self._begun_at = self._clock()
        self.truncated = False

    def answered(self, hop: Hop, line: str) -> None:
        """Take note of a Set-Cookie line that the browser took."""
        read_line = self._read(line, is_kept=True)
        if read_line and self._has_room():
            self._by_header.append((hop, read_line))

    def scripted(self, host: str, script: str, line: str, *, is_kept: bool) -> None:
        """Take note of what a script wrote."""
        read_line = self._read(line, is_kept=is_kept)
        if read_line and self._has_room():
            self._by_script.append(_Written("script", host, script, read_line))

    def setter(self, key: CookieKey) -> Setter | None:
        """Return who set this cookie, a response before a script; None if nobody was seen.

        The address is that of who did it first; time and lifetime are those of the last time.
        """
        name = _comparable(key.name)
        for written in (self._headers(), self._by_script):
            found = [
                each
                for each in written
                if _comparable(each.line.name) == name and domain_matches(each.host, key.domain)
            ]
            if found:
                return found[-1]._replace(url=found[0].url).setter
        return None

    def brief(self, jar: Iterable[CookieKey]) -> tuple[BriefCookie, ...]:
        """Return what was stored since the stage began and is not in ``jar`` any more."""
        domains: dict[str, set[str]] = {}
        for key in jar:
            domains.setdefault(_comparable(key.name), set()).add(key.domain)
        gone = {
            (each.line.name, each.host): each
            for each in (*self._headers(), *self._by_script)
            if each.line.is_kept and each.host and each.line.at >= self._begun_at
            if not any(
                domain_matches(each.host, it) for it in domains.get(_comparable(each.line.name), ())
            )
        }
        self.truncated = self.truncated or len(gone) > _MOST_BRIEF
        return tuple(
            BriefCookie(name, host, each.setter)
            for (name, host), each in list(gone.items())[:_MOST_BRIEF]
        )

    # -- the details ---------------------------------------------------------------------------

    def _headers(self) -> Iterator[_Written]:
        for hop, line in self._by_header:
            url = self._url(hop)
            yield _Written("header", host_of(url), url, line)

    def _read(self, line: str, *, is_kept: bool) -> _Line | None:
        """Return what a line sets; None for one that deletes, which sets nothing."""
        now = self._clock()
        cookie = read(line)
        life = cookie.attributes.lifetime(int(now))
        if life is not None and life <= 0:
            return None
        return _Line(cookie.name, life, now, is_kept)

    def _has_room(self) -> bool:
        kept = len(self._by_header) + len(self._by_script)
        self.truncated = self.truncated or kept >= _MOST_LINES
        return kept < _MOST_LINES


def _comparable(name: str) -> str:
    """Return ``name`` without what the browser tells in one place so, in another otherwise.

    That is whatever is not ASCII: octets of a header, which need not be UTF-8.
    """
    return name.encode("ascii", "ignore").decode()


def set_cookie_lines(headers: Mapping[str, Any]) -> list[str]:
    """Return the lines of a response, which the protocol joins with line feeds."""
    return [
        line
        for name, value in headers.items()
        if name.lower() == "set-cookie"
        for line in str(value).split("\n")
    ]
