"""A Django response on its way through the gate."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from http.cookies import Morsel, SimpleCookie
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.utils.cache import patch_vary_headers

from consentgate.wsgi import is_set_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from django.http.response import HttpResponseBase

    from consentgate.visit import Additions, Visit

    Response = TypeVar("Response", bound=HttpResponseBase)

_REMEMBERED_NAMES: Final = 256
_REMEMBERED_ATTRIBUTES: Final = 128

_ATTRIBUTES: Final = sorted(Morsel[str]())
"""Those that a Morsel has, in the order in which it writes them."""
_BEFORE_EXPIRES: Final = [name for name in _ATTRIBUTES if name < "expires"]
_AFTER_EXPIRES: Final = [name for name in _ATTRIBUTES if name > "expires"]
_OTHERS: Final = (*_BEFORE_EXPIRES, *_AFTER_EXPIRES)

_values_of_others: Final = cast("Callable[[Morsel[str]], tuple[object, ...]]", itemgetter(*_OTHERS))
_sets_cookie: Final = lru_cache(_REMEMBERED_NAMES)(is_set_cookie)


def release(visit: Visit, response: Response) -> Response:
    """Return ``response`` with only what may leave.

    Raises `CookieBlocked` in ``block`` mode, and `RecordStoreUnavailable` where the visitor's
    decision cannot be kept.
    """
    if needs_record(visit, response):
        visit.settle()
    for name in _set_cookie_headers(response):
        line = response.headers[name]
        judged = visit.judge(line)
        if judged is None:
            del response.headers[name]
        elif judged is not line:
            response.headers[name] = judged
    if response.cookies:
        _judge(visit, response.cookies)
    if visit.adds:
        not_modified = response.status_code == HTTPStatus.NOT_MODIFIED
        _add(response, visit.additions(response.items(), not_modified=not_modified))
    visit.released = True
    return response


def _judge(visit: Visit, cookies: SimpleCookie) -> None:
    for key, morsel in list(cookies.items()):
        line = as_line(morsel)
        judged = visit.judge(line)
        if judged is None:
            del cookies[key]
        elif judged is not line:
            cookies[key] = LineMorsel(judged)


def needs_record(visit: Visit, response: HttpResponseBase) -> bool:
    """Whether a record has to be kept before ``response`` leaves, which may take long."""
    if not visit.adds:
        return False
    not_modified = response.status_code == HTTPStatus.NOT_MODIFIED
    return visit.needs_record(response.items, not_modified=not_modified)


def _set_cookie_headers(response: HttpResponseBase) -> list[str]:
    """Return where an application wrote past ``response.cookies``, however it spelt the name."""
    return list(filter(_sets_cookie, response.headers))


def as_line(morsel: Morsel[str]) -> str:
    """Return what ``morsel.OutputString()`` does, faster.

    An application writes the same few attributes all day, but for the date, so these are
    remembered. What may be written in another way is left to the morsel itself.
    """
    if type(morsel) is not Morsel or len(morsel) != len(_ATTRIBUTES):
        return morsel.OutputString()
    try:
        expires: object = morsel["expires"]
        before, after = _around_expires(*_values_of_others(morsel))
    except (KeyError, TypeError):  # one attribute for another, or a value that cannot be hashed
        return morsel.OutputString()
    if type(expires) is not str:  # a number is counted from now
        return morsel.OutputString()
    date = f"; expires={expires}" if expires else ""
    return f"{morsel.key}={morsel.coded_value}{before}{date}{after}"


@lru_cache(_REMEMBERED_ATTRIBUTES, typed=True)
def _around_expires(*values: object) -> tuple[str, str]:
    """Return how these values of `_OTHERS` are written before Expires, and how after it."""
    morsel = Morsel[str]()
    morsel.set("name", "", "")
    morsel.update(cast("dict[str, str]", dict(zip(_OTHERS, values, strict=True))))
    before = morsel.OutputString(_BEFORE_EXPIRES).removeprefix("name=")
    return before, morsel.OutputString(_AFTER_EXPIRES).removeprefix("name=")


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
    for name in _set_cookie_headers(response):
        del response.headers[name]
    return response


@lru_cache(_REMEMBERED_ATTRIBUTES)
def _attributes(text: str) -> dict[str, Any]:
    """Return the attributes in ``text``, without those that a Morsel cannot hold, as Priority."""
    known = Morsel[str]()
    found: dict[str, Any] = {}
    for attribute in text.split(";"):
        name, equals, value = attribute.strip().partition("=")
        if known.isReservedKey(name):
            text_or_flag = value if equals else True
            found[name.lower()] = int(value) if value.isdecimal() else text_or_flag
    return found


_READER: Final = SimpleCookie()


class LineMorsel(Morsel[str]):
    """A morsel that is written as the gate wrote it, byte for byte.

    Who reads it, such as Django's test client, finds key, value and attributes as in any other.
    Once somebody changes it, as middleware outside the gate may, it is written as any other, too.
    """

    def __init__(self, line: str) -> None:
        super().__init__()
        pair, _, attributes = line.partition(";")
        name, _, coded_value = pair.partition("=")
        value, _ = _READER.value_decode(coded_value)
        # Not `set`, which refuses some names that browsers take.
        state = {"key": name, "value": value, "coded_value": coded_value}
        cast("Any", self).__setstate__(state)
        self.update(_attributes(attributes))
        self._line = line
        self._as_written = self._content()

    def _content(self) -> tuple[object, ...]:
        return dict(self), self.key, self.value, self.coded_value

    def OutputString(self, attrs: Container[str] | None = None) -> str:  # noqa: N802 - Morsel's name
        """Return the line."""
        return self._line if self._content() == self._as_written else super().OutputString(attrs)

    def copy(self) -> LineMorsel:
        """Return the same line again."""
        return LineMorsel(self.OutputString())

    def __reduce__(self) -> tuple[Any, ...]:
        return LineMorsel, (self.OutputString(),)
