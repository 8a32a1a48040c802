"""A Django request as the gate sees it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from weakref import ref

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject, empty

from consentgate import MiddlewareMissing
from consentgate.visit import Visit
from consentgate.wsgi import VISIT_KEY, WSGIVisit, environ_key

if TYPE_CHECKING:
    from consentgate import Consent, Gate

    SimpleLazyConsent = SimpleLazyObject[Consent]
else:
    SimpleLazyConsent = SimpleLazyObject  # which only its stubs know to be generic


class DjangoVisit(Visit):
    """One request to a Django site, as the gate sees it."""

    @property
    def request(self) -> DjangoRequest:
        """The request, as Django tells it."""
        return DjangoRequest(self.carrier)


class DjangoRequest:
    """What the gate may want to know of a request, as Django tells it."""

    __slots__ = ("_request",)

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def header(self, name: str) -> str:
        """Return the request header called ``name``; servers and Django join repetitions.

        Settings may trust a proxy's word for the host.
        """
        if name == "host":
            with suppress(DisallowedHost):
                return self._request.get_host()
        return str(self._request.META.get(environ_key(name), ""))

    def path(self) -> str:
        """Return the path as the visitor sees it, below the prefix the site is mounted at."""
        return self._request.path

    def is_secure(self) -> bool:
        """Whether the request came over TLS; settings may trust a proxy's word for it."""
        return self._request.is_secure()

    def address(self) -> str:
        """Return REMOTE_ADDR, which a server behind a proxy has to be told to trust it for."""
        return str(self._request.META.get("REMOTE_ADDR") or "")


def open_visit(gate: Gate, request: HttpRequest) -> Visit:
    """Return the visit of ``request``, and hide from it what may not be read (R17)."""
    meta = request.META
    meta[VISIT_KEY] = visit = DjangoVisit(gate, request)
    given = meta.get("HTTP_COOKIE")
    if given:
        visit.cookie = readable = _cookie_header(request, given)
        if visit.needs_look():
            readable = visit.readable(readable)
        if readable != given:
            _replace_cookie_header(request, readable)
    visit.carrier = None  # request, META and visit in a circle are work for the garbage collector
    return visit


def _cookie_header(request: HttpRequest, given: str) -> str:
    """Return the Cookie header, whole.

    HTTP/2 may bring it in pieces, to be joined by semicolons (RFC 9113 8.2.3); Django 5 joins
    them by commas.
    """
    if "," in given and isinstance(request, ASGIRequest):
        pieces = [value for name, value in request.scope["headers"] if name == b"cookie"]
        if len(pieces) > 1:
            return b"; ".join(pieces).decode("latin-1")
    return given


def _replace_cookie_header(request: HttpRequest, cookie: str) -> None:
    del request.META["HTTP_COOKIE"]
    if cookie:
        request.META["HTTP_COOKIE"] = cookie
    # Django computes both once, when somebody outside this middleware looks at them.
    for computed in ("COOKIES", "headers"):
        vars(request).pop(computed, None)
    if isinstance(request, ASGIRequest):
        _replace_in_scope(cast("dict[str, Any]", request.scope), cookie)


def _replace_in_scope(scope: dict[str, Any], cookie: str) -> None:
    headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    if cookie:
        headers.append((b"cookie", cookie.encode("latin-1")))
    scope["headers"] = headers


def visit_of(request: HttpRequest) -> Visit | None:
    """Return the visit of ``request``, whether this adapter or a gate around Django opened it."""
    visit: Visit | None = request.META.get(VISIT_KEY)
    if visit is not None:
        visit.carrier = request.META if isinstance(visit, WSGIVisit) else request
    elif isinstance(request, ASGIRequest):
        visit = cast("Visit | None", request.scope.get(VISIT_KEY))
        if visit is not None:
            visit.carrier = request.scope
    return visit


def consent_from(request: HttpRequest) -> Consent:
    """Return the consent of the visitor who made ``request``.

    Raises `MiddlewareMissing` where it did not pass through the gate.
    """
    return asked_visit(request).consent


class LazyConsent(SimpleLazyConsent):
    """The consent of the visitor who made a request, as soon as somebody looks at it (R23).

    It stays with its request, and so refers to it weakly: see `open_visit`.
    """

    _wrapped: object = empty  # with the class, for Django's own way of setting it takes long

    def __init__(self, request: HttpRequest) -> None:
        consent = partial(_consent_of, ref(request), request.META)
        object.__setattr__(self, "_setupfunc", consent)


def _consent_of(request: ref[HttpRequest], meta: dict[str, Any]) -> Consent:
    """Return the consent of who made ``request``; where that is gone, ``meta`` is all it takes."""
    there = request()
    if there is None:
        there = HttpRequest()
        there.META = meta
    return consent_from(there)


def asked_visit(request: HttpRequest) -> Visit:
    """Return the visit of ``request`` for a page that shows what depends on consent.

    Raises `MiddlewareMissing` where it did not pass through the gate.
    """
    visit = visit_of(request)
    if visit is None:
        raise MiddlewareMissing
    # Django's own page cache stands inside the gate and cannot see the Vary that the gate will
    # add; it would show one visitor's page to another. This is how it is told not to keep a page.
    # By setattr, because Django's types know no such attribute.
    setattr(request, "_cache_update_cache", False)  # noqa: B010
    return visit
