"""The gate around a WSGI application (PEP 3333): headers in, headers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from consentgate.exceptions import MiddlewareMissing
from consentgate.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from consentgate.consent import Consent
    from consentgate.gate import Gate

    Header = tuple[str, str]

__all__ = ["ConsentGateMiddleware", "consent_from"]

VISIT_KEY = "consentgate.visit"


_MOST_NAMES: Final = 256
_other_names: Final[set[str]] = set()
"""Names of response headers that were seen to set no cookie."""


def is_set_cookie(name: str) -> bool:
    """Whether a header of this name sets a cookie, in whatever case and with blanks around (R4)."""
    if name.strip().lower() == "set-cookie":
        return True
    if len(_other_names) < _MOST_NAMES:
        _other_names.add(name)
    return False


class EnvironRequest:
    """What the gate may want to know of a request, read from a WSGI environ."""

    __slots__ = ("_environ",)

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def header(self, name: str) -> str:
        """Return the request header called ``name``; servers join repetitions by commas."""
        return cast("str", self._environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))

    def path(self) -> str:
        """Return SCRIPT_NAME and PATH_INFO as the text their octets spell."""
        path = self._environ.get("SCRIPT_NAME", "") + self._environ.get("PATH_INFO", "")
        return cast("str", path).encode("latin-1").decode("utf-8", "replace")

    def is_secure(self) -> bool:
        """Whether the server says the request came over TLS."""
        return self._environ.get("wsgi.url_scheme") == "https"


class ConsentGateMiddleware:
    """Keep the cookies of a WSGI application within ``gate``'s policy.

    Put it outside every other middleware: ``app = ConsentGateMiddleware(app, gate)``. Each
    response passes through, whatever its status and whoever wrote its headers (R4), unless
    another gate around this one judges it already.
    """

    def __init__(self, app: WSGIApplication, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        outer = environ.get(VISIT_KEY)
        if outer is not None and outer.covers(self.gate):
            return self.app(environ, start_response)
        visit = open_visit(self.gate, environ)

        def gated_start_response(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: OptExcInfo | None = None,
        ) -> Callable[[bytes], object]:
            if exc_info:
                visit.start_over()
            return start_response(status, release(visit, status, headers), exc_info)

        try:
            return self.app(environ, gated_start_response)
        except BaseException:
            visit.released = True  # whoever answers now with this environ is gated anew
            raise


def open_visit(gate: Gate, environ: WSGIEnvironment) -> Visit:
    """Return the visit of a request, and hide from ``environ`` what may not be read (R17)."""
    environ[VISIT_KEY] = visit = Visit(gate, EnvironRequest, environ)
    cookie = environ.get("HTTP_COOKIE")
    if cookie:
        visit.cookie = cookie
        if visit.needs_look(cookie):
            _hide(environ, visit.readable(cookie))
    return visit


def _hide(environ: WSGIEnvironment, readable: str) -> None:
    if readable:
        environ["HTTP_COOKIE"] = readable
    else:
        del environ["HTTP_COOKIE"]


def release(visit: Visit, status: str, headers: list[Header]) -> list[Header]:
    """Return what leaves instead of ``headers``; a copy, so that nothing is added later."""
    for name, _ in headers:
        if name == "Set-Cookie" or (name not in _other_names and is_set_cookie(name)):
            break
    else:
        if not visit.adds:
            visit.released = True
            return headers[:]
    released = _judge(visit, headers)
    if visit.adds:
        added, superseded = visit.additions(released, not_modified=status.startswith("304"))
        if superseded:
            released = [each for each in released if each[0].strip().lower() not in superseded]
        released.extend(added)
    visit.released = True
    return released


def _judge(visit: Visit, headers: list[Header]) -> list[Header]:
    released: list[Header] = []
    for header in headers:
        name, line = header
        if name != "Set-Cookie" and (name in _other_names or not is_set_cookie(name)):
            released.append(header)
            continue
        judged = visit.judge(line)
        if judged is line:
            released.append(header)
        elif judged is not None:
            released.append((name, judged))
    return released


def consent_from(environ: WSGIEnvironment) -> Consent:
    """Return the consent of the visitor who made this request.

    Raises `MiddlewareMissing` where the request did not pass through the middleware.
    """
    visit = cast("Visit | None", environ.get(VISIT_KEY))
    if visit is None:
        raise MiddlewareMissing
    return visit.consent
