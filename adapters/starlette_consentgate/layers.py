"""What stands inside what in an application of Starlette's."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def layers(app: object) -> Iterator[object]:
    """Return ``app`` and what it wraps, from the outside in."""
    while app is not None:
        yield app
        app = getattr(app, "app", None)


def session_cookie_name(app: object) -> str:
    """Return what `SessionMiddleware` calls its cookie inside ``app``."""
    for layer in layers(app):
        if isinstance(layer, SessionMiddleware):
            return layer.session_cookie
        if isinstance(layer, Starlette):
            return _added_session_cookie_name(layer)
    return "session"


def _added_session_cookie_name(app: Starlette) -> str:
    """Return the name in an application that was not started yet, so that nothing is built."""
    for added in app.user_middleware:
        if isinstance(added.cls, type) and issubclass(added.cls, SessionMiddleware):
            make = cast("Callable[..., SessionMiddleware]", added.cls)
            return make(app, *added.args, **added.kwargs).session_cookie
    return "session"
