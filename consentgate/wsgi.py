"""The gate around a WSGI application (PEP 3333): headers in, headers out."""

from __future__ import annotations

from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Final, cast

from consentgate.exceptions import MiddlewareMissing, RecordStoreUnavailable
from consentgate.page import MAX_BODY, PageRequest, check_pages, mounted_at, refusal
from consentgate.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from consentgate.consent import Consent
    from consentgate.gate import Gate
    from consentgate.page import PageResponse, Pages

    Header = tuple[str, str]

__all__ = ["ConsentGateMiddleware", "consent_from", "page_request_from"]

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


def environ_key(header: str) -> str:
    """Return where a WSGI environ, or Django's META, has the request header (RFC 3875 4.1)."""
    key = header.upper().replace("-", "_")
    return key if key == "CONTENT_TYPE" else f"HTTP_{key}"


class EnvironRequest:
    """What the gate may want to know of a request, read from a WSGI environ."""

    __slots__ = ("_environ",)

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def header(self, name: str) -> str:
        """Return the request header called ``name``; servers join repetitions by commas."""
        return cast("str", self._environ.get(environ_key(name), ""))

    def path(self) -> str:
        """Return SCRIPT_NAME and PATH_INFO as the text their octets spell."""
        return _decoded(self._environ.get("SCRIPT_NAME", "") + self._environ.get("PATH_INFO", ""))

    def is_secure(self) -> bool:
        """Whether the server says the request came over TLS."""
        return self._environ.get("wsgi.url_scheme") == "https"

    def address(self) -> str:
        """Return REMOTE_ADDR, which a server behind a proxy has to be told to trust it for."""
        return cast("str", self._environ.get("REMOTE_ADDR", ""))


