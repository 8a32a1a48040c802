"""What `consentgate check` and `consentgate init` have to know of Flask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask import Flask
from werkzeug.routing import AnyConverter, BaseConverter
from werkzeug.routing.converters import NumberConverter

from consentgate.client.framework import Framework, Route, of_other_methods
from consentgate.client.samples import sample_value
from flask_consentgate.settings import cookie_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from werkzeug.routing import Rule

__all__ = ["framework"]


class _Flask:
    """Flask's applications; see `Framework`."""

    name: str = "flask"

    def claims(self, application: object) -> bool:
        """Whether it is a `Flask` instance."""
        return isinstance(application, Flask)

    def from_settings(self, name: str) -> object | None:
        """Return None: Flask has no settings that make an application."""
        del name
        return None

    def routes(self, application: object) -> Iterable[Route]:
        """Return the rules of the URL map, in its order.

        Static files and websockets are left out. No path has what no GET may ask for, and what
        another host or subdomain than the first of `hosts` answers; the pattern of the latter
        begins with that host or subdomain and a ``|``.
        """
        app = cast("Flask", application)
        here = _domain(app)
        rules = [rule for rule in app.url_map.iter_rules() if _is_asked(rule)]
        return filter(None, (_route(rule, here) for rule in rules))

    def cookie_names(self, application: object) -> Mapping[str, str]:
        """Return the names that its configuration gives the session and Flask-Login's cookie."""
        return cookie_names(cast("Mapping[str, Any]", cast("Flask", application).config))

    def hosts(self, application: object) -> Iterable[str]:
        """Return the hosts of its rules where these have any, SERVER_NAME, and TRUSTED_HOSTS.

        With a port where SERVER_NAME has one.
        """
        app = cast("Flask", application)
        config = cast("Mapping[str, Any]", app.config)
        names = _rule_hosts(app) if app.url_map.host_matching else _server_names(app, config)
        trusted = cast("list[str]", config.get("TRUSTED_HOSTS") or [])
        return dict.fromkeys([*names, *(host.removeprefix(".") for host in trusted)])


def _server_names(app: Flask, config: Mapping[str, Any]) -> Iterator[str]:
    if server_name := config.get("SERVER_NAME"):
        subdomain = app.url_map.default_subdomain if app.subdomain_matching else ""
        yield f"{subdomain}.{server_name}" if subdomain else server_name


def _rule_hosts(app: Flask) -> list[str]:
    return [rule.host for rule in app.url_map.iter_rules() if rule.host and "<" not in rule.host]


def _domain(app: Flask) -> str | None:
    """Return the host or subdomain whose rules are asked, as rules have it."""
    if app.url_map.host_matching:
        return next(iter(_rule_hosts(app)), None)
    return app.url_map.default_subdomain


def _is_asked(rule: Rule) -> bool:
    of_files = rule.endpoint.rpartition(".")[2] == "static" and "filename" in _converters(rule)
    return not (of_files or rule.build_only or rule.websocket)


def _route(rule: Rule, here: str | None) -> Route | None:
    domain = rule.subdomain if rule.host is None else rule.host
    pattern = rule.rule if domain == here else f"{domain or ''}|{rule.rule}"
    if rule.methods is not None and "GET" not in rule.methods:
        return of_other_methods(rule.methods, pattern)
    if domain != here:
        return Route(pattern, None, is_sample=False)
    values = {name: _sample(converter) for name, converter in _converters(rule).items()}
    if None in values.values():
        return Route(rule.rule, None, is_sample=False)
    built = rule.build(values, append_unknown=False)
    return Route(rule.rule, built and built[1], is_sample=bool(values))


def _converters(rule: Rule) -> Mapping[str, BaseConverter]:
    """Return what reads and writes each parameter; Werkzeug has no public name for it."""
    return cast("Mapping[str, BaseConverter]", vars(rule)["_converters"])


def _sample(converter: BaseConverter) -> Any | None:
    def write(value: Any) -> str:
        text = converter.to_url(value)
        if isinstance(converter, NumberConverter):
            converter.to_python(text)  # raises where it is too small or too large
        return text

    return sample_value(converter.regex, write, _own_values(converter))


def _own_values(converter: BaseConverter) -> list[Any]:
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)
    if isinstance(converter, NumberConverter):
        return [value for value in (1, converter.min, converter.max) if value is not None]
    return []


framework: Framework = _Flask()
"""For the entry point."""
