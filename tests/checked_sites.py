"""Small applications for `consentgate check` and `consentgate init`, of WSGI, ASGI and Django."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import django_site
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from consentgate import Gate, Policy, asgi, wsgi
from consentgate.check import check_application, findings
from consentgate.client import Application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from consentgate.check import Run
    from consentgate.findings import Finding

INTERFACES = ("wsgi", "asgi")
THIRTEEN_MONTHS = 393 * 24 * 60 * 60  # R15


def policy(**changes: Any) -> Policy:
    """Return a policy with a rule of each kind, or a changed one."""
    cookies = [
        {"name": "_ga*", "category": "statistics"},
        {"name": "basket", "category": "necessary"},
        {"name": "step", "category": "necessary", "max_age": "session"},
    ]
    return Policy.from_mapping({"version": "7", "preset": "fr", "cookies": cookies, **changes})


ONE_OF_EACH = ("_ga=1", "basket=1", "step=1")
"""What the policy's rules are for, so that nothing of it is never seen."""


def lines_at(path: str, lines: Any) -> Sequence[str]:
    """Return what is set at ``path``: the same everywhere, or by path."""
    return lines.get(path, ()) if isinstance(lines, dict) else lines


def wsgi_app(lines: Any, *, status: str = "200 OK", headers: Iterable[Any] = ()) -> Any:
    """Return a WSGI application that sets these lines."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        sent = [("Set-Cookie", line) for line in lines_at(environ["PATH_INFO"], lines)]
        start_response(status, [("Content-Type", "text/plain"), *headers, *sent])
        return [b"hello"]

    return app


def asgi_app(lines: Any, *, status: str = "200 OK", headers: Iterable[Any] = ()) -> Any:
    """Return the same for ASGI."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent = [("set-cookie", line) for line in lines_at(scope["path"], lines)]
        octets = [(name.encode(), value.encode("latin-1")) for name, value in [*headers, *sent]]
        await send({"type": "http.response.start", "status": int(status[:3]), "headers": octets})
        await send({"type": "http.response.body", "body": b"hello"})

    return app


APPS: Any = {"wsgi": wsgi_app, "asgi": asgi_app}
MIDDLEWARE: Any = {"wsgi": wsgi.ConsentGateMiddleware, "asgi": asgi.ConsentGateMiddleware}


def gated(app: Any, own: Policy, interface: str = "wsgi") -> Any:
    """Return ``app`` behind a gate of its own."""
    return MIDDLEWARE[interface](app, Gate(own, "a key"))


def application(call: Any, interface: Any = "wsgi") -> Application:
    """Return what the command line would have made of ``call``."""
    return Application("shop:app", call, interface)


def run(call: Any, interface: str = "wsgi", paths: Sequence[str] = ("/",), **options: Any) -> Run:
    """Check an application."""
    return check_application(application(call, interface), paths, **options)


def check_lines(
    lines: Any,
    own: Policy | None = None,
    interface: str = "wsgi",
    paths: Sequence[str] = ("/",),
    **options: Any,
) -> Run:
    """Check an application that sets these lines behind its own gate."""
    app = gated(APPS[interface](lines), own or policy(), interface)
    return run(app, interface, paths, **options)


def kinds(seen: Run) -> list[tuple[str, str]]:
    """Return what is wrong, as kind and cookie."""
    return [(finding.id, finding.cookie) for finding in findings(seen)]


def only(seen: Run, kind: str) -> Finding:
    """Return the only finding of one kind."""
    (found,) = [finding for finding in findings(seen) if finding.id == kind]
    return found


def becomes(seen: Run, name: str) -> dict[str, list[str]]:
    """Return, by state, what became of a cookie."""
    outcomes: dict[str, list[str]] = {}
    for each in seen.sightings:
        if each.name == name:
            outcomes.setdefault(each.state, []).append(each.outcome)
    return outcomes


def outside(lines: Sequence[str]) -> Callable[[Any], Any]:
    """Return Django middleware that sets these lines."""

    def make(get_response: Any) -> Any:
        def middleware(request: Any) -> Any:
            response = get_response(request)
            response.cookies.update(django_site.setting(*lines).cookies)
            return response

        return middleware

    return make


_OUTSIDE: list[str] = []


def outside_middleware(get_response: Any) -> Any:
    """Be the outermost middleware of the Django site."""
    return outside(_OUTSIDE)(get_response)


@contextmanager
def django_application(
    lines: Sequence[str],
    *,
    further_out: Sequence[str] = (),
    own: Any = None,
    is_async: bool = False,
) -> Iterator[Application]:
    """Give a Django site whose view sets ``lines``, and whose outermost middleware more."""
    _OUTSIDE[:] = further_out
    changes: dict[str, Any] = {"CONSENTGATE": {"POLICY": own or policy()}}
    if further_out:
        changes["MIDDLEWARE"] = ["checked_sites.outside_middleware", django_site.GATE]
    with django_site.site(lambda _: django_site.setting(*lines), **changes):
        handler, interface = (ASGIHandler(), "asgi") if is_async else (WSGIHandler(), "wsgi")
        yield application(handler, interface)
