"""``consent`` in every template."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.utils.functional import SimpleLazyObject

from django_consentgate.request import consent_from

if TYPE_CHECKING:
    from django.http import HttpRequest

    from consentgate import Consent


def consent(request: HttpRequest) -> dict[str, SimpleLazyObject[Consent]]:
    """Return the visitor's consent under the name ``consent``.

    It is lazy: a template that does not look at it does not make the answer vary (R23).
    """
    return {"consent": SimpleLazyObject(partial(consent_from, request))}
