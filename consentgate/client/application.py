"""From what the command line says to an application that can be asked."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from consentgate.client.framework import Framework, framework_of, frameworks
from consentgate.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from consentgate.client.framework import Route
    from consentgate.policy import Policy

Interface = Literal["wsgi", "asgi"]

_WSGI_ARGUMENTS: Final = 2
_ASGI_ARGUMENTS: Final = 3


@dataclass(frozen=True)
class Application:
    """An application, and how to speak with it."""

    target: str
    """What the command line said: ``shop.app:app``."""
    call: Callable[..., Any]
    interface: Interface
    framework: Framework | None = None
    of_framework: object = None
    """What of it is the framework's own, within its middleware."""

    def routes(self) -> Iterable[Route]:
        """Return the framework's own map of URLs; none where no adapter knows the framework."""
        return () if self.framework is None else self.framework.routes(self.of_framework)

    def with_framework(self, policy: Policy) -> Policy:
        """Return ``policy`` with the cookies of the framework exempt, as they are named here."""
        if self.framework is None:
            return policy
        names = self.framework.cookie_names(self.of_framework)
        return policy.with_framework(self.framework.name, names)

    def hosts(self) -> Iterable[str]:
        """Return host names that it answers to; none where it answers to any."""
        return () if self.framework is None else self.framework.hosts(self.of_framework)


def load_application(target: str, interface: Interface | None = None) -> Application:
    """Return the application that ``target`` names, from the current folder or the import path.

    ``module:name`` is an application, ``module:name()`` calls what makes one, and a module without
    a name has the settings of a framework. Raises `ConfigurationError` that says what is wrong,
    and whatever the application's own modules raise.
    """
    see_current_folder()
    call = _imported(target) if ":" in target else _of_settings(target)
    if not callable(call):
        raise ConfigurationError(f"{target!r} is {_brief(call)}, which cannot be called")
    framework, own = framework_of(call)
    return Application(target, call, interface or _interface(call, target), framework, own)


def see_current_folder() -> None:
    """Let modules of the current folder be imported, as a server does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _imported(target: str) -> Any:
    name, _, attribute = target.removesuffix("()").partition(":")
    module = _module(name, target)
    try:
        found: Any = attrgetter(attribute)(module)
    except AttributeError as error:
        raise ConfigurationError(f"{target!r} names no application: {error}") from None
    if not target.endswith("()"):
        return found
    if not callable(found):
        raise ConfigurationError(
            f"{name}:{attribute} is {_brief(found)}, which cannot be called; leave '()'"
        )
    return found()


def _module(name: str, target: str) -> ModuleType:
    if not _is_module_name(name):
        raise ConfigurationError(
            f"{target!r} names no application: {name!r} is no name of a module"
        )
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not _is_part(error.name, name):
            raise ConfigurationError(f"{target!r} needs {error.name}, which is missing") from error
        raise ConfigurationError(
            f"there is no module {error.name!r}; run this where the application is started"
        ) from None


def _is_module_name(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _is_part(module: str, wanted: str) -> bool:
    return wanted == module or wanted.startswith(f"{module}.")


def _of_settings(name: str) -> Any:
    if not _is_module_name(name):
        raise ConfigurationError(
            f"{name!r} is no name of a module; name an application, such as 'shop.app:app', or "
            "the settings of a site, such as 'shop.settings'"
        )
    for framework in frameworks():
        try:
            application = framework.from_settings(name)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{name!r}: there is no module {error.name!r}; run this where the site is started"
            ) from None
        if application is not None:
            return application
    raise ConfigurationError(
        f"{name!r} is no settings module of an installed framework; "
        f"name an application, such as '{name}:app'"
    )


def _interface(call: Callable[..., Any], target: str) -> Interface:
    """Return how ``call`` is called; a coroutine function, or three arguments, is ASGI 3."""
    # Not whether it can be called is asked, but how.
    calls = (call, None if isinstance(call, type) else getattr(call, "__call__", None))  # noqa: B004
    if any(map(inspect.iscoroutinefunction, calls)):
        return "asgi"
    arguments = _arguments(call)
    if arguments == _WSGI_ARGUMENTS:
        return "wsgi"
    if arguments == _ASGI_ARGUMENTS:
        return "asgi"
    raise ConfigurationError(
        f"{target!r} is {_brief(call)}, neither WSGI nor ASGI 3 by its arguments; name what is "
        "an application, call what makes one with '()', or say --interface"
    )


def _arguments(call: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return 0
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        parameter.kind in positional and parameter.default is parameter.empty
        for parameter in parameters
    )


def _brief(value: object) -> str:
    return f"a {type(value).__name__}"