class ConsentGateMiddleware:
    """Keep the cookies of a WSGI application within ``gate``'s policy.

    Put it outside every other middleware: ``app = ConsentGateMiddleware(app, gate)``. Each
    response passes through, whatever its status and whoever wrote its headers (R4), unless
    another gate around this one judges it already. ``pages``, such as
    `consentgate.pages.ConsentPages`, answer the requests for their own paths in the application's
    place. Raises `ConfigurationError` for pages of another gate.
    """

    def __init__(self, app: WSGIApplication, gate: Gate, *, pages: Pages | None = None) -> None:
        check_pages(pages, gate)
        self.app = app
        self.gate = gate
        self.pages = pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        outer: Visit | None = environ.get(VISIT_KEY)
        if outer is not None and outer.covers(self.gate):
            outer.record_for(self.gate)
            return self._application(outer, environ)(environ, start_response)
        visit = open_visit(self.gate, environ)
        app = self.app if self.pages is None else self._application(visit, environ)

        def gated_start_response(
            status: str, headers: list[Header], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            visit.carrier = environ
            if exc_info:
                visit.start_over()
            if visit.adds and (visit.refusal or _is_refused(visit, environ, status, headers)):
                return _refuse(visit, start_response, exc_info)
            return start_response(status, release(visit, status, headers), exc_info)

        try:
            answer = app(environ, gated_start_response)
            if visit.released and visit.refusal is None:
                return answer
            return answer if visit.recorder is None else _Watched(visit, answer)
        except BaseException:
            visit.released = True  # whoever answers now with this environ is gated anew
            visit.carrier = None
            raise

    def _application(self, visit: Visit, environ: WSGIEnvironment) -> WSGIApplication:
        """Return who answers: the visitor's pages for their own paths, the site for all others."""
        pages = self.pages
        if pages is None:
            return self.app
        if visit.pages is None:
            visit.pages = pages
            if root := environ.get("SCRIPT_NAME"):  # now, because routers further in move it
                visit.root = mounted_at(_decoded(root))
        is_page = environ.get("PATH_INFO") in pages.paths
        return PagesApplication(pages) if is_page else self.app


def _is_refused(visit: Visit, environ: WSGIEnvironment, status: str, headers: list[Header]) -> bool:
    """Keep the record that a response needs, and return whether that cannot be done."""
    try:
        if visit.needs_record(lambda: headers, not_modified=status.startswith("304")):
            visit.settle()
    except RecordStoreUnavailable:
        visit.refusal = refusal(page_request_from(environ), visit.pages)
    return visit.refusal is not None


def _refuse(
    visit: Visit, start_response: StartResponse, exc_info: OptExcInfo | None
) -> Callable[[bytes], object]:
    """Begin to answer in the application's place, and return what swallows its own words.

    Not by an exception, which the application or its middleware would take for their own.
    """
    answer = cast("PageResponse", visit.refusal)
    status = _status(answer)
    start_response(status, release(visit, status, list(answer.headers)), exc_info)
    return len


class _Watched:
    """What an application answers, or in its place that the visitor's decision was not kept."""

    def __init__(self, visit: Visit, answer: Iterable[bytes]) -> None:
        self._visit = visit
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body; some applications begin only now, and then it is known which."""
        if self._visit.refusal is None:
            for piece in self._answer:
                if self._visit.refusal is not None:
                    break
                yield piece
        if self._visit.refusal is not None:
            yield self._visit.refusal.body

    def close(self) -> None:
        """Close what the application answers (PEP 3333)."""
        close = getattr(self._answer, "close", None)
        if close is not None:
            close()


def _status(answer: PageResponse) -> str:
    return f"{answer.status} {HTTPStatus(answer.status).phrase}"


class PagesApplication:
    """The visitor's pages as a WSGI application."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = _read_body(environ) if environ["REQUEST_METHOD"] == "POST" else b""
        answer = self.pages.answer(page_request_from(environ, body))
        start_response(_status(answer), list(answer.headers))
        return [answer.body]


def _read_body(environ: WSGIEnvironment) -> bytes | None:
    """Return the request's body, or None where it is too long or breaks off."""
    length = environ.get("CONTENT_LENGTH") or "0"
    is_chunked = length == "0" and environ.get("wsgi.input_terminated")
    if not length.isdecimal() or len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY:
        return None
    try:
        body = cast(
            "bytes", environ["wsgi.input"].read(MAX_BODY + 1 if is_chunked else int(length))
        )
    except OSError:
        return None
    is_whole = len(body) <= MAX_BODY if is_chunked else len(body) == int(length)
    return body if is_whole else None


def page_request_from(environ: WSGIEnvironment, body: bytes | None = b"") -> PageRequest:
    """Return a request as the visitor's pages want it, to render a banner for it.

    Raises `MiddlewareMissing` where the request did not pass through the middleware.
    """
    return PageRequest(
        _visit_from(environ),
        environ.get("REQUEST_METHOD", "GET"),
        _decoded(environ.get("PATH_INFO", "")),
        environ.get("QUERY_STRING", ""),
        body,
    )


def _decoded(path: str) -> str:
    """Return the text that the octets of a path spell, which WSGI gives as latin-1."""
    return path.encode("latin-1").decode("utf-8", "replace")


class WSGIVisit(Visit):
    """One request as the gate sees it."""

    @property
    def request(self) -> EnvironRequest:
        """The request, read from the environ."""
        return EnvironRequest(self.carrier)


def open_visit(gate: Gate, environ: WSGIEnvironment) -> WSGIVisit:
    """Return the visit of a request, and hide from ``environ`` what may not be read (R17)."""
    environ[VISIT_KEY] = visit = WSGIVisit(gate, environ)
    cookie = environ.get("HTTP_COOKIE")
    if cookie:
        visit.cookie = cookie
        if visit.needs_look():
            _hide(environ, visit.readable(cookie))
    visit.carrier = None
    return visit


def _hide(environ: WSGIEnvironment, readable: str) -> None:
    if readable:
        environ["HTTP_COOKIE"] = readable
    else:
        del environ["HTTP_COOKIE"]


def release(visit: Visit, status: str, headers: list[Header]) -> list[Header]:
    """Return what leaves instead of ``headers``; a copy, so that nothing is added later."""
    lines = 0
    changes: dict[int, str | None] = {}
    for name, line in headers:
        if name in _other_names or not (name == "Set-Cookie" or is_set_cookie(name)):
            continue
        judged = visit.judge(line)
        if judged is not line:
            changes[lines] = judged
        lines += 1
    released = _changed(headers, changes) if changes else headers[:]
    if visit.adds:
        added, superseded = visit.additions(released, not_modified=status.startswith("304"))
        if superseded:
            released = [each for each in released if each[0].strip().lower() not in superseded]
        released.extend(added)
    visit.released = True
    visit.carrier = None
    return released


def _changed(headers: Iterable[Header], changes: Mapping[int, str | None]) -> list[Header]:
    """Return ``headers`` with another Set-Cookie line, or none, for each number in ``changes``."""
    released: list[Header] = []
    lines = count()
    for header in headers:
        name, value = header
        if name in _other_names or not (name == "Set-Cookie" or is_set_cookie(name)):
            released.append(header)
            continue
        line = changes.get(next(lines), value)
        if line is value:
            released.append(header)
        elif line is not None:
            released.append((name, line))
    return released


def consent_from(environ: WSGIEnvironment) -> Consent:
    """Return the consent of the visitor who made this request.

    Raises `MiddlewareMissing` where the request did not pass through the middleware.
    """
    visit = _visit_from(environ)
    consent = visit.consent
    if visit.released:
        visit.carrier = None
    return consent


def _visit_from(environ: WSGIEnvironment) -> Visit:
    visit: Visit | None = environ.get(VISIT_KEY)
    if visit is None:
        raise MiddlewareMissing
    visit.carrier = environ
    return visit
