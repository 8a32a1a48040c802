"""The gate as Django's outermost middleware."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.handlers.exception import response_for_exception

from consentgate import ConfigurationError, RecordStoreUnavailable
from consentgate.page import check_pages
from django_consentgate.conf import site_gate, site_pages
from django_consentgate.pages import answer_page, answer_page_async, refuse, show_where
from django_consentgate.request import LazyConsent, open_visit, visit_of
from django_consentgate.response import needs_record, release, without_cookies

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from consentgate import Gate
    from consentgate.page import Pages
    from consentgate.visit import Visit

    GetResponse = Callable[[HttpRequest], Any]


class ConsentGateMiddleware:
    """Keep the cookies of a Django site within its policy.

    Put it first in ``MIDDLEWARE``: only the outermost sees every cookie. It gives each request a
    ``consent``, which costs nothing until it is looked at, and answers for the visitor's pages.

    Args:
        get_response: what is inside; sync or async, and so is the middleware.
        gate: a gate instead of that of ``settings.CONSENTGATE``, for a middleware factory of
            your own; its policy must name Django's cookies.
        pages: the pages of that gate, if it has any.

    Raises `ConfigurationError` when the site starts.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: GetResponse, gate: Gate | None = None, pages: Pages | None = None
    ) -> None:
        self.get_response = get_response
        if pages is not None and gate is None:
            raise ConfigurationError("pages belong to a gate; give gate=, too")
        self._gate = gate
        self._pages = pages
        # A mistake in the settings stops the start and not the first visitor.
        check_pages(self._find_pages(), gate or site_gate())
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)

    def _find_pages(self) -> Pages | None:
        return self._pages if self._gate else site_pages()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer one request."""
        # By setattr, because Django's types know no such attribute.
        setattr(request, "consent", LazyConsent(request))  # noqa: B010
        gate = self._gate or site_gate()
        judged = visit_of(request)  # by a gate around Django
        if judged is not None:
            judged.record_for(gate)
            answer = self._responder(judged, request)(request)
            return cast("HttpResponseBase | Awaitable[HttpResponseBase]", answer)
        visit = open_visit(gate, request)
        get_response = self._responder(visit, request)
        if self._is_async:
            return self._answer_async(request, visit, get_response)
        return self._answer(request, visit, get_response)

    def _responder(self, visit: Visit, request: HttpRequest) -> GetResponse:
        """Return who answers: the visitor's pages for their own paths, Django for all others."""
        pages = self._find_pages()
        if pages is None:
            return self.get_response
        show_where(pages, visit, request)
        if request.path_info not in pages.paths:
            return self.get_response
        return partial(answer_page_async if self._is_async else answer_page, pages)

    # Django answers an exception of its outermost middleware outside of it, where a site's own
    # handler500 could set cookies past the gate. So both ask Django for that answer themselves.

    def _answer(
        self, request: HttpRequest, visit: Visit, get_response: GetResponse
    ) -> HttpResponseBase:
        response: HttpResponseBase = get_response(request)
        visit.carrier = request
        try:
            return release(visit, response)
        except RecordStoreUnavailable:
            response.close()
            return release(visit, refuse(visit, request))
        except Exception as error:
            return without_cookies(response_for_exception(request, error))
        finally:
            visit.carrier = None

    async def _answer_async(
        self, request: HttpRequest, visit: Visit, get_response: GetResponse
    ) -> HttpResponseBase:
        response: HttpResponseBase = await get_response(request)
        visit.carrier = request
        try:
            while needs_record(visit, response):  # in Django's own thread, where its database is
                await sync_to_async(visit.settle)()
            return release(visit, response)
        except RecordStoreUnavailable:
            response.close()
            return release(visit, refuse(visit, request))
        except Exception as error:
            answer = sync_to_async(response_for_exception, thread_sensitive=False)
            return without_cookies(await answer(request, error))
        finally:
            visit.carrier = None
