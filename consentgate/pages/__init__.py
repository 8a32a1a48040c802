"""The visitor's side: banner, preferences page, and the addresses a choice is sent to.

::

    pages = ConsentPages(gate)
    app = ConsentGateMiddleware(app, gate, pages=pages)

It does no I/O: a request value goes in, an answer value comes out, and the middleware carries both.
"""

from consentgate.pages.endpoints import ConsentPages, PagesSource
from consentgate.pages.languages import LANGUAGES

__all__ = ["LANGUAGES", "ConsentPages", "PagesSource"]
