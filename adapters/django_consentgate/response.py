"""A Django response on its way through the gate."""

from __future__ import annotations

from http import HTTPStatus
from http.cookies import Morsel, SimpleCookie
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.utils.cache import patch_vary_headers

if TYPE_CHECKING:
    from collections.abc import Container

    from django.http.response import HttpResponseBase

    from consentgate.visit import Additions, Visit

    Response = TypeVar("Response", bound=HttpResponseBase)


def release(visit: Visit, response: Response) -> Response:
    """Return ``response`` with only what may leave.

    Raises `CookieBlocked` in ``block`` mode, and `RecordStoreUnavailable` where the visitor's
    decision cannot be kept.
    """
    if needs_record(visit, response):
        visit.settle()
    for name, line in _set_cookie_headers(response):
        judged = visit.judge(line)
        if judged is None:
            del response.headers[name]
        elif judged is not line:
            response.headers[name] = judged
    for key, morsel in list(response.cookies.items()):
        line = morsel.OutputString()
        judged = visit.judge(line)
        if judged is None:
            del response.cookies[key]
        elif judged is not line:
            response.cookies[key] = LineMorsel(judged)
    if visit.adds:
        not_modified = response.status_code == HTTPStatus.NOT_MODIFIED
        _add(response, visit.additions(response.items(), not_modified=not_modified))
    visit.released = True
    return response


def needs_record(visit: Visit, response: HttpResponseBase) -> bool:
    """Whether a record has to be kept before ``response`` leaves, which may take long."""
    not_modified = response.status_code == HTTPStatus.NOT_MODIFIED
    return visit.adds and visit.needs_record(response.items, not_modified=not_modified)


def _set_cookie_headers(response: HttpResponseBase) -> list[tuple[str, str]]:
    """Return what an application wrote past ``response.cookies``, however it spelt the name."""
    return [item for item in response.items() if item[0].strip().lower() == "set-cookie"]


def _add(response: HttpResponseBase, additions: Additions) -> None:
    for name in additions.superseded:
        del response.headers[name]
    for name, value in additions.headers:
        if name == "Set-Cookie":
            if value.isascii():  # Django's ASGI handler fails on any other cookie
                _add_cookie(response.cookies, LineMorsel(value))
        elif name == "Vary":
            patch_vary_headers(response, value.split(", "))
        else:
            response.headers[name] = value


def _add_cookie(cookies: SimpleCookie, morsel: LineMorsel) -> None:
    # Several lines may set one name; only Django's dict wants a key for each.
    key = morsel.key
    while key in cookies:
        key += "+"
    cookies[key] = morsel


def without_cookies(response: Response) -> Response:
    """Return ``response`` with no cookie at all."""
    response.cookies.clear()
    for name, _ in _set_cookie_headers(response):
        del response.headers[name]
    return response


class LineMorsel(Morsel[str]):
    """A morsel that is written as the gate wrote it, byte for byte.

    Who reads it, such as Django's test client, finds key, value and attributes as in any other.
    Once somebody changes it, as middleware outside the gate may, it is written as any other, too.
    """

    def __init__(self, line: str) -> None:
        super().__init__()
        pair, _, attributes = line.partition(";")
        name, _, coded_value = pair.partition("=")
        value, _ = SimpleCookie().value_decode(coded_value)
        # Not `set`, which refuses some names that browsers take.
        state = {"key": name, "value": value, "coded_value": coded_value}
        cast("Any", self).__setstate__(state)
        for attribute in attributes.split(";"):
            self._set_attribute(*attribute.strip().partition("="))
        self._line = line
        self._as_written = Morsel[str].copy(self)

    def _set_attribute(self, name: str, equals: str, value: str) -> None:
        if self.isReservedKey(name):  # and not `Priority`, say, which a Morsel cannot hold
            text_or_flag = value if equals else True
            self[name] = int(value) if value.isdecimal() else text_or_flag

    def OutputString(self, attrs: Container[str] | None = None) -> str:  # noqa: N802 - Morsel's name
        """Return the line."""
        return self._line if self == self._as_written else super().OutputString(attrs)

    def copy(self) -> LineMorsel:
        """Return the same line again."""
        return LineMorsel(self.OutputString())

    def __reduce__(self) -> tuple[Any, ...]:
        return LineMorsel, (self.OutputString(),)
