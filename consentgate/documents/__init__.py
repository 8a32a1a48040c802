"""HTML documents: files for readers, each whole by itself, which load nothing and run nothing."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

__all__ = ["environment_for"]


@cache
def environment_for(package: str) -> Environment:
    """Return what renders the templates of ``package``, which may extend ``document.html``.

    It is one for all callers: filters that they add must be of their package alone.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(__name__)]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
