"""What cannot be answered as it was asked: an HTTP status, and a text that says why."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class Problem(Exception):
    """A request that gets ``status`` and the text called ``name``, with ``values`` in it."""

    def __init__(self, status: HTTPStatus, name: str, **values: Any) -> None:
        super().__init__(name)
        self.status = status
        self.name = name
        self.values = values


def cross_site() -> Problem:
    """Return what a form of another site gets."""
    return Problem(HTTPStatus.FORBIDDEN, "cross_site")


def too_large() -> Problem:
    """Return what a body gets that no form of ours sends, or that broke off."""
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")


def wrong_type() -> Problem:
    """Return what a body gets that is neither a form nor JSON."""
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "wrong_type")


def not_understood() -> Problem:
    """Return what a body gets that is not what its type says."""
    return Problem(HTTPStatus.BAD_REQUEST, "not_understood")


def unknown_choice() -> Problem:
    """Return what a body gets that makes no choice we know."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not_understood")


def unknown_category(category: str) -> Problem:
    """Return what a choice gets about what nobody can choose."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_category", category=category)


def unavailable() -> Problem:
    """Return what a choice gets that cannot be kept."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")
