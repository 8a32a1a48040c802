"""What has to be known of a framework to ask all of an application, and who knows it.

An adapter says it of its framework under the group ``consentgate.frameworks`` of its entry points.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from consentgate.exceptions import ConfigurationError
from consentgate.extras import remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.metadata import EntryPoint

GROUP: Final = "consentgate.frameworks"
_DEEPEST: Final = 32
_INNER: Final = ("app", "application", "_app")
"""Where middleware keeps what it is around, by custom; it may be a method, as `Flask.wsgi_app`."""


class Route(NamedTuple):
    """One entry of a framework's own map of URLs."""

    pattern: str
    """As the framework has it: ``/product/<int:id>``; behind its methods where neither GET nor HEAD
    is one: ``POST /login``, ``DELETE,PUT /basket``."""
    path: str | None
    """A path that it matches, with sample values; None where none can be made up, or where no GET
    may ask for it."""
    is_sample: bool
    """Whether values in the path were made up."""


def of_other_methods(methods: Iterable[str], pattern: str) -> Route | None:
    """Return the route of what answers to ``methods`` alone; None where GET or HEAD is one.

    Also where there is none but OPTIONS, which frameworks answer themselves.
    """
    others = {method.upper() for method in methods} - {"OPTIONS"}
    if not others or others & {"GET", "HEAD"}:
        return None
    return Route(f"{','.join(sorted(others))} {pattern}", None, is_sample=False)


class Framework(Protocol):
    """What an adapter knows of its framework's applications."""

    @property
    def name(self) -> str:
        """The name of the framework, which its preset bears as well."""
        ...

    def claims(self, application: object) -> bool:
        """Whether ``application`` is one of this framework, without middleware around it."""
        ...

    def from_settings(self, name: str) -> object | None:
        """Return the application whose settings are the module ``name``, None for other modules.

        Raises `ImportError` for a module that is not there, and what it raises itself.
        """
        ...

    def routes(self, application: object) -> Iterable[Route]:
        """Return the map of URLs of an application that is this framework's."""
        ...

    def cookie_names(self, application: object) -> Mapping[str, str]:
        """Return, for default names of cookies, those that the settings give them here."""
        ...

    def hosts(self, application: object) -> Iterable[str]:
        """Return host names that the application answers to; none where it answers to any."""
        ...


def frameworks() -> Iterator[Framework]:
    """Return those that are installed here, by the names of their entry points."""
    for entry_point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            yield cast("Framework", entry_point.load())
        except ModuleNotFoundError:  # its framework is not installed, or its extra is not
            continue


def framework_of(application: object) -> tuple[Framework | None, object]:
    """Return the framework of ``application``, and what of it is that framework's own.

    Looks through middleware that keeps what it is around as ``app`` or ``application``. Raises
    `ConfigurationError` where the extra of its framework is not installed.
    """
    installed, layers = list(frameworks()), list(_layers(application))
    for layer in layers:
        for framework in installed:
            if framework.claims(layer):
                return framework, layer
    _require_adapters(layers)
    return None, application


def _require_adapters(layers: Iterable[object]) -> None:
    """Raise `ConfigurationError` where a framework is known whose adapter cannot be loaded.

    Without the framework's map of URLs little more than ``/`` would be asked for, and all be well.
    """
    origins = {base.__module__.partition(".")[0] for each in layers for base in type(each).__mro__}
    for entry_point in entry_points(group=GROUP):
        if entry_point.name in origins:
            _require(entry_point)


def _require(entry_point: EntryPoint) -> None:
    try:
        entry_point.load()
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"an application of {entry_point.name.capitalize()} needs {error.name}, which is "
            f"missing: {remedy(entry_point)}"
        ) from None


def _layers(application: object) -> Iterator[object]:
    for _ in range(_DEEPEST):
        yield application
        inner = [getattr(application, "__self__", None)]
        if hasattr(application, "__dict__"):
            inner += [vars(application).get(name) for name in _INNER]
        application = next((each for each in inner if callable(each)), None)
        if application is None:
            return
