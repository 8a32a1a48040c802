"""What an application's configuration says about its cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_COOKIE_NAME_SETTINGS: Final = {
    "session": "SESSION_COOKIE_NAME",
    "remember_token": "REMEMBER_COOKIE_NAME",  # Flask-Login
}


def cookie_names(config: Mapping[str, Any]) -> dict[str, str]:
    """Return, for default names of cookies, those that ``config`` gives them."""
    settings = _COOKIE_NAME_SETTINGS.items()
    return {name: config[key] for name, key in settings if key in config}
