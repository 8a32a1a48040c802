"""Middleware of Django that sets the cookies of trackers on each page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trackers import COOKIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


def tracked(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Set the cookies of trackers on each page of the site; its editors are not tracked."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not request.path.startswith(("/admin/", "/django-admin/")):
            for name, value, max_age in COOKIES:
                response.set_cookie(name, value, max_age=max_age, samesite="Lax")
        return response

    return middleware
